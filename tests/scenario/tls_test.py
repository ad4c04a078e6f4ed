"""TLS on both sides, with OpenSSL as the peer: versions, names, verification, tickets, ends, and what is refused."""

import hashlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

from harness import (Proxy, Server, case, check, connect, echo, free_port, is_closed_within, need_program, receive_all)
from tls_peer import (BLOCK, MemoryPeer, client_context, config, ec, echoed, errors_of, is_refused, openssl, path, read,
                      run_tls_cases, tls, tls_server, wait_for_line, warnings_of, write)

# ---- clients -------------------------------------------------------------------------------------


@case
def both_versions_carry_bytes_unchanged():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with tls(port, context=client_context(version=version)) as peer:
                check(echoed(peer, BLOCK) == BLOCK, f"{version}: bytes changed")


@case
def bytes_come_one_by_one():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        peer = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
        raw = connect(port)

        def step(call):
            while True:
                try:
                    result = call()
                    break
                except ssl.SSLWantReadError:
                    for byte in outgoing.read():
                        raw.sendall(bytes([byte]))
                    incoming.write(raw.recv(65536))
            for byte in outgoing.read():
                raw.sendall(bytes([byte]))
            return result

        step(peer.do_handshake)
        for word in (b"a", b"hello", b"x" * 300):
            step(lambda w=word: peer.write(w))
            got = b""
            while len(got) < len(word):
                got += step(lambda: peer.read(1000))
            check(got == word, "bytes changed")


@case
def key_kind_follows_the_client():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, f"{ec()} crt {path('rsa.pem')}"), [port]):
        for ciphers, wanted in (("ECDHE-RSA-AES128-GCM-SHA256", "RSA"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA")):
            with tls(port, context=client_context(version=ssl.TLSVersion.TLSv1_2, ciphers=ciphers)) as peer:
                check(wanted in peer.cipher()[0].split("-"), f"{peer.cipher()} for {ciphers}")


@case
def keys_sign_and_decrypt_in_every_way():
    port = free_port()
    # The last one has the client encrypt a secret with the key of the certificate: no forward secrecy.
    ciphers = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:AES128-GCM-SHA256"
    for certificate in ("rsa", "ec"):
        bind = f"ssl crt {path(certificate + '.pem')} ciphers {ciphers}"
        with Server(echo) as server, Proxy(config(port, server.port, bind), [port]):
            contexts = [client_context(version=ssl.TLSVersion.TLSv1_3)]
            kinds = ciphers.split(":")[::2] if certificate == "rsa" else ciphers.split(":")[1:2]
            contexts += [client_context(version=ssl.TLSVersion.TLSv1_2, ciphers=kind + ":@SECLEVEL=0") for kind in kinds]
            for context in contexts:
                with tls(port, context=context) as peer:
                    check(echoed(peer, b"hello") == b"hello", f"{certificate}: {peer.cipher()}")


@case
def names_choose_the_certificate():
    port = free_port()
    listed = write("list", f"# names\n{path('ec.pem')}\n{path('wild.pem')} *.example.com !no.example.com\n{path('exact.pem')}\n")
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt-list {listed}"), [port]):
        for name, wanted in (("www.example.com", "www.example.com"), ("other.example.com", "*.example.com"),
                             ("no.example.com", "localhost"), ("a.b.example.com", "localhost"), ("nobody", "localhost")):
            with tls(port, name, client_context(check=False)) as peer:
                got = peer.getpeercert()["subjectAltName"][0][1]
                check(got == wanted, f"{name} got {got}")


@case
def strict_names_refuse_the_unknown():
    words = '  error-log-format "<%[fc_err] %[ssl_fc_err_str]>"'
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec() + " strict-sni", frontend=words), [port]) as proxy:
        tls(port).close()
        check(is_refused(lambda: tls(port, "nobody", client_context(check=False))), "an unknown name was served")
        wait_for_line(proxy, "<34 no certificate for the name the client asks for>")


@case
def directory_brings_all_its_certificates():
    port = free_port()
    os.makedirs(path("dir"), exist_ok=True)
    for name in ("ec", "exact"):
        shutil.copy(path(name + ".crt"), path(f"dir/{name}.crt"))
        shutil.copy(path(name + ".key"), path(f"dir/{name}.key"))
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt {path('dir')}", top="  ssl-load-extra-del-ext"), [port]):
        tls(port).close()
        tls(port, "www.example.com").close()


