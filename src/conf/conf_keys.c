/* SPDX-License-Identifier: BSD-2-Clause */
/* The option table. */
#include "conf/conf_keys.h"

#include <stdio.h>
#include <string.h>

#include "config.h"

#define SECOND_MS 1000U
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS	  (60 * MINUTE_MS)
#define DAY_MS	  (24 * HOUR_MS)

/* The longest TCP_KEEPIDLE that Linux takes (MAX_TCP_KEEPIDLE in include/net/tcp.h). */
#define KEEPALIVE_MAX_MS (32767 * SECOND_MS)

/* The fixed part of a version 2 header, and with it the longest one its 16-bit length allows. */
#define HEADER_FIXED_LEN 16
#define HEADER_LONGEST	 (HEADER_FIXED_LEN + 65535)

/* Of a socket. The kernel makes them no smaller, and with its limits as they are no larger. */
#define BUFFER_MIN 4096
#define BUFFER_MAX (64 * 1024 * 1024)

/* Names longer than this are not compared with the known ones. */
#define NAME_LEN_MAX 40

#define IN_CONF(field)	   offsetof(struct conf, field)
#define IN_LISTENER(field) offsetof(struct conf_listener, field)

/* What was not built cannot be on. */
#ifdef HAVE_SECCOMP
#define SANDBOX_FALLBACK "true"
#else
#define SANDBOX_FALLBACK "false"
#endif

/* Each list in the order of its enum. */
static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const log_formats[] = {"text", "json", NULL};
static const char *const protocols[] = {"tcp", "udp", NULL};
static const char *const source_ports[] = {"preserve", "fallback", "ephemeral", NULL};
static const char *const udp_headers[] = {"each", "first", "spp", NULL};
static const char *const udp_relays[] = {"user", "kernel", NULL};
static const char *const ipv6_clients[] = {"refuse", "plain", "pseudo_ipv4", NULL};
static const char *const relays[] = {"auto", "splice", "buffered", NULL};

static const char *const scope_names[CONF_SCOPE_COUNT] = {
    [CONF_SCOPE_TOP] = "top",		[CONF_SCOPE_LOG] = "log",
    [CONF_SCOPE_ADMIN] = "admin",	[CONF_SCOPE_ROUTING] = "routing",
    [CONF_SCOPE_LISTENER] = "listener", [CONF_SCOPE_TARGETS] = "targets",
    [CONF_SCOPE_HEALTH] = "health",
};

/* Groups, which have no row of their own. */
static const struct {
	enum conf_scope scope;
	const char *name;
} groups[] = {
    {CONF_SCOPE_TOP, "log"},	     {CONF_SCOPE_TOP, "admin"},
    {CONF_SCOPE_TOP, "routing"},     {CONF_SCOPE_TOP, "defaults"},
    {CONF_SCOPE_TOP, "listeners"},   {CONF_SCOPE_LISTENER, "targets"},
    {CONF_SCOPE_LISTENER, "health"},
};

