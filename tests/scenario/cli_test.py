#!/usr/bin/env python3
"""The runtime command line where a scenario of one answer is not enough: conversations, many streams, many shards."""

import json
import re
import socket
import struct
import sys
import time

from cli_client import Cli, ask
from harness import DEFAULTS, Proxy, Server, case, check, connect, echo, free_port, is_closed_within, receive_all, run_cases


def config(port, server_port, path, top=""):
    return f"""
global
  stats socket {path} level admin
  stats timeout 5s
  {top}
{DEFAULTS}
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  server s1 127.0.0.1:{server_port}
  server s2 127.0.0.1:{server_port} backup
"""


class Setup:
    def __init__(self, top=""):
        self.port = free_port()
        self.server = Server(echo)
        self.path = f"/tmp/ringway-cli-{self.port}.sock"
        self.proxy = Proxy(config(self.port, self.server.port, self.path, top), ports=[self.port])

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *what):
        self.proxy.__exit__(*what)
        self.server.__exit__(*what)

    def open(self, count):
        peers = [connect(self.port) for _ in range(count)]
        for peer in peers:
            peer.sendall(b"x")
            check(peer.recv(1) == b"x", "no echo")
        return peers


def row(path, proxy, name):
    lines = ask(path, "show stat").splitlines()
    names = lines[0].removeprefix("# ").split(",")
    for line in lines[1:]:
        fields = dict(zip(names, line.split(",")))
        if (fields["pxname"], fields["svname"]) == (proxy, name):
            return fields
    raise AssertionError(f"no {proxy},{name} in {lines}")


def within(seconds, truth):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, "it did not come about")
        time.sleep(0.05)


@case
def a_silent_connection_is_closed_after_its_line():
    with Setup() as setup:
        check(ask(setup.path, "show cli level", half_close=False) == "admin\n", "another level")
        cli = Cli(setup.path)
        cli.send("show cli level\nshow cli level\n")
        check(cli.rest() == "admin\n\n", "more than one line was answered")


@case
def prompt_keeps_the_connection_and_stats_timeout_ends_it():
    with Setup("stats timeout 1s") as setup:
        cli = Cli(setup.path)
        cli.send("prompt\n")
        check(cli.until("> ") == "\n> ", "no prompt")
        for _ in range(4):
            time.sleep(0.4)
            cli.send("show cli level\n")
            check(cli.until("> ") == "admin\n\n> ", "no answer")
        check(is_closed_within(cli.socket, 3), "it stays open")


@case
def show_sess_lists_the_streams_of_all_shards():
    with Setup("nbthread 3") as setup:
        peers = setup.open(60)
        lines = [l for l in ask(setup.path, "show sess").splitlines() if "fe=in" in l]
        check(len(lines) == 60, f"{len(lines)} streams")
        check(len({l.split(":")[0] for l in lines}) == 60, "a number stands twice")
        check({re.search(r"shard=(\d+)", l).group(1) for l in lines} == {"0", "1", "2"}, "not all shards")
        check(len(ask(setup.path, "show sess backend out").splitlines()) == 60, "of the backend")
        check(len(ask(setup.path, "show sess server out/s1").splitlines()) == 60, "of the server")
        check(ask(setup.path, "show sess server out/s2") == "", "of the other server")
        check(ask(setup.path, "show sess frontend in older 1h") == "", "of an hour ago")
        shards = ask(setup.path, "show shards").splitlines()
        check(len(shards) == 3 and all(" ring=" in l for l in shards), f"{shards}")
        for peer in peers:
            peer.close()


@case
def show_sess_tells_the_last_moves():
    with Setup() as setup:
        peers = setup.open(1)
        number = next(l.split(":")[0] for l in ask(setup.path, "show sess").splitlines() if "fe=in" in l)
        text = ask(setup.path, f"show sess {number}")
        for wanted in [number + ": [", "frontend=in ", "backend=out ", "server=s1 ", "request: in=1 out=1"]:
            check(wanted in text, f"no {wanted!r} in {text}")
        moves = re.findall(r"^    \d\d:\d\d:\d\d\.\d{3} (client|server) (\S+) -> (\S+)", text, re.M)
        check(len(moves) >= 4 and moves[-1][2] == "EST", f"moves {moves}")
        check(text.count("\n0x") == 0, "more than one stream")
        check("No such session" in ask(setup.path, "show sess 0x1ffffffffff"), "a stream that is not there")
        peers[0].close()


