"""Headers before the first byte: in any pieces, forged, never coming; each stream under its own address; real peers."""

import contextlib
import ipaddress
import itertools
import os
import random
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time

from harness import (DEFAULTS, IS_HAPROXY, Peer, Proxy, Server, case, check, connect, free_port, is_closed_within,
                     need_program, raise_file_limit, receive_all, receive_exactly, run_cases, skip)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
DRIVERS = [None] if IS_HAPROXY else ["uring", "poll"]


def v1(source, port, destination="5.6.7.8", destination_port=2222):
    family = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {family} {source} {destination} {port} {destination_port}\r\n".encode()


def v2(source, port, destination="5.6.7.8", destination_port=2222, tlvs=b""):
    packed = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    block = packed + struct.pack(">HH", port, destination_port) + tlvs
    family = 0x21 if ":" in source else 0x11
    return SIGNATURE + struct.pack(">BBH", 0x21, family, len(block)) + block


def read_header(peer):
    """(source, port) of the header that a connection begins with; None for UNKNOWN and LOCAL."""
    start = receive_exactly(peer, 12)
    if start == SIGNATURE:
        command, family, length = struct.unpack(">BBH", receive_exactly(peer, 4))
        block = receive_exactly(peer, length)
        if command == 0x20:
            return None
        check(command == 0x21 and family in (0x11, 0x21), f"command {command:x}, family {family:x}")
        size = 4 if family == 0x11 else 16
        port = struct.unpack(">H", block[2 * size:2 * size + 2])[0]
        return str(ipaddress.ip_address(block[:size])), port
    check(start.startswith(b"PROXY "), f"it begins with {start!r}")
    while not start.endswith(b"\r\n"):
        start += receive_exactly(peer, 1)
    words = start.decode().split()
    return None if words[1] == "UNKNOWN" else (words[2], int(words[4]))


def tell_header(peer):
    """A server that answers each line with the address that the connection was announced with."""
    announced = read_header(peer)
    with peer.makefile("rb") as lines:
        for line in lines:
            peer.sendall(f"{announced} {line.decode()}".encode())


def echo_request(peer):
    """A server for one request: its head comes back as the body."""
    head = b""
    while b"\r\n\r\n" not in head:
        piece = peer.recv(65536)
        if not piece:
            return
        head += piece
    peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)


REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def http_config(port, server_port, bind="accept-proxy", server="", threads=1, defaults="", driver=None):
    return f"""
global
  nbthread {threads}
  {"tune.ring " + driver if driver else ""}
{DEFAULTS.replace("mode tcp", "mode http")}
  option forwardfor
  option originalto
  {defaults}
listen in
  bind 127.0.0.1:{port} {bind}
  server s1 127.0.0.1:{server_port} {server}
"""


def exchange(client, pieces):
    for piece in pieces:
        client.sendall(piece)
        time.sleep(0.0005)
    return receive_all(client)


@case
def any_split_of_a_header():
    if IS_HAPROXY:
        skip("2.6 wants a header in one piece")
    headers = [(v1("1.2.3.4", 1111), "1.2.3.4"), (v2("1.2.3.4", 1111), "1.2.3.4"),
               (v1("2001:db8::7", 1, "::1"), "2001:db8::7"),
               (v2("2001:db8::7", 1, "::1", tlvs=b"\x04\0\x20" + b"p" * 32 + b"\x05\0\x02id"), "2001:db8::7")]
    for driver in DRIVERS:
        port = free_port()
        with Server(echo_request) as server, Proxy(http_config(port, server.port, driver=driver), [port]):
            for header, address in headers:
                text = header + REQUEST
                ways = [[text[:i], text[i:]] for i in range(1, len(header) + 2)]
                ways.append([text[i:i + 1] for i in range(len(text))])
                for pieces in ways:
                    with connect(port) as client:
                        answer = exchange(client, pieces)
                    check(f"x-forwarded-for: {address}\r\n".encode() in answer, f"{pieces[0]!r}: {answer!r}")


