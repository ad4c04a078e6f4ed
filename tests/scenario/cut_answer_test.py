"""A body that only the end of the connection ends: an error of the server reaches the client as one (RFC 9112 section 8).

HAProxy ends the client's connection in order, so that a part looks like the whole.
"""

import socket
import struct
import sys
import time

from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_port, run_cases, skip

CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nhello"
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello"
OF_10 = b"GET / HTTP/1.0\r\n\r\n"
CLOSES = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def ending_of(request, answer, how):
    """What a client gets of a server that sends `answer` and ends so: the bytes, and "end" or "reset"."""

    def serve(peer):
        peer.recv(65536)
        peer.sendall(answer)
        time.sleep(0.1)  # it has been passed on
        if how == "reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif how == "silence":
            time.sleep(1)
        elif how == "junk":
            peer.sendall(b"junk\r\n")
            time.sleep(1)

    port = free_port()
    with Server(serve) as server:
        text = f"""
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 500ms
listen in
  bind 127.0.0.1:{port}
  server s1 127.0.0.1:{server.port}
"""
        with Proxy(text, [port]), connect(port) as client:
            client.sendall(request)
            got = b""
            try:
                while more := client.recv(65536):
                    got += more
            except ConnectionResetError:
                return got, "reset"
            return got, "end"


@case
def an_error_of_the_server_is_no_end_of_a_body():
    if IS_HAPROXY:
        skip("it ends in order")
    for request, answer, ways in (
        (OF_10, CHUNKS, ("close", "reset", "silence", "junk")),
        (OF_10, UNTIL_CLOSE, ("reset", "silence")),
        (CLOSES, UNTIL_CLOSE, ("reset", "silence")),
    ):
        for how in ways:
            got, end = ending_of(request, answer, how)
            check(end == "reset", f"{request} {answer} {how}: {end} behind {got}")


@case
def what_is_whole_or_known_to_be_cut_ends_in_order():
    for request, answer, how in (
        (OF_10, CHUNKS + b"0\r\n\r\n", "close"),
        (OF_10, CHUNKS + b"0\r\n\r\n", "reset"),
        (OF_10, UNTIL_CLOSE, "close"),
        (CLOSES, UNTIL_CLOSE, "close"),
        (OF_10, LENGTH, "reset"),
        (CLOSES, CHUNKS, "reset"),
        (CLOSES, CHUNKS, "junk"),
    ):
        got, end = ending_of(request, answer, how)
        check(end == "end" and b"hello" in got, f"{request} {answer} {how}: {end} behind {got}")


if __name__ == "__main__":
    sys.exit(run_cases())
