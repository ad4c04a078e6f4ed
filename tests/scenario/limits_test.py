"""maxconn of a server, a frontend and the process: the number is exact, and who is over it waits and then is served."""

import os
import sys
import tempfile
import threading
import time

from cli_client import ask
from harness import DEFAULTS, Proxy, Server, case, check, connect, free_port, is_closed_within, receive_exactly, run_cases


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

def two_servers(port, ports, server="", backend="", top="global\n  nbthread 4", mode=""):
    return f"""
{top}
{DEFAULTS}
frontend in
  {mode}
  bind 127.0.0.1:{port}
  default_backend out
backend out
  {mode}
  {backend}
  timeout queue 60s
  server s1 127.0.0.1:{ports[0]} {server}
  server s2 127.0.0.1:{ports[1]} {server}
"""


def crowd(port, clients, exchanges, exchange):
    """`clients` at once do `exchanges` each; how many came to a good end."""
    good = [0] * clients

    def run(index):
        for _ in range(exchanges):
            good[index] += bool(exchange(port))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return sum(good)


def greet_and_leave(port):
    with connect(port, 60) as client:
        return receive_exactly(client, 5) == b"hello"


@case
def servers_with_maxconn_1_never_hold_two_over_many_connections():
    gates, port = [Gate(), Gate()], free_port()
    with Server(gates[0]) as s1, Server(gates[1]) as s2:
        with Proxy(two_servers(port, [s1.port, s2.port], "maxconn 1", "balance roundrobin"), [port]):
            check(crowd(port, 16, 50, greet_and_leave) == 800, "all were served")
            check([gate.most for gate in gates] == [1, 1], f"{[gate.most for gate in gates]} at once")
            check(min(s1.accepted, s2.accepted) > 200, f"{s1.accepted} and {s2.accepted} served")


class HttpGate:
    """Answers requests one after the other; counts how many are being answered at once."""

    def __init__(self):
        self.now = self.most = self.answered = 0
        self.lock = threading.Lock()

    def __call__(self, peer):
        waiting = b""
        while piece := peer.recv(65536):
            waiting += piece
            while b"\r\n\r\n" in waiting:
                waiting = waiting.split(b"\r\n\r\n", 1)[1]
                with self.lock:
                    self.now += 1
                    self.most = max(self.most, self.now)
                time.sleep(0.001)
                with self.lock:
                    self.now -= 1
                    self.answered += 1
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@case
def servers_with_maxconn_1_never_answer_two_requests_at_once():
    gates, port = [HttpGate(), HttpGate()], free_port()
    with Server(gates[0]) as s1, Server(gates[1]) as s2:
        config = two_servers(port, [s1.port, s2.port], "maxconn 1", "balance roundrobin", mode="mode http")
        with Proxy(config, [port]):
            kept = threading.local()

            def request(port):
                if not hasattr(kept, "peer"):
                    kept.peer = connect(port, 60)
                kept.peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = b""
                while not answer.endswith(b"\r\n\r\nok"):
                    piece = kept.peer.recv(4096)
                    if not piece:
                        return False
                    answer += piece
                return answer.startswith(b"HTTP/1.1 200")

            check(crowd(port, 12, 100, request) == 1200, "all were answered")
            check([gate.most for gate in gates] == [1, 1], f"{[gate.most for gate in gates]} at once")


@case
def the_queue_is_one_over_several_threads():
    gate, port = Gate(), free_port()
    with Server(gate) as server:
        config = config_with(port, server.port, server="maxconn 1", top="global\n  nbthread 4")
        with Proxy(config, [port]):
            clients = [connect(port)]
            check(greeted(clients[0], 2), "the first is served")
            for _ in range(15):
                clients.append(connect(port))
                time.sleep(0.03)
            for index in range(1, len(clients)):
                clients[index - 1].close()
                check(greeted(clients[index], 5), f"client {index} is next")
            clients[-1].close()
            check(gate.most == 1, f"{gate.most} at once")


@case
def round_robin_passes_over_a_full_server_while_another_has_room():
    gates, port = [Gate(), Gate()], free_port()
    with Server(gates[0]) as s1, Server(gates[1]) as s2:
        config = two_servers(port, [s1.port, s2.port], backend="balance roundrobin")
        config = config.replace(f":{s1.port} ", f":{s1.port} maxconn 1")
        with Proxy(config, [port]):
            clients = [connect(port) for _ in range(8)]
            check(all(greeted(client, 2) for client in clients), "nobody waits")
            check([gate.most for gate in gates] == [1, 7], f"{[gate.most for gate in gates]} at once")
            for client in clients:
                client.close()


@case
def minconn_rises_to_maxconn_with_the_load():
    gate, port = Gate(), free_port()
    with Server(gate) as server:
        # 2 up to a load of 4, then half of the load, 4 from a load of 8.
        config = config_with(port, server.port, server="minconn 2 maxconn 4", top="global\n  nbthread 2",
                             backend="fullconn 8")
        with Proxy(config, [port]):
            clients = []
            for load, inside in ((2, 2), (4, 2), (6, 3), (8, 4), (12, 4)):
                while len(clients) < load:
                    clients.append(connect(port))
                end = time.monotonic() + 3
                while gate.now != inside and time.monotonic() < end:
                    time.sleep(0.01)
                time.sleep(0.1)
                check(gate.now == inside, f"{gate.now} inside at a load of {load}, not {inside}")
            for client in clients:
                client.close()


@case
def a_disabled_server_serves_nobody_who_waits_until_it_is_enabled():
    gates, port = [Gate(), Gate()], free_port()
    with tempfile.TemporaryDirectory() as folder, Server(gates[0]) as s1, Server(gates[1]) as s2:
        path = os.path.join(folder, "stats")
        top = f"global\n  nbthread 4\n  stats socket {path} level admin"
        with Proxy(two_servers(port, [s1.port, s2.port], "maxconn 1", "balance first", top), [port]):
            # One after the other: two at once are accepted by two threads, and either may be the first one's.
            first = connect(port)
            check(greeted(first, 2) and gates[0].now == 1, "the first is on s1")
            second = connect(port)
            check(greeted(second, 2) and gates[1].now == 1, "the second on s2")
            waiting = []
            for _ in range(4):
                waiting.append(connect(port))
                time.sleep(0.05)
            ask(path, "disable server out/s1")
            first.close()
            check(not any(greeted(client) for client in waiting), "a disabled server's place is nobody's")
            second.close()
            check(greeted(waiting[0], 5), "the other one goes on")
            ask(path, "enable server out/s1")
            check(greeted(waiting[1], 5), "and the first again")
            ask(path, "disable server out/s1")
            ask(path, "disable server out/s2")
            check(is_closed_within(waiting[2], 5) and is_closed_within(waiting[3], 5), "none is left to wait for")
            check(not is_closed_within(waiting[0], 0.2), "who is served stays")
            check([gate.most for gate in gates] == [1, 1], f"{[gate.most for gate in gates]} at once")


if __name__ == "__main__":
    sys.exit(run_cases())
