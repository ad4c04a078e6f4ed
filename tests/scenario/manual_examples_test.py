#!/usr/bin/env python3
"""The examples of the manual's chapters on ACLs, rules, samples and log formats, by section: each loads and does what is said.

Every example is a frontend of its own in one configuration. What it is asked and what must stand in the answer, or in the
log, follows it; the server behind answers with the request that it was sent, so the answer shows both. A text that begins
with "!" must not stand there. Examples that need what does not work yet (maps, tables, Lua, ...) are left out.

    tests/scenario/manual_examples_test.py [TEXT]     # examples with TEXT in their section or lines
"""

import contextlib
import os
import sys
import tempfile

import harness
from harness import case, check, run_cases

sys.path.insert(0, os.path.join(harness.ROOT, "tests/differential"))
import compare  # pylint: disable=wrong-import-position
from configurations import get, post, request  # pylint: disable=wrong-import-position

EXAMPLES = []


def example(section, lines, *asked, log=None):
    """`asked`: (request, text, text, ...). `log`: what must stand in the last line."""
    EXAMPLES.append((section, lines, asked, log))


def gives(section, expression, value):
    """An expression of an example, and the value that stands behind it."""
    EXAMPLES.append((section, f'http-request return status 200 content-type text/plain lf-string "<%[{expression}]>"',
                     ((get("/"), f"<{value}>"),), None))


# 3.1 process variables stand in the configuration's global section, see TOP.
example("3.1 set-var", "http-request set-header x-state \"%[var(proc.current_state)] %[var(proc.threshold)]\"", (get("/"), "x-state: primary 100"))

# 4.2 --------------------------------------------------------------------------------------------------------------
example("4.2 acl", """acl invalid_src  src          0.0.0.0/7 224.0.0.0/3
  acl invalid_src  src_port     0:1023
  acl local_dst    hdr(host) -i localhost
  http-request deny if invalid_src
  http-request deny if local_dst""", (get("/"), " 200 "), (get("/", host="LocalHost"), " 403 "))
example("4.2 capture request header", """capture request header Host len 15
  capture request header X-Forwarded-For len 15
  capture request header Referer len 15""", (get("/", "Referer: http://a.example.com/"), " 200 "), log="{example.com||http://a.exampl}")
example("4.2 capture response header", """capture response header Content-length len 9
  capture response header Location len 15""", (get("/"), " 200 "), log="|}")
example("4.2 use_backend by host", """acl h_static hdr_beg(host) static.
  use_backend other if h_static
  default_backend out""", (get("/", host="static.example.com"), "b saw"), (get("/"), "a saw"))
example("4.2 http-request allow", """acl nagios src 192.168.129.3
  acl local_net src 127.0.0.0/8
  acl auth_ok http_auth(L1)
  http-request allow if nagios
  http-request allow if local_net auth_ok
  http-request auth realm Gimme if local_net auth_ok
  http-request deny""", (get("/"), " 403 "), (get("/", "Authorization: Basic YWxpY2U6d29uZGVy"), " 200 "))
example("4.2 http-request deny of a key", """acl key req.hdr(X-Add-Acl-Key) -m found
  acl value  req.hdr(X-Value) -m found
  http-request set-var(txn.myvar) req.hdr(X-Value) if key value
  http-request set-header x-got %[var(txn.myvar)]""", (get("/", "X-Add-Acl-Key: k", "X-Value: v"), "x-got: v"), (get("/", "X-Value: v"), "!x-got: v"))
example("4.2 redirect prefix", """acl clear      dst_port  80
  acl secure     dst_port  8080
  acl login_page url_beg   /login
  acl logout     url_beg   /logout
  acl uid_given  url_reg   /login?userid=[^&]+
  acl cookie_set hdr_sub(cookie) SEEN=1
  redirect prefix   https://mysite.com set-cookie SEEN=1 if !cookie_set
  redirect prefix   https://mysite.com           if login_page !secure
  redirect prefix   http://mysite.com drop-query if login_page !uid_given
  redirect location http://mysite.com/           if !login_page secure
  redirect location / clear-cookie USERID=       if logout""",
        (get("/x"), " 302 ", "location: https://mysite.com/x", "set-cookie: SEEN=1; path=/;"), (get("/login?a=b", "Cookie: SEEN=1"), "location: https://mysite.com/login?a=b"),
        (get("/logout", "Cookie: SEEN=1"), "location: /", "set-cookie: USERID=; path=/; Max-Age=0;"), (get("/y", "Cookie: SEEN=1"), " 200 "))
