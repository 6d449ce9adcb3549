/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line. */
#include "daemon/cli.h"

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "daemon/admin_query.h"

#define HINT "; see mmproxy --help"

struct mode_row {
	const char *name;
	enum cli_mode mode;
};

static const struct mode_row modes[] = {
    {"t", CLI_TEST},
    {"test", CLI_TEST},
    {"show-config", CLI_SHOW_CONFIG},
    {"decode", CLI_DECODE},
    {"V", CLI_VERSION},
    {"h", CLI_HELP},
    {"version", CLI_VERSION},
    {"help", CLI_HELP},
    {"status", CLI_STATUS},
    {"deny", CLI_DENY},
    {"allow", CLI_ALLOW},
    {"kick", CLI_KICK},
    {"check-routing", CLI_CHECK_ROUTING},
    {"setup-routing", CLI_SETUP_ROUTING},
    {"clear-routing", CLI_CLEAR_ROUTING},
};

/* Flags that go with one of these. */
enum option { CLI_WITH_SESSIONS, CLI_WITH_WATCH, CLI_WITH_JSON, CLI_WITH_FOR, CLI_WITH_DRY_RUN };

struct option_row {
	const char *name;
	enum option option;
	enum cli_mode modes[2]; /* with which they go */
	const char *mode_name;
	bool has_value;
};

static const struct option_row options[] = {
    {"sessions", CLI_WITH_SESSIONS, {CLI_STATUS, CLI_STATUS}, "--status", false},
    {"watch", CLI_WITH_WATCH, {CLI_STATUS, CLI_STATUS}, "--status", false},
    {"json", CLI_WITH_JSON, {CLI_STATUS, CLI_CHECK_ROUTING}, "--status or --check-routing", false},
    {"dry-run", CLI_WITH_DRY_RUN, {CLI_SETUP_ROUTING, CLI_SETUP_ROUTING}, "--setup-routing", false},
    {"for", CLI_WITH_FOR, {CLI_DENY, CLI_DENY}, "--deny", true},
};

static const struct option_row *find_option(const char *name)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strcmp(name, options[i].name) == 0)
			return &options[i];
	return NULL;
}

/* Whether what is to be done is said by a value, a network. */
static bool takes_network(enum cli_mode mode)
{
	return mode == CLI_DENY || mode == CLI_ALLOW || mode == CLI_KICK;
}

static const struct mode_row *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(name, modes[i].name) == 0)
			return &modes[i];
	return NULL;
}

/* Whether a running daemon is asked for it. */
static bool asks_daemon(enum cli_mode mode)
{
	return mode == CLI_STATUS || takes_network(mode);
}

/* The flag's name without its dashes and value; *value is behind "=", or NULL. argv is cut up for
 * it. */
static const char *split(char *argument, char **value)
{
	char *name = argument + (argument[1] == '-' ? 2 : 1);
	char *equals = strchr(name, '=');

	*value = NULL;
	if (equals != NULL) {
		*equals = '\0';
		*value = equals + 1;
	}
	return name;
}

static int fail(const char *message, const char *name)
{
	fprintf(stderr, "mmproxy: -%s: %s" HINT "\n", name, message);
	return -1;
}

/* As it was typed: with one dash or two, and without its value. */
static int fail_unknown(const char *argument)
{
	fprintf(stderr, "mmproxy: %.*s: unknown flag" HINT "\n", (int)strcspn(argument, "="),
		argument);
	return -1;
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && text[digits] == '\0';
}

static void add_flag(struct cli *cli, const char *name, const char *value)
{
	cli->flags[cli->flags_count].name = name;
	cli->flags[cli->flags_count].value = value;
	cli->flags_count++;
}

/*
 * Whether an argument that is no flag's name is made of short ones, as getopt(3) takes them:
 * several without a value, or one with its value behind it, "-qv" and "-t100". Only values of the
 * right form, so that a misspelled name stays one.
 */
static bool is_cluster(const char *letters)
{
	letters += strspn(letters, "qvNP");
	switch (*letters) {
	case '\0':
		return true;
	case 'm':
	case 't':
		return is_number(letters + 1);
	case '4':
	case '6':
	case 'l':
		return letters[1] != '\0' && strchr("[0123456789", letters[1]) != NULL;
	case 'a':
		return letters[1] == '/' || letters[1] == '.';
	default:
		return false;
	}
}

/* Take a cluster apart; names are not argv's, as there is no room for an end between letters. */
static void parse_cluster(struct cli *cli, const char *letters)
{
	static const char *const names[] = {"q", "v", "N", "P", "m", "t", "4", "6", "l", "a"};

	for (bool ended = false; *letters != '\0' && !ended; letters++) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (names[i][0] != *letters)
				continue;
			ended = strchr("qvNP", *letters) == NULL;
			add_flag(cli, names[i], ended ? letters + 1 : NULL);
		}
	}
}

