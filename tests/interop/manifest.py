#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Print how compose.yaml or a manifest of Kubernetes runs its containers, as assignments for bash.

    manifest.py FILE DIRECTORY

capabilities, arguments, probe, read_only and no_new_privileges are those of the container "mmproxy",
server is the command of the container "server", if there is one. DIRECTORY gets the configuration, as
mmproxy.conf. For compose.yaml gateway, network and address are those of the server's network.
"""

import pathlib
import shlex
import sys

import yaml


def assign(name, value):
    if isinstance(value, list):
        print(f"{name}=({shlex.join(value)})")
    else:
        print(f"{name}={shlex.quote(value)}")


def yes_or_no(value):
    return "yes" if value else "no"


def show_compose(document, path, directory):
    services = document["services"]
    proxy, server = services["mmproxy"], services["server"]
    assert proxy["network_mode"] == "service:server", "mmproxy is not in the server's network namespace"
    assert proxy["cap_drop"] == ["ALL"], "not all capabilities are dropped"
    source, _, _ = proxy["volumes"][0].split(":")
    (directory / "mmproxy.conf").write_text((path.parent / source).read_text())
    assign("capabilities", proxy["cap_add"])
    assign("arguments", proxy["command"])
    assign("probe", proxy["healthcheck"]["test"][1:])
    assign("read_only", yes_or_no(proxy["read_only"]))
    assign("no_new_privileges", yes_or_no("no-new-privileges:true" in proxy["security_opt"]))
    assign("server", server["command"])
    ((name, own),) = server["networks"].items()
    ipam = document["networks"][name]["ipam"]["config"][0]
    assign("gateway", ipam["gateway"])
    assign("network", ipam["subnet"])
    assign("address", own["ipv4_address"])


def show_kubernetes(documents, directory):
    (configuration,) = [d for d in documents if d["kind"] == "ConfigMap"]
    (workload,) = [d for d in documents if "template" in d.get("spec", {})]
    containers = {c["name"]: c for c in workload["spec"]["template"]["spec"]["containers"]}
    proxy = containers["mmproxy"]
    context = proxy["securityContext"]
    assert context["capabilities"]["drop"] == ["ALL"], "not all capabilities are dropped"
    (directory / "mmproxy.conf").write_text(configuration["data"]["mmproxy.conf"])
    assign("capabilities", context["capabilities"]["add"])
    assign("arguments", proxy["args"])
    assign("probe", proxy["livenessProbe"]["exec"]["command"])
    assign("read_only", yes_or_no(context["readOnlyRootFilesystem"]))
    assign("no_new_privileges", yes_or_no(not context["allowPrivilegeEscalation"]))
    assign("server", containers.get("server", {}).get("command", []))


def main():
    path, directory = (pathlib.Path(argument) for argument in sys.argv[1:])
    documents = list(yaml.safe_load_all(path.read_text()))
    if "services" in documents[0]:
        show_compose(documents[0], path, directory)
    else:
        show_kubernetes(documents, directory)


main()