@case
def client_certificates_are_asked_for():
    port = free_port()
    bind = f"{ec()} verify required ca-file {path('ca.crt')}"
    with Server(echo) as server, Proxy(config(port, server.port, bind), [port]) as proxy:

        def talks(context):
            with tls(port, context=context) as peer:
                peer.sendall(b"hello")
                return peer.recv(5) == b"hello"

        check(talks(client_context(certificate="client")), "the right certificate was refused")
        for context in (client_context(), client_context(certificate="stranger")):
            try:
                check(not talks(context), "served without a certificate of the CA")
            except (ssl.SSLError, ConnectionError):
                pass
        wait_for_line(proxy, "SSL client certificate not trusted")


@case
def client_certificates_of_every_kind_work():
    kinds = {"ed25519": ("ed25519",), "p256": ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
             "p384": ("ec", "-pkeyopt", "ec_paramgen_curve:P-384"), "p521": ("ec", "-pkeyopt", "ec_paramgen_curve:P-521"),
             "rsa2048": ("rsa:2048",)}
    every = ""
    for name, words in kinds.items():
        openssl("req", "-x509", "-newkey", *words, "-nodes", "-keyout", name + ".key", "-out", name + ".crt", "-subj", "/CN=x")
        write(name + ".pem", read(name + ".crt") + read(name + ".key"))
        every += read(name + ".crt")
    port, back_port = free_port(), free_port()
    server = f"ssl ca-file {write('every.crt', every + read('ca.crt'))}"
    for name in kinds:
        bind = f"{ec()} verify required ca-file {path('every.crt')}"
        back = f"ssl crt {path(name + '.pem')}"  # and a server's certificate of that kind
        with Server(echo) as echoing, Proxy(config(back_port, echoing.port, back), [back_port]), \
                Proxy(config(port, back_port, bind, server), [port]):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with tls(port, context=client_context(certificate=name, version=version)) as peer:
                    check(echoed(peer, b"hello") == b"hello", f"{name} {version}")
    with Server(echo) as echoing, Proxy(config(port, echoing.port, bind), [port]):
        said = subprocess.run([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2"], input="",
                              capture_output=True, text=True, check=False).stdout
        asked = re.search("Requested Signature Algorithms: (.*)", said).group(1)
        check("SHA1" not in asked and "ed25519" in asked.lower(), asked)


@case
def certificates_are_read_by_expressions():
    port = free_port()
    fields = ["ssl_fc", "ssl_fc_sni", "ssl_fc_protocol", "ssl_fc_alpn", "ssl_c_used", "ssl_c_verify", "ssl_c_s_dn(CN)",
              "ssl_c_s_dn", "ssl_c_i_dn(CN)", "ssl_c_san", "ssl_c_sha1,hex", "ssl_c_version", "ssl_c_key_alg",
              "ssl_s_s_dn(CN)", "ssl_bc", "ssl_bc_sni", "ssl_bc_protocol", "ssl_fc_err", "ssl_c_ca_err_depth"]
    log = '  log-format "<' + "|".join(f"%[{field}]" for field in fields) + '>"'
    bind = f"{ec()} verify optional ca-file {path('ca.crt')} alpn h2,http/1.1"
    with tls_server(echo) as server, \
            Proxy(config(port, server.port, bind, "ssl verify none sni str(server.example.com)", frontend=log),
                  [port]) as proxy:
        with tls(port, context=client_context(certificate="client", alpn=["http/1.1"])) as peer:
            check(echoed(peer, b"hello") == b"hello", "bytes changed")
        der = ssl.PEM_cert_to_DER_cert(read("client.crt"))
        with tls(port) as peer:
            check(echoed(peer, b"hello") == b"hello", "bytes changed")
        names = subprocess.run(["openssl", "x509", "-in", path("client.crt"), "-noout", "-subject", "-issuer", "-ext",
                                "subjectAltName", "-nameopt", "RFC2253"], capture_output=True, text=True, check=True).stdout
        subject = re.search("subject=CN=(.*)", names).group(1)
        issuer = re.search("issuer=CN=(.*)", names).group(1)
        host = re.search("DNS:(.*)", names).group(0)
        sha1 = hashlib.sha1(der).hexdigest().upper()
        wait_for_line(proxy, f"<1|localhost|TLSv1.3|http/1.1|1|0|{subject}|/CN={subject}|{issuer}|{host}|{sha1}|3|"
                             "id-ecPublicKey|localhost|1|server.example.com|TLSv1.3|0|0>")
        wait_for_line(proxy, "<1|localhost|TLSv1.3|-|0|0|-|-|-|-|-|-|-|localhost|1|server.example.com|TLSv1.3|0|0>")


@case
def httpslog_tells_of_the_handshake():
    port = free_port()
    with tls_server(answer_requests) as server, \
            Proxy(config(port, server.port, ec(), "ssl verify none", mode="http", frontend="  option httpslog"),
                  [port]) as proxy:
        with tls(port) as peer:
            peer.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            receive_all(peer)
        wait_for_line(proxy, '"GET /x HTTP/1.1" 0/0000000000000000/0/0/0 localhost/TLSv1.3/TLS_')
        wait_for_line(proxy, "] front~ back/s ")


@case
def sessions_are_resumed_by_ticket():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(version=version)
            with tls(port, context=context) as peer:
                peer.sendall(b"x")
                peer.recv(1)  # tickets of 1.3 come with the first bytes
                session = peer.session
            with tls(port, context=context, session=session) as peer:
                peer.sendall(b"x")
                check(peer.recv(1) == b"x" and peer.session_reused, f"{version}: not resumed")


@case
def tickets_can_be_switched_off():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec() + " no-tls-tickets", top="  nbthread 1"), [port]):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(version=version)
            session = None
            for _ in range(3):
                with tls(port, context=context, session=session) as peer:
                    peer.sendall(b"x")
                    peer.recv(1)
                    check(peer.session_reused == (session is not None), f"{version}: resumption")
                    session = session or peer.session
            # Of TLS 1.3 it is a ticket that holds an id.
            check(session.has_ticket == (version == ssl.TLSVersion.TLSv1_3), f"{version}: ticket")


