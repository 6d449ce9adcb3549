/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a file that a person writes. */
#include "conf/conf_text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK ((size_t)64 * 1024)

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

static const char *read_regular(int fd, char **text, size_t *len)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return strerror(errno);
	if (S_ISDIR(status.st_mode))
		return strerror(EISDIR);
	if (!S_ISREG(status.st_mode))
		return "it is not a regular file";
	return read_to_end(fd, text, len);
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
