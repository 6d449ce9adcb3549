/* SPDX-License-Identifier: BSD-2-Clause */
/* The log file of a daemon that gives up root. */
#include "daemon/log_owner.h"

#include <errno.h>
#include <string.h>

#include "base/log_file.h"

static int open_log(const struct conf *conf)
{
	return log_open(conf->log_target, conf->log_level, conf->log_format);
}

/* Returns -1 with errno where the user may not. */
static int open_as(const struct conf *conf, const struct account *account)
{
	int result;

	if (account_enter(account) < 0)
		return -1;
	result = open_log(conf);
	account_leave();
	return result;
}

static bool is_file(const char *target)
{
	return strcmp(target, "stderr") != 0 && strcmp(target, "syslog") != 0;
}

int log_owner_open(const struct conf *conf)
{
	struct account account;

	account_find(conf, &account);
	if (account.state != ACCOUNT_OTHER || !is_file(conf->log_target))
		return open_log(conf);
	if (open_as(conf, &account) == 0)
		return 0;
	if (errno != EACCES && errno != EPERM)
		return -1;
	if (log_file_create(conf->log_target, account.uid, account.gid) == 0 &&
	    open_as(conf, &account) == 0)
		return 0;
	if (open_log(conf) < 0)
		return -1;
	log_msg(LOG_LEVEL_WARN,
		"log.target: root has opened %s, but the user \"%s\" cannot open it again, as "
		"SIGUSR1 and upgrades need: give the file or its directory to that user",
		conf->log_target, account.user);
	return 0;
}

int log_owner_test(const char *path, const struct account *account, bool *reopens)
{
	int error = EPERM;

	*reopens = true;
	if (account->state != ACCOUNT_OTHER)
		return log_file_test(path);
	if (account_enter(account) == 0) {
		error = log_file_test(path);
		account_leave();
	}
	if (error != EACCES && error != EPERM)
		return error;
	*reopens = false;
	return log_file_test(path);
}
