#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The manifests of contrib/kubernetes and contrib/docker/compose.yaml hold together, grant what
# mmproxy(8) says is needed and nothing more, and mmproxy takes the configurations within.
set -euo pipefail

top=$(cd "${top_srcdir:-$(dirname "$0")/../..}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

python3 -c 'import yaml' 2>/dev/null || {
	echo "skipped: python3 has no yaml (Debian: python3-yaml)"
	exit 77
}

complain()
{
	echo "$1"
	status=1
}

# check TOP: what is said of the files below it.
check()
{
	mkdir -p "$work/conf"
	python3 "$top/tests/lint/kubernetes.py" "$1" "$work/conf"
}

check "$top" || status=1
count=0
takes_routes=yes
"${MMPROXY:?the program}" -V | grep -q -x 'libnl: yes' || {
	takes_routes=no
	echo "skipped: mmproxy is built without libnl, so the configurations are not tested"
}
for file in "$work"/conf/*.conf; do
	count=$((count + 1))
	[ "$takes_routes" = yes ] || continue
	# The user is one of the image.
	sed -i '/^user = /d' "$file"
	"$MMPROXY" -t -c "$file" >"$work/said" 2>&1 || complain "$file: $(cat "$work/said")"
	! grep 'open_to_all\|every peer' "$work/said" || complain "$file: anybody may connect"
done
[ "$count" = 3 ] || complain "$count configurations were found, not 3"

# By others' schemas as well, where they are installed.
for validator in kubeconform kubernetes-validate; do
	! command -v "$validator" >/dev/null || "$validator" "$top"/contrib/kubernetes/*.yaml || status=1
done

# The image has what this build has: every "build" package, by the file that lists them.
grep -q '^RUN /src/contrib/install-dependencies build$' "$top/contrib/docker/Dockerfile" ||
	complain "the Dockerfile does not install what contrib/dependencies-debian lists"
while read -r file; do
	[ -e "$top/$file" ] || complain "the Dockerfile copies $file, which is not there"
done < <(sed -n 's/^COPY \(contrib.*\) [^ ]*$/\1/p' "$top/contrib/docker/Dockerfile" | tr ' ' '\n')

# --- What this test has to find -----------------------------------------------------------------------

# finds WHAT FILE EDIT REGEX: with this edit of sed(1), that is said.
finds()
{
	rm -rf "$work/broken"
	mkdir -p "$work/broken/contrib" "$work/broken/man"
	cp -r "$top/contrib/docker" "$top/contrib/kubernetes" "$work/broken/contrib/"
	chmod -R u+w "$work/broken"
	cp "$top/man/mmproxy.8" "$work/broken/man/"
	sed -i "$3" "$work/broken/contrib/$2"
	! check "$work/broken" >"$work/said" 2>&1 || complain "$1 is not found"
	grep -q -E -e "$4" "$work/said" || complain "$1: what is said is $(cat "$work/said")"
}

sidecar=kubernetes/sidecar.yaml
finds "a field of a wrong name" "$sidecar" 's/livenessProbe:/livenessProb:/' 'no such field: livenessProb'
finds "a container without an image" "$sidecar" '/image: python/d' 'image is missing'
finds "a capability too many" "$sidecar" 's/add: \[NET_ADMIN,/add: [SYS_ADMIN, NET_ADMIN,/' 'SYS_ADMIN'
finds "a capability too few" docker/compose.yaml 's/cap_add: \[NET_ADMIN,/cap_add: [/' 'needs .*NET_ADMIN'
finds "a key of the ConfigMap" "$sidecar" 's/^  mmproxy.conf: |/  other.conf: |/' 'not in the ConfigMap'
finds "a volume of a wrong name" "$sidecar" 's/^        - name: configuration$/        - name: settings/' 'no volume configuration'
finds "a port of a wrong number" "$sidecar" 's/containerPort: 7000/containerPort: 7001/' 'mmproxy listens on'
finds "a Service's port" "$sidecar" 's/targetPort: proxied/targetPort: http/' 'the Service has the port'
finds "a selector" kubernetes/daemonset.yaml '0,/app: node-mmproxy/s//app: other/' 'does not select'
finds "a short time to drain" "$sidecar" 's/drain_timeout = "30s"/drain_timeout = "60s"/' 'killed before'

exit "$status"
