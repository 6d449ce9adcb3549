/* SPDX-License-Identifier: BSD-2-Clause */
/* One thread with its event base, listeners and sessions. */
#include "worker/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tcp/tcp_listener.h"
#include "udp/udp_listener.h"
#include "worker/lineup.h"

struct worker {
	size_t index;
	struct event_base *base;
	struct mailbox mailbox;
	struct mailbox *news;
	struct lineup lineup;
	struct event *sweep; /* listeners that have drained are freed then */
	struct visits visits;
	struct reset_list resets;
	struct relay_context relays;
	struct flow_registry *flows;   /* of the process */
	struct udp_context *datagrams; /* NULL until there is a UDP listener */
	pthread_t thread;
	bool running;
	bool draining;
	bool stopping;
	atomic_bool released;
	atomic_bool drained;
	atomic_bool left;
	atomic_uint_fast64_t beats;
};

/* ---- draining ---- */

static void check_drained(struct worker *worker)
{
	bool held = !reset_list_is_empty(&worker->resets);

	if (worker->stopping && !held)
		event_base_loopbreak(worker->base);
	if (!worker->draining || worker->drained || held || !lineup_is_idle(&worker->lineup))
		return;
	worker->drained = true;
	mailbox_signal(worker->news, WORKER_IS_DRAINED);
}

static void on_resets_empty(void *arg)
{
	check_drained(arg);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;

	(void)fd;
	(void)what;
	lineup_free_drained(&worker->lineup);
	check_drained(worker);
}

/* A listener is not to be freed in a callback of its own. */
static void on_idle(void *arg)
{
	struct worker *worker = arg;

	event_active(worker->sweep, EV_TIMEOUT, 0);
}

static void drain(struct worker *worker)
{
	worker->draining = true;
	lineup_drain(&worker->lineup);
	worker->released = true;
	mailbox_signal(worker->news, WORKER_HAS_RELEASED);
}

static void close_sessions(struct worker *worker)
{
	drain(worker);
	lineup_close_all(&worker->lineup, REASON_SHUTDOWN);
	/* Here and not when the worker is freed, so that all wait for answers side by side. */
	reset_list_stop(&worker->resets);
}

/* Without sockets there is nothing to make, and no memory to be out of. */
static void leave(struct worker *worker)
{
	worker->draining = true;
	(void)!lineup_apply(&worker->lineup, NULL, 0, NULL, NULL);
	worker->released = true;
	check_drained(worker);
	worker->left = true;
	mailbox_signal(worker->news, WORKER_HAS_RELEASED | WORKER_HAS_LEFT);
	event_base_loopbreak(worker->base);
}

static void on_signal(unsigned signal, void *arg)
{
	struct worker *worker = arg;

	switch ((enum worker_signal)signal) {
	case WORKER_DRAIN:
		drain(worker);
		check_drained(worker);
		break;
	case WORKER_CLOSE:
		close_sessions(worker);
		check_drained(worker);
		break;
	case WORKER_FLOW_ROOM:
		lineup_handle_room(&worker->lineup);
		break;
	case WORKER_BEGIN:
		lineup_resume(&worker->lineup);
		break;
	case WORKER_STOP:
		close_sessions(worker);
		worker->stopping = true;
		check_drained(worker);
		break;
	case WORKER_PING:
		stats_add(&worker->beats, 1);
		break;
	case WORKER_LEAVE:
		leave(worker);
		break;
	}
}

/* ---- plans ---- */

/* Another worker wants something of this one's flows. Any thread. */
static void wake(void *arg)
{
	struct worker *worker = arg;

	mailbox_signal(&worker->mailbox, WORKER_FLOW_ROOM);
}

static struct listener *new_udp(struct worker *worker, struct service *service,
				struct ledger_stats *stats)
{
	struct udp_listener *udp;

	if (worker->datagrams == NULL)
		worker->datagrams = udp_context_new();
	if (worker->datagrams == NULL)
		return NULL;
	udp = udp_listener_new(worker->base, service, stats, worker->flows, worker->datagrams, wake,
			       worker);
	return udp != NULL ? &udp->common : NULL;
}

static struct listener *new_tcp(struct worker *worker, struct service *service,
				struct ledger_stats *stats)
{
	struct tcp_listener *tcp =
	    tcp_listener_new(worker->base, service, stats, &worker->resets, &worker->relays);

	return tcp != NULL ? &tcp->common : NULL;
}

static struct listener *new_listener(struct service *service, void *arg)
{
	struct worker *worker = arg;
	struct ledger_stats *stats = ledger_stats(service->ledger, worker->index);
	bool udp = service->conf->protocol == CONF_PROTOCOL_UDP;
	struct listener *listener =
	    udp ? new_udp(worker, service, stats) : new_tcp(worker, service, stats);

	if (listener == NULL)
		return NULL;
	listener->on_idle = on_idle;
	listener->on_idle_arg = worker;
	return listener;
}

int worker_configure(struct worker *worker, struct worker_plan *plan)
{
	plan->result =
	    lineup_apply(&worker->lineup, plan->setups, plan->setups_count, new_listener, worker);
	return plan->result;
}

