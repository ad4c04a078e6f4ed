"""Reload in place: what runs goes on, what is new is served, and a file that cannot be used changes nothing."""

import http.client
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
import time

from harness import case, check, connect, free_port, free_ports, is_closed_within, is_refused, receive_exactly, run_cases
from reloading import HttpServer, Reloading, client_of, get, site


class Load:
    """Clients that ask one request after another on connections that stay, until told otherwise."""

    def __init__(self, port, clients=8):
        self.errors = []
        self.answers = 0
        self._ends = False
        self._threads = [threading.Thread(target=self._run, args=(port,)) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, port):
        client = client_of(port)
        while not self._ends:
            try:
                status, body = get(client)
                if status != 200:
                    self.errors.append(f"{status} {body}")
                self.answers += 1
            except OSError as error:
                self.errors.append(repr(error))
                client = client_of(port)
            except http.client.HTTPException as error:
                self.errors.append(repr(error))
                client = client_of(port)
        client.close()

    def end(self):
        self._ends = True
        for thread in self._threads:
            thread.join()
        check(not self.errors, f"{len(self.errors)} errors, the first ones: {self.errors[:3]}")
        check(self.answers > 0, "no answer")


@case
def a_client_that_stays_meets_the_new_servers():
    port = free_port()
    with HttpServer("one") as one, HttpServer("two") as two:
        with Reloading(site(port, [one]), [port]) as proxy:
            client = client_of(port)
            check(get(client) == (200, "one"), "before")
            answer = proxy.reload(site(port, [two]))
            check("+ server app/two" in answer and "- server app/one" in answer, answer)
            check(get(client) == (200, "two"), "the same connection, after")
            check(get(client_of(port)) == (200, "two"), "a new connection")
            check(proxy.stat("in", "FRONTEND", "stot") == "2", "the frontend counts on")
            check(proxy.stat("app", "BACKEND", "stot") == "3", "the backend counts on")
            check(proxy.stat("app", "one", "stot") is None, "a server that is gone")


@case
def both_signals_reload():
    port = free_port()
    with HttpServer("one") as one, HttpServer("two") as two:
        with Reloading(site(port, [one]), [port]) as proxy:
            for signal_number, server in ((signal.SIGUSR2, two), (signal.SIGHUP, one)):
                proxy.write(site(port, [server]))
                os.kill(proxy.pid, signal_number)
                end = time.monotonic() + 5
                while get(client_of(port))[1] != server.title:
                    check(time.monotonic() < end, f"nothing came of signal {signal_number}")
                    time.sleep(0.02)


@case
def a_file_that_cannot_be_used_changes_nothing():
    port, other = free_ports(2)
    with HttpServer("one") as one, HttpServer("two") as two:
        good = site(port, [one])
        with Reloading(good, [port]) as proxy, socket.socket() as taken:
            client = client_of(port)
            taken.bind(("127.0.0.1", other))
            taken.listen()
            open_files = len(os.listdir(f"/proc/{proxy.pid}/fd"))
            proxy.write(site(port, [two]) + "  servre x 1.2.3.4:80\n")
            answer = proxy.ask("reload")
            check("servre" in answer and "test.cfg:" in answer and "nothing was changed" in answer, answer)
            proxy.write(site(port, [two], f"  bind 127.0.0.1:{other}"))
            answer = proxy.ask("reload")
            check(f"127.0.0.1:{other}" in answer and "nothing was changed" in answer, answer)
            proxy.write(site(port, [two], "  log 127.0.0.1:514 local0"))
            answer = proxy.ask("reload")
            check("restart" in answer and "nothing was changed" in answer, answer)
            proxy.write(site(port, [two]))
            with open(proxy.config, "r+", encoding="utf-8") as file:
                lines = file.read().rstrip("\n")
                file.seek(0)
                file.truncate()
                file.write(lines)
            answer = proxy.ask("reload")
            place = f"test.cfg:{lines.count(chr(10)) + 1}]"
            check("Missing LF" in answer and place in answer and "nothing was changed" in answer, answer)
            os.rename(proxy.config, proxy.config + ".away")
            check("nothing was changed" in proxy.ask("reload"), "a file that is gone")
            check(get(client) == (200, "one"), "still the first configuration")
            check(len(os.listdir(f"/proc/{proxy.pid}/fd")) - open_files <= 2, "descriptors stay open")
            proxy.reload(site(port, [two]))
            check(get(client) == (200, "two"), "after a good file")


