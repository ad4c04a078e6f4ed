#!/usr/bin/env python3
"""Logs as operators use them: other programs read them, sinks vanish, block and fill up, and traffic goes on."""

import ctypes
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from harness import Proxy, Server, case, check, connect, free_port, need_program, run_cases, skip

REQUEST = b"GET /path?a=b HTTP/1.1\r\nHost: h\r\n\r\n"


def answer(peer):
    """Answers every request on a connection."""
    waiting = b""
    while True:
        got = peer.recv(65536)
        if not got:
            return
        waiting += got
        while b"\r\n\r\n" in waiting:
            waiting = waiting.split(b"\r\n\r\n", 1)[1]
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def config(port, server_port, log, top="", option="option httplog"):
    return f"""
global
  nbthread 2
{top}
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen web
  bind 127.0.0.1:{port}
  {log}
  {option}
  server s1 127.0.0.1:{server_port}
"""


def ask(port, count=1):
    with connect(port) as peer:
        for _ in range(count):
            peer.sendall(REQUEST)
            got = b""
            while not got.endswith(b"hello"):
                more = peer.recv(65536)
                check(more, f"the proxy closed after {got!r}")
                got += more


def wait_until(truth, what, seconds=10):
    end = time.monotonic() + seconds
    while not truth():
        check(time.monotonic() < end, what)
        time.sleep(0.02)


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def dropped(path):
    with socket.socket(socket.AF_UNIX) as cli:
        cli.settimeout(10)
        cli.connect(path)
        cli.sendall(b"show info\n")
        text = b""
        while True:
            got = cli.recv(65536)
            if not got:
                break
            text += got
    return int(re.search(rb"^DroppedLogs: (\d+)$", text, re.M).group(1))


@case
def samples_are_shares_of_all_lines():
    """Every shard draws from the same count: of 40 lines, 5 of each 20 go out, whoever wrote them."""
    with Server(answer) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(5)
        port = free_port()
        log = f"log 127.0.0.1:{sink.getsockname()[1]} format raw sample 3,7-8,19-20:20 local0"
        text = config(port, server.port, log, option='log-format "%[thread]"').replace("nbthread 2", "nbthread 4")
        with Proxy(text, [port]):
            peers = [connect(port) for _ in range(40)]  # at once, so that they are spread
            for peer in peers:
                peer.sendall(REQUEST)
            for peer in peers:
                with peer:
                    check(peer.recv(65536), "no answer")
            threads = {sink.recv(1000).strip() for _ in range(10)}
            check(len(threads) > 1, f"only {threads} wrote lines")
            time.sleep(0.3)
            sink.settimeout(0.1)
            try:
                check(False, f"more than 10 lines: {sink.recv(1000)!r}")
            except TimeoutError:
                pass


@case
def numbers_of_requests_are_unique():
    """%rt: however many threads there are, no number comes twice, and few are left out (64 per thread at most)."""
    with Server(answer) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(5)
        port = free_port()
        log = f"log 127.0.0.1:{sink.getsockname()[1]} format raw local0"
        text = config(port, server.port, log, option='log-format "%rt %[thread]"').replace("nbthread 2", "nbthread 4")
        with Proxy(text, [port]):
            peers = [connect(port) for _ in range(40)]
            for _ in range(5):
                for peer in peers:
                    peer.sendall(REQUEST)
                for peer in peers:
                    check(peer.recv(65536), "no answer")
            for peer in peers:
                peer.close()
            seen = [tuple(map(int, sink.recv(1000).split())) for _ in range(200)]
            numbers = [number for number, _ in seen]
            check(len({thread for _, thread in seen}) > 1, "only one thread has served")
            check(len(set(numbers)) == 200, f"a number comes twice: {sorted(numbers)}")
            check(max(numbers) < 200 + 4 * 64, f"numbers up to {max(numbers)} for 200 requests")


@case
def no_phase_is_shorter_than_the_timeout_that_ended_it():
    """The clock's milliseconds are rounded down: a deadline counted from them was early by part of one."""
    with Server(lambda peer: time.sleep(3)) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(5)
        port = free_port()
        log = f"log 127.0.0.1:{sink.getsockname()[1]} format raw local0\n  timeout http-request 30ms\n  timeout server 30ms"
        with Proxy(config(port, server.port, log, option='log-format "%ST %Ta %Tc"'), [port]):
            peers = []
            for number in range(100):
                peers.append(connect(port))
                peers[-1].sendall(REQUEST if number % 2 else REQUEST[:-2])
                time.sleep(0.0013)  # wherever in a millisecond
            lines = [tuple(map(int, sink.recv(1000).split())) for _ in peers]
            check({status for status, _, _ in lines} == {408, 504}, f"not only timeouts: {lines}")
            early = [line for line in lines if line[1] < 30]
            check(not early, f"{len(early)} of {len(lines)} lines tell of less than 30 ms: {early[:3]}")
            for peer in peers:
                peer.close()


