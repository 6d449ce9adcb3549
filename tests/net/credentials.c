/* SPDX-License-Identifier: BSD-2-Clause */
/* Users and capabilities of the daemon under test. */
#include "credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "daemon.h"
#include "harness.h"

void credentials_grant(struct command *command, uint64_t capabilities)
{
	for (unsigned number = 0; number < 64; number++)
		if (prctl(PR_CAPBSET_READ, (unsigned long)number, 0, 0, 0) == 1 &&
		    (capabilities >> number & 1) == 0)
			command->dropped_caps |= CAP_BIT(number);
}

unsigned long long credentials_number(const char *key, int base)
{
	unsigned long long number;
	const char *at;
	char path[64];
	char *text;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)daemon_pid());
	text = harness_read(path);
	at = strstr(text, key);
	ck_assert_msg(at != NULL, "no %s in %s", key, text);
	number = strtoull(at + strlen(key), NULL, base);
	free(text);
	return number;
}

void credentials_expect(uint64_t capabilities)
{
	ck_assert_uint_eq(credentials_number("\nCapPrm:", 16), capabilities);
	ck_assert_uint_eq(credentials_number("\nCapEff:", 16), capabilities);
	ck_assert_uint_eq(credentials_number("\nCapInh:", 16), 0);
	ck_assert_uint_eq(credentials_number("\nCapAmb:", 16), 0);
	ck_assert_uint_eq(credentials_number("\nNoNewPrivs:", 10), 1);
}

unsigned credentials_proc_owner(void)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)daemon_pid());
	ck_assert_int_eq(stat(path, &st), 0);
	return (unsigned)st.st_uid;
}
