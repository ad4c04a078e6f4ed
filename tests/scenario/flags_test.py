#!/usr/bin/env python3
"""Every option of the command line (manual/management.txt section 3): what it does, seen from outside."""

import os
import re
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

from cli_client import ask
from harness import IS_HAPROXY, PROGRAM, ROOT, Proxy, Server, case, check, connect, echo, free_port, run_cases, skip

FRONT = """
global
  stats socket {cli} level admin expose-fd listeners
  {top}
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen in
  bind 127.0.0.1:{port}
  {more}
  server s1 127.0.0.1:{server_port}
"""


def run(*arguments, environment=None):
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


class File:
    """A configuration file in a folder of its own."""

    def __init__(self, top="", more="", text=None):
        self.folder = tempfile.TemporaryDirectory()
        self.cli = f"{self.folder.name}/cli"
        self.port = free_port()
        self.server = Server(echo)
        self.path = f"{self.folder.name}/test.cfg"
        self.text = text or FRONT.format(cli=self.cli, top=top, more=more, port=self.port, server_port=self.server.port)
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.text)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.server.__exit__(*what)
        self.folder.cleanup()

    def serve(self, *arguments, environment=None):
        return Proxy(self.text, [self.port], arguments=("-db", *arguments), environment=environment)

    def exchange(self):
        with connect(self.port) as peer:
            peer.sendall(b"hello")
            check(peer.recv(5) == b"hello", "nothing comes back")


def info(cli, name):
    return re.search(rf"^{name}: (.*)$", ask(cli, "show info"), re.M).group(1)


@case
def check_is_silent_and_verbose_says_so():
    with File() as file:
        check(run("-c", "-f", file.path) == (0, "", ""), "-c is silent")
        check("Configuration file is valid" in run("-c", "-V", "-f", file.path)[1], "-V")
        check("Configuration file is valid" in run("-c", "-q", "-V", "-f", file.path)[1], "-V undoes -q")
        check(run("-c", "--", file.path)[0] == 0, "-- FILE")
        check(run("-c", "-f", file.folder.name)[0] == 0, "-f DIR")
        check(run("-C", file.folder.name, "-c", "-f", "test.cfg")[0] == 0, "-C")
        status, _, said = run("-C", "/nonexistent", "-c", "-f", file.path)
        check(status == 1 and "/nonexistent" in said, "-C to nowhere")
        status, out, said = run("-q", "-c", "-f", "/nonexistent")
        check((status, out, said) == (1, "", ""), f"-q: {said}")
    with File(text="global\n  maxconn 5\n") as file:
        check(run("-c", "-f", file.path)[0] == 2 and run("-db", "-f", file.path)[0] == 1, "without a listener")


@case
def versions_and_conditions():
    check(re.search(r"^HAProxy version 3\.5", run("-v")[1], re.M), "-v")
    build = run("-vv")[1]
    check("TARGET  = linux-glibc" in build and re.search(r"[+-]OPENSSL\b", build), "-vv")
    for condition, status in (("streq(a,a)", 0), ("streq(a,b)", 1), ("version_atleast(3.0)", 0), ("nonsense(", 2), ("", 1), (" ", 2), ("\t", 2),
                              ("#", 2), (" 1 ", 0), ('""', 1)):
        check(run("-cc", condition)[0] == status, f"-cc {condition!r}: {run('-cc', condition)[0]}")


@case
def dumps():
    with File() as file:
        check("bind" in run("-dKcfg", "-c", "-f", file.path)[1] and "cfg:" in run("-dKhelp", "-c", "-f", file.path)[1], "-dK")
        check("libc.so" in run("-dL", "-c", "-f", file.path)[1], "-dL")
        check("selected" in run("-dc", "-c", "-f", file.path)[1], "-dc")
        plain, hidden = run("-dC", "-c", "-f", file.path)[1], run("-dC42", "-c", "-f", file.path)[1]
        check("127.0.0.1" in plain and "listen in" in plain, "-dC")
        check("127.0.0.1" not in hidden and "listen in\n" not in hidden and "listen" in hidden, "-dC with a key")
        check(hidden == run("-dC42", "-c", "-f", file.path)[1] != run("-dC43", "-c", "-f", file.path)[1], "the key counts")
        archive = f"{file.folder.name}/libs.tar"
        check(run(f"-dA{archive}", "-c", "-f", file.path)[0] == 0, "-dA")
        with tarfile.open(archive) as tar:
            check(any("libc.so" in name for name in tar.getnames()), str(tar.getnames()[:5]))


