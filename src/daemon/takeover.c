/* SPDX-License-Identifier: BSD-2-Clause */
/* The side of a daemon that succeeds another one. */
#include "daemon/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/handover.h"

/* The other daemon gives up after 30 s, and ends this one then. */
#define PATIENCE_MS 60000

int takeover_open(void)
{
	const struct timeval patience = clock_timeval(PATIENCE_MS);
	const char *text = getenv(HANDOVER_ENV);
	int type = 0;
	socklen_t len = sizeof(type);
	char *end;
	long fd;

	if (text == NULL)
		return -1;
	fd = strtol(text, &end, 10);
	if (end == text || *end != '\0' || fd <= STDERR_FILENO || fd > 1 << 20 ||
	    getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    setsockopt((int)fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
		log_msg(LOG_LEVEL_WARN, HANDOVER_ENV " = %s is no socket of a former daemon", text);
		fd = -1;
	}
	unsetenv(HANDOVER_ENV);
	return (int)fd;
}

void takeover_refuse(int fd, const char *why)
{
	const struct handover_head head = {.kind = HANDOVER_REFUSED};

	/* What this process ends with is told in any case. */
	if (fd >= 0)
		(void)!handover_send(fd, &head, why, strlen(why), NULL, 0);
}

/* ---- what it says ---- */

/* What cannot be said to a daemon that has ended need not be. */
static int said(int result)
{
	if (result == 0 || errno == EPIPE || errno == ECONNRESET)
		return 0;
	log_msg(LOG_LEVEL_ERROR, "cannot speak with the former process: %s", strerror(errno));
	return -1;
}

static int say_addresses(int fd, const struct listen_room *room)
{
	static struct handover_address addresses[HANDOVER_ADDRESSES_MAX];
	struct handover_head head = {.kind = HANDOVER_ADDRESSES};
	struct listen_address *address;
	int result = 0;

	for (address = room->addresses; address != NULL; address = address->hh.next) {
		addresses[head.number++] = (struct handover_address){
		    .addr = address->key.addr, .protocol = address->key.protocol};
		if (head.number < HANDOVER_ADDRESSES_MAX && address->hh.next != NULL)
			continue;
		result |= handover_send(fd, &head, addresses, head.number * sizeof(addresses[0]),
					NULL, 0);
		head.number = 0;
	}
	return result;
}

/* ---- what it hears ---- */

/* Returns 1, 0 when the former daemon has ended, or -1 having logged why. */
static int hear(int fd, struct handover_message *message)
{
	int result = handover_receive(fd, message);

	if (result == 0)
		log_msg(LOG_LEVEL_WARN, "the former process has ended; this one goes on alone");
	if (result < 0)
		log_msg(LOG_LEVEL_ERROR, "the former process says nothing: %s", strerror(errno));
	return result;
}

static void take(const struct handover_message *message, const struct serving *serving)
{
	static struct flow_batch batch;

	batch.count = message->count;
	batch.len = message->len;
	memcpy(batch.fds, message->fds, message->count * sizeof(batch.fds[0]));
	memcpy(batch.bytes, message->bytes, message->len);
	/* A former process with more workers is not what is started, but nothing breaks. */
	worker_take_flows(serving->workers[message->head.number % serving->workers_count], &batch);
}

/* Returns 0 behind the last of them, or -1. */
static int hear_flows(int fd, struct handover_message *message, const struct serving *serving)
{
	for (;;) {
		int result = hear(fd, message);

		if (result <= 0)
			return result;
		if (message->head.kind == HANDOVER_END)
			return 0;
		if (message->head.kind == HANDOVER_DENIED &&
		    handover_take_denied(message, serving->denied) < 0)
			log_msg(LOG_LEVEL_WARN,
				"some clients that were denied by command are not any more");
		if (message->head.kind != HANDOVER_FLOWS)
			continue;
		take(message, serving);
		if (said(handover_say(fd, HANDOVER_TAKEN, 0)) < 0)
			return -1;
	}
}

int takeover_take_flows(int fd, struct serving *serving)
{
	struct handover_message *message = malloc(sizeof(*message));
	int result = -1;

	if (message == NULL) {
		log_msg(LOG_LEVEL_ERROR, "memory is out");
		return -1;
	}
	if (said(say_addresses(fd, &serving->room)) == 0 &&
	    said(handover_say(fd, HANDOVER_HELLO, HANDOVER_VERSION)) == 0)
		result = hear_flows(fd, message, serving);
	free(message);
	return result;
}

int takeover_begin(int fd, bool *reload)
{
	struct handover_message *message = malloc(sizeof(*message));
	int result = -1;

	if (message == NULL) {
		log_msg(LOG_LEVEL_ERROR, "memory is out");
		return -1;
	}
	if (said(handover_say(fd, HANDOVER_READY, 0)) == 0)
		do
			result = hear(fd, message);
		while (result > 0 && message->head.kind != HANDOVER_GO);
	*reload = result > 0 && message->head.number != 0;
	free(message);
	return result < 0 ? -1 : 0;
}
