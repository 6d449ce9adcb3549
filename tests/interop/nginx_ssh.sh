#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# client -> nginx (stream, proxy_protocol on) -> mmproxy -> OpenSSH: the server speaks first, and logs
# the client's address.
. "$(dirname "$0")/lib.sh"
need ssh sshd ssh-keygen socat
need_nginx_stream
private_network "$@"

ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$dir/user_key"
cat >"$dir/sshd_config" <<-EOF
	ListenAddress 127.0.0.1:2200
	ListenAddress [::1]:2200
	HostKey $dir/host_key
	PidFile none
	LogLevel VERBOSE
	UsePAM no
	StrictModes no
	AuthorizedKeysFile $dir/user_key.pub
	PermitRootLogin prohibit-password
EOF
start sshd "$(command -v sshd)" -D -e -f "$dir/sshd_config"
wait_for "sshd" listens 2200
start_mmproxy 7003 <<-EOF
	listeners = (
	  { name = "ssh";
	    listen = [ "198.51.100.2:7003", "[::]:7003" ];
	    targets = { ipv4 = "127.0.0.1:2200"; ipv6 = "[::1]:2200"; };
	    allowed_subnets = [ "198.51.100.1", "2001:db8:5::1" ];
	  }
	);
EOF
write_nginx balancer <<-EOF
	stream {
		proxy_protocol on;
		server { listen 203.0.113.1:8003; proxy_pass 198.51.100.2:7003; }
		server { listen [::]:8006 ipv6only=on; proxy_pass [2001:db8:5::2]:7003; }
	}
EOF
start_in lb balancer nginx -e stderr -c "$dir/balancer.conf"
wait_for "nginx on port 8003" listens 8003 in_lb

# banner NAME SOCAT-ADDRESS: what the server says to a client that never says anything.
banner()
{
	start_in client "$1" socat -u "$2" -
	expect "$1" '^SSH-2\.0-' "$(wait_for_line "$dir/$1.log" '^SSH-')"
	kill "$pid"
}

banner "IPv4 banner" TCP4:203.0.113.1:8003,bind=203.0.113.7:40001
expect "IPv4 sshd log" 'Connection from 203\.0\.113\.7 port 40001 on 127\.0\.0\.1 port 2200' \
	"$(wait_for_line "$dir/sshd.log" 'port 40001 ')"
if has_ipv6; then
	banner "IPv6 banner" 'TCP6:[2001:db8:c::1]:8006,bind=[2001:db8:c::7]:40002'
	expect "IPv6 sshd log" 'Connection from 2001:db8:c::7 port 40002 on ::1 port 2200' \
		"$(wait_for_line "$dir/sshd.log" 'port 40002 ')"
fi

# A whole login takes identities that a user namespace of one identity does not have.
if [ "$(awk '{ print $3; exit }' /proc/self/uid_map)" -gt 1 ]; then
	# Some systems lock root's password, and sshd then refuses keys too.
	printf 'root:*:19000:0:99999:7:::\n' >"$dir/shadow"
	mount --bind "$dir/shadow" /etc/shadow
	# Its variables are the shell's at the other end.
	# shellcheck disable=SC2016
	answer=$(in_client timeout $((30 * patience)) ssh -p 8003 -i "$dir/user_key" -o BatchMode=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes \
		-F none root@203.0.113.1 'echo "$SSH_CONNECTION"' 2>>"$dir/ssh.log") ||
		fail "ssh ended with status $?"
	expect "login" '^203\.0\.113\.7 [0-9]+ 127\.0\.0\.1 2200$' "$answer"
fi
stop_mmproxy
