#!/usr/bin/env python3
"""What a process that has given up its user and its root directory can still do."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

from cli_client import ask
from harness import IS_HAPROXY, PROGRAM, Proxy, case, check, connect, free_port, receive_all, run_cases, skip

NOBODY = 65534


def need_root():
    if os.getuid() != 0 or IS_HAPROXY:
        skip("it starts as root and looks into our own processes")


def site(port, jail, word="one", more="", top=""):
    return f"""
global
  user nobody
  group nogroup
  chroot {jail}
  stats socket {jail}/../cli level admin
  {top}
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend in
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string {word} unless {{ path /file }}
  {more}
"""


def within(seconds, truth, what):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, what)
        time.sleep(0.02)


def word_of(port, path="/"):
    with connect(port) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return receive_all(peer).split(b"\r\n\r\n", 1)[1].decode()


def check_is_jailed(pid, jail):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        check(f"Uid:\t{NOBODY}\t{NOBODY}" in file.read(), "the user")
    check(os.readlink(f"/proc/{pid}/root") == os.path.realpath(jail), "the root")


@case
def it_goes_to_the_background_from_an_empty_root_directory():
    """/dev/null is not there any more when the streams are to become it."""
    need_root()
    for arguments in (["-D"], ["-W", "-D"]):
        port = free_port()
        with tempfile.TemporaryDirectory() as folder:
            jail = f"{folder}/jail"
            os.mkdir(jail)
            with open(f"{folder}/cfg", "w", encoding="ascii") as file:
                file.write(site(port, jail))
            done = subprocess.run([PROGRAM, *arguments, "-p", f"{folder}/pid", "-f", f"{folder}/cfg"], timeout=20,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            check(done.returncode == 0, f"{arguments}: {done.returncode}: {done.stdout.decode()}")
            with open(f"{folder}/pid", encoding="ascii") as file:
                pid = int(file.read())
            try:
                check(word_of(port) == "one", "the answer")
                serving = pid
                if "-W" in arguments:
                    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                        serving = int(file.read().split()[0])
                check_is_jailed(serving, jail)
                for stream in (0, 1, 2):
                    check(os.stat(f"/proc/{serving}/fd/{stream}").st_rdev == os.stat("/dev/null").st_rdev, f"stream {stream}")
            finally:
                os.kill(pid, signal.SIGTERM)
            within(5, lambda process=pid: not os.path.exists(f"/proc/{process}"), "it does not end")


class Jailed(Proxy):
    """Nobody in an empty root directory, without a master; `jail` is its root, `folder` where its files are."""

    def __init__(self, text_of, ports):
        need_root()
        self.place = tempfile.TemporaryDirectory()
        os.chmod(self.place.name, 0o755)
        self.jail = f"{self.place.name}/jail"
        os.mkdir(self.jail)
        self.text_of = text_of
        super().__init__(text_of(self.jail), ports, arguments=())
        os.chmod(self.folder, 0o700)  # its file is root's alone
        within(5, lambda: ask(f"{self.place.name}/cli", "show info"), "the command line")

    def __exit__(self, *what):
        super().__exit__(*what)
        self.place.cleanup()

    def reload(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)
        return ask(f"{self.place.name}/cli", "reload")

    def helper(self):
        return int(children_of(self.pid)[0])


def low_port():
    def is_free(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0
    return next(number for number in range(700, 1000) if is_free(number))


@case
def a_reload_reads_and_binds_with_the_rights_of_the_start():
    port, low = free_port(), low_port()
    for sandbox in ("off", "on"):
        def text(jail, word="one", more="", sandbox=sandbox):
            return site(port, jail, word, more, f"tune.sandbox {sandbox}")

        with Jailed(text, [port]) as proxy:
            check_is_jailed(proxy.pid, proxy.jail)
            with open(f"{proxy.place.name}/body", "w", encoding="ascii") as file:
                file.write("from a file")
            os.chmod(f"{proxy.place.name}/body", 0o600)
            more = f"""bind 127.0.0.1:{low}
  bind unix@{proxy.place.name}/new mode 620 user nobody
  http-request return status 200 content-type text/plain file {proxy.place.name}/body if {{ path /file }}
  default_backend out
