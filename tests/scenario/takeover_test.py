"""A new process takes the place of one that serves: -sf, -st, -x, and what becomes of clients meanwhile."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from harness import (DEFAULTS, PROGRAM, Peer, Proxy, Server, case, check, connect, echo, free_port, is_closed_within,
                     listen_config, need_program, receive_all, receive_exactly, run_cases, skip)

UPGRADES = int(os.environ.get("RINGWAY_UPGRADES", "25"))


def start(config, ports, *flags, inherit=(), foreground=True):
    return Proxy(config, ports, arguments=(*(["-db"] if foreground else []), *flags), inherit=inherit)


def ends(proxy, seconds=10):
    """Its exit status, or None while it goes on."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        proxy.process.wait(seconds)
    return proxy.process.poll()


@contextlib.contextmanager
def stopping(*proxies):
    """Whatever is left of them is stopped; the list may grow."""
    alive = list(proxies)
    try:
        yield alive
    finally:
        for proxy in alive:
            proxy.stop(signal.SIGKILL)


def refused_start(config, *flags, folder, timeout_s=20):
    """Exit status and messages of a start that is to fail."""
    path = os.path.join(folder, "refused.cfg")
    with open(path, "w", encoding="utf-8") as file:
        file.write(config)
    result = subprocess.run([PROGRAM, "-db", "-f", path, *flags], capture_output=True, text=True, timeout=timeout_s,
                            check=False)
    return result.returncode, result.stderr


def ping(port):
    with connect(port) as client:
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the echo")


QUIET = "global\n  chroot /\n"  # or root is warned


def echo_config(port, server, top="", bind=""):
    return listen_config(port, server.port, top=QUIET + top).replace(f"bind 127.0.0.1:{port}", f"bind 127.0.0.1:{port} {bind}")


def sockets_of(pid):
    """Inode numbers of the sockets a process holds."""
    held = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            if match := re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}")):
                held.add(match.group(1))
    return held


def listening(port):
    """Inode numbers of the sockets that listen on a port."""
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}


@case
def sf_takes_over_and_lets_the_old_one_finish():
    port = free_port()
    with Server(echo) as server:
        config = echo_config(port, server)
        old = start(config, [port])
        with stopping(old) as alive, connect(port) as client:
            client.sendall(b"ping")
            check(receive_exactly(client, 4) == b"ping", "the echo")
            before = listening(port)
            new = start(config, [port], "-sf", str(old.pid))
            alive.append(new)
            end = time.monotonic() + 5
            while listening(port) & sockets_of(old.pid) and time.monotonic() < end:
                time.sleep(0.02)
            check(not listening(port) & sockets_of(old.pid), "the old one still listens")
            check(before == listening(port), "the sockets are not the same ones")
            check(old.alive(), "it did not wait for its stream")
            for _ in range(20):
                ping(port)
            client.sendall(b"more")
            check(receive_exactly(client, 4) == b"more", "the old stream is broken")
            client.close()
            check(ends(old) == 0, f"exit status {old.process.returncode}")
            ping(port)
            check(new.said() == "", new.said())


@case
def st_ends_the_old_one_at_once():
    port = free_port()
    with Server(echo) as server:
        config = echo_config(port, server)
        old = start(config, [port])
        with stopping(old) as alive, connect(port) as client:
            client.sendall(b"ping")
            check(receive_exactly(client, 4) == b"ping", "the echo")
            alive.append(start(config, [port], "-st", str(old.pid)))
            check(is_closed_within(client, 5), "the stream goes on")
            check(ends(old) == 0, f"exit status {old.process.returncode}")
            ping(port)


