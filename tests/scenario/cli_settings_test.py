#!/usr/bin/env python3
"""Commands about the connection itself, variables of the process, waiting, and what the process tells of itself."""

import re
import sys
import tempfile
import time

from cli_client import Cli, ask
from harness import Proxy, Server, case, check, connect, echo, free_port, run_cases


def config(port, server_port, cli, top="", level="admin"):
    return f"""
global
  nbthread 2
  stats socket {cli} level {level}
{top}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen in
  bind 127.0.0.1:{port}
  server s1 127.0.0.1:{server_port}
"""


class Running:
    """A proxy with a command line at `path`."""

    def __init__(self, top="", level="admin"):
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/cli"
        self.server = Server(echo)
        self.port = free_port()
        self.proxy = Proxy(config(self.port, self.server.port, self.path, top, level), [self.port])

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.proxy.__exit__(*what)
        self.server.__exit__(*what)
        self.folder.cleanup()


@case
def variables_of_the_process():
    with Running("  set-var proc.start str(begin)\n  set-var proc.n int(41)") as running:
        path = running.path
        check(ask(path, "get var proc.start") == "proc.start: type=str value=<begin>\n", "set at the start")
        check(ask(path, "get var proc.n") == "proc.n: type=sint value=<41>\n", "a number")
        check(ask(path, "get var proc.none") == "Variable not found.\n", "never set")
        check(ask(path, "get var txn.start") == "Variable not found.\n", "of another scope")
        check("experimental-mode" in ask(path, "set var proc.x str(a)"), "without the mode")
        lines = ("set var proc.x str(a)", "set var proc.n expr var(proc.n),add(1)", "set var proc.f fmt n=%[var(proc.n)]\\ pid=%pid",
                 "set var proc.ip ipv4(1.2.3.4)", "get var proc.x", "get var proc.n", "get var proc.f")
        said = ask(path, "experimental-mode on;" + ";".join(lines[:3] + lines[4:]))
        check("proc.x: type=str value=<a>\n" in said and "proc.n: type=sint value=<42>\n" in said, said)
        check(f"proc.f: type=str value=<n=42 pid={running.proxy.pid}>\n" in said, said)
        for line, words in (("set var txn.x str(a)", "'proc.'"), ("set var proc.x nope(1)", "nope"),
                            ("set var proc.x fmt %[nope]", "nope"), ("set var proc.x", "expects"),
                            ("set var proc.x src", "Failed to parse"), ("set var proc.x str(" + 300 * "x" + ")", "too long")):
            said = ask(path, "experimental-mode on;" + line)
            check(words in said, f"{line}: {said}")
        check("42" in ask(path, "get var proc.n"), "it stays")


@case
def modes_are_of_one_connection():
    with Running() as running:
        path = running.path
        check("experimental-mode is OFF" in ask(path, "experimental-mode"), "off at first")
        said = ask(path, "experimental-mode on;experimental-mode;experimental-mode off;experimental-mode")
        check("is ON" in said and "is OFF" in said, said)
        said = ask(path, "expert-mode on;expert-mode;operator;user;expert-mode on")
        check("expert-mode is ON" in said and said.rstrip().endswith("Permission denied"), said)
        check("takes 'on'" in ask(path, "experimental-mode maybe"), "another word")


@case
def severities_stand_before_messages():
    with Running() as running:
        said = ask(running.path, "set severity-output number;set weight in/none 1;show version;foo")
        check(re.match(r"\n\[3\]: No such.*\n\n3\.5.*\n\n\[6\]: Unknown command", said, re.S), said)
        said = ask(running.path, "set severity-output string;set weight in/none 1;set severity-output none;set weight in/none 1")
        check(re.match(r"\n\[err\]: No such.*\n\n\nNo such", said), said)
        said = ask(running.path, "set severity-output number;set server in/s1 addr 127.0.0.1 port 9")
        check(said.startswith("\n[6]: no need to change the addr, port changed"), said)
        check("'number'" in ask(running.path, "set severity-output loud"), "another word")


@case
def a_connection_may_be_silent_for_longer():
    with Running("  stats timeout 300ms") as running:
        short, longer = Cli(running.path), Cli(running.path)
        short.send("prompt\n")
        longer.send("prompt; set timeout cli 30\n")
        longer.until("> ")
        begin = time.monotonic()
        short.rest()
        check(time.monotonic() - begin < 5, "stats timeout")
        time.sleep(0.7)
        longer.send("show version\n")
        said = longer.until("\n\n> ")
        check("3.5" in said, f"it is still there, and says {said!r}")
        for line in ("set timeout cli", "set timeout cli 0", "set timeout cli soon", "set timeout cli 1 2"):
            check("in seconds" in ask(running.path, line), line)


