/* SPDX-License-Identifier: BSD-2-Clause */
/* Upgrading to the program on disk. */
#include "daemon/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/upgrade_sockets.h"

/* A successor has this long to read its configuration and to say HELLO. */
#define START_MS 30000

/*
 * And this long for each answer from then on. UDP waits meanwhile, so it is short; but a process
 * may have to wait for its turn on a busy machine.
 */
#define ANSWER_MS 10000

static const char no_answer[] = "it did not answer for 10 s";

/* A successor that closes its socket has this long to end, which says more. */
#define END_MS 2000

/* ---- failing ---- */

/* Everything is as before once the successor has ended and the workers read again. */
static void check_undone(struct upgrade *upgrade)
{
	if (upgrade->state != UPGRADE_FAILING || upgrade->alive || upgrade->flows.away > 0)
		return;
	upgrade_talk_close(&upgrade->talk);
	upgrade_flows_fini(&upgrade->flows);
	serving_undo_pass_on(upgrade->serving);
	upgrade->serving->passing_on = false;
	upgrade->state = UPGRADE_NONE;
	upgrade->owner.on_end(0, upgrade->owner.arg);
}

static void fail(struct upgrade *upgrade, const char *reason)
{
	if (upgrade->state == UPGRADE_FAILING)
		return;
	log_msg(LOG_LEVEL_ERROR, "SIGUSR2: not upgraded, this process goes on: %s: %s",
		upgrade->program, reason);
	upgrade->state = UPGRADE_FAILING;
	upgrade_talk_expect_nothing(&upgrade->talk);
	/* Not closed before it has ended: it would take that for this process's end. */
	upgrade_talk_stop(&upgrade->talk);
	if (upgrade->alive)
		upgrade_launcher_kill(&upgrade->launcher);
	upgrade_flows_resume(&upgrade->flows);
	check_undone(upgrade);
}

static void fail_for(struct upgrade *upgrade, const char *what, int error)
{
	char text[256];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	fail(upgrade, text);
}

/* It has closed its socket. How it ends says why. */
static void await_end(struct upgrade *upgrade)
{
	upgrade_talk_await_end(&upgrade->talk, END_MS, "it closed its socket before it was ready");
}

static void on_unsaid(struct upgrade *upgrade)
{
	if (errno == EPIPE || errno == ECONNRESET)
		await_end(upgrade);
	else
		fail_for(upgrade, "cannot speak with it", errno);
}

/* ---- leaving ---- */

static void on_all_passed_on(void *arg)
{
	struct upgrade *upgrade = arg;

	/* Flows of addresses that the successor does not have. */
	upgrade->state = UPGRADE_DONE;
	upgrade_flows_resume(&upgrade->flows);
}

static void on_let_go(struct upgrade *upgrade)
{
	serving_pass_on(upgrade->serving, on_all_passed_on, upgrade);
}

/* From here on nothing fails. */
static void leave(struct upgrade *upgrade)
{
	bool reload;

	upgrade_talk_expect_nothing(&upgrade->talk);
	event_del(upgrade->launched);
	/* Then the successor is a child of the one who is told of it next. */
	upgrade_launcher_fini(&upgrade->launcher);
	reload = upgrade->owner.on_ready(upgrade->successor, upgrade->owner.arg);
	if (handover_say(upgrade->talk.fd, HANDOVER_GO, reload) < 0) {
		upgrade->alive = false;
		fail_for(upgrade, "it ended before it began", errno);
		return;
	}
	upgrade->state = UPGRADE_LEAVING;
	log_msg(LOG_LEVEL_INFO,
		"upgraded: process %d serves from now on, with %zu flows of this one; open "
		"connections stay here until they end",
		(int)upgrade->successor, upgrade->flows.given);
	upgrade_talk_close(&upgrade->talk);
	upgrade_flows_let_go(&upgrade->flows);
}

/* ---- giving ---- */

static void send_batch(struct upgrade *upgrade)
{
	const struct flow_batch *batch = &upgrade->flows.batch;
	const struct handover_head head = {.kind = HANDOVER_FLOWS,
					   .number = (uint32_t)upgrade->flows.worker};

	if (handover_send(upgrade->talk.fd, &head, batch->bytes, batch->len, batch->fds,
			  batch->count) < 0) {
		on_unsaid(upgrade);
		return;
	}
	upgrade->batch_sent = true;
	upgrade->flows.given += batch->count;
	upgrade_talk_expect(&upgrade->talk, ANSWER_MS, no_answer);
}

