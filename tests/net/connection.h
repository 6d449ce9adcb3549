/* SPDX-License-Identifier: BSD-2-Clause */
/* A connection through the daemon, seen from both of its ends. */
#ifndef MMPROXY_TEST_CONNECTION_H
#define MMPROXY_TEST_CONNECTION_H

struct connection {
	int client;  /* the load balancer's socket, its header sent */
	int backend; /* the backend's, which saw the client's address */
};

/* The client that most tests name. */
#define CONNECTION_CLIENT "203.0.113.7:40000"

/* Open one with a v1 header that names this client, towards a backend that listens already. */
void connection_open(struct connection *connection, int listener, const char *client);

/* Send a word each way and see it arrive. */
void connection_check(const struct connection *connection);

/* End it from both sides in good order, and see both ends come. */
void connection_finish(const struct connection *connection);

/* A new connection that names this client works, and ends. */
void connection_try(int listener, const char *client);

/*
 * New connections, until this file has the line of one: the log of a daemon that was told to open
 * it again, whose former file may get lines for a moment after the new one is there.
 */
void connection_try_until_logged(int listener, const char *path);

#endif
