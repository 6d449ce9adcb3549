/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real sockets, as a load balancer and a backend use them: every function either does what it says
 * within harness_patience_ms() or fails the test.
 *
 * Descriptors from here are closed after the test if it has not done so.
 */
#ifndef MMPROXY_TEST_PEER_H
#define MMPROXY_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/addr.h"

/* An address that must be well-formed, such as "127.0.0.1:7000". */
struct addr peer_addr(const char *text);

/* Have a descriptor from elsewhere closed after the test as well; returns it. */
int peer_adopt(int fd);

/* Events of poll(2) that came within ms, 0 when there were none. */
int peer_poll(int fd, short events, int ms);

/* A listening socket; backlog as listen(2) takes it. */
int peer_listen(const char *address);
int peer_listen_backlog(const char *address, int backlog);

/* Connect to an address, from another one unless that is NULL. */
int peer_connect(const char *from, const char *to);

/* The same where it may fail: -1 with errno. */
int peer_try_connect(const char *from, const char *to);

/* A connection that is still on its way or done; never waits. -1 with errno when refused at once.
 */
int peer_begin_connect(const char *from, const char *to);

/*
 * Accept a connection and tell whom it comes from (NULL: not wanted). One that the daemon has reset
 * unused, from an address of its probes, is passed over.
 */
int peer_accept(int listener, struct addr *from);

/* Accept a connection that must come from this address and port. */
int peer_accept_from(int listener, const char *from);

/* Accept a connection that must come from this IP address, from any port; returns the port in
 * *port. */
int peer_accept_from_ip(int listener, const char *ip, unsigned *port);

/* No connection waits to be accepted, but for probes of the daemon's, which are taken. */
void peer_assert_no_connection(int listener);

/*
 * Take what waits in the queues of peer_listen(), at a moment when that can be the daemon's probes
 * only, so that a queue with something in it has a client's connection from then on.
 */
void peer_drop_probes(void);

void peer_send(int fd, const void *bytes, size_t len);
void peer_send_text(int fd, const char *text);

/* Send as much as the kernel takes until it takes nothing for quiet_ms; returns how much it was. */
size_t peer_fill(int fd, int quiet_ms);

/* Receive exactly these bytes. */
void peer_expect(int fd, const void *bytes, size_t len);
void peer_expect_text(int fd, const char *text);

/* Receive these bytes as far as they come before the end or a reset; returns how many came. */
size_t peer_receive_some(int fd, const void *bytes, size_t len);

/* Receive up to len bytes: how many, 0 at the end, -1 after a reset. */
ssize_t peer_receive(int fd, void *bytes, size_t len);

/* The next event is the end of the stream; or a reset; or either of them. No byte comes before. */
void peer_expect_end(int fd);
void peer_expect_reset(int fd);
void peer_expect_closed(int fd);

/* Wait for a reset behind a FIN, which reading does not tell of. */
void peer_await_dead(int fd);

/* Nothing comes for this long. */
void peer_expect_silence(int fd, int ms);

/* Whether there is something to read (the end or a reset as well). */
bool peer_is_readable(int fd);

/* Wait until everything sent has been read by the program at the other end, in this namespace. */
void peer_await_read(int fd);

/* Wait until the other end's kernel has everything that was sent. */
void peer_await_acknowledged(int fd);

/* Send a FIN; still reads. */
void peer_finish(int fd);

void peer_close(int fd);

/* Close with a RST. */
void peer_reset(int fd);

/* Be gone without a word, as a host without power is (TCP_REPAIR, Linux 3.5; needs CAP_NET_ADMIN).
 */
void peer_vanish(int fd);

void peer_close_all(void);

/* Fixed socket buffers instead of the kernel's growing ones; before connecting or on a listener. */
void peer_set_buffers(int fd, int receive_bytes, int send_bytes);

/* The port that a socket is bound to. */
unsigned peer_local_port(int fd);

#endif
