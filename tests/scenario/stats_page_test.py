#!/usr/bin/env python3
"""The services of HTTP: the page of statistics and the exporter, as browsers, scrapers and slow readers see them."""

import html.parser
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time

import prometheus_text
from cli_client import ask
from harness import IS_HAPROXY, ROOT, SANITIZED, Proxy, case, check, connect, free_port, free_ports, run_cases, until
from http_peer import Client, values
from reloading import Reloading

HAPROXY = "/usr/sbin/haproxy"
VOID = {"meta", "link", "input", "br"}


def config(folder, port, more="", threads=2, stats="stats uri /stats"):
    return f"""
global
  stats socket {folder}/cli level admin
  nbthread {threads}
  node here
defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  retries 0
frontend in
  bind 127.0.0.1:{port}
  {stats}
  http-request use-service prometheus-exporter if {{ path /metrics }}
  http-request return status 200 content-type text/plain string "other" if {{ path /other }}
  default_backend out
backend out
  balance roundrobin
  server one 127.0.0.1:1
  server two 127.0.0.1:1 disabled
  server three 127.0.0.1:1 backup check inter 100ms
{more}
"""


def get(client, target, fields="", method="GET", body=""):
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    client.send(f"{method} {target} HTTP/1.1\r\nHost: a.example\r\n{fields}{length}\r\n{body}".encode())
    return client.answer(method)


def curl(*arguments):
    done = subprocess.run(["curl", "-s", *arguments], capture_output=True, check=False, timeout=30)
    check(done.returncode == 0, f"curl {arguments}: {done.returncode}")
    return done.stdout.decode()


