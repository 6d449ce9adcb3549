/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bufferevent filter that takes a PROXY header off a stream and passes on what follows.
 *
 * One worker thread. The read callback of the filter's bufferevent runs when the header is whole or
 * certain to be wrong, even with no payload behind it.
 */
#ifndef MMPROXY_HEADER_FILTER_H
#define MMPROXY_HEADER_FILTER_H

#include <event2/bufferevent.h>

#include "proxyproto/proxy_header.h"

/* Belongs to its bufferevent and is freed with it, which may be a loop pass after
 * bufferevent_free(). */
struct header_filter;

/*
 * Put a filter over a socket's bufferevent, which the caller keeps and must free after the filter.
 * header_max: bytes of a v2 header accepted. Sets *filter for asking; NULL when memory is out.
 */
struct bufferevent *header_filter_new(struct bufferevent *socket, size_t header_max,
				      struct header_filter **filter)
    __attribute__((warn_unused_result));

/* How far the header has come. */
enum proxy_status header_filter_status(const struct header_filter *filter);

/* The header, TLVs included, while the filter lives; only after PROXY_OK. */
const struct proxy_header *header_filter_header(const struct header_filter *filter);

/* What is wrong; only after PROXY_ERROR. */
enum proxy_error header_filter_error(const struct header_filter *filter);

#endif
