"""How the process starts and ends, as service managers see it."""

import os
import signal
import socket
import subprocess
import sys
import time

from harness import (DEFAULTS, IS_HAPROXY, PROGRAM, Proxy, Server, case, check, connect, echo, free_port, is_closed_within,
                     listen_config, receive_exactly, run_cases)


def exchange(client):
    client.sendall(b"ping")
    check(receive_exactly(client, 4) == b"ping", "the echo")


def is_good_end(status, how):
    """0, as the contract has it; HAProxy 2.6 in the foreground lets the signal itself end it."""
    return status == 0 or (IS_HAPROXY and status == -how)


def stops_at_once(how):
    port = free_port()
    with Server(echo) as server:
        proxy = Proxy(listen_config(port, server.port), [port])
        client = connect(port)
        exchange(client)
        begin = time.monotonic()
        status = proxy.stop(how)
        check(is_good_end(status, how), f"exit status {status}")
        check(time.monotonic() - begin < 3, "at once, open connections or not")
        check(is_closed_within(client, 2), "the client is closed")


@case
def sigterm_stops_at_once():
    stops_at_once(signal.SIGTERM)


@case
def sigint_stops_at_once():
    stops_at_once(signal.SIGINT)


@case
def sigusr1_lets_streams_finish():
    port = free_port()
    with Server(echo) as server:
        proxy = Proxy(listen_config(port, server.port), [port])
        client = connect(port)
        exchange(client)
        os.kill(proxy.pid, signal.SIGUSR1)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                connect(port, timeout_s=1).close()
            except OSError:
                break
            time.sleep(0.05)
        else:
            check(False, "it still accepts")
        time.sleep(0.5)
        check(proxy.alive(), "it waits for its stream")
        exchange(client)
        os.kill(proxy.pid, signal.SIGUSR1)  # twice is not an error
        exchange(client)
        client.close()
        try:
            status = proxy.process.wait(10)
        except subprocess.TimeoutExpired:
            status = None
        proxy.stop(signal.SIGKILL)
        check(status == 0, f"exit status {status} after the last stream")


@case
def sigusr1_with_nothing_open_ends_it():
    port = free_port()
    proxy = Proxy(listen_config(port, free_port()), [port])
    status = proxy.stop(signal.SIGUSR1)
    check(status == 0, f"exit status {status}")


@case
def clients_waiting_in_an_inherited_socket_are_served():
    """Whoever starts the proxy may have listened long before."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    port = listener.getsockname()[1]
    early = [connect(port) for _ in range(20)]
    for client in early:
        client.sendall(b"ping")
    with Server(echo) as server:
        config = f"{DEFAULTS}\nlisten in\n  bind fd@{listener.fileno()}\n  server s1 127.0.0.1:{server.port}\n"
        with Proxy(config, inherit=(listener.fileno(),)):
            for client in early:
                check(receive_exactly(client, 4) == b"ping", "the echo")
    listener.close()


@case
def descriptors_it_was_not_told_of_are_left_alone():
    """Neither closed nor made non-blocking: they belong to whoever started it."""
    ours, theirs = socket.socketpair()
    port = free_port()
    with Server(echo) as server:
        with Proxy(listen_config(port, server.port), [port], inherit=(theirs.fileno(),)) as proxy:
            exchange(connect(port))
            held = os.readlink(f"/proc/{proxy.pid}/fd/{theirs.fileno()}")
            check(held == os.readlink(f"/proc/self/fd/{theirs.fileno()}"), f"the descriptor is now {held}")
            with open(f"/proc/{proxy.pid}/fdinfo/{theirs.fileno()}", encoding="ascii") as info:
                flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags:"))
            check(not flags & os.O_NONBLOCK, "it is non-blocking")
    ours.close()
    theirs.close()


@case
def output_is_its_own_and_ends_with_it():
    """No child keeps the pipe open after the end."""
    port = free_port()
    config = listen_config(port, free_port())
    with Proxy(config, [port]) as outer:  # only for its configuration file
        path = outer.config
        with open(path, encoding="utf-8") as file:
            text = file.read().replace(str(port), str(free_port()))
        other = path + ".2"
        with open(other, "w", encoding="utf-8") as file:
            file.write(text)
        process = subprocess.Popen([PROGRAM, "-d", "-f", other], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        time.sleep(0.5)
        check(process.poll() is None, "it runs in the foreground")
        process.terminate()
        process.communicate(timeout=5)  # end of file on its output
        check(is_good_end(process.returncode, signal.SIGTERM), f"exit status {process.returncode}")


if __name__ == "__main__":
    sys.exit(run_cases())
