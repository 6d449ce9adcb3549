/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of the words on standard input, print those that are flags of the command line, for
 * tests/lint/completions.sh: NAME, and "value" where one has to follow, "alone" where none does, or
 * "other" where that depends on what else is there.
 */
#include "daemon/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 128

/* Whether the command line of this one flag is accepted; what was complained of is in complaint. */
static bool accepts(const char *name, char complaint[static 256])
{
	char program[] = "mmproxy";
	char flag[WORD_MAX + 2];
	char *argv[] = {program, flag, NULL};
	FILE *standard = stderr;
	struct cli cli;
	int result;

	snprintf(flag, sizeof(flag), "-%s", name);
	memset(complaint, 0, 256);
	/* glibc's stderr is a variable. */
	stderr = fmemopen(complaint, 255, "w");
	if (stderr == NULL) {
		stderr = standard;
		abort();
	}
	result = cli_parse(&cli, 2, argv);
	fclose(stderr);
	stderr = standard;
	if (result == 0)
		cli_fini(&cli);
	return result == 0;
}

int main(void)
{
	char complaint[256];
	char word[WORD_MAX];

	while (fgets(word, sizeof(word), stdin) != NULL) {
		word[strcspn(word, "\n")] = '\0';
		if (accepts(word, complaint))
			printf("%s\talone\n", word);
		else if (strstr(complaint, "needs a value") != NULL)
			printf("%s\tvalue\n", word);
		else if (strstr(complaint, "unknown flag") == NULL &&
			 strstr(complaint, "not in this version") == NULL)
			printf("%s\tother\n", word);
	}
	return 0;
}
