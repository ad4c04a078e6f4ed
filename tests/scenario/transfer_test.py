"""Much data through TCP mode: nothing is changed or lost, and memory does not grow with it."""

import os
import socket
import sys
import threading
import time
import zlib

from harness import (SANITIZED, Proxy, Server, case, check, connect, free_port, listen_config, receive_all,
                     receive_exactly, run_cases)

GIB = 1 << 30
TRANSFER_BYTES = GIB // 16 if SANITIZED else GIB
RSS_MAX_KB = 600 << 10 if SANITIZED else 60 << 10
# Of the `listen` section; spliced_transfer_test.py sets it.
OPTIONS = ""
# Random, and of a length that is no power of two: a block sent twice or at the wrong place changes the checksum.
BLOCK = os.urandom(1_000_003)


def send_counted(peer, total):
    """Sends `total` bytes of repeated BLOCK; their checksum."""
    checksum, left = 0, total
    while left > 0:
        piece = BLOCK[:left]
        peer.sendall(piece)
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return checksum


def receive_counted(peer):
    """(bytes, checksum) up to end of file."""
    checksum = total = 0
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    while count := peer.recv_into(buffer):
        checksum = zlib.crc32(view[:count], checksum)
        total += count
    return total, checksum


def check_memory(proxy):
    peak_kb = proxy.rss_peak_kb()
    print(f"   resident at most {peak_kb / 1024:.1f} MB")
    check(peak_kb < RSS_MAX_KB, f"the proxy took {peak_kb} kB")


@case
def a_gibibyte_comes_down():
    sent = []

    def serve(peer):
        sent.append(send_counted(peer, TRANSFER_BYTES))
        peer.shutdown(socket.SHUT_WR)
        receive_all(peer)

    port = free_port()
    with Server(serve) as server, Proxy(listen_config(port, server.port, OPTIONS), [port]) as proxy:
        begin = time.monotonic()
        client = connect(port, timeout_s=120)
        total, checksum = receive_counted(client)
        client.close()
        took = time.monotonic() - begin
        print(f"   {total / took / 1e6:.0f} MB/s, {proxy.cpu_seconds():.2f} s of CPU")
        check(total == TRANSFER_BYTES, f"{total} bytes arrived")
        check(checksum == sent[0], "the checksum differs")
        check_memory(proxy)


@case
def a_gibibyte_goes_up():
    received, done = [], threading.Event()

    def serve(peer):
        received.append(receive_counted(peer))
        peer.sendall(b"thanks")
        done.set()

    port = free_port()
    with Server(serve) as server, Proxy(listen_config(port, server.port, OPTIONS), [port]) as proxy:
        client = connect(port, timeout_s=120)
        checksum = send_counted(client, TRANSFER_BYTES)
        client.shutdown(socket.SHUT_WR)
        check(receive_all(client) == b"thanks", "the answer after it")
        check(done.wait(5) and received == [(TRANSFER_BYTES, checksum)], "the bytes or the checksum differ")
        check_memory(proxy)


@case
def both_directions_at_once_on_several_connections():
    each = TRANSFER_BYTES // 16
    wrong = []

    def serve(peer):
        results = []
        reader = threading.Thread(target=lambda: results.append(receive_counted(peer)))
        reader.start()
        checksum = send_counted(peer, each)
        peer.shutdown(socket.SHUT_WR)
        reader.join()
        if results != [(each, checksum)]:  # both sides send the same
            wrong.append(results)

    def run_client():
        client = connect(port, timeout_s=120)
        results = []
        reader = threading.Thread(target=lambda: results.append(receive_counted(client)))
        reader.start()
        checksum = send_counted(client, each)
        client.shutdown(socket.SHUT_WR)
        reader.join()
        client.close()
        if results != [(each, checksum)]:
            wrong.append(results)

    port = free_port()
    with Server(serve) as server:
        with Proxy(listen_config(port, server.port, OPTIONS, top="global\n  nbthread 2"), [port]) as proxy:
            threads = [threading.Thread(target=run_client) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
            check(not wrong, f"what arrived differs: {wrong}")
            check_memory(proxy)


def push_against_a_slow_reader(sender, reader, proxy):
    """`sender` sends all it can for some seconds while `reader` takes 2 MB/s; then the reader takes the rest, fast."""
    sent = []

    def push():
        checksum = total = 0
        end = time.monotonic() + 3
        try:
            while time.monotonic() < end:
                sender.settimeout(20)
                sender.sendall(BLOCK)
                checksum = zlib.crc32(BLOCK, checksum)
                total += len(BLOCK)
        finally:
            sender.shutdown(socket.SHUT_WR)
            sent.append((total, checksum))

    proxy.reset_rss_peak()
    thread = threading.Thread(target=push)
    thread.start()
    got = checksum = 0
    end = time.monotonic() + 3
    while time.monotonic() < end:
        piece = reader.recv(200_000)
        checksum = zlib.crc32(piece, checksum)
        got += len(piece)
        time.sleep(0.1)
    while piece := reader.recv(1 << 20):
        checksum = zlib.crc32(piece, checksum)
        got += len(piece)
    thread.join(30)
    print(f"   {got / 1e6:.0f} MB in all")
    check(sent == [(got, checksum)], f"{got} bytes arrived of {sent}, or the checksum differs")
    check_memory(proxy)


def with_connected_pair(use):
    accepted = []
    arrived, done = threading.Event(), threading.Event()

    def hold(peer):
        accepted.append(peer)
        arrived.set()
        done.wait(120)

    port = free_port()
    with Server(hold) as server, Proxy(listen_config(port, server.port, OPTIONS), [port]) as proxy:
        client = connect(port, timeout_s=60)
        check(arrived.wait(10), "connected to the server")
        accepted[0].settimeout(60)
        try:
            use(client, accepted[0], proxy)
        finally:
            done.set()
            client.close()


@case
def a_slow_server_does_not_fill_memory():
    with_connected_pair(lambda client, server, proxy: push_against_a_slow_reader(client, server, proxy))


@case
def a_slow_client_does_not_fill_memory():
    with_connected_pair(lambda client, server, proxy: push_against_a_slow_reader(server, client, proxy))


@case
def a_peer_that_stops_reading_costs_no_cpu_and_loses_nothing():
    def stall(client, server, proxy):
        client.settimeout(1)
        sent = 0
        try:
            while True:
                sent += client.send(BLOCK)
        except TimeoutError:
            pass
        cpu = proxy.cpu_seconds()
        time.sleep(1.5)
        check(proxy.cpu_seconds() - cpu < 0.2, "waiting for the reader costs CPU")
        server.sendall(b"the other direction still works")
        check(receive_exactly(client, 31) == b"the other direction still works", "the other direction")
        client.shutdown(socket.SHUT_WR)
        total, _ = receive_counted(server)
        check(total == sent, f"{total} of {sent} bytes arrived")
        check_memory(proxy)

    with_connected_pair(stall)


if __name__ == "__main__":
    sys.exit(run_cases())
