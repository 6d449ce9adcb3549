/* SPDX-License-Identifier: BSD-2-Clause */
/* The users that the process's user namespace knows. */
#include "base/user_map.h"

#include <stdio.h>

/* The kernel's DEFAULT_OVERFLOWUID, which fs.overflowuid hardly ever changes. */
#define OVERFLOW_UID 65534

bool user_map_has(uid_t uid)
{
	FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned inside;
	unsigned outside;
	unsigned count;
	bool mapped = false;

	if (map == NULL)
		return true;
	while (!mapped && fscanf(map, "%u %u %u", &inside, &outside, &count) == 3)
		mapped = uid >= inside && uid - inside < count;
	fclose(map);
	return mapped;
}

bool user_map_is_root(uid_t owner)
{
	return owner == 0 || (owner == OVERFLOW_UID && !user_map_has(OVERFLOW_UID));
}
