/* SPDX-License-Identifier: BSD-2-Clause */
/* What this program is: its version, and the libraries that it was built with. */
#include "daemon/version.h"

#include "config.h"

#ifdef HAVE_CAP_NG
#define CAP_NG_IS "yes"
#else
#define CAP_NG_IS "no"
#endif

#ifdef HAVE_NL_ROUTE
#define NL_ROUTE_IS "yes"
#else
#define NL_ROUTE_IS "no"
#endif

#ifdef HAVE_NFTABLES
#define NFTABLES_IS "yes"
#else
#define NFTABLES_IS "no"
#endif

#ifdef HAVE_SECCOMP
#define SECCOMP_IS "yes"
#else
#define SECCOMP_IS "no"
#endif

#ifdef HAVE_BPF
#define BPF_IS "yes"
#else
#define BPF_IS "no"
#endif

void version_print(FILE *out)
{
	fputs("mmproxy " PACKAGE_VERSION "\n"
	      "libcap-ng: " CAP_NG_IS "\n"
	      "libnl: " NL_ROUTE_IS "\n"
	      "libnftables: " NFTABLES_IS "\n"
	      "libseccomp: " SECCOMP_IS "\n"
	      "libbpf: " BPF_IS "\n",
	      out);
}
