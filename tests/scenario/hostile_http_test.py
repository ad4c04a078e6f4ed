"""Peers that are broken, slow, endless or gone, in mode http: the right answer or ending, bounded memory, nothing left behind.

After every case the counters of the runtime socket are back at rest: no session, no stream, no buffer but those the kernel
keeps. What reached the origin was strict and whole (http_peer.py records it).
"""

import os
import re
import select
import socket
import struct
import sys
import tempfile
import threading
import time

import cli_client
from harness import IS_HAPROXY, SANITIZED, Proxy, case, check, free_port, run_cases, skip
from http_peer import Client, Cut, Origin, http_config, read_request_body, values

RSS_MAX_KB = 600 << 10 if SANITIZED else 60 << 10
# Small buffers that may be in use at rest: those lent to the kernel, which a burst makes more of once.
CHUNKS_AT_REST = 1100

HELLO_POST = b"POST /body HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED_POST = b"POST /body HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nX-T: 1\r\n\r\n"


def get(target, more=b""):
    return b"GET " + target.encode() + b" HTTP/1.1\r\nHost: h\r\n" + more + b"\r\n"


class Setup:
    """An origin, the proxy with one shard in front of it, and its runtime socket."""

    def __init__(self, options="", top="", arguments=("-db",), server_options=""):
        self.folder = tempfile.mkdtemp(prefix="ringway-hostile-")
        self.cli = os.path.join(self.folder, "cli")
        self.port = free_port()
        self.origin = Origin()
        top = f"global\n  nbthread 1\n  stats socket {self.cli} level admin\n{top}"
        try:
            self.proxy = Proxy(http_config(self.port, self.origin.port, options, server_options, top), [self.port], arguments=arguments)
        except BaseException:
            self.origin.__exit__()
            raise

    def ask(self, command):
        return cli_client.ask(self.cli, command)

    def stat(self, name, column):
        lines = self.ask("show stat").lstrip("# ").splitlines()
        names = lines[0].split(",")
        row = next(line.split(",") for line in lines[1:] if line.startswith(f"in,{name},"))
        return int(row[names.index(column)] or 0)

    def shards(self, what):
        return sum(map(int, re.findall(rf" {what}=(\d+)", self.ask("show shards"))))

    def is_at_rest(self):
        if any(self.stat(name, "scur") for name in ("FRONTEND", "s1", "BACKEND")):
            return False
        if IS_HAPROXY:
            return True
        # The one that asks is a session with a stream itself.
        return (self.shards("streams"), self.shards("sessions")) == (1, 1) and self.shards("small_chunks") < CHUNKS_AT_REST

    def stranger_is_served(self):
        with Client(self.port) as client:
            client.send(get("/stranger"))
            check(client.answer().body == b"GET /stranger 0", "a stranger is served")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                check(self.proxy.alive(), "the proxy died")
                self.stranger_is_served()
                # An end that the kernel's receive has missed is found within two seconds (shard/conn/quiet_watch.h). On a busy
                # machine what was asked for in one go is still being done then, so it may take longer.
                end = time.monotonic() + 20
                while not self.is_at_rest() and time.monotonic() < end:
                    time.sleep(0.05)
                check(self.is_at_rest(), "not at rest: " + self.ask("show shards") + self.ask("show sess all")[:2000])
                check(not self.origin.wrong, f"the origin: {self.origin.wrong[:3]}")
                peak_kb = self.proxy.rss_peak_kb()
                check(peak_kb < RSS_MAX_KB, f"the proxy took {peak_kb} kB")
        finally:
            self.origin.__exit__()
            self.proxy.__exit__(kind)
            try:
                os.unlink(self.cli)
            except OSError:
                pass
            os.rmdir(self.folder)


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def send_until_closed(client, piece, bytes_max):
    """How many bytes went before the other side closed or stopped reading for a second."""
    sent = 0
    client.socket.settimeout(1)
    try:
        while sent < bytes_max:
            sent += client.socket.send(piece)
    except (ConnectionError, TimeoutError):
        pass
    client.socket.settimeout(10)
    return sent


# Heads.


