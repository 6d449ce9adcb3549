/* SPDX-License-Identifier: BSD-2-Clause */
/* A stand-in for systemd. */
#include "manager.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness.h"
#include "peer.h"

#define LINES_MAX 4096
#define STORE_MAX 64

static struct {
	int fd;
	char *lines[LINES_MAX];
	size_t lines_count;
	struct {
		int fd;
		char name[256];
	} store[STORE_MAX];
	size_t kept;
} manager;

void manager_open_at(const char *address)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(address);

	ck_assert_uint_lt(len, sizeof(addr.sun_path));
	memcpy(addr.sun_path, address, len);
	if (address[0] == '@')
		addr.sun_path[0] = '\0';
	manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(peer_adopt(manager.fd), 0);
	ck_assert_int_eq(bind(manager.fd, (struct sockaddr *)&addr,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", address, 1), 0);
}

void manager_open(void)
{
	manager_open_at(harness_path("notify"));
}

static void take_line(const char *line)
{
	ck_assert_uint_lt(manager.lines_count, LINES_MAX);
	manager.lines[manager.lines_count] = strdup(line);
	ck_assert_ptr_nonnull(manager.lines[manager.lines_count++]);
}

static void keep(int fd, const char *name)
{
	ck_assert_uint_lt(manager.kept, STORE_MAX);
	manager.store[manager.kept].fd = peer_adopt(fd);
	snprintf(manager.store[manager.kept].name, sizeof(manager.store[0].name), "%s", name);
	manager.kept++;
}

static void remove_kept(const char *name)
{
	size_t left = 0;

	for (size_t i = 0; i < manager.kept; i++) {
		if (strcmp(manager.store[i].name, name) == 0)
			peer_close(manager.store[i].fd);
		else
			manager.store[left++] = manager.store[i];
	}
	manager.kept = left;
}

static void take_message(char *text, int fd)
{
	char name[256] = "stored";
	bool stores = false;
	bool removes = false;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		stores |= strcmp(line, "FDSTORE=1") == 0;
		removes |= strcmp(line, "FDSTOREREMOVE=1") == 0;
		if (strncmp(line, "FDNAME=", 7) == 0)
			snprintf(name, sizeof(name), "%s", line + 7);
		take_line(line);
	}
	ck_assert_msg(stores == (fd >= 0), "a descriptor comes with FDSTORE=1, and that with one");
	if (stores)
		keep(fd, name);
	if (removes)
		remove_kept(name);
}

/* Read all that waits. */
static void listen_to_daemon(void)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char text[4096];
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text) - 1};

	for (;;) {
		struct msghdr header = {.msg_iov = &iov,
					.msg_iovlen = 1,
					.msg_control = control,
					.msg_controllen = sizeof(control)};
		ssize_t len = recvmsg(manager.fd, &header, MSG_CMSG_CLOEXEC);
		struct cmsghdr *cmsg;
		int fd = -1;

		if (len < 0)
			return;
		text[len] = '\0';
		cmsg = CMSG_FIRSTHDR(&header);
		if (cmsg != NULL)
			memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
		take_message(text, fd);
	}
}

static const char *find(const char *line, size_t *index)
{
	size_t len = strlen(line);

	for (size_t i = manager.lines_count; i-- > 0;) {
		if (strncmp(manager.lines[i], line, len) != 0)
			continue;
		if (index != NULL)
			*index = i;
		return manager.lines[i] + len;
	}
	return NULL;
}

unsigned manager_count(const char *line)
{
	unsigned count = 0;

	listen_to_daemon();
	for (size_t i = 0; i < manager.lines_count; i++)
		count += strncmp(manager.lines[i], line, strlen(line)) == 0;
	return count;
}

const char *manager_await(const char *line)
{
	HARNESS_AWAIT(manager_count(line) > 0);
	return find(line, NULL);
}

bool manager_heard_before(const char *first, const char *second)
{
	size_t a = 0;
	size_t b = 0;

	ck_assert_ptr_nonnull(find(first, &a));
	ck_assert_ptr_nonnull(find(second, &b));
	return a < b;
}

void manager_forget(void)
{
	listen_to_daemon();
	while (manager.lines_count > 0)
		free(manager.lines[--manager.lines_count]);
}

size_t manager_kept(void)
{
	listen_to_daemon();
	return manager.kept;
}

bool manager_keeps(const char *name)
{
	listen_to_daemon();
	for (size_t i = 0; i < manager.kept; i++)
		if (strcmp(manager.store[i].name, name) == 0)
			return true;
	return false;
}

void manager_pass(struct command *command)
{
	listen_to_daemon();
	for (size_t i = 0; i < manager.kept; i++)
		command_pass(command, manager.store[i].fd, manager.store[i].name);
}