static void give(struct upgrade *upgrade)
{
	upgrade->batch_sent = false;
	if (upgrade_flows_give(&upgrade->flows))
		return;
	upgrade->state = UPGRADE_ASKING;
	if (handover_send_denied(upgrade->talk.fd, upgrade->serving->denied) < 0 ||
	    handover_say(upgrade->talk.fd, HANDOVER_END, 0) < 0)
		on_unsaid(upgrade);
	else
		upgrade_talk_expect(&upgrade->talk, ANSWER_MS, no_answer);
}

static void on_step(void *arg)
{
	struct upgrade *upgrade = arg;

	switch (upgrade->state) {
	case UPGRADE_GIVING:
		/* Nothing to give is no message. */
		if (upgrade->flows.batch.count > 0)
			send_batch(upgrade);
		else
			give(upgrade);
		break;
	case UPGRADE_LEAVING:
		on_let_go(upgrade);
		break;
	case UPGRADE_FAILING:
		check_undone(upgrade);
		break;
	case UPGRADE_DONE:
		upgrade_flows_fini(&upgrade->flows);
		upgrade->owner.on_end(upgrade->successor, upgrade->owner.arg);
		break;
	default:
		break;
	}
}

/* ---- what the successor says ---- */

static void on_hello(struct upgrade *upgrade, const struct handover_message *message)
{
	if (message->head.number != HANDOVER_VERSION) {
		fail(upgrade,
		     "it takes over in another way than this version gives; restart instead");
		return;
	}
	upgrade->state = UPGRADE_GIVING;
	upgrade_talk_expect(&upgrade->talk, ANSWER_MS, no_answer);
	if (serving_prepare_pass_on(upgrade->serving) < 0 ||
	    upgrade_flows_pause(&upgrade->flows) < 0)
		fail(upgrade, "memory is out");
}

static void on_refused(struct upgrade *upgrade, const struct handover_message *message)
{
	snprintf(upgrade->reason, sizeof(upgrade->reason), "%.*s", (int)message->len,
		 (const char *)message->bytes);
	for (char *at = upgrade->reason; *at != '\0'; at++)
		if (*at == '\n')
			*at = ' ';
}

/* Its descriptors are closed: it has none to give. */
static void on_message(const struct handover_message *message, void *arg)
{
	struct upgrade *upgrade = arg;
	enum handover_kind kind = (enum handover_kind)message->head.kind;

	if (kind == HANDOVER_REFUSED)
		on_refused(upgrade, message);
	else if (kind == HANDOVER_ADDRESSES && upgrade->state == UPGRADE_STARTING)
		upgrade_sockets_mark(&upgrade->serving->room, message);
	else if (kind == HANDOVER_HELLO && upgrade->state == UPGRADE_STARTING)
		on_hello(upgrade, message);
	else if (kind == HANDOVER_TAKEN && upgrade->batch_sent)
		give(upgrade);
	else if (kind == HANDOVER_READY && upgrade->state == UPGRADE_ASKING)
		leave(upgrade);
	else
		fail(upgrade, "it says what this version does not understand");
}

static void on_silence(const char *reason, void *arg)
{
	fail(arg, reason);
}

static void on_gone(int error, void *arg)
{
	if (error != 0)
		fail_for(arg, "cannot hear it", error);
	else
		await_end(arg);
}

/* ---- what the launcher says ---- */

static void on_ended(struct upgrade *upgrade, int status)
{
	char text[64];

	/* Its last words may not have been heard yet. */
	if (upgrade->state != UPGRADE_FAILING)
		upgrade_talk_hear(&upgrade->talk);
	upgrade->alive = false;
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "it was ended by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "it ended with exit code %d", WEXITSTATUS(status));
	fail(upgrade, upgrade->reason[0] != '\0' ? upgrade->reason : text);
	check_undone(upgrade);
}

static void on_launched(evutil_socket_t fd, short what, void *arg)
{
	struct upgrade *upgrade = arg;
	int value = 0;

	(void)fd;
	(void)what;
	switch (upgrade_launcher_hear(&upgrade->launcher, &value)) {
	case UPGRADE_LAUNCHER_NOTHING:
		break;
	case UPGRADE_LAUNCHER_STARTED:
		upgrade->successor = value;
		break;
	case UPGRADE_LAUNCHER_FAILED:
		snprintf(upgrade->reason, sizeof(upgrade->reason), "cannot run it: %s",
			 strerror(value));
		break;
	case UPGRADE_LAUNCHER_ENDED:
		on_ended(upgrade, value);
		break;
	case UPGRADE_LAUNCHER_GONE:
		event_del(upgrade->launched);
		upgrade_launcher_fini(&upgrade->launcher);
		upgrade->alive = false;
		if (upgrade->state != UPGRADE_NONE)
			fail(upgrade, "the process that starts it was ended");
		check_undone(upgrade);
		break;
	}
}

