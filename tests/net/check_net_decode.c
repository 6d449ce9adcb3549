/* SPDX-License-Identifier: BSD-2-Clause */
/* mmproxy --decode as a person or a script runs it: where input comes from, and exit codes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "daemon.h"
#include "harness.h"

#define V1 "PROXY TCP4 203.0.113.7 198.51.100.2 40000 22\\r\\n"
#define V2 "\\r\\n\\r\\n\\0\\r\\nQUIT\\n!\\21\\0\\14\\313\\0q\\7\\3063d\\2\\234@\\0\\26"

/* A header takes well under a second; a FIFO without a writer takes two. */
#define LIMIT_S 60

static struct command_result result;

static void decode(const char *file)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "--decode");
	if (file != NULL)
		command_add(&command, file);
	command_run(&command, &result);
}

/* Run a shell with $DECODE for "mmproxy --decode". */
static void shell(const char *script)
{
	struct command decoder;
	struct command command = {.argc = 0};
	char words[2048] = "";
	char text[4096];

	daemon_command(&decoder);
	for (size_t i = 0; i < decoder.argc; i++)
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s ",
			 decoder.argv[i]);
	snprintf(text, sizeof(text), "DECODE='%s --decode'\n%s", words, script);
	command_add(&command, "sh");
	command_add(&command, "-c");
	command_add(&command, text);
	command_run(&command, &result);
}

static void expect_said(int code, const char *part)
{
	ck_assert_msg(result.exit_code == code, "exit %d, not %d; it wrote: %s%s", result.exit_code,
		      code, result.out, result.err);
	ck_assert_msg(strstr(result.out, part) != NULL, "no \"%s\" in: %s%s", part, result.out,
		      result.err);
	ck_assert_str_eq(result.err, "");
}

static void expect_failed(const char *part)
{
	ck_assert_msg(result.exit_code == 2, "exit %d; it wrote: %s%s", result.exit_code,
		      result.out, result.err);
	ck_assert_msg(strstr(result.err, part) != NULL, "no \"%s\" in: %s", part, result.err);
	ck_assert_str_eq(result.out, "");
}

START_TEST(exit_codes_tell_a_header)
{
	decode(harness_write("right", "PROXY TCP4 203.0.113.7 198.51.100.2 40000 22\r\nhello"));
	expect_said(0, "\nsource: 203.0.113.7:40000\n");
	expect_said(0, "\npayload: 5 bytes: \"hello\"\n");
	decode(harness_write("wrong", "PROXY TCP4 203.0.113.7 198.51.100.2 40000 022\r\n"));
	expect_said(1, "\non TCP: refused, reason=header_invalid error=v1_destination_port\n");
	decode(harness_write("part", "PROXY TCP4 203.0.113.7"));
	expect_said(1, "\non TCP: incomplete");
	decode(harness_write("nothing", ""));
	expect_said(1, "\nerror: there are no bytes\n");
}
END_TEST

START_TEST(standard_input_is_read_to_its_end)
{
	shell("printf '" V1 "' | $DECODE");
	expect_said(0, "\nbackend sees: 203.0.113.7:40000\n");
	shell("printf '" V2 "' | $DECODE -");
	expect_said(0, "\nbackend sees: 203.0.113.7:40000\n");
	shell(
	    "(printf 'PROXY TCP4 203.0.113.7'; sleep 0.3; printf ' 198.51.100.2 40000 22\\r\\n') | "
	    "$DECODE");
	expect_said(0, "\nbackend sees: 203.0.113.7:40000\n");
	shell("$DECODE </dev/null");
	expect_said(1, "\nerror: there are no bytes\n");
	shell("$DECODE <&-");
	expect_failed("standard input: Bad file descriptor");
	shell("$DECODE <.");
	expect_failed("standard input: Is a directory");
	shell("$DECODE </dev/zero");
	expect_failed("standard input: has more than the 524288 bytes");
}
END_TEST

