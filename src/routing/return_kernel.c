/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes and policy rules of the kernel. */
#include "routing/return_kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <netlink/netlink.h>
#include <netlink/route/route.h>
#include <netlink/route/rule.h>

#include "base/addr.h"
#include "routing/return_request.h"

/* A dump that was overtaken by changes is begun again so often. */
#define DUMP_TRIES 5

struct return_kernel {
	struct nl_sock *socket;
	int error; /* errno of the answer in hand */
};

/* What a dump of routes looks for, and what it has found. */
struct search {
	struct return_kernel *kernel;
	uint32_t table;
	int family;
	struct return_plan *list;
	char *foreign;
	bool out_of_memory;
};

/* ---- the socket ---- */

/* libnl's own numbers are fewer than errno's: keep the kernel's. */
static int on_error(struct sockaddr_nl *from, struct nlmsgerr *answer, void *arg)
{
	struct return_kernel *kernel = arg;

	(void)from;
	kernel->error = -answer->error;
	return -NLE_FAILURE;
}

struct return_kernel *return_kernel_new(void)
{
	struct return_kernel *kernel = calloc(1, sizeof(*kernel));

	if (kernel == NULL)
		return NULL;
	kernel->socket = nl_socket_alloc();
	if (kernel->socket == NULL) {
		free(kernel);
		errno = ENOMEM;
		return NULL;
	}
	errno = EPROTONOSUPPORT;
	if (nl_connect(kernel->socket, NETLINK_ROUTE) < 0 ||
	    nl_socket_modify_err_cb(kernel->socket, NL_CB_CUSTOM, on_error, kernel) < 0) {
		return_kernel_free(kernel);
		return NULL;
	}
	return kernel;
}

void return_kernel_free(struct return_kernel *kernel)
{
	if (kernel == NULL)
		return;
	nl_socket_free(kernel->socket);
	free(kernel);
}

/* The errno value of a call to libnl. */
static int error_of(const struct return_kernel *kernel, int result)
{
	if (result >= 0)
		return 0;
	if (kernel->error != 0)
		return kernel->error;
	return result == -NLE_NOMEM ? ENOMEM : EIO;
}

/* Send a request, which is freed, and wait for its answer. */
static int request(struct return_kernel *kernel, struct nl_msg *message)
{
	kernel->error = 0;
	return error_of(kernel, nl_send_sync(kernel->socket, message));
}

bool return_kernel_has_rule_ports(void)
{
	struct utsname name;
	unsigned major = 0;
	unsigned minor = 0;

	/* Older kernels take the attributes and ignore them. */
	if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return true;
	return major > 4 || (major == 4 && minor >= 17);
}

bool return_kernel_has_ipv6(void)
{
	const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6,
					      .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool has;

	if (fd < 0)
		return false;
	has = bind(fd, (const struct sockaddr *)&loopback, sizeof(loopback)) == 0;
	close(fd);
	return has;
}

/* ---- reading ---- */

static const char *route_type(unsigned char type)
{
	static const char *const names[] = {"",		"unicast",   "local",	  "broadcast",
					    "anycast",	"multicast", "blackhole", "unreachable",
					    "prohibit", "throw",     "nat"};

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "";
}

static void describe_route(const struct nlmsghdr *header, struct nlattr *const *attributes,
			   char text[static RETURN_KERNEL_TEXT_MAX])
{
	const struct rtmsg *route = nlmsg_data(header);
	char ip[INET6_ADDRSTRLEN] = "default";
	char bits[8] = "";

	if (route->rtm_dst_len > 0 && attributes[RTA_DST] != NULL) {
		(void)inet_ntop(route->rtm_family, nla_data(attributes[RTA_DST]), ip, sizeof(ip));
		snprintf(bits, sizeof(bits), "/%u", route->rtm_dst_len);
	}
	snprintf(text, RETURN_KERNEL_TEXT_MAX, "%s %s%s proto %u", route_type(route->rtm_type), ip,
		 bits, route->rtm_protocol);
}