@case
def a_command_at_work_is_not_silence():
    """The user who waits for it keeps the connection open, says nothing, and is answered."""
    with Running("  stats timeout 300ms") as running:
        user = Cli(running.path)
        begin = time.monotonic()
        user.send("wait 1000; show version\n")
        said = user.rest()
        check("3.5" in said, f"after {time.monotonic() - begin:.1f} s it has said {said!r}")


@case
def wait_takes_its_time():
    with Running("  stats timeout 300ms") as running:
        begin = time.monotonic()
        check(ask(running.path, "wait 800; show version").startswith("\n3.5"), "nothing is said but what follows")
        check(0.7 < time.monotonic() - begin < 5, "800 ms, although silence ends a connection after 300")
        check("Usage: wait" in ask(running.path, "wait -h") and "Usage: wait" in ask(running.path, "wait 1s -h"), "usage")
        for line, words in (("wait", "duration"), ("wait long", "duration"), ("wait 1s sunshine", "knows the conditions"),
                            ("wait 1s srv-removable in/none", "No such server"), ("wait 1s be-removable in", "reload"),
                            ("wait 1s srv-removable in/s1", "maintenance")):
            begin = time.monotonic()
            said = ask(running.path, line)
            check(words in said and time.monotonic() - begin < 0.9, f"{line}: {said}")


@case
def wait_for_a_server_without_connections():
    with Running() as running, connect(running.port) as peer:
        peer.sendall(b"hello")
        check(peer.recv(5) == b"hello", "echo")
        said = ask(running.path, "disable server in/s1; wait 300 srv-removable in/s1")
        check(said == "\nWait delay expired.\n", f"with a connection: {said!r}")
        begin = time.monotonic()
        said = ask(running.path, "shutdown sessions server in/s1; wait 20s srv-removable in/s1")
        check(said == "\nDone.\n" and time.monotonic() - begin < 5, said)


@case
def activity_of_each_shard():
    with Running() as running:
        for _ in range(10):
            with connect(running.port) as peer:
                peer.sendall(b"x")
                peer.recv(1)
        text = ask(running.path, "show activity")
        rows = dict(re.findall(r"^(\w+): (\d+) \[ (?:\d+ ?)+\]$", text, re.M))
        check(int(rows["accepted"]) >= 20 and int(rows["turns"]) > 0 and int(rows["streams_begun"]) >= 10, text)
        for row, total in re.findall(r"^(\w+: \d+) \[ ([\d ]+) \]$", text, re.M):
            name, value = row.split(": ")
            if name in ("turns", "accepted", "tasks_run"):
                check(int(value) == sum(map(int, total.split())), row)
        check("[" not in ask(running.path, "show activity 0") and "thread_id: 2\n" in ask(running.path, "show activity 2"), "columns")
        check("from 1 to 2" in ask(running.path, "show activity 3") and "from 1 to 2" in ask(running.path, "show activity x"), "bad")


@case
def info_of_an_idle_and_a_busy_process():
    with Running() as running:
        def field(name):
            return int(re.search(rf"^{name}: (\d+)$", ask(running.path, "show info"), re.M).group(1))
        time.sleep(1.5)
        field("Idle_pct")
        check(field("Idle_pct") > 80, f"idle: {field('Idle_pct')}")
        check(field("Jobs") >= 1 and field("PoolAlloc_MB") > 0, "the command itself is one")
        with connect(running.port) as peer:
            peer.sendall(b"x")
            peer.recv(1)
            check(field("Jobs") >= 2 and field("Tasks") >= 4, "its session and stream, and those of the command")
        typed = ask(running.path, "show info typed")
        for position in ("10.PoolAlloc_MB.1", "47.Tasks.1", "49.Idle_pct.1", "53.Jobs.1", "69.PoolUsed_bytes.1"):
            check(f"\n{position}:" in typed, position)


@case
def what_the_start_has_said():
    with Running("  tune.h2.fe.glitches-threshold 5") as running:
        check(running.proxy.said() != "" and ask(running.path, "show startup-logs").strip() in running.proxy.said(), "the warning")
        check("glitches" in ask(running.path, "show startup-logs"), "the warning")
    with Running() as running:
        check("WARNING" not in ask(running.path, "show startup-logs"), "nothing to say")


@case
def levels_are_asked_for():
    with Running(level="user") as running:
        for line in ("show activity", "get var proc.x", "set var proc.x int(1)", "expert-mode on"):
            check("Permission denied" in ask(running.path, line), line)
        check(ask(running.path, "wait 10") == "" and ask(running.path, "set timeout cli 5") == "", "for everybody")


if __name__ == "__main__":
    sys.exit(run_cases())
