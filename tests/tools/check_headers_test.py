"""check_headers_test.py - headers that compile alone and say what they are, and what is remembered of them."""

import json
import os

import counted

check_headers = counted.load("check_headers")

GOOD = "// good.h - a good one.\n//\n// Threads: immutable.\n#pragma once\n#include <string>\nextern std::string good;\n"


class Opening(counted.TreeCase):
    def complaints(self, text):
        return check_headers.opening_complaints("base/good.h", text)

    def test_good(self):
        self.assertEqual(self.complaints(GOOD), [])

    def test_another_name(self):
        self.assertIn("must open with", self.complaints(GOOD.replace("// good.h", "// bad.h"))[0])

    def test_no_guard(self):
        self.assertIn("#pragma once", self.complaints("// good.h - it.\nint x;\n")[0])

    def test_code_before_guard(self):
        self.assertIn("base/good.h:2:", self.complaints("// good.h - it.\nint x;\n#pragma once\n")[0])

    def test_only_a_comment(self):
        self.assertEqual(len(self.complaints("// good.h - it.\n")), 1)


class Facts(counted.TreeCase):
    def test_threads_said(self):
        self.assertIsNone(check_headers.facts_warning("base/good.h", GOOD))

    def test_threads_not_said(self):
        self.assertIn("warning", check_headers.facts_warning("base/good.h", "// good.h - it.\n#pragma once\n"))

    def test_threads_in_other_words(self):
        text = GOOD.replace("immutable", "whatever")
        self.assertIn("none of", check_headers.facts_warning("base/good.h", text))

    def test_tests_need_none(self):
        self.assertIsNone(check_headers.facts_warning("tests/fake/good.h", ""))

    def test_ratchet(self):
        self.assertIsNone(check_headers.facts_allowed(self.root))
        self.write("tools/style_ratchet", "# why\nlines base/a.cc 900\nfacts 3\n")
        self.assertEqual(check_headers.facts_allowed(self.root), 3)


