/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of the words on standard input, print those that are flags of the command line, for
 * tests/lint/completions.sh: NAME, and "value" where one has to follow, "alone" where none may, or
 * "other" where one may or where that depends on what else is there.
 */
#include "daemon/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 128

/*
 * Whether the command line of this one flag is accepted, with a value behind it unless that is
 * NULL. If not, complaint is what was written to standard error, which has to be a file.
 */
static bool accepts(const char *name, char *value, char complaint[static 256])
{
	char program[] = "mmproxy";
	char flag[WORD_MAX + 3];
	char *argv[] = {program, flag, value, NULL};
	struct cli cli;
	ssize_t len;

	/* Behind one dash a word can be several letters. */
	snprintf(flag, sizeof(flag), "%s%s", strlen(name) > 1 ? "--" : "-", name);
	if (ftruncate(STDERR_FILENO, 0) < 0 || lseek(STDERR_FILENO, 0, SEEK_SET) < 0)
		return false;
	if (cli_parse(&cli, value != NULL ? 3 : 2, argv) == 0) {
		cli_fini(&cli);
		return true;
	}
	len = pread(STDERR_FILENO, complaint, 255, 0);
	complaint[len > 0 ? len : 0] = '\0';
	return false;
}

int main(void)
{
	FILE *file = tmpfile();
	char complaint[256] = "";
	char word[WORD_MAX];
	char value[] = "1";

	if (file == NULL || dup2(fileno(file), STDERR_FILENO) < 0) {
		perror("list_flags");
		return 1;
	}
	while (fgets(word, sizeof(word), stdin) != NULL) {
		word[strcspn(word, "\n")] = '\0';
		if (accepts(word, NULL, complaint))
			printf("%s\t%s\n", word,
			       accepts(word, value, complaint) ? "other" : "alone");
		else if (strstr(complaint, "needs a value") != NULL)
			printf("%s\tvalue\n", word);
		else if (strstr(complaint, "unknown flag") == NULL)
			printf("%s\tother\n", word);
	}
	fclose(file);
	return 0;
}
