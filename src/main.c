/* SPDX-License-Identifier: BSD-2-Clause */
/* mmproxy: the program. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/conf.h"
#include "daemon/admin_command.h"
#include "daemon/check_routing.h"
#include "daemon/cli.h"
#include "daemon/daemon.h"
#include "daemon/decode.h"
#include "daemon/host_check.h"
#include "daemon/log_owner.h"
#include "daemon/setup_routing.h"
#include "daemon/takeover.h"
#include "daemon/version.h"

#define DEFAULT_CONFIG SYSCONFDIR "/mmproxy.conf"

static const char *file_of(const struct cli *cli)
{
	return cli->config != NULL ? cli->config : DEFAULT_CONFIG;
}

/* Read the configuration, from flags or from the file. Again on each reload. */
static struct conf *read_conf(void *arg, struct conf_errors *errors)
{
	const struct cli *cli = arg;

	if (cli->flags_count > 0)
		return conf_from_flags(cli->flags, cli->flags_count, errors);
	return conf_load(file_of(cli), errors);
}

/* former: the process that this one is to succeed, which is told of the first mistake; or -1. */
static struct conf *load(struct cli *cli, int former)
{
	struct conf_errors *errors = conf_errors_new();
	struct conf *conf;

	if (errors == NULL) {
		fprintf(stderr, "mmproxy: out of memory\n");
		return NULL;
	}
	conf = read_conf(cli, errors);
	for (size_t i = 0; i < conf_errors_count(errors); i++)
		fprintf(stderr, "%s\n", conf_errors_text(errors, i));
	if (conf == NULL && conf_errors_count(errors) > 0)
		takeover_refuse(former, conf_errors_text(errors, 0));
	conf_errors_free(errors);
	return conf;
}

static enum exit_code run(struct cli *cli, struct conf *conf, struct daemon_origin *origin)
{
	char set_up[CHECK_ROUTING_SET_UP_MAX];
	const struct reload_source source = {.load = read_conf, .arg = cli};
	enum exit_code code;

	if (log_owner_open(conf) < 0) {
		fprintf(stderr, "mmproxy: log.target: cannot open %s: %s\n",
			log_place(conf->log_target), strerror(errno));
		return EXIT_RUNTIME;
	}
	origin->set_up = check_routing_set_up(cli, set_up);
	code = daemon_run(conf, &source, origin);
	log_close();
	return code;
}

static enum exit_code test(const struct cli *cli, const struct conf *conf)
{
	const char *source = cli->flags_count > 0 ? "the command line" : file_of(cli);
	char set_up[CHECK_ROUTING_SET_UP_MAX];

	if (host_check(conf, source, check_routing_set_up(cli, set_up), stderr) > 0)
		return EXIT_USAGE;
	printf("mmproxy: %s is valid\n", source);
	return EXIT_STOPPED;
}

/* The codes of --decode: 0 for a header, 1 for none, 2 for input that cannot be read. */
static enum exit_code decode(const char *file)
{
	switch (decode_file(file)) {
	case 0:
		return EXIT_STOPPED;
	case 1:
		return EXIT_RUNTIME;
	default:
		return EXIT_USAGE;
	}
}

/* Of the form without a file there is no admin endpoint. */
static enum exit_code ask(const struct cli *cli, const struct conf *conf)
{
	return admin_command_run(cli, conf, file_of(cli)) < 0 ? EXIT_RUNTIME : EXIT_STOPPED;
}

static enum exit_code act(struct cli *cli, char *const *argv)
{
	struct daemon_origin origin = {.argv = argv, .former = -1};
	enum exit_code code = EXIT_STOPPED;
	struct conf *conf;

	if (cli->mode == CLI_HELP) {
		cli_print_help(stdout);
		return EXIT_STOPPED;
	}
	if (cli->mode == CLI_VERSION) {
		version_print(stdout);
		return EXIT_STOPPED;
	}
	if (cli->mode == CLI_DECODE)
		return decode(cli->decode_file);
	if (cli->mode == CLI_RUN)
		origin.former = takeover_open();
	conf = load(cli, origin.former);
	if (conf == NULL)
		return EXIT_USAGE;
	if (cli->mode == CLI_TEST)
		code = test(cli, conf);
	else if (cli->mode == CLI_SHOW_CONFIG)
		conf_print(conf, stdout);
	else if (cli->mode == CLI_CHECK_ROUTING)
		code = check_routing(cli, conf);
	else if (cli->mode == CLI_SETUP_ROUTING)
		code = setup_routing(cli->dry_run ? SETUP_ROUTING_PRINT : SETUP_ROUTING_ADD, conf);
	else if (cli->mode == CLI_CLEAR_ROUTING)
		code = setup_routing(SETUP_ROUTING_CLEAR, conf);
	else if (cli->mode == CLI_RUN)
		code = run(cli, conf, &origin);
	else
		code = ask(cli, conf);
	conf_unref(conf);
	return code;
}

int main(int argc, char **argv)
{
	enum exit_code code;
	struct cli cli;

	if (cli_parse(&cli, argc, argv) < 0)
		return EXIT_USAGE;
	code = act(&cli, argv);
	cli_fini(&cli);
	/* A full disk behind --show-config is a failure, not half a file. */
	if (fflush(stdout) != 0 && code == EXIT_STOPPED) {
		fprintf(stderr, "mmproxy: cannot write to standard output: %s\n", strerror(errno));
		code = EXIT_RUNTIME;
	}
	return (int)code;
}
