"""Signals that pause and stop, descriptors that are none of ours, and input that is too much."""

import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

from cli_client import ask
from harness import (DEFAULTS, IS_HAPROXY, PROGRAM, SANITIZED, Proxy, Server, Skipped, case, check, connect, echo, free_port,
                     is_closed_within, listen_config, receive_all, receive_exactly, run_cases)


def exchange(client):
    client.sendall(b"ping")
    check(receive_exactly(client, 4) == b"ping", "the echo")


def is_refused(port):
    try:
        connect(port, timeout_s=1).close()
    except (ConnectionRefusedError, ConnectionResetError):  # reset: it was in the backlog that goes
        return True
    return False


def becomes(what, truth, timeout_s=5):
    end = time.monotonic() + timeout_s
    while not truth():
        check(time.monotonic() < end, what)
        time.sleep(0.02)


@case
def sigttou_frees_the_port_and_sigttin_takes_it_back():
    port = free_port()
    with Server(echo) as server, Proxy(listen_config(port, server.port), [port]) as proxy:
        client = connect(port)
        exchange(client)
        for _ in range(3):
            os.kill(proxy.pid, signal.SIGTTOU)
            becomes("the port is free", lambda: is_refused(port))
            with socket.socket() as other:
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                other.bind(("127.0.0.1", port))
                other.listen(1)
            exchange(client)  # what is established goes on
            os.kill(proxy.pid, signal.SIGTTIN)
            becomes("it listens again", lambda: not is_refused(port))
            fresh = connect(port)
            exchange(fresh)
            fresh.close()
        check(proxy.cpu_seconds() < 2, "nobody spins")


@case
def the_runtime_socket_answers_while_traffic_is_paused():
    """That of a path, by which an operator looks; with a master, too. One with a port gives that away as any other."""
    for arguments in ((), ("-W",)):
        with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
            port, cli_port, cli = free_port(), free_port(), os.path.join(folder, "cli")
            top = f"global\n  stats socket {cli} level admin\n  stats socket ipv4@127.0.0.1:{cli_port}"
            with Proxy(listen_config(port, server.port, top=top), [port], arguments=arguments) as proxy:
                becomes("the worker answers", lambda: ",OPEN," in ask(cli, "show stat in 1 -1"))
                os.kill(proxy.pid, signal.SIGTTOU)
                becomes("it is paused", lambda: ",PAUSED," in ask(cli, "show stat in 1 -1"))
                if not arguments:  # a master holds the ports
                    becomes("the ports are free", lambda: is_refused(port) and is_refused(cli_port))
                os.kill(proxy.pid, signal.SIGTTIN)
                becomes("it serves", lambda: ",OPEN," in ask(cli, "show stat in 1 -1") and not is_refused(port))
                becomes("it answers there, too", lambda: not is_refused(cli_port))
                exchange(connect(port))


@case
def sigalrm_ends_nobody():
    port = free_port()
    with Server(echo) as server, Proxy(listen_config(port, server.port), [port]) as proxy:
        client = connect(port)
        exchange(client)
        os.kill(proxy.pid, signal.SIGALRM)
        time.sleep(0.2)
        exchange(client)


@case
def port_taken_while_paused_is_reported_and_tried_again():
    port = free_port()
    with Server(echo) as server, Proxy(listen_config(port, server.port), [port]) as proxy:
        os.kill(proxy.pid, signal.SIGTTOU)
        becomes("the port is free", lambda: is_refused(port))
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", port))
            other.listen(1)
            os.kill(proxy.pid, signal.SIGTTIN)
            time.sleep(0.3)
            check(proxy.alive(), "it goes on")
            check(IS_HAPROXY or "cannot listen again" in proxy.said(), "it says why")
        if IS_HAPROXY:
            return
        os.kill(proxy.pid, signal.SIGTTIN)
        becomes("it listens again", lambda: not is_refused(port))
        exchange(connect(port))


