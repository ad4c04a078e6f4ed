"""More clients at once than maxconn, with no more descriptors than maxconn needs: maxconn are served, the rest wait and are
served when others go, nobody is refused, the runtime socket answers all the while."""

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
    """Clients that all connect at once and send a byte each. `waiting` have no answer yet; `inside` have."""

    def __init__(self, ports, count):
        self.wanted = selectors.DefaultSelector()
        self.inside, self.ended = [], 0
        self.waiting = count
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
                    peer.sendall(b"x")
                    self.wanted.modify(peer, selectors.EVENT_READ)
                    continue
                answer = peer.recv(16)
            except OSError:
                answer = b""
            self.wanted.unregister(peer)
            self.waiting -= 1
            if answer == b"x":
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


def overload(fds, maxconn, clients, threads=2, top="", frontend="", frontends=1, inside=None, mode="mode tcp"):
    """`inside` of `clients` are served at once, all of them in the end."""
    inside = inside or maxconn
    if not raise_file_limit(clients + 500):
        skip("the limit of descriptors is too low for the clients")
    ports = [free_port() for _ in range(frontends)]
    launcher = ("sh", "-c", f'ulimit -n {fds}; exec "$@"', "-")
    with tempfile.TemporaryDirectory() as folder, EchoProcess() as server:
        path = os.path.join(folder, "stats")
        sections = "".join(
            f"frontend in{index}\n  {mode}\n  bind 127.0.0.1:{port}\n  {frontend}\n  default_backend out\n"
            for index, port in enumerate(ports)
        )
        config = f"""
global
  nbthread {threads}
  fd-hard-limit {fds}
  stats socket {path} level admin
  {f"maxconn {maxconn}" if maxconn else ""}
  {top}
{DEFAULTS}
{sections}
backend out
  {mode}
  server s1 127.0.0.1:{server.port}
"""
        with Proxy(config, ports, launcher=launcher) as proxy:
            check(proxy.files_below_limit() == fds, f"the limit is {proxy.files_below_limit()}")
            at_rest = proxy.open_files()
            with Operator(path) as operator:
                crowd = Crowd(ports, clients)
                crowd.wait_until_inside(inside, 10)
                held, most = len(crowd.inside), proxy.open_files()
                check(held == inside, f"{held} served at once of a limit of {inside}, {crowd.ended} ended, {most} open")
                served = held
                while served < clients:
                    crowd.leave()
                    wanted = min(inside, clients - served)
                    crowd.wait_until_inside(wanted, 40)
                    held = len(crowd.inside)
                    check(held == wanted, f"{held} served of {wanted} after {served}, {crowd.ended} ended")
                    served += held
                crowd.close()
            check(crowd.ended == 0, f"{crowd.ended} refused")
            check(not operator.errors, f"the operator: {operator.errors[:3]}")
            check(operator.asked > 10 and operator.longest < 1, f"an answer took {operator.longest:.2f} s")
            left = settles(proxy.open_files, at_rest)
            check(left <= at_rest, f"{left} descriptors are open, {at_rest} were")


@case
def a_crowd_of_three_times_maxconn():
    overload(1000, 481, 1500)


@case
def a_crowd_at_a_hundred_descriptors():
    overload(100, 31, 300)


if __name__ == "__main__":
    sys.exit(run_cases())
