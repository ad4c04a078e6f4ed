"""maxconn of a server, a frontend and the process: the number is exact, and who is over it waits and then is served."""

import sys
import threading
import time

from harness import (DEFAULTS, Proxy, Server, case, check, connect, free_port, is_closed_within, receive_exactly,
                     run_cases)


class Gate:
    """A server that greets, counts who is connected now and at most, and lets them go one by one."""

    def __init__(self):
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self, peer):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            peer.sendall(b"hello")
            while peer.recv(4096):
                pass
        finally:
            with self.lock:
                self.now -= 1


def greeted(client, seconds=0.3):
    client.settimeout(seconds)
    try:
        return receive_exactly(client, 5) == b"hello"
    except (OSError, AssertionError):
        return False


def config_with(port, server_port, top="", frontend="", server="", backend=""):
    return f"""
{top}
{DEFAULTS}
frontend in
  bind 127.0.0.1:{port}
  {frontend}
  default_backend out
backend out
  {backend}
  server s1 127.0.0.1:{server_port} {server}
"""


def one_after_the_other(config_words, limit):
    """`limit` are served, the rest wait; each that leaves lets one in, until all have been served."""
    gate, port = Gate(), free_port()
    with Server(gate) as server, Proxy(config_with(port, server.port, **config_words), [port]):
        clients = [connect(port) for _ in range(limit + 4)]
        inside = [client for client in clients if greeted(client)]
        check(len(inside) == limit, f"{len(inside)} served of a limit of {limit}")
        waiting = [client for client in clients if client not in inside]
        while waiting:
            inside.pop(0).close()
            end, let_in = time.monotonic() + 5, []
            while not let_in and time.monotonic() < end:
                let_in = [client for client in waiting if greeted(client, 0.05)]
            check(len(let_in) == 1, f"{len(let_in)} let in when one left")
            waiting.remove(let_in[0])
            inside += let_in
        check(gate.most <= limit, f"{gate.most} at once at a limit of {limit}")
        for client in inside:
            client.close()


@case
def maxconn_of_a_server():
    one_after_the_other({"server": "maxconn 3", "top": "global\n  nbthread 1"}, 3)


@case
def maxconn_of_a_server_over_several_threads():
    one_after_the_other({"server": "maxconn 3", "top": "global\n  nbthread 4"}, 3)


# A frontend's maxconn is its listen backlog too: more clients than both together could not even connect.
@case
def maxconn_of_a_frontend():
    one_after_the_other({"frontend": "maxconn 5", "top": "global\n  nbthread 1"}, 5)


@case
def maxconn_of_a_frontend_over_several_threads():
    one_after_the_other({"frontend": "maxconn 5", "top": "global\n  nbthread 4"}, 5)


@case
def maxconn_of_the_process():
    one_after_the_other({"top": "global\n  nbthread 2\n  maxconn 3"}, 3)


@case
def timeout_queue_ends_the_wait_and_nobody_elses():
    gate, port = Gate(), free_port()
    config = config_with(port, 0, server="maxconn 1", backend="timeout queue 500ms")
    with Server(gate) as server, Proxy(config.replace("127.0.0.1:0 ", f"127.0.0.1:{server.port} "), [port]):
        first = connect(port)
        check(greeted(first, 2), "the first is served")
        begin = time.monotonic()
        second = connect(port)
        check(is_closed_within(second, 5), "closed by timeout queue")
        check(time.monotonic() - begin > 0.3, "but not at once")
        check(not is_closed_within(first, 0.2), "the first stays")
        first.close()
        check(greeted(connect(port), 3), "and there is room again")


@case
def a_client_that_gives_up_leaves_the_queue():
    gate, port = Gate(), free_port()
    with Server(gate) as server, Proxy(config_with(port, server.port, server="maxconn 1"), [port]):
        first = connect(port)
        check(greeted(first, 2), "the first is served")
        impatient = connect(port)
        patient = connect(port)
        time.sleep(0.2)
        impatient.close()
        time.sleep(0.2)
        first.close()
        check(greeted(patient, 5), "the one that stayed is next")
        patient.close()
        check(gate.most == 1, f"{gate.most} at once")


if __name__ == "__main__":
    sys.exit(run_cases())
