"""Certificates and what stands beside them: crt-store, options of a crt-list, OCSP responses, timestamps."""

import os
import re
import subprocess
import sys

from harness import Proxy, Server, case, check, connect, echo, free_port, need_program
from tls_peer import (client_context, config, ec, errors_of, is_refused, openssl, path, read, run_tls_cases, tls, warnings_of, write)


def serial_of(name):
    said = subprocess.run(["openssl", "x509", "-in", path(name + ".crt"), "-noout", "-serial"], capture_output=True, text=True,
                          check=True).stdout
    return said.strip().split("=")[1]


def make_response(name, to, revoked=False, more=(), ends=("-ndays", "7")):
    """An OCSP response about name.crt, and `more`, by their CA, into the file `to`."""
    state = "R\t300101000000Z\t200101000000Z" if revoked else "V\t300101000000Z\t"
    index = write("index.txt", f"{state}\t{serial_of(name)}\tunknown\t/CN=x\n")
    openssl("ocsp", "-index", index, "-rsigner", "ca.crt", "-rkey", "ca.key", "-CA", "ca.crt", "-issuer", "ca.crt", "-cert",
            name + ".crt", *more, *ends, "-respout", to)
    with open(path(to), "rb") as file:
        return file.read()


def write_bytes(name, data):
    with open(path(name), "wb") as file:
        file.write(data)
    return path(name)


def stapled(port, name="localhost"):
    """What `openssl s_client` says of the response that came along."""
    done = subprocess.run([need_program("openssl"), "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-status",
                           "-CAfile", path("ca.crt")], input="", capture_output=True, text=True, check=False)
    return done.stdout


def name_of(port, name):
    with tls(port, name, client_context(check=False)) as peer:
        return peer.getpeercert()["subjectAltName"][0][1]


def copy(name, to):
    """name.crt with its key as `to`, alone in its folder."""
    write(to, read(name + ".crt") + read(name + ".key"))
    return path(to)


@case
def response_beside_the_certificate_is_sent():
    port = free_port()
    file = copy("ec", "stapled.pem")
    make_response("ec", "stapled.pem.ocsp")
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt {file}"), [port]):
        said = stapled(port)
        check("OCSP Response Status: successful" in said and "Cert Status: good" in said, said)
        check("Verify return code: 0" in said, said)
        tls(port).close()  # who does not ask is served, too


@case
def response_out_of_date_is_not_sent():
    port = free_port()
    good = make_response("ec", "old.der")
    times = re.findall(rb"20\d{12}Z", good)
    expired = good.replace(times[-1], b"20200108000000Z").replace(times[-2], b"20200101000000Z")
    file = copy("ec", "expired.pem")
    write_bytes("expired.pem.ocsp", expired)
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt {file}"), [port]) as proxy:
        check("OCSP response: no response sent" in stapled(port), "an expired response was sent")
        check("expired.pem.ocsp' has expired and is not sent" in proxy.said(), proxy.said())


@case
def wrong_responses_are_named_and_not_sent():
    other = make_response("wild", "other.der")
    good = make_response("ec", "good.der")
    rows = [(other, "is about another certificate"), (make_response("ec", "revoked.der", revoked=True), "is revoked"),
            (make_response("ec", "endless.der", ends=()), "does not say until when"),
            (make_response("ec", "two.der", more=("-cert", "wild.crt")), "has more than one answer"),
            (b"junk", "is broken"), (good[:-1], "is broken"), (b"\x30\x03\x0a\x01\x06", "a refusal of the responder (status 6)")]
    file = copy("ec", "wrong.pem")
    port = free_port()
    text = config(port, 1, f"ssl crt {file}")
    for data, wanted in rows:
        write_bytes("wrong.pem.ocsp", data)
        said = warnings_of(text)
        check(wanted in said and "wrong.pem.ocsp" in said, f"no {wanted!r} in:\n{said}")
    with Proxy(text, [port]):
        check("OCSP response: no response sent" in stapled(port), "a wrong response was sent")
    write_bytes("wrong.pem.ocsp", b"")
    check("ocsp" not in warnings_of(text), "an empty file was spoken of")
    # The issuer is the one of the chain that has issued the certificate, else that of the file.
    write_bytes("wrong.pem.ocsp", good)
    write("wrong.pem.issuer", read("stranger.crt"))
    said = errors_of(text)
    check("wrong.pem.issuer' is not the issuer of certificate '/CN=localhost'" in said, said)
    write("wrong.pem", read("ec.crt") + read("stranger.crt") + read("ca.crt") + read("ec.key"))
    check("ocsp" not in warnings_of(text), "the issuer of the chain was not found")
    copy("ec", "wrong.pem")
    write("wrong.pem.issuer", read("ca.crt"))
    port = free_port()
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt {file}"), [port]):
        check("Cert Status: good" in stapled(port), "not sent")


