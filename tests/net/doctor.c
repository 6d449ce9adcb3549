/* SPDX-License-Identifier: BSD-2-Clause */
/* --check-routing run in a test's namespace, and what it says. */
#include "doctor.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"

static struct command_result result;
static int64_t took_ms;

const char *doctor_run(const char *config, const char *flag, uint64_t dropped_caps)
{
	struct command command = {.argc = 0};
	int64_t began_ms = harness_now_ms();

	daemon_command(&command);
	command.dropped_caps = dropped_caps;
	command_add(&command, "-c");
	command_add(&command, harness_write("doctor.conf", config));
	command_add(&command, "--check-routing");
	if (flag != NULL)
		command_add(&command, flag);
	command_run(&command, &result);
	took_ms = harness_now_ms() - began_ms;
	ck_assert_msg(strcmp(result.err, "") == 0, "it wrote: %s", result.err);
	return result.out;
}

int64_t doctor_took_ms(void)
{
	return took_ms;
}

void doctor_expect_exit(const char *config, int code)
{
	(void)doctor_run(config, NULL, 0);
	ck_assert_msg(result.exit_code == code, "exit code %d: %s", result.exit_code, result.out);
}

/* The next line at or behind one that names the cause; NULL: none. */
static const char *find_cause(const char *from, const char *cause, size_t *len)
{
	char word[64];

	snprintf(word, sizeof(word), "(%s)", cause);
	while (*from != '\0') {
		const char *found;

		*len = strcspn(from, "\n");
		found = strstr(from, word);
		if (found != NULL && found < from + *len)
			return from;
		from += *len + (from[*len] == '\n');
	}
	return NULL;
}

void doctor_expect(const char *level, const char *cause, const char *text)
{
	size_t len = 0;
	const char *line = find_cause(result.out, cause, &len);

	while (line != NULL) {
		const char *found = text != NULL ? strstr(line, text) : line;

		if (strncmp(line, level, strlen(level)) == 0 && found != NULL && found < line + len)
			return;
		line = find_cause(line + len, cause, &len);
	}
	ck_abort_msg("no line \"%s ... %s ... (%s)\" in: %s", level, text != NULL ? text : "",
		     cause, result.out);
}

void doctor_expect_none(const char *cause)
{
	size_t len;

	ck_assert_msg(find_cause(result.out, cause, &len) == NULL, "%s in: %s", cause, result.out);
}

unsigned doctor_count(const char *level)
{
	unsigned count = strncmp(result.out, level, strlen(level)) == 0;
	char start[16];

	snprintf(start, sizeof(start), "\n%s ", level);
	for (const char *at = strstr(result.out, start); at != NULL; at = strstr(at + 1, start))
		count++;
	return count;
}

void doctor_mend(const char *cause)
{
	size_t len = 0;
	const char *line = find_cause(result.out, cause, &len);
	struct command command = {.argc = 0};
	const char *command_line;
	char text[1024];

	ck_assert_ptr_nonnull(line);
	command_line = line + len + 1 + strspn(line + len + 1, " ");
	ck_assert_msg(command_line > line + len + 1, "nothing mends it: %s", result.out);
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(command_line, "\n"), command_line);
	/* The program under test is in no PATH. */
	if (strncmp(text, "mmproxy ", 8) == 0) {
		static struct command_result mended;
		char *rest = NULL;

		daemon_command(&command);
		(void)strtok_r(text, " ", &rest);
		for (char *word = strtok_r(NULL, " ", &rest); word != NULL;
		     word = strtok_r(NULL, " ", &rest))
			command_add(&command, word);
		command_run(&command, &mended);
		ck_assert_msg(mended.exit_code == 0, "%s", mended.err);
		return;
	}
	harness_shell("%s", text);
}

void doctor_expect_mended(const char *config, const char *cause, const char *text)
{
	doctor_expect_exit(config, 1);
	doctor_expect("FAIL", cause, text);
	ck_assert_msg(doctor_count("FAIL") == 1, "more than one thing fails: %s", result.out);
	doctor_mend(cause);
	doctor_expect_exit(config, 0);
	ck_assert_uint_eq(doctor_count("FAIL"), 0);
}
