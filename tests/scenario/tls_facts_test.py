"""What is told of a client's TLS: the lists of its hello, our own certificate, and PROXY headers to servers."""

import hashlib
import re
import ssl
import struct
import subprocess
import sys
import tempfile

from harness import Proxy, Server, case, check, connect, echo, free_port, need_program, receive_exactly
from tls_peer import (client_context, config, ec, echoed, errors_of, openssl, path, read, run_tls_cases, tls, wait_for_line,
                      write)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CAPTURE = "  tune.ssl.capture-buffer-size 4096"
HELLO = ["ssl_fc_protocol_hello_id", "ssl_fc_cipherlist_bin(1),hex", "ssl_fc_extlist_bin(1),hex", "ssl_fc_eclist_bin(1),hex",
         "ssl_fc_ecformats_bin,hex", "ssl_fc_sigalgs_bin,hex", "ssl_fc_supported_versions_bin,hex", "ssl_fc_cipherlist_hex(1)",
         "ssl_fc_cipherlist_str(1)", "ssl_fc_cipherlist_xxh"]


class Hello:
    """The lists of a ClientHello, read from its bytes."""

    def __init__(self, record):
        body = record[9:]
        self.version = int.from_bytes(body[:2], "big")
        at = 34 + 1 + body[34]
        length = int.from_bytes(body[at : at + 2], "big")
        self.ciphers = body[at + 2 : at + 2 + length]
        at += 2 + length
        at += 1 + body[at]
        rest = body[at + 2 :]
        self.extensions = {}
        while rest:
            kind, length = struct.unpack(">HH", rest[:4])
            self.extensions[kind] = rest[4 : 4 + length]
            rest = rest[4 + length :]


def hello_of(context, server_name="localhost"):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    peer = context.wrap_bio(incoming, outgoing, server_hostname=server_name)
    try:
        peer.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return Hello(outgoing.read())


def log_of(fields):
    return '  log-format "<' + "|".join(f"%[{field}]" for field in fields) + '>"'


def logged(proxy):
    wait_for_line(proxy, "<")
    return re.search("<(.*)>", proxy.said()).group(1).split("|")


@case
def lists_of_the_hello_are_kept():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec(), top=CAPTURE, frontend=log_of(HELLO)), [port]) as proxy:
        with tls(port) as peer:
            echoed(peer, b"hello")
        sent = hello_of(client_context())
        got = logged(proxy)
        check(got[0] == str(sent.version), got[0])
        wanted = [sent.ciphers, b"".join(kind.to_bytes(2, "big") for kind in sent.extensions), sent.extensions[10][2:],
                  sent.extensions[11][1:], sent.extensions[13][2:], sent.extensions[43][1:], sent.ciphers]
        for name, text, data in zip(HELLO[1:], got[1:], wanted):
            check(text == data.hex().upper(), f"{name}: {text}, not {data.hex()}")
        words = got[8].split(",")
        check(len(words) == len(sent.ciphers) // 2 and "ECDHE-RSA-AES128-GCM-SHA256" in words and
              "TLS_AES_128_GCM_SHA256" in words, words)
        check(got[9].lstrip("-").isdigit(), got[9])


@case
def ciphers_have_openssl_names():
    port = free_port()
    every = "ALL:COMPLEMENTOFALL:@SECLEVEL=0"
    said = openssl("ciphers", "-V", every)
    names = {number.replace("0x", "").replace(",", ""): name
             for number, name in re.findall(r"(0x..,0x..) - (\S+)", said)}
    names["00FF"] = "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
    answer = ('  http-request return status 200 content-type text/plain '
              'lf-string "%[ssl_fc_cipherlist_str] %[ssl_fc_cipherlist_hex]"')
    with Proxy(config(port, 1, ec(), mode="http", top=CAPTURE, frontend=answer), [port]):
        with tls(port, context=client_context(ciphers=every)) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            got = b""
            while piece := peer.recv(65536):
                got += piece
    words, numbers = got.decode().split("\r\n\r\n")[1].split()
    wanted = [names[numbers[i : i + 4].upper()] for i in range(0, len(numbers), 4)]
    check(len(wanted) > 30 and words.split(",") == wanted, f"{words} is not {wanted}")


