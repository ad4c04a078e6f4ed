#!/usr/bin/env python3
"""What a process that has given up its user and its root directory can still do."""

import os
import signal
import subprocess
import sys
import tempfile
import time

from harness import IS_HAPROXY, PROGRAM, case, check, connect, free_port, receive_all, run_cases, skip

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
  {more}
  http-request return status 200 content-type text/plain string {word}
"""


def within(seconds, truth, what):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, what)
        time.sleep(0.02)


def word_of(port):
    with connect(port) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
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


if __name__ == "__main__":
    sys.exit(run_cases())
