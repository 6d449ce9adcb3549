# SPDX-License-Identifier: BSD-2-Clause

# MMPROXY_NEED_LIBRARY(PREFIX, PKG-CONFIG-MODULES, DEBIAN-PACKAGE, FEDORA-PACKAGE)
AC_DEFUN([MMPROXY_NEED_LIBRARY],
[PKG_CHECK_MODULES([$1], [$2], [],
  [AC_MSG_ERROR([$2 is missing (Debian: $3; Fedora: $4)])])])

# MMPROXY_WITH_LIBRARY(NAME, PREFIX, PKG-CONFIG-MODULE, DEBIAN-PACKAGE, FEDORA-PACKAGE, WHAT-NEEDS-IT)
# A library that --without-NAME leaves out; HAVE_PREFIX says whether it is there.
AC_DEFUN([MMPROXY_WITH_LIBRARY],
[m4_pushdef([shell_name], m4_translit([with_$1], [-], [_]))
AC_ARG_WITH([$1],
  [AS_HELP_STRING([--without-$1], [build without $6])], [], [shell_name=yes])
AS_IF([test "$shell_name" != no],
  [PKG_CHECK_MODULES([$2], [$3],
    [AC_DEFINE([HAVE_$2], [1], [$3 is there])],
    [AC_MSG_ERROR([$3 is missing (Debian: $4; Fedora: $5); --without-$1 builds without $6])])])
m4_popdef([shell_name])])

# MMPROXY_TRY_FLAG(VARIABLE, FLAG): add FLAG to VARIABLE when the compiler and linker take it.
AC_DEFUN([MMPROXY_TRY_FLAG],
[AC_MSG_CHECKING([whether $CC takes $2])
mmproxy_saved_cflags=$CFLAGS
CFLAGS="$CFLAGS -Werror $2"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
  [AC_MSG_RESULT([yes]); $1="$$1 $2"], [AC_MSG_RESULT([no])])
CFLAGS=$mmproxy_saved_cflags])

AC_DEFUN([MMPROXY_WARNINGS],
[AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [treat warnings as errors])], [], [enable_werror=no])
MMPROXY_CFLAGS="-std=gnu11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla"
AS_IF([test "$enable_werror" = yes], [MMPROXY_CFLAGS="$MMPROXY_CFLAGS -Werror"])
MMPROXY_LDFLAGS=
AC_SUBST([MMPROXY_CFLAGS])
AC_SUBST([MMPROXY_LDFLAGS])])

# PIE, full RELRO, stack protector, stack clash protection, FORTIFY. FORTIFY needs optimisation and
# fights the sanitizers, so it stays off with either missing or on.
AC_DEFUN([MMPROXY_HARDENING],
[AC_ARG_ENABLE([hardening],
  [AS_HELP_STRING([--disable-hardening], [no PIE, RELRO, stack protector, FORTIFY])],
  [], [enable_hardening=yes])
AS_IF([test "$enable_hardening" = yes], [
  MMPROXY_TRY_FLAG([MMPROXY_CFLAGS], [-fPIE])
  MMPROXY_TRY_FLAG([MMPROXY_CFLAGS], [-fstack-protector-strong])
  MMPROXY_TRY_FLAG([MMPROXY_CFLAGS], [-fstack-clash-protection])
  MMPROXY_TRY_FLAG([MMPROXY_LDFLAGS], [-pie])
  MMPROXY_TRY_FLAG([MMPROXY_LDFLAGS], [-Wl,-z,relro])
  MMPROXY_TRY_FLAG([MMPROXY_LDFLAGS], [-Wl,-z,now])
  AS_IF([test -z "$enable_sanitizers" || test "$enable_sanitizers" = no], [
    AS_CASE([" $CFLAGS $CPPFLAGS "],
      [*FORTIFY_SOURCE*|*" -O0 "*], [],
      [*" -O"*], [MMPROXY_TRY_FLAG([MMPROXY_CFLAGS], [-D_FORTIFY_SOURCE=2])])])])])

AC_DEFUN([MMPROXY_SANITIZERS],
[AC_ARG_ENABLE([sanitizers],
  [AS_HELP_STRING([--enable-sanitizers=LIST], [address,undefined or thread])],
  [], [enable_sanitizers=no])
AS_IF([test "$enable_sanitizers" = yes], [enable_sanitizers=address,undefined])
AS_CASE([$enable_sanitizers],
  [no], [],
  [address|undefined|address,undefined|undefined,address|thread], [
    MMPROXY_CFLAGS="$MMPROXY_CFLAGS -fsanitize=$enable_sanitizers -fno-sanitize-recover=all -fno-omit-frame-pointer"
    MMPROXY_LDFLAGS="$MMPROXY_LDFLAGS -fsanitize=$enable_sanitizers"],
  [AC_MSG_ERROR([--enable-sanitizers takes address,undefined or thread])])
# They make system calls of their own in the process, such as ptrace(2) to look for leaks.
AS_IF([test "$enable_sanitizers" != no],
  [AC_DEFINE([SANDBOX_FOR_SANITIZERS], [1], [the sandbox allows what sanitizers do])])])