backend out
  server s localhost:{port}"""
            answer = proxy.reload(text(proxy.jail, "two", more))
            check("was reloaded" in answer, answer)
            check(word_of(low) == "two" and word_of(port) == "two", "the new words")
            check(word_of(port, "/file") == "from a file", "the file")
            new = os.stat(f"{proxy.place.name}/new")
            check(new.st_mode & 0o777 == 0o620 and new.st_uid == NOBODY, "the unix socket")
            check(sorted(os.listdir(proxy.place.name)) == ["body", "cli", "jail", "new"], "what is left there")
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(f"{proxy.place.name}/new")
            # One whose file is gone gets it back, and its neighbour keeps its own.
            os.unlink(f"{proxy.place.name}/new")
            was = os.stat(f"{proxy.place.name}/cli").st_ino
            answer = proxy.reload(text(proxy.jail, "two", more))
            check("was reloaded" in answer, answer)
            check(os.stat(f"{proxy.place.name}/cli").st_ino == was, "a socket that was there is another one")
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(f"{proxy.place.name}/new")
            answer = proxy.reload(text(proxy.jail, "three", "bind 127.0.0.1:no_port"))
            check("nothing was changed" in answer and ":16]" in answer, answer)
            check(word_of(low) == "two", "what a refused file says")
            # A second socket beside one of the start, which root has made.
            answer = proxy.reload(text(proxy.jail, "four").replace(f"bind 127.0.0.1:{port}", f"bind 127.0.0.1:{port} mss 1400"))
            check("was reloaded" in answer, answer)
            check(word_of(port) == "four", "the last word")
            check("was refused" not in proxy.said(), proxy.said())
            helper = proxy.helper()
            check(proxy.stop() == 0, "the exit status")
        check(not os.path.exists(f"/proc/{helper}"), "the helper is still there")


@case
def a_helper_that_is_killed_costs_reloads_only():
    port = free_port()
    for sandbox in ("off", "on"):
        def text(jail, word="one", sandbox=sandbox):
            return site(port, jail, word, top=f"tune.sandbox {sandbox}")

        with Jailed(text, [port]) as proxy:
            helper = proxy.helper()
            os.kill(helper, signal.SIGTERM)
            check("was reloaded" in proxy.reload(text(proxy.jail, "two")), "it is not told to end")
            os.kill(helper, signal.SIGKILL)
            for _ in range(2):
                answer = proxy.reload(text(proxy.jail, "three"))
                check(f"helper process {helper}" in answer and "was killed by signal 9" in answer, answer)
            check(word_of(port) == "two", "it serves on")
            check(not os.path.exists(f"/proc/{helper}"), "nobody has waited for the helper")
            check("was refused" not in proxy.said(), proxy.said())


@case
def nobody_waits_for_a_helper_that_is_stopped():
    """Neither a process that is to end, nor one that is to end while it reloads."""
    port = free_port()
    for reloads in (False, True):
        with Jailed(lambda jail: site(port, jail), [port]) as proxy:
            helper = proxy.helper()
            os.kill(helper, signal.SIGSTOP)
            try:
                if reloads:
                    os.kill(proxy.pid, signal.SIGUSR2)
                    time.sleep(0.3)
                began = time.monotonic()
                check(proxy.stop() == 0, "the exit status")
                check(time.monotonic() - began < 3, "it waited")
            finally:
                os.kill(helper, signal.SIGCONT)
            within(5, lambda process=helper: state_of(process) == "Z", "the helper lives on")


@case
def a_half_written_file_and_a_taken_port_leave_nothing():
    port = free_port()
    with Jailed(lambda jail: site(port, jail), [port]) as proxy:
        half = site(port, proxy.jail, "two").rstrip()
        answer = proxy.reload(half)
        place = f":{half.count(chr(10)) + 1}]"
        check("Missing LF" in answer and place in answer and "nothing was changed" in answer, answer)
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            more = f"bind unix@{proxy.place.name}/new mode 600\n  bind 127.0.0.1:{other.getsockname()[1]}"
            answer = proxy.reload(site(port, proxy.jail, "two", more))
            check("nothing was changed" in answer, answer)
        os.mkdir(f"{proxy.place.name}/taken")  # a name that a socket cannot get
        answer = proxy.reload(site(port, proxy.jail, "two", f"bind unix@{proxy.place.name}/taken"))
        check("cannot put in place" in answer and "nothing was changed" in answer, answer)
        check([name for name in os.listdir(proxy.place.name) if name.endswith(".tmp")] == [], "a file that was bound")
        check(word_of(port) == "one", "the first word")


@case
def one_process_stays_one():
    need_root()
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        os.mkdir(f"{place}/jail")
        with Proxy(site(port, f"{place}/jail"), [port], arguments=("-db",)) as proxy:
            check(children_of(proxy.pid) == [], "a helper under -db")


def facts_of(pid):
    """Resident kB, descriptors and threads."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["Threads"])


@case
def many_reloads_leave_nothing_behind():
    """RINGWAY_RELOADS says how many."""
    port, second = free_port(), free_port()
    turns = int(os.environ.get("RINGWAY_RELOADS", "100"))
    with Jailed(lambda jail: site(port, jail), [port]) as proxy:
        def reload(turn):
            more = f"bind 127.0.0.1:{second}\n  bind unix@{proxy.place.name}/new mode 600" if turn % 3 == 0 else ""
            answer = proxy.reload(site(port, proxy.jail, f"word{turn}", more))
            check("was reloaded" in answer, answer)

        for turn in range(60):
            reload(turn)
        pids = (proxy.pid, proxy.helper())
        before = [facts_of(pid) for pid in pids]
        for turn in range(60, 60 + turns):
            reload(turn)
        check(word_of(port) == f"word{59 + turns}", "the last word")
        reload(1)
        time.sleep(1)  # what was left is looked for now and then
        for name, pid, was in zip(("worker", "helper"), pids, before):
            now = facts_of(pid)
            more_kb, more_files, more_threads = (new - old for new, old in zip(now, was))
            print(f"   {turns} reloads, {name}: {more_kb} kB, {more_files} descriptors, {more_threads} threads more")
            check(more_kb < 2048, f"{name}: {was[0]} kB before, {now[0]} kB after")
            check(more_files <= 0 and more_threads <= 0, f"{name}: descriptors, threads {was[1:]} before, {now[1:]} after")
        check(not children_of(pids[1]), "a rehearsal is still there")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


@case
def a_helper_ends_with_a_worker_that_is_killed():
    port = free_port()
    with Jailed(lambda jail: site(port, jail), [port]) as proxy:
        helper = proxy.helper()
        proxy.stop(signal.SIGKILL)
        within(5, lambda: not os.path.exists(f"/proc/{helper}") or "Z" in state_of(helper), "the helper lives on")


def state_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


if __name__ == "__main__":
    sys.exit(run_cases())
