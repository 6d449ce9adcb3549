/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of the host and of listeners, whatever their targets. */
#include "doctor/judge_host.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_MAX 512

/* listener: NULL for the host. */
static void say(struct doctor_report *report, const struct conf_listener *listener,
		enum doctor_level level, enum doctor_cause cause, const char *mend,
		const char *format, ...) __attribute__((format(printf, 6, 7)));

static void say(struct doctor_report *report, const struct conf_listener *listener,
		enum doctor_level level, enum doctor_cause cause, const char *mend,
		const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	const struct doctor_finding finding = {.level = level,
					       .cause = cause,
					       .listener = listener != NULL ? listener->name : NULL,
					       .protocol = listener != NULL ? listener->protocol
									    : CONF_PROTOCOL_TCP,
					       .sentence = sentence,
					       .mend = mend};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	doctor_report_add(report, &finding);
}

/* ---- the host ---- */

static bool uses_mark(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].mark != 0)
			return true;
	return false;
}

/* The first port that only root, or CAP_NET_BIND_SERVICE, may listen on; 0: none. */
static uint16_t find_low_port(const struct case_host *host, const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		for (size_t j = 0; j < conf->listeners[i].listen_count; j++)
			if (addr_port(&conf->listeners[i].listen[j]) < host->low_port)
				return addr_port(&conf->listeners[i].listen[j]);
	return 0;
}

/* Root without it is a container's, and so will be the daemon; others may not be the daemon's
 * user. */
static void say_lacking(const struct case_host *host, struct doctor_report *report,
			const char *capability, const char *what)
{
	if (host->root)
		say(report, NULL, DOCTOR_FAIL, DOCTOR_NO_CAPABILITY, "",
		    "root lacks %s here, so that mmproxy started like this %s: grant it to the "
		    "container",
		    capability, what);
	else
		say(report, NULL, DOCTOR_WARN, DOCTOR_NOT_PERMITTED, "",
		    "this process lacks %s; mmproxy started like this %s, and root can look at "
		    "all of it",
		    capability, what);
}

static void judge_privileges(const struct case_host *host, const struct conf *conf,
			     struct doctor_report *report)
{
	uint16_t low_port = find_low_port(host, conf);
	bool lacking = true;
	char what[96];

	if (!host->may_spoof)
		say_lacking(host, report, "CAP_NET_RAW or CAP_NET_ADMIN",
			    "cannot use clients' addresses");
	else if (uses_mark(conf) && !host->may_mark)
		say_lacking(host, report, "CAP_NET_ADMIN", "cannot set the mark of a listener");
	else
		lacking = false;
	if (low_port != 0 && !host->may_bind_low) {
		snprintf(what, sizeof(what), "cannot listen on port %u", low_port);
		say_lacking(host, report, "CAP_NET_BIND_SERVICE", what);
		lacking = true;
	}
	if (!lacking)
		say(report, NULL, DOCTOR_OK, DOCTOR_FINE, "",
		    "this process has the capabilities that the configuration needs");
	if (host->user == CASE_USER_MISSING)
		say(report, NULL, DOCTOR_FAIL, DOCTOR_USER_MISSING,
		    "useradd --system --no-create-home --shell /usr/sbin/nologin mmproxy",
		    "there is no user \"%s\", which the key user names, so that mmproxy does not "
		    "start",
		    conf->user != NULL ? conf->user : "");
	else if (host->user == CASE_USER_DEFAULT_MISSING)
		say(report, NULL, DOCTOR_WARN, DOCTOR_USER_MISSING,
		    "useradd --system --no-create-home --shell /usr/sbin/nologin mmproxy",
		    "there is no user \"mmproxy\", so that mmproxy stays root");
}

void judge_host(const struct case_host *host, const struct conf *conf, struct doctor_report *report)
{
	char mend[64];

	judge_privileges(host, conf, report);
	if (!host->routing_known)
		say(report, NULL, DOCTOR_WARN, DOCTOR_NOT_EXAMINED, "",
		    "this kernel does not tell of rules and routes (rtnetlink), so that what is "
		    "wrong with them is not known");
	if (!host->sockets_known[CONF_PROTOCOL_TCP] || !host->sockets_known[CONF_PROTOCOL_UDP])
		say(report, NULL, DOCTOR_WARN, DOCTOR_NOT_EXAMINED, "",
		    "this kernel does not tell who listens where (sock_diag)");
	if (host->localnet[0] == '\0')
		return;
	snprintf(mend, sizeof(mend), "sysctl -w net.ipv4.conf.%s.route_localnet=0", host->localnet);
	say(report, NULL, DOCTOR_WARN, DOCTOR_ROUTE_LOCALNET, mend,
	    "net.ipv4.conf.%s.route_localnet is 1, so that neighbours in the network can reach "
	    "servers on loopback (CVE-2020-8558); mmproxy does not need it",
	    host->localnet);
}

/* ---- listeners ---- */

/* Whether the set has all addresses of a family, or half of them. */
static bool is_open(const struct netset *set)
{
	for (size_t i = 0; i < netset_count(set); i++) {
		const char *prefix = strchr(netset_text(set, i), '/');

		if (prefix != NULL && strtoul(prefix + 1, NULL, 10) <= 1)
			return true;
	}
	return false;
}

/* An address that others than this host can reach; NULL: none. */
static const struct addr *find_public(const struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->listen_count; i++)
		/* A TPROXY rule sends what was meant for any address to one on loopback. */
		if (listener->listen_transparent || !addr_is_loopback(&listener->listen[i]))
			return &listener->listen[i];
	return NULL;
}

void judge_listener(const struct case_host *host, const struct conf_listener *listener, bool here,
		    struct doctor_report *report)
{
	const struct addr *public_addr = find_public(listener);
	char text[ADDR_STRLEN];

	if (public_addr != NULL &&
	    (listener->allowed_subnets == NULL || is_open(listener->allowed_subnets)))
		say(report, listener, DOCTOR_WARN, DOCTOR_OPEN_TO_ALL,
		    "allowed_subnets = [ \"LOAD BALANCER\" ];",
		    "every peer that reaches %s may name any client, because allowed_subnets %s: "
		    "list the load balancers there",
		    addr_format(public_addr, text),
		    listener->allowed_subnets == NULL ? "is absent" : "is open to the world");
	if (here && host->clash_port != 0 && listener->protocol == CONF_PROTOCOL_TCP &&
	    listener->source_port == CONF_SOURCE_PRESERVE)
		say(report, listener, DOCTOR_WARN, DOCTOR_PORT_CLASH, "source_port = \"fallback\";",
		    "a socket of this host listens on all addresses at port %u, which clients "
		    "have as their own now and then (ip_local_port_range); such a client ends with "
		    "source_conflict",
		    host->clash_port);
}
