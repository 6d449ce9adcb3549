/* SPDX-License-Identifier: BSD-2-Clause */
/* What the programs did with datagrams that looked like a flow's. */
#include "fastpath/fastpath_event.h"

#include <stddef.h>

static const char *const names[FASTPATH_EVENTS] = {
    [FASTPATH_CARRIED_UP] = "carried_up",
    [FASTPATH_CARRIED_DOWN] = "carried_down",
    [FASTPATH_EXPIRED] = "expired",
    [FASTPATH_NO_FLOW] = "no_flow",
    [FASTPATH_OTHER_HEADER] = "other_header",
    [FASTPATH_MOVED] = "moved",
    [FASTPATH_OTHER_FORM] = "other_form",
    [FASTPATH_SEGMENTS] = "segments",
    [FASTPATH_UNUSUAL] = "unusual",
    [FASTPATH_UNABLE] = "unable",
    [FASTPATH_TOO_LONG] = "too_long",
    [FASTPATH_AWAY] = "away",
    [FASTPATH_BROKEN] = "broken",
};

const char *fastpath_event_name(enum fastpath_event event)
{
	return event < FASTPATH_EVENTS ? names[event] : NULL;
}
