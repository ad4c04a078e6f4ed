"""option tcpka, clitcpka-idle and its kin: the kernel's timer of each connection, as /proc/net/tcp shows it.

What stands there is when the next probe is due: the silence before the first one, later the pause between two. How many
probes go unanswered is for the units to see: nobody on one machine can lose them.
"""

import sys
import time

from harness import Proxy, Server, case, check, connect, echo, free_ports, run_cases

IDLE_S = 20
TICKS = 100  # of the column, a second
KEEP_ALIVE = 2  # the kind of timer


def timers(port, own):
    """(kind, seconds until it is due) of connections whose own end, or other end, has this port."""
    found = []
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            words = line.split()
            local, remote = (int(words[i].split(":")[1], 16) for i in (1, 2))
            if words[3] == "01" and (local if own else remote) == port:
                kind, due = words[5].split(":")
                found.append((int(kind, 16), int(due, 16) / TICKS))
    return found


def awaited(port, own, test):
    for _ in range(50):
        if any(test(timer) for timer in timers(port, own)):
            return True
        time.sleep(0.1)
    return False


def is_probe(timer):
    return timer[0] == KEEP_ALIVE and IDLE_S / 2 < timer[1] <= IDLE_S


@case
def probes_come_when_they_are_asked_for():
    with Server(echo) as server:
        ports = free_ports(3)
        text = "defaults\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n"
        for port, words in zip(ports, (
                f"option clitcpka\n clitcpka-idle {IDLE_S}\n clitcpka-intvl 3s\n clitcpka-cnt 2",
                f"option srvtcpka\n srvtcpka-idle {IDLE_S}s\n srvtcpka-intvl 3\n srvtcpka-cnt 2",
                f"clitcpka-idle {IDLE_S}\n srvtcpka-idle {IDLE_S}")):
            text += f"listen in{port}\n bind 127.0.0.1:{port}\n {words}\n server s1 127.0.0.1:{server.port}\n"
        with Proxy(text, ports):
            with connect(ports[0]) as client:
                client.sendall(b"x")
                check(client.recv(1) == b"x", "no echo")
                check(awaited(ports[0], True, is_probe), f"the client's: {timers(ports[0], True)}")
                check(not any(map(is_probe, timers(server.port, False))), f"the server's: {timers(server.port, False)}")
            with connect(ports[1]) as client:
                client.sendall(b"x")
                check(client.recv(1) == b"x", "no echo")
                check(awaited(server.port, False, is_probe), f"the server's: {timers(server.port, False)}")
                check(not any(map(is_probe, timers(ports[1], True))), f"the client's: {timers(ports[1], True)}")
            time.sleep(0.5)
            with connect(ports[2]) as client:
                client.sendall(b"x")
                check(client.recv(1) == b"x", "no echo")
                time.sleep(0.5)
                seen = timers(ports[2], True) + timers(server.port, False)
                check(not any(map(is_probe, seen)), f"without the option: {seen}")


if __name__ == "__main__":
    sys.exit(run_cases())
