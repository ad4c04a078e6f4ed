"""Request smuggling and response splitting, with the program between an evil peer and a strict one.

Each row is refused, or reaches the other side with the one meaning that a strict reading of its bytes has. The origin
records whole requests and fails on what a strict reader would not accept; after each row a stranger's request goes
through the connections that the row left behind, and must get its own answer. The units of proto/ hold the same families
byte by byte; here it is what muxes and pools make of them. Against HAProxy, differences are printed, not counted.
"""

import sys
import time

from harness import IS_HAPROXY, Proxy, case, check, free_port, run_cases
from http_peer import Bad, Client, Cut, Origin, http_config, values

POST = b"POST /x HTTP/1.1\r\nHost: h\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n"
END = b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
HELLO = b"\r\n5\r\nhello\r\n0\r\n\r\n"
PROBE = b"GET /probe HTTP/1.1\r\nHost: h\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

# What the client gets, in order: (method, target, body) is a request that reached the origin so and was answered 200; a number
# is an answer of the proxy, after which it closes. "close": it closes after the last answer. "cut": it closes without
# having passed a whole request on, with a 400 or without. Without one of these the connection serves the next request.
HELLO_POSTED = ("POST", "/x", b"hello")
EMPTY_POST = ("POST", "/x", b"")
X = ("GET", "/x", b"")


def te(value):
    return POST + b"Transfer-Encoding: " + value + b"\r\n" + HELLO


def length(value, body=b"hello"):
    return POST + b"Content-Length: " + value + b"\r\n\r\n" + body


def chunks(text):
    return POST + CHUNKED + b"\r\n" + text


