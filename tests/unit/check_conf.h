/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of conf/ share: files of their own, and mistakes as one string. */
#ifndef MMPROXY_TEST_CHECK_CONF_H
#define MMPROXY_TEST_CHECK_CONF_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

#include "conf/conf.h"

#define CONF_PATH_MAX 512

static char conf_dir[] = "/tmp/check_conf.XXXXXX";

static inline void conf_dir_setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(conf_dir));
}

/* The path of a file in the directory of this test; one path at a time. */
static inline const char *conf_path(const char *name)
{
	static char path[CONF_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", conf_dir, name);
	return path;
}

/* Write a file into the directory of this test; returns its path. */
static inline const char *conf_write(const char *name, const char *text)
{
	const char *path = conf_path(name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return path;
}

/* Tests remove what they wrote by its name; what they forget keeps the directory. */
static inline void conf_dir_teardown(void)
{
	static const char *const names[] = {"t.conf", "part.conf", "sub/part.conf", "sub/networks",
					    "sub",    "networks",  "shown.conf"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(conf_path(names[i]));
	rmdir(conf_dir);
	memcpy(conf_dir + sizeof(conf_dir) - 7, "XXXXXX", 6);
}

/* A file of tests/data/conf. */
static inline const char *conf_data(const char *name)
{
	static char path[CONF_PATH_MAX];
#ifdef TEST_DATA_DIR
	const char *dir = TEST_DATA_DIR;
#else
	const char *dir = getenv("TEST_DATA_DIR");
#endif

	snprintf(path, sizeof(path), "%s/conf/%s", dir != NULL ? dir : "tests/data", name);
	return path;
}

/* Take the errors: their lines with a newline behind each, and without dir + "/"; to be freed. */
static inline char *conf_lines(struct conf_errors *errors, const char *dir)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	for (size_t i = 0; i < conf_errors_count(errors); i++) {
		const char *line = conf_errors_text(errors, i);
		const char *found;

		while ((found = strstr(line, dir)) != NULL) {
			fwrite(line, 1, (size_t)(found - line), out);
			line = found + strlen(dir) + 1;
		}
		fprintf(out, "%s\n", line);
	}
	fclose(out);
	conf_errors_free(errors);
	return text;
}

/* Read a file that must be in order; to be given to conf_unref(). */
static inline struct conf *conf_load_good(const char *path)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_load(path, errors);

	ck_assert_msg(conf != NULL, "%s", conf_errors_text(errors, 0));
	ck_assert_uint_eq(conf_errors_count(errors), 0);
	conf_errors_free(errors);
	return conf;
}

static inline struct conf *conf_text_good(const char *text)
{
	return conf_load_good(conf_write("t.conf", text));
}

/* Read text that must be refused with just these lines; the file is called "t.conf" in them. */
static inline void conf_text_bad(const char *text, const char *expected)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf = conf_load(conf_write("t.conf", text), errors);
	char *lines = conf_lines(errors, conf_dir);

	ck_assert_str_eq(lines, expected);
	ck_assert_ptr_null(conf);
	free(lines);
}

/* What conf_print() writes; to be freed. */
static inline char *conf_shown(const struct conf *conf)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	conf_print(conf, out);
	fclose(out);
	return text;
}

/* Valgrind's tools are loaded into the process, whose memory is theirs, too. */
static inline bool conf_has_valgrind(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	bool found = false;

	while (!found && file != NULL && fgets(line, sizeof(line), file) != NULL)
		found = strstr(line, "vgpreload") != NULL;
	if (file != NULL)
		fclose(file);
	return found;
}

#endif
