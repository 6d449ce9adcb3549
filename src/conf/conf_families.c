/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv6 clients of listeners that only have an IPv4 target. */
#include "conf/conf_families.h"

/* What takes a listener's IPv6 clients in another way, or nothing. */
enum other_way { OTHER_WAY_NONE, OTHER_WAY_TARGET, OTHER_WAY_DYNAMIC, OTHER_WAY_UNKNOWN };

static const char *const sentences[] = {
    [OTHER_WAY_TARGET] =
	"it has no effect beside targets.ipv6, which IPv6 clients are connected to",
    [OTHER_WAY_DYNAMIC] = "it has no effect with dynamic_destination = true: clients are connected "
			  "to where their headers say",
};

static enum other_way other_way(const struct conf_draft *draft, size_t index)
{
	const struct conf_listener *listener = &draft->conf->listeners[index];
	const struct conf_origin *origin = &draft->listeners[index];

	if (conf_draft_state(origin, CONF_SCOPE_TARGETS, "ipv6", NULL) == CONF_STATE_REFUSED ||
	    conf_draft_state(origin, CONF_SCOPE_LISTENER, "dynamic_destination", NULL) ==
		CONF_STATE_REFUSED)
		return OTHER_WAY_UNKNOWN;
	if (addr_is_set(&listener->target_ipv6))
		return OTHER_WAY_TARGET;
	return listener->dynamic_destination ? OTHER_WAY_DYNAMIC : OTHER_WAY_NONE;
}

/* Whether the key was given for this listener, not as the default; *place is where. */
static bool is_given(const struct conf_draft *draft, size_t index, const struct conf_place **place)
{
	return conf_draft_state(&draft->listeners[index], CONF_SCOPE_LISTENER, "ipv6_clients",
				place) == CONF_STATE_GIVEN &&
	       draft->conf->listeners[index].ipv6_clients != CONF_IPV6_REFUSE;
}

/* Whether some listener that inherits the key has a use for it, or may have. */
static bool is_default_used(const struct conf_draft *draft)
{
	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		const struct conf_place *place;
		enum other_way way = other_way(draft, i);

		if (is_given(draft, i, &place) && place->block == CONF_BLOCK_DEFAULTS &&
		    (way == OTHER_WAY_NONE || way == OTHER_WAY_UNKNOWN))
			return true;
	}
	return false;
}

void conf_families_check(const struct conf_draft *draft, struct conf_errors *errors)
{
	bool used = is_default_used(draft);

	for (size_t i = 0; i < draft->conf->listeners_count; i++) {
		enum other_way way = other_way(draft, i);
		const struct conf_place *place;

		if (!is_given(draft, i, &place) || way == OTHER_WAY_NONE ||
		    way == OTHER_WAY_UNKNOWN)
			continue;
		if (place->block != CONF_BLOCK_DEFAULTS || !used)
			conf_errors_add(errors, place, "%s", sentences[way]);
		draft->conf->listeners[i].ipv6_clients = CONF_IPV6_REFUSE;
	}
}
