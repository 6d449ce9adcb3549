/* SPDX-License-Identifier: BSD-2-Clause */
/* One UDP listener in one worker. */
#include "udp/udp_listener.h"

#include <stdlib.h>

#include "base/clock.h"
#include "net/sock.h"
#include "udp/carry_round.h"
#include "udp/flow_carry.h"
#include "udp/flow_down.h"
#include "udp/flow_life.h"
#include "udp/flow_room.h"
#include "udp/flow_transfer.h"
#include "udp/flow_up.h"
#include "udp/intake.h"
#include "udp/udp_sockets.h"

/* How soon reading is tried again when memory was out for it. */
#define RETRY_MS 100

/* Flows that end in one pass of the loop, so that many that end at once hold up nobody. */
#define EXPIRE_MAX 256

_Static_assert(offsetof(struct udp_listener, common) == 0, "udp_listener_of() relies on it");

static struct udp_listener *udp_listener_of(struct listener *common)
{
	return (struct udp_listener *)(void *)common;
}

static struct udp_listener *listener_of_group(struct flow_group *group)
{
	return (struct udp_listener *)(void *)((char *)group -
					       offsetof(struct udp_listener, group));
}

/* ---- the idle timer ---- */

static void arm_expiry(struct udp_listener *listener, int64_t delay_ms)
{
	const struct timeval delay = clock_timeval(delay_ms);

	(void)evtimer_add(listener->expiry, &delay);
}

/* The timer runs while there is a flow. */
static void watch_idle(struct udp_listener *listener)
{
	uint32_t limit_ms = listener->group.service->conf->close_after_ms;

	if (!listener->group.paused && limit_ms != 0 && listener->group.table.count > 0 &&
	    !evtimer_pending(listener->expiry, NULL))
		arm_expiry(listener, limit_ms);
}

/* ---- in ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *socket = arg;
	struct udp_context *context = socket->group->context;
	struct intake intake;
	int got;

	(void)what;
	/* One batch, then the others have their turn: the loop comes back while there is more. */
	got = udp_context_receive(context, fd, 0, UDP_CONTEXT_MESSAGES, true);
	if (got <= 0)
		return;
	intake_begin(&intake, socket, clock_now_ms());
	for (int i = 0; i < got; i++) {
		struct msghdr *message = &context->in[i].msg_hdr;

		intake_message(&intake, message, context->in[i].msg_len);
	}
	flow_up_send(socket->group);
	carry_round_give(socket->group, intake.now_ms);
	flow_group_publish(socket->group);
	watch_idle(listener_of_group(socket->group));
}

static void handle_room(struct listener *common)
{
	struct udp_listener *listener = udp_listener_of(common);

	/* It stays asked for. */
	if (listener->group.paused)
		return;
	flow_room_make(&listener->group);
	flow_room_take_waiting(&listener->group);
	carry_round_give(&listener->group, clock_now_ms());
	flow_group_publish(&listener->group);
	watch_idle(listener);
}

/* ---- out ---- */

static void on_flows(evutil_socket_t fd, short what, void *arg)
{
	struct udp_listener *listener = arg;
	struct udp_context *context = listener->group.context;
	int64_t now = clock_now_ms();
	size_t used = 0;
	int count;

	(void)what;
	/* No flow ends in here, so the events' pointers hold. */
	count = epoll_wait(fd, context->events, UDP_CONTEXT_MESSAGES, 0);
	for (int i = 0; i < count; i++)
		flow_down_read(context->events[i].data.ptr, context->events[i].events, &used, now);
	flow_down_flush(&listener->group);
	flow_group_note_joining(&listener->group);
	flow_group_publish(&listener->group);
}

/* ---- pausing ---- */

/* Returns 0, or -1 when memory is out for some of it. */
static int start_reading(struct udp_listener *listener)
{
	struct flow_group *group = &listener->group;
	int result = event_add(group->flows_readable, NULL);

	return udp_sockets_watch(group) < 0 ? -1 : result;
}

