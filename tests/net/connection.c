/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection through the daemon, seen from both of its ends. */
#include "connection.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "peer.h"
#include "sender.h"

void connection_open(struct connection *connection, int listener, const char *client)
{
	connection->client = sender_open_v1(client);
	connection->backend = peer_accept_from(listener, client);
}

void connection_check(const struct connection *connection)
{
	peer_send_text(connection->client, "up");
	peer_expect_text(connection->backend, "up");
	peer_send_text(connection->backend, "down");
	peer_expect_text(connection->client, "down");
}

void connection_finish(const struct connection *connection)
{
	peer_finish(connection->client);
	peer_expect_end(connection->backend);
	peer_close(connection->backend);
	peer_expect_end(connection->client);
	peer_close(connection->client);
}

void connection_try(int listener, const char *client)
{
	struct connection connection;

	connection_open(&connection, listener, client);
	connection_check(&connection);
	connection_finish(&connection);
}

static bool has_end(const char *path)
{
	char *text = harness_read(path);
	bool found = strstr(text, "reason=done") != NULL;

	free(text);
	return found;
}

void connection_try_until_logged(int listener, const char *path)
{
	char log[256];
	char client[64];

	/* The path may be one of harness_path()'s, which do not last. */
	snprintf(log, sizeof(log), "%s", path);
	for (unsigned port = 20000; !has_end(log); port++) {
		ck_assert_uint_lt(port, 60000);
		snprintf(client, sizeof(client), "203.0.113.2:%u", port);
		connection_try(listener, client);
	}
}
