/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom the process becomes when it is started as root. */
#include "daemon/account.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/user_map.h"
#include "config.h"
#include "daemon/capabilities.h"

#define DEFAULT_USER "mmproxy"

/* Of account_enter(). */
static gid_t former_gid;

static void find_user(const struct conf *conf, struct account *account)
{
	const struct passwd *passwd = getpwnam(account->user);

	if (passwd == NULL) {
		snprintf(account->user_why, sizeof(account->user_why),
			 "there is no user \"%s\" on this system%s", account->user,
			 conf->user != NULL ? ""
					    : "; create it, or name another with the key user");
		return;
	}
	account->uid = passwd->pw_uid;
	account->gid = passwd->pw_gid;
	if (!user_map_has(account->uid) && geteuid() == 0)
		snprintf(account->user_why, sizeof(account->user_why),
			 "the user \"%s\" is not one of this user namespace", account->user);
}

static void find_group(const struct conf *conf, struct account *account)
{
	const struct group *group;

	if (conf->group == NULL)
		return;
	group = getgrnam(conf->group);
	if (group != NULL)
		account->gid = group->gr_gid;
	else
		snprintf(account->group_why, sizeof(account->group_why),
			 "there is no group \"%s\" on this system", conf->group);
}

/* Whether this program can change users at all; says why not. */
static bool is_built(struct account *account)
{
#ifdef HAVE_CAP_NG
	(void)account;
	return true;
#else
	snprintf(account->user_why, sizeof(account->user_why),
		 "this mmproxy was built without libcap-ng and cannot become \"%s\"; start it as a "
		 "user that has the capabilities, as mmproxy.service does",
		 account->user);
	return false;
#endif
}

/* Whether root may become the user, who exists; says why not. */
static bool is_permitted(struct account *account)
{
	const uint64_t needed = CAPABILITIES_BIT(CAP_SETUID) | CAPABILITIES_BIT(CAP_SETGID);
	uint64_t missing = needed & ~capabilities_own();
	char names[CAPABILITIES_TEXT_MAX];

	if (missing == 0)
		return true;
	snprintf(account->user_why, sizeof(account->user_why),
		 "cannot become \"%s\" without %s; grant %s, or set user = \"root\"", account->user,
		 capabilities_text(missing, names),
		 missing == needed ? "both, in a container by --cap-add SETUID --cap-add SETGID"
				   : "it too");
	return false;
}

/* Whom root becomes. */
static enum account_state judge(const struct conf *conf, struct account *account)
{
	const bool is_named = conf->user != NULL;
	const bool exists = account->user_why[0] == '\0';

	if (exists && account->uid == 0)
		return ACCOUNT_SAME;
	if (exists && account->group_why[0] != '\0')
		return ACCOUNT_REFUSED;
	/* Then it is no use that somebody makes the default user. */
	if ((exists || !is_named) && !is_built(account))
		return is_named || conf->group != NULL ? ACCOUNT_REFUSED : ACCOUNT_NONE;
	if (exists && is_permitted(account))
		return ACCOUNT_OTHER;
	return is_named ? ACCOUNT_REFUSED : ACCOUNT_NONE;
}

void account_find(const struct conf *conf, struct account *account)
{
	*account = (struct account){.user = conf->user != NULL ? conf->user : DEFAULT_USER};
	find_user(conf, account);
	find_group(conf, account);
	account->state = geteuid() == 0 ? judge(conf, account) : ACCOUNT_SAME;
}

int account_enter(const struct account *account)
{
	int error;

	former_gid = getegid();
	if (setgroups(0, NULL) < 0 || setegid(account->gid) < 0)
		return -1;
	if (seteuid(account->uid) == 0)
		return 0;
	error = errno;
	(void)!setegid(former_gid);
	errno = error;
	return -1;
}

void account_leave(void)
{
	int error = errno;

	/* Root is still the saved user. */
	(void)!seteuid(0);
	(void)!setegid(former_gid);
	errno = error;
}
