"""configurations: what differential_test.py runs: configurations that look like real ones, and requests to each.

A text begins behind the sections `global` and `defaults` (mode http, option httplog, log global), see compare.py. In it @in@
and @in2@ are ports to listen on, @a@ @b@ @c@ servers of HTTP that answer with the request they were sent, @ta@ @tb@
servers of TCP that say their name and then echo, @dead@ a port where nobody listens, @dir@ a folder with `files`.

A request is bytes; a list of them goes over one connection, one after another. ("@in2@", request) goes to the second port.
"""

import ssl

CONFIGURATIONS = []


def request(method, target, *fields, host="example.com", body=None, version="1.1"):
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines.extend(fields)
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode("latin-1")


def get(target, *fields, **more):
    return request("GET", target, *fields, **more)


def post(target, body, *fields, **more):
    return request("POST", target, *fields, body=body, **more)


def hello(name):
    """The first record of a TLS client that asks for `name`."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    peer = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        peer.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def configuration(name, text, requests, files=None, tcp=False):
    CONFIGURATIONS.append({"name": name, "text": text, "requests": requests, "files": files or {}, "tcp": tcp})


GETS = [get(path) for path in ("/", "/index.html", "/a/b/c?d=e", "/%20x", "//double//slash", "/?", "/a?b?c&d=%26", "/~user")]

configuration("openshift_router", """
frontend public
  bind 127.0.0.1:@in@
  tcp-request inspect-delay 2s
  tcp-request content accept if HTTP
  http-request del-header Proxy
  http-request set-header Host %[req.hdr(Host),lower]
  acl secure_redirect base,lower -m reg -i ^secure\\.example\\.com/.*$
  redirect scheme https if secure_redirect
  use_backend be_%[req.hdr(host),lower,field(1,:),word(1,.)] if { req.hdr(host) -m found } !{ path_beg /healthz }
  default_backend openshift_default
backend be_shop
  balance leastconn
  option forwardfor
  timeout check 5000ms
  http-request add-header X-Forwarded-Host %[req.hdr(host)]
  http-request add-header X-Forwarded-Port %[dst_port] if { dst_port 1 }
  http-request add-header X-Forwarded-Proto http if !{ ssl_fc }
  http-request add-header X-Forwarded-Proto https if { ssl_fc }
  http-request add-header Forwarded for=%[src];host=%[req.hdr(host)];proto=%[req.hdr(X-Forwarded-Proto)]
  cookie 8a5f27dbe2 insert indirect nocache httponly
  server pod:shop-1 @a@ cookie 4242 weight 1
backend be_blog
  server pod:blog-1 @b@
backend openshift_default
  server default @c@
""", [get("/", host=host) for host in ("shop.example.com", "SHOP.Example.com:8080", "blog.example.com", "secure.example.com", "none.example.com", "x")] +
    [get("/cart?item=1", "Cookie: 8a5f27dbe2=4242; other=1", host="shop.example.com"), get("/", "Proxy: evil", "Forwarded: for=1.2.3.4", host="shop.example.com"),
     get("/healthz", host="shop.example.com"), post("/login", "user=me", host="blog.example.com"), get("/Deep/Path?q", host="Secure.example.com")])

configuration("docker_socket_proxy", """
backend dockerbackend
  server dockersocket @a@
backend docker-events
  server dockersocket @b@
frontend dockerfrontend
  bind 127.0.0.1:@in@
  http-request deny unless METH_GET || { bool(0) }
  http-request allow if { path,url_dec -m reg -i ^(/v[\\d\\.]+)?/containers/[a-zA-Z0-9_.-]+/((stop)|(restart)|(kill)) } { bool(1) }
  http-request allow if { path,url_dec -m reg -i ^(/v[\\d\\.]+)?/containers } { bool(1) }
  http-request allow if { path,url_dec -m reg -i ^(/v[\\d\\.]+)?/events } { bool(1) }
  http-request allow if { path,url_dec -m reg -i ^(/v[\\d\\.]+)?/_ping } { bool(1) }
  http-request deny
  default_backend dockerbackend
  use_backend docker-events if { path,url_dec -m reg -i ^(/v[\\d\\.]+)?/events }
""", [get(path) for path in ("/containers/json", "/v1.41/containers/json?all=1", "/V1.41/Containers/x", "/events?since=1", "/v1.24/events", "/_ping", "/images/json",
                             "/%63ontainers/json", "/containers/my.app-1/stop", "/../containers")] +
    [post("/containers/create", "{}"), request("DELETE", "/containers/x"), request("HEAD", "/_ping")])

configuration("patroni_rest", """
frontend rest
  bind 127.0.0.1:@in@
  acl is_primary path /primary /master /read-write
  acl is_replica path /replica /read-only
  acl with_lag urlp(lag) -m found
  use_backend primary if is_primary
  use_backend replica if is_replica !with_lag
  use_backend lagging if is_replica with_lag
  http-request return status 503 content-type application/json string '{"state": "stopped"}' if { path /patroni }
backend primary
  server n1 @a@
backend replica
  balance first
  server n2 @b@
backend lagging
  server n3 @c@
""", [get(path) for path in ("/primary", "/master", "/replica", "/read-only", "/replica?lag=10MB", "/replica?x=1", "/patroni", "/other", "/primary/")] + [request("OPTIONS", "/primary")])

configuration("galera_tcp", """
listen galera
  bind 127.0.0.1:@in@
  mode tcp
  option tcplog
  balance source
  acl local src 127.0.0.0/8
  tcp-request connection reject if !local
  tcp-request content accept if { req.len gt 0 }
  server node1 @ta@
""", [b"select 1\n", b"x" * 3000, b"\x00\x01\x02"], tcp=True)

configuration("tcp_reject", """
listen guarded
  bind 127.0.0.1:@in@
  mode tcp
  option tcplog
  tcp-request inspect-delay 1s
  tcp-request content reject if { req.payload(0,4) -m str EVIL }
  tcp-request content accept if { req.payload(0,4) -m found }
  server s @ta@
""", [b"GOOD day", b"EVIL day", b"good"], tcp=True)

configuration("tls_passthrough_sni", """
frontend tls
  bind 127.0.0.1:@in@
  mode tcp
  option tcplog
  tcp-request inspect-delay 3s
  tcp-request content capture req.ssl_sni len 40
  tcp-request content accept if { req.ssl_hello_type 1 }
  log-format "%ci [%t] %ft %b/%s %ts {%[capture.req.hdr(0)]}"
  use_backend apps if { req.ssl_sni -m end .apps.example.com }
  use_backend api if { req.ssl_sni -i api.example.com }
  default_backend other
