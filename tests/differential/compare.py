"""compare: one configuration and its requests through two programs; what their clients, servers and logs saw.

The servers of HTTP answer with the request they were sent, so a client's answer shows both.
"""

import os
import re
import socket
import subprocess
import tempfile
import threading
import time

PREAMBLE = """
global
  log 127.0.0.1:@sink@ local0
  log-tag proxy
  nbthread 1
defaults
  mode http
  log global
  option httplog
  timeout connect 2s
  timeout client 4s
  timeout server 4s
  timeout http-keep-alive 4s
"""
TIMEOUT_S = 6
START_TIMEOUT_S = 10


def read_head(peer, waiting):
    while b"\r\n\r\n" not in waiting:
        got = peer.recv(65536)
        if not got:
            return None, waiting
        waiting += got
    head, rest = waiting.split(b"\r\n\r\n", 1)
    return head, rest


def read_chunked(peer, waiting):
    body = b""
    while True:
        while b"\r\n" not in waiting:
            waiting += peer.recv(65536)
        line, waiting = waiting.split(b"\r\n", 1)
        size = int(line, 16)
        while len(waiting) < size + 2:
            waiting += peer.recv(65536)
        if size == 0:
            return body, waiting[2:]
        body, waiting = body + waiting[:size], waiting[size + 2:]


def field_of(head, name):
    found = re.search(rb"(?im)^" + name + rb": *(.*?)\r?$", head)
    return found.group(1) if found else None


def serve_http(name):
    """Answers each request with itself: the server's name, the head and the body."""
    def serve(peer):
        waiting = b""
        while True:
            head, waiting = read_head(peer, waiting)
            if head is None:
                return
            body = b""
            if b"chunked" in (field_of(head, b"transfer-encoding") or b""):
                body, waiting = read_chunked(peer, waiting)
            length = int(field_of(head, b"content-length") or 0)
            while len(waiting) < length:
                waiting += peer.recv(65536)
            body, waiting = body + waiting[:length], waiting[length:]
            method, target = head.split(b" ")[:2]
            wanted = re.search(rb"/status/(\d+)", target)
            status = int(wanted.group(1)) if wanted else 200
            seen = name.encode() + b" saw\n" + head.replace(b"\r\n", b"\n") + b"\n\n" + body
            fields = [b"Content-Type: text/plain; charset=utf-8", b"Server: origin", b"X-Origin: " + name.encode(),
                      b"X-Powered-By: python"]
            if b"/cookie" in target:
                fields.append(b"Set-Cookie: theirs=1")
            if b"/chunked" in target:
                fields.append(b"Transfer-Encoding: chunked")
                seen = b"%x\r\n" % len(seen) + seen + b"\r\n0\r\n\r\n"
            elif status not in (204, 304):
                fields.append(b"Content-Length: %d" % len(seen))
            answer = b"HTTP/1.1 %d Reason\r\n" % status + b"\r\n".join(fields) + b"\r\n\r\n"
            peer.sendall(answer if method == b"HEAD" or status in (204, 304) else answer + seen)
            if (field_of(head, b"connection") or b"").lower() == b"close":
                return
    return serve


def serve_tcp(name):
    """Says its name, then echoes."""
    def serve(peer):
        peer.sendall(name.encode() + b"\n")
        while got := peer.recv(65536):
            peer.sendall(got)
    return serve


def read_answer(peer, waiting, is_head):
    """One answer whole, as text, and what came behind it; None at the end of the connection."""
    head, waiting = read_head(peer, waiting)
    if head is None:
        return (waiting or None), b""
    status = int(head.split(b" ")[1])
    if status < 200:
        rest, waiting = read_answer(peer, waiting, is_head)
        return head + b"\n\n" + (rest or b""), waiting
    body = b""
    if is_head or status in (204, 304):
        pass
    elif b"chunked" in (field_of(head, b"transfer-encoding") or b""):
        body, waiting = read_chunked(peer, waiting)
    elif field_of(head, b"content-length") is not None:
        length = int(field_of(head, b"content-length"))
        while len(waiting) < length:
            got = peer.recv(65536)
            if not got:
                break
            waiting += got
        body, waiting = waiting[:length], waiting[length:]
    else:
        while got := peer.recv(65536):
            waiting += got
        body, waiting = waiting, b""
    return head + b"\n\n" + body, waiting


def in_order(answer):
    """An answer with its fields in the order of their names, in lower case: what else could matter (RFC 9110 section 5.3)?"""
    head, _, body = answer.partition(b"\n\n")
    first, *fields = head.split(b"\r\n")
    lowered = [name.lower() + b": " + value.strip() for name, _, value in (field.partition(b":") for field in fields)]
    return b"\n".join([first, *sorted(lowered, key=lambda field: field.partition(b":")[0])]) + b"\n\n" + body


