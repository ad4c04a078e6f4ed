"""Half closes, aborts and the timeouts that belong to them. A vtc client cannot shut one direction down."""

import socket
import struct
import sys
import threading
import time

from harness import (IS_HAPROXY, Proxy, Server, case, check, connect, free_port, is_closed_within, listen_config,
                     receive_all, receive_exactly, run_cases, until)


def reset(peer):
    """Closes with RST instead of FIN."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def greet(peer):
    peer.sendall(b"220 banner")
    receive_all(peer)


@case
def the_client_ends_and_still_gets_its_answer():
    def answer_after_end(peer):
        received = receive_all(peer)
        time.sleep(0.2)
        peer.sendall(b"%d bytes" % len(received))

    port = free_port()
    with Server(answer_after_end) as server, Proxy(listen_config(port, server.port), [port]):
        client = connect(port)
        client.sendall(b"x" * 300000)
        client.shutdown(socket.SHUT_WR)
        check(receive_all(client) == b"300000 bytes", "the answer after the client's end")


@case
def the_server_ends_and_still_gets_the_rest():
    got, done = [], threading.Event()

    def greet_and_end(peer):
        peer.sendall(b"greeting")
        peer.shutdown(socket.SHUT_WR)
        got.append(receive_all(peer))
        done.set()

    port = free_port()
    with Server(greet_and_end) as server, Proxy(listen_config(port, server.port), [port]):
        client = connect(port)
        check(receive_all(client) == b"greeting", "the greeting and then end of file")
        client.sendall(b"y" * 200000)
        client.shutdown(socket.SHUT_WR)
        check(done.wait(10), "the server saw the client's end")
        check(got == [b"y" * 200000], "all of the client's bytes after the server's end")


@case
def an_end_with_the_first_bytes_reaches_the_server():
    """Bytes and FIN may wait in the backlog before the proxy has even accepted."""
    port = free_port()
    with Server(lambda peer: peer.sendall(receive_all(peer)[::-1])) as server:
        with Proxy(listen_config(port, server.port), [port]):
            for _ in range(50):
                client = connect(port)
                client.sendall(b"abc")
                client.shutdown(socket.SHUT_WR)
                check(receive_all(client) == b"cba", "the answer")


@case
def a_silent_client_that_ended_before_a_server_was_asked_for_hears_it():
    """Content rules wait for bytes that will not come; then the connection is one like any other."""
    rules = "tcp-request inspect-delay 5s\n  tcp-request content reject if { req.len gt 0 }"
    port = free_port()
    with Server(greet) as server:
        with Proxy(listen_config(port, server.port, rules), [port]):
            for wait_s in (0, 0.2):
                client = connect(port)
                time.sleep(wait_s)
                client.shutdown(socket.SHUT_WR)
                check(receive_all(client) == b"220 banner", f"the banner, {wait_s} s after the accept")


@case
def a_silent_client_that_ends_in_the_queue_keeps_its_place_unless_told_otherwise():
    """Manual 4.2, option abortonclose: by default mode tcp takes a half-closed client for one that listens."""
    for option in ("", "option abortonclose"):
        port = free_port()
        with Server(greet) as server:
            with Proxy(listen_config(port, server.port, f"timeout queue 10s\n  {option}", "maxconn 1"), [port]):
                first = connect(port)
                check(receive_exactly(first, 10) == b"220 banner", "the first is served")
                second = connect(port)
                time.sleep(0.2)
                second.shutdown(socket.SHUT_WR)
                check(is_closed_within(second, 0.5) == bool(option), f"closed without a server; '{option}'")
                first.shutdown(socket.SHUT_WR)
                check(receive_all(first) == b"", "the first has its end")
                if not option:
                    check(receive_all(second) == b"220 banner", "the second hears the server in its turn")


@case
def a_client_that_resets_behind_its_bytes_gives_its_place_up():
    """In the queue and while it is connected to a server: no half-close, though bytes of it are still to be sent."""
    log = "log stdout format raw local0\n  log-format \"line %ts %s\"\n  timeout queue 8s\n  timeout connect 8s\n  "
    for where in ("queued", "connecting"):
        for count in (5, 3000 if IS_HAPROXY else 40000):  # where nothing more is read, no reset is heard
            port = free_port()
            with Server(greet, backlog=0) as server:
                # A backlog that is full: the kernel drops further SYNs.
                held = [socket.socket() for _ in range(4 if where == "connecting" else 0)]
                for one in held:
                    one.setblocking(False)
                    one.connect_ex(("127.0.0.1", server.port))
                with Proxy(listen_config(port, server.port, log, "maxconn 1"), [port]) as proxy:
                    first = connect(port)
                    if where == "queued":
                        check(receive_exactly(first, 10) == b"220 banner", "the first is served")
                    second = connect(port)
                    second.sendall(b"x" * count)
                    time.sleep(0.3)
                    reset(second)
                    until(lambda: "line C" in proxy.said(), 4, f"{where}, {count} bytes: still there")
                    first.close()
                for one in held:
                    one.close()


@case
def a_client_that_resets_during_the_inspection_costs_no_connection():
    rules = "tcp-request inspect-delay 5s\n  tcp-request content accept if { req.len gt 10 }"
    port, peers = free_port(), []
    with Server(peers.append) as server:
        log = "log stdout format raw local0\n  log-format \"line %ts %s\"\n  "
        with Proxy(listen_config(port, server.port, log + rules), [port]) as proxy:
            client = connect(port)
            client.sendall(b"hello")
            time.sleep(0.2)
            reset(client)
            until(lambda: "line " in proxy.said(), 5, "no line")
            check("line CR <NOSRV>" in proxy.said(), proxy.said())
            check(not peers, "a connection to the server")


@case
def timeout_client_fin_bounds_a_half_closed_client():
    """After the server's end only client-fin counts for the client, not the long timeout client."""
    took = []
    ended = threading.Event()

    def end_and_wait(peer):
        peer.sendall(b"bye")
        peer.shutdown(socket.SHUT_WR)
        begin = time.monotonic()
        try:
            receive_all(peer)
        except ConnectionError:
            pass
        took.append(time.monotonic() - begin)
        ended.set()

    port = free_port()
    with Server(end_and_wait) as server:
        with Proxy(listen_config(port, server.port, "timeout client-fin 500ms"), [port]):
            client = connect(port)
            check(receive_all(client) == b"bye", "the bytes before the end")
            check(ended.wait(8), "closed by timeout client-fin")
            check(0.3 < took[0] < 5, f"after {took[0]:.2f} s")
            client.close()


