/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU-seconds from /proc/stat and /proc/PID/stat. */
#include "cpu_time.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static double ticks_to_s(unsigned long long ticks)
{
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* The first line of a file, short files being one line. */
static int read_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	char *got;

	if (!file)
		return -1;
	got = fgets(line, (int)size, file);
	fclose(file);
	return got ? 0 : -1;
}

double cpu_time_machine(void)
{
	unsigned long long user, nice, system, idle, iowait, irq, softirq;
	char line[512];

	if (read_line("/proc/stat", line, sizeof(line)) < 0 ||
	    sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle,
		   &iowait, &irq, &softirq) != 7)
		return -1;
	return ticks_to_s(user + nice + system + irq + softirq);
}

double cpu_time_process(pid_t pid)
{
	unsigned long long user, system;
	char path[64], line[1024];
	const char *rest;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (read_line(path, line, sizeof(line)) < 0)
		return -1;
	/* The name of the program, in parentheses, may have spaces and parentheses in it. */
	rest = strrchr(line, ')');
	if (!rest || sscanf(rest + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu",
			    &user, &system) != 2)
		return -1;
	return ticks_to_s(user + system);
}