static void on_plan(struct mail *mail, void *arg)
{
	struct worker_plan *plan = (struct worker_plan *)(void *)mail;
	struct worker *worker = arg;

	/* One that was overtaken by a drain would open what that has closed. */
	if (!worker->draining)
		(void)!worker_configure(worker, plan);
	mail->open = plan->done;
	mailbox_send(worker->news, mail);
}

void worker_send_plan(struct worker *worker, struct worker_plan *plan)
{
	plan->mail.open = on_plan;
	mailbox_send(&worker->mailbox, &plan->mail);
}

static void on_visit(struct mail *mail, void *arg)
{
	struct worker *worker = arg;

	visits_add(&worker->visits, (struct visit *)(void *)mail);
}

void worker_send_visit(struct worker *worker, struct visit *visit)
{
	visit->mail.open = on_visit;
	mailbox_send(&worker->mailbox, &visit->mail);
}

static void on_call(struct mail *mail, void *arg)
{
	const struct worker *worker = arg;

	mail->open = ((struct worker_call *)(void *)mail)->done;
	mailbox_send(worker->news, mail);
}

void worker_send_call(struct worker *worker, struct worker_call *call)
{
	call->mail.open = on_call;
	mailbox_send(&worker->mailbox, &call->mail);
}

/* ---- flows that change the process ---- */

void worker_wait(struct worker *worker)
{
	lineup_pause(&worker->lineup);
}

void worker_take_flows(struct worker *worker, const struct flow_batch *batch)
{
	lineup_take_flows(&worker->lineup, batch);
}

static void on_flows(struct mail *mail, void *arg)
{
	struct worker_flows *flows = (struct worker_flows *)(void *)mail;
	struct worker *worker = arg;

	switch (flows->step) {
	case WORKER_FLOWS_PAUSE:
		lineup_pause_flows(&worker->lineup);
		break;
	case WORKER_FLOWS_GIVE:
		flows->more = lineup_give_flows(&worker->lineup, flows->batch);
		break;
	case WORKER_FLOWS_LET_GO:
		flows->more = lineup_let_flows_go(&worker->lineup);
		break;
	case WORKER_FLOWS_RESUME:
		lineup_resume(&worker->lineup);
		break;
	}
	mail->open = flows->done;
	mailbox_send(worker->news, mail);
}

void worker_send_flows(struct worker *worker, struct worker_flows *flows)
{
	flows->mail.open = on_flows;
	mailbox_send(&worker->mailbox, &flows->mail);
}

/* ---- life ---- */

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

struct worker *worker_new(size_t index, struct flow_registry *flows, struct mailbox *news)
{
	struct worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL)
		return NULL;
	worker->index = index;
	worker->flows = flows;
	worker->news = news;
	worker->mailbox.fd = -1;
	worker->base = new_base();
	if (worker->base == NULL) {
		free(worker);
		return NULL;
	}
	reset_list_init(&worker->resets, worker->base, RESET_HELD_MAX, on_resets_empty, worker);
	if (relay_context_init(&worker->relays, worker->base) < 0) {
		event_base_free(worker->base);
		free(worker);
		return NULL;
	}
	worker->sweep = evtimer_new(worker->base, on_sweep, worker);
	if (worker->sweep == NULL ||
	    visits_init(&worker->visits, worker->base, &worker->lineup, news) < 0 ||
	    mailbox_init(&worker->mailbox, worker->base, on_signal, worker) < 0) {
		worker_free(worker);
		return NULL;
	}
	return worker;
}

void worker_free(struct worker *worker)
{
	if (worker == NULL)
		return;
	lineup_fini(&worker->lineup);
	udp_context_free(worker->datagrams);
	reset_list_fini(&worker->resets);
	relay_context_fini(&worker->relays);
	if (worker->sweep != NULL)
		event_free(worker->sweep);
	visits_fini(&worker->visits);
	mailbox_fini(&worker->mailbox);
	event_base_free(worker->base);
	free(worker);
}

void worker_share(struct worker *worker)
{
	worker->relays.poll.shared = true;
}

int worker_start(struct worker *worker)
{
	sigset_t all;
	sigset_t before;
	int error;

	worker->left = false;
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

void worker_tell(struct worker *worker, enum worker_signal signal)
{
	mailbox_signal(&worker->mailbox, signal);
}

bool worker_has_released(const struct worker *worker)
{
	return atomic_load(&worker->released);
}

bool worker_is_drained(const struct worker *worker)
{
	return atomic_load(&worker->drained);
}

bool worker_has_left(const struct worker *worker)
{
	return atomic_load(&worker->left);
}

uint64_t worker_beats(const struct worker *worker)
{
	return stats_get(&worker->beats);
}

void worker_join(struct worker *worker)
{
	if (worker->running)
		pthread_join(worker->thread, NULL);
	worker->running = false;
}

uint64_t worker_pipe_shortages(const struct worker *worker)
{
	return stats_get(&worker->relays.pipes.shortages);
}