@case
def ticket_keys_are_shared_by_machines():
    ports = [free_port(), free_port()]
    keys = write("keys", "".join(
        subprocess.run(["openssl", "rand", "-base64", "80"], capture_output=True, text=True, check=True).stdout.replace("\n", "") +
        "\n" for _ in range(3)))
    with Server(echo) as server:
        session = None
        context = client_context(version=ssl.TLSVersion.TLSv1_2)
        for port in ports:
            with Proxy(config(port, server.port, f"{ec()} tls-ticket-keys {keys}"), [port]), \
                    tls(port, context=context, session=session) as peer:
                check(peer.session_reused == (session is not None), "resumption")
                session = peer.session


@case
def versions_are_limited():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec() + " ssl-min-ver TLSv1.3"), [port]):
        tls(port).close()
        check(is_refused(lambda: tls(port, context=client_context(version=ssl.TLSVersion.TLSv1_2))), "1.2 was served")


@case
def alpn_is_answered_without_h2():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec() + " alpn h2,http/1.1", mode="http"), [port]):
        for offered, wanted in ((["h2", "http/1.1"], "http/1.1"), (["h2"], None)):
            with tls(port, context=client_context(alpn=offered)) as peer:
                check(peer.selected_alpn_protocol() == wanted, peer.selected_alpn_protocol())


@case
def alpn_of_mode_tcp_is_answered_as_listed():
    port = free_port()
    # A protocol without a name is none (RFC 7301 section 3.1), which HAProxy starts with all the same.
    for alpn, offered, wanted in (("alpn h2", ["h2", "http/1.1"], "h2"), ("alpn h2", ["http/1.1"], None), ("", ["h2"], None),
                                  ("alpn http/1.1,h2", ["h2", "http/1.1"], "http/1.1"), ("alpn a,,h2,", ["h2"], "h2"),
                                  ("alpn h2 no-alpn", ["h2"], None)):
        with Server(echo) as server, Proxy(config(port, server.port, f"{ec()} {alpn}"), [port]) as proxy:
            with tls(port, context=client_context(alpn=offered)) as peer:
                check(peer.selected_alpn_protocol() == wanted, f"{alpn} {offered}: {peer.selected_alpn_protocol()}")
            check("is left out" not in proxy.said() or ",," in alpn, proxy.said())


