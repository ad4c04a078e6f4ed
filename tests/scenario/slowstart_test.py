"""slowstart: a server that is back takes load bit by bit, by weight and by maxconn, over all shards."""

import os
import sys
import tempfile
import time

from cli_client import ask
from harness import Proxy, Server, case, check, connect, free_port, receive_exactly, run_cases


def names_itself(name):
    def serve(peer):
        peer.sendall(name)
        while peer.recv(4096):
            pass

    return serve


def config_with(port, path, lines, backend="balance roundrobin"):
    return f"""
global
  nbthread 4
  stats socket {path} level admin
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout queue 20s
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  {backend}
{lines}
"""


def throttle(path, server):
    lines = ask(path, "show stat").splitlines()
    header = lines[0].lstrip("# ").split(",")
    for line in lines[1:]:
        row = dict(zip(header, line.split(",")))
        if row["svname"] == server:
            return row["throttle"]
    raise AssertionError(f"no server {server}")


def restart(path, server):
    check(ask(path, f"disable server out/{server}").strip() == "", "disable server")
    check(ask(path, f"enable server out/{server}").strip() == "", "enable server")


def share_of(port, count):
    """How many of `count` connections, one after the other, the server called "b" was given."""
    of_b = 0
    for _ in range(count):
        with connect(port) as client:
            of_b += receive_exactly(client, 1) == b"b"
    return of_b


def weight_grows(backend):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Server(names_itself(b"a")) as a, Server(names_itself(b"b")) as b:
        path = os.path.join(folder, "cli")
        lines = f"  server a 127.0.0.1:{a.port}\n  server b 127.0.0.1:{b.port} slowstart 4s"
        with Proxy(config_with(port, path, lines, backend), [port]):
            begin = share_of(port, 60)
            check(15 <= begin <= 45, f"{begin} of 60 after the start of the process, which is no slow start")
            check(throttle(path, "b") == "", "a throttle without a slow start")
            since = time.monotonic()
            restart(path, "b")
            few = share_of(port, 60)
            if time.monotonic() - since < 1:
                check(few <= 15, f"{few} of 60 within the first second of four")
                check(int(throttle(path, "b")) < 30, f"throttle {throttle(path, 'b')}")
            time.sleep(max(0, since + 4.5 - time.monotonic()))
            check(throttle(path, "b") == "", "a throttle after the slow start")
            full = share_of(port, 60)
            check(15 <= full <= 45, f"{full} of 60 after the slow start")


@case
def weight_grows_with_roundrobin():
    weight_grows("balance roundrobin")


@case
def weight_grows_with_random():
    weight_grows("balance random(1)")


@case
def maxconn_grows():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Server(names_itself(b"b")) as server:
        path = os.path.join(folder, "cli")
        lines = f"  server b 127.0.0.1:{server.port} slowstart 6s maxconn 20"
        with Proxy(config_with(port, path, lines), [port]):
            since = time.monotonic()
            restart(path, "b")
            clients = [connect(port, 30) for _ in range(20)]
            for client in clients:
                client.settimeout(0.02)
            inside, worst = set(), []
            while len(inside) < 20 and time.monotonic() - since < 15:
                for index, client in enumerate(clients):
                    if index in inside:
                        continue
                    try:
                        if client.recv(1) == b"b":
                            inside.add(index)
                    except OSError:
                        pass
                    allowed = max(1, 20 * (time.monotonic() - since + 0.1) / 6)
                    if len(inside) > allowed:
                        worst.append((len(inside), allowed))
            check(not worst, f"served, allowed: {worst[:3]}")
            check(len(inside) == 20, f"{len(inside)} of 20 served after all")
            for client in clients:
                client.close()


if __name__ == "__main__":
    sys.exit(run_cases())