backend apps
  mode tcp
  server apps @ta@
backend api
  mode tcp
  server api @tb@
backend other
  mode tcp
  server other @ta@
""", [hello("www.apps.example.com"), hello("api.example.com"), hello("API.example.com"), hello("else.example.org")], tcp=True)

configuration("tcp_kinds_on_one_port", """
frontend any
  bind 127.0.0.1:@in@
  mode tcp
  option tcplog
  tcp-request inspect-delay 500ms
  tcp-request content accept if { req.ssl_hello_type 1 }
  tcp-request content accept if HTTP
  tcp-request content accept if { req.payload(0,7) -m bin 5353482d322e30 }
  use_backend ssh if { req.payload(0,7) -m bin 5353482d322e30 }
  use_backend tls if { req.ssl_hello_type 1 }
  default_backend plain
backend ssh
  mode tcp
  server ssh @ta@
backend tls
  mode tcp
  server tls @tb@
backend plain
  mode tcp
  server plain @ta@
""", [b"SSH-2.0-OpenSSH_9\r\n", hello("x.example.com"), get("/"), b"nothing that is known\r\n"], tcp=True)

configuration("mail", """
frontend smtp
  bind 127.0.0.1:@in@
  mode tcp
  option tcplog
  timeout client 3s
  default_backend mx
backend mx
  mode tcp
  balance roundrobin
  server mx1 @ta@
  server mx2 @tb@ backup
""", [b"EHLO me\r\n", b"QUIT\r\n"], tcp=True)

configuration("redis_ports", """
frontend redis
  bind 127.0.0.1:@in@
  mode tcp
  option tcplog
  acl forbidden src 192.0.2.0/24 2001:db8::/32
  tcp-request connection reject if forbidden
  tcp-request session set-var(sess.port) dst_port
  use_backend writes if { var(sess.port) -m int ge 1 }
  default_backend reads
backend writes
  mode tcp
  server w @ta@
backend reads
  mode tcp
  server r @tb@
""", [b"PING\r\n", b"*1\r\n$4\r\nPING\r\n"], tcp=True)

configuration("wordpress", """
frontend www
  bind 127.0.0.1:@in@
  option forwardfor except 10.0.0.0/8
  option http-server-close
  acl is_admin path_beg -i /wp-admin /wp-login.php
  acl is_static path_end -i .css .js .png .jpg .gif .ico .woff2
  acl is_upload path_dir uploads
  acl bad_agent hdr_sub(user-agent) -i sqlmap nikto masscan
  acl xmlrpc path /xmlrpc.php
  acl office src 127.0.0.0/8
  http-request deny deny_status 403 if bad_agent
  http-request deny if xmlrpc METH_POST
  http-request deny if { path_reg -i \\.(env|git|sql)($|/) }
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Real-IP %[src]
  use_backend static if is_static || is_upload
  use_backend admin if is_admin office
  default_backend php
backend static
  http-response set-header Cache-Control "public, max-age=86400"
  http-response del-header Set-Cookie
  server st @a@
backend admin
  http-response set-header X-Frame-Options SAMEORIGIN
  server ad @b@
backend php
  cookie SRV insert indirect nocache
  http-response set-header X-Content-Type-Options nosniff
  server p1 @c@ cookie p1
""", [get(path) for path in ("/", "/wp-admin/", "/WP-Login.php", "/style.CSS", "/wp-content/uploads/2024/x", "/.git/config", "/dump.sql", "/env", "/x.env", "/?p=1")] +
    [get("/", "User-Agent: sqlmap/1.0"), get("/", "User-Agent: Mozilla/5.0"), post("/xmlrpc.php", "<x/>"), get("/xmlrpc.php"), post("/wp-login.php", "log=a&pwd=b"),
     get("/", "Cookie: SRV=p1; wp=2"), get("/", "X-Forwarded-For: 1.1.1.1")])

configuration("couchdb", """
frontend couch
  bind 127.0.0.1:@in@
  option http-buffer-request
  acl is_changes path_end /_changes
  acl is_utils path_beg /_utils
  acl is_write method POST PUT DELETE COPY
  http-request deny deny_status 405 if is_utils is_write
  use_backend changes if is_changes
  use_backend writes if is_write
  default_backend reads
backend changes
  timeout server 8s
  server n1 @a@
backend writes
  balance hdr(Host)
  server n2 @b@
backend reads
  option httpchk GET /_up
  http-request replace-path /v1(/.*) \\1
  server n3 @c@
""", [get("/db/_changes?feed=continuous"), get("/_utils/"), post("/_utils/x", "1"), post("/db", '{"a": 1}'), request("PUT", "/db/doc", body="{}"), request("DELETE", "/db/doc?rev=1"),
      request("COPY", "/db/doc", "Destination: doc2"), get("/v1/db/doc"), get("/v1"), get("/db/v1/doc"), request("HEAD", "/db")])

configuration("kubernetes_api", """
frontend api
  bind 127.0.0.1:@in@
  acl is_watch url_param(watch) -i true 1
  acl is_exec path_reg ^/api/v1/namespaces/[^/]+/pods/[^/]+/(exec|attach|portforward)$
  acl is_health path /healthz /readyz /livez
  acl has_token req.hdr(authorization) -m beg -i bearer
  http-request return status 200 content-type text/plain string ok if is_health
  http-request deny deny_status 401 if !has_token !is_health
  http-request set-header X-Namespace %[path,field(5,/)] if { path_beg /api/v1/namespaces/ }
  http-request set-var(txn.pod) path,field(7,/) if { path_sub /pods/ }
  http-request set-header X-Pod %[var(txn.pod)] if { var(txn.pod) -m found }
  use_backend watch if is_watch
  use_backend exec if is_exec
  default_backend masters
backend watch
  server m1 @a@
backend exec
  server m2 @b@
backend masters
  server m3 @c@
