/* SPDX-License-Identifier: BSD-2-Clause */
/* The system calls that the daemon is left with, by what they are for. */
#include "daemon/sandbox_rules.h"

#include <linux/bpf.h>
#include <linux/netlink.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "config.h"

/*
 * Old and new calls stand side by side, and those that a libc may take in place of another: which
 * one a program makes is up to its C library, and to whether time has 64 bits.
 */
/* clang-format off */
const char *const sandbox_calls[] = {
	/* Connections, datagrams, and what waits for them. */
	"accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt",
	"listen", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "send",
	"sendmmsg", "sendmsg", "sendto", "setsockopt", "shutdown", "splice", "epoll_create",
	"epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd",
	"eventfd2", "timerfd_create", "timerfd_settime", "timerfd_settime64", "_newselect",
	"poll", "ppoll", "ppoll_time64", "pselect6", "pselect6_time64", "select",

	/* Descriptors. */
	"_llseek", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "fcntl64", "flock",
	"ftruncate", "ftruncate64", "lseek", "pipe", "pipe2", "pread64", "pwrite64", "read",
	"readv", "write", "writev",

	/* Configuration, log files, the admin socket, and /proc. */
	"access", "faccessat", "fstat", "fstat64", "fstatat64", "getcwd", "getdents",
	"getdents64", "lstat", "lstat64", "newfstatat", "open", "openat", "readlink",
	"readlinkat", "stat", "stat64", "statx", "umask", "unlink", "unlinkat",

	/* Memory. */
	"brk", "madvise", "mremap", "munmap",

	/* Threads, the child of SIGQUIT, signals. */
	"exit", "exit_group", "fork", "futex", "futex_time64", "get_robust_list",
	"restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
	"rt_sigsuspend", "sched_getaffinity", "sched_yield", "set_robust_list",
	"set_tid_address", "sigaltstack", "sigreturn", "tgkill", "wait4", "waitid", "waitpid",

	/* Clocks and chance. */
	"clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64",
	"clock_nanosleep", "clock_nanosleep_time64", "getrandom", "gettimeofday", "nanosleep",
	"time",

	/* What this process is. */
	"capget", "getcpu", "getegid", "getegid32", "geteuid", "geteuid32", "getgid", "getgid32",
	"getgroups", "getgroups32", "getpgrp", "getpid", "getppid", "getresgid", "getresgid32",
	"getresuid", "getresuid32", "getrlimit", "getrusage", "gettid", "getuid", "getuid32",
	"sysinfo", "times", "ugetrlimit", "uname",

#ifdef SANDBOX_FOR_SANITIZERS
	/* What sanitizers do in the process. */
	"arch_prctl", "clone", "getpriority", "ioctl", "kill", "mincore", "mmap", "mmap2",
	"mprotect", "personality", "prctl", "prlimit64", "process_vm_readv", "ptrace",
	"sched_getparam", "sched_getscheduler", "setrlimit", "tkill",
#elif defined(__s390__)
	/* The arguments are in memory. */
	"mmap",
#endif
};
/* clang-format on */

const size_t sandbox_calls_count = sizeof(sandbox_calls) / sizeof(sandbox_calls[0]);

/* The kernel reads 32 bits of these arguments, and what a caller leaves in the others is its own.
 */
#define HAS(index, mask, value)                              \
	{                                                    \
		(index), (uint32_t)(mask), (uint32_t)(value) \
	}
#define IS(index, value) HAS(index, UINT32_MAX, value)

/* Of a new process or thread, what would put it into a namespace of its own. */
#define NAMESPACES                                                                     \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | \
	 CLONE_NEWPID | CLONE_NEWNET)

#ifdef __s390__
#define CLONE_FLAGS 1
#else
#define CLONE_FLAGS 0
#endif

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U
#endif

const struct sandbox_rule sandbox_rules[] = {
    /* Raw IP sockets among them, for exact resets. */
    {"socket", {IS(0, AF_INET)}},
    {"socket", {IS(0, AF_INET6)}},
    {"socket", {IS(0, AF_UNIX)}},
    {"socket", {IS(0, AF_NETLINK), IS(2, NETLINK_ROUTE)}},
    {"socket", {IS(0, AF_NETLINK), IS(2, NETLINK_NETFILTER)}},
    /* Who listens where, for the daemon's look at its targets. */
    {"socket", {IS(0, AF_NETLINK), IS(2, NETLINK_SOCK_DIAG)}},
    {"socketpair", {IS(0, AF_UNIX)}},

    /* What waits in a socket, whether an urgent byte is next, and the interface of a name. */
    {"ioctl", {IS(1, FIONREAD)}},
    {"ioctl", {IS(1, FIONBIO)}},
    {"ioctl", {IS(1, SIOCOUTQ)}},
    {"ioctl", {IS(1, SIOCATMARK)}},
    {"ioctl", {IS(1, SIOCGIFINDEX)}},
    {"ioctl", {IS(1, SIOCGIFNAME)}},
    /* Whether a file is a terminal, which stdio asks. */
    {"ioctl", {IS(1, TCGETS)}},

    /* The denied clients, on their way to a successor. */
    {"memfd_create", {IS(1, MFD_CLOEXEC)}},

    /*
     * Nothing that can be written can be run, or made to run later. Files can be mapped to run: at
     * the first pthread_cancel() glibc loads libgcc_s, and getpwnam(3) has modules.
     */
    {"mmap", {HAS(2, PROT_EXEC, 0)}},
    {"mmap", {HAS(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), HAS(3, MAP_ANONYMOUS, 0)}},
    {"mmap2", {HAS(2, PROT_EXEC, 0)}},
    {"mmap2", {HAS(2, PROT_WRITE | PROT_EXEC, PROT_EXEC), HAS(3, MAP_ANONYMOUS, 0)}},
    {"mprotect", {HAS(2, PROT_EXEC, 0)}},

    {"clone", {HAS(CLONE_FLAGS, NAMESPACES, 0)}},
    {"prctl", {IS(0, PR_SET_NAME)}},
    {"prctl", {IS(0, PR_GET_NAME)}},
    {"prctl", {IS(0, PR_CAPBSET_READ)}},
    /* Its own limits. */
    {"prlimit64", {IS(0, 0)}},
};
const size_t sandbox_rules_count = sizeof(sandbox_rules) / sizeof(sandbox_rules[0]);

/*
 * Programs and maps are there before the filter is, so neither can be made any more: flows come and
 * go, and a loaded program is attached to the device that datagrams come by.
 */
const struct sandbox_rule sandbox_kernel_rules[] = {
    {"bpf", {IS(0, BPF_MAP_LOOKUP_ELEM)}},
    {"bpf", {IS(0, BPF_MAP_UPDATE_ELEM)}},
    {"bpf", {IS(0, BPF_MAP_DELETE_ELEM)}},
    {"bpf", {IS(0, BPF_OBJ_GET_INFO_BY_FD)}},
    {"bpf", {IS(0, BPF_LINK_CREATE)}},
    /* What a program has to know of the device. */
    {"ioctl", {IS(1, SIOCGIFMTU)}},
    {"ioctl", {IS(1, SIOCGIFHWADDR)}},
};
const size_t sandbox_kernel_rules_count =
    sizeof(sandbox_kernel_rules) / sizeof(sandbox_kernel_rules[0]);

const char *const sandbox_absent[] = {"clone3", "faccessat2"};
const size_t sandbox_absent_count = sizeof(sandbox_absent) / sizeof(sandbox_absent[0]);
