"""counted.py - runs a file's unittest cases and closes with `N passed, N failed`, which tools/run_tests counts.

Also loads the scripts under test, which have no .py in their names, and builds small trees for them to look at.
"""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools"))


def load(name, path=None):
    """The script at `path` below the root, or tools/NAME, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(ROOT, path or f"tools/{name}"))
    spec = importlib.util.spec_from_loader(name, loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


class TreeCase(unittest.TestCase):
    """A case with a folder of its own; write() fills it."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ringway-tools-")
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def write(self, path, text):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(suite)
    wrong = result.failures + result.errors
    for case, _ in wrong:
        print(f"FAILED: {case.id()}")
    # Subtests that fail belong to one case, which is then not passed.
    spoilt = {getattr(case, "test_case", case).id() for case, _ in wrong + result.skipped}
    passed = max(0, result.testsRun - len(spoilt))
    print(f"{passed} passed, {len(wrong)} failed")
    sys.exit(1 if wrong or passed == 0 else 0)