@case
def a_connection_attempt_that_fails_says_why():
    port, dead = free_port(), free_port()
    path = f"/tmp/ringway-cli-{port}.sock"
    with Proxy(config(port, dead, path).replace("timeout connect 5s", "timeout connect 3s"), ports=[port]):
        peer = connect(port)
        peer.sendall(b"x")
        time.sleep(0.3)  # between the first attempt and its repetition
        text = ask(path, "show sess all")
        check("connect_refused" in text and "server CON -> " in text, text)
        peer.close()


@case
def a_client_that_reset_before_anybody_asked_has_no_address():
    """The proxy does not read from it, so that it has not noticed; the kernel has, and forgot the address."""
    port = free_port()
    path = f"/tmp/ringway-cli-{port}.sock"
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        with Proxy(config(port, deaf.getsockname()[1], path), ports=[port]):
            peer = connect(port)
            peer.settimeout(0.5)
            try:
                while True:
                    peer.sendall(b"x" * 65536)
            except socket.timeout:
                pass
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            time.sleep(0.1)
            line = next(l for l in ask(path, "show sess").splitlines() if "fe=in" in l)
            check("proto=? src=? " in line and "cs=EST" in line, line)


@case
def thousands_of_streams_are_listed_whole_to_a_slow_reader():
    with Setup("nbthread 2\n  maxconn 2000") as setup:
        peers = setup.open(800)
        cli = Cli(setup.path)
        cli.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        cli.send("show sess all;show sess\n")
        time.sleep(0.5)
        text = cli.rest()
        check(len(re.findall(r"^0x\w+: \[.* proto=tcpv4", text, re.M)) == 800, "long form")
        check(len(re.findall(r"^0x\w+: proto=tcpv4 .* fe=in ", text, re.M)) == 800, "short form")
        for peer in peers:
            peer.close()


@case
def a_reader_that_leaves_in_the_middle_harms_nobody():
    with Setup("nbthread 2\n  maxconn 2000") as setup:
        peers = setup.open(300)
        for i in range(60):
            cli = Cli(setup.path)
            cli.send("show sess all;" * 20 + "\n")
            if i % 2:
                cli.socket.recv(100)
            cli.socket.close()
        within(5, lambda: "fe=GLOBAL" not in ask(setup.path, "show sess frontend in"))
        check(row(setup.path, "in", "FRONTEND")["scur"] == "300", "the others are gone")
        for peer in peers:
            peer.close()


@case
def shutdown_ends_one_stream_or_all_of_a_server():
    with Setup("nbthread 2") as setup:
        peers = setup.open(6)
        numbers = [l.split(":")[0] for l in ask(setup.path, "show sess backend out").splitlines()]
        check(ask(setup.path, f"shutdown session {numbers[3]}") == "", "it was refused")
        within(3, lambda: len(ask(setup.path, "show sess backend out").splitlines()) == 5)
        check(sum(is_closed_within(peer, 0.1) for peer in peers) == 1, "not one of them")
        check("No such session" in ask(setup.path, f"shutdown session {numbers[3]}"), "twice")
        check("Require 'backend/server'" in ask(setup.path, "shutdown sessions server out"), "half a name")
        ask(setup.path, "shutdown sessions server out/s2")
        check(len(ask(setup.path, "show sess backend out").splitlines()) == 5, "of the wrong server")
        ask(setup.path, "shutdown sessions server out/s1")
        check(all(is_closed_within(peer, 3) for peer in peers), "some are open")


@case
def counters_add_up_over_shards():
    with Setup("nbthread 3") as setup:
        peers = setup.open(7)
        for name, proxy in [("FRONTEND", "in"), ("BACKEND", "out"), ("s1", "out")]:
            fields = row(setup.path, proxy, name)
            check((fields["scur"], fields["stot"]) == ("7", "7"), f"{name}: {fields}")
            check(4 <= int(fields["smax"]) <= 7, f"{name}: smax {fields['smax']}")
        for peer in peers:
            peer.close()
        within(3, lambda: row(setup.path, "in", "FRONTEND")["scur"] == "0")
        within(3, lambda: row(setup.path, "out", "s1")["bout"] == "7")
        check(row(setup.path, "in", "FRONTEND")["bin"] == "7", "bytes in")
        ask(setup.path, "clear counters")
        fields = row(setup.path, "out", "BACKEND")
        check((fields["smax"], fields["stot"]) == ("0", "7"), f"after clear counters: {fields}")
        ask(setup.path, "clear counters all")
        fields = row(setup.path, "out", "s1")
        check((fields["stot"], fields["bin"]) == ("0", "0"), f"after clear counters all: {fields}")


