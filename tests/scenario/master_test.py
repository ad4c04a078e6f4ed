"""Master-worker mode (-W, -Ws, -S): crashes, reloads, the master's command line, signals, and the end of either side."""

import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from harness import (DEFAULTS, PROGRAM, SANITIZED, EndOfFile, Proxy, Server, case, check, connect, echo, free_port,
                     is_closed_within, is_refused, listen_config, need_program, receive_all, receive_exactly, run_cases, until)

RESTARTS = 20
RELOADS = int(os.environ.get("RINGWAY_RELOADS", "20"))


class Master:
    """A master with its command line; `pid` is its own. The configuration may be rewritten for a reload."""

    def __init__(self, config, port, *flags, environment=None, mode="-W", cli_options="", inherit=()):
        self.folder = tempfile.mkdtemp(prefix="ringway-master-")
        self.cli_path = os.path.join(self.folder, "m.sock")
        self.proxy = Proxy(config, environment=environment, arguments=(mode, "-S", self.cli_path + cli_options, *flags),
                           inherit=inherit)
        self.pid = self.proxy.pid
        try:
            until(lambda: self.serving() or not self.proxy.alive(), 15, "no worker serves")
            check(self.proxy.alive() and listening(port), f"it does not serve: {self.proxy.said()[-2000:]}")
        except BaseException:
            self.__exit__(RuntimeError)
            raise

    def ask(self, line, timeout_s=20):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout_s)
            client.connect(self.cli_path)
            client.sendall(line.encode() + b"\n")
            return receive_all(client).decode()

    def rows(self):
        """[pid, type, reloads, uptime, version] of each process."""
        try:
            text = self.ask("show proc")
        except OSError:
            return []
        return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if re.match(r"\d", line)]

    def workers(self):
        """All that live: starting, serving and leaving."""
        return [int(row[0]) for row in self.rows() if row[1] == "worker"]

    def serving(self):
        """The process that answers for the first worker; 0 while there is none."""
        try:
            found = re.search(r"^Pid: (\d+)$", self.ask("@1 show info"), re.M)
        except OSError:
            return 0
        return int(found.group(1)) if found else 0

    def children(self):
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def write(self, config):
        with open(self.proxy.config, "w", encoding="utf-8") as file:
            file.write(config.strip() + "\n")

    def wait(self, seconds=15):
        try:
            self.proxy.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return self.proxy.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print("the master said:\n" + self.proxy.said()[-3000:])
        children = self.children() if self.proxy.alive() else []
        self.proxy.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def ping(port):
    with connect(port) as client:
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the echo")


def is_served(port):
    """False for a connection that its owner's death has cut, and where nobody listens."""
    try:
        ping(port)
    except (ConnectionRefusedError, ConnectionResetError, EndOfFile):
        return False
    return True


def listening(port):
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return {row[9] for row in rows if row[1].endswith(f":{port:04X}") and row[3] == "0A"}


class Pinger:
    """Connects and exchanges a few bytes again and again; counts what fails."""

    def __init__(self, port):
        self.port, self.errors, self.done = port, [], 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self._stop.is_set():
            try:
                ping(self.port)
                self.done += 1
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(repr(error))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(15)


@case
def it_serves_and_shows_its_processes():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        ping(port)
        rows = master.rows()
        check([row[1] for row in rows] == ["master", "worker"], f"{rows}")
        check(int(rows[0][0]) == master.pid and rows[0][2] == "0 [failed: 0]", f"{rows}")
        check(rows[1][2] == "0" and re.fullmatch(r"0d00h00m\d\ds", rows[1][3]), f"{rows}")
        check(master.children() == [int(rows[1][0])], "one child, which is the worker")
        lines = master.ask("show proc debug").splitlines()
        check(lines[0].endswith("<line fd>") and re.search(r" \d+$", lines[3]), f"{lines}")
        check(master.ask("show version").startswith("3.5"), "the version")
        check(re.search(rf"^Pid: {rows[1][0]}$", master.ask("@1 show info"), re.M), "the worker's own answer")
        check("HAPROXY_MWORKER=1" in master.ask("@1 show env HAPROXY_MWORKER"), "the variable")
        # The master runs no shard and holds no configuration.
        with open(f"/proc/{master.pid}/status", encoding="ascii") as file:
            check("Threads:\t1\n" in file.read(), "it has threads")


@case
def a_killed_worker_is_replaced_on_the_same_sockets():
    """kill -9, again and again: within 200 ms there is another, and who connects meanwhile waits in the same queue."""
    port = free_port()
    took = []
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        sockets = listening(port)
        for _ in range(RESTARTS):
            pid = master.serving()
            os.kill(pid, signal.SIGKILL)
            begin = time.monotonic()
            until(lambda: is_gone(pid), 5, "it lives")  # or it could still answer
            # Nobody is refused: somebody always listens. The kernel may have accepted for the dead one.
            until(lambda: is_served(port), 5, "nobody serves")
            took.append(time.monotonic() - begin)
            until(lambda: master.serving() not in (0, pid), 5, "no new worker")
            check(listening(port) == sockets, "other sockets than before")
            time.sleep(0.05)
        said = master.proxy.said()
        check(said.count("killed by signal 9") == RESTARTS, said)
        check(master.proxy.alive(), "the master is gone")
        usual = statistics.median(took)
        print(f"served again after {usual * 1000:.0f} ms, at most {max(took) * 1000:.0f} ms")
        check(usual < (2 if SANITIZED else 0.2), f"{usual} s")
        check(max(took) < (5 if SANITIZED else 2), f"{max(took)} s")


