/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A link between two hosts that holds every packet for a while, where the kernel has no sch_netem:
 *
 *	delay_line PID MILLISECONDS HERE THERE
 *
 * makes the TUN device HERE in its own network namespace and THERE in that of the process PID, says
 * "ready", and passes packets both ways until it is killed. What would be more than a queue of 64
 *MiB or 65,536 packets is dropped. Segments pass whole, as they do over veth (TSO). A thread a way.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "clock_ns.h"

/* A packet of 64 KiB and what stands before it (struct virtio_net_hdr). */
#define PACKET_MAX (65536 + 64)

#define QUEUE_PACKETS 65536
#define QUEUE_BYTES   ((size_t)64 * 1024 * 1024)

/* Read in one go, so that what is due is not late by more. */
#define READS 64

#define DELAY_MAX_MS 10000

struct packet {
	uint64_t due_ns;
	size_t len;
	uint8_t bytes[];
};

struct way {
	pthread_t id;
	int from, to;
	uint64_t delay_ns;
	struct packet *queue[QUEUE_PACKETS];
	size_t first, count, bytes;
	uint8_t buffer[PACKET_MAX];
};

static void die(const char *what)
{
	fprintf(stderr, "delay_line: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* A device of this thread's network namespace. */
static int open_tun(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		die("TUNSETIFF");
	if (ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		die("TUNSETOFFLOAD");
	return fd;
}

static void keep(struct way *way, size_t len, uint64_t now_ns)
{
	struct packet *packet;

	if (way->count == QUEUE_PACKETS || way->bytes + len > QUEUE_BYTES)
		return;
	packet = malloc(sizeof(*packet) + len);
	if (!packet)
		return;
	packet->due_ns = now_ns + way->delay_ns;
	packet->len = len;
	memcpy(packet->bytes, way->buffer, len);
	way->queue[(way->first + way->count++) % QUEUE_PACKETS] = packet;
	way->bytes += len;
}

static void take_in(struct way *way)
{
	for (int i = 0; i < READS; i++) {
		ssize_t got = read(way->from, way->buffer, sizeof(way->buffer));

		if (got <= 0)
			return;
		keep(way, (size_t)got, clock_ns());
	}
}

static void let_out(struct way *way)
{
	while (way->count > 0 && way->queue[way->first]->due_ns <= clock_ns()) {
		struct packet *packet = way->queue[way->first];

		/* Who does not take it, because it is down or has no memory, has lost it. */
		(void)!write(way->to, packet->bytes, packet->len);
		way->bytes -= packet->len;
		way->first = (way->first + 1) % QUEUE_PACKETS;
		way->count--;
		free(packet);
	}
}

static void *way_main(void *arg)
{
	struct way *way = arg;

	for (;;) {
		struct pollfd input = {.fd = way->from, .events = POLLIN};
		uint64_t now_ns = clock_ns(), rest_ns = 0;
		struct timespec timeout;

		if (way->count > 0 && way->queue[way->first]->due_ns > now_ns)
			rest_ns = way->queue[way->first]->due_ns - now_ns;
		timeout.tv_sec = (time_t)(rest_ns / NS_A_SECOND);
		timeout.tv_nsec = (long)(rest_ns % NS_A_SECOND);
		if (ppoll(&input, 1, way->count > 0 ? &timeout : NULL, NULL) < 0 && errno != EINTR)
			die("ppoll");
		take_in(way);
		let_out(way);
	}
	return NULL;
}

static int enter_namespace(const char *pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return -1;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	static struct way there, back;
	char *end = "";
	unsigned long delay_ms = argc == 5 ? strtoul(argv[2], &end, 10) : 0;

	if (argc != 5 || *end || delay_ms > DELAY_MAX_MS) {
		fprintf(stderr, "usage: delay_line PID MILLISECONDS HERE THERE\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	there.from = back.to = open_tun(argv[3]);
	if (enter_namespace(argv[1]) < 0)
		die(argv[1]);
	there.to = back.from = open_tun(argv[4]);
	there.delay_ns = back.delay_ns = (uint64_t)delay_ms * 1000 * 1000;
	errno = pthread_create(&back.id, NULL, way_main, &back);
	if (errno != 0)
		die("pthread_create");
	puts("ready");
	fflush(stdout);
	way_main(&there);
	return EXIT_SUCCESS;
}
