/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The files of contrib/routing at work: hosts as network namespaces, each recipe run there, and
 * connections and datagrams of a load balancer that is a host of its own.
 *
 * The test's own namespace is mmproxy's host.
 */
#ifndef MMPROXY_TEST_RECIPE_H
#define MMPROXY_TEST_RECIPE_H

#include <stdbool.h>

/* mmproxy's host, as the load balancer knows it. */
#define RECIPE_MMPROXY_V4 "198.51.100.2"
#define RECIPE_MMPROXY_V6 "[2001:db8:5::2]"

/* The client whom headers name, by default. */
#define RECIPE_CLIENT_V4 "203.0.113.7:40000"
#define RECIPE_CLIENT_V6 "[2001:db8:c::7]:40000"

/* Where a socket is made: RECIPE_HERE, or a namespace. */
#define RECIPE_HERE (-1)

/*
 * The load balancer's host, 198.51.100.1 and 2001:db8:5::1, which is the way to everywhere else:
 * what misses the return routes goes astray there. Returns its namespace.
 */
int recipe_add_balancer(void);

/*
 * A veth between this namespace (device "to-OTHER") and another one ("to-HERE" there), with an
 * address of each family at either end, written with its length. here and there are the ends'
 * names.
 */
void recipe_connect(int other, const char *here, const char *here_v4, const char *here_v6,
		    const char *there, const char *there_v4, const char *there_v6);

/* Run a command of the shell that must succeed, in a namespace. */
void recipe_shell(int where, const char *command);

/* Run "contrib/routing/COMMAND" there, with assignments before it ("" for none); its exit code. */
int recipe_run(int where, const char *assignments, const char *command);

/* "up" twice, of which the second one changes nothing. Fails the test unless both succeed. */
void recipe_up(int where, const char *assignments, const char *recipe);

/* "down" twice; then all is as in that dump, which is freed. */
void recipe_down(int where, const char *assignments, const char *recipe, char *before);

/* Addresses, routes, rules, nftables and sysctls there; to be freed. */
char *recipe_dump(int where);

/* What is there now is as in that dump. */
void recipe_expect(int where, const char *dump);

/* Start the daemon with contrib/routing/NAME, without IPv6 where the kernel has none. */
void recipe_start(const char *name);

/* A socket that listens there, of TCP or UDP. */
int recipe_listen(int where, const char *address);
int recipe_udp(int where, const char *address);

/*
 * A connection from the load balancer to this address, whose header names this client and this
 * destination (NULL: any), reaches the server from the client's address; payload passes both ways.
 */
void recipe_check_tcp(int balancer, const char *to, int listener, const char *client,
		      const char *destination);

/* The same with datagrams; the answer comes from the address that they were sent to. */
void recipe_check_udp(int balancer, const char *to, int server, const char *client,
		      const char *destination);

#endif