CLIENT_ROWS = [
    # Two lengths.
    ("CL.TE", POST + b"Content-Length: 6\r\n" + CHUNKED + b"\r\n0\r\n\r\nG", [EMPTY_POST, "close"]),
    ("CL.TE with a whole request behind", POST + b"Content-Length: 50\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
     [EMPTY_POST, "close"]),
    ("TE.CL", POST + CHUNKED + b"Content-Length: 4\r\n" + HELLO, [HELLO_POSTED, "close"]),
    ("TE.CL with a request in a chunk",
     POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n",
     [("POST", "/x", SMUGGLED), "close"]),
    ("CL.CL, two values", POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + SMUGGLED, [400]),
    ("CL.CL, the other order", POST + b"Content-Length: 44\r\nContent-Length: 0\r\n\r\n" + SMUGGLED, [400]),
    ("CL.CL, equal", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", [400]),
    ("CL list", length(b"5, 5"), [400]),
    ("CL list of two", length(b"0,5"), [400]),
    ("CL.0: GET with a body", GET + b"Content-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, [("GET", "/x", SMUGGLED)]),
    ("HEAD with a body", GET.replace(b"GET", b"HEAD") + b"Content-Length: 5\r\n\r\nhello", [("HEAD", "/x", b"hello")]),
    ("TRACE with a body", GET.replace(b"GET", b"TRACE") + b"Content-Length: 5\r\n\r\nhello", [("TRACE", "/x", b"hello")]),
    ("DELETE with chunks", GET.replace(b"GET", b"DELETE") + CHUNKED + HELLO, [("DELETE", "/x", b"hello")]),
    ("OPTIONS with a body", b"OPTIONS * HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", [("OPTIONS", "*", b"hello")]),
    ("0.CL: blank before the colon", POST + b"Content-Length : 5\r\n\r\nhello", [400]),
    ("0.CL: a blank in front", POST + b" Content-Length: 5\r\n\r\nhello", [400]),
    ("0.CL: a name with an underscore", POST + b"Content_Length: 5\r\n\r\n" + PROBE, [EMPTY_POST, ("GET", "/probe", b"")]),
    # One strange length.
    ("CL +", length(b"+5"), [400]),
    ("CL -", length(b"-5"), [400]),
    ("CL 0x", length(b"0x5"), [400]),
    ("CL 5e0", length(b"5e0"), [400]),
    ("CL 5.0", length(b"5.0"), [400]),
    ("CL 1_0", length(b"1_0"), [400]),
    ("CL 5 0", length(b"5 0"), [400]),
    ("CL quoted", length(b'"5"'), [400]),
    ("CL empty", length(b""), [400]),
    ("CL ;", length(b"5;q=1"), [400]),
    ("CL 2^63", length(b"9223372036854775808"), [400]),
    ("CL 2^64 + 5", length(b"18446744073709551621"), [400]),
    ("CL of a thousand digits", length(b"1" * 1000), [400]),
    ("CL with leading zeros", length(b"0005"), [HELLO_POSTED]),
    ("CL vertical tab", length(b"\x0b5"), [400]),
    ("CL NUL", length(b"5\0"), [400]),
    ("CL folded", length(b"\r\n 5"), [400]),
    ("CL bare CR", length(b"5\r0"), [400]),
    # TE.TE: what one side may overlook.
    ("TE blank before colon", POST + b"Transfer-Encoding : chunked\r\n" + HELLO, [400]),
    ("TE tab before colon", POST + b"Transfer-Encoding\t: chunked\r\n" + HELLO, [400]),
    ("TE tab before value", te(b"\tchunked"), [HELLO_POSTED]),
    ("TE vertical tab", te(b"\x0bchunked"), [400]),
    ("TE form feed", te(b"chunked\x0c"), [400]),
    ("TE NUL", te(b"chunked\0"), [400]),
    ("TE no-break space", te(b"\xa0chunked"), [400]),
    ("TE case", POST + b"tRANSFER-eNCODING: cHUNKED\r\n" + HELLO, [HELLO_POSTED]),
    ("TE double quotes", te(b'"chunked"'), [400]),
    ("TE single quotes", te(b"'chunked'"), [501]),
    ("TE parameter", te(b"chunked;a=b"), [400]),
    ("TE xchunked", te(b"xchunked"), [501]),
    ("TE chunkedx", te(b"chunkedx"), [501]),
    ("TE identity", POST + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", [501]),
    ("TE chunked, identity", te(b"chunked, identity"), [501]),
    ("TE identity, chunked", te(b"identity, chunked"), [501]),
    ("TE chunked, chunked", te(b"chunked, chunked"), [400]),
    ("TE chunked, gzip", te(b"chunked, gzip"), [400]),
    ("TE gzip", POST + b"Transfer-Encoding: gzip\r\n\r\n", [400]),
    ("TE leading comma", te(b",chunked"), [400]),
    ("TE trailing comma", te(b"chunked,"), [400]),
    ("TE empty", POST + b"Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello", [400]),
    ("TE twice", POST + CHUNKED + CHUNKED + HELLO, [400]),
    ("TE twice, identity last", POST + CHUNKED + b"Transfer-Encoding: identity\r\n" + HELLO, [501]),
    ("TE twice, other first", POST + b"Transfer-Encoding: cow\r\n" + CHUNKED + HELLO, [501]),
    ("TE folded", te(b"\r\n chunked"), [400]),
    ("TE hidden in a fold", POST + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n", [400]),
    ("TE behind a bare CR", POST + b"X: y\rTransfer-Encoding: chunked\r\n" + HELLO, [400]),
    ("TE behind a bare LF", POST + b"X: y\nTransfer-Encoding: chunked\r\n" + HELLO, [400]),
    ("TE behind LF CR", POST + b"X: y\n\rTransfer-Encoding: chunked\r\n" + HELLO, [400]),
    ("TE two colons", POST + b"Transfer-Encoding:: chunked\r\n" + HELLO, [400]),
    ("TE underscore", POST + b"Transfer_Encoding: chunked\r\n\r\n" + PROBE, [EMPTY_POST, ("GET", "/probe", b"")]),
    ("TE in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: h\r\n" + CHUNKED + HELLO, [400]),
    ("TE and CL in HTTP/1.0", b"POST /x HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n" + CHUNKED + HELLO, [400]),
    ("TE in HTTP/1.0 with keep-alive",
     b"POST /x HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED, [400]),
    # Lines and bytes.
    ("a head that ends LF LF", b"GET /x HTTP/1.1\r\nHost: h\n\n" + SMUGGLED, [400]),
    ("all lines end LF", b"GET /x HTTP/1.1\nHost: h\n\n", [400]),
    ("a line that ends CR", b"GET /x HTTP/1.1\rHost: h\r\n\r\n", [400]),
    ("bare CR in a value", GET + b"X: a\rb\r\n\r\n", [400]),
    ("bare CR before CRLF", GET + b"X: a\r\r\n\r\n", [400]),
    ("NUL in a value", GET + b"X: a\0b\r\n\r\n", [400]),
    ("NUL in a name", GET + b"X\0: a\r\n\r\n", [400]),
    ("NUL in the target", b"GET /x\0 HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("an empty name", GET + b": a\r\n\r\n", [400]),
    ("no colon", GET + b"Foo\r\n\r\n", [400]),
    ("a line folded onto the request line", b"GET /x HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n", [400]),
    ("empty lines in front", b"\r\n\r\n" + GET + END, [X]),
    # Chunks.
    ("chunk 2^64", chunks(b"10000000000000000\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk 2^64 + 5", chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk 2^64 - 1", chunks(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk 2^32 + 5", chunks(b"100000005\r\nhello\r\n0\r\n\r\n"), ["cut"]),
    ("chunk 0x5", chunks(b"0x5\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk +5", chunks(b"+5\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk -5", chunks(b"-5\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk 0_5", chunks(b"0_5\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk with a blank in front", chunks(b" 5\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk with a blank behind", chunks(b"5 \r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk with a tab behind", chunks(b"5\t\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk 5,0", chunks(b"5,0\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk g", chunks(b"g\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk without size", chunks(b"\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk of 17 digits", chunks(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk with leading zeros", chunks(b"0005\r\nhello\r\n000\r\n\r\n"), [HELLO_POSTED]),
    ("chunk in capitals", chunks(b"A\r\n0123456789\r\n0\r\n\r\n"), [("POST", "/x", b"0123456789")]),
    ("chunk size ends LF", chunks(b"5\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk size ends CR", chunks(b"5\rhello\r\n0\r\n\r\n"), [400]),
    ("chunk size ends CR CR LF", chunks(b"5\r\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk extension", chunks(b"5;a=b;c=\"d;e\"\r\nhello\r\n0;z\r\n\r\n"), [HELLO_POSTED]),
    ("chunk extension with LF", chunks(b"5;\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk extension with LF that hides a chunk", chunks(b"2;\nxx\r\n4c\r\n0\r\n\r\n" + SMUGGLED), [400]),
    ("chunk extension with CR", chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk extension with a quoted CRLF", chunks(b"5;a=\"\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk extension, overlong", chunks(b"5;" + b"a" * 20000 + b"\r\nhello\r\n0\r\n\r\n"), [400]),
    ("last chunk's extension with LF", chunks(b"0;\n\r\n" + SMUGGLED), [400]),
    ("chunk data overlong", chunks(b"5\r\nhelloworld\r\n0\r\n\r\n"), [400]),
    ("chunk data short", chunks(b"6\r\nhello\r\n0\r\n\r\n"), [400]),
    ("chunk data ends LF", chunks(b"5\r\nhello\n0\r\n\r\n"), [400]),
    ("chunk data ends CR", chunks(b"5\r\nhello\r0\r\n\r\n"), [400]),
    ("chunk data without end", chunks(b"5\r\nhello0\r\n\r\n"), [400]),
    ("chunk data with two other bytes at its end", chunks(b"5\r\nhelloXX0\r\n\r\n"), [400]),
    ("last chunk ends LF", chunks(b"0\r\n\n" + SMUGGLED), [400]),
    ("a request for a trailer", chunks(b"0\r\n" + SMUGGLED), [400]),
    ("a fold in the trailers", chunks(b"0\r\nA: b\r\n c\r\n\r\n"), [400]),
    ("NUL in the trailers", chunks(b"0\r\nA: b\0\r\n\r\n"), [400]),
    ("bare CR in the trailers", chunks(b"0\r\nA: b\rC: d\r\n\r\n"), [400]),
    ("trailers, too many", chunks(b"0\r\n" + b"A: b\r\n" * 5000 + b"\r\n"), [400]),
    # Host and targets.
    ("Host twice", GET + b"Host: g\r\n\r\n", [400]),
    ("Host twice, equal", GET + b"Host: h\r\n\r\n", [400]),
    ("Host missing", b"GET /x HTTP/1.1\r\n\r\n", [400]),
    ("Host list", b"GET /x HTTP/1.1\r\nHost: h, g\r\n\r\n", [400]),
    ("Host with userinfo", b"GET /x HTTP/1.1\r\nHost: g@h\r\n\r\n", [400]),
    ("Host with a path", b"GET /x HTTP/1.1\r\nHost: h/g\r\n\r\n", [400]),
    ("Host with a blank", b"GET /x HTTP/1.1\r\nHost: h g\r\n\r\n", [400]),
    ("Host with port and more", b"GET /x HTTP/1.1\r\nHost: h:80@g\r\n\r\n", [400]),
    ("Host with port 99999", b"GET /x HTTP/1.1\r\nHost: h:99999\r\n\r\n", [400]),
    ("Host with blank before colon", GET + b"Host : g\r\n\r\n", [400]),
    ("absolute", b"GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", [("GET", "http://h/x", b"")]),
    ("absolute, the port of the scheme", b"GET http://h/x HTTP/1.1\r\nHost: h:80\r\n\r\n", [("GET", "http://h/x", b"")]),
    ("absolute, another Host", b"GET http://h/x HTTP/1.1\r\nHost: g\r\n\r\n", [400]),
    ("absolute, another port", b"GET http://h:81/x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute, no Host", b"GET http://h/x HTTP/1.1\r\n\r\n", [400]),
    ("absolute with userinfo", b"GET http://g@h/x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute with a backslash", b"GET http://h\\@g/x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute without authority", b"GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute with one slash", b"GET http:/x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute, another scheme", b"GET gopher://h/x HTTP/1.1\r\nHost: h\r\n\r\n", [("GET", "gopher://h/x", b"")]),
    ("absolute, file", b"GET file:///etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute, javascript", b"GET javascript:alert(1) HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("absolute, a scheme with odd bytes", b"GET ht_tp://h/x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("relative", b"GET x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("two slashes", b"GET //g/x HTTP/1.1\r\nHost: h\r\n\r\n", [("GET", "//g/x", b"")]),
    ("a fragment", b"GET /x#y HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("a high byte in the target", b"GET /\xe9 HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("GET *", b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("CONNECT with a path", b"CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("CONNECT without port", b"CONNECT h HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("CONNECT with userinfo", b"CONNECT g@h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n", [400]),
    ("CONNECT with another Host", b"CONNECT h:443 HTTP/1.1\r\nHost: g:443\r\n\r\n", [400]),
    ("CONNECT with a length", b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\nContent-Length: 5\r\n\r\nhello", [400]),
    ("CONNECT with chunks", b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n" + CHUNKED + HELLO, [400]),
    ("CONNECT with port 0", b"CONNECT h:0 HTTP/1.1\r\nHost: h:0\r\n\r\n", [400]),
    # Request lines and versions.
    ("two blanks", b"GET  /x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("two blanks before the version", b"GET /x  HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("a blank in front", b" GET /x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("a blank behind", b"GET /x HTTP/1.1 \r\nHost: h\r\n\r\n", [400]),
    ("tabs", b"GET\t/x\tHTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("a blank in the target", b"GET /x y HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("a method that is no token", b"G(T /x HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("a method of its own", b"FROB /x HTTP/1.1\r\nHost: h\r\n\r\n", [("FROB", "/x", b"")]),
    ("a method in lower case is another", b"get /x HTTP/1.1\r\nHost: h\r\n\r\n", [("get", "/x", b"")]),
    ("HTTP/0.9", b"GET /x\r\n\r\n", [400]),
    ("HTTP/0.9 by name", b"GET /x HTTP/0.9\r\nHost: h\r\n\r\n", [400]),
    ("HTTP/1.0", b"GET /x HTTP/1.0\r\n\r\n", [X, "close"]),
    ("HTTP/1.2", b"GET /x HTTP/1.2\r\nHost: h\r\n\r\n", [X]),
    ("HTTP/1.10", b"GET /x HTTP/1.10\r\nHost: h\r\n\r\n", [400]),
    ("HTTP/2.0", b"GET /x HTTP/2.0\r\nHost: h\r\n\r\n", [400]),
    ("HTTP/3", b"GET /x HTTP/3\r\nHost: h\r\n\r\n", [400]),
    ("http/1.1", b"GET /x http/1.1\r\nHost: h\r\n\r\n", [400]),
    ("HTTP/1.1 twice", b"GET /x HTTP/1.1 HTTP/1.1\r\nHost: h\r\n\r\n", [400]),
    ("the HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", [400]),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, [400]),
    ("a PROXY line where none is agreed", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + END, [400]),
    ("an answer for a request", b"HTTP/1.1 200 OK\r\nHost: h\r\n\r\n", [400]),
    ("GET with a body in HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", [413]),
    # More than one.
    ("a second request in the body", length(b"%d" % len(SMUGGLED), SMUGGLED), [("POST", "/x", SMUGGLED)]),
    ("a second request behind the body", length(b"5", b"hello" + PROBE), [HELLO_POSTED, ("GET", "/probe", b"")]),
    ("CRLF behind the body", length(b"5", b"hello\r\n" + PROBE), [HELLO_POSTED, ("GET", "/probe", b"")]),
    ("garbage behind the body", length(b"5", b"hello((" + PROBE), [HELLO_POSTED, 400]),
    ("a good one, then a bad one", GET + END + GET + b"Content-Length: x\r\n\r\n" + PROBE, [X, 400]),
    ("a request behind Connection: close", GET + b"Connection: close\r\n\r\n" + SMUGGLED, [X, "close"]),
    ("a body cut short", length(b"50"), ["cut"]),
    ("a head cut short", GET + b"X: y", ["cut"]),
]

# (name, bytes, test of the request that the origin saw)
FIELD_ROWS = [
    ("Connection: content-length", POST + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
     lambda r: r.body == b"hello" and values(r.fields, "content-length") == ["5"]),
    ("Connection: transfer-encoding", POST + b"Connection: transfer-encoding\r\n" + CHUNKED + HELLO, lambda r: r.body == b"hello"),
    ("Connection: host", GET + b"Connection: host\r\n\r\n", lambda r: values(r.fields, "host") == ["h"]),
    ("Connection: close, host", GET + b"Connection: host, keep-alive\r\n\r\n", lambda r: values(r.fields, "host") == ["h"]),
    ("Connection: x-forwarded-for", GET + b"Connection: x-forwarded-for\r\n\r\n",
     lambda r: values(r.fields, "x-forwarded-for") == ["127.0.0.1"]),
    ("Connection: x-secret", GET + b"Connection: x-secret\r\nX-Secret: 1\r\n\r\n", lambda r: not values(r.fields, "x-secret")),
    ("Keep-Alive, TE, Proxy-Connection stay here", GET + b"Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: close\r\n\r\n",
     lambda r: not {"keep-alive", "te", "proxy-connection"} & {n for n, _ in r.fields}),
    ("Upgrade: h2c", GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
     lambda r: not {"upgrade", "http2-settings", "connection"} & {n for n, _ in r.fields}),
    ("Upgrade: h2c in a list", GET + b"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
     lambda r: "h2c" not in str(r.fields)),
    ("Upgrade: h2c in a second field", GET + b"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n",
     lambda r: "h2c" not in str(r.fields)),
    ("Upgrade: H2C", GET + b"Connection: upgrade\r\nUpgrade: H2C\r\n\r\n", lambda r: "h2c" not in str(r.fields).lower()),
    ("Upgrade without Connection", GET + b"Upgrade: websocket\r\n\r\n", lambda r: not values(r.fields, "upgrade")),
    ("Upgrade in HTTP/1.0", b"GET /x HTTP/1.0\r\nHost: h\r\nConnection: upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n",
     lambda r: not values(r.fields, "upgrade")),
    ("Expect twice", GET + b"Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", lambda r: r.body == b""),
    ("Expect, odd", GET + b"Expect: y 100-continue\r\n\r\n", lambda r: values(r.fields, "expect") == ["y 100-continue"]),
    ("a length in the trailers", chunks(b"5\r\nhello\r\n0\r\nContent-Length: 50\r\nX-T: 1\r\n\r\n"),
     lambda r: r.body == b"hello" and r.trailers == [("x-t", "1")]),
    ("Host in the trailers", chunks(b"0\r\nHost: g\r\n\r\n"), lambda r: not r.trailers and values(r.fields, "host") == ["h"]),
    ("Transfer-Encoding in the trailers", chunks(b"0\r\nTransfer-Encoding: chunked\r\n\r\n"), lambda r: not r.trailers),
    ("Cookie in the trailers", chunks(b"0\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: x\r\n\r\n"),
     lambda r: not r.trailers),
    ("a length beside chunked is dropped", POST + b"Content-Length: 3\r\n" + CHUNKED + HELLO,
     lambda r: r.body == b"hello" and not values(r.fields, "content-length")),
    ("blanks around a value", GET + b"X-A: \t a b \t \r\n\r\n", lambda r: values(r.fields, "x-a") == ["a b"]),
]


def differs(name, what):
    """A difference is a failure, but for HAProxy: it may have another opinion."""
    if IS_HAPROXY:
        print(f"   differs: {name}: {what}", flush=True)
        return []
    return [f"{name}: {what}"]


def stranger_is_served(name, port, origin):
    """A request over whatever connections were left behind; the number of the one it took."""
    before = len(origin.seen())
    with Client(port) as client:
        client.send(b"GET /stranger HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        answer = client.answer()
        check(answer.status == 200 and answer.body == b"GET /stranger 0", f"{name}: the stranger got {answer}")
        check(client.at_end(), f"{name}: the stranger got more than its answer: {client.reader.unread()!r}")
    requests = origin.seen()[before:]
    if IS_HAPROXY and len(requests) != 1:
        print(f"   differs: {name}: smuggled: {requests}")
        return None
    check([r.target for r in requests] == ["/stranger"], f"{name}: the stranger's request came as {requests}")
    return requests[0].connection


def run_client_row(name, data, expected, port, origin):
    wanted = [e for e in expected if isinstance(e, tuple)]
    origin.forget()
    got = []
    with Client(port) as client:
        client.send(data)
        try:
            for item in expected:
                if item == "close":
                    check(client.at_end(), f"more after the last answer: {client.reader.unread()!r}")
                elif item == "cut":
                    client.end()
                    if not client.at_end():
                        answer = client.answer()
                        check(answer.status == 400, f"answered {answer}")
                        check(client.at_end(), "more after the answer")
                elif isinstance(item, int):
                    answer = client.answer()
                    check(answer.status == item, f"answered {answer.status} for {item}")
                    check("close" in values(answer.fields, "connection"), "the refusal does not say that it closes")
                    check(client.at_end(), "more after the refusal")
                else:
                    answer = client.answer(item[0])
                    body = b"" if item[0] == "HEAD" else f"{item[0]} {item[1]} {len(item[2])}".encode()
                    check((answer.status, answer.body) == (200, body), f"answered {answer}")
            if isinstance(expected[-1], tuple):
                wanted = wanted + [("GET", "/probe", b"")]
                client.send(PROBE)
                answer = client.answer()
                check(answer.body == b"GET /probe 0", f"the next request got {answer}")
        except (AssertionError, Bad, Cut, TimeoutError) as error:
            return differs(name, f"{type(error).__name__} {error}")
    got = [(r.method, r.target, r.body) for r in origin.seen()]
    if got != wanted:
        return differs(name, f"the origin saw {got}")
    return []


@case
def an_evil_client_reaches_nobody_else():
    port = free_port()
    wrong = []
    with Origin() as origin, Proxy(http_config(port, origin.port), [port]) as proxy:
        for name, data, expected in CLIENT_ROWS:
            wrong += run_client_row(name, data, expected, port, origin)
            stranger_is_served(name, port, origin)
            wrong += [f"{name}: the origin: {text}" for text in origin.wrong]
            check(proxy.alive(), f"{name}: the proxy died")
        check(len({name for name, _, _ in CLIENT_ROWS}) == len(CLIENT_ROWS), "a name is used twice")
    print(f"   {len(CLIENT_ROWS)} rows")
    check(not wrong, "\n".join([""] + wrong))


@case
def the_same_in_two_pieces():
    """Each row cut in its middle, and before its last byte: segments must not change a meaning."""
    port = free_port()
    wrong = []
    with Origin() as origin, Proxy(http_config(port, origin.port), [port]):
        for name, data, expected in CLIENT_ROWS:
            for cut in {len(data) // 2, len(data) - 1}:
                origin.forget()
                with Client(port) as client:
                    client.send(data[:cut])
                    time.sleep(0.002)
                    client.send(data[cut:])
                    first = expected[0]
                    if first == "cut":
                        client.end()
                    try:
                        status = client.answer(first[0] if isinstance(first, tuple) else "GET").status
                    except (Cut, TimeoutError) as error:
                        status = "cut" if isinstance(error, Cut) else "nothing"
                    wanted = {"cut": ("cut", 400)}.get(first) or (first if isinstance(first, int) else 200,)
                    if status not in wanted:
                        wrong += differs(f"{name} cut at {cut}", f"answered {status}")
                wrong += [f"{name} cut at {cut}: the origin: {text}" for text in origin.wrong]
        stranger_is_served("all of them", port, origin)
    check(not wrong, "\n".join([""] + wrong))


@case
def fields_keep_one_meaning():
    port = free_port()
    wrong = []
    with Origin() as origin, Proxy(http_config(port, origin.port, "option forwardfor"), [port]):
        for name, data, test in FIELD_ROWS:
            origin.forget()
            with Client(port) as client:
                client.send(data)
                answer = client.answer()
                seen = origin.seen()
                if answer.status != 200 or len(seen) != 1 or not test(seen[0]):
                    wrong += differs(name, f"{answer}, the origin saw {[(r, r.fields, r.trailers) for r in seen]}")
            stranger_is_served(name, port, origin)
            wrong += [f"{name}: the origin: {text}" for text in origin.wrong]
    check(not wrong, "\n".join([""] + wrong))


# What a rule makes of a field of the request: the target and the host that the origin reads, or the proxy's answer.
TARGET_ROWS = [
    ("a path", "path", b"/a", "/a?q", "h"),
    ("no path", "path", b"", "/?q", "h"),
    ("a path that begins like a host", "path", b"//evil/a", "//evil/a?q", "h"),
    ("a path with a query", "path", b"/a?b", "/a?b?q", "h"),
    ("a path without a slash", "path", b"a", 500, None),
    ("a URI as a path", "path", b"http://evil/a", 500, None),
    ("a star as a path", "path", b"*", 500, None),
    ("the rest of a host as a path", "path", b".evil/a", 500, None),
    ("userinfo as a path", "path", b"@evil/a", 500, None),
    ("a port as a path", "path", b":81/a", 500, None),
    ("blanks in a path", "path", b"/a HTTP/1.1\tb", "/a%20HTTP/1.1%09b?q", "h"),
    ("the end of a line in a path", "escaped-path", b"/a%20HTTP/1.0%0d%0aHost:%20evil%0d%0a%0d%0aGET%20/b",
     "/a%20HTTP/1.0%0D%0AHost:%20evil%0D%0A%0D%0AGET%20/b?q", "h"),
    ("NUL in a path", "escaped-path", b"/a%00b", "/a%00b?q", "h"),
    ("a fragment in a path", "path", b"/a#b", "/a%23b?q", "h"),
    ("a path and a query", "pathq", b"/a?b", "/a?b", "h"),
    ("a query alone", "pathq", b"?b", "/?b", "h"),
    ("a URI as a path and a query", "pathq", b"http://evil/a", 500, None),
    ("a line's end in a query", "escaped-query", b"b%0d%0aX:%20y", "/x?b%0D%0AX:%20y", "h"),
    ("a URI", "uri", b"http://other/a?b", "http://other/a?b", "other"),
    ("a URI with a port", "uri", b"http://other:81/a", "http://other:81/a", "other:81"),
    ("a URI that is a path", "uri", b"/a?b", "/a?b", "h"),
    ("a URI with userinfo", "uri", b"http://h@evil/a", 500, None),
    ("a URI without a host", "uri", b"http:///a", 500, None),
    ("a URI with a blank in its host", "uri", b"http://h evil/a", 500, None),
    ("a URI with a fragment for a path", "uri", b"http://h#@evil/a", 500, None),
    ("a URI with blanks in its path", "uri", b"http://h/a b#c", "http://h/a%20b%23c", "h"),
    ("a URI with a backslash", "uri", b"http://h\\@evil/a", 500, None),
    ("a URI with a port that is none", "uri", b"http://h:99999/a", 500, None),
    ("a URI with an odd scheme", "uri", b"a/b://evil/a", 500, None),
    ("a host alone", "uri", b"evil:80", 500, None),
    ("a star as a URI", "uri", b"*", 500, None),
    ("no URI", "uri", b"", 500, None),
]
TARGET_RULES = """
  http-request set-path %[req.hdr(x-path)] if { req.hdr(x-path) -m found }
  http-request set-path %[req.hdr(x-escaped-path),url_dec] if { req.hdr(x-escaped-path) -m found }
  http-request set-pathq %[req.hdr(x-pathq)] if { req.hdr(x-pathq) -m found }
  http-request set-query %[req.hdr(x-escaped-query),url_dec] if { req.hdr(x-escaped-query) -m found }
  http-request set-uri %[req.hdr(x-uri)] if { req.hdr(x-uri) -m found }
  http-request set-header X-Seen "%[path]|%[query]"
"""


@case
def what_rules_make_of_a_target_keeps_one_meaning():
    port = free_port()
    wrong = []
    with Origin() as origin, Proxy(http_config(port, origin.port, TARGET_RULES), [port]):
        for name, part, value, expected, host in TARGET_ROWS:
            origin.forget()
            with Client(port) as client:
                client.send(b"GET /x?q HTTP/1.1\r\nHost: h\r\nX-%s: %s\r\n\r\n" % (part.encode(), value))
                answer = client.answer()
            seen = [(r.target, values(r.fields, "host")) for r in origin.seen()]
            wanted = [] if expected == 500 else [(expected, [host])]
            if answer.status != (500 if expected == 500 else 200) or seen != wanted:
                wrong += differs(name, f"{answer.status}, the origin saw {seen}")
            for request in origin.seen():
                path, query = values(request.fields, "x-seen")[0].split("|", 1)
                whole = request.target.removeprefix("http://" + host) if host else request.target
                if whole != (path or "/") + ("?" + query if query else ""):
                    wrong.append(f"{name}: rules saw {path!r} and {query!r}, the origin {request.target!r}")
            stranger_is_served(name, port, origin)
            wrong += [f"{name}: the origin: {text}" for text in origin.wrong]
    check(not wrong, "\n".join([""] + wrong))


OK = b"HTTP/1.1 200 OK\r\n"
OK_HELLO = OK + b"Content-Length: 5\r\n\r\nhello"
OTHER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Whole:
    """What the client gets. `keeps`: the connection to the server carries another request; None: it may."""

    def __init__(self, status, body=b"", keeps=False, without=(), interim=None):
        self.status, self.body, self.keeps, self.without, self.interim = status, body, keeps, without, interim


CUT = "cut"  # the connection ends before the answer is whole
HELLO_GOT = Whole(200, b"hello")

# (name, method, what the server says, whether it closes then, what the client gets)
SERVER_ROWS = [
    ("plain", "GET", OK_HELLO, False, Whole(200, b"hello", keeps=True)),
    ("chunked", "GET", OK + CHUNKED + HELLO, False, Whole(200, b"hello", keeps=True)),
    ("two answers to one request", "GET", OK_HELLO + OTHER, False, HELLO_GOT),
    ("an answer and a half", "GET", OK_HELLO + OTHER[:20], False, HELLO_GOT),
    ("an answer and one byte", "GET", OK_HELLO + b"\n", False, HELLO_GOT),
    ("100 after the final answer", "GET", OK_HELLO + CONTINUE, False, HELLO_GOT),
    ("more behind the last chunk", "GET", OK + CHUNKED + HELLO + OTHER, False, HELLO_GOT),
    ("a body longer than its length", "GET", OK_HELLO + b"world", False, HELLO_GOT),
    ("a body shorter than its length", "GET", OK + b"Content-Length: 50\r\n\r\nhello", True, CUT),
    ("HEAD with a body", "HEAD", OK_HELLO, False, Whole(200)),
    ("HEAD with an answer for a body", "HEAD", OK + b"Content-Length: %d\r\n\r\n" % len(OTHER) + OTHER, False, Whole(200)),
    ("HEAD with chunks", "HEAD", OK + CHUNKED + HELLO, False, Whole(200)),
    ("204 with a length", "GET", b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", False,
     Whole(204, keeps=True, without=["content-length"])),
    ("204 with a length and a body", "GET", b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", False,
     Whole(204, without=["content-length"])),
    ("204 with chunks", "GET", b"HTTP/1.1 204 No\r\n" + CHUNKED + HELLO, False,
     Whole(204, without=["transfer-encoding"])),
    ("304 with a body", "GET", b"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\nhello", False, Whole(304)),
    ("100 with a length", "GET", b"HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n" + OK_HELLO, False,
     Whole(200, b"hello", keeps=True, interim=[100])),
    ("100 with chunks", "GET", b"HTTP/1.1 100 Continue\r\n" + CHUNKED + END + OK_HELLO, False,
     Whole(200, b"hello", keeps=True, interim=[100])),
    ("100 that says close", "GET", b"HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n" + OK_HELLO, False,
     Whole(200, b"hello", keeps=None, interim=[100])),
    ("100 that nobody asked for", "GET", CONTINUE + OK_HELLO, False, Whole(200, b"hello", keeps=True, interim=[100])),
    ("many interim answers", "GET", CONTINUE * 50 + OK_HELLO, False, Whole(200, b"hello", keeps=True, interim=[100] * 50)),
    ("100 and no more", "GET", CONTINUE, True, 502),
    ("101 that nobody asked for", "GET", b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n" + OTHER, False, 502),
    ("101 to a POST", "POST", b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", False, 502),
    ("CL.CL", "GET", OK + b"Content-Length: 5\r\nContent-Length: 0\r\n\r\nhello", False, 502),
    ("CL.CL, equal", "GET", OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("CL list", "GET", OK + b"Content-Length: 5, 5\r\n\r\nhello", False, 502),
    ("CL -", "GET", OK + b"Content-Length: -5\r\n\r\nhello", False, 502),
    ("CL 2^64 + 5", "GET", OK + b"Content-Length: 18446744073709551621\r\n\r\nhello", False, 502),
    ("CL 0x5", "GET", OK + b"Content-Length: 0x5\r\n\r\nhello", False, 502),
    ("CL empty", "GET", OK + b"Content-Length:\r\n\r\nhello", False, 502),
    ("CL and TE", "GET", OK + b"Content-Length: 3\r\n" + CHUNKED + HELLO, False,
     Whole(200, b"hello", without=["content-length"])),
    ("CL that hides an answer behind TE", "GET", OK + b"Content-Length: 99\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + OTHER, False,
     Whole(200, without=["content-length"])),
    ("TE identity", "GET", OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("TE chunked, identity", "GET", OK + b"Transfer-Encoding: chunked, identity\r\n" + HELLO, False, 502),
    ("TE xchunked", "GET", OK + b"Transfer-Encoding: xchunked\r\n" + HELLO, False, 502),
    ("TE twice", "GET", OK + CHUNKED + CHUNKED + HELLO, False, 502),
    ("TE gzip until close", "GET", OK + b"Transfer-Encoding: gzip\r\n\r\nhello", True, 502),
    ("TE in HTTP/1.0", "GET", b"HTTP/1.0 200 OK\r\n" + CHUNKED + HELLO, True, 502),
    ("TE vertical tab", "GET", OK + b"Transfer-Encoding: \x0bchunked\r\n" + HELLO, False, 502),
    ("TE blank before colon", "GET", OK + b"Transfer-Encoding : chunked\r\n" + HELLO, False, 502),
    ("chunk 0x5", "GET", OK + CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n", False, CUT),
    ("chunk 2^64 + 5", "GET", OK + CHUNKED + b"\r\n10000000000000005\r\nhello\r\n0\r\n\r\n", False, CUT),
    ("chunk -1", "GET", OK + CHUNKED + b"\r\n-1\r\nhello\r\n0\r\n\r\n", False, CUT),
    ("chunk extension with LF", "GET", OK + CHUNKED + b"\r\n5;\nhello\r\n0\r\n\r\n", False, CUT),
    ("chunk size ends LF", "GET", OK + CHUNKED + b"\r\n5\nhello\n0\n\n", False, CUT),
    ("chunk data without CRLF", "GET", OK + CHUNKED + b"\r\n5\r\nhello0\r\n\r\n", False, CUT),
    ("chunks cut short", "GET", OK + CHUNKED + b"\r\n5\r\nhel", True, CUT),
    ("no last chunk", "GET", OK + CHUNKED + b"\r\n5\r\nhello\r\n", True, CUT),
    ("last chunk without its empty line", "GET", OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n", True, CUT),
    ("a length in the trailers", "GET", OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\n\r\n", False,
     Whole(200, b"hello", keeps=True)),
    ("an answer in the trailers", "GET", OK + CHUNKED + b"\r\n0\r\n" + OTHER, False, CUT),
    ("until close", "GET", OK + b"\r\nhello", True, HELLO_GOT),
    ("until close in HTTP/1.0", "GET", b"HTTP/1.0 200 OK\r\n\r\nhello", True, HELLO_GOT),
    ("HTTP/1.0 and no keep-alive", "GET", b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, HELLO_GOT),
    ("HTTP/0.9", "GET", b"hello, world\n", True, 502),
    ("ICY", "GET", b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("HTTP/2 frames", "GET", b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64", False, 502),
    ("HTTP/2.0 in words", "GET", b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("status of two digits", "GET", b"HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("status of four digits", "GET", b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("status 000", "GET", b"HTTP/1.1 000 OK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("status with a sign", "GET", b"HTTP/1.1 +200 OK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("no reason", "GET", b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", False, Whole(200, b"hello", keeps=True)),
    ("bare LF", "GET", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", False, 502),
    ("bare CR in a value", "GET", OK + b"X: a\rSet-Cookie: b\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("bare CR in the reason", "GET", b"HTTP/1.1 200 O\rK\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("NUL in a value", "GET", OK + b"X: a\0\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("NUL in a name", "GET", OK + b"X\0: a\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("no colon", "GET", OK + b"Foo\r\nContent-Length: 5\r\n\r\nhello", False, 502),
    ("a length folded", "GET", OK + b"Content-Length:\r\n 5\r\n\r\nhello", False, Whole(200, b"hello", keeps=True)),
    ("a value folded", "GET", OK + b"X: a\r\n Content-Length: 9\r\nContent-Length: 5\r\n\r\nhello", False,
     Whole(200, b"hello", keeps=True)),
    ("Connection: content-length", "GET", OK + b"Connection: content-length\r\nContent-Length: 5\r\n\r\nhello", False,
     Whole(200, b"hello", keeps=True)),
    ("Connection: close", "GET", OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", False, HELLO_GOT),
    ("Connection: keep-alive, close", "GET", OK + b"Connection: keep-alive, close\r\nContent-Length: 5\r\n\r\nhello", False, HELLO_GOT),
    ("a head without end", "GET", OK + b"X: " + b"a" * 100000, False, 502),
    ("a million fields", "GET", OK + b"X: a\r\n" * 20000 + END, False, 502),
    ("half a head", "GET", OK + b"Content-Le", True, 502),
    ("nothing", "GET", b"", True, 502),
    ("an answer before the request is read", "POST", OK_HELLO, False, Whole(200, b"hello", keeps=None)),
]


def run_server_row(row, number, port, origin):
    name, method, said, closes, expected = row
    target = f"/evil{number}"

    def script(peer, request, reader):
        peer.sendall(said)
        if closes:
            return False
        # Whatever comes now on this connection is the next request; it is answered as any other.
        return True

    origin.scripts[target] = script
    origin.forget()
    wrong = []
    body = b"Content-Length: 1000\r\n\r\n" + b"b" * 1000 if method == "POST" else END
    with Client(port) as client:
        client.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n".encode() + body)
        try:
            got = client.answer(method)
        except (Bad, Cut) as error:
            got = error
        if expected == CUT:
            if not isinstance(got, Cut):
                wrong += differs(name, f"the client got {got!r}")
        elif isinstance(expected, int):
            if not hasattr(got, "status") or got.status != expected:
                wrong += differs(name, f"the client got {got!r}")
        elif isinstance(got, Exception):
            wrong += differs(name, f"the client got {got!r}")
        else:
            if (got.status, got.body) != (expected.status, expected.body):
                wrong += differs(name, f"the client got {got!r}")
            for field in expected.without:
                if values(got.fields, field):
                    wrong += differs(name, f"{field} was passed on")
            if expected.interim is not None and got.interim != expected.interim:
                wrong += differs(name, f"interim answers {got.interim}")
            if not got.until_close and "close" not in values(got.fields, "connection"):
                client.send(PROBE)
                answer = client.answer()
                if answer.body != b"GET /probe 0":
                    wrong += [f"{name}: the next request on the connection got {answer}"]
    connection = next((r.connection for r in origin.seen() if r.target == target), None)
    again = next((r.connection for r in origin.seen() if r.target == "/probe"), None)
    stranger = stranger_is_served(name, port, origin)
    keeps = expected.keeps if isinstance(expected, Whole) else False
    if keeps is False and connection in (stranger, again):
        wrong += differs(name, "the poisoned connection was used again")
    if keeps and connection not in (stranger, again):
        wrong += differs(name, "a good connection was not used again")
    return wrong + [f"{name}: the origin: {text}" for text in origin.wrong]


@case
def an_evil_server_reaches_nobody_else():
    port = free_port()
    wrong = []
    with Origin() as origin, Proxy(http_config(port, origin.port, "retries 0"), [port]) as proxy:
        for number, row in enumerate(SERVER_ROWS):
            wrong += run_server_row(row, number, port, origin)
            check(proxy.alive(), f"{row[0]}: the proxy died")
    print(f"   {len(SERVER_ROWS)} rows")
    check(not wrong, "\n".join([""] + wrong))


@case
def late_words_of_a_server_are_nobodys_answer():
    """The second answer comes once the connection lies idle: it ends there, and waits for no stranger."""
    port = free_port()

    def script(peer, request, reader):
        peer.sendall(OK_HELLO)
        time.sleep(0.2)
        peer.sendall(OTHER)
        return True

    with Origin() as origin, Proxy(http_config(port, origin.port), [port]):
        origin.scripts["/late"] = script
        with Client(port) as client:
            client.send(b"GET /late HTTP/1.1\r\nHost: h\r\n\r\n")
            check(client.answer().body == b"hello", "the first answer")
            time.sleep(0.4)
            client.send(PROBE)
            check(client.answer().body == b"GET /probe 0", "its next request gets its own answer")
        stranger_is_served("late words", port, origin)


@case
def words_before_the_request_are_no_answer_to_it():
    """A server that speaks first, on a connection of its own making: nothing a strict reader could call an answer."""
    port = free_port()

    def script(peer, request, reader):
        peer.sendall(OK_HELLO + CONTINUE + OTHER)
        return True

    with Origin() as origin, Proxy(http_config(port, origin.port), [port]):
        origin.scripts["/first"] = script
        for _ in range(20):
            with Client(port) as client:
                client.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n" + PROBE)
                check(client.answer().body == b"hello", "the first answer")
                check(client.answer().body == b"GET /probe 0", "the second is another connection's")
            stranger_is_served("words before the request", port, origin)


if __name__ == "__main__":
    sys.exit(run_cases())
