#!/usr/bin/env python3
"""The same configuration, the same traffic, Ringway and HAProxy: are their log lines the same?

A situation is a server, a client and options. Both programs run it once for each kind of line; dates, ports, process ids
and the lengths of times are masked, everything else must be equal. What differs for a reason stands in log_differences.py;
anything else fails, and so does a row there that is not seen any more.

    tests/scenario/log_compare_test.py [TEXT]     # situations with TEXT in their name
"""

import concurrent.futures
import csv
import os
import re
import socket
import struct
import sys
import tempfile
import threading
import time

import harness
from harness import case, check, connect, need_program, run_cases
from log_differences import DIFFERENCES

# Shorter than this is "at once", on a machine that has other things to do.
LONG_MS = 600
FIELDS = ("o=%o Ta=%Ta Tc=%Tc Td=%Td Th=%Th Ti=%Ti Tq=%Tq TR=%TR Tr=%Tr Tt=%Tt Tu=%Tu Tw=%Tw B=%B U=%U CC=%CC CS=%CS HM=%HM "
          "HP=%HP HPO=%HPO HQ=%HQ HU=%HU HV=%HV ID=%ID ST=%ST ac=%ac b=%b bc=%bc bi=%bi bp=%bp bq=%bq ci=%ci cp=%cp f=%f "
          "fc=%fc fi=%fi fp=%fp ft=%ft lc=%lc hr=%hr hrl=%hrl hs=%hs hsl=%hsl r=%r rc=%rc s=%s sc=%sc si=%si sp=%sp sq=%sq "
          "ts=%ts tsc=%tsc")
TCP_ONLY = " ".join(item for item in FIELDS.split() if item.split("=")[0] not in (
    "Ta", "Ti", "Tq", "TR", "Tr", "CC", "CS", "HM", "HP", "HPO", "HQ", "HU", "HV", "hr", "hrl", "hs", "hsl", "r", "tsc"))
KINDS = {
    "tcp": {"default": "", "tcplog": "option tcplog", "custom": "log-format \"" + TCP_ONLY + "\""},
    "http": {"default": "", "httplog": "option httplog", "clf": "option httplog clf", "httpslog": "option httpslog",
             "custom": "log-format \"" + FIELDS + "\"",
             "quoted": "log-format \"%{+Q}o %{+X}Ts %ci:%cp %b %s %HM %HU %r %CC %hr %hs %ID %ts %tsc %{+E}HU %{-Q}r\""},
}

# Columns of `show stat` that count what happened (management 9.1).
COUNTERS = ("stot hrsp_1xx hrsp_2xx hrsp_3xx hrsp_4xx hrsp_5xx hrsp_other req_tot ereq econ eresp wretr wredis cli_abrt srv_abrt "
            "intercepted conn_tot lbtot qmax bin bout").split()

# Fields of a line that counters depend on.
TELLING = ("ST", "ts", "rc", "s", "lines", "line")

SITUATIONS = []
RINGWAY = harness.PROGRAM  # start() changes that for a moment


def situation(mode="http", lines=1, frontend="", backend="", servers="server s1 {s1}", top="", stop=None, kinds=None):
    """The decorated function is the client, and is called with a Place. `stop` is the signal that ends the proxy. The
    custom line has every field; the other kinds are looked at (`kinds=KINDS`) where a new shape of line comes up."""
    def enter(client):
        SITUATIONS.append({
            "name": client.__name__, "client": client, "mode": mode, "lines": lines, "frontend": frontend,
            "backend": backend, "servers": servers, "top": top, "stop": stop,
            "kinds": [kind for kind in KINDS[mode] if kind == "custom" or kinds is not None]})
        return client
    return enter


# The server: what it does stands in the path that is asked for ------------------------------------------------------


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_head(peer, waiting):
    while b"\r\n\r\n" not in waiting:
        got = peer.recv(65536)
        if not got:
            return None, b""
        waiting += got
    return waiting.split(b"\r\n\r\n", 1)


