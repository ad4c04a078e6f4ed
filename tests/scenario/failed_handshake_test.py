"""Connections that fail before their first request: the number, the words and the times of each (manual 7.3.3, fc_err_str;
8.2.5), here and in HAProxy 2.6."""

import socket
import ssl
import struct
import sys
import time

import harness
from harness import Proxy, case, check, connect, free_port, need_program
from tls_peer import ec, path, run_tls_cases, tls_server

CLIENT_MS = 400
LATE_MS = CLIENT_MS - 20
CIP_MAGIC = 1234
V2 = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 10.1.2.3 10.4.5.6 1234 80\r\n"
BINDS = {}
FIELDS = ["%[fc_err]", "%[fc_err_str]", "%ts", "%ft", "%Th", "%Ti", "%Tt", "%Ta", "%Tu", "%Tw", "%Tc", "%ST", "%B", "%U", "%b", "%s",
          "%ci", "%fi", "%sslv", "%[ssl_c_err]", "%ac", "%fc"]
TEXTS = {
    11: "Connection closed while waiting for PROXY protocol header", 12: "Connection error while waiting for PROXY protocol header",
    13: "Timeout while waiting for PROXY protocol header", 14: "Truncated PROXY protocol header received",
    15: "Received something which does not look like a PROXY protocol header", 16: "Received an invalid PROXY protocol header",
    17: "Received an unhandled protocol in the PROXY protocol header",
    18: "Connection closed while waiting for NetScaler Client IP header",
    19: "Connection error while waiting for NetScaler Client IP header", 20: "Timeout while waiting for a NetScaler Client IP header",
    21: "Truncated NetScaler Client IP header received", 22: "Received an invalid NetScaler Client IP magic number",
    23: "Received an unhandled protocol in the NetScaler Client IP header", 24: "Connection closed during SSL handshake",
    25: "Connection error during SSL handshake", 26: "Timeout during SSL handshake", 30: "SSL client CA chain cannot be verified",
    31: "SSL client certificate not trusted", 34: "SSL handshake failure",
}  # fmt: skip


def say(*pieces, then="wait"):
    """A client that sends these and then waits, closes, resets, or shuts its sending half."""
    def run(port):
        with connect(port) as peer:
            try:
                for piece in pieces:
                    peer.sendall(piece)
                    time.sleep(0.05)
                if then == "reset":
                    time.sleep(0.05)
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if then in ("close", "reset"):
                    return
                if then == "shut":
                    peer.shutdown(socket.SHUT_WR)
                harness.receive_all(peer)
            except OSError:
                pass
    return run


