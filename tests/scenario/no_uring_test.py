"""Where io_uring is refused, as in most containers: the poll driver serves, and the program says so and why."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

from harness import (DEFAULTS, PROGRAM, Proxy, Server, case, check, connect, echo, free_port, listen_config, receive_all,
                     receive_exactly, run_cases)

DENY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "deny_uring.py")
NO_CHOICE = {"RINGWAY_RING": ""}  # the configuration's `tune.ring` counts


def launcher(errno_name):
    return (sys.executable, DENY, errno_name)


def ping(port):
    with connect(port) as client:
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the echo")


def has_rings(pid):
    """Whether it holds a descriptor of io_uring."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if "io_uring" in os.readlink(f"/proc/{pid}/fd/{name}"):
                return True
    return False


@case
def it_serves_on_the_poll_driver_and_says_why():
    for name, words in (("EPERM", "seccomp"), ("ENOSYS", "")):
        port = free_port()
        with Server(echo) as server, Proxy(listen_config(port, server.port), [port], environment=NO_CHOICE,
                                           launcher=launcher(name)) as proxy:
            for _ in range(20):
                ping(port)
            said = proxy.said()
            notice = re.search(r"ring driver poll is used, because uring cannot be: (.*)", said)
            check(notice and name in notice.group(1) and words in notice.group(1), f"{name}: {said}")
            check(not has_rings(proxy.pid), "it has a ring")


@case
def requests_travel_there_as_well():
    """Kept connections of HTTP, a body that is larger than every buffer, and the runtime socket."""
    port, origin = free_port(), free_port()
    body = os.urandom(3 << 20)

    def serve(peer):
        while b"\r\n\r\n" in (head := peer.recv(65536)):
            check(head.startswith(b"GET /"), "the request")
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with tempfile.TemporaryDirectory() as folder, Server(serve, port=origin):
        path = os.path.join(folder, "s")
        config = (f"global\n  stats socket {path}\n{DEFAULTS}\nlisten in\n  mode http\n  bind 127.0.0.1:{port}\n"
                  f"  server s1 127.0.0.1:{origin}\n")
        with Proxy(config, [port], environment=NO_CHOICE, launcher=launcher("EPERM")), connect(port) as client:
            for _ in range(5):
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = b""
                while b"\r\n\r\n" not in answer:
                    answer += client.recv(65536)
                head, _, start = answer.partition(b"\r\n\r\n")
                check(head.startswith(b"HTTP/1.1 200 "), f"{head}")
                check(start + receive_exactly(client, len(body) - len(start)) == body, "the body")
            with socket.socket(socket.AF_UNIX) as admin:
                admin.connect(path)
                admin.sendall(b"show info\n")
                said = receive_all(admin).decode()
                sent = re.search(r"^TotalBytesOut: (\d+)$", said, re.M)
                check(sent and int(sent.group(1)) >= 5 * len(body), said)


@case
def a_master_and_its_workers_serve():
    port = free_port()
    with Server(echo) as server, Proxy(listen_config(port, server.port), [port], environment=NO_CHOICE,
                                       arguments=("-W",), launcher=launcher("EPERM")) as proxy:
        ping(port)
        proxy.process.send_signal(signal.SIGUSR2)
        for _ in range(50):
            ping(port)
        check("ring driver poll is used" in proxy.said(), proxy.said())
        check(proxy.stop(signal.SIGTERM) == 0, "the exit status")


@case
def who_insists_on_uring_is_refused_with_the_reason():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "t.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(listen_config(port, server.port, top="global\n  tune.ring uring"))
        result = subprocess.run([*launcher("EPERM"), PROGRAM, "-db", "-f", path], capture_output=True, text=True, timeout=20,
                                check=False, env={**os.environ, **NO_CHOICE})
        check(result.returncode == 1, f"{result}")
        check("cannot start a shard" in result.stderr and "EPERM" in result.stderr, result.stderr)
        result = subprocess.run([*launcher("EPERM"), PROGRAM, "-vv"], capture_output=True, text=True, timeout=20, check=False)
        check(result.returncode == 0 and "io_uring_setup: EPERM" in result.stdout, result.stdout)


if __name__ == "__main__":
    sys.exit(run_cases())
