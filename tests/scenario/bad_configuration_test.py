#!/usr/bin/env python3
"""Configurations that are broken, hostile or suspicious: one clear message each, exit status 1, never a crash, never long.

What is wrong with single words is held by tables in tests/engine/; here are files that are wrong as a whole, and the
manual's warnings for settings that are legal.
"""

import os
import subprocess
import sys
import tempfile
import time

import harness
from harness import IS_HAPROXY, case, check, run_cases

TIMEOUT_S = 30 if harness.SANITIZED else 10

DEFAULTS = b"""defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
"""


def run(contents, files=None):
    """Exit status and what was said about configuration bytes, with @dir@ as the folder of `files`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (files or {}).items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(text)
        path = os.path.join(folder, "test.cfg")
        with open(path, "wb") as file:
            file.write(contents.replace(b"@dir@", folder.encode()))
        done = subprocess.run([harness.PROGRAM, "-c", "-f", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace").replace(folder, "@dir@")


def listen(lines, before=b""):
    return before + DEFAULTS + b"listen l\n  bind 127.0.0.1:1\n" + lines + b"\n  server s 127.0.0.1:1\n"


def alerts(said):
    return [line for line in said.splitlines() if line.startswith("[ALERT]") and "Error(s) found" not in line and "Fatal errors" not in line]


def refuses(name, contents, *texts, files=None, count=1):
    def one():
        status, said = run(contents() if callable(contents) else contents, files)
        check(status == 1, f"exit status {status}:\n{said[:3000]}")
        check(len(said) < 20000, f"{len(said)} bytes were said: {said[:500]}")
        check(IS_HAPROXY or count is None or len(alerts(said)) == count, f"{len(alerts(said))} messages:\n{said[:3000]}")
        for text in texts:
            check(IS_HAPROXY or text in said, f"{text!r} is not in\n{said[:3000]}")
    one.__name__ = name
    case(one)


def warns(name, contents, *texts, files=None):
    """It loads, and says so."""
    def one():
        status, said = run(contents, files)
        check(status == 0, f"exit status {status}:\n{said[:3000]}")
        for text in texts:
            check(any(text in line for line in said.splitlines() if "WARNING" in line), f"no warning says {text!r}:\n{said[:3000]}")
    one.__name__ = name
    case(one)


# Files that are wrong as a whole ---------------------------------------------------------------------------------

refuses("nul_byte_in_a_word", listen(b"  acl a path /x\0y"), "test.cfg:8")
refuses("nul_bytes_everywhere", bytes(5000), "test.cfg:1")
refuses("binary_file", bytes(range(256)) * 40, "test.cfg:", count=None)
refuses("line_of_a_megabyte", listen(b"  http-request set-header x " + b"y" * (1 << 20)), "test.cfg:8")
refuses("many_words_on_a_line", listen(b"  acl a path" + b" /x" * 100000), "test.cfg:8")
refuses("unterminated_double_quote", listen(b'  http-request set-header x "abc'), "test.cfg:8", "quote")
refuses("unterminated_single_quote", listen(b"  http-request set-header x 'abc"), "test.cfg:8", "quote")
refuses("unterminated_expression", listen(b'  http-request set-header x "%[path"'), "test.cfg:8", "']'")
refuses("unterminated_braces", listen(b"  http-request deny if { path /x"), "test.cfg:8", "'}'")
refuses("backslash_at_the_end_of_the_file", listen(b"  nonsense \\"), "test.cfg:8", count=None)
refuses("defaults_from_themselves", b"defaults a from a\n  mode http\nlisten l from a\n  bind 127.0.0.1:1\n", "test.cfg:1", count=None)
refuses("defaults_in_a_circle", b"defaults a from b\n  mode http\ndefaults b from a\n  mode http\nlisten l from b\n  bind 127.0.0.1:1\n", "test.cfg:1", count=None)
refuses("acl_of_itself", listen(b"  acl a acl(a)\n  http-request deny if a"), "test.cfg:8", count=None)
refuses("acls_in_a_circle", listen(b"  acl a acl(b)\n  acl b acl(a)\n  http-request deny if a"), "test.cfg:8", count=None)
refuses("missing_pattern_file", listen(b"  acl a path -f @dir@/nothing.lst"), "test.cfg:8", "nothing.lst", "No such file")
refuses("folder_as_pattern_file", listen(b"  acl a path -f @dir@"), "test.cfg:8")
refuses("broken_pattern_file", listen(b"  acl a src -f @dir@/a.lst"), "test.cfg:8", "a.lst", files={"a.lst": b"10.0.0.1\n10.0.0.0/33\n"})
refuses("broken_expressions_in_a_file", listen(b"  acl a path_reg -f @dir@/a.lst"), "test.cfg:8", "a.lst", files={"a.lst": b"^/a\n(\n"})
refuses("nul_bytes_in_a_pattern_file", listen(b"  acl a src -f @dir@/a.lst"), "test.cfg:8", files={"a.lst": b"10.0.0.1\n\0\0\n"})
refuses("error_in_the_last_of_a_million_lines", lambda: listen(b"  # comment\n" * 1000000 + b"  nonsense"), "test.cfg:1000008", "nonsense")
refuses("missing_file_of_a_reply", listen(b"  http-request return status 200 content-type a/b file @dir@/none"), "test.cfg:8", "No such file")

# Arguments of wrong types ----------------------------------------------------------------------------------------

for number, (line, *texts) in enumerate((
        (b"  http-request set-header x %[rand(abc)]", "rand", "'abc'"),
        (b"  http-request set-header x %[path,add(abc)]", "add"),
        (b"  http-request set-header x %[path,bytes()]", "bytes"),
        (b"  http-request set-header x %[src(1)]", "src"),
        (b"  http-request set-header x %[src,nonsense]", "nonsense"),
        (b"  http-request set-header x %[nbsrv(nobody)]", "nobody"),
        (b"  http-request set-header x %[var(nowhere.x)]", "nowhere"),
        (b"  http-request set-var(txn.a/b) int(1)", "txn.a/b"),
        (b"  http-request set-var(txn) int(1)", "txn"),
        (b"  http-request set-header x %[path,field(a)]", "field"),
        (b"  http-request set-header x %[path,regsub(]", "regsub"),
        (b"  http-request set-header x %[path,json(nope)]", "json"),
        (b"  acl a src 1.2.3.4.5", "1.2.3.4.5"),
        (b"  http-request deny if { nbsrv(nobody) lt 1 }", "nobody"),
        (b"  acl a path_len abc", "abc"),
        (b"  acl a path -m", "-m"),
        (b"  acl a path_reg [", "["),
        (b"  acl a req.hdr(x) -m bin 123", "123"),
        (b"  tcp-request inspect-delay soon", "soon"),
        (b"  http-request pause", "pause"),
        (b"  http-request redirect code 200 location /", "200"),
        (b"  http-request redirect location", "redirect"),
        (b"  http-request set-status 9", "set-status"),
        (b"  http-request set-log-level loud", "loud"),
        (b"  http-request set-retries 101", "100"),
        (b"  http-request set-tos 256", "255"),
        (b"  http-request wait-for-body", "time"),
        (b"  http-request normalize-uri path-strip-dot", "expose-experimental-directives"),
        (b"  use-server nobody if TRUE", "nobody"),
        (b"  use_backend nobody if TRUE", "nobody"),
        (b"  http-request auth unless { http_auth(nobody) }", "nobody"),
        (b"  log-format %nonsense", "nonsense"),
        (b"  log-format %{+Z}ci", "Z"),
        (b"  http-request set-header x %{+Z}ci", "Z"),
        (b"  http-request set-header x %zz", "zz"),
        (b"  unique-id-format %[res.hdr(x)]", "res.hdr"))):
    refuses(f"wrong_argument_{number}", listen(line), "test.cfg:8", *texts)
refuses("variable_of_a_session_in_global", b"global\n  set-var txn.x int(1)\n" + listen(b""), "test.cfg:2", "proc.")
refuses("expression_of_traffic_in_global", b"global\n  set-var proc.x src\n" + listen(b""), "test.cfg:2", "src")
refuses("unknown_normalizer", b"global\n  expose-experimental-directives\n" + listen(b"  http-request normalize-uri path-strip-dots"), "test.cfg:10", "'path-strip-dot'")

# Legal, but suspicious (manual) ----------------------------------------------------------------------------------

warns("missing_timeouts", b"listen l\n  mode http\n  bind 127.0.0.1:1\n  server s 127.0.0.1:1\n", "timeout")
warns("rule_behind_use_backend", listen(b"  use_backend other if FALSE\n  http-request deny if FALSE") + b"\nbackend other\n  mode http\n", "will still be processed before")
warns("tcp_rule_behind_http_rule", listen(b"  http-request deny if FALSE\n  tcp-request content accept"), "will still be processed before")
warns("rule_behind_deny", listen(b"  http-request deny\n  http-request set-header x y"), "never be reached")
warns("rule_behind_redirect", listen(b"  http-request redirect location /\n  http-request set-header x y"), "never be reached")
warns("tcp_rule_behind_accept", listen(b"  tcp-request content accept\n  tcp-request content reject"), "never be reached")
warns("use_backend_behind_one_without_condition", listen(b"  use_backend other\n  use_backend other if TRUE") + b"\nbackend other\n  mode http\n", "never be reached")
if not IS_HAPROXY:  # which refuses it
    warns("bytes_in_a_log_line", listen(b'  log-format "%[req.ssl_sni] %[res.len]"'),
          "'req.ssl_sni' is always empty", "'res.len' is always empty")
warns("acl_that_never_matches_here", listen(b"  acl a res.hdr(x) y\n  http-request deny if a"), "never match")


@case
def rule_with_a_condition_hides_nothing():
    status, said = run(listen(b"  http-request deny if { path /x }\n  http-request set-header x y"))
    check(status == 0 and "WARNING" not in said, f"{status} {said}")


@case
def a_million_patterns_load():
    lines = b"".join(b"/area%d/list%d/\n" % (n % 97, n) for n in range(1000000))
    begin = time.monotonic()
    status, said = run(listen(b"  acl a path_beg -f @dir@/a.lst\n  http-request deny if a"), {"a.lst": lines})
    check(status == 0, said[:2000])
    check(time.monotonic() - begin < TIMEOUT_S, "it took too long")


if __name__ == "__main__":
    sys.exit(run_cases())