@case
def store_gives_certificates_by_alias_and_file():
    port = free_port()
    make_response("exact", "store.der")
    os.makedirs(path("web"), exist_ok=True)
    write("web/wild.crt", read("wild.crt"))
    write("web/wild.secret", read("wild.key"))
    top = f"""
crt-store
  load crt {path('ec.crt')} key {path('ec.key')} alias local
  load crt {path('exact.crt')} key {path('exact.key')} ocsp {path('store.der')} issuer {path('ca.crt')}
crt-store web
  crt-base {path('web')}
  key-base {path('web')}
  load crt wild.crt key wild.secret alias anything ocsp-update off
"""
    bind = f"ssl crt @/local crt {path('exact.crt')} crt @web/wild.crt"
    with Server(echo) as server, Proxy(config(port, server.port, bind, top=top), [port]):
        for name, wanted in (("www.example.com", "www.example.com"), ("a.example.com", "*.example.com"), ("x", "localhost")):
            check(name_of(port, name) == wanted, f"{name} got {name_of(port, name)}")
        check("Cert Status: good" in stapled(port, "www.example.com"), "no response of the store's file")
        check("no response sent" in stapled(port, "a.example.com"), "a response from nowhere")
    port = free_port()
    listed = write("store.list", "@web/anything *.example.com\n@/local\n")
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt-list {listed}", top=top), [port]):
        check(name_of(port, "q.example.com") == "*.example.com", "the alias in a list")


@case
def key_of_a_load_line_wins():
    port = free_port()
    write("both.pem", read("ec.crt") + read("rsa.key"))  # a key that does not belong to it
    top = f"\ncrt-store\n  load crt {path('both.pem')} key {path('ec.key')} alias a\n"
    with Server(echo) as server, Proxy(config(port, server.port, "ssl crt @/a", top=top), [port]):
        check(name_of(port, "localhost") == "localhost", "not served")


@case
def list_names_files_of_a_certificate():
    port = free_port()
    make_response("wild", "listed.der")
    listed = write("files.list", f"{path('wild.crt')} [key {path('wild.key')} ocsp {path('listed.der')}] *.example.com\n"
                                 f"{path('ec.pem')} []\n")
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt-list {listed}"), [port]):
        check(name_of(port, "a.example.com") == "*.example.com", "not chosen")
        check("Cert Status: good" in stapled(port, "a.example.com"), "not sent")


@case
def ocsp_update_is_told_of_once():
    pem = path("ec.pem")
    listed = write("update.list", f"{pem} [ocsp-update on] a\n{pem} [ocsp-update on] b\n")
    without = write("off.list", f"{pem} [ocsp-update off]\n")
    load = f"\ncrt-store\n  load crt {pem} alias a ocsp-update on\n"
    for bind, top, wanted in ((f"ssl crt-list {listed}", "", 1), (f"ssl crt-list {without}", "", 0),
                              (f"ssl crt @/a crt-list {listed}", load, 1)):
        said = warnings_of(config(free_port(), 1, bind, top=top))
        check(said.count("'ocsp-update on' has no effect") == wanted, said)


@case
def options_of_a_list_need_no_blank_around_them():
    port = free_port()
    listed = write("close.list", f"{path('wild.crt')}[key {path('wild.key')}]*.example.com\n{path('ec.pem')}[]\n")
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt-list {listed}"), [port]):
        check(name_of(port, "a.example.com") == "*.example.com", "not chosen")
        check(name_of(port, "localhost") == "localhost", "the second line")


