#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# contrib/cloudflare-networks against a web server on loopback: it writes good lists whole, and leaves
# its file alone when an answer cannot be right.
# MMPROXY: the daemon, which has to accept what was written.
set -euo pipefail
# What a pipe leads to can set the status.
shopt -s lastpipe

top=$(cd "$(dirname "$0")/../.." && pwd)
for tool in curl python3; do
	command -v "$tool" >/dev/null || {
		echo "skipped: $tool is not installed"
		exit 77
	}
done
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
work=$(mktemp -d)
server=
trap 'kill ${server:+"$server"}; rm -rf "$work"' EXIT
mkdir "$work/site" "$work/out"
site=$work/site
file=$work/out/networks
status=0

complain()
{
	echo "$1"
	status=1
}

# The site's files, but for paths with a word that asks for an answer gone wrong. It writes its port.
cat >"$work/server.py" <<'END'
import functools, http.server, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if "/cut/" in self.path:
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"192.0.2.0/24\n" * 8)
        elif "/endless/" in self.path:
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"192.0.2.0/24\n" * 1000)
            except OSError:
                pass
        elif "/moved/" in self.path:
            self.send_response(301)
            self.send_header("Location", self.path.replace("/moved/", "/good/"))
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *arguments):
        pass

handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
mkfifo "$work/port"
python3 "$work/server.py" "$site" >"$work/port" &
server=$!
read -r port <"$work/port"
url=http://127.0.0.1:$port

# fetch NAME: run it for that folder of the site; its output in $said, its status in $result.
fetch()
{
	result=0
	said=$("$top/contrib/cloudflare-networks" -u "$url/$1" "$file" 2>&1) || result=$?
}

# lists NAME: a folder of the site with good lists. Neither ends with a newline, as Cloudflare's do.
lists()
{
	mkdir -p "$site/$1"
	printf '%s\n' 192.0.2.0/24 198.51.100.0/25 198.51.100.128/25 203.0.113.0/24 |
		head -c -1 >"$site/$1/ips-v4"
	printf '%s\n' 2001:db8::/32 2001:DB8:1::/48 2001:db8:0:2:3:4:5:6/128 3fff::/20 |
		head -c -1 >"$site/$1/ips-v6"
}

# --- Good lists ------------------------------------------------------------------------------------

lists good
printf '%s\n' 192.0.2.0/24 198.51.100.0/25 198.51.100.128/25 203.0.113.0/24 \
	2001:db8::/32 2001:DB8:1::/48 2001:db8:0:2:3:4:5:6/128 3fff::/20 >"$work/expected"

# is_good WORD: the last one said so, and no network is lost or made of two.
is_good()
{
	[ "$result" = 0 ] || complain "good lists are refused: $said"
	[ "$said" = "$file: 8 networks, $1" ] || complain "says: $said"
	grep -v '^#' "$file" | diff "$work/expected" - || complain "the file is not the lists"
}

fetch good
is_good changed
[ "$(stat -c %a "$file")" = 644 ] || complain "a new file has mode $(stat -c %a "$file")"
cat >"$work/out/mmproxy.conf" <<-EOF
	listeners = ( { listen = "127.0.0.1:7000"; targets = { ipv4 = "127.0.0.1:7001"; };
	  allowed_subnets_file = "networks"; } );
EOF
"$MMPROXY" -t -c "$work/out/mmproxy.conf" >/dev/null || complain "mmproxy refuses the file"
rm "$work/out/mmproxy.conf"

before=$(stat -c '%i %Y' "$file")
fetch good
is_good unchanged
[ "$(stat -c '%i %Y' "$file")" = "$before" ] || complain "an unchanged file is written"

# The file keeps its mode, and stays a link if it is one.
chmod 600 "$file"
echo 192.0.2.0/24 >"$file"
fetch moved
is_good changed
[ "$(stat -c %a "$file")" = 600 ] || complain "the file's mode is changed"
mv "$file" "$work/elsewhere"
ln -s "$work/elsewhere" "$file"
echo 192.0.2.0/24 >"$file"
fetch good
is_good changed
[ -L "$file" ] || complain "a link is replaced by a file"
rm "$file" "$work/elsewhere"

# Another system's ends of lines, and blank lines.
lists crlf
sed -i 's/$/\r/; $a \\r' "$site/crlf/ips-v4" "$site/crlf/ips-v6"
fetch crlf
is_good changed

# --- Lists that cannot be right ----------------------------------------------------------------------

