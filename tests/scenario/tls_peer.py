"""tls_peer: what the TLS scenarios share: certificates made by openssl into a temporary folder, configurations, clients
and servers.

    if __name__ == "__main__":
        sys.exit(run_tls_cases())
"""

import os
import select
import shutil
import ssl
import subprocess
import tempfile
import time

from harness import IS_HAPROXY, PROGRAM, Server, check, connect, need_program, run_cases

FOLDER = tempfile.mkdtemp(prefix="ringway-tls-")
BLOCK = os.urandom(3_000_017)


def openssl(*words):
    done = subprocess.run([need_program("openssl"), *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"openssl {' '.join(words)}: {done.stderr}")
    return done.stdout


def path(name):
    return os.path.join(FOLDER, name)


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as file:
        file.write(text)
    return path(name)


def read(name):
    with open(path(name), encoding="utf-8") as file:
        return file.read()


def make_certificate(name, hosts, issuer=None, kind="ec", days="30"):
    """Writes name.crt, name.key and name.pem, which has both."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", "rsa:2048"]
    alternative = "subjectAltName=" + ",".join("DNS:" + host for host in hosts)
    if issuer is None:
        openssl("req", "-x509", *key, "-nodes", "-keyout", name + ".key", "-out", name + ".crt", "-days", days, "-subj",
                "/CN=" + hosts[0], "-addext", alternative)
    else:
        openssl("req", *key, "-nodes", "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + hosts[0])
        write(name + ".ext", alternative + "\n")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", issuer + ".crt", "-CAkey", issuer + ".key", "-CAcreateserial",
                "-days", days, "-out", name + ".crt", "-extfile", name + ".ext")
    write(name + ".pem", read(name + ".crt") + read(name + ".key"))


def make_certificates():
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out",
            "ca.crt", "-days", "30", "-subj", "/CN=test CA")
    make_certificate("ec", ["localhost"], "ca")
    make_certificate("rsa", ["localhost"], "ca", kind="rsa")
    make_certificate("wild", ["*.example.com"], "ca")
    make_certificate("exact", ["www.example.com"], "ca")
    make_certificate("client", ["somebody"], "ca")
    make_certificate("stranger", ["stranger"])
    openssl("pkey", "-in", "ec.key", "-aes128", "-passout", "pass:secret", "-out", "locked.key")
    write("locked.pem", read("ec.crt") + read("locked.key"))
    write("mixed.pem", read("ec.crt") + read("rsa.key"))
    write("cut.pem", read("ec.crt")[:-200] + "\n-----END CERTIFICATE-----\n" + read("ec.key"))


def config(port, server_port, bind="", server="", mode="tcp", top="", frontend=""):
    return f"""
global
  log stdout format raw local0
{top}
defaults
  mode {mode}
  log global
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend front
  log-format "%ST %sslv %sslc %ts"
{frontend}
  bind 127.0.0.1:{port} {bind}
  default_backend back
backend back
  server s 127.0.0.1:{server_port} {server}
"""


def ec():
    return f"ssl crt {path('ec.pem')}"


def client_context(**options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path(options.get("trust", "ca") + ".crt"))
    context.check_hostname = options.get("check", True)
    if "version" in options:
        context.minimum_version = context.maximum_version = options["version"]
    if "ciphers" in options:
        context.set_ciphers(options["ciphers"])
    if "certificate" in options:
        context.load_cert_chain(path(options["certificate"] + ".pem"))
    if "alpn" in options:
        context.set_alpn_protocols(options["alpn"])
    return context


def tls(port, name="localhost", context=None, session=None):
    return (context or client_context()).wrap_socket(connect(port), server_hostname=name, session=session)


class MemoryPeer:
    """A client whose ends are its own: of TLS by say_goodbye(), of the socket by what is done to `raw`."""

    def __init__(self, port, context=None):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.peer = (context or client_context()).wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.raw = connect(port)
        self.said_goodbye = False  # the other end did
        self.until_done(self.peer.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.raw.close()

    def flush(self):
        waiting = self.outgoing.read()
        if waiting:
            self.raw.sendall(waiting)

    def until_done(self, call):
        while True:
            try:
                result = call()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                piece = self.raw.recv(65536)
                if piece:
                    self.incoming.write(piece)
                else:
                    self.incoming.write_eof()

    def write(self, data):
        self.until_done(lambda: self.peer.write(data))

    def say_goodbye(self):
        try:
            self.peer.unwrap()  # writes close_notify; the peer's has not come
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def read_all(self):
        """Until the other end's goodbye, or until its socket ends without one."""
        got = b""
        while True:
            try:
                piece = self.until_done(lambda: self.peer.read(65536))
            except ssl.SSLZeroReturnError:
                self.said_goodbye = True
                return got
            except (ssl.SSLEOFError, ConnectionError):
                return got
            if not piece:
                self.said_goodbye = True
                return got
            got += piece


def is_refused(call):
    try:
        call().close()
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def errors_of(text):
    """What a configuration is refused for."""
    file = write("bad.cfg", text)
    done = subprocess.run([PROGRAM, "-c", "-f", file], capture_output=True, text=True, check=False)
    check(done.returncode != 0, f"accepted:\n{text}")
    return done.stdout + done.stderr


def warnings_of(text):
    """What is said of a configuration that is accepted."""
    file = write("good.cfg", text)
    done = subprocess.run([PROGRAM, "-c", "-f", file], capture_output=True, text=True, check=False)
    check(done.returncode == 0, f"refused:\n{text}\n{done.stderr}")
    return done.stdout + done.stderr


def wait_for_line(proxy, text, seconds=5):
    end = time.monotonic() + seconds
    while text not in proxy.said():
        check(time.monotonic() < end, f"no line with {text!r} in:\n{proxy.said()}")
        time.sleep(0.02)


def tls_server(serve, certificate="ec", **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path(certificate + ".pem"))
    if options.get("verifies"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(path("ca.crt"))
    names = options.get("names")
    if names is not None:
        context.sni_callback = lambda _, name, __: names.append(name)

    def run(peer):
        try:
            with context.wrap_socket(peer, server_side=True) as secure:
                serve(secure)
        except (ssl.SSLError, OSError):
            pass

    return Server(run)


def echoed(peer, data):
    """What comes back of `data`, sent and received by one thread: a connection of OpenSSL is not for two."""
    peer.setblocking(False)
    unsent, got = memoryview(data), bytearray()
    end = time.monotonic() + 20
    while len(got) < len(data):
        check(time.monotonic() < end, f"{len(got)} of {len(data)} bytes came back")
        try:
            if unsent:
                unsent = unsent[peer.send(unsent[:65536]) :]
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        try:
            part = peer.recv(65536)
            check(part, f"the end after {len(got)} of {len(data)} bytes")
            got += part
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            select.select([peer], [peer] if unsent else [], [], 0.05)
    return bytes(got)


def run_tls_cases():
    check(not IS_HAPROXY, "the cases are for ringway")
    try:
        make_certificates()
        return run_cases()
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
