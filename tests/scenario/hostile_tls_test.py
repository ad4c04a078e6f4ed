"""Every way of the broken peer (tests/fake/broken_tls_peer.h) against the whole proxy: as a client of `bind ssl` in both
modes, as a server behind `ssl verify none`. The proxy lives, serves others meanwhile, logs and counts what failed, and
keeps neither descriptors nor memory."""

import os
import subprocess
import sys
import threading
import time

from cli_client import ask
from harness import PROGRAM, ROOT, SANITIZED, Proxy, Server, case, check, connect, echo, free_port, receive_all, until
from tls_peer import FOLDER, ec, path, run_tls_cases, tls

CLI = f"{FOLDER}/cli"
WAIT_MS = 250
ROUNDS = 20 if SANITIZED else 200
GROWTH_KB = 60_000 if SANITIZED else 6_000


def program():
    for build in (os.path.dirname(os.path.abspath(PROGRAM)), os.path.join(ROOT, "build")):
        file = os.path.join(build, "tests/fake/broken_tls_peer")
        if os.access(file, os.X_OK):
            return file
    raise AssertionError("broken_tls_peer is not built")


class Way:
    def __init__(self, line):
        self.name, self.side, self.version, self.moment, self.fate, alert, shows = line.split()
        self.alert, self.shows_certificate = int(alert), shows == "1"


def ways(side, *fates):
    said = subprocess.run([program(), "list"], capture_output=True, text=True, check=True).stdout
    found = [way for way in map(Way, said.splitlines()) if way.side == side and (not fates or way.fate in fates)]
    check(len(found) >= 5, f"only {len(found)} ways of a {side}")
    return found


