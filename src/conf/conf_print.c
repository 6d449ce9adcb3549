/* SPDX-License-Identifier: BSD-2-Clause */
/* The effective configuration as a file. */
#include "conf/conf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_field.h"
#include "conf/conf_keys.h"
#include "conf/conf_value.h"

/* The widest integer that libconfig reads without an "L". */
#define PLAIN_INTEGER_MAX INT32_MAX

#define LISTENER_INDENT "\t\t"
#define ENTRY_INDENT	"\t\t\t"

static void print_string(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (byte < 0x20 || byte == 0x7f)
			fprintf(out, "\\x%02x", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void print_listen(const struct conf_listener *listener, FILE *out)
{
	char text[CONF_RANGE_STRLEN];
	size_t len;

	fputs("[", out);
	for (size_t i = 0; i < listener->listen_count; i += len) {
		len = conf_listen_range(listener, i, text);
		fprintf(out, "%s\n" ENTRY_INDENT "\"%s\"", i > 0 ? "," : "", text);
	}
	fputs("\n" LISTENER_INDENT "]", out);
}

static void print_set(const struct netset *set, FILE *out)
{
	if (set == NULL || netset_is_empty(set)) {
		fputs("[ ]", out);
		return;
	}
	fputs("[", out);
	for (size_t i = 0; i < netset_count(set); i++)
		fprintf(out, "%s\n" ENTRY_INDENT "\"%s\"", i > 0 ? "," : "", netset_text(set, i));
	fputs("\n" LISTENER_INDENT "]", out);
}

static void print_subnets(const struct conf_key *key, const struct conf_listener *listener,
			  FILE *out)
{
	const struct netset *set =
	    *(struct netset *const *)(const void *)((const char *)listener + key->offset);

	/* Only flags leave the destinations open; a file has to say so. */
	if (set == NULL && listener->dynamic_destination && set == listener->allowed_destinations &&
	    key == conf_key_find(CONF_SCOPE_LISTENER, "allowed_destinations"))
		fputs("[ \"0.0.0.0/0\", \"::/0\" ]", out);
	else
		print_set(set, out);
}

/* A key without a value, as a comment: what is absent cannot be written otherwise. */
static void print_absent(const struct conf_key *key, const char *indent, FILE *out)
{
	if (key->left_unset)
		fprintf(out, "%s# %s = \"%s\";\n", indent, key->name, key->fallback);
	else
		fprintf(out, "%s# %s is not set\n", indent, key->name);
}

static void print_value(const struct conf_key *key, const void *base, FILE *out)
{
	char buf[CONF_TEXT_MAX];
	const char *text = conf_field_text(key, base, buf);

	switch (key->type) {
	case CONF_TYPE_BOOL:
		fputs(text, out);
		break;
	case CONF_TYPE_BUFFER:
		if (strcmp(text, "auto") == 0)
			print_string(text, out);
		else
			fputs(text, out);
		break;
	case CONF_TYPE_INTEGER:
		fprintf(out, "%s%s", text, strtoull(text, NULL, 10) > PLAIN_INTEGER_MAX ? "L" : "");
		break;
	case CONF_TYPE_DURATION:
		if (strcmp(text, "0") == 0)
			fputs(text, out);
		else
			print_string(text, out);
		break;
	case CONF_TYPE_LISTEN:
		print_listen(base, out);
		break;
	case CONF_TYPE_SUBNETS:
		print_subnets(key, base, out);
		break;
	default:
		print_string(text, out);
		break;
	}
}

/* Whether the setting is printed under the key's other name: a list that was read from a file, so
 * that later changes of the file are not lost, or a file that nobody named. */
static bool has_other_name(const struct conf_key *key, const void *base)
{
	const struct conf_key *file = conf_key_file_of(key);
	char buf[CONF_TEXT_MAX];

	if (key->type == CONF_TYPE_SUBNETS_FILE)
		return conf_field_text(key, base, buf) == NULL;
	return file != NULL && conf_field_text(file, base, buf) != NULL;
}

/* Whether a listener of another protocol has no use for the key, and so refuses it. */
static bool is_foreign(const struct conf_key *key, const void *base)
{
	return conf_scope_is_listeners(key->scope) &&
	       !conf_key_is_for(key, ((const struct conf_listener *)base)->protocol);
}

/* Whether the key has a value to print; an empty list is one where it is the default. */
static bool has_value(const struct conf_key *key, const void *base)
{
	char buf[CONF_TEXT_MAX];

	if (key->type == CONF_TYPE_LISTEN)
		return true;
	if (key->type == CONF_TYPE_SUBNETS)
		return key->fallback != NULL ||
		       *(struct netset *const *)(const void *)((const char *)base + key->offset) !=
			   NULL;
	return conf_field_text(key, base, buf) != NULL;
}

static void print_scope(enum conf_scope scope, const void *base, const char *indent, FILE *out)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		if (key->scope != scope || key->planned || is_foreign(key, base) ||
		    has_other_name(key, base))
			continue;
		if (!has_value(key, base)) {
			print_absent(key, indent, out);
			continue;
		}
		fprintf(out, "%s%s = ", indent, key->name);
		print_value(key, base, out);
		fputs(";\n", out);
	}
}

/* Whether a listener of its protocol may have the group. */
static bool has_group(enum conf_scope scope, const void *base)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		if (conf_keys[i].scope == scope && !is_foreign(&conf_keys[i], base))
			return true;
	}
	return false;
}

static void print_group(enum conf_scope scope, const void *base, const char *indent, FILE *out)
{
	if (!has_group(scope, base))
		return;
	fprintf(out, "%s%s = {\n", indent, conf_scope_name(scope));
	print_scope(scope, base, conf_scope_is_listeners(scope) ? ENTRY_INDENT : "\t", out);
	fprintf(out, "%s};\n", indent);
}

size_t conf_listen_range(const struct conf_listener *listener, size_t start,
			 char buf[static CONF_RANGE_STRLEN])
{
	const struct addr *first = &listener->listen[start];
	char text[ADDR_STRLEN];
	size_t len = 1;

	while (start + len < listener->listen_count && addr_equal_ip(first, first + len) &&
	       addr_port(first) + len == addr_port(first + len))
		len++;
	addr_format(first, text);
	if (len == 1)
		snprintf(buf, CONF_RANGE_STRLEN, "%s", text);
	else
		snprintf(buf, CONF_RANGE_STRLEN, "%s-%u", text, addr_port(first + len - 1));
	return len;
}

void conf_print(const struct conf *conf, FILE *out)
{
	fputs("# The effective configuration of mmproxy, see mmproxy.conf(5).\n", out);
	print_scope(CONF_SCOPE_TOP, conf, "", out);
	print_group(CONF_SCOPE_LOG, conf, "", out);
	print_group(CONF_SCOPE_ADMIN, conf, "", out);
	print_group(CONF_SCOPE_ROUTING, conf, "", out);
	fputs("listeners = (\n", out);
	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		fputs("\t{\n", out);
		print_scope(CONF_SCOPE_LISTENER, listener, LISTENER_INDENT, out);
		for (enum conf_scope scope = CONF_SCOPE_LISTENER + 1; scope < CONF_SCOPE_COUNT;
		     scope++)
			print_group(scope, listener, LISTENER_INDENT, out);
		fprintf(out, "\t}%s\n", i + 1 < conf->listeners_count ? "," : "");
	}
	fputs(");\n", out);
}
