/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon under test. */
#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "peer.h"
#include "tcp_table.h"
#include "udp_table.h"

#define LISTEN_PORT 7000

/* A sanitizer reserves terabytes of address space for its shadow; nothing else here does. */
#define SHADOW_KB (1UL << 30)

static char program[PATH_MAX];
static pid_t running;
static int log_fd = -1;
static volatile sig_atomic_t end_expected;

void daemon_find(void)
{
	const char *name = getenv("MMPROXY");

	if (name == NULL || *name == '\0')
		name = "./src/mmproxy";
	if (realpath(name, program) == NULL || access(program, X_OK) < 0) {
		printf("%s: %s; MMPROXY names the daemon\n", name, strerror(errno));
		exit(EXIT_FAILURE);
	}
}

const char *daemon_use_copy(void)
{
	harness_shell("cp %s %s", program, harness_path("mmproxy"));
	snprintf(program, sizeof(program), "%s", harness_path("mmproxy"));
	return program;
}

void daemon_command(struct command *command)
{
	static char words[1024];
	const char *wrapper = getenv("MMPROXY_WRAPPER");
	char *rest = NULL;

	memset(command, 0, sizeof(*command));
	if (wrapper != NULL) {
		snprintf(words, sizeof(words), "%s", wrapper);
		for (char *word = strtok_r(words, " ", &rest); word != NULL;
		     word = strtok_r(NULL, " ", &rest))
			command_add(command, word);
	}
	command_add(command, program);
}

/* Tell of an end that nobody asked for in the log, which a failed test shows. */
static void on_child(int signal, siginfo_t *info, void *context)
{
	static const char killed[] = "(harness) the daemon was ended by a signal\n";
	static const char ended[] = "(harness) the daemon ended by itself\n";
	int saved = errno;
	ssize_t ignored = 0;

	(void)signal;
	(void)context;
	if (info->si_pid == running && !end_expected)
		ignored = info->si_code == CLD_EXITED ? write(log_fd, ended, sizeof(ended) - 1)
						      : write(log_fd, killed, sizeof(killed) - 1);
	(void)ignored;
	errno = saved;
}

static void watch_children(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_child;
	action.sa_flags = SA_SIGINFO | SA_RESTART | SA_NOCLDSTOP;
	ck_assert_int_eq(sigaction(SIGCHLD, &action, NULL), 0);
}

/* What /proc tells of the thread that writes the log. */
struct log_thread {
	bool asleep;		/* until there is something to write, or room for it */
	unsigned long switches; /* how often it went to sleep */
	pid_t id;
};

/* Whether it is in its pause between lines, which a virtual CPU that stands still prolongs. */
static bool is_pausing(const char *task)
{
	char path[320];
	char *place;
	bool pausing;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/wchan", (int)running, task);
	place = harness_read(path);
	pausing = strstr(place, "nanosleep") != NULL;
	free(place);
	return pausing;
}

static bool read_log_thread(const char *task, struct log_thread *thread)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char path[320];
	char *text;
	const char *at;
	bool found;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)running, task);
	text = harness_read(path);
	at = strstr(text, key);
	found = strncmp(text, "Name:\tmmproxy-log\n", 18) == 0 && at != NULL;
	if (found) {
		thread->id = (pid_t)strtol(task, NULL, 10);
		thread->asleep = strstr(text, "\nState:\tS") != NULL && !is_pausing(task);
		thread->switches = strtoul(at + strlen(key), NULL, 10);
	}
	free(text);
	return found;
}

static bool find_log_thread(struct log_thread *thread)
{
	char path[64];
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)running);
	dir = opendir(path);
	if (dir == NULL)
		return false;
	for (struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir))
		found = read_log_thread(entry->d_name, thread);
	closedir(dir);
	return found;
}

/*
 * Run on each processor in turn. One that a hypervisor has taken away wakes nobody whose time has
 * come; once this process has run there, it has.
 */
static void visit_processors(void)
{
	cpu_set_t allowed;
	cpu_set_t one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		(void)sched_setaffinity(0, sizeof(one), &one);
	}
	(void)sched_setaffinity(0, sizeof(allowed), &allowed);
}