class Compiling(counted.TreeCase):
    def setUp(self):
        super().setUp()
        self.build = os.path.join(self.root, "build")
        os.mkdir(self.build)
        self.write("base/good.h", GOOD)

    def check(self, *headers):
        compiled, _, complaints = check_headers.check_compiling(self.root, self.build, "g++", list(headers))
        return compiled, complaints

    def chains(self, *headers, flags=None):
        prints = check_headers.Fingerprints(self.root)
        flags_of = {path: ((flags or {}).get(path, ["-O1"]), self.root) for path in headers}
        return sorted(check_headers.chains_of(flags_of, prints, self.root))

    def test_good_is_compiled_once(self):
        self.assertEqual(self.check("base/good.h"), (1, []))
        self.assertEqual(self.check("base/good.h"), (0, []))

    def test_change_below_is_noticed(self):
        self.write("base/user.h", '// user.h - it.\n#pragma once\n#include "base/good.h"\ninline auto* p = &good;\n')
        self.assertEqual(self.check("base/user.h"), (1, []))
        self.write("base/good.h", GOOD.replace("std::string good", "std::string other"))
        compiled, complaints = self.check("base/user.h")
        self.assertEqual(compiled, 1)
        self.assertIn("base/user.h:1: does not compile alone", complaints[0])

    def test_failure_is_not_remembered(self):
        self.write("base/bad.h", "// bad.h - it.\n#pragma once\nstd::string lacks_include;\n")
        for _ in range(2):
            compiled, complaints = self.check("base/bad.h")
            self.assertEqual((compiled, len(complaints)), (1, 1))

    def test_missing_guard_shows(self):
        self.write("base/bad.h", "struct Twice {};\n")
        self.assertEqual(len(self.check("base/bad.h")[1]), 1)

    def test_what_a_header_includes_is_proven_before_it(self):
        self.write("base/user.h", '// it.\n#pragma once\n#include <map>\n#include "base/good.h"\n')
        self.write("base/top.h", '#pragma once\n#include "base/user.h"\nint x;\n')
        self.write("base/other.h", "#pragma once\n#include <map>\n")
        chains = self.chains("base/good.h", "base/other.h", "base/top.h", "base/user.h")
        self.assertEqual(chains, [["base/good.h", "base/user.h", "base/top.h"], ["base/other.h"]])

    def test_a_header_that_finds_a_second_user_makes_room(self):
        # low may stand before a or b, middle before b alone.
        self.write("base/low.h", "#pragma once\n")
        self.write("base/middle.h", "#pragma once\n")
        self.write("base/a.h", '#pragma once\n#include "base/low.h"\n')
        self.write("base/b.h", '#pragma once\n#include "base/low.h"\n#include "base/middle.h"\n')
        chains = self.chains("base/b.h", "base/a.h", "base/low.h", "base/middle.h")
        self.assertEqual(chains, [["base/low.h", "base/a.h"], ["base/middle.h", "base/b.h"]])

    def test_an_include_behind_code_makes_no_chain(self):
        self.write("base/late.h", '#pragma once\nstruct Late;\n#include "base/good.h"\n')
        self.write("base/maybe.h", '#pragma once\n#ifdef MAYBE\n#include "base/good.h"\n#endif\n')
        headers = ["base/good.h", "base/late.h", "base/maybe.h"]
        self.assertEqual(self.chains(*headers), [[path] for path in headers])

    def test_fewer_flags_make_no_chain(self):
        self.write("base/user.h", '#pragma once\n#include "base/good.h"\n')
        headers = ["base/good.h", "base/user.h"]
        for flags, chains in ((["-DX"], [headers]), (["-I.", "-DX", "-fno-rtti"], [headers]), ([], [[h] for h in headers])):
            with self.subTest(flags):
                given = {"base/good.h": ["-Ibase", "-DX"], "base/user.h": flags}
                self.assertEqual(self.chains(*headers, flags=given), chains)

    def test_a_lack_is_not_hidden_by_what_stands_before(self):
        # Both use std::string. user.h includes good.h, which has it; lacks.h has it only where it stands behind others.
        self.write("base/user.h", '#pragma once\n#include "base/good.h"\ninline std::string more;\n')
        self.write("base/lacks.h", "#pragma once\ninline std::string lacking;\n")
        self.write("base/top.h", '#pragma once\n#include "base/user.h"\n#include "base/lacks.h"\n')
        compiled, complaints = self.check("base/good.h", "base/lacks.h", "base/top.h", "base/user.h")
        self.assertEqual((compiled, len(complaints)), (4, 1))
        self.assertIn("base/lacks.h:1: does not compile alone", complaints[0])
        # What passed is remembered, though its chain failed.
        self.assertEqual(self.check("base/good.h", "base/lacks.h", "base/top.h", "base/user.h")[0], 1)

    def test_flags_come_from_nearest_folder(self):
        self.write("extra/given.h", "")
        command = "c++ -Ielse -I../extra -DX=1 -O3 -c ../base/a.cc"
        entries = [{"directory": self.build, "file": "../base/a.cc", "command": command}]
        self.write("build/compile_commands.json", json.dumps(entries))
        self.write("base/deep/bad.h", "#pragma once\n#include <given.h>\n#ifndef X\n#error X\n#endif\n")
        self.assertEqual(self.check("base/deep/bad.h"), (1, []))

    def test_unity_source_stands_for_its_folder(self):
        self.write("extra/given.h", "")
        command = "c++ -I../extra -c base/libbase.a.p/base-unity0.cpp"
        entries = [{"directory": self.build, "file": "base/libbase.a.p/base-unity0.cpp", "command": command}]
        self.write("build/compile_commands.json", json.dumps(entries))
        self.write("base/bad.h", "#pragma once\n#include <given.h>\n")
        self.write("proto/bad.h", "#pragma once\n#include <given.h>\n")
        self.assertEqual(self.check("base/bad.h"), (1, []))
        self.assertEqual(len(self.check("proto/bad.h")[1]), 1)


if __name__ == "__main__":
    counted.main()
