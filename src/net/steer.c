/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of classic BPF that pick a socket by the client that a header names. */
#include "net/steer.h"

#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "net/sock.h"

/* Headers of Debian 10 lack it, of asm-generic/socket.h. */
#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

/* The program sees the datagram's payload, and its answer is the number of a socket. */
#define LOAD8(at)	  BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (at))
#define LOAD16(at)	  BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (at))
#define LOAD32(at)	  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
#define MULTIPLY(by)	  BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, (by))
#define SHIFT_RIGHT(bits) BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, (bits))
#define MODULO(by)	  BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, (by))
#define XOR_X		  BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0)
#define KEEP_IN_X	  BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define ANSWER		  BPF_STMT(BPF_RET | BPF_A, 0)

/* No socket has this number: the kernel then picks one as it does without a program. */
#define ANSWER_NONE BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFFu)

/* Go on after this many statements unless the accumulator is the value. */
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))

/* An odd number whose bits look random (2^32 over the golden ratio): it stirs low bits upwards. */
#define STIR 0x9E3779B1u

/* X = (X ^ word) * STIR */
#define MIX32(at) LOAD32(at), XOR_X, MULTIPLY(STIR), KEEP_IN_X
#define MIX16(at) LOAD16(at), XOR_X, MULTIPLY(STIR), KEEP_IN_X

/* The upper half of the product is the better stirred one. */
#define ANSWER_MIXED(sockets) SHIFT_RIGHT(16), MODULO(sockets), ANSWER

/* Statements of the macros above that jumps go over. */
#define MIX_LEN	   4
#define ANSWER_LEN 3

/* Of section 2.2 of the PROXY protocol: signature, command, family; source addresses and ports. */
#define V2_WORD0	  0x0D0A0D0Au
#define V2_PROXY	  0x21
#define V2_INET		  1
#define V2_INET6	  2
#define V2_COMMAND_AT	  12
#define V2_FAMILY_AT	  13
#define V2_IP_AT	  16
#define V2_INET_PORT_AT	  24
#define V2_INET6_PORT_AT  48
#define V2_INET_MIXES_LEN (2 * MIX_LEN + ANSWER_LEN)

#define SPP_MAGIC   0x56EC
#define SPP_IP_AT   2
#define SPP_PORT_AT 34

static int attach(int fd, struct sock_filter *program, size_t len)
{
	struct sock_fprog prog;

	memset(&prog, 0, sizeof(prog)); /* its padding too: checkers of memory look at it */
	prog.len = (unsigned short)len;
	prog.filter = program;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof(prog));
}

/* A load from behind the datagram's end ends the program with 0: socket 0 gets what is cut short.
 */
int steer_by_proxy_v2(int fd, uint32_t sockets)
{
	struct sock_filter program[] = {
	    LOAD32(0),
	    UNLESS(V2_WORD0, 4),
	    LOAD8(V2_COMMAND_AT),
	    UNLESS(V2_PROXY, 2),
	    BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
	    BPF_STMT(BPF_JMP | BPF_JA, 1),
	    ANSWER_NONE,
	    LOAD8(V2_FAMILY_AT),
	    SHIFT_RIGHT(4),
	    UNLESS(V2_INET, V2_INET_MIXES_LEN),
	    MIX32(V2_IP_AT),
	    MIX16(V2_INET_PORT_AT),
	    ANSWER_MIXED(sockets),
	    UNLESS(V2_INET6, 5 * MIX_LEN + ANSWER_LEN),
	    MIX32(V2_IP_AT),
	    MIX32(V2_IP_AT + 4),
	    MIX32(V2_IP_AT + 8),
	    MIX32(V2_IP_AT + 12),
	    MIX16(V2_INET6_PORT_AT),
	    ANSWER_MIXED(sockets),
	    ANSWER_NONE,
	};

	return attach(fd, program, sizeof(program) / sizeof(program[0]));
}

int steer_by_spp(int fd, uint32_t sockets)
{
	struct sock_filter program[] = {
	    LOAD16(0),
	    UNLESS(SPP_MAGIC, 1 + 5 * MIX_LEN + ANSWER_LEN),
	    BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 0),
	    MIX32(SPP_IP_AT),
	    MIX32(SPP_IP_AT + 4),
	    MIX32(SPP_IP_AT + 8),
	    MIX32(SPP_IP_AT + 12),
	    MIX16(SPP_PORT_AT),
	    ANSWER_MIXED(sockets),
	    ANSWER_NONE,
	};

	return attach(fd, program, sizeof(program) / sizeof(program[0]));
}

int steer_by_port(int fd)
{
	/* ENOENT: there was no program, which is what is asked for. */
	if (sock_set_int(fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, 0) < 0 && errno != ENOENT)
		return -1;
	return 0;
}