@case
def a_header_line_of_a_megabyte_is_refused():
    with Setup() as setup, Client(setup.port) as client:
        client.send(get("/x", b"X: " + b"a" * (1 << 20) + b"\r\n"))
        check(client.answer().status == 400, "400")
        check(client.at_end(), "and closed")


@case
def a_header_line_without_end_is_refused():
    with Setup() as setup, Client(setup.port) as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: h\r\nX: ")
        begin = time.monotonic()
        send_until_closed(client, b"a" * 65536, 1 << 36)
        check(time.monotonic() - begin < 4, "what follows is read for two seconds, so that the answer is not lost, and no longer")
        check(client.reader.at_end() or client.answer().status == 400, "400 where it can still be read")


@case
def a_million_headers_are_refused():
    with Setup() as setup, Client(setup.port) as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: h\r\n")
        send_until_closed(client, b"a: b\r\n" * 10_000, 6 * 1_000_000)
        check(client.reader.at_end() or client.answer().status == 400, "400 where it can still be read")
    with Setup() as setup, Client(setup.port) as client:
        client.send(get("/x", b"a: b\r\n" * 102))  # one more than tune.http.maxhdr
        check(client.answer().status == 400, "400")


@case
def a_target_of_a_megabyte_and_one_without_end_are_refused():
    with Setup() as setup:
        for data in (get("/" + "x" * (1 << 20)), b"GET /" + b"x" * (1 << 20), b"X" * (1 << 20)):
            with Client(setup.port) as client:
                client.send(data)
                check(client.answer().status == 400, "400")


@case
def empty_lines_without_end_are_refused():
    with Setup() as setup, Client(setup.port) as client:
        client.send(b"\r\n" * 100_000)
        check(client.answer().status == 400, "400")


@case
def heads_and_bodies_in_single_bytes_are_served():
    with Setup() as setup, Client(setup.port) as client:
        for data in (get("/slow", b"X: y\r\n"), HELLO_POST, CHUNKED_POST):
            for i in range(len(data)):
                client.send(data[i : i + 1])
                time.sleep(0.0005)
            check(client.answer().status == 200, "answered")
        bodies = [r.body for r in setup.origin.seen()]
        check(bodies == [b"", b"hello", b"hello"], f"the origin saw {bodies}")


@case
def a_head_that_dribbles_is_408():
    with Setup("timeout http-request 600ms") as setup, Client(setup.port) as client:
        begin = time.monotonic()
        data = b"GET /x HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 1000
        for i in range(len(data)):
            client.send(data[i : i + 1])
            if select.select([client.socket], [], [], 0.02)[0]:
                break
        check(client.answer().status == 408, "408")
        check(client.at_end(), "and closed")
        took = time.monotonic() - begin
        check(0.5 < took < 3, f"after {took:.1f} s")
        check(not setup.origin.seen(), "nothing was passed on")


@case
def a_body_that_stops_coming_is_408_or_closed():
    with Setup("timeout client 400ms") as setup, Client(setup.port) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhello")
        check(client.answer().status == 408, "408")
        check(client.at_end() and not setup.origin.seen(), "closed, and no whole request was passed on")


@case
def bytes_one_by_one_behind_a_request_pin_no_memory():
    """They wait for the answer in front of them; a buffer for each would leave none for anybody."""
    with Setup() as setup, Client(setup.port) as client:
        done = threading.Event()

        def hold(peer, request, reader):
            done.wait(20)
            return False

        setup.origin.scripts["/hold"] = hold
        for start in (get("/hold"), get("/hold", b"Connection: upgrade\r\nUpgrade: x\r\n")):
            done.clear()
            with Client(setup.port) as client:
                client.send(start)
                for _ in range(5000):
                    client.send(b"x")
                    time.sleep(0.0001)
                chunks = 0 if IS_HAPROXY else setup.shards("small_chunks")
                check(chunks < CHUNKS_AT_REST, f"{chunks} buffers are held")
                setup.stranger_is_served()
                done.set()


