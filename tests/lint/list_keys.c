/* SPDX-License-Identifier: BSD-2-Clause */
/* Print the option table for tests/lint/conf_keys.sh: scope, key, "built" or "planned", default. */
#include "conf/conf_keys.h"

#include <stdio.h>

int main(void)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		const struct conf_key *key = &conf_keys[i];

		printf("%s\t%s\t%s\t%s\n", conf_scope_name(key->scope), key->name,
		       key->planned ? "planned" : "built",
		       key->fallback != NULL ? key->fallback : "-");
	}
	return 0;
}
