/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection through the daemon, seen from both of its ends. */
#include "connection.h"

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