class Broken:
    """The broken peer as a process: play(name) makes or takes one connection."""

    def __init__(self, role, port, wait_ms=WAIT_MS):
        self.process = subprocess.Popen([program(), role, str(port), str(wait_ms)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def begin(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()

    def answer(self, name):
        words = self.process.stdout.readline().split()
        check(len(words) == 3 and words[0] == name, f"{name}: {words}, status {self.process.poll()}")
        return int(words[1]), words[2]

    def play(self, name):
        self.begin(name)
        return self.answer(name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def expect(way, alert, end):
    what = f"{way.name}: alert {alert}, {end}"
    check(end != "unbroken", what)
    if way.fate in ("served", "waits"):
        check(end == "open", what)
        return
    check(end in ("closed", "reset", "left"), what)
    # Who is reset, because more of what it said was there than was read, may have lost the alert.
    check(way.fate != "refused" or alert == way.alert or (end == "reset" and alert == -1), f"{what}, not {way.alert}")


def config(ports, server_port):
    """A frontend of each mode, and one that asks for certificates."""
    return f"""
global
  nbthread 1
  stats socket {CLI} level admin
  log stdout format raw local0
defaults
  log global
  timeout connect 2s
  timeout client 2s
  timeout server 2s
  error-log-format "failed %[fc_err] %[ssl_fc_err_str]"
frontend tcp
  mode tcp
  bind 127.0.0.1:{ports[0]} {ec()}
  default_backend tcp_back
backend tcp_back
  mode tcp
  server s 127.0.0.1:{server_port}
frontend http
  mode http
  bind 127.0.0.1:{ports[1]} {ec()}
  http-request return status 200 content-type text/plain string served
frontend asks
  mode http
  bind 127.0.0.1:{ports[2]} {ec()} verify required ca-file {path('ca.crt')}
  http-request return status 200
"""


def is_served(port, mode):
    with tls(port) as peer:
        peer.settimeout(10)
        if mode == "tcp":
            peer.sendall(b"hello")
            return peer.recv(5) == b"hello"
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return receive_all(peer).endswith(b"served")


class Steady(threading.Thread):
    """A client that is served over and over while others misbehave."""

    def __init__(self, serve):
        super().__init__(daemon=True)
        self.serve, self.count, self.wrong, self.over = serve, 0, None, False

    def run(self):
        try:
            while not self.over:
                check(self.serve(), "not served")
                self.count += 1
                time.sleep(0.02)
        except Exception as error:  # pylint: disable=broad-except
            self.wrong = error

    def __enter__(self):
        check(self.serve(), "not served before")
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.over = True
        self.join(20)
        if kind is None:
            check(self.wrong is None, f"while others misbehaved: {self.wrong}")
            check(self.count > 0 and self.serve(), "not served afterwards")


def clients_break(mode):
    ports = [free_port() for _ in range(3)]
    with Server(echo) as server, Proxy(config(ports, server.port), ports) as proxy:
        port = ports[0 if mode == "tcp" else 1]
        failed = 0
        with Steady(lambda: is_served(port, mode)), Broken("client", port) as plain, Broken("client", ports[2]) as asked:
            for way in ways("client"):
                expect(way, *(asked if way.shows_certificate else plain).play(way.name))
                check(proxy.alive(), f"{way.name}: the proxy has died")
                failed += way.fate == "refused" and way.moment != "data"
        until(lambda: proxy.said().count("failed ") >= failed, 5, f"{failed} failures, but the log says:\n{proxy.said()}")
        check(failed >= 30, failed)


@case
def clients_break_the_protocol_in_mode_tcp():
    clients_break("tcp")


@case
def clients_break_the_protocol_in_mode_http():
    clients_break("http")


def server_config(port, server_port, good_port, mode):
    return f"""
global
  nbthread 1
  stats socket {CLI} level admin
  log stdout format raw local0
defaults
  log global
  mode {mode}
  retries 0
  timeout connect 2s
  timeout client 2s
  timeout server 2s
frontend in
  bind 127.0.0.1:{port}
  default_backend back
frontend good
  bind 127.0.0.1:{good_port} {ec()}
  {"http-request return status 200 content-type text/plain string served" if mode == "http" else "default_backend back"}
backend back
  server s 127.0.0.1:{server_port} ssl verify none
"""


def ask_through(port):
    """What a client gets of a connection to the broken server."""
    with connect(port) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        try:
            return receive_all(peer)
        except ConnectionError:
            return b""


def servers_break(mode):
    port, server_port, good_port = (free_port() for _ in range(3))
    with Proxy(server_config(port, server_port, good_port, mode), [port, good_port]) as proxy:

        def row():
            names, *rows = (line.split(",") for line in ask(CLI, "show stat").splitlines() if line.count(",") > 20)
            return next(dict(zip(names, one)) for one in rows if one[:2] == ["back", "s"])

        refused = 0
        steady = Steady(lambda: is_served(good_port, "http")) if mode == "http" else Steady(lambda: bool(ask(CLI, "show info")))
        with steady, Broken("server", server_port) as broken:
            for way in ways("server"):
                broken.begin(way.name)
                if not refused:  # the first one waits for the listener
                    until(lambda: proxy._listens(server_port), 10, "no listener")
                got = []
                client = threading.Thread(target=lambda: got.append(ask_through(port)))
                client.start()
                alert, end = broken.answer(way.name)
                if mode == "http" and way.moment == "data" and way.fate == "served":
                    # What is served is no answer of HTTP.
                    check(end != "unbroken" and alert in (-1, way.alert), f"{way.name}: {alert} {end}")
                else:
                    expect(way, alert, end)
                client.join(10)
                check(got, f"{way.name}: the client waits")
                if way.fate == "refused" and way.moment != "data":
                    refused += 1
                    check(got[0] == b"" if mode == "tcp" else got[0].startswith(b"HTTP/1.1 503 "), f"{way.name}: {got[0]}")
                check(proxy.alive(), f"{way.name}: the proxy has died")
        check(refused >= 20, refused)
        check(int(row()["econ"]) >= refused, f"{refused} connections failed: {row()}")


@case
def servers_break_the_protocol_in_mode_tcp():
    servers_break("tcp")


@case
def servers_break_the_protocol_in_mode_http():
    servers_break("http")


@case
def nothing_is_kept_of_many_broken_clients():
    ports = [free_port() for _ in range(3)]
    with Server(echo) as server, Proxy(config(ports, server.port), ports) as proxy, Broken("client", ports[1]) as broken:
        wanted = [way for way in ways("client", "refused", "cut", "ended") if not way.shows_certificate]

        def rounds(count):
            for _ in range(count):
                for way in wanted:
                    broken.begin(way.name)
                for way in wanted:
                    expect(way, *broken.answer(way.name))
            until(lambda: "CurrConns: 0\n" in ask(CLI, "show info"), 10, "connections are left")

        rounds(ROUNDS // 10)  # what is kept for good is there after these
        files, kept_kb = proxy.open_files(), proxy.rss_kb()
        rounds(ROUNDS)
        until(lambda: proxy.open_files() <= files, 5, f"{proxy.open_files()} descriptors, there were {files}")
        check(proxy.rss_kb() - kept_kb < GROWTH_KB, f"{kept_kb} kB became {proxy.rss_kb()} kB")
        check(is_served(ports[1], "http"), "not served afterwards")


if __name__ == "__main__":
    sys.exit(run_tls_cases())
