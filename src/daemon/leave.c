/* SPDX-License-Identifier: BSD-2-Clause */
/* Handing what is open to a child process. */
#include "daemon/leave.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

void leave_begin(struct serving *serving)
{
	serving_leave(serving);
}

bool leave_is_ready(const struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count; i++)
		if (!worker_has_left(serving->workers[i]))
			return false;
	return true;
}

void leave_undo(const struct serving *serving)
{
	for (size_t i = 0; i < serving->workers_count; i++) {
		if (!worker_has_left(serving->workers[i]))
			continue;
		worker_join(serving->workers[i]);
		if (worker_start(serving->workers[i]) < 0)
			log_msg(LOG_LEVEL_ERROR, "cannot start a thread: %s", strerror(errno));
	}
}

int leave_fork(struct serving *serving)
{
	int error = 0;
	pid_t child;

	/* Of several threads only the one that forks would be in the child. */
	for (size_t i = 0; i < serving->workers_count; i++)
		worker_join(serving->workers[i]);
	/* Their threads have ended every flow, and the child opens none. */
	carrying_close(&serving->carrying, serving->flows);
	log_stop_writer();
	listen_close_all(&serving->room);
	child = fork();
	if (child < 0)
		error = errno;
	/* Nothing may be freed here: epoll instances and sockets are the child's now, which shares
	 * them. */
	if (child > 0)
		_exit(0);
	/* The parent's end takes its time. */
	for (size_t i = 0; i < serving->workers_count && child == 0; i++)
		worker_share(serving->workers[i]);
	if (log_start_writer() < 0)
		log_msg(LOG_LEVEL_WARN, "cannot start the log's thread: %s", strerror(errno));
	leave_undo(serving);
	if (error == 0)
		return 0;
	log_msg(LOG_LEVEL_ERROR, "cannot leave the open connections to another process: %s",
		strerror(error));
	return -1;
}