@case
def inherited_socket_is_held_while_paused():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(10)
    port = listener.getsockname()[1]
    with Server(echo) as server:
        config = listen_config(port, server.port).replace(f"bind 127.0.0.1:{port}", f"bind fd@{listener.fileno()}")
        with Proxy(config, inherit=[listener.fileno()]) as proxy:
            exchange(connect(port))
            os.kill(proxy.pid, signal.SIGTTOU)
            time.sleep(0.3)
            waiting = connect(port)
            waiting.sendall(b"ping")
            waiting.settimeout(0.5)
            try:
                waiting.recv(1)
                check(False, "it is served although paused")
            except TimeoutError:
                pass
            os.kill(proxy.pid, signal.SIGTTIN)
            waiting.settimeout(5)
            check(receive_exactly(waiting, 4) == b"ping", "it was only held")
    listener.close()


@case
def descriptors_that_are_not_named_are_left_alone():
    stranger = socket.socket()
    stranger.bind(("127.0.0.1", 0))
    stranger.listen(5)
    port = free_port()
    with Server(echo) as server:
        with Proxy(listen_config(port, server.port), [port], inherit=[stranger.fileno()]) as proxy:
            exchange(connect(port))
            link = os.readlink(f"/proc/{proxy.pid}/fd/{stranger.fileno()}")
            check(link == os.readlink(f"/proc/self/fd/{stranger.fileno()}"), "it is still open")
            check(not fcntl.fcntl(stranger, fcntl.F_GETFL) & os.O_NONBLOCK, "it still blocks")
            with open(f"/proc/{proxy.pid}/fdinfo/{stranger.fileno()}", encoding="ascii") as info:
                flags = int(next(line.split()[1] for line in info if line.startswith("flags:")), 8)
            check(not flags & os.O_CLOEXEC, "its flags are untouched")
            for how in (signal.SIGTTOU, signal.SIGTTIN):
                os.kill(proxy.pid, how)
                time.sleep(0.2)
        # Nobody but us accepts on it, also after the proxy has gone.
        client = connect(stranger.getsockname()[1])
        stranger.settimeout(2)
        stranger.accept()[0].close()
        client.close()
    stranger.close()


@case
def grace_keeps_accepting_for_a_while():
    port = free_port()
    with Server(echo) as server:
        proxy = Proxy(listen_config(port, server.port, top="global\n  grace 1500ms"), [port])
        begin = time.monotonic()
        os.kill(proxy.pid, signal.SIGUSR1)
        time.sleep(0.5)
        os.kill(proxy.pid, signal.SIGUSR1)
        client = connect(port)
        exchange(client)
        becomes("listeners are gone in the end", lambda: is_refused(port))
        check(time.monotonic() - begin > 1.3, "not before the grace is over")
        exchange(client)
        client.close()
        check(proxy.process.wait(5) == 0, "a good end")
        proxy.stop(signal.SIGKILL)


