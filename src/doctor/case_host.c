/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known of the host, before any target is looked at. */
#include "doctor/case_host.h"

#include <dirent.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "config.h"
#include "net/sock.h"
#include "routing/nft_table.h"
#include "routing/route_holders.h"
#include "routing/routing.h"

#define PATH_LEN 128

/* Interfaces that are looked at for route_localnet. */
#define INTERFACES_MAX 256

/* A row of passwd(5). */
#define PASSWD_MAX 4096

/* As in the manual: the user that root becomes unless the configuration names another. */
#define DEFAULT_USER "mmproxy"

long case_host_sysctl(const char *name, long otherwise)
{
	char path[PATH_LEN];
	long value;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	file = fopen(path, "re");
	if (file == NULL)
		return otherwise;
	if (fscanf(file, "%ld", &value) != 1)
		value = otherwise;
	fclose(file);
	return value;
}

static bool has_localnet(const char *interface)
{
	char name[PATH_LEN];

	snprintf(name, sizeof(name), "net/ipv4/conf/%.15s/route_localnet", interface);
	return case_host_sysctl(name, 0) != 0;
}

/* "all" counts for each. */
static void find_localnet(struct case_host *host)
{
	const struct dirent *entry;
	DIR *interfaces;

	if (has_localnet("all")) {
		snprintf(host->localnet, sizeof(host->localnet), "all");
		return;
	}
	interfaces = opendir("/proc/sys/net/ipv4/conf");
	if (interfaces == NULL)
		return;
	for (unsigned i = 0; i < INTERFACES_MAX && (entry = readdir(interfaces)) != NULL; i++) {
		const char *name = entry->d_name;

		if (name[0] == '.' || strlen(name) >= IFNAMSIZ || strcmp(name, "lo") == 0 ||
		    strcmp(name, "default") == 0 || !has_localnet(name))
			continue;
		memcpy(host->localnet, name, strlen(name) + 1);
		break;
	}
	closedir(interfaces);
}

static bool has_capability(unsigned capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, words) != 0)
		return false;
	return (words[capability / 32].effective >> capability % 32 & 1) != 0;
}

/* Without libcap-ng root stays root. */
static enum case_user find_user(const struct conf *conf)
{
#ifdef HAVE_CAP_NG
	char buffer[PASSWD_MAX];
	struct passwd passwd;
	struct passwd *found = NULL;

	if (geteuid() != 0)
		return CASE_USER_KEPT;
	(void)getpwnam_r(conf->user != NULL ? conf->user : DEFAULT_USER, &passwd, buffer,
			 sizeof(buffer), &found);
	if (found != NULL)
		return CASE_USER_THERE;
	return conf->user != NULL ? CASE_USER_MISSING : CASE_USER_DEFAULT_MISSING;
#else
	(void)conf;
	return CASE_USER_KEPT;
#endif
}

static void try_kernel(struct case_host *host, const struct conf *conf)
{
	bool wanted = false;

	for (size_t i = 0; i < conf->listeners_count; i++)
		wanted = wanted || conf->listeners[i].udp_relay == CONF_UDP_RELAY_KERNEL;
	if (!wanted)
		return;
	host->kernel =
	    fastpath_can_load(host->kernel_why) ? CASE_KERNEL_TAKES : CASE_KERNEL_REFUSES;
}

void case_host_read(struct case_host *host, const struct conf *conf, const char *set_up,
		    bool thorough)
{
	/* No process has this name, so that every holder is another one. */
	const struct route_holder nobody = {.fd = -1};

	memset(host, 0, sizeof(*host));
	host->root = geteuid() == 0;
	host->may_spoof = sock_check_privileges(false) == 0;
	host->may_mark = sock_check_privileges(true) == 0;
	host->may_bind_low = has_capability(CAP_NET_BIND_SERVICE);
	host->low_port = (uint16_t)case_host_sysctl("net/ipv4/ip_unprivileged_port_start", 1024);
	host->user = thorough ? find_user(conf) : CASE_USER_KEPT;
	host->manage = conf->routing_manage;
	host->holder =
	    conf->routing_manage && route_holder_has_others(&nobody, conf->routing_table);
	host->can_set_up = routing_is_built();
	host->can_mark = routing_is_built() && nft_table_is_built();
	host->table = conf->routing_table;
	host->set_up = set_up != NULL ? set_up : "mmproxy --setup-routing";
	find_localnet(host);
	/* A daemon that serves has tried, and could not again. */
	if (thorough)
		try_kernel(host, conf);
}

static bool is_likely(const struct addr *addr, const long range[static 2])
{
	return addr_is_wildcard(addr) && addr_port(addr) >= range[0] && addr_port(addr) <= range[1];
}

void case_host_find_clash(struct case_host *host, const struct conf *conf,
			  const struct socket_list *tcp)
{
	long range[2] = {32768, 60999};
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	if (file != NULL) {
		if (fscanf(file, "%ld %ld", &range[0], &range[1]) != 2)
			range[1] = 0;
		fclose(file);
	}
	for (size_t i = 0; i < tcp->count && host->clash_port == 0; i++)
		if (is_likely(&tcp->sockets[i].addr, range))
			host->clash_port = addr_port(&tcp->sockets[i].addr);
	for (size_t i = 0; i < conf->listeners_count && host->clash_port == 0; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		if (listener->protocol != CONF_PROTOCOL_TCP)
			continue;
		for (size_t j = 0; j < listener->listen_count && host->clash_port == 0; j++)
			if (is_likely(&listener->listen[j], range))
				host->clash_port = addr_port(&listener->listen[j]);
	}
}
