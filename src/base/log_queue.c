/* SPDX-License-Identifier: BSD-2-Clause */
/* A bounded queue of lines. */
#include "base/log_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* What stands before each line in the ring. */
struct record {
	uint64_t left_out;
	uint32_t level;
	uint32_t len;
};

static void ring_write(struct log_queue *queue, const void *bytes, size_t len)
{
	size_t at = (queue->start + queue->used) % queue->size;
	size_t first = queue->size - at < len ? queue->size - at : len;

	memcpy(queue->bytes + at, bytes, first);
	memcpy(queue->bytes, (const char *)bytes + first, len - first);
	queue->used += len;
}

/* Copy bytes from this far behind the start. */
static void ring_peek(const struct log_queue *queue, size_t offset, void *bytes, size_t len)
{
	size_t at = (queue->start + offset) % queue->size;
	size_t first = queue->size - at < len ? queue->size - at : len;

	memcpy(bytes, queue->bytes + at, first);
	memcpy((char *)bytes + first, queue->bytes, len - first);
}

static void ring_skip(struct log_queue *queue, size_t len)
{
	queue->used -= len;
	/* An empty ring starts over, so that a quiet log stays within a few pages. */
	queue->start = queue->used == 0 ? 0 : (queue->start + len) % queue->size;
}

/* Locked. Until there is something to take, the queue is closed, or the time is over. */
static void await_lines(struct log_queue *queue, int timeout_ms)
{
	const struct timespec deadline = clock_deadline(timeout_ms < 0 ? 0 : timeout_ms);
	int error = 0;

	while (queue->used == 0 && queue->left_out == 0 && !queue->closed && error != ETIMEDOUT) {
		queue->waiting = true;
		if (timeout_ms < 0)
			pthread_cond_wait(&queue->filled, &queue->lock);
		else
			error = pthread_cond_timedwait(&queue->filled, &queue->lock, &deadline);
	}
	queue->waiting = false;
}

/* Locked. Whether the reader has to be woken once the lock is free. */
static bool take_waiting(struct log_queue *queue)
{
	bool waiting = queue->waiting;

	queue->waiting = false;
	return waiting;
}

/* Locked. */
static void fill(struct log_queue *queue, struct log_batch *batch, size_t max_lines)
{
	while (queue->used > 0 && batch->lines < max_lines) {
		struct record record;

		ring_peek(queue, 0, &record, sizeof(record));
		if (batch->len + record.len > sizeof(batch->text))
			return;
		if (batch->lines == 0) {
			batch->left_out = record.left_out;
			batch->level = (enum log_level)record.level;
		} else if (record.left_out > 0) {
			return;
		}
		ring_peek(queue, sizeof(record), batch->text + batch->len, record.len);
		ring_skip(queue, sizeof(record) + record.len);
		batch->len += record.len;
		batch->lines++;
	}
	if (batch->lines == 0) {
		batch->left_out = queue->left_out;
		queue->left_out = 0;
	}
	batch->is_last = queue->used == 0;
}

int log_queue_init(struct log_queue *queue, size_t size)
{
	pthread_condattr_t attributes;

	memset(queue, 0, sizeof(*queue));
	queue->size = size;
	queue->bytes = malloc(size);
	if (queue->bytes == NULL)
		return -1;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->filled, &attributes);
	pthread_condattr_destroy(&attributes);
	return 0;
}

void log_queue_fini(struct log_queue *queue)
{
	pthread_cond_destroy(&queue->filled);
	pthread_mutex_destroy(&queue->lock);
	free(queue->bytes);
	queue->bytes = NULL;
}

bool log_queue_put(struct log_queue *queue, enum log_level level, const char *text, size_t len)
{
	struct record record = {.level = (uint32_t)level, .len = (uint32_t)len};
	bool waiting;
	bool fits;

	pthread_mutex_lock(&queue->lock);
	if (queue->used <= queue->size / 2)
		queue->full = false;
	fits = !queue->full && sizeof(record) + len <= queue->size - queue->used;
	if (!fits) {
		queue->full = true;
		queue->left_out++;
	} else {
		record.left_out = queue->left_out;
		queue->left_out = 0;
		ring_write(queue, &record, sizeof(record));
		ring_write(queue, text, len);
	}
	waiting = take_waiting(queue);
	pthread_mutex_unlock(&queue->lock);
	if (waiting)
		pthread_cond_signal(&queue->filled);
	return fits;
}

bool log_queue_take(struct log_queue *queue, struct log_batch *batch, size_t max_lines,
		    int timeout_ms)
{
	bool is_over;

	batch->left_out = 0;
	batch->lines = 0;
	batch->len = 0;
	batch->is_last = false;
	pthread_mutex_lock(&queue->lock);
	await_lines(queue, timeout_ms);
	is_over = queue->used == 0 && queue->left_out == 0 && queue->closed;
	fill(queue, batch, max_lines);
	pthread_mutex_unlock(&queue->lock);
	return !is_over;
}

void log_queue_close(struct log_queue *queue)
{
	bool waiting;

	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	waiting = take_waiting(queue);
	pthread_mutex_unlock(&queue->lock);
	if (waiting)
		pthread_cond_signal(&queue->filled);
}