def ask_http(port, requests):
    """The answers to requests of one connection, as text."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as peer:
        waiting = b""
        for one in requests:
            try:
                peer.sendall(one)
                answer, waiting = read_answer(peer, waiting, one.startswith(b"HEAD "))
            except TimeoutError:
                answer = b"(nothing in time)"
            except ConnectionError:
                answer = None
            if answer is None:
                said += b"(the end)\n"
                break
            said += in_order(answer) + b"\n"
    return said.decode("latin-1").replace("\r\n", "\n")


def ask_tcp(port, sent):
    """All that comes back until the end, which our end brings about."""
    said = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as peer:
            peer.sendall(sent)
            # The banner and the echo first: a client that has ended is another case.
            peer.settimeout(1.5)
            try:
                while len(said) < len(sent) + 3:
                    got = peer.recv(65536)
                    if not got:
                        break
                    said += got
            except TimeoutError:
                pass
            peer.settimeout(TIMEOUT_S)
            peer.shutdown(socket.SHUT_WR)
            while got := peer.recv(65536):
                said += got
    except OSError as error:
        said += f"({type(error).__name__})".encode()
    return repr(said.replace(sent, b"(what was sent)"))


def mask(text):
    """Without what no two runs have in common."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    return re.sub(r"(7F000001[:_-]?)[0-9A-F]{1,4}\b", r"\1PORT", text)


def mask_line(line):
    line = re.sub(r"^<(\d+)>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d (\w+)\[\d+\]: ", r"<\1>\2: ", line)
    line = re.sub(r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:[^\]]*\]", "[DATE]", line)
    # Timers, and the bytes of a message: HAProxy counts its own representation (README, Limits).
    line = re.sub(r" [+-]?\d+(/[+-]?\d+){4} (-?\d+) [+]?\d+ ", r" TIMES \2 BYTES ", line)
    line = re.sub(r" [+-]?\d+/[+-]?\d+/[+]?\d+ [+]?\d+ (?=[\w-]{2} )", " TIMES BYTES ", line)
    line = re.sub(r'(" -?\d+ )\d+( "" "" )\d+ \d+( "[^"]*" "[^"]*" "[^"]*" )(?:-?\d+ ){5}', r"\1BYTES\2PORT MS\3TIMES ", line)
    # Who else was connected when the line was written is a matter of moments.
    line = re.sub(r" \d+/\d+/\d+/\d+/([+]?\d+) ", r" COUNTS/\1 ", line)
    line = re.sub(r"(<\d+>proxy: \S+):\d+ \[DATE\]", r"\1:PORT [DATE]", line)
    return mask(line)


class Sink:
    """Receives log lines. `take(count)` waits for as many, a little for more."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def take(self, wanted):
        lines = []
        end = time.monotonic() + 1.5
        while time.monotonic() < end:
            self.socket.settimeout(0.06 if len(lines) >= wanted else max(0.01, end - time.monotonic()))
            try:
                lines.append(self.socket.recv(65536).decode("latin-1"))
            except TimeoutError:
                if len(lines) >= wanted:
                    break
        return lines


class Running:
    """One program with one configuration."""

    def __init__(self, program, text, ports, environment):
        self.folder = tempfile.mkdtemp(prefix="ringway-diff-")
        self.config = os.path.join(self.folder, "cfg")
        with open(self.config, "w", encoding="latin-1") as file:
            file.write(text)
        self.said_path = os.path.join(self.folder, "said")
        with open(self.said_path, "wb") as said:
            self.process = subprocess.Popen([program, "-db", "-f", self.config], stdin=subprocess.DEVNULL, stdout=said,
                                            stderr=subprocess.STDOUT, env=environment)
        end = time.monotonic() + START_TIMEOUT_S
        while not all(self.listens(port) for port in ports):
            if self.process.poll() is not None or time.monotonic() > end:
                said = self.said()
                self.stop()
                raise AssertionError(f"{program} does not start:\n{said[-3000:]}")
            time.sleep(0.01)

    @staticmethod
    def listens(port):
        with open("/proc/net/tcp", encoding="ascii") as table:
            wanted = f":{port:04X}"
            return any(f[1].endswith(wanted) and f[3] == "0A" for f in map(str.split, table))

    def said(self):
        with open(self.said_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        """Whether it was still running."""
        alive = self.process.poll() is None
        if alive:
            self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)
        return alive


def observe(program, entry, addresses, ports, folder):
    """What one program makes of a configuration: a text for each request, its log lines in it."""
    sink = Sink()
    text = PREAMBLE + entry["text"]
    for name, value in {**addresses, "in": ports[0], "in2": ports[1], "sink": sink.port, "dir": folder}.items():
        text = text.replace(f"@{name}@", str(value))
    used = [port for name, port in zip(("@in@", "@in2@"), ports) if name in entry["text"]]
    running = Running(program, text, used, os.environ)
    seen = []
    try:
        for one in entry["requests"]:
            port = ports[0]
            if isinstance(one, tuple):
                port, one = ports[1], one[1]
            requests = one if isinstance(one, list) else [one]
            said = ask_tcp(port, one) if entry["tcp"] else ask_http(port, requests)
            silent = "silent" in requests[0].split(b"\r\n")[0].decode("latin-1") or b"/alive " in requests[0]
            lines = sorted(map(mask_line, sink.take(0 if silent else len(requests))))
            seen.append(mask(said) + "\n" + "\n".join("log: " + line.rstrip("\n") for line in lines))
    finally:
        alive = running.stop()
        sink.socket.close()
    if not alive:
        raise AssertionError(f"{program} died")
    return seen
