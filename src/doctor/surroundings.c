/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel and /proc tell of the host, and of a target in particular. */
#include "doctor/surroundings.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "config.h"
#include "doctor/case_host.h"
#include "doctor/netlink.h"
#include "doctor/route_question.h"
#ifdef HAVE_NL_ROUTE
#include "routing/target_place.h"
#endif

/* How long /proc is looked through at most. */
#define PROXIES_MS 300

/* Marks that answers may have by rules that are there. */
#define MARKS_MAX 16

/* No device has this index, so that it is not lo. */
#define SOME_DEVICE 0

/* The port of clients, where no probe has had one. */
#define CLIENT_PORT 40000

static size_t index_of(int family)
{
	return family == AF_INET6;
}

/* ---- the whole ---- */

/* Take the first network of documentation that no route of this host's own leads to. */
static void choose_client(struct surroundings *around, int family, int64_t deadline_ms)
{
	static const char *const ipv4[] = {"192.0.2.0", "198.51.100.0", "203.0.113.0"};
	static const char *const ipv6[] = {"2001:db8:5a17::", "2001:db8:c11e::", "2001:db8:77aa::"};
	struct addr *client = &around->clients[index_of(family)];
	uint8_t host = 0;

	if (getrandom(&host, sizeof(host), GRND_NONBLOCK) < 0)
		host = 77;
	for (size_t i = 0; i < sizeof(ipv4) / sizeof(ipv4[0]); i++) {
		if (addr_parse_ip(client, family == AF_INET ? ipv4[i] : ipv6[i]) < 0)
			continue;
		if (family == AF_INET)
			client->in.sin_addr.s_addr |= htonl(1 + host % 254u);
		else
			client->in6.sin6_addr.s6_addr[15] = (uint8_t)(1 + host % 254u);
		if (around->route_fd < 0 ||
		    route_question_prefix(around->route_fd, client, deadline_ms) <= 0)
			return;
	}
}

static void read_rules(struct surroundings *around, struct case_host *host, int64_t deadline_ms)
{
	static const int families[] = {AF_INET, AF_INET6};

	host->routing_known = around->route_fd >= 0;
	for (size_t i = 0; i < 2 && around->route_fd >= 0; i++) {
		struct rule_list *rules = &around->rules[i];

		/* A kernel without IPv6 has no rules of it. */
		if (rule_list_read(rules, around->route_fd, families[i], host->table,
				   deadline_ms) != 0 &&
		    i == 0)
			host->routing_known = false;
		host->foreign_table[i] = rules->foreign;
		host->local_table[i] = rule_list_is_local(rules, host->table);
	}
}

int surroundings_init(struct surroundings *around, struct case_host *host, const struct conf *conf,
		      int64_t deadline_ms)
{
	const int64_t proxies_ms = clock_now_ms() + PROXIES_MS;

	memset(around, 0, sizeof(*around));
	around->mark = return_plan_mark(conf);
	around->route_fd = netlink_open(NETLINK_ROUTE);
	read_rules(around, host, deadline_ms);
	choose_client(around, AF_INET, deadline_ms);
	choose_client(around, AF_INET6, deadline_ms);
#ifdef HAVE_NL_ROUTE
	around->places = target_place_new();
#endif
	for (int i = 0; i < 2; i++) {
		if (socket_list_read(&around->sockets[i], (enum conf_protocol)i, deadline_ms) < 0)
			return -1;
		host->sockets_known[i] = around->sockets[i].known;
	}
	return container_proxies_read(&around->proxies,
				      proxies_ms < deadline_ms ? proxies_ms : deadline_ms);
}

void surroundings_fini(struct surroundings *around)
{
	for (size_t i = 0; i < 2; i++) {
		rule_list_fini(&around->rules[i]);
		socket_list_fini(&around->sockets[i]);
	}
	container_proxies_fini(&around->proxies);
#ifdef HAVE_NL_ROUTE
	target_place_free(around->places);
#endif
	if (around->route_fd >= 0)
		close(around->route_fd);
	around->route_fd = -1;
}

/* ---- one target ---- */

#ifdef HAVE_NL_ROUTE

static enum return_place find_place(const struct surroundings *around, const struct addr *target,
				    uint32_t mark, int64_t deadline_ms)
{
	(void)deadline_ms;
	return around->places != NULL ? target_place_find(around->places, target, mark)
				      : RETURN_PLACE_HERE;
}

#else

/* Whether another host is a guest of this one is not known here. */
static enum return_place find_place(const struct surroundings *around, const struct addr *target,
				    uint32_t mark, int64_t deadline_ms)
{
	const struct route_flow flow = {.to = *target, .mark = mark};
	struct route_reply reply;

	if (around->route_fd < 0 ||
	    route_question_ask(around->route_fd, &flow, deadline_ms, &reply) != 0)
		return RETURN_PLACE_HERE;
	if (reply.error != 0)
		return RETURN_PLACE_NONE;
	return reply.local ? RETURN_PLACE_HERE : RETURN_PLACE_OTHER;
}

#endif

