"""Options of mode http that need two connections of one server at once, or the very bytes it was sent."""

import fcntl
import os
import struct
import sys
import tempfile
import termios
import threading
import time

from harness import (IS_HAPROXY, Proxy, Server, case, check, connect, free_port, listen_config, receive_all, run_cases,
                     skip)
from http_peer import Client, Origin


def get(target):
    return b"GET " + target.encode() + b" HTTP/1.1\r\nHost: h\r\nx-odd-name: 1\r\nX-FROM-file: 2\r\nX-Other: 3\r\n\r\n"


def config(port, servers, options="", top="", server_options=""):
    lines = "\n".join(f"  server s{n} 127.0.0.1:{server} {server_options}" for n, server in enumerate(servers, 1))
    return f"""
global
  nbthread 1
{top}
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
{options}
{lines}
"""


def ask(client, target):
    client.send(get(target))
    answer = client.answer()
    check(answer.status == 200, f"{target}: {answer}")


# tcp-smart-accept


def acknowledged_at_once(options):
    """Whether a client's first bytes are, before there is an answer; the system delays that for 40 ms at most."""
    def answer_later(peer):
        peer.recv(65536)
        time.sleep(0.1)
        peer.sendall(b"HTTP/1.1 204 n\r\nConnection: close\r\n\r\n")

    port = free_port()
    with Server(answer_later) as server, Proxy(listen_config(port, server.port, options), [port]):
        for _ in range(20):
            client = connect(port)
            begin = time.monotonic()
            client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\nHost: h\r\n\r\n")
            unacknowledged, = struct.unpack("i", fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)))
            in_time = time.monotonic() - begin < 0.02
            check(receive_all(client).startswith(b"HTTP/1.1 204"), "the answer")
            client.close()
            if in_time:
                return unacknowledged == 0
    raise AssertionError("the machine is too slow to tell")


@case
def the_answer_acknowledges_the_first_bytes():
    check(not acknowledged_at_once("mode http"), "mode http saves a packet")
    check(acknowledged_at_once("mode http\n  no option tcp-smart-accept"), "unless it is told not to")


# h1-case-adjust-bogus-server


def names_sent(option):
    port = free_port()
    with tempfile.NamedTemporaryFile("w", suffix=".names", encoding="ascii") as names, Origin() as origin:
        names.write("# comment\n\nx-from-file X-From-FILE\n")
        names.flush()
        os.chmod(names.name, 0o644)
        top = f"  h1-case-adjust x-odd-name X-ODD-name\n  h1-case-adjust host HOST\n  h1-case-adjust-file {names.name}"
        with Proxy(config(port, [origin.port], option, top), [port]), Client(port) as client:
            ask(client, "/")
            raw = bytes(next(iter(origin.raw.values())))
    return [line.partition(b":")[0] for line in raw.split(b"\r\n")[1:] if line]


@case
def names_are_adjusted_for_a_bogus_server():
    check(names_sent("  option h1-case-adjust-bogus-server") == [b"HOST", b"X-ODD-name", b"X-From-FILE", b"x-other"], "as asked for")


@case
def names_are_in_lower_case_for_any_other_server():
    check(names_sent("") == [b"host", b"x-odd-name", b"x-from-file", b"x-other"], "as always")


# http-reuse aggressive


def connections_after(first_session_requests):
    """How many connections a second session's first request leaves the server with."""
    port = free_port()
    with Origin() as origin, Proxy(config(port, [origin.port], "  http-reuse aggressive"), [port]):
        with Client(port) as first:
            for n in range(first_session_requests):
                ask(first, f"/first/{n}")
        with Client(port) as second:
            ask(second, "/second")
        return origin.connections


@case
def a_first_request_rides_on_a_connection_that_was_reused_before():
    check(connections_after(2) == 1, "reused once, it has proved that it can be")


@case
def a_first_request_does_not_ride_on_a_connection_that_never_was_reused():
    check(connections_after(1) == 2, "nothing is known of it")


# max-keep-alive-queue


def server_of_second_request(limit):
    """One client was served by s1, which is busy when it asks again: does it wait there, or go to s2?"""
    port = free_port()
    release, held = threading.Event(), threading.Event()

    def hold(peer, request, reader):
        held.set()
        check(release.wait(10), "released")
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        return True

    options = f"  balance roundrobin\n  option prefer-last-server\n  max-keep-alive-queue {limit}"
    with Origin() as one, Origin() as two:
        one.scripts["/hold"] = two.scripts["/hold"] = hold
        with Proxy(config(port, [one.port, two.port], options, server_options="maxconn 1"), [port]), Client(port) as client, \
                Client(port) as other, Client(port) as holder:
            ask(client, "/mine")
            ask(other, "/other")
            holder.send(get("/hold"))
            check(held.wait(5), "the first server is busy")
            mine = one if any(r.target == "/mine" for r in one.seen()) else two
            check(any(r.target == "/hold" for r in mine.seen()), "the third request came round to the first server")
            client.send(get("/again"))
            if limit < 0:
                client.socket.settimeout(0.3)
                try:
                    client.answer()
                    check(False, "it waits for its server")
                except TimeoutError:
                    pass
                client.socket.settimeout(10)
                release.set()
            check(client.answer().status == 200, "it is served")
            release.set()
            check(holder.answer().status == 200, "and so is the one before it")
            return any(r.target == "/again" for r in mine.seen())


@case
def a_keep_alive_request_waits_for_its_server():
    if IS_HAPROXY:
        skip("2.6 goes elsewhere; the manual has no limit by default")
    check(server_of_second_request(-1), "the same server")


@case
def a_keep_alive_request_that_may_not_wait_goes_elsewhere():
    check(not server_of_second_request(0), "the other server")


if __name__ == "__main__":
    sys.exit(run_cases())
