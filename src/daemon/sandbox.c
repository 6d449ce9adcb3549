/* SPDX-License-Identifier: BSD-2-Clause */
/* What the daemon may ask of the kernel from its start on. */
#include "daemon/sandbox.h"

#include <errno.h>
#include <string.h>

#include "config.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>
#endif

#include "daemon/sandbox_rules.h"

#ifdef HAVE_SECCOMP

/*
 * Calls that sandbox_rules.c has not heard of: those behind the last one of Linux 5.15,
 * process_mrelease(2), and as many as twenty years will bring at six a year. libc tries new calls
 * first, and takes the older one on ENOSYS alone. From 424 on all architectures count alike, from a
 * number of their own, which is that of clone3(2) here.
 */
#define CLONE3_NUMBER	 435
#define UNHEARD_OF	 449
#define UNHEARD_OF_COUNT 128

#define REFUSE	      SCMP_ACT_ERRNO(EPERM)
#define REFUSE_AS_NEW SCMP_ACT_ERRNO(ENOSYS)

/* Those below return 0, or -errno as libseccomp does. */

/* A call that no architecture has, or this one has not, needs no rule. */
static int add(scmp_filter_ctx filter, uint32_t action, const char *call, unsigned count,
	       const struct scmp_arg_cmp *args)
{
	int number = seccomp_syscall_resolve_name(call);

	if (number == __NR_SCMP_ERROR)
		return 0;
	return seccomp_rule_add_array(filter, action, number, count, args);
}

static int allow_with_args(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp args[SANDBOX_ARGS_MAX];
	unsigned count = 0;

	while (count < SANDBOX_ARGS_MAX && rule->args[count].mask != 0) {
		const struct sandbox_arg *arg = &rule->args[count];

		args[count++] = (struct scmp_arg_cmp){.arg = arg->index,
						      .op = SCMP_CMP_MASKED_EQ,
						      .datum_a = arg->mask,
						      .datum_b = arg->value};
	}
	return add(filter, SCMP_ACT_ALLOW, rule->call, count, args);
}

static int refuse_unheard_of(scmp_filter_ctx filter)
{
	int clone3 = seccomp_syscall_resolve_name("clone3");
	int first = clone3 - CLONE3_NUMBER + UNHEARD_OF;
	int result = 0;

	if (clone3 < 0)
		return 0;
	for (int i = 0; i < UNHEARD_OF_COUNT && result == 0; i++)
		result = seccomp_rule_add_array(filter, REFUSE_AS_NEW, first + i, 0, NULL);
	return result;
}

static int add_all(scmp_filter_ctx filter, bool carries_in_kernel)
{
	int result = 0;

	for (size_t i = 0; i < sandbox_calls_count && result == 0; i++)
		result = add(filter, SCMP_ACT_ALLOW, sandbox_calls[i], 0, NULL);
	for (size_t i = 0; i < sandbox_rules_count && result == 0; i++)
		result = allow_with_args(filter, &sandbox_rules[i]);
	for (size_t i = 0; i < sandbox_kernel_rules_count && result == 0 && carries_in_kernel; i++)
		result = allow_with_args(filter, &sandbox_kernel_rules[i]);
	for (size_t i = 0; i < sandbox_absent_count && result == 0; i++)
		result = add(filter, REFUSE_AS_NEW, sandbox_absent[i], 0, NULL);
	return result == 0 ? refuse_unheard_of(filter) : result;
}

/* Calls of another architecture, such as int 0x80 and x32 on amd64, are refused like others. */
static int set_attributes(scmp_filter_ctx filter)
{
	int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, REFUSE);

	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	/*
	 * Before Linux 5.16 a filter would also bring the slow guard against speculative stores
	 * (Spectre variant 4), which is for processes that run somebody else's code.
	 */
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	/* A binary tree, in which no call is far away; before Linux 5.11 each runs the filter. */
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	return result;
}

int sandbox_enter(bool carries_in_kernel)
{
	scmp_filter_ctx filter = seccomp_init(REFUSE);
	int result;

	if (filter == NULL) {
		errno = ENOMEM;
		return -1;
	}
	result = set_attributes(filter);
	if (result == 0)
		result = add_all(filter, carries_in_kernel);
	if (result == 0)
		result = seccomp_load(filter);
	seccomp_release(filter);
	if (result == 0)
		return 0;
	errno = -result;
	return -1;
}

#else

int sandbox_enter(bool carries_in_kernel)
{
	(void)carries_in_kernel;
	errno = ENOSYS;
	return -1;
}

#endif

void sandbox_start(const struct conf *conf, bool carries_in_kernel)
{
	if (conf->sandbox && sandbox_enter(carries_in_kernel) < 0)
		log_msg(LOG_LEVEL_WARN,
			"sandbox: the kernel takes no filter of system calls (%s), going on "
			"without",
			strerror(errno));
}