static int add_to(struct return_plan *list, const struct return_item *item)
{
	struct return_item copy = *item;
	const struct return_plan one = {.items = &copy, .items_count = 1};

	return return_plan_add(list, &one);
}

static int on_route(struct nl_msg *message, void *arg)
{
	struct search *search = arg;
	struct nlmsghdr *header = nlmsg_hdr(message);
	const struct rtmsg *route = nlmsg_data(header);
	const struct return_item own = {
	    .kind = RETURN_ROUTE, .family = search->family, .table = search->table};
	struct nlattr *attributes[RTA_MAX + 1];
	uint32_t table;

	if (header->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse(header, sizeof(*route), attributes, RTA_MAX, NULL) < 0)
		return NL_SKIP;
	table =
	    attributes[RTA_TABLE] != NULL ? nla_get_u32(attributes[RTA_TABLE]) : route->rtm_table;
	if (table != search->table || route->rtm_family != search->family ||
	    (route->rtm_flags & RTM_F_CLONED) != 0)
		return NL_SKIP;
	if (route->rtm_protocol != RETURN_PLAN_PROTOCOL) {
		if (search->foreign[0] == '\0')
			describe_route(header, attributes, search->foreign);
		return NL_SKIP;
	}
	/* Of the own ones there is but one kind. */
	if (route->rtm_type == RTN_LOCAL && route->rtm_dst_len == 0 &&
	    add_to(search->list, &own) < 0)
		search->out_of_memory = true;
	return NL_OK;
}

/* An error within a dump comes with its end. */
static int on_dump_end(struct nl_msg *message, void *arg)
{
	struct search *search = arg;
	const struct nlmsghdr *header = nlmsg_hdr(message);
	int error = 0;

	if (nlmsg_datalen(header) >= (int)sizeof(error))
		memcpy(&error, nlmsg_data(header), sizeof(error));
	if (error < 0)
		search->kernel->error = -error;
	return NL_STOP;
}

/*
 * Where the kernel knows it (4.20), a strict dump is of one table only, however many others there
 * are. libnl's own questions are not made for it.
 */
static void be_strict(struct nl_sock *socket, int strict)
{
#ifdef NETLINK_GET_STRICT_CHK
	(void)setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &strict,
			 sizeof(strict));
#else
	(void)socket;
	(void)strict;
#endif
}

/* Send the question, and have the answers heard by on_route(). */
static int dump_routes(struct search *search)
{
	struct rtmsg question = {.rtm_family = (unsigned char)search->family,
				 .rtm_table = search->table < 256 ? (unsigned char)search->table
								  : RT_TABLE_UNSPEC};
	struct nl_sock *socket = search->kernel->socket;
	struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST | NLM_F_DUMP);
	struct nl_cb *callbacks = nl_socket_get_cb(socket);
	struct nl_cb *own = callbacks != NULL ? nl_cb_clone(callbacks) : NULL;
	int result = -NLE_NOMEM;

	nl_cb_put(callbacks);
	if (message != NULL && own != NULL &&
	    nlmsg_append(message, &question, sizeof(question), NLMSG_ALIGNTO) == 0 &&
	    nla_put_u32(message, RTA_TABLE, search->table) == 0 &&
	    nl_cb_set(own, NL_CB_VALID, NL_CB_CUSTOM, on_route, search) == 0 &&
	    nl_cb_set(own, NL_CB_FINISH, NL_CB_CUSTOM, on_dump_end, search) == 0) {
		be_strict(socket, 1);
		result = nl_send_auto(socket, message);
		if (result >= 0)
			result = nl_recvmsgs(socket, own);
		be_strict(socket, 0);
	}
	nl_cb_put(own);
	nlmsg_free(message);
	return result;
}

static int read_routes(struct search *search)
{
	int result = -NLE_DUMP_INTR;

	for (int i = 0; i < DUMP_TRIES && result == -NLE_DUMP_INTR; i++) {
		search->kernel->error = 0;
		search->foreign[0] = '\0';
		result = dump_routes(search);
	}
	if (search->out_of_memory)
		return ENOMEM;
	/* A table that nobody has put anything into is none. */
	if (search->kernel->error == ENOENT)
		return 0;
	return search->kernel->error != 0 ? search->kernel->error
					  : error_of(search->kernel, result);
}