static void pause(struct listener *common)
{
	struct udp_listener *listener = udp_listener_of(common);
	struct flow_group *group = &listener->group;

	if (group->paused)
		return;
	flow_room_settle_waiting(group);
	group->paused = true;
	udp_sockets_unwatch(group);
	event_del(group->flows_readable);
	evtimer_del(listener->expiry);
}

static void resume(struct listener *common)
{
	struct udp_listener *listener = udp_listener_of(common);
	struct flow_group *group = &listener->group;

	if (!group->paused)
		return;
	group->paused = false;
	flow_transfer_undo(group);
	listener->unread = start_reading(listener) < 0;
	arm_expiry(listener, listener->unread ? RETRY_MS : 0);
	carry_round_resume(group);
	handle_room(common);
}

static bool give(struct listener *common, struct flow_batch *batch)
{
	return flow_transfer_give(&udp_listener_of(common)->group, batch);
}

static bool let_go(struct listener *common)
{
	return flow_transfer_let_go(&udp_listener_of(common)->group);
}

static bool has(const struct listener *common, const struct addr *address)
{
	const struct udp_listener *listener = (const void *)common;

	return flow_group_find_socket(&listener->group, address) != NULL;
}

static void take(struct listener *common, const uint8_t *record, size_t len, int fd)
{
	flow_transfer_take(&udp_listener_of(common)->group, record, len, fd);
}

/* ---- idle ---- */

static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct udp_listener *listener = arg;
	int64_t limit_ms = listener->group.service->conf->close_after_ms;
	int64_t now = clock_now_ms();
	struct flow_links *oldest;

	(void)fd;
	(void)what;
	if (listener->unread) {
		listener->unread = start_reading(listener) < 0;
		if (listener->unread) {
			arm_expiry(listener, RETRY_MS);
			return;
		}
	}
	for (int i = 0; i < EXPIRE_MAX && limit_ms != 0; i++) {
		oldest = flow_carry_oldest(&listener->group, now);
		if (oldest == NULL || now - oldest->active_ms < limit_ms)
			break;
		flow_life_end(flow_of(oldest), REASON_IDLE_TIMEOUT);
	}
	flow_group_publish(&listener->group);
	oldest = flow_table_oldest(&listener->group.table);
	if (oldest != NULL && limit_ms != 0) {
		int64_t left_ms = limit_ms - (now - oldest->active_ms);

		arm_expiry(listener, left_ms > 0 ? left_ms : 0);
	} else if (oldest == NULL && listener->common.on_idle != NULL) {
		listener->common.on_idle(listener->common.on_idle_arg);
	}
}

/* ---- configuration ---- */

static int configure(struct listener *common, const struct listener_setup *setup)
{
	struct udp_listener *listener = udp_listener_of(common);
	struct flow_group *group = &listener->group;

	if (udp_sockets_apply(&listener->sockets_owner, setup) < 0)
		return -1;
	(void)service_ref(setup->service);
	service_unref(common->service);
	common->service = setup->service;
	group->service = setup->service;
	group->draining = false;
	/* Whom the service as it was refused. */
	refused_clients_fini(&group->refused);
	/* Their load balancers may not be allowed any more. */
	carry_round_take_back(group);
	/* The limit may be a nearer one now. */
	if (group->table.count > 0 && !group->paused)
		arm_expiry(listener, 0);
	return 0;
}

/* ---- flows ---- */

static void close_all(struct listener *common, enum close_reason reason)
{
	struct udp_listener *listener = udp_listener_of(common);
	struct flow_links *oldest;

	while ((oldest = flow_table_oldest(&listener->group.table)) != NULL)
		flow_life_end(flow_of(oldest), reason);
}

static bool is_idle(const struct listener *common)
{
	const struct udp_listener *listener = (const void *)common;

	return listener->group.table.count == 0;
}

