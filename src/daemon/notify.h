/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the service manager is told: the protocol of sd_notify(3), one datagram a message, to the
 * socket that NOTIFY_SOCKET names.
 *
 * Nothing here waits but notify_keep(). What the manager has no room for is kept, the latest of
 * each kind, and sent by notify_flush(). NULL stands for "nobody wants to know" in every function.
 * Main thread.
 */
#ifndef MMPROXY_NOTIFY_H
#define MMPROXY_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Longest text of notify_status(), with its NUL. */
#define NOTIFY_STATUS_MAX 256

/* systemd takes names of 255 characters for descriptors, without ':'. */
#define NOTIFY_NAME_MAX 255

struct notify;

/*
 * As the environment asks for. NULL when there is no NOTIFY_SOCKET, or, having logged why, when it
 * cannot be used. The environment stays as it is: another process that becomes the main one
 * (notify_main_pid()) finds it there, and needs WATCHDOG_PID to be its own.
 */
struct notify *notify_new(void) __attribute__((warn_unused_result));

/* Tells the manager nothing. */
void notify_free(struct notify *notify);

/* Everything listens and works: after a start, or after notify_reloading(). */
void notify_ready(struct notify *notify);

/* Between this and notify_ready() the configuration is read again. */
void notify_reloading(struct notify *notify);

void notify_stopping(struct notify *notify);

/* The manager is to wait this long from now for a start or a stop in progress. */
void notify_extend(struct notify *notify, int64_t ms);

/* One line for people, of which NOTIFY_STATUS_MAX - 1 bytes are sent. */
void notify_status(struct notify *notify, const char *text);

/* The start failed for this reason, an errno. */
void notify_failed(struct notify *notify, int error);

/* Another process of this service is the one to watch from now on. */
void notify_main_pid(struct notify *notify, pid_t pid);

/* The service does its work; due every notify_watchdog_ms(). */
void notify_alive(struct notify *notify);

/* After this long without notify_alive() the manager ends the service; 0: it does not. */
int64_t notify_watchdog_ms(const struct notify *notify);

/*
 * Have the manager keep a duplicate of the descriptor beyond the life of this process, under this
 * name (FDSTORE). Waits up to a second when the manager is busy. Returns 0, or -1 with errno when
 * it did not take the message. It never tells whether it took the descriptor.
 */
int notify_keep(struct notify *notify, int fd, const char *name)
    __attribute__((warn_unused_result));

/* Have the manager close what it keeps under this name. As notify_keep(). */
int notify_forget(struct notify *notify, const char *name);

/* Send what the manager had no room for. Returns whether all of it has gone. */
bool notify_flush(struct notify *notify);

#endif