class Page(html.parser.HTMLParser):
    """Every tag is closed where it has to be, and nothing is fetched."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.text, self.ids, self.titles = [], 0, "", [], []
        check(text.startswith("<!DOCTYPE html>\n"), text[:100])
        self.feed(text)
        self.close()
        check(not self.open, f"still open: {self.open}")

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        check(len(values) == len(attrs), f"an attribute twice: {attrs}")
        check(tag not in ("script", "img", "iframe"), f"<{tag}>")
        for name in ("href", "action"):
            value = values.get(name, "")
            check(value.startswith(("/", "data:")) or not value, f"{name}={value}")
        self.tables += tag == "table"
        self.ids += [values["id"]] if "id" in values else []
        self.titles += [values["title"]] if "title" in values else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        check(self.open and self.open.pop() == tag, f"</{tag}> behind {self.open}")

    def handle_data(self, data):
        self.text += data


def rows(csv):
    lines = csv.splitlines()
    names = lines[0].removeprefix("# ").split(",")
    return {(r["pxname"], r["svname"]): r for r in (dict(zip(names, line.split(","))) for line in lines[1:] if line)}


@case
def the_page_is_html_and_escaped():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        stats = """stats uri /stats
  stats show-node
  stats show-version
  stats show-legends
  stats show-modules
  stats refresh 3
  stats admin if TRUE
  stats show-desc a<b> & 'c'"""
        more = "backend empty\n"
        with Proxy(config(folder, port, more, stats=stats), [port]) as proxy, Client(port) as client:
            answer = get(client, "/stats")
            text = answer.body.decode()
            page = Page(text)
            check(page.tables == 3 and page.ids == ["in", "out", "empty"], f"{page.tables} {page.ids}")
            check("a<b> & c" in page.text and "<b>" not in text, "the description")
            check("Statistics of here" in page.text and "Ringway" in page.text, page.text[:300])
            check(any("IP: 127.0.0.1:1, id: 2" in title for title in page.titles), f"{page.titles}")
            check(any("cap: backend, mode: http" in title for title in page.titles), f"{page.titles}")
            for word in ("Queue", "Session rate", "Sessions", "Bytes", "Denied", "Errors", "Warnings", "Server", "Modules"):
                check(word in page.text, word)
            for name in ("one", "two", "three", "Frontend", "Backend", "MAINT"):
                check(name in page.text, name)
            check(values(answer.fields, "refresh") == ["3"], f"{answer.fields}")
            hidden = Page(get(client, "/stats;up;norefresh").body.decode())
            check("two" not in hidden.text.split(), "a server that is down")
            told = Page(get(client, "/stats;st=PART").body.decode())
            check("some of the servers" in told.text, told.text[:500])
            odd = get(client, "/stats;st=%3Cscript%3E<b>").body.decode()
            check("<b>" not in odd, "what the address says is not part of the page")
            check(proxy.alive(), "it ended")


@case
def csv_and_json_are_those_of_the_command_line():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        # No check: nothing moves but the frontend that is asked.
        text = config(folder, port).replace(" check inter 100ms", "")
        with Proxy(text, [port]):
            by_page = curl(f"http://127.0.0.1:{port}/stats;csv")
            by_socket = ask(f"{folder}/cli", "show stat")
            ours, theirs = by_page.splitlines(), by_socket.splitlines()
            check(ours[0] == theirs[0] and len(ours) == len(theirs), f"{by_page}\n{by_socket}")
            time_columns = ("lastchg", "lastsess", "downtime", "rate")
            for key, row in rows(by_page).items():
                if key[0] == "in":
                    continue
                other = rows(by_socket)[key]
                moved = [name for name in row if row[name] != other[name] and name not in time_columns]
                check(not moved, f"{key}: {moved}")
            listed = json.loads(curl(f"http://127.0.0.1:{port}/stats;json"))
            check(len(listed) == len(ours) - 1, f"{len(listed)} objects")
            names = [[f["value"]["value"] for f in one if f["field"]["name"] == "svname"][0] for one in listed]
            check(names == [line.split(",")[1] for line in ours[1:]], f"{names}")
            check("definitions" in json.loads(curl(f"http://127.0.0.1:{port}/stats;json-schema")), "the schema")


@case
def only_known_users_come_in():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        stats = "stats uri /stats\n  stats auth al:open\n  stats auth bo:sesame:2\n  stats realm Here"
        with Proxy(config(folder, port, stats=stats), [port]):
            address = f"http://127.0.0.1:{port}/stats"
            for user, status in (("al:open", "200"), ("bo:sesame:2", "200"), ("al:sesame:2", "401"), ("al:", "401"), ("", "401")):
                said = curl("-o", "/dev/null", "-w", "%{http_code}", *(["-u", user] if user else []), address)
                check(said == status, f"{user!r}: {said}")
            said = curl("-i", address)
            check('basic realm="here"' in said.lower(), said)
            said = curl("-o", "/dev/null", "-w", "%{http_code}", "-d", "s=one&action=maint&b=out", address)
            check(said == "401", f"a change: {said}")


@case
def a_form_changes_what_the_commands_change():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        stats = "stats uri /stats\n  stats admin if { path_beg /stats }\n  stats scope out"
        hidden = "backend hidden\n  server h 127.0.0.1:1\n"
        with Proxy(config(folder, port, hidden, stats=stats), [port]), Client(port) as client:

            def post(body, fields=""):
                answer = get(client, "/stats", fields, "POST", body)
                check(answer.status == 303 and not answer.body, f"{answer}")
                return values(answer.fields, "location")[0]

            def server(column, name="one"):
                return rows(ask(f"{folder}/cli", "show stat"))[("out", name)][column]

            for action, state in (("maint", "MAINT"), ("drain", "DRAIN"), ("ready", "no check")):
                check(post(f"s=one&action={action}&b=out") == "/stats;st=DONE", action)
                check(server("status") == state, f"{action}: {server('status')}")
            check(post("b=out&action=dhlth&s=three") == "/stats;st=DONE", "checks off")
            check(server("status", "three") == "no check", server("status", "three"))
            check(post("b=out&action=ehlth&s=three") == "/stats;st=DONE", "checks on")
            check(post("b=out&action=ehlth&s=one") == "/stats;st=ERRP", "a server without checks has none to enable")
            check(post("b=out&action=shutdown&s=one&s=two&s=three") == "/stats;st=DONE", "sessions")
            # GET changes nothing, and neither does who comes from elsewhere, or asks for what is not shown.
            check(get(client, "/stats?s=one&action=maint&b=out").status == 200, "read")
            check(post("s=one&action=maint&b=out", "Origin: http://evil.example\r\n") == "/stats;st=DENY", "origin")
            check(post("s=one&action=maint&b=out", "Referer: http://evil.example/\r\n") == "/stats;st=DENY", "referer")
            check(server("status") == "no check", server("status"))
            check(post("s=h&action=maint&b=hidden") == "/stats;st=DENY", "out of scope")
            check("MAINT" not in rows(ask(f"{folder}/cli", "show stat"))[("hidden", "h")]["status"], "out of scope")
            check(post("s=one&action=maint&b=out", "Origin: http://A.example\r\n") == "/stats;st=DONE", "its own")
            check(server("status") == "MAINT", "its own")
            # A name is looked up: it is no way to another command.
            check(post("s=one%20state%20ready&action=maint&b=out") == "/stats;st=ERRP", "blanks in a name")
            check(post("s=one%0Aset%20server%20out/one%20state%20ready&action=maint&b=out") == "/stats;st=ERRP", "two lines")
            check(server("status") == "MAINT", "it stays")


@case
def a_form_that_comes_too_slowly():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        stats = "stats uri /stats\n  stats admin if TRUE\n  option http-buffer-request\n  timeout http-request 500ms\n  timeout http-keep-alive 10s"
        with Proxy(config(folder, port, stats=stats), [port]), Client(port) as client:
            client.send(b"POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: 24\r\n\r\ns=one&")
            check(client.answer().status == 408 and client.at_end(), "it is told so")
            check("MAINT" not in rows(ask(f"{folder}/cli", "show stat"))[("out", "one")]["status"], "half a form")
        with Proxy(config(folder, port, stats=stats), [port]), Client(port) as client:
            check(get(client, "/stats", "", "POST", "s=one&action=maint&b=out").status == 303, "in time")
            time.sleep(0.7)
            check(get(client, "/other").body == b"other", "the time is over with the form")


@case
def a_form_in_pieces_and_a_request_behind_it():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with Proxy(config(folder, port, stats="stats uri /stats\n  stats admin if TRUE"), [port]), Client(port) as client:
            body = b"s=one&action=maint&b=out"
            client.send(b"POST /stats HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
            for i, byte in enumerate(body):
                client.send(bytes([byte]))
                if i % 6 == 0:
                    time.sleep(0.02)
            client.send(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\nHEAD /stats HTTP/1.1\r\nHost: x\r\n\r\n")
            client.send(b"GET /metrics?scope=backend HTTP/1.1\r\nHost: x\r\n\r\nGET /stats;csv HTTP/1.1\r\nHost: x\r\n\r\n")
            check(client.answer().status == 303, "the form")
            check(client.answer().body == b"other", "behind the form")
            check(client.answer("HEAD").status == 200, "HEAD")
            check(b"haproxy_backend_status" in client.answer().body, "the exporter behind HEAD")
            check(b"\nout,one," in client.answer().body, "behind the exporter")


def metrics_of(port, query=""):
    return prometheus_text.parse(curl(f"http://127.0.0.1:{port}/metrics{query}"))


@case
def the_exporter_speaks_the_format():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        tcp = "listen raw\n  mode tcp\n  server r 127.0.0.1:1\n"
        with Proxy(config(folder, port, tcp), [port]), Client(port) as client:
            for _ in range(5):
                check(get(client, "/other").body == b"other", "traffic")
            until(lambda: "DOWN" in rows(ask(f"{folder}/cli", "show stat"))[("out", "three")]["status"], 5, "a check")
            found = metrics_of(port)
            check(len(found) > 180, f"{len(found)} metrics")
            requests = found["haproxy_frontend_http_requests_total"]
            check(requests.type == "counter" and requests.samples[(("proxy", "in"),)] == 6, f"{requests.samples}")
            check((("proxy", "raw"),) not in requests.samples, "a proxy of mode tcp has no requests")
            states = found["haproxy_server_status"].samples
            for server, state in (("one", "UP"), ("two", "MAINT"), ("three", "DOWN")):
                ones = [key for key, value in states.items() if ("server", server) in key and value == 1]
                check(ones == [(("proxy", "out"), ("server", server), ("state", state))], f"{server}: {ones}")
            checks = {key[2][1]: v for key, v in found["haproxy_server_check_status"].samples.items()}
            check(len(checks) == 16 and checks["L4CON"] == 1 and sum(checks.values()) == 1, f"{checks}")
            per_state = {dict(k)["state"]: v for k, v in found["haproxy_backend_agg_server_status"].samples.items()
                         if dict(k)["proxy"] == "out"}  # fmt: skip
            check(per_state == {"DOWN": 1, "UP": 1, "MAINT": 1, "DRAIN": 0, "NOLB": 0}, f"{per_state}")
            names = set(found)
            for scope, part in (("global", "process"), ("frontend", "frontend"), ("backend", "backend"), ("server", "server")):
                some = metrics_of(port, f"?scope={scope}")
                check(set(some) == {name for name in names if name.startswith(f"haproxy_{part}_")}, scope)
            left = metrics_of(port, "?scope=server&no-maint")["haproxy_server_status"].samples
            check(not any(("server", "two") in key for key in left), "no-maint")
            check(metrics_of(port, "?scope=") == {}, "nothing was asked for")


@case
def every_exported_number_is_that_of_its_column():
    with open(os.path.join(ROOT, "engine/applet/prometheus_metrics.def"), encoding="utf-8") as file:
        table = re.findall(r'^X\("(\w+)", (\w+), ([\w| ]+), (k\w+)\)', file.read(), re.M)
    check(len(table) > 60, f"{len(table)} rows")
    moving = {"lastchg", "lastsess", "downtime", "rate", "req_rate", "conn_rate"}
    with tempfile.TemporaryDirectory() as folder:
        port, quiet = free_ports(2)
        more = f"frontend quiet\n  bind 127.0.0.1:{quiet}\n  default_backend gone\nbackend gone\n  server g 127.0.0.1:1\n"
        with Proxy(config(folder, port, more).replace(" check inter 100ms", ""), [port, quiet]) as proxy, Client(quiet) as client:
            for _ in range(4):
                check(get(client, "/").status == 503, "traffic")
            found = metrics_of(port)
            csv = rows(ask(f"{folder}/cli", "show stat"))
            compared = 0
            for name, column, _, form in table:
                if column in moving or form not in ("kPlain", "kHttp", "kMillis"):
                    continue
                for kind in ("frontend", "backend", "server"):
                    for labels, value in found.get(f"haproxy_{kind}_{name}", Empty).samples.items():
                        labels = dict(labels)
                        row = csv[(labels["proxy"], labels.get("server", kind.upper()))]
                        if labels["proxy"] == "in":
                            continue  # it is asked just now
                        expected = float(row[column] or "nan") / (1000 if form == "kMillis" else 1)
                        check(repr(value) == repr(expected), f"{kind} {name} {labels}: {value}, and in the csv {row[column]}")
                        compared += 1
            check(compared > 150, f"{compared} numbers")
            check(found["haproxy_frontend_http_requests_total"].samples[(("proxy", "quiet"),)] == 4, "its traffic")
            check(found["haproxy_backend_http_responses_total"].samples[(("proxy", "gone"), ("code", "5xx"))] == 4, "its answers")
            check(proxy.alive(), "it ended")


class Empty:
    samples = {}


@case
def the_exporter_has_all_that_haproxys_has():
    if not os.access(HAPROXY, os.X_OK) or IS_HAPROXY:
        return
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        port, other_port = free_ports(2)
        tcp = "listen raw\n  mode tcp\n  balance roundrobin\n  server r 127.0.0.1:1\n"
        theirs_config = os.path.join(other, "cfg")
        with open(theirs_config, "w", encoding="utf-8") as file:
            file.write(config(other, other_port, tcp))
        with Proxy(config(folder, port, tcp), [port]):
            process = subprocess.Popen([HAPROXY, "-db", "-f", theirs_config], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            try:
                until(lambda: not _refused(other_port), 5, "HAProxy")
                until(lambda: all("DOWN" in rows(ask(f"{f}/cli", "show stat"))[("out", "three")]["status"]
                                  for f in (folder, other)), 5, "checks")  # fmt: skip
                ours, theirs = metrics_of(port), metrics_of(other_port)
            finally:
                process.terminate()
                process.wait()
        check(len(theirs) > 150, f"{len(theirs)} metrics of HAProxy")
        missing = sorted(set(theirs) - set(ours))
        check(not missing, f"not exported: {missing}")
        for name, metric in theirs.items():
            check(ours[name].type == metric.type, f"{name}: {ours[name].type}")
            if name == "haproxy_process_build_info":
                continue
            lacks = sorted(set(metric.samples) - set(ours[name].samples))
            check(not lacks, f"{name}: {lacks[:3]}")
            check(ours[name].help != metric.help, f"{name}: its help is not ours")


def _refused(port):
    try:
        connect(port).close()
        return False
    except OSError:
        return True


@case
def numbers_of_all_shards_are_summed():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        with Proxy(config(folder, port, threads=4), [port]):
            clients = [Client(port) for _ in range(24)]
            for client in clients:
                check(get(client, "/other").body == b"other", "traffic")
            found = metrics_of(port)
            total = found["haproxy_process_requests_total"].samples[()]
            check(total >= 25, f"{total} requests")
            check(found["haproxy_process_jobs"].samples[()] >= 24, f"{found['haproxy_process_jobs'].samples}")
            check(found["haproxy_process_nbthread"].samples[()] == 4, "shards")
            for client in clients:
                check(b"haproxy_server_uweight" in get(client, "/metrics").body, "from every shard")
                check(get(client, "/stats").status == 200, "the page from every shard")
                client.close()


@case
def a_slow_reader_holds_no_memory():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        servers = "".join(f"  server s{i} 127.0.0.1:1 weight {1 + i % 200}\n" for i in range(2000))
        many = f"backend many\n{servers}"
        with Proxy(config(folder, port, many), [port]) as proxy:
            for target in ("/metrics", "/stats", "/stats;csv", "/stats;json"):
                with Client(port, 60) as client:
                    whole = len(get(client, target).body)
                readers = []
                check(whole > 400_000, f"{target}: {whole} bytes")
                before = proxy.rss_kb()
                for _ in range(8):
                    peer = socket.socket()
                    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    peer.settimeout(60)
                    peer.connect(("127.0.0.1", port))
                    peer.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                    readers.append(peer)
                time.sleep(1)
                cpu = proxy.cpu_seconds()
                time.sleep(0.5)
                spent = proxy.cpu_seconds() - cpu
                grown = proxy.rss_kb() - before
                check(SANITIZED or grown < 8 * 700, f"{target}: {grown} kB for 8 readers")
                check(spent < 0.2, f"{target}: {spent} s of work while nobody reads")
                service = "<PROMEX>" if target == "/metrics" else "<STATS>"
                if whole > 5_000_000:  # the kernel's buffers hold the others
                    check(services(folder).count(service) == 8, f"{services(folder)}")
                # Others are served meanwhile, and the slow one gets all of it in the end.
                check(curl(f"http://127.0.0.1:{port}/other") == "other", "others")
                readers[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
                received = bytearray()
                while piece := readers[0].recv(65536):
                    received += piece
                end = b"0\r\n\r\n" if b"chunked" in received[:400] else received[-1:]
                check(received.endswith(end) and len(received) > whole * 0.9, f"{target}: {len(received)} of {whole}")
                for peer in readers:
                    peer.close()
            until(lambda: not services(folder), 5, "streams of readers that are gone")


def services(folder):
    """What answers clients of mode http now."""
    return re.findall(r" fe=in .* srv=(<[A-Z]+>)", ask(f"{folder}/cli", "show sess"))


@case
def a_reload_in_the_middle_of_an_answer():
    port = free_port()
    servers = "".join(f"  server s{i} 127.0.0.1:1\n" for i in range(1500))
    base = f"""
