#!/usr/bin/env python3
"""`tune.sandbox on`: the kernel takes from the process what serving does not need, and it goes on to serve, log, reload
and stop."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from cli_client import ask
from harness import IS_HAPROXY, PROGRAM, Proxy, Server, case, check, connect, free_port, free_ports, receive_all, run_cases
from tls_peer import FOLDER, make_certificates, path


def config(folder, front, tls, server_port, word="one", sandbox="on", top=""):
    return f"""
global
  stats socket {folder}/cli level admin
  log stdout format raw local0
  log {folder}/log local0
  nbthread 2
  tune.sandbox {sandbox}
  {top}
defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend in
  bind 127.0.0.1:{front}
  bind {folder}/unix
  bind 127.0.0.1:{tls} ssl crt {path("ec.pem")}
  http-response set-header word {word}
  option splice-response
  default_backend out
backend out
  option httpchk
  server s1 localhost:{server_port} check inter 200ms
"""


BULK = bytes(2 << 20)


def answer(peer):
    while b"\r\n\r\n" in peer.recv(65536):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BULK) + BULK)


def get(peer):
    peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    text = receive_all(peer)
    check(text.startswith(b"HTTP/1.1 200") and text.endswith(BULK[-100:]) and len(text) > len(BULK), f"{text[:200]}")
    return text.split(b"\r\n\r\n")[0].decode()


def over_tls(port):
    context = ssl.create_default_context(cafile=path("ca.crt"))
    with context.wrap_socket(connect(port), server_hostname="localhost") as peer:
        return get(peer)


def over_unix(name):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(name)
        return get(peer)


def states(pid):
    """Of every thread: (Seccomp, NoNewPrivs)."""
    found = set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            fields = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        found.add((fields["Seccomp"], fields["NoNewPrivs"]))
    return found


def within(seconds, truth, what):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, what)
        time.sleep(0.05)


class Setup:
    """A folder, a server that answers, and the program in its sandbox."""

    def __init__(self, **options):
        self.folder = tempfile.mkdtemp(prefix="ringway-sandbox-")
        self.server = Server(answer)
        self.front, self.tls = free_ports(2)
        self.lines = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.lines.bind(f"{self.folder}/log")
        self.lines.settimeout(5)
        self.proxy = Proxy(self.text(**options), [self.front, self.tls])

    def text(self, **options):
        return config(self.folder, self.front, self.tls, self.server.port, **options)

    def __enter__(self):
        self.server.__enter__()
        within(5, lambda: ("2", "1") in states(self.proxy.pid), "the sandbox is not closed")
        return self

    def __exit__(self, *what):
        self.proxy.__exit__(*what)
        self.server.__exit__(*what)
        self.lines.close()
        shutil.rmtree(self.folder)

    def serve_everywhere(self, word):
        with connect(self.front) as peer:
            heads = [get(peer)]
        heads += [over_tls(self.tls), over_unix(f"{self.folder}/unix")]
        check(all(f"word: {word}" in head for head in heads), f"{heads}")

    def check_nothing_refused(self):
        check("was refused" not in self.proxy.said(), self.proxy.said())


@case
def it_serves_checks_logs_and_stops():
    with Setup() as setup:
        check(states(setup.proxy.pid) == {("2", "1")}, f"{states(setup.proxy.pid)}")
        setup.serve_everywhere("one")
        check(b" in out/s1 " in setup.lines.recv(4096), "the line of a datagram")
        within(5, lambda: " in~ out/s1 " in setup.proxy.said(), "the line of standard output")
        check("L7OK" in ask(f"{setup.folder}/cli", "show stat"), "the check")
        for line in ("show info", "show sess all", "show servers state", "disable frontend in", "enable frontend in"):
            check("Unknown" not in ask(f"{setup.folder}/cli", line), line)
        setup.serve_everywhere("one")
        setup.proxy.process.send_signal(signal.SIGQUIT)
        time.sleep(0.2)
        setup.check_nothing_refused()
        with connect(setup.front) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            check(peer.recv(12) == b"HTTP/1.1 200", "the head")
            setup.proxy.process.send_signal(signal.SIGUSR1)
            within(5, lambda: not setup.proxy._listens(setup.front), "it listens on")  # pylint: disable=protected-access
            check(len(receive_all(peer)) > len(BULK), "the rest, behind the order to stop")
        check(setup.proxy.process.wait(10) == 0, "the exit status")
        setup.check_nothing_refused()
        setup.proxy.stopped = True


@case
def it_reloads():
    with Setup() as setup:
        setup.serve_everywhere("one")
        more = free_port()
        for turn in range(5):
            word = f"turn{turn}"
            with open(setup.proxy.config, "w", encoding="utf-8") as file:
                file.write(setup.text(word=word) + f"listen more{turn}\n  bind 127.0.0.1:{more}\n  server s localhost:{setup.server.port}\n")
            said = ask(f"{setup.folder}/cli", "reload")
            check("was reloaded" in said, said)
            setup.serve_everywhere(word)
            with connect(more) as peer:
                get(peer)
        with open(setup.proxy.config, "w", encoding="utf-8") as file:
            file.write(setup.text(word="never", top="nonsense"))
        said = ask(f"{setup.folder}/cli", "reload")
        check("nothing was changed" in said and "nonsense" in said, said)
        # What only a start can change is said, and stays.
        with open(setup.proxy.config, "w", encoding="utf-8") as file:
            file.write(setup.text(word="open", sandbox="off"))
        said = ask(f"{setup.folder}/cli", "reload")
        check("tune.sandbox" in said and states(setup.proxy.pid) == {("2", "1")}, said)
        setup.serve_everywhere("open")
        setup.check_nothing_refused()


@case
def a_worker_is_shut_in_and_its_master_is_not():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        front, tls = free_ports(2)
        text = config(folder, front, tls, server.port).replace(f"  log {folder}/log local0\n", "")
        with Proxy(text, [front], arguments=("-W",)) as proxy:

            def worker():
                with open(f"/proc/{proxy.pid}/task/{proxy.pid}/children", encoding="ascii") as file:
                    return int(file.read().split()[-1])

            for _ in range(2):  # the second one is the master's reload
                within(5, lambda: ("2", "1") in states(worker()), "the worker is not shut in")
                check(states(proxy.pid).pop()[0] == "0", "the master is")
                with connect(front) as peer:
                    get(peer)
                before = worker()
                proxy.process.send_signal(signal.SIGUSR2)
                within(10, lambda: worker() != before, "no new worker")  # pylint: disable=cell-var-from-loop
            check("was refused" not in proxy.said(), proxy.said())


@case
def checks_by_programs_are_refused_at_the_start():
    with tempfile.TemporaryDirectory() as folder:
        name = f"{folder}/test.cfg"
        for words, status in (("external-check", 1), ("", 0)):
            with open(name, "w", encoding="utf-8") as file:
                file.write(config(folder, 1, 2, 3, top=words))
            done = subprocess.run([PROGRAM, "-c", "-f", name], capture_output=True, text=True, check=False)
            check(done.returncode == status, f"{done.returncode}: {done.stderr}")
            check(("'tune.sandbox on' forbids this process to start programs" in done.stderr) == bool(words), done.stderr)


if __name__ == "__main__":
    if IS_HAPROXY:
        print("0 passed, 0 failed")
        sys.exit(0)
    try:
        make_certificates()
        sys.exit(run_cases())
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