@case
def who_goes_while_held_back_is_told_as_such():
    """Manual 8.5, CT; Tw is how long it was held (8.4)."""
    port = free_port()
    option = 'timeout tarpit 5s\n  http-request tarpit\n  log-format "<%ts %Tw %Tc %ST>"'
    with Proxy(config(port, 1, "log stdout format raw local0", option=option), [port]) as proxy:
        with connect(port) as peer:
            peer.sendall(b"GET /path HTTP/1.1\r\nHost: h\r\n\r\n")
            time.sleep(0.3)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: "<C" in proxy.said(), "no line comes")
        found = re.search(r"<CT (\d+) -1 -1>", proxy.said())
        check(found and 250 <= int(found.group(1)) < 5000, proxy.said())


@case
def rsyslogd_receives_and_parses():
    daemon = need_program("rsyslogd")
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, sink = free_port(), os.path.join(folder, "log.sock")
        out = os.path.join(folder, "out")
        with open(os.path.join(folder, "rsyslog.conf"), "w", encoding="utf-8") as file:
            file.write(f"""
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{sink}" UseSysTimeStamp="off" ParseTrusted="off" UsePIDFromSystem="off")
template(name="parsed" type="string"
         string="%syslogfacility-text%|%syslogseverity-text%|%programname%|%procid%|%msg%\\n")
action(type="omfile" file="{out}" template="parsed")
""")
        rsyslog = subprocess.Popen(
            [daemon, "-n", "-f", os.path.join(folder, "rsyslog.conf"), "-i", os.path.join(folder, "pid")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: os.path.exists(sink), "rsyslogd does not open its socket")
            with Proxy(config(port, server.port, f"log {sink} local3"), [port]) as proxy:
                # A unix socket holds ten datagrams, and what finds no room is lost.
                for asked in range(5, 21, 5):
                    ask(port, 5)
                    wait_until(lambda: read(out).count("GET /path?a=b") == asked, f"rsyslogd wrote {read(out)!r}")
            for line in read(out).splitlines():
                if "GET" not in line:
                    continue
                facility, severity, program, process, message = line.split("|", 4)
                check((facility, severity) == ("local3", "info"), line)
                check(program in ("ringway", "haproxy") and process.isdigit(), line)
                check(message.endswith('- - ---- 1/1/0/0/0 0/0 "GET /path?a=b HTTP/1.1"'), line)
        finally:
            rsyslog.terminate()
            rsyslog.wait(10)


@case
def rsyslogd_parses_over_udp():
    """Both RFCs, told apart by its own parsers; structured data and what must be escaped in it arrive whole."""
    daemon = need_program("rsyslogd")
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, sink, out = free_port(), free_port(), os.path.join(folder, "out")
        with open(os.path.join(folder, "rsyslog.conf"), "w", encoding="utf-8") as file:
            file.write(f"""
module(load="imudp")
input(type="imudp" address="127.0.0.1" port="{sink}")
template(name="parsed" type="string"
         string="%protocol-version%|%syslogfacility-text%|%hostname%|%app-name%|%procid%|%structured-data%|%msg%\\n")
action(type="omfile" file="{out}" template="parsed")
""")
        rsyslog = subprocess.Popen(
            [daemon, "-n", "-f", os.path.join(folder, "rsyslog.conf"), "-i", os.path.join(folder, "pid")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: f":{sink:04X} " in read("/proc/net/udp"), "rsyslogd does not open its port")
            logs = f"""log 127.0.0.1:{sink} format rfc5424 local1
  log 127.0.0.1:{sink} format rfc3164 local2
  log-format-sd "[shown@1 status=\\"%ST\\" url=\\"%{{+E}}HU\\"]\""""
            with Proxy(config(port, server.port, logs, top="  log-send-hostname here"), [port]):
                with connect(port) as peer:
                    peer.sendall(b"GET /a]b\\c HTTP/1.1\r\nHost: h\r\n\r\n")
                    peer.recv(65536)
                wait_until(lambda: read(out).count("GET /a") == 2, f"rsyslogd wrote {read(out)!r}")
            lines = sorted(line.split("|", 6) for line in read(out).splitlines() if "GET /a" in line)
            for line, version, facility, data in zip(lines, "01", ("local2", "local1"),
                                                     ("-", '[shown@1 status="200" url="/a\\]b\\\\c"]')):
                check(line[:3] == [version, facility, "here"] and line[3] in ("ringway", "haproxy"), line)
                check(line[4].isdigit() and line[5] == data, line)
                check(line[6].endswith('1/1/0/0/0 0/0 "GET /a]b\\c HTTP/1.1"'), line)
        finally:
            rsyslog.terminate()
            rsyslog.wait(10)


@case
def goaccess_reads_clf():
    goaccess = need_program("goaccess")
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port = free_port()
        out = os.path.join(folder, "access.log")
        with open(out, "wb") as file:
            with Proxy(config(port, server.port, f"log fd@{file.fileno()} format raw local0",
                              option="option httplog clf"), [port], inherit=[file.fileno()]):
                ask(port, 50)
                wait_until(lambda: read(out).count("GET") == 50, "lines are missing")
        # The line about the stop is no request.
        requests = os.path.join(folder, "requests.log")
        with open(requests, "w", encoding="utf-8") as file:
            file.writelines(l for l in read(out).splitlines(True) if not l.startswith("Proxy web "))
        report = os.path.join(folder, "report.json")
        subprocess.run([goaccess, requests, "-o", report, "--no-global-config", "--date-format=%d/%b/%Y",
                        "--time-format=%T", '--log-format=%h %^[%d:%t %^] "%r" %s %b %^'],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=60)
        with open(report, encoding="utf-8") as file:
            general = json.load(file)["general"]
        check(general["failed_requests"] == 0 and general["valid_requests"] == 50, str(general))


@case
def a_unix_socket_that_vanishes_and_returns():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, path = free_port(), os.path.join(folder, "log.sock")

        def sink():
            taker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            taker.bind(path)
            taker.settimeout(5)
            return taker

        first = sink()
        stats = os.path.join(folder, "cli.sock")
        with Proxy(config(port, server.port, f"log {path} local0", top=f"stats socket {stats}"), [port]):
            ask(port)
            check(b"GET /path" in first.recv(4096), "the first line does not come")
            first.close()
            os.unlink(path)
            ask(port, 5)
            wait_until(lambda: dropped(stats) >= 5, "lost lines are not counted")
            with sink() as second:
                time.sleep(0.05)  # it is looked for every 10 ms
                ask(port)
                check(b"GET /path" in second.recv(4096), "no line comes to the new socket")


@case
def a_blocked_sink_stops_no_traffic():
    """A datagram socket nobody reads, and a pipe nobody reads: requests go on, lines are lost and counted."""
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, path = free_port(), os.path.join(folder, "log.sock")
        stats = os.path.join(folder, "cli.sock")
        reader, writer = os.pipe()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as full:
            full.bind(path)
            log = f"log {path} local0\n  log fd@{writer} format raw local0"
            with Proxy(config(port, server.port, log, top=f"stats socket {stats}"), [port], inherit=[writer]):
                begin = time.monotonic()
                ask(port, 3000)
                check(time.monotonic() - begin < 20, "requests are held up")
                wait_until(lambda: dropped(stats) > 1000, "lost lines are not counted")
        os.close(reader)
        os.close(writer)


@case
def a_closed_pipe_is_survived():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, stats = free_port(), os.path.join(folder, "cli.sock")
        reader, writer = os.pipe()
        log = f"log fd@{writer} format raw local0"
        with Proxy(config(port, server.port, log, top=f"stats socket {stats}"), [port], inherit=[writer]) as proxy:
            os.close(writer)
            ask(port)
            check(b"GET /path" in os.read(reader, 4096), "no line comes")
            os.close(reader)
            ask(port, 20)
            wait_until(lambda: dropped(stats) >= 20, "lost lines are not counted")
            check(proxy.alive(), "the proxy died of it")


@case
def a_full_disk_is_survived():
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        disk = os.path.join(folder, "disk")
        os.mkdir(disk)
        if libc.mount(b"tmpfs", disk.encode(), b"tmpfs", 0, b"size=16k") != 0:
            skip("a tmpfs cannot be mounted here")
        try:
            port, stats = free_port(), os.path.join(folder, "cli.sock")
            with open(os.path.join(disk, "log"), "wb") as file:
                log = f"log fd@{file.fileno()} format raw local0"
                with Proxy(config(port, server.port, log, top=f"stats socket {stats}"), [port],
                           inherit=[file.fileno()]) as proxy:
                    ask(port, 1000)
                    wait_until(lambda: dropped(stats) > 100, "lost lines are not counted")
                    check(proxy.alive(), "the proxy died of it")
        finally:
            libc.umount(disk.encode())


@case
def what_is_logged_before_a_stop_is_written():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, out = free_port(), os.path.join(folder, "log")
        with open(out, "wb") as file:
            proxy = Proxy(config(port, server.port, f"log fd@{file.fileno()} format raw local0"), [port],
                          inherit=[file.fileno()])
            try:
                ask(port, 200)
            finally:
                proxy.stop(signal.SIGUSR1)
        check(read(out).count("GET /path") == 200, f"{read(out).count('GET /path')} of 200 lines are there")
        check("Proxy web stopped (cumulated conns: FE: 1, BE: " in read(out), read(out)[-300:])


@case
def lines_of_two_shards_do_not_mix():
    with tempfile.TemporaryDirectory() as folder, Server(answer) as server:
        port, out = free_port(), os.path.join(folder, "log")
        with open(out, "wb") as file:
            with Proxy(config(port, server.port, f"log fd@{file.fileno()} format raw local0"), [port],
                       inherit=[file.fileno()]):
                threads = [threading.Thread(target=ask, args=(port, 200)) for _ in range(8)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                wait_until(lambda: read(out).count("\n") >= 1600, "lines are missing")
        shape = re.compile(r'^127\.0\.0\.1:\d+ \[[^]]+\] web web/s1 \S+ 200 \d+ - - ---- \S+ 0/0 "GET /path\?a=b HTTP/1.1"$')
        for line in read(out).splitlines():
            check(shape.match(line) or line.startswith("Proxy web "), line)


if __name__ == "__main__":
    sys.exit(run_cases())
