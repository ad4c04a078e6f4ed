"""log_differences: where Ringway's log lines differ from HAProxy 2.6's, for log_compare_test.py: every difference has its reason.

A row names a situation: the fields of its custom line as {field: (ours, HAProxy's)}, with "2." before those of the second of
several lines; "line" for a line without fields; "lines" for how many there are, or the kind of line where only that kind has
another number. A difference that is not listed fails the test, and so does one that is not seen any more.
"""

TOLD_REASON = ("a client that closes its sending direction may still read: it is told 400, as 2.6 does where the end comes along "
               "with the request")
SLOT_REASON = ("%sc counts whom the place was given to next; HAProxy gives it away after the line. Who comes from the queue was selected "
               "for the server, too (lbtot)")
# Counters of `show stat`.
TIMED_OUT = {"out/s1.eresp": ("1", "0"), "out/BACKEND.eresp": ("1", "0")}
TIMED_OUT_REASON = "management 9.1, eresp: what srv_abrt counts is counted here, too; 2.6 leaves timeouts out"
TAKEN = {"out/s1.lbtot": ("2", "1"), "out/BACKEND.lbtot": ("2", "1")}
BAD_HEADER = {"default": (1, 0)}
BAD_HEADER_REASON = "manual 8.2.5: the connection error line is written whatever the format; 2.6 is silent without one"

DIFFERENCES = {
    "server_stalls_within_body": (TIMED_OUT, TIMED_OUT_REASON),
    "tcp_server_stalls": (TIMED_OUT, TIMED_OUT_REASON),
    "server_resets_without_answer": ({"out/s1.eresp": ("1", "2"), "out/BACKEND.eresp": ("1", "2")}, "one response, one error"),
    "buffered_body_cut": ({"b": ("in", "out"), "out/BACKEND.stot": ("0", "1"), "out/BACKEND.hrsp_other": ("0", "1"),
                           "out/BACKEND.req_tot": ("0", "1"), "out/BACKEND.cli_abrt": ("0", "1"), "out/BACKEND.bin": ("0", "ALL")},
                          "a request that was cut goes to no backend; 2.6 chooses one, and then finds that the client is gone"),
    "as_soon_as_possible": ({"U": ("SOME", "0"), "in/FRONTEND.bin untold": ("0", "SOME")}, "the request has been read"),
    "tcp_as_soon_as_possible": ({"U": ("1", "0"), "in/FRONTEND.bin untold": ("0", "1")}, "the byte has been read"),
    "body_stalls": ({"ST": ("408", "504"), "ts": ("cH", "sH"), "tsc": ("cH--", "sH--")},
                    "manual 8.5, cH: 'timeout client' ends a body that stalls; 2.6 lets 'timeout server' end it"),
    "body_chunks_broken": ({"Tq": ("0", "-1"), "TR": ("0", "-1"), "Tw": ("0", "-1"), "B": ("SOME", "0"),
                            "HM": ("POST", "<BADREQ>"), "HP": ("/a", "<BADREQ>"), "HPO": ("/a", "<BADREQ>"),
                            "HQ": ("", "<BADREQ>"), "HU": ("/a", "<BADREQ>"), "HV": ("HTTP/1.1", "<BADREQ>"),
                            "b": ("out", "in"), "r": ("POST /a HTTP/1.1", "<BADREQ>"), "s": ("s1", "<NOSRV>"),
                            "si": ("127.0.0.1", "-"), "sp": ("PORT", "-")},
                           "a good head is a request, whatever its body turns out to be; 2.6 parses both at once"),
    "buffered_body_stalls": ({"Tq": ("0", "-1"), "TR": ("0", "-1")}, "manual 8.4, TR: the head came at once"),
    "client_leaves_before_answer": ({"Ta": ("LONG", "0"), "Tt": ("LONG", "0"), "Tu": ("LONG", "0"), "ST": ("504", "400"),
                                     "ts": ("sH", "CH"), "tsc": ("sH--", "CH--")},
                                    "manual 4.2, option abortonclose: a server that is at work is shown the end and decides how "
                                    "to proceed; this one never does. 2.6 ends the exchange"),
    "client_resets_before_answer": ({"ts": ("CH", "CD"), "tsc": ("CH--", "CD--")},
                                    "manual 8.5, CH: the client aborted while waiting for the server to start responding"),
    "answer_has_broken_chunks": ({"Td": ("0", "-1"), "Tr": ("0", "-1"), "ST": ("200", "502"), "ts": ("PD", "PH"),
                                  "tsc": ("PD--", "PH--")}, "the good head has gone to the client before the body was looked at"),
    "no_backend": ({"Tq": ("0", "-1"), "TR": ("0", "-1")}, "the whole request was read"),
    "client_leaves_while_connecting": ({"B": ("SOME", "0"), "ST": ("400", "-1")}, TOLD_REASON),
    "client_leaves_the_queue": ({"1.B": ("SOME", "0"), "1.ST": ("400", "-1")}, TOLD_REASON),
    "bound_by_a_hash": ({"Tc": ("LONG", "-1"), "Td": ("0", "-1"), "Tr": ("0", "-1"), "Tw": ("0", "LONG"), "ST": ("200", "503"),
                         "rc": ("+2", "2"), "s": ("s2", "s1"), "ts": ("--", "SC"), "tsc": ("----", "SC--")},
                        "manual 4.2, option redispatch: it breaks hash based persistence; 2.6 hashes again, to the same server"),
    "nobody_to_redispatch_to": ({"Tw": ("0", "LONG")},
                                "a pause before the same server is no wait in a queue, which is what %Tw is (manual 8.4)"),
    "tcp_silent_before_the_retry": ({"out/s1.cli_abrt": ("0", "1"), "out/BACKEND.cli_abrt": ("0", "1"), "bi": ("127.0.0.1", "-"), "bp": ("PORT", "-"),
                                     "si": ("127.0.0.1", "-"), "sp": ("PORT", "-")}, "%s names the server that was tried, so %si and %bi tell of it; no transfer had "
                                    "begun that a client could break off (management 9.1, cli_abrt)"),
    "waits_in_the_queue": ({"1.sc": ("1", "0"), **TAKEN}, SLOT_REASON),
    "two_wait": ({"1.sc": ("1", "0"), **TAKEN}, SLOT_REASON),
    "tcp_waits_in_the_queue": ({"1.sc": ("1", "0"), **TAKEN}, SLOT_REASON),
    "announced_garbage": (BAD_HEADER, BAD_HEADER_REASON),
    "tcp_announced_garbage": (BAD_HEADER, BAD_HEADER_REASON),
    "announced_half": ({"line": ("Timeout while waiting for PROXY protocol header", "Truncated PROXY protocol header received")},
                       "a header may come in pieces, as the issue asks: its rest is waited for"),
    "announced_bad_address": ({"line": ("Received an invalid PROXY protocol header", None)},
                              "an octet of 300 is refused; 2.6 takes it for another address (10.1.3.44)"),
    "announced_v2_garbage": ({"line": ("Received an invalid PROXY protocol header",
                                       "Received something which does not look like a PROXY protocol header")},
                             "its signature does look like one; the version in it is unknown"),
    "terminated": ({"lines": (3, 1)}, "that a proxy has stopped is said whatever signal stopped it"),
    "stopped_softly": ({"lines": (3, 4)}, "there is no proxy <HTTPCLIENT> here"),
}
