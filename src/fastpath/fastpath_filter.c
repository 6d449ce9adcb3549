/* SPDX-License-Identifier: BSD-2-Clause */
/* A program as a filter of clsact. */
#include "fastpath/fastpath_filter.h"

#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bpf/libbpf.h>

/*
 * Of mmproxy's filters, and hardly of anyone else's: programs of one priority run by turns until
 * one says what is to become of the packet.
 */
#define PRIORITY 0x6d6d

/* What the kernel calls these programs begins with it. */
#define NAME "mmproxy_"

/* Owners of the same process id, in other containers with this network namespace. */
#define CLAIMS_MAX 64

/* Filters that are looked at, in one go: more than anyone leaves behind. */
#define LEFTOVERS_MAX 64
#define ANSWER_MAX    16384
#define ANSWERS_MAX   64

struct question {
	struct nlmsghdr header;
	struct tcmsg filter;
};

/*
 * An owner holds an abstract socket named after its handle. Such names are the network namespace's,
 * as are filters, and end with the process, whichever namespace its number is of. Returns a
 * descriptor, or -1 when somebody has it.
 */
static int claim(uint32_t handle)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "mmproxy-fastpath-%u",
			   (unsigned)handle);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (const struct sockaddr *)&name,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static struct bpf_tc_hook hook_of(uint32_t interface, bool ingress)
{
	return (struct bpf_tc_hook){.sz = sizeof(struct bpf_tc_hook),
				    .ifindex = (int)interface,
				    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS};
}

static void detach(uint32_t interface, bool ingress, uint32_t handle)
{
	struct bpf_tc_hook hook = hook_of(interface, ingress);
	struct bpf_tc_opts options = {
	    .sz = sizeof(options), .priority = PRIORITY, .handle = handle};

	(void)bpf_tc_detach(&hook, &options);
}

static const struct rtattr *find(const struct rtattr *attribute, size_t len, unsigned short type)
{
	for (; RTA_OK(attribute, len); attribute = RTA_NEXT(attribute, len)) {
		if (attribute->rta_type == type)
			return attribute;
	}
	return NULL;
}

/* The handle of a filter of mmproxy's in a message of the kernel's; 0: it is something else. */
static uint32_t handle_in(const struct nlmsghdr *header)
{
	const struct tcmsg *filter = NLMSG_DATA(header);
	const struct rtattr *attribute;
	const char *name;

	if (header->nlmsg_type != RTM_NEWTFILTER ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof(*filter)) ||
	    TC_H_MAJ(filter->tcm_info) >> 16 != PRIORITY)
		return 0;
	attribute =
	    find((const struct rtattr *)((const char *)filter + NLMSG_ALIGN(sizeof(*filter))),
		 NLMSG_PAYLOAD(header, sizeof(*filter)), TCA_OPTIONS);
	if (attribute == NULL)
		return 0;
	attribute = find(RTA_DATA(attribute), RTA_PAYLOAD(attribute), TCA_BPF_NAME);
	if (attribute == NULL || RTA_PAYLOAD(attribute) < sizeof(NAME))
		return 0;
	name = RTA_DATA(attribute);
	return memcmp(name, NAME, sizeof(NAME) - 1) == 0 ? filter->tcm_handle : 0;
}

static size_t read_handles(int fd, uint32_t handles[static LEFTOVERS_MAX])
{
	union {
		struct nlmsghdr header;
		char bytes[ANSWER_MAX];
	} answer;
	size_t count = 0;

	for (int i = 0; i < ANSWERS_MAX; i++) {
		ssize_t got = recv(fd, &answer, sizeof(answer), 0);
		const struct nlmsghdr *header = &answer.header;
		size_t len = got > 0 ? (size_t)got : 0;

		if (len == 0)
			break;
		for (; NLMSG_OK(header, len); header = NLMSG_NEXT(header, len)) {
			uint32_t handle = handle_in(header);

			if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
				return count;
			if (handle != 0 && count < LEFTOVERS_MAX)
				handles[count++] = handle;
		}
	}
	return count;
}

/*
 * Take away what processes that were killed have left at this hook; own is a handle that is claimed
 * already.
 */
static void remove_leftovers(uint32_t interface, bool ingress, uint32_t own)
{
	struct question question = {
	    .header = {.nlmsg_len = sizeof(question),
		       .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
	    .filter = {.tcm_family = AF_UNSPEC,
		       .tcm_ifindex = (int)interface,
		       .tcm_parent =
			   TC_H_MAKE(TC_H_CLSACT, ingress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS)}};
	uint32_t handles[LEFTOVERS_MAX];
	size_t count = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return;
	/* The kernel has the first answer ready when send(2) returns, and each when asked for it.
	 */
	if (send(fd, &question, sizeof(question), 0) >= 0)
		count = read_handles(fd, handles);
	close(fd);
	for (size_t i = 0; i < count; i++) {
		int claimed = handles[i] == own ? -1 : claim(handles[i]);

		if (claimed < 0 && handles[i] != own)
			continue;
		detach(interface, ingress, handles[i]);
		if (claimed >= 0)
			close(claimed);
	}
}

static int attach(struct fastpath_filter *filter, int program_fd)
{
	struct bpf_tc_hook hook = hook_of(filter->interface, filter->ingress);
	struct bpf_tc_opts options = {.sz = sizeof(options),
				      .prog_fd = program_fd,
				      .priority = PRIORITY,
				      .handle = filter->handle};
	int result = bpf_tc_hook_create(&hook);

	if (result == 0 || result == -EEXIST) {
		remove_leftovers(filter->interface, filter->ingress, filter->handle);
		result = bpf_tc_attach(&hook, &options);
	}
	if (result < 0) {
		errno = -result;
		return -1;
	}
	return 0;
}

int fastpath_filter_attach(struct fastpath_filter *filter, int program_fd, uint32_t interface,
			   bool ingress)
{
	uint32_t first = (uint32_t)getpid();

	*filter =
	    (struct fastpath_filter){.interface = interface, .ingress = ingress, .claim_fd = -1};
	for (uint32_t i = 0; i < CLAIMS_MAX && filter->claim_fd < 0; i++) {
		filter->handle = first + i;
		filter->claim_fd = claim(filter->handle);
	}
	if (filter->claim_fd < 0) {
		filter->handle = 0;
		return -1;
	}
	if (attach(filter, program_fd) < 0) {
		int error = errno;

		close(filter->claim_fd);
		filter->claim_fd = -1;
		filter->handle = 0;
		errno = error;
		return -1;
	}
	return 0;
}

void fastpath_filter_detach(struct fastpath_filter *filter)
{
	if (filter->handle == 0)
		return;
	detach(filter->interface, filter->ingress, filter->handle);
	close(filter->claim_fd);
	*filter = (struct fastpath_filter){.claim_fd = -1};
}
