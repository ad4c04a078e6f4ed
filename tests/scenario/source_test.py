"""Where connections to servers come from and go to: `source`, `bind transparent`, servers without an address of their own.

Three network namespaces, a client's, the proxy's and a server's, joined by two veth pairs:

    client 10.1.0.2, .3  ---  10.1.0.1 proxy 10.2.0.1, .7  ---  10.2.0.2, .3 server

The proxy's routes what comes back from the server to itself, whatever its address, and likewise what clients send to
port 8080: as a machine does that proxies transparently. The namespaces live in this process and go with it.
"""

import contextlib
import ctypes
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading

from harness import PROGRAM, Proxy, case, check, run_cases, skip, until

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
SERVER_PORT = 9000
BIND_PORT = 8080


class Network:
    """The namespaces, as descriptors; this process stands in the proxy's."""

    def __init__(self):
        self.refused = None
        try:
            self.server = self._new()
            self.client = self._new()
            self.proxy = self._new()
            self._wire()
        except (OSError, subprocess.CalledProcessError) as error:
            self.refused = f"no network namespaces here: {error}"

    def _new(self):
        if LIBC.unshare(CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        self._ip("link set lo up")
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    @staticmethod
    def _ip(words, *descriptors):
        subprocess.run(["ip", *words.split()], check=True, pass_fds=descriptors, stdout=subprocess.DEVNULL)

    def _wire(self):
        for name, peer, space in (("cp", "vc", self.client), ("sp", "vs", self.server)):
            self._ip(f"link add {name} type veth peer name {peer}")
            self._ip(f"link set {peer} netns /proc/{os.getpid()}/fd/{space}", space)
        for words in (
            "addr add 10.1.0.1/24 dev cp",
            "addr add 10.2.0.1/24 dev sp",
            "addr add 10.2.0.7/24 dev sp",
            "link set cp up",
            "link set sp up",
            "rule add iif sp lookup 100",
            f"rule add iif cp ipproto tcp dport {BIND_PORT} lookup 100",
            "route add local 0.0.0.0/0 dev lo table 100",
        ):
            self._ip(words)
        for space, device, first, second, gate in (
            (self.client, "vc", "10.1.0.2", "10.1.0.3", "10.1.0.1"),
            (self.server, "vs", "10.2.0.2", "10.2.0.3", "10.2.0.1"),
        ):
            with self.inside(space):
                self._ip(f"addr add {first}/24 dev {device}")
                self._ip(f"addr add {second}/24 dev {device}")
                self._ip(f"link set {device} up")
                self._ip(f"route add default via {gate}")

    @contextlib.contextmanager
    def inside(self, space):
        """Sockets made here belong to `space` for good."""
        self._enter(space)
        try:
            yield
        finally:
            self._enter(self.proxy)

    @staticmethod
    def _enter(space):
        if LIBC.setns(space, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


NETWORK = Network()


class Witness:
    """A server that tells every request, over kept connections: who came, to which address, on which connection."""

    def __init__(self):
        with NETWORK.inside(NETWORK.server):
            self.listener = socket.create_server(("0.0.0.0", SERVER_PORT), backlog=64)
        self.connections = 0
        self.open = []
        self.hosts = []  # who connected
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, address = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.hosts.append(address[0])
            self.open.append(peer)
            threading.Thread(target=self._serve, args=(peer, address, self.connections), daemon=True).start()

    @staticmethod
    def _serve(peer, address, number):
        text = f"from={address[0]}:{address[1]} to={peer.getsockname()[0]} connection={number}"
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
        data = b""
        with contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" in data:
                    data = data.split(b"\r\n\r\n", 1)[1]
                    peer.sendall(answer)
                more = peer.recv(65536)
                if not more:
                    break
                data += more
        peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for peer in self.open:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)


class Client:
    def __init__(self, host="10.1.0.2", to="10.1.0.1"):
        with NETWORK.inside(NETWORK.client):
            self.socket = socket.create_connection((to, BIND_PORT), timeout=10, source_address=(host, 0))
        self.port = self.socket.getsockname()[1]

    def ask(self, header=""):
        """{"from": "IP:PORT", "to": "IP", "connection": "N"}, or the status of a refusal; None: closed."""
        self.socket.sendall(f"GET / HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.socket.recv(65536)
            if not more:
                return None
            data += more
        head, body = data.split(b"\r\n\r\n", 1)
        length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
        while len(body) < length:
            body += self.socket.recv(65536)
        if b" 200 " not in head.split(b"\r\n")[0]:
            return int(head.split()[1])
        return dict(word.split("=") for word in body.decode().split())

    def close(self):
        self.socket.close()


def config(server, mode="http", bind="", backend=""):
    return f"""
global
  nbthread 1
defaults
  mode {mode}
  retries 0
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  {backend}
frontend in
  bind 0.0.0.0:{BIND_PORT} {bind}
  default_backend out
backend out
  server s {server}
"""


@contextlib.contextmanager
def running(*words, **more):
    if NETWORK.refused:
        skip(NETWORK.refused)
    with Witness() as witness, Proxy(config(*words, **more), [BIND_PORT]):
        yield witness


def host_of(answer):
    check(isinstance(answer, dict), f"no answer of the server: {answer}")
    return answer["from"].rsplit(":", 1)[0]


@case
def a_source_address_is_what_the_server_sees():
    with running("10.2.0.2:9000 source 10.2.0.7"):
        check(host_of(Client().ask()) == "10.2.0.7", "the source")
    with running("10.2.0.2:9000 source 0.0.0.0 interface sp"):
        check(host_of(Client().ask()) == "10.2.0.1", "the system's choice")
    with running("10.2.0.2:9000", backend="source 10.2.0.7"):
        check(host_of(Client().ask()) == "10.2.0.7", "the backend's source")
    with running("10.2.0.2:9000 source 10.2.0.1", backend="source 10.2.0.7"):
        check(host_of(Client().ask()) == "10.2.0.1", "the server's own comes before it")


@case
def what_cannot_be_the_source_is_refused_and_told_once():
    if NETWORK.refused:
        skip(NETWORK.refused)
    if os.path.basename(PROGRAM) == "haproxy":
        skip("HAProxy answers with another status")
    for source in ("10.2.0.99", "0.0.0.0 interface nosuch0"):
        with Witness() as witness, Proxy(config(f"10.2.0.2:9000 source {source}"), [BIND_PORT]) as proxy:
            for _ in range(2):
                check(Client().ask() == 503, "refused")
            check(witness.connections == 0, "and never connected from elsewhere")
            check(proxy.said().count("source address") == 1, proxy.said())


@case
def a_range_of_ports_is_used_up_and_no_port_twice():
    # Somebody else listens on one of the four.
    with running("10.2.0.2:9000 source 10.2.0.1:20000-20003", mode="tcp"):
        other = socket.create_server(("10.2.0.1", 20001))
        clients = [Client() for _ in range(3)]
        ports = sorted(int(client.ask()["from"].split(":")[1]) for client in clients)
        check(ports == [20000, 20002, 20003], ports)
        check(Client().ask() is None, "no port is left")
        check(all(client.ask() for client in clients), "the others live on")
        other.close()
        check(host_of(Client().ask()) == "10.2.0.1", "the port is free again")


@case
def usesrc_shows_the_clients_address():
    with running("10.2.0.2:9000 source 0.0.0.0 usesrc clientip"):
        client = Client()
        answer = client.ask()
        check(host_of(answer) == "10.1.0.2", answer)
    with running("10.2.0.2:9000 source 0.0.0.0 usesrc client", mode="tcp"):
        client = Client("10.1.0.3")
        answer = client.ask()
        check(answer["from"] == f"10.1.0.3:{client.port}", answer)
    with running("10.2.0.2:9000 source 0.0.0.0 usesrc 10.77.0.1:7777"):
        answer = Client().ask()
        check(answer["from"] == "10.77.0.1:7777", answer)


@case
def a_client_without_an_address_is_shown_as_the_machine():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "in")
        for usesrc in ("client", "clientip"):
            server = f"10.2.0.2:9000 source 0.0.0.0 usesrc {usesrc}"
            with running(server, backend=f"\nlisten local\n  bind unix@{path}\n  server s {server}\n"):
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(path)
                    client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    answer = client.makefile("rb").read()
            check(b"from=10.2.0.1:" in answer, f"usesrc {usesrc}: {answer}")


@case
def a_check_comes_from_the_address_and_takes_no_clients_port():
    """Manual 4.2, source: health checks still use <addr>. Ports of a range that are all taken keep no check from it."""
    for usesrc in ("10.1.0.99", "clientip"):
        with running(f"10.2.0.2:9000 check inter 50ms source 10.2.0.7 usesrc {usesrc}") as witness:
            until(lambda: len(witness.hosts) > 2, 5, "no check comes")
            check(set(witness.hosts) == {"10.2.0.7"}, f"usesrc {usesrc}: {witness.hosts}")
    with running("10.2.0.2:9000 check inter 50ms source 10.2.0.7:4000-4001", mode="tcp") as witness:
        clients = [Client(), Client()]
        check(all(client.ask() for client in clients), "both ports are taken")
        seen = witness.connections
        until(lambda: witness.connections > seen + 4, 5, "no check comes")
        check(set(witness.hosts) == {"10.2.0.7"}, witness.hosts)
        clients[0].close()
        until(lambda: Client().ask() is not None, 5, "the server is down")


@case
def a_kept_connection_carries_one_clients_address_only():
    with running("10.2.0.2:9000 source 0.0.0.0 usesrc clientip", backend="http-reuse always"):
        one, other = Client("10.1.0.2"), Client("10.1.0.3")
        first = one.ask()
        check(host_of(first) == "10.1.0.2", first)
        second = other.ask()
        check(host_of(second) == "10.1.0.3", second)
        for client, answer in ((one, first), (other, second)):
            again = client.ask()
            check(again == answer, f"not its own connection: {again} after {answer}")
        one.close()
        check(Client("10.1.0.2").ask() == first, "another client of the same address may use it")


@case
def usesrc_takes_the_address_from_a_header():
    with running("10.2.0.2:9000 source 0.0.0.0 usesrc hdr_ip(x-forwarded-for)", backend="http-reuse always"):
        client = Client()
        check(host_of(client.ask("X-Forwarded-For: 10.66.0.1, 10.66.0.2\r\n")) == "10.66.0.2", "the last value")
        check(host_of(client.ask("X-Forwarded-For: 10.66.0.1\r\n")) == "10.66.0.1", "another address, another connection")
        check(host_of(client.ask()) == "10.2.0.1", "without the header the proxy's own")
    with running("10.2.0.2:9000 source 0.0.0.0 usesrc hdr_ip(x-forwarded-for,1)"):
        check(host_of(Client().ask("X-Forwarded-For: 10.66.0.1, 10.66.0.2\r\n")) == "10.66.0.1", "the first value")


@case
def a_transparent_bind_forwards_to_where_the_client_wanted():
    with running("0.0.0.0:9000", bind="transparent", backend="http-reuse always"):
        one, other = Client(to="10.2.0.2"), Client(to="10.2.0.3")
        for _ in range(2):
            check(one.ask()["to"] == "10.2.0.2", "the address it dialled")
            check(other.ask()["to"] == "10.2.0.3", "never another client's")
    for server in ("*:+920", "10.2.0.2:+920"):
        with running(server, bind="transparent", mode="tcp"):
            check(Client(to="10.2.0.2").ask()["to"] == "10.2.0.2", server)


@case
def transparent_all_the_way():
    with running("*:9000 source 0.0.0.0 usesrc clientip", bind="transparent", mode="tcp"):
        answer = Client("10.1.0.3", to="10.2.0.3").ask()
        check(host_of(answer) == "10.1.0.3" and answer["to"] == "10.2.0.3", answer)


@case
def a_missing_right_is_an_error_at_start():
    if NETWORK.refused:
        skip(NETWORK.refused)
    if os.path.basename(PROGRAM) == "haproxy":
        skip("HAProxy says it another way")
    for bind, server in (("", "10.2.0.2:9000 source 0.0.0.0 usesrc clientip"), ("transparent", "10.2.0.2:9000")):
        path = f"/tmp/ringway-source-{os.getpid()}.cfg"
        with open(path, "w", encoding="utf-8") as file:
            file.write(config(server, bind=bind))
        try:
            ended = subprocess.run(
                ["setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-net_admin,-net_raw", PROGRAM, "-db", "-f", path],
                capture_output=True,
                timeout=20,
                check=False,
            )
        finally:
            os.unlink(path)
        check(ended.returncode == 1, ended)
        check(b"CAP_NET_ADMIN" in ended.stderr, ended.stderr)


if __name__ == "__main__":
    sys.exit(run_cases())
