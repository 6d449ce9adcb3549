/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests over HTTP as another program sends them. */
#include "http.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "peer.h"

#define REQUEST_MAX 16384

static char *received;

int http_connect(const char *place)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd;

	if (place[0] != '/')
		return peer_connect(NULL, place);
	fd = peer_adopt(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(strlen(place), sizeof(name.sun_path));
	strcpy(name.sun_path, place);
	ck_assert_msg(connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0, "%s: %s",
		      place, strerror(errno));
	return fd;
}

void http_read(int fd, struct http_answer *answer)
{
	size_t room = 65536;
	size_t len = 0;
	ssize_t got = 1;
	char *end;

	received = realloc(received, room);
	while (got > 0) {
		if (len + 1 == room)
			received = realloc(received, room *= 2);
		ck_assert_ptr_nonnull(received);
		ck_assert_msg(peer_poll(fd, POLLIN, harness_patience_ms()) != 0, "no answer");
		got = recv(fd, received + len, room - 1 - len, 0);
		ck_assert_msg(got >= 0 || errno == ECONNRESET || errno == EAGAIN, "%s",
			      strerror(errno));
		if (got > 0)
			len += (size_t)got;
		else if (got < 0 && errno == EAGAIN)
			got = 1;
	}
	received[len] = '\0';
	peer_close(fd);
	memset(answer, 0, sizeof(*answer));
	end = strstr(received, "\r\n\r\n");
	if (end == NULL || sscanf(received, "HTTP/1.%*d %d", &answer->code) != 1)
		return;
	snprintf(answer->head, sizeof(answer->head), "%.*s", (int)(end + 2 - received), received);
	answer->body = end + 4;
	answer->len = len - (size_t)(answer->body - received);
}

void http_ask(const char *place, const char *method, const char *target, const char *body,
	      struct http_answer *answer)
{
	static char request[REQUEST_MAX];
	int fd = http_connect(place);
	int len =
	    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: test\r\n", method, target);

	if (body != NULL)
		len += snprintf(request + len, sizeof(request) - (size_t)len,
				"Content-Type: application/x-www-form-urlencoded\r\n"
				"Content-Length: %zu\r\n\r\n%s",
				strlen(body), body);
	else
		len += snprintf(request + len, sizeof(request) - (size_t)len, "\r\n");
	ck_assert_int_lt(len, REQUEST_MAX);
	/* It may be refused before it is read to its end. */
	(void)!send(fd, request, (size_t)len, MSG_NOSIGNAL);
	http_read(fd, answer);
}

const char *http_get(const char *place, const char *target)
{
	static struct http_answer answer;

	http_ask(place, "GET", target, NULL, &answer);
	ck_assert_msg(answer.code == 200, "%s: %d", target, answer.code);
	return answer.body;
}
