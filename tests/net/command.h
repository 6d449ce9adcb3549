/* SPDX-License-Identifier: BSD-2-Clause */
/* A program run to its end, with what it wrote and how it ended. */
#ifndef MMPROXY_TEST_COMMAND_H
#define MMPROXY_TEST_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COMMAND_ARGS_MAX   64
#define COMMAND_PASSED_MAX 64

/* Arguments of a program, as execvp(3) takes them; they borrow their strings. */
struct command {
	const char *argv[COMMAND_ARGS_MAX];
	size_t argc;
	uint64_t dropped_caps; /* bits of capabilities that the program starts without */
	/* Passed as sd_listen_fds(3) has it, from descriptor 3 on, when there are any. */
	int passed[COMMAND_PASSED_MAX];
	size_t passed_count;
	char passed_names[4096]; /* with a colon between them */
};

/* Append one argument. */
void command_add(struct command *command, const char *arg);

/* Pass a duplicate of this descriptor under this name. */
void command_pass(struct command *command, int fd, const char *name);

/*
 * Start the program in a child that dies with this process, its standard output and error going to
 * these descriptors. Returns its process id.
 */
pid_t command_start(const struct command *command, int out_fd, int err_fd);

/* How a program ended, and the first bytes of what it wrote. */
struct command_result {
	int exit_code; /* -1: ended by a signal */
	char out[32768];
	char err[32768];
};

/* Run the program to its end; one that does not end in time fails the test. */
void command_run(const struct command *command, struct command_result *result);

#endif
