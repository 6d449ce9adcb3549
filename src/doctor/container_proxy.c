/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs such as docker-proxy. */
#include "doctor/container_proxy.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define PATH_LEN 64

/* docker-proxy's has eleven words, with IPv6 addresses among them. */
#define COMMAND_MAX 1024

/* Descriptors of one process that are looked at. */
#define DESCRIPTORS_MAX 4096

/* Their names as /proc/PID/comm has them. */
static const char *const names[] = {"docker-proxy", "rootlessport", "rootlesskit", "slirp4netns",
				    "pasta",	    "pasta.avx2",   "passt"};

static bool is_proxy(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Read a small file of /proc; returns its length, 0 when it cannot be read. */
static size_t read_small(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	text[0] = '\0';
	if (fd < 0)
		return 0;
	len = read(fd, text, size - 1);
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return len > 0 ? (size_t)len : 0;
}

/* The word behind one of a command line, whose words end with NUL; "": there is none. */
static const char *word_behind(const char *command, size_t len, const char *word)
{
	for (size_t at = 0; at < len; at += strlen(command + at) + 1) {
		size_t next = at + strlen(command + at) + 1;

		if (strcmp(command + at, word) == 0 && next < len)
			return command + next;
	}
	return "";
}

static void read_addr(struct addr *addr, const char *ip, const char *port)
{
	unsigned long number = strtoul(port, NULL, 10);

	if (number == 0 || number > UINT16_MAX || addr_parse_ip(addr, ip) < 0)
		memset(addr, 0, sizeof(*addr));
	else
		addr_set_port(addr, (uint16_t)number);
}

/* docker-proxy's own flags. */
static void read_command(struct container_proxy *proxy)
{
	char command[COMMAND_MAX];
	char path[PATH_LEN];
	size_t len;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", proxy->pid);
	len = read_small(path, command, sizeof(command));
	proxy->protocol = strcmp(word_behind(command, len, "-proto"), "udp") == 0
			      ? CONF_PROTOCOL_UDP
			      : CONF_PROTOCOL_TCP;
	read_addr(&proxy->host, word_behind(command, len, "-host-ip"),
		  word_behind(command, len, "-host-port"));
	read_addr(&proxy->container, word_behind(command, len, "-container-ip"),
		  word_behind(command, len, "-container-port"));
}

static void look_at_process(struct container_proxies *proxies, int pid)
{
	struct container_proxy *proxy = &proxies->found[proxies->count];
	char path[PATH_LEN];

	memset(proxy, 0, sizeof(*proxy));
	proxy->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_small(path, proxy->name, sizeof(proxy->name)) == 0)
		return;
	proxy->name[strcspn(proxy->name, "\n")] = '\0';
	if (!is_proxy(proxy->name))
		return;
	read_command(proxy);
	proxies->count++;
}

/* docker0, or br- and the first half of a network's number. */
static bool has_bridge(void)
{
	struct if_nameindex *interfaces = if_nameindex();
	bool found = false;

	for (size_t i = 0; interfaces != NULL && interfaces[i].if_index != 0; i++)
		found |= strcmp(interfaces[i].if_name, "docker0") == 0 ||
			 (strncmp(interfaces[i].if_name, "br-", 3) == 0 &&
			  strlen(interfaces[i].if_name) == 15);
	if (interfaces != NULL)
		if_freenameindex(interfaces);
	return found;
}

int container_proxies_read(struct container_proxies *proxies, int64_t deadline_ms)
{
	const struct dirent *entry;
	DIR *processes;

	memset(proxies, 0, sizeof(*proxies));
	proxies->has_bridge = has_bridge();
	proxies->found = calloc(CONTAINER_PROXY_MAX, sizeof(*proxies->found));
	if (proxies->found == NULL)
		return -1;
	processes = opendir("/proc");
	while (processes != NULL && proxies->count < CONTAINER_PROXY_MAX &&
	       clock_now_ms() < deadline_ms && (entry = readdir(processes)) != NULL) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (*end == '\0' && pid > 0)
			look_at_process(proxies, (int)pid);
	}
	if (processes != NULL)
		closedir(processes);
	return 0;
}

void container_proxies_fini(struct container_proxies *proxies)
{
	free(proxies->found);
	memset(proxies, 0, sizeof(*proxies));
}

/* Whether the process has the socket among its descriptors; not known is "no". */
static bool has_socket(int pid, uint32_t inode)
{
	const struct dirent *entry;
	char path[PATH_LEN];
	char wanted[PATH_LEN];
	char target[PATH_LEN];
	bool found = false;
	DIR *descriptors;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
	descriptors = opendir(path);
	if (descriptors == NULL)
		return false;
	for (unsigned i = 0;
	     !found && i < DESCRIPTORS_MAX && (entry = readdir(descriptors)) != NULL; i++) {
		ssize_t len =
		    readlinkat(dirfd(descriptors), entry->d_name, target, sizeof(target) - 1);

		target[len > 0 ? len : 0] = '\0';
		found = strcmp(target, wanted) == 0;
	}
	closedir(descriptors);
	return found;
}

const struct container_proxy *container_proxies_find(const struct container_proxies *proxies,
						     enum conf_protocol protocol,
						     const struct listed_socket *socket)
{
	for (size_t i = 0; i < proxies->count; i++) {
		const struct container_proxy *proxy = &proxies->found[i];

		/* Its command line is for all to read, its descriptors are not. */
		if (addr_is_set(&proxy->host) && proxy->protocol == protocol &&
		    addr_equal(&proxy->host, &socket->addr))
			return proxy;
		if (has_socket(proxy->pid, socket->inode))
			return proxy;
	}
	return NULL;
}