/* clang-format off */
const struct conf_key conf_keys[] = {
	{.scope = CONF_SCOPE_TOP, .name = "workers", .type = CONF_TYPE_INTEGER,
	 .offset = IN_CONF(workers), .fallback = "0", .max = 1024,
	 .needs_restart = true},
	{.scope = CONF_SCOPE_TOP, .name = "user", .type = CONF_TYPE_ACCOUNT,
	 .offset = IN_CONF(user), .fallback = "mmproxy", .left_unset = true,
	 .needs_restart = true},
	{.scope = CONF_SCOPE_TOP, .name = "group", .type = CONF_TYPE_ACCOUNT,
	 .offset = IN_CONF(group), .needs_restart = true},
	{.scope = CONF_SCOPE_TOP, .name = "drain_timeout", .type = CONF_TYPE_DURATION,
	 .offset = IN_CONF(drain_timeout_ms), .fallback = "30s", .max = DAY_MS},
	{.scope = CONF_SCOPE_TOP, .name = "sandbox", .type = CONF_TYPE_BOOL,
	 .offset = IN_CONF(sandbox), .fallback = SANDBOX_FALLBACK, .needs_restart = true},

	{.scope = CONF_SCOPE_LOG, .name = "level", .type = CONF_TYPE_WORD,
	 .offset = IN_CONF(log_level), .fallback = "info", .words = log_levels},
	{.scope = CONF_SCOPE_LOG, .name = "format", .type = CONF_TYPE_WORD,
	 .offset = IN_CONF(log_format), .fallback = "text", .words = log_formats},
	{.scope = CONF_SCOPE_LOG, .name = "target", .type = CONF_TYPE_LOG_TARGET,
	 .offset = IN_CONF(log_target), .fallback = "stderr"},
	{.scope = CONF_SCOPE_LOG, .name = "connections", .type = CONF_TYPE_BOOL,
	 .offset = IN_CONF(log_connections), .fallback = "true"},

	{.scope = CONF_SCOPE_ADMIN, .name = "listen", .type = CONF_TYPE_ADMIN,
	 .offset = IN_CONF(admin_addr), .path = IN_CONF(admin_path)},

	{.scope = CONF_SCOPE_ROUTING, .name = "manage", .type = CONF_TYPE_BOOL,
	 .offset = IN_CONF(routing_manage), .fallback = "false"},
	{.scope = CONF_SCOPE_ROUTING, .name = "table", .type = CONF_TYPE_INTEGER,
	 .offset = IN_CONF(routing_table), .fallback = "123", .min = 1, .max = UINT32_MAX},

	{.scope = CONF_SCOPE_LISTENER, .name = "name", .type = CONF_TYPE_NAME,
	 .offset = IN_LISTENER(name)},
	{.scope = CONF_SCOPE_LISTENER, .name = "listen", .type = CONF_TYPE_LISTEN,
	 .offset = IN_LISTENER(listen), .needs_content = true},
	{.scope = CONF_SCOPE_LISTENER, .name = "protocol", .type = CONF_TYPE_WORD,
	 .offset = IN_LISTENER(protocol), .fallback = "tcp", .words = protocols},
	{.scope = CONF_SCOPE_TARGETS, .name = "ipv4", .type = CONF_TYPE_IPV4_TARGET,
	 .offset = IN_LISTENER(target_ipv4)},
	{.scope = CONF_SCOPE_TARGETS, .name = "ipv6", .type = CONF_TYPE_IPV6_TARGET,
	 .offset = IN_LISTENER(target_ipv6)},
	{.scope = CONF_SCOPE_LISTENER, .name = "mark", .type = CONF_TYPE_INTEGER,
	 .offset = IN_LISTENER(mark), .fallback = "0", .max = UINT32_MAX},
	{.scope = CONF_SCOPE_LISTENER, .name = "allowed_subnets", .type = CONF_TYPE_SUBNETS,
	 .offset = IN_LISTENER(allowed_subnets), .needs_content = true},
	{.scope = CONF_SCOPE_LISTENER, .name = "allowed_subnets_file",
	 .type = CONF_TYPE_SUBNETS_FILE, .offset = IN_LISTENER(allowed_subnets),
	 .path = IN_LISTENER(allowed_subnets_file),
	 .needs_content = true},
	{.scope = CONF_SCOPE_LISTENER, .name = "headerless_subnets", .type = CONF_TYPE_SUBNETS,
	 .offset = IN_LISTENER(headerless_subnets), .fallback = "[ ]"},
	{.scope = CONF_SCOPE_LISTENER, .name = "denied_clients", .type = CONF_TYPE_SUBNETS,
	 .offset = IN_LISTENER(denied_clients), .fallback = "[ ]"},
	{.scope = CONF_SCOPE_LISTENER, .name = "denied_clients_file",
	 .type = CONF_TYPE_SUBNETS_FILE, .offset = IN_LISTENER(denied_clients),
	 .path = IN_LISTENER(denied_clients_file)},
	{.scope = CONF_SCOPE_LISTENER, .name = "allowed_clients", .type = CONF_TYPE_SUBNETS,
	 .offset = IN_LISTENER(allowed_clients), .needs_content = true},
	{.scope = CONF_SCOPE_LISTENER, .name = "allowed_clients_file",
	 .type = CONF_TYPE_SUBNETS_FILE, .offset = IN_LISTENER(allowed_clients),
	 .path = IN_LISTENER(allowed_clients_file),
	 .needs_content = true},
	{.scope = CONF_SCOPE_LISTENER, .name = "dynamic_destination", .type = CONF_TYPE_BOOL,
	 .offset = IN_LISTENER(dynamic_destination), .fallback = "false"},
	{.scope = CONF_SCOPE_LISTENER, .name = "allowed_destinations", .type = CONF_TYPE_SUBNETS,
	 .offset = IN_LISTENER(allowed_destinations), .fallback = "[ ]"},
	{.scope = CONF_SCOPE_LISTENER, .name = "listen_transparent", .type = CONF_TYPE_BOOL,
	 .offset = IN_LISTENER(listen_transparent), .fallback = "false"},
	{.scope = CONF_SCOPE_LISTENER, .name = "source_port", .type = CONF_TYPE_WORD,
	 .offset = IN_LISTENER(source_port), .fallback = "preserve", .words = source_ports},
	{.scope = CONF_SCOPE_LISTENER, .name = "max_connections", .type = CONF_TYPE_INTEGER,
	 .offset = IN_LISTENER(max_connections), .fallback = "0", .max = UINT32_MAX, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "max_connections_per_client",
	 .type = CONF_TYPE_INTEGER, .offset = IN_LISTENER(max_connections_per_client),
	 .fallback = "0", .max = UINT32_MAX},
	{.scope = CONF_SCOPE_LISTENER, .name = "connections_per_client_rate",
	 .type = CONF_TYPE_INTEGER, .offset = IN_LISTENER(connections_per_client_rate),
	 .fallback = "0", .max = UINT32_MAX},
	{.scope = CONF_SCOPE_LISTENER, .name = "ipv6_clients", .type = CONF_TYPE_WORD,
	 .offset = IN_LISTENER(ipv6_clients), .fallback = "refuse", .words = ipv6_clients},
	{.scope = CONF_SCOPE_HEALTH, .name = "listen", .type = CONF_TYPE_ADDRESS,
	 .offset = IN_LISTENER(health_listen), .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "header_timeout", .type = CONF_TYPE_DURATION,
	 .offset = IN_LISTENER(header_timeout_ms), .fallback = "5s", .min = 1, .max = HOUR_MS, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "connect_timeout", .type = CONF_TYPE_DURATION,
	 .offset = IN_LISTENER(connect_timeout_ms), .fallback = "5s", .min = 1, .max = HOUR_MS, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "idle_timeout", .type = CONF_TYPE_DURATION,
	 .offset = IN_LISTENER(idle_timeout_ms), .fallback = "0", .min = 1, .max = 30 * DAY_MS,
	 .or_never = true, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "half_close_timeout", .type = CONF_TYPE_DURATION,
	 .offset = IN_LISTENER(half_close_timeout_ms), .fallback = "5m", .min = 1,
	 .max = 30 * DAY_MS, .or_never = true, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "tcp_keepalive", .type = CONF_TYPE_DURATION,
	 .offset = IN_LISTENER(tcp_keepalive_ms), .fallback = "60s", .min = SECOND_MS,
	 .max = KEEPALIVE_MAX_MS, .or_never = true, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "header_max", .type = CONF_TYPE_INTEGER,
	 .offset = IN_LISTENER(header_max), .fallback = "4096", .min = HEADER_FIXED_LEN,
	 .max = HEADER_LONGEST},
	{.scope = CONF_SCOPE_LISTENER, .name = "relay", .type = CONF_TYPE_WORD,
	 .offset = IN_LISTENER(relay), .fallback = "auto", .words = relays, .only = CONF_ONLY_TCP},
	{.scope = CONF_SCOPE_LISTENER, .name = "backend_buffer", .type = CONF_TYPE_BUFFER,
	 .offset = IN_LISTENER(backend_buffer), .fallback = "auto", .min = BUFFER_MIN,
	 .max = BUFFER_MAX, .only = CONF_ONLY_TCP},

	{.scope = CONF_SCOPE_LISTENER, .name = "udp_header", .type = CONF_TYPE_WORD,
	 .offset = IN_LISTENER(udp_header), .fallback = "each", .words = udp_headers, .only = CONF_ONLY_UDP},
	{.scope = CONF_SCOPE_LISTENER, .name = "udp_relay", .type = CONF_TYPE_WORD,
	 .offset = IN_LISTENER(udp_relay), .fallback = "user", .words = udp_relays, .only = CONF_ONLY_UDP},
	{.scope = CONF_SCOPE_LISTENER, .name = "close_after", .type = CONF_TYPE_DURATION,
	 .offset = IN_LISTENER(close_after_ms), .fallback = "60s", .min = 1, .max = 30 * DAY_MS,
	 .or_never = true, .only = CONF_ONLY_UDP},
	{.scope = CONF_SCOPE_LISTENER, .name = "max_flows", .type = CONF_TYPE_INTEGER,
	 .offset = IN_LISTENER(max_flows), .fallback = "65536", .min = 1, .max = UINT32_MAX, .only = CONF_ONLY_UDP},
};
/* clang-format on */