/*
 * What the daemon logged up to now is in its file once the log's thread has slept for longer than
 * its pause between lines (1 ms), without waking: there is nothing more to write.
 */
void daemon_await_log_written(void)
{
	int64_t deadline = harness_now_ms() + harness_patience_ms();
	struct log_thread before;
	struct log_thread now;

	if (running == 0 || !find_log_thread(&before))
		return;
	do {
		harness_sleep_ms(daemon_is_wrapped() ? 100 : 5);
		visit_processors();
		now = before;
		if (!find_log_thread(&before))
			return;
	} while ((!now.asleep || !before.asleep || now.switches != before.switches) &&
		 harness_now_ms() < deadline);
}

/* Copy a line to where there is room for it, without its time. Returns the copy's end. */
static char *copy_unstamped(char *to, const char *line, size_t len)
{
	const bool json = len > 0 && line[0] == '{';
	const char *key = json ? ",\"time\":\"" : " time=";
	const char *end = json ? "Z\"" : "Z";
	const char *start = memmem(line, len, key, strlen(key));
	const char *behind =
	    start != NULL ? memmem(start, (size_t)(line + len - start), end, strlen(end)) : NULL;
	size_t before = behind != NULL ? (size_t)(start - line) : len;
	size_t after = behind != NULL ? (size_t)(line + len - behind) - strlen(end) : 0;

	memmove(to, line, before);
	memmove(to + before, line + len - after, after);
	return to + before + after;
}

/* The log without the times of its lines, which would stand within what tests look for. */
static char *read_log(void)
{
	char *text = harness_read(harness_path(DAEMON_LOG_NAME));
	char *to = text;
	size_t len;

	for (const char *line = text; *line != '\0'; line += len) {
		len = strcspn(line, "\n");
		len += line[len] == '\n';
		to = copy_unstamped(to, line, len);
	}
	*to = '\0';
	return text;
}

static bool has_ended(int *status)
{
	pid_t pid = waitpid(running, status, WNOHANG);

	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		return false;
	running = 0;
	return true;
}

static int code_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void daemon_assert_alive(void)
{
	int status;

	ck_assert_msg(running != 0, "the daemon is not running");
	if (has_ended(&status))
		ck_abort_msg("the daemon ended with %d: %s", code_of(status), read_log());
}

static const char *proc_path(const char *name);
static unsigned long status_number(const char *key, int base);

/* Of all kinds that libevent may use. */
static bool is_epoll_wait(long system_call)
{
	switch (system_call) {
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
	case SYS_epoll_pwait:
		return true;
	default:
		return false;
	}
}

/* Whether the main thread waits for what its loop has to do: all that comes before is done. */
static bool is_in_loop(pid_t pid)
{
	char path[64];
	char *text;
	char *end;
	long number;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	text = harness_read(path);
	number = strtol(text, &end, 10);
	/* "running" is no number; nothing is there where the kernel does not tell. */
	bool in_loop = *text == '\0' || (end != text && is_epoll_wait(number));

	free(text);
	return in_loop;
}

/*
 * Ready: it listens, SIGTERM no longer ends it the hard way, its workers run, and its loop does.
 * The runtime of ThreadSanitizer loses one in 500 signals that come just before the loop.
 */
static bool is_up(void)
{
	unsigned long mask;
	pid_t worker;

	daemon_assert_alive();
	mask = status_number("\nSigCgt:", 16) | status_number("\nSigBlk:", 16);
	return (mask >> (SIGTERM - 1) & 1) != 0 &&
	       (tcp_table_count(LISTEN_PORT, TCP_TABLE_LISTEN) > 0 ||
		udp_table_unconnected(LISTEN_PORT) > 0) &&
	       daemon_worker_threads(&worker, 1) > 0 && is_in_loop(running);
}

