/* SPDX-License-Identifier: BSD-2-Clause */
/* The devices that datagrams come by. */
#include "fastpath/fastpath_devices.h"

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error_text.h"
#include "fastpath/fastpath_needs.h"

/* With the lock. */
static uint32_t find_locked(const struct fastpath_devices *devices, uint32_t interface)
{
	uint32_t i = 0;

	while (i < FASTPATH_DEVICES && devices->states[i].interface != interface)
		i++;
	return i;
}

static uint32_t class_of(const struct addr *target)
{
	return (addr_family(target) == AF_INET6 ? 2u : 0u) + (addr_is_loopback(target) ? 0u : 1u);
}

static void want(struct fastpath_class *class, const struct addr *target)
{
	class->state = FASTPATH_CLASS_WANTED;
	class->target = *target;
}

static enum fastpath_verdict ask_locked(struct fastpath_devices *devices, uint32_t interface,
					const struct addr *target,
					char why[static FASTPATH_WHY_MAX])
{
	uint32_t device = find_locked(devices, interface);
	struct fastpath_class *class;

	if (device == FASTPATH_DEVICES) {
		device = find_locked(devices, 0);
		if (device == FASTPATH_DEVICES) {
			snprintf(why, FASTPATH_WHY_MAX, "datagrams come by more than %d devices",
				 FASTPATH_DEVICES);
			return FASTPATH_FAILS;
		}
		/* All else of a free place is 0, and its attachment is the main thread's alone. */
		devices->states[device].interface = interface;
	}
	class = &devices->states[device].classes[class_of(target)];
	switch (class->state) {
	case FASTPATH_CLASS_WORKS:
		return FASTPATH_WORKS;
	case FASTPATH_CLASS_FAILS:
		memcpy(why, class->why, FASTPATH_WHY_MAX);
		if (clock_now_ms() - class->failed_ms >= FASTPATH_RETRY_MS)
			want(class, target);
		return FASTPATH_FAILS;
	case FASTPATH_CLASS_UNKNOWN:
		want(class, target);
		break;
	case FASTPATH_CLASS_WANTED:
	case FASTPATH_CLASS_TRIED:
		break;
	}
	return FASTPATH_TESTING;
}

/* What is known of a device by its number: its name, and the rest that ioctl(2) tells. */
static int look_at(uint32_t interface, unsigned long request_code, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = -1;

	memset(request, 0, sizeof(*request));
	if (fd < 0)
		return -1;
	if (if_indextoname(interface, request->ifr_name) != NULL)
		result = ioctl(fd, request_code, request);
	close(fd);
	return result;
}

static bool learn_mtu(struct fastpath_devices *devices, uint32_t device)
{
	struct fastpath_device *shared = &devices->programs->shared->devices[device];
	uint32_t interface = devices->states[device].interface;
	struct ifreq request;

	if (look_at(interface, SIOCGIFMTU, &request) < 0)
		return false;
	__atomic_store_n(&shared->mtu, (uint32_t)request.ifr_mtu, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->interface, interface, __ATOMIC_RELEASE);
	return true;
}

static int attach_device(struct fastpath_devices *devices, uint32_t device,
			 char why[static FASTPATH_WHY_MAX])
{
	struct fastpath_device_state *state = &devices->states[device];
	struct ifreq request;
	char text[64];

	if (state->interface == FASTPATH_LO || state->attachment.attached)
		return 0;
	if (look_at(state->interface, SIOCGIFHWADDR, &request) < 0)
		goto failed;
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		snprintf(why, FASTPATH_WHY_MAX,
			 "%s is no device of Ethernet's, by whose frames datagrams are recognised",
			 request.ifr_name);
		return -1;
	}
	if (!learn_mtu(devices, device) ||
	    fastpath_attach(&state->attachment, devices->programs->device_program_fd,
			    state->interface, true) < 0)
		goto failed;
	return 0;
failed:
	snprintf(why, FASTPATH_WHY_MAX, "the program could not be attached to device %u: %s",
		 state->interface, error_text(errno, text, sizeof(text)));
	return -1;
}