def unverified(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "certificate" in options:
        context.load_cert_chain(path(options["certificate"] + ".pem"))
    if "version" in options:
        context.minimum_version = context.maximum_version = options["version"]
    return context


def hello():
    """The bytes of a ClientHello."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        unverified().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def shake(name="localhost", before=b"", refuses=False, **options):
    def run(port):
        with connect(port) as peer:
            peer.sendall(before)
            context = unverified(**options)
            if refuses:
                context.verify_mode = ssl.CERT_REQUIRED
            try:
                with context.wrap_socket(peer, server_hostname=name) as secure:
                    secure.recv(1)
            except (ssl.SSLError, OSError):
                pass
    return run


def cip(magic, length, data=b""):
    return struct.pack(">II", magic, length) + data


def situations():
    """(name, bind, client, number, HAProxy's number where that is another)"""
    begun = hello()
    check(len(begun) > 100, "no ClientHello")
    # A header may come in pieces, here: its rest is waited for, where 2.6 says 14 or 21 at once.
    return [
        ("nothing", "proxy", say(), 13),
        ("half a line", "proxy", say(b"PROXY TCP4 10.1.2.3"), 13, 14),
        ("half a v2 header", "proxy", say(V2), 13, 14),
        ("closed", "proxy", say(then="close"), 11),
        ("half closed", "proxy", say(then="shut"), 11),
        ("closed in a line", "proxy", say(b"PROXY TCP4 10.1.2.3", then="close"), 14),
        ("half closed in a line", "proxy", say(b"PROXY TCP4 10.1.2.3", then="shut"), 14),
        ("closed in a v2 header", "proxy", say(V2, then="close"), 14),
        ("reset", "proxy", say(then="reset"), 12),
        ("reset in a line", "proxy", say(b"PROXY TCP4 10.1.2.3", then="reset"), 12, 14),
        ("a request", "proxy", say(b"GET / HTTP/1.1\r\n\r\n"), 15),
        ("no addresses", "proxy", say(b"PROXY TCP4 foo bar 1 2\r\n"), 16),
        ("another family", "proxy", say(b"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n"), 17),
        ("another command", "proxy", say(V2 + b"\x22\x11\0\x0c" + bytes(12)), 16),
        ("a short block", "proxy", say(V2 + b"\x21\x11\0\x08" + bytes(8)), 16),
        ("nothing", "cip", say(), 20),
        ("half a header", "cip", say(cip(CIP_MAGIC, 40)), 20, 21),
        ("closed", "cip", say(then="close"), 18),
        ("closed in a header", "cip", say(cip(CIP_MAGIC, 40), then="close"), 21),
        ("reset", "cip", say(then="reset"), 19),
        ("another magic", "cip", say(cip(99, 40, bytes(60))), 22),
        ("another protocol", "cip", say(cip(CIP_MAGIC, 60, b"\x55" * 80)), 23),
        ("nothing", "tls", say(), 26),
        ("half a hello", "tls", say(begun[:50]), 26),
        ("nothing behind its hello", "tls", say(begun), 26),
        ("closed", "tls", say(then="close"), 24),
        ("closed in its hello", "tls", say(begun[:50], then="close"), 24),
        ("half closed in its hello", "tls", say(begun[:50], then="shut"), 24),
        # The words of 25 are about these; 2.6 says it failed.
        ("reset", "tls", say(then="reset"), 25, 34),
        ("reset in its hello", "tls", say(begun[:50], then="reset"), 25, 34),
        ("a request", "tls", say(b"GET / HTTP/1.1\r\n\r\n"), 34),
        ("a request for a tunnel", "tls", say(b"CONNECT a:1 HTTP/1.1\r\n\r\n"), 34),
        ("no record", "tls", say(b"\0\1\2" * 30), 34),
        ("refuses our certificate", "tls", shake(refuses=True), 34),
        ("an old version", "tls13", shake(version=ssl.TLSVersion.TLSv1_2), 34),
        ("an unknown name", "strict", shake("nobody.example.org"), 34),
        ("no name", "strict", shake(None), 34),
        ("no certificate", "verify", shake(), 34),
        ("a stranger's certificate", "verify", shake(certificate="stranger"), 31),
        ("nothing", "both", say(), 13),
        ("a header, and nothing", "both", say(V1), 26),
        ("a header, and closed", "both", say(V1, then="close"), 24),
        ("a header, and junk", "both", say(V1 + b"hello\r\n\r\n"), 34),
    ]


def make_binds():
    BINDS.update({
        "proxy": "accept-proxy", "cip": f"accept-netscaler-cip {CIP_MAGIC}", "tls": ec(), "tls13": ec() + " ssl-min-ver TLSv1.3",
        "strict": f"ssl crt {path('exact.pem')} strict-sni", "verify": f"{ec()} verify required ca-file {path('ca.crt')}",
        "both": "accept-proxy " + ec(),
    })


def config(ports, sink, words):
    text = f"""
global
  nbthread 1
  log 127.0.0.1:{sink} format raw local0
defaults
  mode http
  log global
  option httplog
  timeout connect 1s
  timeout client {CLIENT_MS}ms
  timeout server 1s
"""
    for name, bind in BINDS.items():
        text += f"frontend {name}\n  {words}\n  bind 127.0.0.1:{ports[name]} name b {bind}\n  http-request return status 200\n"
    return text


def lines_of(program, words):
    """The line of each situation."""
    make_binds()
    ports = {name: free_port() for name in BINDS}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        before, harness.PROGRAM = harness.PROGRAM, program
        try:
            proxy = Proxy(config(ports, sink.getsockname()[1], words), list(ports.values()))
        finally:
            harness.PROGRAM = before
        with proxy:
            lines = []
            sink.settimeout(0.2)
            try:
                while True:  # that proxies have started
                    sink.recv(65536)
            except TimeoutError:
                sink.settimeout(5)
            for name, bind, client, *_ in situations():
                client(ports[bind])
                try:
                    lines.append(sink.recv(65536).decode().rstrip("\n"))
                except TimeoutError:
                    raise AssertionError(f"{bind}, {name}: no line") from None
            return lines


def custom():
    return 'error-log-format "' + "|".join(FIELDS) + '"'


def expect_fields(what, line, number, peer_ip, is_tls):
    fields = dict(zip(FIELDS, line.split("|")))
    check(fields["%[fc_err]"] == str(number), f"{what}: {number} was expected: {line}")
    check(fields["%[fc_err_str]"] == TEXTS[number], f"{what}: {line}")
    bind = what.split(",")[0]
    plain = {"%ts": "PR", "%ft": bind + ("~" if is_tls else ""), "%Ti": "0", "%Tw": "-1", "%Tc": "-1", "%ST": "0", "%B": "0",
             "%b": bind, "%s": "<NOSRV>", "%ci": peer_ip, "%ac": "1", "%fc": "1"}
    for field, value in plain.items():
        check(fields[field] == value, f"{what}: {field} is {fields[field]}, not {value}: {line}")
    check(fields["%Tt"] == fields["%Tu"], f"{what}: {line}")
    if number in (13, 20, 26):
        check(fields["%Th"] == "-1" and int(fields["%Tt"]) >= LATE_MS and int(fields["%Ta"]) >= LATE_MS, f"{what}: {line}")
    else:
        check(fields["%Th"] == fields["%Tt"] and 0 <= int(fields["%Tt"]) < LATE_MS and fields["%Ta"] == "0", f"{what}: {line}")


def expect_all(lines, theirs):
    for (name, bind, _, *numbers), line in zip(situations(), lines):
        announced = name.startswith("a header, ")
        expect_fields(f"{bind}, {name}", line, numbers[-1 if theirs else 0], "10.1.2.3" if announced else "127.0.0.1",
                      "ssl" in BINDS[bind])


@case
def every_failure_has_its_number():
    expect_all(lines_of(harness.PROGRAM, custom()), False)


@case
def haproxy_has_the_same_numbers():
    expect_all(lines_of(need_program("haproxy"), custom()), True)


@case
def the_fixed_line_says_the_same():
    lines = lines_of(harness.PROGRAM, "")
    for (name, bind, _, number, *_), line in zip(situations(), lines):
        address = "10.1.2.3:1234 [" if name.startswith("a header, ") else "127.0.0.1:"
        check(line.startswith(address), f"{bind}, {name}: {line}")
        check(line.endswith(f"] {bind}/b: {TEXTS[number]}"), f"{bind}, {name}: {line}")


@case
def version_and_cipher_are_those_agreed_on():
    words = 'error-log-format "%sslv/%sslc %[ssl_fc_err_str] %fi:%fp"'
    said = {(bind, name): line for (name, bind, *_), line in zip(situations(), lines_of(harness.PROGRAM, words))}
    check(said["tls", "nothing"].startswith("-/- "), said["tls", "nothing"])
    check(said["proxy", "nothing"].startswith("-/- - 127.0.0.1:"), said["proxy", "nothing"])
    check(said["tls", "nothing behind its hello"].startswith("TLSv1.3/TLS_"), said["tls", "nothing behind its hello"])
    check("/- HTTP_REQUEST " in said["tls", "a request"], said["tls", "a request"])
    check(said["both", "a header, and junk"].endswith(" 10.4.5.6:80"), said["both", "a header, and junk"])


def server_error(program, server, words):
    """What a line says of the connection to a server with a certificate for localhost."""
    port = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        sink.settimeout(5)
        before, harness.PROGRAM = harness.PROGRAM, program
        try:
            proxy = Proxy(f"""
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 2s
  timeout server 2s
listen in
  bind 127.0.0.1:{port}
  log 127.0.0.1:{sink.getsockname()[1]} format raw local0
  log-format "<%[bc_err] %[bc_err_str]>"
  server s 127.0.0.1:{server.port} ssl verify required ca-file {path('ca.crt')} {words}
""", [port])
        finally:
            harness.PROGRAM = before
        with proxy, connect(port) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            harness.receive_all(peer)
            while True:
                said = sink.recv(65536).decode()
                if said.startswith("<"):
                    return said.strip()


@case
def servers_fail_by_the_same_numbers():
    of_the_name = "<33 Server presented an SSL certificate different from the expected one>"
    with tls_server(lambda peer: peer.recv(100)) as server:
        for program in (harness.PROGRAM, need_program("haproxy")):
            for words, expected in (
                    ("verifyhost other.example", "<32 Server presented an SSL certificate different from the configured one>"),
                    ("sni str(other.example)", of_the_name), ("sni str(other.example) verifyhost localhost", of_the_name),
                    (f"ca-file {path('stranger.crt')}", "<34 SSL handshake failure>")):
                got = server_error(program, server, words)
                check(got == expected, f"{program}, {words}: {got}")


@case
def a_server_that_closes_in_the_handshake_fails_it():
    with harness.Server(lambda peer: peer.recv(65536)) as server:
        for program in (harness.PROGRAM, need_program("haproxy")):
            got = server_error(program, server, "")
            check(got == "<34 SSL handshake failure>", f"{program}: {got}")


@case
def a_server_that_never_answers_the_hello_has_a_number_too():
    with harness.Server(lambda peer: peer.recv(65536) and peer.recv(65536)) as server:
        got = server_error(harness.PROGRAM, server, "")
        check(got == "<26 Timeout during SSL handshake>", got)


if __name__ == "__main__":
    sys.exit(run_tls_cases())