/* The interface that leads to the target, and what filters what comes from there. */
static int find_interface(const struct surroundings *around, struct case_leg *leg,
			  int64_t deadline_ms)
{
	const struct route_flow flow = {.to = leg->target, .mark = leg->mark};
	struct route_reply reply;
	char name[64];
	long all;
	long own;

	if (leg->place == RETURN_PLACE_HERE || around->route_fd < 0 ||
	    route_question_ask(around->route_fd, &flow, deadline_ms, &reply) != 0 ||
	    reply.error != 0 || reply.oif == 0)
		return 0;
	if (if_indextoname((unsigned)reply.oif, leg->interface) == NULL) {
		leg->interface[0] = '\0';
		return reply.oif;
	}
	all = case_host_sysctl("net/ipv4/conf/all/rp_filter", 0);
	snprintf(name, sizeof(name), "net/ipv4/conf/%s/rp_filter", leg->interface);
	own = case_host_sysctl(name, 0);
	leg->rp_filter = (uint8_t)(all > own ? all : own);
	return reply.oif;
}

static void find_socket(const struct surroundings *around, struct case_leg *leg)
{
	const struct socket_list *sockets = &around->sockets[leg->protocol];
	const struct listed_socket *socket;
	const struct container_proxy *proxy;

	if (!sockets->known || leg->place != RETURN_PLACE_HERE)
		return;
	socket = socket_list_find(sockets, &leg->target);
	if (socket == NULL) {
		leg->socket = CASE_SOCKET_NONE;
		socket = socket_list_find_port(sockets, &leg->target);
		if (socket != NULL)
			leg->elsewhere = socket->addr;
		return;
	}
	leg->socket = addr_is_wildcard(&socket->addr) ? CASE_SOCKET_WILDCARD : CASE_SOCKET_EXACT;
	proxy = container_proxies_find(&around->proxies, leg->protocol, socket);
	leg->in_proxy = proxy != NULL;
	if (proxy != NULL) {
		memcpy(leg->proxy_name, proxy->name, sizeof(leg->proxy_name));
		leg->container = proxy->container;
	}
	/* Whose descriptors it has only root may see. */
	leg->maybe_proxy =
	    proxy == NULL && around->proxies.has_bridge && socket->uid == 0 && geteuid() != 0;
}

void surroundings_place(const struct surroundings *around, struct case_leg *leg,
			int64_t deadline_ms)
{
	leg->place = RETURN_PLACE_HERE;
	if (leg->protocol == CONF_PROTOCOL_UDP)
		leg->sysctls_count = fastpath_needs_find(SOME_DEVICE, &leg->target, leg->sysctls);
	if (addr_is_loopback(&leg->target)) {
		find_socket(around, leg);
		return;
	}
	leg->place = find_place(around, &leg->target, 0, deadline_ms);
	leg->caught = leg->mark != 0 && leg->place != RETURN_PLACE_HERE &&
		      find_place(around, &leg->target, leg->mark, deadline_ms) == RETURN_PLACE_HERE;
	(void)find_interface(around, leg, deadline_ms);
	find_socket(around, leg);
}

/* The marks that answers may get: mmproxy's, those of rules, and the listener's own. */
static size_t collect_marks(const struct surroundings *around, const struct case_leg *leg,
			    const struct rule_list *rules, uint32_t marks[static MARKS_MAX])
{
	size_t count = 0;

	if (!addr_is_loopback(&leg->target))
		marks[count++] = around->mark;
	/* An accepted connection has the mark of its first packet then, and so have its answers. */
	if (leg->mark != 0 && leg->protocol == CONF_PROTOCOL_TCP &&
	    case_host_sysctl("net/ipv4/tcp_fwmark_accept", 0) != 0)
		marks[count++] = leg->mark;
	return way_back_collect_marks(rules, marks, count, MARKS_MAX);
}

void surroundings_way_back(const struct surroundings *around, struct case_leg *leg,
			   int64_t deadline_ms)
{
	const size_t family = index_of(addr_family(&leg->target));
	const uint8_t ipproto = leg->protocol == CONF_PROTOCOL_UDP ? IPPROTO_UDP : IPPROTO_TCP;
	uint32_t marks[MARKS_MAX];
	struct way_back_question question = {.target = leg->target,
					     .client = around->clients[family],
					     .ipproto = ipproto,
					     .marks = marks,
					     .table = around->rules[family].asked_table};

	if (around->route_fd < 0)
		return;
	question.marks_count = collect_marks(around, leg, &around->rules[family], marks);
	question.iif = find_interface(around, leg, deadline_ms);
	addr_set_port(&question.client, addr_is_set(&leg->spoofed.from)
					    ? addr_port(&leg->spoofed.from)
					    : CLIENT_PORT);
	way_back_find(&leg->back, around->route_fd, &around->rules[family], &question, deadline_ms);
	if (leg->back.end == WAY_BACK_HERE && leg->back.mark != 0 &&
	    addr_is_set(&leg->spoofed.from))
		tracked_flow_find(&leg->tracked, &leg->spoofed.from, &leg->target, ipproto,
				  deadline_ms);
}
