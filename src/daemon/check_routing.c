/* SPDX-License-Identifier: BSD-2-Clause */
/* --check-routing. */
#include "daemon/check_routing.h"

#include <stdio.h>

#include <event2/buffer.h>

#include "daemon/json.h"
#include "doctor/doctor.h"

/* Long enough for a second packet where the first was lost, and for some hundred silent targets. */
#define TOTAL_MS 6000

static void print_text(const struct doctor_report *report)
{
	for (size_t i = 0; i < doctor_report_count(report); i++) {
		const struct doctor_finding *finding = doctor_report_get(report, i);
		bool fine = finding->level == DOCTOR_OK;

		printf("%-4s  %s: %s%s%s%s\n", doctor_level_name(finding->level),
		       finding->listener != NULL ? finding->listener : "this host",
		       finding->sentence, fine ? "" : " (",
		       fine ? "" : doctor_cause_name(finding->cause), fine ? "" : ")");
		if (finding->mend[0] != '\0')
			printf("      %s\n", finding->mend);
	}
}

static void write_finding(struct json *json, const struct doctor_finding *finding)
{
	bool has_target = addr_is_set(&finding->target);

	json_object(json, NULL);
	json_str(json, "level", doctor_level_name(finding->level));
	json_str(json, "cause", doctor_cause_name(finding->cause));
	json_str(json, "listener", finding->listener);
	if (finding->listener == NULL)
		json_null(json, "protocol");
	else
		json_str(json, "protocol", finding->protocol == CONF_PROTOCOL_UDP ? "udp" : "tcp");
	if (has_target)
		json_addr(json, "target", &finding->target);
	else
		json_null(json, "target");
	json_str(json, "sentence", finding->sentence);
	json_str(json, "mend", finding->mend);
	json_object_end(json);
}

/* -1: memory is out. */
static int print_json(const struct doctor_report *report)
{
	struct evbuffer *out = evbuffer_new();
	struct json json;
	int result = -1;

	if (out == NULL)
		return -1;
	json_init(&json, out);
	json_object(&json, NULL);
	json_u64(&json, "ok", doctor_report_count_of(report, DOCTOR_OK));
	json_u64(&json, "warn", doctor_report_count_of(report, DOCTOR_WARN));
	json_u64(&json, "fail", doctor_report_count_of(report, DOCTOR_FAIL));
	json_array(&json, "findings");
	for (size_t i = 0; i < doctor_report_count(report); i++)
		write_finding(&json, doctor_report_get(report, i));
	json_array_end(&json);
	json_object_end(&json);
	if (json_finish(&json) == 0 && evbuffer_pullup(out, -1) != NULL) {
		fwrite(evbuffer_pullup(out, -1), 1, evbuffer_get_length(out), stdout);
		result = 0;
	}
	evbuffer_free(out);
	return result;
}

const char *check_routing_set_up(const struct cli *cli, char buf[static CHECK_ROUTING_SET_UP_MAX])
{
	size_t len = 0;

	if (cli->config != NULL) {
		snprintf(buf, CHECK_ROUTING_SET_UP_MAX, "mmproxy -c %s --setup-routing",
			 cli->config);
		return buf;
	}
	snprintf(buf, CHECK_ROUTING_SET_UP_MAX, "mmproxy");
	for (size_t i = 0; i < cli->flags_count && len < CHECK_ROUTING_SET_UP_MAX / 2; i++) {
		const struct conf_flag *flag = &cli->flags[i];

		len += (size_t)snprintf(buf + len, CHECK_ROUTING_SET_UP_MAX - len, "%s -%s%s%s",
					len == 0 ? "mmproxy" : "", flag->name,
					flag->value != NULL ? "=" : "",
					flag->value != NULL ? flag->value : "");
	}
	if (len < CHECK_ROUTING_SET_UP_MAX / 2)
		snprintf(buf + len, CHECK_ROUTING_SET_UP_MAX - len, "%s --setup-routing",
			 len == 0 ? "mmproxy" : "");
	return buf;
}

enum exit_code check_routing(const struct cli *cli, const struct conf *conf)
{
	char set_up[CHECK_ROUTING_SET_UP_MAX];
	const struct doctor_limits limits = {
	    .total_ms = TOTAL_MS, .thorough = true, .set_up = check_routing_set_up(cli, set_up)};
	struct doctor_report *report = doctor_examine(conf, &limits);
	enum exit_code code = EXIT_STOPPED;

	if (report == NULL || (cli->json && print_json(report) < 0)) {
		fprintf(stderr, "mmproxy: out of memory\n");
		doctor_report_free(report);
		return EXIT_RUNTIME;
	}
	if (!cli->json)
		print_text(report);
	if (doctor_report_count_of(report, DOCTOR_FAIL) > 0)
		code = EXIT_RUNTIME;
	doctor_report_free(report);
	return code;
}
