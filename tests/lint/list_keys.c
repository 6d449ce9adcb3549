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

int main(void)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		printf("%s\t%s\t%s\t%s\t%s\t%s\n", conf_scope_name(key->scope), key->name,
		       key->planned ? "planned" : "built",
		       key->fallback != NULL ? key->fallback : "-", readers[key->only],
		       key->needs_restart ? "restart" : "reload");
	}
	return 0;
}
