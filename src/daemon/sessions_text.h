/* SPDX-License-Identifier: BSD-2-Clause */
/* Sessions and flows as JSON for programs and as a table for people. Main thread. */
#ifndef MMPROXY_SESSIONS_TEXT_H
#define MMPROXY_SESSIONS_TEXT_H

#include <event2/buffer.h>

#include "daemon/sessions.h"

/* Append to out. Both return 0, or -1 when memory was out. */
int sessions_write_json(const struct sessions_row *rows, size_t count, struct evbuffer *out)
    __attribute__((warn_unused_result));
int sessions_write_table(const struct sessions_row *rows, size_t count, struct evbuffer *out)
    __attribute__((warn_unused_result));

#endif
