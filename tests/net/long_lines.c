/* SPDX-License-Identifier: BSD-2-Clause */
/* A daemon whose connections have long lines in its log, and what becomes of those lines. */
#include "long_lines.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "peer.h"
#include "sender.h"

#define TEXT_MAX (1 << 20)

/* What was read of the log so far. */
struct tally {
	bool has_start;		/* the line that the daemon is ready */
	unsigned ends;		/* lines of connections */
	unsigned long left_out; /* as the log itself says */
	size_t len;		/* of a line that is not whole yet */
	char text[TEXT_MAX];
};

static struct tally tally;
static struct sender_header header;

void long_lines_count(const char *line)
{
	const char *lines = strstr(line, " lines=");

	if (strstr(line, "reason=done") != NULL) {
		/* Whole, from its first field to its last. */
		ck_assert_msg(strncmp(line, "info ", 5) == 0, "torn: %s", line);
		ck_assert_msg(strstr(line, " tlv_vpce=") != NULL && line[strlen(line) - 1] == '"',
			      "torn: %s", line);
		ck_assert_msg(strstr(line + 1, "info ") == NULL, "two in one: %s", line);
		tally.ends++;
	} else if (lines != NULL) {
		ck_assert_msg(strncmp(line, "warn ", 5) == 0, "torn: %s", line);
		ck_assert_ptr_nonnull(strstr(line, "msg=\"log lines were left out\""));
		tally.left_out += strtoul(lines + strlen(" lines="), NULL, 10);
	} else if (strstr(line, " is ready, workers: ") != NULL) {
		tally.has_start = true;
	}
}

static void count_lines(void)
{
	char *line = tally.text;
	char *end;

	tally.text[tally.len] = '\0';
	while ((end = strchr(line, '\n')) != NULL) {
		*end = '\0';
		long_lines_count(line);
		line = end + 1;
	}
	tally.len = strlen(line);
	memmove(tally.text, line, tally.len);
}

/* Take what there is; true when it was something. */
static bool read_some(int fd)
{
	ssize_t got = read(fd, tally.text + tally.len, TEXT_MAX - 1 - tally.len);

	if (got <= 0)
		return false;
	tally.len += (size_t)got;
	count_lines();
	return true;
}

void long_lines_read(int fd)
{
	while (read_some(fd))
		;
}

void long_lines_await_start(int fd)
{
	HARNESS_AWAIT((long_lines_read(fd), tally.has_start));
}

void long_lines_await_all(int fd, unsigned long count)
{
	int64_t deadline = harness_now_ms() + harness_patience_ms();

	for (long_lines_read(fd); tally.ends + tally.left_out != count; long_lines_read(fd)) {
		ck_assert_msg(harness_now_ms() < deadline,
			      "%u connections logged and %lu left out, of %lu", tally.ends,
			      tally.left_out, count);
		harness_sleep_ms(2);
	}
}

/* A target that is there: of one that is not, the daemon's look would log a line at any moment. */
const char *long_lines_config(const char *log, int workers)
{
	char config[1024];

	snprintf(config, sizeof(config),
		 DAEMON_AS_ROOT "workers = %d;\ndrain_timeout = \"300ms\";\nlog = { %s };\n"
				"listeners = ( { name = \"t\"; listen = \"" LISTEN_V4
				"\"; targets = { ipv4 = \"" BACKEND_V4 "\"; }; } );\n",
		 workers, log);
	return daemon_write_config(config);
}

void long_lines_start(const char *path, int workers)
{
	struct command command;
	char log[512];

	snprintf(log, sizeof(log), "target = \"%s\";", path);
	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, long_lines_config(log, workers));
	daemon_start_command(&command);
}

/* A header whose text makes a line of over 3 KiB. */
static void write_long_header(unsigned port)
{
	char client[64];
	char text[255];

	snprintf(client, sizeof(client), "203.0.113.7:%u", port);
	memset(text, 1, sizeof(text));
	sender_v2(&header, client, NULL);
	sender_tlv(&header, 0x02, text, sizeof(text));
	sender_tlv(&header, 0x05, text, sizeof(text));
	sender_tlv(&header, 0xEA, text, sizeof(text));
}

void long_lines_connect(int backend, unsigned count)
{
	static unsigned next = 20000;

	for (unsigned i = 0; i < count; i++) {
		struct connection connection;

		write_long_header(next);
		next = next < 59999 ? next + 1 : 20000;
		connection.client = sender_open(&header);
		connection.backend = peer_accept(backend, NULL);
		connection_check(&connection);
		connection_finish(&connection);
	}
}

void long_lines_expect_end(void)
{
	daemon_signal(SIGTERM);
	ck_assert_int_eq(daemon_wait(), 0);
}

bool long_lines_have_start(void)
{
	return tally.has_start;
}

unsigned long_lines_ends(void)
{
	return tally.ends;
}

unsigned long long_lines_left_out(void)
{
	return tally.left_out;
}
