"""Running out of file descriptors: accepting pauses, what is established goes on, and accepting resumes."""

import sys
import threading
import time

from harness import SANITIZED, Proxy, Server, case, check, connect, echo, free_port, listen_config, receive_exactly, run_cases, skip


def is_served(client, seconds):
    client.settimeout(seconds)
    try:
        client.sendall(b"?")
        return receive_exactly(client, 1) == b"?"
    except (OSError, AssertionError):
        return False


def exchange(client):
    client.sendall(b"still here")
    check(receive_exactly(client, 10) == b"still here", "an established connection goes on")


def skip_if_sanitized():
    # Whether an address can be read, the undefined-behaviour sanitizer asks a pipe: without one it sees errors that are none.
    if SANITIZED:
        skip("the sanitizer needs descriptors, too")


def run_out(top):
    skip_if_sanitized()
    port = free_port()
    with Server(echo) as server:
        with Proxy(listen_config(port, server.port, top=top), [port]) as proxy:
            first = [connect(port) for _ in range(10)]
            for client in first:
                exchange(client)
            proxy.limit_open_files(more=11)  # five more streams, and one socket without its other side
            more = [connect(port) for _ in range(60)]
            served = [client for client in more if is_served(client, 0.05)]
            print(f"   {len(served)} of {len(more)} served with descriptors for 5")
            check(len(served) <= 11, "the limit holds")
            for client in first:
                exchange(client)
            cpu = proxy.cpu_seconds()
            time.sleep(2)
            spent = proxy.cpu_seconds() - cpu
            check(spent < 0.8, f"{spent:.2f} s of CPU in 2 s without descriptors")
            for client in first:
                exchange(client)
            # Room again: those that still wait in the backlog, and new ones, are served.
            for client in first[:8] + served:
                client.close()
            for client in more:
                client.close()
            time.sleep(0.3)
            late = [connect(port) for _ in range(4)]
            end = time.monotonic() + 8
            waiting = list(late)
            while waiting and time.monotonic() < end:
                waiting = [client for client in waiting if not is_served(client, 1)]
            check(not waiting, f"{len(waiting)} of {len(late)} not served after there was room again")
            for client in first[8:]:
                exchange(client)


class KeptAlive:
    """Answers requests on kept connections; `/slow` only when told to go on."""

    def __init__(self):
        self.go_on = threading.Event()

    def __call__(self, peer):
        while request := peer.recv(65536):
            if b"/slow" in request:
                self.go_on.wait(10)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def request(client, path="/"):
    client.sendall(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: a\r\n\r\n")


def is_answered(client, seconds=5):
    client.settimeout(seconds)
    answer = b""
    try:
        while not answer.endswith(b"ok"):
            piece = client.recv(4096)
            if not piece:
                return False
            answer += piece
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200 ")


def idle_ones_make_room(threads):
    skip_if_sanitized()
    port = free_port()
    server_behaves = KeptAlive()
    with Server(server_behaves) as server:
        config = listen_config(port, server.port, "mode http", top=f"global\n  nbthread {threads}")
        with Proxy(config, [port]) as proxy:
            # Ten connections to the server, all idle in the end.
            first = [connect(port) for _ in range(10)]
            for client in first:
                request(client, "/slow")
            end = time.monotonic() + 5
            while server.accepted < 10 and time.monotonic() < end:
                time.sleep(0.02)
            server_behaves.go_on.set()
            check(all(is_answered(client) for client in first), "the first are answered")
            for client in first:
                client.close()
            time.sleep(0.3)
            server_behaves.go_on.clear()
            before = proxy.open_files()
            proxy.limit_open_files(more=0)
            free = proxy.files_below_limit() - before
            # Each needs a descriptor for itself and one for its server: of the ten idle ones, eight.
            late = [connect(port) for _ in range((free + 10) // 2)]
            for client in late:
                request(client, "/slow")
            end = time.monotonic() + 8
            while server.accepted < 10 + len(late) - 1 and time.monotonic() < end:
                time.sleep(0.02)
            server_behaves.go_on.set()
            answered = sum(is_answered(client) for client in late)
            print(f"   {answered} of {len(late)} answered with {free} descriptors left and 10 idle")
            check(answered == len(late), "who waits is served in the place of idle connections")
            check(proxy.alive(), "and all is well")
            for client in late:
                client.close()


@case
def idle_server_connections_make_room():
    idle_ones_make_room(1)


@case
def idle_server_connections_of_other_threads_make_room():
    idle_ones_make_room(4)


@case
def one_thread_runs_out():
    run_out("global\n  nbthread 1")


@case
def several_threads_run_out():
    run_out("global\n  nbthread 4")


if __name__ == "__main__":
    sys.exit(run_cases())
