/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether this host has what a configuration names. */
#include "daemon/host_check.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_syslog.h"
#include "base/new_file.h"
#include "daemon/account.h"
#include "daemon/log_owner.h"
#include "daemon/report.h"
#include "doctor/doctor.h"

/* The kernel answers at once, whatever is asked; the rest is for a machine that stands still. */
#define ROUTES_MS 10000

struct host_check {
	const char *source;
	FILE *out;
	size_t mistakes;
};

static void say_mistake(struct host_check *check, const char *place, const char *key,
			const char *why)
{
	fprintf(check->out, "%s: %s: %s\n", place != NULL ? place : check->source, key, why);
	check->mistakes++;
}

static void check_account(struct host_check *check, const struct conf *conf,
			  const struct account *account)
{
	if (account->user_why[0] != '\0' &&
	    (conf->user != NULL || account->state == ACCOUNT_REFUSED))
		say_mistake(check, conf->user_place, "user", account->user_why);
	if (account->group_why[0] != '\0')
		say_mistake(check, conf->group_place, "group", account->group_why);
}

/* Whether somebody takes lines there; 0 or an errno value. */
static int may_send(const char *path)
{
	struct log_syslog syslog;

	if (log_syslog_open(&syslog, path) < 0)
		return errno;
	log_syslog_close(&syslog);
	return 0;
}

static const char *log_place_of(const struct host_check *check, const struct conf *conf)
{
	return conf->log_target_place != NULL ? conf->log_target_place : check->source;
}

/* The file may be checked where no syslog is, as in a build, or before it is there. */
static void check_syslog(struct host_check *check, const struct conf *conf)
{
	const char *path = log_place(conf->log_target);
	int error = may_send(path);

	if (error != 0)
		fprintf(check->out,
			"%s: warning: log.target: cannot open %s: %s; mmproxy does not start "
			"without it\n",
			log_place_of(check, conf), path, strerror(error));
}

static void check_log_file(struct host_check *check, const struct conf *conf,
			   const struct account *account)
{
	const char *place = log_place_of(check, conf);
	const char *path = conf->log_target;
	bool reopens;
	int error = log_owner_test(path, account, &reopens);

	if (error == 0 && reopens)
		return;
	if (error == 0)
		fprintf(check->out,
			"%s: warning: log.target: root can open %s, but the user \"%s\" cannot, as "
			"SIGUSR1 and upgrades need: give the file or its directory to that user\n",
			place, path, account->user);
	else if ((error == EACCES || error == EPERM) && geteuid() != 0)
		fprintf(check->out,
			"%s: warning: log.target: this user cannot open %s: %s; root may\n", place,
			path, strerror(error));
	else {
		fprintf(check->out, "%s: log.target: cannot open %s: %s\n", place, path,
			strerror(error));
		check->mistakes++;
	}
}

static void check_log(struct host_check *check, const struct conf *conf,
		      const struct account *account)
{
	if (strcmp(conf->log_target, "syslog") == 0)
		check_syslog(check, conf);
	else if (strcmp(conf->log_target, "stderr") != 0)
		check_log_file(check, conf, account);
}

/* The daemon makes its socket there, as the user that it becomes. */
static void check_admin(struct host_check *check, const char *path)
{
	struct stat st;
	int error;

	if (path == NULL)
		return;
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		fprintf(check->out, "%s: admin.listen: %s is there and is no socket\n",
			check->source, path);
		check->mistakes++;
		return;
	}
	error = new_file_test(path);
	/* The unit makes it when it starts. */
	if (error != 0)
		fprintf(check->out, "%s: warning: admin.listen: cannot make %s now: %s\n",
			check->source, path, strerror(error));
}

static void warn(const char *text, void *arg)
{
	const struct host_check *check = arg;

	fprintf(check->out, "%s: warning: %s\n", check->source, text);
}

/* They may be for another program to make, later. */
static void check_routes(const struct host_check *check, const struct conf *conf,
			 const char *set_up)
{
	const struct doctor_limits limits = {
	    .total_ms = ROUTES_MS, .only_asks = true, .set_up = set_up};
	struct doctor_report *report = doctor_examine(conf, &limits);

	for (size_t i = 0; report != NULL && i < doctor_report_count(report); i++) {
		const struct doctor_finding *finding = doctor_report_get(report, i);

		if (finding->cause == DOCTOR_RULE_MISSING ||
		    finding->cause == DOCTOR_ROUTE_MISSING ||
		    finding->cause == DOCTOR_RULE_SHADOWED)
			fprintf(check->out, "%s: warning: listener %s: %s%s%s\n", check->source,
				finding->listener, finding->sentence,
				finding->mend[0] != '\0' ? "; to mend it: " : "", finding->mend);
	}
	doctor_report_free(report);
}

size_t host_check(const struct conf *conf, const char *source, const char *set_up, FILE *out)
{
	struct host_check check = {.source = source, .out = out};
	struct account account;

	account_find(conf, &account);
	check_account(&check, conf, &account);
	check_log(&check, conf, &account);
	check_admin(&check, conf->admin_path);
	report_open_listeners(conf, warn, &check);
	report_buffers(conf, warn, &check);
	check_routes(&check, conf, set_up);
	return check.mistakes;
}
