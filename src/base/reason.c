/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a connection ended. */
#include "base/reason.h"

struct reason_row {
	const char *name;
	enum log_level level;
	const char *sentence;
};

static const struct reason_row rows[REASON_COUNT] = {
#define X(id, name, level, sentence) [id] = {name, level, sentence},
    CLOSE_REASONS(X)
#undef X
};

const char *reason_name(enum close_reason reason)
{
	return rows[reason].name;
}

const char *reason_sentence(enum close_reason reason)
{
	return rows[reason].sentence;
}

enum log_level reason_level(enum close_reason reason)
{
	return rows[reason].level;
}

enum close_reason reason_of_check(enum close_reason reason)
{
	switch (reason) {
	case REASON_DONE:
	case REASON_CLIENT_RESET:
	case REASON_BACKEND_RESET:
	case REASON_IDLE_TIMEOUT:
	case REASON_HALF_CLOSE_TIMEOUT:
		return REASON_HEALTH_CHECK;
	default:
		return reason;
	}
}
