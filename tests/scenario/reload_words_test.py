"""Reload in place: what was said at run time and holds, what is told of what has changed, and what a new server begins with."""

import os
import sys
import tempfile

from harness import Server, case, check, free_port, run_cases, until
from reloading import HttpServer, Reloading, client_of, get, site


def state(proxy, server="app/one"):
    """The fields of `show servers state` that are looked at here."""
    for line in proxy.ask("show servers state").splitlines():
        fields = line.split(" ")
        if len(fields) > 24 and f"{fields[1]}/{fields[3]}" == server:
            return {"port": fields[18], "tls": fields[20], "check": f"{fields[22]}:{fields[21]}",
                    "agent": f"{fields[23]}:{fields[24]}", "weight": fields[7]}
    return {}


@case
def what_an_agent_said_goes_with_it():
    port = free_port()
    word = [b""]
    with HttpServer("one") as one, Server(lambda peer: peer.sendall(word[0])) as agent:
        asked = f"weight 100 maxconn 50 agent-check agent-port {agent.port} agent-inter 50ms"
        for said, field, shown in ((b"maint\n", "status", "MAINT"), (b"drain\n", "status", "DRAIN"),
                                   (b"30%\n", "weight", "30"), (b"maxconn:3\n", "slim", "3")):
            word[0] = b"up ready 100%\n"
            with Reloading(site(port, [one], options=asked), [port]) as proxy:
                before = proxy.stat("app", "one", field)
                word[0] = said
                until(lambda: proxy.stat("app", "one", field).startswith(shown), 10, f"{said} holds")
                proxy.reload(site(port, [one], "  option contstats", asked))
                check(proxy.stat("app", "one", field).startswith(shown), f"{said} holds while it is asked")
                proxy.reload(site(port, [one], options=asked + " slowstart 0"))
                check(proxy.stat("app", "one", field).startswith(shown), f"{said} holds in another definition")
                answer = proxy.reload(site(port, [one], options="weight 100 maxconn 50"))
                check("~ server app/one" in answer, f"it is told: {answer}")
                now = proxy.stat("app", "one", field)
                check(now in (before, "no check"), f"{said} is forgotten: {now}, not {before}")
                check(get(client_of(port)) == (200, "one"), "it serves")


@case
def what_an_operator_said_outlives_an_agent():
    port = free_port()
    with HttpServer("one") as one, Server(lambda peer: peer.sendall(b"30%\n")) as agent:
        asked = f"weight 100 agent-check agent-port {agent.port} agent-inter 50ms"
        with Reloading(site(port, [one], options=asked), [port]) as proxy:
            until(lambda: proxy.stat("app", "one", "weight") == "30", 10, "its weight")
            proxy.ask("disable agent app/one; set server app/one weight 40; set server app/one state drain")
            proxy.reload(site(port, [one], options="weight 100"))
            check(proxy.stat("app", "one", "weight") == "40", "the operator's weight")
            check("DRAIN" in proxy.stat("app", "one", "status"), "the operator's word")


@case
def an_address_holds_until_the_file_has_another():
    port = free_port()
    with HttpServer("one") as one, HttpServer("two") as two, HttpServer("three") as three:
        with Reloading(site(port, [one]), [port]) as proxy:
            proxy.ask(f"set server app/one addr 127.0.0.1 port {two.port}")
            for options in ("", "source 127.0.0.1", "weight 3", "check inter 60s", "ssl verify none", "send-proxy", ""):
                proxy.reload(site(port, [one], options=options))
                check(state(proxy)["port"] == str(two.port), f"'{options}': {state(proxy)}")
                if "ssl" not in options and "proxy" not in options:
                    check(get(client_of(port)) == (200, "two"), f"'{options}': who serves")
            proxy.reload(site(port, [one]).replace(f"{one.port}", f"{three.port}"))
            check(state(proxy)["port"] == str(three.port), f"the file's own: {state(proxy)}")
            check(get(client_of(port)) == (200, "three"), "who serves then")


@case
def tls_that_was_switched_off_stays_so_while_the_file_has_it():
    port = free_port()
    with HttpServer("one") as one:
        with Reloading(site(port, [one], options="ssl verify none"), [port]) as proxy:
            proxy.ask("set server app/one ssl off")
            for options, tls in (("ssl verify none weight 3", "0"), ("ssl verify none source 127.0.0.1", "0"),
                                 ("", "0"), ("ssl verify none", "1")):
                proxy.reload(site(port, [one], options=options))
                check(state(proxy)["tls"] == tls, f"'{options}': {state(proxy)}")


