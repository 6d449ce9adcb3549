# SPDX-License-Identifier: BSD-2-Clause
"""The networks of "make bench": where load generator, proxy and backend are, and the way between.

    loopback      all three on one host
    veth          the load generator on another host, over Ethernet with an MTU of 1500
    delay         the same, with 25 ms on each way: by netem, or where that is missing by a program
    backend-veth  the backend on another host, whose default route is the proxy's host

A host is a network namespace, kept by a process that waits in it; all ends with this program.
Routes are those of mmproxy(8): answers of a backend beside the proxy come back by a table, and so
do those of one elsewhere, by the way they came.
"""

import os
import subprocess
import time

PATIENCE_S = 20

# Addresses of the two hosts, and the ports of proxy and backend.
NEAR, FAR = "192.0.2.1", "192.0.2.2"
PROXY_PORT, BACKEND_PORT = 7000, 8000

# The load generator connects from 127.0.0.0/8 on the proxy's host, and from here over Ethernet.
REMOTE_NET = 10

DELAY_MS = 25

# The program that holds packets; the script "run" knows where it was built.
DELAY_LINE = "delay_line"

# The load generator's own ports are below the clients'. Linux does not give connect(2) a port that
# any socket was bound to by number, whatever the address, so else a proxy's connections to the
# backend, even those in TIME_WAIT, would take the load generator's ports away.
PORT_RANGE = "1024 19999"

RETURN_RULE = "ip rule add from {} iif {} table 123"
RETURN_ROUTE = "ip route add local 0.0.0.0/0 dev lo table 123"


class Unavailable(Exception):
    """This network cannot be had here, with the reason."""


class Host:
    """A network namespace; of process 0 it is this program's own."""

    def __init__(self, holder=None):
        self.holder = holder
        self.prefix = ["nsenter", "--target", str(holder.pid), "--net"] if holder else []

    def run(self, *lines):
        """Commands of iproute2, one a line."""
        for line in lines:
            done = subprocess.run([*self.prefix, *line.split()], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unavailable(f"{line}: {done.stderr.strip()}")

    def set_up(self):
        setting = f"echo '{PORT_RANGE}' >/proc/sys/net/ipv4/ip_local_port_range"
        subprocess.run([*self.prefix, "sh", "-c", setting], check=True)
        self.run("ip link set lo up")

    def close(self):
        if self.holder:
            self.holder.kill()
            self.holder.wait()


def new_host():
    own = os.readlink("/proc/self/ns/net")
    # It ends with this program, however that ends: nobody else has the other end of its input.
    holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    end = time.monotonic() + PATIENCE_S
    while os.readlink(f"/proc/{holder.pid}/ns/net") == own:
        if holder.poll() is not None or time.monotonic() > end:
            holder.kill()
            holder.wait()
            raise Unavailable("a second network namespace cannot be made here")
        time.sleep(0.002)
    return Host(holder)


class Network:
    """Where the three are. Addresses are ADDRESS:PORT, *_host is a Host, *_net as for load -n."""

    def __init__(self):
        self.hosts = []
        self.line = None  # a process that is the link
        self.load_host = self.proxy_host = self.backend_host = None
        self.proxy = f"127.0.0.1:{PROXY_PORT}"
        self.backend = self.direct = f"127.0.0.1:{BACKEND_PORT}"
        self.proxy_net = self.direct_net = 127
        self.peers = "127.0.0.0/8"  # whom the proxies allow

    def close(self):
        if self.line:
            self.line.kill()
            self.line.wait()
        for host in self.hosts:
            host.close()


def let_kernel_carry(host):
    """What mmproxy's udp_relay = "kernel" needs for datagrams that come by a device."""
    for name in ("route_localnet", "accept_local"):
        setting = f"echo 1 >/proc/sys/net/ipv4/conf/lo/{name}"
        subprocess.run([*host.prefix, "sh", "-c", setting], check=True)


def build_loopback(network):
    here = Host()
    here.set_up()
    here.run(RETURN_RULE.format("127.0.0.0/8", "lo"), RETURN_ROUTE)
    network.load_host = network.proxy_host = network.backend_host = here


def link_veth(near, far):
    near.run(f"ip link add far type veth peer name near netns {far.holder.pid}")


def link_delayed(near, far):
    """netem on both ends of a pair, or else a program that holds packets; returns its process."""
    link_veth(near, far)
    try:
        for host, link in ((near, "far"), (far, "near")):
            host.run(f"tc qdisc add dev {link} root netem delay {DELAY_MS}ms limit 1000000")
        return None
    except (Unavailable, OSError):
        near.run("ip link delete far")
    command = [*near.prefix, DELAY_LINE, str(far.holder.pid), str(DELAY_MS), "far", "near"]
    line = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    if line.stdout.readline() != "ready\n":
        line.kill()
        said = line.communicate()[1].strip()
        raise Unavailable(f"no delay without sch_netem and tc, or /dev/net/tun ({said})")
    return line


def build_pair(network, link=link_veth):
    """The proxy's host, and another one; the default route of each leads to the other."""
    near, far = (network.hosts.append(new_host()) or network.hosts[-1] for _ in range(2))
    network.line = link(near, far)
    for host, device, own, other in ((near, "far", NEAR, FAR), (far, "near", FAR, NEAR)):
        host.set_up()
        host.run(f"ip address add {own}/24 dev {device}",
                 f"ip link set {device} mtu 1500 txqueuelen 10000 up",
                 f"ip route add default via {other}")
    return near, far


def build_veth(network, link=link_veth):
    near, far = build_pair(network, link)
    near.run(RETURN_RULE.format("127.0.0.0/8", "lo"), RETURN_ROUTE)
    far.run(f"ip route add local {REMOTE_NET}.0.0.0/8 dev lo")
    let_kernel_carry(near)
    network.load_host, network.proxy_host, network.backend_host = far, near, near
    network.proxy = f"{NEAR}:{PROXY_PORT}"
    network.direct = f"{NEAR}:{BACKEND_PORT}"
    network.proxy_net = network.direct_net = REMOTE_NET
    network.peers = f"{REMOTE_NET}.0.0.0/8"


def build_delay(network):
    build_veth(network, link_delayed)


def build_backend_veth(network):
    near, far = build_pair(network)
    near.run(RETURN_RULE.format(FAR, "far"), RETURN_ROUTE,
             f"ip route add local {REMOTE_NET}.0.0.0/8 dev lo")
    network.load_host, network.proxy_host, network.backend_host = near, near, far
    network.backend = network.direct = f"{FAR}:{BACKEND_PORT}"
    network.direct_net = REMOTE_NET


BUILDERS = {"loopback": build_loopback, "veth": build_veth, "delay": build_delay,
            "backend-veth": build_backend_veth}


def build(name):
    """A Network, to be closed; or Unavailable."""
    network = Network()
    try:
        BUILDERS[name](network)
    except (Unavailable, OSError, subprocess.CalledProcessError) as error:
        network.close()
        raise Unavailable(str(error)) from None
    return network
