/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of the daemon. */
#include "daemon/facts.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

const char *facts_format_time(time_t when, char buf[static FACTS_TIME_LEN])
{
	struct tm utc;

	gmtime_r(&when, &utc);
	strftime(buf, FACTS_TIME_LEN, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return buf;
}

uint64_t facts_descriptors_open(void)
{
	struct stat st;
	uint64_t count = 0;
	DIR *directory;

	/* The size is their number (Linux 6.2); before it was 0. */
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	directory = opendir("/proc/self/fd");
	if (directory == NULL)
		return 0;
	for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
		count += entry->d_name[0] != '.';
	closedir(directory);
	/* Without the one that was open for counting. */
	return count - 1;
}

uint64_t facts_descriptors_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == RLIM_INFINITY)
		return 0;
	return limit.rlim_cur;
}

uint64_t facts_pipe_shortages(const struct facts *facts)
{
	uint64_t shortages = 0;

	for (size_t i = 0; i < facts->serving->workers_count; i++)
		shortages += worker_pipe_shortages(facts->serving->workers[i]);
	return shortages;
}
