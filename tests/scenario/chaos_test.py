"""Clients and servers that do anything, in any order: afterwards nothing is left over.

Rounds of many clients at once, in mode tcp and in mode http, before servers that refuse, reset, stay silent, answer early,
twice, in pieces or never. After each round every counter of open things is back at zero within the timeouts, `show sess`
lists nobody, and descriptors and memory are where they were.

RINGWAY_CHAOS_SECONDS is how long each case goes on (default 8), RINGWAY_SEED repeats what the peers do, though not when:
threads take turns as they like.
"""

import csv
import io
import itertools
import os
import random
import re
import select
import socket
import struct
import sys
import tempfile
import threading
import time

from cli_client import ask
from harness import (IS_HAPROXY, SANITIZED, Proxy, Server, case, check, free_port, raise_file_limit, run_cases, skip)

SECONDS = float(os.environ.get("RINGWAY_CHAOS_SECONDS", "8"))
SEED = int(os.environ.get("RINGWAY_SEED", random.SystemRandom().randrange(1 << 32)))
CLIENTS = 24 if SANITIZED else 40
# The timeouts below allow a stream some 5 s: four attempts to connect and the pauses, then silence. Clients that have
# left may wait in a backlog before that.
AGE_MAX_S = 20 if SANITIZED else 8
QUIET_S = 60
ROUND_S = 1.0
RSS_GROWTH_MAX_KB = 200_000 if SANITIZED else 16_000


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def read_for(peer, seconds, most=1 << 30):
    """What arrives within the time, at most `most` bytes; stops at the end."""
    end, got = time.monotonic() + seconds, b""
    while len(got) < most and (left := end - time.monotonic()) > 0:
        if not select.select([peer], [], [], left)[0]:
            break
        piece = peer.recv(min(65536, most - len(got)))
        if not piece:
            break
        got += piece
    return got


def send_some(peer, data):
    """As much as the peer takes within a moment."""
    peer.settimeout(0.3)
    try:
        peer.sendall(data)
    except socket.timeout:
        pass
    finally:
        peer.settimeout(5)


def send_in_pieces(peer, dice, data):
    while data:
        count = dice.choice([1, 2, 7, 100, 5000, len(data)])
        send_some(peer, data[:count])
        data = data[count:]
        if dice.random() < 0.3:
            time.sleep(dice.random() * 0.02)
        if len(data) > 200000:
            send_some(peer, data)
            return


def noise(dice):
    return dice.randbytes(dice.choice([0, 1, 3, 50, 1000, 20000, 70000, 400000]))


def mutated(dice, data):
    data = bytearray(data)
    for _ in range(dice.choice([0, 0, 0, 0, 1, 2, 5])):
        if not data:
            break
        at = dice.randrange(min(len(data), 300))
        what = dice.randrange(3)
        if what == 0:
            data[at] = dice.randrange(256)
        elif what == 1:
            del data[at:at + dice.randrange(1, 5)]
        else:
            data[at:at] = dice.choice([b"\r\n", b"\0", b" ", b"\r\n\r\n", b":", b"Content-Length: 3\r\n"])
    return bytes(data)


def chunked(dice, body):
    out = b""
    while body:
        count = dice.choice([1, 10, 3000, 30000])
        piece, body = body[:count], body[count:]
        out += b"%x\r\n%s\r\n" % (len(piece), piece)
    return out + dice.choice([b"0\r\n\r\n", b"0\r\nX-Trailer: 1\r\n\r\n", b"", b"0\r\n", b"zz\r\n"])