@case
def digest_of_ja3_is_made_by_converters():
    port = free_port()
    ja3 = ("%[ssl_fc_protocol_hello_id],%[ssl_fc_cipherlist_bin(1),be2dec(-,2)],%[ssl_fc_extlist_bin(1),be2dec(-,2)],"
           "%[ssl_fc_eclist_bin(1),be2dec(-,2)],%[ssl_fc_ecformats_bin,be2dec(-,1)]")
    with Server(echo) as server, \
            Proxy(config(port, server.port, ec(), top=CAPTURE, frontend=f'  log-format "<{ja3}>"'), [port]) as proxy:
        with tls(port) as peer:
            echoed(peer, b"hello")
        sent = hello_of(client_context())

        def numbers(data, size=2):
            return "-".join(str(int.from_bytes(data[i : i + size], "big")) for i in range(0, len(data), size))

        wanted = ",".join([str(sent.version), numbers(sent.ciphers), "-".join(map(str, sent.extensions)),
                           numbers(sent.extensions[10][2:]), numbers(sent.extensions[11][1:], 1)])
        check(logged(proxy) == [wanted], f"{logged(proxy)} is not {wanted}")


@case
def capture_is_bounded_and_off_by_default():
    port = free_port()
    with Server(echo) as server, \
            Proxy(config(port, server.port, ec(), top="  tune.ssl.capture-buffer-size 11", frontend=log_of(HELLO)),
                  [port]) as proxy:
        with tls(port) as peer:
            echoed(peer, b"hello")
        sent = hello_of(client_context())
        got = logged(proxy)
        check(got[1] == sent.ciphers[:10].hex().upper(), f"{got[1]}: a value was cut, or not enough was kept")
        # The formats of points have one byte each: one of them had room.
        check(got[2:5] in (["-", "-", "00"], ["", "", "00"]), got)
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec(), frontend=log_of(HELLO)), [port]) as proxy:
        with tls(port) as peer:
            echoed(peer, b"hello")
        check(set(logged(proxy)) == {"-"}, logged(proxy))
    said = errors_of(config(free_port(), 1, ec(), frontend=log_of(["ssl_fc_cipherlist_bin(2)"])))
    check("0 (the whole list) or 1" in said, said)


@case
def own_certificate_is_told_by_expressions():
    port = free_port()
    fields = ["ssl_f_sha1,hex", "ssl_f_s_dn(CN)", "ssl_f_i_dn(cn)", "ssl_f_s_dn(cn,-1)", "ssl_f_version", "ssl_f_key_alg",
              "ssl_f_der,sha1,hex", "ssl_fc_crtname", "ssl_fc_has_early", "ssl_fc_early_rcvd"]
    bind = f"{ec()} crt {path('exact.pem')}"
    with Server(echo) as server, Proxy(config(port, server.port, bind, frontend=log_of(fields)), [port]) as proxy:
        with tls(port, "www.example.com") as peer:
            echoed(peer, b"hello")
        sha1 = hashlib.sha1(ssl.PEM_cert_to_DER_cert(read("exact.crt"))).hexdigest().upper()
        wanted = [sha1, "www.example.com", "test CA", "www.example.com", "3", "id-ecPublicKey", sha1, path("exact.pem"), "0", "0"]
        check(logged(proxy) == wanted, f"{logged(proxy)} is not {wanted}")


@case
def session_is_told_by_expressions():
    port = free_port()
    fields = ["ssl_fc_unique_id,hex", "ssl_fc_session_key,hex", "ssl_fc_client_random,hex"]
    with Server(echo) as server, Proxy(config(port, server.port, ec(), frontend=log_of(fields)), [port]) as proxy:
        with tls(port, context=client_context(version=ssl.TLSVersion.TLSv1_2)) as peer:
            unique = peer.get_channel_binding("tls-unique").hex().upper()
            echoed(peer, b"hello")
        got = logged(proxy)
        check(got[0] == unique, f"{got[0]} is not {unique}")
        check(len(got[1]) == 96 and len(got[2]) == 64, got)


