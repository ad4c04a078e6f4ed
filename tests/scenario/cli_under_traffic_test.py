"""The runtime command line while all shards are busy: every command, again and again, and no exchange goes wrong.

Under the thread sanitizer this is what crosses shards the most: see docs/testing.md.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from cli_client import ask
from harness import SANITIZED, Proxy, Server, case, check, connect, echo, free_port, need_program, run_cases, until

SECONDS = 6
CLIENTS = 256

# Nothing here takes the last server away or ends a stream: every exchange must succeed.
HARMLESS = [
    "show info", "show info typed", "show info json", "show stat", "show stat typed", "show stat json", "show sess",
    "show sess all", "show servers state", "show servers conn", "show version", "show cli sockets", "show shards",
    "show backend", "show env", "clear counters", "get weight web/s1", "set weight web/s1 10", "set weight web/s1 100%",
    "set server web/s2 state drain", "set server web/s2 state ready", "set server web/s3 weight 3",
    "set maxconn server web/s3 7", "set maxconn server web/s3 20", "set maxconn frontend web 900",
    "set maxconn frontend web 1000", "set maxconn global 1500", "set maxconn global 2000", "help",
]
# What does: clients may lose connections, the proxy must not lose its head.
HARMFUL = [
    "disable server web/s2", "enable server web/s2", "shutdown sessions server web/s1", "shutdown sessions server raw/s1",
    "disable frontend web", "enable frontend web", "set server web/s1 state maint", "set server web/s1 state ready",
    "clear counters all",
]


def answer(peer):
    while piece := peer.recv(4096):
        for _ in range(piece.count(b"\r\n\r\n")):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def config(web, raw, path, http_ports, echo_port):
    servers = "\n".join(f"  server s{i + 1} 127.0.0.1:{port} maxconn 20" for i, port in enumerate(http_ports))
    return f"""
global
  nbthread 4
  maxconn 2000
  stats socket {path} level admin
defaults
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout queue 30s
listen web
  mode http
  maxconn 1000
  bind 127.0.0.1:{web}
  balance leastconn
{servers}
listen raw
  mode tcp
  bind 127.0.0.1:{raw}
  server s1 127.0.0.1:{echo_port}
"""


class Wrk:
    """Keep-alive clients over two threads; `result()` is (requests, errors)."""

    def __init__(self, port):
        wrk = need_program("wrk")
        command = [wrk, "-t", "2", "-c", str(CLIENTS), "-d", f"{SECONDS}s", "--timeout", "30s", f"http://127.0.0.1:{port}/"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def result(self):
        said = self.process.communicate(timeout=SECONDS + 60)[0]
        requests = re.search(r"(\d+) requests in", said)
        check(requests, said)
        errors = re.search(r"Socket errors: (.*)|Non-2xx.*", said)
        return int(requests.group(1)), errors.group(0) if errors else ""


def comes_and_goes(port, end, broken):
    while time.monotonic() < end:
        try:
            with connect(port) as client:
                for _ in range(5):
                    client.sendall(b"ping")
                    if client.recv(4) != b"ping":
                        return broken.append("no echo")
        except OSError as error:
            return broken.append(str(error))


def under_traffic(driver, commands, forgiving):
    web, raw = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="ringway-cli-") as folder:
        path = os.path.join(folder, "sock")
        servers = [Server(answer) for _ in range(3)]
        echo_server = Server(echo)
        text = config(web, raw, path, [server.port for server in servers], echo_server.port)
        with Proxy(text, [web, raw], environment={"RINGWAY_RING": driver}) as proxy:
            end = time.monotonic() + SECONDS
            broken, refused = [], []
            wrk = Wrk(web)
            # It gives up when its very first connection is refused, which some commands would do.
            until(lambda: "\nCumReq: 0\n" not in ask(path, "show info"), 30, "nothing is asked for")
            peers = [threading.Thread(target=comes_and_goes, args=(raw, end, broken)) for _ in range(3)]

            def asks(first):
                number = first
                while time.monotonic() < end:
                    command = commands[number % len(commands)]
                    text = ask(path, command)
                    if "Unknown command" in text or "Permission denied" in text:
                        refused.append(command)
                    number += 1
            peers += [threading.Thread(target=asks, args=(i * 7,)) for i in range(2)]
            for peer in peers:
                peer.start()
            requests, errors = wrk.result()
            for peer in peers:
                peer.join(60)
            check(not any(peer.is_alive() for peer in peers), "somebody waits for ever")
            check(not refused, f"not commands: {set(refused)}")
            if not forgiving:
                check(not errors and not broken, f"{errors} {broken[:3]}")
                check(requests > (200 if SANITIZED else 2000), f"{requests} requests")
            for command in ["enable frontend web", "set server web/s1 state ready", "set server web/s2 state ready"]:
                ask(path, command)
            with connect(web) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                check(client.recv(4096).startswith(b"HTTP/1.1 200 "), "it answers no more")
            status = proxy.stop(signal.SIGUSR1, 30)
            check(status == 0, f"exit status {status}")


@case
def asking_and_tuning_harms_no_exchange_uring():
    under_traffic("uring", HARMLESS, forgiving=False)


@case
def asking_and_tuning_harms_no_exchange_poll():
    under_traffic("poll", HARMLESS, forgiving=False)


@case
def taking_away_and_giving_back_uring():
    under_traffic("uring", HARMLESS[::3] + HARMFUL, forgiving=True)


@case
def taking_away_and_giving_back_poll():
    under_traffic("poll", HARMLESS[::3] + HARMFUL, forgiving=True)


if __name__ == "__main__":
    sys.exit(run_cases())