""", [get(path, "Authorization: Bearer abc") for path in ("/api/v1/namespaces/default/pods/web-1", "/api/v1/namespaces/kube-system/pods/dns/exec", "/api/v1/pods?watch=true",
                                                         "/api/v1/pods?limit=1&watch=1", "/apis", "/healthz", "/api/v1/namespaces//pods")] +
    [get("/apis"), get("/readyz"), get("/livez?verbose"), get("/apis", "Authorization: Basic abc"), get("/apis", "authorization: bearer x")])

configuration("https_redirects", """
frontend plain
  bind 127.0.0.1:@in@
  acl acme path_beg /.well-known/acme-challenge/
  use_backend acme if acme
  http-request redirect scheme https code 301 unless acme
backend acme
  server certbot @a@
""", GETS + [get("/.well-known/acme-challenge/token"), post("/form", "a=b"), get("/", host="example.com:8080"), get("/x", version="1.0"), get("/x", host=None, version="1.0"), request("HEAD", "/h")])

configuration("redirects", """
frontend in
  bind 127.0.0.1:@in@
  http-request redirect location /new%[path] code 302 if { path_beg /old }
  http-request redirect prefix https://www.example.com code 303 drop-query if { hdr(host) -i example.org }
  http-request redirect prefix http://other.example.com code 307 append-slash if { path /dir }
  http-request redirect location https://%[hdr(host)]%[capture.req.uri] code 308 if { path_beg /secure }
  redirect location /logout code 302 set-cookie SEEN=1 if { path /in }
  redirect location / clear-cookie USERID= if { path /out }
  redirect prefix http://m.example.com if { hdr_sub(user-agent) Mobile }
  default_backend out
backend out
  server s @a@
""", [get("/old/x?q=1"), get("/old"), get("/p?q=1", host="example.org"), get("/dir"), get("/dir?x=1"), get("/dir/"), get("/secure/a?b=c"), get("/in"), get("/out"),
      get("/m?x", "User-Agent: Mobile Safari"), get("/rest"), post("/old", "x"), [get("/old/1"), get("/in"), get("/rest")]])

configuration("path_routing", """
frontend in
  bind 127.0.0.1:@in@
  acl p_api path_beg /api/
  acl p_api_v2 path_beg /api/v2/
  acl p_img path_end .png .jpg
  acl p_doc path_dir doc docs
  acl p_sub path_sub -i secret
  acl p_reg path_reg ^/item/[0-9]+$
  acl p_len path_len 12:14
  acl p_dom url_dom www
  http-request set-header X-Seen "%[path_beg(/api/)] %[path_len]" if FALSE
  http-request set-header x-rule api2 if p_api_v2
  http-request add-header x-rule img if p_img
  http-request add-header x-rule doc if p_doc
  http-request add-header x-rule sub if p_sub
  http-request add-header x-rule reg if p_reg
  http-request add-header x-rule len if p_len
  use_backend api if p_api !p_api_v2
  use_backend api2 if p_api_v2
  default_backend rest
backend api
  server a @a@
backend api2
  server b @b@
backend rest
  server c @c@
""".replace('  http-request set-header X-Seen "%[path_beg(/api/)] %[path_len]" if FALSE\n', "").replace("  acl p_dom url_dom www\n", ""),
    [get(path) for path in ("/api/v1/x", "/api/v2/x", "/api", "/a.png", "/a.PNG", "/doc/x", "/x/docs", "/xdoc/y", "/Secret", "/item/42", "/item/42x", "/123456789012", "/api/v2", "/d.jpg?x=1")])

configuration("host_routing", """
frontend in
  bind 127.0.0.1:@in@
  acl h_www hdr(host) -i www.example.com example.com
  acl h_any hdr_dom(host) -i example.net
  acl h_beg hdr_beg(host) -i static. img.
  acl h_end hdr_end(host) .internal
  acl h_reg hdr_reg(host) -i ^cdn[0-9]+\\.
  acl h_ip hdr_ip(host) 192.0.2.0/24
  acl h_none hdr_cnt(host) eq 0
  use_backend a if h_www
  use_backend b if h_any or h_beg
  use_backend c if h_end || h_reg
  http-request return status 421 content-type text/plain string misdirected if h_ip
  http-request return status 400 content-type text/plain string nohost if h_none
backend a
  server a @a@
backend b
  server b @b@
backend c
  server c @c@
""", [get("/", host=host) for host in ("www.example.com", "WWW.EXAMPLE.COM", "example.com", "www.example.com:80", "a.example.net", "example.net:8080", "badexample.net", "static.x", "IMG.y",
                                       "db.internal", "db.INTERNAL", "cdn12.z", "cdnx.z", "192.0.2.7", "192.0.3.7", "unknown.example.org")] + [get("/", host=None, version="1.0")])

configuration("header_rewriting", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-header X-Lower %[req.hdr(x-mixed),lower]
  http-request set-header X-Upper %[req.hdr(x-mixed),upper]
  http-request set-header X-First %[req.hdr(x-list,1)]
  http-request set-header X-Last %[req.hdr(x-list,-1)]
  http-request set-header X-Count %[req.hdr_cnt(x-list)]
  http-request set-header X-FCount %[req.fhdr_cnt(x-list)]
  http-request set-header X-Names %[req.hdr_names]
  http-request set-header X-Len %[req.hdr(x-mixed),length]
  http-request set-header X-Missing "<%[req.hdr(x-none)]>"
  http-request replace-header X-Rep ^(.*)foo(.*)$ \\1bar\\2
  http-request replace-value X-List ^b$ B
  http-request del-header X-Del
  http-request add-header X-Add one
  http-request add-header X-Add two
  http-request set-header X-Percent 100%%
  default_backend out
backend out
  http-response set-header X-Status %[status]
  http-response add-header Via "1.1 proxy"
  http-response del-header X-Origin
  http-response replace-header Content-Type ^text/plain(.*)$ text/html\\1
  http-after-response set-header X-After yes
  server s @a@
""", [get("/"), get("/", "X-Mixed: HeLLo", "X-List: a, b,c", "X-List: d"), get("/", "X-Rep: xfooy", "X-Rep: none", "x-rep: foo"), get("/", "X-Del: 1", "x-del: 2", "X-Delta: 3"),
      get("/", "X-Add: zero"), get("/", "X-List: b, b ,B"), get("/", "X-List: "), get("/", "X-List: \"q, r\", s"), post("/", "body", "X-Mixed: \xe9\xe8"), get("/", "X-Mixed:   spaced out  ")])