static void conclude(struct fastpath_devices *devices, enum fastpath_verdict verdict,
		     const char *why)
{
	struct fastpath_class *class =
	    &devices->states[devices->trial_device].classes[devices->trial_class];

	pthread_mutex_lock(&devices->lock);
	if (verdict == FASTPATH_WORKS) {
		class->state = FASTPATH_CLASS_WORKS;
	} else {
		class->state = FASTPATH_CLASS_FAILS;
		class->failed_ms = clock_now_ms();
		snprintf(class->why, sizeof(class->why), "%s", why);
	}
	pthread_mutex_unlock(&devices->lock);
	devices->trial_runs = false;
}

static void begin_trial(struct fastpath_devices *devices)
{
	struct fastpath_device_state *state = &devices->states[devices->trial_device];
	const struct addr *target = &state->classes[devices->trial_class].target;
	char why[FASTPATH_WHY_MAX] = "";

	if (!fastpath_needs_met(state->interface, target, why) ||
	    attach_device(devices, devices->trial_device, why) < 0 ||
	    fastpath_trial_begin(&devices->trial, devices->flows, devices->router, state->interface,
				 devices->trial_device, target, why) < 0) {
		conclude(devices, FASTPATH_FAILS, why);
		return;
	}
	devices->trial_runs = true;
}

static bool choose_trial(struct fastpath_devices *devices)
{
	bool found = false;

	pthread_mutex_lock(&devices->lock);
	for (uint32_t i = 0; i < FASTPATH_DEVICES && !found; i++) {
		for (uint32_t j = 0; j < FASTPATH_CLASSES && !found; j++) {
			struct fastpath_class *class = &devices->states[i].classes[j];

			if (class->state != FASTPATH_CLASS_WANTED)
				continue;
			class->state = FASTPATH_CLASS_TRIED;
			devices->trial_device = i;
			devices->trial_class = j;
			found = true;
		}
	}
	pthread_mutex_unlock(&devices->lock);
	return found;
}

/* A device that has gone takes its program with it; its place is free for another. */
static void forget(struct fastpath_devices *devices, uint32_t device)
{
	struct fastpath_device_state *state = &devices->states[device];

	if (devices->trial_runs && devices->trial_device == device) {
		fastpath_trial_end(&devices->trial);
		devices->trial_runs = false;
	}
	__atomic_store_n(&devices->programs->shared->devices[device].interface, 0,
			 __ATOMIC_RELEASE);
	fastpath_detach(&state->attachment);
	pthread_mutex_lock(&devices->lock);
	memset(state, 0, sizeof(*state));
	pthread_mutex_unlock(&devices->lock);
}

void fastpath_devices_init(struct fastpath_devices *devices, struct fastpath_programs *programs,
			   struct fastpath_flows *flows, struct fastpath_router *router)
{
	memset(devices, 0, sizeof(*devices));
	pthread_mutex_init(&devices->lock, NULL);
	devices->programs = programs;
	devices->flows = flows;
	devices->router = router;
}

void fastpath_devices_fini(struct fastpath_devices *devices)
{
	for (uint32_t i = 0; i < FASTPATH_DEVICES; i++) {
		if (devices->states[i].interface != 0)
			forget(devices, i);
	}
	pthread_mutex_destroy(&devices->lock);
}

enum fastpath_verdict fastpath_devices_ask(struct fastpath_devices *devices, uint32_t interface,
					   const struct addr *target,
					   char why[static FASTPATH_WHY_MAX])
{
	enum fastpath_verdict verdict;

	why[0] = '\0';
	pthread_mutex_lock(&devices->lock);
	verdict = ask_locked(devices, interface, target, why);
	pthread_mutex_unlock(&devices->lock);
	return verdict;
}

uint32_t fastpath_devices_find(struct fastpath_devices *devices, uint32_t interface)
{
	uint32_t device;

	pthread_mutex_lock(&devices->lock);
	device = find_locked(devices, interface);
	pthread_mutex_unlock(&devices->lock);
	return device;
}

void fastpath_devices_go_on(struct fastpath_devices *devices)
{
	char why[FASTPATH_WHY_MAX] = "";
	enum fastpath_verdict verdict;

	for (uint32_t i = 0; i < FASTPATH_DEVICES; i++) {
		if (devices->states[i].attachment.attached && !learn_mtu(devices, i))
			forget(devices, i);
	}
	if (!devices->trial_runs && choose_trial(devices))
		begin_trial(devices);
	if (!devices->trial_runs)
		return;
	verdict = fastpath_trial_look(&devices->trial, why);
	if (verdict != FASTPATH_TESTING)
		conclude(devices, verdict, why);
}