example("4.2 redirect append-slash", """acl missing_slash path_reg ^/article/[^/]*$
  redirect code 301 prefix / drop-query append-slash if missing_slash""",
        (get("/article/one?x=y"), " 301 ", "location: /article/one/\n"), (get("/article/one/"), " 200 "))
example("4.2 redirect scheme", "redirect scheme https if !{ ssl_fc }", (get("/a?b"), "location: https://example.com/a?b"))
example("4.2 redirect location", """http-request redirect code 301 location http://www.%[hdr(host)]%[capture.req.uri] unless { hdr_beg(host) -i www }""", (get("/a?b"), " 301 ", "location: http://www.example.com/a?b"), (get("/", host="WWW.example.com"), " 200 "))
example("4.2 redirect of old URLs", """http-request redirect code 301 location /new/%[path,field(3,/)] ignore-empty if { path_beg /old/ }
  http-request redirect code 301 location %[path,field(9,/)] ignore-empty""", (get("/old/x"), "location: /new/x"), (get("/y"), " 200 "))
example("4.2 tcp-request content", """tcp-request inspect-delay 10s
  tcp-request content reject if !HTTP""", (get("/"), " 200 "))
example("4.2 use_backend", """use_backend %[req.hdr(host),lower,field(1,.)]
  default_backend out""", (get("/", host="OTHER.x"), "b saw"), (get("/", host="third.x"), "c saw"))
example("4.2 unique-id-format", """unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Unique-ID""", (get("/"), "x-unique-id: 7F000001:", "_7F000001:"))
example("4.2 monitor fail", """acl site_dead nbsrv(none) lt 2
  acl site_dead nbsrv(out)  lt 2
  monitor-uri   /site_alive
  monitor fail  if site_dead""", (get("/site_alive"), " 503 "), (get("/"), " 200 "))
example("4.2 errorfile by return", "http-request return status 200 content-type image/x-icon string icon if { path /favicon.ico }",
        (get("/favicon.ico"), " 200 ", "content-type: image/x-icon"), (get("/x"), "a saw"))

# 4.4 --------------------------------------------------------------------------------------------------------------
example("4.4 auth", """acl auth_ok http_auth_group(L1) G1
  http-request auth unless auth_ok""", (get("/"), " 401 ", "www-authenticate: Basic realm="), (get("/", "Authorization: Basic YWxpY2U6d29uZGVy"), " 200 "),
        (get("/", "Authorization: Basic Ym9iOmJ1aWxk"), " 401 "))
example("4.4 replace-header", "http-request replace-header Cookie foo=([^;]*);(.*) foo=\\1;ip=%bi;\\2",
        (get("/", "Cookie: foo=foobar; expires=Tue, 14-Jun-2016 01:40:45 GMT;"), "cookie: foo=foobar;ip=", "; expires=Tue, 14-Jun-2016 01:40:45 GMT;"))
example("4.4 replace-header of an agent", "http-request replace-header User-Agent curl foo", (get("/", "User-Agent: curl/7.47.0"), "user-agent: foo\n"))
example("4.4 replace-header of a response", "http-response replace-header Set-Cookie (C=[^;]*);(.*) \\1;ip=%bi;\\2",
        (get("/c1"), " 200 "), (get("/cookie"), "set-cookie: theirs=1"))