@case
def whoever_asks_is_told_of_a_stop_as_the_grace_begins():
    port = free_port()
    text = f"""global
  grace 3s
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend in
  bind 127.0.0.1:{port}
  monitor-uri /alive
  monitor fail if {{ stopping }}
"""
    def status():
        with connect(port) as client:
            client.sendall(b"GET /alive HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            return receive_all(client).split(b" ")[1]
    proxy = Proxy(text, [port])
    check(status() == b"200", "before")
    os.kill(proxy.pid, signal.SIGUSR1)
    becomes("the monitor fails while it still listens", lambda: status() == b"503")
    proxy.stop(signal.SIGTERM)


@case
def hard_stop_after_counts_from_the_end_of_the_grace():
    port = free_port()
    with Server(echo) as server:
        proxy = Proxy(listen_config(port, server.port, top="global\n  grace 700ms\n  hard-stop-after 700ms"), [port])
        client = connect(port)
        exchange(client)
        begin = time.monotonic()
        os.kill(proxy.pid, signal.SIGUSR1)
        check(proxy.process.wait(10) == 0, "a good end")
        took = time.monotonic() - begin
        check(1.2 < took < 4, f"it took {took:.1f} s")
        check(is_closed_within(client, 2), "the client is closed")
        proxy.stop(signal.SIGKILL)


def answer_http(peer):
    while peer.recv(65536):
        peer.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def http_exchange(client):
    client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    text = b""
    while not text.endswith(b"ok"):
        piece = client.recv(65536)
        check(piece, "an answer")
        text += piece
    return text.lower()


def idle_clients(port, count):
    clients = [connect(port) for _ in range(count)]
    for client in clients:
        http_exchange(client)
    return clients


@case
def a_stop_says_who_is_still_there():
    port = free_port()
    with Server(echo) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as log:
        log.bind(("127.0.0.1", 0))
        log.settimeout(5)
        top = f"global\n  hard-stop-after 500ms\n  log 127.0.0.1:{log.getsockname()[1]} format raw local0"
        proxy = Proxy(listen_config(port, server.port, "log global", top=top), [port])
        clients = [connect(port) for _ in range(2)]
        for client in clients:
            exchange(client)
        os.kill(proxy.pid, signal.SIGUSR1)
        check(proxy.process.wait(5) == 0, "it does not end")
        lines = ("Proxy in stopped (cumulated conns: FE: 2, BE: 2).",
                 "soft-stop running for too long, performing a hard-stop.",
                 "Proxy in hard-stopped (2 remaining conns will be closed).")
        said = proxy.said()
        places = [said.find(f"[WARNING]  ({proxy.pid}) : {line}\n") for line in lines]
        check(places == sorted(places) and -1 not in places, f"{places}: {said}")
        logged = ""
        while not IS_HAPROXY and lines[2] not in logged:
            logged += log.recv(4096).decode()
        check(IS_HAPROXY or all(line in logged for line in lines), logged)
        proxy.stop()


@case
def close_spread_time_spreads_the_closing_of_idle_clients():
    port = free_port()
    with Server(answer_http) as server:
        proxy = Proxy(
            listen_config(port, server.port, options="mode http", top="global\n  close-spread-time 2s"), [port])
        clients = idle_clients(port, 40)
        begin = time.monotonic()
        os.kill(proxy.pid, signal.SIGUSR1)
        for client in clients:
            check(is_closed_within(client, 6), "each is closed in the end")
        check(proxy.process.wait(5) == 0, "a good end")
        took = time.monotonic() - begin
        check(1.5 < took < 5, f"it took {took:.1f} s")
        proxy.stop(signal.SIGKILL)


@case
def idle_clients_are_closed_at_once_without_it():
    port = free_port()
    with Server(answer_http) as server:
        proxy = Proxy(listen_config(port, server.port, options="mode http"), [port])
        clients = idle_clients(port, 10)
        begin = time.monotonic()
        os.kill(proxy.pid, signal.SIGUSR1)
        check(all(is_closed_within(client, 3) for client in clients), "all are closed")
        check(proxy.process.wait(5) == 0 and time.monotonic() - begin < 3, "at once")
        proxy.stop(signal.SIGKILL)


@case
def infinite_close_spread_time_leaves_clients_alone():
    port = free_port()
    with Server(answer_http) as server:
        top = "global\n  close-spread-time infinite\n  hard-stop-after 2s"
        proxy = Proxy(listen_config(port, server.port, options="mode http", top=top), [port])
        client = idle_clients(port, 1)[0]
        os.kill(proxy.pid, signal.SIGUSR1)
        time.sleep(0.5)
        for _ in range(3):
            check(b"connection: close" not in http_exchange(client), "it is kept")
        check(proxy.process.wait(6) == 0, "the hard stop ends it")
        proxy.stop(signal.SIGKILL)


@case
def second_process_on_a_port():
    port = free_port()
    with Server(echo) as server, Proxy(listen_config(port, server.port), [port]) as first:
        # With SO_REUSEPORT both get clients, as with HAProxy, which takeovers count on; we say so.
        with Proxy(listen_config(port, server.port), [port]) as second:
            exchange(connect(port))
            time.sleep(0.3)
            if not IS_HAPROXY:
                check(f"another process listens on 127.0.0.1:{port}" in second.said(), second.said())
        os.kill(first.pid, 0)
        # Without it the second one is refused. (The first one has it, so only one of them needs to lack it.)
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
            file.write(listen_config(port, server.port))
            file.flush()
            begin = time.monotonic()
            done = subprocess.run([PROGRAM, "-db", "-dR", "-f", file.name], capture_output=True, text=True, timeout=20,
                                  check=False)
            check(done.returncode == 1, f"exit status {done.returncode}")
            check(done.stderr.count(f"127.0.0.1:{port}") == 1, done.stderr)
            check(IS_HAPROXY or time.monotonic() - begin < 3, "at once")
        exchange(connect(port))


@case
def clients_from_privileged_ports_are_rejected_when_asked():
    if os.geteuid() != 0:
        raise Skipped("needs root for a privileged port")
    if IS_HAPROXY:
        raise Skipped("HAProxy 2.6 does not know it")

    def from_port(port, local):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("127.0.0.1", local))
        client.settimeout(5)
        client.connect(("127.0.0.1", port))
        return client

    port = free_port()
    setting = "global\n  harden.reject-privileged-ports.tcp "
    with Server(echo) as server:
        with Proxy(listen_config(port, server.port, top=setting + "on"), [port]) as proxy:
            check(is_closed_within(from_port(port, 1023), 3), "1023 is rejected")
            exchange(from_port(port, 1024))
            exchange(connect(port))
            before = proxy.open_files()
            for local in range(900, 940):
                check(is_closed_within(from_port(port, local), 3), "rejected")
            check(proxy.open_files() <= before, "nothing is left open")
            check(server.accepted == 2, "no server hears of them")
        with Proxy(listen_config(port, server.port, top=setting + "off"), [port]):
            exchange(from_port(port, 1022))


