/* SPDX-License-Identifier: BSD-2-Clause */
/* The backend's UDP side: batches in, batches out. */
#include "backend_udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "backend_role.h"

#define BATCH	     64
#define DATAGRAM_MAX 2048
#define PORTS	     65536

/* A thousand flows may have a datagram each under way. */
#define BUFFER_BYTES (8 * 1024 * 1024)

struct udp_thread {
	int fd;
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_parts[BATCH], out_parts[BATCH];
	struct sockaddr_in names[BATCH];
	uint8_t datagrams[BATCH][DATAGRAM_MAX];
	uint8_t answers[BATCH][64]; /* those that are no echo */
	unsigned out_count;
	uint8_t run[BACKEND_RUN_MAX];
};

/* Of the sink, by the client's port. One client has one thread, so nobody shares a counter. */
static uint64_t sunk[PORTS];

static void answer(struct udp_thread *thread, unsigned i, void *bytes, size_t len)
{
	struct msghdr *message = &thread->out[thread->out_count].msg_hdr;

	thread->out_parts[thread->out_count] = (struct iovec){.iov_base = bytes, .iov_len = len};
	memset(message, 0, sizeof(*message));
	message->msg_name = &thread->names[i];
	message->msg_namelen = sizeof(thread->names[i]);
	message->msg_iov = &thread->out_parts[thread->out_count++];
	message->msg_iovlen = 1;
}

static void greet(struct udp_thread *thread, unsigned i, uint8_t role)
{
	char address[INET_ADDRSTRLEN];
	char *text = (char *)thread->answers[i];
	size_t len = 1;

	text[0] = (char)role;
	if (role == BACKEND_WHO) {
		inet_ntop(AF_INET, &thread->names[i].sin_addr, address, sizeof(address));
		len += (size_t)snprintf(text + 1, sizeof(thread->answers[i]) - 1, "%s:%u\n",
					address, ntohs(thread->names[i].sin_port));
	}
	answer(thread, i, text, len);
}

/* A run of datagrams; one by one where the kernel does not cut it. */
static void send_run(struct udp_thread *thread, unsigned i, const struct backend_message *request)
{
	size_t size = request->size;
	size_t len = size * request->count;
	int segment = request->size;

	if (size < sizeof(*request) || request->count == 0 || len > sizeof(thread->run))
		return;
	for (size_t at = 0; at < len; at += size)
		memcpy(thread->run + at, request, sizeof(*request));
	if (setsockopt(thread->fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0 &&
	    sendto(thread->fd, thread->run, len, 0, (const struct sockaddr *)&thread->names[i],
		   sizeof(thread->names[i])) == (ssize_t)len)
		return;
	segment = 0;
	(void)setsockopt(thread->fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	for (size_t at = 0; at < len; at += size)
		(void)sendto(thread->fd, thread->run + at, size, 0,
			     (const struct sockaddr *)&thread->names[i], sizeof(thread->names[i]));
}

static void sink(struct udp_thread *thread, unsigned i, const struct backend_message *message)
{
	uint64_t *count = &sunk[ntohs(thread->names[i].sin_port)];
	struct backend_message said = *message;

	(*count)++;
	if (!message->wants_count)
		return;
	said.count = (uint32_t)*count;
	memcpy(thread->answers[i], &said, sizeof(said));
	answer(thread, i, thread->answers[i], sizeof(said));
}

static void serve(struct udp_thread *thread, unsigned i)
{
	uint8_t *bytes = thread->datagrams[i];
	size_t len = thread->in[i].msg_len;
	struct backend_message message;

	if (len == 1)
		greet(thread, i, bytes[0]);
	if (len < sizeof(message))
		return;
	memcpy(&message, bytes, sizeof(message));
	switch (message.role) {
	case BACKEND_ECHO:
		answer(thread, i, bytes, len);
		break;
	case BACKEND_SOURCE:
		send_run(thread, i, &message);
		break;
	case BACKEND_SINK:
		sink(thread, i, &message);
		break;
	default:
		break;
	}
}

/* What the kernel does not take is lost, as on any network. */
static void send_answers(struct udp_thread *thread)
{
	unsigned done = 0;
	int segment = 0;

	if (thread->out_count == 0)
		return;
	(void)setsockopt(thread->fd, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
	while (done < thread->out_count) {
		int sent = sendmmsg(thread->fd, thread->out + done, thread->out_count - done, 0);

		done += sent > 0 ? (unsigned)sent : 1;
	}
	thread->out_count = 0;
}

static void *udp_main(void *arg)
{
	struct udp_thread *thread = arg;

	for (;;) {
		int count;

		for (unsigned i = 0; i < BATCH; i++)
			thread->in[i].msg_hdr.msg_namelen = sizeof(thread->names[i]);
		count = recvmmsg(thread->fd, thread->in, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < count; i++)
			serve(thread, (unsigned)i);
		send_answers(thread);
	}
	return NULL;
}

/* More than net.core.*mem_max where that may be. */
static void grow_buffers(int fd)
{
	const int bytes = BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

static struct udp_thread *udp_thread_new(const struct sockaddr_in *addr)
{
	struct udp_thread *thread = calloc(1, sizeof(*thread));
	int one = 1;

	if (!thread)
		return NULL;
	thread->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (thread->fd < 0 ||
	    setsockopt(thread->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0 ||
	    bind(thread->fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0) {
		free(thread);
		return NULL;
	}
	grow_buffers(thread->fd);
	for (unsigned i = 0; i < BATCH; i++) {
		thread->in_parts[i] = (struct iovec){.iov_base = thread->datagrams[i],
						     .iov_len = sizeof(thread->datagrams[i])};
		thread->in[i].msg_hdr.msg_iov = &thread->in_parts[i];
		thread->in[i].msg_hdr.msg_iovlen = 1;
		thread->in[i].msg_hdr.msg_name = &thread->names[i];
	}
	return thread;
}

int backend_udp_start(const struct sockaddr_in *addr, unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		struct udp_thread *thread = udp_thread_new(addr);
		pthread_t id;

		if (!thread)
			return -1;
		errno = pthread_create(&id, NULL, udp_main, thread);
		if (errno != 0)
			return -1;
		pthread_detach(id);
	}
	return 0;
}
