/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reload changes. */
#include "conf/conf_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_field.h"
#include "conf/conf_value.h"

/*
 * Bytes of each list of the text: keys outside listeners, and listeners that were added, removed
 * and changed. With the words around them they fit into CONF_CHANGE_TEXT_MAX.
 */
#define LIST_MAX 190

/* A listener's name of 64 bytes and as many keys as fit beside it, the longest has 27. */
#define ITEM_MAX 160

/* ", and 18446744073709551615 more" */
#define MORE_MAX 32

/* A group, a dot and a key. */
#define KEY_MAX 64

/* Two values of CONF_TEXT_MAX or names of accounts, which Linux keeps below 256 bytes. */
#define SENTENCE_MAX 768

_Static_assert(CONF_KEYS_MAX <= 8 * sizeof(uint64_t), "a bit for each row");

/* A text that is being written, and never longer than its room. */
struct text {
	char *buf;
	size_t size;
	size_t len;
};

/* A list in it: once an item does not fit, it and those that follow are only counted. */
struct list {
	struct text text;
	const char *separator;
	size_t left_out;
};

/* ---- comparing ---- */

static uint64_t compare_keys(bool of_listener, const void *before, const void *after)
{
	uint64_t keys = 0;

	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->planned || conf_scope_is_listeners(key->scope) != of_listener ||
		    (of_listener &&
		     !conf_key_is_for(key, ((const struct conf_listener *)after)->protocol)))
			continue;
		if (!conf_field_equal(key, before, after))
			keys |= (uint64_t)1 << i;
	}
	return keys;
}

static int compare_identity(const struct conf_listener *a, const struct conf_listener *b)
{
	int difference = (int)a->protocol - (int)b->protocol;

	return difference != 0 ? difference : strcmp(a->name, b->name);
}

static int compare_entries(const void *a, const void *b)
{
	return compare_identity(*(const struct conf_listener *const *)a,
				*(const struct conf_listener *const *)b);
}

/* The listeners in an order in which find() finds them; NULL when memory is out. */
static const struct conf_listener **sort(const struct conf *conf)
{
	const struct conf_listener **sorted = calloc(conf->listeners_count + 1, sizeof(*sorted));

	if (sorted == NULL)
		return NULL;
	for (size_t i = 0; i < conf->listeners_count; i++)
		sorted[i] = &conf->listeners[i];
	qsort(sorted, conf->listeners_count, sizeof(*sorted), compare_entries);
	return sorted;
}

static const struct conf_listener *find(const struct conf_listener *const *sorted, size_t count,
					const struct conf_listener *like)
{
	const struct conf_listener *const *found =
	    bsearch(&like, sorted, count, sizeof(*sorted), compare_entries);

	return found != NULL ? *found : NULL;
}

static void add(struct conf_change *change, const struct conf_listener *before,
		const struct conf_listener *after)
{
	struct conf_change_listener *listener = &change->listeners[change->listeners_count++];

	*listener = (struct conf_change_listener){.before = before, .after = after};
	if (before == NULL) {
		listener->kind = CONF_CHANGE_ADDED;
	} else if (after == NULL) {
		listener->kind = CONF_CHANGE_REMOVED;
	} else {
		listener->keys = compare_keys(true, before, after);
		listener->kind = listener->keys != 0 ? CONF_CHANGE_CHANGED : CONF_CHANGE_UNCHANGED;
	}
	change->counts[listener->kind]++;
}

int conf_change_init(struct conf_change *change, const struct conf *before,
		     const struct conf *after)
{
	const struct conf_listener **old = sort(before);
	const struct conf_listener **new = sort(after);
	int result = -1;

	memset(change, 0, sizeof(*change));
	change->listeners = calloc(before->listeners_count + after->listeners_count + 1,
				   sizeof(*change->listeners));
	if (old == NULL || new == NULL || change->listeners == NULL)
		goto out;
	change->keys = compare_keys(false, before, after);
	for (size_t i = 0; i < after->listeners_count; i++) {
		const struct conf_listener *listener = &after->listeners[i];

		add(change, find(old, before->listeners_count, listener), listener);
	}
	for (size_t i = 0; i < before->listeners_count; i++) {
		const struct conf_listener *listener = &before->listeners[i];

		if (find(new, after->listeners_count, listener) == NULL)
			add(change, listener, NULL);
	}
	result = 0;
out:
	free(old);
	free(new);
	if (result < 0)
		conf_change_fini(change);
	return result;
}

void conf_change_fini(struct conf_change *change)
{
	free(change->listeners);
	memset(change, 0, sizeof(*change));
}

bool conf_change_has(uint64_t keys, enum conf_scope scope, const char *name)
{
	return keys >> (conf_key_find(scope, name) - conf_keys) & 1;
}

/* ---- the text ---- */

static void append(struct text *text, const char *more)
{
	int len = snprintf(text->buf + text->len, text->size - text->len, "%s", more);

	text->len += (size_t)len;
	if (text->len >= text->size)
		text->len = text->size - 1;
}

/* Begin a list in buf, which has this size and MORE_MAX bytes behind. */
static void list_begin(struct list *list, char *buf, size_t size, const char *separator)
{
	*list = (struct list){.text = {.buf = buf, .size = size}, .separator = separator};
	buf[0] = '\0';
}

