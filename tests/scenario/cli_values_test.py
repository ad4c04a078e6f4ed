#!/usr/bin/env python3
"""What the runtime command line says of things that traffic has done, and what it changes about them: the values are made
first, and then asked for. The first case runs against HAProxy, too."""

import sys
import time

from cli_client import ask
from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_port, free_ports, receive_all, run_cases

DEFAULTS = """
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""


def head(cli):
    return f"""
global
  stats socket {cli} level admin
{DEFAULTS}
"""


def rows(cli):
    lines = ask(cli, "show stat").splitlines()
    names = lines[0].removeprefix("# ").split(",")
    found = [dict(zip(names, line.split(","))) for line in lines[1:] if line]
    return {(row["pxname"], row["svname"]): row for row in found}


def info(cli):
    return dict(line.split(": ", 1) for line in ask(cli, "show info").splitlines() if line)


def within(seconds, truth, what="it did not come about"):
    end = time.monotonic() + seconds
    while not (found := truth()):
        check(time.monotonic() < end, what)
        time.sleep(0.05)
    return found


def get(port, target):
    line = f"GET {target} HTTP/1.1\r\nHost: x\r\n"
    try:
        with connect(port) as once:
            once.sendall(f"{line}Connection: close\r\n\r\n".encode())
            return receive_all(once).decode()
    except ConnectionError:
        return ""


# What a request for a target adds to which rows.
DENIALS = [
    ("/deny", {("in", "FRONTEND"): {"dreq": 1}}),
    ("/reject", {("in", "FRONTEND"): {"dreq": 1}}),
    ("/content", {("in", "FRONTEND"): {"dreq": 1}}),
    ("/return", {("in", "FRONTEND"): {"intercepted": 1}}),
    ("/back", {("in", "FRONTEND"): {"dreq": 1}, ("out", "BACKEND"): {"dreq": 1}}),
    ("/204", {("in", "FRONTEND"): {"dresp": 1}, ("out", "BACKEND"): {"dresp": 1}, ("out", "s1"): {"dresp": 1}}),
    ("/205", {("in", "FRONTEND"): {"dresp": 1}, ("out", "BACKEND"): {"dresp": 1}, ("out", "s1"): {"dresp": 1}}),
    ("/other", {}),
]
COUNTED = ("dreq", "dresp", "intercepted", "dcon", "dses")


@case
def denials_are_counted_where_they_happen():
    ports = free_ports(5)
    front, server, by_connection, by_session, by_content = ports
    cli = f"/tmp/ringway-values-{front}.sock"
    config = f"""{head(cli)}
frontend in
  bind 127.0.0.1:{front}
  tcp-request content reject if {{ path /content }}
  http-request deny if {{ path /deny }}
  http-request reject if {{ path /reject }}
  http-request return status 200 if {{ path /return }}
  http-response deny if {{ status 204 }}
  default_backend out
backend out
  http-request deny if {{ path /back }}
  http-response deny if {{ status 205 }}
  server s1 127.0.0.1:{server}
listen server
  bind 127.0.0.1:{server}
  http-request return status 204 if {{ path /204 }}
  http-request return status 205 if {{ path /205 }}
  http-request return status 200
frontend connection
  bind 127.0.0.1:{by_connection}
  tcp-request connection reject
frontend session
  bind 127.0.0.1:{by_session}
  tcp-request session reject
listen content
  mode tcp
  bind 127.0.0.1:{by_content}
  tcp-request content reject
  server s1 127.0.0.1:{server}
"""

    def added(before):
        after = rows(cli)
        grown = {key: {c: int(row[c] or 0) - int(before[key][c] or 0) for c in COUNTED} for key, row in after.items()}
        return {key: counts for key, row in grown.items() if key[0] != "server" and (counts := {c: n for c, n in row.items() if n})}

    with Proxy(config, ports):
        for target, wanted in DENIALS:
            before = rows(cli)
            get(front, target)
            time.sleep(0.1)  # until it has ended
            check(added(before) == wanted, f"{target}: {added(before)}")
        for port, wanted in (
            (by_connection, {("connection", "FRONTEND"): {"dcon": 1}}),
            (by_session, {("session", "FRONTEND"): {"dses": 1}}),
            (by_content, {("content", "FRONTEND"): {"dreq": 1}}),
        ):
            before = rows(cli)
            get(port, "/")
            time.sleep(0.1)
            check(added(before) == wanted, f"{wanted}: {added(before)}")
        if IS_HAPROXY:
            return
        ask(cli, "clear counters all")
        left = {key: {c: row[c] for c in COUNTED if row[c] not in ("", "0")} for key, row in rows(cli).items()}
        check(not any(left.values()), f"after clearing: {left}")


BULK = bytes(8 << 20)


@case
def pipes_of_splicing_are_shown():
    front = free_port()
    cli = f"/tmp/ringway-values-{front}.sock"
    with Server(lambda peer: peer.sendall(BULK)) as server:
        config = f"""
global
  stats socket {cli} level admin
  nbthread 2
  maxpipes 7
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen in
  bind 127.0.0.1:{front}
  option splice-response
  server s1 127.0.0.1:{server.port}
"""
        with Proxy(config, [front]):
            fields = info(cli)
            check((fields["PipesUsed"], fields["PipesFree"], fields["TotalSplicedBytesOut"]) == ("0", "0", "0"), f"{fields}")
            check(int(fields["Maxpipes"]) >= 7, f"{fields['Maxpipes']} pipes at most")
            with connect(front) as peer:
                # It reads nothing: what does not fit into its socket stays in the pipe.
                within(10, lambda: int(info(cli)["PipesUsed"]) == 1, "no pipe is in use")
                check(len(receive_all(peer)) == len(BULK), "bytes are missing")
            fields = within(10, lambda: (f := info(cli))["PipesUsed"] == "0" and f, "a pipe stays in use")
            check(fields["PipesFree"] == "1", f"{fields['PipesFree']} pipes are kept")
            check(len(BULK) // 2 < int(fields["TotalSplicedBytesOut"]) <= len(BULK), f"{fields['TotalSplicedBytesOut']}")
            check(fields["Listeners"] == "2", f"{fields['Listeners']} listeners")
            ask(cli, "disable frontend in")
            check(info(cli)["Listeners"] == "1", "a paused frontend counts")


if __name__ == "__main__":
    sys.exit(run_cases())
