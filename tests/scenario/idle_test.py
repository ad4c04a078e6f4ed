"""Eight thousand open connections that do nothing: what they cost, and that each still works."""

import random
import selectors
import socket
import sys
import threading
import time

from harness import (SANITIZED, Proxy, case, check, connect, free_port, listen_config, raise_file_limit,
                     receive_exactly, run_cases, skip)

CONNECTIONS = 8000
BYTES_PER_CONNECTION_MAX = 60_000 if SANITIZED else 12_000


class QuietServer:
    """Echoes on all connections from one thread."""

    def __enter__(self):
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.peers = set()
        self.stopping = False
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                if key.fileobj is self.listener:
                    try:
                        peer, _ = self.listener.accept()
                    except OSError:
                        continue
                    self.peers.add(peer)
                    self.selector.register(peer, selectors.EVENT_READ)
                    continue
                try:
                    piece = key.fileobj.recv(4096)
                    if piece:
                        key.fileobj.sendall(piece)
                        continue
                except OSError:
                    pass
                self.selector.unregister(key.fileobj)
                self.peers.discard(key.fileobj)
                key.fileobj.close()

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join(5)
        for endpoint in [self.listener, *self.peers]:
            endpoint.close()


def eight_thousand_stay_open(shards):
    if not raise_file_limit(2 * CONNECTIONS + 3000):
        skip("the limit of open files is too low")
    port = free_port()
    clients = []
    with QuietServer() as server:
        top = f"global\n  nbthread {shards}\n  maxconn {CONNECTIONS + 1000}"
        config = listen_config(port, server.port, "timeout client 5m\n  timeout server 5m\n  maxconn 9000", top=top)
        with Proxy(config, [port]) as proxy:
            before_kb = proxy.rss_kb()
            for _ in range(CONNECTIONS):
                client = connect(port, timeout_s=20)
                client.sendall(b"x")
                clients.append(client)
            for client in clients:
                check(receive_exactly(client, 1) == b"x", "the first echo")
            check(len(server.peers) == CONNECTIONS, f"{len(server.peers)} reached the server")
            time.sleep(1)
            each = (proxy.rss_kb() - before_kb) * 1024 / CONNECTIONS
            print(f"   {each:.0f} bytes of memory for each")
            check(each < BYTES_PER_CONNECTION_MAX, f"{each:.0f} bytes for each")
            cpu = proxy.cpu_seconds()
            time.sleep(3)
            spent = proxy.cpu_seconds() - cpu
            print(f"   {spent:.2f} s of CPU in 3 s")
            check(spent < 0.3, f"{spent:.2f} s of CPU in 3 s with nothing to do")
            for client in random.sample(clients, 1000):
                client.sendall(b"yz")
                check(receive_exactly(client, 2) == b"yz", "an echo after the pause")
            for client in clients:
                client.close()
            end = time.monotonic() + 15
            while proxy.open_files() > 200 and time.monotonic() < end:
                time.sleep(0.1)
            check(proxy.open_files() <= 200, f"{proxy.open_files()} descriptors are left")


@case
def eight_thousand_stay_open_on_two_shards():
    eight_thousand_stay_open(2)


@case
def eight_thousand_stay_open_on_four_shards():
    eight_thousand_stay_open(4)


if __name__ == "__main__":
    sys.exit(run_cases())
