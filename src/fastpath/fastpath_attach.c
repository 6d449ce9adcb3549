/* SPDX-License-Identifier: BSD-2-Clause */
/* A program at a hook of traffic control. */
#include "fastpath/fastpath_attach.h"

#include <errno.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* Of <linux/bpf.h> since Linux 6.6. */
#define TCX_INGRESS 46
#define TCX_EGRESS  47

int fastpath_attach(struct fastpath_attachment *attachment, int program_fd, uint32_t interface,
		    bool ingress)
{
	int type = ingress ? TCX_INGRESS : TCX_EGRESS;

	*attachment = (struct fastpath_attachment){
	    .link_fd =
		bpf_link_create(program_fd, (int)interface, (enum bpf_attach_type)type, NULL)};
	if (attachment->link_fd < 0) {
		attachment->link_fd = -1;
		/* What a kernel without it says to a type that it does not know. */
		if (errno != EINVAL && errno != EOPNOTSUPP)
			return -1;
		if (fastpath_filter_attach(&attachment->filter, program_fd, interface, ingress) < 0)
			return -1;
	}
	attachment->attached = true;
	return 0;
}

void fastpath_detach(struct fastpath_attachment *attachment)
{
	if (!attachment->attached)
		return;
	attachment->attached = false;
	if (attachment->link_fd >= 0)
		close(attachment->link_fd);
	attachment->link_fd = -1;
	fastpath_filter_detach(&attachment->filter);
}
