#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/upgrade-service is run by root: what it runs is the unit's, and nothing that the daemon, whose
# user may do what it likes with the words of its command line, can choose. systemctl is a stand-in.
set -euo pipefail

top=$(realpath "${top_srcdir:-$(dirname "$0")/../..}")
if [ "${1:-}" != inside ]; then
	unshare --map-root-user --mount true 2>/dev/null ||
		{ echo "skipped: no private mount namespace" && exit 77; }
	exec env top_srcdir="$top" unshare --map-root-user --mount "$top/tests/lint/upgrade_service.sh" inside
fi

# Where the script looks for a systemd that runs; nothing of it leaves this namespace.
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/bin
work=/run/work
mkdir "$work"
cd "$work"
status=0
trap '[ ! -e pid ] || kill -KILL "$(cat pid)" 2>/dev/null || true' EXIT

complain()
{
	echo "$1"
	status=1
}

cat >/run/bin/systemctl <<'END'
#!/bin/sh
case "$*" in
*MainPID*) kill -0 "$(cat /run/work/pid)" 2>/dev/null && cat /run/work/pid || echo 1 ;;
*ExecStart*) cat /run/work/exec_start ;;
*is-active*) ;;
*) echo "systemctl $*: what is that" >&2; exit 1 ;;
esac
END
for name in program chosen; do
	# The words are for the program.
	# shellcheck disable=SC2016
	printf '#!/bin/sh\necho "$*" >%s/%s.ran\nexit "$(cat %s/code)"\n' "$work" "$name" "$work" >"$name"
done
chmod +x /run/bin/systemctl program chosen

# run COMMAND EXIT: a daemon that calls itself "chosen" is upgraded in a unit with this command, whose
# program ends with EXIT.
run()
{
	rm -f ./*.ran
	echo "$2" >code
	printf '{ path=%s ; argv[]=%s ; ignore_errors=no ; start_time=[n/a] ; pid=0 ; status=0/0 }\n' \
		"${1%% *}" "$1" >exec_start
	cp "$(command -v sleep)" daemon
	(exec -a "$work/chosen" ./daemon 1000) &
	echo $! >pid
	until [ "$(readlink "/proc/$!/exe")" = "$work/daemon" ]; do sleep 0.01; done
	rm daemon
	result=0
	PATH=/run/bin:$PATH "$top/contrib/upgrade-service" >out 2>&1 || result=$?
	[ ! -e chosen.ran ] || complain "it runs what the daemon names: $(cat chosen.ran)"
}

# expect RESULT yes|no WHAT: how the script ends, and whether the daemon has got SIGUSR2.
expect()
{
	local got=no

	kill -0 "$(cat pid)" 2>/dev/null || got=yes
	[ "$result $got" = "$1 $2" ] || complain "$3: exit status $result, SIGUSR2: $got: $(cat out)"
}

run "$work/program -c /etc/mmproxy.conf" 0
expect 0 yes "an upgrade"
[ "$(cat program.ran 2>/dev/null)" = "-c /etc/mmproxy.conf -t" ] || complain "the unit's program was not asked"

run "$work/program -c /etc/mmproxy.conf" 2
expect 1 no "what the new program refuses"
kill -KILL "$(cat pid)"

# Words that only systemd can read are not guessed at: the new process itself says what is wrong.
# shellcheck disable=SC2016
run "$work/program \$OPTIONS" 2
expect 0 yes "a variable"
[ ! -e program.ran ] || complain "a variable was passed on as it is: $(cat program.ran)"

exit "$status"
