/* SPDX-License-Identifier: BSD-2-Clause */
/* Print the table of metrics for tests/lint/metrics.sh: name, type, and what it is. */
#include <stdio.h>

#include "daemon/metrics.h"

int main(void)
{
	for (size_t i = 0; i < metrics_count(); i++) {
		struct metrics_row row = metrics_row(i);

		printf("%s\t%s\t%s\n", row.name, row.type, row.help);
	}
	return 0;
}
