/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread with its event base, listeners and sessions. */
#include "worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "net/sock.h"
#include "tcp/tcp_listener.h"
#include "udp/udp_listener.h"

/* One block's listener: one of the two. */
struct worker_listener {
	struct tcp_listener *tcp;
	struct udp_listener *udp;
};

struct worker {
	struct event_base *base;
	struct mailbox mailbox;
	struct mailbox *notify;
	unsigned drained_message;
	struct worker_listener *listeners; /* in the order of the configuration */
	size_t listeners_count;
	struct reset_list resets;
	struct relay_context relays;
	struct flow_registry *flows;   /* of the process */
	struct udp_context *datagrams; /* NULL until there is a UDP listener */
	pthread_t thread;
	bool running;
	bool draining;
	bool stopping;
	atomic_bool drained;
};

static bool is_idle(const struct worker_listener *listener)
{
	if (listener->udp != NULL)
		return listener->udp->group.table.count == 0;
	return LIST_EMPTY(&listener->tcp->sessions);
}

static void check_drained(void *arg)
{
	struct worker *worker = arg;

	if (worker->stopping && reset_list_is_empty(&worker->resets))
		event_base_loopbreak(worker->base);
	if (!worker->draining || worker->drained || !reset_list_is_empty(&worker->resets))
		return;
	for (size_t i = 0; i < worker->listeners_count; i++)
		if (!is_idle(&worker->listeners[i]))
			return;
	worker->drained = true;
	mailbox_post(worker->notify, worker->drained_message);
}

static void drain(struct worker *worker)
{
	worker->draining = true;
	for (size_t i = 0; i < worker->listeners_count; i++) {
		if (worker->listeners[i].udp != NULL)
			udp_listener_drain(worker->listeners[i].udp);
		else
			tcp_listener_stop(worker->listeners[i].tcp);
	}
}

static void close_sessions(struct worker *worker)
{
	drain(worker);
	for (size_t i = 0; i < worker->listeners_count; i++) {
		if (worker->listeners[i].udp != NULL)
			udp_listener_close_flows(worker->listeners[i].udp, REASON_SHUTDOWN);
		else
			tcp_listener_close_sessions(worker->listeners[i].tcp, REASON_SHUTDOWN);
	}
	/* Here and not when the worker is freed, so that all wait for answers side by side. */
	reset_list_stop(&worker->resets);
}

static void on_message(unsigned message, void *arg)
{
	struct worker *worker = arg;

	switch ((enum worker_message)message) {
	case WORKER_DRAIN:
		drain(worker);
		check_drained(worker);
		break;
	case WORKER_CLOSE:
		close_sessions(worker);
		check_drained(worker);
		break;
	case WORKER_FLOW_ROOM:
		for (size_t i = 0; i < worker->listeners_count; i++)
			if (worker->listeners[i].udp != NULL)
				udp_listener_handle_room(worker->listeners[i].udp);
		break;
	case WORKER_STOP:
		close_sessions(worker);
		worker->stopping = true;
		check_drained(worker);
		break;
	}
}

static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config == NULL)
		return NULL;
	/* One thread a base; other threads use the mailbox. */
	if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
		base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

static void *run(void *arg)
{
	struct worker *worker = arg;

	(void)event_base_dispatch(worker->base);
	return NULL;
}

struct worker *worker_new(struct flow_registry *flows, struct mailbox *notify,
			  unsigned drained_message)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	worker->flows = flows;
	worker->notify = notify;
	worker->drained_message = drained_message;
	worker->mailbox.fd = -1;
	worker->base = new_base();
	if (worker->base == NULL) {
		free(worker);
		return NULL;
	}
	reset_list_init(&worker->resets, worker->base, RESET_HELD_MAX, check_drained, worker);
	if (relay_context_init(&worker->relays, worker->base) < 0) {
		event_base_free(worker->base);
		free(worker);
		return NULL;
	}
	if (mailbox_init(&worker->mailbox, worker->base, on_message, worker) < 0) {
		worker_free(worker);
		return NULL;
	}
	return worker;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	for (size_t i = 0; i < worker->listeners_count; i++) {
		tcp_listener_free(worker->listeners[i].tcp);
		udp_listener_free(worker->listeners[i].udp);
	}
	free(worker->listeners);
	udp_context_free(worker->datagrams);
	reset_list_fini(&worker->resets);
	relay_context_fini(&worker->relays);
	mailbox_fini(&worker->mailbox);
	event_base_free(worker->base);
	free(worker);
}

static struct tcp_listener *new_tcp(struct worker *worker, struct service *service, const int *fds,
				    size_t count)
{
	struct tcp_listener *tcp =
	    tcp_listener_new(worker->base, service, &worker->resets, &worker->relays, fds, count);

	if (tcp == NULL)
		return NULL;
	tcp->on_idle = check_drained;
	tcp->on_idle_arg = worker;
	return tcp;
}

/* Another worker wants something of this one's flows. Any thread. */
static void wake(void *arg)
{
	struct worker *worker = arg;

	mailbox_post(&worker->mailbox, WORKER_FLOW_ROOM);
}

static struct udp_listener *new_udp(struct worker *worker, struct service *service, const int *fds,
				    size_t count)
{
	struct udp_listener *udp;

	if (worker->datagrams == NULL)
		worker->datagrams = udp_context_new();
	if (worker->datagrams == NULL) {
		for (size_t i = 0; i < count; i++)
			sock_close(fds[i]);
		return NULL;
	}
	udp = udp_listener_new(worker->base, service, worker->flows, worker->datagrams, wake,
			       worker, fds, count);
	if (udp == NULL)
		return NULL;
	udp->on_idle = check_drained;
	udp->on_idle_arg = worker;
	return udp;
}

int worker_add_listener(struct worker *worker, struct service *service, const int *fds,
			size_t count)
{
	struct worker_listener listener = {.tcp = NULL};
	struct worker_listener *grown;

	if (service->conf->protocol == CONF_PROTOCOL_UDP)
		listener.udp = new_udp(worker, service, fds, count);
	else
		listener.tcp = new_tcp(worker, service, fds, count);
	if (listener.tcp == NULL && listener.udp == NULL)
		return -1;
	grown = reallocarray(worker->listeners, worker->listeners_count + 1, sizeof(*grown));
	if (grown == NULL) {
		tcp_listener_free(listener.tcp);
		udp_listener_free(listener.udp);
		return -1;
	}
	worker->listeners = grown;
	worker->listeners[worker->listeners_count++] = listener;
	return 0;
}

int worker_start(struct worker *worker)
{
	sigset_t all;
	sigset_t before;
	int error;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		errno = error;
		return -1;
	}
	worker->running = true;
	return 0;
}

void worker_tell(struct worker *worker, enum worker_message message)
{
	mailbox_post(&worker->mailbox, message);
}

bool worker_is_drained(const struct worker *worker)
{
	return atomic_load(&worker->drained);
}

void worker_join(struct worker *worker)
{
	if (worker->running)
		pthread_join(worker->thread, NULL);
	worker->running = false;
}

void worker_stats(const struct worker *worker, size_t index, struct stats *sum)
{
	const struct worker_listener *listener = &worker->listeners[index];

	stats_sum(sum, listener->udp != NULL ? &listener->udp->group.stats : &listener->tcp->stats);
}

uint64_t worker_pipe_shortages(const struct worker *worker)
{
	return stats_get(&worker->relays.pipes.shortages);
}
