/* SPDX-License-Identifier: BSD-2-Clause */
/* Which processes use the return routes of a table. */
#include "routing/route_holders.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/keyed_hash.h"

/* That somebody has bound a name by chance does not happen twice. */
#define ATTEMPTS_MAX 4

void route_holder_init(struct route_holder *holder)
{
	*holder = (struct route_holder){.fd = -1};
}

void route_holder_fini(struct route_holder *holder)
{
	if (holder->fd >= 0)
		close(holder->fd);
	route_holder_init(holder);
}

/* What the names of a table begin with. */
static int write_prefix(char buf[static ROUTE_HOLDERS_NAME_MAX], uint32_t table)
{
	return snprintf(buf, ROUTE_HOLDERS_NAME_MAX, "mmproxy-routes-%u-", table);
}

static int bind_name(int fd, const char *name)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	/* The first byte of an abstract name is NUL. */
	memcpy(addr.sun_path + 1, name, len);
	return bind(fd, (const struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len));
}

int route_holder_join(struct route_holder *holder, uint32_t table)
{
	char prefix[ROUTE_HOLDERS_NAME_MAX];
	struct route_holder next;
	size_t len = (size_t)write_prefix(prefix, table);
	int saved;

	if (holder->fd >= 0 && strncmp(holder->name, prefix, len) == 0)
		return 0;
	route_holder_init(&next);
	next.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	for (unsigned i = 0; i < ATTEMPTS_MAX && next.fd >= 0; i++) {
		/* Every user may bind any name, so one that could be guessed could be taken before.
		 */
		const int64_t now_us = clock_now_us();

		snprintf(next.name, sizeof(next.name), "mmproxy-routes-%u-%016" PRIx64, table,
			 keyed_hash(&now_us, sizeof(now_us)));
		if (bind_name(next.fd, next.name) == 0) {
			route_holder_fini(holder);
			*holder = next;
			return 0;
		}
		if (errno != EADDRINUSE)
			break;
	}
	saved = errno;
	route_holder_fini(&next);
	errno = saved;
	return -1;
}

bool route_holder_has_others(const struct route_holder *holder, uint32_t table)
{
	char prefix[ROUTE_HOLDERS_NAME_MAX];
	size_t len = (size_t)write_prefix(prefix, table);
	FILE *sockets = fopen("/proc/net/unix", "re");
	bool found = false;
	char line[512];

	if (sockets == NULL)
		return true;
	/* An abstract name stands at the end of its line, behind "@". */
	while (!found && fgets(line, sizeof(line), sockets) != NULL) {
		char *name = strstr(line, " @");

		line[strcspn(line, "\n")] = '\0';
		found = name != NULL && strncmp(name + 2, prefix, len) == 0 &&
			strcmp(name + 2, holder->name) != 0;
	}
	fclose(sockets);
	return found;
}