const size_t conf_keys_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

_Static_assert(sizeof(conf_keys) / sizeof(conf_keys[0]) <= CONF_KEYS_MAX, "raise CONF_KEYS_MAX");

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Insertions, deletions and replacements that lead from a to b (Levenshtein's distance). */
static size_t distance(const char *a, const char *b)
{
	size_t row[NAME_LEN_MAX + 1];
	size_t a_len = strlen(a);
	size_t b_len = strlen(b);

	if (a_len > NAME_LEN_MAX || b_len > NAME_LEN_MAX)
		return NAME_LEN_MAX;
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] =
			    smallest(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}

/* Take candidate as the nearest name if it needs fewer than *best slips. */
static void consider(const char *name, const char *candidate, const char **nearest, size_t *best)
{
	size_t slips = distance(name, candidate);

	if (slips < *best) {
		*best = slips;
		*nearest = candidate;
	}
}

static void accept_words(const struct conf_key *key, char *buf, size_t size)
{
	size_t built = 0;
	size_t len = 0;

	for (size_t i = 0; key->words[i] != NULL; i++)
		built += key->planned_word == NULL || strcmp(key->words[i], key->planned_word) != 0;
	if (built > 1)
		len = (size_t)snprintf(buf, size, "one of ");
	for (size_t i = 0; key->words[i] != NULL; i++) {
		if (key->planned_word != NULL && strcmp(key->words[i], key->planned_word) == 0)
			continue;
		built--;
		len += (size_t)snprintf(buf + len, size - len, "\"%s\"%s", key->words[i],
					built > 0 ? ", " : "");
	}
}

const struct conf_key *conf_key_find(enum conf_scope scope, const char *name)
{
	for (size_t i = 0; i < conf_keys_count; i++) {
		if (conf_keys[i].scope == scope && strcmp(conf_keys[i].name, name) == 0)
			return &conf_keys[i];
	}
	return NULL;
}

const char *conf_key_nearest(enum conf_scope scope, const char *name)
{
	/* Two slips in a long word, one in a short one; "port" is not a misspelled "mark". */
	size_t best = strlen(name) >= 6 ? 3 : 2;
	const char *nearest = NULL;

	for (size_t i = 0; i < conf_keys_count; i++) {
		if (conf_keys[i].scope == scope)
			consider(name, conf_keys[i].name, &nearest, &best);
	}
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i].scope == scope)
			consider(name, groups[i].name, &nearest, &best);
	}
	return nearest;
}