@case
def where_checks_go_holds_until_the_file_says_otherwise():
    port = free_port()
    checked = "check inter 60s agent-check agent-port 1 agent-inter 60s"
    with HttpServer("one") as one:
        with Reloading(site(port, [one], options=checked), [port]) as proxy:
            proxy.ask("set server app/one check-port 2; set server app/one check-addr 127.0.0.2;"
                      "set server app/one agent-port 3")
            for more, check_to, agent_to in (("", "127.0.0.2:2", "-:3"), ("weight 3", "127.0.0.2:2", "-:3"),
                                             ("port 4", "127.0.0.2:4", "-:3"),
                                             ("port 4 agent-port 5", "127.0.0.2:4", "-:5"),
                                             ("port 4 addr 127.0.0.3", "127.0.0.3:4", "-:1")):
                proxy.reload(site(port, [one], options=f"{checked} {more}"))
                now = state(proxy)
                check((now["check"], now["agent"]) == (check_to, agent_to), f"'{more}': {now}")


@case
def what_an_agent_is_asked_with_holds_until_the_file_says_otherwise():
    port = free_port()
    heard = []

    def listen(peer):
        peer.settimeout(5)
        heard.append(peer.recv(100))
        peer.sendall(b"ready\n")

    def asks(text, what):
        heard.clear()
        until(lambda: len(heard) > 1 and heard[-1] == text, 5, f"{what}: {heard}")

    with HttpServer("one") as one, Server(listen) as agent:
        asked = f"agent-check agent-port {agent.port} agent-inter 50ms agent-send old\\n"
        text = site(port, [one], options=asked)
        # A server before it makes another shard ask.
        moved = text.replace("server one", "server aside 127.0.0.1:1 check inter 60s\n  server one", 1)
        with Reloading(text, [port]) as proxy:
            asks(b"old\n", "at first")
            proxy.ask("set server app/one agent-send new")
            asks(b"new", "told at run time")
            check("at most" in proxy.ask("set server app/one agent-send " + "x" * 2000), "a text that is too long")
            for what, file in (("the same file", text), ("a weight", text.replace(asked, asked + " weight 3")),
                               ("another shard", moved)):
                proxy.reload(file)
                asks(b"new", what)
            proxy.reload(text.replace("old", "other"))
            asks(b"other\n", "the file's own")


@case
def each_word_of_a_server_is_told():
    port = free_port()
    with HttpServer("one") as one:
        with Reloading(site(port, [one]), [port]) as proxy:
            for options in (
                "ssl verify none", "ssl verify none sni str(a)", "ssl verify none sni str(b)", "ssl verify none alpn http/1.1",
                "ssl verify none ciphers ECDHE-RSA-AES128-GCM-SHA256", "id 77", "source 127.0.0.1", "slowstart 5s",
                "pool-max-conn 5", "pool-purge-delay 1s", "max-reuse 3", "tcp-ut 5s", "guid one", "hash-key addr",
                "send-proxy-v2 proxy-v2-options crc32c", "check", "check addr 127.0.0.2", "check port 7",
                "agent-check agent-port 9", "track other/it", ""):
                text = site(port, [one], options=options)
                text += "\nbackend other\n  server it 127.0.0.1:1 check inter 60s\n"
                answer = proxy.reload(text)
                check("~ server app/one\n" in answer, f"'{options}' is not told of: {answer}")
                check("No proxy" in proxy.reload(text), f"'{options}': nothing has changed")
            text = site(port, [one]).replace("  server", "  default-server weight 5\n  server")
            answer = proxy.reload(text)
            check("~ server app/one\n" in answer and "~ backend app\n" in answer, f"default-server: {answer}")


@case
def what_is_in_files_and_other_sections_is_told():
    port = free_port()
    with HttpServer("one") as one, tempfile.TemporaryDirectory() as folder:
        def put(name, text):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(text)

        def text(password):
            rules = (f"  errorfile 503 {folder}/503\n  http-request deny if {{ src -f {folder}/list }}\n"
                     "  http-request auth if { path /auth } !{ http_auth(admins) }\n")
            return (f"userlist admins\n  user joe insecure-password {password}\n"
                    + site(port, [one]).replace("  default_backend app", rules + "  default_backend app"))

        put("503", "HTTP/1.0 503 A\r\nContent-Length: 1\r\n\r\na")
        put("list", "192.0.2.1\n")
        with Reloading(text("x"), [port]) as proxy:
            check("No proxy" in proxy.reload(), "the same files")
            put("list", "192.0.2.2\n")
            check(f"~ file {folder}/list\n" in proxy.reload(), "a list")
            put("503", "HTTP/1.0 503 B\r\nContent-Length: 1\r\n\r\nb")
            check(f"~ file {folder}/503\n" in proxy.reload(), "a reply")
            check("~ userlist admins\n" in proxy.reload(text("y")), "a list of users")
            check("No proxy" in proxy.reload(), "the same files again")
            check("~ global\n" in proxy.reload("global\n  spread-checks 5\n" + text("y")), "the section global")


