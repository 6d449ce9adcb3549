/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a file that a person writes. */
#include "conf/conf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK ((size_t)64 * 1024)

/* Times that a file is read that changes meanwhile. */
#define ATTEMPTS_MAX 4

static const char byte_order_mark[] = "\xef\xbb\xbf";

/* Make room for one more chunk and a NUL. */
static int grow(char **text, size_t len, size_t *room)
{
	char *grown;

	if (*room - len > READ_CHUNK)
		return 0;
	*room = 2 * (len + READ_CHUNK);
	grown = realloc(*text, *room);
	if (grown == NULL)
		return -1;
	*text = grown;
	return 0;
}

/* The size that fstat(2) tells is no bound: files of /proc have none, and others grow. */
static const char *read_to_end(int fd, char **text, size_t *len)
{
	size_t room = 0;
	ssize_t got;

	do {
		if (grow(text, *len, &room) < 0)
			return strerror(ENOMEM);
		got = read(fd, *text + *len, READ_CHUNK);
		if (got < 0)
			return strerror(errno);
		*len += (size_t)got;
		if (*len > CONF_TEXT_FILE_MAX)
			return "it is longer than 16 MiB";
	} while (got > 0);
	(*text)[*len] = '\0';
	return NULL;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_unchanged(const struct stat *before, const struct stat *after)
{
	return before->st_size == after->st_size &&
	       is_same_time(&before->st_mtim, &after->st_mtim) &&
	       is_same_time(&before->st_ctim, &after->st_ctim);
}

static const char *read_regular(int fd, char **text, size_t *len)
{
	struct stat before;
	struct stat after;
	const char *why;

	if (fstat(fd, &before) < 0)
		return strerror(errno);
	if (S_ISDIR(before.st_mode))
		return strerror(EISDIR);
	if (!S_ISREG(before.st_mode))
		return "it is not a regular file";
	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		why = read_to_end(fd, text, len);
		if (why != NULL)
			return why;
		if (fstat(fd, &after) < 0)
			return strerror(errno);
		if (is_unchanged(&before, &after))
			return NULL;
		before = after;
		free(*text);
		*text = NULL;
		*len = 0;
		if (lseek(fd, 0, SEEK_SET) < 0)
			return strerror(errno);
	}
	return "it is changed again and again while it is read";
}

const char *conf_text_read(const char *path, char **text, size_t *len)
{
	/* O_NONBLOCK: or opening a FIFO waits for a writer. It has no effect on regular files. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const char *why;

	*text = NULL;
	*len = 0;
	if (fd < 0)
		return strerror(errno);
	why = read_regular(fd, text, len);
	close(fd);
	if (why != NULL) {
		free(*text);
		*text = NULL;
	}
	return why;
}

size_t conf_text_mark_len(const char *text)
{
	size_t len = strlen(byte_order_mark);

	return strncmp(text, byte_order_mark, len) == 0 ? len : 0;
}
