"""What tests of reloads share: servers that say their names, and a proxy whose file can be written anew."""

import http.client
import http.server
import os
import threading
import time

import cli_client
from harness import IS_HAPROXY, Proxy, check, skip


class Answer(http.server.BaseHTTPRequestHandler):
    """`/slow`: bytes for as long as the test lets it; `/ws`: an upgrade, then an echo; anything else: the server's name."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        if self.path == "/slow":
            return self._slow()
        if self.path == "/ws":
            return self._upgrade()
        body = self.server.title.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _slow(self):
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.slow_bytes))
        self.end_headers()
        left = self.server.slow_bytes
        while left > 0:
            piece = min(left, 65536)
            self.wfile.write(b"x" * piece)
            left -= piece
            if left % (1 << 20) < 65536:
                time.sleep(self.server.pause_s)

    def _upgrade(self):
        self.send_response(101)
        self.send_header("Connection", "Upgrade")
        self.send_header("Upgrade", "websocket")
        self.end_headers()
        while piece := self.connection.recv(4096):
            self.connection.sendall(piece)
        self.close_connection = True

    def log_message(self, *_):
        pass


class HttpServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    slow_bytes = 1 << 20
    pause_s = 0

    def __init__(self, title):
        super().__init__(("127.0.0.1", 0), Answer)
        self.title = title
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a proxy that closes is none

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Reloading(Proxy):
    """A proxy with a runtime socket, whose file can be written anew."""

    def __init__(self, text, ports, **more):
        if IS_HAPROXY:
            skip("it reloads by another process")
        self.socket = f"/tmp/ringway-reload-{os.getpid()}-{ports[0]}.sock"
        super().__init__(self._with_socket(text), ports, **more)

    def _with_socket(self, text):
        return f"""
global
  nbthread 2
  stats socket {self.socket} level admin
defaults
  timeout client 20s
  timeout server 20s
  timeout connect 2s
{text}
"""

    def write(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self._with_socket(text))

    def ask(self, command):
        return cli_client.ask(self.socket, command)

    def reload(self, text=None):
        if text is not None:
            self.write(text)
        answer = self.ask("reload")
        check("was reloaded" in answer, f"the reload: {answer}")
        return answer

    def stat(self, proxy, server, field):
        lines = self.ask("show stat").splitlines()
        names = lines[0].lstrip("# ").split(",")
        for line in lines[1:]:
            row = dict(zip(names, line.split(",")))
            if row.get("pxname") == proxy and row.get("svname") == server:
                return row[field]
        return None


def site(port, servers, more="", options=""):
    lines = "".join(f"  server {server.title} 127.0.0.1:{server.port} {options}\n" for server in servers)
    return f"""
frontend in
  mode http
  bind 127.0.0.1:{port}
  default_backend app
{more}
backend app
  mode http
  balance roundrobin
{lines}"""


def get(client, path="/"):
    client.request("GET", path)
    answer = client.getresponse()
    return answer.status, answer.read().decode()


def client_of(port):
    return http.client.HTTPConnection("127.0.0.1", port, timeout=10)
