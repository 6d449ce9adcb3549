/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of contrib/routing at work. */
#include "recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "balancer.h"
#include "command.h"
#include "connection.h"
#include "daemon.h"
#include "harness.h"
#include "netns.h"
#include "peer.h"
#include "routes.h"
#include "sender.h"
#include "udp.h"

/* Deadlines that do not come on a busy machine. */
#define DEFAULTS      "defaults = {"
#define LONG_DEADLINE DEFAULTS " header_timeout = \"10m\"; connect_timeout = \"10m\";"

static struct command_result result;
static struct sender_header header;

/* Enter a namespace; returns the one that was left, or RECIPE_HERE. */
static int enter(int where)
{
	return where == RECIPE_HERE ? RECIPE_HERE : netns_change(where);
}

static void leave(int former)
{
	if (former == RECIPE_HERE)
		return;
	close(netns_change(former));
	close(former);
}

static const char *source_dir(void)
{
	const char *dir = getenv("top_srcdir");
	char path[512];

	dir = dir != NULL ? dir : ".";
	snprintf(path, sizeof(path), "%s/contrib/routing/common", dir);
	ck_assert_msg(access(path, R_OK) == 0, "no %s; top_srcdir names the sources", path);
	return dir;
}

static int run_in_shell(int where, const char *text)
{
	struct command command = {.argc = 0};
	int former = enter(where);

	command_add(&command, "/bin/sh");
	command_add(&command, "-c");
	command_add(&command, text);
	command_run(&command, &result);
	leave(former);
	return result.exit_code;
}

void recipe_shell(int where, const char *command)
{
	ck_assert_msg(run_in_shell(where, command) == 0, "%s: exit %d: %s%s", command,
		      result.exit_code, result.out, result.err);
}

/* Each host has a directory of its own for what has to be put back. */
int recipe_run(int where, const char *assignments, const char *command)
{
	char text[1024];
	char state[32];

	snprintf(state, sizeof(state), "state%d", where);
	snprintf(text, sizeof(text),
		 "mkdir -p '%s'; STATE_DIR='%s' %s exec '%s/contrib/routing/'%s",
		 harness_path(state), harness_path(state), assignments, source_dir(), command);
	return run_in_shell(where, text);
}

static void run_verb(int where, const char *assignments, const char *recipe, const char *verb,
		     int code)
{
	char command[64];

	snprintf(command, sizeof(command), "%s %s", recipe, verb);
	ck_assert_msg(recipe_run(where, assignments, command) == code, "%s: exit %d: %s", command,
		      result.exit_code, result.err);
}

/* Dumps are longer than Check's messages may be. */
void recipe_expect(int where, const char *wanted)
{
	char *now = recipe_dump(where);
	char command[512];

	if (strcmp(now, wanted) != 0) {
		snprintf(command, sizeof(command), "diff '%s' '%s' | head -c 2000",
			 harness_write("wanted", wanted), harness_write("now", now));
		run_in_shell(RECIPE_HERE, command);
		ck_abort_msg("not what it was:\n%s", result.out);
	}
	free(now);
}

void recipe_up(int where, const char *assignments, const char *recipe)
{
	char *once;

	run_verb(where, assignments, recipe, "up", 0);
	run_verb(where, assignments, recipe, "show", 0);
	once = recipe_dump(where);
	run_verb(where, assignments, recipe, "up", 0);
	recipe_expect(where, once);
	free(once);
}

void recipe_down(int where, const char *assignments, const char *recipe, char *before)
{
	for (int i = 0; i < 2; i++) {
		run_verb(where, assignments, recipe, "down", 0);
		recipe_expect(where, before);
	}
	run_verb(where, assignments, recipe, "show", 1);
	free(before);
}

char *recipe_dump(int where)
{
	int former = enter(where);
	char *routes;
	char *text;
	size_t len;

	netns_settle_ipv6();
	routes = routes_dump();
	len = strlen(routes);
	leave(former);
	recipe_shell(where, "ip addr && grep -s . /proc/sys/net/ipv4/ip_forward "
			    "/proc/sys/net/ipv4/conf/*/* /proc/sys/net/ipv6/conf/*/forwarding "
			    "|| [ $? = 2 ]");
	text = realloc(routes, len + strlen(result.out) + 1);
	ck_assert_ptr_nonnull(text);
	memcpy(text + len, result.out, strlen(result.out) + 1);
	return text;
}

/* ---- hosts ---- */