void daemon_start_command(const struct command *command)
{
	ck_assert_int_eq(running, 0);
	watch_children();
	log_fd =
	    open(harness_path(DAEMON_LOG_NAME), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	ck_assert_int_ge(log_fd, 0);
	end_expected = 0;
	running = command_start(command, log_fd, log_fd);
	HARNESS_AWAIT(is_up());
}

static unsigned count_parts(const char *text, const char *part)
{
	unsigned count = 0;

	while ((text = strstr(text, part)) != NULL) {
		count++;
		text += strlen(part);
	}
	return count;
}

/*
 * What holds unless the test has a wish of its own: the relay engine that the environment asks for,
 * and deadlines that do not come on a busy machine in tests that are not about them. A key that no
 * listener can use is a mistake in "defaults"; each listener of a test has a name.
 */
static void make_defaults(const char *config, char *defaults, size_t size)
{
	const char *engine = getenv("MMPROXY_TEST_RELAY");
	unsigned udp = count_parts(config, "\"udp\"");
	bool tcp = udp == 0 || count_parts(config, " name = ") > udp;
	char relay[64] = "";

	if (tcp)
		snprintf(relay, sizeof(relay), "relay = \"%s\"; ",
			 engine != NULL ? engine : "auto");
	snprintf(defaults, size, "defaults = { %s%s%s}; ", tcp ? DAEMON_PATIENT_TCP : "", relay,
		 udp > 0 ? DAEMON_PATIENT_UDP : "");
}

const char *daemon_write_config(const char *config)
{
	char text[16384];
	char defaults[256] = "";
	int len;

	if (strstr(config, "defaults = ") == NULL)
		make_defaults(config, defaults, sizeof(defaults));
	/* In front of the first line, so that lines keep their numbers. */
	len = snprintf(text, sizeof(text), "%s%s%s", defaults,
		       strstr(config, "user = ") == NULL ? DAEMON_AS_ROOT : "", config);
	ck_assert_int_lt(len, (int)sizeof(text));
	return harness_write(DAEMON_CONFIG_NAME, text);
}

void daemon_start_config(const char *config)
{
	struct command command;

	daemon_command(&command);
	command_add(&command, "-c");
	command_add(&command, daemon_write_config(config));
	daemon_start_command(&command);
}

void daemon_await_look(void)
{
	(void)daemon_log_await("debug ", "looked at the way ", NULL);
	peer_drop_probes();
}

void daemon_start(const char *listener_keys)
{
	char config[4096];

	snprintf(config, sizeof(config),
		 "workers = 1;\nlog = { level = \"debug\"; };\nlisteners = ( { name = \"t\"; "
		 "listen = \"" LISTEN_V4 "\"; " DAEMON_TARGETS "\n%s } );\n",
		 listener_keys);
	daemon_start_config(config);
	daemon_await_look();
}

void daemon_start_udp(const char *listener_keys)
{
	daemon_start_udp_workers(1, listener_keys);
}

void daemon_start_udp_workers(unsigned workers, const char *listener_keys)
{
	char config[4096];

	snprintf(config, sizeof(config),
		 "workers = %u;\ndrain_timeout = \"100ms\";\nlog = { level = \"debug\"; };\n"
		 "listeners = ( { name = \"t\"; protocol = \"udp\"; %s" DAEMON_TARGETS
		 "\n%s } );\n",
		 workers,
		 strstr(listener_keys, "listen =") == NULL ? "listen = \"" LISTEN_V4 "\"; " : "",
		 listener_keys);
	daemon_start_config(config);
	daemon_await_look();
}

void daemon_follow(pid_t pid)
{
	running = pid;
	end_expected = 0;
}

/*
 * The thread sanitizer's runtime has lost signals that came while the main thread was about to
 * wait. Soon it does wait; a daemon that is busy for longer gets its signal all the same.
 */
static void let_wait(pid_t pid)
{
#ifdef __SANITIZE_THREAD__
	for (int64_t end = harness_now_ms() + 1000; !is_in_loop(pid) && harness_now_ms() < end;)
		harness_sleep_ms(1);
#else
	(void)pid;
#endif
}

void daemon_signal_process(pid_t pid, int signal)
{
	let_wait(pid);
	ck_assert_int_eq(kill(pid, signal), 0);
}

void daemon_signal(int signal)
{
	ck_assert_int_ne(running, 0);
	if (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT)
		end_expected = 1;
	daemon_signal_process(running, signal);
}

static bool has_stopped(void)
{
	int status;
	pid_t pid = waitpid(running, &status, WNOHANG | WUNTRACED);

	ck_assert_int_ge(pid, 0);
	ck_assert_msg(pid == 0 || WIFSTOPPED(status), "the daemon ended");
	return pid != 0;
}

/* The signal stops each thread at a moment of its own; the kernel tells when all have stopped. */
void daemon_pause(void)
{
	daemon_signal(SIGSTOP);
	HARNESS_AWAIT(has_stopped());
}

void daemon_resume(void)
{
	daemon_signal(SIGCONT);
}

int daemon_wait(void)
{
	int status;

	end_expected = 1;
	HARNESS_AWAIT(has_ended(&status));
	return code_of(status);
}

void daemon_stop(void)
{
	int code;

	if (running == 0)
		return;
	daemon_assert_alive();
	daemon_signal(SIGTERM);
	code = daemon_wait();
	if (code != 0)
		ck_abort_msg("the daemon's exit code after SIGTERM is %d: %s", code, read_log());
	close(log_fd);
	log_fd = -1;
}

pid_t daemon_pid(void)
{
	return running;
}

static bool line_holds(const char *line, const char *a, const char *b, const char *c)
{
	return (a == NULL || strstr(line, a) != NULL) && (b == NULL || strstr(line, b) != NULL) &&
	       (c == NULL || strstr(line, c) != NULL);
}

static unsigned search_log(const char *a, const char *b, const char *c, char *first, size_t size)
{
	char *text = read_log();
	unsigned found = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		if (!line_holds(line, a, b, c))
			continue;
		if (found++ == 0 && first != NULL)
			snprintf(first, size, "%s", line);
	}
	free(text);
	return found;
}

