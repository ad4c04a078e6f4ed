"""scenario_run_test.py - that tests/scenario/run knows the scripts it names, and in what order they begin."""

import os

import counted

run = counted.load("scenarios", "tests/scenario/run")


class Run(counted.TreeCase):
    def test_named_scripts_exist(self):
        _, scripts = run.scenarios("", False)
        there = {os.path.basename(path) for path in scripts}
        for name in ("ALONE", "QUIET", "LONGEST", "NOT_IN_PART"):
            self.assertEqual(set(getattr(run, name)) - there, set(), name)
        self.assertEqual(run.ALONE & run.QUIET, set())
        self.assertEqual(len(set(run.LONGEST)), len(run.LONGEST))

    def test_lanes_share_no_port(self):
        ends = [tuple(map(int, lane.split("-"))) for lane in run.LANES]
        for (_, last), (first, _) in zip(ends, ends[1:]):
            self.assertLess(last, first)

    def test_the_longest_begin_first_and_the_others_in_their_order(self):
        names = ["a_test.py", run.LONGEST[1], "b_test.py", run.LONGEST[0]]
        ordered = [os.path.basename(path) for path in run.longest_first([f"/x/{name}" for name in names])]
        self.assertEqual(ordered, [run.LONGEST[0], run.LONGEST[1], "a_test.py", "b_test.py"])

    def test_cases_to_run_again_are_named(self):
        text = "FAIL x_test.py one: late\nFAIL x_test.py two: later\n"
        self.assertEqual(run.cases_of("/x/x_test.py", (3, 2, text)), ["one", "two"])
        self.assertEqual(run.cases_of("/x/x_test.py", (3, 3, text)), [])
        self.assertEqual(run.cases_of("/x/x.vtc", (0, 1, "")), [None])


if __name__ == "__main__":
    counted.main()
