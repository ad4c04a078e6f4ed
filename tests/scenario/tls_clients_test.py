"""Programs that people use, through TLS: openssl s_client and s_server, curl, wrk, h2load, nginx, sslscan,
testssl.sh, Chromium."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

from cli_client import ask
from harness import Proxy, Server, case, check, echo, free_port, need_program
from tls_peer import FOLDER, config, ec, path, run_tls_cases, write

CA = "ca.crt"


def s_client(port, *words, text="", name="localhost"):
    names = ["-noservername"] if name is None else ["-servername", name]
    command = [need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *names, "-CAfile", path(CA), *words]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)


def run(*command, **options):
    done = subprocess.run([need_program(command[0]), *command[1:]], capture_output=True, text=True, timeout=120, check=False,
                          **options)
    check(done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}")
    return done.stdout


@contextlib.contextmanager
def started(command, port):
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=FOLDER)
    try:
        end = time.monotonic() + 10
        while True:
            check(process.poll() is None, f"{command[0]} ended with {process.returncode}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            check(time.monotonic() < end, f"{command[0]} does not listen")
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.wait(10)


def nginx(port, verifies="", listen="ssl"):
    """Serves `/` over TLS; `verifies`: lines about client certificates; `listen`: what it speaks, `http2` without `ssl`: h2c."""
    text = f"""