unsigned daemon_log_count(const char *a, const char *b)
{
	daemon_await_log_written();
	return daemon_log_count_written(a, b);
}

unsigned daemon_log_count_written(const char *a, const char *b)
{
	return search_log(a, b, NULL, NULL, 0);
}

const char *daemon_log_await(const char *a, const char *b, const char *c)
{
	static char line[8192];
	int64_t deadline = harness_now_ms() + harness_patience_ms();

	while (search_log(a, b, c, line, sizeof(line)) == 0) {
		if (running != 0)
			daemon_assert_alive();
		ck_assert_msg(harness_now_ms() < deadline, "no log line with %s %s %s; the log: %s",
			      a, b != NULL ? b : "", c != NULL ? c : "", read_log());
		harness_sleep_ms(2);
	}
	return line;
}

static const char *proc_path(const char *name)
{
	static char path[64];

	ck_assert_int_ne(running, 0);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)running, name);
	return path;
}

static unsigned long status_number(const char *key, int base)
{
	char *text = harness_read(proc_path("status"));
	const char *at = strstr(text, key);
	unsigned long number = at != NULL ? strtoul(at + strlen(key), NULL, base) : 0;

	free(text);
	return number;
}

unsigned long daemon_rss_kb(void)
{
	return status_number("\nVmRSS:", 10);
}

unsigned long daemon_rss_peak_kb(void)
{
	return status_number("\nVmHWM:", 10);
}

/* Whether this thread is the one that looks at the targets, and ends by itself, or has ended. */
static bool is_look(const char *tid)
{
	char name[64];
	char *comm;
	bool found;

	snprintf(name, sizeof(name), "task/%.20s/comm", tid);
	comm = harness_read(proc_path(name));
	found = *comm == '\0' || strcmp(comm, "mmproxy-look\n") == 0;
	free(comm);
	return found;
}

/* Call for each thread; returns for how many it was true. */
static unsigned count_threads(bool (*is)(const char *tid))
{
	DIR *dir = opendir(proc_path("task"));
	unsigned count = 0;

	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		count += entry->d_name[0] != '.' && is(entry->d_name);
	if (dir != NULL)
		closedir(dir);
	return count;
}

pid_t daemon_log_thread(void)
{
	struct log_thread thread;

	return find_log_thread(&thread) ? thread.id : 0;
}

/* The kernel lists threads as they were made: workers behind the log's, a sanitizer's own before.
 */
unsigned daemon_worker_threads(pid_t *tids, unsigned max)
{
	DIR *dir = opendir(proc_path("task"));
	bool behind_log = false;
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		struct log_thread log;

		if (read_log_thread(entry->d_name, &log))
			behind_log = true;
		else if (behind_log && count < max && !is_look(entry->d_name))
			tids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	closedir(dir);
	return count;
}

