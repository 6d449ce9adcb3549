/* SPDX-License-Identifier: BSD-2-Clause */
/* What the doctor has found. */
#include "doctor/doctor_report.h"

#include <stdlib.h>
#include <string.h>

/* A finding, and its texts again, to be freed. */
struct entry {
	struct doctor_finding finding;
	char *listener;
	char *sentence;
	char *mend;
};

struct doctor_report {
	struct entry *entries;
	size_t count;
	size_t room;
	size_t count_of[DOCTOR_LEVELS];
	bool failed; /* memory was out */
};

struct cause_row {
	const char *name;
	const char *sentence;
};

static const struct cause_row causes[DOCTOR_CAUSES] = {
    [DOCTOR_FINE] = {"fine", "Nothing is wrong"},
    [DOCTOR_RULE_MISSING] = {"rule_missing",
			     "No policy rule leads the target's answers back to this host"},
    [DOCTOR_ROUTE_MISSING] = {"route_missing",
			      "A policy rule leads the target's answers to a routing table that "
			      "does not take every address for local"},
    [DOCTOR_RULE_SHADOWED] = {"rule_shadowed",
			      "Another policy rule comes before the one that leads the target's "
			      "answers back"},
    [DOCTOR_NO_DEFAULT_ROUTE] = {"no_default_route",
				 "This host has no route to clients, so that the target's answers "
				 "are gone before they get a mark"},
    [DOCTOR_MARK_LOST] = {"mark_lost",
			  "The target's answers do not have the mark that leads them back"},
    [DOCTOR_MARK_CAUGHT] = {"mark_caught",
			    "The listener's own mark leads its connections back to this host"},
    [DOCTOR_RP_FILTER] = {"rp_filter", "The reverse path filter drops the target's answers"},
    [DOCTOR_SRC_VALID_MARK] = {"src_valid_mark",
			       "With net.ipv4.conf.*.src_valid_mark the mark of the target's "
			       "answers makes their source invalid"},
    [DOCTOR_FIREWALL_DROP] = {"firewall_drop", "A firewall drops the connection or its answer"},
    [DOCTOR_FIREWALL_REJECT] = {"firewall_reject",
				"A firewall, or the server, refuses clients' addresses"},
    [DOCTOR_BACKEND_DOWN] = {"backend_down", "Nothing listens at the target"},
    [DOCTOR_BACKEND_SILENT] = {"backend_silent",
			       "The target answers nobody, whatever address is used"},
    [DOCTOR_BACKEND_UNREACHABLE] = {"backend_unreachable", "There is no way to the target"},
    [DOCTOR_BACKEND_ELSEWHERE] = {"backend_elsewhere",
				  "Nothing listens at the target, but at another address of this "
				  "host with its port"},
    [DOCTOR_BEHIND_DOCKER_PROXY] = {"behind_docker_proxy",
				    "A program for containers takes the connections, and the "
				    "server sees its address instead of the client's"},
    [DOCTOR_BEHIND_NAT] = {"behind_nat",
			   "Address translation leads the connections into another network, "
			   "whose answers do not come back"},
    [DOCTOR_ANSWERS_ELSEWHERE] = {"answers_elsewhere",
				  "A UDP server on a wildcard address may answer from another "
				  "address than it was asked at"},
    [DOCTOR_TARGET_ON_OTHER_HOST] = {"target_on_other_host",
				     "The target's own host has to lead the answers back to this "
				     "one"},
    [DOCTOR_ROUTES_AT_START] = {"routes_at_start",
				"The return routes are not there, and the daemon, which does not "
				"run, sets them up"},
    [DOCTOR_KERNEL_PROGRAMS] = {"kernel_programs", "The kernel takes no programs that carry UDP"},
    [DOCTOR_KERNEL_SYSCTL] = {"kernel_sysctl",
			      "A setting of lo keeps the kernel from carrying UDP to the target"},
    [DOCTOR_KERNEL_UNFIT] = {"kernel_unfit",
			     "The kernel does not carry UDP of such a listener, or to such a "
			     "target"},
    [DOCTOR_NO_CAPABILITY] = {"no_capability",
			      "Root lacks a capability that the configuration needs"},
    [DOCTOR_USER_MISSING] = {"user_missing", "The user to become does not exist"},
    [DOCTOR_ROUTE_LOCALNET] = {"route_localnet",
			       "Neighbours of this host can reach servers on loopback "
			       "(CVE-2020-8558)"},
    [DOCTOR_OPEN_TO_ALL] = {"open_to_all", "Every peer may name any client"},
    [DOCTOR_PORT_CLASH] = {"port_clash",
			   "A socket listens on every address at a port that clients are likely to "
			   "have"},
    [DOCTOR_NOT_PERMITTED] = {"not_permitted",
			      "It could not be looked at, for want of a privilege"},
    [DOCTOR_NOT_EXAMINED] = {"not_examined",
			     "It could not be looked at, for want of time or because this kernel "
			     "does not tell"},
};

struct doctor_report *doctor_report_new(void)
{
	return calloc(1, sizeof(struct doctor_report));
}

static void free_texts(const struct entry *entry)
{
	free(entry->listener);
	free(entry->sentence);
	free(entry->mend);
}

void doctor_report_free(struct doctor_report *report)
{
	if (report == NULL)
		return;
	for (size_t i = 0; i < report->count; i++)
		free_texts(&report->entries[i]);
	free(report->entries);
	free(report);
}

static bool make_room(struct doctor_report *report)
{
	size_t room = report->room == 0 ? 16 : 2 * report->room;
	struct entry *entries;

	if (report->count < report->room)
		return true;
	entries = reallocarray(report->entries, room, sizeof(*entries));
	if (entries == NULL)
		return false;
	report->entries = entries;
	report->room = room;
	return true;
}

void doctor_report_add(struct doctor_report *report, const struct doctor_finding *finding)
{
	struct entry entry = {.finding = *finding};

	if (finding->listener != NULL)
		entry.listener = strdup(finding->listener);
	entry.sentence = strdup(finding->sentence);
	entry.mend = strdup(finding->mend != NULL ? finding->mend : "");
	if ((finding->listener != NULL && entry.listener == NULL) || entry.sentence == NULL ||
	    entry.mend == NULL || !make_room(report)) {
		free_texts(&entry);
		report->failed = true;
		return;
	}
	entry.finding.listener = entry.listener;
	entry.finding.sentence = entry.sentence;
	entry.finding.mend = entry.mend;
	report->entries[report->count++] = entry;
	report->count_of[finding->level]++;
}

bool doctor_report_is_whole(const struct doctor_report *report)
{
	return !report->failed;
}

size_t doctor_report_count(const struct doctor_report *report)
{
	return report->count;
}

size_t doctor_report_count_of(const struct doctor_report *report, enum doctor_level level)
{
	return report->count_of[level];
}

const struct doctor_finding *doctor_report_get(const struct doctor_report *report, size_t index)
{
	return &report->entries[index].finding;
}

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[DOCTOR_LEVELS] = {
	    [DOCTOR_OK] = "ok", [DOCTOR_WARN] = "warn", [DOCTOR_FAIL] = "FAIL"};

	return names[level];
}

const char *doctor_cause_name(enum doctor_cause cause)
{
	return causes[cause].name;
}

const char *doctor_cause_sentence(enum doctor_cause cause)
{
	return causes[cause].sentence;
}