user root; daemon off; worker_processes 1; pid {FOLDER}/nginx.pid; error_log {FOLDER}/nginx.log;
events {{ worker_connections 2000; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {FOLDER}/n1; proxy_temp_path {FOLDER}/n2; fastcgi_temp_path {FOLDER}/n3;
  uwsgi_temp_path {FOLDER}/n4; scgi_temp_path {FOLDER}/n5;
  server {{
    listen 127.0.0.1:{port} {listen} backlog=4096; ssl_certificate {path('ec.crt')}; ssl_certificate_key {path('ec.key')};
    {verifies}
    location / {{ return 200 "$ssl_client_verify $ssl_server_name\\n"; }}
  }}
}}
"""
    return started([need_program("nginx"), "-p", FOLDER, "-c", write("nginx.conf", text)], port)


def http(port, server_port, bind="", server="", top=""):
    return config(port, server_port, bind, server, mode="http", top=top) + "  retries 0\n"


# ---- openssl as a client -------------------------------------------------------------------------


@case
def s_client_resumes_both_versions():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, ec()), [port]):
        for version in ("-tls1_2", "-tls1_3"):
            session = path("session" + version)
            # Tickets of TLS 1.3 come behind the handshake: the echo is waited for.
            with subprocess.Popen([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", path(CA),
                                   version, "-sess_out", session, "-quiet", "-no_ign_eof", "-verify_quiet"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True) as first:
                first.stdin.write("hello\n")
                first.stdin.flush()
                check(first.stdout.readline() == "hello\n", "no echo")
                first.stdin.close()
            said = s_client(port, version, "-sess_in", session).stdout
            check("Reused, TLSv1." in said, f"{version}: {said}")
            said = s_client(port, version).stdout
            check("New, TLSv1." in said and "Verify return code: 0" in said, said)


@case
def s_client_is_given_tickets_by_who_never_speaks():
    def silent(peer):
        while peer.recv(65536):
            pass

    port = free_port()
    for mode in ("tcp", "http"):
        with Server(silent) as server, Proxy(config(port, server.port, ec(), mode=mode), [port]):
            session = path("session-" + mode)
            for said_first in ("New", "Reused"):
                known = ["-sess_in", session] if said_first == "Reused" else []
                with subprocess.Popen([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", path(CA),
                                       "-tls1_3", "-msg", *known, "-sess_out", session], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as client:
                    timer = threading.Timer(10, client.kill)
                    timer.start()
                    said, tickets = "", 0
                    for line in client.stdout:
                        said += line
                        tickets += "NewSessionTicket" in line
                        if tickets == 2:
                            break
                    timer.cancel()
                    client.stdin.close()
                    said += client.stdout.read()
                check(tickets == 2, f"{mode}: {tickets} tickets: {said}")
                check(f"{said_first}, TLSv1.3" in said, f"{mode}: {said}")


@case
def s_client_shows_certificates():
    port = free_port()
    bind = f"{ec()} verify required ca-file {path(CA)}"
    with Server(echo) as server, Proxy(config(port, server.port, bind), [port]):

        def talks(*words):
            # The alert of TLS 1.3 comes after the client's handshake: what counts is the echo.
            with subprocess.Popen([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", path(CA),
                                   "-quiet", "-no_ign_eof", "-verify_quiet", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as peer:
                try:
                    peer.stdin.write("hello\n")
                    peer.stdin.flush()
                except BrokenPipeError:
                    pass
                line = peer.stdout.readline()
                with contextlib.suppress(BrokenPipeError):
                    peer.stdin.close()
                return line == "hello\n", peer.stderr.read()

        good = ["-cert", path("client.crt"), "-key", path("client.key")]
        wrong = ["-cert", path("stranger.crt"), "-key", path("stranger.key")]
        for version in ("-tls1_2", "-tls1_3"):
            check(talks(version, *good)[0], f"{version}: the right certificate was refused")
            served, said = talks(version, *wrong)
            check(not served and "alert" in said, f"{version}: a wrong certificate: {said}")
            served, said = talks(version)
            check(not served and "alert" in said, f"{version}: no certificate: {said}")


@case
def s_client_is_signed_to_as_sigalgs_says():
    port = free_port()
    bind = f"ssl crt {path('rsa.pem')} verify optional ca-file {path(CA)}"

    def seen(words, top="", version="-tls1_3"):
        with Server(echo) as server, Proxy(config(port, server.port, f"{bind} {words}", top=top), [port]):
            said = s_client(port, version).stdout
        found = re.search(r"\nRequested Signature Algorithms: (.*)\n", said)
        return re.search(r"Peer signing digest: (.*)\n", said).group(1), found and found.group(1)

    ours, theirs = "sigalgs rsa_pss_rsae_sha384:rsa_pss_pss_sha256", "client-sigalgs ECDSA+SHA256:ed448"
    for version in ("-tls1_2", "-tls1_3"):
        check(seen(ours, version=version) == ("SHA384", "RSA-PSS+SHA384"), seen(ours, version=version))
        check(seen(f"{ours} {theirs}", version=version) == ("SHA384", "ECDSA+SHA256"), "client-sigalgs of the line")
    digest, asked = seen(theirs)
    check(digest == "SHA256" and asked == "ECDSA+SHA256", f"{digest} {asked}")
    top = "  ssl-default-bind-sigalgs RSA-PSS+SHA512\n  ssl-default-bind-client-sigalgs ECDSA+SHA384"
    check(seen("", top) == ("SHA512", "ECDSA+SHA384"), seen("", top))
    check(seen(theirs, top) == ("SHA512", "ECDSA+SHA256"), "the line goes before the default")


@case
def s_client_chooses_by_name():
    port = free_port()
    bind = f"{ec()} crt {path('wild.pem')} crt {path('exact.pem')}"
    with Server(echo) as server, Proxy(config(port, server.port, bind), [port]):
        for name, wanted in (("www.example.com", "www.example.com"), ("a.example.com", "*.example.com"), ("other", "localhost")):
            said = s_client(port, name=name).stdout
            check(f"subject=CN = {wanted}\n" in said, f"{name}: {said}")
        said = s_client(port, name=None).stdout
        check("subject=CN = localhost\n" in said, said)


# ---- a browser -----------------------------------------------------------------------------------


def page_server(asked):
    """A page whose scripts and style each add to what its DOM says at the end."""
    page = b"<html><head><link rel=stylesheet href=/style.css></head><body><p id=says></p>" + b"".join(
        b"<script src=/%d.js></script>" % i for i in range(20)) + b"</body></html>"

    def serve(peer):
        buffer = b""
        while piece := peer.recv(65536):
            buffer += piece
            while b"\r\n\r\n" in buffer:
                head, buffer = buffer.split(b"\r\n\r\n", 1)
                target = head.split()[1].decode()
                asked.append(target)
                kind, body = b"text/html", page
                if target.endswith(".js"):
                    kind, body = b"text/javascript", b"document.getElementById('says').append(' ran%s');" % target[1:-3].encode()
                elif target.endswith(".css"):
                    kind, body = b"text/css", b"p { color: red }"
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s" % (kind, len(body), body))

    return serve


def browse(port, home):
    """The DOM of the page, as a browser with the trust of this folder sees it."""
    return run("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
               "--disable-background-networking", "--disable-component-update", f"--user-data-dir={home}/profile",
               "--dump-dom", f"https://localhost:{port}/", env={**os.environ, "HOME": home})


@case
def chromium_loads_a_page_over_few_connections():
    port, asked = free_port(), []
    cli = f"{FOLDER}/browser.cli"
    top = f"  nbthread 1\n  stats socket {cli} level admin\n"
    with Server(page_server(asked)) as server, Proxy(http(port, server.port, ec()), [port]):
        browse(port, path("stranger_home"))
        check(not asked, f"without our CA it asked for {asked}")
    store = f"{FOLDER}/.pki/nssdb"
    os.makedirs(store)
    run("certutil", "-N", "-d", f"sql:{store}", "--empty-password")
    run("certutil", "-A", "-d", f"sql:{store}", "-t", "C,,", "-n", "test", "-i", path(CA))
    with Server(page_server(asked)) as server, Proxy(http(port, server.port, ec(), top=top), [port]):
        said = browse(port, FOLDER)
        for i in range(20):
            check(f" ran{i}" in said and f"/{i}.js" in asked, f"script {i} has not run: {said}")
        check("/style.css" in asked, asked)
        names, *rows = (line.split(",") for line in ask(cli, "show stat").splitlines() if line.count(",") > 20)
        row = next(dict(zip(names, one)) for one in rows if one[:2] == ["front", "FRONTEND"])
        # Six connections at once at most, kept alive; each of the others would be one for itself.
        check(int(row["req_tot"]) >= 22 and int(row["hrsp_2xx"]) >= 22 and int(row["hrsp_5xx"]) == 0, row)
        check(1 <= int(row["stot"]) <= 12, f"{row['stot']} connections for {row['req_tot']} requests")
        info = dict(line.split(": ", 1) for line in ask(cli, "show info").splitlines() if ": " in line)
        check(info["CumSslConns"] == row["stot"], f"{info['CumSslConns']} connections with TLS, {row['stot']} in all")


# ---- loads ---------------------------------------------------------------------------------------


@case
def curl_wrk_and_h2load_count_no_error():
    port, origin = free_port(), free_port()
    with nginx(origin), Proxy(http(port, origin, ec(), f"ssl ca-file {path(CA)} verifyhost localhost", "  nbthread 2"), [port]):
        url = f"https://localhost:{port}/"
        resolve = ["--cacert", path(CA), "--resolve", f"localhost:{port}:127.0.0.1"]
        check(run("curl", "-sS", *resolve, url).startswith("NONE localhost"), "curl got something else")
        for more in (["--tlsv1.3"], ["--tls-max", "1.2"], ["--http1.0"]):
            run("curl", "-sSf", *resolve, *more, url)
        said = run("wrk", "-t1", "-c20", "-d2s", url)
        check("Socket errors" not in said and "Non-2xx" not in said, said)
        said = run("wrk", "-t1", "-c20", "-d2s", "-H", "Connection: close", url)
        check("Non-2xx" not in said and not re.search(r"Socket errors: connect [1-9]", said), said)
        said = run("h2load", "--h1", "-n", "5000", "-c", "20", f"https://127.0.0.1:{port}/")
        check("5000 succeeded, 0 failed, 0 errored" in said, said)


@case
def http2_passes_through_mode_tcp():
    port, origin = free_port(), free_port()
    url, trust = f"https://localhost:{port}/", ["--cacert", path(CA), "--resolve", f"localhost:{port}:127.0.0.1"]

    def version(*words):
        return run("curl", "-sSf", "-o", "/dev/null", "-w", "%{http_version}", *trust, *words, url)

    # TLS ends here, and what is in it goes on to a server that speaks HTTP/2 without (h2c), as one of gRPC does.
    with nginx(origin, listen="http2"), Proxy(config(port, origin, f"{ec()} alpn h2"), [port]):
        said = s_client(port, "-alpn", "h2,http/1.1").stdout
        check("ALPN protocol: h2\n" in said, said)
        check("No ALPN negotiated" in s_client(port, "-alpn", "http/1.1").stdout, "another protocol was agreed on")
        check(version("--http2") == "2", "curl does not speak HTTP/2")
        said = run("h2load", "-n", "2000", "-c", "10", "-m", "10", url)
        check("2000 succeeded, 0 failed, 0 errored" in said and "h2" in said, said)
    # Or it begins anew, and the server is told the same.
    server = f"ssl ca-file {path(CA)} sni str(localhost) alpn h2"
    with nginx(origin, listen="ssl http2"), Proxy(config(port, origin, f"{ec()} alpn h2", server), [port]):
        check(version("--http2") == "2", "curl does not speak HTTP/2")
    server = f"ssl ca-file {path(CA)} sni str(localhost) alpn http/1.1"
    with nginx(origin, listen="ssl http2"), Proxy(config(port, origin, f"{ec()} alpn http/1.1", server), [port]):
        check(version("--http2") == "1.1", "HTTP/2 where nobody offers it")


# ---- servers -------------------------------------------------------------------------------------


@case
def nginx_verifies_us_and_we_verify_it():
    port, origin = free_port(), free_port()
    ours = f"crt {path('client.pem')}"
    verify = f"ssl_client_certificate {path(CA)}; ssl_verify_client on;"
    with nginx(origin, verify):
        with Proxy(http(port, origin, "", f"ssl ca-file {path(CA)} {ours} sni str(localhost)"), [port]):
            check(run("curl", "-sS", f"http://127.0.0.1:{port}/") == "SUCCESS localhost\n", "not verified")
        with Proxy(http(port, origin, "", f"ssl ca-file {path(CA)} sni str(localhost)"), [port]):
            check("400 No required SSL certificate" in run("curl", "-sS", f"http://127.0.0.1:{port}/"), "served without ours")
        with Proxy(http(port, origin, "", f"ssl ca-file {path(CA)} {ours} sni str(other)"), [port]):
            said = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/")
            check(said == "503", f"a certificate of another name: {said}")
        with Proxy(http(port, origin, "", f"ssl ca-file {path('stranger.crt')} {ours} sni str(localhost)"), [port]):
            said = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/")
            check(said == "503", f"a certificate of another CA: {said}")


@case
def s_server_verifies_us_and_we_verify_it():
    port, origin = free_port(), free_port()
    command = [need_program("openssl"), "s_server", "-accept", f"127.0.0.1:{origin}", "-www", "-cert", path("ec.crt"), "-key",
               path("ec.key"), "-CAfile", path(CA), "-Verify", "1", "-verify_return_error"]
    for version in ("-tls1_2", "-tls1_3"):
        with started(command + [version], origin):
            good = f"ssl ca-file {path(CA)} verifyhost localhost crt {path('client.pem')}"
            with Proxy(http(port, origin, "", good), [port]):
                for _ in range(3):  # a session is resumed
                    said = run("curl", "-sS", f"http://127.0.0.1:{port}/")
                    check("Client certificate" in said or "Reused, TLSv1" in said, said)
            for server in (f"ssl ca-file {path(CA)} verifyhost localhost", f"{good} verifyhost other",
                           f"ssl ca-file {path(CA)} verifyhost localhost crt {path('stranger.pem')}"):
                with Proxy(http(port, origin, "", server), [port]):
                    code = run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/")
                    check(code in ("502", "503"), f"{version} {server}: {code}")


# ---- scanners ------------------------------------------------------------------------------------


@case
def s_server_is_signed_to_as_client_sigalgs_says():
    port, origin = free_port(), free_port()
    command = [need_program("openssl"), "s_server", "-accept", f"127.0.0.1:{origin}", "-www", "-cert", path("rsa.crt"), "-key",
               path("rsa.key"), "-CAfile", path(CA), "-Verify", "1"]
    both = "sigalgs RSA-PSS+SHA256:RSA-PSS+SHA384 client-sigalgs RSA-PSS+SHA512"
    for words, top in ((both, ""), ("", "  ssl-default-server-sigalgs RSA-PSS+SHA256:RSA-PSS+SHA384\n"
                                        "  ssl-default-server-client-sigalgs RSA-PSS+SHA512")):
        server = f"ssl ca-file {path(CA)} crt {path('rsa.pem')} verifyhost localhost {words}"
        with started(command, origin), Proxy(http(port, origin, "", server, top), [port]):
            said = run("curl", "-sS", "--http1.0", f"http://127.0.0.1:{port}/")
            check("Shared Signature Algorithms: RSA-PSS+SHA256:RSA-PSS+SHA384\n" in said, said)
            check("Peer signing digest: SHA512\n" in said, said)


@case
def sslscan_finds_nothing_weak_on_a_default_bind():
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, f"{ec()} crt {path('rsa.pem')}"), [port]):
        said = run("sslscan", "--no-colour", f"127.0.0.1:{port}")
        for version, state in (("SSLv2", "disabled"), ("SSLv3", "disabled"), ("TLSv1.0", "disabled"), ("TLSv1.1", "disabled"),
                               ("TLSv1.2", "enabled"), ("TLSv1.3", "enabled")):
            check(re.search(rf"^{re.escape(version)} +{state}$", said, re.M), f"{version} is not {state}:\n{said}")
        for good in ("Server supports TLS Fallback SCSV", "not vulnerable to heartbleed"):
            check(good in said, f"no {good!r} in:\n{said}")
        check("Session renegotiation not supported" in said or "Secure session renegotiation supported" in said, said)
        ciphers = re.findall(r"^(?:Preferred|Accepted) +(TLSv1\.\d) +(\d+) bits +(\S+)", said, re.M)
        check(len(ciphers) >= 6, said)
        for version, bits, name in ciphers:
            check(int(bits) >= 128, f"{name} has {bits} bits")
            check(version == "TLSv1.3" or name.startswith("ECDHE-"), f"{name} has no forward secrecy")
            check(not re.search("RC4|3DES|DES-CBC|NULL|EXP|MD5", name), name)


@case
def testssl_finds_nothing_above_low_on_a_default_bind():
    port = free_port()
    findings = path("findings.json")
    with Server(echo) as server, Proxy(config(port, server.port, f"{ec()} crt {path('rsa.pem')}"), [port]):
        subprocess.run([need_program("testssl"), "--quiet", "--color", "0", "--warnings", "batch", "--nodns", "none", "--ip",
                        "127.0.0.1", "--jsonfile", findings, "-p", "-s", "-f", "-U", "--fast", f"localhost:{port}"],
                       stdin=subprocess.DEVNULL, capture_output=True, timeout=200, check=False)
    with open(findings, encoding="utf-8") as file:
        found = json.load(file)
    names = {one["id"]: one for one in found}
    for asked in ("SSLv2", "TLS1_2", "TLS1_3", "heartbleed", "CCS", "ROBOT", "secure_client_renego", "SWEET32", "LUCKY13"):
        check(asked in names, f"{asked} was not asked: {sorted(names)}")
    # WARN and DEBUG are about the scanner, FATAL says that it gave up.
    weak = [one for one in found if one["severity"] in ("MEDIUM", "HIGH", "CRITICAL", "FATAL")]
    check(not weak, weak)
    check({one["id"] for one in found if one["severity"] == "LOW"} <= {"cipherlist_AVERAGE", "LUCKY13"}, found)


if __name__ == "__main__":
    sys.exit(run_tls_cases())