example("4.4 replace-path, prefix", "http-request replace-path (.*) /foo\\1", (get("/bar?q=1"), "GET /foo/bar?q=1 HTTP/1.1"))
example("4.4 replace-path, strip", "http-request replace-path /foo/(.*) /\\1", (get("/foo/bar?q=1"), "GET /bar?q=1 HTTP/1.1"))
example("4.4 replace-path, where some match", "http-request replace-path /foo/(.*) /\\1 if { url_beg /foo/ }",
        (get("/foo/bar?q=1"), "GET /bar?q=1 HTTP/1.1"), (get("/x/foo/bar"), "GET /x/foo/bar HTTP/1.1"))
example("4.4 replace-pathq, suffix", "http-request replace-pathq ([^?]*)(\\?(.*))? \\1/foo\\2", (get("/bar?q=1"), "GET /bar/foo?q=1 HTTP/1.1"))
example("4.4 replace-uri, prefix", "http-request replace-uri ([^/:]*://[^/]*)?(.*) \\1/foo\\2", (get("/bar?q=1"), "GET /foo/bar?q=1 HTTP/1.1"))
example("4.4 replace-uri, scheme", "http-request replace-uri ^http://(.*) https://\\1", (get("http://example.com/bar"), "GET https://example.com/bar HTTP/1.1"))
example("4.4 replace-value", "http-request replace-value X-Forwarded-For ^192\\.168\\.(.*)$ 172.16.\\1",
        (get("/", "X-Forwarded-For: 192.168.10.1, 192.168.13.24, 10.0.0.37"), "x-forwarded-for: 172.16.10.1, 172.16.13.24, 10.0.0.37"))
example("4.4 replace-value of a response", """http-response set-header Cache-Control "max-age=3600, public"
  http-after-response replace-value Cache-control ^public$ private""", (get("/"), "cache-control: max-age=3600, private"))
example("4.4 return", """http-request return status 403 content-type text/plain lf-string "Access denied. IP %[src] is blacklisted." if { src -f @dir@/blacklist.lst }""", (get("/"), " 403 ", "Access denied. IP 127.0.0.1 is blacklisted."))
example("4.4 return of a file", "http-request return content-type image/x-icon file @dir@/favicon.ico if { path /favicon.ico }", (get("/favicon.ico"), " 200 ", "content-type: image/x-icon", "ICON"))
example("4.4 set-header", "http-request set-header X-Haproxy-Current-Date %T", (get("/"), "x-haproxy-current-date: ", "/20", " +0000"))
example("4.4 set-header of TLS", """http-request set-header X-SSL                  %[ssl_fc]
  http-request set-header X-SSL-Session_ID       %[ssl_fc_session_id,hex]
  http-request set-header X-SSL-Client-Verify    %[ssl_c_verify]
  http-request set-header X-SSL-Client-DN        %{+Q}[ssl_c_s_dn]""", (get("/"), "x-ssl: 0"))
example("4.4 set-dst", """http-request set-dst hdr(x-dst)
  http-request set-dst-port hdr(x-port)
  http-request set-header x-seen %[dst]:%[dst_port]""", (get("/", "X-Dst: 192.0.2.9", "X-Port: 4000"), "x-seen: 192.0.2.9:4000"))
example("4.4 set-dst, masked", """http-request set-dst dst,ipmask(24)
  http-request set-dst-port int(4000)
  http-request set-header x-seen %[dst]:%[dst_port]""", (get("/"), "x-seen: 127.0.0.0:4000"))
example("4.4 set-src", """http-request set-src hdr(x-forwarded-for)
  http-request set-header x-seen %[src]""", (get("/", "X-Forwarded-For: 192.0.2.77"), "x-seen: 192.0.2.77"))
example("4.4 set-src, masked", """http-request set-src src,ipmask(24)
  http-request set-header x-seen %[src]""", (get("/"), "x-seen: 127.0.0.0"))
example("4.4 set-src-port", """http-request set-src-port hdr(x-port)
  http-request set-header x-seen %[src_port]""", (get("/", "X-Port: 4000"), "x-seen: 4000"))
example("4.4 set-path", """acl is_static hdr(host) -i www.example.com
  http-request set-path /%[hdr(host)]%[path]""", (get("/some/path"), "GET /example.com/some/path HTTP/1.1"))