# refused NAME REGEX: that folder's lists are, with these words, and nothing is left behind.
refused()
{
	local sum

	sum=$(sha256sum "$file")
	fetch "$1"
	[ "$result" = 1 ] || complain "$1: status $result"
	grep -q -E -e "$2" <<<"$said" || complain "$1: says: $said"
	[ "$(sha256sum "$file")" = "$sum" ] || complain "$1: the file is changed"
	[ "$(ls -A "$work/out")" = networks ] || complain "$1: leaves $(ls -A "$work/out")"
}

# bad NAME LIST REGEX: with that list from standard input, and the other one good.
bad()
{
	lists "$1"
	cat >"$site/$1/$2"
	refused "$1" "$3"
}

bad page ips-v4 'not a network of ipv4: <html>' <<<'<html><body>Just a moment</body></html>'
bad page6 ips-v6 'not a network of ipv6: <!DOCTYPE' <<<'<!DOCTYPE html>'
bad empty ips-v4 'ips-v4 has 0 networks' </dev/null
bad empty6 ips-v6 'ips-v6 has 0 networks' </dev/null
printf '192.0.2.0/24\n198.51.100.0/24\n203.0.113.0/24' | bad few ips-v4 'has 3 networks: too few'
{ head -c 20 "$site/good/ips-v4"; } | bad half ips-v4 'not a network|too few'
for line in 192.0.2.0 192.0.2.0/ /24 192.0.2.0/33 192.0.2.256/24 192.0.2/24 192.0.2.00/24 \
	'192.0.2.0/24 203.0.113.0/24' 192.0.2.0/24,203.0.113.0/24 192.0.2.0/24/24 192.0.2.0/-8 \
	192.0.2.0/024 '# 192.0.2.0/24' 2001:db8::/32 '*' 'x(id)/24'; do
	printf '%s\n' 198.51.100.0/24 203.0.113.0/24 192.0.2.0/25 192.0.2.128/25 "$line" |
		bad line ips-v4 'not a network of ipv4'
done
for line in 2001:db8:: ::/129 2001:db8::1::/64 2001:db8/32 2001:db8:0:0:0:0:0:0:0/64 :::/64 \
	2001:db8:0:0:0:0:0::0:0/64 12345::/32 :2001::/32 2001:db8::g/32 192.0.2.0/24 \
	::ffff:192.0.2.0/120 1:2:3:4:5:6:7:8::/64 ::1:2:3:4:5:6:7:8/64 2001:db8:/32; do
	printf '%s\n' "$line" 2001:db8:1::/48 2001:db8:2::/48 2001:db8:3::/48 2001:db8:4::/48 |
		bad line6 ips-v6 'not a network of ipv6'
done
for line in 0.0.0.0/0 128.0.0.0/1 10.0.0.0/7; do
	{ cat "$site/good/ips-v4" && printf '\n%s' "$line"; } | bad wide ips-v4 'wider than /8'
done
for line in ::/0 2000::/3 2000::/15; do
	{ cat "$site/good/ips-v6" && printf '\n%s' "$line"; } | bad wide6 ips-v6 'wider than /16'
done
printf '%s.0.0.0/8\n' {1..17} | bad sixteenth ips-v4 'a sixteenth of all addresses'
printf '192.0.2.%s/32\n' {0..255} 1 | bad many ips-v4 'more than 256'
{ cat "$site/good/ips-v4" && printf '\n10.0\0.0.0/8'; } | bad nul ips-v4 'NUL byte'
rm "$site/many/ips-v4"
refused many '404.*|cannot be fetched'
refused cut 'cannot be fetched'
refused endless 'too long'
printf '192.0.2.%s/32\n' {1..20} >>"$file"
refused good '8 networks instead of 28'

# Nobody there, and nowhere to write.
url=http://127.0.0.1:1
refused good 'cannot be fetched'
url=ftp://127.0.0.1:$port
refused good 'cannot be fetched'
url=http://127.0.0.1:$port
[ "$(id -u)" = 0 ] || {
	rm "$file" && echo 192.0.2.0/24 >"$file"
	chmod 555 "$work/out"
	refused good 'cannot be written'
	chmod 755 "$work/out"
}

for arguments in '' '-x' 'one two' '-u'; do
	result=0
	# The arguments are words.
	# shellcheck disable=SC2086
	"$top/contrib/cloudflare-networks" $arguments 2>/dev/null || result=$?
	[ "$result" = 2 ] || complain "the arguments \"$arguments\": status $result"
done
exit "$status"