@case
def memory_is_filled_on_request():
    check("poison" in run("-dMhelp")[1] and run("-dMhelp")[0] == 0, "-dMhelp")
    with File() as file:
        for flag in ("-dM", "-dM0", "-dM0xff,no-merge", "-dM,tag", "-dMno-poison"):
            check(run(flag, "-c", "-f", file.path)[0] == 0, flag)
        for flag in ("-dM256", "-dM0xzz", "-dMnonsense"):
            status, _, said = run(flag, "-c", "-f", file.path)
            check(status == 1 and flag in said, f"{flag}: {said}")
        with file.serve("-dM") as proxy:
            file.exchange()
            # Nothing that was never set may have come out.
            check("PPPP" not in ask(file.cli, "show sess all") + ask(file.cli, "show stat") + proxy.said(), "0x50")


@case
def warnings_and_diagnostics():
    with File(top="tune.h2.fe.glitches-threshold 5\n  user root") as file:
        check(run("-c", "-f", file.path)[0] == 0, "without -dW")
        # What is accepted without effect is our matter, not the file's.
        check(run("-c", "-dW", "-f", file.path)[0] == 0, "-dW and a word without effect")
    with File(more="option httplog\n  log stdout local0") as file:
        status, _, said = run("-c", "-dW", "-f", file.path)
        check(status == 1 and "zero-warning" in said, f"-dW: {said}")
        check(run("-c", "-f", file.path)[0] == 0, "the same without it")
        check(run("-c", "-dD", "-f", file.path)[0] == 0, "-dD never changes the status")
    with File(top="log fd@77 local0") as file:
        check("descriptor 77 is not open" in run("-c", "-f", file.path)[2], "a log target that is not there")


@case
def names_that_do_not_resolve():
    with File() as file:
        text = file.text.replace(f"127.0.0.1:{file.server.port}", "no-such-host.invalid:80")
        with open(file.path, "w", encoding="utf-8") as config:
            config.write(text)
        status, _, said = run("-c", "-f", file.path)
        check(status == 1 and "no-such-host.invalid" in said, said)
        check(run("-c", "-dr", "-f", file.path)[0] == 0, "-dr")
        check(run("-c", "-dG", "-f", file.path)[0] == 1, "-dG: another way to ask, the same answer")


@case
def limits():
    with File() as file:
        with file.serve("-n", "77"):
            check(info(file.cli, "Maxconn") == "77", "-n")
            file.exchange()
        with file.serve("-N", "5"):
            row = ask(file.cli, "show stat in 1 -1").splitlines()
            limit = dict(zip(row[0].lstrip("# ").split(","), row[1].split(",")))["slim"]
            check(limit == "5", f"-N: {limit}")
        with file.serve("-m", "500"):
            check(info(file.cli, "Memmax_MB") == "500", "-m")
            file.exchange()
        for flag in ("-n", "-N", "-m"):
            status, _, said = run(flag, "many", "-f", file.path)
            check(status == 1 and "'many'" in said, f"{flag}: {said}")


@case
def switches_of_the_data_path():
    """Splicing off, ports without SO_REUSEPORT, no kernel TLS, other pollers, IPv4 only: traffic passes all the same."""
    with File(more="option splice-auto") as file:
        for flags in (("-dS",), ("-dF",), ("-dZ",), ("-dR",), ("-dT",), ("-de", "-dk", "-dp", "-dv"), ("-4",), ("-dI",), ("-dV",),
                      ("-dt", "h1:error"), ("-V",), ("-q",)):
            with file.serve(*flags) as proxy:
                file.exchange()
                check("ALERT" not in proxy.said(), f"{flags}: {proxy.said()}")
                if flags == ("-q",):
                    check(proxy.said() == "", f"-q: {proxy.said()}")


@case
def servers_are_trusted_on_request():
    """Without -dV a server of `ssl` needs something to verify it with."""
    with File(more="default-server ssl") as file:
        status, _, said = run("-c", "-f", file.path)
        check(status == 1 and "verify" in said, f"without -dV: {status} {said}")
        status, _, said = run("-c", "-dV", "-f", file.path)
        check(status == 0, f"with -dV: {said}")


@case
def moves_are_shown():
    with File() as file:
        proxy = Proxy(file.text, [file.port], arguments=("-d",))
        with proxy:
            file.exchange()
            end = time.monotonic() + 5
            while "EST" not in proxy.said() and time.monotonic() < end:
                time.sleep(0.05)
            check("EST" in proxy.said(), "-d shows what happens")