example("4.4 set-query", "http-request set-query %[query,regsub(%3D,=,g)]", (get("/?a%3D1&b%3D2"), "GET /?a=1&b=2 HTTP/1.1"))
example("4.4 set-status", "http-response set-status 431", (get("/"), " 431 Request Header Fields Too Large"))
example("4.4 set-status with a reason", 'http-response set-status 503 reason "Slow Down".', (get("/"), " 503 Slow Down."))
example("4.4 set-var", "http-request set-var(req.my_var) req.fhdr(user-agent),lower\n  http-request set-header x-v %[var(req.my_var)]", (get("/", "User-Agent: CURL"), "x-v: curl"))
example("4.4 set-var-fmt", 'http-request set-var-fmt(txn.from) "addr=%[src]:%[src_port]"\n  http-request set-header x-v %[var(txn.from)]', (get("/"), "x-v: addr=127.0.0.1:"))
example("4.4 set-timeout", "http-request set-timeout client 20s", (get("/"), " 200 "))
example("4.4 marks and kinds of service", "http-request set-bc-tos 0x10\n  http-request set-bc-mark int(7)\n  http-request set-fc-tos int(8)\n  http-request set-fc-mark 1\n"
        "  http-response set-fc-tos 0", (get("/"), " 200 "), (get("/"), " 200 "))
example("4.4 wait-for-body", "http-request wait-for-body time 1s at-least 1k if METH_POST", (post("/", "x" * 20), " 200 "), (get("/"), " 200 "))
example("4.4 early-hint", """http-request early-hint Link "</style.css>; rel=preload; as=style"
  http-request early-hint Link "</script.js>; rel=preload; as=script\"""", (get("/"), " 103 ", "link: </style.css>; rel=preload; as=style", "link: </script.js>; rel=preload", "HTTP/1.1 200 "))
example("4.4 set-priority-class", "http-request set-priority-class int(1)\n  http-request set-priority-offset int(50)", (get("/"), " 200 "))
for name, rows in {
        "fragment-encode": (), "path-strip-dot": (("/.", "/"), ("/./bar/", "/bar/"), ("/a/./a", "/a/a"), ("/.well-known/", "/.well-known/")),
        "path-strip-dotdot": (("/foo/../", "/"), ("/foo/../bar/", "/bar/"), ("/foo/bar/../", "/foo/"), ("/../bar/", "/../bar/"), ("/bar/../../", "/../"), ("/foo//../", "/foo/"),
                              ("/foo/%2E%2E/", "/foo/%2E%2E/")),
        "path-strip-dotdot full": (("/../bar/", "/bar/"), ("/bar/../../", "/")),
        "path-merge-slashes": (("//", "/"), ("/foo//bar", "/foo/bar")),
        "percent-decode-unreserved": (("/%61dmin", "/admin"), ("/foo%3Fbar=baz", "/foo%3Fbar=baz"), ("/%%36%36", "/%66"), ("/%ZZ", "/%ZZ")),
        "percent-decode-unreserved strict": (("/%%36%36", None), ("/%ZZ", None), ("/%61", "/a")),
        "percent-to-uppercase": (("/%6f", "/%6F"), ("/%zz", "/%zz")),
        "percent-to-uppercase strict": (("/%zz", None),),
        "query-sort-by-name": (("/?c=3&a=1&b=2", "/?a=1&b=2&c=3"), ("/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3"), ("/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"))}.items():
    if rows:
        example("4.4 normalize-uri " + name, "http-request normalize-uri " + name,
                *((get(before), f"GET {after} HTTP/1.1" if after else " 400 ") for before, after in rows))

# 7.1 ---------------------------------------------------------------------------------------------------------------
example("7.1 a criterion of many words", "acl valid-ua hdr(user-agent) -f @dir@/exact-ua.lst -i -f @dir@/generic-ua.lst  test\n  http-request deny if !valid-ua",
        (get("/", "User-Agent: Exact"), " 200 "), (get("/", "User-Agent: exact"), " 403 "), (get("/", "User-Agent: GENERIC"), " 200 "), (get("/", "User-Agent: TEST"), " 200 "))