@case
def whoever_waits_in_a_backlog_is_served_by_the_new_one():
    """The limit of the old process is reached: its clients wait in the kernel's queues."""
    port = free_port()
    with Server(echo) as server:
        config = echo_config(port, server, top="global\n  nbthread 2\n  maxconn 1\n")
        roomy = echo_config(port, server, top="global\n  nbthread 2\n")
        old = start(config, [port])
        with stopping(old) as alive, contextlib.ExitStack() as clients:
            first = clients.enter_context(connect(port))
            first.sendall(b"ping")
            check(receive_exactly(first, 4) == b"ping", "the echo")
            # The limit is reached: each shard takes a few more off its queue, and leaves the rest there.
            waiting = []
            for number in range(60):
                waiting.append(clients.enter_context(connect(port)))
                waiting[-1].sendall(b"wait")
                time.sleep(0.05 if number < 15 else 0)
            alive.append(start(roomy, [port], "-sf", str(old.pid)))
            left = set(waiting)
            end = time.monotonic() + 5
            while len(left) > 20 and time.monotonic() < end:
                left -= answered(left, 0.2)
            check(len(left) <= 20, f"{len(left)} of 60 were not served by the new process")
            # Those that the old one has taken it serves itself, one after the other, in an order of its own.
            first.close()
            while left:
                now = answered(left, 10)
                check(now, f"{len(left)} clients that the old process had taken were lost")
                for client in now:
                    client.close()
                left -= now
            check(ends(old) == 0, f"exit status {old.process.returncode}")


def answered(clients, seconds):
    """Those of the clients whose `wait` came back."""
    ready = select.select(list(clients), [], [], seconds)[0]
    for client in ready:
        check(receive_exactly(client, 4) == b"wait", "the echo")
    return set(ready)


class Clients:
    """Threads that connect, ask, read the whole answer and close, again and again; `errors` is to stay empty."""

    def __init__(self, exchange, threads=4):
        self.errors = []
        self.done = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(exchange,), daemon=True) for _ in range(threads)]

    def _run(self, exchange):
        while not self._stop.is_set():
            try:
                exchange()
                self.done += 1
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(repr(error))
                time.sleep(0.05)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(15)


HTTP = """
global
  {top}
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
"""


def origin_config(port):
    return HTTP.format(top="") + f"""
frontend origin
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string "{'x' * 2000}"
"""


def front_config(port, origin_port, top=""):
    return HTTP.format(top=top) + f"""
listen front
  bind 127.0.0.1:{port}
  server s1 127.0.0.1:{origin_port}
"""


def one_request(port):
    with connect(port) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = receive_all(client)
        check(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"x" * 2000), f"{answer[:200]}")


def upgrade_again_and_again(current, port, config_of, count=UPGRADES):
    """Ends with the last process; every replaced one has ended well."""
    for number in range(count):
        new = start(config_of(number), [port], "-sf", str(current.pid))
        check(ends(current, 20) == 0, f"upgrade {number}: the old process: {current.process.returncode} {current.said()}")
        current.stop()
        current = new
        time.sleep(0.1)
    return current


