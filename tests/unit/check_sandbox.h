/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of daemon/sandbox share: each enters it in a child of its own, for there is no way
 * back.
 */
#ifndef MMPROXY_TEST_CHECK_SANDBOX_H
#define MMPROXY_TEST_CHECK_SANDBOX_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <check.h>

#include "daemon/sandbox.h"

/* A child that fails says in which line, to whoever reads the log, and ends. */
#define EXPECT(condition)                                                                  \
	do {                                                                               \
		if (!(condition)) {                                                        \
			int error = errno;                                                 \
			dprintf(STDOUT_FILENO, "%s:%d: not so: %s (errno %d)\n", __FILE__, \
				__LINE__, #condition, error);                              \
			_exit(1);                                                          \
		}                                                                          \
	} while (0)

#define EXPECT_ERRNO(call, error)           \
	do {                                \
		errno = 0;                  \
		EXPECT((long)(call) == -1); \
		EXPECT(errno == (error));   \
	} while (0)

static inline int status_of_child(void (*run)(void))
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static inline void in_child(void (*run)(void))
{
	ck_assert_int_eq(status_of_child(run), 0);
}

static inline void enter(void)
{
	EXPECT(sandbox_enter(false) == 0);
}

/* Arguments that no call does anything with. */
static inline long call_in_vain(long number)
{
	return syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
}

#endif