configuration("acl_files", """
frontend in
  bind 127.0.0.1:@in@
  acl blocked path -f @dir@/paths.lst
  acl blocked_beg path_beg -i -f @dir@/prefixes.lst
  acl hosts hdr(host) -i -f @dir@/hosts.lst
  acl nets req.hdr_ip(x-client) -f @dir@/nets.lst
  acl agents hdr_sub(user-agent) -i -f @dir@/agents.lst -- extra
  acl regs path_reg -f @dir@/regs.lst
  http-request deny deny_status 410 if blocked
  http-request deny deny_status 429 if blocked_beg
  http-request set-header x-net yes if nets
  http-request set-header x-agent yes if agents
  http-request set-header x-reg yes if regs
  use_backend known if hosts
  default_backend other
backend known
  server k @a@
backend other
  server o @b@
""", [get("/blocked"), get("/blocked/x"), get("/with space"), get("/Admin/x"), get("/administrator"), get("/", host="one.example.com"), get("/", host="TWO.example.com"), get("/", host="three.example.com"),
      get("/", "X-Client: 10.1.2.3"), get("/", "X-Client: 192.0.2.1"), get("/", "X-Client: 2001:db8::5"), get("/", "X-Client: junk"), get("/", "X-Client: 1.1.1.1, 10.9.9.9"),
      get("/", "User-Agent: BadBot/1"), get("/", "User-Agent: something EXTRA"), get("/abc123"), get("/abc"), get("/#comment")],
    files={"paths.lst": "# comment\n\n/blocked\n  /indented\n/a b\n", "prefixes.lst": "/ADMIN/\n/private\n", "hosts.lst": "one.example.com\ntwo.example.com\n",
           "nets.lst": "10.0.0.0/8\n192.0.2.1\n2001:db8::/32\n", "agents.lst": "badbot\ncrawler\n", "regs.lst": "^/[a-z]+[0-9]+$\n"})

configuration("basic_auth", """
userlist people
  group admins users alice
  group readers users bob,carol
  user alice insecure-password wonder
  user bob insecure-password build
  user carol insecure-password 'pass word'
frontend in
  bind 127.0.0.1:@in@
  acl ok http_auth(people)
  acl admin http_auth_group(people) admins
  http-request auth realm Secret if { path_beg /private } !ok
  http-request auth realm Admin\\ area if { path_beg /admin } !admin
  http-request set-header X-User %[http_auth_user] if ok
  http-request set-header X-Type %[http_auth_type]
  http-request del-header Authorization
  default_backend out
backend out
  server s @a@
""", [get("/private"), get("/private", "Authorization: Basic YWxpY2U6d29uZGVy"), get("/private", "Authorization: Basic YWxpY2U6d3Jvbmc="), get("/private", "Authorization: Basic !!!"),
      get("/admin", "Authorization: Basic Ym9iOmJ1aWxk"), get("/admin", "Authorization: Basic YWxpY2U6d29uZGVy"), get("/admin"), get("/", "Authorization: Basic Y2Fyb2w6cGFzcyB3b3Jk"),
      get("/", "Authorization: Bearer x"), get("/private", "Authorization: basic YWxpY2U6d29uZGVy"), request("HEAD", "/private"), post("/private", "x=1")])

configuration("captures", """
frontend in
  bind 127.0.0.1:@in@
  capture request header Host len 15
  capture request header User-Agent len 20
  capture request header Referer len 10
  capture response header Content-Type len 10
  capture response header Server len 5
  capture cookie SESSION= len 20
  declare capture request len 12
  http-request capture req.hdr(x-extra) id 3
  http-request capture path len 30
  http-response capture res.hdr(x-origin) id 1
  http-request set-header X-Captured %[capture.req.hdr(0)]
  default_backend out
backend out
  server s @a@
""", [get("/"), get("/some/path?x=y", "User-Agent: curl/7.88.1 and more text", "Referer: http://example.org/"), get("/", "X-Extra: 12345678901234567890"), get("/", "Cookie: a=b; SESSION=abcdef; c=d"),
      get("/", "User-Agent: {brace|bar}"), get("/", "User-Agent: \"quoted\""), get("/", "Cookie: SESSION=" + "x" * 40), get("/" + "p" * 60)])

configuration("variables", """
frontend in
  bind 127.0.0.1:@in@
  tcp-request session set-var(sess.n) int(5)
  http-request set-var(txn.a) req.hdr(x-a)
  http-request set-var(req.b) path,length
  http-request set-var(txn.sum) int(10),add(sess.n),mul(2)
  http-request set-var(txn.str) str(one),concat(-,txn.a,-end)
  http-request set-var(txn.a2) var(txn.a),upper if { var(txn.a) -m found }
  http-request set-var-fmt(txn.fmt) "%[path]|%[var(txn.a)]"
  http-request unset-var(txn.gone)
  http-request set-header x-vars "%[var(txn.a)] %[var(req.b)] %[var(txn.sum)] %[var(txn.str)] %[var(txn.a2)] %[var(txn.fmt)] %[var(txn.gone)] %[var(txn.none)]"
  http-request set-var(txn.bool) path,len,sub(1),bool if FALSE
  acl big var(txn.sum) -m int gt 29
  acl named var(txn.a) -m str hello
  use_backend b if big named
  default_backend a
backend a
  http-response set-header x-b "%[var(req.b)]|%[var(txn.a)]|%[var(res.c)]"
  server a @a@
backend b
  http-request set-var(res.c) int(1)
  http-response set-var(res.d) status
  http-response set-header x-d %[var(res.d),add(1)]
  server b @b@
""".replace("  http-request set-var(txn.bool) path,len,sub(1),bool if FALSE\n", ""),
    [get("/"), get("/abc", "X-A: hello"), get("/abc", "X-A: other"), get("/" + "x" * 30, "X-A: "), [get("/1", "X-A: first"), get("/2"), get("/3", "X-A: hello")], get("/q?x=1", "X-A: a b")])

configuration("made_backends", """
frontend in
  bind 127.0.0.1:@in@
  use_backend %[req.hdr(x-backend)] if { req.hdr(x-backend) -m found }
  use_backend be_%[path,field(2,/),lower]_%[method,lower]
  default_backend fallback
backend be_app_get
  server a @a@
backend be_app_post
  server b @b@
backend fallback
  server c @c@
""", [get("/app/x"), get("/APP"), post("/app", "x"), get("/none"), get("/", "X-Backend: be_app_post"), get("/app", "X-Backend: nowhere"), get("/app", "X-Backend: fallback"), request("PUT", "/app", body="")])