@case
def many_upgrades_under_load_lose_no_request():
    """wrk keeps its connections, ab and the threads open one for each request; the number of shards changes each time."""
    wrk, ab = need_program("wrk"), need_program("ab")
    port, origin_port = free_port(), free_port()

    def config_of(number):
        return front_config(port, origin_port, f"nbthread {1 + number % 2}")

    with Proxy(origin_config(origin_port), [origin_port]):
        current = start(config_of(1), [port])
        with stopping() as alive:
            load = [subprocess.Popen([wrk, "-t1", "-c16", "-d600s", f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True),
                    subprocess.Popen([ab, "-r", "-q", "-c", "8", "-t", "600", "-n", "100000000",
                                      f"http://127.0.0.1:{port}/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True)]
            try:
                with Clients(lambda: one_request(port)) as clients:
                    current = upgrade_again_and_again(current, port, config_of)
                    alive.append(current)
                    time.sleep(0.5)
            finally:
                said = []
                for one in load:
                    one.send_signal(signal.SIGINT)
                    said.append(one.communicate(timeout=20)[0])
        check(not clients.errors, f"{len(clients.errors)} of {clients.done}: {clients.errors[:3]}")
        check(clients.done > UPGRADES, f"only {clients.done} requests")
        check("Socket errors" not in said[0] and "Non-2xx" not in said[0], said[0])
        check(int(re.search(r"(\d+) requests in", said[0]).group(1)) > 1000, said[0])
        failed = re.search(r"Failed requests:\s+(\d+)", said[1])
        check(failed and failed.group(1) == "0" and "Non-2xx" not in said[1], said[1])
        check(int(re.search(r"Complete requests:\s+(\d+)", said[1]).group(1)) > 100, said[1])


@case
def upgrades_in_mode_tcp_lose_no_connection():
    port = free_port()
    with Server(echo) as server:
        current = start(echo_config(port, server), [port])
        with Clients(lambda: ping(port)) as clients:
            current = upgrade_again_and_again(current, port, lambda _: echo_config(port, server), 10)
        current.stop()
        check(not clients.errors, f"{len(clients.errors)} of {clients.done}: {clients.errors[:3]}")
        check(clients.done > 100, f"only {clients.done}")


@case
def unix_and_abstract_sockets_lose_nobody():
    with tempfile.TemporaryDirectory() as folder, Server(echo) as server:
        path = os.path.join(folder, "in.sock")
        name = f"ringway-test-{os.getpid()}"  # padded as `abns@` is
        port = free_port()
        config = f"""{DEFAULTS}
listen in
  bind 127.0.0.1:{port}
  bind {path}
  bind abns@{name}
  server s1 127.0.0.1:{server.port}
"""

        def exchange(address):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(address)
                client.sendall(b"ping")
                check(receive_exactly(client, 4) == b"ping", "the echo")

        current = start(config, [port])
        with Clients(lambda: exchange(path), 2) as by_path, Clients(lambda: exchange("\0" + name.ljust(107, "\0")), 2) as by_name:
            current = upgrade_again_and_again(current, port, lambda _: config, 10)
        current.stop()
        for clients in (by_path, by_name):
            check(not clients.errors, f"{len(clients.errors)} of {clients.done}: {clients.errors[:3]}")
            check(clients.done > 50, f"only {clients.done}")


@case
def sockets_the_new_configuration_does_not_use_are_closed():
    port, other = free_port(), free_port()
    with Server(echo) as server:
        config = echo_config(port, server)
        old = start(config.replace(f"bind 127.0.0.1:{port}", f"bind 127.0.0.1:{port}\n  bind 127.0.0.1:{other}"),
                    [port, other])
        with stopping(old) as alive:
            ping(other)
            alive.append(start(config, [port], "-sf", str(old.pid)))
            check(ends(old) == 0, f"exit status {old.process.returncode}")
            check(not listening(other), "somebody still listens on it")
            ping(port)


@case
def the_sockets_of_more_shards_are_all_listened_on():
    port = free_port()
    with Server(echo) as server:
        old = start(echo_config(port, server, "global\n  nbthread 4"), [port])
        with stopping(old) as alive:
            check(len(listening(port)) == 4, f"{len(listening(port))} sockets")
            new = start(echo_config(port, server, "global\n  nbthread 1"), [port], "-sf", str(old.pid))
            alive.append(new)
            check(ends(old) == 0, f"exit status {old.process.returncode}")
            check(len(listening(port)) == 4, f"{len(listening(port))} sockets")
            for _ in range(40):
                ping(port)
            newer = start(echo_config(port, server, "global\n  nbthread 6"), [port], "-sf", str(new.pid))
            alive.append(newer)
            check(ends(new) == 0, f"exit status {new.process.returncode}")
            check(len(listening(port)) == 6, f"{len(listening(port))} sockets")
            for _ in range(40):
                ping(port)


@case
def a_failed_start_leaves_the_old_one_untouched():
    """A port of the new configuration is somebody else's: the old one pauses, then listens again."""
    port = free_port()
    with Server(echo) as server, socket.socket() as stranger, tempfile.TemporaryDirectory() as folder:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]
        config = echo_config(port, server)
        old = start(config, [port])
        with stopping(old), connect(port) as client:
            client.sendall(b"ping")
            check(receive_exactly(client, 4) == b"ping", "the echo")
            with Clients(lambda: ping(port)) as clients:
                time.sleep(0.2)
                status, said = refused_start(
                    config.replace(f"bind 127.0.0.1:{port}", f"bind 127.0.0.1:{port}\n  bind 127.0.0.1:{taken}"),
                    "-sf", str(old.pid), folder=folder)
            check(status == 1, f"exit status {status}: {said}")
            check(f"127.0.0.1:{taken}" in said and "EADDRINUSE" in said, said)
            check(not clients.errors, f"{clients.errors[:3]}")
            check("Paused" in old.said() and "Resumed" in old.said(), old.said())
            for _ in range(20):
                ping(port)
            client.sendall(b"more")
            check(receive_exactly(client, 4) == b"more", "its stream is broken")
            # Nothing is left of the attempt: it takes the next one.
            new = start(config, [port], "-sf", str(old.pid))
            client.close()
            check(ends(old) == 0, f"exit status {old.process.returncode}")
            ping(port)
            new.stop()


@case
def a_failed_start_takes_nobody_away():
    """It would have more shards than the old one, and the same path: both must stay out of reach until it serves."""
    port = free_port()
    with Server(echo) as server, socket.socket() as stranger, tempfile.TemporaryDirectory() as folder:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        path, pid_path = os.path.join(folder, "in.sock"), os.path.join(folder, "pid")
        bad = f"\n  bind 127.0.0.1:{stranger.getsockname()[1]}"
        config = echo_config(port, server, "global\n  nbthread 1", f"\n  bind {path}")
        old = start(config, [port], "-p", pid_path)
        with stopping(old):
            def by_path():
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(10)
                    client.connect(path)
                    client.sendall(b"ping")
                    check(receive_exactly(client, 4) == b"ping", "the echo")

            with Clients(lambda: ping(port)) as clients, Clients(by_path, 2) as others:
                for _ in range(20):
                    status, said = refused_start(
                        echo_config(port, server, "global\n  nbthread 4", f"\n  bind {path}{bad}"), folder=folder)
                    check(status == 1 and "EADDRINUSE" in said, f"exit status {status}: {said}")
            for group in (clients, others):
                check(not group.errors, f"{len(group.errors)} of {group.done}: {group.errors[:3]}")
                check(group.done > 20, f"only {group.done}")
            check(sorted(os.listdir(folder)) == ["in.sock", "refused.cfg"], f"left behind: {os.listdir(folder)}")
            check(old.said() == "", old.said())


@case
def a_bad_configuration_does_not_even_pause_it():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        old = start(echo_config(port, server), [port])
        with stopping(old):
            status, said = refused_start("listen x\n  bind 127.0.0.1:1\n  nonsense\n", "-sf", str(old.pid), folder=folder)
            check(status == 1 and "nonsense" in said, f"{status}: {said}")
            check(old.said() == "" and old.alive(), old.said())
            ping(port)


@case
def a_port_without_reuseport_is_handed_over():
    port = free_port()
    with Server(echo) as server:
        config = echo_config(port, server, "global\n  noreuseport\n  nbthread 2")
        current = start(config, [port])
        with Clients(lambda: ping(port)) as clients:
            current = upgrade_again_and_again(current, port, lambda _: config, 5)
            check("Paused" not in current.said(), current.said())
        current.stop()
        check(not clients.errors, f"{clients.errors[:3]}")


@case
def an_address_that_changes_is_made_room_for():
    """Without SO_REUSEPORT the wildcard cannot be bound beside the loopback: the old one pauses, as the manual says."""
    port = free_port()
    with Server(echo) as server:
        config = echo_config(port, server, "global\n  noreuseport")
        old = start(config, [port])
        with stopping(old) as alive:
            alive.append(start(config.replace(f"bind 127.0.0.1:{port}", f"bind *:{port}"), [port], "-sf", str(old.pid)))
            check(ends(old) == 0, f"exit status {old.process.returncode}")
            check("Paused" in old.said(), old.said())
            ping(port)


@case
def x_gets_the_sockets_from_the_runtime_socket():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cli.sock")
        config = echo_config(port, server, f"global\n  stats socket {path} level admin expose-fd listeners")
        old = start(config, [port])
        with stopping(old) as alive:
            before = listening(port)
            new = start(config, [port], "-x", path)
            alive.append(new)
            check(listening(port) == before, "the sockets are not the same ones")
            check(before <= sockets_of(new.pid) and before <= sockets_of(old.pid), "they are not shared")
            check(new.said() == "", new.said())
            for _ in range(20):
                ping(port)  # by either
            # Nobody is asked to stop: that is what -sf is for. The end of one does not stop the other.
            check(old.stop(signal.SIGUSR1) == 0, "the old one did not stop")
            for _ in range(20):
                ping(port)
            # Both ways at once do not make two of each socket.
            newer = start(config, [port], "-x", path, "-sf", str(new.pid))
            alive.append(newer)
            check(ends(new) == 0, f"exit status {new.process.returncode}")
            check(listening(port) == before, "the sockets are not the same ones")
            ping(port)


@case
def x_says_what_is_wrong_with_its_socket():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        closed, silent, talking = (os.path.join(folder, name) for name in ("cli.sock", "silent.sock", "talking.sock"))
        config = echo_config(port, server, f"global\n  stats socket {closed} level admin")
        fresh = echo_config(free_port(), server)

        def talk(peer):
            peer.recv(100)
            peer.sendall(b"220 mail ESMTP\r\n")
            peer.recv(100)

        with Proxy(config, [port]), Server(lambda peer: peer.recv(100), path=silent), Server(talk, path=talking):
            for flag, wanted in ((closed, "expose-fd listeners"), (talking, "no Ringway"), ("220 mail", None),
                                 (os.path.join(folder, "none"), "cannot connect"), ("127.0.0.1:80@x", "not a unix socket"),
                                 (silent, "does not answer|no Ringway")):
                if wanted is None:
                    continue
                status, said = refused_start(fresh, "-x", flag, folder=folder)
                check(status == 1, f"{flag}: exit status {status}: {said}")
                check(re.search(wanted, said) and "'-x " in said, f"{flag}: {said}")
            ping(port)
        new = start(fresh, [], "-x", "/dev/null")
        time.sleep(0.3)
        check(new.alive(), new.said())
        new.stop()


def haproxy_at(port, config):
    haproxy, folder = need_program("haproxy"), tempfile.mkdtemp()
    file = os.path.join(folder, "haproxy.cfg")
    with open(file, "w", encoding="utf-8") as text:
        text.write(config)
    return Peer([haproxy, "-db", "-f", file], port, folder)


@case
def haproxy_is_refused_as_a_giver_and_replaced_by_sf():
    """One that migrates: its sockets are its own, but it understands the signals."""
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cli.sock")
        config = echo_config(port, server, f"global\n  stats socket {path} level admin expose-fd listeners")
        with haproxy_at(port, config) as old:
            status, said = refused_start(config, "-x", path, folder=folder)
            check(status == 1 and "no Ringway" in said, f"{status}: {said}")
            new = start(config.replace(path, path + "2"), [port], "-sf", str(old.process.pid))
            with stopping(new):
                old.process.wait(10)
                ping(port)


@case
def who_runs_as_another_user_is_ended_all_the_same():
    """Started as root, both have given it up by the time the new one serves: -sf and -st are said with the rights of the start."""
    if os.geteuid() != 0:
        skip("needs root")
    port = free_port()
    with Server(echo) as server:
        for flag, mode, old_user, user in (("-sf", "-db", "nobody", "www-data"), ("-sf", "-W", "nobody", "nobody"),
                                           ("-st", "-W", "root", "nobody"), ("-st", "-db", "root", "www-data")):
            with haproxy_at(port, echo_config(port, server, f"  user {old_user}")) as old:
                new = start(echo_config(port, server, f"  user {user}"), [port], mode, flag, str(old.process.pid), foreground=False)
                with stopping(new):
                    old.process.wait(10)
                    ping(port)
                    check("beside us" not in new.said(), new.said())
                new.stop()


@case
def a_start_that_fails_as_another_user_wakes_whom_it_had_paused():
    """The start gives up its user, then fails: what it had paused was paused with rights that it has no more."""
    if os.geteuid() != 0:
        skip("needs root")
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        old = start(echo_config(port, server, "  noreuseport\n  user nobody"), [port])
        with stopping(old):
            config = echo_config(port, server, "  noreuseport\n  user www-data").replace(f"bind 127.0.0.1:{port}", f"bind *:{port}")
            config = config.replace(f"127.0.0.1:{server.port}", f"127.0.0.1:{server.port} source 0.0.0.0 usesrc clientip")
            status, said = refused_start(config, "-sf", str(old.pid), folder=folder)
            check(status == 1 and "CAP_NET_ADMIN" in said, f"exit status {status}: {said}")
            check("Paused" in old.said() and "Resumed" in old.said(), old.said())
            ping(port)


@case
def a_daemon_is_replaced_by_its_pid_file():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path, pid_path = os.path.join(folder, "d.cfg"), os.path.join(folder, "pid")
        with open(path, "w", encoding="utf-8") as file:
            file.write(echo_config(port, server))
        pids = []

        def replace():
            subprocess.run([PROGRAM, "-D", "-f", path, "-p", pid_path, "-sf", *map(str, pids[-1:])], check=True, timeout=20)
            with open(pid_path, encoding="ascii") as file:
                pids.append(int(file.read()))

        try:
            replace()
            with Clients(lambda: ping(port), 2) as clients:
                for _ in range(5):
                    replace()
                    end = time.monotonic() + 10
                    while os.path.exists(f"/proc/{pids[-2]}") and time.monotonic() < end:
                        time.sleep(0.02)
                    check(not os.path.exists(f"/proc/{pids[-2]}"), "the old daemon goes on")
            check(len(set(pids)) == 6, f"{pids}")
            check(not clients.errors, f"{clients.errors[:3]}")
            check(clients.done > 10, f"only {clients.done}")
        finally:
            if pids and os.path.exists(f"/proc/{pids[-1]}"):
                os.kill(pids[-1], signal.SIGTERM)


@case
def a_failed_start_leaves_the_pid_file():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path, pid_path = os.path.join(folder, "d.cfg"), os.path.join(folder, "pid")
        with open(path, "w", encoding="utf-8") as file:
            file.write(echo_config(port, server))
        subprocess.run([PROGRAM, "-D", "-f", path, "-p", pid_path], check=True, timeout=20)
        with open(pid_path, encoding="ascii") as file:
            pid = int(file.read())
        try:
            with socket.socket() as stranger:
                stranger.bind(("127.0.0.1", 0))
                stranger.listen()
                with open(path, "a", encoding="utf-8") as file:
                    file.write(f"  bind 127.0.0.1:{stranger.getsockname()[1]}\n")
                result = subprocess.run([PROGRAM, "-D", "-f", path, "-p", pid_path, "-st", str(pid)], capture_output=True,
                                        timeout=20, check=False)
            check(result.returncode == 1, f"{result}")
            with open(pid_path, encoding="ascii") as file:
                check(int(file.read()) == pid, "the pid file names another")
            ping(port)
        finally:
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + 10
            while os.path.exists(pid_path) and time.monotonic() < end:
                time.sleep(0.02)
        check(not os.path.exists(pid_path), "the pid file outlived its process")


@case
def hard_stop_after_bounds_the_life_of_the_old_one():
    port = free_port()
    with Server(echo) as server:
        config = echo_config(port, server, "global\n  hard-stop-after 1s")
        old = start(config, [port])
        with stopping(old) as alive, connect(port) as client:
            client.sendall(b"ping")
            check(receive_exactly(client, 4) == b"ping", "the echo")
            alive.append(start(config, [port], "-sf", str(old.pid)))
            time.sleep(0.5)
            client.sendall(b"more")
            check(receive_exactly(client, 4) == b"more", "the stream was ended early")
            check(is_closed_within(client, 3), "the stream goes on")
            check(ends(old, 3) == 0, f"exit status {old.process.returncode}")
            ping(port)


@case
def stale_pids_are_left_alone():
    port = free_port()
    gone = subprocess.Popen(["true"])
    gone.wait()
    with Server(echo) as server:
        new = start(echo_config(port, server), [port], "-V", "-sf", str(gone.pid), "999999999")
        with stopping(new):
            check(f"process {gone.pid} is gone" in new.said(), new.said())
            ping(port)


@case
def the_sockets_are_not_for_other_users():
    """The old process was started by root: nobody else gets its sockets, however it asks."""
    if os.geteuid() != 0:
        skip("needs root")
    port = free_port()
    with Server(echo) as server:
        old = start(echo_config(port, server), [port])
        with stopping(old):
            name = f"\0ringway/{os.stat('/proc/self/ns/pid').st_ino}/{old.pid}/listeners"
            asks = f"""
import os, socket
os.setgid(65534); os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(5)
s.connect({name!r})
print(socket.recv_fds(s, 100, 10)[:2])
"""
            said = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, timeout=20, check=False)
            check(said.stdout.strip() == "(b'', [])" or "reset" in said.stderr, f"{said}")
            ping(port)


@case
def a_name_that_somebody_else_has_bound_is_not_believed():
    """A stranger who answers in the old process's place gives nothing, and the start goes on without."""
    port = free_port()
    with Server(echo) as server, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as liar:
        victim = subprocess.Popen(["sleep", "60"])
        try:
            liar.bind(f"\0ringway/{os.stat('/proc/self/ns/pid').st_ino}/{victim.pid}/listeners")
            liar.listen()
            new = start(echo_config(port, server), [port], "-V", "-st", str(victim.pid))
            with stopping(new):
                check("answers for it" in new.said(), new.said())
                victim.wait(10)
                ping(port)
        finally:
            victim.kill()
            victim.wait()


if __name__ == "__main__":
    sys.exit(run_cases())
