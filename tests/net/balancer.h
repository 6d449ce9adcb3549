/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A UDP load balancer: its datagrams with the header of a client before them, and both ends of a
 * flow at once.
 */
#ifndef MMPROXY_TEST_BALANCER_H
#define MMPROXY_TEST_BALANCER_H

#include <stddef.h>

#include "sender.h"
#include "udp.h"

/* The client that most tests name, and others. */
#define BALANCER_CLIENT	      "203.0.113.7:40000"
#define BALANCER_OTHER_CLIENT "203.0.113.8:40000"
#define BALANCER_CLIENT_V6    "[2001:db8::7]:40000"

/* A load balancer's socket on 127.0.0.1, at a port of the kernel's choice. */
int balancer_open(void);

/* Header and payload in one datagram, to this listener. */
void balancer_send_header(int fd, const char *listener, const struct sender_header *header,
			  const void *payload, size_t len);

/* The same to 127.0.0.1:7000 with a v2 header that names this client over UDP. */
void balancer_send(int fd, const char *client, const void *payload, size_t len);
void balancer_send_text(int fd, const char *client, const char *text);

/*
 * A client's words reach the backend from the client's address, and the backend's answer reaches
 * the load balancer from the listener's. Words differ from one call to the next.
 */
void balancer_check(int fd, int backend, const char *client);

/* The same through a listener at another address than 127.0.0.1:7000. */
void balancer_check_at(int fd, const char *listener, int backend, const char *client);

/* Only the way back: the backend answers this client, and it reaches the load balancer's socket. */
void balancer_check_answer(int fd, int backend, const char *client);

#endif