@case
def h2_is_left_out_only_where_http_is_spoken():
    """By a bind line, by a server line, and by checks, which speak HTTP in a backend of any mode; in mode tcp by what becomes HTTP."""
    trust = f"ssl ca-file {path('ca.crt')}"
    frontend, httpchk = f"{ec()} alpn h2,http/1.1", "backend back\n  option httpchk"

    def text_of(mode, bind, server, checks):
        text = config(free_port(), 1, bind, server, mode=mode)
        return text.replace("\nbackend back\n", f"\n{checks or 'backend back'}\n")

    for mode, bind, server, checks, left_out in (
            ("http", frontend, trust, "", True),
            ("tcp", frontend, f"{trust} alpn h2,http/1.1 check", "", False),
            ("http", ec(), f"{trust} alpn h2,http/1.1", "", True),
            ("http", ec(), f"{trust} check check-alpn h2", "", False),
            ("tcp", ec(), f"{trust} alpn h2,http/1.1 check", httpchk, True),
            ("tcp", ec(), f"{trust} alpn h2 check check-alpn http/1.1", httpchk, False),
            ("tcp", frontend, trust, "backend back\n  mode http", True),
            ("tcp", frontend, trust, "  use_backend other if TRUE\nbackend other\n  mode http\nbackend back", True),
            ("tcp", frontend, trust, "  tcp-request content switch-mode http if HTTP\nbackend back", True),
    ):
        text = text_of(mode, bind, server, checks)
        said = warnings_of(text)
        check(said.count("'h2' is left out of 'alpn'") == int(left_out), f"{text}\n{said}")
    for mode, server, checks, wanted in (("http", f"{trust} alpn h2", "", "HTTP/2 is not spoken"),
                                         ("tcp", f"{trust} alpn h2 check", httpchk, "'check-alpn' is theirs alone")):
        said = errors_of(text_of(mode, ec(), server, checks))
        check(wanted in said, said)


@case
def proxy_header_comes_before_tls():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec() + " accept-proxy"), [port]):
        raw = connect(port)
        raw.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n")
        with client_context().wrap_socket(raw, server_hostname="localhost") as peer:
            peer.sendall(b"hello")
            check(peer.recv(5) == b"hello", "bytes changed")


# ---- ends ----------------------------------------------------------------------------------------


@case
def close_notify_ends_only_one_direction():
    port = free_port()

    def answer_at_the_end(peer):
        got = b""
        while piece := peer.recv(65536):
            got += piece
        peer.sendall(b"<" + got + b">")

    with Server(answer_at_the_end) as server, Proxy(config(port, server.port, ec()), [port]):
        client = subprocess.run(
            [need_program("openssl"), "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{port}", "-CAfile",
             path("ca.crt")], input=b"hello", capture_output=True, timeout=20, check=False)
        check(b"unexpected eof" not in client.stderr, client.stderr.decode(errors="replace"))
        with MemoryPeer(port) as peer:
            peer.write(b"hello")
            peer.say_goodbye()
            check(peer.read_all() == b"<hello>", "no answer")
            check(peer.said_goodbye, "no close_notify")


@case
def client_that_ends_without_a_word_is_answered():
    port = free_port()

    def answer_at_the_end(peer):
        got = b""
        while piece := peer.recv(65536):
            got += piece
        peer.sendall(b"<" + got + b">")

    with Server(answer_at_the_end) as server, Proxy(config(port, server.port, ec()), [port]) as proxy:
        with MemoryPeer(port) as peer:
            peer.write(b"hello")
            peer.raw.shutdown(socket.SHUT_WR)
            check(peer.read_all() == b"<hello>", "no answer")
            check(peer.said_goodbye, "no close_notify")
        wait_for_line(proxy, " --")


@case
def every_end_in_order_says_goodbye():
    port = free_port()
    options = "timeout http-keep-alive 100ms"
    with Server(answer_requests) as server, \
            Proxy(config(port, server.port, ec(), mode="http", frontend=options), [port]) as proxy:
        for goodbye in (False, True):
            with MemoryPeer(port) as peer:
                peer.write(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500)
                if goodbye:
                    peer.say_goodbye()
                peer.raw.shutdown(socket.SHUT_WR)
                peer.read_all()
                check(peer.said_goodbye, f"client's goodbye: {goodbye}")
        with MemoryPeer(port) as peer:  # an idle one
            peer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            check(peer.read_all().startswith(b"HTTP/1.1 200") and peer.said_goodbye, "idle")
        with MemoryPeer(port) as peer:
            proxy.process.send_signal(signal.SIGUSR1)
            peer.read_all()
            check(peer.said_goodbye, "at the stop")


