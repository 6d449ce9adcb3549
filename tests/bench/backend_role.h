/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a client asks of the backend, by the first byte that it sends. The backend answers with the
 * same byte, so a client that has it knows that the whole way is open; then it does its role.
 */
#ifndef MMPROXY_TEST_BACKEND_ROLE_H
#define MMPROXY_TEST_BACKEND_ROLE_H

#define BACKEND_ECHO   'E' /* send back what comes */
#define BACKEND_SOURCE 'S' /* send without end */
#define BACKEND_SINK   'K' /* read without end */
#define BACKEND_WHO    'W' /* tell whom it sees: "ADDRESS:PORT\n" */

#endif
