/* SPDX-License-Identifier: BSD-2-Clause */
/* The admin endpoint. */
#include "daemon/admin.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/admin_desk.h"
#include "daemon/admin_door.h"
#include "daemon/admin_socket.h"
#include "daemon/facts.h"

/* How often the rates take a sample. */
#define TICK_MS 1000

/* How often a socket's file is made again that somebody removes. */
#define RESTORE_PAUSE_MS 5000

/* An address and who serves it. */
struct endpoint {
	struct admin *admin;
	struct admin_socket socket;
	struct admin_door *door; /* NULL: it is not served */
};

struct admin {
	struct event_base *base;
	const struct serving *serving;
	struct rates *rates;
	struct facts facts;
	struct admin_desk *desk;
	struct event *tick;	  /* while there is an address */
	struct endpoint *current; /* NULL: the endpoint is off */
	struct endpoint *next;	  /* between prepare and commit; NULL: off, or as it is */
	int64_t restore_ms;	  /* no file is made again before */
	bool keeps;		  /* the next one is the current one */
};

static void restore_file(struct admin *admin, int64_t now_ms);

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct admin *admin = arg;
	int64_t now_ms = clock_now_ms();

	(void)fd;
	(void)what;
	rates_sample(admin->rates, &admin->serving->roster, now_ms);
	admin_desk_tick(admin->desk, now_ms);
	if (admin->current != NULL)
		admin_door_tick(admin->current->door);
	restore_file(admin, now_ms);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	const struct endpoint *endpoint = arg;

	admin_desk_handle(endpoint->admin->desk, request, endpoint->socket.path != NULL, endpoint);
}

/* ---- addresses ---- */

static void close_endpoint(struct endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	admin_desk_forget(endpoint->admin->desk, endpoint);
	admin_door_free(endpoint->door);
	admin_socket_close(&endpoint->socket);
	free(endpoint);
}

static struct endpoint *open_endpoint(struct admin *admin, const struct conf *conf, bool replace)
{
	const struct admin_socket *former = admin->current != NULL ? &admin->current->socket : NULL;
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (endpoint == NULL) {
		log_msg(LOG_LEVEL_ERROR, "admin.listen: memory is out");
		return NULL;
	}
	endpoint->admin = admin;
	if (admin_socket_open(&endpoint->socket, conf, replace, former) < 0) {
		free(endpoint);
		return NULL;
	}
	endpoint->door = admin_door_new(admin->base, endpoint->socket.fd, on_request, endpoint);
	if (endpoint->door != NULL)
		return endpoint;
	log_msg(LOG_LEVEL_ERROR, "admin.listen: memory is out");
	admin_socket_close(&endpoint->socket);
	free(endpoint);
	return NULL;
}

/*
 * The socket's file may be removed: by who cleans its directory, or by a former process that takes
 * it for its own when it looks just before this one makes it.
 */
static void restore_file(struct admin *admin, int64_t now_ms)
{
	struct endpoint *again;

	if (admin->current == NULL || now_ms < admin->restore_ms ||
	    !admin_socket_is_missing(&admin->current->socket))
		return;
	admin->restore_ms = now_ms + RESTORE_PAUSE_MS;
	again = open_endpoint(admin, admin->serving->conf, false);
	if (again == NULL)
		return;
	log_msg(LOG_LEVEL_WARN, "admin.listen: %s was removed, and has been made again",
		again->socket.path);
	close_endpoint(admin->current);
	admin->current = again;
}

int admin_prepare(struct admin *admin, const struct conf *conf, bool replace)
{
	bool wanted = conf->admin_path != NULL || addr_is_set(&conf->admin_addr);
	bool is_new;

	admin->keeps =
	    wanted && admin->current != NULL && admin_socket_is_of(&admin->current->socket, conf);
	is_new = wanted && !admin->keeps;
	admin->next = is_new ? open_endpoint(admin, conf, replace) : NULL;
	return is_new && admin->next == NULL ? -1 : 0;
}

void admin_commit(struct admin *admin)
{
	static const struct timeval interval = {.tv_sec = TICK_MS / 1000};

	if (admin->keeps)
		return;
	close_endpoint(admin->current);
	admin->current = admin->next;
	admin->next = NULL;
	if (admin->current == NULL) {
		event_del(admin->tick);
		return;
	}
	/* Without memory for it there are no rates. */
	if (!event_pending(admin->tick, EV_TIMEOUT, NULL)) {
		rates_sample(admin->rates, &admin->serving->roster, clock_now_ms());
		(void)event_add(admin->tick, &interval);
	}
}

void admin_undo(struct admin *admin)
{
	close_endpoint(admin->next);
	admin->next = NULL;
	admin->keeps = false;
}

int admin_share(struct admin *admin)
{
	return admin->current != NULL ? admin_socket_share(&admin->current->socket) : 0;
}

void admin_close(struct admin *admin)
{
	close_endpoint(admin->current);
	admin->current = NULL;
	event_del(admin->tick);
}

/* ---- life ---- */

struct admin *admin_new(struct event_base *base, const struct serving *serving)
{
	struct admin *admin = calloc(1, sizeof(*admin));

	if (admin == NULL)
		return NULL;
	admin->base = base;
	admin->serving = serving;
	admin->rates = rates_new();
	admin->facts = (struct facts){
	    .serving = serving,
	    .rates = admin->rates,
	    .started = time(NULL),
	    .started_ms = clock_now_ms(),
	};
	admin->desk = admin_desk_new(base, &admin->facts);
	admin->tick = event_new(base, -1, EV_PERSIST, on_tick, admin);
	if (admin->rates == NULL || admin->desk == NULL || admin->tick == NULL) {
		admin_free(admin);
		return NULL;
	}
	return admin;
}

void admin_free(struct admin *admin)
{
	if (admin == NULL)
		return;
	close_endpoint(admin->next);
	close_endpoint(admin->current);
	admin_desk_free(admin->desk);
	rates_free(admin->rates);
	if (admin->tick != NULL)
		event_free(admin->tick);
	free(admin);
}