@case
def queues_are_counted_and_a_server_made_ready_takes_from_them():
    port, server = free_port(), Server(echo)
    path = f"/tmp/ringway-cli-{port}.sock"
    text = config(port, server.port, path, "nbthread 2").replace("server s1", "balance first\n  server s1")
    text = re.sub(r"(server s[12] \S+).*", r"\1 maxconn 1", text)
    with server, Proxy(text, ports=[port]):
        ask(path, "set server out/s2 state maint")
        peers = [connect(port) for _ in range(3)]
        for peer in peers:
            peer.sendall(b"x")
        within(3, lambda: row(path, "out", "s1")["scur"] == "1" and row(path, "out", "BACKEND")["qcur"] == "2")
        ask(path, "set server out/s2 state ready")
        within(3, lambda: row(path, "out", "s2")["scur"] == "1" and row(path, "out", "BACKEND")["qcur"] == "1")
        check(row(path, "out", "BACKEND")["qmax"] == "2", "qmax")
        for peer in peers:
            peer.close()


@case
def one_after_the_other_peaks_at_one():
    with Setup("nbthread 3") as setup:
        for _ in range(12):
            setup.open(1)[0].close()
            within(3, lambda: row(setup.path, "in", "FRONTEND")["scur"] == "0")
        fields = row(setup.path, "in", "FRONTEND")
        check((fields["smax"], fields["stot"]) == ("1", "12"), f"{fields['smax']} of {fields['stot']}")


@case
def an_operator_gets_in_when_maxconn_is_reached():
    with Setup("maxconn 4") as setup:
        peers = setup.open(4)
        waiting = connect(setup.port)
        check("CurrConns: 4\n" in ask(setup.path, "show info"), "it does not say 4")
        waiting.close()
        for peer in peers:
            peer.close()


@case
def stats_maxconn_holds():
    with Setup("stats maxconn 2") as setup:
        # One after the other: which of several at once get the places is for the shards to race for.
        first = Cli(setup.path)
        first.send("prompt\n")
        first.until("> ")
        second = Cli(setup.path)
        second.send("prompt\n")
        second.until("> ")
        third = Cli(setup.path)
        third.send("show cli level\n")
        third.socket.settimeout(0.3)
        try:
            check(not third.socket.recv(1), "it was answered")
        except TimeoutError:
            pass
        third.socket.settimeout(10)
        first.send("quit\n")
        check("admin" in third.rest(), "it was forgotten")
        second.socket.close()


@case
def info_and_stat_say_the_same_in_every_format():
    with Setup("nbthread 2") as setup:
        peers = setup.open(3)
        lines = dict(line.split(": ", 1) for line in ask(setup.path, "show info").splitlines())
        typed = [line.split(":", 3) for line in ask(setup.path, "show info typed").splitlines()]
        fields = json.loads(ask(setup.path, "show info json"))
        check([f["field"]["name"] for f in fields] == list(lines) == [t[0].split(".")[1] for t in typed], "other fields")
        for line, field in zip(typed, fields):
            position, name, process = line[0].split(".")
            check((int(position), process) == (field["field"]["pos"], "1"), f"{line}")
            check(re.fullmatch(r"[MSKCP][AaCDGLMmNORT][CPSs][VP]", line[1]), f"tags of {name}: {line[1]}")
            if name not in ("Uptime", "Uptime_sec", "CumConns", "CumReq", "TotalBytesOut"):  # asking moves them
                check(lines[name] == line[3] == str(field["value"]["value"]), f"{name}: {lines[name]}, {line}, {field}")
        rows = {}
        for line in ask(setup.path, "show stat typed desc").splitlines():
            match = re.fullmatch(r'([FBS])\.(\d+)\.(\d+)\.(\d+)\.(\w+)\.1:(....):(str|s32|u32|u64):(.*):"[^"]+"', line)
            check(match, f"not a typed line: {line}")
            rows.setdefault(match.group(1, 2, 3), {})[match.group(5)] = match.group(8)
        objects = json.loads(ask(setup.path, "show stat json"))
        check(len(rows) == len(objects) == 4, f"{list(rows)}")
        for row, fields in zip(rows.values(), objects):
            check({f["field"]["name"]: str(f["value"]["value"]) for f in fields} == row, f"{row} but {fields}")
        front = rows[("F", row_of(rows, "in"), "0")]
        check(front["scur"] == "3" and "qcur" not in front, f"{front}")
        schema = json.loads(ask(setup.path, "show schema json"))
        check("definitions" in schema, f"{schema}")
        for peer in peers:
            peer.close()