START_TEST(what_is_no_file_is_an_error)
{
	decode("/nonexistent/header");
	expect_failed("/nonexistent/header: No such file");
	decode("/");
	expect_failed("/: Is a directory");
	decode("/dev/zero");
	expect_failed("/dev/zero: has more than the 524288 bytes");
}
END_TEST

START_TEST(a_fifo_needs_a_writer)
{
	const char *fifo = harness_path("fifo");
	char script[1024];

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	decode(fifo);
	expect_failed("a FIFO that nobody writes to");
	/* One that has it open is waited for, however long it takes to write. */
	snprintf(script, sizeof(script),
		 "exec 3<>'%s'; (sleep 3; printf '" V1 "') >&3 3>&- & exec 3>&-; $DECODE '%s'",
		 fifo, fifo);
	shell(script);
	expect_said(0, "\nbackend sees: 203.0.113.7:40000\n");
}
END_TEST

START_TEST(exactly_the_longest_input)
{
	static const char make[] = "(printf '" V1 "'; head -c %d /dev/zero) | $DECODE";
	char script[256];

	snprintf(script, sizeof(script), make, 524288 - 46);
	shell(script);
	expect_said(0, "\npayload: 524242 bytes: ");
	snprintf(script, sizeof(script), make, 524288 - 46 + 1);
	shell(script);
	expect_failed("has more than");
}
END_TEST

/* A full disk is a failure, not half an answer. */
START_TEST(output_that_is_lost_is_a_failure)
{
	shell("printf '" V1 "' | $DECODE >/dev/full");
	ck_assert_int_eq(result.exit_code, 1);
	ck_assert_ptr_nonnull(strstr(result.err, "cannot write to standard output"));
}
END_TEST

START_TEST(other_flags_are_refused)
{
	static const char *const scripts[] = {
	    "$DECODE /dev/null -c f",
	    "$DECODE /dev/null -l 127.0.0.1:7000",
	    "$DECODE /dev/null /dev/null",
	    "$DECODE -t",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		shell(scripts[i]);
		expect_failed("see mmproxy --help");
	}
}
END_TEST

/* The programs themselves, not their formats from memory. */
START_TEST(dumps_of_the_usual_programs)
{
	static const struct {
		const char *tool;
		const char *script;
	} dumps[] = {
	    {"xxd", "printf '" V2 "' | xxd | $DECODE"},
	    {"xxd", "printf '" V2 "' | xxd -g 1 -c 7 | $DECODE"},
	    {"xxd", "printf '" V2 "' | xxd -p | $DECODE"},
	    {"xxd", "printf '" V2 "' | xxd -i | $DECODE"},
	    {"hexdump", "printf '" V2 "' | hexdump -C | $DECODE"},
	    {"od", "printf '" V2 "' | od -t x1 | $DECODE"},
	    {"od", "printf '" V2 "' | od -A x -t x1z | $DECODE"},
	    {"od", "printf '" V2 "' | od -A n -t x1 | $DECODE"},
	    {"python3", "printf '" V2 "' | "
			"python3 -c 'import sys; print(sys.stdin.buffer.read())' | $DECODE"},
	};

	for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
		if (!harness_has_tool(dumps[i].tool))
			continue;
		shell(dumps[i].script);
		expect_said(0, "\nbackend sees: 203.0.113.7:40000\n");
		ck_assert_ptr_null(strstr(result.out, "raw bytes"));
	}
}
END_TEST

static Suite *decode_suite(void)
{
	Suite *suite = suite_create("net_decode");
	TCase *tcase = harness_case(suite, "decode", LIMIT_S);

	tcase_add_test(tcase, exit_codes_tell_a_header);
	tcase_add_test(tcase, standard_input_is_read_to_its_end);
	tcase_add_test(tcase, what_is_no_file_is_an_error);
	tcase_add_test(tcase, a_fifo_needs_a_writer);
	tcase_add_test(tcase, exactly_the_longest_input);
	tcase_add_test(tcase, output_that_is_lost_is_a_failure);
	tcase_add_test(tcase, other_flags_are_refused);
	tcase_add_test(tcase, dumps_of_the_usual_programs);
	return suite;
}

int main(void)
{
	return harness_run(decode_suite());
}