@case
def session_of_tls13_is_told_by_expressions():
    port = free_port()
    answer = '  http-request return status 200 content-type text/plain lf-string "%[ssl_fc_unique_id,hex] %[ssl_fc_session_id,hex]"'
    session = path("session.tls13")
    with Proxy(config(port, 1, ec(), mode="http", frontend=answer), [port]):
        ids = set()
        for words, finished in ((["-sess_out", session], ">>>"), (["-sess_in", session], "<<<")):
            client = subprocess.Popen([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_3", "-msg",
                                       "-ign_eof", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            said = client.communicate("GET / HTTP/1.0\r\n\r\n", timeout=20)[0]
            wanted = re.search(finished + r" TLS 1.3, Handshake .*Finished\n((?:    .*\n)+)", said).group(1)
            wanted = "".join(wanted.split()[4:]).upper()
            unique, session_id = re.search(r"([0-9A-F]{64,96}) ([0-9A-F]{64})", said).groups()
            check(unique == wanted and len(unique) in (64, 96), f"{unique} is not {wanted}")
            ids.add(session_id)
        check(len(ids) == 2 and all(len(one) == 64 for one in ids), ids)


SECRETS = {"client_early_traffic_secret": "CLIENT_EARLY_TRAFFIC_SECRET", "early_exporter_secret": "EARLY_EXPORTER_SECRET",
           "client_handshake_traffic_secret": "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
           "server_handshake_traffic_secret": "SERVER_HANDSHAKE_TRAFFIC_SECRET",
           "client_traffic_secret_0": "CLIENT_TRAFFIC_SECRET_0", "server_traffic_secret_0": "SERVER_TRAFFIC_SECRET_0",
           "exporter_secret": "EXPORTER_SECRET"}


def secrets_of(side, top, keylog=None):
    """What the log says of them, by label, and what Python's end of the connection says."""
    port = free_port()
    context = client_context()
    context.keylog_filename = keylog
    fields = [f"ssl_{side}_{name}" for name in SECRETS]
    with Server(echo) as server, Proxy(config(port, server.port, ec(), top=top, frontend=log_of(fields)), [port]) as proxy:
        with tls(port, context=context) as peer:
            echoed(peer, b"hello")
        return dict(zip(SECRETS.values(), logged(proxy)))


@case
def secrets_are_kept_where_they_are_asked_for():
    with tempfile.NamedTemporaryFile() as file:
        got = secrets_of("fc", "  tune.ssl.keylog on", file.name)
        wanted = dict.fromkeys(SECRETS.values(), "-")
        for line in open(file.name).read().splitlines():
            if not line.startswith("#"):
                wanted[line.split()[0]] = line.split()[2]
    check(got == wanted and len(set(got.values())) == 6, f"{got} is not {wanted}")
    check(set(secrets_of("fc", "").values()) == {"-"}, "kept although nobody has asked for it")
    check(set(secrets_of("bc", "  tune.ssl.keylog on").values()) == {"-"}, "of a server without TLS")
    said = errors_of(config(free_port(), 1, ec(), top="  tune.ssl.keylog yes"))
    check("tune.ssl.keylog" in said and "'yes'" in said, said)


@case
def secrets_of_both_ends_of_a_connection_are_the_same():
    inner, outer = free_port(), free_port()
    fields = [f"ssl_%s_{name}" for name in SECRETS]
    top = "  tune.ssl.keylog on"
    with Server(echo) as server, \
            Proxy(config(inner, server.port, ec(), top=top, frontend=log_of([one % "fc" for one in fields])), [inner]) as last, \
            Proxy(config(outer, inner, "", "ssl verify none", top=top, frontend=log_of([one % "bc" for one in fields])),
                  [outer]) as first:
        with connect(outer) as peer:
            peer.sendall(b"hello")
            check(receive_exactly(peer, 5) == b"hello", "not echoed")
        sent, received = logged(first), logged(last)
        check(sent == received and len(set(sent)) == 6, f"{sent} is not {received}")


@case
def authority_of_a_client_is_told_by_expressions():
    port = free_port()
    fields = ["ssl_c_r_dn", "ssl_c_r_dn(CN)", "ssl_c_r_dn(CN,-1)", "ssl_c_r_dn(CN,2)", "ssl_c_r_dn(,0,rfc2253)", "ssl_c_i_dn"]
    bind = f"{ec()} verify optional ca-file {path('ca.crt')}"
    text = config(port, 1, bind, mode="http", frontend=f"{log_of(fields)}\n  http-request return status 200")
    for context, wanted in ((client_context(certificate="client"), "/CN=test CA|test CA|test CA|-|CN=test CA|/CN=test CA"),
                            (client_context(), "-|-|-|-|-|-")):
        with Proxy(text, [port]) as proxy:
            with tls(port, context=context) as peer:
                peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
                while peer.recv(4096):
                    pass
            check("|".join(logged(proxy)) == wanted, logged(proxy))
    said = errors_of(config(free_port(), 1, ec(), frontend=log_of(["ssl_c_r_dn(CN,1,ldap)"])))
    check("rfc2253" in said, said)


@case
def names_beyond_ascii_are_escaped_by_rfc2253():
    subject = "/O=a,b\x01/CN=Zoë Größe"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "odd.key", "-out",
            "odd.crt", "-utf8", "-subj", subject)
    write("odd.pem", read("odd.crt") + read("odd.key"))
    wanted = openssl("x509", "-in", "odd.crt", "-noout", "-subject", "-nameopt", "RFC2253").strip().removeprefix("subject=")
    port = free_port()
    answer = '  http-request return status 200 content-type text/plain lf-string "%[ssl_f_s_dn(,0,rfc2253)]"'
    with Proxy(config(port, 1, f"ssl crt {path('odd.pem')}", mode="http", frontend=answer), [port]):
        with tls(port, context=client_context(check=False, trust="odd")) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            got = b""
            while piece := peer.recv(4096):
                got += piece
    got = got.split(b"\r\n\r\n")[1].decode()
    check(got == wanted and "\\C3\\AB" in got and "\\01" in got, f"{got} is not {wanted}")


# ---- PROXY headers --------------------------------------------------------------------------------


def tlvs_of(data):
    all_of_them = {}
    while data:
        kind, length = struct.unpack(">BH", data[:3])
        all_of_them[kind] = data[3 : 3 + length]
        data = data[3 + length :]
    return all_of_them


def header_of(peer):
    """The TLVs of the header that begins this connection."""
    fixed = receive_exactly(peer, 16)
    check(fixed[:12] == SIGNATURE and fixed[12] == 0x21, fixed)
    body = receive_exactly(peer, int.from_bytes(fixed[14:16], "big"))
    return tlvs_of(body[12:])


def headers(server_words, context, bind="", name="localhost", count=1):
    """The TLVs of each connection's header to a server with `server_words`."""
    got = []

    def serve(peer):
        got.append(header_of(peer))
        echo(peer)

    port = free_port()
    bind = f"{ec()} {bind}"
    with Server(serve) as server, Proxy(config(port, server.port, bind, server_words), [port]):
        session = None
        for _ in range(count):
            with tls(port, name, context, session) as peer:
                check(echoed(peer, b"hello") == b"hello", "bytes changed")
                session = peer.session
    check(len(got) == count, f"{len(got)} connections")
    return got


@case
def header_tells_of_a_client_with_certificate():
    context = client_context(certificate="client")
    bind = f"verify optional ca-file {path('ca.crt')}"
    words = "send-proxy-v2-ssl-cn proxy-v2-options ssl-cipher,cert-sig,cert-key,authority,crc32c"
    first, second = headers(words, context, bind, count=2)
    check(first[0x02] == b"localhost", first)
    check(first[0x20][:5] == b"\x07\0\0\0\0", first[0x20])
    inside = tlvs_of(first[0x20][5:])
    check(inside[0x21] == b"TLSv1.3" and inside[0x22] == b"somebody" and inside[0x24] == b"ecdsa-with-SHA256" and
          inside[0x25] == b"EC256" and inside[0x23].startswith(b"TLS_"), inside)
    check(second[0x20][:5] == b"\x05\0\0\0\0" and tlvs_of(second[0x20][5:])[0x22] == b"somebody",
          f"a resumed session: {second}")


@case
def header_tells_of_a_client_without_certificate():
    (got,) = headers("send-proxy-v2-ssl", client_context())
    check(set(got) == {0x20} and got[0x20][0] == 1 and got[0x20][1:5] != b"\0\0\0\0", got)
    check(set(tlvs_of(got[0x20][5:])) == {0x21}, got)
    (got,) = headers("send-proxy-v2 proxy-v2-options authority", client_context())
    check(got == {0x02: b"localhost"}, got)


def plain_headers(server_words):
    got = []

    def serve(peer):
        got.append(header_of(peer))
        echo(peer)

    port = free_port()
    with Server(serve) as server, Proxy(config(port, server.port, "", server_words), [port]):
        with connect(port) as peer:
            peer.sendall(b"hello")
            check(receive_exactly(peer, 5) == b"hello", "bytes changed")
    return got


@case
def header_of_a_plain_client_says_that_it_is_plain():
    for words in ("send-proxy-v2-ssl-cn", "send-proxy-v2 proxy-v2-options ssl", "send-proxy-v2 proxy-v2-options ssl-cipher"):
        # Nobody has shown a certificate, so that `verify` is not 0 (proxy-protocol.txt 2.2.6).
        check(plain_headers(words) == [{0x20: b"\0\0\0\0\x01"}], f"{words}: {plain_headers(words)}")
    check(plain_headers("send-proxy-v2 proxy-v2-options authority") == [{}], "a plain client has no SNI")


@case
def header_tells_the_protocol_that_was_agreed_on():
    """manual 5.2, send-proxy-v2: without any option; and for requests of HTTP, too."""
    bind = "alpn foo,http/1.1"
    for words, offered, wanted in (("send-proxy-v2", ["http/1.1"], {0x01: b"http/1.1"}),
                                   ("send-proxy-v2", ["http/1.1", "foo"], {0x01: b"foo"}),
                                   ("send-proxy-v2", ["other"], {}),
                                   ("send-proxy-v2 proxy-v2-options authority", ["foo"], {0x01: b"foo", 0x02: b"localhost"})):
        (got,) = headers(words, client_context(alpn=offered), bind)
        check(got == wanted, f"{words}, {offered}: {got}")
    (got,) = headers("send-proxy-v2-ssl", client_context(alpn=["http/1.1"]), bind)
    check(list(got) == [0x01, 0x20], f"{got} is not in HAProxy's order")


@case
def kept_connections_are_told_apart_by_the_protocol():
    seen = []

    def serve(peer):
        tlvs = header_of(peer)
        while head := peer.recv(4096):
            seen.append((tlvs, head))
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    port = free_port()
    text = config(port, 0, f"{ec()} alpn http/1.1,http/1.0", mode="http", top="  nbthread 1",
                  frontend="  tcp-request session set-src-port int(1)")
    with Server(serve) as server:
        text = text.replace("127.0.0.1:0 ", f"127.0.0.1:{server.port} send-proxy-v2").replace(
            "backend back", "backend back\n  http-reuse always")
        with Proxy(text, [port]):
            for offered in (["http/1.1"], ["http/1.0"], None, ["http/1.1"]):
                context = client_context(alpn=offered) if offered else client_context()
                with tls(port, context=context) as peer:
                    peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    check(b" 200 " in peer.recv(4096), f"no answer to {offered}")
    told = [tlvs.get(0x01) for tlvs, _ in seen]
    check(told == [b"http/1.1", b"http/1.0", None, b"http/1.1"], told)
    check(server.accepted == 3, f"{server.accepted} connections: the last client has nothing new to tell")


if __name__ == "__main__":
    sys.exit(run_tls_cases())
