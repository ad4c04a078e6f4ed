"""Running out of file descriptors: accepting pauses, what is established goes on, and accepting resumes."""

import sys
import time

from harness import Proxy, Server, case, check, connect, echo, free_port, listen_config, receive_exactly, run_cases


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


def run_out(top):
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


@case
def one_thread_runs_out():
    run_out("global\n  nbthread 1")


@case
def several_threads_run_out():
    run_out("global\n  nbthread 4")


if __name__ == "__main__":
    sys.exit(run_cases())