@case
def a_reload_that_fails_is_logged_with_its_place():
    """By whomever it was asked for: who did may be a script that looks at nothing."""
    port = free_port()
    name = f"/tmp/ringway-reload-{os.getpid()}-{port}.log"
    with HttpServer("one") as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as lines:
        lines.bind(name)
        lines.settimeout(5)
        text = f"global\n  log {name} format raw local0\n" + site(port, [one])
        try:
            with Reloading(text, [port]) as proxy:
                proxy.write(text + "  servre x 1.2.3.4:80\n")
                with open(proxy.config, encoding="utf-8") as file:
                    number = 1 + next(i for i, line in enumerate(file) if "servre" in line)
                place = f"test.cfg:{number}]"
                for ask in (lambda: proxy.ask("reload"), lambda: os.kill(proxy.pid, signal.SIGUSR2)):
                    before = len(proxy.said())
                    ask()
                    first, last = lines.recv(4096).decode(), lines.recv(4096).decode()
                    while "was not reloaded" not in last:
                        last = lines.recv(4096).decode()
                    check("servre" in first and place in first, f"{first} {last}")
                    check("servre" in proxy.said()[before:], "standard error")
        finally:
            os.unlink(name)


@case
def what_only_a_start_can_set_is_kept_and_said():
    port = free_port()
    with HttpServer("one") as one:
        with Reloading(site(port, [one]), [port]) as proxy:
            answer = proxy.reload("global\n  tune.bufsize 32768\n" + site(port, [one]))
            check("'tune.bufsize' needs a restart" in answer, answer)
            check(get(client_of(port)) == (200, "one"), "it serves")