def row_of(rows, name):
    return next(key[1] for key, row in rows.items() if row["pxname"] == name)


# What is said, over and above nothing.
REFUSALS = [
    ("set maxconn frontend", "A frontend name is expected."),
    ("set maxconn frontend nosuch 5", "No such frontend."),
    ("set maxconn frontend in", "Integer value expected."),
    ("set maxconn frontend in x", "Integer value expected."),
    ("set maxconn frontend in 99999999999", "Value out of range."),
    ("set maxconn global", "Integer value expected."),
    ("set maxconn global 100000000", "Value out of range."),
    ("set maxconn server s1 5", "Require 'backend/server'."),
    ("set maxconn server out/nosuch 5", "No such server."),
    ("set maxconn server out/s1 x", "Integer value expected."),
    ("set maxconn server out/s1 5", "A server without 'maxconn' in the configuration cannot be given one."),
    ("set server out/s1 addr", "set server <b>/<s> addr requires an address and optionally a port."),
    ("set server out/s1 addr 127.0.0.1 port", "A port is a number between 1 and 65535, or the client's with +N or -N."),
    ("set server out/s1 addr localhost", "Invalid addr 'localhost'"),
    ("set server out/s1 addr 127.0.0.1 port 0", "A port is a number between 1 and 65535, or the client's with +N or -N."),
    ("set server out/s1 addr 127.0.0.1 to 5", "Only 'port' and its number may follow the address."),
    ("set server out/nosuch addr 127.0.0.1", "No such server."),
    ("show errors nosuch", "No such proxy."),
]


@case
def what_cannot_be_done_is_said():
    with Setup() as setup:
        for command, text in REFUSALS:
            said = ask(setup.path, command)
            check(said == text + "\n", f"{command}: {said!r}")


def echoes(port, timeout_s=10):
    """A client that has been served, or None."""
    peer = connect(port)
    peer.settimeout(timeout_s)
    peer.sendall(b"x")
    try:
        return peer if peer.recv(1) == b"x" else None
    except TimeoutError:
        peer.close()
        return None


@case
def maxconn_of_a_frontend_and_of_the_process_can_be_changed():
    for name, limit in [("frontend in", "in"), ("global", "")]:
        with Setup("nbthread 4\n  maxconn 100") as setup:
            ask(setup.path, f"set maxconn {name} 3")
            peers = setup.open(3)
            late = connect(setup.port)
            late.sendall(b"x")
            late.settimeout(0.5)
            try:
                check(not late.recv(1), "a fourth was served")
            except TimeoutError:
                pass
            ask(setup.path, f"set maxconn {name} 4")
            late.settimeout(10)
            check(late.recv(1) == b"x", "who waited was not let in")
            if limit:
                check(row(setup.path, "in", "FRONTEND")["slim"] == "4", "slim")
            else:
                check("\nMaxconn: 4\nHard_maxconn: 100\n" in ask(setup.path, "show info"), "show info")
            ask(setup.path, f"set maxconn {name} 2")
            peers.pop().close()
            peers.pop().close()
            check(echoes(setup.port, 0.5) is None, "a third was served")
            late.close()
            within(3, lambda: row(setup.path, "in", "FRONTEND")["scur"] in "12")
            ask(setup.path, f"set maxconn {name} {'100' if limit else '0'}")
            peers += setup.open(20)
            for peer in peers:
                peer.close()


@case
def maxconn_of_a_server_can_be_changed():
    port, server = free_port(), Server(echo)
    path = f"/tmp/ringway-cli-{port}.sock"
    text = re.sub(r"(server s1 \S+)", r"\1 maxconn 1", config(port, server.port, path, "nbthread 3"))
    with server, Proxy(text, ports=[port]):
        peers = [connect(port) for _ in range(4)]
        for peer in peers:
            peer.sendall(b"x")
        within(3, lambda: row(path, "out", "BACKEND")["qcur"] == "3")
        ask(path, "set maxconn server out/s1 3")
        within(3, lambda: row(path, "out", "s1")["scur"] == "3" and row(path, "out", "BACKEND")["qcur"] == "1")
        check(row(path, "out", "s1")["slim"] == "3", "slim")
        ask(path, "set maxconn server out/s1 0")
        within(3, lambda: row(path, "out", "s1")["scur"] == "4" and row(path, "out", "s1")["slim"] == "")
        for peer in peers:
            peer.close()


