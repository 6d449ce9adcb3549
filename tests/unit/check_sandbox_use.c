/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of daemon/sandbox: what works in it, and who is in it. */
#include "check_sandbox.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "config.h"

#ifdef HAVE_SECCOMP

static void *do_nothing(void *arg)
{
	return arg;
}

_Noreturn static void *wait_for_ever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void expect_threads_and_processes(void)
{
	pthread_t thread;
	void *end;
	int status;
	pid_t pid;

	enter();
	EXPECT(pthread_create(&thread, NULL, do_nothing, &status) == 0);
	(void)pthread_setname_np(thread, "name");
	EXPECT(pthread_join(thread, &end) == 0 && end == &status);
	/* At this, glibc loads a library. */
	EXPECT(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	EXPECT(pthread_cancel(thread) == 0);
	EXPECT(pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED);
	EXPECT(prctl(PR_SET_NAME, "main") == 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		/* It is inside as well. */
		if (call_in_vain(SYS_unshare) != -1 || errno != EPERM)
			_exit(1);
		_exit(pthread_create(&thread, NULL, do_nothing, NULL) != 0 ||
		      pthread_join(thread, NULL) != 0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	EXPECT(signal(SIGUSR1, SIG_IGN) != SIG_ERR && raise(SIGUSR1) == 0);
}

START_TEST(threads_and_processes_work)
{
	in_child(expect_threads_and_processes);
}
END_TEST

static void expect_files(void)
{
	char path[] = "/tmp/check_sandbox.XXXXXX";
	struct stat st;
	DIR *directory;
	char *cwd;
	int fd = mkstemp(path);

	EXPECT(fd >= 0);
	enter();
	EXPECT(write(fd, "abc", 3) == 3 && lseek(fd, 0, SEEK_SET) == 0);
	EXPECT(dup3(open(path, O_WRONLY | O_APPEND | O_CLOEXEC), fd, O_CLOEXEC) == fd);
	EXPECT(write(fd, "d", 1) == 1);
	EXPECT(stat(path, &st) == 0 && lstat(path, &st) == 0 && fstat(fd, &st) == 0);
	EXPECT(st.st_size == 4);
	EXPECT(access(path, R_OK) == 0);
	EXPECT(unlink(path) == 0);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	EXPECT(fd >= 0 && unlink(path) == 0);
	umask(umask(077));
	directory = opendir("/proc/self/task");
	EXPECT(directory != NULL && readdir(directory) != NULL && closedir(directory) == 0);
	EXPECT(readlink("/proc/self/exe", path, sizeof(path)) > 0);
	cwd = getcwd(NULL, 0);
	EXPECT(cwd != NULL);
	free(cwd);
	EXPECT(memfd_create("denied", MFD_CLOEXEC) >= 0);
	EXPECT(getpwnam("root") != NULL);
}

START_TEST(files_work)
{
	in_child(expect_files);
}
END_TEST

static void expect_sockets(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	struct epoll_event event = {.events = EPOLLIN};
	char buf[8];
	int unread = 0;
	int pipes[2];
	int pair[2];
	int listener;
	int client;
	int server;
	int epoll;
	int one = 1;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	enter();
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0);
	EXPECT(bind(listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	EXPECT(listen(listener, 1) == 0);
	EXPECT(getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	EXPECT(connect(client, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	EXPECT(server >= 0 && send(client, "hello", 5, 0) == 5);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event) == 0);
	EXPECT(epoll_wait(epoll, &event, 1, -1) == 1);
	EXPECT(ioctl(server, FIONREAD, &unread) == 0 && unread == 5);
	EXPECT(ioctl(server, SIOCATMARK, &unread) == 0 && ioctl(server, SIOCOUTQ, &unread) == 0);
	EXPECT(pipe2(pipes, O_CLOEXEC) == 0 && fcntl(pipes[1], F_GETPIPE_SZ) > 0);
	EXPECT(splice(server, NULL, pipes[1], NULL, 5, SPLICE_F_MOVE) == 5);
	EXPECT(read(pipes[0], buf, sizeof(buf)) == 5);
	EXPECT(shutdown(client, SHUT_WR) == 0 && recv(server, buf, sizeof(buf), 0) == 0);
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	EXPECT(eventfd(0, EFD_CLOEXEC) >= 0);
	EXPECT(if_nametoindex("lo") > 0);
	/* Exact resets need it; not everybody may. */
	if (geteuid() == 0)
		EXPECT(socket(AF_INET, SOCK_RAW, IPPROTO_RAW) >= 0);
}

START_TEST(sockets_work)
{
	in_child(expect_sockets);
}
END_TEST

/* ---- whom it is for ---- */

static int gate[2];

static void *try_behind_gate(void *arg)
{
	char byte;

	if (read(gate[0], &byte, 1) != 1)
		return NULL;
	errno = 0;
	if (call_in_vain(SYS_unshare) == -1 && errno == EPERM)
		return arg;
	return NULL;
}

static void expect_former_threads(void)
{
	pthread_t threads[3];
	void *end;

	EXPECT(pipe(gate) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_create(&threads[i], NULL, try_behind_gate, gate) == 0);
	enter();
	EXPECT(write(gate[1], "abc", 3) == 3);
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_join(threads[i], &end) == 0 && end == gate);
}

START_TEST(threads_that_are_there_are_inside)
{
	in_child(expect_former_threads);
}
END_TEST

static void expect_no_new_privileges(void)
{
	char text[4096];
	ssize_t len;
	int fd;

	enter();
	fd = open("/proc/self/status", O_RDONLY);
	len = read(fd, text, sizeof(text) - 1);
	EXPECT(len > 0);
	text[len] = '\0';
	EXPECT(strstr(text, "NoNewPrivs:\t1\n") != NULL);
	EXPECT(strstr(text, "Seccomp:\t2\n") != NULL);
	/* A second one changes nothing, and is refused. */
	EXPECT(sandbox_enter(false) == -1);
}

START_TEST(no_program_brings_privileges)
{
	in_child(expect_no_new_privileges);
}
END_TEST

/* As in a container that forbids it. */
static void expect_none(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0);
	EXPECT(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
	EXPECT(sandbox_enter(false) == -1);
	EXPECT(errno != 0);
	/* And nothing is refused. */
	EXPECT_ERRNO(call_in_vain(SYS_unshare), EINVAL);
}

START_TEST(where_there_can_be_none_nothing_has_changed)
{
	in_child(expect_none);
}
END_TEST

#endif

int main(void)
{
	Suite *suite = suite_create("sandbox_use");
	TCase *tcase = tcase_create("sandbox_use");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	suite_add_tcase(suite, tcase);
#ifdef HAVE_SECCOMP
	tcase_add_test(tcase, threads_and_processes_work);
	tcase_add_test(tcase, files_work);
	tcase_add_test(tcase, sockets_work);
	tcase_add_test(tcase, threads_that_are_there_are_inside);
	tcase_add_test(tcase, no_program_brings_privileges);
	tcase_add_test(tcase, where_there_can_be_none_nothing_has_changed);
#else
	printf("skipped: built without libseccomp\n");
#endif
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
