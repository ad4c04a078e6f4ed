#!/usr/bin/env python3
"""Servers of `ring` sections and `log tcp@`: lines over streams, to servers that are slow, dead or come back."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cli_client import Cli, ask
from harness import PROGRAM, Proxy, Server, case, check, connect, free_port, run_cases

REQUEST = b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n"


class Sink:
    """Takes lines; `data` is what each connection has sent."""

    def __init__(self, port=0, path=None):
        self.data = []
        self.server = Server(self._take, port=port, path=path)
        self.port = 0 if path else self.server.port

    def _take(self, peer):
        index = len(self.data)
        self.data.append(b"")
        while got := peer.recv(65536):
            self.data[index] += got

    def all(self):
        return b"".join(self.data)

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *_):
        self.server.__exit__()


def wait_until(truth, what, seconds=10):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, what() if callable(what) else what)
        time.sleep(0.02)


def config(port, cli, sections="", log="log ring@r local0", top=""):
    return f"""
global
  nbthread 2
  stats socket {cli} level admin
{top}
{sections}
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend web
  bind 127.0.0.1:{port}
  {log}
  log-format "line %HU"
  http-request return status 200
"""


def request(port, first, count=1):
    with connect(port) as peer:
        for number in range(first, first + count):
            peer.sendall(REQUEST % number)
            got = b""
            while not got.endswith(b"\r\n\r\n"):
                more = peer.recv(65536)
                check(more, f"the proxy closed after {got!r}")
                got += more


def ring(server_port, more="", options=""):
    return f"""
ring r
  format raw
  maxlen 1200
  size 32764
  timeout connect 1s
  timeout server 1s
  {more}
  server sink 127.0.0.1:{server_port} {options}
