#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Say what is wrong with the files of contrib/docker and contrib/kubernetes.

    kubernetes.py TOP DIRECTORY

The objects have the fields that Kubernetes asks for and no others that it would drop, their names fit
together, and capabilities are those that PRIVILEGES of mmproxy(8) names and the configuration needs.
DIRECTORY gets each configuration, as NAME.conf.
"""

import pathlib
import re
import sys

import yaml

# The fields that these manifests may use, as API versions v1 and apps/v1 have them. A field is required
# with "!"; what a field holds is a table again, a list of such, or a type.
PORT_NUMBER = range(1, 65536)
METADATA = {"name!": str, "labels": dict, "annotations": dict}
SECURITY_CONTEXT = {
    "runAsUser": int, "runAsGroup": int, "allowPrivilegeEscalation": bool, "readOnlyRootFilesystem": bool,
    "capabilities": {"drop": [str], "add": [str]},
}
PROBE = {
    "httpGet": {"path": str, "port!": (str, int)}, "exec": {"command!": [str]}, "timeoutSeconds": int,
    "periodSeconds": int,
}
CONTAINER = {
    "name!": str, "image!": str, "command": [str], "args": [str],
    "ports": [{"name": str, "containerPort!": PORT_NUMBER, "hostPort": PORT_NUMBER}],
    "readinessProbe": PROBE, "livenessProbe": PROBE, "securityContext": SECURITY_CONTEXT,
    "resources": {"requests": {"cpu": str, "memory": str}, "limits": {"cpu": str, "memory": str}},
    "volumeMounts": [{"name!": str, "mountPath!": str, "readOnly": bool}],
}
POD = {
    "hostNetwork": bool, "automountServiceAccountToken": bool, "terminationGracePeriodSeconds": int,
    "securityContext": {"seccompProfile": {"type!": str}}, "containers!": [CONTAINER],
    "volumes": [{"name!": str, "configMap": {"name!": str}}],
}
TEMPLATE = {"metadata!": {"labels!": dict}, "spec!": POD}
COMMON = {"apiVersion!": str, "kind!": str, "metadata!": METADATA}
SELECTOR = {"matchLabels!": dict}
KINDS = {
    ("v1", "ConfigMap"): {**COMMON, "data!": dict},
    ("v1", "Service"): {**COMMON, "spec!": {
        "type": str, "externalTrafficPolicy": str, "selector!": dict,
        "ports!": [{"name": str, "port!": PORT_NUMBER, "targetPort!": (str, int)}]}},
    ("apps/v1", "Deployment"): {**COMMON, "spec!": {
        "replicas": int, "selector!": SELECTOR, "template!": TEMPLATE}},
    ("apps/v1", "DaemonSet"): {**COMMON, "spec!": {"selector!": SELECTOR, "template!": TEMPLATE}},
}

complaints = []


def complain(where, what):
    complaints.append(f"{where}: {what}")


def check_fields(where, value, table):
    if isinstance(table, range):
        if type(value) is not int or value not in table:
            complain(where, f"{value!r} is no port")
    elif isinstance(table, (type, tuple)):
        # To Python a bool is an int.
        if not isinstance(value, table) or (isinstance(value, bool) and table is not bool):
            complain(where, f"{value!r} has the wrong type")
    elif isinstance(table, list):
        if not isinstance(value, list) or not value:
            complain(where, "is no list, or an empty one")
            return
        for number, item in enumerate(value):
            check_fields(f"{where}[{number}]", item, table[0])
    elif not isinstance(value, dict):
        complain(where, "has no fields")
    else:
        known = {name.rstrip("!"): inner for name, inner in table.items()}
        for name in table:
            if name.endswith("!") and name[:-1] not in value:
                complain(where, f"{name[:-1]} is missing")
        for name, inner in value.items():
            if name in known:
                check_fields(f"{where}.{name}", inner, known[name])
            else:
                complain(where, f"no such field: {name}")


def listens(configuration):
    """The ports of mmproxy's own that others reach."""
    addresses = re.findall(r'\blisten = "([^"]*)"', configuration)
    return {int(a.rpartition(":")[2]) for a in addresses if not a.startswith("127.")}


def check_privileges(where, capabilities, configuration, manual):
    """What is granted is what the configuration needs, and PRIVILEGES says that it is needed."""
    needed = {"NET_RAW", "SETUID", "SETGID"}
    if re.search(r"^\s*routing = .*manage = true", configuration, re.M):
        needed.add("NET_ADMIN")
    if min(listens(configuration)) < 1024:
        needed.add("NET_BIND_SERVICE")
    if set(capabilities) != needed:
        complain(where, f"has {sorted(capabilities)}, and needs {sorted(needed)}")
    section = manual.partition(".Sh PRIVILEGES")[2].partition("\n.Sh ")[0]
    for name in capabilities:
        if not re.search(rf"\bCAP_{name}\b", section):
            complain(where, f"PRIVILEGES of mmproxy(8) does not say what {name} is for")


