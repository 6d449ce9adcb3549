/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's TCP sockets of this namespace. */
#include "tcp_table.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proc_addr.h"

static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6"};

static bool read_row(struct tcp_table_row *row, const char *line)
{
	char local[64];
	char remote[64];
	unsigned long ticks;

	if (sscanf(line, " %*d: %63s %63s %x %lx:%lx %x:%lx", local, remote, &row->state,
		   &row->tx_queue, &row->rx_queue, &row->timer, &ticks) != 7)
		return false;
	row->timer_ms = ticks * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
	return proc_addr_read(&row->local, local) && proc_addr_read(&row->remote, remote);
}

/* Call visit for every socket until it returns true. */
static bool walk(bool (*visit)(const struct tcp_table_row *row, void *arg), void *arg)
{
	struct tcp_table_row row;
	char line[512];
	bool done = false;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !done; i++) {
		FILE *file = fopen(tables[i], "r");

		if (file == NULL)
			continue;
		while (!done && fgets(line, sizeof(line), file) != NULL)
			done = read_row(&row, line) && visit(&row, arg);
		fclose(file);
	}
	return done;
}

struct counting {
	uint16_t port;
	unsigned state;
	unsigned found;
	unsigned connections;
};

static bool count_row(const struct tcp_table_row *row, void *arg)
{
	struct counting *counting = arg;

	if (addr_port(&row->local) != counting->port)
		return false;
	counting->found += counting->state == TCP_TABLE_ANY || counting->state == row->state;
	counting->connections +=
	    row->state != TCP_TABLE_LISTEN && row->state != TCP_TABLE_TIME_WAIT;
	return false;
}

unsigned tcp_table_count(uint16_t local_port, enum tcp_table_state state)
{
	struct counting counting = {.port = local_port, .state = state};

	(void)walk(count_row, &counting);
	return counting.found;
}

unsigned tcp_table_connections(uint16_t local_port)
{
	struct counting counting = {.port = local_port};

	(void)walk(count_row, &counting);
	return counting.connections;
}

struct finding {
	const struct addr *local;
	const struct addr *remote;
	struct tcp_table_row *row;
};

static bool match_row(const struct tcp_table_row *row, void *arg)
{
	struct finding *finding = arg;

	if (!addr_equal(&row->local, finding->local) || !addr_equal(&row->remote, finding->remote))
		return false;
	*finding->row = *row;
	return true;
}

bool tcp_table_find(const struct addr *local, const struct addr *remote, struct tcp_table_row *row)
{
	struct finding finding = {.local = local, .remote = remote, .row = row};

	return walk(match_row, &finding);
}