@case
def a_body_to_a_server_that_does_not_read_stops():
    done = threading.Event()

    def hold(peer, request, reader):
        done.wait(20)
        return False

    with Setup() as setup, Client(setup.port) as client:
        setup.origin.scripts["/hold"] = hold
        client.send(b"POST /hold HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        send_until_closed(client, b"1\r\nx\r\n" * 1000, 1 << 30)  # until nothing moves
        chunks = 0 if IS_HAPROXY else setup.shards("small_chunks")
        check(chunks < CHUNKS_AT_REST, f"{chunks} buffers are held")
        setup.stranger_is_served()
        done.set()


@case
def small_chunks_to_a_client_that_does_not_read_pin_no_memory():
    def pour(peer, request, reader):
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(30_000):
                peer.sendall(b"1\r\nx\r\n")
            peer.sendall(b"0\r\n\r\n")
        except OSError:
            pass
        return False

    with Setup() as setup:
        setup.origin.scripts["/pour"] = pour
        client = Client(setup.port)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(get("/pour"))
        time.sleep(1.5)
        chunks = 0 if IS_HAPROXY else setup.shards("small_chunks")
        check(chunks < CHUNKS_AT_REST, f"{chunks} buffers are held")
        setup.stranger_is_served()
        check(client.answer().body == b"x" * 30_000, "and the client gets all of it")
        client.close()


# Pipelines.


@case
def ten_thousand_pipelined_requests_are_answered_in_order():
    count = 1000 if SANITIZED else 10_000
    with Setup() as setup, Client(setup.port, timeout_s=60) as client:
        writer = threading.Thread(target=lambda: client.send(b"".join(get(f"/p{i}") for i in range(count))))
        writer.start()
        for i in range(count):
            answer = client.answer()
            check(answer.body == f"GET /p{i} 0".encode(), f"answer {i} is {answer}")
        writer.join()
        targets = [r.target for r in setup.origin.seen()]
        check(targets == [f"/p{i}" for i in range(count)], "in order at the origin, each once")


@case
def a_pipeline_whose_answers_nobody_reads_stops():
    with Setup() as setup:
        client = Client(setup.port)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sent = send_until_closed(client, get("/unread") * 1000, 1 << 28)
        check(sent < 64 << 20, f"{sent} bytes of requests were taken")
        setup.stranger_is_served()
        client.close()


@case
def a_pipeline_with_answers_of_every_kind_in_its_middle_is_whole():
    """The proxy's own answers and the origin's, errors among them, small and large, bodies read and not read."""
    large = bytes(range(256)) * 1200

    def send_large(peer, request, reader):
        read_request_body(reader, request)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) + large)
        return True

    def send_chunked(peer, request, reader):
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(large) + large + b"\r\n0\r\nX-T: 1\r\n\r\n")
        return True

    def redirect(peer, request, reader):
        peer.sendall(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 5\r\n\r\nmoved")
        return True

    def junk(peer, request, reader):
        peer.sendall(b"junk\r\n\r\n")
        return False

    def until_close(peer, request, reader):
        peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + large)
        return False

    pieces = [
        (get("/a"), 200, b"GET /a 0"),
        (get("/monitor"), 200, None),
        (get("/large"), 200, large),
        (HELLO_POST, 200, b"POST /body 5"),
        (get("/redirect"), 302, b"moved"),
        (get("/chunked"), 200, large),
        (get("/junk"), 502, None),
        (HELLO_POST.replace(b"/body", b"/monitor"), 200, None),
        (CHUNKED_POST, 200, b"POST /body 5"),
        (CHUNKED_POST.replace(b"/body", b"/monitor"), 200, None),
        (get("/closed"), 200, large),
        (b"HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n", 200, b""),
        (get("/z"), 200, b"GET /z 0"),
    ]
    with Setup("monitor-uri /monitor\n  retries 0") as setup:
        setup.origin.scripts.update({"/large": send_large, "/chunked": send_chunked, "/redirect": redirect,
                                     "/junk": junk, "/closed": until_close})

        def head_large(peer, request, reader):
            body = b"" if request.method == "HEAD" else large
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large) + body)
            return True

        setup.origin.scripts["/large"] = head_large
        for times in (1, 20):
            with Client(setup.port, timeout_s=30) as client:
                data = b"".join(piece for piece, _, _ in pieces) * times + b"bad\r\n\r\n" + get("/never")
                writer = threading.Thread(target=client.send, args=(data,))
                writer.start()
                for i, (request, status, body) in enumerate(pieces * times):
                    answer = client.answer(request.split(b" ")[0].decode())
                    check(answer.status == status, f"answer {i}, to {request[:20]!r}: {answer}")
                    check(body is None or answer.body == body, f"body {i}, to {request[:20]!r}: {answer}")
                check(client.answer().status == 400, "400 to the bad one")
                check(client.at_end(), "and closed")
                writer.join()
        check("/never" not in [r.target for r in setup.origin.seen()], "what stands behind a bad request is not looked at")