def backlogs_of(port):
    """What listen(2) was last told for each socket at the port (sock_diag(7): of one that listens, idiag_wqueue)."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as asks:  # NETLINK_SOCK_DIAG
        query = struct.pack("=BBBxI48x", socket.AF_INET, socket.IPPROTO_TCP, 0, 1 << 10)  # those in TCP_LISTEN
        asks.send(struct.pack("=IHHII", 16 + len(query), 20, 0x301, 1, 0) + query)
        found = []
        while True:
            answer = asks.recv(65536)
            while answer:
                length, kind = struct.unpack_from("=IH", answer)
                if kind != 20:  # NLMSG_DONE, or an error
                    return found
                if struct.unpack_from("!H", answer, 20)[0] == port:
                    found.append(struct.unpack_from("=I", answer, 16 + 4 + 48 + 8)[0])
                answer = answer[(length + 3) & ~3 :]


@case
def options_of_a_bind_are_told_and_hold():
    port = free_port()
    with HttpServer("one") as one:
        plain = site(port, [one])
        with Reloading(plain, [port]) as proxy:
            for option in (
                "accept-proxy",
                "interface lo",
                "mss 1000",
                "tcp-ut 5s",
                "defer-accept",
                "name door",
                "id 7",
                "thread 1",
                "shards 1",
                "maxconn 10",
            ):
                text = plain.replace(f":{port}", f":{port} {option}")
                for other in (text, plain):
                    answer = proxy.reload(other)
                    check(f"~ bind in ipv4@127.0.0.1:{port}" in answer, f"{option} is not told of: {answer}")
                    check("No proxy" in proxy.reload(other), f"{option}: nothing has changed")
            check(get(client_of(port)) == (200, "one"), "it serves as before")
            before = backlogs_of(port)
            check(before and 10 not in before, f"the sockets: {before}")
            stays = client_of(port)
            check(get(stays) == (200, "one"), "a client")
            answer = proxy.reload(plain.replace(f":{port}", f":{port} backlog 10"))
            check(f"~ bind in ipv4@127.0.0.1:{port}" in answer, answer)
            check(backlogs_of(port) == [10] * len(before), f"a lower one: {backlogs_of(port)}")
            proxy.reload(plain.replace("mode http\n  bind", "mode http\n  backlog 20\n  bind"))
            check(backlogs_of(port) == [20] * len(before), f"that of the proxy: {backlogs_of(port)}")
            proxy.ask("disable frontend in")
            proxy.reload(plain)
            proxy.ask("enable frontend in")
            check(backlogs_of(port) == before, f"of one that was paused: {backlogs_of(port)}")
            check(get(stays) == (200, "one"), "the client is still there")


@case
def a_file_in_a_socket_s_place_stays():
    port = free_port()
    with HttpServer("one") as one, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")
        plain = site(port, [one])
        text = site(port, [one], f"  bind {path}")
        with open(path, "w", encoding="utf-8") as file:
            file.write("precious")

        def check_file():
            with open(path, encoding="utf-8") as kept:
                check(kept.read() == "precious", "the file was replaced")
            check(os.listdir(folder) == ["s"], f"something is left over: {os.listdir(folder)}")

        with Reloading(plain, [port]) as proxy:
            proxy.write(text)
            answer = proxy.ask("reload")
            check("what lies there is no socket" in answer and "nothing was changed" in answer, answer)
            check(f"{path}: File exists" in answer, answer)
            check_file()
            check(get(client_of(port)) == (200, "one"), "the one before serves")
        try:
            with Reloading(text, [port]):
                check(False, "it starts")
        except AssertionError as error:
            check("what lies there is no socket" in str(error), f"the start: {error}")
        check_file()


@case
def a_socket_whose_file_is_gone_gets_it_back():
    port = free_port()
    with HttpServer("one") as one, tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "s")

        def is_served():
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(5)
                peer.connect(path)
                peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return receive_exactly(peer, 12) == b"HTTP/1.1 200"

        with Reloading(site(port, [one], f"  bind {path} mode 600"), [port]) as proxy:
            check(is_served(), "served")
            was = os.stat(path).st_ino
            proxy.reload()
            check(os.stat(path).st_ino == was, "one that is there stays")
            for _ in range(3):
                os.unlink(path)
                proxy.reload()
                check(is_served(), "served again")
                check(os.stat(path).st_mode & 0o777 == 0o600, "with its mode")
            check(os.listdir(folder) == ["s"], f"left over: {os.listdir(folder)}")
            os.unlink(proxy.socket)
            proxy.process.send_signal(signal.SIGUSR2)
            end = time.monotonic() + 5
            while not os.path.exists(proxy.socket):
                check(time.monotonic() < end, "the runtime socket does not come back")
                time.sleep(0.05)
            check("Uptime" in proxy.ask("show info"), "commands are answered")


@case
def an_operator_s_words_hold():
    port = free_port()
    with HttpServer("one") as one, HttpServer("two") as two, HttpServer("three") as three:
        with Reloading(site(port, [one, two]), [port]) as proxy:
            proxy.ask("set server app/one state drain; set server app/two weight 7; disable frontend in")
            # First with the same servers, then with others.
            for servers in ([one, two], [one, two, three]):
                proxy.reload(site(port, servers))
                check("DRAIN" in proxy.stat("app", "one", "status"), "drained")
                check(proxy.stat("app", "two", "weight") == "7", "the weight")
                check(proxy.stat("in", "FRONTEND", "status") == "PAUSED", "the frontend is paused")
            proxy.ask("enable frontend in")
            check({get(client_of(port))[1] for _ in range(12)} == {"two", "three"}, "who serves")


@case
def what_checks_found_holds():
    port, dead = free_ports(2)
    with HttpServer("one") as one, HttpServer("two") as two:
        gone = f"  server gone 127.0.0.1:{dead} check inter 60s fall 1 rise 1\n"
        with Reloading(site(port, [one]) + gone, [port]) as proxy:
            end = time.monotonic() + 10
            while not proxy.stat("app", "gone", "status").startswith("DOWN"):
                check(time.monotonic() < end, "a dead server is up")
                time.sleep(0.05)
            for servers in ([one], [one, two]):
                proxy.reload(site(port, servers) + gone)
                check(proxy.stat("app", "gone", "status").startswith("DOWN"), "down")
                check({get(client_of(port))[0] for _ in range(6)} == {200}, "nobody is sent there")


@case
def a_backend_counts_on_when_servers_go():
    port = free_port()
    fields = ("bin", "bout", "stot", "lbtot", "connect", "reuse", "rtime_max", "ttime_max", "hrsp_2xx", "req_tot")
    with HttpServer("one") as one, HttpServer("two") as two, HttpServer("three") as three:
        with Reloading(site(port, [one, two]), [port]) as proxy:

            def numbers():
                return {field: int(proxy.stat("app", "BACKEND", field)) for field in fields}

            client = client_of(port)
            for _ in range(20):
                check(get(client)[0] == 200, "an answer")
            before = numbers()
            check(before["lbtot"] == 20 and before["bout"] > 0 and before["reuse"] > 0, f"counted: {before}")
            # Each of them leaves one more server behind; the last one has the first's name again.
            for servers in ([one], [three], [two, three], [one]):
                proxy.reload(site(port, servers))
                check(numbers() == before, f"with {[server.title for server in servers]}: {numbers()}, not {before}")
            for _ in range(20):
                check(get(client)[0] == 200, "an answer")
            check(numbers()["lbtot"] == 40 and numbers()["bout"] == 2 * before["bout"], f"goes on: {numbers()}")
            proxy.ask("clear counters all")
            check(proxy.stat("app", "BACKEND", "lbtot") == "0", "cleared with those that are gone")
            check(proxy.stat("app", "BACKEND", "bout") == "0", "cleared with those that are gone")


@case
def a_stream_counts_on_when_its_server_goes():
    port = free_port()
    with HttpServer("one") as one, HttpServer("two") as two:
        with Reloading(site(port, [one]), [port]) as proxy:
            client = client_of(port)
            client.request("GET", "/slow")
            time.sleep(0.1)
            proxy.reload(site(port, [two]))
            answer = client.getresponse()
            body = answer.read()
            check(answer.status == 200 and body, "the old server's answer")
            end = time.monotonic() + 5
            while int(proxy.stat("app", "BACKEND", "bout")) < len(body):
                check(time.monotonic() < end, "what the old server sent is not counted")
                time.sleep(0.05)
            check(int(proxy.stat("app", "BACKEND", "lbtot")) == 1, "given to a server once")


@case
def the_time_a_backend_was_down_stays():
    port, dead = free_ports(2)
    with HttpServer("one") as one:
        gone = f"  server gone 127.0.0.1:{dead} check inter 60s fall 1 rise 1\n"
        with Reloading(site(port, []) + gone, [port]) as proxy:
            end = time.monotonic() + 10
            while proxy.stat("app", "BACKEND", "status") != "DOWN":
                check(time.monotonic() < end, "a backend with a dead server is up")
                time.sleep(0.05)
            time.sleep(2.1)
            proxy.reload(site(port, [one]) + gone)
            check(proxy.stat("app", "BACKEND", "status") == "UP", "up by a reload")
            check(int(proxy.stat("app", "BACKEND", "downtime")) >= 2, "the time it was down")
            check(int(proxy.stat("app", "BACKEND", "lastchg")) <= 1, "it has just changed")
            check(proxy.stat("app", "BACKEND", "chkdown") == "1", "down once")
            proxy.reload(site(port, []) + gone)
            check(proxy.stat("app", "BACKEND", "chkdown") == "2", "down by a reload")


def frontend_of(name, port):
    return f"""