@case
def what_stands_first_is_the_default():
    exact, wild, local = path("exact.pem"), path("wild.pem"), path("rsa.pem")
    listed = write("first.list", f"{wild}\n")
    rows = ((f"crt {local} crt {exact}", "localhost"), (f"crt-list {listed} crt {exact}", "*.example.com"),
            (f"crt {exact} crt-list {listed}", "www.example.com"), (f"default-crt {wild} crt {exact}", "*.example.com"),
            (f"crt {exact} default-crt {wild}", "www.example.com"), (f"crt {local} default-crt {wild}", "*.example.com"))
    for words, wanted in rows:
        port = free_port()
        with Server(echo) as server, Proxy(config(port, server.port, f"ssl {words}"), [port]):
            check(name_of(port, "unknown") == wanted, f"{words}: {name_of(port, 'unknown')}")


@case
def timestamps_beside_the_certificate_are_sent():
    port = free_port()
    file = copy("ec", "stamped.pem")
    stamp = b"\x00" * 43
    entry = len(stamp).to_bytes(2, "big") + stamp
    write_bytes("stamped.pem.sctl", len(entry).to_bytes(2, "big") + entry)
    with Server(echo) as server, Proxy(config(port, server.port, f"ssl crt {file}"), [port]):
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-serverinfo", "18", "-tls1_2", "-CAfile", path("ca.crt")],
                              input="", capture_output=True, text=True, check=False)
        check("BEGIN SERVERINFO FOR EXTENSION 18" in done.stdout, done.stdout + done.stderr)
    write_bytes("stamped.pem.sctl", b"\x00\x05abc")
    check("no list of signed certificate timestamps" in errors_of(config(free_port(), 1, f"ssl crt {file}")), "taken")


@case
def wrong_stores_are_named():
    loads = f"load crt {path('ec.crt')} key {path('ec.key')}"
    rows = [("crt-store\n  load crt nothing.pem\n", "", "nothing.pem': No such file"),
            (f"crt-store\n  load key {path('ec.key')}\n", "", "expects 'crt'"),
            (f"crt-store\n  load crt {path('ec.crt')} key {path('rsa.key')}\n", "", "does not belong to"),
            (f"crt-store\n  {loads} alias a\n  load crt {path('ec.pem')} alias a\n", "", "'@/a' is already defined"),
            (f"crt-store x\n  {loads} alias a\n", "ssl crt @/a", "no 'load' line of a crt-store defines '@/a'"),
            (f"crt-store x\n  {loads} acme LE\n", "", "not supported yet"),
            (f"crt-store x\n  {loads} generate-dummy on\n", "", "'on' is not supported yet"),
            (f"crt-store x\n  {loads} jwt maybe\n", "", "off"),
            (f"crt-store x\n  {loads} colour red\n", "", "colour")]
    for top, bind, wanted in rows:
        said = errors_of(config(free_port(), 1, bind, top="\n" + top))
        check(wanted in said, f"{top}: no {wanted!r} in:\n{said}")
    for options, wanted in (("[alpn h2]", "option 'alpn' of a single certificate"), ("[key]", "'key' expects an argument"),
                            ("[ocsp-update maybe]", "'ocsp-update' expects 'on' or 'off'"),
                            ("[ocsp nothing.der]", "nothing.der': No such file")):
        listed = write("bad.list", f"{path('ec.pem')} {options}\n")
        said = errors_of(config(free_port(), 1, f"ssl crt-list {listed}"))
        check(wanted in said, f"{options}: no {wanted!r} in:\n{said}")


@case
def dsa_of_a_bundle_is_left_out():
    for name, ending in (("rsa", "rsa"), ("ec", "ecdsa"), ("ec", "dsa")):
        copy(name, "bundle.pem." + ending)
    text = config(free_port(), 1, f"ssl crt {path('bundle.pem')} crt {path('bundle.pem')}")
    said = warnings_of(text)
    check(said.count("bundle.pem.dsa' is left out") == 1, said)
    for ending in ("rsa", "ecdsa"):
        os.remove(path("bundle.pem." + ending))
    check("bundle.pem' has nothing but DSA" in errors_of(text), errors_of(text))