example("7.1 a string with -m", "acl script_tag req.payload(0,0) -m sub -i <script>\n  acl hello path -m beg -i /HELLO\n  http-request deny if hello", (get("/hello/x"), " 403 "), (get("/hell"), " 200 "))
example("7.1 alternative forms", "acl short_form  hdr_beg(host)        www.\n  acl alternate1  hdr_beg(host) -m beg www.\n  acl alternate2  hdr_dom(host) -m beg www.\n  acl alternate3  hdr(host)     -m beg www.\n"
        "  http-request set-header x-all yes if short_form alternate1 alternate2 alternate3", (get("/", host="www.x"), "x-all: yes"), (get("/", host="w.x"), "!x-all"))
example("7.1.2 integers", "acl negative-length req.hdr_val(content-length) lt 0\n  acl range req.hdr_val(n) 10:20 30\n  http-request set-header x-neg yes if negative-length\n  http-request set-header x-range yes if range",
        (get("/", "N: 15"), "x-range: yes", "!x-neg"), (get("/", "N: 30"), "x-range: yes"), (get("/", "N: 25"), "!x-range"))
example("7.1.2 a version", "acl sslv3 req.ssl_ver 3:3.1\n  acl big hdr_val(n) gt 1023\n  http-request set-header x-big yes if big", (get("/", "N: 1024"), "x-big: yes"))
example("7.1.4 regular expressions", "acl re hdr(user-agent) -m reg -i ^(curl|wget)/\n  http-request deny if re", (get("/", "User-Agent: CURL/1"), " 403 "), (get("/", "User-Agent: x"), " 200 "))
example("7.1.5 binary", "acl hello req.hdr(x),hex,lower -m str 68656c6c6f\n  acl bin req.hdr(x) -m bin 68656c6c6f\n  http-request deny if hello bin", (get("/", "X: hello"), " 403 "), (get("/", "X: hell"), " 200 "))
example("7.1.6 addresses", "acl net req.hdr_ip(x) 192.168.0.0/16 10.0.0.1 2001:db8::/32\n  http-request deny if net",
        (get("/", "X: 192.168.9.9"), " 403 "), (get("/", "X: 10.0.0.2"), " 200 "), (get("/", "X: 2001:db8::1"), " 403 "))

# 7.2 ---------------------------------------------------------------------------------------------------------------
example("7.2 conditions", """acl missing_cl req.hdr_cnt(Content-length) eq 0
  http-request deny if HTTP_URL_STAR !METH_OPTIONS || METH_POST missing_cl""",
        (get("/"), " 200 "), (post("/", "x"), " 200 "), (request("OPTIONS", "*"), " 200 "), (request("POST", "/", "Transfer-Encoding: chunked") + b"0\r\n\r\n", " 403 "))
example("7.2 static and dynamic", """acl url_static  path_beg         /static /images /img /css
  acl url_static  path_end         .gif .png .jpg .css .js
  acl host_www    hdr_beg(host) -i www
  acl host_static hdr_beg(host) -i img. video. download. ftp.
  use_backend third if host_static or host_www url_static
  use_backend other if host_www
  default_backend out""", (get("/a.png", host="www.x"), "c saw"), (get("/", host="IMG.x"), "c saw"), (get("/", host="www.x"), "b saw"), (get("/a.png"), "a saw"))
example("7.2 anonymous", "http-request deny if METH_POST { req.hdr_val(Content-Length) gt 3 }", (post("/", "four"), " 403 "), (post("/", "two"), " 200 "))
example("7.2 anonymous and named", """acl site_dead nbsrv(none) lt 2
  use_backend other if { hdr(host) -i other.x } site_dead
  default_backend out""", (get("/", host="other.x"), "b saw"), (get("/"), "a saw"))

