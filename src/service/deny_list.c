/* SPDX-License-Identifier: BSD-2-Clause */
/* The live deny list: networks whose clients are refused from now on. */
#include "service/deny_list.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "service/deny_table.h"

#define NEVER INT64_MAX

#define HEAP_MIN 16

/* The main thread's, but for the table. */
struct deny_list {
	struct deny_table table;
	struct deny_entry **heap; /* every entry; the one that is over first is at the top */
	size_t count;
	size_t room;
};

/* ---- the heap ---- */

static void put(struct deny_list *list, size_t place, struct deny_entry *entry)
{
	list->heap[place] = entry;
	entry->place = (uint32_t)place;
}

static void rise(struct deny_list *list, size_t place)
{
	struct deny_entry *entry = list->heap[place];

	while (place > 0 && list->heap[(place - 1) / 2]->expires_ms > entry->expires_ms) {
		put(list, place, list->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(list, place, entry);
}

static void sink(struct deny_list *list, size_t place)
{
	struct deny_entry *entry = list->heap[place];
	size_t child;

	while ((child = 2 * place + 1) < list->count) {
		if (child + 1 < list->count &&
		    list->heap[child + 1]->expires_ms < list->heap[child]->expires_ms)
			child++;
		if (list->heap[child]->expires_ms >= entry->expires_ms)
			break;
		put(list, place, list->heap[child]);
		place = child;
	}
	put(list, place, entry);
}

/* Returns 0, or -1 when memory is out. */
static int make_heap_room(struct deny_list *list)
{
	size_t room = list->room == 0 ? HEAP_MIN : 2 * list->room;
	struct deny_entry **heap;

	if (list->count < list->room)
		return 0;
	heap = reallocarray(list->heap, room, sizeof(*heap));
	if (heap == NULL)
		return -1;
	list->heap = heap;
	list->room = room;
	return 0;
}

/* ---- changing ---- */

static void move(struct deny_list *list, struct deny_entry *entry)
{
	rise(list, entry->place);
	sink(list, entry->place);
}

static enum deny_list_result insert(struct deny_list *list, const struct network *network,
				    int64_t expires_ms)
{
	struct deny_entry *entry;

	if (list->count >= DENY_LIST_MAX)
		return DENY_LIST_FULL;
	if (make_heap_room(list) < 0)
		return DENY_LIST_NO_MEMORY;
	entry = calloc(1, sizeof(*entry));
	if (entry == NULL)
		return DENY_LIST_NO_MEMORY;
	entry->expires_ms = expires_ms;
	put(list, list->count++, entry);
	rise(list, entry->place);
	deny_table_add(&list->table, entry, network);
	return DENY_LIST_DONE;
}

static void delete (struct deny_list *list, struct deny_entry *entry)
{
	struct deny_entry *last = list->heap[--list->count];

	deny_table_remove(&list->table, entry);
	if (last != entry) {
		put(list, entry->place, last);
		move(list, last);
	}
	free(entry);
}

static void say_for_how_long(char *text, size_t len, int64_t seconds)
{
	if (seconds == 0)
		snprintf(text, len, "for ever");
	else
		snprintf(text, len, "for %" PRId64 " s", seconds);
}

enum deny_list_result deny_list_add(struct deny_list *list, const struct network *network,
				    int64_t seconds, int64_t now_ms,
				    char answer[static DENY_LIST_ANSWER_LEN])
{
	int64_t expires_ms = seconds == 0 ? NEVER : now_ms + seconds * 1000;
	struct deny_entry *entry = deny_table_find(&list->table, network);
	enum deny_list_result result = DENY_LIST_REPLACED;
	char shown[NETWORK_STRLEN];
	char how_long[32];

	if (entry == NULL) {
		result = insert(list, network, expires_ms);
	} else {
		entry->expires_ms = expires_ms;
		move(list, entry);
	}
	network_show(network, shown);
	say_for_how_long(how_long, sizeof(how_long), seconds);
	if (result == DENY_LIST_FULL)
		snprintf(answer, DENY_LIST_ANSWER_LEN,
			 "%s is not denied: the list is full, with %d networks", shown,
			 DENY_LIST_MAX);
	else if (result == DENY_LIST_NO_MEMORY)
		snprintf(answer, DENY_LIST_ANSWER_LEN, "%s is not denied: out of memory", shown);
	else
		snprintf(answer, DENY_LIST_ANSWER_LEN, "%s is denied %s%s", shown, how_long,
			 result == DENY_LIST_REPLACED ? " from now on" : "");
	return result;
}

/* How many networks of the list lie in this one, which is not in the list itself. */
static size_t count_inside(const struct deny_list *list, const struct network *network)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct network other;

		deny_table_network(list->heap[i], &other);
		if (other.prefix > network->prefix && network_contains(network, &other.addr))
			count++;
	}
	return count;
}

