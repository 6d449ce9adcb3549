/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether this host has what a configuration names. */
#include "daemon/host_check.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log_syslog.h"
#include "config.h"
#include "daemon/report.h"
#include "doctor/doctor.h"

/* The kernel answers at once, whatever is asked. */
#define ROUTES_MS 1000

struct host_check {
	const char *source;
	FILE *out;
	size_t mistakes;
};

static void check_accounts(struct host_check *check, const struct conf *conf)
{
	if (conf->user != NULL && getpwnam(conf->user) == NULL) {
		fprintf(check->out, "%s: user: there is no user \"%s\" on this system\n",
			check->source, conf->user);
		check->mistakes++;
	}
	if (conf->group != NULL && getgrnam(conf->group) == NULL) {
		fprintf(check->out, "%s: group: there is no group \"%s\" on this system\n",
			check->source, conf->group);
		check->mistakes++;
	}
#ifndef HAVE_CAP_NG
	if (geteuid() == 0 && (conf->user != NULL || conf->group != NULL)) {
		fprintf(check->out,
			"%s: user, group: this mmproxy was built without libcap-ng and cannot give "
			"up root\n",
			check->source);
		check->mistakes++;
	}
#endif
}

/* Whether the effective user may; 0 or an errno value. */
static int may(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0 ? errno : 0;
}

/* Whether a file could be made there; 0 or an errno value. */
static int may_create(const char *path)
{
	char *directory = strdup(path);
	struct stat st;
	int error;

	if (directory == NULL)
		return ENOMEM;
	/* The path is absolute, so that there is a slash; the root directory keeps its own. */
	strrchr(directory, '/')[strrchr(directory, '/') == directory ? 1 : 0] = '\0';
	if (stat(directory, &st) < 0)
		error = errno;
	else
		error = S_ISDIR(st.st_mode) ? may(directory, W_OK | X_OK) : ENOTDIR;
	free(directory);
	return error;
}

/* Whether log_open() could open it; 0 or an errno value. */
static int may_append(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? may_create(path) : errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return S_ISSOCK(st.st_mode) ? ENXIO : may(path, W_OK);
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

/* The file may be checked where no syslog is, as in a build, or before it is there. */
static void check_syslog(struct host_check *check, const char *path)
{
	int error = may_send(path);

	if (error != 0)
		fprintf(check->out,
			"%s: warning: log.target: cannot open %s: %s; mmproxy does not start "
			"without it\n",
			check->source, path, strerror(error));
}

static void check_log_file(struct host_check *check, const char *path)
{
	int error = may_append(path);

	if (error == 0)
		return;
	if ((error == EACCES || error == EPERM) && geteuid() != 0) {
		fprintf(check->out,
			"%s: warning: log.target: this user cannot open %s: %s; root may\n",
			check->source, path, strerror(error));
		return;
	}
	fprintf(check->out, "%s: log.target: cannot open %s: %s\n", check->source, path,
		strerror(error));
	check->mistakes++;
}

static void check_log(struct host_check *check, const char *target)
{
	if (strcmp(target, "syslog") == 0)
		check_syslog(check, log_place(target));
	else if (strcmp(target, "stderr") != 0)
		check_log_file(check, target);
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
	error = may_create(path);
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

	check_accounts(&check, conf);
	check_log(&check, conf->log_target);
	check_admin(&check, conf->admin_path);
	report_open_listeners(conf, warn, &check);
	check_routes(&check, conf, set_up);
	return check.mistakes;
}
