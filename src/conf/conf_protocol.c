/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys that only listeners of the other protocol have a use for. */
#include "conf/conf_protocol.h"

static const char *const names[] = {
    [CONF_PROTOCOL_TCP] = "TCP",
    [CONF_PROTOCOL_UDP] = "UDP",
};

/* Whether the listener's protocol is known; if not, that is reported already. */
static bool is_known(const struct conf_draft *draft, size_t index)
{
	return !draft->listeners[index].refused &&
	       conf_draft_state(&draft->listeners[index], CONF_SCOPE_LISTENER, "protocol", NULL) !=
		   CONF_STATE_REFUSED;
}

/* Whether some listener is of the protocol, or could have been meant to be. */
static bool has_protocol(const struct conf_draft *draft, enum conf_protocol protocol)
{
	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		if (!is_known(draft, i) || draft->conf->listeners[i].protocol == protocol)
			return true;
	}
	return false;
}

static void check_key(const struct conf_draft *draft, size_t index, const struct conf_key *key,
		      struct conf_errors *errors)
{
	enum conf_protocol readers =
	    key->only == CONF_ONLY_TCP ? CONF_PROTOCOL_TCP : CONF_PROTOCOL_UDP;
	enum conf_protocol protocol = draft->conf->listeners[index].protocol;
	const struct conf_place *place;

	if (key->only == CONF_ONLY_ANY || protocol == readers ||
	    conf_draft_state(&draft->listeners[index], key->scope, key->name, &place) !=
		CONF_STATE_GIVEN)
		return;
	if (place->block != CONF_BLOCK_DEFAULTS)
		conf_errors_add(errors, place, "it is for %s listeners, and this is a %s listener",
				names[readers], names[protocol]);
	else if (!has_protocol(draft, readers))
		conf_errors_add(errors, place, "it is for %s listeners, and there is none",
				names[readers]);
}

void conf_protocol_check(const struct conf_draft *draft, struct conf_errors *errors)
{
	/* go-mmproxy's command lines may have all of its flags, whatever the protocol. */
	for (size_t i = 0; !draft->from_flags && i < draft->conf->listeners_count; i++) {
		for (size_t j = 0; is_known(draft, i) && j < conf_keys_count; j++)
			check_key(draft, i, &conf_keys[j], errors);
	}
}