configuration("use_server", """
frontend in
  bind 127.0.0.1:@in@
  default_backend out
backend out
  balance roundrobin
  use-server one if { hdr(x-server) 1 }
  use-server two if { hdr(x-server) 2 }
  use-server %[hdr(x-name)] if { hdr(x-name) -m found }
  use-server three unless { hdr(x-any) -m found }
  server one @a@
  server two @b@
  server three @c@
""", [get("/", f"X-Server: {n}") for n in (1, 2, 3, 1)] + [get("/", "X-Name: two"), get("/", "X-Name: one", "X-Server: 2"), get("/")])

configuration("responses", """
frontend in
  bind 127.0.0.1:@in@
  http-request return status 200 content-type text/plain string "hello world" if { path /string }
  http-request return status 200 content-type text/plain lf-string "%[src] %[path] %[method]" if { path /lf }
  http-request return status 200 content-type "text/html; charset=utf-8" file @dir@/page.html if { path /file }
  http-request return status 404 content-type text/plain lf-file @dir@/lf.txt hdr X-Made "%[path,upper]" if { path /lffile }
  http-request return status 204 if { path /empty }
  http-request return status 503 default-errorfiles if { path /err }
  http-request return status 200 content-type application/json string '{"a": "b"}' hdr Cache-Control no-store hdr X-Two 2 if { path_beg /json }
  http-request deny deny_status 404 if { path /404 }
  http-request deny status 429 content-type text/plain string slow hdr Retry-After 5 if { path /429 }
  http-request deny if { path /403 }
  http-request reject if { path /reject }
  default_backend out
backend out
  http-response return status 200 content-type text/plain string replaced if { status 201 }
  http-response deny if { res.hdr(x-origin) -m str nobody }
  server s @a@
""", [get(path) for path in ("/string", "/lf", "/file", "/lffile", "/empty", "/err", "/json/x", "/404", "/429", "/403", "/other", "/string?x=1", "/status/201", "/reject")] +
    [request("HEAD", "/string"), post("/string", "body"), request("HEAD", "/404"), [get("/string"), get("/404"), get("/lf")]],
    files={"page.html": "<h1>page</h1>\n", "lf.txt": "path is %[path]\n"})

configuration("error_files", """
http-errors site
  errorfile 403 @dir@/403.http
  errorfile 503 @dir@/503.http
frontend in
  bind 127.0.0.1:@in@
  errorfiles site
  errorfile 404 @dir@/404.http
  http-request deny if { path /403 }
  http-request deny deny_status 404 if { path /404 }
  http-request deny deny_status 500 if { path /500 }
  http-request deny status 503 errorfiles site if { path /503 }
  use_backend none if { path /none }
  default_backend out
backend none
backend out
  server s @a@
""", [get(path) for path in ("/403", "/404", "/500", "/503", "/none", "/ok")],
    files={name + ".http": f"HTTP/1.1 {name} Custom\r\nCache-Control: no-cache\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\npage {name[:2]}"
           for name in ("403", "404", "503")})

configuration("target_rewriting", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-path /prefix%[path] if { path_beg /p }
  http-request set-query a=1&%[query] if { path_beg /q }
  http-request set-pathq /pq%[pathq] if { path_beg /both }
  http-request replace-path (.*)/old/(.*) \\1/new/\\2
  http-request replace-pathq ([^?]*)\\?(.*)x=1(.*) \\1?\\2x=2\\3 if { path_beg /rpq }
  http-request replace-uri ^/uri/(.*) /replaced/\\1
  http-request set-uri /set/uri?x=y if { path /seturi }
  http-request set-method PATCH if { method PUT }
  http-request set-header x-path %[path]
  http-request set-header x-query %[query]
  http-request set-header x-url %[url]
  http-request set-header x-base %[base]
  http-request set-header x-baseq %[capture.req.uri]
  default_backend out
backend out
  server s @a@
""", [get(path) for path in ("/p1", "/q?z=2", "/q", "/both?b=c", "/x/old/y", "/x/old/y/old/z", "/rpq?a=b&x=1&c", "/uri/thing?q", "/seturi", "/plain", "/p?x=y")] +
    [request("PUT", "/m", body="x"), get("http://example.com/abs/path?x=1"), get("http://other.example.com/old/abs"), request("OPTIONS", "*")])

configuration("cookies", """
frontend in
  bind 127.0.0.1:@in@
  acl has_session req.cook(session) -m found
  acl beta req.cook(beta) 1 yes
  acl many req.cook_cnt(multi) gt 1
  http-request set-header x-session %[req.cook(session)] if has_session
  http-request set-header x-value %[req.cook_val(num)]
  http-request set-header x-many %[req.cook_cnt(multi)] if many
  http-request replace-header Cookie (.*)secret=[^;]*;?\\ ?(.*) \\1\\2
  use_backend beta if beta
  default_backend stable
backend beta
  cookie SRV insert indirect nocache
  server b @b@ cookie bb
backend stable
  cookie APP prefix nocache
  http-response add-header Set-Cookie "APP=value; path=/" if { path /set }
  server a @a@ cookie aa
  server c @c@ cookie cc backup
""", [get("/"), get("/", "Cookie: session=abc"), get("/", "Cookie: beta=1"), get("/", "Cookie: beta=yes; session=x; SRV=bb"), get("/", "Cookie: num=42; multi=1; multi=2"), get("/", "Cookie: num=abc"),
      get("/", "Cookie: secret=1; keep=2"), get("/", "Cookie: a=1; secret=2"), get("/", "Cookie: APP=aa~inner"), get("/", "Cookie: session=\"quoted\""), get("/", "Cookie: session"),
      get("/", "Cookie: session=1", "Cookie: session=2; beta=0"), get("/", "Cookie: SRV=zz; beta=1")])

configuration("url_parameters", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-header x-a <%[url_param(a)]>
  http-request set-header x-b <%[urlp(b,;)]>
  http-request set-header x-i <%[urlp_val(n)]>
  http-request set-header x-dec <%[url_param(a),url_dec]>
  http-request set-header x-enc <%[path,url_enc]>
  http-request set-header x-q <%[query]>
  acl big urlp_val(n) gt 100
  acl is_x url_param(a) -i x
  use_backend b if big
  use_backend c if is_x
  default_backend a
backend a
  server a @a@
backend b
  server b @b@
backend c
  server c @c@
""", [get("/" + query) for query in ("", "?a=1", "?a=x", "?A=x", "?a=%20y", "?b=1;c=2", "?x;b=2", "?n=99", "?n=101", "?n=abc", "?a=1&a=2", "?a", "?a=", "?=a", "?a=b%2fc&n=500", "?n=-5")])

