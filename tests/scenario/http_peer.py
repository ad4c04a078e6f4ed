"""http_peer: HTTP/1 peers that believe nothing: a strict reader, an origin that records what it got, a client.

    with Origin() as origin, Proxy(http_config(port, origin.port)) as proxy:
        client = Client(port)
        client.send(b"GET /a HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
        answer = client.answer("GET")          # Answer, or Cut when the connection ended inside it

The reader accepts what RFC 9112 lets a sender write, and nothing else: no bare CR or LF, no folding, one Host, one length.
It shares no code or table with the proxy. What it does not accept raises Bad.
"""

import re
import socket
import threading

from harness import Server, connect

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
TARGET = re.compile(rb"[\x21-\x7e]+")
HEAD_BYTES_MAX = 1 << 20


class Bad(Exception):
    """The bytes are not what a strict sender writes."""


class Cut(Exception):
    """The connection ended inside a message."""


class Reader:
    """Strict messages from a socket, and every byte that was read. `more()` gives bytes, b"" at the end."""

    def __init__(self, more):
        self._more = more
        self._left = bytearray()  # what is taken from its front costs nothing, however much stands behind
        self.raw = bytearray()

    def _fill(self):
        piece = self._more()
        self.raw += piece
        self._left += piece
        return bool(piece)

    def at_end(self):
        return not self._left and not self._fill()

    def unread(self):
        return bytes(self._left)

    def take(self, count):
        while len(self._left) < count:
            if not self._fill():
                raise Cut(f"{count - len(self._left)} bytes are missing")
        taken = bytes(memoryview(self._left)[:count])
        del self._left[:count]
        return taken

    def line(self):
        while b"\n" not in self._left:
            if len(self._left) > HEAD_BYTES_MAX:
                raise Bad("a line without an end")
            if not self._fill():
                raise Cut("the connection ended inside a line")
        line = self.take(self._left.index(b"\n") + 1)[:-1]
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise Bad(f"a line ends or holds a bare CR or LF: {line!r}")
        return line[:-1]

    def fields(self):
        fields = []
        while line := self.line():
            name, colon, value = line.partition(b":")
            if not colon or not TOKEN.fullmatch(name):
                raise Bad(f"a field's name: {line!r}")
            if not VALUE.fullmatch(value):
                raise Bad(f"a field's value: {line!r}")
            fields.append((name.lower().decode(), value.strip(b" \t").decode("latin-1")))
        return fields

    def chunked(self):
        body = bytearray()
        while True:
            line = self.line()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", line):
                raise Bad(f"a chunk's size: {line!r}")  # nor an extension: the proxy drops them
            size = int(line, 16)
            if size == 0:
                return bytes(body), self.fields()
            body += self.take(size)
            if self.take(2) != b"\r\n":
                raise Bad("no CRLF behind a chunk")

    def rest(self):
        while self._fill():
            pass
        return self.take(len(self._left))


def values(fields, name):
    return [value for n, value in fields if n == name]


def length_of(fields):
    """The length a strict reader takes from the fields: a number, None, or "chunked"."""
    lengths, codings = values(fields, "content-length"), values(fields, "transfer-encoding")
    if codings:
        if lengths or len(codings) != 1:
            raise Bad("two ways to tell the length")
        if codings[0].lower().split(",")[-1].strip() != "chunked":
            raise Bad(f"a coding that is not chunked: {codings[0]!r}")
        return "chunked"
    if not lengths:
        return None
    if len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
        raise Bad(f"a length: {lengths}")
    return int(lengths[0])


class Request:
    def __init__(self, method, target, version, fields):
        self.method, self.target, self.version, self.fields = method, target, version, fields
        self.body, self.trailers, self.connection = b"", [], 0
        self.has_body = False  # read already

    def __repr__(self):
        return f"{self.method} {self.target} {self.body[:40]!r}"


def read_request_head(reader):
    line = reader.line()
    words = line.split(b" ")
    if len(words) != 3 or not TOKEN.fullmatch(words[0]) or not TARGET.fullmatch(words[1]):
        raise Bad(f"a request line: {line!r}")
    if words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise Bad(f"a version: {line!r}")
    request = Request(words[0].decode(), words[1].decode(), words[2].decode(), reader.fields())
    hosts = values(request.fields, "host")
    if len(hosts) > 1 or (not hosts and request.version == "HTTP/1.1"):
        raise Bad(f"Host: {hosts}")
    return request