def some_request(dice):
    method = dice.choice([b"GET", b"GET", b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"DELETE"])
    target = b"a:80" if method == b"CONNECT" else b"/" + b"x" * dice.choice([0, 3, 100])
    fields = b"Host: a\r\n"
    if method == b"CONNECT":
        fields = b"Host: a:80\r\n"
    fields += dice.choice([b"", b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n",
                           b"Connection: upgrade\r\nUpgrade: thing\r\n", b"X-Long: " + b"y" * 9000 + b"\r\n"])
    body = b""
    if method in (b"POST", b"PUT") or dice.random() < 0.05:
        body = noise(dice)
        if dice.random() < 0.5:
            fields += b"Content-Length: %d\r\n" % max(0, len(body) + dice.choice([0, 0, 0, 0, 5, -1, 100000]))
        else:
            fields += b"Transfer-Encoding: chunked\r\n"
            body = chunked(dice, body)
    version = dice.choice([b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0"])
    return mutated(dice, method + b" " + target + b" " + version + b"\r\n" + fields + b"\r\n") + body


def some_response(dice):
    status = dice.choice([b"200 OK", b"200 OK", b"200 OK", b"204 No Content", b"304 Not Modified", b"500 Oh",
                          b"101 Switching Protocols", b"404 No", b"503 Later"])
    before = dice.choice([b"", b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: a\r\n\r\n"])
    fields, body = b"", noise(dice)
    framing = dice.randrange(4)
    if framing <= 1:
        fields += b"Content-Length: %d\r\n" % max(0, len(body) + dice.choice([0, 0, 0, 0, 5, -1, 100000]))
    elif framing == 2:
        fields += b"Transfer-Encoding: chunked\r\n"
        body = chunked(dice, body)
    fields += dice.choice([b"", b"", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: thing\r\n"])
    return before + mutated(dice, b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\n") + body


def end_somehow(peer, dice):
    how = dice.randrange(5)
    if how == 0:
        reset(peer)
    elif how == 1:
        peer.shutdown(socket.SHUT_WR)
        read_for(peer, dice.random() * 0.3)
        peer.close()
    elif how == 2:
        peer.shutdown(socket.SHUT_RDWR)
        peer.close()
    else:
        peer.close()


def behave(peer, dice, some_message):
    """A random walk over what a peer can do, then some ending."""
    peer.settimeout(5)
    for _ in range(dice.choice([0, 1, 2, 3, 6])):
        act = dice.randrange(10)
        if act <= 2:
            send_in_pieces(peer, dice, some_message(dice))
        elif act == 3:
            send_some(peer, some_message(dice) + some_message(dice))
        elif act <= 6:
            read_for(peer, dice.random() * 0.2, dice.choice([1, 1000, 1 << 20, 1 << 24]))
        elif act == 7:
            time.sleep(dice.random() * 0.1)
        elif act == 8 and dice.random() < 0.5:
            peer.shutdown(socket.SHUT_WR)
        elif act == 9 and dice.random() < 0.3:
            time.sleep(1)  # longer than any timeout
    end_somehow(peer, dice)


class Chaos:
    """Servers, and the clients of one round after the other."""

    def __init__(self, mode):
        self.http = mode == "http"
        self.dice = random.Random(f"{SEED}/{mode}")
        self.numbers = itertools.count(1)
        self.server = Server(self._serve_next)
        self.port = self.server.port
        # Nobody accepts here: a few connects succeed and are never answered, the others are never answered at all.
        self.mute = socket.socket()
        self.mute.bind(("127.0.0.1", 0))
        self.mute.listen(2)
        self.mute_port = self.mute.getsockname()[1]

    def _serve_next(self, peer):
        self._run(self._serve, peer, random.Random(f"{SEED}/{self.http}/server/{next(self.numbers)}"))

    @staticmethod
    def _run(what, peer, dice):
        try:
            what(peer, dice)
        except (OSError, ValueError):
            pass
        finally:
            peer.close()

    def _serve(self, peer, dice):
        how = dice.randrange(10)
        if how == 0:
            return reset(peer)
        if how == 1:
            return None
        if how == 2:  # silent, and longer than the proxy may wait
            time.sleep(2)
            return None
        if not self.http:
            if how <= 5:
                while piece := peer.recv(65536):
                    peer.sendall(piece)
                return None
            return behave(peer, dice, noise)
        if how <= 6:  # in turn, as it should be
            for _ in range(dice.choice([1, 2, 20])):
                peer.settimeout(3)
                if not peer.recv(65536):
                    return None
                body = noise(dice)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            return None
        if dice.random() < 0.7:
            peer.recv(65536)
        return behave(peer, dice, some_response)

    def _client(self, port, dice, until):
        while time.monotonic() < until:
            try:
                peer = socket.socket()
                if dice.random() < 0.2:
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                peer.settimeout(5)
                peer.connect(("127.0.0.1", port))
            except OSError:
                peer.close()
                continue
            self._run(lambda p, d: behave(p, d, some_request if self.http else noise), peer, dice)

    def round(self, port, number):
        until = time.monotonic() + ROUND_S
        threads = []
        for index in range(CLIENTS):
            dice = random.Random(f"{SEED}/{self.http}/{number}/{index}")
            threads.append(threading.Thread(target=self._client, args=(port, dice, until), daemon=True))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            check(not thread.is_alive(), "a client hangs")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.__exit__()
        self.mute.close()


def leftovers(path):
    """What `show stat` and `show sess` still count, as text; empty when nobody is there."""
    found = []
    text = ask(path, "show stat").lstrip("# ").strip()
    for row in csv.DictReader(io.StringIO(text)):
        for column in ("qcur", "scur"):
            if row[column] not in ("", "0"):
                found.append(f"{row['pxname']}/{row['svname']} {column}={row[column]}")
    streams = [line for line in ask(path, "show sess").splitlines() if line and "fe=GLOBAL" not in line]
    return found + streams


def stuck(path, since):
    """The streams that have outlived every client for longer than the timeouts allow."""
    if time.monotonic() - since < AGE_MAX_S:
        return []
    found = []
    for line in leftovers(path):
        age = re.search(r" age=(?:(\d+)m)?(\d+)s ", line)
        if age and int(age[1] or 0) * 60 + int(age[2]) >= AGE_MAX_S:
            found.append(line)
    return found


def config_of(dice, mode, path, port, chaos, refusing_port):
    words = ["mode " + mode]
    for word in ("timeout client-fin 400", "timeout server-fin 300", "timeout tunnel 600", "option nolinger",
                 "option redispatch", "retries 0", "balance first"):
        if dice.random() < 0.3:
            words.append(word)
    if mode == "http":
        for word in ("option abortonclose", "option httpclose", "option http-server-close", "option http-buffer-request",
                     "http-reuse always", "retry-on all-retryable-errors", "timeout http-keep-alive 200"):
            if dice.random() < 0.25:
                words.append(word)
    limit = dice.choice(["", "maxconn 3", "maxconn 1 maxqueue 5"])
    newline = "\n  "
    return f"""
global
  nbthread {dice.choice([1, 2, 4])}
  maxconn {dice.choice([30, 400])}
  stats socket {path} level admin
defaults
  timeout connect 300
  timeout client 700
  timeout server 700
  timeout queue 400
  timeout http-request 500
  {newline.join(words)}
listen in
  bind 127.0.0.1:{port}
  server s1 127.0.0.1:{chaos.port} weight 20 {limit} pool-purge-delay 300ms
  server s2 127.0.0.1:{chaos.port} weight 20 {limit} pool-purge-delay 300ms
  server mute 127.0.0.1:{chaos.mute_port} weight {dice.choice([1, 20])}
  server none 127.0.0.1:{refusing_port} weight {dice.choice([1, 30])}
"""


def wait_until_quiet(proxy, path, files_max):
    begin = time.monotonic()
    while time.monotonic() < begin + QUIET_S:
        check(proxy.alive(), "it died")
        if not leftovers(path) and proxy.open_files() <= files_max:
            return
        if old := stuck(path, begin):
            print(ask(path, "show sess all"), flush=True)
            check(False, f"older than {AGE_MAX_S} s:\n" + "\n".join(old))
        time.sleep(0.1)
    left = leftovers(path)
    check(not left, f"after {QUIET_S} s there are still\n" + "\n".join(left))
    check(False, f"{proxy.open_files()} descriptors are open, {files_max} were at the start")


def go_on(mode):
    if IS_HAPROXY:
        skip("it lists what is left in other words")
    check(raise_file_limit(4096), "the limit of open files is too low")
    print(f"   RINGWAY_SEED={SEED}", flush=True)
    end, rounds = time.monotonic() + SECONDS, 0
    with tempfile.TemporaryDirectory() as folder, Chaos(mode) as chaos:
        while time.monotonic() < end:
            path, port = os.path.join(folder, f"stats{rounds}"), free_port()
            config = config_of(chaos.dice, mode, path, port, chaos, free_port())
            with Proxy(config, [port]) as proxy:
                ask(path, "show info")
                time.sleep(0.1)
                files, memory_kb = proxy.open_files(), []
                try:
                    for _ in range(4 if SECONDS > 30 else 2):
                        chaos.round(port, rounds)
                        rounds += 1
                        wait_until_quiet(proxy, path, files)
                        memory_kb.append(proxy.rss_kb())
                except AssertionError:
                    print(f"the configuration was\n{config}", flush=True)
                    raise
                check(memory_kb[-1] - memory_kb[0] < RSS_GROWTH_MAX_KB, f"memory grows: {memory_kb} kB")
    print(f"   {rounds} rounds, {chaos.server.accepted} connections to the servers", flush=True)


@case
def nothing_is_left_over_in_mode_tcp():
    go_on("tcp")


@case
def nothing_is_left_over_in_mode_http():
    go_on("http")


if __name__ == "__main__":
    sys.exit(run_cases())
