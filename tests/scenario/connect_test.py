"""What happens until a server is connected: black holes, servers that come up late, ports by range, family and list."""

import os
import socket
import sys
import tempfile
import threading
import time

from harness import (DEFAULTS, Proxy, Server, case, check, connect, echo, free_port, free_ports, is_closed_within,
                     listen_config, receive_all, receive_exactly, run_cases, skip)


class BlackHole:
    """A listening socket with a full backlog: the kernel drops further SYNs, so a connect neither succeeds nor fails."""

    def __enter__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self.fillers.append(filler)
        time.sleep(0.1)
        probe = socket.socket()
        probe.settimeout(0.5)
        try:
            probe.connect(("127.0.0.1", self.port))
            skip("this kernel takes connections beyond the backlog")
        except TimeoutError:
            pass
        finally:
            probe.close()
        return self

    def __exit__(self, *_):
        for endpoint in [self.listener, *self.fillers]:
            endpoint.close()


@case
def timeout_connect_gives_up_on_a_black_hole():
    port = free_port()
    with BlackHole() as hole:
        config = listen_config(port, hole.port, "timeout connect 400ms\n  retries 0")
        with Proxy(config, [port]) as proxy:
            before = proxy.open_files()
            begin = time.monotonic()
            client = connect(port)
            check(is_closed_within(client, 8), "closed by timeout connect")
            took = time.monotonic() - begin
            check(0.3 < took < 4, f"after {took:.2f} s")
            time.sleep(0.2)
            check(proxy.open_files() <= before, "the attempt's descriptor is closed")


@case
def retries_multiply_the_connect_timeout():
    """And nothing is added to it: who has waited for a whole attempt need not pause before the next one."""
    port = free_port()
    with BlackHole() as hole:
        config = listen_config(port, hole.port, "timeout connect 1s\n  retries 2")
        with Proxy(config, [port]):
            begin = time.monotonic()
            check(is_closed_within(connect(port), 15), "closed in the end")
            took = time.monotonic() - begin
            check(2.8 < took < 4.5, f"three attempts of a second each took {took:.2f} s")


@case
def a_black_hole_is_left_for_another_server():
    port = free_port()
    with BlackHole() as hole, Server(echo) as server:
        config = f"""
{DEFAULTS}
  timeout connect 300ms
  retries 1
  option redispatch
listen in
  bind 127.0.0.1:{port}
  balance first
  server hole 127.0.0.1:{hole.port}
  server s1 127.0.0.1:{server.port}
"""
        with Proxy(config, [port]):
            client = connect(port)
            client.sendall(b"sent before anybody was connected")
            check(receive_exactly(client, 33) == b"sent before anybody was connected", "the echo")


@case
def a_client_that_leaves_during_the_connect_is_forgotten():
    port = free_port()
    with BlackHole() as hole:
        config = listen_config(port, hole.port, "timeout connect 600ms\n  retries 0")
        with Proxy(config, [port]) as proxy:
            before = proxy.open_files()
            clients = [connect(port) for _ in range(30)]
            time.sleep(0.2)
            check(proxy.open_files() >= before + 30, "thirty attempts under way")
            for client in clients:
                client.close()
            end = time.monotonic() + 10
            while proxy.open_files() > before and time.monotonic() < end:
                time.sleep(0.1)
            check(proxy.open_files() <= before, "everything closed")


@case
def a_retry_finds_the_server_that_has_come_up():
    port, late = free_port(), free_port()
    with Proxy(listen_config(port, late, "timeout connect 1s\n  retries 5"), [port]):
        client = connect(port)
        client.sendall(b"early")
        time.sleep(1.3)
        with Server(echo, port=late):
            check(receive_exactly(client, 5) == b"early", "the echo of what was sent before")


@case
def a_refusing_server_is_not_hammered():
    """Retries to the same server pause: at most a second, never not at all."""
    port, nobody = free_port(), free_port()
    with Proxy(listen_config(port, nobody, "timeout connect 500ms\n  retries 3"), [port]) as proxy:
        begin, cpu = time.monotonic(), proxy.cpu_seconds()
        check(is_closed_within(connect(port), 15), "closed in the end")
        took = time.monotonic() - begin
        check(took > 0.9, f"three pauses took {took:.2f} s")
        check(proxy.cpu_seconds() - cpu < 0.3, "waiting costs no CPU")


@case
def a_port_range_and_a_list_are_bound_whole():
    ports = free_ports(6, together=True)
    first, single = ports[0], ports[5]
    with Server(echo) as server:
        config = f"""
{DEFAULTS}
listen in
  bind 127.0.0.1:{first}-{first + 3},127.0.0.1:{single}
  server s1 127.0.0.1:{server.port}
"""
        with Proxy(config, [first, first + 3, single]):
            for port in [*range(first, first + 4), single]:
                client = connect(port)
                client.sendall(b"hi")
                check(receive_exactly(client, 2) == b"hi", f"an echo through port {port}")