@case
def timeout_server_fin_bounds_a_half_closed_server():
    """The client ended, the server neither answers nor ends."""
    def silent(peer):
        receive_all(peer)
        time.sleep(8)

    port = free_port()
    with Server(silent) as server:
        with Proxy(listen_config(port, server.port, "timeout server-fin 500ms"), [port]):
            client = connect(port)
            client.sendall(b"request")
            client.shutdown(socket.SHUT_WR)
            begin = time.monotonic()
            check(is_closed_within(client, 5), "closed by timeout server-fin")
            check(time.monotonic() - begin > 0.3, "but not at once")


@case
def a_reset_of_the_client_reaches_the_server():
    ended = threading.Event()

    def wait_for_end(peer):
        peer.sendall(b"ready")
        try:
            receive_all(peer)
        except ConnectionError:
            pass
        ended.set()

    port = free_port()
    with Server(wait_for_end) as server, Proxy(listen_config(port, server.port), [port]):
        client = connect(port)
        receive_exactly(client, 5)
        reset(client)
        check(ended.wait(5), "the server learned that the client is gone")


@case
def a_reset_of_the_server_reaches_the_client():
    port = free_port()

    def reset_after_request(peer):
        receive_exactly(peer, 4)
        reset(peer)

    with Server(reset_after_request) as server, Proxy(listen_config(port, server.port), [port]):
        client = connect(port)
        client.sendall(b"ping")
        check(is_closed_within(client, 5), "the client learned that the server is gone")


@case
def clients_that_disappear_at_once_leave_nothing_behind():
    port = free_port()
    with Server(receive_all) as server, Proxy(listen_config(port, server.port), [port]) as proxy:
        connect(port).close()
        time.sleep(0.5)
        before = proxy.open_files()
        for i in range(300):
            client = connect(port)
            if i % 3 == 0:
                client.sendall(b"x")
            if i % 2 == 0:
                reset(client)
            else:
                client.close()
        end = time.monotonic() + 10
        while proxy.open_files() > before and time.monotonic() < end:
            time.sleep(0.1)
        check(proxy.open_files() <= before, f"{proxy.open_files() - before} descriptors left open")


@case
def many_half_closes_leave_nothing_behind():
    port = free_port()
    with Server(lambda peer: peer.sendall(receive_all(peer))) as server:
        with Proxy(listen_config(port, server.port), [port]) as proxy:
            before = proxy.open_files()
            for i in range(200):
                client = connect(port)
                body = b"q" * (i * 211)
                client.sendall(body)
                client.shutdown(socket.SHUT_WR)
                check(receive_all(client) == body, "the echo")
                client.close()
            time.sleep(0.5)
            check(proxy.open_files() <= before + 2, f"{proxy.open_files() - before} descriptors left open")


def endless(peer):
    peer.recv(65536)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
    while True:
        peer.sendall(b"x" * 65536)


@case
def a_client_that_resets_a_full_socket_ends_its_answer():
    """A send may be the one that hears of the reset, and hears it alone."""
    for options in ("mode http", "mode http\n  option splice-auto", "mode tcp", "mode tcp\n  option splice-auto"):
        port = free_port()
        with Server(endless) as server, Proxy(listen_config(port, server.port, options), [port]):
            client = connect(port)
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            time.sleep(0.3)  # until the client's window is full, and the proxy's send waits
            client.recv(1000)
            reset(client)
            until(lambda: server.connected() == 0, 3, f"{options}: the server goes on sending to nobody")


@case
def a_server_that_resets_an_upload_ends_it():
    port = free_port()

    def resets_later(peer):
        peer.recv(1000)
        time.sleep(0.3)
        reset(peer)

    with Server(resets_later) as server, Proxy(listen_config(port, server.port), [port]):
        client = connect(port)
        client.settimeout(3)
        try:
            for _ in range(3000):
                client.sendall(b"y" * 65536)
        except ConnectionError:
            return
        check(False, "200 MB go to nobody")


if __name__ == "__main__":
    sys.exit(run_cases())