@case
def a_frontend_that_does_not_listen_is_not_listened_for_by_the_master():
    port, other = free_port(), free_port()
    with Server(echo) as server:
        config = listen_config(port, server.port) + f"\nlisten other\n  bind 127.0.0.1:{other}\n  server s1 127.0.0.1:{server.port}\n"
        with Master(config, port) as master:
            ping(other)
            for stop, start in (("disable", "enable"), ("shutdown", None)):
                master.ask(f"@1 {stop} frontend other")
                check(is_refused(other), f"after {stop}")
                ping(port)
                # The new worker listens as it would at a start, also where the one that died did not.
                if start is None:
                    os.kill(master.serving(), signal.SIGKILL)
                    until(lambda: is_served(other), 10, "the new worker does not listen")
                else:
                    master.ask(f"@1 {start} frontend other")
                    ping(other)
            os.kill(master.pid, signal.SIGTTOU)
            until(lambda: is_refused(port) and is_refused(other), 5, "a pause")
            os.kill(master.pid, signal.SIGTTIN)
            until(lambda: is_served(port) and is_served(other), 5, "no end of the pause")
            sockets = listening(port)
            os.kill(master.serving(), signal.SIGKILL)
            until(lambda: is_served(port), 5, "nobody serves")
            check(listening(port) == sockets, "the master has not got them again")
            master.ask("@1 disable frontend other")
            check(master.ask("reload").startswith("Success=1"), "a reload while one is paused")
            ping(other)


def break_shard(pid):
    """As a fault on the first shard's thread would."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/comm", encoding="ascii") as file:
            if file.read().strip() != "ringway/0":
                continue
        check(ctypes.CDLL(None).tgkill(pid, int(task), signal.SIGSEGV) == 0, "the signal")
        return
    check(False, "there is no shard")


@case
def a_process_without_a_master_reports_its_crash_itself():
    if SANITIZED:
        return  # the sanitizer has its own
    port = free_port()
    with Server(echo) as server:
        proxy = Proxy(listen_config(port, server.port), [port])
        try:
            ping(port)
            break_shard(proxy.pid)
            check(proxy.process.wait(10) == -signal.SIGSEGV, f"exit status {proxy.process.returncode}")
            check("killed by signal 11 (SIGSEGV)" in proxy.said() and "thread ringway/0" in proxy.said(), proxy.said())
        finally:
            proxy.stop(signal.SIGKILL)


@case
def a_crash_leaves_a_report():
    if SANITIZED:
        return  # the sanitizer has its own
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port, top="global\n  nbthread 1"), port) as master, \
            connect(port) as client:
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the echo")
        pid = master.serving()
        break_shard(pid)
        check(is_closed_within(client, 5), "the stream goes on")
        until(lambda: master.serving() not in (0, pid), 5, "no new worker")
        said = master.proxy.said()
        check("killed by signal 11" in said and "SIGSEGV" in said, said)
        check(f"crash report of worker {pid}" in said, said)
        check("thread ringway/0" in said and re.search(r"at \(addr2line -e ringway\): 0x[0-9a-f]+", said), said)
        check("by reason:" in said and "streams of shard 0: 1" in said, said)
        check("of in to in:" in said and "server CON -> EST" in said, said)
        ping(port)


@case
def a_reload_takes_the_new_configuration_and_loses_nobody():
    port, other = free_port(), free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        with connect(port) as client, Pinger(port) as pinger:
            client.sendall(b"ping")
            check(receive_exactly(client, 4) == b"ping", "the echo")
            first = master.serving()
            for number in range(RELOADS):
                more = f"bind 127.0.0.1:{other}" if number % 2 == 0 else ""
                master.write(listen_config(port, server.port, more))
                answer = master.ask("reload")
                check(answer.startswith("Success=1\n--\n"), answer)
                until(lambda: bool(listening(other)) == bool(more), 5, f"reload {number}: port {other}")
            if listening(other):
                ping(other)
            # The first worker still has its stream; the others are gone.
            until(lambda: len(master.workers()) == 2, 10, f"{master.workers()}")
            rows = {int(row[0]): row for row in master.rows()}
            check(rows[first][2] == str(RELOADS), f"{rows}")
            check(rows[master.pid][2] == f"{RELOADS} [failed: 0]", f"{rows}")
            check(re.search(rf"^Pid: {first}$", master.ask(f"@!{first} show info"), re.M), "the old worker answers")
            client.sendall(b"more")
            check(receive_exactly(client, 4) == b"more", "the old stream is broken")
            client.close()
            until(lambda: is_gone(first), 10, "the first worker stays")
        check(not pinger.errors, f"{len(pinger.errors)} of {pinger.done}: {pinger.errors[:3]}")
        check(pinger.done > 20, f"only {pinger.done}")
        check("exit status" not in master.proxy.said().replace("exit status 0", ""), master.proxy.said())


HTTP = """
defaults
  mode http
  timeout connect 5s
  timeout client 20s
  timeout server 20s