/* What a rule of the kernel's is as an item; false for one that no plan has. */
static bool read_rule(struct rtnl_rule *rule, struct return_item *item)
{
	struct nl_addr *from = rtnl_rule_get_src(rule);
	const char *iif = rtnl_rule_get_iif(rule);
	uint8_t ipproto;
	uint16_t port;
	uint16_t port_end;

	memset(item, 0, sizeof(*item));
	item->kind = RETURN_RULE;
	item->family = rtnl_rule_get_family(rule);
	item->table = rtnl_rule_get_table(rule);
	item->mark = rtnl_rule_get_mark(rule);
	if (rtnl_rule_get_action(rule) != FR_ACT_TO_TBL || rtnl_rule_get_dst(rule) != NULL ||
	    rtnl_rule_get_prio(rule) != RETURN_PLAN_PREFERENCE)
		return false;
	if (from == NULL)
		return item->mark != 0 && iif == NULL;
	if (iif == NULL || strcmp(iif, "lo") != 0)
		return false;
	if (item->family == AF_INET)
		addr_from_ipv4(&item->from, nl_addr_get_binary_addr(from), 0);
	else
		addr_from_ipv6(&item->from, nl_addr_get_binary_addr(from), 0);
	item->from_bits = (uint8_t)nl_addr_get_prefixlen(from);
	if (rtnl_rule_get_ipproto(rule, &ipproto) == 0)
		item->ipproto = ipproto;
	if (rtnl_rule_get_sport(rule, &port, &port_end) == 0)
		item->port = port;
	return true;
}

static bool is_own(struct rtnl_rule *rule, const struct return_item *item,
		   const struct return_plan *wanted)
{
	uint8_t protocol;

	if (rtnl_rule_get_protocol(rule, &protocol) == 0)
		return protocol == RETURN_PLAN_PROTOCOL;
	return return_plan_has_item(wanted, item);
}

static int read_rules(struct return_kernel *kernel, uint32_t table, int family,
		      const struct return_plan *wanted, struct return_plan *list)
{
	struct nl_cache *rules;
	struct return_item item;
	int error;

	kernel->error = 0;
	error = error_of(kernel, rtnl_rule_alloc_cache(kernel->socket, family, &rules));
	if (error != 0)
		return error;
	for (struct nl_object *object = nl_cache_get_first(rules); object != NULL && error == 0;
	     object = nl_cache_get_next(object)) {
		struct rtnl_rule *rule = (struct rtnl_rule *)object;

		if (rtnl_rule_get_family(rule) == family && read_rule(rule, &item) &&
		    item.table == table && is_own(rule, &item, wanted) && add_to(list, &item) < 0)
			error = ENOMEM;
	}
	nl_cache_free(rules);
	return error;
}

int return_kernel_read(struct return_kernel *kernel, uint32_t table, int family,
		       const struct return_plan *wanted, struct return_plan *list,
		       char foreign[static RETURN_KERNEL_TEXT_MAX])
{
	struct search search = {
	    .kernel = kernel, .table = table, .family = family, .list = list, .foreign = foreign};
	int error;

	foreign[0] = '\0';
	error = read_routes(&search);
	return error != 0 ? error : read_rules(kernel, table, family, wanted, list);
}

/* ---- changing ---- */

static int change(struct return_kernel *kernel, const struct return_item *item, bool add)
{
	struct nl_msg *message = return_request_new(item, add);

	return message != NULL ? request(kernel, message) : ENOMEM;
}

int return_kernel_add(struct return_kernel *kernel, const struct return_item *item)
{
	return change(kernel, item, true);
}

int return_kernel_delete(struct return_kernel *kernel, const struct return_item *item)
{
	int error = change(kernel, item, false);

	/* Somebody else was faster. */
	return error == ENOENT || error == ESRCH ? 0 : error;
}
