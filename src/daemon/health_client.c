/* SPDX-License-Identifier: BSD-2-Clause */
/* The connections of all health ports. */
#include "daemon/health_client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event_struct.h>

#include "base/clock.h"
#include "daemon/health_request.h"
#include "net/sock.h"

/* Read in one wake-up. */
#define READ_MAX 2048

enum client_state {
	CLIENT_READING,
	CLIENT_WAITING, /* for the result */
	CLIENT_ENDING,	/* answered; the peer has yet to end its side */
};

struct health_client {
	TAILQ_ENTRY(health_client) entry;
	struct health_clients *clients;
	void *owner;
	int fd;
	enum client_state state;
	bool peer_ended;
	int64_t deadline_ms;
	size_t ignored; /* bytes that came behind the request */
	struct event readable;
	struct health_request request;
};

TAILQ_HEAD(client_list, health_client);

struct health_clients {
	struct event_base *base;
	void (*on_request)(void *owner);
	struct client_list list; /* the oldest first */
	size_t count;
};

static void forget(struct health_client *client)
{
	struct health_clients *clients = client->clients;

	event_del(&client->readable);
	TAILQ_REMOVE(&clients->list, client, entry);
	clients->count--;
	free(client);
}

static void client_close(struct health_client *client)
{
	int fd = client->fd;

	forget(client);
	sock_close(fd);
}

/* Leaves nothing in the kernel either, such as a TIME_WAIT for each idle connection of a flood. */
static void client_abort(struct health_client *client)
{
	int fd = client->fd;

	forget(client);
	sock_abort(fd);
}

/* May free the client. */
static void answer(struct health_client *client, const struct health_result *result)
{
	char text[HEALTH_ANSWER_MAX];
	size_t len = health_answer(text, &client->request, result);

	/* The first bytes of a connection find room for so few; where not, the peer is odd. */
	if (send(client->fd, text, len, MSG_NOSIGNAL) != (ssize_t)len) {
		client_abort(client);
		return;
	}
	if (client->peer_ended) {
		client_close(client);
		return;
	}
	/* Closing with bytes unread would be a reset, which can overtake the answer. */
	(void)shutdown(client->fd, SHUT_WR);
	client->state = CLIENT_ENDING;
	client->deadline_ms = clock_now_ms() + HEALTH_CLIENT_END_MS;
}

/* May free the client. */
static void on_bytes(struct health_client *client, const char *bytes, size_t len)
{
	static const struct health_result no_matter;

	if (client->state != CLIENT_READING) {
		client->ignored += len;
		if (client->ignored > HEALTH_REQUEST_MAX)
			client_abort(client);
		return;
	}
	switch (health_request_read(&client->request, bytes, len)) {
	case HEALTH_REQUEST_PARTIAL:
		return;
	case HEALTH_REQUEST_INVALID:
		answer(client, &no_matter);
		return;
	case HEALTH_REQUEST_WHOLE:
		break;
	}
	if (client->request.method == HEALTH_METHOD_OTHER) {
		answer(client, &no_matter);
		return;
	}
	client->state = CLIENT_WAITING;
	client->deadline_ms = clock_now_ms() + HEALTH_CLIENT_ANSWER_MS;
	client->clients->on_request(client->owner);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct health_client *client = arg;
	char bytes[READ_MAX];
	ssize_t len = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)what;
	if (len > 0) {
		on_bytes(client, bytes, (size_t)len);
	} else if (len == 0 && client->state == CLIENT_WAITING) {
		/* It may have ended its own side only. */
		client->peer_ended = true;
		event_del(&client->readable);
	} else if (len == 0) {
		client_close(client);
	} else if (errno != EAGAIN && errno != EINTR) {
		client_abort(client);
	}
}

struct health_clients *health_clients_new(struct event_base *base, void (*on_request)(void *owner))
{
	struct health_clients *clients = calloc(1, sizeof(*clients));

	if (clients == NULL)
		return NULL;
	clients->base = base;
	clients->on_request = on_request;
	TAILQ_INIT(&clients->list);
	return clients;
}

void health_clients_free(struct health_clients *clients)
{
	struct health_client *client;

	if (clients == NULL)
		return;
	while ((client = TAILQ_FIRST(&clients->list)) != NULL)
		client_close(client);
	free(clients);
}

void health_clients_take(struct health_clients *clients, int fd, void *owner)
{
	struct health_client *client;

	if (clients->count == HEALTH_CLIENTS_MAX)
		client_abort(TAILQ_FIRST(&clients->list));
	client = calloc(1, sizeof(*client));
	if (client == NULL) {
		sock_abort(fd);
		return;
	}
	client->clients = clients;
	client->owner = owner;
	client->fd = fd;
	client->deadline_ms = clock_now_ms() + HEALTH_CLIENT_REQUEST_MS;
	event_assign(&client->readable, clients->base, fd, EV_READ | EV_PERSIST, on_readable,
		     client);
	TAILQ_INSERT_TAIL(&clients->list, client, entry);
	clients->count++;
	if (event_add(&client->readable, NULL) < 0)
		client_abort(client);
}

void health_clients_answer(struct health_clients *clients, const void *owner,
			   const struct health_result *result)
{
	struct health_client *next;

	for (struct health_client *client = TAILQ_FIRST(&clients->list); client != NULL;
	     client = next) {
		next = TAILQ_NEXT(client, entry);
		if (client->owner == owner && client->state == CLIENT_WAITING)
			answer(client, result);
	}
}

void health_clients_drop(struct health_clients *clients, const void *owner)
{
	struct health_client *next;

	for (struct health_client *client = TAILQ_FIRST(&clients->list); client != NULL;
	     client = next) {
		next = TAILQ_NEXT(client, entry);
		if (client->owner == owner)
			client_close(client);
	}
}

void health_clients_sweep(struct health_clients *clients)
{
	int64_t now = clock_now_ms();
	struct health_client *next;

	for (struct health_client *client = TAILQ_FIRST(&clients->list); client != NULL;
	     client = next) {
		next = TAILQ_NEXT(client, entry);
		if (client->deadline_ms <= now)
			client_abort(client);
	}
}
