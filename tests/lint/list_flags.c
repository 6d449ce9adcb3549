/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of the words on standard input, print those that are flags of the command line, for
 * tests/lint/completions.sh: NAME, and "value" where one has to follow, "alone" where none does, or
 * "other" where that depends on what else is there.
 */
#include "daemon/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 128

/* Whether it is one flag of this name, and not several letters of which each is one. */
static bool is_one(const struct cli *cli, const char *name)
{
	return cli->flags_count == 0 ||
	       (cli->flags_count == 1 && strcmp(cli->flags[0].name, name) == 0);
}

/*
 * Whether the command line of this one flag, with a value or without, is accepted. If not,
 * complaint is what was written to standard error, which has to be a file.
 */
static bool accepts(const char *name, bool with_value, int standard_error,
		    char complaint[static 256])
{
	char program[] = "mmproxy";
	char flag[WORD_MAX + 2];
	char value[] = "1";
	char *argv[] = {program, flag, with_value ? value : NULL, NULL};
	struct cli cli;
	ssize_t len;

	snprintf(flag, sizeof(flag), "-%s", name);
	if (ftruncate(standard_error, 0) < 0 || lseek(standard_error, 0, SEEK_SET) < 0)
		return false;
	if (cli_parse(&cli, with_value ? 3 : 2, argv) == 0) {
		bool one = is_one(&cli, name);

		cli_fini(&cli);
		complaint[0] = '\0';
		return one;
	}
	len = pread(standard_error, complaint, 255, 0);
	complaint[len > 0 ? len : 0] = '\0';
	return false;
}

int main(void)
{
	FILE *file = tmpfile();
	char complaint[256] = "";
	char word[WORD_MAX];

	if (file == NULL || dup2(fileno(file), STDERR_FILENO) < 0) {
		perror("list_flags");
		return 1;
	}
	while (fgets(word, sizeof(word), stdin) != NULL) {
		word[strcspn(word, "\n")] = '\0';
		if (accepts(word, false, STDERR_FILENO, complaint)) {
			bool either = accepts(word, true, STDERR_FILENO, complaint);

			printf("%s\t%s\n", word, either ? "other" : "alone");
			continue;
		}
		if (complaint[0] == '\0')
			continue;
		if (strstr(complaint, "needs a value") != NULL)
			printf("%s\tvalue\n", word);
		else if (strstr(complaint, "unknown flag") == NULL &&
			 strstr(complaint, "not in this version") == NULL)
			printf("%s\tother\n", word);
	}
	fclose(file);
	return 0;
}
