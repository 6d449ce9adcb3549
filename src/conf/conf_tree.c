/* SPDX-License-Identifier: BSD-2-Clause */
/* libconfig's tree of a configuration's settings. */
#include "conf/conf_tree.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

/*
 * What libconfig 1.5 allocates for a byte of text, at most: 142 bytes for each "(" of nested lists,
 * and for its scanner and parser beside that.
 */
#define MEMORY_PER_BYTE 160
#define MEMORY_AT_LEAST ((size_t)1024 * 1024)

/*
 * Whether there is memory for parsing. libconfig does not look at what malloc(3) returns: without
 * memory it crashes (config_init(), lists, strings) or ends the process (its scanner), and nothing
 * that it returns would tell. Not malloc(3), which would keep such a size in mind.
 */
static bool has_memory(const char *text)
{
	size_t size = MEMORY_AT_LEAST + MEMORY_PER_BYTE * strlen(text);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	munmap(memory, size);
	return true;
}

/* Names and strings are copies that libconfig does not check. */
static bool is_whole(const config_setting_t *setting)
{
	if (config_setting_type(setting) == CONFIG_TYPE_STRING)
		return config_setting_get_string(setting) != NULL;
	if (!config_setting_is_aggregate(setting))
		return true;
	for (int i = 0; i < config_setting_length(setting); i++) {
		const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);

		if (member == NULL ||
		    (config_setting_is_group(setting) && config_setting_name(member) == NULL) ||
		    !is_whole(member))
			return false;
	}
	return true;
}

static void report_syntax(const struct conf_source *source, const config_t *config,
			  struct conf_errors *errors)
{
	struct conf_place place = {.block = CONF_BLOCK_TOP, .element = -1};
	const char *text = config_error_text(config);
	bool plain = text == NULL || strcmp(text, "syntax error") == 0;

	conf_source_locate(source, (unsigned)config_error_line(config), &place);
	conf_errors_add(errors, &place, "syntax error, here or shortly before%s%s",
			plain ? "" : ": ", plain ? "" : text);
}

static void report_memory(const struct conf_source *source, struct conf_errors *errors)
{
	struct conf_place place = {.block = CONF_BLOCK_TOP, .element = -1};

	conf_source_locate(source, 1, &place);
	conf_errors_add(errors, &place, "memory is out");
}

int conf_tree_read(config_t *config, const struct conf_source *source, struct conf_errors *errors)
{
	if (!has_memory(conf_source_text(source))) {
		report_memory(source, errors);
		return -1;
	}
	config_init(config);
	if (!config_read_string(config, conf_source_text(source)))
		report_syntax(source, config, errors);
	else if (config_root_setting(config) == NULL || !is_whole(config_root_setting(config)))
		report_memory(source, errors);
	else
		return 0;
	config_destroy(config);
	return -1;
}