@case
def garbage_is_closed_and_nothing_leaks():
    seed = random.randrange(1 << 30)
    chance = random.Random(seed)
    good = [v1("1.2.3.4", 1111), v2("1.2.3.4", 1111, tlvs=b"\x03\0\x04\0\0\0\0")]
    texts = [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01" + bytes(200), b"PROXY " + b"x" * 4000,
             SIGNATURE + b"\x21\x11\xff\xff" + b"z" * 70000, SIGNATURE + b"\x31\x11\0\0", b"\0" * 3000,
             v1("1.2.3.4", 1111).replace(b"2222", b"99999"), v2("1.2.3.4", 1111, tlvs=b"\x03\0\x04abcd")]
    for _ in range(200):
        kind = chance.randrange(3)
        if kind == 0:
            texts.append(b"x" + chance.randbytes(chance.randrange(1, 300)))
        else:
            header = bytearray(good[kind - 1])
            header[chance.randrange(min(12, len(header)))] ^= 1 << chance.randrange(8)
            texts.append(bytes(header))
    for driver in DRIVERS:
        port = free_port()
        with Server(echo_request) as server, Proxy(http_config(port, server.port, driver=driver), [port]) as proxy:
            with connect(port) as client:
                exchange(client, [v1("1.2.3.4", 1), REQUEST])
            before = proxy.open_files()
            served = server.accepted
            for text in texts:
                with connect(port) as client:
                    try:
                        client.sendall(text)
                        client.shutdown(socket.SHUT_WR)
                    except OSError:
                        pass
                    check(is_closed_within(client, 5), f"seed {seed}: {text[:60]!r} is not closed")
            check(server.accepted == served, f"seed {seed}: something of it reached the server")
            time.sleep(0.3)
            check(proxy.open_files() <= before, f"{proxy.open_files()} open files, {before} before")


@case
def header_that_never_comes():
    for driver, threads in itertools.product(DRIVERS, (1, 4)):
        port = free_port()
        config = http_config(port, 1, threads=threads, defaults="timeout client 700ms", driver=driver)
        with Proxy(config, [port]):
            begin = time.monotonic()
            clients = [connect(port) for _ in range(40)]
            for client in clients[::2]:
                client.sendall(b"PROXY TCP4 1.2.3.4")
            for client in clients:
                check(is_closed_within(client, 5), "it is not closed")
                client.close()
            took = time.monotonic() - begin
            check(0.6 < took < 3, f"after {took:.2f} s")


@case
def each_stream_has_its_own_address():
    """Many at once over several shards: a connection that changes shards before its header keeps it right."""
    check(raise_file_limit(4000), "the limit of open files is too low")
    for driver, threads, version in itertools.product(DRIVERS, (1, 4), ("send-proxy", "send-proxy-v2")):
        port = free_port()
        with Server(tell_header) as server:
            config = f"""
global
  nbthread {threads}
  {"tune.ring " + driver if driver else ""}
{DEFAULTS}
listen in
  bind 127.0.0.1:{port} accept-proxy
  server s1 127.0.0.1:{server.port} {version}
"""
            with Proxy(config, [port]):
                clients = []
                for i in range(150):
                    source = (f"10.0.{i // 250}.{i % 250}", 1000 + i) if i % 3 else (f"2001:db8::{i + 1:x}", 1000 + i)
                    client = connect(port)
                    header = v2 if i % 2 else v1
                    destination = "5.6.7.8" if i % 3 else "::1"
                    client.sendall(header(*source, destination) + f"{i}\n".encode())
                    clients.append((client, source, i))
                for client, source, i in clients:
                    expected = f"{source} {i}\n".encode()
                    got = receive_exactly(client, len(expected))
                    check(got == expected, f"{got!r} instead of {expected!r}")
                    client.close()


