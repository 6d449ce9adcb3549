#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/logrotate, run by logrotate while connections come and go: no line is lost, and the daemon,
# which has given up root, goes on in the new file.
. "$(dirname "$0")/lib.sh"
need logrotate socat gzip
private_network "$@"

# A directory of the daemon's own, as the package makes it.
logs=$dir/logs/own
mkdir -p "$logs"

# Identities other than root's, where this namespace has them.
owner=root:root
keys=
if [ "$(awk '{ print $3; exit }' /proc/self/uid_map)" -gt 65534 ]; then
	owner=nobody:$(id -gn nobody)
	keys="user = \"${owner%:*}\"; group = \"${owner#*:}\";"
fi

chown "$owner" "$logs"
chmod 750 "$logs"

# The rules as they are installed, but for the place of the log and who may write it.
sed -e "s,/var/log/,$dir/logs/,; s,/logs/mmproxy/,/logs/own/," \
	-e "s,\(create 0640\|su\) mmproxy mmproxy,\1 ${owner/:/ }," \
	"$(dirname "$0")/../../contrib/logrotate" >"$dir/rules"
chmod 644 "$dir/rules"

# A systemctl that knows one command line, and only one running unit: the rules' own.
mkdir "$dir/bin"
cat >"$dir/bin/systemctl" <<-EOF
	#!/bin/sh
	echo "systemctl \$*" >>"$dir/systemctl.calls"
	[ "\$*" = "kill --kill-who=main --signal=USR1 mmproxy.service" ] || exit 1
	exec kill -s USR1 "\$(cat "$dir/pid")"
EOF
chmod 755 "$dir/bin/systemctl"

# rotate ARGUMENTS...: logrotate with a state of its own, what it says in rotate.log.
rotate()
{
	PATH=$dir/bin:$PATH logrotate --state "$dir/state" "$@" "$dir/rules" >"$dir/rotate.log" 2>&1 ||
		fail "logrotate ended with status $?"
}

rotate --debug
! grep -E '^error:|unknown|ignoring|insecure' "$dir/rotate.log" || fail "logrotate complains of the rules"
# There is no log yet: that is no error.
rotate --force
[ ! -e "$dir/systemctl.calls" ] || fail "a signal without anything to rotate"

start backend socat TCP4-LISTEN:8080,bind=127.0.0.1,reuseaddr,fork EXEC:cat
wait_for "socat" listens 8080
cat >"$dir/mmproxy.conf" <<-EOF
	$keys
	log = { target = "$logs/mmproxy.log"; };
	listeners = (
	  { name = "echo"; listen = "127.0.0.1:7000"; targets = { ipv4 = "127.0.0.1:8080"; };
	    allowed_subnets = [ "127.0.0.1" ]; }
	);
EOF
# The wrapper is a command with arguments.
# shellcheck disable=SC2086
start mmproxy ${MMPROXY_WRAPPER:-} "$MMPROXY" -c "$dir/mmproxy.conf"
mmproxy_pid=$pid
echo "$mmproxy_pid" >"$dir/pid"
wait_for "mmproxy" listens 7000

# connect PORT: a connection of the client from that port, there and back.
connect()
{
	local answer

	answer=$(printf 'PROXY TCP4 203.0.113.7 198.51.100.2 %s 25\r\nhello\n' "$1" |
		timeout $((20 * patience)) socat -t $((10 * patience)) - TCP4:127.0.0.1:7000)
	[ "$answer" = hello ] || fail "no answer to port $1"
}

# In the background: one connection after the other until the file is gone.
keep_busy()
{
	local port=50000

	while [ -e "$dir/busy" ]; do
		connect "$port"
		echo "$port" >"$dir/busy_last"
		port=$((port + 1))
	done
}

touch "$dir/busy"
keep_busy &
busy=$!
started+=("$busy")

# After each rotation mmproxy writes into a new file, which its user may open.
port=40000
for rotation in 1 2 3; do
	connect "$port"
	former=$(stat -c %i "$logs/mmproxy.log")
	rotate --force
	[ ! -s "$dir/rotate.log" ] || fail "rotation $rotation: logrotate says: $(cat "$dir/rotate.log")"
	[ "$(stat -c %i "$logs/mmproxy.log")" != "$former" ] || fail "rotation $rotation: the same file"
	expect "rotation $rotation, the new file" "^640 $owner\$" "$(stat -c '%a %U:%G' "$logs/mmproxy.log")"
	wait_for "line in the new file" test -s "$logs/mmproxy.log"
	connect $((port + 1))
	wait_for_line "$logs/mmproxy.log" "client=203\.0\.113\.7:$((port + 1)) .*reason=done"
	port=$((port + 2))
	[ "$(wc -l <"$dir/systemctl.calls")" = "$rotation" ] || fail "rotation $rotation: the signal"
done
rm "$dir/busy"
wait "$busy" || fail "the connections during the rotations"

# The latest is left for the daemon to finish, older ones are compressed.
expect "the files" '^mmproxy.log mmproxy.log.1 mmproxy.log.2.gz mmproxy.log.3.gz $' \
	"$(find "$logs" -type f -printf '%f\n' | sort | tr '\n' ' ')"

# Every connection has its line, once, in one of them.
all_lines()
{
	zcat "$logs"/*.gz
	cat "$logs/mmproxy.log.1" "$logs/mmproxy.log"
}

last=$(cat "$dir/busy_last")
wait_for_line "$logs/mmproxy.log" "client=203\.0\.113\.7:$last "
all_lines | sed -n 's/.* client=203\.0\.113\.7:\([0-9]*\) .* reason=done .*/\1/p' | sort -n >"$dir/seen"
{ seq 40000 $((port - 1)) && seq 50000 "$last"; } | diff - "$dir/seen" >"$dir/lost.log" ||
	fail "lines are lost, or twice"
echo "ok: $(wc -l <"$dir/seen") connections, each with one line"

# A daemon that does not run: logrotate says nothing, and does not fail.
kill "$mmproxy_pid"
wait "$mmproxy_pid" || fail "mmproxy ended with status $?"
rotate --force
[ ! -s "$dir/rotate.log" ] || fail "without the daemon logrotate says: $(cat "$dir/rotate.log")"
# And nothing to say with the system's own systemctl either: it takes the options, or is not there.
script=$(sed -n '/postrotate/,/endscript/{//d;p}' "$dir/rules" | sed -n '1,2p')
said=$(sh -c "$script" 2>&1) || fail "the script fails where there is no such unit"
[ -z "$said" ] || fail "the script says: $said"
if command -v systemctl >/dev/null; then
	! systemctl kill --kill-who=main --signal=USR1 mmproxy.service 2>&1 |
		grep -i -E 'option|usage|argument' || fail "systemctl does not know the options"
fi