@case
def small_memory_limit_slows_but_serves():
    port = free_port()
    if IS_HAPROXY:
        raise Skipped("its limit is another one")
    with Server(echo) as server:
        with Proxy(listen_config(port, server.port), [port], arguments=("-db", "-m", "24")) as proxy:
            clients = [connect(port) for _ in range(60)]
            block = os.urandom(20000)
            for _ in range(5):
                for client in clients:
                    client.sendall(block)
                for client in clients:
                    check(receive_exactly(client, len(block)) == block, "whole")
            # The sanitizers' shadow comes on top.
            allowed_kb = (120 if os.environ.get("RINGWAY_SANITIZED") else 40) * 1024
            check(proxy.rss_peak_kb() < allowed_kb, f"{proxy.rss_peak_kb()} kB")


def check_config(text, timeout_s):
    """Exit status, what was said, seconds it took."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(text)
        file.flush()
        begin = time.monotonic()
        done = subprocess.run([PROGRAM, "-c", "-f", file.name], capture_output=True, text=True, timeout=timeout_s,
                              check=False)
        return done.returncode, done.stderr, time.monotonic() - begin


@case
def million_lines_are_read_within_seconds():
    text = listen_config(48300, 1) + "  # nothing\n" * 500000 + "\n" * 500000
    status, said, took = check_config(text, 60)
    check(status == 0, said[-500:])
    check(took < 10, f"{took:.1f} s")


@case
def million_bad_lines_are_refused_within_seconds():
    status, said, took = check_config(DEFAULTS + "\nlisten in\n" + "  nonsense here\n" * 1000000, 280)
    check(status == 1, f"exit status {status}")
    check("nonsense" in said, said[-300:])
    check(took < (240 if SANITIZED else 60 if IS_HAPROXY else 20), f"{took:.1f} s")
    check(len(said) < 2000000, "it does not say it a million times")


@case
def huge_file_is_one_message():
    if IS_HAPROXY:
        raise Skipped("HAProxy reads all of it")
    status, said, took = check_config("# " + "x" * 100 + "\n" + ("# " + "y" * 1000 + "\n") * 70000, 60)
    check(status == 1 and said.count("more than 67108864 bytes") == 1, said[-500:])
    check(took < 10, f"{took:.1f} s")


@case
def unreadable_file_is_one_message():
    if os.geteuid() != 0:
        raise Skipped("needs root to become somebody else")
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(listen_config(48300, 1))
        file.flush()
        os.chmod(file.name, 0)

        def drop():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.setgid(65534)
            os.setuid(65534)

        program = PROGRAM
        done = subprocess.run([program, "-c", "-f", file.name], capture_output=True, text=True, timeout=10, check=False,
                              preexec_fn=drop)
        check(done.returncode == 1, f"exit status {done.returncode}")
        check("Permission denied" in done.stderr and file.name in done.stderr, done.stderr)


if __name__ == "__main__":
    sys.exit(run_cases())
