/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The load generator of "make bench": opens connections, each with a PROXY header of its own, does
 * one kind of work through them for a while, and prints what it measured as one line of JSON.
 *
 * The clock starts when every connection is open and the warm-up over, and CPU times are of the
 * same span. Mode idle prints {"held": N} before, when all are open, and keeps them until standard
 * input ends. The exit status is 0 when there was no error.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock_ns.h"
#include "cpu_time.h"

/* How often the main thread looks whether all connections are open. */
#define LOOK_MS 2

/* CPU-seconds at one moment. */
struct cpu {
	double machine, self, groups[LOAD_GROUPS_MAX];
};

struct result {
	double seconds;
	struct cpu cpu;
	struct load_counts counts;
	struct latency latency;
	unsigned open, errors;
	char first_error[160];
};

static void cpu_now(const struct load_options *options, struct cpu *cpu)
{
	cpu->machine = cpu_time_machine();
	cpu->self = cpu_time_process(getpid());
	for (unsigned i = 0; i < options->group_count; i++) {
		cpu->groups[i] = 0;
		for (unsigned j = 0; j < options->groups[i].count; j++)
			cpu->groups[i] += cpu_time_process(options->groups[i].pids[j]);
	}
}

static void cpu_since(const struct load_options *options, struct cpu *cpu)
{
	struct cpu start = *cpu;

	cpu_now(options, cpu);
	cpu->machine -= start.machine;
	cpu->self -= start.self;
	for (unsigned i = 0; i < options->group_count; i++)
		cpu->groups[i] -= start.groups[i];
}

static void sleep_s(double seconds)
{
	struct timespec time = {.tv_sec = (time_t)seconds};

	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * NS_A_SECOND);
	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		continue;
}

/* Until every connection is open, one has failed, or patience ends. */
static void wait_until_open(struct load_shared *shared)
{
	const struct load_options *options = shared->options;
	uint64_t end_ns = clock_ns() + (uint64_t)(options->patience_s * NS_A_SECOND);

	while (atomic_load(&shared->open) < options->connections &&
	       atomic_load(&shared->errors) == 0 && clock_ns() < end_ns)
		sleep_s(LOOK_MS / 1e3);
}

/* Hold idle connections until standard input ends. */
static void hold(const struct load_shared *shared)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char byte;

	printf("{\"held\": %u}\n", atomic_load(&shared->open));
	fflush(stdout);
	while (poll(&input, 1, -1) >= 0 || errno == EINTR) {
		if (input.revents && read(STDIN_FILENO, &byte, 1) <= 0)
			return;
	}
}

static void measure(struct load_shared *shared, struct result *result)
{
	const struct load_options *options = shared->options;
	uint64_t start_ns;

	wait_until_open(shared);
	result->open = atomic_load(&shared->open);
	if (result->open < options->connections)
		return;
	if (options->mode->held) {
		hold(shared);
	} else if (!options->mode->by_itself) {
		sleep_s(options->warm_up_s);
		cpu_now(options, &result->cpu);
		start_ns = clock_ns();
		atomic_store(&shared->phase, LOAD_MEASURE);
		sleep_s(options->seconds);
		atomic_store(&shared->phase, LOAD_WARM_UP);
		result->seconds = (double)(clock_ns() - start_ns) / NS_A_SECOND;
		cpu_since(options, &result->cpu);
	}
}

static void add_thread(struct result *result, const struct load_thread *thread)
{
	result->counts.bytes_up += thread->counts.bytes_up;
	result->counts.bytes_down += thread->counts.bytes_down;
	result->counts.requests += thread->counts.requests;
	result->counts.lost += thread->counts.lost;
	latency_merge(&result->latency, &thread->latency);
	if (result->errors == 0 && thread->errors > 0)
		snprintf(result->first_error, sizeof(result->first_error), "%s",
			 thread->first_error);
	result->errors += thread->errors;
}

static void print_result(const struct load_options *options, const struct result *result)
{
	const struct latency *latency = &result->latency;

	printf("{\"mode\": \"%s\", \"connections\": %u, \"threads\": %u, "
	       "\"seconds\": %.6f, ",
	       options->mode->name, options->connections, options->threads, result->seconds);
	printf("\"bytes_up\": %llu, \"bytes_down\": %llu, \"requests\": %llu, "
	       "\"lost\": %llu, ",
	       (unsigned long long)result->counts.bytes_up,
	       (unsigned long long)result->counts.bytes_down,
	       (unsigned long long)result->counts.requests,
	       (unsigned long long)result->counts.lost);
	printf("\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, ",
	       latency_quantile_us(latency, 0.5), latency_quantile_us(latency, 0.99),
	       latency_quantile_us(latency, 0.999), (double)latency->max_ns / 1e3);
	printf("\"cpu_machine_s\": %.3f, \"cpu_load_s\": %.3f, ", result->cpu.machine,
	       result->cpu.self);
	for (unsigned i = 0; i < options->group_count; i++)
		printf("\"cpu_%s_s\": %.3f, ", options->groups[i].name, result->cpu.groups[i]);
	/* What strerror(3) and inet_ntop(3) write has nothing that JSON would want escaped. */
	printf("\"errors\": %u, \"first_error\": \"%s\"}\n", result->errors, result->first_error);
}

static void prepare_process(void)
{
	struct rlimit limit;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	static struct result result;
	struct load_options options;
	struct load_shared shared = {.options = &options, .phase = LOAD_WARM_UP};
	struct load_thread **threads;

	if (load_options_parse(&options, argc, argv) < 0)
		return 2;
	prepare_process();
	threads = calloc(options.threads, sizeof(struct load_thread *));
	for (unsigned i = 0; threads && i < options.threads; i++) {
		threads[i] = load_thread_new(&shared, i);
		if (!threads[i])
			threads = NULL;
	}
	if (!threads) {
		fprintf(stderr, "load: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	for (unsigned i = 0; i < options.threads; i++) {
		errno = pthread_create(&threads[i]->id, NULL, load_thread_main, threads[i]);
		if (errno != 0) {
			fprintf(stderr, "load: pthread_create: %s\n", strerror(errno));
			return EXIT_FAILURE;
		}
	}
	measure(&shared, &result);
	atomic_store(&shared.phase, LOAD_STOP);
	for (unsigned i = 0; i < options.threads; i++) {
		load_thread_wake(threads[i]);
		pthread_join(threads[i]->id, NULL);
		add_thread(&result, threads[i]);
		load_thread_free(threads[i]);
	}
	free(threads);
	if (result.errors == 0 && result.open < options.connections) {
		result.errors = options.connections - result.open;
		snprintf(result.first_error, sizeof(result.first_error),
			 "%u connections were not open after %.0f s", result.errors,
			 options.patience_s);
	}
	print_result(&options, &result);
	return result.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