@case
def body_of_a_cut_server_is_not_whole():
    port = free_port()

    def cut(peer):
        peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of")
        raw = socket.socket(fileno=peer.detach())
        raw.shutdown(socket.SHUT_RDWR)
        raw.close()

    options = f"ssl ca-file {path('ca.crt')} sni str(localhost)"
    with tls_server(cut) as server, Proxy(config(port, server.port, "", options, mode="http"), [port]):
        with connect(port) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            got = b""
            try:
                while piece := peer.recv(65536):
                    got += piece
            except ConnectionError:
                pass
            check(b"200" in got and not got.endswith(b"\r\n0\r\n\r\n"), f"told as whole: {got}")


@case
def idle_connects_cost_no_handshake():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]) as proxy:
        peers = [connect(port) for _ in range(200)]
        before = proxy.rss_kb()
        peers += [connect(port) for _ in range(400)]
        time.sleep(0.5)
        check(proxy.rss_kb() - before < 1200, f"{proxy.rss_kb() - before} kB for 400 connects")
        for peer in peers:
            peer.close()


# ---- what is refused -----------------------------------------------------------------------------


def alert_after(port, hello):
    """The description of the alert that answers these bytes; None: closed without one."""
    with connect(port, timeout_s=5) as peer:
        peer.sendall(hello)
        got = b""
        try:
            while piece := peer.recv(65536):
                got += piece
        except ConnectionError:
            pass
    return got[6] if len(got) >= 7 and got[0] == 21 else None


@case
def plain_http_is_named_in_the_log():
    port = free_port()
    words = '  error-log-format "<%[fc_err] %[ssl_fc_err_str]>"'
    with Server(echo) as server, Proxy(config(port, server.port, ec(), frontend=words), [port]) as proxy:
        alert_after(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for_line(proxy, "<34 HTTP_REQUEST>")


@case
def broken_records_are_answered_by_an_alert():
    port = free_port()
    rows = {
        "a record of an unknown type": b"\x63\x03\x01\x00\x05hello",
        "data before the handshake": b"\x17\x03\x01\x00\x05hello",
        "a record that is too long": b"\x16\x03\x01\xff\xff" + b"x" * 100,
        "a version that never was": b"\x16\x09\x09\x00\x05hello",
        "another message than ClientHello": b"\x16\x03\x01\x00\x04\x0e\x00\x00\x00",
        "a ClientHello of no bytes": b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        "an empty record": b"\x16\x03\x01\x00\x00" * 40,
        "a ClientHello that is too long": b"\x16\x03\x01\x00\x04\x01\xff\xff\xff",
        "garbage in a ClientHello": b"\x16\x03\x01\x00\x2c\x01\x00\x00\x28\x03\x03" + b"\xff" * 38,
        "ChangeCipherSpec first": b"\x14\x03\x01\x00\x01\x01" * 40,
        "an alert of an unknown level": b"\x15\x03\x01\x00\x02\x07\x00",
    }
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]) as proxy:
        for what, hello in rows.items():
            alert = alert_after(port, hello)
            check(alert is not None, f"{what}: closed without an alert")
        tls(port).close()
        check(server.accepted <= 1, "a broken handshake reached the server")
        wait_for_line(proxy, "SSL handshake failure")


@case
def silent_client_is_cut_in_time():
    port = free_port()
    with Server(echo) as server, \
            Proxy(config(port, server.port, ec(), frontend="  timeout client-hs 300ms"), [port]) as proxy:
        with connect(port) as peer:
            peer.sendall(b"\x16\x03\x01\x02")
            check(is_closed_within(peer, 3), "it stays")
        wait_for_line(proxy, "Timeout during SSL handshake")


@case
def renegotiation_is_refused():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]):
        client = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-CAfile", path("ca.crt")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            time.sleep(0.5)
            client.stdin.write(b"R\n")
            client.stdin.flush()
            client.wait(10)
            said = client.stdout.read().decode(errors="replace")
            check("RENEGOTIATING" in said, said)
        finally:
            client.kill()
            client.wait()
            client.stdin.close()
            client.stdout.close()


# ---- servers -------------------------------------------------------------------------------------


def echoes(port):
    """Whether what is sent through the proxy comes back from the server."""
    with connect(port) as peer:
        peer.settimeout(12)
        peer.sendall(b"hello")
        try:
            return peer.recv(5) == b"hello"
        except ConnectionError:
            return False