bool conf_key_is_for(const struct conf_key *key, enum conf_protocol protocol)
{
	return key->only == CONF_ONLY_ANY ||
	       (key->only == CONF_ONLY_TCP) == (protocol == CONF_PROTOCOL_TCP);
}

bool conf_key_is_list(const struct conf_key *key)
{
	return key->type == CONF_TYPE_LISTEN || key->type == CONF_TYPE_SUBNETS;
}

const struct conf_key *conf_key_file_of(const struct conf_key *key)
{
	for (size_t i = 0; key->type == CONF_TYPE_SUBNETS && i < conf_keys_count; i++) {
		const struct conf_key *other = &conf_keys[i];

		if (other->type == CONF_TYPE_SUBNETS_FILE && other->scope == key->scope &&
		    other->offset == key->offset)
			return other;
	}
	return NULL;
}

bool conf_scope_is_listeners(enum conf_scope scope)
{
	return scope >= CONF_SCOPE_LISTENER;
}

const char *conf_scope_name(enum conf_scope scope)
{
	return scope_names[scope];
}

const char *conf_key_accepts(const struct conf_key *key, char buf[static CONF_ACCEPTS_MAX])
{
	char from[CONF_DURATION_MAX];
	char to[CONF_DURATION_MAX];

	switch (key->type) {
	case CONF_TYPE_BOOL:
		snprintf(buf, CONF_ACCEPTS_MAX, "true or false");
		break;
	case CONF_TYPE_INTEGER:
		snprintf(buf, CONF_ACCEPTS_MAX, "an integer from %u to %u", key->min, key->max);
		break;
	case CONF_TYPE_DURATION:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "a duration: a number of seconds, or a string such as \"500ms\", \"5s\", "
			 "\"2m\", \"1h\", %sfrom %s to %s",
			 key->or_never ? "0 (never) or " : "", conf_duration_format(key->min, from),
			 conf_duration_format(key->max, to));
		break;
	case CONF_TYPE_BUFFER:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "\"auto\", 0 (the system's own size) or bytes from %u to %u", key->min,
			 key->max);
		break;
	case CONF_TYPE_WORD:
		accept_words(key, buf, CONF_ACCEPTS_MAX);
		break;
	case CONF_TYPE_ACCOUNT:
		snprintf(buf, CONF_ACCEPTS_MAX, "the name of a %s", key->name);
		break;
	case CONF_TYPE_NAME:
		snprintf(buf, CONF_ACCEPTS_MAX, "a name: 1 to 64 letters, digits, '.', '_' or '-'");
		break;
	case CONF_TYPE_LOG_TARGET:
		snprintf(buf, CONF_ACCEPTS_MAX, "\"stderr\", \"syslog\" or an absolute path");
		break;
	case CONF_TYPE_IPV4_TARGET:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "an IPv4 address and port such as \"127.0.0.1:443\"");
		break;
	case CONF_TYPE_IPV6_TARGET:
		snprintf(buf, CONF_ACCEPTS_MAX, "an IPv6 address and port such as \"[::1]:443\"");
		break;
	case CONF_TYPE_ADDRESS:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "an address and port in numbers, such as \"127.0.0.1:8081\" or "
			 "\"[::1]:8081\"");
		break;
	case CONF_TYPE_ADMIN:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "\"unix:\" and an absolute path of at most %d bytes, or an address and "
			 "port such as \"127.0.0.1:9145\"",
			 CONF_SOCKET_PATH_MAX);
		break;
	case CONF_TYPE_LISTEN:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "an address: \"IPV4:PORT\" or \"[IPV6]:PORT\" in numbers, where PORT may "
			 "be a range such as 10000-10019");
		break;
	case CONF_TYPE_SUBNETS:
		snprintf(buf, CONF_ACCEPTS_MAX,
			 "a network such as \"192.0.2.0/24\" or \"2001:db8::/32\", or an address");
		break;
	case CONF_TYPE_SUBNETS_FILE:
		snprintf(buf, CONF_ACCEPTS_MAX, "the path of a file of networks");
		break;
	}
	return buf;
}

const char *conf_duration_format(uint32_t duration_ms, char buf[static CONF_DURATION_MAX])
{
	static const struct {
		uint32_t ms;
		const char *name;
	} units[] = {{HOUR_MS, "h"}, {MINUTE_MS, "m"}, {SECOND_MS, "s"}, {1, "ms"}};
	size_t i = 0;

	while (duration_ms % units[i].ms != 0)
		i++;
	if (duration_ms == 0)
		snprintf(buf, CONF_DURATION_MAX, "0");
	else
		snprintf(buf, CONF_DURATION_MAX, "%u%s", duration_ms / units[i].ms, units[i].name);
	return buf;
}