# The manual's values for le2dec (513:1284:2055) are misprints: 03 04 is 1027 with the low byte first.
# 7.3.1 -------------------------------------------------------------------------------------------------------------
for expression, value in (
        ("bin(01020304050607),be2dec(:,2)", "258:772:1286:7"), ("bin(01020304050607),be2dec(-,2,1)", "258-772-1286"), ("bin(01020304050607),be2dec(,2,1)", "2587721286"),
        ("bin(7f000001),be2dec(.,1)", "127.0.0.1"), ("bin(01020304050607),le2dec(:,2)", "513:1027:1541:7"), ("bin(01020304050607),le2dec(-,2,1)", "513-1027-1541"),
        ("bin(01020304050607),le2dec(,2,1)", "51310271541"), ("bin(7f000001),le2dec(.,1)", "127.0.0.1"), ("bin(01020304050607),be2hex", "01020304050607"),
        ("bin(01020304050607),be2hex(:,2)", "0102:0304:0506:07"), ("bin(01020304050607),be2hex(--,2,1)", "0102--0304--0506"), ("bin(0102030405060708),be2hex(,3,1)", "010203040506"),
        ("str(f1_f2_f3__f5),field(4,_)", ""), ("str(f1_f2_f3__f5),field(5,_)", "f5"), ("str(f1_f2_f3__f5),field(2,_,0)", "f2_f3__f5"), ("str(f1_f2_f3__f5),field(2,_,2)", "f2_f3"),
        ("str(f1_f2_f3__f5),field(-2,_,3)", "f2_f3_"), ("str(f1_f2_f3__f5),field(-3,_,0)", "f1_f2_f3"),
        ("str(f1_f2_f3__f5),word(4,_)", "f5"), ("str(f1_f2_f3__f5),word(5,_)", ""), ("str(f1_f2_f3__f5),word(2,_,0)", "f2_f3__f5"), ("str(f1_f2_f3__f5),word(3,_,2)", "f3__f5"),
        ("str(f1_f2_f3__f5),word(-2,_,3)", "f1_f2_f3"), ("str(f1_f2_f3__f5),word(-3,_,0)", "f1_f2"), ("str(/f1/f2/f3/f4),word(1,/)", "f1"), ("str(/f1////f2/f3/f4),word(1,/)", "f1"),
        ("str('Sun, 06 Nov 1994 08:49:37 GMT'),date", "784111777"), ("int(1),add(2),mul(3)", "9"), ("str(abc),upper,reverse", "CBA"),
        ("str(www.haproxy.org),host_only", "www.haproxy.org"), ("str(www.haproxy.org:8080),port_only", "8080"), ("str(www.haproxy.org),reverse_dom", "org.haproxy.www")):
    gives("7.3.1 " + expression.partition(",")[2].partition("(")[0], expression, value)
example("7.3.1 bytes", """http-request set-var(txn.input) req.hdr(input)
  http-response set-header bytes_0 "%[var(txn.input),bytes(0)]"
  http-response set-header bytes_1_3 "%[var(txn.input),bytes(1,3)]"
  http-response set-var(txn.var_start) int(1)
  http-response set-var(txn.var_length) int(3)
  http-response set-header bytes_var1_var3 "%[var(txn.input),bytes(txn.var_start,txn.var_length)]\"""",
        (get("/", "Input: 012345"), "bytes_0: 012345", "bytes_1_3: 123", "bytes_var1_var3: 123"))
example("7.3.1 concat", """tcp-request session set-var(sess.src) src
  http-request set-var(txn.sig) str(),concat(<src=,sess.src,>),concat(<dn=,sess.dn,>)
  http-request set-header x-hap-sig %[var(txn.sig)]""", (get("/"), "x-hap-sig: <src=127.0.0.1><dn=>"))
example("7.3.1 iif", "http-request set-header x-forwarded-proto %[ssl_fc,iif(https,http)]", (get("/"), "x-forwarded-proto: http\n"))
example("7.3.1 has_ctl", "http-request deny if { req.fhdr(referer),has_ctl(0x100002401) }\n  http-request deny if { req.hdr(),has_ctl }", (get("/", "Referer: x"), " 200 "))
example("7.3.1 language", """acl es req.fhdr(accept-language),language(es;fr;en) -m str es
  acl fr req.fhdr(accept-language),language(es;fr;en) -m str fr
  use_backend other if es
  use_backend third if fr
  default_backend out""", (get("/", "Accept-Language: es"), "b saw"), (get("/", "Accept-Language: en;q=0.5, fr;q=0.9"), "c saw"), (get("/", "Accept-Language: de"), "a saw"))
