/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of the daemon's own that starts its successor, made before there are threads,
 * connections and flows.
 *
 * The daemon itself could not: between fork(2) and execve(2) a child has every descriptor as well,
 * and what a worker closes meanwhile would stay open, in epoll(7) instances too, whose events lead
 * to memory that is free by then. It also is the successor's parent until that works, so that it
 * can tell how one ended that does not; when it goes away, the successor is a child of whoever
 * takes orphans: the service manager, which then hears of its end.
 *
 * Main thread.
 */
#ifndef MMPROXY_UPGRADE_LAUNCHER_H
#define MMPROXY_UPGRADE_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct upgrade_launcher {
	int fd;	   /* to be waited for; -1: there is none */
	pid_t pid; /* 0: there is none */
};

/*
 * The path of the program that this process is, under which there may be another file by now. The
 * caller frees; NULL when there is no memory or no /proc.
 */
char *upgrade_launcher_program(void) __attribute__((warn_unused_result));

/*
 * Fork it; it starts this program with these arguments and this environment. Returns 0, or -1 with
 * errno; free is fine then.
 */
int upgrade_launcher_init(struct upgrade_launcher *launcher, const char *program, char *const *argv)
    __attribute__((warn_unused_result));

/* End it. A successor goes on. */
void upgrade_launcher_fini(struct upgrade_launcher *launcher);

/* Descriptors that fit into one call of upgrade_launcher_pass(). */
#define UPGRADE_LAUNCHER_FDS 128

/*
 * The next of the sockets that the successor is to be started with (sd_listen_fds(3)), and their
 * names, with a colon behind each. Returns 0, or -1 with errno.
 */
int upgrade_launcher_pass(const struct upgrade_launcher *launcher, const int *fds, size_t count,
			  const char *names) __attribute__((warn_unused_result));

/*
 * Start the successor, with this socket besides (MMPROXY_HANDOVER). What comes of it is told.
 * Returns 0, or -1 with errno.
 */
int upgrade_launcher_start(const struct upgrade_launcher *launcher, int handover_fd)
    __attribute__((warn_unused_result));

/* End the successor, which is told like any other end. What was passed is forgotten. */
void upgrade_launcher_kill(const struct upgrade_launcher *launcher);

enum upgrade_launcher_news {
	UPGRADE_LAUNCHER_NOTHING, /* for now */
	UPGRADE_LAUNCHER_STARTED, /* value: its process id */
	UPGRADE_LAUNCHER_FAILED,  /* to run the program; value: errno. Its end is told as well */
	UPGRADE_LAUNCHER_ENDED,	  /* value: as waitpid(2) has it */
	UPGRADE_LAUNCHER_GONE,	  /* the launcher itself */
};

/* What it tells next; never waits. */
enum upgrade_launcher_news upgrade_launcher_hear(const struct upgrade_launcher *launcher,
						 int *value);

/* ---- between the two files of this room ---- */

enum upgrade_order { UPGRADE_ORDER_PASS, UPGRADE_ORDER_START, UPGRADE_ORDER_KILL };

struct upgrade_message {
	int32_t kind; /* enum upgrade_order, or enum upgrade_launcher_news */
	int32_t value;
};

/* Names and descriptors of one order. */
#define UPGRADE_NAMES_MAX (UPGRADE_LAUNCHER_FDS * 256 + 1)

/* The launcher's own life; never returns. */
_Noreturn void upgrade_launcher_run(int fd, const char *program, char *const *argv);

#endif
