#!/usr/bin/env python3
"""The same configuration and the same requests through Ringway and through HAProxy: clients, servers and logs see the same.

The configurations stand in tests/differential/configurations.py, what may differ, and why, in differences.py there.

    tests/scenario/differential_test.py [TEXT]     # configurations with TEXT in their name
"""

import concurrent.futures
import contextlib
import difflib
import os
import re
import sys
import tempfile

import harness
from harness import case, check, need_program, run_cases

sys.path.insert(0, os.path.join(harness.ROOT, "tests/differential"))
import compare  # pylint: disable=wrong-import-position
from configurations import CONFIGURATIONS  # pylint: disable=wrong-import-position
from differences import DIFFERENCES  # pylint: disable=wrong-import-position

REQUESTS_LEAST = 300
CONFIGURATIONS_LEAST = 40


def count(entries):
    return sum(len(one) if isinstance(one, list) else 1 for entry in entries for one in entry["requests"])


def without(seen, rows, side):
    """`seen` without what is said to differ; and the rows that were of use."""
    used = set()
    for index, (_, number, *patterns, _) in rows:
        pattern = patterns[side]
        for at, text in enumerate(seen):
            if pattern is None or number not in (0, at + 1):
                continue
            seen[at], count = re.subn(pattern, "", text)
            if count > 0:
                used.add(index)
    return used


def differ(entry, addresses, ports, peer):
    """What is not the same, as text; empty: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in entry["files"].items():
            with open(os.path.join(folder, name), "w", encoding="utf-8", newline="") as file:
                file.write(text)
        ours = compare.observe(harness.PROGRAM, entry, addresses, ports[:2], folder)
        theirs = compare.observe(peer, entry, addresses, ports[2:], folder)
    rows = [(index, row) for index, row in enumerate(DIFFERENCES) if row[0] == entry["name"]]
    used = without(ours, rows, 0) | without(theirs, rows, 1)
    said = [f"  the row {row} is not seen" for index, row in rows if index not in used]
    for number, (one, other) in enumerate(zip(ours, theirs), 1):
        if one == other:
            continue
        lines = difflib.unified_diff(other.splitlines(), one.splitlines(), "HAProxy", "Ringway", lineterm="", n=1)
        said.append(f"  request {number} {entry['requests'][number - 1]!r:.200}\n" + "\n".join("    " + line for line in lines))
    return "\n".join(said)


def enter_case(entry, running):
    def run():
        said = running.result()
        check(not said, f"{entry['name']}\n{said}")
    run.__name__ = entry["name"]
    case(run)


@case
def there_are_enough():
    check(len(CONFIGURATIONS) >= CONFIGURATIONS_LEAST, f"{len(CONFIGURATIONS)} configurations")
    check(count(CONFIGURATIONS) >= REQUESTS_LEAST, f"{count(CONFIGURATIONS)} requests")
    check(all(row[4] for row in DIFFERENCES), "every difference has its reason")


def main():
    peer = need_program("haproxy")
    wanted = [entry for entry in CONFIGURATIONS if (sys.argv[1] if len(sys.argv) > 1 else "") in entry["name"]]
    with contextlib.ExitStack() as stack:
        addresses = {}
        for name in ("a", "b", "c"):
            addresses[name] = f"127.0.0.1:{stack.enter_context(harness.Server(compare.serve_http(name))).port}"
        for name in ("ta", "tb"):
            addresses[name] = f"127.0.0.1:{stack.enter_context(harness.Server(compare.serve_tcp(name))).port}"
        addresses["dead"] = f"127.0.0.1:{harness.free_port()}"
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for entry in wanted:
                ports = [harness.free_port() for _ in range(4)]
                enter_case(entry, pool.submit(differ, entry, addresses, ports, peer))
            sys.argv[1:] = []
            return run_cases()


if __name__ == "__main__":
    sys.exit(main())