"""


def facts(cli, name="sink"):
    found = re.search(rf"server {re.escape(name)} : (connected|not connected), connects=(\d+) sent=(\d+) lost=(\d+)",
                      ask(cli, "show events"))
    check(found, "the server is not listed")
    return found.group(1) == "connected", int(found.group(2)), int(found.group(3)), int(found.group(4))


def dropped(cli):
    return int(re.search(r"^DroppedLogs: (\d+)$", ask(cli, "show info"), re.M).group(1))


@case
def lines_arrive_framed_by_line_feeds():
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        port, cli = free_port(), f"{folder}/cli"
        with Proxy(config(port, cli, ring(sink.port)), [port]):
            request(port, 0, 50)
            wanted = b"".join(b"line /%d\n" % number for number in range(50))
            wait_until(lambda: sink.all() == wanted, lambda: f"arrived: {sink.all()!r}")
            check(len(sink.data) == 1, "one connection is enough")
            # A shard that sleeps is woken by the next line.
            time.sleep(0.3)
            request(port, 50)
            wait_until(lambda: sink.all().endswith(b"line /50\n"), "the line after the pause is missing", 2)
            check(facts(cli) == (True, 1, 51, 0), str(facts(cli)))


@case
def lines_arrive_framed_by_their_length():
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        port, cli = free_port(), f"{folder}/cli"
        with Proxy(config(port, cli, ring(sink.port, options="log-proto octet-count").replace("raw", "rfc5424")), [port]):
            request(port, 98, 5)
            wait_until(lambda: b"/102" in sink.all(), "lines are missing")
            rest, lines = sink.all(), []
            while rest:
                length, rest = rest.split(b" ", 1)
                lines.append(rest[: int(length)])
                rest = rest[int(length) :]
            for number, line in zip(range(98, 103), lines, strict=True):
                check(re.match(rb"^<134>1 \S+ \S+ ringway \d+ - - line /%d$" % number, line), str(line))


@case
def two_servers_get_a_copy_each():
    with tempfile.TemporaryDirectory() as folder, Sink() as one, Sink() as other:
        port, cli = free_port(), f"{folder}/cli"
        with Proxy(config(port, cli, ring(one.port, f"server first 127.0.0.1:{other.port}")), [port]):
            request(port, 0, 20)
            for sink in (one, other):
                wait_until(lambda sink=sink: sink.all().count(b"\n") == 20, "lines are missing")


@case
def a_dead_server_that_returns():
    """What the ring still holds arrives; what it could not hold is counted. Traffic never notices."""
    with tempfile.TemporaryDirectory() as folder:
        port, cli, target = free_port(), f"{folder}/cli", free_port()
        with Proxy(config(port, cli, ring(target).replace("32764", "1000")), [port]):
            begin = time.monotonic()
            request(port, 0, 400)
            check(time.monotonic() - begin < 5, "traffic waited for the log server")
            wait_until(lambda: facts(cli)[3] > 200, lambda: f"lost lines are not counted: {facts(cli)}")
            check(not facts(cli)[0], "it is not there")
            with Sink(target) as sink:
                wait_until(lambda: sink.all().endswith(b"line /399\n"), lambda: f"arrived: {sink.all()!r}")
                lines = sink.all().splitlines()
                _, connects, sent, lost = facts(cli)
                check(sent == len(lines) and sent + lost == 400 and connects == 1, str(facts(cli)))
                check(lines == [b"line /%d" % number for number in range(400 - len(lines), 400)], str(lines[:3]))
                check(dropped(cli) == lost, "DroppedLogs")
                request(port, 400)
                wait_until(lambda: sink.all().endswith(b"line /400\n"), "it goes on")
            wait_until(lambda: not facts(cli)[0], "the end of the connection is not noticed")
            request(port, 401, 3)
            with Sink(target) as sink:
                wait_until(lambda: sink.all() == b"line /401\nline /402\nline /403\n", lambda: f"arrived: {sink.all()!r}")


@case
def a_server_that_does_not_read():
    """Neither traffic nor the ring waits; after `timeout server` the connection is given up and tried anew."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        port, cli = free_port(), f"{folder}/cli"
        with Proxy(config(port, cli, ring(listener.getsockname()[1]), top="  tune.bufsize 16384").replace(
                "line %HU", "line %HU " + 900 * "x"), [port]) as proxy:
            peer, _ = listener.accept()
            begin, number = time.monotonic(), 0
            before = -1
            while facts(cli)[2] != before:  # the kernel has taken what it could
                check(time.monotonic() - begin < 60, f"it goes on taking lines: {facts(cli)}")
                before = facts(cli)[2]
                request(port, number, 500)
                number += 500
            wait_until(lambda: facts(cli)[1] >= 2, lambda: f"the connection is never given up: {facts(cli)}", seconds=30)
            begin = time.monotonic()
            request(port, number, 200)
            check(time.monotonic() - begin < 5, "traffic waited for the log server")
            check(dropped(cli) > 0, "DroppedLogs")
            check(proxy.rss_kb() < 300000, "memory grows")
            peer.close()


@case
def a_server_that_reads_slowly_gets_whole_lines():
    with tempfile.TemporaryDirectory() as folder, socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(10)
        port, cli = free_port(), f"{folder}/cli"
        text = ring(listener.getsockname()[1]).replace("timeout server 1s", "timeout server 20s")
        with Proxy(config(port, cli, text).replace("line %HU", "line %HU " + 900 * "x" + " end"), [port]):
            peer, _ = listener.accept()
            thread = threading.Thread(target=request, args=(port, 0, 3000))
            thread.start()
            thread.join()
            got = b""
            peer.settimeout(10)
            while not got.endswith(b"/2999 " + 900 * b"x" + b" end\n"):
                more = peer.recv(65536)
                check(more, "the proxy gave a slow reader up")
                got += more
            _, connects, sent, lost = facts(cli)
            lines = got.splitlines()
            # On a busy machine some do not even get as far as the ring.
            gone = dropped(cli)
            check(connects == 1 and len(lines) == sent and lost <= gone and sent + gone == 3000,
                  f"{len(lines)} lines, {facts(cli)}, {gone} gone")
            for line in lines:
                check(re.fullmatch(rb"line /\d+ x{900} end", line), line[:40])
            peer.close()


