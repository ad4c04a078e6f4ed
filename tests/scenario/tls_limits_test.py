"""How much TLS is let in (maxsslconn, maxsslrate), what `show info` counts, and handshakes that disturb nobody."""

import ssl
import sys
import threading
import time

from cli_client import ask
from harness import SANITIZED, Proxy, Server, case, check, connect, echo, free_port, receive_exactly, until
from tls_peer import (FOLDER, client_context, config, ec, errors_of, path, run_tls_cases, tls, tls_server)

CLI = f"{FOLDER}/cli"


def limited(port, server_port, limits, bind="", server="", threads=4, **more):
    top = f"  nbthread {threads}\n  stats socket {CLI} level admin\n" + "".join(f"  {limit}\n" for limit in limits)
    return config(port, server_port, bind or ec(), server, top=top, **more)


def info():
    return dict(line.split(": ", 1) for line in ask(CLI, "show info").splitlines() if ": " in line)


def shard_sum(what):
    return sum(int(word.split("=")[1]) for word in ask(CLI, "show shards").split() if word.startswith(what + "="))


def talks(peer, within=10):
    peer.settimeout(within)
    try:
        peer.sendall(b"x")
        return peer.recv(1) == b"x"
    except TimeoutError:
        return False


@case
def connections_are_limited_over_all_shards():
    port = free_port()
    with Server(echo) as server, Proxy(limited(port, server.port, ["maxsslconn 5"]), [port]):
        peers = [tls(port) for _ in range(5)]
        check(all(talks(peer) for peer in peers), "not served below the limit")
        check(info()["CurrSslConns"] == "5" and info()["MaxSslConns"] == "5", info())
        late = connect(port)
        waiting = threading.Thread(target=lambda: served.append(client_context().wrap_socket(late, server_hostname="localhost")))
        served = []
        waiting.start()
        time.sleep(0.3)
        check(not served and info()["CurrSslConns"] == "5", "more than the limit were served")
        peers.pop().close()
        waiting.join(10)
        check(served and talks(served[0]), "who waited was not served")
        for peer in peers + served:
            peer.close()


@case
def plain_clients_do_not_count():
    ports = [free_port(), free_port()]
    with Server(echo) as server:
        text = limited(ports[0], server.port, ["maxsslconn 1"], frontend=f"  bind 127.0.0.1:{ports[1]}")
        with Proxy(text, ports):
            with tls(ports[0]) as peer:
                check(talks(peer), "not served")
                plain = [connect(ports[1]) for _ in range(4)]
                check(all(talks(one) for one in plain), "a plain client waits")
                for one in plain:
                    one.close()


@case
def servers_count_as_clients_do():
    port = free_port()
    with tls_server(echo) as server, \
            Proxy(limited(port, server.port, ["maxsslconn 3"], "", "ssl verify none") + "  retries 0\n", [port]) as proxy:
        with tls(port) as one:
            check(talks(one), "not served")
            check(info()["CurrSslConns"] == "2", info())
            with tls(port) as two:  # there is one place, and its server has none
                try:
                    check(not talks(two, 3), "served without a place for its server")
                except (ssl.SSLError, ConnectionError):
                    pass
            end = time.monotonic() + 5
            while info()["CurrSslConns"] != "2":
                check(time.monotonic() < end, info())
                time.sleep(0.02)
            check(talks(one), "the first one is gone")
        check("Too many" not in proxy.said(), proxy.said())
        end = time.monotonic() + 5
        while info()["CurrSslConns"] != "0":
            check(time.monotonic() < end, info())
            time.sleep(0.02)
        with tls(port) as peer:
            check(talks(peer), "the places were not given back")


