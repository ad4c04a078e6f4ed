"""More clients at once than maxconn, with no more descriptors than maxconn needs: maxconn are served, the rest wait and are
served when others go, nobody is refused, the runtime socket answers all the while."""

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cli_client import ask
from harness import DEFAULTS, Proxy, case, check, free_port, raise_file_limit, run_cases, skip

ECHO = """
import selectors, socket, sys
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
wanted = selectors.DefaultSelector()
wanted.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in wanted.select():
        if key.fileobj is listener:
            wanted.register(listener.accept()[0], selectors.EVENT_READ)
            continue
        try:
            piece = key.fileobj.recv(65536)
            key.fileobj.sendall(piece)
        except OSError:
            piece = b""
        if not piece:
            wanted.unregister(key.fileobj)
            key.fileobj.close()
"""


class EchoProcess:
    """An echo server of its own: thousands of connections must not share the interpreter with their clients."""

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Crowd:
    """Clients that all connect at once, say `text` and stay. `inside` have heard `answer`; `ended` something else."""

    def __init__(self, ports, count, text=b"x", answer=b"x"):
        self.text, self.answer = text, answer
        self.wanted = selectors.DefaultSelector()
        self.inside, self.ended = [], 0
        for index in range(count):
            peer = socket.socket()
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.1", ports[index % len(ports)]))
            self.wanted.register(peer, selectors.EVENT_WRITE)

    def _step(self, seconds):
        for key, _ in self.wanted.select(seconds):
            peer = key.fileobj
            try:
                if key.events == selectors.EVENT_WRITE:
                    peer.sendall(self.text)
                    self.wanted.modify(peer, selectors.EVENT_READ)
                    continue
                answer = peer.recv(4096)
            except OSError:
                answer = b""
            self.wanted.unregister(peer)
            if answer.startswith(self.answer):
                self.inside.append(peer)
            else:
                self.ended += 1
                peer.close()

    def wait_until_inside(self, count, seconds):
        """Until `count` are served or the time is over, and a moment more for those who should not be."""
        end = time.monotonic() + seconds
        while len(self.inside) < count and time.monotonic() < end:
            self._step(0.05)
        self.watch(0.5)

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._step(left)

    def leave(self):
        for peer in self.inside:
            peer.close()
        self.inside = []

    def close(self):
        self.leave()
        for key in list(self.wanted.get_map().values()):
            key.fileobj.close()
        self.wanted.close()


class Operator:
    """Asks `show info` all the time, on a connection each; how long the longest answer took."""

    def __init__(self, path):
        self.path, self.asked, self.longest, self.errors = path, 0, 0.0, []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.done.wait(0.02):
            begin = time.monotonic()
            try:
                check("Maxconn" in ask(self.path, "show info"), "an answer")
            except (OSError, AssertionError) as error:
                self.errors.append(repr(error))
            self.asked += 1
            self.longest = max(self.longest, time.monotonic() - begin)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def settles(count, wanted, seconds=10):
    end = time.monotonic() + seconds
    while count() > wanted and time.monotonic() < end:
        time.sleep(0.05)
    return count()


@contextlib.contextmanager
def few_descriptors(fds, ports, top="", frontend="mode tcp"):
    """The path of the runtime socket of a proxy that may have `fds` descriptors; it must answer all the time, and in the
    end as many must be open as in the beginning."""
    launcher = ("sh", "-c", f'ulimit -n {fds}; exec "$@"', "-")
    with tempfile.TemporaryDirectory() as folder, EchoProcess() as server:
        path = os.path.join(folder, "stats")
        sections = "".join(
            f"frontend in{index}\n  bind 127.0.0.1:{port}\n  {frontend}\n  default_backend out\n"
            for index, port in enumerate(ports)
        )
        config = f"""
global
  fd-hard-limit {fds}
  stats socket {path} level admin
  {top}
{DEFAULTS}
{sections}
backend out
  mode {"http" if "mode http" in frontend else "tcp"}
  server s1 127.0.0.1:{server.port}
"""
        with Proxy(config, ports, launcher=launcher) as proxy:
            check(proxy.files_below_limit() == fds, f"the limit is {proxy.files_below_limit()}")
            at_rest = proxy.open_files()
            with Operator(path) as operator:
                yield path
            check(not operator.errors, f"the operator: {operator.errors[:3]}")
            check(operator.asked > 10 and operator.longest < 1, f"an answer took {operator.longest:.2f} s")
            left = settles(proxy.open_files, at_rest)
            check(left <= at_rest, f"{left} descriptors are open, {at_rest} were")


def all_are_served_in_turns(ports, inside, clients):
    """`inside` of `clients` at once, the next when those have left, all of them in the end."""
    if not raise_file_limit(clients + 500):
        skip("the limit of descriptors is too low for the clients")
    crowd = Crowd(ports, clients)
    served = 0
    while served < clients:
        wanted = min(inside, clients - served)
        crowd.wait_until_inside(wanted, 40)
        held = len(crowd.inside)
        check(held == wanted, f"{held} served at once after {served}, not {wanted}; {crowd.ended} ended")
        served += held
        crowd.leave()
    crowd.close()
    check(crowd.ended == 0, f"{crowd.ended} refused")


@case
def a_crowd_of_three_times_maxconn():
    ports = [free_port()]
    with few_descriptors(1000, ports, "nbthread 2\n  maxconn 481"):
        all_are_served_in_turns(ports, 481, 1500)


@case
def a_crowd_at_a_maxconn_that_was_derived():
    ports = [free_port()]
    with few_descriptors(100, ports, "nbthread 2") as path:
        info = dict(line.split(": ") for line in ask(path, "show info").splitlines() if ": " in line)
        check(25 <= int(info["Maxconn"]) <= 40, f"maxconn {info['Maxconn']}")
        all_are_served_in_turns(ports, int(info["Maxconn"]), 300)


@case
def a_crowd_at_several_frontends_over_several_threads():
    ports = [free_port() for _ in range(3)]
    with few_descriptors(250, ports, "nbthread 4\n  maxconn 80"):
        all_are_served_in_turns(ports, 80, 500)


# Whoever waits for a frontend's own maxconn leaves the descriptors of the process to others.
@case
def a_crowd_at_a_frontend_with_a_maxconn_of_its_own():
    ports = [free_port(), free_port()]
    with few_descriptors(100, ports, "nbthread 2\n  maxconn 25", "mode tcp\n  maxconn 10\n  backlog 1024"):
        crowd = Crowd(ports[:1], 150)
        crowd.wait_until_inside(10, 5)
        check(len(crowd.inside) == 10, f"{len(crowd.inside)} served of a limit of 10")
        all_are_served_in_turns(ports[1:], 10, 40)
        check(len(crowd.inside) == 10 and crowd.ended == 0, f"{len(crowd.inside)} inside, {crowd.ended} ended")
        crowd.close()


# Their connections stay for a while, so that the answer is not lost: for as long they keep their place.
@case
def a_crowd_that_stays_behind_its_last_answer():
    ports = [free_port()]
    with few_descriptors(100, ports, "nbthread 2\n  maxconn 30", "mode http"):
        crowd = Crowd(ports, 120, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", b"HTTP/1.1 400")
        crowd.wait_until_inside(120, 20)
        check(len(crowd.inside) == 120, f"{len(crowd.inside)} answered, {crowd.ended} ended")
        crowd.close()


if __name__ == "__main__":
    sys.exit(run_cases())
