#!/usr/bin/env python3
"""Health checks against the real servers of the distribution: they come, stop, hang, go, and change roles."""

import http.server
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings

from harness import IS_HAPROXY, Proxy, case, check, free_port, need_program, receive_all, run_cases, skip

POSTGRES = "/usr/lib/postgresql/15/bin/"


def config(cli, backend, top="", mode="tcp", port=None):
    bind = f"bind 127.0.0.1:{port}" if port else f"bind unix@{cli}.in"
    return f"""
global
  stats socket {cli} level admin
  {top}
defaults
  mode {mode}
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  default-server inter 200ms fastinter 100ms downinter 100ms
listen in
  {bind}
  {backend}
"""


def columns(cli):
    """The row of every server, by its name."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(10)
    end = time.monotonic() + 10
    while peer.connect_ex(cli) != 0:
        check(time.monotonic() < end, "the proxy does not start")
        time.sleep(0.02)
    peer.sendall(b"show stat in 4 -1\n")
    peer.shutdown(socket.SHUT_WR)
    lines = receive_all(peer).decode().lstrip("# ").splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","))) for line in lines[1:] if line]
    return {row["svname"]: row for row in rows}


def wait_for(cli, server, status, check_status=None, seconds=10):
    end = time.monotonic() + seconds
    while True:
        row = columns(cli)[server]
        good = row["status"] == status and (check_status is None or row["check_status"] == check_status)
        if good:
            return row
        said = f"{row['status']} {row['check_status']} {row['last_chk']}"
        check(time.monotonic() < end, f"{server} is {said}, not {status} {check_status}")
        time.sleep(0.02)


class Folder:
    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="ringway-")
        os.chmod(self.path, 0o755)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Program:
    """A server as a process of its own, in a group, so that it goes whole."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, **options)

    def send(self, what):
        os.killpg(self.process.pid, what)

    def stop(self):
        if self.process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
            self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def redis(folder, port):
    return Program(need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                   folder)


@case
def redis_comes_hangs_and_goes():
    port = free_port()
    with Folder() as folder:
        cli = folder + "/cli"
        backend = f"option redis-check\n  server s1 127.0.0.1:{port} check"
        with Proxy(config(cli, backend)):
            wait_for(cli, "s1", "DOWN", "L4CON")
            with redis(folder, port) as server:
                row = wait_for(cli, "s1", "UP", "L7OK")
                check(row["last_chk"] == "Redis server is ok", row["last_chk"])
                failed = int(row["chkfail"])
                server.send(signal.SIGSTOP)
                row = wait_for(cli, "s1", "DOWN", "L7TOUT")
                # Each failure of a server that is up, and no other, is counted.
                check(int(row["chkfail"]) == failed + 3, f"{row['chkfail']} failures, there were {failed}")
                server.send(signal.SIGCONT)
                wait_for(cli, "s1", "UP", "L7OK")
            wait_for(cli, "s1", "DOWN", "L4CON")


@case
def redis_that_wants_a_password():
    if IS_HAPROXY:
        skip("it waits for more than the line")
    port = free_port()
    with Folder() as folder:
        cli = folder + "/cli"
        backend = f"option redis-check\n  server s1 127.0.0.1:{port} check"
        with Program(need_program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                     "--requirepass", "x", "--dir", folder), Proxy(config(cli, backend)):
            row = wait_for(cli, "s1", "DOWN", "L7STS")
            check(row["last_chk"] == "-NOAUTH Authentication required.", row["last_chk"])


@case
def redis_by_rules():
    port = free_port()
    rules = """option tcp-check
  tcp-check connect
  tcp-check send PING\\r\\n
  tcp-check expect string +PONG
  tcp-check send info\\ replication\\r\\n
  tcp-check expect string role:master
  tcp-check send QUIT\\r\\n
  tcp-check expect string +OK"""
    with Folder() as folder:
        cli = folder + "/cli"
        backend = f"{rules}\n  server s1 127.0.0.1:{port} check"
        with redis(folder, port), Proxy(config(cli, backend)):
            row = wait_for(cli, "s1", "UP", "L7OK")
            subprocess.run([need_program("redis-cli"), "-p", str(port), "replicaof", "127.0.0.1", "1"], check=True,
                           capture_output=True)
            row = wait_for(cli, "s1", "DOWN")
            check(row["check_status"] in ("L7TOUT", "* L7TOUT") or "role:master" in row["last_chk"], str(row))


