/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the configuration again. */
#include "daemon/reload.h"

#include <errno.h>
#include <string.h>

#include "conf/conf_change.h"
#include "daemon/privileges.h"

/* The first mistake goes to the history. */
static struct conf *load(struct serving *serving, const struct reload_source *source)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;

	if (errors == NULL) {
		log_msg(LOG_LEVEL_ERROR, "memory is out");
		reload_history_note(&serving->reloads, "memory is out");
		return NULL;
	}
	conf = source->load(source->arg, errors);
	for (size_t i = 0; i < conf_errors_count(errors); i++)
		log_msg(LOG_LEVEL_ERROR, "%s", conf_errors_text(errors, i));
	if (conf == NULL)
		reload_history_note(&serving->reloads, conf_errors_text(errors, 0));
	conf_errors_free(errors);
	return conf;
}

static void warn(const char *sentence, void *arg)
{
	(void)arg;
	log_msg(LOG_LEVEL_WARN, "%s", sentence);
}

/* Open the log's target, if it is another one. Returns 0, or -1 having logged why. */
static int prepare_log(const struct conf *conf)
{
	if (log_prepare(conf->log_target) == 0)
		return 0;
	log_msg(LOG_LEVEL_ERROR, "log.target: cannot open %s: %s", log_place(conf->log_target),
		strerror(errno));
	return -1;
}

/* Use it. Returns 0, or -1 when nothing has changed. */
static int use(struct serving *serving, struct admin *admin, struct conf *conf)
{
	struct conf *former = conf_ref(serving->conf);
	char text[CONF_CHANGE_TEXT_MAX];
	struct conf_change change;
	int result = -1;

	if (conf_change_init(&change, former, conf) < 0) {
		log_msg(LOG_LEVEL_ERROR, "memory is out");
		goto out;
	}
	result = privileges_check_again(conf);
	if (result == 0)
		result = admin_prepare(admin, conf, false);
	if (result == 0)
		result = prepare_log(conf);
	if (result == 0)
		result = serving_change(serving, conf);
	if (result == 0) {
		admin_commit(admin);
		log_commit(conf->log_level, conf->log_format);
		(void)conf_change_restarts(serving->started, conf, warn, NULL);
		carrying_note(&serving->carrying, conf);
		log_msg(LOG_LEVEL_INFO, "reloaded: %s", conf_change_text(&change, text));
		privileges_report(conf);
	}
	if (result < 0) {
		admin_undo(admin);
		log_undo();
	}
	conf_change_fini(&change);
out:
	reload_history_note(&serving->reloads, result < 0 ? "the log says why" : NULL);
	conf_unref(former);
	return result;
}

int reload(struct serving *serving, struct admin *admin, const struct reload_source *source)
{
	struct conf *conf = load(serving, source);
	int result = conf != NULL ? use(serving, admin, conf) : -1;

	if (result < 0)
		log_msg(LOG_LEVEL_ERROR, "not reloaded, the former configuration stays in use");
	conf_unref(conf);
	return result;
}
