"""Soft and hard stops while real clients are served: nothing that was begun is cut short by a soft one.

Every case runs with one shard and with four, on both drivers of the ring.
"""

import contextlib
import hashlib
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import time

from harness import (IS_HAPROXY, SANITIZED, Proxy, Server, case, check, connect, echo, free_port, is_closed_within,
                     receive_all, receive_exactly, run_cases)

BLOB = random.Random(7).randbytes((2 if SANITIZED else 8) << 20)
DIGEST = hashlib.sha256(BLOB).hexdigest()
PATIENCE_S = 30 if SANITIZED else 10


def in_each_process(function):
    """Registers the case once for each driver and number of shards."""
    for driver in ["uring", "poll"]:
        for shards in [1, 4]:
            def run(driver=driver, shards=shards):
                function(driver, shards)
            run.__name__ = f"{function.__name__}_{driver}_{shards}"
            case(run)
    return function


def config(ports, paths, server_port, shards, top="", web="", raw=""):
    return f"""
global
  nbthread {shards}
  {top}
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
listen raw
  mode tcp
  bind 127.0.0.1:{ports[0]}
  bind {paths[0]}
  {raw}
  server s1 127.0.0.1:{server_port}
listen web
  mode http
  bind 127.0.0.1:{ports[1]}
  bind {paths[1]}
  {web}
  server s1 127.0.0.1:{server_port}
"""


def origin(peer):
    """`blob SIZE`: so much of it, then the end. A request: /slow waits, /blob/SIZE has that. Anything else is echoed."""
    head = peer.recv(4096)
    if head.startswith(b"blob"):
        peer.sendall(BLOB[:int(head.split()[1])])
        return
    if head.startswith(b"CONNECT "):
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        return echo(peer)
    if not head.startswith(b"GET "):
        peer.sendall(head)
        return echo(peer)
    while head:
        while not head.endswith(b"\r\n\r\n"):
            piece = peer.recv(4096)
            if not piece:
                return
            head += piece
        path = head.split()[1]
        body = BLOB[:int(path[6:])] if path.startswith(b"/blob/") else b"good"
        if path == b"/slow":
            time.sleep(1)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = peer.recv(4096)


class Running:
    def __init__(self, driver, shards, **words):
        self.ports = [free_port(), free_port()]
        self.raw, self.web = self.ports
        self.server = Server(origin)
        self.folder = tempfile.TemporaryDirectory(prefix="ringway-stop-")
        self.paths = [os.path.join(self.folder.name, name) for name in ("raw", "web")]
        text = config(self.ports, self.paths, self.server.port, shards, **words)
        self.proxy = Proxy(text, self.ports, environment={"RINGWAY_RING": driver})

    def tell(self, how):
        self.proxy.process.send_signal(how)
        self.told = time.monotonic()

    def refuses_within(self, seconds):
        """Whether nobody is let in any more, at either port."""
        end = time.monotonic() + seconds
        for port in self.ports:
            while True:
                try:
                    connect(port, timeout_s=1).close()
                except OSError:
                    break
                if time.monotonic() > end:
                    return False
                time.sleep(0.02)
        return True

    def ends(self, how, seconds=PATIENCE_S):
        """It ends by itself and well."""
        end = time.monotonic() + seconds
        while self.proxy.alive() and time.monotonic() < end:
            time.sleep(0.02)
        check(not self.proxy.alive(), f"it runs {seconds} s later")
        status = self.proxy.process.returncode
        check(status == 0 or (IS_HAPROXY and status == -how), f"exit status {status}: {self.proxy.said()[-2000:]}")


@contextlib.contextmanager
def running(driver, shards, **words):
    setup = Running(driver, shards, **words)
    try:
        with setup.server:
            yield setup
    finally:
        setup.proxy.stop(signal.SIGKILL)
        setup.folder.cleanup()


def small_window_client(port):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    client.settimeout(PATIENCE_S)
    client.connect(("127.0.0.1", port))
    return client


def local_client(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE_S)
    client.connect(path)
    return client


def ask(client, path):
    client.sendall(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)