configuration("strings", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-header x-1 %[req.hdr(v),field(2,-)]
  http-request set-header x-2 %[req.hdr(v),field(-1,-)]
  http-request set-header x-3 %[req.hdr(v),word(2,-)]
  http-request set-header x-4 %[req.hdr(v),bytes(2,3)]
  http-request set-header x-5 %[req.hdr(v),regsub(-,+,g)]
  http-request set-header x-6 %[req.hdr(v),base64]
  http-request set-header x-7 %[req.hdr(v),hex]
  http-request set-header x-8 %[req.hdr(v),sha1,hex,lower]
  http-request set-header x-9 %[req.hdr(v),crc32]
  http-request set-header x-a %[req.hdr(v),djb2]
  http-request set-header x-b %[req.hdr(v),sdbm(1)]
  http-request set-header x-c %[req.hdr(v),wt6,mod(100)]
  http-request set-header x-d %[req.hdr(v),xxh32]
  http-request set-header x-e %[req.hdr(v),json(ascii)]
  http-request set-header x-f %[req.hdr(v),strcmp(txn.none)]
  http-request set-header x-g %[req.hdr(v),length,mul(3),sub(1),div(2),neg]
  http-request set-header x-h %[req.hdr(v),ltrim(a),rtrim(c)]
  http-request set-header x-j %[req.hdr(v),iif(yes,no)]
  http-request set-header x-k %[req.hdr(v),crc32c]
  http-request set-header x-l %[req.hdr(v),word(-1,-,2)]
  http-request set-header x-m %[req.hdr(v),sha2(256),hex]
  default_backend out
backend out
  server s @a@
""", [get("/", f"V: {value}") for value in ("a-b-c", "abc", "--x--", "a", "aaa-ccc", "1", "\xe9t\xe9", "with \"quote\" \\", "a--b", "-")] + [get("/")])

configuration("numbers_and_dates", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-header x-1 %[req.hdr_val(n),add(5)]
  http-request set-header x-2 %[req.hdr_val(n),sub(5)]
  http-request set-header x-3 %[req.hdr_val(n),mul(5)]
  http-request set-header x-4 %[req.hdr_val(n),div(5)]
  http-request set-header x-5 %[req.hdr_val(n),mod(5)]
  http-request set-header x-6 %[req.hdr_val(n),and(6)]
  http-request set-header x-7 %[req.hdr_val(n),or(6)]
  http-request set-header x-8 %[req.hdr_val(n),xor(6)]
  http-request set-header x-9 %[req.hdr_val(n),cpl]
  http-request set-header x-a %[req.hdr_val(n),even]
  http-request set-header x-b %[req.hdr_val(n),odd]
  http-request set-header x-c %[req.hdr_val(n),bool]
  http-request set-header x-d %[req.hdr_val(n),not]
  http-request set-header x-e %[req.hdr_val(n),http_date]
  http-request set-header x-f %[req.hdr_val(n),utime(%Y-%m-%d)]
  http-request set-header x-g %[req.hdr(n),in_table(x)] if FALSE
  acl range req.hdr_val(n) 10:20
  acl low req.hdr_val(n) lt 10
  http-request set-header x-range yes if range
  http-request set-header x-low yes if low
  default_backend out
backend out
  server s @a@
""".replace("  http-request set-header x-g %[req.hdr(n),in_table(x)] if FALSE\n", ""), [get("/", f"N: {value}") for value in ("0", "7", "15", "-3", "1000000000", "abc", "12abc", "9223372036854775807", " 5 ")] + [get("/")])