static bool visit(struct listener *common, bool restart, size_t max, listener_visitor visitor,
		  void *arg)
{
	struct flow_group *group = &udp_listener_of(common)->group;

	/* They may be another process's any moment. */
	if (group->paused)
		return false;
	for (size_t i = 0; i < max; i++) {
		struct flow_links *links = flow_table_visit(&group->table, restart && i == 0);
		struct listener_view view;
		enum close_reason reason;
		struct addr peer;

		if (links == NULL)
			break;
		flow_carry_look(flow_of(links), clock_now_ms());
		flow_describe(flow_of(links), &view, &peer);
		view.carried = flow_carry_is_on(flow_of(links));
		reason = visitor(&view, arg);
		if (reason != REASON_COUNT)
			flow_life_end(flow_of(links), reason);
	}
	if (group->table.count == 0 && common->on_idle != NULL)
		common->on_idle(common->on_idle_arg);
	return group->table.to_visit != NULL;
}

/* ---- life ---- */

static void drain(struct listener *common)
{
	struct flow_group *group = &udp_listener_of(common)->group;

	group->draining = true;
	carry_round_take_back(group);
}

static void free_listener(struct listener *common)
{
	struct udp_listener *listener = udp_listener_of(common);
	struct flow_group *group = &listener->group;

	close_all(common, REASON_SHUTDOWN);
	udp_sockets_clear(&listener->sockets_owner);
	if (group->flows_readable != NULL)
		event_free(group->flows_readable);
	if (listener->expiry != NULL)
		event_free(listener->expiry);
	carry_round_fini(group);
	sock_close(group->epoll_fd);
	flow_table_fini(&group->table);
	deferred_fini(&group->deferred);
	reply_sockets_fini(&group->reply_sockets);
	refused_clients_fini(&group->refused);
	flow_quota_leave(group->flows_slot);
	flow_quota_leave(group->descriptors_slot);
	socket_table_fini(&group->sockets);
	service_unref(common->service);
	free(listener);
}

static const struct listener_kind udp_kind = {
    .configure = configure,
    .drain = drain,
    .close_all = close_all,
    .is_idle = is_idle,
    .handle_room = handle_room,
    .visit = visit,
    .pause = pause,
    .resume = resume,
    .give = give,
    .let_go = let_go,
    .has = has,
    .take = take,
    .free = free_listener,
};

static int make_events(struct udp_listener *listener)
{
	struct flow_group *group = &listener->group;

	group->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	listener->expiry = evtimer_new(listener->base, on_expiry, listener);
	if (carry_round_init(group, listener->base) < 0)
		return -1;
	if (group->epoll_fd < 0 || listener->expiry == NULL)
		return -1;
	group->flows_readable =
	    event_new(listener->base, group->epoll_fd, EV_READ | EV_PERSIST, on_flows, listener);
	if (group->flows_readable == NULL)
		return -1;
	return event_add(group->flows_readable, NULL);
}

struct udp_listener *udp_listener_new(struct event_base *base, struct service *service,
				      struct ledger_stats *stats, struct flow_registry *registry,
				      struct udp_context *context, flow_quota_wake wake,
				      void *wake_arg)
{
	struct udp_listener *listener = calloc(1, sizeof(*listener));
	struct flow_group *group;

	if (listener == NULL)
		return NULL;
	listener->common.kind = &udp_kind;
	listener->common.service = service_ref(service);
	listener->common.stats = &stats->stats;
	listener->common.header_errors = stats->header_errors;
	listener->base = base;
	group = &listener->group;
	listener->sockets_owner =
	    (struct udp_sockets_owner){.group = group, .base = base, .on_readable = on_readable};
	group->service = service;
	group->stats = &stats->stats;
	group->header_errors = stats->header_errors;
	group->registry = registry;
	group->context = context;
	group->epoll_fd = -1;
	group->join_max = OUTBOX_JOIN_ALL;
	group->joins_replies = true;
	flow_table_init(&group->table);
	deferred_init(&group->deferred);
	reply_sockets_init(&group->reply_sockets, base, flow_down_on_writable,
			   &registry->descriptors);
	group->flows_slot = flow_quota_join(&service->ledger->quota, wake, wake_arg);
	group->descriptors_slot = flow_quota_join(&registry->quota, wake, wake_arg);
	if (group->flows_slot == NULL || group->descriptors_slot == NULL ||
	    make_events(listener) < 0) {
		free_listener(&listener->common);
		return NULL;
	}
	return listener;
}
