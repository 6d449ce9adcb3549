/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with the way back from a target: see judge.h. */
#ifndef MMPROXY_JUDGE_BACK_H
#define MMPROXY_JUDGE_BACK_H

#include <stdbool.h>

#include "doctor/judge_say.h"

/* Say what the look-up of routes shows. Returns whether anything is wrong. */
bool judge_back_look(struct judge *judge);

/* Say whether the mark that answers need is lost. Returns whether it is. */
bool judge_back_mark(struct judge *judge);

/* The target is on another host, which this one cannot look into. */
void judge_back_other_host(struct judge *judge, enum doctor_level level);

/* Say why a target that answers this host does not answer clients. */
void judge_back_unanswered(struct judge *judge);

#endif
