/* SPDX-License-Identifier: BSD-2-Clause */
/* What is about connections themselves: how many a second, many idle ones, and whose they are. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "backend_role.h"
#include "clock_ns.h"

/* --- connect: one byte there and one back, and the next connection ------------------------------
 */

static int on_open_connect(struct load_thread *thread, struct load_conn *conn)
{
	if (load_measuring(thread)) {
		latency_add(&thread->latency, clock_ns() - conn->started_ns);
		thread->counts.requests++;
	}
	load_reopen(thread, conn);
	return 0;
}

static int on_ready_unexpected(struct load_thread *thread, struct load_conn *conn, uint32_t events)
{
	char byte;
	ssize_t got = recv(conn->fd, &byte, 1, 0);

	(void)events;
	if (got < 0 && errno == EAGAIN)
		return 0;
	return load_failed(thread, conn, "while idle", got < 0 ? errno : got == 0 ? 0 : EBADMSG);
}

const struct load_mode load_mode_connect = {.name = "connect",
					    .role = BACKEND_ECHO,
					    .on_open = on_open_connect,
					    .on_ready = on_ready_unexpected};

/* --- idle: open, and nothing more ----------------------------------------------------------------
 */

static int on_open_idle(struct load_thread *thread, struct load_conn *conn)
{
	(void)conn;
	thread->counts.requests++;
	return 0;
}

const struct load_mode load_mode_idle = {.name = "idle",
					 .role = BACKEND_ECHO,
					 .held = true,
					 .on_open = on_open_idle,
					 .on_ready = on_ready_unexpected};

/* --- check: the backend must see the client's address and port -----------------------------------
 */

int load_check_who(struct load_thread *thread, struct load_conn *conn, char *seen)
{
	char expected[64], host[INET_ADDRSTRLEN];
	struct sockaddr_in client = conn->client;
	socklen_t size = sizeof(client);

	if (thread->options->version == TUPLE_NONE &&
	    getsockname(conn->fd, (struct sockaddr *)&client, &size) < 0)
		return load_failed(thread, conn, "getsockname", errno);
	inet_ntop(AF_INET, &client.sin_addr, host, sizeof(host));
	snprintf(expected, sizeof(expected), "%s:%u\n", host, ntohs(client.sin_port));
	if (strcmp(seen, expected) != 0) {
		seen[strcspn(seen, "\n")] = '\0';
		snprintf(expected, sizeof(expected), "the backend sees %s", seen);
		return load_failed(thread, conn, expected, EBADMSG);
	}
	thread->counts.requests++;
	return 0;
}

static int on_open_check(struct load_thread *thread, struct load_conn *conn)
{
	char seen[64] = "";
	ssize_t got = recv(conn->fd, seen, sizeof(seen) - 1, 0);

	/* A short text, in the same segment as the first byte. */
	if (got <= 0)
		return load_failed(thread, conn, "asking whom the backend sees",
				   got < 0 ? errno : 0);
	return load_check_who(thread, conn, seen);
}

const struct load_mode load_mode_check = {.name = "check",
					  .role = BACKEND_WHO,
					  .by_itself = true,
					  .on_open = on_open_check,
					  .on_ready = on_ready_unexpected};

/* --- All modes -----------------------------------------------------------------------------------
 */

const struct load_mode *load_mode_find(const char *name)
{
	static const struct load_mode *const modes[] = {
	    &load_mode_stream,	 &load_mode_upload,	  &load_mode_download,
	    &load_mode_flood,	 &load_mode_slow,	  &load_mode_pingpong,
	    &load_mode_connect,	 &load_mode_idle,	  &load_mode_check,
	    &load_mode_udp_echo, &load_mode_udp_download, &load_mode_udp_upload,
	    &load_mode_udp_check};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i]->name, name) == 0)
			return modes[i];
	}
	return NULL;
}
