"""Servers that begin as an earlier process has left them: `show servers state`, saved and loaded."""

import contextlib
import os
import signal
import sys
import tempfile
import time

from cli_client import ask
from harness import DEFAULTS, Proxy, Server, case, check, connect, free_port, receive_exactly, run_cases

CHANGED_FIELD = 9  # srv_time_since_last_change


def states(path, backend=""):
    """Server to the fields of its line, without how long ago it changed, which is checked by itself."""
    rows = {}
    for line in ask(path, f"show servers state {backend}").splitlines():
        fields = line.split(" ")
        if len(fields) > 20 and fields[0] != "#":
            rows[f"{fields[1]}/{fields[3]}"] = fields[:CHANGED_FIELD] + fields[CHANGED_FIELD + 1:]
    return rows


def answer(port):
    with connect(port) as client:
        client.sendall(b"x")
        return receive_exactly(client, 1)


def config_of(folder, port, peers, load, extra=""):
    first, second, third, dead = peers
    return f"""
global
  stats socket {folder}/cli level admin
  server-state-base {folder}
  server-state-file all
{DEFAULTS}
  load-server-state-from-file {load}
listen in
  bind 127.0.0.1:{port}
  server a 127.0.0.1:{first} weight 10
  server b 127.0.0.1:{second} weight 10
  server c 127.0.0.1:{third} weight 10
backend checked
  server dead 127.0.0.1:{dead} check inter 60s fall 1
  server paused 127.0.0.1:{first} check inter 60s
  server moved gone.invalid:{first} init-addr last,none
  {extra}
"""


@contextlib.contextmanager
def peers():
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Server(lambda peer, say=say: peer.recv(1) and peer.sendall(say))).port
               for say in (b"a", b"b", b"c")] + [free_port()]


def change(cli):
    for line in ("set weight in/a 3", "set server in/b state drain", "disable server in/c", "disable health checked/paused",
                 "set server checked/moved addr 127.0.0.7"):
        ask(cli, line)


def save(cli, folder, how):
    for name, backend in (("all", ""),) if how == "global" else (("in", "in"), ("checked", "checked")):
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(ask(cli, f"show servers state {backend}") + "\n")


def until(condition, what):
    end = time.monotonic() + 15
    while not condition():
        check(time.monotonic() < end, what)
        time.sleep(0.02)


@case
def what_was_changed_comes_back():
    for how in ("global", "local"):
        with tempfile.TemporaryDirectory() as folder, peers() as ports:
            port, cli = free_port(), os.path.join(folder, "cli")
            config = config_of(folder, port, ports, how)
            with Proxy(config, [port]) as proxy:
                check("is not used: ENOENT" in proxy.said() or "No such file" in proxy.said(), proxy.said())
                change(cli)
                until(lambda: states(cli)["checked/dead"][5] == "0", "the dead server is not found out")
                before = states(cli)
                save(cli, folder, how)
            with Proxy(config, [port]) as proxy:
                after = states(cli)
                for name, row in before.items():
                    check(after[name] == row, f"{how}: {name}:\n{row}\n{after[name]}")
                check({answer(port) for _ in range(8)} == {b"a"}, "a drained or disabled server is used")
                check("checked/dead is DOWN, changed from server-state" in proxy.said(), proxy.said())
                check(ask(cli, "get weight in/a").startswith("3 (initial 10)"), "the weight")
                check(after["checked/moved"][4] == "127.0.0.7", "the address")
                # It is a beginning, no more: what is said now counts.
                ask(cli, "enable server in/c")
                ask(cli, "set weight in/a 0")
                check({answer(port) for _ in range(8)} == {b"c"}, "the server that came back")


@case
def a_master_reloads_with_it():
    with tempfile.TemporaryDirectory() as folder, peers() as ports:
        port, cli = free_port(), os.path.join(folder, "cli")
        with Proxy(config_of(folder, port, ports, "global"), [port], arguments=("-W",)) as proxy:
            ask(cli, "disable server in/a")
            ask(cli, "set server in/b state drain")
            save(cli, folder, "global")
            pid = ask(cli, "show info").split("Pid: ")[1].split("\n")[0]
            proxy.process.send_signal(signal.SIGUSR2)
            until(lambda: f"Pid: {pid}\n" not in ask(cli, "show info"), "no reload")
            check({answer(port) for _ in range(8)} == {b"c"}, "the new worker has not read it")


@case
def a_file_that_is_damaged_is_said_and_the_rest_is_used():
    with tempfile.TemporaryDirectory() as folder, peers() as ports:
        port, cli = free_port(), os.path.join(folder, "cli")
        config = config_of(folder, port, ports, "global")
        row = "2 in 1 a 127.0.0.1 0 1 10 10 5 1 0 0 0 0 0 0 - {} - 0 0 - - 0"
        cases = (
            ("1\n" + row.format(ports[0]) + "\ngarbage\n", "used in part: line 3: too few fields", "0"),
            ("1\n" + row.format(ports[0])[:40], "used in part: line 2: ", "2"),
            ("7\n" + row.format(ports[0]) + "\n", "not used: it is not of version 1", "2"),
            ("", "not used: it is empty", "2"),
            ("\0\xff" * 5000, "not used: it is not of version 1", "2"),
        )
        for text, said, operational in cases:
            with open(os.path.join(folder, "all"), "w", encoding="latin-1") as file:
                file.write(text)
            with Proxy(config, [port]) as proxy:
                check(said in proxy.said(), f"{said}: {proxy.said()}")
                check(states(cli)["in/a"][5] == operational, f"{said}: {states(cli)['in/a']}")
                check(answer(port) in (b"a", b"b", b"c"), "it serves")
        os.remove(os.path.join(folder, "all"))
        for make, take_away in ((os.mkdir, os.rmdir), (os.mkfifo, os.remove)):
            make(os.path.join(folder, "all"))
            with Proxy(config, [port]) as proxy:
                check("not used: it is not a file" in proxy.said(), proxy.said())
            take_away(os.path.join(folder, "all"))


if __name__ == "__main__":
    sys.exit(run_cases())
