#!/usr/bin/env python3
"""What the runtime command line says of things that traffic has done, and what it changes about them: the values are made
first, and then asked for. The first case runs against HAProxy, too."""

import shutil
import socket
import ssl
import sys
import time

from cli_client import ask
from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_port, free_ports, receive_all, run_cases
from tls_peer import FOLDER, make_certificates, path

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


def get(port, target, peer=None):
    """The answer; on `peer`, which stays open, only what one read gives."""
    line = f"GET {target} HTTP/1.1\r\nHost: x\r\n"
    if peer is not None:
        peer.sendall(f"{line}\r\n".encode())
        return peer.recv(65536).decode()
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


def keep_answering(peer, word):
    rest = b""
    while piece := peer.recv(65536):
        rest += piece
        while b"\r\n\r\n" in rest:
            rest = rest.split(b"\r\n\r\n", 1)[1]
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(word), word))


def answer_in_kind():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("ec.pem"))

    def serve(peer):
        if peer.recv(1, socket.MSG_PEEK) != b"\x16":
            return keep_answering(peer, b"plain")
        with context.wrap_socket(peer, server_side=True) as secure:
            return keep_answering(secure, b"secret")

    return Server(serve)


def reuse_config(cli, front, server, options="", log=""):
    return f"""
global
  stats socket {cli} level admin
  nbthread 2
{DEFAULTS}
frontend in
  bind 127.0.0.1:{front}
  {log}
  default_backend out
backend out
  http-reuse always
  server s1 127.0.0.1:{server} {options}
"""


@case
def tls_to_a_server_is_switched_off_and_on():
    front = free_port()
    cli = f"/tmp/ringway-values-{front}.sock"
    with answer_in_kind() as server, Proxy(reuse_config(cli, front, server.port, "ssl verify none"), [front]):

        def uses_tls():
            return ask(cli, "show servers state out").splitlines()[2].split()[20]

        def answer():
            with connect(front) as peer:  # kept: the next one may have the same connection
                return get(front, "/", peer).rsplit("\r\n", 1)[1]

        check((answer(), answer(), uses_tls()) == ("secret", "secret", "1"), "with TLS")
        for line in ("set server out/s1 ssl", "set server out/s1 ssl maybe", "set server out/s1 ssl on please"):
            check("expects 'on' or 'off'" in ask(cli, line), line)
        check(ask(cli, "set server out/s1 ssl off") == "server ssl setting updated.\n", "the answer")
        check([answer() for _ in range(6)] == ["plain"] * 6, "a connection with TLS is used")
        check(uses_tls() == "0", "srv_use_ssl")
        check(server.accepted <= 4, f"{server.accepted} connections: none is kept")
        ask(cli, "set server out/s1 ssl on")
        check([answer() for _ in range(6)] == ["secret"] * 6 and uses_tls() == "1", "a plain connection is used")
    with Proxy(reuse_config(cli, front, free_port()), [front]):
        check("needs a server with 'ssl'" in ask(cli, "set server out/s1 ssl on"), "a server without")
        check(ask(cli, "set server out/s1 ssl off") == "", "it speaks none")
        check("no resolution is configured" in ask(cli, "set server out/s1 fqdn a.example"), "fqdn")
        check("not supported yet" in ask(cli, "set server out/s1 name s2"), "name")


@case
def shutting_sessions_down_ends_idle_connections_in_maintenance_only():
    front = free_port()
    cli = f"/tmp/ringway-values-{front}.sock"
    with Server(lambda peer: keep_answering(peer, b"x")) as server, Proxy(reuse_config(cli, front, server.port), [front]):

        def idle():
            return rows(cli)[("out", "s1")]["srv_icur"]

        peers = [connect(front) for _ in range(8)]
        for peer in peers:  # all at once, so that each needs a connection of its own
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for peer in peers:
            check(peer.recv(65536).startswith(b"HTTP/1.1 200"), "no answer")
        count = within(5, lambda: (n := idle()) != "0" and n)
        ask(cli, "shutdown sessions server out/s1")
        check(idle() == count, f"{idle()} of {count} are left: those of a server in use stay")
        ask(cli, "disable server out/s1; shutdown sessions server out/s1")
        check(idle() == "0", f"{idle()} are left")
        row = rows(cli)[("out", "s1")]
        check((row["safe_conn_cur"], row["used_conn_cur"]) == ("0", "0"), f"{row}")
        ask(cli, "enable server out/s1")
        check(get(front, "/").startswith("HTTP/1.1 200"), "it serves again")
        for peer in peers:
            peer.close()