def head_of(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = client.recv(1)
        check(piece, f"ended in the head {head}")
        head += piece
    return head


def exchange(client, text=b"ping"):
    client.sendall(text)
    check(receive_exactly(client, len(text)) == text, "the echo")


@in_each_process
def what_is_open_goes_on_to_its_end(driver, shards):
    with running(driver, shards) as setup:
        echoes = [connect(setup.raw) for _ in range(24)]
        for client in echoes:
            exchange(client)
        download, large, slow, tunnel = small_window_client(setup.raw), connect(setup.web), connect(setup.web), connect(setup.web)
        download.sendall(b"blob %d" % len(BLOB))
        first = receive_exactly(download, 1000)
        ask(large, b"/blob/%d" % len(BLOB))
        ask(slow, b"/")
        check(b"connection: close" not in head_of(slow).lower(), "the first answer closes")
        receive_exactly(slow, 4)
        ask(slow, b"/slow")
        tunnel.sendall(b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
        head_of(tunnel)
        exchange(tunnel)
        time.sleep(0.2)

        setup.tell(signal.SIGUSR1)
        check(setup.refuses_within(3), "it still listens")
        for client in [*echoes, tunnel]:
            exchange(client, b"still served")
        answer = head_of(slow)
        check(answer.startswith(b"HTTP/1.1 200 ") and b"connection: close" in answer.lower(), f"{answer}")
        check(receive_all(slow) == b"good", "the body of the last answer")
        head_of(large)
        check(hashlib.sha256(receive_exactly(large, len(BLOB))).hexdigest() == DIGEST, "the large answer")
        large.close()
        check(hashlib.sha256(first + receive_all(download)).hexdigest() == DIGEST, "the download")
        download.close()
        for client in echoes:
            exchange(client, b"and once more")
            client.close()
        time.sleep(0.5)
        check(setup.proxy.alive(), "it has not waited for the tunnel")
        exchange(tunnel)
        tunnel.close()
        setup.ends(signal.SIGUSR1)


@in_each_process
def the_last_bytes_of_finished_streams_are_not_lost(driver, shards):
    """The kernel takes what it has room for, which is little and known for unix sockets. Of some of these sizes the rest is what makes the proxy's last send: their
    streams are over, and the bytes still wait for a client that does not read."""
    with running(driver, shards) as setup:
        sizes = range(24 << 10, 900 << 10, 24 << 10)
        raw, web = ({size: local_client(path) for size in sizes} for path in setup.paths)
        for size in sizes:
            raw[size].sendall(b"blob %d" % size)
            raw[size].shutdown(socket.SHUT_WR)
            web[size].sendall(b"GET /blob/%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % size)
        time.sleep(1)
        setup.tell(signal.SIGUSR1)
        for size in reversed(sizes):
            check(receive_all(raw[size]) == BLOB[:size], f"the download of {size} bytes")
            raw[size].close()
            check(receive_all(web[size])[-size:] == BLOB[:size], f"the answer of {size} bytes")
            web[size].close()
            time.sleep(0.03)
        setup.ends(signal.SIGUSR1)


@in_each_process
def who_was_let_in_and_waits_for_its_turn_is_served(driver, shards):
    """Accepted, but beyond `maxconn`: it has waited so long, and nobody else would take it."""
    if IS_HAPROXY:
        return  # there it waits in the kernel's backlog and is reset
    with running(driver, shards, raw="maxconn 1") as setup:
        first = connect(setup.raw)
        exchange(first)
        second = connect(setup.raw)
        second.sendall(b"me too")
        time.sleep(0.3)
        setup.tell(signal.SIGUSR1)
        check(setup.refuses_within(3), "it still listens")
        time.sleep(0.2)
        first.close()
        check(receive_exactly(second, 6) == b"me too", "the echo")
        second.close()
        setup.ends(signal.SIGUSR1)


class Traffic:
    """Clients that come, exchange and go, without a pause, until they are refused. `broken`: what must not be."""

    def __init__(self, setup, count=6):
        self.setup = setup
        self.whole = 0
        self.broken = []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        while True:
            try:
                client = connect(self.setup.web if number % 2 else self.setup.raw, timeout_s=PATIENCE_S)
            except OSError:
                return
            with client:
                got = b""
                wanted = b"x" * 3000
                try:
                    if number % 2:
                        ask(client, b"/")
                        wanted = b"good"
                        got = head_of(client)
                        got = receive_exactly(client, 4)
                    else:
                        client.sendall(wanted)
                        got = client.recv(4096)
                        got += receive_exactly(client, len(wanted) - len(got)) if got else b""
                except (OSError, AssertionError) as error:
                    if got:
                        with self.lock:
                            self.broken.append(f"{error} after {len(got)} bytes")
                    continue  # it had been in the kernel's backlog: the end of a listener resets those
                with self.lock:
                    self.whole += 1 if got == wanted else 0

    def wait(self):
        for thread in self.threads:
            thread.join(PATIENCE_S)
        check(not any(thread.is_alive() for thread in self.threads), "a client hangs")


@in_each_process
def clients_that_come_and_go_see_whole_answers_or_a_refusal(driver, shards):
    with running(driver, shards) as setup:
        traffic = Traffic(setup)
        time.sleep(1)
        setup.tell(signal.SIGUSR1)
        traffic.wait()
        check(not traffic.broken, f"cut short: {traffic.broken[:5]}")
        check(traffic.whole > 50, f"only {traffic.whole} exchanges")
        setup.ends(signal.SIGUSR1)


@in_each_process
def hard_stop_after_ends_what_stays(driver, shards):
    with running(driver, shards, top="hard-stop-after 1s") as setup:
        clients = [connect(setup.raw) for _ in range(8)]
        for client in clients:
            exchange(client)
        setup.tell(signal.SIGUSR1)
        time.sleep(0.4)
        for client in clients:
            exchange(client)
        check(all(is_closed_within(client, PATIENCE_S) for client in clients), "they stay open")
        check(0.9 < time.monotonic() - setup.told < (10 if SANITIZED else 3), "not after its time")
        setup.ends(signal.SIGUSR1)


def stops_at_once(how, driver, shards):
    with running(driver, shards) as setup:
        traffic = Traffic(setup)
        download = small_window_client(setup.raw)
        download.sendall(b"blob %d" % len(BLOB))
        kept = connect(setup.raw)
        exchange(kept)
        time.sleep(0.5)
        setup.tell(how)
        setup.ends(how, seconds=10 if SANITIZED else 3)
        check(is_closed_within(download, 3) and is_closed_within(kept, 3), "somebody is still connected")
        traffic.wait()


@in_each_process
def sigterm_does_not_wait(driver, shards):
    stops_at_once(signal.SIGTERM, driver, shards)


@in_each_process
def sigint_does_not_wait(driver, shards):
    stops_at_once(signal.SIGINT, driver, shards)


if __name__ == "__main__":
    sys.exit(run_cases())