@case
def a_local_answer_in_a_pipeline_leaves_every_answer_whole():
    with Setup("http-request return status 429 content-type text/plain string later") as setup, Client(setup.port) as client:
        client.send((get("/a") + HELLO_POST + CHUNKED_POST + b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n") * 50)
        for i in range(200):
            answer = client.answer("HEAD" if i % 4 == 3 else "GET")
            check(answer.status == 429 and answer.body == (b"" if i % 4 == 3 else b"later"), f"answer {i} is {answer}")

        setup.stranger_is_served = lambda: None  # nobody is passed on here


# Clients that go away.


def vanish(setup, data, offset, how):
    client = Client(setup.port)
    client.send(data[:offset])
    if how == "reset":
        reset(client.socket)
    else:
        client.close()


@case
def a_client_that_vanishes_at_every_byte_leaves_nothing_behind():
    for data in (HELLO_POST, CHUNKED_POST):
        with Setup() as setup:
            setup.origin.scripts["/body"] = None
            for how in ("close", "reset"):
                for offset in range(len(data)):
                    vanish(setup, data, offset, how)
            time.sleep(0.2)
            check(not setup.origin.seen(), f"whole requests made of parts: {setup.origin.seen()[:3]}")
            setup.stranger_is_served()
            setup.origin.forget()
            for how in ("close", "reset"):
                for _ in range(20):
                    vanish(setup, data, len(data), how)
            time.sleep(0.2)
            check(all(r.body == b"hello" for r in setup.origin.seen()), "what was whole stays whole")


@case
def resets_behind_a_part_of_a_request_are_all_noticed():
    # The kernel's receive misses about one in four thousand (shard/conn/quiet_watch.h).
    with Setup() as setup:
        for _ in range(20_000):
            vanish(setup, HELLO_POST, 20, "reset")


@case
def a_client_that_vanishes_is_named():
    """-d prints each move with its reason."""
    if IS_HAPROXY:
        skip("it prints other things")
    for how, reason in (("close", "client_abort"), ("reset", "client_(reset|abort)")):
        with Setup(arguments=("-d",)) as setup:
            with_body = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhello"
            client = Client(setup.port)
            client.send(with_body)
            time.sleep(0.2)
            if how == "reset":
                reset(client.socket)
            else:
                client.close()
            end = time.monotonic() + 5
            while not re.search(rf"in\.cli.*-> DIS {reason}", setup.proxy.said()) and time.monotonic() < end:
                time.sleep(0.05)
            check(re.search(rf"in\.cli.*-> DIS {reason}", setup.proxy.said()), f"{how}: {setup.proxy.said()[-500:]}")


def half_close(options, script):
    """Closes the sending direction of a client whose request has reached the server; what it is answered, None if nothing."""
    arrived = threading.Event()

    def serve(peer, request, reader):
        arrived.set()
        return script(peer, request, reader)

    with Setup(options) as setup, Client(setup.port) as client:
        setup.origin.scripts["/wait"] = serve
        client.send(get("/wait"))
        check(arrived.wait(5), "the request arrived")
        client.end()
        try:
            answer = client.answer()
        except Cut:
            return None
        began = time.monotonic()
        check(client.at_end() and time.monotonic() - began < 3, "nothing is waited for behind the last answer")
        return answer


@case
def a_client_that_half_closes_still_gets_the_answer_of_a_server_that_was_told():
    """option abortonclose is on for mode http: the server sees the end behind the request, and decides."""
    if IS_HAPROXY:
        skip("2.6 ends the exchange instead")

    def answer_at_end(peer, request, reader):
        check(reader.at_end(), "the server is shown the end")
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntold")
        return False

    answer = half_close("", answer_at_end)
    check(answer is not None and answer.body == b"told", f"{answer}")


@case
def a_server_that_ends_because_the_client_did_is_not_to_blame():
    def end_at_end(peer, request, reader):
        return not reader.at_end()

    answer = half_close("option abortonclose", end_at_end)
    check(answer is not None and answer.status == 400, f"{answer}")


@case
def without_abortonclose_the_end_of_a_client_is_its_own():
    def answer_late(peer, request, reader):
        peer.settimeout(0.3)
        try:
            check(not reader.at_end(), "the server was shown the end")
        except TimeoutError:
            pass
        peer.settimeout(10)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
        return True

    answer = half_close("no option abortonclose", answer_late)
    check(answer is not None and answer.body == b"late", f"{answer}")


@case
def a_client_that_half_closes_in_the_queue_leaves_it():
    free = threading.Event()

    def hold(peer, request, reader):
        check(free.wait(10), "released")
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nheld")
        return True

    with Setup("option abortonclose", server_options="maxconn 1") as setup, Client(setup.port) as first, Client(setup.port) as second:
        setup.origin.scripts["/hold"] = hold
        first.send(get("/hold"))
        time.sleep(0.1)
        second.send(get("/queued"))
        second.end()
        check(second.answer().status == 400, "it left the queue")
        check(second.at_end(), "and its connection ends")
        free.set()
        check(first.answer().body == b"held", "who was served is served")
        check([r.target for r in setup.origin.seen()] == ["/hold"], "the one that left was never sent")


@case
def a_client_that_vanishes_in_the_answer_frees_the_server():
    gone = threading.Event()

    def pour(peer, request, reader):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                peer.sendall(b"x" * 65536)
        except OSError:
            gone.set()
        return False

    with Setup() as setup:
        setup.origin.scripts["/pour"] = pour
        for how in ("close", "reset"):
            gone.clear()
            client = Client(setup.port)
            client.send(get("/pour"))
            client.socket.recv(100_000)
            if how == "reset":
                reset(client.socket)
            else:
                client.close()
            check(gone.wait(5), f"{how}: the server's connection was closed")


# Servers that go away.


def answers_cut(whole, expected, client_side):
    """Cuts `whole` at every byte, closing and resetting: whole, 502, or visibly cut; never a complete answer that is wrong."""
    with Setup("retries 0") as setup:
        state = {}

        def script(peer, request, reader):
            peer.sendall(whole[: state["offset"]])
            if state["how"] == "reset":
                time.sleep(0.001)
                reset(peer)
            return False

        setup.origin.scripts["/cut"] = script
        outcomes = set()
        for how in ("close", "reset"):
            for offset in range(len(whole) + 1):
                state.update(offset=offset, how=how)
                with Client(setup.port) as client:
                    client.send(client_side)
                    try:
                        answer = client.answer()
                    except Cut:
                        answer = None
                    good = answer is None or answer.status == 502 or (answer.status == 200 and answer.body == expected)
                    check(good, f"{how} at {offset}: {answer}")
                    if answer is not None and answer.status == 200:
                        check(offset >= len(whole.split(b"\r\n\r\n")[0]) + 4 + len(expected), f"{how} at {offset}: whole too early")
                    if offset == len(whole) and how == "close":
                        check(answer is not None and answer.status == 200, f"all of it was sent: {answer}")
                    outcomes.add("cut" if answer is None else answer.status)
        check(outcomes == {"cut", 502, 200}, f"all three happen: {outcomes}")
        time.sleep(0.1)  # the proxy learns that its last connection is reset, before a stranger is given it


@case
def a_server_that_vanishes_at_every_byte_of_a_length():
    answers_cut(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", b"hello", get("/cut"))


@case
def a_server_that_vanishes_at_every_byte_of_chunks():
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\nX-T: 1\r\n\r\n"
    answers_cut(whole, b"hello", get("/cut"))


@case
def a_server_that_vanishes_at_every_byte_while_a_body_comes():
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello"
    answers_cut(whole, b"hello", HELLO_POST.replace(b"/body", b"/cut"))


@case
def a_server_that_never_answers_is_504():
    def silent(peer, request, reader):
        reader.at_end()
        return False

    with Setup("timeout server 300ms\n  retries 0") as setup, Client(setup.port) as client:
        setup.origin.scripts["/silent"] = silent
        client.send(get("/silent"))
        check(client.answer().status == 504, "504")


@case
def a_server_that_stops_in_its_answer_cuts_it():
    def stop(peer, request, reader):
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
        reader.at_end()
        return False

    with Setup("timeout server 300ms") as setup, Client(setup.port) as client:
        setup.origin.scripts["/stop"] = stop
        client.send(get("/stop"))
        try:
            check(False, f"a whole answer: {client.answer()}")
        except Cut:
            pass


@case
def interim_answers_without_end_do_not_fill_memory():
    stopped = []

    def flood(peer, request, reader):
        sent = 0
        peer.settimeout(1)
        try:
            while sent < 100 << 20:
                sent += peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000)
        except OSError:
            pass
        stopped.append(sent)
        return False

    with Setup() as setup:
        setup.origin.scripts["/flood"] = flood
        client = Client(setup.port)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(get("/flood"))
        time.sleep(0.5)
        setup.stranger_is_served()
        end = time.monotonic() + 10
        while not stopped and time.monotonic() < end:
            time.sleep(0.1)
        check(stopped and stopped[0] < 64 << 20, f"the server was stopped: {stopped}")
        client.close()
        client = Client(setup.port)
        client.send(b"GET /flood HTTP/1.0\r\nHost: h\r\n\r\n")  # it is passed none of them
        time.sleep(0.3)
        setup.stranger_is_served()
        client.close()


# Bodies nobody reads, answers nobody waited for.


@case
def a_body_nobody_reads_does_not_cost_the_answer():
    body = b"b" * (8 << 20)
    with Setup("http-request return status 403 content-type text/plain string no") as setup:
        for head in (b"Content-Length: %d\r\n\r\n" % len(body), b"Transfer-Encoding: chunked\r\n\r\n800000\r\n"):
            with Client(setup.port) as client:
                client.send(b"POST /x HTTP/1.1\r\nHost: h\r\n" + head)
                sender = threading.Thread(target=client.send, args=(body,))
                sender.start()
                answer = client.answer()
                check((answer.status, answer.body) == (403, b"no"), f"{answer}")
                check("close" in values(answer.fields, "connection"), "it says that it closes")
                sender.join(10)
                check(not sender.is_alive(), "the client is not left hanging")
        setup.stranger_is_served = lambda: None  # nobody is passed on here


def two_own_answers(client, what):
    """It says that it closes, where the first body was not here whole yet; else it answers the second request, too."""
    first = client.answer()
    check(first.status == 403, f"{what}: {first}")
    if "close" in ",".join(values(first.fields, "connection")):
        check(client.at_end(), f"{what}: closed, as it said")
    else:
        check(client.answer().status == 403, f"{what}: the next request")


@case
def larger_bodies_are_dropped_behind_an_own_answer():
    with Setup("http-request return status 403 content-type text/plain string no") as setup:
        for size in (1000, 60_000, 65_536, 65_537, 70_000, 100_000, 130_000, 300_000):
            for _ in range(20):
                with Client(setup.port) as client:
                    client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size + get("/y"))
                    two_own_answers(client, f"{size} bytes")
        setup.stranger_is_served = lambda: None  # nobody is passed on here


@case
def bodies_of_every_small_size_are_dropped_behind_an_own_answer():
    """63 bytes in chunks once made the shard turn for ever."""
    with Setup("http-request return status 403 content-type text/plain string no") as setup:
        full = b"10000\r\n" + b"x" * 65536 + b"\r\n"  # as much as is read ahead; the rest is dropped where it lies
        for size in range(1, 140):
            for piece in (1, 7, size):
                chunks = full + b"".join(b"%x\r\n" % len(p) + p + b"\r\n"
                                  for p in (b"x" * min(piece, size - i) for i in range(0, size, piece)))
                with Client(setup.port) as client:
                    head = b"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                    client.send(head + chunks + b"0\r\n\r\n" + get("/y"))
                    two_own_answers(client, f"{size} bytes in pieces of {piece}")
        setup.stranger_is_served = lambda: None  # nobody is passed on here


@case
def an_early_answer_reaches_a_client_that_still_sends():
    body = b"b" * (4 << 20)

    def early(peer, request, reader):
        peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        return False

    def early_and_read(peer, request, reader):
        peer.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        return True

    with Setup() as setup:
        setup.origin.scripts.update({"/early": early, "/early_and_read": early_and_read})
        for target in ("/early_and_read", "/early"):
            for chunked in (False, True):
                with Client(setup.port) as client:
                    length = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
                    client.send(b"POST %s HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n" % (target.encode(), length))
                    data = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n" if chunked else body
                    sender = threading.Thread(target=client.send, args=(data,))
                    sender.start()
                    try:
                        answer = client.answer()
                        check((answer.status, answer.body) == (413, b"big"), f"{target}: {answer}")
                    except Cut:
                        # A server that closes on unread bytes resets, and may take its answer with it.
                        check(target == "/early", "the answer was lost")
                    sender.join(10)
                    check(not sender.is_alive(), "the client is not left hanging")
        check(all(len(r.body) in (0, len(body)) for r in setup.origin.seen()), "no body was cut silently")


@case
def expect_100_is_answered_by_the_server_alone():
    def say_continue(peer, request, reader):
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        read_request_body(reader, request)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)
        return True

    with Setup() as setup, Client(setup.port) as client:
        setup.origin.scripts["/e"] = say_continue
        client.send(b"PUT /e HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        check(client.reader.line() == b"HTTP/1.1 100 Continue" and not client.reader.fields(), "100 comes before the body")
        client.send(b"hello")
        check(client.answer().body == b"hello", "then the answer")


@case
def an_upgrade_with_a_body_becomes_a_tunnel():
    """Container runtimes attach so: POST with a length and Upgrade. Bytes behind the body wait for the 101."""

    def attach(peer, request, reader):
        read_request_body(reader, request)
        peer.sendall(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" + request.body.upper())
        peer.sendall(reader.take(5).upper())
        peer.sendall(reader.rest().upper())
        return False

    def refuse(peer, request, reader):
        read_request_body(reader, request)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
        return True

    head = b" HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\n"
    with Setup() as setup:
        setup.origin.scripts.update({"/attach": attach, "/refuse": refuse})
        for early in (b"", b"early"):
            with Client(setup.port) as client:
                client.send(b"POST /attach" + head + b"body" + early)
                answer = client.answer()
                check(answer.status == 101 and values(answer.fields, "upgrade") == ["tcp"], f"{answer}")
                check(client.reader.take(4) == b"BODY", "the server's first words")
                client.send(b"later" if not early else b"more")
                client.end()
                check(client.reader.rest() == (b"LATER" if not early else b"EARLYMORE"), "the tunnel's bytes")
        with Client(setup.port) as client:
            client.send(b"POST /refuse" + head + b"body" + get("/next"))
            check(client.answer().body == b"no", "refused")
            check(client.answer().body == b"GET /next 0", "what came behind it was the next request")
        with Client(setup.port) as client:
            client.send(b"POST /refuse HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n" + get("/next"))
            check(client.answer().body == b"no", "with chunks")
            check(client.answer().body == b"GET /next 0", "the next request")
        upgrades = [values(r.fields, "upgrade") for r in setup.origin.seen() if r.target == "/refuse"]
        check(upgrades == [["tcp"], []], f"with chunks no upgrade is asked for: {upgrades}")


if __name__ == "__main__":
    sys.exit(run_cases())