@case
def what_only_a_start_can_set_is_said_each_time():
    port = free_port()
    with HttpServer("one") as one:
        with Reloading(site(port, [one]), [port]) as proxy:
            text = "global\n  log-tag foo\n  tune.bufsize 32768\n" + site(port, [one])
            for _ in range(3):
                answer = proxy.reload(text)
                for word in ("log-tag", "tune.bufsize"):
                    check(f"'{word}' needs a restart" in answer, answer)
                    check(f"'{word}' needs a restart" in proxy.ask("show startup-logs"), "show startup-logs")
            check("needs a restart" not in proxy.reload(site(port, [one])), "as it started")
            check("needs a restart" not in proxy.ask("show startup-logs"), "nothing is to be said any more")


@case
def a_new_server_begins_as_the_state_file_says():
    port = free_port()
    with HttpServer("one") as one, HttpServer("two") as two, tempfile.TemporaryDirectory() as folder:
        def text(servers, more=""):
            return (f"global\n  server-state-file {folder}/states\ndefaults\n  mode http\n  timeout client 20s\n"
                    "  timeout server 20s\n  timeout connect 2s\n  load-server-state-from-file global\n"
                    + site(port, servers) + more)

        row = "1 app 1 {} 127.0.0.1 {} {} 1 0 1 0 2 0 0 0 0 - 0 - 0 0 - - 0\n"
        with open(f"{folder}/states", "w", encoding="utf-8") as file:
            file.write("1\n" + row.format("one", "2 0", 9) + row.format("two", "0 1", 7))
        with Reloading(text([one]), [port]) as proxy:
            check(proxy.stat("app", "one", "weight") == "9", "at the start")
            proxy.ask("set server app/one weight 5")
            answer = proxy.reload(text([one, two]))
            check("app/two remains in forced maintenance" in answer, answer)
            check(proxy.stat("app", "two", "status") == "MAINT", "the file's state")
            check(proxy.stat("app", "two", "uweight") == "7", "the file's weight")
            check(proxy.stat("app", "one", "weight") == "5", "what the process knows")
            check(get(client_of(port)) == (200, "one"), "who serves")
            proxy.ask("set server app/two state ready")
            proxy.reload(text([one, two], "  option redispatch\n"))
            check(proxy.stat("app", "two", "status") != "MAINT", "it is not new any more")
            proxy.reload(text([one]))
            os.unlink(f"{folder}/states")
            check("server-state file" not in proxy.reload(text([one])), "nobody asks for the file")
            check("server-state file" in proxy.reload(text([one, two])), "it is gone")


@case
def the_environment_is_that_of_the_configuration():
    port = free_port()
    rule = '  http-request return status 200 content-type text/plain lf-string "[%[env(ZZ)]][%[env(YY)]]"\n'
    with HttpServer("one") as one:
        def text(lines):
            return f"global\n{lines}\n" + site(port, [one]).replace("  default_backend", rule + "  default_backend")

        with Reloading(text("  setenv ZZ one\n  setenv YY first"), [port]) as proxy:
            client = client_of(port)
            check(get(client) == (200, "[one][first]"), "at the start")
            answer = proxy.reload(text("  setenv ZZ two\n  presetenv XX x"))
            check("~ global\n" in answer, answer)
            check(get(client) == (200, "[two][]"), f"then: {get(client)}")
            check(proxy.ask("show env ZZ") == "ZZ=two\n", proxy.ask("show env ZZ"))
            check(proxy.ask("show env YY") == "Variable not found\n", proxy.ask("show env YY"))
            whole = proxy.ask("show env").splitlines()
            check("XX=x" in whole and "ZZ=two" in whole and any(line.startswith("HAPROXY_CLI=") for line in whole), whole)


if __name__ == "__main__":
    sys.exit(run_cases())
