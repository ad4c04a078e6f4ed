"""cli_client: a client of the runtime command line, for the scenarios that ask it something.

    text = ask(path, "show info")     # one line, its answer without the empty line that ends it
    cli = Cli(path); cli.send("prompt\\n"); cli.until("> ")
"""

import socket

from harness import check, receive_all


class Cli:
    """One connection to the command line."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)

    def send(self, text):
        self.socket.sendall(text.encode())

    def until(self, end):
        text = ""
        while not text.endswith(end):
            piece = self.socket.recv(65536)
            check(piece, f"ended before {end!r}: {text[-200:]!r}")
            text += piece.decode()
        return text

    def rest(self):
        return receive_all(self.socket).decode()


def ask(path, line, half_close=True):
    cli = Cli(path)
    cli.send(line + "\n")
    if half_close:
        cli.socket.shutdown(socket.SHUT_WR)
    text = cli.rest()
    check(text.endswith("\n\n") or text == "\n", f"no empty line at the end of {text[-200:]!r}")
    return text[:-1]
