"""check_style_test.py - what the style check complains about, and how its ratchet turns."""

import os
import subprocess
import unittest.mock

import counted

check_style = counted.load("check_style")


def long_function(lines, name="F"):
    return f"int {name}() {{\n" + "  G();\n" * (lines - 2) + "}\n"


# (name, path, text, part of the complaint or None)
ROWS = [
    ("clean", "base/a.cc", "int a;\n", None),
    ("tab", "base/a.cc", "int\ta;\n", "a tab"),
    ("trailing blank", "base/a.cc", "int a; \n", "blanks at the end"),
    ("carriage return", "base/a.cc", "int a;\r\n", "carriage return"),
    ("no newline", "base/a.cc", "int a;", "no newline"),
    ("100 columns", "base/a.cc", "//" + "x" * 98 + "\n", None),
    ("101 columns", "base/a.cc", "//" + "x" * 99 + "\n", "101 columns"),
    ("columns are letters", "base/a.cc", "//" + "é" * 98 + "\n", None),
    ("long include", "base/a.cc", '#include "' + "x" * 100 + '"\n', None),
    ("name", "base/BadName.cc", "", "snake_case"),
    ("name with a dash", "tests/tools/bad-name.py", "", "snake_case"),
    ("liburing", "shard/conn/a.cc", "#include <liburing.h>\n", "belongs to shard/ring"),
    ("kernel's ring", "base/a.h", "#include <linux/io_uring.h>\n", "belongs to shard/ring"),
    ("liburing at home", "shard/ring/a.cc", "#include <liburing.h>\n", None),
    ("liburing in a bench", "bench/relay/a.cc", "#include <liburing.h>\n", None),
    ("mutex", "shard/loop/a.h", "std::mutex m;\n", "no locks"),
    ("shared mutex", "shard/loop/a.h", "std::shared_mutex m;\n", "no locks"),
    ("condition", "shard/loop/a.cc", "std::condition_variable c;\n", "no locks"),
    ("absl's", "shard/loop/a.cc", "absl::Mutex m;\n", "no locks"),
    ("mutex in words", "shard/loop/a.cc", "// not a std::mutex\n", None),
    ("mutex elsewhere", "engine/log/a.cc", "std::mutex m;\n", None),
    ("using namespace", "base/a.h", "using namespace std;\n", "using namespace"),
    ("in a source", "tests/base/a.cc", "using namespace base;\n", None),
    ("unowned", "base/a.cc", "// TO" + "DO: later\n", "without an issue"),
    ("owned", "base/a.cc", "// TO" + "DO(#12): later\n", None),
    ("unowned too", "base/a.h", "// FIX" + "ME\n", "without an issue"),
    ("70 lines", "base/a.cc", long_function(70), None),
    ("71 lines", "base/a.cc", long_function(71), "has 71 lines: split it"),
    ("800 lines", "base/a.cc", "int a;\n" * 800, None),
    ("801 lines", "base/a.cc", "int a;\n" * 801, "the file has 801 lines"),
]


class Style(counted.TreeCase):
    def complaints(self):
        return check_style.check(self.root, with_clang_format=False)[0]

    def test_rows(self):
        for name, path, text, complaint in ROWS:
            with self.subTest(name):
                self.setUp()
                with open(self.write(path, ""), "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                # Past a limit there are two complaints: no entry, no reason.
                complaints = [c for c in self.complaints() if "gives no reason" not in c]
                if complaint is None:
                    self.assertEqual(complaints, [])
                else:
                    self.assertEqual(len(complaints), 1, complaints)
                    self.assertIn(complaint, complaints[0])

    def test_present_size_and_reason_let_through(self):
        self.write("base/a.cc", "// a.cc - it.\n// Size: one table.\n" + long_function(71))
        self.write("tools/style_ratchet", "function base/a.cc F 71\n")
        self.assertEqual(self.complaints(), [])

    def test_entry_without_reason(self):
        self.write("base/a.cc", long_function(71))
        self.write("tools/style_ratchet", "function base/a.cc F 71\n")
        self.assertIn("gives no reason", self.complaints()[0])

    def test_growing_past_the_entry(self):
        self.write("base/a.cc", "// Size: one table.\n" + long_function(72))
        self.write("tools/style_ratchet", "function base/a.cc F 71\n")
        self.assertIn("grew from 71 to 72", self.complaints()[0])

    def test_shrinking_asks_for_the_new_size(self):
        self.write("base/a.cc", "// Size: one table.\n" + long_function(72))
        self.write("tools/style_ratchet", "# why\nfacts 3\nfunction base/a.cc F 90\nlines base/b.cc 900\n")
        self.assertEqual(len(self.complaints()), 2)
        check_style.tighten(self.root, check_style.check(self.root, with_clang_format=False)[2])
        with open(os.path.join(self.root, "tools/style_ratchet"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "# why\nfacts 3\nfunction base/a.cc F 72\n")
        self.assertEqual(self.complaints(), [])

    def test_tighten_never_raises(self):
        self.write("base/a.cc", "// Size: one table.\n" + long_function(99))
        self.write("tools/style_ratchet", "function base/a.cc F 90\n")
        check_style.tighten(self.root, check_style.check(self.root, with_clang_format=False)[2])
        self.assertIn("grew from 90 to 99", self.complaints()[0])

    def test_flat_switch_needs_no_entry(self):
        cases = "".join(f"    case {i}:\n      return {i};\n" for i in range(50))
        self.write("base/a.cc", "int F(int x) {\n  switch (x) {\n" + cases + "  }\n  return 0;\n}\n")
        self.assertEqual(self.complaints(), [])

    def test_raised_entry_is_refused_before_and_after_the_commit(self):
        def git(*words):
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", *identity, "-C", self.root, *words], check=True, capture_output=True)

        git("init", "-q")
        for lines in (80, 90):
            self.write("base/a.cc", "// Size: one table.\n" + long_function(lines))
            self.write("tools/style_ratchet", f"function base/a.cc F {lines}\n")
            raised = [c for c in self.complaints() if "was raised from 80 to 90" in c]
            self.assertEqual(len(raised), int(lines == 90))
            git("add", ".")
            git("commit", "-q", "-m", "a")
        self.assertEqual(len([c for c in self.complaints() if "was raised from 80 to 90" in c]), 1)

    def test_missing_clang_format_fails_unless_skipped(self):
        with unittest.mock.patch.object(check_style, "find_clang_format", return_value=None):
            with unittest.mock.patch.dict(os.environ):
                os.environ.pop("RINGWAY_SKIP_MISSING_PEERS", None)
                complaints, skipped = check_style.format_complaints(self.root, ["base/a.cc"])
                self.assertEqual((len(complaints), skipped), (1, False))
                os.environ["RINGWAY_SKIP_MISSING_PEERS"] = "1"
                self.assertEqual(check_style.format_complaints(self.root, ["base/a.cc"]), ([], True))

    @unittest.skipUnless(check_style.find_clang_format(), "no clang-format 14")
    def test_clang_format_names_file_and_line(self):
        self.write(".clang-format", "BasedOnStyle: Google\n")
        self.write("base/a.cc", "int a;\nint   b;\n")
        self.write("base/b.cc", "int a;\n")
        complaints, skipped = check_style.format_complaints(self.root, ["base/a.cc", "base/b.cc"])
        self.assertEqual((complaints, skipped), (["base/a.cc:2: not as clang-format writes it"], False))


if __name__ == "__main__":
    counted.main()
