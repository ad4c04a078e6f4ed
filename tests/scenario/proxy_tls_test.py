"""PROXY headers before TLS, and what is passed on of them: any pieces, binds of all kinds, values at their limits."""

import contextlib
import ipaddress
import os
import socket
import ssl
import struct
import sys
import tempfile
import time

from harness import (DEFAULTS, Peer, Proxy, Server, case, check, connect, free_port, is_closed_within, need_program,
                     receive_all, receive_exactly, until)
from tls_peer import client_context, ec, path, run_tls_cases

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
TOLD = "1.2.3.4:1111 5.6.7.8:2222"
DRIVERS = ["uring", "poll"]


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def v2(tlvs=b""):
    block = ipaddress.ip_address("1.2.3.4").packed + ipaddress.ip_address("5.6.7.8").packed + struct.pack(">HH", 1111, 2222)
    return SIGNATURE + struct.pack(">BBH", 0x21, 0x11, len(block + tlvs)) + block + tlvs


class Client:
    """TLS over a socket whose bytes are sent in pieces of our choice, behind a header."""

    def __init__(self, raw, header, split, context=None):
        self.raw = raw
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = context or client_context(alpn=["http/1.1"])
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        first = header + self.outgoing.read()
        for piece in filter(None, split(first, len(header))):
            raw.sendall(piece)
            if len(piece) < len(first):
                time.sleep(0.0005)
        self.run(self.tls.do_handshake)

    def send(self):
        if self.outgoing.pending:
            self.raw.sendall(self.outgoing.read())

    def run(self, step):
        while True:
            try:
                result = step()
                self.send()
                return result
            except ssl.SSLWantReadError:
                self.send()
                piece = self.raw.recv(65536)
                if not piece:
                    raise AssertionError("the connection ends in the handshake") from None
                self.incoming.write(piece)

    def ask(self):
        self.run(lambda: self.tls.write(REQUEST))
        answer = b""
        with contextlib.suppress(ssl.SSLZeroReturnError, ssl.SSLEOFError, ConnectionError, AssertionError):
            while piece := self.run(lambda: self.tls.read(65536)):
                answer += piece
        return answer.decode()


