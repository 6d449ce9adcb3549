/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/sandbox: what is refused. */
#include "check_sandbox.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "config.h"

#ifdef HAVE_SECCOMP
#include <seccomp.h>

/* In a build with sanitizers these are not. */
static bool is_for_sanitizers(const char *call)
{
#ifdef SANDBOX_FOR_SANITIZERS
	static const char *const calls[] = {"ptrace", "process_vm_readv", "kill", "personality"};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (strcmp(call, calls[i]) == 0)
			return true;
#else
	(void)call;
#endif
	return false;
}

/* Returns whether this architecture has it. */
static bool expect_refused(const char *call)
{
	int number = seccomp_syscall_resolve_name(call);
	long result;

	/* A word that is no call anywhere is a mistake of the manual's. */
	EXPECT(number != __NR_SCMP_ERROR);
	if (number < 0 || is_for_sanitizers(call))
		return false;
	errno = 0;
	result = call_in_vain(number);
	if (result != -1 || errno != EPERM) {
		dprintf(STDOUT_FILENO, "%s is not refused: %ld, %s\n", call, result,
			strerror(errno));
		_exit(1);
	}
	return true;
}

static FILE *manual;

static void expect_manual(void)
{
	char line[512];
	bool is_list = false;
	unsigned calls = 0;

	enter();
	while (fgets(line, sizeof(line), manual) != NULL) {
		if (strstr(line, "end of refused calls") != NULL)
			break;
		is_list = is_list || strstr(line, "refused calls") != NULL;
		if (!is_list || strncmp(line, ".Ic ", 4) != 0)
			continue;
		for (char *word = strtok(line + 4, " ,;.\n"); word != NULL;
		     word = strtok(NULL, " ,;.\n"))
			calls += expect_refused(word);
	}
	EXPECT(calls > 60);
}

START_TEST(every_call_that_the_manual_names_is_refused)
{
	const char *top = getenv("top_srcdir");
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/man/mmproxy.8", top != NULL ? top : "../..");
	manual = fopen(path, "re");
	ck_assert_msg(manual != NULL, "no %s; top_srcdir names the sources", path);
	in_child(expect_manual);
	fclose(manual);
}
END_TEST

static void expect_families(void)
{
	enter();
	for (int family = 0; family < 64; family++) {
		int fd;

		errno = 0;
		fd = socket(family, SOCK_DGRAM, 0);
		if (family == AF_INET || family == AF_INET6 || family == AF_UNIX ||
		    family == AF_NETLINK)
			EXPECT(fd >= 0 || (family == AF_INET6 && errno == EAFNOSUPPORT));
		else
			EXPECT(fd < 0 && errno == EPERM);
		if (fd >= 0)
			close(fd);
	}
	EXPECT(close(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)) == 0);
	EXPECT_ERRNO(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT), EPERM);
	EXPECT_ERRNO(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT), EPERM);
}

START_TEST(sockets_of_other_families_are_refused)
{
	in_child(expect_families);
}
END_TEST

static void expect_arguments(void)
{
	struct rlimit limit;

	enter();
	EXPECT_ERRNO(syscall(SYS_memfd_create, "x", 0), EPERM);
#ifndef SANDBOX_FOR_SANITIZERS
	/* Into a terminal, as if it had been typed. */
	EXPECT_ERRNO(ioctl(STDIN_FILENO, TIOCSTI, "x"), EPERM);
	/* The kernel reads 32 bits of the request. */
	EXPECT_ERRNO(syscall(SYS_ioctl, 0L, 0x7fL << 32 | TIOCSTI, "x"), EPERM);
	EXPECT_ERRNO(prctl(PR_SET_DUMPABLE, 1L, 0L, 0L, 0L), EPERM);
	EXPECT_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L), EPERM);
	EXPECT_ERRNO(syscall(SYS_clone, (long)(CLONE_NEWUSER | SIGCHLD), 0L, 0L, 0L, 0L), EPERM);
	EXPECT_ERRNO(syscall(SYS_clone, (long)(CLONE_NEWNET | SIGCHLD), 0L, 0L, 0L, 0L), EPERM);
	EXPECT_ERRNO(syscall(SYS_prlimit64, (long)getppid(), RLIMIT_CORE, NULL, &limit), EPERM);
#endif
	EXPECT(getrlimit(RLIMIT_CORE, &limit) == 0);
}

START_TEST(arguments_that_nothing_needs_are_refused)
{
	in_child(expect_arguments);
}
END_TEST

/* ---- programs in the kernel ---- */

/* As many as Linux 6.18 has. */
#define BPF_COMMANDS 38

/* Too large a structure, of which the kernel complains before it does anything. */
static int errno_of_bpf(long command)
{
	errno = 0;
	return syscall(SYS_bpf, command, NULL, 1L << 20) == -1 ? errno : 0;
}

