"""rate-limit sessions, maxconnrate, maxsessrate: who comes too fast waits and is served, over all shards as one process."""

import os
import sys
import tempfile
import threading
import time

from cli_client import ask
from harness import DEFAULTS, Proxy, Server, case, check, connect, free_port, free_ports, receive_exactly, run_cases


def hello(peer):
    peer.sendall(b"hello")
    while peer.recv(4096):
        pass


def config_with(ports, server_port, top="", frontend="", socket_path=None):
    stats = f"  stats socket {socket_path} level admin\n" if socket_path else ""
    frontends = "".join(
        f"frontend in{i}\n  bind 127.0.0.1:{port}\n  {frontend}\n  default_backend out\n" for i, port in enumerate(ports)
    )
    return f"global\n  maxconn 4000\n{stats}{top}\n{DEFAULTS}\n{frontends}backend out\n  server s1 127.0.0.1:{server_port}\n"


class Flood:
    """Clients that all come at once; when each was served."""

    def __init__(self, ports, count):
        self.begin = time.monotonic()
        self.served = []
        self.lock = threading.Lock()
        self.clients = [connect(ports[i % len(ports)], 60) for i in range(count)]
        self.threads = [threading.Thread(target=self._wait, args=(client,)) for client in self.clients]
        for thread in self.threads:
            thread.start()

    def _wait(self, client):
        try:
            receive_exactly(client, 5)
        except (OSError, AssertionError):
            return
        with self.lock:
            self.served.append(time.monotonic() - self.begin)

    def until(self, seconds):
        with self.lock:
            return sum(1 for at in self.served if at <= seconds)

    def end(self):
        for thread in self.threads:
            thread.join()
        for client in self.clients:
            client.close()


def a_flood_is_served_at(rate, top="", frontend="", listeners=1):
    """Nobody is refused; the limit is never passed, and what is let in keeps up with it."""
    ports = free_ports(listeners)
    count = 3 * rate
    with Server(hello, backlog=4000) as server, Proxy(config_with(ports, server.port, top, frontend), ports):
        time.sleep(2.1)  # who asked whether the ports are open was counted
        flood = Flood(ports, count)
        flood.end()
        check(len(flood.served) == count, f"{len(flood.served)} of {count} served")
        # A machine that is busy makes it later, never sooner.
        check(flood.until(0.9) <= rate, f"{flood.until(0.9)} within the first second at {rate} per second")
        for tenth in range(10, 30):
            seconds = tenth / 10
            most = rate * max(1.0, seconds) + rate * 0.03 + 2
            check(flood.until(seconds) <= most, f"{flood.until(seconds)} within {seconds} s at {rate} per second")
        last = max(flood.served)
        check(2.0 - 0.06 <= last <= 6, f"the last of {count} was served after {last:.2f} s at {rate} per second")


@case
def rate_limit_sessions():
    a_flood_is_served_at(50, "  nbthread 1", "rate-limit sessions 50")


@case
def rate_limit_sessions_over_four_shards():
    a_flood_is_served_at(100, "  nbthread 4", "rate-limit sessions 100")


@case
def maxconnrate_over_four_shards_and_two_frontends():
    a_flood_is_served_at(100, "  nbthread 4\n  maxconnrate 100", listeners=2)


@case
def maxsessrate_over_four_shards_and_two_frontends():
    a_flood_is_served_at(100, "  nbthread 4\n  maxsessrate 100", listeners=2)


@case
def the_lowest_of_several_limits_counts():
    a_flood_is_served_at(40, "  nbthread 2\n  maxsessrate 90\n  maxconnrate 40", "rate-limit sessions 70")


@case
def one_frontend_does_not_slow_another():
    limited, free = free_ports(2)
    with Server(hello, backlog=4000) as server:
        config = config_with([limited], server.port, "  nbthread 2", "rate-limit sessions 1")
        config += f"frontend free\n  bind 127.0.0.1:{free}\n  default_backend out\n"
        with Proxy(config, [free]):
            slow = [connect(limited) for _ in range(3)]
            for _ in range(50):
                with connect(free) as client:
                    check(receive_exactly(client, 5) == b"hello", "no greeting")
            for client in slow:
                client.close()


def columns(path, name):
    lines = ask(path, "show stat").splitlines()
    header = lines[0].lstrip("# ").split(",")
    for line in lines[1:]:
        row = dict(zip(header, line.split(",")))
        if f"{row['pxname']}/{row['svname']}" == name:
            return row
    raise AssertionError(f"no row {name}")


def info(path):
    return dict(line.split(": ", 1) for line in ask(path, "show info").splitlines() if ": " in line)


