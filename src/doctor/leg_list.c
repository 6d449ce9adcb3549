/* SPDX-License-Identifier: BSD-2-Clause */
/* The ways to targets that a configuration has: those that are the same once. */
#include "doctor/leg_list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"

/* What makes ways the same, without padding, compared as bytes. */
struct key {
	uint8_t ip[ADDR_IP_LEN];
	uint32_t mark;
	uint16_t port;
	uint8_t udp;
	uint8_t dynamic;
};

_Static_assert(sizeof(struct key) == ADDR_IP_LEN + 8, "no padding");

/* A way of one listener. */
struct want {
	struct key key;
	struct addr target;
	size_t place; /* in "of" */
};

static int compare(const void *a, const void *b)
{
	const struct want *x = a;
	const struct want *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static void add(struct want *wants, size_t *count, const struct conf_listener *listener,
		const struct addr *target, bool dynamic, size_t place)
{
	struct want *want = &wants[*count];

	if (!addr_is_set(target))
		return;
	memset(want, 0, sizeof(*want));
	addr_write_ip(target, want->key.ip);
	want->key.mark = listener->mark;
	want->key.port = addr_port(target);
	want->key.udp = listener->protocol == CONF_PROTOCOL_UDP;
	want->key.dynamic = dynamic;
	want->target = *target;
	want->place = place;
	(*count)++;
}

/* A loopback address that headers may name; AF_UNSPEC: none of the family. */
static struct addr find_loopback(const struct conf_listener *listener, int family)
{
	const struct netset *allowed = listener->allowed_destinations;
	struct addr found = {0};
	struct addr loopback;
	struct network network;

	if (!listener->dynamic_destination ||
	    addr_parse_ip(&loopback, family == AF_INET ? "127.0.0.1" : "::1") < 0)
		return found;
	if (allowed == NULL || netset_contains(allowed, &loopback))
		return loopback;
	for (size_t i = 0; i < netset_count(allowed); i++)
		if (network_parse(&network, netset_text(allowed, i)) == 0 &&
		    addr_family(&network.addr) == family && addr_is_loopback(&network.addr))
			return network.addr;
	return found;
}

static size_t collect(struct want *wants, const struct conf *conf)
{
	size_t count = 0;

	for (size_t i = 0; i < conf->listeners_count; i++) {
		const struct conf_listener *listener = &conf->listeners[i];
		const struct addr ipv4 = find_loopback(listener, AF_INET);
		const struct addr ipv6 = find_loopback(listener, AF_INET6);
		size_t place = i * LEG_LIST_EACH;

		if (!listener->target_ipv4_assumed)
			add(wants, &count, listener, &listener->target_ipv4, false, place);
		if (!listener->target_ipv6_assumed)
			add(wants, &count, listener, &listener->target_ipv6, false, place + 1);
		add(wants, &count, listener, &ipv4, true, place + 2);
		add(wants, &count, listener, &ipv6, true, place + 3);
	}
	return count;
}

int leg_list_init(struct leg_list *list, const struct conf *conf)
{
	const size_t places = conf->listeners_count * LEG_LIST_EACH;
	struct want *wants = calloc(places + 1, sizeof(*wants));
	size_t count;

	memset(list, 0, sizeof(*list));
	list->of = calloc(places + 1, sizeof(*list->of));
	if (wants == NULL || list->of == NULL) {
		free(wants);
		return -1;
	}
	for (size_t i = 0; i < places; i++)
		list->of[i] = SIZE_MAX;
	count = collect(wants, conf);
	list->legs = calloc(count + 1, sizeof(*list->legs));
	if (list->legs == NULL) {
		free(wants);
		return -1;
	}
	qsort(wants, count, sizeof(*wants), compare);
	for (size_t i = 0; i < count; i++) {
		struct case_leg *leg;

		if (i == 0 || compare(&wants[i - 1], &wants[i]) != 0)
			list->count++;
		list->of[wants[i].place] = list->count - 1;
		leg = &list->legs[list->count - 1];
		leg->protocol = wants[i].key.udp ? CONF_PROTOCOL_UDP : CONF_PROTOCOL_TCP;
		leg->target = wants[i].target;
		leg->mark = wants[i].key.mark;
		leg->dynamic = wants[i].key.dynamic != 0;
	}
	free(wants);
	return 0;
}

void leg_list_fini(struct leg_list *list)
{
	free(list->legs);
	free(list->of);
	memset(list, 0, sizeof(*list));
}
