/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hash for tables whose keys the network chooses: SipHash-1-3 (Aumasson and Bernstein, 2012)
 * with a secret key, so that nobody can choose keys that collide. Any thread.
 */
#ifndef MMPROXY_KEYED_HASH_H
#define MMPROXY_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

/* The hash of len bytes under the process's own key, which is made at the first call. */
uint64_t keyed_hash(const void *bytes, size_t len);

/* The same under a given key. */
uint64_t keyed_hash_by(const uint64_t key[static 2], const void *bytes, size_t len);

#endif