@case
def rates_are_shown():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Server(hello, backlog=4000) as server:
        path = os.path.join(folder, "cli")
        top = "  nbthread 4\n  maxconnrate 500\n  maxsessrate 600"
        with Proxy(config_with([port], server.port, top, "rate-limit sessions 400", path), [port]):
            time.sleep(2.1)
            ask(path, "clear counters all")
            check(info(path)["SessRate"] == "0", "a rate without clients")
            flood = Flood([port], 60)
            flood.end()
            # Of the last second: it fades while one looks.
            row, facts = columns(path, "in0/FRONTEND"), info(path)
            check(row["rate_lim"] == "400", f"rate_lim {row['rate_lim']}")
            check(facts["ConnRateLimit"] == "500" and facts["SessRateLimit"] == "600", f"limits {facts}")
            for name in ("rate", "conn_rate"):
                check(0 < int(row[name]) <= 60, f"{name} {row[name]}")
            for name in ("rate_max", "conn_rate_max"):
                check(55 <= int(row[name]) <= 60, f"{name} {row[name]}")
            for name in ("MaxConnRate", "MaxSessRate"):
                check(55 <= int(facts[name]) <= 60, f"{name} {facts[name]}")
            for name in ("out/BACKEND", "out/s1"):
                row = columns(path, name)
                check(55 <= int(row["rate_max"]) <= 60, f"rate_max of {name} {row['rate_max']}")
            time.sleep(2.1)
            check(columns(path, "in0/FRONTEND")["rate"] == "0", "a rate long after")
            check(int(info(path)["MaxSessRate"]) >= 55, "the highest rate is forgotten")
            ask(path, "clear counters")
            check(info(path)["MaxSessRate"] == "0", "clear counters kept the highest rate")


@case
def set_rate_limit_holds_at_once():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Server(hello, backlog=4000) as server:
        path = os.path.join(folder, "cli")
        for word, shown in (("connections", "ConnRateLimit"), ("sessions", "SessRateLimit")):
            with Proxy(config_with([port], server.port, "  nbthread 4", "", path), [port]):
                time.sleep(2.1)
                check(ask(path, f"set rate-limit {word} global 1") == "", "an answer")
                check(info(path)[shown] == "1", f"{shown} {info(path)[shown]}")
                flood = Flood([port], 10)
                time.sleep(0.5)
                check(flood.until(0.9) <= 1, f"{flood.until(0.9)} at one per second")
                begin = time.monotonic()
                ask(path, f"set rate-limit {word} global 0")
                flood.end()
                check(time.monotonic() - begin < 5, "who waited was not let in at once")
                check(len(flood.served) == 10, f"{len(flood.served)} of 10 served")


def served_within(clients, seconds):
    """Those of the clients that have been served when the time is over."""
    end, served = time.monotonic() + seconds, []
    while time.monotonic() < end and len(served) < len(clients):
        for client in clients:
            client.settimeout(0.01)
            try:
                if client not in served and receive_exactly(client, 5) == b"hello":
                    served.append(client)
            except (OSError, AssertionError):
                pass
    return served


def maxconn_is_changed(command, shown, frontend):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Server(hello, backlog=4000) as server:
        path = os.path.join(folder, "cli")
        with Proxy(config_with([port], server.port, "  nbthread 4", frontend, path), [port]):
            check(ask(path, command.format(3)) == "", "an answer")
            check(shown(path) == "3", f"{shown(path)} is shown")
            waiting = [connect(port) for _ in range(8)]
            inside = []
            for limit in (3, 5, 8):
                ask(path, command.format(limit))
                let_in = served_within(waiting, 1)
                inside += let_in
                waiting = [client for client in waiting if client not in let_in]
                check(len(inside) == limit, f"{len(inside)} served at a limit of {limit}")
            # Lowered below what is there: nobody is thrown out, and nobody comes in until there is room.
            ask(path, command.format(2))
            late = connect(port)
            check(not served_within([late], 0.3), "let in above the limit")
            for client in inside[:6]:
                client.close()
            check(not served_within([late], 0.5), "let in at the limit")
            inside[6].close()
            check(served_within([late], 5), "not let in below the limit")
            inside[7].close()
            late.close()


@case
def set_maxconn_frontend():
    maxconn_is_changed("set maxconn frontend in0 {}", lambda path: columns(path, "in0/FRONTEND")["slim"], "")


@case
def set_maxconn_frontend_that_has_one():
    maxconn_is_changed("set maxconn frontend in0 {}", lambda path: columns(path, "in0/FRONTEND")["slim"], "maxconn 100")


@case
def set_maxconn_global():
    maxconn_is_changed("set maxconn global {}", lambda path: info(path)["Maxconn"], "")


if __name__ == "__main__":
    sys.exit(run_cases())