@case
def rate_of_clients_is_limited():
    port = free_port()
    with Server(echo) as server, Proxy(limited(port, server.port, ["maxsslrate 20"]), [port]):
        start = time.monotonic()
        count = 0
        while time.monotonic() - start < 2.5:
            with tls(port) as peer:
                check(talks(peer), "not served")
            count += 1
        check(30 <= count <= 62, f"{count} in 2.5 s at 20 per second")
        said = info()
        check(said["SslRateLimit"] == "20" and 10 <= int(said["SslRate"]) <= 21, said)
        check("Value out of range" in ask(CLI, "set rate-limit ssl-sessions global 99999999999"), "taken")
        ask(CLI, "set rate-limit ssl-sessions global 0")
        start = time.monotonic()
        for _ in range(80):
            tls(port).close()
        check(SANITIZED or time.monotonic() - start < 3, "still limited")
        check(info()["SslRateLimit"] == "0", info())


@case
def info_counts_keys_and_resumed_sessions():
    port = free_port()
    with tls_server(echo) as server, \
            Proxy(limited(port, server.port, [], f"{ec()} no-tls-tickets", "ssl verify none", threads=1), [port]):
        context = client_context(version=ssl.TLSVersion.TLSv1_2)
        with tls(port, context=context) as peer:
            check(talks(peer), "not served")
            session = peer.session
        said = info()
        check(said["SslFrontendMaxKeyRate"] == "1" and said["SslBackendMaxKeyRate"] == "1" and said["CumSslConns"] == "2", said)
        check(said["SslCacheLookups"] == "0", said)
        with tls(port, context=context, session=session) as peer:
            check(peer.session_reused and talks(peer), "not resumed")
        said = info()
        check(said["SslCacheLookups"] == "1" and said["SslCacheMisses"] == "0", said)
        check(int(said["MaxSslRate"]) >= 1 and said["SslFrontendMaxKeyRate"] == "1", said)
    # A process that does not know the session.
    with Server(echo) as server, Proxy(limited(port, server.port, [], f"{ec()} no-tls-tickets", threads=1), [port]):
        with tls(port, context=context, session=session) as peer:
            check(not peer.session_reused and talks(peer), "resumed by another process")
        check(info()["SslCacheMisses"] == "1" and info()["SslCacheLookups"] == "1", info())


@case
def flood_of_handshakes_stands_in_line():
    ports = [free_port(), free_port()]
    with Server(echo) as server:
        text = limited(ports[0], server.port, [], f"ssl crt {path('rsa.pem')}", threads=1,
                       frontend=f"  bind 127.0.0.1:{ports[1]}")
        with Proxy(text, ports):
            stop = threading.Event()
            done = [0] * 8

            def flood(i):
                context = client_context()
                while not stop.is_set():
                    with tls(ports[0], context=context):
                        done[i] += 1

            threads = [threading.Thread(target=flood, args=(i,)) for i in range(len(done))]
            for thread in threads:
                thread.start()
            try:
                with connect(ports[1]) as plain:
                    for _ in range(200):
                        plain.sendall(b"hello")
                        check(receive_exactly(plain, 5) == b"hello", "established traffic stands")
                until(lambda: min(done) > 0, 20, f"some never get through: {done}")
            finally:
                stop.set()
                for thread in threads:
                    thread.join()
            check(shard_sum("handshakes") >= 2 * sum(done), "handshakes are not counted")
            check(shard_sum("handshakes_queued") == 0, "some stand in line for ever")


@case
def client_that_leaves_the_line_leaves_nothing():
    port = free_port()
    with Server(echo) as server, Proxy(limited(port, server.port, [], threads=1), [port]):
        hello = ssl.MemoryBIO()
        peer = client_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            pass
        record = hello.read()
        for _ in range(200):
            with connect(port) as raw:
                raw.sendall(record)
        end = time.monotonic() + 10
        while info()["CurrSslConns"] != "0":
            check(time.monotonic() < end, info())
            time.sleep(0.05)
        tls(port).close()


@case
def wrong_limits_are_named():
    for limit in ("maxsslconn", "maxsslconn x", "maxsslrate -1", "maxsslrate 1 2"):
        with_limit = limited(free_port(), 1, [limit])
        check(limit.split()[0] in errors_of(with_limit), limit)


if __name__ == "__main__":
    sys.exit(run_tls_cases())
