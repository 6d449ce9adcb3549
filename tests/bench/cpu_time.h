/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU-seconds used so far, by the whole machine and by groups of processes. The kernel counts both
 * in clock ticks, 10 ms on most systems.
 */
#ifndef MMPROXY_TEST_CPU_TIME_H
#define MMPROXY_TEST_CPU_TIME_H

#include <sys/types.h>

/* Busy CPU-seconds of all CPUs since boot (/proc/stat: neither idle, iowait nor stolen); or -1. */
double cpu_time_machine(void);

/* CPU-seconds of a process with all its threads (proc(5), utime and stime); or -1. */
double cpu_time_process(pid_t pid);

#endif