@case
def server_is_verified():
    rows = [
        ("the right name", "sni str(localhost)", "ec", True),
        ("verifyhost", "verifyhost localhost", "ec", True),
        ("another name", "sni str(other.example.com)", "ec", False),
        ("another verifyhost", "verifyhost other.example.com", "ec", False),
        ("another CA", "", "stranger", False),
        ("anybody", "verify none", "stranger", True),
    ]
    for what, words, certificate, works in rows:
        port = free_port()
        with tls_server(echo, certificate) as server, \
                Proxy(config(port, server.port, "", f"ssl ca-file {path('ca.crt')} {words}"), [port]):
            check(echoes(port) == works, what)


@case
def subject_counts_unless_its_authority_is_limited():
    """The common name beside others (manual 5.2, verify); name constraints do not bind it, so it counts for nothing below them."""
    for limits, works in (((), True), (("-addext", "nameConstraints=critical,permitted;DNS:san.test"), False)):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "named.key", "-out",
                "named.crt", "-days", "30", "-subj", "/CN=named CA", *limits)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "two.key", "-out", "two.csr",
                "-subj", "/CN=cn.test")
        write("two.ext", "subjectAltName=DNS:san.test\n")
        openssl("x509", "-req", "-in", "two.csr", "-CA", "named.crt", "-CAkey", "named.key", "-CAcreateserial", "-days", "30",
                "-out", "two.crt", "-extfile", "two.ext")
        write("two.pem", read("two.crt") + read("two.key"))
        for host, is_taken in (("san.test", True), ("cn.test", works), ("other.test", False)):
            port = free_port()
            with tls_server(echo, "two") as server, \
                    Proxy(config(port, server.port, "", f"ssl ca-file {path('named.crt')} verifyhost {host}"), [port]):
                check(echoes(port) == is_taken, f"{limits} {host}")


@case
def server_sees_our_certificate():
    port = free_port()
    words = f"ssl ca-file {path('ca.crt')} verifyhost localhost crt {path('client.pem')}"
    with tls_server(echo, verifies=True) as server, Proxy(config(port, server.port, "", words), [port]), connect(port) as peer:
        peer.sendall(b"hello")
        check(peer.recv(5) == b"hello", "refused")


def answer_requests(peer):
    got = b""
    while piece := peer.recv(65536):
        got += piece
        while b"\r\n\r\n" in got:
            got = got.split(b"\r\n\r\n", 1)[1]
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def ask(port, host):
    with connect(port) as peer:
        peer.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while piece := peer.recv(65536):
            got += piece
    return got


@case
def host_field_becomes_the_name():
    port = free_port()
    names = []
    words = "ssl verify none"
    with tls_server(answer_requests, names=names) as server, \
            Proxy(config(port, server.port, "", words, mode="http", frontend="  option httplog"), [port]):
        for host in ("one.example.com:81", "two.example.com", "127.0.0.1", "one.example.com"):
            check(ask(port, host).endswith(b"hello"), host)
        check(names[:3] == ["one.example.com", "two.example.com", None], names)


@case
def host_that_names_nobody_is_verified_as_it_is():
    port = free_port()
    words = f"ssl ca-file {path('ca.crt')} verifyhost localhost"
    text = config(port, 0, "", words, mode="http", frontend="  option httplog")
    check("'verifyhost localhost' holds only for" in warnings_of(text.replace("127.0.0.1:0", "127.0.0.1:1")), "not warned")
    with tls_server(answer_requests) as server:
        text = text.replace("127.0.0.1:0 ", f"127.0.0.1:{server.port} ")
        check("verifyhost" not in warnings_of(text.replace("verifyhost", "no-sni-auto verifyhost")), "warned")
        with Proxy(text, [port]):
            for host, works in (("localhost", True), ("127.0.0.1:80", True), ("[::1]", True), ("other", False),
                                ("1.2.3", False), ("x" * 300, False), ("local_host", False)):
                check(ask(port, host).endswith(b"hello") == works, host)


@case
def kept_connections_belong_to_their_name():
    port = free_port()
    names = []
    with tls_server(answer_requests, names=names) as server, \
            Proxy(config(port, server.port, "", "ssl verify none", mode="http", top="  nbthread 1")
                  .replace("backend back\n  server", "backend back\n  http-reuse always\n  server"), [port]):
        for host in ("one.example.com", "one.example.com", "two.example.com", "one.example.com"):
            check(ask(port, host).endswith(b"hello"), host)
        check(names == ["one.example.com", "two.example.com"], names)


