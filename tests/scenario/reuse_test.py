"""Connections to a server over several shards: as few as over one."""

import sys
import threading

from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_port, receive_all, run_cases, skip

REQUESTS = 1000
SHARDS = 4
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Origin:
    """Answers every request, and counts them and the connections they came on."""

    def __init__(self):
        self.lock = threading.Lock()
        self.connections = 0
        self.requests = 0

    def serve(self, peer):
        with self.lock:
            self.connections += 1
        read = b""
        while more := peer.recv(65536):
            read += more
            while b"\r\n\r\n" in read:
                _, _, read = read.partition(b"\r\n\r\n")
                with self.lock:
                    self.requests += 1
                peer.sendall(ANSWER)


def config(port, server_port, shards, options=""):
    return f"""
global
  nbthread {shards}
{options}
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
listen web
  bind 127.0.0.1:{port}
  http-reuse always
  server s1 127.0.0.1:{server_port}
"""


def ask_one_by_one(port):
    for _ in range(REQUESTS):
        with connect(port) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            check(receive_all(client).endswith(b"\r\n\r\nok"), "an answer")


def count_connections(shards, options=""):
    origin = Origin()
    port = free_port()
    with Server(origin.serve) as server, Proxy(config(port, server.port, shards, options), [port]):
        ask_one_by_one(port)
    print(f"   {shards} shards: {origin.connections} connections for {origin.requests} requests")
    check(origin.requests == REQUESTS, "a request was sent twice or not at all")
    return origin.connections


@case
def one_client_after_another_over_four_shards():
    if IS_HAPROXY:
        skip("it shows what the shards of Ringway share")
    check(count_connections(1) == 1, "one shard needs one connection")
    check(count_connections(SHARDS) <= REQUESTS // 100, "fewer than 99 % of the requests found a connection")


@case
def many_clients_at_once_over_four_shards():
    if IS_HAPROXY:
        skip("it shows what the shards of Ringway share")
    origin = Origin()
    port = free_port()
    failed = []

    def ask_many():
        try:
            for _ in range(REQUESTS // 8):
                with connect(port) as client:
                    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    check(receive_all(client).endswith(b"\r\n\r\nok"), "an answer")
        except Exception as error:  # pylint: disable=broad-except
            failed.append(error)

    with Server(origin.serve) as server, Proxy(config(port, server.port, SHARDS), [port]):
        threads = [threading.Thread(target=ask_many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(f"   {origin.connections} connections for {origin.requests} requests")
    check(not failed, f"{failed}")
    check(origin.requests == REQUESTS, "a request was sent twice or not at all")
    # Eight at a time; no shard needs more than that, and all of them together hardly do.
    check(origin.connections <= 8 * SHARDS, "more connections than there ever were requests at once")


if __name__ == "__main__":
    sys.exit(run_cases())
