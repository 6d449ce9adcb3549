/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls that the daemon is left with, by what they are for. */
#ifndef MMPROXY_SANDBOX_RULES_H
#define MMPROXY_SANDBOX_RULES_H

#include <stddef.h>
#include <stdint.h>

/* Allowed with any arguments. Those that this architecture does not have are skipped. */
extern const char *const sandbox_calls[];
extern const size_t sandbox_calls_count;

/* An argument of which the bits of mask are as in value. */
struct sandbox_arg {
	unsigned index; /* from 0 */
	uint32_t mask;	/* 0: none */
	uint32_t value;
};

/* Allowed with such arguments only; several rows of one call are alternatives. */
#define SANDBOX_ARGS_MAX 2
struct sandbox_rule {
	const char *call;
	struct sandbox_arg args[SANDBOX_ARGS_MAX];
};
extern const struct sandbox_rule sandbox_rules[];
extern const size_t sandbox_rules_count;

/* The same, for a process whose flows are carried by programs in the kernel. */
extern const struct sandbox_rule sandbox_kernel_rules[];
extern const size_t sandbox_kernel_rules_count;

/*
 * Refused as a kernel would that does not have them, upon which libc does the same by an older
 * call: the arguments are in memory, where a filter cannot look.
 */
extern const char *const sandbox_absent[];
extern const size_t sandbox_absent_count;

#endif