@case
def files_of_other_tools_are_read():
    trusted = openssl("x509", "-in", "ec.crt", "-trustout", "-addtrust", "serverAuth", "-setalias", "x")
    write("trusted.pem", trusted + read("ec.key"))
    write_bytes("marked.pem", b"\xef\xbb\xbf" + read("ec.pem").encode())
    write_bytes("marked.ca", b"\xef\xbb\xbf" + read("ca.crt").encode())
    port = free_port()
    for name in ("trusted", "marked"):
        said = f"ssl crt {path(name + '.pem')} ca-file {path('marked.ca')} verify optional"
        with Server(echo) as server, Proxy(config(port, server.port, said), [port]):
            check(name_of(port, "localhost") == "localhost", f"{name}: not verified")


@case
def keys_that_cannot_work_are_named():
    unknown = "is of a kind that the TLS library does not know"
    for name, words, wanted in (("pss", ("rsa-pss",), unknown),
                                ("koblitz", ("ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"), unknown),
                                ("short", ("rsa:512",), "is too small: 512 bits")):
        openssl("req", "-x509", "-newkey", *words, "-nodes", "-keyout", name + ".key", "-out", name + ".crt", "-subj", "/CN=x")
        write(name + ".pem", read(name + ".crt") + read(name + ".key"))
        said = errors_of(config(free_port(), 1, f"ssl crt {path(name + '.pem')}"))
        check(wanted in said and name + ".pem" in said, f"no {wanted!r} in:\n{said}")


@case
def directories_of_authorities_are_read():
    os.makedirs(path("authorities"), exist_ok=True)
    for name in ("a.pem", "b.crt", "c.cer"):
        write("authorities/" + name, read("ca.crt"))
    for name in (".hidden.pem", "stranger.txt"):
        write("authorities/" + name, read("stranger.crt"))
    write("authorities/junk.pem", "junk")
    folder, port, back_port = path("authorities"), free_port(), free_port()
    for word in ("ca-file", "ca-verify-file"):
        text = config(port, 1, f"{ec()} verify required {word} {folder}")
        check("junk.pem'; the file is left out" in warnings_of(text), warnings_of(text))
        server = f"ssl ca-file {folder}"
        with Server(echo) as echoing, Proxy(config(back_port, echoing.port, ec()), [back_port]), \
                Proxy(config(port, back_port, f"{ec()} verify required {word} {folder}", server), [port]):
            with tls(port, context=client_context(certificate="client")) as peer:
                peer.sendall(b"hello")
                check(peer.recv(5) == b"hello", "no echo")
            for stranger in (None, "stranger"):
                context = client_context(certificate=stranger) if stranger else client_context()
                check(is_refused(lambda: read_one(port, context)), f"{stranger} was let in")
    os.makedirs(path("empty"), exist_ok=True)
    text = config(port, back_port, f"{ec()} verify optional ca-file {path('empty')}", f"ssl ca-file {path('empty')}")
    check(warnings_of(text).count("holds no certificate of a CA: nobody is trusted") == 2, warnings_of(text))
    with Server(echo) as echoing, Proxy(config(back_port, echoing.port, ec()), [back_port]), \
            Proxy(config(port, echoing.port, f"{ec()} verify optional ca-file {path('empty')}"), [port]) as trustless:
        check(is_refused(lambda: read_one(port, client_context(certificate="client"))), "a client was trusted")
        with tls(port) as peer:
            peer.sendall(b"hello")
            check(peer.recv(5) == b"hello", f"a client without a certificate: {trustless.said()}")
    with Server(echo) as echoing, Proxy(config(back_port, echoing.port, ec()), [back_port]), \
            Proxy(config(port, back_port, "", f"ssl ca-file {path('empty')}"), [port]), connect(port) as peer:
        check(peer.recv(1) == b"", "a server was trusted")


def read_one(port, context):
    """TLS 1.3 tells of a refusal only after the handshake."""
    peer = tls(port, context=context)
    peer.sendall(b"x")
    peer.recv(1)
    return peer


if __name__ == "__main__":
    sys.exit(run_tls_cases())