AC_DEFUN([MMPROXY_COVERAGE],
[AC_ARG_ENABLE([coverage],
  [AS_HELP_STRING([--enable-coverage], [instrument for "make coverage"])],
  [], [enable_coverage=no])
AS_IF([test "$enable_coverage" = yes], [
  MMPROXY_CFLAGS="$MMPROXY_CFLAGS --coverage -O0 -fprofile-update=atomic"
  MMPROXY_LDFLAGS="$MMPROXY_LDFLAGS --coverage"])
AM_CONDITIONAL([COVERAGE], [test "$enable_coverage" = yes])])

# libFuzzer comes with clang only; without it the same targets replay their corpus in "make check".
AC_DEFUN([MMPROXY_FUZZER],
[AC_ARG_ENABLE([fuzzer],
  [AS_HELP_STRING([--enable-fuzzer], [link the fuzz targets with libFuzzer (needs clang)])],
  [], [enable_fuzzer=no])
MMPROXY_FUZZER_FLAGS=
AS_IF([test "$enable_fuzzer" = yes], [
  MMPROXY_CFLAGS="$MMPROXY_CFLAGS -fsanitize=fuzzer-no-link"
  MMPROXY_LDFLAGS="$MMPROXY_LDFLAGS -fsanitize=fuzzer-no-link"
  MMPROXY_FUZZER_FLAGS=-fsanitize=fuzzer])
AC_SUBST([MMPROXY_FUZZER_FLAGS])
AM_CONDITIONAL([FUZZER], [test "$enable_fuzzer" = yes])])

# MMPROXY_WITH_LIBBPF: programs in the kernel. They need the library, a clang that makes them, and
# bpftool, which puts them into a header; unless asked for, they are left out where one is missing.
AC_DEFUN([MMPROXY_WITH_LIBBPF],
[AC_ARG_WITH([libbpf],
  [AS_HELP_STRING([--without-libbpf], [build without UDP flows that the kernel carries])],
  [], [with_libbpf=auto])
AC_ARG_VAR([BPF_CLANG], [clang, which compiles programs for the kernel])
AC_ARG_VAR([BPFTOOL], [bpftool])
mmproxy_bpf_missing=
AS_IF([test "$with_libbpf" != no], [
  PKG_CHECK_MODULES([BPF], [libbpf >= 1.0], [], [mmproxy_bpf_missing="libbpf 1.0 (Debian: libbpf-dev; Fedora: libbpf-devel)"])
  AC_PATH_PROG([BPF_CLANG], [clang])
  AC_PATH_PROG([BPFTOOL], [bpftool], [], [$PATH:/usr/sbin:/sbin])
  AC_C_BIGENDIAN([BPF_TARGET=bpfeb], [BPF_TARGET=bpfel], [BPF_TARGET=bpfel])
  AC_SUBST([BPF_TARGET])
  # Debian has <asm/types.h> where only a compiler for this machine looks.
  BPF_CPPFLAGS=
  mmproxy_multiarch=`$CC -print-multiarch 2>/dev/null`
  AS_IF([test -n "$mmproxy_multiarch" && test -d "/usr/include/$mmproxy_multiarch"],
    [BPF_CPPFLAGS="-idirafter /usr/include/$mmproxy_multiarch"])
  AC_SUBST([BPF_CPPFLAGS])
  AC_MSG_CHECKING([whether $BPF_CLANG compiles for the kernel])
  AS_ECHO(["@%:@include <linux/bpf.h>
@%:@include <bpf/bpf_helpers.h>
int one;"]) >conftest.bpf.c
  AS_IF([test -n "$BPF_CLANG" && "$BPF_CLANG" -target $BPF_TARGET -O2 -g $BPF_CPPFLAGS $BPF_CFLAGS -c conftest.bpf.c -o conftest.bpf.o >&AS_MESSAGE_LOG_FD 2>&1],
    [AC_MSG_RESULT([yes])],
    [AC_MSG_RESULT([no])
     test -n "$mmproxy_bpf_missing" || mmproxy_bpf_missing="a clang with the target bpf (Debian: clang; Fedora: clang)"])
  rm -f conftest.bpf.c conftest.bpf.o
  AS_IF([test -z "$BPFTOOL"], [mmproxy_bpf_missing="${mmproxy_bpf_missing:+$mmproxy_bpf_missing, }bpftool (Debian: bpftool; Fedora: bpftool)"])
  AS_IF([test -z "$mmproxy_bpf_missing"],
    [with_libbpf=yes
     AC_DEFINE([HAVE_BPF], [1], [libbpf is there])],
    [test "$with_libbpf" = auto],
    [with_libbpf="no, missing: $mmproxy_bpf_missing"],
    [AC_MSG_ERROR([missing: $mmproxy_bpf_missing; --without-libbpf builds without UDP flows that the kernel carries])])])
AS_IF([test "$with_libbpf" != yes], [BPF_CFLAGS= BPF_LIBS=])
AM_CONDITIONAL([WITH_BPF], [test "$with_libbpf" = yes])])