example("7.3.1 json", """capture request header Host len 15
  capture request header user-agent len 150
  log-format '{"ip":"%[src]","user-agent":"%[capture.req.hdr(1),json(utf8s)]"}'""", (get("/", 'User-Agent: Very "Ugly" UA 1/2'), " 200 "),
        log='{"ip":"127.0.0.1","user-agent":"Very \\')
example("7.3.1 json_query", """option http-buffer-request
  http-request set-var(txn.pay_int) req.body,json_query('$.integer','int'),add(1)
  http-request set-var(txn.pay_mykey) req.body,json_query('$.my\\\\.key')
  http-request set-header x-int %[var(txn.pay_int)]
  http-request set-header x-key %[var(txn.pay_mykey)]""", (post("/", '{"integer":4}'), "x-int: 5"), (post("/", '{"my.key":"myvalue"}'), "x-key: myvalue"))
example("7.3.1 regsub", """http-request set-header x-path "%[hdr(x-path),regsub('/+','/','g')]\"""",
        (get("/", "X-Path: /a//b///c"), "x-path: /a/b/c"))
example("7.3.1 regsub of a host", "http-request set-header x-h %[hdr(host),regsub(EXAMPLE,x,gi)]", (get("/"), "x-h: x.com"))
example("7.3.1 ltime", "log-format %[date,ltime(%Y%m%d%H%M%S)]\\ %ci:%cp", (get("/"), " 200 "), log=" 127.0.0.1:")
example("7.3.1 url_dec and url_enc", "http-request set-header x-d %[url_param(a),url_dec]\n  http-request set-header x-e %[url_param(a),url_dec,url_enc]", (get("/?a=%2Fb%20c"), "x-d: /b c", "x-e: %2Fb%20c"))
example("7.3.1 strcmp", """http-request set-var(txn.host) hdr(host)
  acl same str(example.com),strcmp(txn.host) eq 0
  http-request deny if same""", (get("/"), " 403 "), (get("/", host="other.x"), " 200 "))
example("7.3.1 param", "http-request set-header x-p %[query,param(a)]", (get("/?b=1&a=2"), "x-p: 2"))

# 7.3.2 to 7.3.6 ----------------------------------------------------------------------------------------------------
example("7.3.2 rand and nbsrv", "http-request set-header x-n %[nbsrv(out)]\n  http-request set-header x-r %[rand(1)]", (get("/"), "x-n: 1", "x-r: 0"))
example("7.3.2 date", "http-request set-header Expires %[date(3600),http_date]", (get("/"), "expires: ", " GMT"))
example("7.3.6 base", """acl hosted base_beg -i example.com/images/
  http-request deny if hosted""", (get("/images/x"), " 403 "), (get("/x"), " 200 "))
example("7.3.6 cook", "acl admin cook(user) -m str admin\n  http-request set-header x-a yes if admin", (get("/", "Cookie: a=1; user=admin"), "x-a: yes"))
example("7.3.6 http_auth_bearer", "http-request set-header x-b %[http_auth_bearer]", (get("/", "Authorization: Bearer abc.def"), "x-b: abc.def"))
example("7.3.6 method", "acl up method POST PUT\n  http-request deny if up", (post("/", "x"), " 403 "), (get("/"), " 200 "))
example("7.3.6 req.hdr_names", "http-request set-header x-names %[req.hdr_names(|)]", (get("/", "User-Agent: x"), "x-names: host|user-agent"))
example("7.3.6 urlp", "http-request set-header x-1 %[urlp(PHPSESSIONID)]\n  http-request set-header x-2 %[urlp(JSESSIONID,;)]",
        (get("/foo?PHPSESSIONID=some_id"), "x-1: some_id"), (get("/foo;JSESSIONID=some_id"), "x-2: some_id"))
