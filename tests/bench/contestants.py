# SPDX-License-Identifier: BSD-2-Clause
"""What "make bench" compares: how each program is told to do the same job.

Each listens on the network's proxy address, takes a PROXY header of either version (over UDP: 2),
and connects to the backend from the address and port that the header names, with as many threads
(or processes) as the others. MMPROXY_BENCH_PEERS names a directory of further programs, which are
known by name: go-mmproxy-kzemek (or kzemek-go-mmproxy), mmproxy-rs, and tcpkali, which makes load.
"""

import copy
import os
import re
import shutil
import subprocess

PEERS = "MMPROXY_BENCH_PEERS"


class Setup:
    """What a contestant needs to know to write its configuration."""

    def __init__(self, folder, threads, descriptors, mmproxy):
        self.folder = folder
        self.threads = threads
        self.descriptors = descriptors  # the limit of a process
        self.mmproxy = mmproxy
        self.tools = {"tcpkali": find_built("tcpkali")}
        self.proxy = self.backend = self.peers = None

    def on(self, network, threads=None):
        """The same on a Network, and with other threads where they are given."""
        setup = copy.copy(self)
        setup.proxy, setup.backend, setup.peers = network.proxy, network.backend, network.peers
        setup.threads = threads or self.threads
        return setup

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def find_built(*names):
    """A program of one of these names in the directory of peers; or None."""
    folder = os.environ.get(PEERS)
    for name in names if folder else ():
        path = os.path.join(os.path.abspath(folder), name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def first_number(*command):
    """The version that a program prints about itself."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    found = re.search(rb"\d+\.[0-9.]*[0-9]", done.stdout)
    return found.group().decode() if found else "unknown"


def debian_version(package):
    """For a program that does not tell its version."""
    if not find("dpkg-query"):
        return "unknown"
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], text=True,
                          capture_output=True, check=False)
    return done.stdout or "unknown"


# --- The contestants ------------------------------------------------------------------------------
# command(setup, protocol) is what to run, version(setup) is None where it is missing, protocols are
# those that a PROXY header can come by. Who is not packaged is of the directory of peers, or a part
# of mmproxy that it can be built without.


class Direct:
    """No proxy: what the load generator and the backend cost by themselves."""

    name = "direct"
    peer = False
    packaged = True
    protocols = ("tcp", "udp")

    def version(self, setup):
        return ""

    def command(self, setup, protocol):
        return None


def own_command(setup, protocol, keys):
    path = setup.write("mmproxy.conf", f"""
            workers = {setup.threads};
            user = "root";
            group = "root";
            drain_timeout = "1s";
            log = {{ level = "warn"; connections = false; }};
            listeners = (
              {{ name = "bench";
                listen = "{setup.proxy}";
                protocol = "{protocol}";
                targets = {{ ipv4 = "{setup.backend}"; }};
                allowed_subnets = [ "{setup.peers}" ];
                {keys}
              }}
            );
            """)
    return [setup.mmproxy, "-c", path]


class Mmproxy:
    peer = False
    packaged = True

    def __init__(self, relay, protocols):
        self.relay, self.protocols = relay, protocols
        self.name = f"mmproxy ({relay})"

    def version(self, setup):
        return first_number(setup.mmproxy, "-V") if find(setup.mmproxy) else None

    def command(self, setup, protocol):
        relay = f'relay = "{self.relay}";' if protocol == "tcp" else ""
        return own_command(setup, protocol, relay)


class KernelMmproxy:
    """Datagrams of flows that it has opened are carried by programs in the kernel."""

    name = "mmproxy (kernel)"
    peer = False
    packaged = False
    protocols = ("udp",)

    def version(self, setup):
        if not find(setup.mmproxy):
            return None
        said = subprocess.run([setup.mmproxy, "-V"], capture_output=True, text=True, check=False)
        return first_number(setup.mmproxy, "-V") if "libbpf: yes" in said.stdout else None

    def command(self, setup, protocol):
        return own_command(setup, protocol, 'udp_relay = "kernel";')


class GoMmproxy:
    """Go runs as many threads as there are CPUs; -listeners gives each a socket to accept from."""

    name = "go-mmproxy"
    peer = True
    packaged = True
    protocols = ("tcp", "udp")

    def version(self, setup):
        return debian_version("go-mmproxy") if find("go-mmproxy") else None

    def program(self):
        return find("go-mmproxy")

    def command(self, setup, protocol):
        return ["env", f"GOMAXPROCS={setup.threads}", self.program(), "-p", protocol,
                "-l", setup.proxy, "-4", setup.backend, "-6", "[::1]:8000", "-v", "0",
                "-listeners", str(setup.threads)]


class KzemekGoMmproxy(GoMmproxy):
    """Its command line is the same."""

    name = "kzemek/go-mmproxy"
    packaged = False

    def program(self):
        return find_built("go-mmproxy-kzemek", "kzemek-go-mmproxy")

    def version(self, setup):
        return "of the directory of peers" if self.program() else None


class MmproxyRs:
    """It logs every connection unless told not to, and tokio takes its threads from a variable."""

    name = "mmproxy-rs"
    peer = True
    packaged = False
    protocols = ("tcp", "udp")

    def version(self, setup):
        return "of the directory of peers" if find_built("mmproxy-rs") else None

    def command(self, setup, protocol):
        return ["env", f"TOKIO_WORKER_THREADS={setup.threads}", "RUST_LOG=error",
                find_built("mmproxy-rs"), "-p", protocol, "-l", setup.proxy, "-4", setup.backend,
                "-6", "[::1]:8000", "--listeners", str(setup.threads)]


class Haproxy:
    """It refuses to start if its connections and pipes could need more descriptors than it has."""

    name = "haproxy"
    peer = True
    packaged = True
    protocols = ("tcp",)

    def version(self, setup):
        return first_number(find(self.name), "-v") if find(self.name) else None

    def command(self, setup, protocol):
        pipes = 200
        connections = min(20000, (setup.descriptors - 2 * pipes - 100) // 2)
        path = setup.write("haproxy.cfg", f"""
global
  nbthread {setup.threads}
  maxconn {connections}
  maxpipes {pipes}
defaults
  mode tcp
  maxconn {connections}
  option splice-auto
  timeout connect 5s
  timeout client 10m
  timeout server 10m
listen bench
  bind {setup.proxy} accept-proxy backlog 4096
  server backend {setup.backend} source 0.0.0.0 usesrc client
""")
        return [find(self.name), "-db", "-f", path]


class NginxStream:
    """By itself it ends both sides at the first FIN, and loses what the other one still sends."""

    name = "nginx stream"
    peer = True
    packaged = True
    protocols = ("tcp",)

    def __init__(self):
        self.module = None

    def version(self, setup):
        program = find("nginx")
        if not program:
            return None
        build = subprocess.run([program, "-V"], capture_output=True, text=True, check=False).stderr
        if "--with-stream=dynamic" in build:
            modules = re.search(r"--modules-path=(\S+)", build)
            self.module = modules and modules.group(1) + "/ngx_stream_module.so"
            if not self.module or not os.path.exists(self.module):
                return None
        elif "--with-stream" not in build:
            return None
        return first_number(program, "-v")

    def command(self, setup, protocol):
        load_module = f"load_module {self.module};" if self.module else ""
        path = setup.write("nginx.conf", f"""
            {load_module}
            user root;
            daemon off;
            worker_processes {setup.threads};
            pid {setup.folder}/nginx.pid;
            error_log stderr warn;
            events {{ worker_connections {min(40000, setup.descriptors - 100)}; }}
            stream {{
              server {{
                listen {setup.proxy} proxy_protocol reuseport backlog=4096;
                proxy_bind $proxy_protocol_addr:$proxy_protocol_port transparent;
                proxy_half_close on;
                proxy_pass {setup.backend};
              }}
            }}
            """)
        return [find("nginx"), "-e", "stderr", "-c", path]


ALL = [Direct(), Mmproxy("splice", ("tcp", "udp")), Mmproxy("buffered", ("tcp",)), KernelMmproxy(),
       GoMmproxy(), KzemekGoMmproxy(), MmproxyRs(), Haproxy(), NginxStream()]
