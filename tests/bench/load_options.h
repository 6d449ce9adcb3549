/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of the load generator. */
#ifndef MMPROXY_TEST_LOAD_OPTIONS_H
#define MMPROXY_TEST_LOAD_OPTIONS_H

#include <netinet/in.h>
#include <sys/types.h>

#include "tuple.h"

struct load_mode;

/* Processes whose CPU time is measured under one name. */
#define LOAD_GROUPS_MAX	   4
#define LOAD_PROCESSES_MAX 64

struct load_group {
	const char *name;
	pid_t pids[LOAD_PROCESSES_MAX];
	unsigned count;
};

struct load_options {
	const struct load_mode *mode;
	struct sockaddr_in target;
	enum tuple_version version;
	unsigned connections, threads, run, message_len, write_len, local_net, pace;
	double seconds, warm_up_s, patience_s;
	struct load_group groups[LOAD_GROUPS_MAX];
	unsigned group_count;
};

/* Fills the options, or says what is wrong on standard error and returns -1. Borrows from argv. */
int load_options_parse(struct load_options *options, int argc, char **argv)
    __attribute__((warn_unused_result));

#endif
