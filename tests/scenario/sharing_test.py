"""Connections per shard: within 5 % of the mean, whatever the kernel's hash makes of one client's ports."""

import socket
import sys
import time

from harness import (DEFAULTS, IS_HAPROXY, Proxy, Server, case, check, connect, echo, free_port, listen_config,
                     raise_file_limit, receive_exactly, run_cases, skip)

CONNECTIONS = 1000
SHARDS = 4


def check_shares(proxy, port, connections):
    clients = []
    try:
        for _ in range(connections):
            client = connect(port)
            client.sendall(b"x")
            clients.append(client)
        for client in clients:
            check(receive_exactly(client, 1) == b"x", "the echo")
        counts = [shard["connections"] for shard in proxy.shard_counts()]
        print(f"   connections per shard: {counts}")
        check(len(counts) == SHARDS, f"{len(counts)} shards")
        # A shard may count both legs of a stream: what matters is how they are shared.
        mean = sum(counts) / SHARDS
        check(sum(counts) >= connections, f"{sum(counts)} counted of {connections}")
        for count in counts:
            check(abs(count - mean) <= 0.05 * mean, f"{count} is more than 5 % from the mean of {mean:.0f}")
    finally:
        for client in clients:
            client.close()


def started(config, port, inherit=()):
    if IS_HAPROXY:
        skip("it prints no counters of this kind")
    check(raise_file_limit(4 * CONNECTIONS), "the limit of open files is too low")
    return Proxy(config, [port], {"RINGWAY_DEBUG_COUNTS": "1"}, inherit=inherit)


@case
def one_socket_per_shard():
    port = free_port()
    with Server(echo) as server:
        config = listen_config(port, server.port, top=f"global\n  nbthread {SHARDS}\n  maxconn 4000")
        with started(config, port) as proxy:
            check_shares(proxy, port, CONNECTIONS)
            time.sleep(0.5)
            check_shares(proxy, port, CONNECTIONS // 2)  # and again, after they have gone


@case
def one_inherited_socket_for_all():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    port = listener.getsockname()[1]
    with Server(echo) as server:
        config = f"""
global
  nbthread {SHARDS}
  maxconn 4000
{DEFAULTS}
listen in
  bind fd@{listener.fileno()}
  server s1 127.0.0.1:{server.port}
"""
        with started(config, port, inherit=(listener.fileno(),)) as proxy:
            check_shares(proxy, port, CONNECTIONS)
    listener.close()


if __name__ == "__main__":
    sys.exit(run_cases())