def read_request_body(reader, request):
    if request.has_body:
        return
    request.has_body = True
    length = length_of(request.fields)
    if length == "chunked":
        if request.version == "HTTP/1.0":
            raise Bad("chunked in HTTP/1.0")
        request.body, request.trailers = reader.chunked()
    elif length is not None:
        request.body = reader.take(length)


class Answer:
    def __init__(self, status, fields):
        self.status, self.fields, self.body = status, fields, b""
        self.interim, self.trailers = [], []
        self.until_close = False

    def __repr__(self):
        return f"{self.status} {self.body[:60]!r}"


def read_answer_head(reader):
    line = reader.line()
    match = re.fullmatch(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)", line)
    if not match:
        raise Bad(f"a status line: {line!r}")
    return Answer(int(match.group(1)), reader.fields())


def read_answer(reader, method):
    """The final answer to a request of `method`, interim ones in `interim`. A switch of protocols is final, without body."""
    interim = []
    while True:
        answer = read_answer_head(reader)
        if answer.status >= 200 or answer.status == 101:
            break
        if values(answer.fields, "content-length") or values(answer.fields, "transfer-encoding"):
            raise Bad("an interim answer that speaks of a body")
        interim.append(answer.status)
    answer.interim = interim
    if method == "HEAD" or answer.status in (101, 204, 304) or (method == "CONNECT" and answer.status < 300):
        if answer.status in (101, 204) and length_of(answer.fields) is not None:
            raise Bad(f"a {answer.status} with a length")
        return answer
    length = length_of(answer.fields)
    if length == "chunked":
        answer.body, answer.trailers = reader.chunked()
    elif length is not None:
        answer.body = reader.take(length)
    else:
        answer.until_close = True
        answer.body = reader.rest()
    return answer


class Client:
    def __init__(self, port, timeout_s=10):
        self.socket = connect(port, timeout_s)
        self.reader = Reader(self._more)
        self.was_reset = False

    def _more(self):
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            self.was_reset = True
            return b""

    def send(self, data):
        """False when the proxy has closed already."""
        try:
            self.socket.sendall(data)
            return True
        except ConnectionError:
            return False

    def end(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def answer(self, method="GET"):
        return read_answer(self.reader, method)

    def at_end(self):
        return self.reader.at_end()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Origin(Server):
    """Reads strictly, records, and answers each request by repeating it; or as `scripts[target]` says.

    A script is called with (socket, request, reader) once the head is here; it returns True to have the body read and the
    connection go on, where it has not read that itself. `requests` are those that came whole, `wrong` is what was not strict, `cut` counts requests that broke off.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.requests, self.wrong, self.scripts, self.raw = [], [], {}, {}
        self.cut = self.connections = 0
        super().__init__(self._read_all)

    def _read_all(self, peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(lambda: peer.recv(65536))
        with self.lock:
            self.connections += 1
            number = self.connections
            self.raw[number] = reader.raw
        try:
            while not reader.at_end():
                if not self._exchange(peer, reader, number):
                    break
        except Cut:
            with self.lock:
                self.cut += 1
        except Bad as bad:
            with self.lock:
                self.wrong.append(f"{bad} on {bytes(reader.raw[-300:])!r}")

    def _exchange(self, peer, reader, number):
        request = read_request_head(reader)
        request.connection = number
        script = self.scripts.get(request.target)
        if script is not None:
            with self.lock:
                self.requests.append(request)
            if not script(peer, request, reader):
                return False
            read_request_body(reader, request)
            return True
        read_request_body(reader, request)
        with self.lock:
            self.requests.append(request)
        peer.sendall(repeat_request(request))
        return "close" not in ",".join(values(request.fields, "connection")).lower()

    def seen(self):
        with self.lock:
            return list(self.requests)

    def forget(self):
        with self.lock:
            self.requests, self.wrong, self.cut = [], [], 0
            self.raw = {number: raw for number, raw in self.raw.items() if number == self.connections}


def repeat_request(request):
    body = f"{request.method} {request.target} {len(request.body)}".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n".encode()
    return head if request.method == "HEAD" else head + body


def http_config(port, server_port, options="", server_options="", top=""):
    """One `listen` section in mode http; kept connections may be used by everybody, so a poisoned one would show."""
    return f"""
{top}
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
  http-reuse always
listen in
  bind 127.0.0.1:{port}
  {options}
  server s1 127.0.0.1:{server_port} {server_options}
"""
