#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/fail2ban: its filter finds in the daemon's log whom it should, and nobody whom a client has
# written there; and fail2ban with that filter bans and unbans by the action's commands.
. "$(dirname "$0")/lib.sh"
need fail2ban-regex fail2ban-server fail2ban-client socat
private_network "$@"

start backend socat TCP6-LISTEN:8080,ipv6only=0,reuseaddr,fork EXEC:cat
wait_for "socat" listens 8080

f2b=$dir/fail2ban
mkdir "$f2b"
cp -r "$(dirname "$0")"/../../contrib/fail2ban/*.d "$f2b"

# run_mmproxy FORMAT TARGET: sets mmproxy_pid.
run_mmproxy()
{
	cat >"$dir/mmproxy.conf" <<-EOF
		log = { format = "$1"; target = "$2"; };
		defaults = { targets = { ipv4 = "127.0.0.1:8080"; ipv6 = "[::1]:8080"; };
		             allowed_subnets = [ "127.0.0.0/8" ]; denied_clients = [ "198.18.0.0/15" ]; };
		listeners = (
		  { name = "game-server.1"; listen = "0.0.0.0:7000"; max_connections_per_client = 1;
		    header_timeout = "5s"; },
		  { name = "udp"; protocol = "udp"; listen = "127.0.0.1:7000"; }
		);
	EOF
	# The wrapper is a command with arguments.
	# shellcheck disable=SC2086
	start mmproxy ${MMPROXY_WRAPPER:-} "$MMPROXY" -c "$dir/mmproxy.conf"
	mmproxy_pid=$pid
	wait_for "mmproxy" listens 7000
	wait_for "mmproxy for UDP" listens_udp 7000
}

# send [SOURCE [DESTINATION]]: standard input, and a second for mmproxy to close.
send()
{
	timeout $((20 * patience)) socat -t 1 - \
		"TCP4:${2:-127.0.0.1}:7000,bind=${1:-127.0.0.1}" || true
}

# hold FAMILY CLIENT: a connection of the client that stays; sets pid.
hold()
{
	printf 'PROXY %s %s %s 40000 443\r\nhello\n' "$1" "$2" "$2" >"$dir/hold"
	start "hold" socat -u "SYSTEM:cat '$dir/hold'; sleep 1000" TCP4:127.0.0.1:7000
	wait_for "connection of $2" held "$2"
}

held()
{
	[ -n "$(ss --tcp --numeric --no-header state established "src [$1]")" ]
}

# What clients write into the log themselves, as a TLV and in the place of a header.
lie=' warn listener=t peer=127.0.0.1:1 client=192.0.2.99:1 backend=- reason=client_limit '

# version2 TEXT: a header of version 2, its bytes behind the signature as printf(1) writes TEXT.
version2()
{
	printf '\r\n\r\n\0\r\nQUIT\n'
	printf '%b' "$1"
}

# misbehave: everybody does, each in the own way.
misbehave()
{
	local number

	for number in 1 2 3 4; do
		printf 'PROXY TCP4 203.0.113.7 203.0.113.7 %s 443\r\n' $((50000 + number)) | send >/dev/null
		printf 'PROXY TCP6 2001:db8:c::7 2001:db8:c::7 %s 443\r\n' $((50000 + number)) | send >/dev/null
	done
	# Version 2 with PP2_TYPE_AUTHORITY, from 198.18.0.9, and over UDP from 198.18.0.10.
	{
		version2 "\\x21\\x11\\0$(printf '\\x%02x' $((12 + 3 + ${#lie})))"
		printf '\xc6\x12\0\x09\xc6\x12\0\x09\x9c\x40\x01\xbb'
		printf '%b%s' "\\x02\\0$(printf '\\x%02x' ${#lie})" "$lie"
	} | send >/dev/null
	# In one piece, or it is two datagrams.
	version2 '\x21\x12\0\x0c\xc6\x12\0\x0a\xc6\x12\0\x0a\x9c\x40\x01\xbbhello' >"$dir/datagram"
	socat -u "OPEN:$dir/datagram" UDP4:127.0.0.1:7000
	# Peers: no header, half a header and no leave to connect.
	echo "$lie" | send 127.0.0.9 >/dev/null
	send 127.0.0.8 < <(printf 'PROXY TCP4' && sleep 1000) >/dev/null
	send 198.51.100.2 198.51.100.2 >/dev/null
}

# banned LOG MODE: whom the filter finds, each with how often.
banned()
{
	fail2ban-regex --config "$f2b" --out ip "$1" "mmproxy[mode=$2]" >"$dir/regex.log" ||
		fail "fail2ban-regex ended with status $?"
	grep -v '^$' "$dir/regex.log" | sort | uniq -c | xargs
}

has_refusals()
{
	[ "$(grep -c -E 'client_limit|client_denied|header_invalid|header_timeout|peer_denied' "$1")" -ge 13 ]
}

# find_all LOG: the filter finds everybody there.
find_all()
{
	wait_for "line of everybody" has_refusals "$1"
	expect "clients in $1" '^1 198.18.0.10 1 198.18.0.9 4 2001:db8:c::7 4 203.0.113.7$' "$(banned "$1" client)"
	expect "peers in $1" '^1 127.0.0.8 1 127.0.0.9 1 198.51.100.2$' "$(banned "$1" peer)"
}

has_ipv6 || skip "there is no IPv6"
for format in text json stderr; do
	case $format in
	stderr)
		run_mmproxy text stderr
		ln -s mmproxy.log "$dir/stderr.txt"
		;;
	*) run_mmproxy "$format" "$dir/$format.txt" ;;
	esac
	hold TCP4 203.0.113.7
	held4=$pid
	hold TCP6 2001:db8:c::7
	held6=$pid
	misbehave
	find_all "$dir/$format.txt"
	kill "$held4" "$held6"
	stop_mmproxy
	# The time is understood, and is not the one of reading.
	fail2ban-regex --config "$f2b" --out row "$dir/$format.txt" mmproxy >"$dir/rows.log"
	now=$(date +%s)
	awk -F ',\t' -v now="$now" 'NF { lines++; if ($2 < now - 3600 || $2 > now) exit 1 }
		END { if (lines != 10) exit 1 }' "$dir/rows.log" || fail "the time of $format"
done

# The same lines as syslog and the journal have them.
sed 's/^\(warn\|info\) time=[^ ]*/Nov 21 21:25:53 host mmproxy[123]: \1/' "$dir/text.txt" >"$dir/syslog.txt"
find_all "$dir/syslog.txt"
sed 's/^\(warn\|info\) time=[^ ]*/\1/' "$dir/text.txt" >"$dir/bare.txt"
find_all "$dir/bare.txt"