frontend {name}
  mode http
  bind 127.0.0.1:{port}
  default_backend app
"""


@case
def a_frontend_of_another_name_listens_where_a_paused_one_did():
    port, second = free_ports(2)

    def is_served():
        try:
            return get(client_of(second)) == (200, "one")
        except ConnectionError:  # refused, or reset while it is being paused
            return False

    with HttpServer("one") as one:

        def text(name):
            return site(port, [one]) + frontend_of(name, second)

        with Reloading(text("old"), [port, second]) as proxy:
            proxy.ask("disable frontend old")
            check(not is_served(), "a disabled frontend serves")
            proxy.reload(text("new"))
            check(proxy.stat("new", "FRONTEND", "status") == "OPEN", "the new one")
            check(is_served(), "the new name serves")
            proxy.reload(text("old"))
            check(is_served(), "the old name serves again")
            proxy.process.send_signal(signal.SIGTTOU)
            end = time.monotonic() + 5
            while is_served():
                check(time.monotonic() < end, "a paused process serves")
                time.sleep(0.05)
            proxy.write(text("new"))  # nobody answers commands now
            proxy.process.send_signal(signal.SIGUSR2)
            end = time.monotonic() + 5
            while proxy.said().count("+ frontend new") < 1:
                check(time.monotonic() < end, f"no reload: {proxy.said()}")
                time.sleep(0.05)
            proxy.process.send_signal(signal.SIGTTIN)
            end = time.monotonic() + 5
            while not is_served() or proxy.stat("in", "FRONTEND", "status") != "OPEN":
                check(time.monotonic() < end, "it does not go on")
                time.sleep(0.05)
            check(get(client_of(port)) == (200, "one"), "the other one goes on, too")


@case
def what_was_shut_down_is_opened_by_a_reload():
    port = free_port()
    with HttpServer("one") as one, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        given = frontend_of("given", 1).replace("127.0.0.1:1", f"fd@{listener.fileno()}")
        text = site(port, [one]) + given
        with Reloading(text, [port], inherit=(listener.fileno(),)) as proxy:
            for _ in range(2):
                proxy.ask("shutdown frontend in; shutdown frontend given")
                check(socket.socket().connect_ex(("127.0.0.1", port)) != 0, "it listens on")
                answer = proxy.reload()
                for name in ("in", "given"):
                    check(f"Frontend {name} had been shut down: it is opened again." in answer, answer)
                    check(proxy.stat(name, "FRONTEND", "status") == "OPEN", "the status")
                for at in (port, listener.getsockname()[1]):
                    check(get(client_of(at)) == (200, "one"), f"{at} serves")
            check("shut down" not in proxy.reload(), "what is open is told of")


def kept_client(port, asks=True):
    """That does not connect anew."""
    client = client_of(port)
    client.connect()
    client.auto_open = 0
    if asks:
        check(get(client) == (200, "one"), "an answer")
    return client


@case
def clients_move_with_their_address():
    port, other = free_ports(2)
    with HttpServer("one") as one:
        plain = site(port, [one])
        other_frontend = plain.replace(f":{port}", f":{other}") + frontend_of("second", port)
        to_all = plain.replace(f"127.0.0.1:{port}", f"*:{port}")
        both_families = plain.replace(f"127.0.0.1:{port}", f":::{port} v4v6")
        for before, after in ((plain, plain.replace("frontend in", "frontend renamed")), (plain, other_frontend),
                              (other_frontend, plain), (plain, to_all), (to_all, both_families)):
            with Reloading(before, [port]) as proxy:
                clients = [kept_client(port, asks) for asks in (True, True, False, False)]
                proxy.reload(after)
                time.sleep(0.8)  # longer than those who are to go would stay
                for _ in range(2):
                    for client in clients:
                        check(get(client) == (200, "one"), "an answer on the same connection")
                names = [name for name in ("in", "renamed", "second") if f"frontend {name}\n" in after]
                current = sum(int(proxy.stat(name, "FRONTEND", "scur")) for name in names)
                check(current == len(clients), f"{current} clients are counted")
                for client in clients:
                    client.close()


@case
def clients_of_an_address_that_goes_have_one_answer_more():
    port, other = free_ports(2)
    with HttpServer("one") as one:
        plain = site(port, [one])
        elsewhere = plain.replace(f":{port}", f":{other}")
        wants_header = plain.replace("frontend in", "frontend other").replace(f":{port}", f":{port} accept-proxy")
        for after in (elsewhere, wants_header):
            with Reloading(plain, [port]) as proxy:
                asking = [kept_client(port, asks) for asks in (True, False)]
                silent = [kept_client(port, asks) for asks in (True, False)]
                begun = time.monotonic()
                proxy.reload(after)
                for client in asking:
                    client.request("GET", "/")
                    answer = client.getresponse()
                    check((answer.status, answer.read()) == (200, b"one"), "an answer")
                    check(answer.getheader("Connection") == "close", "it is the last")
                for client in silent:
                    check(is_closed_within(client.sock, 5), "who asks for nothing goes")
                took_s = time.monotonic() - begun
                check(took_s > 0.4, f"after {took_s:.2f} s")


@case
def idle_clients_are_timed_by_what_is_in_use():
    port = free_port()
    with HttpServer("one") as one:
        plain = site(port, [one])
        short = site(port, [one], "  timeout http-keep-alive 1s\n  timeout http-request 1s\n")
        with Reloading(plain, [port]) as proxy:
            waits = [kept_client(port, asks) for asks in (True, False)]
            time.sleep(1.2)
            later = kept_client(port)
            proxy.reload(short)
            begun = time.monotonic()
            for client in waits:
                check(is_closed_within(client.sock, 5), "closed")
            check(time.monotonic() - begun < 0.7, "it had waited before")
            check(is_closed_within(later.sock, 5), "closed")
            took_s = time.monotonic() - begun
            check(0.5 < took_s < 3, f"later, after {took_s:.2f} s")
            waits = [kept_client(port, asks) for asks in (True, False)]
            proxy.reload(plain)
            time.sleep(1.5)
            for client in waits:
                check(get(client) == (200, "one"), "it may wait longer now")


@case
def a_session_keeps_its_variables():
    port = free_port()

    def text(length):
        return site(port, [one], f"""  capture request header User-Agent len {length}
  http-request set-var(sess.mine) str(kept) if {{ path /set }}
  http-response set-header x-mine %[var(sess.mine)]""")

    with HttpServer("one") as one:
        with Reloading(text(10), [port]) as proxy:
            client = client_of(port)
            check(get(client, "/set")[0] == 200, "set")
            # Each longer than what the shards had room for at the start.
            for length in (2000, 20, 8000, 10):
                proxy.reload(text(length))
                time.sleep(0.5)  # the configuration before is freed
                client.request("GET", "/", headers={"User-Agent": "x" * 9000})
                answer = client.getresponse()
                answer.read()
                check(answer.getheader("x-mine") == "kept", f"the variable: {answer.getheaders()}")


@case
def limits_change():
    port = free_port()

    def text(maxconn):
        return site(port, [one], f"  maxconn {maxconn}")

    with HttpServer("one") as one:
        with Reloading(text(1), [port]) as proxy:
            first = client_of(port)
            check(get(first)[0] == 200, "the first client")
            second = connect(port)
            second.settimeout(0.5)
            second.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            try:
                second.recv(1)
                check(False, "a second client at maxconn 1")
            except TimeoutError:
                pass
            proxy.reload(text(2))
            second.settimeout(5)
            check(second.recv(12) == b"HTTP/1.1 200", "room for two")
            proxy.reload(text(1))
            first.close()
            check(proxy.stat("in", "FRONTEND", "slim") == "1", "the limit that is shown")


@case
def what_the_section_global_says_anew_counts():
    port = free_port()

    def text(rate, value):
        return f"""