"""


@case
def nobody_is_served_by_the_old_worker_once_a_reload_has_succeeded():
    port = free_port()

    def config_of(number):
        return (f"global\n  nbthread 2\n{DEFAULTS}\nfrontend in\n  mode http\n  bind 127.0.0.1:{port}\n"
                f"  http-request return status 200 content-type text/plain string number-{number}\n")

    with Master(config_of(0), port) as master:
        for number in range(1, 16):
            master.write(config_of(number))
            check(master.ask("reload" if number % 3 else "hard-reload").startswith("Success=1"), "the reload")
            for _ in range(10):
                with connect(port) as client:
                    client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    check(receive_all(client).endswith(b"number-%d" % number), f"after reload {number}")


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case
def a_reload_waits_for_the_last_accept_and_for_no_client():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master, connect(port) as client:
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the first worker")
        begin, used = time.monotonic(), cpu_seconds(master.pid)
        check(master.ask("reload").startswith("Success=1"), "the reload")
        took = time.monotonic() - begin
        check(len(master.workers()) == 2, "the old one stays with its client")
        time.sleep(0.5)
        check(cpu_seconds(master.pid) - used < 0.3, "the master has not come to rest")
        print(f"answered after {took * 1000:.0f} ms")
        check(took < 0.95, f"{took} s: not by the end of the session")  # a second is what it waits at most
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the old one serves")


@case
def a_reload_is_over_although_the_old_worker_accepts_for_long():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port, top="global\n  grace 20s\n"), port) as master:
        first = master.serving()
        answers = []

        def ask(line):
            answers.append((line, master.ask(line)))

        waiting = threading.Thread(target=ask, args=("reload",))
        begin = time.monotonic()
        waiting.start()
        until(lambda: master.serving() not in (0, first), 10, "no new worker")
        second = master.serving()
        # Asked for while the first is not over: it is the next one, and hard all the same.
        ask("hard-reload")
        waiting.join(20)
        took = time.monotonic() - begin
        check([line for line, _ in answers] == ["reload", "hard-reload"], f"{answers}")
        check(all(answer.startswith("Success=1") for _, answer in answers), f"{answers}")
        check(took < 15, f"answered after {took} s")
        until(lambda: is_gone(second), 10, "a hard reload ends the worker before")
        check(master.serving() not in (first, second), "the third serves")
        ping(port)


@case
def what_a_worker_that_starts_is_given_is_not_shut_under_it():
    """The one that serves pauses and shuts frontends down while another starts on the same sockets."""
    port, other = free_port(), free_port()
    with Server(echo) as server:
        config = listen_config(port, server.port) + f"\nlisten other\n  bind 127.0.0.1:{other}\n  server s1 127.0.0.1:{server.port}\n"
        for command in ("disable frontend other", "shutdown frontend other", "pause"):
            # It takes its time: a thousand names to ask about.
            slow = "".join(f"backend b{i}\n  server s 127.0.0.1:1\n" for i in range(4000))
            with Master(config, port) as master:
                ping(other)
                master.write(config + slow)
                reloading = threading.Thread(target=master.ask, args=("reload",))
                reloading.start()
                until(lambda: len(master.children()) == 2, 10, "no second worker")
                if command == "pause":
                    os.kill(master.serving(), signal.SIGTTOU)
                else:
                    master.ask("@1 " + command)
                reloading.join(30)
                until(lambda: len(master.workers()) == 1, 20, "the old worker stays")
                for address in (port, other):
                    check(is_served(address), f"after {command}: nobody serves {address}")


@case
def reloads_under_load_lose_no_request():
    """wrk keeps its connections, ab opens one for each request; the number of shards changes each time."""
    wrk, ab = need_program("wrk"), need_program("ab")
    port, origin = free_port(), free_port()
    answer = f"http-request return status 200 content-type text/plain string \"{'x' * 2000}\""

    def config_of(number):
        return f"global\n  nbthread {1 + number % 2}\n{HTTP}\nlisten in\n  bind 127.0.0.1:{port}\n  server s1 127.0.0.1:{origin}\n"

    with Proxy(f"{HTTP}\nfrontend origin\n  bind 127.0.0.1:{origin}\n  {answer}\n", [origin]), \
            Master(config_of(1), port) as master:
        url = f"http://127.0.0.1:{port}/"
        load = [subprocess.Popen(command + [url], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                for command in ([wrk, "-t1", "-c16", "-d600s"], [ab, "-r", "-q", "-c", "8", "-t", "600", "-n", "100000000"])]
        said = []
        try:
            for number in range(RELOADS):
                master.write(config_of(number))
                check(master.ask("reload").startswith("Success=1"), "reload")
                time.sleep(0.1)
        finally:
            for one in load:
                one.send_signal(signal.SIGINT)
                said.append(one.communicate(timeout=20)[0])
        until(lambda: len(master.workers()) == 1, 20, "old workers stay")
    check("Socket errors" not in said[0] and "Non-2xx" not in said[0], said[0])
    check(int(re.search(r"(\d+) requests in", said[0]).group(1)) > 1000, said[0])
    failed = re.search(r"Failed requests:\s+(\d+)", said[1])
    check(failed and failed.group(1) == "0" and "Non-2xx" not in said[1], said[1])
    check(int(re.search(r"Complete requests:\s+(\d+)", said[1]).group(1)) > 100, said[1])


def queue_up(port, clients, count=30):
    """One client that is served and more that wait, some in the process and the rest in the kernel's queue."""
    first = clients.enter_context(connect(port))
    first.sendall(b"ping")
    check(receive_exactly(first, 4) == b"ping", "the echo")
    waiting = []
    for number in range(count):
        waiting.append(clients.enter_context(connect(port)))
        waiting[-1].sendall(b"wait")
        time.sleep(0.05 if number < 10 else 0)
    return first, waiting


