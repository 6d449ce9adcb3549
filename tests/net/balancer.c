/* SPDX-License-Identifier: BSD-2-Clause */
/* A UDP load balancer, and both ends of a flow at once. */
#include "balancer.h"

#include <stdio.h>
#include <string.h>

#include "harness.h"
#include "peer.h"

int balancer_open(void)
{
	return udp_open("127.0.0.1:0");
}

void balancer_send_header(int fd, const char *listener, const struct sender_header *header,
			  const void *payload, size_t len)
{
	static uint8_t datagram[SENDER_MAX];

	ck_assert_uint_le(header->len + len, sizeof(datagram));
	memcpy(datagram, header->bytes, header->len);
	if (len > 0)
		memcpy(datagram + header->len, payload, len);
	udp_send(fd, listener, datagram, header->len + len);
}

static void send_at(int fd, const char *listener, const char *client, const void *payload,
		    size_t len)
{
	static struct sender_header header;

	sender_v2_udp(&header, client, NULL);
	balancer_send_header(fd, listener, &header, payload, len);
}

void balancer_send(int fd, const char *client, const void *payload, size_t len)
{
	send_at(fd, LISTEN_V4, client, payload, len);
}

void balancer_send_text(int fd, const char *client, const char *text)
{
	balancer_send(fd, client, text, strlen(text));
}

static const char *new_words(const char *what)
{
	static unsigned number;
	static char words[64];

	snprintf(words, sizeof(words), "%s %u", what, number++);
	return words;
}

static void check_answer(int fd, const char *listener, int backend, const char *client)
{
	const char *words = new_words("answer");

	udp_send_text(backend, client, words);
	udp_expect_text(fd, listener, words);
}

void balancer_check_at(int fd, const char *listener, int backend, const char *client)
{
	const char *words = new_words("question");

	send_at(fd, listener, client, words, strlen(words));
	udp_expect_text(backend, client, words);
	check_answer(fd, listener, backend, client);
}

void balancer_check(int fd, int backend, const char *client)
{
	balancer_check_at(fd, LISTEN_V4, backend, client);
}

void balancer_check_answer(int fd, int backend, const char *client)
{
	check_answer(fd, LISTEN_V4, backend, client);
}
