/* SPDX-License-Identifier: BSD-2-Clause */
/* --setup-routing and --clear-routing. */
#include "daemon/setup_routing.h"

#include <stdio.h>

#include "routing/routing.h"
#include "routing/routing_once.h"

enum exit_code setup_routing(enum setup_routing what, struct conf *conf)
{
	int result = -1;

	if (!routing_is_built()) {
		fprintf(stderr,
			"mmproxy: this mmproxy was built without libnl-route, and cannot set "
			"up return routes\n");
		return EXIT_USAGE;
	}
	switch (what) {
	case SETUP_ROUTING_ADD:
		result = routing_once_set_up(conf);
		break;
	case SETUP_ROUTING_PRINT:
		result = routing_once_print(conf, stdout);
		break;
	case SETUP_ROUTING_CLEAR:
		result = routing_once_clear(conf);
		break;
	}
	return result == 0 ? EXIT_STOPPED : EXIT_RUNTIME;
}
