/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the log says of a look at the way to the targets and back: each warning and failure in a
 * line, once for as long as it is found again and again. Main thread.
 */
#ifndef MMPROXY_CHECKUP_NEWS_H
#define MMPROXY_CHECKUP_NEWS_H

#include <stdbool.h>

#include "conf/conf.h"
#include "doctor/doctor_report.h"

/* Lines for one report; what is beyond is counted in another line. */
#define CHECKUP_NEWS_MAX 20

struct checkup_news;

/* NULL when memory is out. */
struct checkup_news *checkup_news_new(void) __attribute__((warn_unused_result));

/* NULL is fine. */
void checkup_news_free(struct checkup_news *news);

/*
 * Log what the report on this snapshot has and the former one had not, by level, cause, listener
 * and target. has_failed: the look was for the sake of a failure, so that what need not be a
 * mistake is said as well. Returns 0, or -1 when memory is out: then nothing was said.
 */
int checkup_news_tell(struct checkup_news *news, const struct conf *conf,
		      const struct doctor_report *report, bool has_failed)
    __attribute__((warn_unused_result));

/* Everything is news again. */
void checkup_news_forget(struct checkup_news *news);

#endif