@case
def streams_show_what_they_ask_for():
    front = free_port()
    cli = f"/tmp/ringway-values-{front}.sock"
    with Server(lambda peer: peer.recv(65536) and peer.recv(1)) as server:  # never answers
        log = "log stdout format raw local0\n  option httplog"
        with Proxy(reuse_config(cli, front, server.port, log=log), [front]):
            with connect(front) as peer:
                peer.sendall(b"GET /some/where?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
                within(5, lambda: "ss=EST" in ask(cli, "show sess frontend in"))
                line = ask(cli, "show sess frontend in show-uri").strip()
                check(line.endswith(' uri="/some/where?x=1"') and "\n" not in line, line)
                check("uri=" not in ask(cli, "show sess"), "nobody asked")
                check("uri=" not in ask(cli, "show sess show-uri backend nosuch"), "of another backend")
                # Its timer runs, so nothing is wrong with it; nor with the one that asks.
                check(ask(cli, "show sess susp") == "", ask(cli, "show sess susp"))
                check(ask(cli, "show sess all susp show-uri frontend in") == "", "with details")
                check("does not know 'sus'" in ask(cli, "show sess sus"), "another word")


@case
def a_servers_port_follows_the_clients():
    fixed, bind = free_ports(2)
    cli = f"/tmp/ringway-values-{bind}.sock"
    with Server(lambda peer: keep_answering(peer, b"x")) as moved:
        offset = moved.port - bind
        proxy = f"{head(cli)}listen in\n retries 0\n bind 127.0.0.1:{bind}\n server s 127.0.0.1:{fixed} check inter 1h port {moved.port}\n"
        with Proxy(proxy, [bind]):
            check(" 503 " in get(bind, "/"), "nobody is at the fixed port")
            said = ask(cli, f"set server in/s addr 127.0.0.1 port {offset:+d}")
            check(f"port changed from '{fixed}' to '{offset:+d}'" in said, said)
            check("no need to change the port" in ask(cli, f"set server in/s addr 127.0.0.1 port {offset:+d}"), "stays")
            check(" 200 " in get(bind, "/"), "the client's port, moved")
            said = ask(cli, f"set server in/s addr 127.0.0.1 port {fixed}")
            check(f"port changed from '{offset:+d}' to '{fixed}'" in said, said)
            check(" 503 " in get(bind, "/"), "the fixed port again")


@case
def requests_and_peaks_of_queues_are_counted_and_cleared():
    bind, = free_ports(1)
    cli = f"/tmp/ringway-values-{bind}.sock"

    def slow(peer):
        while peer.recv(65536):
            time.sleep(0.15)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    with Server(slow) as server:
        text = f"""{head(cli)}listen in
 bind 127.0.0.1:{bind}
 maxconn 40
 server s 127.0.0.1:{server.port} maxconn 1
"""
        with Proxy(text, [bind]):
            before = int(info(cli)["CumReq"])  # with this one
            peers = [connect(bind) for _ in range(3)]
            for peer in peers:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            for peer in peers:
                check(b" 200 " in peer.recv(4096), "an answer")
            found = rows(cli)
            check(found["in", "BACKEND"]["qmax"] == "2", found["in", "BACKEND"]["qmax"])
            check(found["in", "BACKEND"]["slim"] == "4", "a tenth of the frontend's: " + found["in", "BACKEND"]["slim"])
            check(int(info(cli)["CumReq"]) == before + 3 + 2, "requests, and sessions of the command line")
            ask(cli, "clear counters")
            found = rows(cli)
            check(found["in", "s"]["qmax"] == found["in", "BACKEND"]["qmax"] == "0", "the peaks begin anew")


@case
def the_weight_is_what_a_slow_start_leaves_of_it():
    bind, = free_ports(1)
    cli = f"/tmp/ringway-values-{bind}.sock"
    text = f"{head(cli)}listen in\n bind 127.0.0.1:{bind}\n balance roundrobin\n server s 127.0.0.1:1 weight 100 slowstart 60s\n"
    with Proxy(text, [bind]):
        check(rows(cli)["in", "s"]["weight"] == "100", "the whole")
        ask(cli, "disable server in/s; enable server in/s")
        row = within(5, lambda: (found := rows(cli)["in", "s"])["throttle"] and found)
        check(0 < int(row["weight"]) < 50 and row["uweight"] == "100", f"{row['weight']} of {row['uweight']}, {row['throttle']} %")


if __name__ == "__main__":
    try:
        if not IS_HAPROXY:
            make_certificates()
        sys.exit(run_cases())
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