static bool is_left(long command)
{
	return command == BPF_MAP_LOOKUP_ELEM || command == BPF_MAP_UPDATE_ELEM ||
	       command == BPF_MAP_DELETE_ELEM || command == BPF_OBJ_GET_INFO_BY_FD ||
	       command == BPF_LINK_CREATE;
}

static void expect_bpf(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int outside[BPF_COMMANDS];

	for (long command = 0; command < BPF_COMMANDS; command++)
		outside[command] = errno_of_bpf(command);
	EXPECT(sandbox_enter(true) == 0);
	for (long command = 0; command < BPF_COMMANDS; command++)
		EXPECT(errno_of_bpf(command) == (is_left(command) ? outside[command] : EPERM));
	/* The kernel reads 32 bits of the command. */
	EXPECT_ERRNO(syscall(SYS_bpf, 1L << 32 | BPF_PROG_LOAD, NULL, 0), EPERM);
	/* Of a device what programs have to know. */
	EXPECT(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCGIFMTU, &request) == 0);
	/* And nothing else is different. */
	EXPECT_ERRNO(call_in_vain(SYS_perf_event_open), EPERM);
}

START_TEST(flows_in_the_kernel_load_no_program)
{
	in_child(expect_bpf);
}
END_TEST

#ifndef SANDBOX_FOR_SANITIZERS
static void expect_memory(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	void *memory;

	enter();
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(memory != MAP_FAILED);
	EXPECT_ERRNO(mprotect(memory, size, PROT_READ | PROT_EXEC), EPERM);
	EXPECT(mprotect(memory, size, PROT_READ) == 0);
	EXPECT_ERRNO(mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		     EPERM);
	EXPECT_ERRNO(mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		     EPERM);
	EXPECT_ERRNO(mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, file, 0),
		     EPERM);
	/* As C libraries load their parts. */
	EXPECT(mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0) != MAP_FAILED);
}

START_TEST(what_was_written_cannot_be_run)
{
	in_child(expect_memory);
}
END_TEST
#endif

static void expect_new_calls(void)
{
	int clone3 = seccomp_syscall_resolve_name("clone3");

	enter();
	if (clone3 < 0)
		return;
	EXPECT_ERRNO(call_in_vain(clone3), ENOSYS);
	/* futex_waitv(2), the first of Linux 5.16, and two that nobody knows. */
	EXPECT_ERRNO(call_in_vain(clone3 - 435 + 449), ENOSYS);
	EXPECT_ERRNO(call_in_vain(clone3 - 435 + 500), ENOSYS);
	EXPECT_ERRNO(call_in_vain(clone3 - 435 + 576), ENOSYS);
}

START_TEST(new_calls_are_as_on_an_older_kernel)
{
	in_child(expect_new_calls);
}
END_TEST

#if defined(__x86_64__) && !defined(__ILP32__)
/* getpid(2) by the gate of 32-bit programs; ebx and what follows stay as they are. */
static long getpid_as_i386(void)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(20L)
			 : "memory", "cc", "r8", "r9", "r10", "r11");
	return result;
}

static void try_i386(void)
{
	EXPECT(getpid_as_i386() == getpid());
}

static void expect_i386(void)
{
	enter();
	EXPECT((int)getpid_as_i386() == -EPERM);
}

static void expect_x32(void)
{
	enter();
	EXPECT_ERRNO(syscall(0x40000000L | SYS_getpid), EPERM);
	EXPECT_ERRNO(syscall(0x40000000L | SYS_execve), EPERM);
}

START_TEST(calls_of_other_architectures_are_refused)
{
	in_child(expect_x32);
	if (status_of_child(try_i386) != 0)
		printf("skipped: this kernel runs no programs of 32 bits\n");
	else
		in_child(expect_i386);
}
END_TEST
#endif

#else

START_TEST(built_without_libseccomp)
{
	errno = 0;
	ck_assert_int_eq(sandbox_enter(false), -1);
	ck_assert_int_eq(errno, ENOSYS);
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("sandbox");
	TCase *tcase = tcase_create("sandbox");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
#ifdef HAVE_SECCOMP
	tcase_add_test(tcase, every_call_that_the_manual_names_is_refused);
	tcase_add_test(tcase, sockets_of_other_families_are_refused);
	tcase_add_test(tcase, arguments_that_nothing_needs_are_refused);
	tcase_add_test(tcase, flows_in_the_kernel_load_no_program);
#ifdef SANDBOX_FOR_SANITIZERS
	printf("skipped: this build's sandbox allows what sanitizers do\n");
#else
	tcase_add_test(tcase, what_was_written_cannot_be_run);
#endif
	tcase_add_test(tcase, new_calls_are_as_on_an_older_kernel);
#if defined(__x86_64__) && !defined(__ILP32__)
	tcase_add_test(tcase, calls_of_other_architectures_are_refused);
#endif
#else
	tcase_add_test(tcase, built_without_libseccomp);
#endif
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
