#!/usr/bin/env python3
"""Connections of a TCP frontend that become HTTP (manual 4, upgrades; 4.4, switch-mode): by a rule, and by the backend."""

import os
import signal
import socket
import ssl
import sys
import time

from harness import IS_HAPROXY, Proxy, case, check, free_port, is_closed_within, skip
from http_peer import Client, Origin
from tls_peer import client_context, ec, run_tls_cases, tls

RULE = "  tcp-request inspect-delay 5s\n  tcp-request content switch-mode http if HTTP"
AT_ONCE = "  tcp-request content switch-mode http"
WAYS = {"rule": RULE, "backend": ""}


def config(port, server_port, lines="", bind="", defaults="", line="%f %b/%s %ts %B %U v=%[var(txn.v)]", top=""):
    return f"""
global
  nbthread 1
{top}
  log stdout format raw local0
defaults
  log global
  timeout connect 5s
  timeout client 10s
  timeout server 10s
{defaults}
frontend in
  mode tcp
  log-format "{line}"
  bind 127.0.0.1:{port} {bind}
{lines}
  default_backend web
backend web
  mode http
  no option abortonclose
  server s1 127.0.0.1:{server_port}
backend raw
  mode tcp
  server s2 127.0.0.1:{server_port}
"""


class Asked(Proxy):
    """One with a runtime socket. `text` is a function of what belongs into its global section."""

    def __init__(self, text, ports):
        if IS_HAPROXY:
            skip("of the process that is looked at")
        self.socket = f"/tmp/ringway-switch-{os.getpid()}-{ports[0]}.sock"
        self.top = f"  stats socket {self.socket} level admin"
        super().__init__(text(self.top), ports)

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(self.socket)
            peer.sendall(command.encode() + b"\n")
            answer = b""
            while piece := peer.recv(65536):
                answer += piece
        return answer.decode()

    def reload(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text(self.top))
        answer = self.ask("reload")
        check("was reloaded" in answer, f"the reload: {answer}")

    def stat(self, proxy, server, field):
        lines = self.ask("show stat").splitlines()
        names = lines[0].lstrip("# ").split(",")
        rows = [dict(zip(names, line.split(","))) for line in lines[1:]]
        [value] = [row[field] for row in rows if row.get("pxname") == proxy and row.get("svname") == server]
        return value

    def wait_for_stat(self, proxy, server, field, wanted):
        end = time.monotonic() + 5
        while (value := self.stat(proxy, server, field)) != wanted and time.monotonic() < end:
            time.sleep(0.02)
        check(value == wanted, f"{proxy}/{server} {field}: {value}, not {wanted}")


def lines_of(proxy, count, wait_s=5):
    """The lines about traffic, once there are so many."""
    end = time.monotonic() + wait_s
    while True:
        lines = [line for line in proxy.said().splitlines() if line.startswith("in ") or "<BADREQ>" in line]
        if len(lines) >= count or time.monotonic() > end:
            check(len(lines) == count, f"{count} lines wanted: {lines}")
            return lines
        time.sleep(0.02)


def get(target, *fields):
    return "\r\n".join([f"GET {target} HTTP/1.1", "Host: h", *fields]).encode() + b"\r\n\r\n"


def each_way(run):
    """A case of its own for either kind of upgrade."""
    for name, lines in WAYS.items():
        def one(lines=lines):
            port = free_port()
            with Origin() as origin:
                with Proxy(config(port, origin.port, lines), [port]) as proxy:
                    run(proxy, port, origin)
                check(not origin.wrong, f"the server was sent {origin.wrong}")
        one.__name__ = f"{run.__name__}_by_{name}"
        case(one)
    return run


def expect(client, target, method="GET", body=0):
    answer = client.answer(method)
    check(answer.body.decode() == f"{method} {target} {body}", f"{target}: {answer}")
    return answer


@each_way
def one_request_and_another(proxy, port, origin):
    with Client(port) as client:
        for target in ("/1", "/2", "/3"):
            client.send(get(target))
            expect(client, target)
    check(origin.connections == 1, "the connection to the server was kept")
    for line in lines_of(proxy, 3):
        check(line.startswith("in web/s1 -- "), line)


