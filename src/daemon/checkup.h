/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon's own look at the way to its targets and back: what is wrong with it is warned of,
 * with the command that mends it.
 *
 * A look takes a thread of its own and CHECKUP_LOOK_MS at most. The first is behind the start, and
 * there is another one after a reload that changes listeners or routes. When connections end with
 * backend_timeout or backend_unreachable, or a UDP target answers nobody, there is one as well,
 * once a minute at most. What was said is not said again for as long as it stays.
 *
 * Main thread.
 */
#ifndef MMPROXY_CHECKUP_H
#define MMPROXY_CHECKUP_H

#include <stdint.h>

#include "daemon/serving.h"
#include "worker/mailbox.h"

#define CHECKUP_LOOK_MS 3000

struct checkup;

/*
 * All are borrowed, and the mailbox is the main thread's. set_up is the command that sets up return
 * routes. NULL when memory is out.
 */
struct checkup *checkup_new(struct serving *serving, struct mailbox *mailbox, const char *set_up)
    __attribute__((warn_unused_result));

/* The daemon serves what is configured: at the start, and after each reload. NULL is fine. */
void checkup_begin(struct checkup *checkup);

/* Look if something has failed: once a second is enough. NULL is fine. */
void checkup_tick(struct checkup *checkup, int64_t now_ms);

/* From now on nothing is looked at or said; a look that is under way ends soon. NULL is fine. */
void checkup_end(struct checkup *checkup);

/* The same, and wait until no thread of it is left: before a fork(2). NULL is fine. */
void checkup_join(struct checkup *checkup);

/* When the mailbox hands on nothing more. NULL is fine. */
void checkup_free(struct checkup *checkup);

#endif