@case
def a_server_that_is_moved_gets_what_comes_later():
    """Kept connections to where it was are not used any more, on whatever shard they lie."""
    def named(name):
        def serve(peer):
            while peer.recv(4096):
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name)
        return serve

    port, old, new = free_port(), Server(named(b"o")), Server(named(b"n"))
    path = f"/tmp/ringway-cli-{port}.sock"
    text = config(port, old.port, path, "nbthread 3").replace("mode tcp", "mode http\n  http-reuse always")

    def answers(count):
        got = set()
        for _ in range(count):
            with connect(port) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                got.add(receive_all(peer)[-1:])
        return got

    with old, new, Proxy(text, ports=[port]):
        check(answers(20) == {b"o"}, "before")
        said = ask(path, f"set server out/s1 addr 127.0.0.1 port {new.port}")
        check(said == "no need to change the addr, port changed from "
                      f"'{old.port}' to '{new.port}' by 'stats socket command'\n", said)
        check(answers(20) == {b"n"}, "after")
        check(row(path, "out", "s1")["addr"] == f"127.0.0.1:{new.port}", "show stat")
        check(f" 127.0.0.1 2 0 1 1 " in ask(path, "show servers state out"), ask(path, "show servers state out"))
        check(ask(path, f"set server out/s1 addr 127.0.0.1 port {new.port}") ==
              "no need to change the addr, no need to change the port by 'stats socket command'\n", "twice")
        ask(path, f"set server out/s1 addr 127.0.0.2 port {new.port}")
        check(row(path, "out", "s1")["addr"] == f"127.0.0.2:{new.port}", "another address")


@case
def show_errors_has_the_last_bad_message_of_each_proxy():
    def bad(peer):
        while peer.recv(4096):
            peer.sendall(b"HTTP/1.1 200 OK\r\nbad name: x\\\x01\r\n\r\n")

    port, server = free_port(), Server(bad)
    path = f"/tmp/ringway-cli-{port}.sock"
    text = config(port, server.port, path, "nbthread 4").replace("mode tcp", "mode http")
    with server, Proxy(text, ports=[port]):
        check(re.fullmatch(r"Total events captured on \[.*\] : 0\n", ask(path, "show errors")), "at the start")

        def send(request):
            with connect(port) as peer:
                peer.sendall(request)
                return receive_all(peer)
        for number in range(8):
            check(send(b"GET /%d HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n" % number).startswith(b"HTTP/1.1 400"), "no 400")
        check(send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 502"), "no 502")
        text = ask(path, "show errors")
        check(text.count(" : invalid request\n") == 1 and text.count(" : invalid response\n") == 1, text)
        check(re.search(r"^Total events captured on \[\d\d/\w{3}/\d{4}:[\d:]{8}\.\d{3}\] : 9\n \n\[", text), text)
        check(re.search(r"\] frontend in \(#\d+\) : invalid request\n  src 127\.0\.0\.1, session #\d+, "
                        r"backend <NONE> \(#-1\), server <NONE> \(#-1\), event #7\n"
                        r"  request length 38 bytes, error at position 28:\n  \n"
                        r"  00000  GET /7 HTTP/1\.1\\r\\n\n  00017  Host: a\\r\\n\n  00026  no colon\\r\\n\n", text), text)
        check(re.search(r"\] backend out \(#\d+\) : invalid response\n  src 127\.0\.0\.1, session #\d+, "
                        r"frontend in \(#\d+\), server s1 \(#1\), event #8\n.*\n  \n"
                        r"  00000  HTTP/1\.1 200 OK\\r\\n\n  00017  bad name: x\\\\\\x01\\r\\n\n", text), text)
        check("invalid response" not in ask(path, "show errors in"), "of the frontend")
        check("invalid request" not in ask(path, "show errors -1 response"), "responses")
        check("invalid" not in ask(path, "show errors in response"), "of neither")
        check(ask(path, "show errors request").count("invalid request") == 1, "requests")


@case
def a_garbage_line_is_refused_and_bounded():
    with Setup() as setup:
        check("Unknown command" in ask(setup.path, "\x01\x02 \xff;"), "garbage was understood")
        cli = Cli(setup.path)
        try:
            cli.send("x" * 200000)
            cli.socket.shutdown(socket.SHUT_WR)
            check("too long" in cli.rest(), "a long line was read")
        except ConnectionError:
            pass
        check(ask(setup.path, "show cli level") == "admin\n", "it serves no more")


if __name__ == "__main__":
    sys.exit(run_cases())
