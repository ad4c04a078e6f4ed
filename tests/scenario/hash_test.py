"""hash-balance-factor and hash-key, over several shards."""

import sys
import threading

from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_port, receive_all, run_cases, skip


class Held:
    """Servers of HTTP that count their requests and hold every answer until they are let go."""

    def __init__(self, count, hold=True):
        self.requests = [0] * count
        self.lock = threading.Lock()
        self.go = threading.Event()
        if not hold:
            self.go.set()
        self.servers = [Server(lambda peer, index=index: self._serve(peer, index)) for index in range(count)]

    def _serve(self, peer, index):
        head = b""
        while b"\r\n\r\n" not in head:
            chunk = peer.recv(4096)
            if not chunk:
                return
            head += chunk
        with self.lock:
            self.requests[index] += 1
        self.go.wait(20)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n%d" % index)

    def __enter__(self):
        for server in self.servers:
            server.__enter__()
        return self

    def __exit__(self, *what):
        self.go.set()
        for server in self.servers:
            server.__exit__(*what)

    def arrived(self, count, seconds=10):
        for _ in range(int(seconds * 100)):
            with self.lock:
                if sum(self.requests) >= count:
                    return list(self.requests)
            threading.Event().wait(0.01)
        return list(self.requests)


def config_with(port, servers, backend, top="nbthread 4"):
    lines = "".join(
        f"  server {name} 127.0.0.1:{server_port} {words}\n" for name, server_port, words in servers
    )
    return f"""global
  {top}
defaults
  mode http
  timeout client 20s
  timeout server 20s
  timeout connect 5s
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  balance uri
  hash-type consistent
  {backend}
{lines}"""


def ask(port, uri):
    client = connect(port, 20)
    client.sendall(f"GET {uri} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    return client


def spread_of_one_key(backend, clients):
    port = free_port()
    with Held(3) as held:
        servers = [(f"s{index}", server.port, "") for index, server in enumerate(held.servers)]
        with Proxy(config_with(port, servers, backend), [port]):
            asking = [ask(port, "/same")]
            held.arrived(1)
            for _ in range(clients - 1):
                asking.append(ask(port, "/same"))
                held.arrived(len(asking))
            spread = sorted(held.arrived(clients), reverse=True)
            held.go.set()
            for client in asking:
                check(b" 200 " in receive_all(client), "an answer")
                client.close()
    return spread


@case
def without_a_factor_a_key_stays_on_its_server():
    check(spread_of_one_key("", 9) == [9, 0, 0], "all on one server")


@case
def hash_balance_factor_bounds_the_load():
    # 150 %: no server has more than one and a half times what it would have if all had the same, rounded up.
    spread = spread_of_one_key("hash-balance-factor 150", 12)
    check(sum(spread) == 12, f"{spread}")
    check(4 < spread[0] <= 6, f"{spread} of 12 at 150 %")


@case
def a_low_factor_is_nearly_even():
    spread = spread_of_one_key("hash-balance-factor 101", 12)
    check(spread[0] <= 5 and spread[2] >= 3, f"{spread} of 12 at 101 %")


def where_keys_go(servers, port):
    """The address each of 60 keys is sent to."""
    answers = []
    with Proxy(config_with(port, servers, "", "nbthread 2"), [port]):
        for key in range(60):
            with ask(port, f"/key/{key}") as client:
                answers.append(receive_all(client)[-1:])
    return answers


@case
def hash_key_decides_what_moves_a_server_on_the_ring():
    if IS_HAPROXY:
        skip("HAProxy 2.6 has no hash-key")
    with Held(3, hold=False) as held:
        ports = [server.port for server in held.servers]
        names = ["a", "b", "c"]
        for words, is_kept in (("hash-key addr-port", True), ("hash-key id32", False), ("", False)):
            straight = where_keys_go(list(zip(names, ports, [words] * 3)), free_port())
            turned = where_keys_go(list(zip(names, reversed(ports), [words] * 3)), free_port())
            check(len(set(straight)) == 3, "every server has keys")
            check((straight == turned) == is_kept, f"{words or 'by number'}: the keys {'moved' if is_kept else 'stayed'}")
        guids = [f"hash-key guid guid {word}" for word in ("north", "south", "west")]
        straight = where_keys_go(list(zip(names, ports, guids)), free_port())
        turned = where_keys_go(list(zip(names, reversed(ports), reversed(guids))), free_port())
        check(len(set(straight)) == 3 and straight == turned, "the keys of a guid moved")


if __name__ == "__main__":
    sys.exit(run_cases())
