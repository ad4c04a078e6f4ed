"""Health checks through TLS: what they verify, what they ask for, and what they say of a server."""

import os
import ssl
import sys
import time

from cli_client import ask
from harness import Proxy, Server, case, check, connect, echo, free_port, receive_all, receive_exactly
from tls_peer import (FOLDER, errors_of, path, run_tls_cases, tls_server)


def config(server_port, words, backend="", mode="tcp"):
    return f"""
global
  stats socket {FOLDER}/cli level admin
defaults
  mode {mode}
  timeout connect 1s
  timeout check 1s
  timeout client 60s
  timeout server 60s
  default-server inter 200ms fastinter 100ms downinter 100ms fall 1 rise 1
listen in
  bind unix@{FOLDER}/in
  {backend}
  server s 127.0.0.1:{server_port} check {words}
"""


def row():
    """What `show stat` says of the server."""
    end = time.monotonic() + 10
    while not os.path.exists(f"{FOLDER}/cli"):
        check(time.monotonic() < end, "the proxy does not start")
        time.sleep(0.02)
    lines = ask(f"{FOLDER}/cli", "show stat in 4 -1").lstrip("# ").splitlines()
    return dict(zip(lines[0].split(","), lines[1].split(",")))


def wait_for(status, check_status, seconds=10):
    end = time.monotonic() + seconds
    while True:
        now = row()
        if now["status"] == status and (check_status is None or now["check_status"] == check_status):
            return now
        check(time.monotonic() < end, f"{now['status']} {now['check_status']} {now['last_chk']}, not {status} {check_status}")
        time.sleep(0.02)


def ends_with(server, words, status, check_status, backend="", mode="tcp"):
    if os.path.exists(f"{FOLDER}/cli"):
        os.unlink(f"{FOLDER}/cli")  # of the proxy before
    with Proxy(config(server.port, words, backend, mode)):
        return wait_for(status, check_status)


def answer(peer):
    peer.recv(4096)
    peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")


def drained(peer):
    receive_all(peer)


@case
def check_goes_through_the_tls_of_its_server():
    ca = f"ca-file {path('ca.crt')}"
    with tls_server(drained) as server:
        ends_with(server, f"ssl {ca}", "UP", "L6OK")
        ends_with(server, f"ssl {ca} no-check-ssl", "UP", "L4OK")
        ends_with(server, f"check-ssl {ca}", "UP", "L6OK")
        ends_with(server, f"check-ssl verify none port {server.port}", "UP", "L6OK")
        ends_with(server, f"ssl {ca} port {server.port}", "UP", "L4OK")
    with tls_server(answer) as server:
        ends_with(server, f"ssl {ca}", "UP", "L7OK", "option httpchk", mode="http")


@case
def servers_that_are_not_verified_are_down():
    with tls_server(drained, "stranger") as server:
        down = ends_with(server, f"ssl ca-file {path('ca.crt')}", "DOWN", "L6RSP")
        check("cannot be verified" in down["last_chk"], down["last_chk"])
    with tls_server(drained) as server:
        ends_with(server, f"ssl ca-file {path('ca.crt')} verifyhost other", "DOWN", "L6RSP")
        ends_with(server, f"ssl ca-file {path('ca.crt')} check-sni other", "DOWN", "L6RSP")
    with Server(lambda peer: peer.sendall(b"220 hello, no TLS here\r\n")) as server:
        ends_with(server, "ssl verify none", "DOWN", "L6RSP")


@case
def silence_in_the_handshake_is_a_timeout_of_its_own():
    with Server(drained) as server:
        ends_with(server, "ssl verify none", "DOWN", "L6TOUT")


@case
def name_is_asked_for_where_it_is_known():
    names = []
    rows = [("check-sni one.example.com", "", "one.example.com"),
            ("", "option httpchk GET / HTTP/1.1\n  http-check send hdr Host two.example.com:80", "two.example.com"),
            ("no-check-sni-auto", "option httpchk GET / HTTP/1.1\n  http-check send hdr Host two.example.com", None),
            ("", "option httpchk GET / HTTP/1.1\n  http-check send hdr Host 127.0.0.1", None),
            ("", "option httpchk\n  http-check connect ssl sni three.example.com\n  http-check send uri /",
             "three.example.com"),
            ("", "option httpchk\n  http-check connect ssl\n  http-check send uri / hdr Host four.example.com", None)]
    with tls_server(answer, names=names) as server:
        for words, backend, wanted in rows:
            names.clear()
            with Proxy(config(server.port, f"ssl verify none {words}", backend, mode="http")):
                end = time.monotonic() + 10  # it counts as up before its first check
                while not names and time.monotonic() < end:
                    time.sleep(0.02)
            check(names and names[0] == wanted, f"{words} {backend}: {names} is not {wanted}")


@case
def protocols_of_checks_are_their_own():
    seen = []

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("ec.pem"))
    context.set_alpn_protocols(["http/1.1", "http/1.0"])

    def run(peer):
        try:
            with context.wrap_socket(peer, server_side=True) as secure:
                seen.append(secure.selected_alpn_protocol())
                echo(secure)
        except (ssl.SSLError, OSError):
            pass

    with Server(run) as server:
        for words, wanted in (("alpn http/1.1", "http/1.1"), ("alpn http/1.1 check-alpn http/1.0", "http/1.0"), ("", None)):
            seen.clear()
            rules = "option tcp-check\n  tcp-check send hello\n  tcp-check expect string hello"
            ends_with(server, f"ssl verify none {words}", "UP", "L7OK", rules)
            check(seen and seen[0] == wanted, f"{words}: {seen}")


@case
def explicit_rules_say_what_is_encrypted():
    with tls_server(echo) as server:
        rules = "option tcp-check\n  tcp-check connect ssl\n  tcp-check send hello\n  tcp-check expect string hello"
        ends_with(server, "verify none", "UP", "L7OK", rules)
        rules = "option tcp-check\n  tcp-check connect ssl\n  tcp-check send hello\n  tcp-check expect string other"
        ends_with(server, "verify none", "DOWN", "L7TOUT", rules)
    said = errors_of(config(free_port(), "check-ssl"))
    check("needs a 'ca-file'" in said, said)
    said = errors_of(config(free_port(), "ssl verify none", "option tcp-check\n  tcp-check connect ssl alpn h2"))
    check("'alpn' is not supported yet" in said, said)


@case
def a_check_does_not_touch_the_traffic():
    port = free_port()
    with tls_server(echo) as server:
        text = config(server.port, "ssl verify none").replace(f"bind unix@{FOLDER}/in", f"bind 127.0.0.1:{port}")
        with Proxy(text, [port]) as proxy:
            wait_for("UP", "L6OK")
            with connect(port) as peer:
                for _ in range(5):
                    peer.sendall(b"hello")
                    check(receive_exactly(peer, 5) == b"hello", "bytes changed")
            check(row()["status"].startswith("UP"), proxy.said())


if __name__ == "__main__":
    sys.exit(run_tls_cases())
