# SPDX-License-Identifier: BSD-2-Clause
"""What "make bench" compares: how each program is told to do the same job.

Each listens on PROXY, takes a PROXY header of either version (over UDP: 2), and connects to BACKEND
from the address and port that the header names, with as many threads (or processes) as the others.
"""

import os
import re
import shutil
import subprocess

BACKEND = "127.0.0.1:8000"
PROXY = "127.0.0.1:7000"


class Setup:
    """What a contestant needs to know to write its configuration."""

    def __init__(self, folder, threads, descriptors, mmproxy):
        self.folder = folder
        self.threads = threads
        self.descriptors = descriptors  # the limit of a process
        self.mmproxy = mmproxy

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def find(program):
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


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
# those that a PROXY header can come by.


class Direct:
    """No proxy: what the load generator and the backend cost by themselves."""

    name = "direct"
    peer = False
    protocols = ("tcp", "udp")

    def version(self, setup):
        return ""

    def command(self, setup, protocol):
        return None


class Mmproxy:
    peer = False

    def __init__(self, relay, protocols):
        self.relay, self.protocols = relay, protocols
        self.name = f"mmproxy ({relay})"

    def version(self, setup):
        return first_number(setup.mmproxy, "-V") if find(setup.mmproxy) else None

    def command(self, setup, protocol):
        path = setup.write("mmproxy.conf", f"""
            workers = {setup.threads};
            user = "root";
            group = "root";
            drain_timeout = "1s";
            log = {{ level = "warn"; connections = false; }};
            listeners = (
              {{ name = "bench";
                listen = "{PROXY}";
                protocol = "{protocol}";
                targets = {{ ipv4 = "{BACKEND}"; }};
                allowed_subnets = [ "127.0.0.0/8" ];
                relay = "{self.relay}";
              }}
            );
            """)
        return [setup.mmproxy, "-c", path]


class GoMmproxy:
    """Go runs as many threads as there are CPUs; -listeners gives each a socket to accept from."""

    name = "go-mmproxy"
    peer = True
    protocols = ("tcp", "udp")

    def version(self, setup):
        return debian_version("go-mmproxy") if find(self.name) else None

    def command(self, setup, protocol):
        return ["env", f"GOMAXPROCS={setup.threads}", find(self.name), "-p", protocol,
                "-l", PROXY, "-4", BACKEND, "-6", "[::1]:8000", "-v", "0",
                "-listeners", str(setup.threads)]


class Haproxy:
    """It refuses to start if its connections and pipes could need more descriptors than it has."""

    name = "haproxy"
    peer = True
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
  bind {PROXY} accept-proxy backlog 4096
  server backend {BACKEND} source 0.0.0.0 usesrc client
""")
        return [find(self.name), "-db", "-f", path]


class NginxStream:
    """By itself it ends both sides at the first FIN, and loses what the other one still sends."""

    name = "nginx stream"
    peer = True
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
                listen {PROXY} proxy_protocol reuseport backlog=4096;
                proxy_bind $proxy_protocol_addr:$proxy_protocol_port transparent;
                proxy_half_close on;
                proxy_pass {BACKEND};
              }}
            }}
            """)
        return [find("nginx"), "-e", "stderr", "-c", path]


ALL = [Direct(), Mmproxy("splice", ("tcp", "udp")), Mmproxy("buffered", ("tcp",)), GoMmproxy(),
       Haproxy(), NginxStream()]