def check_drain(where, seconds, configuration):
    if seconds <= int(re.search(r'^\s*drain_timeout = "(\d+)s"', configuration, re.M)[1]):
        complain(where, "is killed before drain_timeout is over")


def check_workload(where, workload, maps, services, manual):
    template = workload["spec"]["template"]
    pod, labels = template["spec"], template["metadata"]["labels"]
    if not workload["spec"]["selector"]["matchLabels"].items() <= labels.items():
        complain(where, "the selector does not select the pods")
    volumes = {v["name"]: v["configMap"]["name"] for v in pod["volumes"]}
    for container in pod["containers"]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                complain(where, f"no volume {mount['name']}")
    (proxy,) = [c for c in pod["containers"] if c["name"] == "mmproxy"]
    (mount,) = proxy["volumeMounts"]
    entries = maps.get(volumes.get(mount["name"]), {})
    directory, _, name = proxy["args"][proxy["args"].index("-c") + 1].rpartition("/")
    if directory != mount["mountPath"] or name not in entries:
        complain(where, f"{directory}/{name} is not in the ConfigMap")
        return
    configuration = entries[name]
    ports = {p["name"]: p["containerPort"] for p in proxy["ports"]}
    if set(ports.values()) != listens(configuration):
        complain(where, f"the ports are {ports}, and mmproxy listens on {listens(configuration)}")
    if proxy["readinessProbe"]["httpGet"]["port"] not in ports:
        complain(where, "the readiness probe has no such port")
    for port in proxy["ports"]:
        if pod.get("hostNetwork") and port.get("hostPort") != port["containerPort"]:
            complain(where, f"on the host's network {port['name']} has the host's port")
    for service in services:
        if not service["spec"]["selector"].items() <= labels.items():
            complain(where, f"the Service {service['metadata']['name']} selects other pods")
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports:
                complain(where, f"the Service has the port {port['targetPort']}, and no container has")
    context = proxy["securityContext"]
    if context["allowPrivilegeEscalation"] or not context["readOnlyRootFilesystem"]:
        complain(where, "more is allowed than has to be")
    if context["capabilities"]["drop"] != ["ALL"]:
        complain(where, "not all capabilities are dropped")
    check_privileges(where, context["capabilities"]["add"], configuration, manual)
    check_drain(where, pod["terminationGracePeriodSeconds"], configuration)


def check_manifest(path, manual, directory):
    documents = list(yaml.safe_load_all(path.read_text()))
    before = len(complaints)
    for document in documents:
        kind = (document.get("apiVersion"), document.get("kind"))
        if kind in KINDS:
            check_fields(f"{path.name}: {kind[1]}", document, KINDS[kind])
        else:
            complain(path.name, f"no such kind: {kind}")
    if len(complaints) > before:
        return
    maps = {d["metadata"]["name"]: d["data"] for d in documents if d["kind"] == "ConfigMap"}
    for name, entries in maps.items():
        for configuration in entries.values():
            (directory / f"{name}.conf").write_text(configuration)
    services = [d for d in documents if d["kind"] == "Service"]
    workloads = [d for d in documents if "template" in d.get("spec", {})]
    if not workloads:
        complain(path.name, "runs nothing")
    for workload in workloads:
        check_workload(f"{path.name}: {workload['kind']}", workload, maps, services, manual)


def check_compose(path, manual, directory):
    document = yaml.safe_load(path.read_text())
    proxy = document["services"]["mmproxy"]
    configuration = (path.parent / "mmproxy.conf").read_text()
    (directory / "compose.conf").write_text(configuration)
    check_privileges(path.name, proxy["cap_add"], configuration, manual)
    check_drain(path.name, int(proxy["stop_grace_period"].rstrip("s")), configuration)
    if not (path.parent / proxy["build"]["context"] / proxy["build"]["dockerfile"]).exists():
        complain(path.name, "there is no such Dockerfile")
    for service in document["services"].values():
        for volume in service.get("volumes", []):
            if not (path.parent / volume.split(":")[0]).is_file():
                complain(path.name, f"there is no {volume.split(':')[0]}")
    balancer = (path.parent / "haproxy.cfg").read_text()
    address = document["services"]["server"]["networks"]["backend"]["ipv4_address"]
    for port in listens(configuration):
        if not re.search(rf"{re.escape(address)}:{port}\b|\bport {port}\b", balancer):
            complain("haproxy.cfg", f"does not use port {port}")


def main():
    top, directory = (pathlib.Path(argument) for argument in sys.argv[1:])
    manual = (top / "man/mmproxy.8").read_text()
    check_compose(top / "contrib/docker/compose.yaml", manual, directory)
    manifests = sorted((top / "contrib/kubernetes").glob("*.yaml"))
    if len(manifests) < 2:
        complain("contrib/kubernetes", "manifests are missing")
    for manifest in manifests:
        check_manifest(manifest, manual, directory)
    print("\n".join(complaints), end="\n" if complaints else "")
    sys.exit(1 if complaints else 0)


main()
