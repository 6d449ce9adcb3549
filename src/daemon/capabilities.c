/* SPDX-License-Identifier: BSD-2-Clause */
/* The capabilities of the process. */
#include "daemon/capabilities.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SETS 64

/* What Linux before 4.11 has, and any whose /proc is not there to be read. */
#define PORT_START_DEFAULT 1024

static const struct {
	unsigned number;
	const char *name;
} names[] = {
    {CAP_SETGID, "CAP_SETGID"},
    {CAP_SETUID, "CAP_SETUID"},
    {CAP_NET_BIND_SERVICE, "CAP_NET_BIND_SERVICE"},
    {CAP_NET_ADMIN, "CAP_NET_ADMIN"},
    {CAP_NET_RAW, "CAP_NET_RAW"},
    {CAP_BPF, "CAP_BPF"},
};

struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct words[_LINUX_CAPABILITY_U32S_3];
};

static bool get_sets(struct sets *sets)
{
	*sets = (struct sets){.header.version = _LINUX_CAPABILITY_VERSION_3};
	return syscall(SYS_capget, &sets->header, sets->words) == 0;
}

static int set_sets(struct sets *sets)
{
	return syscall(SYS_capset, &sets->header, sets->words) == 0 ? 0 : -1;
}

uint64_t capabilities_own(void)
{
	struct sets sets;

	if (!get_sets(&sets))
		return 0;
	return (uint64_t)sets.words[1].permitted << 32 | sets.words[0].permitted;
}

/* ---- what for ---- */

unsigned capabilities_port_start(void)
{
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
	unsigned start = PORT_START_DEFAULT;

	if (file == NULL)
		return start;
	if (fscanf(file, "%u", &start) != 1)
		start = PORT_START_DEFAULT;
	fclose(file);
	return start;
}

static bool is_below(const struct addr *addr, unsigned start)
{
	return addr_is_set(addr) && addr_port(addr) < start;
}

static bool binds_below(const struct conf *conf, unsigned start)
{
	if (is_below(&conf->admin_addr, start))
		return true;
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		/* Clients may have any port. */
		if (start > 0 && listener->source_port != CONF_SOURCE_EPHEMERAL)
			return true;
		if (is_below(&listener->health_listen, start))
			return true;
		for (size_t j = 0; j < listener->listen_count; j++)
			if (is_below(&listener->listen[j], start))
				return true;
	}
	return false;
}

static bool carries_in_kernel(const struct conf *conf)
{
	for (size_t i = 0; i < conf->listeners_count; i++)
		if (conf->listeners[i].protocol == CONF_PROTOCOL_UDP &&
		    conf->listeners[i].udp_relay == CONF_UDP_RELAY_KERNEL)
			return true;
	return false;
}

uint64_t capabilities_used(const struct conf *conf)
{
	/*
	 * IP_TRANSPARENT and marks take one of the two, but exact resets both, and large buffers of
	 * UDP the second.
	 */
	uint64_t used = CAPABILITIES_BIT(CAP_NET_RAW) | CAPABILITIES_BIT(CAP_NET_ADMIN);

	/* With CAP_NET_ADMIN, for the programs that carry the flows and for their maps. */
	if (carries_in_kernel(conf))
		used |= CAPABILITIES_BIT(CAP_BPF);
	if (binds_below(conf, capabilities_port_start()))
		used |= CAPABILITIES_BIT(CAP_NET_BIND_SERVICE);
	return used;
}

/* ---- giving up, and passing on ---- */

int capabilities_keep(uint64_t kept)
{
	struct sets sets;

	if (!get_sets(&sets))
		return -1;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets.words[i].permitted &= (uint32_t)(kept >> 32 * i);
		sets.words[i].effective = sets.words[i].permitted;
		/* With which ambient ones go as well. */
		sets.words[i].inheritable = 0;
	}
	return set_sets(&sets);
}

void capabilities_bound(uint64_t kept)
{
	for (unsigned number = 0; number < SETS; number++)
		if ((kept >> number & 1) == 0)
			(void)prctl(PR_CAPBSET_DROP, (unsigned long)number, 0UL, 0UL, 0UL);
}

int capabilities_pass_on(void)
{
	struct sets sets;
	uint64_t own = capabilities_own();

	if (!get_sets(&sets))
		return -1;
	/* Only what can be inherited can be ambient. */
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		sets.words[i].inheritable = sets.words[i].permitted;
	/* Where this is refused (SystemCallFilter in the systemd unit) they are inheritable
	 * already, from whoever made them ambient. */
	(void)set_sets(&sets);
	for (unsigned number = 0; number < SETS; number++)
		if ((own >> number & 1) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
						      (unsigned long)number, 0UL, 0UL) < 0)
			return -1;
	return 0;
}

const char *capabilities_text(uint64_t set, char buf[static CAPABILITIES_TEXT_MAX])
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((set >> names[i].number & 1) == 0)
			continue;
		len += (size_t)snprintf(buf + len, CAPABILITIES_TEXT_MAX - len, "%s%s",
					len > 0 ? " and " : "", names[i].name);
	}
	return buf;
}
