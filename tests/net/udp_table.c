/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's UDP sockets and counters of this namespace. */
#include "udp_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "peer.h"
#include "proc_addr.h"

static const char *const tables[] = {"/proc/net/udp", "/proc/net/udp6"};

struct row {
	struct addr local;
	struct addr remote;
	unsigned long rx_queue;
	unsigned long drops;
};

static bool read_row(struct row *row, const char *line)
{
	char local[64];
	char remote[64];

	if (sscanf(line, " %*d: %63s %63s %*x %*x:%lx %*x:%*x %*x %*d %*d %*d %*d %*s %lu", local,
		   remote, &row->rx_queue, &row->drops) != 4)
		return false;
	return proc_addr_read(&row->local, local) && proc_addr_read(&row->remote, remote);
}

struct sums {
	uint16_t local_port, remote_port;
	struct addr local, remote;
	unsigned unconnected, connected_to, between;
	unsigned long queued, drops;
};

static void add_row(struct sums *sums, const struct row *row)
{
	if (addr_port(&row->local) == sums->local_port) {
		sums->unconnected += addr_port(&row->remote) == 0;
		sums->queued += row->rx_queue;
	}
	sums->connected_to +=
	    sums->remote_port != 0 && addr_port(&row->remote) == sums->remote_port;
	sums->between +=
	    addr_equal(&row->local, &sums->local) && addr_equal(&row->remote, &sums->remote);
	sums->drops += row->drops;
}

static void walk(struct sums *sums)
{
	struct row row;
	char line[512];

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		FILE *file = fopen(tables[i], "r");

		if (file == NULL)
			continue;
		while (fgets(line, sizeof(line), file) != NULL)
			if (read_row(&row, line))
				add_row(sums, &row);
		fclose(file);
	}
}

unsigned udp_table_unconnected(uint16_t local_port)
{
	struct sums sums = {.local_port = local_port};

	walk(&sums);
	return sums.unconnected;
}

unsigned udp_table_connected_to(uint16_t remote_port)
{
	struct sums sums = {.remote_port = remote_port};

	walk(&sums);
	return sums.connected_to;
}

unsigned long udp_table_queued(uint16_t local_port)
{
	struct sums sums = {.local_port = local_port};

	walk(&sums);
	return sums.queued;
}

bool udp_table_has(const char *local, const char *remote)
{
	struct sums sums = {.local = peer_addr(local), .remote = peer_addr(remote)};

	walk(&sums);
	return sums.between > 0;
}

unsigned long udp_table_socket_drops(void)
{
	struct sums sums = {.drops = 0};

	walk(&sums);
	return sums.drops;
}

/* snmp has a line of names and a line of numbers for each protocol. */
static unsigned long ipv4_counter(const char *name)
{
	char *text = harness_read("/proc/net/snmp");
	char *names = strstr(text, "\nUdp: ");
	char *numbers = names != NULL ? strstr(names + 1, "\nUdp: ") : NULL;
	unsigned long found = 0;
	char *names_rest = NULL;
	char *numbers_rest = NULL;

	if (numbers != NULL) {
		*numbers = '\0';
		names = strtok_r(names, " \n", &names_rest);
		numbers = strtok_r(numbers + 1, " \n", &numbers_rest);
	}
	while (names != NULL && numbers != NULL && strcmp(names, name) != 0) {
		names = strtok_r(NULL, " \n", &names_rest);
		numbers = strtok_r(NULL, " \n", &numbers_rest);
	}
	if (names != NULL && numbers != NULL)
		found = strtoul(numbers, NULL, 10);
	free(text);
	return found;
}

/* snmp6 has a name and a number on each line. */
static unsigned long ipv6_counter(const char *name)
{
	char *text = harness_read("/proc/net/snmp6");
	char wanted[64];
	const char *at;
	unsigned long found;

	snprintf(wanted, sizeof(wanted), "\nUdp6%s ", name);
	at = strstr(text, wanted);
	found = at != NULL ? strtoul(at + strlen(wanted), NULL, 10) : 0;
	free(text);
	return found;
}

/* A line for each processor, in hexadecimal: packets, those dropped, and more. */
static unsigned long dropped_by_processors(void)
{
	char *text = harness_read("/proc/net/softnet_stat");
	unsigned long sum = 0;

	for (const char *line = text; line != NULL && *line != '\0';) {
		unsigned long dropped = 0;

		(void)sscanf(line, "%*x %lx", &dropped);
		sum += dropped;
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	free(text);
	return sum;
}

/* proc(5): bytes, packets, errs and drop of what was received come first. */
unsigned long udp_table_dropped_on_loopback(void)
{
	char *text = harness_read("/proc/net/dev");
	const char *at = strstr(text, " lo:");
	unsigned long dropped = 0;

	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(sscanf(at, " lo: %*u %*u %*u %lu", &dropped), 1);
	free(text);
	return dropped + dropped_by_processors();
}

unsigned long udp_table_dropped(void)
{
	static const char *const names[] = {"RcvbufErrors", "SndbufErrors", "MemErrors"};
	unsigned long sum = udp_table_dropped_on_loopback();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sum += ipv4_counter(names[i]) + ipv6_counter(names[i]);
	return sum;
}