configuration("addresses", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-header x-mask %[req.hdr_ip(x-ip),ipmask(24,64)]
  http-request set-header x-src %[src]
  http-request set-header x-dst %[dst]
  http-request set-header x-cmp yes if { req.hdr_ip(x-ip) 10.0.0.0/8 192.168.0.0/16 }
  http-request set-header x-v6 yes if { req.hdr_ip(x-ip) 2001:db8::/32 }
  http-request set-src req.hdr_ip(x-set) if { req.hdr(x-set) -m found }
  http-request set-header x-new %[src]
  option forwardfor
  default_backend out
backend out
  server s @a@
""", [get("/", f"X-IP: {value}") for value in ("10.1.2.3", "192.168.77.1", "8.8.8.8", "2001:db8:1:2:3::4", "junk", "10.1.2.3, 8.8.8.8", "[::1]", "10.1.2.3:80")] +
    [get("/", "X-Set: 203.0.113.7"), get("/", "X-Set: 2001:db8::9"), [get("/1", "X-Set: 203.0.113.7"), get("/2")]])

configuration("forwarded_headers", """
frontend in
  bind 127.0.0.1:@in@
  option forwardfor header X-Client if-none
  option originalto
  default_backend out
backend out
  option forwardfor if-none
  http-request set-header X-Proto http
  http-send-name-header X-Server
  server s1 @a@
""", [get("/"), get("/", "X-Client: 1.2.3.4"), get("/", "X-Forwarded-For: 5.6.7.8"), get("/", "X-Original-To: x"), get("/", "X-Server: fake")])

configuration("cors", """
frontend in
  bind 127.0.0.1:@in@
  acl is_options method OPTIONS
  acl origin_ok req.hdr(origin) -m end .example.com
  http-request set-var(txn.origin) req.hdr(origin) if origin_ok
  http-request return status 204 hdr Access-Control-Allow-Origin "%[var(txn.origin)]" hdr Access-Control-Allow-Methods "GET, POST" hdr Access-Control-Max-Age 600 if is_options origin_ok
  http-request deny if is_options
  default_backend out
backend out
  http-response set-header Access-Control-Allow-Origin "%[var(txn.origin)]" if { var(txn.origin) -m found }
  http-response add-header Vary Origin
  server s @a@
""", [request("OPTIONS", "/", "Origin: https://app.example.com"), request("OPTIONS", "/", "Origin: https://evil.org"), get("/", "Origin: https://app.example.com"), get("/", "Origin: null"), get("/"), post("/x", "{}", "Origin: https://x.example.com")])

configuration("security_headers", """
frontend in
  bind 127.0.0.1:@in@
  http-request deny if { req.hdr_cnt(content-length) gt 1 }
  http-request deny deny_status 413 if { req.hdr_val(content-length) gt 1000 }
  http-request deny deny_status 408 if { url_len gt 200 }
  http-request deny deny_status 400 if { path_sub .. }
  http-request deny deny_status 405 unless { method GET HEAD POST }
  http-request set-var(txn.path) path
  http-response set-header Strict-Transport-Security "max-age=63072000; includeSubDomains"
  http-response set-header X-Frame-Options DENY
  http-response set-header Referrer-Policy no-referrer
  http-response del-header Server
  http-response del-header X-Powered-By
  http-response set-status 203 reason "Filtered" if { var(txn.path) -m str /filtered }
  default_backend out
backend out
  server s @a@
""", [get("/"), post("/", "x" * 1001), post("/", "x" * 1000), get("/" + "a" * 200), get("/" + "a" * 190), get("/a/../b"), request("TRACE", "/"), request("PURGE", "/x"), get("/filtered"), request("HEAD", "/")])

configuration("bodies", """
frontend in
  bind 127.0.0.1:@in@
  option http-buffer-request
  http-request set-header x-body %[req.body]
  http-request set-header x-len %[req.body_len]
  http-request set-header x-size %[req.body_size]
  http-request set-header x-param %[req.body_param(user)]
  http-request set-header x-json %[req.body,json_query('$.id')] if { req.hdr(content-type) -m beg application/json }
  acl evil req.body -m sub evil
  http-request deny if evil
  default_backend out
backend out
  server s @a@
""", [post("/", "hello"), post("/", "user=me&x=1", "Content-Type: application/x-www-form-urlencoded"), post("/", "this is evil"), post("/", '{"id": 42}', "Content-Type: application/json"),
      post("/", '{"id": "abc"}', "Content-Type: application/json"), post("/", ""), get("/"), post("/", "x=1&user=", "Content-Type: application/x-www-form-urlencoded"),
      b"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"])

configuration("monitoring", """
frontend in
  bind 127.0.0.1:@in@
  monitor-uri /alive
  acl dead nbsrv(out) lt 1
  acl few nbsrv(empty) lt 1
  monitor fail if dead
  http-request set-header x-n "%[nbsrv(out)] %[be_conn(out)] %[connslots(out)] %[fe_name] %[be_name]" if FALSE
  http-request return status 200 content-type text/plain lf-string "%[fe_name] %[nbsrv(out)] %[nbsrv(empty)]" if { path /info }
  http-request deny deny_status 503 if few { path /few }
  default_backend out
backend empty
backend out
  server s @a@
""".replace('  http-request set-header x-n "%[nbsrv(out)] %[be_conn(out)] %[connslots(out)] %[fe_name] %[be_name]" if FALSE\n', ""), [get("/alive"), get("/info"), get("/few"), get("/alive?x"), get("/alive/x"), request("HEAD", "/alive"), get("/")])

configuration("custom_logs", """
frontend in
  bind 127.0.0.1:@in@
  log-format "%ci %f %b %s %ST %tsc %HM %{+Q}HU %HV {%[capture.req.hdr(0)]} %[capture.req.hdr(1),lower] %[var(txn.t)] %hr %{+Q}[var(txn.t)] %%"
  capture request header X-Cap len 20
  capture request header X-Log len 20
  http-request set-var(txn.t) int(3),add(4)
  http-request set-log-level silent if { path /silent }
  http-request set-log-level warning if { path /warn }
  default_backend out
backend out
  server s @a@
""", [get("/"), get("/x?y=z", "X-Log: LOUD"), get("/warn"), get("/", "X-Cap: captured"), get("/", "X-Cap: \"q\" {b}"), post("/p", "x"), get("/a%22b"), get("/404x", host="a.b")])

configuration("clf_logs", """
frontend in
  bind 127.0.0.1:@in@
  option httplog clf
  capture request header User-Agent len 30
  default_backend out
backend out
  server s @a@
""", [get("/", "User-Agent: curl"), get("/a?b=c"), post("/", "x", "User-Agent: a \"b\"")])

configuration("listen_sections", """
listen web
  bind 127.0.0.1:@in@
  balance roundrobin
  http-request set-header x-fe %[fe_name]
  http-request deny if { path /no }
  http-response set-header x-be %[be_name]
  http-response set-header x-srv %[srv_name]
  server w1 @a@
listen web2
  bind 127.0.0.1:@in2@
  use_backend web if { path_beg /web }
  server w2 @b@
""", [get("/"), get("/no"), ("@in2@", get("/")), ("@in2@", get("/web/x")), ("@in2@", get("/no")), ("@in2@", get("/web"))])

configuration("defaults_with_rules", """
defaults base
  mode http
  log global
  option httplog
  timeout connect 2s
  timeout client 4s
  timeout server 4s
  http-request set-header x-from defaults
  http-request deny if { path /def }
  http-response set-header x-resp defaults
defaults plain
  mode http
  timeout connect 2s
  timeout server 4s
frontend in from base
  bind 127.0.0.1:@in@
  http-request set-header x-own yes
  default_backend out
backend out from plain
  server s @a@
""", [get("/"), get("/def"), get("/x?y")])

configuration("order_of_rules", """
frontend in
  bind 127.0.0.1:@in@
  redirect location /redirected if { path /both }
  http-request deny if { path /both }
  http-request set-header x-seq a
  http-request set-header x-seq %[req.hdr(x-seq)]b
  use_backend one if { path_beg /one }
  use_backend two if { path_beg /o }
  http-request set-header x-seq %[req.hdr(x-seq)]c
  http-request allow if { path_beg /one }
  http-request set-header x-seq %[req.hdr(x-seq)]d
  default_backend rest
backend one
  http-request set-header x-seq %[req.hdr(x-seq)]1
  redirect location /be if { path /one/be }
  server a @a@
backend two
  http-request set-header x-seq %[req.hdr(x-seq)]2
  server b @b@
backend rest
  server c @c@
""", [get(path) for path in ("/both", "/one", "/oth", "/rest", "/one/be")])

configuration("conditions", """
frontend in
  bind 127.0.0.1:@in@
  acl a hdr(a) 1
  acl b hdr(b) 1
  acl c hdr(c) 1
  acl ab hdr(a) 1
  acl ab hdr(b) 1
  http-request set-header r-and yes if a b
  http-request set-header r-or yes if a || b
  http-request set-header r-mix yes if a b or c
  http-request set-header r-not yes if !a b
  http-request set-header r-unless yes unless a b
  http-request set-header r-multi yes if ab
  http-request set-header r-nmulti yes if !ab
  http-request set-header r-anon yes if { hdr(a) 1 } !{ hdr(b) 1 } or { hdr(c) 1 } c
  http-request set-header r-true yes if TRUE
  http-request set-header r-false yes if FALSE
  http-request set-header r-meth yes if METH_GET
  http-request set-header r-11 yes if HTTP_1.1
  http-request set-header r-10 yes if HTTP_1.0
  http-request set-header r-url yes if HTTP_URL_SLASH
  http-request set-header r-cont yes if HTTP_CONTENT
  http-request set-header r-local yes if LOCALHOST
  default_backend out
backend out
  server s @a@
""", [get("/", *[f"{name}: 1" for name in names]) for names in ("", "a", "b", "c", "ab", "ac", "bc", "abc")] + [get("/", version="1.0"), post("/", "x"), request("HEAD", "/"), request("OPTIONS", "*")])

configuration("http_1_0_and_keep_alive", """
frontend in
  bind 127.0.0.1:@in@
  http-request set-header x-ver %[req.ver]
  http-response set-header x-ver %[res.ver]
  default_backend out
backend out
  server s @a@
""", [get("/", version="1.0"), get("/", "Connection: keep-alive", version="1.0"), get("/", "Connection: close"), get("/", "Connection: x-hop", "X-Hop: 1"), [get("/1"), get("/2"), get("/3")],
      get("/", "Keep-Alive: 300"), get("/", "TE: trailers"), get("/chunked"), get("/status/204"), get("/status/304"), get("/status/404"), request("HEAD", "/chunked")])

configuration("dead_servers", """
frontend in
  bind 127.0.0.1:@in@
  acl down srv_is_up(out/s) -m bool 0
  use_backend out if { path_beg /out }
  use_backend both if { path_beg /both }
  use_backend %[str(missing)] if { path /made }
backend out
  retries 0
  server s @dead@
backend both
  retries 1
  option redispatch 1
  server s @dead@
  server t @a@ backup
""", [get("/out"), get("/none"), get("/made")])

configuration("unique_ids", """
frontend in
  bind 127.0.0.1:@in@
  unique-id-format %{+X}o-%f-%ci
  unique-id-header X-Unique-ID
  log-format "%ID %ST"
  http-request set-header x-id %[unique-id]
  default_backend out
backend out
  server s @a@
""", [get("/"), get("/", "X-Unique-ID: mine"), [get("/1"), get("/2")]])

configuration("replace_and_regex", """
frontend in
  bind 127.0.0.1:@in@
  http-request replace-header Host ^(www\\.)?(.*)$ \\2
  http-request replace-value X-Forwarded-For ^192\\.168\\.(.*)$ 172.16.\\1
  http-request set-header x-reg %[path,regsub("[0-9]+","N",g)]
  http-request set-header x-reg2 '%[path,regsub("^/([a-z]+)/.*","<\\1>")]'
  http-request set-header x-regi %[path,regsub(ABC,x,i)]
  acl re path_reg -i ^/FOO(bar)?$
  http-request set-header x-re yes if re
  default_backend out
backend out
  server s @a@
""", [get("/", host="www.example.com"), get("/", host="example.com"), get("/", "X-Forwarded-For: 192.168.1.1, 10.0.0.1,192.168.2.2"), get("/a1b22c333"), get("/word/rest/more"), get("/foo"), get("/FOOBAR"), get("/fooba"), get("/xabcABC")])

configuration("connections_that_become_http", """
frontend by_rule
  mode tcp
  bind 127.0.0.1:@in@
  acl raw req.payload(5,3) -m str raw
  acl raw path_beg /raw
  tcp-request inspect-delay 2s
  tcp-request content set-var(txn.v) str(before)
  tcp-request content reject if { req.payload(0,3) -m str BYE }
  tcp-request content switch-mode http if HTTP !raw
  tcp-request content set-var(txn.v) str(behind)
  http-request set-header X-V %[var(txn.v)]
  http-request deny deny_status 429 if { path /denied }
  http-request redirect location /there if { path /moved }
  http-request return status 200 content-type text/plain lf-string "%[var(txn.v)] %[path]" if { path_beg /returned }
  http-response set-header X-R %[var(txn.v)]
  http-after-response set-header X-After 1
  use_backend be_raw if { path /totcp }
  use_backend be_%[path,field(2,.)] if { path_end .b .raw .none }
  default_backend be_a
frontend by_backend
  mode tcp
  bind 127.0.0.1:@in2@
  tcp-request inspect-delay 2s
  tcp-request content set-var(txn.v) src
  tcp-request content accept if HTTP
  use_backend be_b if { req.payload(5,2) -m str b/ }
  default_backend be_a
backend be_a
  http-request set-header X-Seen %[var(txn.v)]
  http-response set-header X-Back a
  server a @a@
backend be_b
  option forwardfor
  http-request deny if { path /b/denied }
  server b @b@
backend be_raw
  mode tcp
  server t @ta@
""", [get("/"), [get("/1"), get("/raw/2"), get("/3")], [get("/raw/1"), get("/2")], post("/p", "body"), request("HEAD", "/"),
     [get("/denied"), get("/after")], [get("/moved"), get("/after")], [get("/returned/1"), get("/returned/2")],
     [get("/1"), get("/totcp")], get("/totcp"), get("/x.b"), get("/x.none"), [get("/1"), get("/x.raw")], b"hello there\r\n\r\n", b"BYE\r\n\r\n",
     [get("/1"), b"hello there\r\n\r\n"], request("POST", "/c", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n",
     ("@in2@", get("/")), ("@in2@", get("/b/1")), ("@in2@", post("/c", "body")), ("@in2@", get("/b/denied")), ("@in2@", b"hello there\r\n\r\n"), ("@in2@", get("/", "Connection: close"))])
