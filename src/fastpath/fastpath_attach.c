/* SPDX-License-Identifier: BSD-2-Clause */
/* A program at a hook of traffic control. */
#include "fastpath/fastpath_attach.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* Of <linux/bpf.h> since Linux 6.6. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

/*
 * Of mmproxy's filters, and hardly of anyone else's: programs of one priority run by turns until
 * one says what is to become of the packet.
 */
#define PRIORITY 0x6d6d

static int attach_tcx(struct fastpath_attachment *attachment, int program_fd)
{
	int type = attachment->hook == FASTPATH_INGRESS ? TCX_INGRESS : TCX_EGRESS;
	int fd = bpf_link_create(program_fd, (int)attachment->interface, (enum bpf_attach_type)type,
				 NULL);

	if (fd < 0)
		return -1;
	attachment->link_fd = fd;
	attachment->attached = true;
	return 0;
}

static void fill_hook(struct bpf_tc_hook *tc_hook, const struct fastpath_attachment *attachment)
{
	memset(tc_hook, 0, sizeof(*tc_hook));
	tc_hook->sz = sizeof(*tc_hook);
	tc_hook->ifindex = (int)attachment->interface;
	tc_hook->attach_point =
	    attachment->hook == FASTPATH_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

static int attach_clsact(struct fastpath_attachment *attachment, int program_fd)
{
	struct bpf_tc_hook tc_hook;
	struct bpf_tc_opts options = {.sz = sizeof(options),
				      .prog_fd = program_fd,
				      .priority = PRIORITY,
				      .handle = attachment->handle};
	int result;

	fill_hook(&tc_hook, attachment);
	/* The qdisc stays when mmproxy goes: by then it may be somebody else's as well. */
	result = bpf_tc_hook_create(&tc_hook);
	if (result < 0 && result != -EEXIST) {
		errno = -result;
		return -1;
	}
	result = bpf_tc_attach(&tc_hook, &options);
	if (result < 0) {
		errno = -result;
		return -1;
	}
	attachment->attached = true;
	return 0;
}

int fastpath_attach_filter(struct fastpath_attachment *attachment, int program_fd,
			   uint32_t interface, enum fastpath_hook hook)
{
	*attachment = (struct fastpath_attachment){
	    .link_fd = -1, .interface = interface, .hook = hook, .handle = (uint32_t)getpid()};
	return attach_clsact(attachment, program_fd);
}

int fastpath_attach(struct fastpath_attachment *attachment, int program_fd, uint32_t interface,
		    enum fastpath_hook hook)
{
	*attachment =
	    (struct fastpath_attachment){.link_fd = -1, .interface = interface, .hook = hook};
	if (attach_tcx(attachment, program_fd) == 0)
		return 0;
	/* A kernel without it knows no such type. */
	if (errno != EINVAL && errno != EOPNOTSUPP)
		return -1;
	return fastpath_attach_filter(attachment, program_fd, interface, hook);
}

void fastpath_detach(struct fastpath_attachment *attachment)
{
	struct bpf_tc_hook tc_hook;
	struct bpf_tc_opts options = {
	    .sz = sizeof(options), .priority = PRIORITY, .handle = attachment->handle};

	if (!attachment->attached)
		return;
	attachment->attached = false;
	if (attachment->link_fd >= 0) {
		close(attachment->link_fd);
		attachment->link_fd = -1;
		return;
	}
	fill_hook(&tc_hook, attachment);
	(void)bpf_tc_detach(&tc_hook, &options);
}