# How the header and the first flight of TLS are cut.
SPLITS = {
    "together": lambda text, header: [text],
    "header first": lambda text, header: [text[:header], text[header:]],
    "in the header": lambda text, header: [text[: header // 2], text[header // 2 :]],
    "in the hello": lambda text, header: [text[: header + 3], text[header + 3 :]],
    "byte by byte": lambda text, header: [text[i : i + 1] for i in range(80)] + [text[80:header], text[max(80, header) :]],
}


@case
def a_header_alone_is_no_traffic():
    # option dontlognull (manual 4.2): the header is about the connection, and a probe sends nothing else.
    plain, tls = free_port(), free_port()
    with Proxy(f"""
global
  log stdout format raw local0
{DEFAULTS.replace("mode tcp", "mode http")}
  log global
  timeout http-request 300ms
  timeout client 300ms
  option dontlognull
  error-log-format "error of %f"
frontend plain
  bind 127.0.0.1:{plain} accept-proxy
frontend tls
  bind 127.0.0.1:{tls} {ec()} accept-proxy
""", [plain, tls]) as proxy:
        for port in (plain, tls):
            for header in (V1, v2(), SIGNATURE + b"\x20\0\0\0"):
                with connect(port) as client:
                    client.sendall(header)
                with connect(port) as client:
                    client.sendall(header)
                    receive_all(client)
        # One byte of traffic is told of, so the lines of the others would have been seen.
        for port in (plain, tls):
            with connect(port) as client:
                client.sendall(V1 + b"\x16")
                receive_all(client)
        until(lambda: "error of tls" in proxy.said(), 5, "the byte is not logged")
        lines = [line for line in proxy.said().splitlines() if line.startswith("error of")]
        check(lines == ["error of plain", "error of tls"], f"{lines}")


@case
def header_before_tls_in_any_pieces():
    headers = {"v1": V1, "v2": v2(), "v2 with values": v2(tlv(4, bytes(300)) + tlv(0xe0, b"x" * 1000)), "none": b""}
    for driver in DRIVERS:
        with tempfile.TemporaryDirectory() as folder:
            port, conditional = free_port(), free_port()
            socket_path = os.path.join(folder, "s")
            fields = 'hdr x "%[src]:%[src_port] %[dst]:%[dst_port] %[fc_rcvd_proxy] %[ssl_fc_alpn]"'
            with Proxy(f"""
global
  tune.ring {driver}
{DEFAULTS.replace("mode tcp", "mode http")}
frontend in
  bind 127.0.0.1:{port} {ec()} alpn http/1.1 accept-proxy
  bind unix@{socket_path} {ec()} alpn http/1.1 accept-proxy
  http-request return status 200 {fields}
frontend rule
  bind 127.0.0.1:{conditional} {ec()} alpn http/1.1
  tcp-request connection expect-proxy layer4 if {{ src 127.0.0.2 }}
  http-request return status 200 {fields}
""", [port, conditional]):

                def over_tcp(to, source="127.0.0.1"):
                    return socket.create_connection(("127.0.0.1", to), 10, (source, 0))

                def over_path():
                    client = socket.socket(socket.AF_UNIX)
                    client.settimeout(10)
                    client.connect(socket_path)
                    return client

                places = {"bind": lambda: over_tcp(port), "path": over_path,
                          "rule": lambda: over_tcp(conditional, "127.0.0.2"), "else": lambda: over_tcp(conditional)}
                for place, open_one in places.items():
                    for name, header in headers.items():
                        if (place == "else") != (name == "none"):
                            continue
                        for way, split in SPLITS.items():
                            with open_one() as raw:
                                raw.settimeout(10)
                                answer = Client(raw, header, split).ask()
                            wanted = f"x: {TOLD} 1 http/1.1\r\n" if header else " 0 http/1.1\r\n"
                            check(wanted in answer, f"{driver}, {place}, {name}, {way}: {answer!r}")


@case
def header_that_is_not_where_it_must_be():
    """TLS without its header, a header without TLS, a second header, and one inside TLS: refused, and nothing hangs."""
    for driver in DRIVERS:
        port, plain = free_port(), free_port()
        with Proxy(f"""
global
  tune.ring {driver}
{DEFAULTS.replace("mode tcp", "mode http")}
frontend in
  bind 127.0.0.1:{port} {ec()} accept-proxy
  bind 127.0.0.1:{plain} {ec()}
  http-request return status 200
""", [port, plain]):
            for where, first in ((port, b"\x16\x03\x01\x02\x00\x01" + bytes(510)), (port, V1 + V1), (port, V1 + REQUEST),
                                 (port, v2() + V1), (plain, V1 + REQUEST), (plain, v2() + REQUEST)):
                with connect(where) as client:
                    with contextlib.suppress(OSError):
                        client.sendall(first)
                    check(is_closed_within(client, 5), f"{driver}: {first[:20]!r} to {where} is not closed")
            with connect(port) as raw:
                client = Client(raw, V1, SPLITS["together"])
                client.run(lambda: client.tls.write(V1))
                answer = client.ask()
                check(answer.startswith("HTTP/1.1 400 "), f"a header inside TLS: {answer[:100]!r}")


def tlvs_of(data):
    found = []
    while data:
        kind, length = struct.unpack(">BH", data[:3])
        found.append((kind, data[3 : 3 + length]))
        data = data[3 + length :]
    return found


@case
def values_are_passed_on():
    """manual 5.2, set-proxy-v2-tlv-fmt with fc_pp_tlv: whole, whatever bytes they hold, and three at the limit of size."""
    ssl_value = b"\x01\0\0\0\0" + tlv(0x21, b"TLSv1.3")
    sent = [(0x20, ssl_value), (0x02, b"example.com"), (0xe0, bytes(range(256)) * 4), (0xe1, b"y" * 1024), (0xe2, b"z" * 1024)]
    got = []

    def serve(peer):
        fixed = receive_exactly(peer, 16)
        got.append(tlvs_of(receive_exactly(peer, int.from_bytes(fixed[14:], "big"))[12:]))
        while b"\r\n\r\n" not in peer.recv(65536):
            pass
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    words = " ".join(f"set-proxy-v2-tlv-fmt({kind}) %[fc_pp_tlv({kind})]" for kind, _ in sent)
    for driver in DRIVERS:
        for mode in ("tcp", "http"):
            got.clear()
            port = free_port()
            with Server(serve) as server, Proxy(f"""
global
  tune.ring {driver}
{DEFAULTS.replace("mode tcp", "mode " + mode)}
listen in
  bind 127.0.0.1:{port} accept-proxy
  server s 127.0.0.1:{server.port} send-proxy-v2 {words}
""", [port]):
                with connect(port) as client:
                    client.sendall(v2(b"".join(tlv(*one) for one in sent)) + REQUEST)
                    check(b" 200 " in receive_all(client), f"{mode}: no answer")
            check(got == [sent], f"{driver}, {mode}: {str(got)[:300]}")


@case
def headers_of_the_greatest_length():
    """65,535 bytes behind the fixed part are the limit of the format: sent in parts that a line can hold, and received."""
    length = 65535 - 12 - 3
    got = []

    def serve(peer):
        fixed = receive_exactly(peer, 16)
        got.append(tlvs_of(receive_exactly(peer, int.from_bytes(fixed[14:], "big"))[12:]))
        peer.sendall(b"done")

    parts = " ".join(f"set-proxy-v2-tlv-fmt({0xe0 + i}) {'abcd'[i] * 15000}" for i in range(4))
    port, inner = free_port(), free_port()
    with Server(serve) as server, Proxy(f"""
global
  tune.bufsize 131072
{DEFAULTS}
listen in
  bind 127.0.0.1:{port}
  server s 127.0.0.1:{inner} send-proxy-v2 {parts}
listen inner
  bind 127.0.0.1:{inner} accept-proxy
  server s 127.0.0.1:{server.port} send-proxy-v2 set-proxy-v2-tlv-fmt(0xe0) %[fc_pp_tlv(0xe0),length]
listen straight
  bind 127.0.0.1:{(straight := free_port())} accept-proxy
  server s 127.0.0.1:{server.port} send-proxy-v2
""", [port, inner, straight]):
        with connect(port) as client:
            client.sendall(b"hello")
            check(receive_exactly(client, 4) == b"done", "no answer")
        check(got == [[]], f"a value over 1024 bytes is not kept: {str(got)[:200]}")
        with connect(straight) as client:
            client.sendall(v2(tlv(4, bytes(length))) + b"hello")
            check(receive_exactly(client, 4) == b"done", "the longest header of all is not taken")


def peer_command(words):
    """Of a proxy in the foreground, with what it is given in a folder of its own."""
    folder = tempfile.mkdtemp(prefix="ringway-")

    def file(name, text):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(text)
        return os.path.join(folder, name)

    return folder, words(file)


ALL_OPTIONS = "send-proxy-v2-ssl-cn proxy-v2-options ssl-cipher,cert-sig,cert-key,authority,unique-id,crc32c"


def asked_with_certificate(port):
    with connect(port) as raw:
        client = Client(raw, b"", SPLITS["together"], client_context(alpn=["http/1.1"], certificate="client"))
        return client.ask()


def sender(port, server_port):
    """Tells a server of its clients whatever can be told of their TLS."""
    return f"""
{DEFAULTS.replace("mode tcp", "mode http")}
frontend in
  bind 127.0.0.1:{port} {ec()} alpn http/1.1 verify optional ca-file {path("ca.crt")}
  unique-id-format an-id
  default_backend out
backend out
  server s 127.0.0.1:{server_port} {ALL_OPTIONS}
"""


READ = ("ALPN", "AUTHORITY", "UNIQUE_ID", "SSL_VERSION", "SSL_CN", "SSL_SIG_ALG", "SSL_KEY_ALG")


@case
def haproxy_tells_us_and_we_tell_it():
    program = need_program("haproxy")
    outer, port = free_port(), free_port()
    told = " ".join(f"%[fc_pp_tlv({name})]" for name in READ)
    receiver = f"""
frontend read
  bind 127.0.0.1:{port} accept-proxy
  http-request return status 200 hdr x "{told}" hdr crc "%[fc_pp_tlv(CRC32),length]" hdr id "%[fc_pp_unique_id]"
"""
    folder, command = peer_command(lambda file: [program, "-db", "-f", file("peer.cfg", sender(outer, port))])
    with Proxy(DEFAULTS.replace("mode tcp", "mode http") + receiver, [port]), Peer(command, outer, folder):
        answer = asked_with_certificate(outer)
        check("x: http/1.1 localhost an-id TLSv1.3 somebody ecdsa-with-SHA256 EC256\r\n" in answer, f"we read {answer!r}")
        check("crc: 4\r\n" in answer and "id: an-id\r\n" in answer, f"we read {answer!r}")
    outer, port = free_port(), free_port()
    receiver = f"""
{DEFAULTS.replace("mode tcp", "mode http")}
frontend read
  bind 127.0.0.1:{port} accept-proxy
  http-request return status 200 hdr x "%[fc_pp_authority] %[fc_pp_unique_id] %[src]"
"""
    folder, command = peer_command(lambda file: [program, "-db", "-f", file("peer.cfg", receiver)])
    with Peer(command, port, folder), Proxy(sender(outer, port), [outer]):
        answer = asked_with_certificate(outer)
        check("x: localhost an-id 127.0.0.1\r\n" in answer, f"haproxy reads {answer!r}")


@case
def varnish_reads_what_is_said_of_tls():
    program = need_program("varnishd")
    outer, port = free_port(), free_port()
    reads = {"alpn": "http/1.1", "authority": "localhost", "ssl": "true", "client-has-cert-conn": "true",
             "client-has-cert-sess": "true", "ssl-verify-result": "0", "ssl-version": "TLSv1.3", "client-cert-cn": "somebody",
             "cert-sign": "ecdsa-with-SHA256", "cert-key": "EC256"}
    names = {"ssl": "is_ssl"}
    lines = "\n".join(f"  set resp.http.x-{name} = proxy.{names.get(name, name.replace('-', '_'))}();" for name in reads)
    vcl = f"""vcl 4.1;
import proxy;
backend none none;
sub vcl_recv {{ return (synth(200)); }}
sub vcl_synth {{
{lines}
  return (deliver);
}}
"""
    folder, command = peer_command(lambda file: [
        program, "-j", "none", "-F", "-a", f"127.0.0.1:{port},PROXY", "-n", os.path.join(os.path.dirname(file("x", "")), "work"),
        "-f", file("peer.vcl", vcl), "-s", "malloc,10m", "-p", "thread_pool_min=10"])
    with Peer(command, port, folder), Proxy(sender(outer, port), [outer]):
        answer = asked_with_certificate(outer)
    for name, value in reads.items():
        check(f"x-{name}: {value}\r\n" in answer, f"{name} is not {value}: {answer!r}")


if __name__ == "__main__":
    sys.exit(run_tls_cases())
