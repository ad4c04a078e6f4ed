"""differences: where Ringway and HAProxy 2.6 differ in differential_test.py: every difference has its reason.

A row names a configuration and a request of it by its number, from 1; 0 stands for all. `ours` and `theirs` are patterns of
what was seen there, on one side only: it is taken out before the rest is compared. None: nothing is. A row that is not seen
any more fails.
"""

PRIVATE = ("cache-control: private\n", None,
           "manual 4.2, cookie nocache: a response without a validator may be cached, too (RFC 9111 section 4.2.2); 2.6 leaves it")
BODY_READ = (None, "connection: close\n", "the body of the refused request is here and is dropped: the connection can go on")
LENGTH = ("content-length: \\d+\n", "content-length: \\d+\n", "of the answer that holds what differs below")
HOP_BY_HOP = "RFC 9110 section 7.6.1: what concerns the connection alone, and what it names, is not forwarded"
NUMBERS = "2.6 goes wrong at the ends of the range; 3.5 and we stay in it (manual 7.3.1: results are kept within 64 bits)"
OUR_HASHES = "manual 4.2, hash-type: wt6 is not published"

DIFFERENCES = [
    ("openshift_router", 0, *PRIVATE),
    ("wordpress", 0, *PRIVATE),
    ("cookies", 0, *PRIVATE),
    ("https_redirects", 10, *BODY_READ),
    ("redirects", 12, *BODY_READ),
    ("header_rewriting", 0, *LENGTH),
    ("header_rewriting", 2, "x-list: a, B,c\n", "x-list: a,B,c\n", "manual 4.4, replace-value: its example keeps the blanks between values"),
    ("header_rewriting", 6, "x-list: B, B ,B\n", "x-list: B,B,B\n", "manual 4.4, replace-value: its example keeps the blanks between values"),
    ("target_rewriting", 15, *LENGTH),
    ("strings", 0, *LENGTH),
    ("strings", 0, "x-c: \\d+\n", "x-c: \\d+\n", OUR_HASHES),
    ("strings", 3, "x-l: x\n", "x-l: --x\n", "manual 7.3.1, word: delimiters around words are skipped; 2.6 counts those in front from the right"),
    ("numbers_and_dates", 0, *LENGTH),
    ("numbers_and_dates", 4, "x-2: -8\n", "x-2: 9223372036854775807\n", NUMBERS),
    ("numbers_and_dates", 4, "x-[ef]: .*\n", "x-[ef]: .*\n", "before 1970 is a date, too; 2.6 reads the number without its sign"),
    ("numbers_and_dates", 8, "x-([1-9ef]|low): .*\n", "x-([1-9ef]|low): .*\n", NUMBERS),
    ("addresses", 7, *LENGTH),
    ("addresses", 7, "x-mask: ::\n", "x-mask: \n", "manual 7.3.6, req.hdr_ip: an IPv6 address may stand in brackets"),
    ("conditions", 9, *LENGTH),
    ("conditions", 9, None, "connection: keep-alive\n", "a connection to a server is not kept for a request of HTTP/1.0: nothing would be gained"),
    ("http_1_0_and_keep_alive", 0, *LENGTH),
    ("http_1_0_and_keep_alive", 1, None, "connection: keep-alive\n", "as above"),
    ("http_1_0_and_keep_alive", 2, None, "(?<=x-ver: 1.0\n)connection: keep-alive\n", "as above"),
    ("http_1_0_and_keep_alive", 4, None, "connection: x-hop\nx-hop: 1\n", HOP_BY_HOP),
    ("http_1_0_and_keep_alive", 6, None, "keep-alive: 300\n", HOP_BY_HOP),
    ("http_1_0_and_keep_alive", 7, None, "te: trailers\n", HOP_BY_HOP),
]