static void add_end(int where, const char *device, const char *v4, const char *v6)
{
	char command[256];

	/* The kernel's own link-local address would come some time later. */
	snprintf(command, sizeof(command),
		 "ip link set lo up && ip link set %s addrgenmode none && ip link set %s up && "
		 "ip addr add %s dev %s",
		 device, device, v4, device);
	recipe_shell(where, command);
	if (!netns_has_ipv6())
		return;
	/* Without a link-local address, no neighbour is asked for on behalf of another source. */
	snprintf(command, sizeof(command),
		 "ip -6 addr add %s dev %s nodad && ip -6 addr add fe80::%d/64 dev %s nodad", v6,
		 device, where == RECIPE_HERE ? 1 : 2, device);
	recipe_shell(where, command);
}

/* Whether the device is up, and nothing more about it will come by itself. */
static bool is_settled(int where, const char *device)
{
	char wanted[64];
	int former = enter(where);
	bool settled = routes_count(" linkdown") == 0;

	snprintf(wanted, sizeof(wanted), "multicast ff00::/8 dev %s ", device);
	if (netns_has_ipv6())
		settled = settled && routes_count(wanted) == 1;
	leave(former);
	return settled;
}

void recipe_connect(int other, const char *here, const char *here_v4, const char *here_v6,
		    const char *there, const char *there_v4, const char *there_v6)
{
	char device[32];
	char device_there[32];

	harness_shell("ip link add to-%s type veth peer name to-%s netns /proc/%d/fd/%d", there,
		      here, (int)getpid(), other);
	snprintf(device, sizeof(device), "to-%s", there);
	snprintf(device_there, sizeof(device_there), "to-%s", here);
	add_end(RECIPE_HERE, device, here_v4, here_v6);
	add_end(other, device_there, there_v4, there_v6);
	HARNESS_AWAIT(is_settled(RECIPE_HERE, device) && is_settled(other, device_there));
}

int recipe_add_balancer(void)
{
	int balancer = netns_make_another();

	recipe_connect(balancer, "mmproxy", RECIPE_MMPROXY_V4 "/24", "2001:db8:5::2/64", "balancer",
		       "198.51.100.1/24", "2001:db8:5::1/64");
	harness_shell("ip route add default via 198.51.100.1");
	if (netns_has_ipv6())
		harness_shell("ip -6 route add default via 2001:db8:5::1");
	return balancer;
}

/* ---- traffic ---- */

static char *without(char *text, const char *part)
{
	char *at;

	while ((at = strstr(text, part)) != NULL)
		memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
	return text;
}

void recipe_start(const char *name)
{
	char path[512];
	char config[4096];
	char *text;
	char *at;

	snprintf(path, sizeof(path), "%s/contrib/routing/%s", source_dir(), name);
	text = harness_read(path);
	at = strstr(text, DEFAULTS);
	ck_assert_msg(at != NULL, "%s has no defaults", path);
	if (!netns_has_ipv6())
		without(without(text, ", \"[::]:7000\""), ", \"[::1]:7000\"");
	snprintf(config, sizeof(config), "drain_timeout = \"100ms\"; %.*s" LONG_DEADLINE "%s",
		 (int)(at - text), text, at + strlen(DEFAULTS));
	free(text);
	daemon_start_config(config);
}

int recipe_listen(int where, const char *address)
{
	int former = enter(where);
	int fd = peer_listen(address);

	leave(former);
	return fd;
}

int recipe_udp(int where, const char *address)
{
	int former = enter(where);
	int fd = udp_open(address);

	leave(former);
	return fd;
}

static const char *any_port(const char *to)
{
	return to[0] == '[' ? "[2001:db8:5::1]:0" : "198.51.100.1:0";
}

void recipe_check_tcp(int balancer, const char *to, int listener, const char *client,
		      const char *destination)
{
	struct connection connection;
	int former = enter(balancer);

	connection.client = peer_connect(any_port(to), to);
	leave(former);
	sender_v2(&header, client, destination);
	peer_send(connection.client, header.bytes, header.len);
	connection.backend = peer_accept_from(listener, client);
	connection_check(&connection);
	connection_finish(&connection);
}

void recipe_check_udp(int balancer, const char *to, int server, const char *client,
		      const char *destination)
{
	int fd = recipe_udp(balancer, any_port(to));

	sender_v2_udp(&header, client, destination);
	for (int i = 0; i < 3; i++) {
		balancer_send_header(fd, to, &header, "question", 8);
		udp_expect_text(server, client, "question");
		udp_send_text(server, client, "answer");
		udp_expect_text(fd, to, "answer");
	}
	peer_close(fd);
}