global
  maxconnrate {rate}
  set-var proc.said str({value})
""" + site(port, [one], """  http-request set-var(proc.said) str(later) if { path /set }
  http-response set-header x-said %[var(proc.said)]""")

    def rate(proxy):
        return [line for line in proxy.ask("show info").splitlines() if line.startswith("ConnRateLimit")]

    def said(path="/"):
        client = client_of(port)
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        client.close()
        return answer.getheader("x-said")

    with HttpServer("one") as one:
        with Reloading(text(1000, "first"), [port]) as proxy:
            check(said() == "first", "at the start")
            said("/set")
            proxy.ask("set rate-limit connections global 500")
            proxy.reload()
            check(said() == "later" and rate(proxy) == ["ConnRateLimit: 500"], "the same file: what was set at run time holds")
            proxy.reload(text(2000, "second"))
            check(said() == "second", "another value in the file")
            check(rate(proxy) == ["ConnRateLimit: 2000"], f"another rate in the file: {rate(proxy)}")


@case
def idle_connections_to_servers_stay():
    port = free_port()

    def text(servers, value):
        return site(port, servers, f"  http-request set-header x {value}", "pool-max-conn 10") + "  http-reuse always\n"

    with HttpServer("one") as one, HttpServer("two") as two:
        with Reloading(text([one], "a"), [port]) as proxy:
            for _ in range(8):
                get(client_of(port))
            before = int(proxy.stat("app", "one", "connect"))
            check(before <= 2, f"{before} connections of two threads")
            for servers in ([one], [one, two], [one]):
                proxy.reload(text(servers, "b"))
                for _ in range(8):
                    check(get(client_of(port))[0] == 200, "an answer")
            after = int(proxy.stat("app", "one", "connect"))
            check(after <= 2, f"{before} connections to the server, then {after}")


@case
def a_worker_leaves_an_address_out_and_its_master_with_it():
    # Else the master would go on to listen there, with nobody to accept.
    port, second = free_ports(2)
    with HttpServer("one") as one:
        both = site(port, [one], f"  bind 127.0.0.1:{second}")
        with Reloading(both, [port], arguments=("-W", "-db")) as proxy:
            for _ in range(3):
                answer = proxy.reload(site(port, [one]))
                check(f"- bind in ipv4@127.0.0.1:{second}" in answer, answer)
                deadline = time.monotonic() + 5
                while not is_refused(second):
                    check(time.monotonic() < deadline, "somebody listens")
                check(get(client_of(port)) == (200, "one"), "the other address")
                proxy.reload(both)
                check(get(client_of(second)) == (200, "one"), "it is back")
            answer = proxy.reload(both + "  timeout server 7s\n")
            check("~ backend app" in answer, answer)
            check(get(client_of(second)) == (200, "one"), "after a reload that keeps them")


@case
def nothing_fails_under_load_and_long_connections_survive():
    port, second = free_ports(2)
    with HttpServer("one") as one, HttpServer("two") as two, HttpServer("three") as three:
        one.slow_bytes = 64 << 20
        one.pause_s = 0.05
        with Reloading(site(port, [one]), [port]) as proxy:
            download = connect(port, timeout_s=30)
            download.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            websocket = connect(port)
            websocket.sendall(b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                head += websocket.recv(4096)
            check(b" 101 " in head, f"the upgrade: {head}")
            received = [0]

            def receive():
                while piece := download.recv(1 << 20):
                    received[0] += len(piece)
                    if received[0] >= one.slow_bytes:
                        return

            reader = threading.Thread(target=receive)
            reader.start()
            load = Load(port)
            counted = 0
            for turn in range(100):
                servers = [[one, two], [two, three], [one, two, three]][turn % 3]
                proxy.reload(site(port, servers, f"  bind 127.0.0.1:{second}" if turn % 2 else "",
                                  "check inter 100" if turn % 4 else ""))
                websocket.sendall(b"still here")
                check(receive_exactly(websocket, 10) == b"still here", f"the websocket after {turn} reloads")
                now = int(proxy.stat("app", "BACKEND", "stot"))
                check(now >= counted, f"the counter went back from {counted} to {now}")
                counted = now
            load.end()
            reader.join(60)
            check(received[0] >= one.slow_bytes, f"the download ended after {received[0]} bytes")
            print(f"   {load.answers} answers over 100 reloads")
            check(int(proxy.stat("app", "BACKEND", "stot")) >= load.answers, "all are counted")
            websocket.close()
            download.close()


@case
def nothing_is_left_over():
    port, second = free_ports(2)
    with HttpServer("one") as one, HttpServer("two") as two:
        with Reloading(site(port, [one]), [port]) as proxy:
            client = client_of(port)

            def reload(turn):
                proxy.reload(site(port, [one, two] if turn % 2 else [one],
                                  f"  bind 127.0.0.1:{second}" if turn % 3 == 0 else "", "check inter 50"))
                check(get(client)[0] == 200, "an answer")

            for turn in range(100):
                reload(turn)
            memory_kb, files = proxy.rss_kb(), len(os.listdir(f"/proc/{proxy.pid}/fd"))
            more = int(os.environ.get("RINGWAY_RELOADS", "400"))
            for turn in range(more):
                reload(turn)
            time.sleep(1)
            more_kb = proxy.rss_kb() - memory_kb
            more_files = len(os.listdir(f"/proc/{proxy.pid}/fd")) - files
            print(f"   {more} reloads: {more_kb} kB and {more_files} descriptors more")
            # A sanitizer keeps what is freed for a while.
            if "RINGWAY_SANITIZED" not in os.environ:
                check(more_kb < max(1024, memory_kb // 20), f"{more_kb} kB more than {memory_kb}")
            check(more_files < 8, f"{more_files} descriptors more")


if __name__ == "__main__":
    sys.exit(run_cases())