@case
def kept_connections_stay_with_their_client():
    wrong = []

    def serve(peer):
        announced = read_header(peer)
        buffered = b""
        while True:
            while b"\r\n\r\n" not in buffered:
                piece = peer.recv(65536)
                if not piece:
                    return
                buffered += piece
            head, buffered = buffered.split(b"\r\n\r\n", 1)
            if f"x-me: {announced[0]}".encode() not in head.lower():
                wrong.append((announced, head))
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    for driver, threads, version in itertools.product(DRIVERS, (1, 4), ("send-proxy", "send-proxy-v2")):
        port = free_port()
        with Server(serve) as server:
            config = http_config(port, server.port, server=version, threads=threads,
                                 defaults="http-reuse always", driver=driver)
            with Proxy(config, [port]):
                for round_ in range(3):
                    clients = [(connect(port), f"10.0.{round_}.{i}") for i in range(20)]
                    for client, address in clients:
                        client.sendall(v1(address, 4000))
                    for _ in range(4):
                        for client, address in clients:
                            client.sendall(f"GET / HTTP/1.1\r\nHost: a\r\nX-Me: {address}\r\n\r\n".encode())
                        for client, _address in clients:
                            answer = b""
                            while not answer.endswith(b"\r\n\r\nok"):
                                piece = client.recv(65536)
                                check(piece, f"the answer ends after {answer!r}")
                                answer += piece
                    for client, _address in clients:
                        client.close()
                check(not wrong, f"of another client: {wrong[:1]}")
                # The search for a kept connection is short, so some are not found among so many.
                check(server.accepted <= 160, f"{server.accepted} connections for 240 requests of 60 clients")


@case
def ipv6_and_unix_sockets():
    folder = tempfile.mkdtemp(prefix="ringway-")
    path = os.path.join(folder, "in.sock")
    port = free_port()
    for driver in DRIVERS:
        with Server(tell_header) as server:
            config = f"""
global
  {"tune.ring " + driver if driver else ""}
{DEFAULTS}
listen six
  bind [::1]:{port} accept-proxy
  server s1 127.0.0.1:{server.port} send-proxy-v2
listen path
  bind unix@{path} accept-proxy
  server s1 127.0.0.1:{server.port} send-proxy
listen plain
  bind unix@{path}.plain
  server s1 127.0.0.1:{server.port} send-proxy-v2
"""
            with Proxy(config):
                end = time.monotonic() + 10
                while not os.path.exists(path + ".plain") and time.monotonic() < end:
                    time.sleep(0.02)
                time.sleep(0.2)
                with connect(port, host="::1") as client:
                    client.sendall(v2("2001:db8::9", 99, "::1") + b"x\n")
                    check(client.recv(100) == b"('2001:db8::9', 99) x\n", "over IPv6")
                for name, header, expected in ((path, v1("1.2.3.4", 77), b"('1.2.3.4', 77) x\n"),
                                               (path + ".plain", b"", b"None x\n")):
                    with socket.socket(socket.AF_UNIX) as client:
                        client.settimeout(10)
                        client.connect(name)
                        client.sendall(header + b"x\n")
                        got = client.recv(100)
                        check(got == expected, f"{name}: {got!r}")
    shutil.rmtree(folder)


@case
def health_checks_are_announced():
    """manual 5.2, check-send-proxy; a check that only connects sends the header, too, and ends in order."""
    checks_are_announced("")


@case
def health_checks_are_announced_to_who_knows_no_local():
    """manual 3.1, pp2-never-send-local"""
    checks_are_announced("global\n  pp2-never-send-local\n")


