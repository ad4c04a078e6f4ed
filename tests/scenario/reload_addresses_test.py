"""Reload in place: addresses that come and go, and who stands at them."""

import http.client
import os
import socket
import sys
import threading
import time

from harness import case, check, connect, free_port, free_ports, is_closed_within, run_cases
from reloading import HttpServer, Reloading, client_of, get, site


@case
def addresses_come_and_go():
    port, second = free_ports(2)
    with HttpServer("one") as one:
        plain = site(port, [one])
        both = site(port, [one], f"  bind 127.0.0.1:{second}")
        with Reloading(plain, [port]) as proxy:
            for _ in range(5):
                check(f"+ bind in ipv4@127.0.0.1:{second}" in proxy.reload(both), "the new address is told of")
                stays = client_of(second)
                check(get(stays) == (200, "one"), "the new address serves")
                check(f"- bind in ipv4@127.0.0.1:{second}" in proxy.reload(plain), "the old address is told of")
                check(is_closed_within(stays.sock, 2), "an idle client of an address that is gone")
                try:
                    connect(second, timeout_s=1).close()
                    check(False, "it listens on")
                except ConnectionRefusedError:
                    pass
                check(get(client_of(port)) == (200, "one"), "the other address serves")


def listening_at(text, addresses, port):
    """`text` of one frontend, with these as well."""
    binds = "".join(f"  bind {address}:{port}\n" for address in addresses)
    return text.replace("  default_backend", binds + "  default_backend")


class Knocking:
    """Clients that go from address to address, each with one request, until told otherwise."""

    def __init__(self, addresses, port, clients=4):
        self.answers, self.refused, self.errors = 0, 0, []
        self._ends = False
        self._threads = [threading.Thread(target=self._run, args=(addresses[n::clients], port)) for n in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, addresses, port):
        while not self._ends:
            for address in addresses:
                try:
                    client = http.client.HTTPConnection(address, port, timeout=10)
                    client.connect()
                except ConnectionRefusedError:
                    self.refused += 1
                    continue
                try:
                    check(get(client) == (200, "one"), "an answer")
                    self.answers += 1
                except Exception as error:  # pylint: disable=broad-except
                    self.errors.append(f"{address}: {error!r}")
                client.close()

    def end(self):
        self._ends = True
        for thread in self._threads:
            thread.join()


@case
def many_addresses_go_at_once():
    port = free_port()
    addresses = [f"127.88.{n // 200}.{n % 200 + 1}" for n in range(800)]
    with HttpServer("one") as one:
        # Otherwise who has come and not yet asked may be closed, as an idle client.
        plain = site(port, [one], "  option idle-close-on-response")
        more = listening_at(plain, addresses, port)
        with Reloading(more, [port]) as proxy:
            knocking = Knocking(addresses, port)
            time.sleep(0.3)
            begun = time.monotonic()
            proxy.reload(plain)
            took_s = time.monotonic() - begun
            left = [a for a in addresses if socket.socket().connect_ex((a, port)) == 0]
            knocking.end()
            print(f"   {took_s * 1000:.0f} ms, {knocking.answers} answers, {knocking.refused} refused")
            check(not left, f"{len(left)} addresses are listened on")
            check(not knocking.errors, f"who was let in has an answer: {knocking.errors[:3]}")
            check(knocking.answers > 0, "some were let in")
            # One after another they took 2 s.
            check(took_s < 1.6 or "RINGWAY_SANITIZED" in os.environ, f"it took {took_s:.1f} s")
            proxy.reload(more)
            for address in addresses[::100]:
                client = http.client.HTTPConnection(address, port, timeout=10)
                check(get(client) == (200, "one"), f"{address} is back")


@case
def who_waits_at_addresses_that_go_is_served():
    port = free_port()
    addresses = [f"127.89.0.{n + 1}" for n in range(6)]
    with HttpServer("one") as one:
        plain = site(port, [one], "  maxconn 1")
        more = listening_at(plain, addresses, port)
        with Reloading(more, [port]) as proxy:
            holds = client_of(port)
            check(get(holds) == (200, "one"), "an answer")
            waiting = []
            for address in addresses * 3:
                client = http.client.HTTPConnection(address, port, timeout=10)
                client.connect()
                waiting.append(client)
            for turn in range(3):  # those that are left are looked after by each
                proxy.reload(plain + f"  timeout server {turn + 5}s\n")
                check(get(holds) == (200, "one"), "who was there first is served")
            holds.close()
            answers = []

            def ask(client):
                answers.append(get(client))
                client.close()

            threads = [threading.Thread(target=ask, args=(client,)) for client in waiting]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            check(answers == [(200, "one")] * len(waiting), f"all who waited: {answers}")
            for address in addresses:
                check(socket.socket().connect_ex((address, port)) != 0, f"{address} is closed")


if __name__ == "__main__":
    sys.exit(run_cases())
