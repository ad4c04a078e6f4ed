"""persist rdp-cookie and balance rdp-cookie: the connection request of a client of RDP, and servers that say who they are."""

import contextlib
import socket
import sys

from harness import Proxy, Server, case, check, connect, free_port, receive_all, run_cases


def request(cookie):
    """A connection request ([MS-RDPBCGR] 2.2.1.1): TPKT, X.224, the cookie."""
    body = b"\xe0\0\0\0\0\0" + (b"Cookie: " + cookie + b"\r\n" if cookie else b"")
    return b"\x03\0" + (5 + len(body)).to_bytes(2, "big") + bytes([len(body)]) + body


def serve(name):
    def answer(peer):
        peer.recv(4096)
        peer.sendall(name)

    return answer


@contextlib.contextmanager
def farm(words):
    port = free_port()
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Server(serve(b"%d" % index))) for index in range(3)]
        lines = "".join(f"  server s{index} 127.0.0.1:{server.port}\n" for index, server in enumerate(servers))
        stack.enter_context(
            Proxy(
                f"""global
  nbthread 1
defaults
  mode tcp
  timeout client 10s
  timeout server 10s
  timeout connect 5s
listen farm
  bind 127.0.0.1:{port}
  tcp-request inspect-delay 5s
  tcp-request content accept if RDP_COOKIE
  tcp-request content reject if {{ req.len gt 60 }}
{words}{lines}""",
                [port],
            )
        )
        yield port, [server.port for server in servers]


def ask(port, cookie):
    with connect(port, 10) as client:
        client.sendall(request(cookie))
        return receive_all(client)


def token(address, port):
    """As a terminal server names itself in a routing token."""
    number = int.from_bytes(socket.inet_aton(address), "little")
    return b"msts=%d.%d.0000" % (number, socket.htons(port))


@case
def the_server_that_a_token_names_is_used():
    with farm("  persist rdp-cookie\n  balance roundrobin\n") as (port, servers):
        for _ in range(2):
            for index in (2, 0, 1):
                got = ask(port, token("127.0.0.1", servers[index]))
                check(got == b"%d" % index, f"server {index}: {got}")


@case
def a_token_of_nobody_is_balanced():
    with farm("  persist rdp-cookie\n  balance roundrobin\n") as (port, servers):
        for cookie in (token("127.0.0.9", servers[0]), b"msts=x", b"msts=1.2", b"mstshash=user"):
            got = sorted(ask(port, cookie) for _ in range(3))
            check(got == [b"0", b"1", b"2"], f"{cookie}: {got}")


@case
def one_user_stays_on_one_server():
    with farm("  balance rdp-cookie\n") as (port, _):
        homes = set()
        for user in (b"anna", b"bert", b"carl", b"dora", b"emil", b"fred", b"gerd", b"hans"):
            got = {ask(port, b"mstshash=" + user) for _ in range(3)}
            check(len(got) == 1, f"{user}: {got}")
            homes |= got
        check(len(homes) > 1, f"all users on {homes}")


if __name__ == "__main__":
    sys.exit(run_cases())