def checks_are_announced(settings):
    never_local = "pp2-never-send-local" in settings
    checked = "check inter 100ms"
    rows = (
        (f"{checked} send-proxy", "own", "v1 is on where traffic has it"),
        (f"{checked} check-send-proxy", "own", "v1 where traffic has none"),
        (f"{checked} port PORT send-proxy", None, "not with a port"),
        (f"{checked} port PORT send-proxy check-send-proxy", "own", "with a port where it is asked for"),
        (f"{checked} send-proxy-v2", "local", "v2 says LOCAL"),
        (f"{checked} send-proxy-v2 check-send-proxy", "local", "v2 says LOCAL where it is asked for"),
    )
    seen = {}

    def record(name):
        def serve(peer):
            peer.settimeout(5)
            names = peer.getpeername(), peer.getsockname()  # fails for a check that has gone already
            first, ended = b"", False
            try:
                first = peer.recv(4096)
                while name[1] and not first.endswith(b"\r\n\r\n"):
                    first += peer.recv(4096)
                ended = True if name[1] else peer.recv(1) == b""
            except (ConnectionError, TimeoutError):
                pass
            seen.setdefault(name, (first, ended, *names))
            peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")
        return serve

    port = free_port()
    sections = []
    with contextlib.ExitStack() as stack:
        for number, (options, _, _) in enumerate(rows):
            for http in (False, True):
                server = stack.enter_context(Server(record((number, http))))
                sections.append(f"""
backend b{number}{int(http)}
  mode http
  {"option httpchk GET /alive" if http else ""}
  server s 127.0.0.1:{server.port} {options.replace("PORT", str(server.port))}
""")
        with Proxy(f"{settings}{DEFAULTS}\nlisten in\n  bind 127.0.0.1:{port}\n" + "".join(sections), [port]):
            end = time.monotonic() + 10
            while len(seen) < 2 * len(rows) - 1 and time.monotonic() < end:
                time.sleep(0.05)
    for number, (_, header, what) in enumerate(rows):
        for http in (False, True):
            if header is None and not http:
                check(not seen.get((number, http), [b""])[0], what)
                continue
            check((number, http) in seen, f"{what}: no check came")
            first, ended, peer, own = seen[number, http]
            own_v2 = v2(peer[0], peer[1], own[0], own[1])
            wanted = {None: b"", "local": own_v2 if never_local else SIGNATURE + b"\x20\0\0\0",
                      "own": f"PROXY TCP4 {peer[0]} {own[0]} {peer[1]} {own[1]}\r\n".encode()}[header]
            check(ended or IS_HAPROXY, f"{what}: the connection does not end in order")
            check(first == wanted if not http else first.startswith(wanted + b"GET /alive"), f"{what}: {first!r}")


ADDRESSES = ("src", "src_port", "dst", "dst_port", "fc_src", "fc_src_port", "fc_dst", "fc_dst_port")


def addresses_seen(rules, header, bind):
    """What each place sees of a client's addresses: its connection, session, content and requests, and its log line."""
    places = ("connection", "session", "content", "http")
    lines = []
    for place in places:
        word = "http-request" if place == "http" else f"tcp-request {place}"
        lines += [f"{word} {rule}" for where, rule in rules if where == place]
        lines += [f"{word} set-var(sess.{place}{i}) {fetch}" for i, fetch in enumerate(ADDRESSES)]
    told = [",".join(f"%[var(sess.{place}{i})]" for i in range(len(ADDRESSES))) for place in places]
    told.append(",".join(f"%[{fetch}]" for fetch in ADDRESSES))
    port = free_port()
    text = "\n  ".join(lines)
    with Proxy(f"""
global
  log stdout format raw local0
{DEFAULTS.replace("mode tcp", "mode http")}
frontend in
  log global
  bind 127.0.0.1:{port} {bind}
  tcp-request inspect-delay 2s
  {text}
  log-format "<{"|".join(told)}>"
  http-request return status 200
""", [port]) as proxy:
        with connect(port) as client:
            own = client.getsockname()[1]
            answer = exchange(client, [header + REQUEST])
            check(b" 200 " in answer, f"{rules}: {answer!r}")
        end = time.monotonic() + 5
        while ">" not in proxy.said() and time.monotonic() < end:
            time.sleep(0.02)
        line = proxy.said().split("<", 1)[1].split(">", 1)[0]
    shown = [["CLIENT" if word == str(own) else "BIND" if word == str(port) else word for word in part.split(",")]
             for part in line.split("|")]
    return dict(zip((*places, "log"), (" ".join(part) for part in shown)))