class Postgres:
    """One instance of PostgreSQL in a folder of its own."""

    def __init__(self, folder, name):
        self.data = f"{folder}/{name}"
        self.port = free_port()

    @staticmethod
    def run(program, *words):
        command = [POSTGRES + program, *words]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=60, cwd="/", check=False)
        check(done.returncode == 0, f"{program}: {done.stdout[-500:]}")

    def create(self):
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-sync")

    def follow(self, other):
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", str(other.port), "-U", "postgres", "-D", self.data, "-R",
                 "-c", "fast")

    def start(self):
        options = f"-p {self.port} -h 127.0.0.1 -k {self.data} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-w", "-o", options, "-l", self.data + "/log", "start")

    def promote(self):
        self.run("pg_ctl", "-D", self.data, "-w", "promote")

    def ask(self, statement, port=None):
        return psql(port or self.port, statement)

    def stop(self):
        try:
            self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")
        except AssertionError:
            pass  # it was stopped before


def psql(port, statement):
    done = subprocess.run(
        ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", "postgres", "-Atqc", statement],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip()


class Clusters:
    """Postgres instances, stopped and removed in the end."""

    def __init__(self, *names):
        if not os.path.exists(POSTGRES + "initdb"):
            need_program("initdb")  # says what is missing
        self.folder = tempfile.mkdtemp(prefix="ringway-")
        os.chmod(self.folder, 0o777)
        self.all = [Postgres(self.folder, name) for name in names]

    def __enter__(self):
        return self.all

    def __exit__(self, *_):
        for one in self.all:
            one.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@case
def postgres_check():
    with Folder() as folder, Clusters("one") as (one,):
        one.create()
        cli = folder + "/cli"
        backend = f"option pgsql-check user postgres\n  server s1 127.0.0.1:{one.port} check"
        with Proxy(config(cli, backend)):
            wait_for(cli, "s1", "DOWN", "L4CON")
            one.start()
            row = wait_for(cli, "s1", "UP", "L7OK")
            check(row["last_chk"] == "PostgreSQL server is ok", row["last_chk"])
            one.stop()
            wait_for(cli, "s1", "DOWN", "L4CON")


class Role(http.server.BaseHTTPRequestHandler):
    """What Patroni's REST interface says: 200 for the primary, 503 for the others."""

    def do_OPTIONS(self):
        server = self.server
        leads = not server.demoted and server.instance.ask("select pg_is_in_recovery()") == "f"
        self.send_response(200 if leads else 503)
        self.end_headers()

    def log_message(self, *_):
        pass


class RestServer(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # who checks hangs up with a reset


def rest_of(instance):
    server = RestServer(("127.0.0.1", 0), Role)
    server.instance = instance
    server.demoted = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@case
def two_postgres_servers_fail_over():
    with Folder() as folder, Clusters("one", "two") as (one, two):
        one.create()
        one.start()
        two.follow(one)
        two.start()
        rests = [rest_of(one), rest_of(two)]
        cli, port = folder + "/cli", free_port()
        servers = "\n".join(
            f"  server {name} 127.0.0.1:{instance.port} maxconn 100 check port {rest.server_port}"
            for name, instance, rest in zip(("one", "two"), (one, two), rests))
        backend = f"""option httpchk OPTIONS /master
  http-check expect status 200
  default-server inter 1s fastinter 500ms downinter 500ms fall 2 rise 2 on-marked-down shutdown-sessions
{servers}"""
        with Proxy(config(cli, backend, port=port), [port]):
            wait_for(cli, "one", "UP", "L7OK")
            row = wait_for(cli, "two", "DOWN", "L7STS")
            check(row["check_code"] == "503", row["check_code"])
            check(psql(port, "create table t (i int); insert into t values (7); select inet_server_port()") ==
                  str(one.port), "the primary is not the first server")
            # A session that stays, as those of an application do.
            session = subprocess.Popen(
                ["psql", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-d", "postgres", "-Atq"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            session.stdin.write("select 'here';\n")
            session.stdin.flush()
            check(session.stdout.readline().strip() == "here", "no session")
            # The first one has lost its leader key, although it still serves.
            rests[0].demoted = True
            two.promote()
            wait_for(cli, "one", "DOWN", "L7STS")
            wait_for(cli, "two", "UP", "L7OK")
            said, _ = session.communicate("select 'still here';\n", timeout=10)
            check("still here" not in said, "the old session still works: " + said)
            check(re.search("closed|terminated|lost", said), "the old session was not ended: " + said)
            check(psql(port, "select inet_server_port()") == str(two.port), "traffic goes to the old primary")
            check(psql(port, "insert into t values (8); select count(*) from t") == "2", "the new primary has no data")
        for rest in rests:
            rest.shutdown()


@case
def openldap():
    slapd = need_program("slapd")
    with Folder() as folder:
        port = free_port()
        with open(folder + "/slapd.conf", "w", encoding="utf-8") as file:
            file.write("include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_ldif\n"
                       f'database ldif\nsuffix "dc=test"\ndirectory {folder}\n')
        cli = folder + "/cli"
        backend = f"option ldap-check\n  server s1 127.0.0.1:{port} check"
        with Proxy(config(cli, backend)):
            wait_for(cli, "s1", "DOWN", "L4CON")
            with Program(slapd, "-d", "0", "-f", folder + "/slapd.conf", "-h", f"ldap://127.0.0.1:{port}"):
                wait_for(cli, "s1", "UP", "L7OK")
            wait_for(cli, "s1", "DOWN", "L4CON")


@case
def openldap_that_wants_names():
    slapd = need_program("slapd")
    with Folder() as folder:
        port = free_port()
        with open(folder + "/slapd.conf", "w", encoding="utf-8") as file:
            file.write("include /etc/ldap/schema/core.schema\nmodulepath /usr/lib/ldap\nmoduleload back_ldif\n"
                       f'disallow bind_anon\ndatabase ldif\nsuffix "dc=test"\ndirectory {folder}\n')
        cli = folder + "/cli"
        backend = f"option ldap-check\n  server s1 127.0.0.1:{port} check"
        with Program(slapd, "-d", "0", "-f", folder + "/slapd.conf", "-h", f"ldap://127.0.0.1:{port}"), \
                Proxy(config(cli, backend)):
            row = wait_for(cli, "s1", "DOWN", "L7STS")
            check(row["check_code"] == "48", row["check_code"])  # inappropriateAuthentication


@case
def mariadb_knows_the_user():
    server = need_program("mariadbd")
    client = need_program("mariadb")
    with Folder() as folder:
        port = free_port()
        data = folder + "/data"
        me = ["--no-defaults", "--datadir=" + data, "--user=" + pwd.getpwuid(os.geteuid()).pw_name]
        subprocess.run([need_program("mysql_install_db"), *me, "--auth-root-authentication-method=normal",
                        "--skip-test-db"], check=True, capture_output=True, timeout=60)
        with open(folder + "/init.sql", "w", encoding="utf-8") as file:
            file.write("CREATE USER 'check'@'%';\n")
        options = [f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--port={port}",
                   "--bind-address=127.0.0.1", f"--init-file={folder}/init.sql"]
        cli = folder + "/cli"
        known = f"option mysql-check user check\n  server s1 127.0.0.1:{port} check"
        stranger = f"option mysql-check user stranger\n  server s1 127.0.0.1:{port} check"
        with Proxy(config(cli, known)):
            wait_for(cli, "s1", "DOWN", "L4CON")
            with Program(server, *me, *options):
                row = wait_for(cli, "s1", "UP", "L7OK", 30)
                check("MariaDB" in row["last_chk"] or IS_HAPROXY, row["last_chk"])
                time.sleep(1)
                asked = subprocess.run([client, "--no-defaults", "-h127.0.0.1", f"-P{port}", "-ucheck", "-Nse",
                                        "show global status like 'Aborted_c%'"], capture_output=True, text=True,
                                       check=True, timeout=10)
                # Each check logs in and leaves as a client does: a server that counts failures locks nobody out.
                check(asked.stdout and set(asked.stdout.split()[1::2]) == {"0"}, asked.stdout)
                with Proxy(config(cli + "2", stranger)):
                    row = wait_for(cli + "2", "s1", "DOWN", "L7STS")
                    check("Access denied for user 'stranger'" in row["last_chk"], row["last_chk"])
            wait_for(cli, "s1", "DOWN", "L4CON")


@case
def opensmtpd():
    server = need_program("smtpd")
    if os.geteuid() != 0:
        skip("OpenSMTPD starts as root")
    with Folder() as folder:
        port = free_port()
        with open(folder + "/smtpd.conf", "w", encoding="utf-8") as file:
            file.write(f'listen on 127.0.0.1 port {port}\naction "keep" mbox\nmatch for local action "keep"\n')
        os.chmod(folder + "/smtpd.conf", 0o644)
        cli = folder + "/cli"
        backend = f"option smtpchk EHLO proxy.test\n  server s1 127.0.0.1:{port} check"
        with Proxy(config(cli, backend)):
            wait_for(cli, "s1", "DOWN", "L4CON")
            with Program(server, "-d", "-f", folder + "/smtpd.conf"):
                row = wait_for(cli, "s1", "UP", "L7OK")
                check(row["check_code"] == "221", row["check_code"])  # to QUIT: it was heard to the end
            wait_for(cli, "s1", "DOWN", "L4CON")


@case
def tls_server_of_today():
    openssl = need_program("openssl")
    with Folder() as folder:
        port = free_port()
        subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout",
                        folder + "/key", "-out", folder + "/crt"], check=True, capture_output=True)
        cli = folder + "/cli"
        backend = f"option ssl-hello-chk\n  server s1 127.0.0.1:{port} check"
        with Proxy(config(cli, backend)):
            wait_for(cli, "s1", "DOWN", "L4CON")
            with Program(openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-key", folder + "/key", "-cert",
                         folder + "/crt", "-quiet"):
                wait_for(cli, "s1", "UP", "L6OK")


@case
def smtp_server():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import asyncore  # pylint: disable=import-outside-toplevel,deprecated-module
        import smtpd  # pylint: disable=import-outside-toplevel,deprecated-module
    server = smtpd.DebuggingServer(("127.0.0.1", 0), None)
    port = server.socket.getsockname()[1]
    threading.Thread(target=asyncore.loop, kwargs={"timeout": 0.05}, daemon=True).start()
    with Folder() as folder:
        cli = folder + "/cli"
        backend = f"option smtpchk EHLO mydomain.org\n  server s1 127.0.0.1:{port} check"
        with Proxy(config(cli, backend)):
            row = wait_for(cli, "s1", "UP", "L7OK")
            check(row["check_code"] == "221" and row["last_chk"] == "Bye", f"{row['check_code']} {row['last_chk']}")
            server.close()
            wait_for(cli, "s1", "DOWN", "L4CON")


def script(folder, name, text):
    path = f"{folder}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


EXTERNAL = "external-check\n  insecure-fork-wanted" if IS_HAPROXY else "external-check"


@case
def programs():
    with Folder() as folder:
        cli = folder + "/cli"
        path = script(folder, "probe", f'echo "$@" > {folder}/args; env > {folder}/env; exit $HAPROXY_SERVER_MAXCONN\n')
        backend = f"""option external-check
  external-check path /usr/bin:/bin
  external-check command {path}
  server good 127.0.0.1:1 check
  server bad 127.0.0.2:2 check maxconn 7"""
        with Proxy(config(cli, backend, top=EXTERNAL)):
            wait_for(cli, "good", "UP", "PROCOK")
            row = wait_for(cli, "bad", "DOWN", "PROCERR")
            check(row["check_code"] == "7", row["check_code"])
        with open(folder + "/env", encoding="utf-8") as file:
            names = {line.split("=")[0] for line in file if line.startswith("HAPROXY_") or line.startswith("PATH")}
        wanted = {"PATH"} | {"HAPROXY_" + name for name in (
            "PROXY_NAME PROXY_ID PROXY_ADDR PROXY_PORT SERVER_NAME SERVER_ID SERVER_ADDR SERVER_PORT "
            "SERVER_MAXCONN SERVER_CURCONN SERVER_SSL SERVER_PROTO").split()}
        check(names == wanted, f"{names ^ wanted}")
        with open(folder + "/args", encoding="utf-8") as file:
            check(file.read().split()[2:] in (["127.0.0.1", "1"], ["127.0.0.2", "2"]), "arguments")


@case
def a_program_that_hangs_is_ended():
    with Folder() as folder:
        cli = folder + "/cli"
        path = script(folder, "probe", f"echo $$ >> {folder}/pids; sleep 1000\n")
        backend = f"""option external-check
  external-check path /usr/bin:/bin
  external-check command {path}
  server s1 127.0.0.1:1 check"""
        with Proxy(config(cli, backend, top=EXTERNAL)):
            wait_for(cli, "s1", "DOWN", "PROCTOUT")
        with open(folder + "/pids", encoding="utf-8") as file:
            pids = [int(line) for line in file]
        time.sleep(0.1)
        check(pids and not any(os.path.exists(f"/proc/{pid}") for pid in pids), "a program was left behind")


@case
def a_program_that_is_not_there():
    with Folder() as folder:
        cli = folder + "/cli"
        backend = """option external-check
  external-check command /nonexistent/probe
  server s1 127.0.0.1:1 check"""
        with Proxy(config(cli, backend, top=EXTERNAL)):
            wait_for(cli, "s1", "DOWN", "PROCERR")


if __name__ == "__main__":
    sys.exit(run_cases())