static void list_add(struct list *list, const char *item)
{
	size_t separator_len = list->text.len > 0 ? strlen(list->separator) : 0;

	if (list->left_out > 0 ||
	    list->text.len + separator_len + strlen(item) >= list->text.size) {
		list->left_out++;
		return;
	}
	if (separator_len > 0)
		append(&list->text, list->separator);
	append(&list->text, item);
}

static void list_end(struct list *list)
{
	char more[MORE_MAX];

	if (list->left_out == 0)
		return;
	snprintf(more, sizeof(more), "%s%zu more", list->text.len > 0 ? " and " : "",
		 list->left_out);
	list->text.size += MORE_MAX;
	append(&list->text, more);
}

/* "drain_timeout", "log.level", "targets.ipv4" */
static const char *key_text(const struct conf_key *key, char buf[static KEY_MAX])
{
	bool grouped = key->scope != CONF_SCOPE_TOP && key->scope != CONF_SCOPE_LISTENER;

	snprintf(buf, KEY_MAX, "%s%s%s", grouped ? conf_scope_name(key->scope) : "",
		 grouped ? "." : "", key->name);
	return buf;
}

static void list_keys(struct list *list, uint64_t keys)
{
	char text[KEY_MAX];

	for (size_t i = 0; i < conf_keys_count; i++) {
		if ((keys >> i & 1) != 0 && !conf_keys[i].needs_restart)
			list_add(list, key_text(&conf_keys[i], text));
	}
	list_end(list);
}

/* A listener's name and, of one that changed, its keys. */
static void list_listener(struct list *list, const struct conf_change_listener *listener)
{
	const struct conf_listener *conf =
	    listener->after != NULL ? listener->after : listener->before;
	char item[ITEM_MAX + MORE_MAX];
	struct list keys;
	size_t len = (size_t)snprintf(item, sizeof(item), "%s%s", conf->name,
				      listener->keys != 0 ? ": " : "");

	if (listener->keys != 0) {
		list_begin(&keys, item + len, ITEM_MAX - len, ", ");
		list_keys(&keys, listener->keys);
	}
	list_add(list, item);
}

/* "2 listeners added (a, b)" of one kind, which has some. */
static void put_kind(struct text *text, const struct conf_change *change,
		     enum conf_change_kind kind, bool first)
{
	static const char *const words[] = {
	    [CONF_CHANGE_ADDED] = "added",
	    [CONF_CHANGE_REMOVED] = "removed",
	    [CONF_CHANGE_CHANGED] = "changed",
	    [CONF_CHANGE_UNCHANGED] = "unchanged",
	};
	size_t count = change->counts[kind];
	char names[LIST_MAX + MORE_MAX];
	char head[KEY_MAX];
	struct list list;

	snprintf(head, sizeof(head), "%s%zu %s%s", first ? "" : ", ", count,
		 !first	      ? ""
		 : count == 1 ? "listener "
			      : "listeners ",
		 words[kind]);
	append(text, head);
	if (kind == CONF_CHANGE_UNCHANGED)
		return;
	list_begin(&list, names, LIST_MAX, kind == CONF_CHANGE_CHANGED ? "; " : ", ");
	for (size_t i = 0; i < change->listeners_count; i++) {
		if (change->listeners[i].kind == kind)
			list_listener(&list, &change->listeners[i]);
	}
	list_end(&list);
	append(text, " (");
	append(text, names);
	append(text, ")");
}

const char *conf_change_text(const struct conf_change *change,
			     char buf[static CONF_CHANGE_TEXT_MAX])
{
	struct text text = {.buf = buf, .size = CONF_CHANGE_TEXT_MAX};
	char keys[LIST_MAX + MORE_MAX];
	struct list list;
	bool first = true;

	buf[0] = '\0';
	list_begin(&list, keys, LIST_MAX, ", ");
	list_keys(&list, change->keys);
	if (keys[0] != '\0') {
		append(&text, keys);
		append(&text, " changed; ");
	}
	for (enum conf_change_kind kind = 0; kind < CONF_CHANGE_KINDS; kind++) {
		if (change->counts[kind] == 0)
			continue;
		put_kind(&text, change, kind, first);
		first = false;
	}
	return buf;
}

/* ---- what a reload cannot change ---- */

/* The value as a file has it. */
static const char *value_text(const struct conf_key *key, const struct conf *conf,
			      char buf[static CONF_TEXT_MAX])
{
	const char *text = conf_field_text(key, conf, buf);

	if (text == NULL && key->left_unset)
		text = key->fallback;
	return text != NULL ? text : "not set";
}

size_t conf_change_restarts(const struct conf *running, const struct conf *after,
			    void (*say)(const char *sentence, void *arg), void *arg)
{
	size_t count = 0;

	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];
		char sentence[SENTENCE_MAX];
		char was[CONF_TEXT_MAX];
		char is[CONF_TEXT_MAX];
		char name[KEY_MAX];

		/* As text: it makes no difference whether a default is written down. */
		if (!key->needs_restart ||
		    strcmp(value_text(key, running, was), value_text(key, after, is)) == 0)
			continue;
		snprintf(sentence, sizeof(sentence), "%s: only a restart changes it from %s to %s",
			 key_text(key, name), value_text(key, running, was),
			 value_text(key, after, is));
		say(sentence, arg);
		count++;
	}
	return count;
}