example("7.3.6 url_ip", "http-request set-header x-ip %[url_ip]:%[url_port]", (request("GET", "http://192.0.2.1:81/x", host="192.0.2.1:81"), "x-ip: 192.0.2.1:81"))
example("7.4 predefined", "http-request set-header x-pre yes if HTTP_1.1 METH_GET LOCALHOST TRUE !FALSE HTTP_URL_SLASH !HTTP_CONTENT", (get("/"), "x-pre: yes"), (post("/", "x"), "!x-pre"))

# 8.2 ---------------------------------------------------------------------------------------------------------------
example("8.2.3 httplog", "log-format \"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r\"", (get("/x"), " 200 "), log=' out/s ')
example("8.2.6 names and json", 'log-format "%{+json}o %(my_key)ci %(status:str)ST"', (get("/"), " 200 "), log='{"my_key": "127.0.0.1", "status": "200"}')
example("8.2.6 quotes", 'log-format "%{+Q}o %{-Q}ci - - [%T] %r %ST"', (get("/q"), " 200 "), log='"GET /q HTTP/1.1" 200')
example("8.2.6 hexadecimal", "log-format %{+X}ci", (get("/"), " 200 "), log="7F000001")
example("8.2.6 expressions", 'capture request header Host len 20\n  log-format "%[capture.req.hdr(0)] %[src] %[var(txn.none)] %%"', (get("/"), " 200 "), log="example.com 127.0.0.1 - %")

TOP = """
global
  expose-experimental-directives
  log 127.0.0.1:@sink@ local0
  log-tag proxy
  nbthread 1
  set-var proc.current_state str(primary)
  set-var proc.prio int(100)
  set-var proc.threshold int(200),sub(proc.prio)
userlist L1
  group G1 users alice
  user alice insecure-password wonder
  user bob insecure-password build
defaults
  mode http
  log global
  option httplog
  timeout connect 2s
  timeout client 4s
  timeout server 4s
backend none
backend out
  server s @a@
backend other
  server s @b@
backend third
  server s @c@
"""
FILES = {"blacklist.lst": "127.0.0.1\n", "favicon.ico": "ICON", "exact-ua.lst": "Exact\n", "generic-ua.lst": "generic\n"}


def write_configuration(text, folder):
    for name, contents in FILES.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(contents)
    return text.replace("@dir@", folder)


def enter_case(section, asked, log, port, sink):
    def run():
        sink.take(0)
        lines = []
        for sent, *texts in asked:
            said = compare.ask_http(port, [sent])
            lines = sink.take(1)
            for text in texts:
                absent = text.startswith("!")
                check((text.lstrip("!") in said) != absent, f"{sent!r:.100}: {text!r} is {'' if absent else 'not '}in\n{said}")
        check(log is None or log in lines[-1], f"{log!r} is not in {lines}")
    run.__name__ = section.replace(" ", "_")
    case(run)


@case
def there_are_enough():
    check(len(EXAMPLES) >= 100, f"{len(EXAMPLES)} examples")


def main():
    wanted = [entry for entry in EXAMPLES if (sys.argv[1] if len(sys.argv) > 1 else "") in entry[0] + entry[1]]
    sys.argv[1:] = []
    with contextlib.ExitStack() as stack:
        sink = compare.Sink()
        text = TOP.replace("@sink@", str(sink.port))
        for name in ("a", "b", "c"):
            server = stack.enter_context(harness.Server(compare.serve_http(name)))
            text = text.replace(f"@{name}@", f"127.0.0.1:{server.port}")
        ports = [harness.free_port() for _ in wanted]
        for index, ((section, lines, asked, log), port) in enumerate(zip(wanted, ports)):
            rest = "" if "default_backend" in lines else "  default_backend out\n"
            text += f"frontend f{index}\n  bind 127.0.0.1:{port}\n  {lines}\n{rest}"
            enter_case(section, asked, log, port, sink)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(harness.Proxy(write_configuration(text, folder), ports))
        return run_cases()


if __name__ == "__main__":
    sys.exit(main())
