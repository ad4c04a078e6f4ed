"""The quickstart shows itself working: 100 requests over kept connections, shared equally by its two origins."""

import os
import re
import subprocess
import sys

from harness import IS_HAPROXY, PROGRAM, case, check, connect, run_cases, skip

ORIGIN = re.compile(r"^  origin (\w+) +(\d+)$", re.MULTILINE)


@case
def a_hundred_requests_go_to_both_origins():
    if IS_HAPROXY:
        skip("it has none")
    for extra in ({}, {"SHARDS": "1"}, {"SHARDS": "4"}, {"SHARDS": ""}, {"SHARDS": "4", "RINGWAY_RING": "poll"}):
        done = subprocess.run(
            [PROGRAM, "--quickstart", "--once"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, **extra},
        )
        print(extra, done.stdout)
        check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
        check("100 HTTP requests sent through it over 4 kept connections, 0 failed" in done.stdout, "the requests")
        check(ORIGIN.findall(done.stdout) == [("first", "50"), ("second", "50")], "50 for each origin")
        check(len(done.stdout.partition("Try:\n")[2].splitlines()) == 3, "three lines to try")


@case
def a_wrong_number_of_shards_is_named():
    if IS_HAPROXY:
        skip("it has none")
    for shards in ("0", "abc", "999"):
        done = subprocess.run(
            [PROGRAM, "--quickstart", "--once"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "SHARDS": shards},
        )
        check(done.returncode == 1, f"exit {done.returncode}")
        check(f"'{shards}'" in done.stderr, done.stderr)
        check("this is from the environment: see 'SHARDS'" in done.stderr, done.stderr)


@case
def it_serves_what_it_says():
    if IS_HAPROXY:
        skip("it has none")
    with subprocess.Popen([PROGRAM, "--quickstart"], stdout=subprocess.PIPE, text=True) as proxy:
        try:
            said = ""
            while "Try:\n" not in said:
                line = proxy.stdout.readline()
                check(line, "it ended early")
                said += line
            port = int(re.search(r"on 127\.0\.0\.1:(\d+)", said).group(1))
            answers = b""
            with connect(port) as client:
                for path in (b"/", b"/", b"/alive"):
                    client.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: a\r\n\r\n")
                    answers += client.recv(65536)
            check(b"\r\n\r\nfirst\n" in answers and b"\r\n\r\nsecond\n" in answers, "both origins")
            check(answers.count(b"HTTP/1.1 200 OK") == 3, "monitor-uri answers")
        finally:
            proxy.terminate()
            proxy.wait(10)


if __name__ == "__main__":
    sys.exit(run_cases())