def serve_all(first, waiting):
    first.close()
    left = list(waiting)
    while left:
        ready = select.select(left, [], [], 10)[0]
        check(ready, f"{len(left)} of {len(waiting)} are not served")
        for client in ready:
            check(receive_exactly(client, 4) == b"wait", "who waited is cut off")
            client.close()
            left.remove(client)


@case
def whoever_waits_where_nobody_listens_any_more_is_served():
    """By the worker that leaves: after a reload that drops the listener, and after a soft stop."""
    port, other = free_port(), free_port()
    with Server(echo) as server:
        rest = f"{DEFAULTS}\nlisten in\n  bind 127.0.0.1:{port}\n  server s1 127.0.0.1:{server.port}\n"
        dropped = f"listen other\n  maxconn 1\n  backlog 100\n  bind 127.0.0.1:{other}\n  server s1 127.0.0.1:{server.port}\n"
        for how in ("reload", "soft stop"):
            with Master(f"global\n  nbthread 1\n{rest}{dropped}", port) as master, contextlib.ExitStack() as clients:
                until(lambda: listening(other), 5, "the other port")
                first, waiting = queue_up(other, clients)
                if how == "reload":
                    master.write(rest)
                    check(master.ask("reload").startswith("Success=1"), "reload")
                else:
                    os.kill(master.pid, signal.SIGUSR1)
                until(lambda: not listening(other), 5, "somebody listens")
                serve_all(first, waiting)
                if how == "soft stop":
                    check(master.wait() == 0, "the exit status")


@case
def whoever_comes_to_an_inherited_socket_is_served():
    """In the moment in which a worker leaves it, too: the kernel may have woken that one and nobody else."""
    with Server(echo) as server, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        config = listen_config(port, server.port).replace(f"bind 127.0.0.1:{port}", f"bind fd@{listener.fileno()}")
        late = 0
        with Master(config, port, inherit=(listener.fileno(),)) as master:
            for _ in range(max(RELOADS, 30)):
                check(master.ask("reload").startswith("Success=1"), "reload")
                with connect(port, timeout_s=2) as client:
                    client.sendall(b"ping")
                    try:
                        check(receive_exactly(client, 4) == b"ping", "the echo")
                    except TimeoutError:
                        late += 1
        check(late == 0, f"{late} were not served before others came")


@case
def a_port_of_another_process_is_warned_of():
    port, other = free_port(), free_port()
    warning = f"another process listens on 127.0.0.1:{port} as well"
    with Server(echo) as server, Proxy(listen_config(port, server.port), [port]), \
            Proxy(listen_config(other, server.port), [other]):
        with Master(listen_config(port, server.port), port) as master:
            until(lambda: warning in master.proxy.said(), 5, f"no warning: {master.proxy.said()}")
            # What a reload finds is the master's own, but for what is new.
            master.write(listen_config(port, server.port, f"bind 127.0.0.1:{other}"))
            answer = master.ask("reload")
            check(f"another process listens on 127.0.0.1:{other} as well" in answer, answer)
            check(warning not in answer, answer)
        with tempfile.TemporaryDirectory() as folder:
            path, pid_path = os.path.join(folder, "d.cfg"), os.path.join(folder, "pid")
            with open(path, "w", encoding="utf-8") as file:
                file.write(listen_config(port, server.port))
            result = subprocess.run([PROGRAM, "-W", "-D", "-f", path, "-p", pid_path], timeout=20, check=False,
                                    capture_output=True, text=True)
            check(result.returncode == 0 and warning in result.stderr, f"{result}")
            with open(pid_path, encoding="ascii") as file:
                pid = int(file.read())
            os.kill(pid, signal.SIGTERM)
            until(lambda: is_gone(pid), 10, "the daemon stays")


@case
def each_process_shows_its_own_variables():
    # The matrix of manual 2.3.
    common = ["HAPROXY_STARTUP_VERSION", "HAPROXY_BRANCH", "HAPROXY_CFGFILES", "HAPROXY_MWORKER"]
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        master.serving()
        for command, own, others in (("show env", ["HAPROXY_MASTER_CLI"], ["HAPROXY_CLI", "HAPROXY_LOCALPEER"]),
                                     ("@1 show env", ["HAPROXY_LOCALPEER"], ["HAPROXY_MASTER_CLI"])):
            answer = master.ask(command)
            names = [line.split("=", 1)[0] for line in answer.splitlines()]
            for name in common + own:
                check(name in names, f"{command}: no {name}")
            check("HAPROXY_HTTP_LOG_FMT" not in names, f"{command}: a format is listed")
            for name in others:
                check(name not in names, f"{command}: {name}")
        check(master.ask("show env HAPROXY_CFGFILES").strip() == f"HAPROXY_CFGFILES={master.proxy.config}", "one")
        check(master.cli_path in master.ask("show env HAPROXY_MASTER_CLI"), master.ask("show env HAPROXY_MASTER_CLI"))
        check(master.ask("show env NOBODY_SET_THIS").strip() == "Variable not found", "unknown")
        check("Permission denied" in master.ask("user; show env"), "a user sees it")
        for word in ("show\\ env", "show\\ environment", "show environment"):
            check("Unknown command" in master.ask(word), f"{word!r} is a command")


