/* SPDX-License-Identifier: BSD-2-Clause */
/* A program run to its end, with what it wrote and how it ended. */
#include "command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

void command_add(struct command *command, const char *arg)
{
	ck_assert_uint_lt(command->argc + 1, COMMAND_ARGS_MAX);
	command->argv[command->argc++] = arg;
	command->argv[command->argc] = NULL;
}

void command_pass(struct command *command, int fd, const char *name)
{
	size_t len = strlen(command->passed_names);

	ck_assert_uint_lt(command->passed_count, COMMAND_PASSED_MAX);
	snprintf(command->passed_names + len, sizeof(command->passed_names) - len, "%s%s",
		 command->passed_count > 0 ? ":" : "", name);
	command->passed[command->passed_count++] = fd;
}

/* Put them where they are looked for, and close the rest: Check's own are nobody else's. */
static void pass_descriptors(const struct command *command)
{
	const int first = STDERR_FILENO + 1;
	int high[COMMAND_PASSED_MAX];
	char text[32];

	for (size_t i = 0; i < command->passed_count; i++)
		high[i] = fcntl(command->passed[i], F_DUPFD, first + COMMAND_PASSED_MAX);
	for (size_t i = 0; i < command->passed_count; i++)
		if (dup2(high[i], first + (int)i) < 0)
			_exit(123);
	close_range((unsigned)first + (unsigned)command->passed_count, ~0U, 0);
	if (command->passed_count == 0)
		return;
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%zu", command->passed_count);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", command->passed_names, 1);
}

static _Noreturn void become(const struct command *command, pid_t parent, int out_fd, int err_fd)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have died before prctl(2). */
	if (getppid() != parent)
		_exit(126);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	for (unsigned long cap = 0; cap < 64; cap++)
		if ((command->dropped_caps >> cap & 1) != 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			_exit(125);
	if (dup2(out_fd, STDOUT_FILENO) < 0 || dup2(err_fd, STDERR_FILENO) < 0)
		_exit(124);
	pass_descriptors(command);
	/* argv is never written to; execvp(3) takes char * for history's sake. */
	execvp(command->argv[0], (char **)(uintptr_t)command->argv);
	dprintf(STDERR_FILENO, "cannot run %s\n", command->argv[0]);
	_exit(127);
}

pid_t command_start(const struct command *command, int out_fd, int err_fd)
{
	pid_t parent = getpid();
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		become(command, parent, out_fd, err_fd);
	return pid;
}

static int temporary_file(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void take_text(int fd, char *text, size_t size)
{
	ssize_t len = pread(fd, text, size - 1, 0);

	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	close(fd);
}

void command_run(const struct command *command, struct command_result *result)
{
	int64_t deadline = harness_now_ms() + harness_patience_ms();
	int out_fd = temporary_file();
	int err_fd = temporary_file();
	pid_t pid = command_start(command, out_fd, err_fd);
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (harness_now_ms() >= deadline) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			take_text(err_fd, result->err, sizeof(result->err));
			ck_abort_msg("%s %s did not end; it wrote: %s", command->argv[0],
				     command->argc > 1 ? command->argv[1] : "", result->err);
		}
		harness_sleep_ms(1);
	}
	take_text(out_fd, result->out, sizeof(result->out));
	take_text(err_fd, result->err, sizeof(result->err));
	result->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
