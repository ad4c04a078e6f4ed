#!/usr/bin/env python3
"""Counters that go on in another process: `dump stats-file`, saved and loaded."""

import os
import sys
import tempfile

from cli_client import ask
from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_port, free_ports, receive_all, run_cases

TRAFFIC = ("stot", "bin", "bout", "hrsp_2xx", "hrsp_4xx", "dreq", "conn_tot", "req_tot", "lbtot", "connect", "intercepted", "econ")


def answer(peer):
    if peer.recv(65536):
        peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def config(folder, port, server_port, names=("in", "out", "one", "two"), guids=True, file="counters"):
    front, back, one, two = names

    def guid(text):
        return f"guid {text}" if guids else ""

    return f"""
global
  stats socket {folder}/cli level admin
  nbthread 2
  {f"stats-file {folder}/{file}" if file else ""}
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend {front}
  {guid("front-1")}
  bind 127.0.0.1:{port} {"guid-prefix bind" if guids else ""}
  http-request deny if {{ path /deny }}
  http-request return status 200 if {{ path /return }}
  default_backend {back}
backend {back}
  balance roundrobin
  {guid("back:1")}
  server {one} 127.0.0.1:{server_port} {guid("server.1")}
  server {two} 127.0.0.1:{server_port}
"""


def rows(folder):
    lines = ask(f"{folder}/cli", "show stat").splitlines()
    names = lines[0].removeprefix("# ").split(",")
    found = [dict(zip(names, line.split(","))) for line in lines[1:] if line]
    return {(r["pxname"], r["svname"]): {c: r[c] for c in TRAFFIC} for r in found}


def get(port, target):
    with connect(port) as peer:
        peer.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return receive_all(peer)


def make_traffic(port):
    for target in ["/"] * 6 + ["/deny"] * 2 + ["/return"]:
        check(get(port, target).startswith(b"HTTP/1."), target)


def save(folder, name="counters"):
    text = ask(f"{folder}/cli", "dump stats-file")
    with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
        file.write(text)
    return text


@case
def counters_go_on_in_the_next_process():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port = free_port()
        with Proxy(config(folder, port, server.port, file=""), [port]):
            make_traffic(port)
            before = rows(folder)
            text = save(folder)
        check(before[("in", "FRONTEND")]["stot"] == "9" and before[("out", "two")]["stot"] == "3", f"{before}")
        check(text.count("\n") == 8 and text.endswith("#end\n"), text)
        # By guid, under other names; the server without one begins anew, and its backend remembers what it had.
        with Proxy(config(folder, port, server.port, ("web", "app", "eins", "zwei")), [port]) as proxy:
            after = rows(folder)
            for (old, new) in ((("in", "FRONTEND"), ("web", "FRONTEND")), (("out", "BACKEND"), ("app", "BACKEND")),
                               (("out", "one"), ("app", "eins"))):  # fmt: skip
                check(after[new] == before[old], f"{new}: {after[new]} after {before[old]}")
            check(after[("app", "zwei")]["stot"] == "0", f"{after}")
            check("stats-file" not in proxy.said(), proxy.said())
            make_traffic(port)
            check(rows(folder)[("web", "FRONTEND")]["stot"] == "18", "they go on")
            check(rows(folder)[("app", "BACKEND")]["lbtot"] == "12", "of the backend")
            check(save(folder, "again").split("\n")[1] == text.split("\n")[1], "the same columns")
            # A reload in place does not load them again.
            check("was reloaded" in ask(f"{folder}/cli", "reload"), "reload")
            check(rows(folder)[("web", "FRONTEND")]["stot"] == "18", "loaded twice")
            ask(f"{folder}/cli", "clear counters all")
            left = {key: row for key, row in rows(folder).items() if any(row[c] not in ("", "0") for c in TRAFFIC)}
            check(not left, f"after clearing: {left}")


@case
def nothing_is_saved_without_guids():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port = free_port()
        with Proxy(config(folder, port, server.port, guids=False, file=""), [port]):
            make_traffic(port)
            lines = save(folder).splitlines()
            check(all(line.startswith("#") for line in lines) and len(lines) == 5, f"{lines}")


@case
def a_file_that_cannot_be_used_is_one_warning():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port = free_port()
        with Proxy(config(folder, port, server.port, file=""), [port]):
            make_traffic(port)
            good = save(folder)
        os.mkdir(f"{folder}/folder")
        os.mkfifo(f"{folder}/fifo")
        files = {
            "missing": None,
            "folder": None,
            "fifo": None,
            "empty": "",
            "alien": "#fe guid,stot\nfront-1,5\n",
            "states": "1\n# be_id be_name\n3 out 1 one 127.0.0.1\n",
            "binary": "\x00\x01\x7f" * 5000,
            "half": good[: len(good) // 2],
            "wrong": good.replace("front-1,9", "front-1,nine"),
        }
        for name, text in files.items():
            if text is not None:
                with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
            with Proxy(config(folder, port, server.port, file=name), [port]) as proxy:
                said = [line for line in proxy.said().splitlines() if "stats-file" in line]
                check(len(said) == 1 and "[WARNING]" in said[0], f"{name}: {proxy.said()}")
                check(("in part" in said[0]) == (name in ("half", "wrong")), said[0])
                check(get(port, "/").endswith(b"hello"), f"{name}: no answer")
                stot = rows(folder)[("in", "FRONTEND")]["stot"]
                check(stot == ("10" if name == "half" else "1"), f"{name}: {stot}")


@case
def a_thousand_servers_fit_into_the_answer():
    with tempfile.TemporaryDirectory() as folder:
        port, dead = free_ports(2)
        lines = "\n".join(f"  server s{i} 127.0.0.1:{dead} guid s{i}" for i in range(1000))
        with Proxy(config(folder, port, dead) + lines, [port]):
            text = save(folder)
        check(text.count("\ns") == 1001 and text.endswith("#end\n"), f"{len(text)} bytes")


if __name__ == "__main__":
    sys.exit(0 if IS_HAPROXY else run_cases())
