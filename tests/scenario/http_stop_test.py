"""A soft stop and clients that keep their connections."""

import contextlib
import signal
import sys
import time

from harness import Proxy, case, check, connect, free_port, is_closed_within, receive_all, run_cases

REQUEST = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"


def config(port, option=""):
    return f"""
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
frontend web
  bind 127.0.0.1:{port}
  monitor-uri /alive
  {option}
  http-request return status 200 content-type text/plain string "ok"
"""


@contextlib.contextmanager
def serving(option=""):
    """A proxy that is told to stop softly, and a client of it. Ending by itself is what is wanted here."""
    port = free_port()
    proxy = Proxy(config(port, option), [port])
    try:
        with connect(port) as client:
            yield proxy, client
    finally:
        proxy.stop(signal.SIGKILL)


def ask(client, path=b"/"):
    client.sendall(REQUEST % path)
    answer = client.recv(65536)
    check(answer.startswith(b"HTTP/1.1 200 "), f"{answer}")
    return answer


def exits(proxy, seconds):
    until = time.monotonic() + seconds
    while proxy.alive() and time.monotonic() < until:
        time.sleep(0.05)
    return not proxy.alive()


@case
def idle_clients_are_let_go_at_once():
    with serving() as (proxy, client):
        ask(client)
        proxy.process.send_signal(signal.SIGUSR1)
        check(is_closed_within(client, 5), "the idle connection stayed")
        check(exits(proxy, 5), "it did not stop")


@case
def idle_close_on_response_waits_for_a_last_request():
    with serving("option idle-close-on-response") as (proxy, client):
        ask(client)
        proxy.process.send_signal(signal.SIGUSR1)
        check(not is_closed_within(client, 1), "the idle connection was closed")
        check(proxy.alive(), "it stopped before its client")
        check(b"connection: close" in ask(client).lower(), "the last answer does not say so")
        check(receive_all(client) == b"", "more than the answer")
        check(exits(proxy, 5), "it did not stop")


@case
def monitor_uri_goes_on_answering_while_the_process_stops():
    with serving("option idle-close-on-response") as (proxy, client):
        ask(client, b"/alive")
        proxy.process.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        ask(client, b"/alive")
        check(exits(proxy, 5), "it did not stop")


if __name__ == "__main__":
    sys.exit(run_cases())