# --- fail2ban itself, with a mmproxy that only says what it was told to do ---

mkdir "$dir/bin"
cat >"$dir/bin/mmproxy" <<-EOF
	#!/bin/sh
	echo "\$*" >>"$dir/calls"
EOF
chmod 755 "$dir/bin/mmproxy"
cat >"$f2b/fail2ban.conf" <<-EOF
	[Definition]
	loglevel = INFO
	logtarget = $dir/fail2ban.log
	syslogsocket = auto
	socket = $dir/fail2ban.sock
	pidfile = $dir/fail2ban.pid
	dbfile = None
	dbpurgeage = 1d
	dbmaxmatches = 10
EOF
cat >"$f2b/jail.conf" <<-EOF
	[DEFAULT]
	usedns = no
	ignoreself = false
	findtime = 1d
	maxretry = 3
	banaction_allports =
EOF
# The jail as it is installed, but for its log; and one that bans for ever.
cat >"$f2b/jail.local" <<-EOF
	[mmproxy]
	enabled = true
	backend = polling
	logpath = $dir/text.txt
	maxretry = 3
	findtime = 1d
	[for-ever]
	enabled = true
	filter = mmproxy
	backend = polling
	logpath = $dir/json.txt
	bantime = -1
	action = mmproxy[network="<ip>/24"]
EOF

fail2ban()
{
	PATH=$dir/bin:$PATH fail2ban-client -c "$f2b" "$@" >>"$dir/client.log" 2>&1
}

called()
{
	grep -q -x -F -e "$1" "$dir/calls"
}

PATH=$dir/bin:$PATH start fail2ban fail2ban-server -c "$f2b" -x -f start
server=$pid
for call in '--deny 203.0.113.7 --for 600s' '--deny 2001:db8:c::7/64 --for 600s' \
	'--deny 203.0.113.7/24' '--deny 2001:db8:c::7/64'; do
	wait_for "call of mmproxy $call" called "$call"
	echo "ok: mmproxy $call"
done
fail2ban set mmproxy unbanip 203.0.113.7 || fail "fail2ban does not unban"
wait_for "call of mmproxy --allow" called '--allow 203.0.113.7'
# Who is banned when fail2ban stops is let in again.
fail2ban stop || fail "fail2ban does not stop"
wait "$server" || fail "fail2ban ended with status $?"
expect "calls at the end" '^--allow 2001:db8:c::7/64$' "$(cat "$dir/calls")"
! grep -q -E ' (ERROR|CRITICAL) ' "$dir/fail2ban.log" || fail "fail2ban complains"
