/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the configuration again. */
#include "daemon/reload.h"

static struct conf *load(const struct reload_source *source)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;

	if (errors == NULL) {
		log_msg(LOG_LEVEL_ERROR, "memory is out");
		return NULL;
	}
	conf = source->load(source->arg, errors);
	for (size_t i = 0; i < conf_errors_count(errors); i++)
		log_msg(LOG_LEVEL_ERROR, "%s", conf_errors_text(errors, i));
	conf_errors_free(errors);
	return conf;
}

int reload(struct serving *serving, const struct reload_source *source)
{
	struct conf *conf = load(source);
	int result = -1;

	if (conf != NULL)
		result = serving_change(serving, conf);
	if (result < 0)
		log_msg(LOG_LEVEL_ERROR, "not reloaded: the former configuration stays in use");
	else
		log_msg(LOG_LEVEL_INFO, "reloaded");
	conf_unref(conf);
	return result;
}
