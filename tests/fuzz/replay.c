/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Feed a fuzz target a corpus without libFuzzer: each file, and each file of each directory, named
 * on the command line. A file named *.hex holds one input a line, in hex; any other is one input.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* libFuzzer's own default is 4096; twice the longest header this project takes. */
#define INPUT_MAX 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

/* A block of the exact size lets AddressSanitizer see an overread. */
static int run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size > 0 ? size : 1);

	if (exact == NULL)
		return -1;
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	inputs++;
	return 0;
}

static int hex_digit(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit != '\0' ? strchr(digits, digit) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static int run_hex_line(const char *line, size_t len)
{
	uint8_t input[INPUT_MAX];

	if (len % 2 != 0 || len / 2 > sizeof(input))
		return -1;
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_digit(line[2 * i]);
		int low = hex_digit(line[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		input[i] = (uint8_t)(high << 4 | low);
	}
	return run(input, len / 2);
}

static int run_hex_file(FILE *file, const char *path)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	int number = 0;
	int status = 0;

	while (status == 0 && (len = getline(&line, &size, file)) > 0) {
		number++;
		if (line[len - 1] == '\n')
			len--;
		status = run_hex_line(line, (size_t)len);
		if (status < 0)
			fprintf(stderr, "%s:%d: not an input in hex\n", path, number);
	}
	free(line);
	return status;
}

static int run_raw_file(FILE *file)
{
	uint8_t input[INPUT_MAX];

	return run(input, fread(input, 1, sizeof(input), file));
}

static int run_file(const char *path)
{
	const char *suffix = strrchr(path, '.');
	FILE *file = fopen(path, "rb");
	int status;

	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (suffix != NULL && strcmp(suffix, ".hex") == 0)
		status = run_hex_file(file, path);
	else
		status = run_raw_file(file);
	fclose(file);
	return status;
}

static int run_directory(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	int status = 0;

	if (directory == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while (status == 0 && (entry = readdir(directory)) != NULL) {
		char file[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		status = -1;
		if ((size_t)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) <
		    sizeof(file))
			status = run_file(file);
	}
	closedir(directory);
	return status;
}

int main(int argc, char **argv)
{
	int status = 0;

	for (int i = 1; status == 0 && i < argc; i++) {
		struct stat info;

		if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
			status = run_directory(argv[i]);
		else
			status = run_file(argv[i]);
	}
	printf("%zu inputs\n", inputs);

	/* A corpus that was not found must not pass for one that was replayed. */
	return status == 0 && inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
