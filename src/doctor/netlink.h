/* SPDX-License-Identifier: BSD-2-Clause */
/* Questions to the kernel over netlink(7), of any of its families, and their answers. Any thread.
 */
#ifndef MMPROXY_NETLINK_H
#define MMPROXY_NETLINK_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a question. */
#define NETLINK_QUESTION_MAX 256

/* A question as it is put together. */
struct netlink_question {
	struct nlmsghdr header;
	uint8_t body[NETLINK_QUESTION_MAX];
};

/* Begin one of this type, with flags besides NLM_F_REQUEST, and what comes before attributes. */
void netlink_begin(struct netlink_question *question, uint16_t type, uint16_t flags,
		   const void *body, size_t len);

/* Append an attribute; or begin one that holds those up to netlink_close(). */
void netlink_put(struct netlink_question *question, uint16_t type, const void *value, size_t len);
size_t netlink_nest(struct netlink_question *question, uint16_t type);
void netlink_close(struct netlink_question *question, size_t nest);

/* A socket of a protocol such as NETLINK_ROUTE; -1 with errno. */
int netlink_open(int protocol) __attribute__((warn_unused_result));

/* Called for each answer. */
typedef void netlink_answer_cb(const struct nlmsghdr *answer, void *arg);

/*
 * Ask, and hear the answer or, with NLM_F_DUMP, all of them up to the end. Returns 0, or an errno
 * value: the kernel's own, or ETIMEDOUT when it has not answered by deadline_ms (clock_now_ms()).
 */
int netlink_ask(int fd, struct netlink_question *question, netlink_answer_cb *on_answer, void *arg,
		int64_t deadline_ms) __attribute__((warn_unused_result));

/*
 * The value of an attribute behind the first body_len bytes of an answer; NULL where there is none
 * that is at least min_len bytes long.
 */
const void *netlink_get(const struct nlmsghdr *answer, size_t body_len, uint16_t type,
			size_t min_len);

/* The same within the value of an attribute that holds others. */
const void *netlink_get_nested(const void *nest, uint16_t type, size_t min_len);

#endif
