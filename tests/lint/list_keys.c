/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Print the option table for tests/lint/conf_keys.sh: scope, key, "built" or "planned", default,
 * whose key it is: "any", "TCP" or "UDP"; and whether a "reload" or a "restart" changes it.
 */
#include "conf/conf_keys.h"

#include <stdio.h>

static const char *const readers[] = {
    [CONF_ONLY_ANY] = "any",
    [CONF_ONLY_TCP] = "TCP",
    [CONF_ONLY_UDP] = "UDP",
};

/* The manual has the default of a build with libseccomp. */
static const char *documented_default(const struct conf_key *key)
{
	if (key->offset == offsetof(struct conf, sandbox) && key->scope == CONF_SCOPE_TOP)
		return "true";
	return key->fallback != NULL ? key->fallback : "-";
}

int main(void)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		printf("%s\t%s\t%s\t%s\t%s\t%s\n", conf_scope_name(key->scope), key->name,
		       key->planned ? "planned" : "built", documented_default(key),
		       readers[key->only], key->needs_restart ? "restart" : "reload");
	}
	return 0;
}
