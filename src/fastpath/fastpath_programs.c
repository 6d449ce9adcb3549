/* SPDX-License-Identifier: BSD-2-Clause */
/* The programs in the kernel: loading them, and the memory that is shared with them. */
#include "fastpath/fastpath_programs.h"

#include <errno.h>
#include <fastpath_udp.skel.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/error_text.h"
#include "base/log.h"

/* Of a message of libbpf's, which may be the whole report of the verifier. */
#define MESSAGE_MAX 512

_Static_assert(sizeof(struct fastpath_record) == 320, "cache lines: 3 that stay, 1 a direction");
_Static_assert(FASTPATH_FLOWS == FASTPATH_FLOWS_MAX, "one number a flow");
_Static_assert(sizeof(struct fastpath_up_key) == 56, "keys have no padding");
_Static_assert(sizeof(struct fastpath_down_key) == 40, "keys have no padding");

__attribute__((format(printf, 2, 0))) static int on_libbpf_message(enum libbpf_print_level level,
								   const char *format, va_list args)
{
	char text[MESSAGE_MAX];

	if (level == LIBBPF_DEBUG || !log_enabled(LOG_LEVEL_DEBUG))
		return 0;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_msg(LOG_LEVEL_DEBUG, "%s", text);
	return 0;
}

/* What most probably is the matter when the kernel does not want them. */
static void say_why(int error, char why[static FASTPATH_WHY_MAX])
{
	char text[64];

	switch (error) {
	case EPERM:
	case EACCES:
		snprintf(
		    why, FASTPATH_WHY_MAX,
		    "the kernel lets this process load no programs: it needs CAP_BPF and "
		    "CAP_NET_ADMIN outside of an unprivileged container (and before Linux 5.11 "
		    "memory to lock, RLIMIT_MEMLOCK)");
		break;
	case ENOMEM:
		snprintf(why, FASTPATH_WHY_MAX, "there is no memory for the programs' tables");
		break;
	case EINVAL:
	case ENOTSUP:
		snprintf(why, FASTPATH_WHY_MAX,
			 "this kernel does not take the programs (%s): they need Linux 5.10 or "
			 "later with BPF and its JIT compiler",
			 error_text(error, text, sizeof(text)));
		break;
	case ENOSYS:
		snprintf(why, FASTPATH_WHY_MAX, "this kernel has no BPF, or bpf(2) is filtered");
		break;
	default:
		snprintf(why, FASTPATH_WHY_MAX, "the kernel does not load the programs: %s",
			 error_text(error, text, sizeof(text)));
	}
}

static size_t records_len(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = FASTPATH_NUMBERS * sizeof(struct fastpath_record);

	return (len + page - 1) / page * page;
}

static int map_records(struct fastpath_programs *programs)
{
	int fd = bpf_map__fd(programs->skeleton->maps.mmproxy_records);
	void *memory = mmap(NULL, records_len(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -1;
	programs->records = memory;
	return 0;
}

int fastpath_programs_load(struct fastpath_programs *programs, char why[static FASTPATH_WHY_MAX])
{
	struct fastpath_udp *skeleton;
	int error;

	memset(programs, 0, sizeof(*programs));
	libbpf_set_print(on_libbpf_message);
	skeleton = fastpath_udp__open();
	if (skeleton == NULL) {
		say_why(errno, why);
		return -1;
	}
	programs->skeleton = skeleton;
	skeleton->rodata->fastpath_has_coarse_clock =
	    libbpf_probe_bpf_helper(BPF_PROG_TYPE_SCHED_CLS, BPF_FUNC_ktime_get_coarse_ns, NULL) ==
	    1;
	error = -fastpath_udp__load(skeleton);
	if (error == 0 && map_records(programs) < 0)
		error = errno;
	if (error != 0) {
		say_why(error, why);
		fastpath_programs_unload(programs);
		return -1;
	}
	programs->shared = &skeleton->bss->fastpath_shared;
	programs->up_fd = bpf_map__fd(skeleton->maps.mmproxy_up);
	programs->down_fd = bpf_map__fd(skeleton->maps.mmproxy_down);
	programs->lo_program_fd = bpf_program__fd(skeleton->progs.mmproxy_lo);
	programs->device_program_fd = bpf_program__fd(skeleton->progs.mmproxy_device);
	return 0;
}

void fastpath_programs_unload(struct fastpath_programs *programs)
{
	if (programs->records != NULL)
		munmap(programs->records, records_len());
	fastpath_udp__destroy(programs->skeleton);
	memset(programs, 0, sizeof(*programs));
}

void fastpath_programs_read_events(const struct fastpath_programs *programs,
				   uint64_t counts[static FASTPATH_EVENTS])
{
	int fd = bpf_map__fd(programs->skeleton->maps.mmproxy_events);
	int processors = libbpf_num_possible_cpus();
	uint64_t *values;

	memset(counts, 0, FASTPATH_EVENTS * sizeof(counts[0]));
	if (processors <= 0)
		return;
	values = calloc((size_t)processors, sizeof(*values));
	if (values == NULL)
		return;
	for (uint32_t event = 0; event < FASTPATH_EVENTS; event++) {
		if (bpf_map_lookup_elem(fd, &event, values) < 0)
			continue;
		for (int i = 0; i < processors; i++)
			counts[event] += values[i];
	}
	free(values);
}
