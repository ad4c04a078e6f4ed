"""The cases of transfer_test.py with `option splice-auto`, and what splicing must not do to bodies of HTTP."""

import contextlib
import os
import sys
import threading
import time
import zlib

import transfer_test
from harness import Proxy, Server, case, check, connect, free_port, listen_config, run_cases

transfer_test.OPTIONS = "option splice-auto"
HTTP = "mode http\n  option splice-auto"
BODY = os.urandom(3_000_017)


def read_head(peer):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = peer.recv(1)
        check(piece, f"ended after {head}")
        head += piece
    return head


def read_body(peer, size):
    checksum = 0
    while size > 0:
        piece = peer.recv(min(size, 1 << 16))
        check(piece, f"{size} bytes short")
        checksum = zlib.crc32(piece, checksum)
        size -= len(piece)
    return checksum


def splices(proxy):
    """Descriptors of the process that are pipes."""
    folder = f"/proc/{proxy.pid}/fd"
    count = 0
    for fd in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += os.readlink(f"{folder}/{fd}").startswith("pipe:")
    return count


@case
def answers_of_all_sizes_one_after_the_other():
    sizes = [1, 3_000_000, 65_536, 0, 65_535, 1_000_001, 262_144, 17, 2_000_003, 65_537, 100]

    def serve(peer):
        for size in sizes:
            read_head(peer)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + BODY[:size])

    port = free_port()
    with Server(serve) as server, Proxy(listen_config(port, server.port, HTTP), [port]) as proxy:
        before = splices(proxy)
        client = connect(port, timeout_s=20)
        for size in sizes:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            head = read_head(client)
            check(b"content-length: %d\r\n" % size in head.lower(), f"the head {head}")
            check(read_body(client, size) == zlib.crc32(BODY[:size]), f"the body of {size} bytes")
        check(splices(proxy) > before, "nothing was spliced")
        client.close()


@case
def uploads_of_all_sizes_one_after_the_other():
    sizes = [3_000_000, 1, 65_536, 1_000_001, 0, 2_000_003]
    seen = []

    def serve(peer):
        for size in sizes:
            read_head(peer)
            seen.append(read_body(peer, size))
            peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    port = free_port()
    with Server(serve) as server, Proxy(listen_config(port, server.port, HTTP), [port]):
        client = connect(port, timeout_s=20)
        for size in sizes:
            client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + BODY[:size])
            check(b" 204 " in read_head(client), f"after {size} bytes")
        check(seen == [zlib.crc32(BODY[:size]) for size in sizes], "what the server got differs")
        client.close()


@case
def bytes_below_the_low_water_mark_do_not_wait_for_others():
    total = 3_000_000
    sent_at, go = [], threading.Event()

    def serve(peer):
        read_head(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total + BODY[:1_500_000])
        for i in range(5):
            go.wait(10)
            go.clear()
            sent_at.append(time.monotonic())
            peer.sendall(BODY[1_500_000 + i * 100:1_500_100 + i * 100])
        peer.sendall(BODY[1_500_500:total])

    port = free_port()
    with Server(serve) as server, Proxy(listen_config(port, server.port, HTTP), [port]):
        client = connect(port, timeout_s=20)
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        read_head(client)
        got = bytearray()
        while len(got) < 1_500_000:
            got += client.recv(1_500_000 - len(got))
        for i in range(5):
            go.set()
            while len(got) < 1_500_100 + i * 100:
                got += client.recv(100)
            check(time.monotonic() - sent_at[i] < 1, "the bytes waited")
        while len(got) < total:
            got += client.recv(total - len(got))
        check(bytes(got) == BODY[:total], "the body differs")
        client.close()


@case
def a_server_that_dies_in_the_middle_cuts_the_answer():
    def serve(peer):
        read_head(peer)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + BODY[:1_000_000])

    port = free_port()
    with Server(serve) as server, Proxy(listen_config(port, server.port, HTTP), [port]) as proxy:
        for _ in range(20):
            client = connect(port, timeout_s=20)
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            read_head(client)
            got = 0
            try:
                while piece := client.recv(1 << 16):
                    got += len(piece)
            except ConnectionResetError:
                pass
            check(got <= 1_000_000, f"{got} bytes")
            client.close()
        # A pipe with bytes in it is closed, not kept: what is left of one answer is nobody else's.
        check(splices(proxy) <= 8, f"{splices(proxy)} pipe ends are open")


if __name__ == "__main__":
    sys.exit(run_cases())