@case
def a_bad_reload_changes_nothing_and_says_why():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        worker = master.serving()
        master.write("global\n  nonsense\n")
        answer = master.ask("reload")
        check(answer.startswith("Success=0\n--\n") and "nonsense" in answer, answer)
        check(master.workers() == [worker], f"{master.workers()}")
        check("nonsense" in master.ask("show startup-logs"), "the messages are kept")
        check(master.rows()[0][2] == "0 [failed: 1]", f"{master.rows()}")
        check(b"master[ReloadFailed]> " in conversation(master, ["prompt"]), "the prompt")
        ping(port)
        os.remove(master.proxy.config)
        check(master.ask("reload").startswith("Success=0"), "a file that is gone")
        # By a signal nobody is told but the terminal and `show proc`; the next one is good again.
        master.write("global\n  rubbish\n")
        os.kill(master.pid, signal.SIGUSR2)
        until(lambda: master.rows()[0][2] == "0 [failed: 3]", 10, "the signal does nothing")
        check("rubbish" in master.proxy.said() and master.workers() == [worker], master.proxy.said())
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            master.write(listen_config(port, server.port, f"bind 127.0.0.1:{stranger.getsockname()[1]}"))
            answer = master.ask("reload")
            check(answer.startswith("Success=0") and "EADDRINUSE" in answer, answer)
        check(master.serving() == worker, "another worker serves")
        master.write(listen_config(port, server.port))
        check(master.ask("reload").startswith("Success=1"), "it does not recover")
        check(b"master> " in conversation(master, ["prompt"]), "the prompt")
        ping(port)


@case
def a_reload_refuses_what_serves_nobody():
    """As a start does, and a reload in place: an emptied file is no reason to end the service."""
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        worker = master.serving()
        for config in ("", "global\n  maxconn 100\n", "backend only\n  server s 127.0.0.1:1\n"):
            master.write(config)
            answer = master.ask("reload")
            check(answer.startswith("Success=0\n") and "has no listener" in answer, f"{config!r}: {answer}")
            check(master.workers() == [worker], f"{config!r}: {master.workers()}")
            ping(port)
        os.remove(master.proxy.config)
        os.mkdir(master.proxy.config)
        answer = master.ask("reload")
        check(answer.startswith("Success=0\n") and master.workers() == [worker], answer)
        os.rmdir(master.proxy.config)
        # The replacement of one that crashes is tried until there is something to serve, or given up on.
        master.write("")
        os.kill(worker, signal.SIGKILL)
        until(lambda: master.proxy.said().count("has no listener") > 4, 10, "an empty file is served")
        master.write(listen_config(port, server.port))
        until(lambda: is_served(port), 10, "nobody serves")
        master.write("")
        os.kill(master.serving(), signal.SIGKILL)
        check(master.wait() == 1 and "giving up" in master.proxy.said(), master.proxy.said()[-2000:])


@case
def a_reload_takes_only_files_that_are_whole():
    """A last line without its end may be half of what somebody is writing. Where nobody serves it is taken."""
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        worker = master.serving()
        with open(master.proxy.config, "w", encoding="utf-8") as file:
            file.write(listen_config(port, server.port).rstrip("\n"))
        answer = master.ask("reload")
        check(answer.startswith("Success=0\n") and "Missing LF on last line" in answer, answer)
        check(master.workers() == [worker], f"{master.workers()}")
        ping(port)
        os.kill(worker, signal.SIGKILL)
        until(lambda: master.serving() not in (0, worker), 10, "no replacement")
        ping(port)


@case
def the_answer_to_a_reload_says_what_became_of_it():
    """As the examples of the manual (management 9.4.1): who is started, what it says, how it ends."""
    port = free_port()
    config = listen_config(port, 1)
    with Master(config, port) as master:
        answer = master.ask("reload")
        lines = answer.splitlines()
        check(lines[:2] == ["Success=1", "--"], answer)
        pattern = rf"\[NOTICE\]   \({master.pid}\) : New worker \({master.serving()}\) forked"
        check(re.fullmatch(pattern, lines[2]), answer)
        check(any(line.endswith(" : Loading success.") for line in lines), answer)
        check(master.ask("show startup-logs").splitlines()[0] == lines[2], master.ask("show startup-logs"))
        # A worker that dies before it could say why.
        pipe = os.path.join(master.folder, "pipe")
        os.mkfifo(pipe)
        master.write(config + f"\n  acl a src -f {pipe}\n  tcp-request connection reject if a\n")
        until(lambda: len(master.children()) == 1, 10, "the old worker stays")
        worker, answers = master.serving(), []
        asker = threading.Thread(target=lambda: answers.append(master.ask("reload")))
        asker.start()
        until(lambda: len(master.children()) == 2, 10, "no worker starts")
        os.kill(next(pid for pid in master.children() if pid != worker), signal.SIGKILL)
        asker.join()
        check(answers[0].startswith("Success=0\n--\n"), answers[0])
        check(re.search(r"Starting worker \(\d+\) killed by signal 9", answers[0]), answers[0])
        check("Loading failure!" in answers[0], answers[0])