@each_way
def byte_by_byte(_, port, __):
    with Client(port) as client:
        for target in ("/1", "/2"):
            for byte in get(target):
                client.send(bytes([byte]))
                time.sleep(0.001)
            expect(client, target)


@each_way
def many_in_one_piece(_, port, __):
    with Client(port) as client:
        targets = [f"/{number}" for number in range(1000)]
        client.send(b"".join(map(get, targets)))
        for target in targets:
            expect(client, target)


@each_way
def bodies_that_came_in_part_before(_, port, origin):
    length = 300000
    block = b"0123456789" * (length // 10)
    for first in (0, 1, 5000, length):
        for chunked in (False, True):
            with Client(port) as client:
                head = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
                body = b"%x\r\n%s\r\n0\r\n\r\n" % (length, block) if chunked else block
                client.send(f"POST /p HTTP/1.1\r\nHost: h\r\n{head}\r\n\r\n".encode() + body[:first])
                time.sleep(0.05)
                client.send(body[first:] + get("/behind"))
                expect(client, "/p", "POST", length)
                expect(client, "/behind")
            check(origin.seen()[-2].body == block, f"{first} {chunked}: the body has changed")


@each_way
def a_client_that_ends_behind_its_request(proxy, port, _):
    with Client(port) as client:
        client.send(get("/1"))
        client.end()
        expect(client, "/1")
        check(client.at_end(), "the connection ends")
    lines_of(proxy, 1)


@each_way
def a_body_that_breaks_off(proxy, port, _):
    with Client(port) as client:
        client.send(b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc")
        time.sleep(0.1)
    [line] = lines_of(proxy, 1)
    check(line.startswith("in web/s1 CD "), line)


@each_way
def a_second_request_that_is_none(proxy, port, _):
    with Client(port) as client:
        client.send(get("/1"))
        expect(client, "/1")
        client.send(b"no request\r\n\r\n")
        check(client.answer().status == 400, "it is answered")
        check(client.at_end(), "and the connection ends")
    good, bad = lines_of(proxy, 2)
    check(good.startswith("in web/s1 -- ") and bad.startswith("in in/<NOSRV> PR "), f"{good}\n{bad}")


def what_is_no_request(lines):
    port = free_port()
    with Origin() as origin, Proxy(config(port, origin.port, lines), [port]) as proxy:
        with Client(port) as client:
            client.send(b"hello\r\n\r\n")
            check(client.answer().status == 400, "it is answered")
            check(client.at_end(), "and the connection ends")
        [line] = lines_of(proxy, 1)
        check(line.startswith("in in/<NOSRV> PR "), line)
        with Client(port) as client:
            client.send(get("/1"))
            expect(client, "/1")
        lines_of(proxy, 2)
    check(origin.connections == 1, "no server was asked")


@case
def what_is_no_request_behind_a_rule():
    what_is_no_request(AT_ONCE)


@case
def what_is_no_request_for_a_backend():
    what_is_no_request("")


def silence(lines):
    port = free_port()
    text = config(port, 1, lines, defaults="  timeout http-request 300ms")
    with Proxy(text, [port]) as proxy:
        for sent in (b"", b"GET / HT"):
            with Client(port) as client:
                begin = time.monotonic()
                client.send(sent)
                check(client.answer().status == 408, "it is answered")
                check(0.25 < time.monotonic() - begin < 5, "in time")
                check(client.at_end(), "and the connection ends")
        for line in lines_of(proxy, 2):
            check(line.startswith("in in/<NOSRV> cR "), line)


@case
def silence_behind_a_rule_is_a_timeout():
    silence(AT_ONCE)


@case
def silence_before_a_backend_is_a_timeout():
    silence("")


@case
def who_leaves_without_a_request_is_logged_once():
    for lines in (AT_ONCE, ""):
        port = free_port()
        with Proxy(config(port, 1, lines), [port]) as proxy:
            Client(port).close()
            lines_of(proxy, 1)
            with Client(port) as client:
                client.send(b"GET / HT")
                time.sleep(0.1)
            for line in lines_of(proxy, 2):
                check(line.startswith("in in/<NOSRV> CR "), line)
        port = free_port()
        with Proxy(config(port, 1, lines + "\n  option dontlognull"), [port]) as proxy:
            Client(port).close()
            time.sleep(0.2)
            lines_of(proxy, 0, 0.1)


@case
def rules_decide_for_each_request():
    """A line of its own for each, variables as the rules have left them; the directives of HTTP hold for all."""
    port = free_port()
    lines = """
  tcp-request inspect-delay 5s
  acl raw req.payload(5,3) -m str raw
  acl raw path /raw
  tcp-request content set-var(txn.v) str(before)
  tcp-request content switch-mode http if HTTP !raw
  tcp-request content set-var(txn.v) str(behind)
  http-request set-header x-v %[var(txn.v)]
  http-response set-header x-v %[var(txn.v)]
"""
    for first, second in (("before", "behind"), ("behind", "before")):
        with Origin() as origin, Proxy(config(port, origin.port, lines), [port]) as proxy:
            with Client(port) as client:
                for value in (first, second, first):
                    target = "/raw" if value == "behind" else "/other"
                    client.send(get(target))
                    fields = expect(client, target).fields
                    check(("x-v", value) in fields, f"{value}: {fields}")
            for request, value in zip(origin.seen(), (first, second, first)):
                check(("x-v", value) in request.fields, f"{value}: {request.fields}")
            for line, value in zip(lines_of(proxy, 3), (first, second, first)):
                check(line.startswith("in web/s1 -- ") and line.endswith("v=" + value), line)


@case
def a_backend_of_tcp_gets_no_request():
    port = free_port()
    lines = AT_ONCE + "\n  use_backend raw if { path /raw }"
    with Origin() as origin, Proxy(config(port, origin.port, lines, line="%f %b/%s %ts"), [port]) as proxy:
        with Client(port) as client:
            client.send(get("/1"))
            expect(client, "/1")
            client.send(get("/raw"))
            check(client.at_end(), "nothing is said")
        good, bad = lines_of(proxy, 2)
        check(bad == "in raw/<NOSRV> IR", f"{good}\n{bad}")
        check(len(origin.seen()) == 1, "the server was asked")


@case
def a_backend_of_tcp_is_no_error_of_the_client():
    port = free_port()
    with Origin() as origin, Asked(lambda top: config(port, origin.port, AT_ONCE + "\n  use_backend raw", top=top), [port]) as proxy:
        with Client(port) as client:
            client.send(get("/"))
            check(client.at_end(), "nothing is said")
        lines_of(proxy, 1)
        rows = [line.split(",") for line in proxy.ask("show stat").splitlines()]
        column = rows[0].index("ereq")
        errors = [row[column] for row in rows if row[0] == "in" and row[1] == "FRONTEND"]
        check(errors == ["0"], f"{errors}")


@case
def a_service_of_tcp_answers_no_request():
    port = free_port()
    lines = """
  tcp-request content switch-mode http if !{ var(sess.seen) -m found }
  tcp-request content use-service echo if { path /echo }
  http-request set-var(sess.seen) bool(1)
"""
    with Origin() as origin, Proxy(config(port, origin.port, lines), [port]):
        with Client(port) as client:
            client.send(get("/1"))
            expect(client, "/1")
            client.send(get("/echo"))
            check(client.at_end(), "nothing is said")


@case
def lines_have_captures_and_bytes():
    port = free_port()
    lines = AT_ONCE + """
  capture request header x-a len 10
  capture response header content-length len 10
  declare capture request len 10
  http-request capture path id 1
"""
    text = config(port, 0, lines, line="%f %hr %hs %B %U")
    with Origin() as origin, Proxy(text.replace("127.0.0.1:0", f"127.0.0.1:{origin.port}"), [port]) as proxy:
        with Client(port) as client:
            for target in ("/1", "/2"):
                client.send(get(target, "X-A: a" + target))
                expect(client, target)
        for target, line in zip(("/1", "/2"), lines_of(proxy, 2)):
            sent = len(get(target, "X-A: a" + target))
            name, request, response, out, into = line.replace("{", "").replace("}", "").split()
            check((name, request, response) == ("in", f"a{target}|{target}", "8"), line)
            check(int(into) == sent and int(out) > 40, line)


@case
def clients_of_tls():
    port = free_port()
    with Origin() as origin, Proxy(config(port, origin.port, RULE, ec()), [port]) as proxy:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with tls(port, context=client_context(version=version)) as peer:
                for target in ("/1", "/2"):
                    for byte in get(target):
                        peer.sendall(bytes([byte]))
                    got = b""
                    while not got.endswith(f"GET {target} 0".encode()):
                        piece = peer.recv(65536)
                        check(piece, f"the end behind {got}")
                        got += piece
        lines_of(proxy, 4)


@case
def a_reload_between_two_requests():
    port = free_port()

    def text(server, lines, to="web"):
        return lambda top: config(port, server.port, lines, top=top).replace("default_backend web", "default_backend " + to)

    with Origin() as one, Origin() as two, Asked(text(one, AT_ONCE), [port]) as proxy:
        with Client(port) as client, Client(port) as silent:
            client.send(get("/1"))
            expect(client, "/1")
            proxy.reload(text(two, AT_ONCE + "\n  http-response set-header x-new 1"))
            client.send(get("/2"))
            check(("x-new", "1") in expect(client, "/2").fields, "the new rules hold")
            check([request.target for request in two.seen()] == ["/2"], "the new server answers")
            # Who had asked for nothing has begun with what there was.
            silent.send(get("/3"))
            expect(silent, "/3")
            check([request.target for request in one.seen()] == ["/1", "/3"], "the old server answers")
            silent.send(get("/4"))
            check(("x-new", "1") in expect(silent, "/4").fields, "the next request meets the new rules")
            # No backend of HTTP any more: a request has nowhere to go.
            proxy.reload(text(two, "", "raw"))
            client.send(get("/5"))
            check(client.at_end(), "the connection ends")
        with Client(port) as client:
            client.send(get("/6"))
            expect(client, "/6")


@case
def counters_and_places():
    """What no request came of has left nothing behind: the frontend's only place is free again each time."""
    port = free_port()
    with Origin() as origin:
        with Asked(lambda top: config(port, origin.port, AT_ONCE + "\n  maxconn 1", top=top), [port]) as proxy:
            for _ in range(3):
                with Client(port) as client:
                    client.send(get("/1") + get("/2"))
                    expect(client, "/1")
                    expect(client, "/2")
                with Client(port) as client:
                    client.send(b"GET / HT")
                    client.end()
                    check(client.answer().status == 400, "cut short")
                Client(port).close()
            proxy.wait_for_stat("in", "FRONTEND", "stot", "9")
            proxy.wait_for_stat("in", "FRONTEND", "scur", "0")
            proxy.wait_for_stat("web", "BACKEND", "stot", "6")
            proxy.wait_for_stat("web", "BACKEND", "scur", "0")
            check("frontend=in" not in proxy.ask("show sess") and "fe=in" not in proxy.ask("show sess"), "no stream is left")


@case
def a_killed_stream_takes_its_client_along():
    """One that waits for its first request."""
    port = free_port()
    with Asked(lambda top: config(port, 1, AT_ONCE, top=top), [port]) as proxy:
        with Client(port) as client:
            proxy.wait_for_stat("in", "FRONTEND", "scur", "1")
            [name] = [line.split(":")[0] for line in proxy.ask("show sess").splitlines() if "fe=in" in line]
            proxy.ask(f"shutdown session {name}")
            check(is_closed_within(client.socket, 5), "the client is let go")
        proxy.wait_for_stat("in", "FRONTEND", "scur", "0")
        [line] = lines_of(proxy, 1)
        check(" K" in line, line)


@case
def a_stop_does_not_wait_for_who_is_silent():
    port = free_port()
    with Proxy(config(port, 1, AT_ONCE), [port]) as proxy:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            time.sleep(0.2)
            proxy.process.send_signal(signal.SIGUSR1)
            check(is_closed_within(client, 5), "the client is let go")
            check(proxy.process.wait(5) == 0, "the process ends")
            proxy.stopped = True


if __name__ == "__main__":
    sys.exit(run_tls_cases())
