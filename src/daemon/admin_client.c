/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the running daemon by its admin endpoint. */
#include "daemon/admin_client.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "net/sock.h"

/* Bytes of an answer's first line and headers. */
#define HEAD_MAX 4096

/* A refusal is one sentence. */
#define REFUSAL_MAX 1024

#define REQUEST_MAX 512

/* An answer that is being read. */
struct answer {
	int fd;
	int code;
	uint64_t left; /* bytes of its body that have not come */
	char bytes[HEAD_MAX];
	size_t len; /* of bytes that have come and are not used */
};

/* ---- connecting ---- */

/* Who may connect, in words. */
static void say_permission(const char *path)
{
	const struct passwd *owner;
	const struct group *group;
	struct stat st;

	if (stat(path, &st) < 0) {
		fprintf(stderr,
			"mmproxy: %s: permission denied; run this as root or as the user of the "
			"daemon\n",
			path);
		return;
	}
	owner = getpwuid(st.st_uid);
	group = getgrgid(st.st_gid);
	fprintf(
	    stderr,
	    "mmproxy: %s: permission denied; run this as root, as the user %s or as a member of "
	    "the group %s\n",
	    path, owner != NULL ? owner->pw_name : "of the daemon",
	    group != NULL ? group->gr_name : "of the daemon");
}

static int fail_to_connect(const char *place, bool is_path)
{
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr,
			"mmproxy: nobody listens on %s: mmproxy does not run, or with another "
			"configuration\n",
			place);
	else if (is_path && (errno == EACCES || errno == EPERM))
		say_permission(place);
	else if (errno == EAGAIN || errno == EINPROGRESS)
		fprintf(stderr, "mmproxy: %s: mmproxy does not answer\n", place);
	else
		fprintf(stderr, "mmproxy: cannot connect to %s: %s\n", place, strerror(errno));
	return -1;
}

static int open_socket(int family)
{
	/* Of connect(2) as well (socket(7)). */
	const struct timeval patience = {.tv_sec = ADMIN_CLIENT_PATIENCE_S};
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0) {
		fprintf(stderr, "mmproxy: cannot make a socket: %s\n", strerror(errno));
		sock_close(fd);
		return -1;
	}
	return fd;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = open_socket(AF_UNIX);

	if (fd < 0)
		return -1;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	(void)fail_to_connect(path, true);
	sock_close(fd);
	return -1;
}

static int connect_tcp(const struct addr *addr)
{
	int fd = open_socket(addr_family(addr));
	char text[ADDR_STRLEN];

	if (fd < 0)
		return -1;
	if (connect(fd, &addr->sa, addr_len(addr)) == 0)
		return fd;
	(void)fail_to_connect(addr_format(addr, text), false);
	sock_close(fd);
	return -1;
}

static int connect_daemon(const struct conf *conf, const char *source)
{
	if (conf->admin_path != NULL)
		return connect_unix(conf->admin_path);
	if (addr_is_set(&conf->admin_addr))
		return connect_tcp(&conf->admin_addr);
	fprintf(stderr,
		"mmproxy: %s has no admin.listen, by which the daemon is asked; add admin = { "
		"listen = \"unix:/run/mmproxy/admin.sock\"; }; and reload\n",
		source);
	return -1;
}

/* ---- asking ---- */

static int fail(const char *why)
{
	fprintf(stderr, "mmproxy: the daemon's answer %s\n", why);
	return -1;
}

static int send_request(int fd, const char *method, const char *target)
{
	char text[REQUEST_MAX];
	int len = snprintf(text, sizeof(text),
			   "%s %s HTTP/1.1\r\nHost: mmproxy\r\nContent-Length: 0\r\n"
			   "Connection: close\r\n\r\n",
			   method, target);

	if (len < 0 || (size_t)len >= sizeof(text))
		return fail("cannot be asked for: the request is too long");
	/* It fits into any send buffer. */
	if (send(fd, text, (size_t)len, MSG_NOSIGNAL) != len) {
		fprintf(stderr, "mmproxy: cannot ask the daemon: %s\n", strerror(errno));
		return -1;
	}
	return 0;
}

/* Have more bytes, behind those that are there. Returns 0 at the end, -1 having said what failed.
 */
static ssize_t read_more(struct answer *answer)
{
	ssize_t got;

	do
		got = recv(answer->fd, answer->bytes + answer->len,
			   sizeof(answer->bytes) - 1 - answer->len, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		fail(errno == EAGAIN ? "does not come" : strerror(errno));
		return -1;
	}
	answer->len += (size_t)got;
	answer->bytes[answer->len] = '\0';
	return got;
}

/* Read the first line and the headers, of which one is of interest: how long the body is. */
static int read_head(struct answer *answer)
{
	static const char length_name[] = "\r\nContent-Length: ";
	const char *length;
	char *end;

	answer->bytes[0] = '\0';
	while ((end = strstr(answer->bytes, "\r\n\r\n")) == NULL) {
		ssize_t got = read_more(answer);

		if (got < 0)
			return -1;
		if (got == 0 || answer->len == sizeof(answer->bytes) - 1)
			return fail("is no HTTP, or not whole");
	}
	length = strstr(answer->bytes, length_name);
	if (strncmp(answer->bytes, "HTTP/1.1 ", 9) != 0 || length == NULL || length > end)
		return fail("is no HTTP that mmproxy speaks");
	answer->code = (int)strtol(answer->bytes + 9, NULL, 10);
	answer->left = strtoull(length + strlen(length_name), NULL, 10);
	end += 4;
	answer->len -= (size_t)(end - answer->bytes);
	memmove(answer->bytes, end, answer->len);
	return 0;
}

static int copy_body(struct answer *answer, FILE *out)
{
	while (answer->left > 0) {
		if (answer->len == 0) {
			ssize_t got = read_more(answer);

			if (got < 0)
				return -1;
			if (got == 0)
				return fail("is not whole");
		}
		if (answer->len > answer->left)
			answer->len = (size_t)answer->left;
		/* The caller finds out when it flushes the stream. */
		(void)fwrite(answer->bytes, 1, answer->len, out);
		answer->left -= answer->len;
		answer->len = 0;
	}
	return 0;
}

/* What the daemon has to say against it is one line. */
static int say_refusal(struct answer *answer)
{
	char text[REFUSAL_MAX] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	int result;

	if (out == NULL)
		return fail("cannot be shown: memory is out");
	result = copy_body(answer, out);
	fclose(out);
	text[strcspn(text, "\n")] = '\0';
	if (result == 0)
		fprintf(stderr, "mmproxy: %s\n", text);
	return -1;
}

int admin_client_ask(const struct conf *conf, const char *source, const char *method,
		     const char *target, FILE *out)
{
	struct answer answer = {.fd = connect_daemon(conf, source)};
	int result = -1;

	if (answer.fd < 0)
		return -1;
	if (send_request(answer.fd, method, target) == 0 && read_head(&answer) == 0)
		result = answer.code == 200 ? copy_body(&answer, out) : say_refusal(&answer);
	sock_close(answer.fd);
	return result;
}
