/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of the load generator, with getopt_long(3). */
#include "load_options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_role.h"
#include "load.h"

#define CONNECTIONS_MAX 100000
#define THREADS_MAX	64

static const char usage[] =
    "usage: load [OPTION]... ADDRESS:PORT\n"
    "  -m, --mode NAME         stream, flood, upload, download, slow, pingpong, connect, idle,\n"
    "                          check, udp-echo, udp-upload, udp-download or udp-check\n"
    "  -c, --connections N     at one time (50)\n"
    "  -t, --threads N         (1)\n"
    "  -H, --header v1|v2|none the PROXY header; none: straight to the backend (v2)\n"
    "  -r, --run N             which addresses to use; another number, other addresses (0)\n"
    "  -s, --seconds S         how long to measure (2)\n"
    "  -w, --warm-up S         how long to run before that (0.3)\n"
    "  -p, --patience S        how long connections may take until all are open (20)\n"
    "  -l, --length BYTES      of a message of pingpong or udp-echo (64)\n"
    "  -b, --bytes BYTES       of a write of stream and upload (131072)\n"
    "  -P, --pace BYTES        what a connection of slow reads a second (20000000)\n"
    "  -n, --net N             connect from addresses of N.0.0.0/8 (127)\n"
    "  -W, --watch NAME=PID,.. measure the CPU time of these processes too; up to 4 times\n";

static const struct option long_options[] = {
    {"mode", required_argument, NULL, 'm'},    {"connections", required_argument, NULL, 'c'},
    {"threads", required_argument, NULL, 't'}, {"header", required_argument, NULL, 'H'},
    {"run", required_argument, NULL, 'r'},     {"seconds", required_argument, NULL, 's'},
    {"warm-up", required_argument, NULL, 'w'}, {"patience", required_argument, NULL, 'p'},
    {"length", required_argument, NULL, 'l'},  {"bytes", required_argument, NULL, 'b'},
    {"pace", required_argument, NULL, 'P'},    {"net", required_argument, NULL, 'n'},
    {"watch", required_argument, NULL, 'W'},   {NULL, 0, NULL, 0}};

static bool read_number(const char *text, unsigned min, unsigned max, unsigned *number)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < min || value > max)
		return false;
	*number = (unsigned)value;
	return true;
}

static bool read_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && *seconds >= 0 && *seconds <= 3600;
}

static bool read_version(const char *text, enum tuple_version *version)
{
	static const char *const names[] = {"none", "v1", "v2"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*version = (enum tuple_version)i;
			return true;
		}
	}
	return false;
}

static bool read_target(const char *text, struct sockaddr_in *target)
{
	char host[INET_ADDRSTRLEN];
	unsigned port;

	target->sin_family = AF_INET;
	if (sscanf(text, "%15[0-9.]:%u", host, &port) != 2 || port == 0 || port > UINT16_MAX)
		return false;
	target->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &target->sin_addr) == 1;
}

/* NAME=PID,PID...: the name is ended in place. */
static bool read_group(char *text, struct load_options *options)
{
	char *rest = strchr(text, '=');
	struct load_group *group;

	if (!rest || options->group_count == LOAD_GROUPS_MAX)
		return false;
	group = &options->groups[options->group_count++];
	group->name = text;
	*rest = '\0';
	do {
		if (group->count == LOAD_PROCESSES_MAX)
			return false;
		group->pids[group->count++] = (pid_t)strtol(rest + 1, &rest, 10);
	} while (*rest == ',');
	return *rest == '\0';
}

static bool read_option(int option, char *text, struct load_options *options)
{
	switch (option) {
	case 'm':
		options->mode = load_mode_find(text);
		return options->mode != NULL;
	case 'c':
		return read_number(text, 1, CONNECTIONS_MAX, &options->connections);
	case 't':
		return read_number(text, 1, THREADS_MAX, &options->threads);
	case 'H':
		return read_version(text, &options->version);
	case 'r':
		return read_number(text, 0, UINT32_MAX, &options->run);
	case 's':
		return read_seconds(text, &options->seconds);
	case 'w':
		return read_seconds(text, &options->warm_up_s);
	case 'p':
		return read_seconds(text, &options->patience_s);
	case 'l':
		/* A message has its number in it, over UDP behind its role. */
		return read_number(text, sizeof(struct backend_message), LOAD_BUFFER_LEN,
				   &options->message_len);
	case 'b':
		return read_number(text, 1, LOAD_WRITE_MAX, &options->write_len);
	case 'P':
		return read_number(text, 1, UINT32_MAX, &options->pace);
	case 'n':
		return read_number(text, 1, 223, &options->local_net);
	case 'W':
		return read_group(text, options);
	default:
		return false;
	}
}

int load_options_parse(struct load_options *options, int argc, char **argv)
{
	int option;

	memset(options, 0, sizeof(*options));
	options->version = TUPLE_V2;
	options->connections = 50;
	options->threads = 1;
	options->message_len = 64;
	options->write_len = LOAD_BUFFER_LEN;
	options->pace = 20 * 1000 * 1000;
	options->local_net = 127;
	options->seconds = 2;
	options->warm_up_s = 0.3;
	options->patience_s = 20;
	while ((option = getopt_long(argc, argv, "m:c:t:H:r:s:w:p:l:b:P:n:W:", long_options,
				     NULL)) != -1) {
		if (option != '?' && read_option(option, optarg, options))
			continue;
		if (option != '?')
			fprintf(stderr, "load: -%c does not take this: %s\n", option, optarg);
		fputs(usage, stderr);
		return -1;
	}
	if (!options->mode || optind + 1 != argc || !read_target(argv[optind], &options->target)) {
		fputs(usage, stderr);
		return -1;
	}
	if (options->threads > options->connections)
		options->threads = options->connections;
	return 0;
}
