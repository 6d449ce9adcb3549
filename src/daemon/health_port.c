/* SPDX-License-Identifier: BSD-2-Clause */
/* The health port of one listener. */
#include "daemon/health_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error_text.h"
#include "base/log.h"
#include "net/accept.h"

/* Accepted in one wake-up. Those that come meanwhile wait in the kernel. */
#define TURN	32
#define BACKLOG 128

/* A predecessor is expected to have closed its port by then; after that the log says what is up. */
#define WAIT_MS 60000

/* ---- what the log says ---- */

static void begin_line(struct log_line *line, enum log_level level, const struct health_port *port)
{
	char text[ADDR_STRLEN];

	log_line_begin(line, level);
	log_line_str(line, "listener", port->listener->name);
	log_line_str(line, "health", addr_format(&port->addr, text));
}

/* Once, until it works again. */
static void say_failure(struct health_port *port, const char *message, int error)
{
	struct log_line line;
	char text[128];

	if (port->has_failed)
		return;
	port->has_failed = true;
	begin_line(&line, LOG_LEVEL_WARN, port);
	log_line_str(&line, "error", error_text(error, text, sizeof(text)));
	log_line_str(&line, "msg", message);
	log_line_end(&line);
}

static void say_closed(const struct health_port *port)
{
	const struct health_result *result = health_probe_result(port->probe);
	enum close_reason reason = health_result_reason(result);
	const struct addr *target =
	    result->ipv4 == reason ? &port->listener->target_ipv4 : &port->listener->target_ipv6;
	struct log_line line;
	char text[ADDR_STRLEN];

	begin_line(&line, LOG_LEVEL_WARN, port);
	log_line_str(&line, "backend", addr_format(target, text));
	log_line_str(&line, "reason", reason_name(reason));
	log_line_str(&line, "msg", "health port closed until the target accepts");
	log_line_end(&line);
}

static void say_open(const struct health_port *port)
{
	struct log_line line;

	begin_line(&line, LOG_LEVEL_INFO, port);
	log_line_str(&line, "msg", "health port open: the target accepts");
	log_line_end(&line);
}

/* ---- open and closed ---- */

static void start_accepting(struct health_port *port)
{
	port->is_paused = event_add(&port->acceptable, NULL) < 0;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg);

/* Returns 0, or -1 with errno. */
static int bind_port(struct health_port *port)
{
	port->fd = sock_bind_tcp(&port->addr, &port->options);
	if (port->fd < 0)
		return -1;
	event_assign(&port->acceptable, port->base, port->fd, EV_READ | EV_PERSIST, on_acceptable,
		     port);
	return 0;
}

static void open_port(struct health_port *port)
{
	if (port->fd < 0 && bind_port(port) < 0) {
		if (errno != EADDRINUSE || clock_now_ms() - port->waiting_since_ms > WAIT_MS)
			say_failure(port, "cannot bind the health port; trying again", errno);
		return;
	}
	if (listen(port->fd, BACKLOG) < 0) {
		/* Bound it may be, and yet somebody else listen there: both with SO_REUSEADDR. */
		say_failure(port, "cannot listen on the health port; trying again", errno);
		return;
	}
	port->is_open = true;
	port->has_failed = false;
	start_accepting(port);
	say_open(port);
}

/*
 * On Linux shutdown(2) ends listening, resets what nobody has accepted and leaves the socket bound,
 * so that nobody else can have the port, and listening again needs no privilege.
 */
static void close_port(struct health_port *port)
{
	event_del(&port->acceptable);
	(void)shutdown(port->fd, SHUT_RD);
	port->is_open = false;
	port->is_paused = false;
}

static void adapt(struct health_port *port, bool healthy)
{
	if (healthy && !port->is_open)
		open_port(port);
	else if (!healthy && port->is_open)
		close_port(port);
	else if (port->is_known)
		return;
	if (!healthy)
		say_closed(port);
	port->is_known = true;
}

/* The port first: who has been told of a failure finds it closed. */
static void settle(struct health_port *port)
{
	const struct health_result *result = health_probe_result(port->probe);

	adapt(port, health_result_reason(result) == REASON_DONE);
	health_clients_answer(port->clients, port, result);
}

static void on_result(void *arg)
{
	settle(arg);
}

/* ---- accepting ---- */

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct health_port *port = arg;
	struct addr peer;
	int client;

	(void)what;
	for (int i = 0; i < TURN; i++) {
		switch (accept_connection(fd, &client, &peer)) {
		case ACCEPT_CONNECTION:
			port->has_failed = false;
			health_clients_take(port->clients, client, port);
			continue;
		case ACCEPT_LOST:
			continue;
		case ACCEPT_NOTHING:
			break;
		case ACCEPT_NO_DESCRIPTOR:
		case ACCEPT_NO_MEMORY:
		case ACCEPT_FAILED:
			say_failure(port, "the health port cannot accept; trying again", errno);
			event_del(&port->acceptable);
			port->is_paused = true;
			break;
		}
		break;
	}
	health_port_check(port);
}

/* ---- the port ---- */

struct health_port *health_port_new(struct event_base *base, struct health_clients *clients,
				    const struct conf_listener *wanted,
				    const struct sock_listen_options *options, bool may_wait)
{
	struct health_port *port = calloc(1, sizeof(*port));

	if (port == NULL)
		return NULL;
	port->base = base;
	port->wanted = wanted;
	port->addr = wanted->health_listen;
	port->options = *options;
	port->fd = -1;
	port->waiting_since_ms = clock_now_ms();
	port->clients = clients;
	port->probe = health_probe_new(base, on_result, port);
	if (port->probe == NULL || (bind_port(port) < 0 && !(may_wait && errno == EADDRINUSE))) {
		int saved = errno;

		health_port_free(port);
		errno = saved;
		return NULL;
	}
	return port;
}

void health_port_free(struct health_port *port)
{
	if (port == NULL)
		return;
	if (port->is_open)
		event_del(&port->acceptable);
	health_clients_drop(port->clients, port);
	health_probe_free(port->probe);
	sock_close(port->fd);
	free(port);
}

void health_port_set(struct health_port *port, const struct conf_listener *listener)
{
	port->listener = listener;
	port->wanted = NULL;
	if (health_probe_set(port->probe, listener))
		health_port_check(port);
}

void health_port_check(struct health_port *port)
{
	if (!health_probe_ask(port->probe))
		settle(port);
}

void health_port_tick(struct health_port *port)
{
	if (port->is_paused)
		start_accepting(port);
	if (!port->is_open)
		health_port_check(port);
}
