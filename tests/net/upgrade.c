/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrades of the daemon under test. */
#include "upgrade.h"

#include <dirent.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "harness.h"

#define UPGRADED "upgraded: process "
#define READY	 "is ready, workers: "

const char *upgrade_prepare(void)
{
	/* Successors are children of this process then, and can be waited for. */
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	return daemon_use_copy();
}

/* How many lines have this, and the number behind the last one. */
static unsigned count_lines(const char *text, int *number)
{
	char *log = harness_read(harness_path(DAEMON_LOG_NAME));
	unsigned count = 0;

	for (const char *at = log; (at = strstr(at, text)) != NULL; count++) {
		at += strlen(text);
		*number = atoi(at);
	}
	free(log);
	return count;
}

/* Whether one of the process's descriptors is the socket with this inode. */
static bool has_socket(pid_t pid, unsigned long inode)
{
	char wanted[64];
	char path[64];
	DIR *directory;
	bool found = false;

	snprintf(wanted, sizeof(wanted), "socket:[%lu]", inode);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	if (directory == NULL)
		return false;
	for (const struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
		char link[64];
		ssize_t len = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);

		link[len > 0 ? len : 0] = '\0';
		found = strcmp(link, wanted) == 0;
	}
	closedir(directory);
	return found;
}

static bool listens(pid_t pid)
{
	FILE *file = fopen("/proc/net/tcp", "r");
	char line[512];
	bool found = false;

	ck_assert_ptr_nonnull(file);
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		unsigned long inode;
		unsigned state;

		if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s %*s %*s %lu", &state, &inode) == 2)
			found = state == TCP_LISTEN && has_socket(pid, inode);
	}
	fclose(file);
	return found;
}

/* The one that says so is still alive, or has come to its good end. */
pid_t upgrade_daemon(void)
{
	int64_t deadline = harness_now_ms() + harness_patience_ms();
	pid_t former = daemon_pid();
	int successor = 0;
	int unused;
	unsigned upgraded = count_lines(UPGRADED, &successor);
	unsigned ready = count_lines(READY, &unused);

	daemon_signal(SIGUSR2);
	while (count_lines(UPGRADED, &successor) == upgraded ||
	       count_lines(READY, &unused) == ready) {
		if (harness_now_ms() >= deadline)
			ck_abort_msg("not upgraded: %s",
				     harness_read(harness_path(DAEMON_LOG_NAME)));
		harness_sleep_ms(2);
	}
	ck_assert_int_ne(successor, former);
	daemon_follow(successor);
	/* It may accept for a moment longer. */
	HARNESS_AWAIT(!listens(former));
	return former;
}

static bool has_ended(pid_t pid, int *status)
{
	pid_t ended = waitpid(pid, status, WNOHANG);

	ck_assert_int_ge(ended, 0);
	return ended == pid;
}

void upgrade_await_end(pid_t former)
{
	int status = -1;

	HARNESS_AWAIT(has_ended(former, &status));
	ck_assert_msg(status == 0, "status %#x: %s", (unsigned)status,
		      harness_read(harness_path(DAEMON_LOG_NAME)));
}

void upgrade_daemon_idle(void)
{
	upgrade_await_end(upgrade_daemon());
}

const char *upgrade_fails(const char *reason)
{
	daemon_signal(SIGUSR2);
	return daemon_log_await("error", "not upgraded", reason);
}
