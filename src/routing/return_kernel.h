/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes and policy rules of the kernel, through rtnetlink(7) and libnl-route. What bears
 * RETURN_PLAN_PROTOCOL is mmproxy's own; nothing else is ever changed. Main thread: each call waits
 * for the kernel's answer. Functions return 0, or an errno value.
 */
#ifndef MMPROXY_RETURN_KERNEL_H
#define MMPROXY_RETURN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "routing/return_plan.h"

struct return_kernel;

/* Open a socket; NULL with errno. */
struct return_kernel *return_kernel_new(void) __attribute__((warn_unused_result));

/* NULL is fine. */
void return_kernel_free(struct return_kernel *kernel);

/* Whether rules can name protocol and port, and bear RETURN_PLAN_PROTOCOL (Linux 4.17, 2018). */
bool return_kernel_has_rule_ports(void);

/* Whether IPv6 works on loopback. */
bool return_kernel_has_ipv6(void);

/* Text that names a foreign route: "local 192.0.2.0/24 proto 4". */
#define RETURN_KERNEL_TEXT_MAX 128

/*
 * Add what the kernel has in the table and family to list, a plan of items alone: routes of
 * mmproxy's own, and its rules that lead into the table. *foreign tells of the first route there
 * that is somebody else's; "" where there is none. Where rules cannot bear a protocol number those
 * count that equal one of wanted.
 */
int return_kernel_read(struct return_kernel *kernel, uint32_t table, int family,
		       const struct return_plan *wanted, struct return_plan *list,
		       char foreign[static RETURN_KERNEL_TEXT_MAX])
    __attribute__((warn_unused_result));

/* EEXIST: there is an equal one, which may be somebody else's. */
int return_kernel_add(struct return_kernel *kernel, const struct return_item *item)
    __attribute__((warn_unused_result));
int return_kernel_delete(struct return_kernel *kernel, const struct return_item *item)
    __attribute__((warn_unused_result));

#endif
