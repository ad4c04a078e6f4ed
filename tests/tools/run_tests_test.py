"""run_tests_test.py - that the test runner counts every case, and loses none to a crash."""

import os
import signal
import time
import unittest.mock

import counted

run_tests = counted.load("run_tests")

LISTING = "Running main() from gtest_main.cc\nSlab.\n  IsFull\n  Reuses\nTable/Parse.\n  Row/0  # GetParam() = 1\n  DISABLED_Row\n"

# A program that talks like GoogleTest: two cases, and $1 says how it ends.
GTEST = """#!/bin/bash
for word; do case $word in
  --gtest_list_tests) printf 'Slab.\\n  IsFull\\n  Reuses\\n'; exit 0 ;;
  --gtest_output=json:*) report=${word#--gtest_output=json:} ;;
esac; done
echo '[ RUN      ] Slab.IsFull'; echo '[       OK ] Slab.IsFull (0 ms)'
echo '[ RUN      ] Slab.Reuses'
case $1 in
  crash) kill -SEGV $$ ;;
  hang) sleep 60 ;;
esac
echo '[       OK ] Slab.Reuses (0 ms)'
printf '{"testsuites":[{"name":"Slab","testsuite":[{"name":"IsFull","status":"RUN","result":"COMPLETED"},' >"$report"
printf '{"name":"Reuses","status":"RUN","result":"COMPLETED"%s}]}]}' \
  "$([ "$1" = fail ] && echo ',"failures":[{}]')" >>"$report"
case $1 in fail | leak) exit 1 ;; esac
"""


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().split()[2] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Gtest(counted.TreeCase):
    def run_program(self, ending, timeout_s=10, pattern=""):
        program = self.write("program", GTEST)
        os.chmod(program, 0o755)
        test = run_tests.Test("slab", [program, ending], {}, self.root, timeout_s, True, True, [])
        return run_tests.run_test(test, self.root, 1, {}, pattern)

    def test_listing(self):
        cases = run_tests.parse_gtest_list(LISTING)
        self.assertEqual(cases, ["Slab.IsFull", "Slab.Reuses", "Table/Parse.Row/0", "Table/Parse.DISABLED_Row"])

    def test_good(self):
        result = self.run_program("good")
        self.assertEqual((result.passed, result.failed), (2, []))

    def test_failed_case(self):
        result = self.run_program("fail")
        self.assertEqual((result.passed, result.failed), (1, ["Slab.Reuses"]))

    def test_crash_fails_what_has_no_result(self):
        result = self.run_program("crash")
        self.assertEqual((result.passed, result.failed), (1, ["Slab.Reuses (no result: died of SIGSEGV)"]))

    def test_timeout_fails_what_has_no_result(self):
        result = self.run_program("hang", timeout_s=0.5)
        self.assertEqual((result.passed, result.failed), (1, ["Slab.Reuses (no result: timed out)"]))

    def test_leak_found_at_exit_is_a_failure(self):
        result = self.run_program("leak")
        self.assertEqual((result.passed, result.failed), (2, ["slab (exit status 1 after its cases)"]))

    def test_report_of_the_last_run_is_not_believed(self):
        self.run_program("good")
        self.assertEqual(self.run_program("crash").passed, 1)

    def test_filter_that_names_no_case_runs_nothing(self):
        result = self.run_program("good", pattern="Nothing")
        self.assertEqual((result.passed, result.failed), (0, []))

    def test_no_cases_is_a_failure(self):
        test = run_tests.Test("empty", ["/bin/true"], {}, self.root, 10, True, True, [])
        self.assertEqual(len(run_tests.run_test(test, self.root, 1, {}, "").failed), 1)

    def test_skipped_and_disabled_are_neither(self):
        outcomes = {"A.B": "skipped"}
        result = run_tests.judge_gtest("a", ["A.B", "A.DISABLED_C"], outcomes, 0)
        self.assertEqual((result.passed, len(result.skipped), result.failed), (0, 2, []))


