"""source_tree.py - what the check scripts share: finding the tree's files, reading C++ without its comments and strings."""

import os
import re

# Folders that hold C++ of ours, as children of the root.
CODE_FOLDERS = ("base", "proto", "shard", "tls", "engine", "bench", "tests", "tools")
SOURCE_SUFFIXES = (".h", ".cc")


def walk(root, suffixes, folders=CODE_FOLDERS):
    """Yields the paths below root's code folders, relative, sorted, with one of the suffixes."""
    found = []
    for folder in folders:
        for here, below, names in os.walk(os.path.join(root, folder)):
            below[:] = [b for b in below if not b.startswith((".", "build")) and b != "__pycache__"]
            for name in names:
                if name.endswith(tuple(suffixes)) and not name.startswith("."):
                    found.append(os.path.relpath(os.path.join(here, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)


def includes(text):
    """Yields (line number, path, quoted) of every #include."""
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(2), match.group(1) == '"'


def opening_comment(text):
    """The lines of the // block a file starts with, without the slashes."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        lines.append(line[2:].strip())
    return lines


TOKEN = re.compile(
    r"""
    (?P<line>//[^\n]*(?:\\\n[^\n]*)*)
  | (?P<block>/\*.*?\*/)
  | (?P<raw>\b(?:u8|[uUL])?R"(?P<delimiter>[^()\\\s]{0,16})\(.*?\)(?P=delimiter)")
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<number>\b[0-9](?:'?[0-9a-zA-Z_.])*)
  | (?P<char>'(?:[^'\\\n]|\\.)+')
    """,
    re.S | re.X,
)


def without_comments_and_strings(text):
    """The same text, line for line and column for column, with comments blank and strings empty."""

    def blank(match):
        kind, whole = match.lastgroup, match.group()
        if kind == "number":
            return whole
        if kind in ("line", "block"):
            return re.sub(r"[^\n]", " ", whole)
        quote = whole[-1]
        return quote + re.sub(r"[^\n]", "_", whole[1:-1]) + quote

    return TOKEN.sub(blank, text)