@case
def only_rules_on_connections_change_what_the_connection_was():
    """manual 7.3.3, fc_src and its kin; src and its kin follow every header and every rule."""
    real, header = "127.0.0.1 CLIENT 127.0.0.1 BIND", v1("1.2.3.4", 1111)
    told, masked = "1.2.3.4 1111 5.6.7.8 2222", "127.0.0.0 7 127.0.0.0 8"
    mask = ("set-src src,ipmask(8)", "set-dst dst,ipmask(8)", "set-src-port int(7)", "set-dst-port int(8)")
    later = "1.0.0.0 7 5.0.0.0 8"
    at = {place: [(place, rule) for rule in mask] for place in ("connection", "session", "content", "http")}
    # Rules, header, then what connection, session, content, http and the log see: of src and its kin, of fc_src and its.
    rows = (([], header, (real, real), (told, real), (told, real), (told, real)),
            ([], b"PROXY UNKNOWN\r\n", *[(real, real)] * 4),
            ([], v2("2001:db8::7", 1, "::1", 2), (real, real), *[("2001:db8::7 1 ::1 2", real)] * 3),
            (at["connection"], header, (masked, masked), *[(told, masked)] * 3),
            (at["connection"], b"PROXY UNKNOWN\r\n", *[(masked, masked)] * 4),
            (at["connection"][:1], header, ("127.0.0.0" + real[9:], "127.0.0.0" + real[9:]),
             *[(told, "127.0.0.0" + real[9:])] * 3),
            (at["session"], header, (real, real), *[(later, real)] * 3),
            (at["content"], header, (real, real), (told, real), *[(later, real)] * 2),
            (at["http"], header, (real, real), *[(told, real)] * 2, (later, real)),
            (at["connection"], b"", *[(masked, masked)] * 4),
            (at["session"], b"", (real, real), *[(masked, real)] * 3),
            (at["http"], b"", *[(real, real)] * 3, (masked, real)))
    for rules, first, *expected in rows:
        seen = addresses_seen(rules, first, "accept-proxy" if first else "")
        expected.append(expected[-1])
        for (place, got), (now, original) in zip(seen.items(), expected):
            check(got == f"{now} {original}", f"{rules}, {first!r}: {place} sees {got}, not {now} {original}")
    seen = addresses_seen([("connection", "expect-proxy layer4")], header, "")
    check(seen["http"] == f"{told} {real}", f"behind a rule that expects it: {seen}")


