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
        return check_headers.check_compiling(self.root, self.build, "g++", list(headers))

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
