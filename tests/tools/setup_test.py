"""setup_test.py - the shell side: which packages are missing, what CI's closing line says when tools/test dies."""

import os
import shutil
import subprocess

import counted

run_tests = counted.load("run_tests")


class Setup(counted.TreeCase):
    def setUp(self):
        super().setUp()
        for path in ("tools", ".ci", "bin"):
            os.makedirs(os.path.join(self.root, path))
        for path in ("tools/setup", ".ci/run"):
            shutil.copy(os.path.join(counted.ROOT, path), os.path.join(self.root, path))
        self.write("tools/packages", "# list\n\n[build]\ng++  # compiler\nmeson\n\n[peers]\n# none: yet\nhaproxy\n")

    def program(self, path, text):
        os.chmod(self.write(path, "#!/bin/bash\n" + text), 0o755)

    def shell(self, text):
        path = os.path.join(self.root, "bin") + ":" + os.environ["PATH"]
        script = f". {self.root}/tools/setup; {text}"
        done = subprocess.run(
            ["bash", "-uc", script], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=False
        )
        return done.stdout.split(), done.stderr, done.returncode

    def test_sections(self):
        self.assertEqual(self.shell("packages_of build")[0], ["g++", "meson"])
        self.assertEqual(self.shell("packages_of peers")[0], ["haproxy"])

    def test_missing_is_what_dpkg_does_not_call_installed(self):
        self.program("bin/dpkg-query", "echo 'g++:amd64 installed'; echo 'meson config-files'; exit 1\n")
        self.assertEqual(self.shell("missing_of build")[0], ["meson"])

    def test_all_installed_asks_for_nothing(self):
        self.program("bin/dpkg-query", "echo 'g++ installed'; echo 'meson installed'\n")
        self.program("bin/apt-get", "echo called >&2\n")
        self.assertEqual(self.shell("install_missing build"), ([], "", 0))

    def test_neither_root_nor_sudo_says_what_to_do(self):
        self.program("bin/dpkg-query", "exit 1\n")
        self.program("bin/id", "echo 1000\n")
        hidden = 'command() { [ "$2" != sudo ] && builtin command "$@"; }; '
        _, said, status = self.shell(hidden + "install_missing build")
        self.assertEqual(status, 1)
        self.assertIn("apt-get install --no-install-recommends g++ meson", said)

    def test_still_missing_after_installing_fails(self):
        self.program("bin/dpkg-query", "exit 1\n")
        self.program("bin/id", "echo 0\n")
        self.program("tools/install_packages", "exit 0\n")
        _, said, status = self.shell("install_missing build")
        self.assertEqual(status, 1)
        self.assertIn("still missing: g++ meson", said)

    def test_what_is_undefined_ends_a_sanitized_program_and_the_line_is_told(self):
        words = self.shell('configure() { printf "%s\\n" "$@"; }; configure_sanitized')[0]
        options = dict(word.removeprefix("-D").split("=", 1) for word in words if word.startswith("-D"))
        self.write("add.cc", "int main(int count, char**) {\n  int most = 2147483647;\n  return most + count == 0;\n}\n")
        program = os.path.join(self.root, "add")
        flags = [f"-O{options['optimization']}", "-g1", f"-fsanitize={options['sanitize']}", *options["cpp_args"].split()]
        subprocess.run([os.environ.get("CXX") or "g++", *flags, "add.cc", "-o", program], cwd=self.root, check=True)
        environment = {**os.environ, **run_tests.SANITIZER_ENVIRONMENT}
        done = subprocess.run([program], capture_output=True, text=True, env=environment, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"ERROR: AddressSanitizer: ILL[^\n]*\n[^\n]*add\.cc:3")

    def fake_build(self, compiles):
        """A ninja that has so many sources to compile and leaves `begin` and `end` in the log of its folder."""
        self.program("bin/nproc", "echo 2\n")
        self.program("bin/meson", "mkdir -p $2; touch $2/build.ninja\n")
        self.program("bin/ninja", f"""
case " $* " in *" -n "*) for i in $(seq {compiles}); do echo "[$i/{compiles}] Compiling C++ object a.o"; done; exit ;; esac
echo begin >>{self.root}/log; sleep 0.5; echo end >>{self.root}/log
""")

    def test_a_long_build_says_once_how_long_it_takes(self):
        self.fake_build(38)
        said = self.shell("configure build; build build ringway")[1].splitlines()
        self.assertEqual(said, [f"configuring {self.root}/build", f"compiling in {self.root}/build: about 4 minutes on 2 processor(s)"])

    def test_a_short_build_says_nothing(self):
        self.fake_build(3)
        self.assertEqual(self.shell("build build ringway"), ([], "", 0))

    def test_two_at_once_build_one_after_the_other(self):
        self.fake_build(0)
        both = "for i in 1 2; do (configure build && build build && build build) & done; wait"
        said = self.shell(both)[1].splitlines()
        with open(os.path.join(self.root, "log"), encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["begin", "end"] * 4)
        self.assertEqual(said.count(f"configuring {self.root}/build"), 1)
        self.assertIn(f"waiting for another build in {self.root}/build", said)
        self.assertLessEqual(len(said), 3)  # a line of each at most

    def test_a_failed_build_fails(self):
        self.program("bin/ninja", "echo broken; exit 1\n")
        self.assertEqual(self.shell("build build")[1:], ("broken\n", 1))

    def ci(self, text):
        self.program("tools/test", text)
        done = subprocess.run([f"{self.root}/.ci/run"], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()[-1], done.returncode

    def test_ci_hands_on_line_and_status(self):
        self.assertEqual(self.ci("echo '3 passed, 0 failed'\n"), ("3 passed, 0 failed", 0))
        self.assertEqual(self.ci("echo '3 passed, 1 failed'; exit 1\n"), ("3 passed, 1 failed", 1))

    def test_ci_counts_an_early_end_as_a_failure(self):
        self.assertEqual(self.ci("echo hello; exit 0\n"), ("0 passed, 1 failed", 1))
        self.assertEqual(self.ci("kill -KILL $$\n"), ("0 passed, 1 failed", 1))

    def test_list_names_each_package_once(self):
        with open(os.path.join(counted.ROOT, "tools/packages"), encoding="utf-8") as file:
            names = [line.split("#")[0].strip() for line in file]
        names = [name for name in names if name]
        self.assertEqual(sorted(names), sorted(set(names)))
        self.assertIn("[build]", names)
        self.assertIn("[peers]", names)


if __name__ == "__main__":
    counted.main()