/* The file of --decode, which may be left out. Returns how many arguments were used. */
static int take_decode_file(struct cli *cli, const char *value, char **argv, int left)
{
	bool is_next = value == NULL && left > 1 && (argv[1][0] != '-' || argv[1][1] == '\0');

	cli->decode_file = is_next ? argv[1] : value;
	return is_next ? 2 : 1;
}

/* The network of --deny, --allow or --kick. Returns how many arguments were used, or -1. */
static int take_network(struct cli *cli, const char *name, const char *value, char **argv, int left)
{
	int used = value == NULL ? 2 : 1;

	if (left < used)
		return fail("needs a value", name);
	if (network_parse(&cli->network, used == 2 ? argv[1] : value) < 0)
		return fail("takes an address or a network such as 203.0.113.0/24", name);
	return used;
}

/* A flag that goes with another one. Returns how many arguments were used, or -1. */
static int take_option(struct cli *cli, const struct option_row *row, const char *value,
		       char **argv, int left)
{
	int used = row->has_value && value == NULL ? 2 : 1;

	if (left < used)
		return fail("needs a value", row->name);
	if (!row->has_value && value != NULL)
		return fail("takes no value", row->name);
	switch (row->option) {
	case CLI_WITH_SESSIONS:
		cli->sessions = true;
		break;
	case CLI_WITH_WATCH:
		cli->watch = true;
		break;
	case CLI_WITH_JSON:
		cli->json = true;
		break;
	case CLI_WITH_DRY_RUN:
		cli->dry_run = true;
		break;
	case CLI_WITH_FOR:
		if (admin_query_parse_seconds(used == 2 ? argv[1] : value, &cli->seconds) < 0)
			return fail("takes seconds, or a number with s, m, h or d behind it",
				    row->name);
		break;
	}
	return used;
}

/* Whether every flag that goes with another one has it. Says so if not. */
static int check_options(const struct cli *cli)
{
	const bool given[] = {
	    [CLI_WITH_SESSIONS] = cli->sessions, [CLI_WITH_WATCH] = cli->watch,
	    [CLI_WITH_JSON] = cli->json,	 [CLI_WITH_FOR] = cli->seconds != 0,
	    [CLI_WITH_DRY_RUN] = cli->dry_run,
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!given[options[i].option] || cli->mode == options[i].modes[0] ||
		    cli->mode == options[i].modes[1])
			continue;
		fprintf(stderr, "mmproxy: --%s: goes with %s only" HINT "\n", options[i].name,
			options[i].mode_name);
		return -1;
	}
	return 0;
}

/* One argument, and its value if that is the next one. Returns how many were used, or -1. */
static int parse_one(struct cli *cli, char **argv, int left)
{
	char *value;
	const char *name = split(argv[0], &value);
	bool cluster = value == NULL && argv[0][1] != '-' && is_cluster(name);
	bool has_number = value == NULL && left > 1 && is_number(argv[1]);
	const struct mode_row *mode = find_mode(name);
	const struct option_row *option = find_option(name);
	bool is_config = strcmp(name, "c") == 0 || strcmp(name, "config") == 0;
	enum conf_flag_kind kind = is_config ? CONF_FLAG_VALUE : conf_flag_kind(name);
	int used = 1;

	if (mode != NULL && !(kind == CONF_FLAG_NUMBER && has_number)) {
		if (mode->mode == CLI_DECODE)
			used = take_decode_file(cli, value, argv, left);
		else if (takes_network(mode->mode))
			used = take_network(cli, name, value, argv, left);
		else if (value != NULL)
			return fail("takes no value", name);
		if (used < 0)
			return -1;
		if (cli->mode != CLI_RUN && cli->mode != mode->mode)
			return fail("cannot be combined with another thing to do", name);
		cli->mode = mode->mode;
		return used;
	}
	if (option != NULL)
		return take_option(cli, option, value, argv, left);
	if (kind == CONF_FLAG_UNKNOWN && cluster) {
		parse_cluster(cli, name);
		return 1;
	}
	if (kind == CONF_FLAG_UNKNOWN)
		return fail_unknown(argv[0]);
	if ((kind == CONF_FLAG_VALUE && value == NULL) ||
	    (kind == CONF_FLAG_NUMBER && has_number)) {
		if (left < 2)
			return fail("needs a value", name);
		value = argv[1];
		used = 2;
	}
	if (is_config)
		cli->config = value;
	else
		add_flag(cli, name, value);
	return used;
}