class Scripts(counted.TreeCase):
    def test_rows(self):
        rows = [
            ("status good", "hello\n", 0, 1, 0),
            ("status bad", "hello\n", 3, 0, 1),
            ("no output", "", 0, 1, 0),
            ("counted", "a\n7 passed, 0 failed\n", 0, 7, 0),
            ("counted failures", "FAILED: one\n7 passed, 2 failed\n", 1, 7, 2),
            ("failure without a count", "7 passed, 0 failed\n", 1, 7, 1),
            ("count without a status", "6 passed, 1 failed\n", 0, 6, 1),
            ("count not last", "7 passed, 0 failed\nbye\n", 0, 1, 0),
            ("died", "7 passed, 0 failed\n", -signal.SIGKILL, 7, 1),
        ]
        for name, text, status, passed, failed in rows:
            with self.subTest(name):
                result = run_tests.judge_script("s", text, status)
                self.assertEqual((result.passed, len(result.failed)), (passed, failed))

    def test_what_passed_only_when_tried_again_is_named(self):
        text = "first x_test.py slow: late\nunsteady x_test.py slow\n7 passed, 0 failed\n"
        result = run_tests.judge_script("s", text, 0)
        self.assertEqual((result.passed, result.failed, result.unsteady), (7, [], ["x_test.py slow"]))

    def test_children_left_behind_are_ended(self):
        log = os.path.join(self.root, "log")
        status = run_tests.run_logged(["sh", "-c", "sleep 300 & echo $!"], log, 10, {}, self.root)
        self.assertEqual(status, 0)
        pid = int(run_tests.read_log(log))
        # The signal is sent, not yet obeyed, when run_logged returns.
        give_up = time.monotonic() + 5
        while is_running(pid):
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.01)

    def test_beside_is_counted_alike(self):
        test = run_tests.Test("script", ["sh", "-c", "nice; exit 3"], {}, self.root, 10, True, False, [])
        [result] = run_tests.run_all([test], self.root, beside=True)
        self.assertEqual(result.failed, ["script (exit status 3)"])
        self.assertEqual(run_tests.read_log(result.log), "19\n")
        with unittest.mock.patch.object(run_tests, "BESIDE_SLOWDOWN", 1):
            test = run_tests.Test("script", ["sh", "-c", "echo $$; sleep 300"], {}, self.root, 5, True, False, [])
            [result] = run_tests.run_all([test], self.root, beside=True)
        self.assertEqual(result.failed, ["script (timed out)"])
        self.assertFalse(is_running(int(run_tests.read_log(result.log).split()[0])))

    def test_programs_of_the_suite_beside_run_beside(self):
        tests = [
            run_tests.Test(name, ["sh", "-c", "nice"], {}, self.root, 10, False, False, suites)
            for name, suites in (("long", ["beside"]), ("short", []))
        ]
        options = unittest.mock.Mock(filter="", release=self.root, missing_peer=[], broken=[], sanitized="", poll_part=False)
        with unittest.mock.patch.multiple(run_tests, list_tests=lambda _: tests, run_scenarios=lambda *_: []):
            groups = run_tests.build_groups(options)
            self.assertEqual(sorted((group, r.name, r.passed) for group, results in groups for r in results),
                             [("beside", "long", 1), ("unit", "short", 1)])
            said = {r.name: run_tests.read_log(r.log).strip() for _, results in groups for r in results}
            self.assertEqual((said["long"], said["short"]), ("19", str(os.nice(0))))
            options.broken = [self.root]
            self.assertEqual([group for group, _ in run_tests.build_groups(options)], ["build"])

    def test_a_sanitizer_build_that_fails_is_counted(self):
        with unittest.mock.patch.object(run_tests, "BESIDE", ["false"]):
            built = run_tests.build_sanitized("build-asan", self.root)
        self.assertEqual(built.failed, ["build-asan/ does not build (exit status 1)"])

    def test_missing_program_fails(self):
        test = run_tests.Test("gone", ["/nonexistent/program"], {}, self.root, 10, True, False, [])
        self.assertEqual(len(run_tests.run_test(test, self.root, 1, {}, "").failed), 1)

    def test_missing_peers_fail_unless_skipped(self):
        with unittest.mock.patch.dict(os.environ):
            os.environ.pop("RINGWAY_SKIP_MISSING_PEERS", None)
            self.assertEqual(len(run_tests.peers_group(["haproxy", "nginx"])[0].failed), 2)
            os.environ["RINGWAY_SKIP_MISSING_PEERS"] = "1"
            self.assertEqual(run_tests.peers_group(["haproxy"])[0].failed, [])

    def test_second_round_of_scenarios(self):
        rows = [("everything", True, "", "", True), ("--quick", False, "", "", False), ("--filter", True, "x", "", False),
                ("--ring", True, "", "poll", False)]  # fmt: skip
        for name, poll_part, pattern, ring, wanted in rows:
            with self.subTest(name), unittest.mock.patch.dict(os.environ, {"RINGWAY_RING": ring}):
                options = unittest.mock.Mock(poll_part=poll_part, filter=pattern)
                self.assertEqual(run_tests.wants_poll(options), wanted)

    def test_round_has_its_arguments_and_its_name(self):
        script = self.write("scenarios", '#!/bin/sh\necho "FAIL $*"\necho "3 passed, 1 failed"\nexit 1\n')
        os.chmod(script, 0o755)
        results = run_tests.run_scenarios(self.root, "", "poll", ("--ring", "poll", "--part"), script)
        self.assertEqual([(r.name, r.passed, r.failed) for r in results], [("poll", 3, ["poll: --ring poll --part"])])
        self.assertTrue(results[0].log.endswith("poll.log"))


if __name__ == "__main__":
    counted.main()
