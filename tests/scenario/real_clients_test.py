"""Programs that people use, through mode http: curl, wrk, ab and WebSocket clients in front, Python, nginx and node behind.

Checksums tell whether a byte changed, the programs' own counts whether an answer was lost. Amounts are what a test can
afford; RINGWAY_LOAD_FACTOR multiplies the load, for runs by hand.
"""

import asyncio
import contextlib
import hashlib
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zlib

from harness import (SANITIZED, Proxy, Server, case, check, free_port, need_program, run_cases, skip)
from http_peer import http_config

GIB = 1 << 30
TRANSFER_BYTES = GIB // 16 if SANITIZED else GIB
RSS_MAX_KB = 600 << 10 if SANITIZED else 60 << 10
FACTOR = float(os.environ.get("RINGWAY_LOAD_FACTOR", "0.1" if SANITIZED else "1"))
BLOCK = os.urandom(1_000_003)
DRIVERS = ("uring", "poll")


@contextlib.contextmanager
def folder():
    path = tempfile.mkdtemp(prefix="ringway-real-")
    os.chmod(path, 0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def wait_for_port(port, process):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        check(process.poll() is None, f"the server on port {port} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody listens on port {port}")


@contextlib.contextmanager
def started(command, port):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def nginx(path, port):
    """Serves `path`, stores what is PUT below /up, and has a few answers of its own."""
    config = os.path.join(path, "nginx.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"""
user root; daemon off; worker_processes 1; pid {path}/nginx.pid; error_log {path}/error.log;
events {{ worker_connections 4000; }}
http {{
  access_log off; keepalive_requests 1000000; client_max_body_size 0; default_type text/plain;
  client_body_temp_path {path}/body; proxy_temp_path {path}/p; fastcgi_temp_path {path}/f;
  uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
  server {{
    listen 127.0.0.1:{port} backlog=4096; root {path}/files;
    location = /connections {{ stub_status; }}
    location = /small {{ return 200 "0123456789012345678901234567890123456789"; }}
    location = /gone {{ return 302 /hello.txt; }}
    location = /gone-absolute {{ return 301 http://$http_host/hello.txt; }}
    location /packed {{ gzip on; gzip_types *; gzip_min_length 1; alias {path}/files; }}
  }}
}}
""")
    return started([need_program("nginx"), "-p", path, "-c", config], port)


NODE = """
const http = require('http'), crypto = require('crypto');
http.createServer((request, response) => {
  const hash = crypto.createHash('sha256'); let bytes = 0;
  request.on('data', piece => { hash.update(piece); bytes += piece.length; });
  request.on('end', () => {
    response.setHeader('X-Method', request.method);
    if (request.url === '/stream') {
      response.write('one,'); setTimeout(() => response.write('two,'), 30); setTimeout(() => response.end('three'), 60);
      return;
    }
    if (request.url === '/trailers') {
      response.writeHead(200, {'Trailer': 'X-Sum'}); response.write('body'); response.addTrailers({'X-Sum': '4'});
      return response.end();
    }
    if (request.url === '/none') { response.writeHead(204); return response.end(); }
    response.end(JSON.stringify({method: request.method, url: request.url, bytes, sum: hash.digest('hex'),
      te: request.headers['transfer-encoding'] || '', length: request.headers['content-length'] || '',
      expect: request.headers['expect'] || ''}));
  });
}).listen(Number(process.argv[2]), '127.0.0.1');
"""


def node(path, port):
    script = os.path.join(path, "server.js")
    with open(script, "w", encoding="ascii") as file:
        file.write(NODE)
    return started([need_program("node"), script, str(port)], port)


def curl(*arguments, fails=False):
    run = subprocess.run([need_program("curl"), "-sS", "--max-time", "60", *arguments], capture_output=True, check=False)
    check(fails or run.returncode == 0, f"curl {arguments[-1]}: {run.returncode} {run.stderr.decode()}")
    return run.stdout


def put_files(path):
    os.mkdir(os.path.join(path, "files"))
    with open(os.path.join(path, "files", "hello.txt"), "wb") as file:
        file.write(b"hello, world\n")
    with open(os.path.join(path, "files", "large.bin"), "wb") as file:
        file.write(BLOCK * 5)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def check_downloads(url, ranges=True):
    """What any file server can do."""
    check(curl(url + "/hello.txt") == b"hello, world\n", "GET")
    check(sha(curl(url + "/large.bin")) == sha(BLOCK * 5), "a large file")
    head = curl("-I", url + "/large.bin").decode().lower()
    check(f"content-length: {len(BLOCK) * 5}" in head and head.startswith("http/1.1 200"), f"HEAD: {head}")
    check(curl("-o", "/dev/null", "-w", "%{http_code}", url + "/absent") == b"404", "404")
    check(curl("--http1.0", url + "/hello.txt") == b"hello, world\n", "HTTP/1.0")
    check(curl("-H", "Connection: close", url + "/hello.txt") == b"hello, world\n", "close")
    said = curl("-w", "%{num_connects} ", url + "/hello.txt", "-o", "/dev/null", url + "/hello.txt", "-o", "/dev/null",
                url + "/hello.txt", "-o", "/dev/null")
    check(said == b"1 0 0 ", f"one connection carries three requests: {said}")
    if ranges:
        check(curl("-r", "7-11", url + "/hello.txt") == b"world", "a range")
        check(curl("-r", "1000000-1000099", url + "/large.bin") == (BLOCK * 2)[1000000:1000100], "a range of a large file")


@contextlib.contextmanager
def in_front_of(server_port, options="", top="", environment=None):
    port = free_port()
    with Proxy(http_config(port, server_port, options, top=top), [port], environment) as proxy:
        yield f"http://127.0.0.1:{port}", proxy


@case
def curl_before_nginx():
    with folder() as path:
        put_files(path)
        port = free_port()
        with nginx(path, port), in_front_of(port) as (url, _):
            check_downloads(url)
            check(curl("-L", url + "/gone") == b"hello, world\n", "a redirect is followed")
            check(curl("-L", url + "/gone-absolute") == b"hello, world\n", "an absolute one")
            check(curl("--compressed", url + "/packed/hello.txt") == b"hello, world\n", "compressed on the way")
            packed = curl("-H", "Accept-Encoding: gzip", url + "/packed/large.bin")
            check(zlib.decompress(packed, 31) == BLOCK * 5, "compressed, chunked, large")
            etag = re.search(r"ETag: (\S+)", curl("-i", url + "/hello.txt").decode(), re.I).group(1)
            check(curl("-H", f"If-None-Match: {etag}", "-w", "%{http_code}", url + "/hello.txt") == b"304", "not modified")
            for method in ("POST", "DELETE", "PATCH", "FROB"):
                said = curl("-X", method, "-o", "/dev/null", "-w", "%{http_code}", url + "/hello.txt")
                check(said == b"405", f"{method}: {said}")


@case
def curl_before_python():
    with folder() as path:
        put_files(path)

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *arguments):
                super().__init__(*arguments, directory=os.path.join(path, "files"))

            def log_message(self, *_):
                pass

        for version in ("HTTP/1.0", "HTTP/1.1"):
            Handler.protocol_version = version
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                with in_front_of(server.server_address[1]) as (url, _):
                    check_downloads(url, ranges=False)
            finally:
                server.shutdown()
                server.server_close()


@case
def curl_before_node():
    with folder() as path:
        port = free_port()
        upload = os.path.join(path, "upload")
        with open(upload, "wb") as file:
            file.write(BLOCK * 3)
        with node(path, port), in_front_of(port) as (url, _):
            for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
                check(f'"method":"{method}"' in curl("-X", method, url + "/x").decode(), method)
            check("X-Method: HEAD".lower() in curl("-I", url + "/x").decode().lower(), "HEAD")
            wanted = f'"bytes":{len(BLOCK) * 3},"sum":"{sha(BLOCK * 3)}"'
            said = curl("-T", upload, url + "/up").decode()
            check(wanted in said and f'"length":"{len(BLOCK) * 3}"' in said and '"expect":"100-continue"' in said, f"PUT: {said}")
            said = curl("-T", upload, "-H", "Expect:", url + "/up").decode()
            check(wanted in said and '"expect":""' in said, f"PUT without Expect: {said}")
            said = curl("-H", "Transfer-Encoding: chunked", "-T", upload, url + "/up").decode()
            check(wanted in said and '"te":"chunked"' in said and '"length":""' in said, f"chunks: {said}")
            said = curl("--data-binary", "@" + upload, url + "/up").decode()
            check(wanted in said, f"POST: {said}")
            said = curl("--http1.0", "--data-binary", "@" + upload, url + "/up").decode()
            check(wanted in said, f"POST in HTTP/1.0: {said}")
            check('"bytes":' in curl("-F", f"file=@{upload}", url + "/form").decode(), "a form")
            check('"url":"/a%20b?c=d&e"' in curl(url + "/a%20b?c=d&e").decode(), "the target as it was")
            check(curl(url + "/stream") == b"one,two,three", "what comes in pieces")
            check(curl("--http1.0", url + "/stream") == b"one,two,three", "the same without chunks")
            check("x-sum: 4" in curl("--raw", url + "/trailers").decode().lower(), "trailers")
            check(curl("-w", "%{http_code}", url + "/none") == b"204", "204")


@case
def curl_through_a_tunnel():
    """CONNECT, as a client of a forward proxy does it; the server behind grants it and is spoken to."""

    def grant(peer):
        head = b""
        while b"\r\n\r\n" not in head:
            head += peer.recv(65536)
        if not head.startswith(b"CONNECT inner.test:80 HTTP/1.1\r\n"):
            return
        peer.sendall(b"HTTP/1.1 200 Granted\r\n\r\n")
        inner = b""
        while b"\r\n\r\n" not in inner:
            inner += peer.recv(65536)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\ninside")

    with Server(grant) as server, in_front_of(server.port) as (url, _):
        check(curl("-p", "-x", url, "http://inner.test/") == b"inside", "the tunnel")


# WebSocket.


async def talk(url, websockets):
    async with websockets.connect(url, max_size=None, ping_interval=None, open_timeout=10) as peer:
        for text in ("", "hello", "\u20ac" * 50_000):
            await peer.send(text)
            check(await peer.recv() == text, "text")
        for size in (0, 1, 125, 126, 65535, 65536, 5_000_000):
            data = (BLOCK * 5)[:size]
            await peer.send(data)
            check(await peer.recv() == data, f"{size} bytes")
        await asyncio.wait_for(await peer.ping(b"are you there"), 5)
        await peer.send([b"in ", b"three ", b"frames"])
        check(await peer.recv() == b"in three frames", "fragments")
        many = [str(i) for i in range(500)]
        for text in many:
            await peer.send(text)
        check([await peer.recv() for _ in many] == many, "in order")
        await peer.send("close 4321")
        try:
            check(False, f"the server closes, it did not say {await peer.recv()!r}")
        except websockets.ConnectionClosed:
            check((peer.close_code, peer.close_reason) == (4321, "as you wish"), f"the server's code: {peer.close_code}")
    async with websockets.connect(url) as peer:
        await peer.close(4000, "bye")
        check(peer.close_code == 4000, "the client's code comes back")


@case
def websockets_echo_through_it():
    leave_to_the_round_of_everything()
    # Where the distribution puts it, whichever python3 runs this.
    sys.path.append("/usr/lib/python3/dist-packages")
    try:
        import websockets  # pylint: disable=import-outside-toplevel
    except ImportError:
        if os.environ.get("RINGWAY_SKIP_MISSING_PEERS"):
            skip("python3-websockets is not installed")
        raise
    codes = []

    async def echo(peer, *_):
        try:
            async for message in peer:
                if message == "close 4321":
                    return await peer.close(4321, "as you wish")
                await peer.send(message)
        except websockets.ConnectionClosed:
            pass
        codes.append(peer.close_code)

    async def run():
        async with websockets.serve(echo, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
            port = server.sockets[0].getsockname()[1]
            loop = asyncio.get_running_loop()
            for driver in DRIVERS:
                front = free_port()
                config = http_config(front, port, "timeout tunnel 20s")
                proxy = await loop.run_in_executor(None, lambda f=front, c=config, d=driver: Proxy(c, [f], {"RINGWAY_RING": d}))
                with proxy:
                    await asyncio.gather(*(talk(f"ws://127.0.0.1:{front}/chat", websockets) for _ in range(4)))
        check(4000 in codes, f"the server saw the client's code: {codes}")

    asyncio.run(run())


# Much data.


def send_counted(write, total):
    checksum, left = 0, total
    while left > 0:
        piece = BLOCK[:left]
        write(piece)
        checksum = zlib.crc32(piece, checksum)
        left -= len(piece)
    return checksum


def checksum_of(total):
    return send_counted(lambda piece: None, total)


class Bulk(http.server.BaseHTTPRequestHandler):
    """GET sends TRANSFER_BYTES, with a length or in chunks; PUT counts what it gets. `result` is what it saw."""

    protocol_version = "HTTP/1.1"
    result = []

    def log_message(self, *_):
        pass

    def write_chunk(self, piece):
        self.wfile.write(b"%x\r\n" % len(piece) + piece + b"\r\n")

    def do_GET(self):
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            send_counted(self.write_chunk, TRANSFER_BYTES)
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(TRANSFER_BYTES))
            self.end_headers()
            send_counted(self.wfile.write, TRANSFER_BYTES)

    def do_PUT(self):
        checksum = total = 0
        if self.headers["Transfer-Encoding"]:
            while size := int(self.rfile.readline(), 16):
                left = size
                while left:
                    piece = self.rfile.read(min(left, 1 << 20))
                    checksum, total, left = zlib.crc32(piece, checksum), total + len(piece), left - len(piece)
                self.rfile.readline()
            self.rfile.readline()
        else:
            left = int(self.headers["Content-Length"])
            while left:
                piece = self.rfile.read(min(left, 1 << 20))
                checksum, total, left = zlib.crc32(piece, checksum), total + len(piece), left - len(piece)
        answer = f"{total} {checksum}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


@case
def a_gibibyte_each_way_with_checksums():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bulk)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    expected = checksum_of(TRANSFER_BYTES)
    try:
        with in_front_of(server.server_address[1]) as (url, proxy):
            for how in ("/length", "/chunked"):
                begin = time.monotonic()
                with subprocess.Popen([need_program("curl"), "-sS", url + how], stdout=subprocess.PIPE) as down:
                    checksum = total = 0
                    while piece := down.stdout.read(1 << 20):
                        checksum, total = zlib.crc32(piece, checksum), total + len(piece)
                check((down.returncode, total, checksum) == (0, TRANSFER_BYTES, expected), f"down {how}: {total} bytes, or changed")
                print(f"   down {how}: {total / (time.monotonic() - begin) / 1e6:.0f} MB/s")
                begin = time.monotonic()
                more = [] if how == "/chunked" else ["-H", f"Content-Length: {TRANSFER_BYTES}", "-H", "Transfer-Encoding:"]
                with subprocess.Popen([need_program("curl"), "-sS", *more, "-T", "-", url + how], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE) as up:
                    send_counted(up.stdin.write, TRANSFER_BYTES)
                    up.stdin.close()
                    said = up.stdout.read().decode()
                check(said == f"{TRANSFER_BYTES} {expected}", f"up {how}: {said}")
                print(f"   up {how}: {TRANSFER_BYTES / (time.monotonic() - begin) / 1e6:.0f} MB/s")
            peak_kb = proxy.rss_peak_kb()
            print(f"   resident at most {peak_kb / 1024:.1f} MB")
            check(peak_kb < RSS_MAX_KB, f"the proxy took {peak_kb} kB")
    finally:
        server.shutdown()
        server.server_close()


# Load.


def run_ab(url, requests, *options):
    said = subprocess.run([need_program("ab"), "-q", "-n", str(requests), "-c", "32", *options, url], capture_output=True, text=True,
                          check=False)
    text = said.stdout + said.stderr
    check(said.returncode == 0, f"ab ended with {said.returncode}: {text[-500:]}")
    numbers = {name: int(n) for name, n in re.findall(r"(Complete requests|Failed requests|Write errors|Non-2xx responses): +(\d+)", text)}
    check(numbers.get("Complete requests") == requests, f"ab {options}: {text[-800:]}")
    for name in ("Failed requests", "Write errors", "Non-2xx responses"):
        check(numbers.get(name, 0) == 0, f"ab {options}: {name}: {numbers.get(name)}")


def run_wrk(url, requests, wrk_script):
    """wrk runs for a time, so it runs again until it has counted enough; every one must be good."""
    done = 0
    while done < requests:
        said = subprocess.run([need_program("wrk"), "-t1", "-c64", "-d1", "-s", wrk_script, url], capture_output=True, text=True,
                              check=False)
        match = re.search(r"TOTAL (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", said.stdout)
        check(said.returncode == 0 and match, f"wrk ended with {said.returncode}: {said.stdout[-500:]}")
        total, *errors = map(int, match.groups())
        check(errors == [0] * 5, f"wrk counts errors (connect, read, write, status, timeout): {errors} of {total}")
        check(total > 0, "wrk did nothing")
        done += total
    return done


WRK = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("TOTAL %d %d %d %d %d %d", summary.requests, e.connect, e.read, e.write, e.status, e.timeout))
end
"""


def nginx_counts(port):
    """Connections it accepted and requests it answered, this question included."""
    accepted, _, requests = map(int, curl(f"http://127.0.0.1:{port}/connections").splitlines()[2].split())
    return accepted, requests


def leave_to_the_round_of_everything():
    """What has both drivers in one run, a second round of scenarios need not have again."""
    if os.environ.get("RINGWAY_SCENARIO_PART"):
        skip("on both drivers in the round of everything")


def load(shards, driver):
    leave_to_the_round_of_everything()
    with folder() as path:
        put_files(path)
        port = free_port()
        script = os.path.join(path, "total.lua")
        with open(script, "w", encoding="ascii") as file:
            file.write(WRK)
        top = f"global\n  nbthread {shards}"
        with nginx(path, port), in_front_of(port, top=top, environment={"RINGWAY_RING": driver}) as (url, proxy):
            begin = time.monotonic()
            before = nginx_counts(port)
            done = run_wrk(url + "/small", int(100_000 * FACTOR), script)
            connections, requests = (now - was - 1 for now, was in zip(nginx_counts(port), before))
            check(connections <= requests // 100, f"fewer than 99 % of {requests} requests found one of {connections} connections")
            run_ab(url + "/small", int(20_000 * FACTOR), "-k")
            run_ab(url + "/small", int(20_000 * FACTOR))
            print(f"   {shards} shards, {driver}: {done} by wrk over {connections} connections, all in {time.monotonic() - begin:.1f} s; {proxy.rss_peak_kb() >> 10} MB")


@case
def wrk_and_ab_count_no_error_with_one_shard_on_uring():
    load(1, "uring")


@case
def wrk_and_ab_count_no_error_with_four_shards_on_uring():
    load(4, "uring")


@case
def wrk_and_ab_count_no_error_with_one_shard_on_poll():
    load(1, "poll")


@case
def wrk_and_ab_count_no_error_with_four_shards_on_poll():
    load(4, "poll")


if __name__ == "__main__":
    sys.exit(run_cases())