@case
def unix_sockets_outlive_reloads_and_crashes():
    """Their paths lead to whoever serves; a worker that leaves or dies does not take them away."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Server(echo) as server:
        path, stats = os.path.join(folder, "in"), os.path.join(folder, "stats")
        config = listen_config(port, server.port, f"bind {path}", top=f"global\n  stats socket {stats}")
        with Master(config, port) as master:
            for how in ("reload", "crash", "reload"):
                worker = master.serving()
                if how == "reload":
                    check(master.ask("reload").startswith("Success=1"), "reload")
                else:
                    os.kill(worker, signal.SIGKILL)
                until(lambda: is_gone(worker) and master.serving() not in (0, worker), 10, how)
                for name, line, wanted in ((path, b"ping", b"ping"), (stats, b"show info\n", b"Pid: %d\n" % master.serving())):
                    with socket.socket(socket.AF_UNIX) as client:
                        client.settimeout(10)
                        client.connect(name)
                        client.sendall(line)
                        client.shutdown(socket.SHUT_WR)
                        check(wanted in receive_all(client), f"{how}: {name}")


@case
def signals_reload_too():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        for how in (signal.SIGUSR2, signal.SIGHUP):
            worker = master.serving()
            os.kill(master.pid, how)
            until(lambda: master.serving() not in (0, worker), 10, f"no reload by {how}")
            until(lambda: is_gone(worker), 10, "the old worker stays")
            ping(port)
        # Several at once are one after another, and none is lost.
        for _ in range(5):
            os.kill(master.pid, signal.SIGUSR2)
        until(lambda: len(master.workers()) == 1, 15, "old workers stay")
        ping(port)


@case
def signals_reach_the_worker():
    """SIGQUIT, and a pause."""
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        os.kill(master.pid, signal.SIGQUIT)
        until(lambda: '{"shards":' in master.proxy.said(), 5, "no dump")
        os.kill(master.pid, signal.SIGTTOU)
        until(lambda: "Paused" in master.proxy.said() and is_refused(port), 5, "no pause")
        os.kill(master.pid, signal.SIGTTIN)
        until(lambda: is_served(port), 5, "no end of the pause")


@case
def a_new_binary_comes_with_the_next_reload():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path, cli = os.path.join(folder, "ringway"), os.path.join(folder, "m.sock")
        shutil.copy(PROGRAM, path)
        config = os.path.join(folder, "t.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(listen_config(port, server.port))
        with open(os.path.join(folder, "log"), "wb") as log, \
                subprocess.Popen([path, "-W", "-S", cli, "-f", config], stdout=log, stderr=log) as process:
            try:
                until(lambda: listening(port) and is_served(port), 15, "it does not serve")
                with open(path + ".new", "w", encoding="utf-8") as file:
                    file.write(f"#!/bin/sh\nNEW_BINARY=yes exec {PROGRAM} \"$@\"\n")
                os.chmod(path + ".new", 0o755)
                os.rename(path + ".new", path)

                def ask(line):
                    with socket.socket(socket.AF_UNIX) as client:
                        client.settimeout(10)
                        client.connect(cli)
                        client.sendall(line + b"\n")
                        return receive_all(client)

                check(b"NEW_BINARY" not in ask(b"@1 show env"), "too early")
                check(ask(b"reload").startswith(b"Success=1"), "reload")
                check(b"NEW_BINARY=yes" in ask(b"@1 show env NEW_BINARY"), "the old binary again")
                ping(port)
            finally:
                process.terminate()
                check(process.wait(15) == 0, "the exit status")


@case
def workers_give_up_privileges_that_the_master_keeps():
    """A reload binds a port that only root may, though the worker before has been nobody in an empty folder for long."""
    if os.getuid() != 0:
        return
    port = free_port()
    low = next(number for number in range(700, 1000) if not listening(number))
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        top = f"global\n  user nobody\n  group nogroup\n  chroot {folder}"
        with Master(listen_config(port, server.port, top=top), port) as master:
            for more in (f"bind 127.0.0.1:{low}", ""):
                master.write(listen_config(port, server.port, more, top=top))
                check(master.ask("reload").startswith("Success=1"), "reload")
                pid = master.serving()
                with open(f"/proc/{pid}/status", encoding="ascii") as file:
                    check("Uid:\t65534\t65534" in file.read(), "the user")
                check(os.readlink(f"/proc/{pid}/root") == folder, "the root")
                until(lambda: bool(listening(low)) == bool(more), 5, "the low port")
                ping(low if more else port)
            os.kill(master.serving(), signal.SIGKILL)
            until(lambda: is_served(port), 5, "nobody serves")


@case
def hard_reload_ends_streams_and_max_reloads_bounds_their_age():
    port = free_port()
    config = listen_config(port, 1, top="global\n  mworker-max-reloads 2")
    with Server(echo) as server:
        config = config.replace("127.0.0.1:1 ", f"127.0.0.1:{server.port} ")
        with Master(config, port) as master:
            with connect(port) as client:
                client.sendall(b"ping")
                check(receive_exactly(client, 4) == b"ping", "the echo")
                check(master.ask("hard-reload").startswith("Success=1"), "hard-reload")
                check(is_closed_within(client, 5), "the stream goes on")
            with connect(port) as client:
                client.sendall(b"ping")
                check(receive_exactly(client, 4) == b"ping", "the echo")
                for _ in range(2):
                    check(master.ask("reload").startswith("Success=1"), "reload")
                client.sendall(b"more")
                check(receive_exactly(client, 4) == b"more", "it was ended too early")
                check(master.ask("reload").startswith("Success=1"), "reload")
                check(is_closed_within(client, 5), "the third reload leaves it")


def conversation(master, lines):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(master.cli_path)
        for line in lines:
            client.sendall(line.encode() + b"\n")
            time.sleep(0.2)
        client.shutdown(socket.SHUT_WR)
        return receive_all(client)


@case
def the_command_line_reaches_every_process():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        worker = master.serving()
        version = master.ask("@1 show version")
        check(version == master.ask(f"@!{worker} show version"), "by number and by pid")
        check(master.ask("@1 show version; @1 show version") == version * 2, "two commands")
        check(master.ask("@1; show version; @; show proc").startswith(version + "#<PID>"), "switching")
        check("'@9'" in master.ask("@9 show info") and "'@!1'" in master.ask("@!1 show info"), "nobody")
        check(master.ask(f"@@{1} show version; show version") == version * 2, "a whole line")
        check(master.ask("@1 echo a <<\nb\n") is not None, "a payload")
        check("Unknown command" in master.ask("show info"), "a worker's command without its prefix")
        said = conversation(master, ["prompt", "@1", "show version", "@", "show proc", "quit"]).decode()
        check(said.startswith(f"master> {worker}> {version}{worker}> master> #<PID>"), said)
        said = conversation(master, ["@@1", "show version", "show version", "quit"]).decode()
        check(said.count(version.strip()) == 2, said)
        # Users who say nothing keep nobody out.
        with contextlib.ExitStack() as idle:
            for _ in range(100):
                idle.enter_context(socket.socket(socket.AF_UNIX)).connect(master.cli_path)
            check(master.ask("@1 show version") == version, "with a hundred connections")
        # Nothing of this is left open.
        until(lambda: "CurrConns: 0" in master.ask("@1 show info"), 5, "connections stay")


@case
def levels_are_held_to():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port, cli_options=",level,user,mode,600") as master:
        check("Permission denied" in master.ask("reload"), "reload")
        check("Permission denied" in master.ask("@1 disable frontend in"), "a worker's command")
        check(master.ask("show cli level") == "user\n\n", "the level")
        check(os.stat(master.cli_path).st_mode & 0o777 == 0o600, "the mode of the socket")
        ping(port)
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        check(master.ask("show cli level") == "admin\n\n", "the level where none is given")
        check(master.ask("user; reload").count("Permission denied") == 1, "lowered")
        check("Permission denied" not in master.ask("@1 disable frontend in"), "a worker's command")


@case
def stops_with_the_status_of_the_contract():
    for how, wanted in ((signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGUSR1, 0)):
        port = free_port()
        with Server(echo) as server, Master(listen_config(port, server.port), port) as master, connect(port) as client:
            client.sendall(b"ping")
            check(receive_exactly(client, 4) == b"ping", "the echo")
            worker = master.serving()
            os.kill(master.pid, how)
            if how == signal.SIGUSR1:
                until(lambda: not listening(port), 5, "somebody listens")
                client.sendall(b"more")
                check(receive_exactly(client, 4) == b"more", "the stream is broken")
                check(master.proxy.alive(), "it does not wait")
                client.close()
            status = master.wait()
            check(status == wanted, f"{how}: exit status {status}")
            check(is_gone(worker), "the worker stays")


@case
def a_killed_master_lets_its_workers_finish():
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master, connect(port) as client:
        client.sendall(b"ping")
        check(receive_exactly(client, 4) == b"ping", "the echo")
        worker = master.serving()
        os.kill(master.pid, signal.SIGKILL)
        until(lambda: not listening(port), 5, "somebody listens")
        client.sendall(b"more")
        check(receive_exactly(client, 4) == b"more", "the stream is broken")
        check("master process is gone" in master.proxy.said(), master.proxy.said())
        client.close()
        until(lambda: is_gone(worker), 10, "the worker stays")


@case
def a_master_takes_over_from_a_master():
    """And from one without -W, and the other way round: -sf names whoever was started before."""
    port = free_port()
    with Server(echo) as server:
        config = listen_config(port, server.port)
        old = Proxy(config, [port])
        try:
            sockets = listening(port)
            with Pinger(port) as pinger, Master(config, port, "-sf", str(old.pid)) as second:
                check(old.process.wait(10) == 0, "the first stays")
                check(listening(port) == sockets, "other sockets than before")
                # A crash or a reload of its worker does not signal anybody again.
                check(second.ask("reload").startswith("Success=1"), "reload")
                with Master(config, port, "-sf", str(second.pid)) as third:
                    check(second.wait() == 0, "the second stays")
                    check(listening(port) == sockets, "other sockets than before")
                    last = Proxy(config, [port], arguments=("-db", "-sf", str(third.pid)))
                    try:
                        check(third.wait() == 0, "the third stays")
                        check(listening(port) == sockets, "other sockets than before")
                        ping(port)
                    finally:
                        time.sleep(0.3)
                        pinger._stop.set()  # pylint: disable=protected-access
                        pinger._thread.join(15)  # pylint: disable=protected-access
                        last.stop()
            check(not pinger.errors, f"{len(pinger.errors)} of {pinger.done}: {pinger.errors[:3]}")
        finally:
            old.stop(signal.SIGKILL)


@case
def systemd_is_told():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = os.path.join(folder, "notify")
        manager.bind(path)
        manager.settimeout(15)
        with Server(echo) as server, Master(listen_config(port, server.port), port, mode="-Ws",
                                            environment={"NOTIFY_SOCKET": path}) as master:
            said = manager.recv(4096).decode()
            check(said.startswith("READY=1\n") and f"MAINPID={master.pid}\n" in said, said)
            master.ask("reload")
            said = manager.recv(4096).decode()
            check(said.startswith("RELOADING=1\n") and re.search(r"MONOTONIC_USEC=\d+\n", said), said)
            check(manager.recv(4096).decode().startswith("READY=1\n"), "ready again")
            master.write("nonsense\n")
            master.ask("reload")
            manager.recv(4096)
            said = manager.recv(4096).decode()
            check("READY=1" in said and "failed" in said, said)
            # Workers have nothing to say to it.
            check("NOTIFY_SOCKET" not in master.ask("@1 show env"), "the worker has it, too")
            os.kill(master.pid, signal.SIGTERM)
            check(manager.recv(4096).decode().startswith("STOPPING=1\n"), "stopping")
            check(master.wait() == 0, "the exit status")


@case
def the_keyword_and_the_daemon_do_the_same():
    port = free_port()
    with Server(echo) as server, tempfile.TemporaryDirectory() as folder:
        path, pid_path = os.path.join(folder, "d.cfg"), os.path.join(folder, "pid")
        with open(path, "w", encoding="utf-8") as file:
            file.write(listen_config(port, server.port, top="global\n  master-worker\n  daemon\n"))
        cli = os.path.join(folder, "m.sock")
        result = subprocess.run([PROGRAM, "-f", path, "-p", pid_path, "-S", cli], timeout=20, check=False, capture_output=True,
                                text=True)
        check(result.returncode == 0, result.stderr)
        with open(pid_path, encoding="ascii") as file:
            pid = int(file.read())
        try:
            ping(port)
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(cli)
                client.sendall(b"show proc\n")
                said = receive_all(client).decode()
            check(said.splitlines()[1].startswith(f"{pid} "), said)
        finally:
            os.kill(pid, signal.SIGTERM)
        until(lambda: is_gone(pid), 10, "it stays")
        check(not os.path.exists(pid_path), "the pid file stays")


@case
def a_first_worker_that_cannot_start_ends_it():
    port = free_port()
    with Server(echo) as server, socket.socket() as stranger, tempfile.TemporaryDirectory() as folder:
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        path = os.path.join(folder, "t.cfg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(listen_config(port, server.port))
        for flags in (["-W"], ["-W", "-D"]):
            result = subprocess.run([PROGRAM, *flags, "-f", path], timeout=20, check=False, capture_output=True, text=True)
            check(result.returncode == 1 and "EADDRINUSE" in result.stderr, f"{result}")
        result = subprocess.run([PROGRAM, "-W", "-f", path, "-S", os.path.join(folder, "m") + ",nonsense"], timeout=20,
                                check=False, capture_output=True, text=True)
        check(result.returncode == 1 and "nonsense" in result.stderr, f"{result}")
        result = subprocess.run([PROGRAM, "-W", "-f", "/dev/stdin"], timeout=20, check=False, capture_output=True, text=True,
                                input=listen_config(port, server.port))
        check(result.returncode == 1 and "can be read only once" in result.stderr, f"{result}")


@case
def a_master_told_to_stay_tries_for_ever():
    """'master-worker no-exit-on-failure': more starts fail than another master bears, and then one succeeds."""
    port = free_port()
    with Server(echo) as server:
        text = listen_config(port, server.port, top="global\n  master-worker no-exit-on-failure")
        with Master(text, port) as master:
            master.write("nonsense\n")
            os.kill(master.serving(), signal.SIGKILL)
            until(lambda: master.proxy.said().count("Starting worker") > 11 or not master.proxy.alive(), 40, "it does not try")
            check(master.proxy.alive(), "the master is gone")
            master.write(text)
            until(lambda: master.serving() != 0, 10, "no worker")
            ping(port)


@case
def workers_that_die_one_after_the_other_are_given_up_on():
    """Each new one fails to start: its file is gone. The master tries again for a while, and holds the sockets meanwhile."""
    port = free_port()
    with Server(echo) as server, Master(listen_config(port, server.port), port) as master:
        text = listen_config(port, server.port)
        os.remove(master.proxy.config)
        os.kill(master.serving(), signal.SIGKILL)
        until(lambda: "Starting worker" in master.proxy.said(), 10, "it does not try")
        check(listening(port), "nobody listens")
        with connect(port) as client:  # waits in the queue
            client.sendall(b"wait")
            master.write(text)
            check(receive_exactly(client, 4) == b"wait", "the echo")
        os.remove(master.proxy.config)
        time.sleep(0.2)
        os.kill(master.serving(), signal.SIGKILL)
        status = master.wait(40)
        check(status not in (None, 0), f"exit status {status}")
        check("giving up" in master.proxy.said(), master.proxy.said())


if __name__ == "__main__":
    sys.exit(run_cases())