/* ---- starting ---- */

/* Returns 0, or -1 with errno; the launcher may have been told then. */
static int launch(struct upgrade *upgrade)
{
	int theirs = upgrade_talk_open(&upgrade->talk);
	int result;

	if (theirs < 0)
		return -1;
	result = upgrade_sockets_pass(&upgrade->launcher, &upgrade->serving->room);
	if (result == 0)
		result = upgrade_launcher_start(&upgrade->launcher, theirs);
	close(theirs);
	return result;
}

static bool refuse(const struct upgrade *upgrade)
{
	const char *why = NULL;

	if (upgrade->state == UPGRADE_DONE || upgrade->state == UPGRADE_LEAVING)
		why = "this process has been succeeded already";
	else if (upgrade->state != UPGRADE_NONE)
		why = "an upgrade is under way";
	else if (getpid() == 1)
		why = "this is process 1, with which all others would end";
	else if (upgrade->launcher.fd < 0)
		why = "the process that would start it is not there; restart instead";
	if (why != NULL)
		log_msg(LOG_LEVEL_WARN, "SIGUSR2: not upgraded: %s", why);
	return why != NULL;
}

bool upgrade_start(struct upgrade *upgrade)
{
	if (refuse(upgrade))
		return false;
	log_msg(LOG_LEVEL_INFO, "SIGUSR2: upgrading to %s", upgrade->program);
	upgrade->state = UPGRADE_STARTING;
	upgrade->serving->passing_on = true;
	upgrade->reason[0] = '\0';
	upgrade->successor = 0;
	upgrade->alive = true;
	upgrade->batch_sent = false;
	upgrade_flows_init(&upgrade->flows, upgrade->serving, on_step, upgrade);
	if (launch(upgrade) < 0) {
		upgrade->alive = false;
		upgrade_launcher_kill(&upgrade->launcher);
		fail_for(upgrade, "cannot start it", errno);
		return false;
	}
	upgrade_talk_expect(&upgrade->talk, START_MS, "it was not ready within 30 s");
	return true;
}

bool upgrade_is_under_way(const struct upgrade *upgrade)
{
	return upgrade->state != UPGRADE_NONE && upgrade->state != UPGRADE_FAILING &&
	       upgrade->state != UPGRADE_DONE;
}

void upgrade_cancel(struct upgrade *upgrade, const char *reason)
{
	if (upgrade_is_under_way(upgrade) && upgrade->state != UPGRADE_LEAVING)
		fail(upgrade, reason);
}

/* ---- life ---- */

void upgrade_prepare(struct upgrade *upgrade, char *const *argv)
{
	upgrade->program = upgrade_launcher_program();
	if (upgrade->program == NULL ||
	    upgrade_launcher_init(&upgrade->launcher, upgrade->program, argv) < 0) {
		log_msg(LOG_LEVEL_WARN, "there will be no upgrade by SIGUSR2: %s", strerror(errno));
		upgrade_launcher_fini(&upgrade->launcher);
	}
}

int upgrade_init(struct upgrade *upgrade, struct event_base *base, struct serving *serving,
		 const struct upgrade_owner *owner)
{
	static const struct upgrade_talk_ears ears = {
	    .on_message = on_message, .on_silence = on_silence, .on_gone = on_gone};

	upgrade->serving = serving;
	upgrade->owner = *owner;
	if (upgrade_talk_init(&upgrade->talk, base, &ears, upgrade) < 0)
		return -1;
	if (upgrade->launcher.fd < 0)
		return 0;
	upgrade->launched =
	    event_new(base, upgrade->launcher.fd, EV_READ | EV_PERSIST, on_launched, upgrade);
	if (upgrade->launched == NULL)
		return -1;
	return event_add(upgrade->launched, NULL);
}

void upgrade_forgo(struct upgrade *upgrade)
{
	if (upgrade->launched != NULL)
		event_del(upgrade->launched);
	upgrade_launcher_fini(&upgrade->launcher);
}

void upgrade_fini(struct upgrade *upgrade)
{
	if (upgrade->launched != NULL)
		event_free(upgrade->launched);
	upgrade->launched = NULL;
	upgrade_launcher_fini(&upgrade->launcher);
	upgrade_talk_fini(&upgrade->talk);
	upgrade_flows_fini(&upgrade->flows);
	free(upgrade->program);
}
