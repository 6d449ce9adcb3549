/* SPDX-License-Identifier: BSD-2-Clause */
/* Users and capabilities of the daemon under test. */
#ifndef MMPROXY_TEST_CREDENTIALS_H
#define MMPROXY_TEST_CREDENTIALS_H

#include <stdint.h>

#include "command.h"

/* As linux/capability.h numbers them. */
#define CAP_BIT(number)	 (UINT64_C(1) << (number))
#define CHOWN		 CAP_BIT(0)
#define DAC_OVERRIDE	 CAP_BIT(1)
#define SETGID		 CAP_BIT(6)
#define SETUID		 CAP_BIT(7)
#define NET_BIND_SERVICE CAP_BIT(10)
#define NET_ADMIN	 CAP_BIT(12)
#define NET_RAW		 CAP_BIT(13)
#define SYS_ADMIN	 CAP_BIT(21) /* has CAP_BPF in it */
#define BPF		 CAP_BIT(39)

/* The user "nobody" of every distribution. */
#define NOBODY 65534

/* Have root's program start with these capabilities and no others, as a container does. */
void credentials_grant(struct command *command, uint64_t capabilities);

/* A number behind a key of the daemon's /proc/PID/status, such as "\nUid:". */
unsigned long long credentials_number(const char *key, int base);

/* Fails the test unless the daemon has exactly these, and can pass none of them on. */
void credentials_expect(uint64_t capabilities);

/* Whether the daemon is closed to those who are not root: its /proc files are root's then. */
unsigned credentials_proc_owner(void);

#endif
