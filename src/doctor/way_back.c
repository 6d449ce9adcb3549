/* SPDX-License-Identifier: BSD-2-Clause */
/* Where the answers of a target to a client would go. */
#include "doctor/way_back.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "doctor/route_question.h"

/* Whether the table is one that every system has, with its ordinary routes. */
static bool is_ordinary(uint32_t table)
{
	return table == RT_TABLE_MAIN || table == RT_TABLE_DEFAULT || table == RT_TABLE_LOCAL;
}

/* Whether a rule was made for answers: it picks some, and leads to a table of its own. */
static bool is_for_answers(const struct rule *rule, uint32_t table)
{
	bool picks = addr_is_set(&rule->from.addr) || rule->mask != 0;

	return rule->to_table && !is_ordinary(rule->table) &&
	       (rule->table == table || (picks && !rule->inverted));
}

/*
 * The rule before "end" that has given an answer, which is none: one that leads to the answer's
 * table; of an error one that refuses, or else the first that leads to a table of somebody's own,
 * where the route may be that says so. Returns end where there is none.
 */
static size_t find_decisive(const struct rule_list *rules, size_t end,
			    const struct route_flow *flow, const struct route_reply *reply)
{
	size_t likely = end;

	for (size_t i = rule_list_next(rules, 0, flow); i < end;
	     i = rule_list_next(rules, i + 1, flow)) {
		const struct rule *rule = &rules->rules[i];

		if (reply->error == 0 ? rule->to_table && rule->table == reply->table
				      : rule->refuses)
			return i;
		if (reply->error != 0 && likely == end && rule->to_table &&
		    !is_ordinary(rule->table))
			likely = i;
	}
	return likely;
}

/* Say why the answers with this mark do not come back. */
static void explain(struct way_back *back, const struct rule_list *rules,
		    const struct route_flow *flow, const struct route_reply *reply, uint32_t table)
{
	const struct rule *right = NULL; /* leads to all addresses for local */
	const struct rule *empty = NULL; /* leads to a table without that */
	size_t right_index = rules->count;
	size_t decisive;

	for (size_t i = rule_list_next(rules, 0, flow); i < rules->count;
	     i = rule_list_next(rules, i + 1, flow)) {
		const struct rule *rule = &rules->rules[i];

		if (rule->to_table && !is_ordinary(rule->table) &&
		    rule_list_is_local(rules, rule->table)) {
			right = rule;
			right_index = i;
			break;
		}
		if (empty == NULL && is_for_answers(rule, table))
			empty = rule;
	}
	decisive = find_decisive(rules, right_index, flow, reply);
	if (right != NULL && decisive == right_index) {
		back->end = WAY_BACK_INVALID_SOURCE;
	} else if (right != NULL) {
		back->end = WAY_BACK_RULE_SHADOWED;
		back->table = right->table;
		back->shadow_preference = rules->rules[decisive].preference;
		(void)rule_format(&rules->rules[decisive], back->shadow);
		(void)rule_format(right, back->rule);
	} else if (right == NULL && empty != NULL) {
		back->end = WAY_BACK_ROUTE_MISSING;
		back->table = empty->table;
		(void)rule_format(empty, back->rule);
	} else {
		back->end = WAY_BACK_RULE_MISSING;
	}
}

/* Returns whether the answers come back with this mark. */
static bool try_mark(struct way_back *back, int fd, const struct rule_list *rules,
		     const struct way_back_question *question, uint32_t mark, int64_t deadline_ms)
{
	const struct route_flow flow = {.from = question->target,
					.to = question->client,
					.ipproto = question->ipproto,
					.mark = mark,
					.iif = question->iif};
	struct way_back found = {.mark = mark, .table = question->table};
	struct route_reply reply;

	if (route_question_ask(fd, &flow, deadline_ms, &reply) != 0)
		return false;
	if (reply.error == 0 && reply.local)
		found.end = WAY_BACK_HERE;
	else if (reply.error == EXDEV)
		found.end = WAY_BACK_FILTERED;
	else
		explain(&found, rules, &flow, &reply, question->table);
	if (mark == 0)
		back->unrouted = found.unrouted = reply.error != 0;
	else
		found.unrouted = back->unrouted;
	/* The least that is missing is the likeliest explanation. */
	if (back->end == WAY_BACK_UNKNOWN || found.end == WAY_BACK_HERE ||
	    (back->end == WAY_BACK_RULE_MISSING && found.end != WAY_BACK_RULE_MISSING))
		*back = found;
	return found.end == WAY_BACK_HERE;
}

void way_back_find(struct way_back *back, int fd, const struct rule_list *rules,
		   const struct way_back_question *question, int64_t deadline_ms)
{
	memset(back, 0, sizeof(*back));
	back->table = question->table;
	if (fd < 0 || try_mark(back, fd, rules, question, 0, deadline_ms))
		return;
	for (size_t i = 0; i < question->marks_count; i++)
		if (try_mark(back, fd, rules, question, question->marks[i], deadline_ms))
			return;
}

size_t way_back_collect_marks(const struct rule_list *rules, uint32_t *marks, size_t count,
			      size_t max)
{
	for (size_t i = 0; i < rules->count && count < max; i++) {
		const struct rule *rule = &rules->rules[i];
		bool known = false;

		if (rule->mask == 0 || rule->inverted || !rule->to_table ||
		    !rule_list_is_local(rules, rule->table) || is_ordinary(rule->table))
			continue;
		for (size_t j = 0; j < count; j++)
			known |= marks[j] == rule->mark;
		if (!known)
			marks[count++] = rule->mark;
	}
	return count;
}
