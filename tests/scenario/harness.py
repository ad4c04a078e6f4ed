"""harness: what the Python scenarios share: a proxy started from a configuration text, ports, peers, counted cases.

    @case
    def half_close_of_the_client():
        with Server(answer) as server, Proxy(tcp_config(port, server.port)) as proxy: ...

    if __name__ == "__main__":
        sys.exit(run_cases())

The proxy under test is RINGWAY (or HAPROXY_PROGRAM), else build/ringway. Processes end by their id, files live in one
temporary folder per proxy. A case fails by an exception; `skip(reason)` leaves it out.
"""

import json
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PROGRAM = os.environ.get("RINGWAY") or os.environ.get("HAPROXY_PROGRAM") or os.path.join(ROOT, "build/ringway")
IS_HAPROXY = os.path.basename(PROGRAM) == "haproxy"
SANITIZED = os.environ.get("RINGWAY_SANITIZED") == "1"
START_TIMEOUT_S = 15

DEFAULTS = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""


class Skipped(Exception):
    pass


def skip(reason):
    raise Skipped(reason)


def need_program(name):
    """Path of a peer; without it the case is left out where that is allowed, and fails where not."""
    path = shutil.which(name)
    if path:
        return path
    if os.environ.get("RINGWAY_SKIP_MISSING_PEERS"):
        skip(f"{name} is not installed")
    raise AssertionError(f"{name} is not installed")


def check(truth, what):
    if not truth:
        raise AssertionError(what)