@case
def both_families_are_served():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        skip("this machine has no IPv6")
    four, six, both = free_port(), free_port(), free_port()
    with Server(echo) as server:
        config = f"""
{DEFAULTS}
listen in
  bind ipv4@127.0.0.1:{four}
  bind ipv6@[::1]:{six}
  bind :::{both} v4v6
  server s1 ipv4@127.0.0.1:{server.port}
"""
        with Proxy(config, [four]):
            time.sleep(0.2)
            for host, port in [("127.0.0.1", four), ("::1", six), ("::1", both), ("127.0.0.1", both)]:
                client = connect(port, host=host)
                client.sendall(b"hi")
                check(receive_exactly(client, 2) == b"hi", f"an echo through {host} {port}")


@case
def a_unix_socket_can_be_bound_again_after_a_crash():
    """A stale socket file, as a killed process leaves it, does not stop the next start."""
    with tempfile.TemporaryDirectory(prefix="ringway-") as folder, Server(echo) as server:
        path = os.path.join(folder, "in.sock")
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(path)
        stale.close()
        port = free_port()
        config = listen_config(port, server.port, f"bind unix@{path} mode 600")
        with Proxy(config, [port]):
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(10)
            end = time.monotonic() + 5
            while True:  # the TCP port was bound first: the stale file may still be in its place
                try:
                    client.connect(path)
                    break
                except ConnectionRefusedError:
                    check(time.monotonic() < end, "the new socket is in place")
                    time.sleep(0.01)
            client.sendall(b"hi")
            check(receive_exactly(client, 2) == b"hi", "the echo")
            client.close()


@case
def many_clients_at_once_all_get_through():
    """More than any backlog of ours at the same time, on every thread."""
    port = free_port()
    answers = []
    with Server(lambda peer: peer.sendall(receive_all(peer))) as server:
        config = listen_config(port, server.port, top="global\n  nbthread 4")
        with Proxy(config, [port]):

            def ask(number):
                client = connect(port)
                client.sendall(b"%d" % number)
                client.shutdown(socket.SHUT_WR)
                answers.append(receive_all(client) == b"%d" % number)
                client.close()

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(300)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
    check(len(answers) == 300 and all(answers), f"{sum(answers)} of 300 answered rightly")


@case
def first_packet_of_a_client_is_kept():
    """tcp-ss and fc_saved_syn (manual 5.1, 7.3.3): from Ethernet on, from IP on, not at all; taken once."""
    ports = free_ports(3)
    binds = "".join(
        f"""frontend in{mode}
  mode http
  bind 127.0.0.1:{port} tcp-ss {mode}
  tcp-request connection set-var(sess.syn) fc_saved_syn
  http-request return status 200 content-type text/plain lf-string "%[var(sess.syn),hex] %[fc_saved_syn,length]"
"""
        for mode, port in enumerate(ports)
    )
    answers = []
    with Proxy(f"{DEFAULTS}\n{binds}", ports):
        for port in ports:
            with connect(port) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                own = "%04X" % peer.getsockname()[1]
                answers.append((receive_all(peer).split(b"\r\n\r\n")[1].decode(), own, "%04X" % port))
    check(answers[0][0].strip() in ("", "-", "- -"), answers[0])
    for (text, own, port), before in ((answers[1], ""), (answers[2], "0" * 24 + "0800")):
        packet = text.split(" ")[0]
        check(packet.startswith(before + "45"), text)
        check(own + port in packet, (text, own, port))
        check(text.split(" ")[1] in ("", "-"), f"given a second time: {text}")


def end_seen_within(port, bytes_sent, seconds):
    """What a client sees of its connection's end: None where it sees none."""
    with connect(port) as peer:
        peer.sendall(bytes_sent)
        peer.settimeout(seconds)
        try:
            return peer.recv(1)
        except ConnectionResetError:
            return b"reset"
        except TimeoutError:
            return None


@case
def who_is_dropped_in_silence_is_told_nothing():
    """silent-drop (manual 4.4): no FIN and no RST, from whatever rules; reject closes."""
    probe = socket.socket()
    try:
        probe.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR
    except OSError:
        skip("dropping without a packet needs CAP_NET_ADMIN")
    finally:
        probe.close()
    request = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
    ports = free_ports(2)
    text = f"""{DEFAULTS}
frontend requests
  mode http
  bind 127.0.0.1:{ports[0]}
  http-request silent-drop if {{ path /drop }}
  http-request reject
frontend content
  bind 127.0.0.1:{ports[1]}
  tcp-request inspect-delay 2s
  tcp-request content silent-drop if {{ req.payload(0,4) -m str drop }}
  tcp-request content reject
"""
    with Proxy(text, ports):
        check(end_seen_within(ports[0], request % b"drop", 1) is None, "a request's client was told")
        check(end_seen_within(ports[1], b"drop it", 1) is None, "a connection's client was told")
        check(end_seen_within(ports[0], request % b"other", 5) in (b"", b"reset"), "reject did not close")
        check(end_seen_within(ports[1], b"otherwise", 5) in (b"", b"reset"), "reject did not close")


if __name__ == "__main__":
    sys.exit(run_cases())
