/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a log file without being led elsewhere. */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/new_file.h"
#include "base/user_map.h"

/* Links on one path; the kernel's own limit (MAXSYMLINKS). */
#define LINKS_MAX 40

#define MODE 0640

/*
 * O_NONBLOCK is for pipes and terminals: opening them does not wait, and a writer waits in poll(2),
 * where it can look for a reopened file. It is this process's own open file, unlike standard error,
 * which others may share and which stays as it is.
 */
#define FLAGS (O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* Where a path leads: the name of the file in a directory that is open. */
struct place {
	int directory;
	bool is_private; /* nobody but root can put anything there */
	bool is_sticky;	 /* others can, but not in the place of what root has put there */
	int follow;	 /* O_NOFOLLOW, or 0 for a link of /proc, which is no path */
	char name[NAME_MAX + 1];
	char rest[PATH_MAX]; /* behind the directory */
	unsigned links;
};

/*
 * A named pipe is opened with a reader of our own where that is allowed, which keeps it open while
 * nobody else reads (fifo(7)). Also one that somebody reads already: that may be this process,
 * which has it open until it has opened it again.
 */
static int open_at(int directory, const char *name, int flags)
{
	int fd = openat(directory, name, O_WRONLY | FLAGS | flags, MODE);
	struct stat st;
	int both;

	if (fd < 0 ? errno != ENXIO : fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
		return fd;
	both = openat(directory, name, O_RDWR | FLAGS | flags, MODE);
	if (both < 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return both;
}

/* ---- the way to the file, as root ---- */

static int fail(struct place *place, int error)
{
	if (place->directory >= 0)
		close(place->directory);
	place->directory = -1;
	errno = error;
	return -1;
}

/* Go on from this directory, which the place takes. */
static int enter(struct place *place, int directory)
{
	struct stat st;

	if (place->directory >= 0)
		close(place->directory);
	place->directory = directory;
	if (directory < 0 || fstat(directory, &st) < 0)
		return fail(place, errno);
	place->is_private = user_map_is_root(st.st_uid) && (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
	place->is_sticky = user_map_is_root(st.st_uid) && (st.st_mode & S_ISVTX) != 0;
	return 0;
}

static int enter_root(struct place *place)
{
	return enter(place, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Take the next name off the rest of the path. */
static int next_name(struct place *place)
{
	const char *start = place->rest + strspn(place->rest, "/");
	size_t len = strcspn(start, "/");

	if (len > NAME_MAX)
		return fail(place, ENAMETOOLONG);
	/* A path that ends in a slash, or that is one, names a directory. */
	if (len == 0)
		return fail(place, EISDIR);
	memcpy(place->name, start, len);
	place->name[len] = '\0';
	memmove(place->rest, start + len, strlen(start + len) + 1);
	return 0;
}

/* Go on where the link leads that is open as fd. */
static int follow(struct place *place, int fd)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(fd, "", target, sizeof(target) - 1);
	size_t rest_len = strlen(place->rest);

	if (len < 0)
		return fail(place, errno);
	if (++place->links > LINKS_MAX)
		return fail(place, ELOOP);
	if ((size_t)len + rest_len >= sizeof(place->rest))
		return fail(place, ENAMETOOLONG);
	memmove(place->rest + len, place->rest, rest_len + 1);
	memcpy(place->rest, target, (size_t)len);
	return place->rest[0] == '/' ? enter_root(place) : 0;
}

/* By its device, which takes no system call that the sandbox has not. */
static bool is_of_proc(const struct stat *st)
{
	struct stat proc;

	return stat("/proc/self/fd", &proc) == 0 && proc.st_dev == st->st_dev;
}

/* One step. Returns 1 at the file, 0 when there is more of the way, or -1 with errno. */
static int step(struct place *place)
{
	bool is_last;
	struct stat st;
	int fd;

	if (next_name(place) < 0)
		return -1;
	is_last = place->rest[0] == '\0';
	fd = openat(place->directory, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return is_last && errno == ENOENT ? 1 : fail(place, errno);
	if (fstat(fd, &st) < 0) {
		close(fd);
		return fail(place, EIO);
	}
	if (S_ISLNK(st.st_mode)) {
		bool is_magic = is_last && is_of_proc(&st);
		int result;

		if (!place->is_private && !(place->is_sticky && user_map_is_root(st.st_uid)))
			result = fail(place, ELOOP);
		else
			/* Such as /proc/self/fd/1, which /dev/stdout leads to. */
			result = is_magic ? 1 : follow(place, fd);
		close(fd);
		place->follow = is_magic ? 0 : O_NOFOLLOW;
		return result;
	}
	if (is_last) {
		close(fd);
		return 1;
	}
	if (!S_ISDIR(st.st_mode)) {
		close(fd);
		return fail(place, ENOTDIR);
	}
	return enter(place, fd);
}

/* Returns 0 with the place, whose directory is then to be closed; or -1 with errno. */
static int find(struct place *place, const char *path)
{
	int result;

	*place = (struct place){.directory = -1, .follow = O_NOFOLLOW};
	if (strlen(path) >= sizeof(place->rest)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(place->rest, path, strlen(path) + 1);
	if (enter_root(place) < 0)
		return -1;
	do
		result = step(place);
	while (result == 0);
	return result < 0 ? -1 : 0;
}

/* Whether root may write to it. Returns 0, or an errno value. */
static int judge(const struct place *place, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return EISDIR;
	if (S_ISSOCK(st->st_mode))
		return ENXIO;
	return S_ISREG(st->st_mode) && st->st_nlink != 1 && !place->is_private ? EMLINK : 0;
}

static int open_as_root(const char *path)
{
	struct place place;
	struct stat st;
	int error;
	int fd;

	if (find(&place, path) < 0)
		return -1;
	fd = open_at(place.directory, place.name, O_CREAT | place.follow);
	error = fd < 0 ? errno : fstat(fd, &st) < 0 ? EIO : judge(&place, &st);
	close(place.directory);
	if (error == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

int log_file_open(const char *path)
{
	return geteuid() == 0 ? open_as_root(path) : open_at(AT_FDCWD, path, O_CREAT);
}

int log_file_create(const char *path, uid_t uid, gid_t gid)
{
	struct place place;
	int error = 0;
	int fd;

	if (find(&place, path) < 0)
		return -1;
	fd = openat(place.directory, place.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | FLAGS,
		    MODE);
	if (fd < 0 || fchown(fd, uid, gid) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	close(place.directory);
	errno = error;
	return error == 0 ? 0 : -1;
}

/* ---- without doing it ---- */

/* Whether the effective user may; 0 or an errno value. */
static int may(int directory, const char *path, int mode)
{
	return faccessat(directory, path, mode, AT_EACCESS) < 0 ? errno : 0;
}

static int test_as_root(const char *path)
{
	struct place place;
	struct stat st;
	int error;

	if (find(&place, path) < 0)
		return errno;
	if (fstatat(place.directory, place.name, &st,
		    place.follow != 0 ? AT_SYMLINK_NOFOLLOW : 0) == 0) {
		error = judge(&place, &st);
		if (error == 0)
			error = may(place.directory, place.name, W_OK);
	} else {
		/* A file system that is read-only, or a root that may not everything. */
		error = errno == ENOENT ? may(place.directory, ".", W_OK | X_OK) : errno;
	}
	close(place.directory);
	return error;
}

int log_file_test(const char *path)
{
	struct stat st;

	if (geteuid() == 0)
		return test_as_root(path);
	if (stat(path, &st) < 0)
		return errno == ENOENT ? new_file_test(path) : errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return S_ISSOCK(st.st_mode) ? ENXIO : may(AT_FDCWD, path, W_OK);
}
