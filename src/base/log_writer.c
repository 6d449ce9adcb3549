/* SPDX-License-Identifier: BSD-2-Clause */
/* Who writes the log's lines. */
#include "base/log_writer.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log_queue.h"
#include "base/log_target.h"

/* Some 5,000 lines of connections: a second of the busiest log, in memory that nobody misses. */
#define QUEUE_SIZE (1 << 20)

/* How often it is tried to say what was left out. */
#define SAY_MS 1000

/*
 * After so many lines at once the thread pauses when it has written all there was: under load the
 * lines of a millisecond are written together, and those who log have nobody to wake. A line that
 * comes alone is written without delay.
 */
#define BUSY_LINES 4
#define PAUSE_MS   1

/* As tools show it; 15 characters are the most that Linux takes. */
#define THREAD_NAME "mmproxy-log"

/* What is between the lines and their target. One who writes at a time: the thread, or under
 * direct_lock. */
struct outlet {
	uint64_t unsaid;	  /* lines left out that no line has told of yet */
	size_t rest_start;	  /* in rest */
	size_t rest_len;	  /* of a line that the target has the beginning of */
	unsigned rest_generation; /* of the target that has it */
	char rest[LOG_LINE_MAX];
};

static struct outlet outlet;
static struct log_queue queue;
static struct log_batch batch; /* the thread's */
static pthread_t thread;
static atomic_bool is_running;
static bool is_stuck; /* the thread had to be cancelled */
static atomic_uint_fast64_t left_out;

static pthread_mutex_t direct_lock = PTHREAD_MUTEX_INITIALIZER;

/* How the thread tells that it is about to end. */
static pthread_mutex_t end_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_reached;
static bool has_ended;

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static void leave_out(uint64_t lines)
{
	outlet.unsaid += lines;
	atomic_fetch_add_explicit(&left_out, lines, memory_order_relaxed);
}

/* The target took no more than this of the lines: keep the rest of the one it has begun. */
static void keep_rest(const char *text, size_t done, size_t len)
{
	if (done > 0 && done < len && text[done - 1] != '\n') {
		const char *end = memchr(text + done, '\n', len - done);

		outlet.rest_len = (size_t)(end + 1 - (text + done));
		outlet.rest_start = 0;
		outlet.rest_generation = log_target_generation();
		memcpy(outlet.rest, text + done, outlet.rest_len);
		done += outlet.rest_len;
	}
	leave_out(count_lines(text + done, len - done));
}

/* Whether the target is at the beginning of a line. */
static bool write_rest(void)
{
	size_t done;

	if (outlet.rest_len == 0)
		return true;
	if (outlet.rest_generation != log_target_generation()) {
		/* Another file has no use for the second half. */
		outlet.rest_len = 0;
		leave_out(1);
		return true;
	}
	done = log_target_write(outlet.rest + outlet.rest_start, outlet.rest_len);
	outlet.rest_start += done;
	outlet.rest_len -= done;
	return outlet.rest_len == 0;
}

/* Several go to syslog where it has become the target behind log_queue_take(). */
static size_t write_lines(enum log_level level, const char *text, size_t len)
{
	size_t done = 0;

	if (!log_target_is_syslog())
		return log_target_write(text, len);
	while (done < len) {
		const char *start = text + done;
		const char *end = memchr(start, '\n', len - done);

		if (!log_target_syslog(level, start, (size_t)(end - start)))
			break;
		done += (size_t)(end + 1 - start);
	}
	return done;
}

/* Whether there is nothing to say any more. */
static bool say_left_out(void)
{
	struct log_line line;
	size_t done;

	if (outlet.unsaid == 0)
		return true;
	log_line_begin(&line, LOG_LEVEL_WARN);
	log_line_str(&line, "msg", "log lines were left out");
	log_line_u64(&line, "lines", outlet.unsaid);
	log_line_close(&line);
	done = write_lines(line.level, line.text, line.len);
	if (done == 0)
		return false;
	outlet.unsaid = 0;
	if (done < line.len)
		keep_rest(line.text, done, line.len);
	return outlet.rest_len == 0;
}