@case
def log_over_tcp_and_over_a_unix_stream():
    """`log tcp@` brings a ring of its own, and each line keeps its own format."""
    with tempfile.TemporaryDirectory() as folder, Sink() as sink, Sink(path=f"{folder}/sink") as local:
        port, cli = free_port(), f"{folder}/cli"
        logs = f"""log tcp@127.0.0.1:{sink.port} format raw local0
  log tcp@127.0.0.1:{sink.port} format priority local1 notice
  log tcp@127.0.0.1:{sink.port} len 80 format short local1
  log uxst@{folder}/sink format timed local2"""
        with Proxy(config(port, cli, log=logs), [port]):
            request(port, 7)
            wait_until(lambda: sink.all() == b"line /7\n<6>line /7\n", lambda: f"arrived: {sink.all()!r}")
            wait_until(lambda: re.fullmatch(rb"<6>\S+ line /7\n", local.all()), lambda: f"arrived: {local.all()!r}")
            check(facts(cli, f"tcp@127.0.0.1:{sink.port}") == (True, 1, 2, 0), "one connection for both lines")


@case
def traffic_goes_on_while_many_lines_leave():
    with tempfile.TemporaryDirectory() as folder, Sink() as sink:
        port, cli = free_port(), f"{folder}/cli"
        with Proxy(config(port, cli, ring(sink.port).replace("32764", "1000000")), [port]):
            threads = [threading.Thread(target=request, args=(port, 1000 * i, 1000)) for i in range(1, 5)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wait_until(lambda: sink.all().count(b"\n") == 4000, lambda: f"{sink.all().count(10)} lines, {facts(cli)}")
            check(sorted(sink.all().splitlines()) == sorted(b"line /%d" % n for n in range(1000, 5000)), "other lines")


@case
def show_events_waits_for_what_comes():
    with tempfile.TemporaryDirectory() as folder:
        port, path = free_port(), f"{folder}/cli"
        with Proxy(config(port, path, "ring r\n  format raw"), [port]):
            request(port, 1)
            wait_until(lambda: ask(path, "show events r") == "line /1\n", "the first line")
            new, every = Cli(path), Cli(path)
            new.send("show events r -nw\n")
            every.send("show events r -w -0\n")
            check(every.until("\0") == "line /1\0", "it begins with what is there")
            time.sleep(0.2)
            request(port, 2)
            check(new.until("\n") == "line /2\n", "what is new")
            check(every.until("\0") == "line /2\0", "NUL behind each")
            request(port, 3)
            check(new.until("\n") == "line /3\n", "it goes on")
            new.send("\n")
            check(new.rest() == "\n", "any input ends it")
            every.socket.close()
            check(ask(path, "show events r -n") == "", "nothing is new")
            check("knows" in ask(path, "show events r -x"), "an option nobody knows")


@case
def bad_lines_are_refused():
    for lines, words in (
        ("server s", "a name and an address"),
        ("server s 127.0.0.1:1 ssl", "'ssl' is not supported for a server of a ring"),
        ("server s 127.0.0.1:1 log-proto", "'log-proto' expects"),
        ("server s 127.0.0.1:1 log-proto tls", "not 'tls'"),
        ("server s 127.0.0.1:1\n  server s 127.0.0.1:2", "has a server 's' already"),
        ("server s 127.0.0.1:99999", "99999"),
        ("timeout connect soon", "soon"),
        ("timeout server", "a time"),
        ("timeout client 1s", "timeout client"),
    ):
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
            file.write(f"ring r\n  {lines}\n{config(1, '/tmp/unused')}")
            file.flush()
            done = subprocess.run([PROGRAM, "-c", "-f", file.name], capture_output=True, text=True, timeout=20)
            check(done.returncode == 1 and words in done.stderr and f"{file.name}:" in done.stderr,
                  f"{lines}: {done.returncode} {done.stderr}")


if __name__ == "__main__":
    sys.exit(run_cases())
