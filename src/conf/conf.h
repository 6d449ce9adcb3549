/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration: an immutable, counted snapshot, made from a file or from flags.
 *
 * A snapshot is checked as a whole before anyone sees it; after that any thread may read it.
 * Durations are milliseconds, 0 meaning "never" where the manual page allows 0.
 */
#ifndef MMPROXY_CONF_H
#define MMPROXY_CONF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/netset.h"

enum conf_protocol { CONF_PROTOCOL_TCP, CONF_PROTOCOL_UDP };

/* What a spoofed connection does about its source port (man page: source_port). */
enum conf_source_port { CONF_SOURCE_PRESERVE, CONF_SOURCE_FALLBACK, CONF_SOURCE_EPHEMERAL };

/* Where a UDP listener's datagrams carry the client's address (man page: udp_header). */
enum conf_udp_header { CONF_UDP_EACH, CONF_UDP_FIRST, CONF_UDP_SPP };

/* Who passes the datagrams of UDP flows on, once they are open (man page: udp_relay). */
enum conf_udp_relay { CONF_UDP_RELAY_USER, CONF_UDP_RELAY_KERNEL };

/* What becomes of IPv6 clients where there is only an IPv4 target (man page: ipv6_clients). */
enum conf_ipv6_clients { CONF_IPV6_REFUSE, CONF_IPV6_PLAIN, CONF_IPV6_PSEUDO_IPV4 };

/* backend_buffer = "auto": for the program to choose. */
#define CONF_BUFFER_AUTO UINT32_MAX

enum conf_relay { CONF_RELAY_AUTO, CONF_RELAY_SPLICE, CONF_RELAY_BUFFERED };

/*
 * One listener block. Sets are NULL where the key is absent. Where a set was read from a file, that
 * one's absolute path stands beside it; otherwise the path is NULL.
 */
struct conf_listener {
	char *name;
	enum conf_protocol protocol;
	struct addr *listen; /* port ranges already expanded */
	size_t listen_count;
	struct addr target_ipv4; /* AF_UNSPEC when absent */
	struct addr target_ipv6;
	bool target_ipv4_assumed;	/* nobody asked for it: flags name that of IPv6 only */
	bool target_ipv6_assumed;	/* likewise */
	uint32_t mark;			/* SO_MARK; 0: none */
	struct netset *allowed_subnets; /* NULL: every peer may connect */
	char *allowed_subnets_file;
	struct netset *headerless_subnets;
	struct netset *denied_clients;
	char *denied_clients_file;
	struct netset *allowed_clients; /* NULL: every client */
	char *allowed_clients_file;
	bool dynamic_destination;
	struct netset *allowed_destinations; /* NULL: every destination (flags form only) */
	bool listen_transparent;
	enum conf_source_port source_port;
	uint32_t max_connections;	      /* 0: no limit */
	uint32_t max_connections_per_client;  /* or flows; 0: no limit */
	uint32_t connections_per_client_rate; /* new ones a second, or flows; 0: no limit */
	enum conf_ipv6_clients ipv6_clients;  /* REFUSE where there is a target of IPv6 */
	struct addr health_listen;	      /* TCP; AF_UNSPEC when absent */
	uint32_t header_timeout_ms;
	uint32_t connect_timeout_ms;
	uint32_t idle_timeout_ms; /* 0: never */
	uint32_t half_close_timeout_ms;
	uint32_t tcp_keepalive_ms; /* 0: no keepalive */
	uint32_t header_max;	   /* bytes of a v2 header, its 16 fixed ones included */
	enum conf_relay relay;
	uint32_t backend_buffer; /* bytes; 0: the system's; or CONF_BUFFER_AUTO */
	enum conf_udp_header udp_header;
	enum conf_udp_relay udp_relay;
	uint32_t close_after_ms; /* of a UDP flow without a datagram; 0: never */
	uint32_t max_flows;
};

struct conf {
	atomic_uint refs;
	/*
	 * Services that were made of it and are still in use, by a session at least: what was open
	 * when another snapshot came goes on as it was configured, and so needs the same routes.
	 */
	atomic_uint services;
	uint32_t workers; /* 0: one per usable CPU */
	char *user;	  /* NULL: not named in the file; the default is tried and may be missing */
	char *group;
	/* "FILE:LINE" of the keys user, group and log.target; NULL: not in the file. */
	char *user_place;
	char *group_place;
	char *log_target_place;
	uint32_t drain_timeout_ms;
	enum log_level log_level;
	enum log_format log_format;
	char *log_target; /* "stderr", "syslog" or an absolute path */
	bool log_connections;
	char *admin_path;	/* of a UNIX socket; NULL: none */
	struct addr admin_addr; /* of a TCP socket instead; AF_UNSPEC: none */
	bool routing_manage;	/* the daemon sets up return routes */
	uint32_t routing_table; /* of return routes, its own or those that its advice names */
	bool sandbox;		/* a filter of system calls for the daemon */
	struct conf_listener *listeners;
	size_t listeners_count;
};

/* Mistakes found, in order; each is one whole line without a newline: "FILE:LINE: message". */
struct conf_errors;
struct conf_errors *conf_errors_new(void);
void conf_errors_free(struct conf_errors *errors);
size_t conf_errors_count(const struct conf_errors *errors);
const char *conf_errors_text(const struct conf_errors *errors, size_t index);

/* A flag of the drop-in form as it was given: its name without dashes, and its value or NULL. */
struct conf_flag {
	const char *name;
	const char *value;
};

/*
 * Read and check a configuration file, and the subnet files it names. Returns a snapshot with one
 * reference, or NULL with at least one line in errors: all the mistakes of the file, not the first.
 */
struct conf *conf_load(const char *path, struct conf_errors *errors)
    __attribute__((warn_unused_result));

/* The same from flags: one listener named "default". Lines then start with "mmproxy: -FLAG: ". */
struct conf *conf_from_flags(const struct conf_flag *flags, size_t count,
			     struct conf_errors *errors) __attribute__((warn_unused_result));

/* What may come behind a flag of the drop-in form. */
enum conf_flag_kind {
	CONF_FLAG_UNKNOWN, /* there is no such flag */
	CONF_FLAG_SWITCH,  /* nothing */
	CONF_FLAG_VALUE,   /* its value */
	CONF_FLAG_NUMBER   /* its value if that is a number, or else nothing */
};

/* The kind of the flag of this name, which is without dashes. */
enum conf_flag_kind conf_flag_kind(const char *name);

struct conf *conf_ref(struct conf *conf);

/* Give a reference back; the last one frees. NULL is fine. */
void conf_unref(struct conf *conf);

/*
 * Whether some socket of the protocol listens on an IPv4 address with this port: a listener's or,
 * with TCP, that of a listener's health or of the admin endpoint. If not, [::] with that port takes
 * IPv4 as well, as in other programs.
 */
bool conf_listens_on_ipv4_port(const struct conf *conf, enum conf_protocol protocol, uint16_t port);

/* An address with a range of ports: ADDR_STRLEN and "-65535". */
#define CONF_RANGE_STRLEN (ADDR_STRLEN + 6)

/*
 * Write the listening address at start, or, where those after it differ in the port alone, by one
 * each, the range of them all: "127.0.0.1:7000-7009". Returns how many addresses that are.
 */
size_t conf_listen_range(const struct conf_listener *listener, size_t start,
			 char buf[static CONF_RANGE_STRLEN]);

/* Write the effective configuration as a file that conf_load() reads back to the same snapshot. */
void conf_print(const struct conf *conf, FILE *out);

#endif