@case
def a_reset_does_not_hide_who_the_connection_was_from():
    port = free_port()
    with Server(lambda peer: peer.recv(1)) as server, Proxy(f"""
global
  log stdout format raw local0
{DEFAULTS.replace("mode tcp", "mode http")}
listen in
  log global
  bind 127.0.0.1:{port} accept-proxy
  log-format "<%ci %[src] %[fc_src] %[fc_src_port]>"
  server s 127.0.0.1:{server.port}
""", [port]) as proxy:
        client = connect(port)
        own = client.getsockname()[1]
        client.sendall(v1("1.2.3.4", 1111) + b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        time.sleep(0.3)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        end = time.monotonic() + 10
        while ">" not in proxy.said() and time.monotonic() < end:
            time.sleep(0.02)
        check(f"<1.2.3.4 1.2.3.4 127.0.0.1 {own}>" in proxy.said(), proxy.said())


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def checked(header):
    """A header of version 2 with the checksum in its TLV of type 3, which must be there."""
    at = header.index(b"\x03\0\x04\0\0\0\0") + 3
    crc = 0xffffffff
    for byte in header:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return header[:at] + struct.pack(">I", crc ^ 0xffffffff) + header[at + 4:]


@case
def every_tlv_that_came_can_be_read():
    """manual 7.3.3, fc_pp_tlv: by name and by number, padding and checksum, several of one type, up to 1024 bytes each."""
    if IS_HAPROXY:
        skip("2.6 has no fc_pp_tlv")
    ssl = b"\x01\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"me") + tlv(0x23, b"AES") + tlv(0x24, b"sig") + \
        tlv(0x25, b"EC256")
    long = [tlv(0xe5, bytes([letter]) * 1024) for letter in b"abcdefgh"]
    tlvs = b"".join((tlv(0x01, b"h2"), tlv(0x02, b"first"), tlv(0x04, b"padding"), tlv(0x05, b"id"), tlv(0x02, b"second"),
                     tlv(0x03, bytes(4)), tlv(0x20, ssl), tlv(0x30, b"netns"), tlv(0xe0, b"none"), tlv(0x23, b"outside"),
                     tlv(0x00, b"zero"), tlv(0xff, b"last"), tlv(0xe1, b"x" * 1025), tlv(0xe2, b""), *long))
    header = checked(v2("1.2.3.4", 1111, tlvs=tlvs))
    crc = header[header.index(b"\x03\0\x04") + 3:][:4]
    wanted = {"ALPN": b"h2", "1": b"h2", "0x01": b"h2", "AUTHORITY": b"first", "2": b"first", "CRC32": crc, "3": crc,
              "NOOP": b"padding", "4": b"padding", "UNIQUE_ID": b"id", "5": b"id", "SSL": ssl, "0x20": ssl,
              "SSL_VERSION": b"TLSv1.3", "SSL_CN": b"me", "SSL_CIPHER": b"AES", "SSL_SIG_ALG": b"sig", "SSL_KEY_ALG": b"EC256",
              "37": b"EC256", "NETNS": b"netns", "0xe0": b"none", "224": b"none", "0": b"zero", "0xff": b"last", "0xe2": b"",
              "0xe5": b"a" * 1024}
    rules = [f'http-request set-header x-{name} "<%[fc_pp_tlv({name}),hex]>"' for name in wanted]
    conditions = {"2 -m str first": 1, "2 -m str second": 1, "2 -m str third": 0, "0x23 -m str AES": 1, "0x23 -m str outside": 1,
                  "0xe1 -m found": 0, "0xe2 -m found": 1, "6 -m found": 0, "0xe5 -m len 1024": 1, "0xe5 -m beg h": 1}
    for number, (condition, _) in enumerate(conditions.items()):
        kind, rest = condition.split(" ", 1)
        rules.append(f"http-request set-header y-{number} 0\n  "
                     f"http-request set-header y-{number} 1 if {{ fc_pp_tlv({kind}) {rest} }}")
    rules += ['http-request set-header z-authority "%[fc_pp_authority]"', 'http-request set-header z-id "%[fc_pp_unique_id]"']
    text = "\n  ".join(rules)
    for driver in DRIVERS:
        port = free_port()
        config = http_config(port, 0, bind=f"accept-proxy\n  {text}", driver=driver)
        with Server(echo_request) as server, Proxy(config.replace("127.0.0.1:0 ", f"127.0.0.1:{server.port} "), [port]):
            with connect(port) as client:
                answer = exchange(client, [header + REQUEST]).decode()
            for name, value in wanted.items():
                check(f"x-{name.lower()}: <{value.hex().upper()}>\r\n" in answer.replace(f"x-{name}", f"x-{name.lower()}"),
                      f"{name} is not {value[:50]!r}: {answer[:3000]}")
            for number, (condition, holds) in enumerate(conditions.items()):
                check(f"y-{number}: {holds}\r\n" in answer, f"{condition}: {answer[-1500:]}")
            check("z-authority: first\r\n" in answer and "z-id: id\r\n" in answer, answer[-1500:])
            # A LOCAL header's block is discarded, whatever it holds (proxy-protocol.txt 2.2).
            local = header[:12] + b"\x20" + header[13:]
            with connect(port) as client:
                answer = exchange(client, [checked(local.replace(crc, bytes(4))) + REQUEST]).decode()
            check("x-1: <>\r\n" in answer and "z-id: \r\n" in answer, answer[-1500:])


STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"


def nginx(text, port, stream=False):
    folder = tempfile.mkdtemp(prefix="ringway-")
    load = f"load_module {STREAM_MODULE};\n" if stream else ""
    with open(os.path.join(folder, "nginx.conf"), "w", encoding="utf-8") as file:
        file.write(f"{load}daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
                   f"events {{}}\n{text.replace('FOLDER', folder)}\n")
    return Peer([need_program("nginx"), "-p", folder, "-c", os.path.join(folder, "nginx.conf")], port, folder)


def ask(port, header=b""):
    with connect(port) as client:
        return exchange(client, [header + REQUEST])


@case
def nginx_receives():
    inner = free_port()
    text = f"""http {{ access_log off; client_body_temp_path FOLDER/a; proxy_temp_path FOLDER/b;
      fastcgi_temp_path FOLDER/c; uwsgi_temp_path FOLDER/d; scgi_temp_path FOLDER/e;
      server {{ listen 127.0.0.1:{inner} proxy_protocol;
        location / {{ return 200 "told $proxy_protocol_addr:$proxy_protocol_port for $proxy_protocol_server_addr:$proxy_protocol_server_port\\n"; }} }} }}"""
    with nginx(text, inner):
        for server in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"):
            port = free_port()
            with Proxy(http_config(port, inner, server=server), [port]):
                for header, expected in ((v1("1.2.3.4", 1111), b"told 1.2.3.4:1111 for 5.6.7.8:2222"),
                                         (v2("2001:db8::5", 1, "::1", 2), b"told 2001:db8::5:1 for ::1:2")):
                    answer = ask(port, header)
                    check(expected in answer, f"{server}: {answer!r}")


@case
def nginx_sends():
    if not os.path.exists(STREAM_MODULE):
        if os.environ.get("RINGWAY_SKIP_MISSING_PEERS"):
            skip("nginx has no stream module")
        raise AssertionError("nginx has no stream module (package libnginx-mod-stream)")
    outer, port = free_port(), free_port()
    text = f"stream {{ server {{ listen 127.0.0.1:{outer}; proxy_protocol on; proxy_pass 127.0.0.1:{port}; }} }}"
    with Server(echo_request) as server, Proxy(http_config(port, server.port), [port]):
        with nginx(text, outer, stream=True):
            answer = ask(outer)
            check(b"x-forwarded-for: 127.0.0.1\r\n" in answer and b"x-original-to: 127.0.0.1\r\n" in answer, repr(answer))


@case
def haproxy_both_ways():
    program = need_program("haproxy")
    for version in ("send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c"):
        outer, port, inner = free_port(), free_port(), free_port()
        folder = tempfile.mkdtemp(prefix="ringway-")
        with Server(echo_request) as server:
            with open(os.path.join(folder, "peer.cfg"), "w", encoding="utf-8") as file:
                file.write(f"""
{DEFAULTS}
listen outer
  bind 127.0.0.1:{outer} accept-proxy
  server ringway 127.0.0.1:{port} {version}
listen inner
  mode http
  option forwardfor
  bind 127.0.0.1:{inner} accept-proxy
  server s1 127.0.0.1:{server.port}
""")
            command = [program, "-db", "-f", os.path.join(folder, "peer.cfg")]
            with Peer(command, inner, folder), Proxy(http_config(port, inner, server=version).replace(
                    "option forwardfor", ""), [port]):
                answer = ask(outer, v1("1.2.3.4", 1111))
                check(b"x-forwarded-for: 1.2.3.4\r\n" in answer, f"{version}: {answer!r}")
                check(b"x-original-to: 5.6.7.8\r\n" in answer, f"{version}: {answer!r}")


@case
def varnish_both_ways():
    program = need_program("varnishd")
    for number, version in ((1, "send-proxy"), (2, "send-proxy-v2")):
        outer, port = free_port(), free_port()
        folder = tempfile.mkdtemp(prefix="ringway-")
        with open(os.path.join(folder, "peer.vcl"), "w", encoding="utf-8") as file:
            file.write(f"""vcl 4.1;
backend ringway {{ .host = "127.0.0.1"; .port = "{port}"; .proxy_header = {number}; }}
sub vcl_recv {{
  if (req.url == "/told") {{ return (synth(200, "told " + client.ip)); }}
  return (pass);
}}
""")
        # Without a jail it stays the user who may read the folder.
        command = [program, "-j", "none", "-F", "-a", f"127.0.0.1:{outer},PROXY", "-n", os.path.join(folder, "work"), "-f",
                   os.path.join(folder, "peer.vcl"), "-s", "malloc,10m", "-p", "thread_pool_min=10"]
        front = free_port()
        with Server(echo_request) as server:
            config = http_config(port, server.port) + f"""
listen front
  bind 127.0.0.1:{front} accept-proxy
  server varnish 127.0.0.1:{outer} {version}
"""
            with Proxy(config, [port, front]), Peer(command, outer, folder):
                # Told by us, varnish says so itself.
                with connect(front) as client:
                    answer = exchange(client, [v2("1.2.3.4", 1111), REQUEST.replace(b"GET /", b"GET /told")])
                check(b"told 1.2.3.4" in answer, f"{version}: {answer!r}")
                # It tells us in turn, and we tell the server in a header of HTTP.
                answer = ask(front, v1("1.2.3.4", 1111))
                forwarded = [line for line in answer.split(b"\r\n") if line.lower().startswith(b"x-forwarded-for:")]
                check(forwarded and forwarded[-1].endswith(b"1.2.3.4"), f"{version}: {answer!r}")


if __name__ == "__main__":
    sys.exit(run_cases())