@case
def name_of_the_peer():
    with File(top="localpeer from-file") as file:
        with file.serve("-L", "from-flag") as proxy:
            file.exchange()
            check("ALERT" not in proxy.said(), proxy.said())
    with File(text='.if !streq("$HAPROXY_LOCALPEER",me)\n  .alert "another peer: $HAPROXY_LOCALPEER"\n.endif\n'
                   "frontend f\n  mode tcp\n  timeout client 1s\n  bind 127.0.0.1:1\n") as file:
        check(run("-c", "-L", "me", "-f", file.path)[0] == 0, "-L me")
        status, _, said = run("-c", "-L", "you", "-f", file.path)
        check(status == 1 and "another peer: you" in said, said)


def goes(pid):
    """The process ends soon."""
    end = time.monotonic() + 10
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        time.sleep(0.05)
    return not os.path.exists(f"/proc/{pid}")


@case
def daemon_and_its_pid_file():
    with File() as file:
        pidfile = f"{file.folder.name}/pid"
        status, out, said = run("-D", "-p", pidfile, "-f", file.path)
        check(status == 0, f"-D: {out} {said}")
        with open(pidfile, encoding="ascii") as pids:
            pid = int(pids.read())
        try:
            file.exchange()
            check(info(file.cli, "Pid") == str(pid), "-p")
            # Another one takes over, then the first one has gone.
            status, _, said = run("-D", "-p", pidfile, "-sf", str(pid), "-x", file.cli, "-f", file.path)
            check(status == 0, f"-sf -x: {said}")
            with open(pidfile, encoding="ascii") as pids:
                first, pid = pid, int(pids.read())
            check(first != pid and goes(first), "-sf ends the first one")
            file.exchange()
            status, _, said = run("-D", "-p", pidfile, "-st", str(pid), "-f", file.path)
            check(status == 0, f"-st: {said}")
            with open(pidfile, encoding="ascii") as pids:
                first, pid = pid, int(pids.read())
            # Until it has gone it may take a client, and -st has it drop whom it has.
            check(first != pid and goes(first), "-st ends it")
            file.exchange()
        finally:
            os.kill(pid, signal.SIGTERM)
        status, _, said = run("-D", "-x", "/nonexistent", "-f", file.path)
        check(status == 1 and "/nonexistent" in said, f"-x: {said}")


@case
def a_master_and_its_command_line():
    with File() as file:
        master = f"{file.folder.name}/master"
        for mode in ("-W", "-Ws"):
            with Proxy(file.text, [file.port], arguments=(mode, "-S", f"{master},mode,600,level,admin")) as proxy:
                file.exchange()
                check(os.stat(master).st_mode & 0o777 == 0o600, "its mode")
                said = ask(master, "show proc")
                check(str(proxy.pid) in said and "worker" in said, said)


@case
def words_that_are_no_options():
    with File() as file:
        for arguments, words in ((["-zz"], "-zz"), ([file.path], "write '-f"), (["-f"], "needs a value"), (["-n100", "-f", file.path], "-n 100"),
                                 (["-sf", "abc", "-f", file.path], "abc"), (["-f", ""], "empty"), ([], "no configuration file")):
            status, _, said = run(*arguments)
            check(status == 1 and words in said, f"{arguments}: {status} {said[:300]}")
    check("-f FILE" in run("--help")[1], "--help")


@case
def every_option_of_the_manual_is_tried_here():
    path = os.path.join(os.environ.get("RINGWAY_SHARED") or os.path.join(ROOT, "..", "shared"), "manual", "management.txt")
    if not os.path.exists(path):
        skip("the manual is not here")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    section = text[text.index("\n3. Starting HAProxy") :]
    section = section[section.index("\n3. Starting HAProxy", 10) if section.count("\n3. Starting HAProxy") > 1 else 0 :]
    section = section[: section.index("\n4. ")]
    flags = set(re.findall(r"^  (-[\w-]+)", section, re.M))
    with open(__file__, encoding="utf-8") as file:
        tried = file.read()
    # `-dKcfg`, `-dM0`, `-dA{archive}`: what stands glued to one counts.
    missing = sorted(flag for flag in flags if not re.search(rf'"{flag}["0a-z{{]', tried))
    check(len(flags) > 40 and not missing, f"not tried: {missing}")


if __name__ == "__main__":
    if IS_HAPROXY:
        print("0 passed, 0 failed")
        sys.exit(0)
    sys.exit(run_cases())