def serve(peer):
    """One HTTP server for all situations."""
    waiting = b""
    while True:
        head, waiting = read_head(peer, waiting)
        if head is None:
            return
        method, target = (head.split(b" ") + [b""])[:2]
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        need = int(length.group(1)) if length else 0
        what = target.split(b"?")[0].rsplit(b"/", 1)[-1]
        while len(waiting) < need and what != b"early":
            got = peer.recv(65536)
            if not got:
                return
            waiting += got
        waiting = waiting[need:]
        answer = ANSWERS.get(what, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        if callable(answer):
            answer(peer)
            return
        if method == b"HEAD":
            answer = answer.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        peer.sendall(answer)
        if what in (b"close", b"cut"):
            return


def stall(peer):
    time.sleep(4)


def slowly(peer):
    time.sleep(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")


def late_in_two(peer):
    time.sleep(1)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")
    time.sleep(0.3)
    peer.sendall(b"hello")


def part_then_stall(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
    time.sleep(4)


def part_then_wait(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
    peer.recv(1)


def flood(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 80000000\r\n\r\n")
    try:
        for _ in range(800):
            peer.sendall(b"x" * 100000)
    except OSError:
        pass


def part_then_reset(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
    time.sleep(0.3)
    reset(peer)


def tunnel(peer):
    peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
    harness.echo(peer)


ANSWERS = {
    b"chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"close": b"HTTP/1.1 200 OK\r\n\r\nhello",
    b"empty": b"HTTP/1.1 204 No Content\r\n\r\n",
    b"unmodified": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    b"teapot": b"HTTP/1.1 418 I am a teapot\r\nContent-Length: 0\r\n\r\n",
    b"broken": b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
    b"cut": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
    b"junk": b"this is no answer\r\n\r\n",
    b"lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzzz\r\n\r\n",
    b"stall": stall,
    b"slow": slowly,
    b"late": late_in_two,
    b"part": part_then_stall,
    b"wait": part_then_wait,
    b"flood": flood,
    b"reset": reset,
    b"shut": lambda peer: None,
    b"half": lambda peer: peer.sendall(b"HTTP/1.1 200 O"),
    b"partreset": part_then_reset,
    b"tunnel": tunnel,
    b"early": b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}


def tcp_serve(peer):
    """The first byte says what to do."""
    what = peer.recv(1)
    if what == b"E":
        harness.echo(peer)
    elif what == b"R":
        peer.recv(100)
        peer.sendall(b"part")
        time.sleep(0.3)
        reset(peer)
    elif what == b"S":
        time.sleep(4)
    elif what == b"F":
        try:
            for _ in range(800):
                peer.sendall(b"x" * 100000)
        except OSError:
            pass
    elif what == b"L":
        time.sleep(1)
        peer.sendall(b"late")
    elif what == b"X":
        peer.sendall(b"bye")


# Running one situation ----------------------------------------------------------------------------------------------


class Place:
    """What a client needs to know: where the proxy listens, how to reach its command line."""

    def __init__(self, port, cli, servers):
        self.port, self.cli_path, self.servers = port, cli, servers

    def connect(self, receive_bytes=None):
        if receive_bytes is None:
            return connect(self.port, 8)
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        peer.settimeout(8)
        peer.connect(("127.0.0.1", self.port))
        return peer

    def ask(self, *requests, hold_s=0):
        """Sends the requests one by one on one connection, each after the answer before; reads to the end of the last."""
        with self.connect() as peer:
            for index, request in enumerate(requests):
                if isinstance(request, str):
                    request = f"GET {request} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
                peer.sendall(request)
                if index + 1 < len(requests):
                    peer.recv(65536)
                    time.sleep(0.1)
            got = b""
            try:
                peer.settimeout(6 if not hold_s else hold_s)
                while not got.endswith((b"hello", b"0\r\n\r\n")):
                    more = peer.recv(65536)
                    if not more:
                        break
                    got += more
            except (TimeoutError, ConnectionError):
                pass
            return got

    def say(self, *pieces, then="wait", pause_s=0.1, after_s=0.3):
        """Sends bytes, then waits for the end ("wait"), closes, resets, or shuts its writing half and waits."""
        peer = self.connect()
        for piece in pieces:
            peer.sendall(piece)
            time.sleep(pause_s)
        if then == "reset":
            time.sleep(after_s)
            reset(peer)
            return b""
        if then == "close":
            time.sleep(after_s)
            peer.close()
            return b""
        if then == "shut":
            peer.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while more := peer.recv(65536):
                got += more
        except (TimeoutError, ConnectionError):
            pass
        peer.close()
        return got

    def command(self, *lines):
        for line in lines:
            with socket.socket(socket.AF_UNIX) as cli:
                cli.settimeout(8)
                cli.connect(self.cli_path)
                cli.sendall(line.encode() + b"\n")
                cli.shutdown(socket.SHUT_WR)
                said = harness.receive_all(cli)
        return said.decode()

    def counters(self):
        """{"out/s1.hrsp_2xx": "1", ...}: what `show stat` has counted."""
        rows = csv.DictReader(self.command("show stat").removeprefix("# ").splitlines())
        return {f"{row['pxname']}/{row['svname']}.{name}": row[name] for row in rows for name in COUNTERS if row[name]}


CONFIG = """
global
  nbthread 1
  log 127.0.0.1:{sink} local0
  log-tag proxy
  stats socket {cli} level admin
  {top}
defaults
  mode {mode}
  log global
  timeout connect 1s
  timeout client 1500ms
  timeout server 2500ms
  retries 0
  option abortonclose
frontend in
  bind 127.0.0.1:{port}
  {kind}
  {frontend}
backend out
  balance roundrobin
  {backend}
  {servers}
"""


def closed_port():
    """A port that nothing listens on, held so that nothing will."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder


def full_listener():
    """Its backlog is full: who connects hears nothing."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    holder.listen(0)
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(holder.getsockname())
        fillers.append(filler)
    time.sleep(0.05)
    return holder, fillers


def mask_time(value):
    """A time as "at once", "long" or none."""
    sign = "+" if value.startswith("+") else ""
    number = int(value.lstrip("+"))
    return sign + ("-1" if number < 0 else "LONG" if number >= LONG_MS else "0")


def mask_size(value):
    """HAProxy counts its own representation of an HTTP message, Ringway bytes that travel: README, Limits."""
    sign = "+" if value.startswith("+") else ""
    number = int(value)
    return sign + ("0" if number == 0 else "SOME" if number < 100000 else "MANY")


def mask_many(value):
    """How much fits into the buffers of a client that does not read is the kernel's matter."""
    return value if int(value) < 100000 else "MANY"


def mask_counters(counters, lines, http):
    """Sizes of HTTP as a part of what the frontend has, because of mask_size(); and how much of that no line tells of."""
    for row, item in (("bin", "U"), ("bout", "B")):
        whole = counters.get(f"in/FRONTEND.{row}", "0")
        told = sum(int(size) for line in lines for size in re.findall(rf" {item}=[+]?(\d+) ", line))
        untold = str(int(whole) - told)
        counters[f"in/FRONTEND.{row} untold"] = mask_size(untold) if http else untold
        for name in [name for name in counters if name.endswith("." + row)]:
            value = counters[name]
            counters[name] = mask_many(value) if not http else "0" if value == "0" else "ALL" if value == whole else "SOME"
    return counters


def mask(line, kind, http):
    """Without what no two runs have in common."""
    line = re.sub(r"^<(\d+)>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d (\w+)\[\d+\]: ", r"<\1>\2[PID]: ", line)
    line = re.sub(r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d", "[DATE", line)
    line = line.replace("[DATE.", "[DATE.MS ", 1)
    line = re.sub(r"\[DATE.MS \d{3}\]", "[DATE.MS]", line)
    line = re.sub(r"((?:127\.0\.0\.1|10\.[\d.]+|2001:[\da-f:]+)\"?):\d+", r"\1:PORT", line)
    line = re.sub(r"\b(T\w)=([+-]?\d+)", lambda m: f"{m.group(1)}={mask_time(m.group(2))}", line)
    line = re.sub(r"\b([bcfs]p)=\d+", r"\1=PORT", line)
    line = re.sub(r"\b6[0-9A-F]{7}\b", "STAMP", line)
    size = mask_size if http else mask_many
    line = re.sub(r"\b([BU])=([+]?\d+)", lambda m: f"{m.group(1)}={size(m.group(2))}", line)
    times = lambda text, between: between.join(map(mask_time, text.split(between)))
    if kind in ("httplog", "httpslog", "tcplog"):
        line = re.sub(r"( \S+/\S+ )([\d/+-]+)( (?:-?\d+ )?)([+]?\d+)(?= (?:- - )?[\w-]{2})",
                      lambda m: m.group(1) + times(m.group(2), "/") + m.group(3) + size(m.group(4)), line, count=1)
    if kind == "clf":
        line = re.sub(r'( -?\d+ )([+]?\d+)( "" "" )\d+ \d+( "[^"]*" "[^"]*" "[^"]*" )((?:[+-]?\d+ ){5})',
                      lambda m: m.group(1) + size(m.group(2)) + m.group(3) + "PORT MS" + m.group(4) + times(m.group(5)[:-1], " ") + " ", line)
    return line


def run_one(program, what, kind):
    """The masked lines of one program, and its counters."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(0.05)
        lines = []
        done = threading.Event()

        def collect():
            while not done.is_set():
                try:
                    lines.append(sink.recv(65536).decode("latin-1"))
                except TimeoutError:
                    pass

        server = tcp_serve if what["mode"] == "tcp" else serve
        dead = closed_port()
        full, fillers = full_listener()
        port = next_port()
        with harness.Server(server) as s1, harness.Server(server) as s2:
            names = {"s1": f"127.0.0.1:{s1.port}", "s2": f"127.0.0.1:{s2.port}",
                     "dead": f"127.0.0.1:{dead.getsockname()[1]}", "full": f"127.0.0.1:{full.getsockname()[1]}"}
            frontend = what["frontend"] if "default_backend" in what["frontend"] or "NOBACKEND" in what["frontend"] \
                else what["frontend"] + "\n  default_backend out"
            text = CONFIG.format(sink=sink.getsockname()[1], cli=folder + "/cli", mode=what["mode"], port=port,
                                 kind=KINDS[what["mode"]][kind], top=what["top"], backend=what["backend"],
                                 frontend=frontend.replace("NOBACKEND", ""), servers=what["servers"].format(**names))
            if "accept-proxy" in text:
                text = text.replace("accept-proxy", "").replace(f":{port}", f":{port} accept-proxy")
            reader = threading.Thread(target=collect, daemon=True)
            reader.start()
            proxy = start(program, text, folder + "/cli")
            try:
                what["client"](Place(port, folder + "/cli", names))
                end = time.monotonic() + 6
                while len(lines) < what["lines"] and time.monotonic() < end:
                    time.sleep(0.02)
                time.sleep(0.15)
                seen = len(lines)
                counters = Place(port, folder + "/cli", names).counters()
                if what["stop"]:
                    proxy.stop(what["stop"])
                    time.sleep(0.1)
                    seen = len(lines)
                check(proxy.alive() or what["stop"], f"{program} died")
            finally:
                proxy.stop()
                done.set()
                reader.join()
        dead.close()
        full.close()
        for filler in fillers:
            filler.close()
        http = what["mode"] == "http"
        return [mask(line.rstrip("\n"), kind, http) for line in lines[:seen]], mask_counters(counters, lines[:seen], http)


_lock = threading.Lock()
_ports = harness.free_ports(2000)


def next_port():
    return _ports.pop()


def start(program, text, cli):
    """The program, when it answers on its runtime socket: that is bound last."""
    with _lock:
        before, harness.PROGRAM = harness.PROGRAM, program
        try:
            proxy = harness.Proxy(text)
        finally:
            harness.PROGRAM = before
    end = time.monotonic() + harness.START_TIMEOUT_S
    while True:
        try:
            Place(0, cli, {}).command("show info")
            return proxy
        except OSError:
            if not proxy.alive() or time.monotonic() > end:
                said = proxy.said()
                proxy.stop()
                raise AssertionError(f"{program} does not run: {said}") from None
            time.sleep(0.02)


def fields_of(line):
    """{name: value} of a line of the kind "custom"; of any other line {"line": its message}."""
    items = [item.split("=", 1) for item in re.split(r" (?=\w+=)", line) if "=" in item]
    return dict(items) if "lc=" in line else {"line": line.rsplit(": ", 1)[1]}


def differing(ours, theirs):
    """{field: (ours, theirs)} of lines of the kind "custom"; with several lines "2.field"."""
    if len(ours) != len(theirs):
        return {"lines": (len(ours), len(theirs))}
    found = {}
    for number, pair in enumerate(zip(ours, theirs), 1):
        our, their = map(fields_of, pair)
        where = f"{number}." if len(ours) > 1 else ""
        if our.keys() != their.keys():  # an error line against a line about a request
            found[where + "line"] = (our.get("line"), their.get("line"))
            continue
        if our.get("Tc") == their.get("Tc") == "-1":
            our["U"] = their["U"]  # no server took it: how much was read meanwhile is a matter of moments
        found.update({where + name: (our[name], their[name]) for name in our if our[name] != their[name]})
    return found


def compare(what, haproxy):
    """What is wrong, as text for people; nothing when all is as it should be."""
    kinds = what["kinds"]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        jobs = {kind: [pool.submit(run_one, program, what, kind) for program in (RINGWAY, haproxy)] for kind in kinds}
        results = {kind: [job.result() for job in pair] for kind, pair in jobs.items()}
    lines = {kind: [said for said, _ in pair] for kind, pair in results.items()}
    ours, theirs = (counters for _, counters in results["custom"])
    expected, reason = DIFFERENCES.get(what["name"], ({}, ""))
    found = differing(*lines["custom"])
    if what["mode"] == "tcp" and any("Tc=-1" in line for line in lines["custom"][0]):
        ours = {name: value for name, value in ours.items() if not name.endswith(".bin")}  # as the lines' U
    # Counters tell what the lines tell: where those differ on purpose, so do these.
    if not any(name.split(".")[-1] in TELLING for name in expected):
        found.update({name: (ours[name], theirs[name]) for name in ours if name in theirs and ours[name] != theirs[name]})
    for kind, (ours, theirs) in lines.items():
        if "lines" not in found and (len(ours) != len(theirs) or kind in expected):
            found[kind] = (len(ours), len(theirs))
    report = [] if found == expected else [f"  fields that differ: {found}\n  expected: {expected} {reason}"]
    # The other kinds show the same fields: where one differs on purpose, their whole lines do.
    for kind, (ours, theirs) in lines.items():
        if kind != "custom" and set(expected) <= set(kinds) and kind not in expected and sorted(ours) != sorted(theirs):
            report += [f"  {kind}:", *(f"    ours   {line}" for line in ours), *(f"    theirs {line}" for line in theirs)]
    return "\n".join(report)


# Situations in mode http --------------------------------------------------------------------------------------------


@situation(kinds=KINDS)
def plain(place):
    place.ask("/path?query=1")


@situation(lines=3, kinds=KINDS)
def kept_alive(place):
    place.ask("/one", "/two", "/three")


@situation(lines=2)
def kept_alive_with_a_pause(place):
    with place.connect() as peer:
        for _ in range(2):
            peer.sendall(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
            peer.recv(65536)
            time.sleep(0.8)


@situation(lines=3)
def pipelined(place):
    place.say(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"
              b"GET /3/close HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")


@situation()
def absolute_target(place):
    place.ask(b"GET http://h:80/x/y?z=1#frag HTTP/1.1\r\nHost: h:80\r\n\r\n")


@situation()
def options_asterisk(place):
    place.ask(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(kinds=KINDS)
def http_1_0(place):
    place.ask(b"GET /old HTTP/1.0\r\n\r\n")


@situation()
def head_request(place):
    place.ask(b"HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")


@situation()
def post(place):
    place.ask(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello=world")


@situation()
def post_chunked(place):
    place.ask(b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


@situation()
def odd_method(place):
    place.ask(b"BREW /pot HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(kinds=KINDS)
def quotes_in_target(place):
    place.ask(b"GET /a'b\\c]d%22e~f|g HTTP/1.1\r\nHost: h\r\n\r\n")


@situation()
def long_target(place):
    place.ask("/" + "x" * 3000)


@situation(lines=6, kinds=KINDS)
def statuses(place):
    place.ask("/empty", "/unmodified", "/teapot", "/broken", "/chunked", "/close")


@situation(lines=1)
def answered_until_close(place):
    place.ask("/close")


@situation(lines=1)
def slow_server(place):
    place.ask("/slow")


@situation(frontend="option logasap", kinds=KINDS)
def as_soon_as_possible(place):
    place.ask("/late")


@situation(frontend="option logasap", kinds=KINDS)
def garbage_as_soon_as_possible(place):
    place.say(b"GET\r\n\r\n")


@situation(frontend="option logasap", kinds=KINDS)
def null_closed_as_soon_as_possible(place):
    place.say(then="close")


@situation(lines=3, frontend="option dontlog-normal")
def without_normal(place):
    place.ask("/a", "/broken", "/b", "/junk")


@situation(lines=3, frontend="option log-separate-errors", kinds=KINDS)
def errors_apart(place):
    place.ask("/a", "/broken", "/junk")


@situation(lines=0, frontend="option dontlognull")
def null_not_logged(place):
    place.say(then="close")
    place.say(then="wait")


@situation(lines=0, frontend="option dontlognull")
def null_reset_not_logged(place):
    place.say(then="reset")


@situation(lines=0, frontend="option http-ignore-probes")
def probes_ignored(place):
    place.say(then="close")
    place.say(then="wait")


@situation(lines=1, kinds=KINDS)
def null_closed(place):
    place.say(then="close")


@situation(lines=1)
def null_waits(place):
    place.say(then="wait")


@situation(lines=1)
def closed_within_the_head(place):
    place.say(b"GET / HTTP/1.1\r\nHo", then="close")


@situation(lines=1)
def reset_within_the_head(place):
    place.say(b"GET / HTTP/1.1\r\nHo", then="reset")


@situation(lines=1)
def half_a_head_then_silence(place):
    place.say(b"GET / HTTP/1.1\r\nHo")


@situation(lines=1, kinds=KINDS)
def garbage(place):
    place.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 whatever\r\n\r\n")


@situation(lines=1)
def bad_version(place):
    place.say(b"GET / HTTP/9.x\r\nHost: h\r\n\r\n")


@situation(lines=1)
def blank_in_name(place):
    place.say(b"GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n")


@situation(lines=1)
def two_lengths(place):
    place.say(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")


@situation(lines=2, kinds=KINDS)
def second_request_is_garbage(place):
    place.ask("/first", b"\x01\x02 nothing\r\n\r\n")


@situation(lines=1)
def head_too_large(place):
    place.say(b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 20000 + b"\r\n\r\n")


@situation(lines=1)
def lasting_keep_alive(place):
    with place.connect() as peer:
        peer.sendall(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
        while peer.recv(65536):
            pass


@situation(lines=1, frontend="timeout http-request 300ms", kinds=KINDS)
def request_times_out(place):
    place.say(b"GET / HTTP/1.1\r\nHo")


@situation(lines=1)
def body_stalls(place):
    place.say(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc")


@situation(lines=1, kinds=KINDS)
def body_cut(place):
    place.say(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc", then="close")


@situation(lines=1)
def body_chunks_broken(place):
    place.say(b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")


@situation(lines=1, frontend="option http-buffer-request")
def buffered_body_stalls(place):
    place.say(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc")


@situation(lines=1, frontend="option http-buffer-request")
def buffered_body_cut(place):
    place.say(b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\nabc", then="close")


@situation(lines=1)
def client_leaves_before_answer(place):
    place.say(b"GET /stall HTTP/1.1\r\nHost: h\r\n\r\n", then="close")


@situation(lines=1)
def client_resets_before_answer(place):
    place.say(b"GET /stall HTTP/1.1\r\nHost: h\r\n\r\n", then="reset")


@situation(lines=1)
def client_leaves_within_answer(place):
    place.say(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n", then="close")


@situation(lines=1)
def client_resets_within_answer(place):
    place.say(b"GET /wait HTTP/1.1\r\nHost: h\r\n\r\n", then="reset")


@situation(lines=1)
def client_does_not_read(place):
    with place.connect(4096) as peer:
        peer.sendall(b"GET /flood HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(2.5)


@situation(lines=1, kinds=KINDS)
def server_timeout(place):
    place.say(b"GET /stall HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1)
def server_closes_without_answer(place):
    place.ask("/shut")


@situation(lines=1)
def server_resets_without_answer(place):
    place.ask("/reset")


@situation(lines=1)
def server_closes_within_head(place):
    place.ask("/half")


@situation(lines=1)
def server_stalls_within_body(place):
    place.say(b"GET /part HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1)
def server_cuts_body(place):
    place.say(b"GET /cut HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1)
def server_resets_within_body(place):
    place.say(b"GET /partreset HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1)
def answer_is_junk(place):
    place.ask("/junk")


@situation(lines=1)
def answer_has_two_lengths(place):
    place.ask("/lengths")


@situation(lines=1)
def answer_has_broken_chunks(place):
    place.say(b"GET /chunks HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1)
def early_answer(place):
    place.say(b"POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\nabc")


@situation(lines=1)
def expects_continue(place):
    place.ask(b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello")


@situation(lines=1, servers="server s1 {dead}", kinds=KINDS)
def refused(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {dead}", backend="retries 2")
def refused_and_retried(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {dead}\n  server s2 {s2}", backend="retries 2\n  option redispatch")
def redispatched(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {dead}\n  server s2 {s2}", backend="retries 3\n  option redispatch 1", kinds=KINDS)
def redispatched_at_once(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {dead}\n  server s2 {s2}", backend="retries 2\n  option redispatch\n  balance hdr(host)")
def bound_by_a_hash(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {dead}\n  server s2 {s2} backup", backend="retries 1\n  option redispatch 1")
def nobody_to_redispatch_to(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {full}")
def connect_times_out(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {full}")
def client_leaves_while_connecting(place):
    place.say(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", then="close")


@situation(lines=1, servers="")
def backend_without_server(place):
    place.ask("/")


@situation(lines=1, servers="server s1 {s1} disabled")
def server_in_maintenance(place):
    place.ask("/")


@situation(lines=1, frontend="NOBACKEND")
def no_backend(place):
    place.ask("/")


@situation(lines=2, servers="server s1 {s1} maxconn 1")
def waits_in_the_queue(place):
    first = threading.Thread(target=place.ask, args=("/slow",))
    first.start()
    time.sleep(0.2)
    place.ask("/next")
    first.join()


@situation(lines=2, servers="server s1 {s1} maxconn 1", backend="timeout queue 400ms", kinds=KINDS)
def queue_times_out(place):
    first = threading.Thread(target=place.ask, args=("/slow",))
    first.start()
    time.sleep(0.2)
    place.ask("/next")
    first.join()


@situation(lines=2, servers="server s1 {s1} maxconn 1")
def client_leaves_the_queue(place):
    first = threading.Thread(target=place.ask, args=("/slow",))
    first.start()
    time.sleep(0.2)
    place.say(b"GET /next HTTP/1.1\r\nHost: h\r\n\r\n", then="close")
    first.join()


@situation(lines=3, servers="server s1 {s1} maxconn 1")
def two_wait(place):
    def later(delay, path):
        time.sleep(delay)
        place.ask(path)
    clients = [threading.Thread(target=later, args=a) for a in ((0, "/slow"), (0.2, "/slow/b/slow"), (0.4, "/c"))]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


@situation(lines=1, frontend="http-request return status 200 content-type text/plain string hi", kinds=KINDS)
def returned(place):
    place.ask(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")


@situation(lines=0, frontend="monitor-uri /alive")
def monitored(place):
    place.ask(b"GET /alive HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")


@situation(lines=1, kinds=KINDS)
def upgraded(place):
    with place.connect() as peer:
        peer.sendall(b"GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        peer.recv(65536)
        peer.sendall(b"one")
        peer.recv(65536)
        peer.shutdown(socket.SHUT_WR)
        harness.receive_all(peer)


@situation(lines=1)
def upgraded_then_silent(place):
    with place.connect() as peer:
        peer.sendall(b"GET /tunnel HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
        peer.recv(65536)
        harness.receive_all(peer)


@situation(lines=1, frontend="option http-server-close")
def server_close(place):
    place.ask("/a")


@situation(lines=1, frontend="accept-proxy", kinds=KINDS)
def announced(place):
    place.ask(b"PROXY TCP4 10.1.2.3 10.4.5.6 1234 80\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1, frontend="accept-proxy")
def announced_unknown(place):
    place.ask(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1, frontend="accept-proxy")
def announced_v2_ipv6(place):
    place.ask(b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + b"\x20\x01" + b"\0" * 13 + b"\1" + b"\x20\x01" + b"\0" * 13 + b"\2" +
              b"\x04\xd2\x00\x50GET / HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1, frontend="accept-proxy", kinds=KINDS)
def announced_garbage(place):
    place.say(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1, frontend="accept-proxy")
def announced_never(place):
    place.say()


@situation(lines=1, frontend="accept-proxy")
def announced_half(place):
    place.say(b"PROXY TCP4 10.1.2.3")


@situation(lines=1, frontend="accept-proxy")
def announced_half_closed(place):
    place.say(b"PROXY TCP4 10.1.2.3", then="close")


@situation(lines=1, frontend="accept-proxy")
def announced_nothing_closed(place):
    place.say(then="close")


@situation(lines=1, frontend="accept-proxy")
def announced_bad_address(place):
    place.say(b"PROXY TCP4 10.1.2.300 10.4.5.6 1234 80\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")


@situation(lines=1, frontend="accept-proxy")
def announced_v2_garbage(place):
    place.say(b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c" + b"x" * 12)


@situation(lines=4, kinds=KINDS)
def server_states(place):
    place.command("disable server out/s1", "enable server out/s1", "set server out/s1 state drain",
                  "set server out/s1 state ready")


@situation(lines=2, servers="server s1 {s1}\n  server s2 {s2}")
def weight_zero(place):
    place.command("set weight out/s1 0", "set weight out/s1 1", "disable server out/s1", "disable server out/s2")


@situation(lines=2)
def frontend_states(place):
    place.command("disable frontend in", "enable frontend in", "shutdown frontend in")


@situation(lines=1, stop=15)
def terminated(place):
    place.ask("/")


@situation(lines=1, stop=10)
def stopped_softly(place):
    place.ask("/")


# Situations in mode tcp ---------------------------------------------------------------------------------------------


@situation(mode="tcp", kinds=KINDS)
def tcp_relayed(place):
    place.say(b"Ehello", then="shut")


@situation(mode="tcp")
def tcp_closed_at_once(place):
    place.say(b"Ehello", then="close")


@situation(mode="tcp", lines=0, frontend="option dontlognull")
def tcp_null_not_logged(place):
    place.say(then="close")


@situation(mode="tcp", kinds=KINDS)
def tcp_null(place):
    place.say(then="close")


@situation(mode="tcp")
def tcp_null_waits(place):
    place.say()


@situation(mode="tcp")
def tcp_client_resets(place):
    place.say(b"Ehello", then="reset")


@situation(mode="tcp")
def tcp_client_idle(place):
    place.say(b"Ehello")


@situation(mode="tcp")
def tcp_server_bye(place):
    place.say(b"X")


@situation(mode="tcp")
def tcp_server_resets(place):
    place.say(b"Rxx")


@situation(mode="tcp", frontend="timeout client 10s")
def tcp_server_stalls(place):
    place.say(b"S")


@situation(mode="tcp")
def tcp_client_does_not_read(place):
    with place.connect(4096) as peer:
        peer.sendall(b"F")
        time.sleep(2.5)


@situation(mode="tcp", servers="server s1 {dead}")
def tcp_refused(place):
    place.say(b"hello")


@situation(mode="tcp", servers="server s1 {dead}\n  server s2 {s2}", backend="retries 1\n  option redispatch 1", kinds=KINDS)
def tcp_redispatched(place):
    place.say(b"X")


@situation(mode="tcp", servers="server s1 {dead}", backend="retries 2", frontend="timeout client 10s")
def tcp_retried(place):
    place.say(b"X")


@situation(mode="tcp", servers="server s1 {full}")
def tcp_connect_times_out(place):
    place.say(b"hello")


@situation(mode="tcp", servers="server s1 {full}")
def tcp_client_leaves_while_connecting(place):
    place.say(b"hello", then="close")


@situation(mode="tcp", servers="server s1 {full}", frontend="timeout client 300ms", backend="timeout connect 900ms")
def tcp_connect_times_out_after_the_client(place):
    place.say(b"hello")


@situation(mode="tcp", servers="server s1 {dead}", frontend="timeout client 300ms", backend="retries 1")
def tcp_silent_before_the_retry(place):
    place.say()


@situation(mode="tcp", frontend="NOBACKEND", kinds=KINDS)
def tcp_no_backend(place):
    place.say(b"hello")


@situation(mode="tcp", servers="")
def tcp_without_server(place):
    place.say(b"hello")


@situation(mode="tcp", frontend="option logasap", kinds=KINDS)
def tcp_as_soon_as_possible(place):
    place.say(b"L", then="wait")


@situation(mode="tcp", lines=1, frontend="option dontlog-normal", servers="server s1 {dead}\n  server s2 {s2}")
def tcp_without_normal(place):
    place.say(b"X")
    place.say(b"X")


@situation(mode="tcp", lines=2, servers="server s1 {s1} maxconn 1")
def tcp_waits_in_the_queue(place):
    first = threading.Thread(target=place.say, args=(b"L",))
    first.start()
    time.sleep(0.2)
    place.say(b"X")
    first.join()


@situation(mode="tcp", lines=2, servers="server s1 {s1} maxconn 1", backend="timeout queue 400ms", kinds=KINDS)
def tcp_queue_times_out(place):
    first = threading.Thread(target=place.say, args=(b"L",))
    first.start()
    time.sleep(0.2)
    place.say(b"X")
    first.join()


@situation(mode="tcp", lines=2, servers="server s1 {s1} maxconn 1")
def tcp_client_leaves_the_queue(place):
    first = threading.Thread(target=place.say, args=(b"L",))
    first.start()
    time.sleep(0.2)
    place.say(b"X", then="close")
    first.join()


@situation(mode="tcp", frontend="accept-proxy", kinds=KINDS)
def tcp_announced(place):
    place.say(b"PROXY TCP6 2001:db8::1 2001:db8::2 1234 80\r\nX")


@situation(mode="tcp", frontend="accept-proxy", kinds=KINDS)
def tcp_announced_garbage(place):
    place.say(b"nonsense that is long enough to be no header\r\n")


def enter_case(what, running):
    def run():
        # Again, with nothing beside it: a busy machine makes short times long.
        wrong = running.result()
        for _ in range(3):
            wrong = wrong and compare(what, need_program("haproxy"))
        check(not wrong, "the lines differ:\n" + str(wrong))
    run.__name__ = what["name"]
    case(run)


if __name__ == "__main__":
    peer = need_program("haproxy")
    with concurrent.futures.ThreadPoolExecutor(14) as situations:
        for entry in SITUATIONS:
            if (sys.argv[1] if len(sys.argv) > 1 else "") in entry["name"]:
                enter_case(entry, situations.submit(compare, entry, peer))
        sys.argv[1:] = []
        status = run_cases()
    sys.exit(status)