/* Lines to the target, or into the count. */
static void let_out(enum log_level level, const char *text, size_t len)
{
	size_t done = 0;

	if (write_rest() && say_left_out() && len > 0)
		done = write_lines(level, text, len);
	if (done < len)
		keep_rest(text, done, len);
}

static void pause_briefly(void)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

	nanosleep(&pause, NULL);
}

/* Says what is missing before the next lines, if only once nothing more comes. */
static void write_queue(void)
{
	bool busy;

	while (log_queue_take(&queue, &batch, log_target_is_syslog() ? 1 : SIZE_MAX,
			      outlet.unsaid > 0 || outlet.rest_len > 0 ? SAY_MS : -1)) {
		outlet.unsaid += batch.left_out;
		let_out(batch.level, batch.text, batch.len);
		busy = batch.lines >= BUSY_LINES;
		batch.lines = 0;
		if (busy && batch.is_last)
			pause_briefly();
	}
	let_out(LOG_LEVEL_WARN, NULL, 0);
}

static void *run(void *arg)
{
	int before;

	(void)arg;
	/* But where it waits for the target, see log_target_write(). */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	write_queue();
	pthread_mutex_lock(&end_lock);
	has_ended = true;
	pthread_cond_signal(&end_reached);
	pthread_mutex_unlock(&end_lock);
	return NULL;
}

static int start_thread(void)
{
	sigset_t all;
	sigset_t before;
	int error;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, run, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		(void)pthread_setname_np(thread, THREAD_NAME);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Whether the thread reaches its end in this time. */
static bool await_end(int ms)
{
	const struct timespec deadline = clock_deadline(ms);
	bool ended;

	pthread_mutex_lock(&end_lock);
	while (!has_ended && pthread_cond_timedwait(&end_reached, &end_lock, &deadline) == 0)
		;
	ended = has_ended;
	pthread_mutex_unlock(&end_lock);
	return ended;
}

/* What the thread was stuck with, and what is queued behind it. */
static void leave_out_queue(void)
{
	leave_out(batch.lines);
	while (log_queue_take(&queue, &batch, SIZE_MAX, 0))
		leave_out(batch.lines);
}

int log_writer_start(void)
{
	pthread_condattr_t attributes;

	if (log_queue_init(&queue, QUEUE_SIZE) < 0)
		return -1;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&end_reached, &attributes);
	pthread_condattr_destroy(&attributes);
	has_ended = false;
	batch.lines = 0;
	if (start_thread() < 0) {
		pthread_cond_destroy(&end_reached);
		log_queue_fini(&queue);
		return -1;
	}
	atomic_store(&is_running, true);
	return 0;
}

void log_writer_stop(int flush_ms)
{
	if (!atomic_load(&is_running))
		return;
	log_queue_close(&queue);
	if (!await_end(flush_ms)) {
		is_stuck = true;
		pthread_cancel(thread);
	}
	pthread_join(thread, NULL);
	atomic_store(&is_running, false);
	if (is_stuck)
		leave_out_queue();
	pthread_cond_destroy(&end_reached);
	log_queue_fini(&queue);
}

void log_writer_put(enum log_level level, const char *text, size_t len)
{
	if (atomic_load_explicit(&is_running, memory_order_acquire)) {
		if (!log_queue_put(&queue, level, text, len))
			atomic_fetch_add_explicit(&left_out, 1, memory_order_relaxed);
		return;
	}
	pthread_mutex_lock(&direct_lock);
	if (is_stuck)
		leave_out(1);
	else
		let_out(level, text, len);
	pthread_mutex_unlock(&direct_lock);
}

void log_writer_reset(void)
{
	/* The thread tells by the target's generation what belongs to a former one. */
	if (atomic_load(&is_running))
		return;
	outlet.unsaid = 0;
	outlet.rest_len = 0;
	is_stuck = false;
}

uint64_t log_writer_left_out(void)
{
	return atomic_load_explicit(&left_out, memory_order_relaxed);
}