bool daemon_is_wrapped(void)
{
	const char *wrapper = getenv("MMPROXY_WRAPPER");

	return wrapper != NULL && *wrapper != '\0';
}

bool daemon_is_instrumented(void)
{
	return daemon_is_wrapped() || status_number("\nVmSize:", 10) > SHADOW_KB;
}

unsigned daemon_fd_count(void)
{
	unsigned count = 0;
	DIR *dir;

	/* It has some of its own. */
	HARNESS_AWAIT(count_threads(is_look) == 0);
	dir = opendir(proc_path("fd"));
	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

void daemon_await_fd_count(unsigned count)
{
	int64_t deadline = harness_now_ms() + harness_patience_ms();

	while (daemon_fd_count() > count) {
		ck_assert_msg(harness_now_ms() < deadline, "%u descriptors are open, not %u",
			      daemon_fd_count(), count);
		harness_sleep_ms(5);
	}
}

static bool has_fd(unsigned fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)running, fd);
	return access(path, F_OK) == 0;
}

/*
 * The number above those in use and so many free ones. The limit is on numbers, and there may be
 * gaps. False if there are more of these, or if one is closed while this looks.
 */
static bool find_limit(unsigned more, rlim_t *limit)
{
	unsigned open = daemon_fd_count();
	unsigned end = 0;

	for (unsigned free = 0; free < more || open > 0; end++) {
		if (has_fd(end))
			open--;
		else if (++free > more)
			return false;
	}
	*limit = end;
	return true;
}

void daemon_leave_descriptors(unsigned more)
{
	struct rlimit limit;
	rlim_t end = 0;

	HARNESS_AWAIT(find_limit(more, &end));
	ck_assert_int_eq(prlimit(running, RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = end;
	ck_assert_int_eq(prlimit(running, RLIMIT_NOFILE, &limit, NULL), 0);
}

void daemon_leave_all_descriptors(void)
{
	struct rlimit limit;

	ck_assert_int_eq(prlimit(running, RLIMIT_NOFILE, NULL, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(prlimit(running, RLIMIT_NOFILE, &limit, NULL), 0);
}

static void limit_data(rlim_t bytes)
{
	const struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};

	ck_assert_int_eq(prlimit(running, RLIMIT_DATA, &limit, NULL), 0);
}

void daemon_leave_memory(unsigned long kb)
{
	limit_data((status_number("\nVmData:", 10) + kb) * 1024);
}

void daemon_leave_all_memory(void)
{
	limit_data(RLIM_INFINITY);
}

unsigned daemon_cpu_ms(void)
{
	char *text = harness_read(proc_path("stat"));
	const char *at = strrchr(text, ')');
	unsigned long user = 0;
	unsigned long system = 0;

	/* proc(5): utime and stime are fields 14 and 15; the name ends field 2. */
	ck_assert_ptr_nonnull(at);
	ck_assert_int_eq(
	    sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system), 2);
	free(text);
	return (unsigned)((user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

static bool is_runnable(const char *tid)
{
	char name[64];
	char *text;
	bool runnable;

	snprintf(name, sizeof(name), "task/%.20s/status", tid);
	text = harness_read(proc_path(name));
	runnable = strstr(text, "\nState:\tR") != NULL;
	free(text);
	return runnable;
}

/*
 * Either would be wrong alone: on a crowded machine what has a moment's work waits for a processor
 * for long, and who spins has only a share of one.
 */
void daemon_assert_rests(int ms)
{
	int64_t started_ms = harness_now_ms();
	unsigned cpu_ms = daemon_cpu_ms();
	unsigned looks = 0;
	unsigned busy = 0;
	int64_t took_ms = 0;

	for (; looks < 20 || took_ms < ms; looks++) {
		busy += count_threads(is_runnable) > 0;
		harness_sleep_ms(5);
		took_ms = harness_now_ms() - started_ms;
	}
	cpu_ms = daemon_cpu_ms() - cpu_ms;
	ck_assert_msg(busy < looks / 2 || cpu_ms < took_ms / 10,
		      "it ran or would have in %u looks of %u, and %u of %lld ms", busy, looks,
		      cpu_ms, (long long)took_ms);
}