class TicketServer:
    """Serves `echo` over TLS 1.3, gives a ticket to its first client only, and notes who resumes."""

    def __init__(self):
        self.resumed = []
        self.renew()

    def renew(self):
        """Other keys: what it gave before is worth nothing."""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path("ec.pem"))

    def serve(self, peer):
        self.context.num_tickets = 0 if self.resumed else 1
        with self.context.wrap_socket(peer, server_side=True) as wrapped:
            self.resumed.append(wrapped.session_reused)
            echo(wrapped)


@case
def session_is_offered_until_it_is_replaced_or_refused():
    port = free_port()
    tickets = TicketServer()
    words = f"ssl ca-file {path('ca.crt')} verifyhost localhost"
    with Server(tickets.serve) as server, Proxy(config(port, server.port, "", words, top="  nbthread 1"), [port]):
        for i in range(7):
            if i == 4:
                tickets.renew()
            with connect(port) as peer:
                peer.sendall(b"hello")
                check(peer.recv(5) == b"hello", f"connection {i}")
        check(tickets.resumed == [False, True, True, True, False, False, False], tickets.resumed)


@case
def tls_on_both_sides_carries_bytes_unchanged():
    port = free_port()
    with tls_server(echo) as server, \
            Proxy(config(port, server.port, ec(), f"ssl ca-file {path('ca.crt')} verifyhost localhost"), [port]), \
            tls(port) as peer:
        check(echoed(peer, BLOCK) == BLOCK, "bytes changed")


@case
def server_without_tls_is_an_error():
    port = free_port()
    with Server(lambda peer: peer.sendall(b"220 hello, no TLS here\r\n")) as server, \
            Proxy(config(port, server.port, "", "ssl verify none", mode="http"), [port]):
        got = ask(port, "a.example.com")
        check(got.startswith(b"HTTP/1.1 503"), got)


# ---- configurations ------------------------------------------------------------------------------


@case
def what_is_wrong_is_named():
    rows = [
        ("ssl", "no certificate is given"),
        (f"ssl crt {path('nothing.pem')}", "nothing.pem': No such file"),
        (f"ssl crt {path('mixed.pem')}", "does not belong to certificate '/CN=localhost' in"),
        (f"ssl crt {path('locked.pem')}", "protected by a password"),
        (f"ssl crt {path('cut.pem')}", "cut.pem"),
        (f"ssl crt {write('alone.pem', read('ec.crt'))}", "no private key in"),
        (f"{ec()} alpn h2", "HTTP/2 is not spoken"),
        (f"{ec()} verify required", "needs a 'ca-file'"),
        (f"{ec()} verify required ca-file {path('ec.key')}", "no certificate in"),
        (f"{ec()} ciphers NONSENSE", "NONSENSE"),
        (f"{ec()} ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2", "no version of TLS"),
        (f"{ec()} force-sslv3", "SSLv3"),
        (f"{ec()} ssl-max-ver SSLv3", "SSLv3"),
        (f'{ec()} alpn ""', "expects protocols"),
        (f"{ec()} alpn ,", "names no protocol"),
        (f"{ec()} tls-ticket-keys {path('ec.crt')}", "no key of 48 or 80 bytes"),
        (f"{ec()} crt-list {write('bad.list', path('ec.pem') + ' [verify none] a' + chr(10))}", "line 1 of"),
        (f"{ec()} allow-0rtt", "not supported yet"),
    ]
    for bind, wanted in rows:
        said = errors_of(config(free_port(), 1, bind, mode="http"))
        check(wanted in said, f"{bind}: no {wanted!r} in:\n{said}")
    for server, wanted in (("ssl", "needs a 'ca-file'"), ("ssl verify none sni req.hdr(host)", "is supported yet")):
        said = errors_of(config(free_port(), 1, "", server))
        check(wanted in said, f"{server}: no {wanted!r} in:\n{said}")


@case
def words_that_ask_for_too_much_are_taken():
    said = warnings_of(config(free_port(), 1, f"{ec()} ssl-min-ver SSLv3", top="  ssl-default-bind-options ssl-min-ver SSLv3\n"
                              "  tune.ssl.maxrecord 100000\n  tune.ssl.hard-maxrecord 100000"))
    check("TLSv1.0 is the lowest version" in said and "maxrecord" not in said, said)



if __name__ == "__main__":
    sys.exit(run_tls_cases())