static void explain_absence(const struct deny_list *list, const struct network *network,
			    char answer[static DENY_LIST_ANSWER_LEN])
{
	size_t inside = count_inside(list, network);
	char shown[NETWORK_STRLEN];

	network_show(network, shown);
	if (inside == 0)
		snprintf(answer, DENY_LIST_ANSWER_LEN, "%s is not denied", shown);
	else
		snprintf(answer, DENY_LIST_ANSWER_LEN,
			 "%s is not denied as a whole; of the networks in it %zu are: allow those",
			 shown, inside);
}

enum deny_list_result deny_list_remove(struct deny_list *list, const struct network *network,
				       char answer[static DENY_LIST_ANSWER_LEN])
{
	const struct deny_entry *around = deny_table_find_around(&list->table, network);
	struct deny_entry *entry = deny_table_find(&list->table, network);
	char shown[NETWORK_STRLEN];
	char other[NETWORK_STRLEN] = "";

	network_show(network, shown);
	if (around != NULL) {
		struct network wide;

		deny_table_network(around, &wide);
		network_show(&wide, other);
	}
	if (entry != NULL) {
		delete (list, entry);
		snprintf(answer, DENY_LIST_ANSWER_LEN, "%s is denied %s%s%s", shown,
			 around == NULL ? "no more" : "by ", other,
			 around == NULL ? "" : " still: allow that too");
		return DENY_LIST_DONE;
	}
	if (around != NULL) {
		snprintf(answer, DENY_LIST_ANSWER_LEN, "%s is denied by %s: allow that", shown,
			 other);
		return DENY_LIST_COVERED;
	}
	explain_absence(list, network, answer);
	return DENY_LIST_ABSENT;
}

void deny_list_expire(struct deny_list *list, int64_t now_ms)
{
	while (list->count > 0 && list->heap[0]->expires_ms <= now_ms)
		delete (list, list->heap[0]);
}

/* ---- listing ---- */

size_t deny_list_count(const struct deny_list *list)
{
	return list->count;
}

/* Rounded up, and at least 1 for what has not been removed yet. */
static int64_t seconds_left(const struct deny_entry *entry, int64_t now_ms)
{
	int64_t left_ms = entry->expires_ms - now_ms;

	if (entry->expires_ms == NEVER)
		return 0;
	return left_ms <= 1000 ? 1 : (left_ms + 999) / 1000;
}

void deny_list_row(struct deny_list *list, size_t index, int64_t now_ms, struct deny_list_row *row)
{
	const struct deny_entry *entry = list->heap[index];

	deny_table_network(entry, &row->network);
	row->seconds = seconds_left(entry, now_ms);
	row->hits = deny_table_hits(&list->table, entry);
}

/* ---- asking ---- */

bool deny_list_denies(struct deny_list *list, const struct addr *client)
{
	return deny_table_contains(&list->table, client, 1);
}

bool deny_list_has(struct deny_list *list, const struct addr *client)
{
	return deny_table_contains(&list->table, client, 0);
}

/* ---- its life ---- */

int64_t deny_list_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct deny_list *deny_list_new(void)
{
	struct deny_list *list = calloc(1, sizeof(*list));

	if (list == NULL)
		return NULL;
	if (deny_table_init(&list->table) < 0) {
		free(list);
		return NULL;
	}
	return list;
}

void deny_list_free(struct deny_list *list)
{
	if (list == NULL)
		return;
	for (size_t i = 0; i < list->count; i++)
		free(list->heap[i]);
	deny_table_fini(&list->table);
	free(list->heap);
	free(list);
}