def free_ports(count, together=False, other_than=()):
    """Ports nobody listens on now; `together` makes them consecutive. Outside the range of outgoing connections.

    The ports of `other_than` are not even tried: a program may be about to listen there. RINGWAY_TEST_PORTS keeps two
    scripts that run at a time apart.
    """
    first, last = map(int, os.environ.get("RINGWAY_TEST_PORTS", "20000-31999").split("-"))
    found = []
    for port in range(first + (os.getpid() * 37) % ((last - first) * 2 // 3), last + 1):
        if port in other_than:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                if together:
                    found = []
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no free ports")


_handed_out = set()


def free_port():
    """One port, never the same twice in this process."""
    [port] = free_ports(1, other_than=_handed_out)
    _handed_out.add(port)
    return port


def until(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < end, what)
        time.sleep(0.01)


def raise_file_limit(wanted):
    """False when the hard limit does not allow it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted if 0 <= hard < wanted else hard))
        except (ValueError, PermissionError):
            return False
    return True


def is_refused(port):
    """Whether nobody listens at a port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def connect(port, timeout_s=10, host="127.0.0.1"):
    peer = socket.create_connection((host, port), timeout=timeout_s)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


class EndOfFile(AssertionError):
    pass


def receive_exactly(peer, count):
    pieces = []
    while count > 0:
        piece = peer.recv(min(count, 1 << 20))
        if not piece:
            raise EndOfFile(f"{count} bytes are missing")
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def receive_all(peer):
    pieces = []
    while piece := peer.recv(1 << 20):
        pieces.append(piece)
    return b"".join(pieces)


def is_closed_within(peer, seconds):
    """Whether end of file or a reset arrives in time; bytes before it are dropped."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not select.select([peer], [], [], left)[0]:
            return False
        try:
            if not peer.recv(65536):
                return True
        except ConnectionError:
            return True
    return False


class Server:
    """Calls `serve(socket)` on a thread per accepted connection. `accepted` counts them."""

    def __init__(self, serve, port=0, backlog=1024, path=None):
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", port))
            self.port = self.listener.getsockname()[1]
        self.listener.listen(backlog)
        self.accepted = 0
        self._serve = serve
        self._peers = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def connected(self):
        """How many are being served."""
        with self._lock:
            return len(self._peers)

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._peers.add(peer)
            threading.Thread(target=self._run, args=(peer,), daemon=True).start()

    def _run(self, peer):
        try:
            self._serve(peer)
        except OSError:
            pass
        finally:
            with self._lock:
                self._peers.discard(peer)
            peer.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # shutdown() is what makes the thread's accept() return; close() alone would leave it there.
        with self._lock:
            endpoints = [self.listener, *self._peers]
        for endpoint in endpoints:
            try:
                endpoint.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()


def echo(peer):
    while piece := peer.recv(1 << 18):
        peer.sendall(piece)


class Peer:
    """Another server or proxy in the foreground, ready when `port` accepts; its folder goes with it."""

    def __init__(self, command, port, folder):
        self.folder = folder
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=open(os.path.join(folder, "said"), "wb"))
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if time.monotonic() > end or self.process.poll() is not None:
                    self.stop()
                    raise AssertionError(f"{command[0]} does not listen: {self.said()[-1500:]}") from None
                time.sleep(0.05)

    def said(self):
        with open(os.path.join(self.folder, "said"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Proxy:
    """The program under test with one configuration; ready when `ports` accept. It gets the descriptors `inherit`.

    A `launcher` is a command in front of it that executes it.
    """

    def __init__(self, config, ports=(), environment=None, inherit=(), arguments=("-db",), launcher=()):
        self.stopped = False  # by us
        self.folder = tempfile.mkdtemp(prefix="ringway-")
        self.config = os.path.join(self.folder, "test.cfg")
        self.log = os.path.join(self.folder, "said")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config.strip() + "\n")
        check(os.access(PROGRAM, os.X_OK), f"there is no program {PROGRAM}")

        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*launcher, PROGRAM, *arguments, "-f", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                pass_fds=inherit,
            )
        self.pid = self.process.pid
        try:
            self._wait_for(ports)
        except BaseException:
            self.stop(signal.SIGKILL)
            raise

    def _wait_for(self, ports):
        end = time.monotonic() + START_TIMEOUT_S
        for port in ports:
            while not self._listens(port):
                if self.process.poll() is not None:
                    raise AssertionError(f"the proxy ended with {self.process.returncode}: {self.said()[-2000:]}")
                if time.monotonic() > end:
                    raise AssertionError(f"port {port} does not listen: {self.said()[-2000:]}")
                time.sleep(0.02)
        # The kernel accepts before the shards have opened their rings, and before what stands further down in the file
        # is bound, such as the stats socket: who uses that or counts descriptors has to wait for the shards, too.
        while ports and not self._has_shards() and time.monotonic() < end:
            time.sleep(0.01)

    def _has_shards(self):
        """True for other programs: they have none. Those of a master are in its worker."""
        names = []
        try:
            with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
                workers = file.read().split()
            for task in [f"/proc/{pid}/task/{task}" for pid in [self.pid, *workers] for task in os.listdir(f"/proc/{pid}/task")]:
                with open(f"{task}/comm", encoding="utf-8") as file:
                    names.append(file.read().strip())
        except OSError:
            return not self.alive()
        return "ringway" not in names or any(name.startswith("ringway/") for name in names)

    def _listens(self, port):
        # Read from the kernel's table, not by connecting: a probe would count as a client.
        with open("/proc/net/tcp", encoding="ascii") as table:
            wanted = f":{port:04X}"
            return any(f[1].endswith(wanted) and f[3] == "0A" for f in map(str.split, table))

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def rss_kb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))

    def rss_peak_kb(self):
        """The most since the start, or since reset_rss_peak()."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))

    def reset_rss_peak(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="ascii") as file:
            file.write("5")

    def limit_open_files(self, more):
        """From now on `more` descriptors above the highest it has."""
        highest = max(int(name) for name in os.listdir(f"/proc/{self.pid}/fd"))
        limits = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (highest + 1 + more, limits[1]))

    def files_below_limit(self):
        """How many descriptors it may have at most."""
        return resource.prlimit(self.pid, resource.RLIMIT_NOFILE)[0]

    def open_files(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def shard_counts(self, timeout_s=5):
        """The per-shard counters, which SIGQUIT prints under RINGWAY_DEBUG_COUNTS=1: [{"connections": N, ...}, ...]"""
        before = len(self.said())
        self.process.send_signal(signal.SIGQUIT)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            for line in self.said()[before:].splitlines(keepends=True):
                if line.startswith('{"shards"') and line.endswith("\n"):
                    return json.loads(line)["shards"]
            time.sleep(0.02)
        raise AssertionError("SIGQUIT printed no counters")

    def alive(self):
        return self.process.poll() is None

    def stop(self, how=signal.SIGTERM, timeout_s=10):
        """Exit status; whatever does not end is killed, which the status then shows."""
        if self.alive():
            self.process.send_signal(how)
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.stopped = True
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        died = not self.alive() and not self.stopped
        said = "" if self.stopped else self.said()
        self.stop()
        if died:
            raise AssertionError(f"the proxy died with {self.process.returncode}: {said[-3000:]}")
        if kind is not None and said:
            print("the proxy said:\n" + said[-3000:])


def listen_config(port, server_port, options="", server_options="", top=""):
    """One `listen` section in front of one server."""
    return f"""
{top}
{DEFAULTS}
listen in
  bind 127.0.0.1:{port}
  {options}
  server s1 127.0.0.1:{server_port} {server_options}
"""


_cases = []


def case(function):
    _cases.append(function)
    return function


def run_cases():
    """Runs every case, prints a line for each and `N passed, N failed` last; the exit status."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    passed = failed = 0
    script = os.path.basename(sys.argv[0])
    for function in _cases:
        if wanted not in function.__name__:
            continue
        begin = time.monotonic()
        try:
            function()
            passed += 1
            print(f"ok {script} {function.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
        except Skipped as reason:
            print(f"skipped {script} {function.__name__}: {reason}", flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed += 1
            print(f"FAIL {script} {function.__name__}: {error}", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0