frontend in
  mode http
  bind 127.0.0.1:{port}
  stats uri /stats
  http-request use-service prometheus-exporter if {{ path /metrics }}
  default_backend out
backend out
  mode http
"""
    with Reloading(base + servers, [port]) as proxy:
        peers = []
        for target in ("/metrics", "/stats", "/stats;csv"):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.settimeout(30)
            peer.connect(("127.0.0.1", port))
            peer.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            peers.append(peer)
        time.sleep(0.3)
        proxy.reload(base + "  server only 127.0.0.1:1\n")
        check("\nout,only," in curl(f"http://127.0.0.1:{port}/stats;csv"), "new requests see the new one")
        for peer in peers:
            received = b""
            while piece := peer.recv(65536):
                received += piece
            text = received.decode()
            check("s1499" in text and "only" not in text, f"what was begun goes on with what it began with: {text[-300:]}")
            check(text.endswith("0\r\n\r\n") or "chunked" not in text[:400], "whole")
        check(proxy.alive(), "it ended")


@case
def log_lines_name_the_service():
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        text = config(folder, port).replace("defaults\n", "defaults\n  log stdout format raw local0\n  option httplog\n")
        with Proxy(text, [port]) as proxy:
            for target in ("/metrics", "/stats", "/stats;csv"):
                curl(f"http://127.0.0.1:{port}{target}")
            curl("-I", f"http://127.0.0.1:{port}/stats")
            until(lambda: proxy.said().count("HTTP/1.1\"") >= 4, 5, "log lines")
            lines = [line for line in proxy.said().splitlines() if 'HTTP/1.1"' in line]
            for line, service in zip(lines, ("<PROMEX>", "<STATS>", "<STATS>", "<STATS>")):
                check(re.search(rf"\] in in/{service} \d+/0/0/\d+/\d+ 200 \d+ - - LR-- ", line), line)


if __name__ == "__main__":
    sys.exit(run_cases())
