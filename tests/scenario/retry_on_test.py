"""retry-on: every condition of the manual, each with what it repeats and what it leaves alone.

A body that does not lie in one channel whole (64 kB) is not repeated: the last case says so.
"""

import sys
import threading
import time

from harness import IS_HAPROXY, Proxy, Server, case, check, connect, free_ports, receive_all, run_cases, skip

STATUSES = (401, 403, 404, 408, 425, 500, 501, 502, 503, 504)
YOUNG_STATUSES = (421, 429)  # not in HAProxy 2.6
CONDITIONS = ("empty-response", "junk-response", "response-timeout") + tuple(
    str(status) for status in STATUSES + (() if IS_HAPROXY else YOUNG_STATUSES))


class Origin:
    """Fails the first attempt of each request in the way its path says, and answers the second."""

    def __init__(self):
        self.lock = threading.Lock()
        self.attempts = {}

    def serve(self, peer):
        read = b""
        while b"\r\n\r\n" not in read:
            more = peer.recv(65536)
            if not more:
                return
            read += more
        head, _, body = read.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length and (more := peer.recv(65536)):
            body += more
        how, _, key = head.split(b" ")[1].decode()[1:].partition("/")
        with self.lock:
            attempt = self.attempts[how, key] = self.attempts.get((how, key), 0) + 1
        if attempt > 1:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body))
        elif how.isdigit():
            peer.sendall(b"HTTP/1.1 %s No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % how.encode())
        elif how == "junk-response":
            peer.sendall(b"this is no answer\r\n\r\n")
        elif how == "response-timeout":
            time.sleep(1.2)


def config(ports, server_port):
    conditions = CONDITIONS + ("none", "all-retryable-errors")
    text = "defaults\n mode http\n timeout connect 2s\n timeout client 5s\n timeout server 400ms\n retries 2\n"
    for condition, port in zip(conditions, ports):
        text += f"listen on_{condition}\n bind 127.0.0.1:{port}\n retry-on {condition}\n"
        text += f" server s1 127.0.0.1:{server_port}\n"
    return text, dict(zip(conditions, ports))


def ask(port, path, body=b""):
    with connect(port) as client:
        method = "POST" if body else "GET"
        client.sendall(f"{method} /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = receive_all(client)
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), rest


@case
def each_condition_repeats_its_own_failure_alone():
    origin = Origin()
    with Server(origin.serve) as server:
        ports = free_ports(len(CONDITIONS) + 2)
        text, by_condition = config(ports, server.port)
        with Proxy(text, ports):
            for condition in CONDITIONS:
                status, _ = ask(by_condition[condition], f"{condition}/own")
                check(status == 200, f"{condition}: {status} and no second try")
                check(origin.attempts[condition, "own"] == 2, f"{condition}: {origin.attempts[condition, 'own']} tries")
                status, body = ask(by_condition[condition], f"{condition}/body", b"the body" * 100)
                check(status == 200 and body == b"the body" * 100, f"{condition}: the body of the second try")
                status, _ = ask(by_condition["none"], f"{condition}/none")
                check(status != 200 and origin.attempts[condition, "none"] == 1, f"{condition}: tried again under none")
                other = "500" if condition != "500" else "503"
                status, _ = ask(by_condition[condition], f"{other}/for_{condition}")
                check(status == int(other), f"{condition} repeats a {other}")


@case
def all_retryable_errors_are_what_the_manual_lists():
    origin = Origin()
    with Server(origin.serve) as server:
        ports = free_ports(len(CONDITIONS) + 2)
        text, by_condition = config(ports, server.port)
        port = by_condition["all-retryable-errors"]
        with Proxy(text, ports):
            for how in ("empty-response", "junk-response", "response-timeout", "500", "502", "503", "504"):
                status, _ = ask(port, f"{how}/all")
                check(status == 200, f"{how}: {status}")
            for how in ("401", "403", "404", "408", "425", "501"):
                status, _ = ask(port, f"{how}/all")
                check(status == int(how), f"{how} was tried again")


@case
def a_body_larger_than_the_channel_is_not_repeated():
    if IS_HAPROXY:
        skip("its buffer has another size")
    origin = Origin()
    with Server(origin.serve) as server:
        ports = free_ports(len(CONDITIONS) + 2)
        text, by_condition = config(ports, server.port)
        with Proxy(text, ports):
            status, _ = ask(by_condition["500"], "500/large", b"x" * 300000)
            check(status == 500 and origin.attempts["500", "large"] == 1, f"{status}")


class Closer:
    """Answers the first request of each connection, unless it is /dead, and closes at the second one."""

    def __init__(self):
        self.lock = threading.Lock()
        self.targets = []

    def serve(self, peer):
        read = b""
        for number in range(2):
            while b"\r\n\r\n" not in read:
                more = peer.recv(65536)
                if not more:
                    return
                read += more
            head, _, read = read.partition(b"\r\n\r\n")
            target = head.split(b" ")[1].decode()
            with self.lock:
                self.targets.append(target)
            if number == 1 or target == "/dead":
                return
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def ask_twice(port, options, method, target):
    """A kept connection fails the second request. What became of that: status or None, how often it was sent."""
    closer = Closer()
    with Server(closer.serve) as server:
        text = f"""
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 2s
listen in
  bind 127.0.0.1:{port}
  server s1 127.0.0.1:{server.port}
"""
        text += "".join(f"  {option}\n" for option in options)
        with Proxy(text, [port]), connect(port) as client:
            client.sendall(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
            check(client.recv(65536).startswith(b"HTTP/1.1 200"), "the first request")
            client.sendall(f"{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                           .encode())
            answer = receive_all(client)
    return int(answer.split(b" ")[1]) if answer else None, closer.targets.count(target)


@case
def a_kept_connection_that_fails_is_an_attempt_as_any_other():
    if IS_HAPROXY:
        skip("it leaves that to the client")
    for options in ((), ("http-reuse never",), ("option prefer-last-server",), ("retries 1",), ("retry-on conn-failure 503",)):
        result = ask_twice(free_ports(1)[0], options, "GET", "/again")
        check(result == (200, 2), f"{options}: {result}")
    for options in (("retries 0",), ("retry-on none",), ("retry-on 503",), ("http-request disable-l7-retry",),
                    ("http-reuse never", "retries 0")):
        result = ask_twice(free_ports(1)[0], options, "GET", "/again")
        check(result[1] == 1, f"{options}: {result}")
    check(ask_twice(free_ports(1)[0], (), "POST", "/again")[1] == 1, "a POST was sent again")
    # What comes behind it goes over a new connection, whose end is the server's answer.
    check(ask_twice(free_ports(1)[0], (), "GET", "/dead")[1] == 2, "more than one repetition")


class Unwilling:
    """Says 503 to all, in a whole answer of that text, and counts what came over how many connections."""

    def __init__(self, answer):
        self.answer = answer
        self.lock = threading.Lock()
        self.connections = 0
        self.requests = 0

    def serve(self, peer):
        with self.lock:
            self.connections += 1
        read = b""
        while True:
            while b"\r\n\r\nbody" not in read:
                more = peer.recv(65536)
                if not more:
                    return
                read += more
            read = read.partition(b"\r\n\r\nbody")[2]
            with self.lock:
                self.requests += 1
            peer.sendall(b"HTTP/1.1 503 No\r\n" + self.answer)


@case
def an_answer_that_is_thrown_away_leaves_its_connection():
    for answer in (b"Content-Length: 0\r\n\r\n", b"Content-Length: 4\r\n\r\nlong",
                   b"Transfer-Encoding: chunked\r\n\r\n4\r\nlong\r\n0\r\n\r\n"):
        origin = Unwilling(answer)
        port = free_ports(1)[0]
        with Server(origin.serve) as server:
            text = f"""
global
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 2s
listen in
  bind 127.0.0.1:{port}
  retry-on 503
  retries 2
  server s1 127.0.0.1:{server.port}
"""
            with Proxy(text, [port]), connect(port) as client:
                for _ in range(3):
                    client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
                    got = b""
                    while not got.endswith(answer[-4:]):
                        more = client.recv(65536)
                        check(more, f"an end behind {got}")
                        got += more
                    check(got.startswith(b"HTTP/1.1 503"), f"{got}")
        check(origin.requests == 9, f"{origin.requests} requests")
        # The attempts of a first request go over new ones.
        check(origin.connections <= 3, f"{origin.connections} connections for {answer}")


if __name__ == "__main__":
    sys.exit(run_cases())