int cli_parse(struct cli *cli, int argc, char **argv)
{
	size_t room = (size_t)argc;

	memset(cli, 0, sizeof(*cli));
	/* One argument may be several flags, each a letter of it. */
	for (int i = 1; i < argc; i++)
		room += strlen(argv[i]);
	cli->flags = calloc(room, sizeof(*cli->flags));
	if (cli->flags == NULL) {
		fprintf(stderr, "mmproxy: out of memory\n");
		return -1;
	}
	for (int i = 1; i < argc;) {
		int used = -1;

		if (argv[i][0] != '-' || argv[i][1] == '\0')
			fprintf(stderr, "mmproxy: %s: not a flag" HINT "\n", argv[i]);
		else
			used = parse_one(cli, argv + i, argc - i);
		if (used < 0) {
			cli_fini(cli);
			return -1;
		}
		i += used;
	}
	if (check_options(cli) < 0) {
		cli_fini(cli);
		return -1;
	}
	if (asks_daemon(cli->mode) && cli->flags_count > 0) {
		fail("goes with a file only: without one there is no admin.listen",
		     cli->flags[0].name);
		cli_fini(cli);
		return -1;
	}
	if (cli->mode == CLI_DECODE && (cli->config != NULL || cli->flags_count > 0)) {
		cli_fini(cli);
		return fail("takes a file of bytes and no other flag", "-decode");
	}
	if (cli->config != NULL && cli->flags_count > 0) {
		fprintf(stderr,
			"mmproxy: -c: a file describes all listeners; -%s cannot be added" HINT
			"\n",
			cli->flags[0].name);
		cli_fini(cli);
		return -1;
	}
	return 0;
}

void cli_fini(struct cli *cli)
{
	free(cli->flags);
	cli->flags = NULL;
}

void cli_print_help(FILE *out)
{
	fputs(
	    "mmproxy " PACKAGE_VERSION
	    ": unwraps the PROXY protocol and connects from the client's address\n"
	    "\n"
	    "  mmproxy [-c FILE]                  run every listener of FILE\n"
	    "  mmproxy [-c FILE] -t, --test       check the file: exit 0, or 2 and its mistakes\n"
	    "  mmproxy [-c FILE] --show-config    print the effective configuration\n"
	    "  mmproxy [-c FILE] --check-routing [--json]\n"
	    "                                     say what is wrong with targets and return "
	    "routes,\n"
	    "                                     and what mends it: exit 1 if anything fails\n"
	    "  mmproxy [-c FILE] --setup-routing [--dry-run]\n"
	    "                                     set up return routes, or print the commands\n"
	    "  mmproxy [-c FILE] --clear-routing  remove the return routes that mmproxy set up\n"
	    "  mmproxy [-c FILE] --status         show what the daemon does; --sessions shows "
	    "whom\n"
	    "                                     it serves, --watch every 2 seconds, --json for\n"
	    "                                     programs\n"
	    "  mmproxy [-c FILE] --deny NETWORK   refuse its clients and end what they have open;\n"
	    "                                     --for 10m: for that time\n"
	    "  mmproxy [-c FILE] --allow NETWORK  take that back\n"
	    "  mmproxy [-c FILE] --kick NETWORK   only end what its clients have open\n"
	    "  mmproxy --decode [FILE]            say what a PROXY header means: exit 0, or 1\n"
	    "                                     and where it is wrong\n"
	    "  mmproxy -l ADDR -4 ADDR -6 ADDR    one listener from flags, no file\n"
	    "  mmproxy -V, --version | -h, --help\n"
	    "\n"
	    "FILE is " SYSCONFDIR "/mmproxy.conf unless given; mmproxy.conf(5) describes it.\n"
	    "\n"
	    "Flags of the form without a file, with one dash or two:\n"
	    "  -l ADDR:PORT            listen here (0.0.0.0:8443)\n"
	    "  -p tcp|udp              protocol (tcp)\n"
	    "  -4 ADDR:PORT            target of IPv4 clients (127.0.0.1:443)\n"
	    "  -6 [ADDR]:PORT          target of IPv6 clients ([::1]:443)\n"
	    "  -listeners N            threads that accept (1)\n"
	    "  -mark N                 mark of packets to the target (0: none)\n"
	    "  -allowed-subnets FILE   peers that may connect, one network a line (all)\n"
	    "  -dynamic-destination    connect to the destination that the header names\n"
	    "  -listen-transparent     accept what a TPROXY rule redirects\n"
	    "  -close-after SECONDS    end a UDP client's flow after this silence (60)\n"
	    "  -v 0|1|2                log no connections | failures | everything\n"
	    "  -a, --allowed-networks FILE, -m, --mark N (123), -t, --table N (100), -q, --quiet,\n"
	    "  -v, --verbose, -N, --do-not-sandbox, -P, --force-real-client-port, --listen,\n"
	    "  --target-v4, --target-v6\n"
	    "                          as in Cloudflare's mmproxy, with its defaults\n"
	    "\n"
	    "mmproxy(8) has signals, exit codes, return routes and capabilities.\n",
	    out);
}
