/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether a file could be made, without making it. */
#include "base/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int test_directory(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno;
	if (!S_ISDIR(st.st_mode))
		return ENOTDIR;
	return faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
}

int new_file_test(const char *path)
{
	char *directory = strdup(path);
	char *slash;
	int error;

	if (directory == NULL)
		return ENOMEM;
	/* There is one in an absolute path; the root directory keeps its own. */
	slash = strrchr(directory, '/');
	slash[slash == directory ? 1 : 0] = '\0';
	error = test_directory(directory);
	free(directory);
	return error;
}
