"""What examples/ gives away: the unit's commands, the image's command under its seccomp profile, the manifest's file."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

from harness import PROGRAM, SANITIZED, case, check, free_port, run_cases, until

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.normpath(os.path.join(HERE, "..", "..", "examples"))
PROFILE = os.path.join(EXAMPLES, "container", "seccomp.json")
UNDER_PROFILE = (sys.executable, os.path.join(HERE, "seccomp_profile.py"), PROFILE)
AS_NOBODY = ("/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def text_of(*path):
    with open(os.path.join(EXAMPLES, *path), encoding="utf-8") as file:
        return file.read()


def on_free_ports(config):
    """The configuration with other ports, and that of the entrance."""
    ports = {old: free_port() for old in ("8080", "8081", "8082")}
    return re.sub(r":(808[012])\b", lambda match: f":{ports[match.group(1)]}", config), ports["8080"]


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def get(port, path="/"):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def is_served(port):
    try:
        return get(port, "/alive") is not None
    except OSError:
        return False


def holds_ring(pid):
    """Whether the process or a child of it has an io_uring."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        pids = [str(pid), *file.read().split()]
    for one in pids:
        for name in os.listdir(f"/proc/{one}/fd"):
            with contextlib.suppress(OSError):  # closed meanwhile
                if "io_uring" in os.readlink(f"/proc/{one}/fd/{name}"):
                    return True
    return False


@contextlib.contextmanager
def started(command, log_path, environment=None):
    """Its end is the case's, or ours."""
    with open(log_path, "wb") as log, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                       env=environment) as process:
        try:
            yield process
        except BaseException:
            with open(log_path, encoding="utf-8", errors="replace") as said:
                print(said.read()[-3000:])
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()


@case
def the_units_commands_start_reload_and_stop():
    with tempfile.TemporaryDirectory() as folder:
        path, notify = os.path.join(folder, "ringway.cfg"), os.path.join(folder, "notify")
        config, port = on_free_ports(text_of("container", "ringway.cfg"))
        write(path, config)
        unit = text_of("systemd", "ringway.service").replace("/usr/local/sbin/ringway", PROGRAM)
        unit = unit.replace("/run/ringway/", folder + "/").replace("CONFIG=/etc/ringway/ringway.cfg", f"CONFIG={path}")
        environment = {**os.environ, **dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.M)), "NOTIFY_SOCKET": notify}

        def commands(name):
            return [shlex.split(line) for line in re.findall(rf"^{name}=(.*)$", unit, re.M)]

        def expanded(command):
            return [re.sub(r"\$\{?(\w+)\}?", lambda match: environment[match.group(1)], word) for word in command]

        def run(name):
            done = [subprocess.run(expanded(command), capture_output=True, text=True, timeout=20, check=False)
                    for command in commands(name)]
            said.append("".join(one.stderr for one in done))  # to the journal
            return [one.returncode for one in done]

        said = []
        check(run("ExecStartPre") == [0], "the check before the start")
        check(re.search(r"^Restart=on-failure$", unit, re.M), "a stop that was asked for would start it again")
        clean = {0, *map(int, re.findall(r"^SuccessExitStatus=(\d+)$", unit, re.M))}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(notify)
            manager.settimeout(15)
            with started(expanded(commands("ExecStart")[0]), os.path.join(folder, "log"), environment) as process:
                check(manager.recv(4096).startswith(b"READY=1"), "ready")
                check(get(port) in ("first\n", "second\n"), "an answer")
                environment["MAINPID"] = str(process.pid)
                check(run("ExecReload") == [0, 0], "the reload")
                check(manager.recv(4096).startswith(b"RELOADING=1"), "reloading")
                check(manager.recv(4096).startswith(b"READY=1"), "ready again")
                write(path, "nonsense\n")
                check(run("ExecReload")[0] == 1, "a broken file")  # where systemd stops
                check("nonsense" in said[-1], f"no reason in the journal: {said[-1]!r}")
                check(manager.recv(4096).startswith(b"RELOADING=1"), "reloading")  # we did not
                check(b"failed" in manager.recv(4096), "the failure")
                check(get(port) in ("first\n", "second\n"), "an answer")
                process.terminate()
                check(process.wait(15) == 0, "the exit status")
            check(run("ExecStartPre") == [1] and "nonsense" in said[-1], f"no reason in the journal: {said[-1]!r}")
            write(path, config)
            graceful = re.search(r"`systemctl kill -s (\w+) ", unit).group(1)
            for number, ends_clean in ((getattr(signal, graceful), True), (signal.SIGINT, True), (signal.SIGKILL, False)):
                with started(expanded(commands("ExecStart")[0]), os.path.join(folder, "log"), environment) as process:
                    until(lambda: is_served(port), 15, "it does not serve")
                    process.send_signal(number)
                    check((process.wait(20) in clean) == ends_clean, f"{number}: {process.returncode}")
        if shutil.which("systemd-analyze"):
            mine = os.path.join(folder, "ringway.service")
            write(mine, unit)
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", mine], capture_output=True, text=True, timeout=60,
                                    check=False)
            ours = [line for line in result.stderr.splitlines() if "ringway.service" in line]
            check(not ours, f"{ours}")


@case
def the_images_command_serves_under_its_profile():
    """As nobody, like the image, with the profile and then on the poll driver; its stop signal ends it softly."""
    if SANITIZED:
        return  # a sanitizer needs more calls than it allows
    dockerfile = text_of("container", "Dockerfile")
    command = [word for name in ("ENTRYPOINT", "CMD")
               for word in json.loads(re.search(rf"^{name} (.*)$", dockerfile, re.M).group(1))]
    stop = getattr(signal, re.search(r"^STOPSIGNAL (\w+)$", dockerfile, re.M).group(1))
    for driver in ("uring", "poll") if os.environ.get("RINGWAY_RING") != "poll" else ("poll",):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            path, program = os.path.join(folder, "ringway.cfg"), os.path.join(folder, "ringway")
            shutil.copy(PROGRAM, program)
            config, port = on_free_ports(text_of("container", "ringway.cfg"))
            write(path, config)
            words = [{"/usr/local/sbin/ringway": program, "/etc/ringway/ringway.cfg": path}.get(word, word) for word in command]
            with started([*UNDER_PROFILE, *(AS_NOBODY if os.getuid() == 0 else ()), *words], os.path.join(folder, "log"),
                         {**os.environ, "RINGWAY_RING": driver}) as process:
                until(lambda: is_served(port), 15, "it does not serve")
                check({get(port) for _ in range(4)} == {"first\n", "second\n"}, "the answers")
                check(holds_ring(process.pid) == (driver == "uring"), f"not on {driver}")
                process.send_signal(signal.SIGUSR2)
                for _ in range(20):
                    check(get(port) in ("first\n", "second\n"), "an answer around the reload")
                process.send_signal(stop)
                check(process.wait(20) == 0, "the exit status")


@case
def the_profile_denies_the_rest():
    for command in (["/usr/bin/unshare", "--net", "/bin/true"], ["/usr/bin/unshare", "--user", "/bin/true"],
                    ["/bin/mount", "-t", "tmpfs", "none", "/mnt"]):
        result = subprocess.run([*UNDER_PROFILE, *command], capture_output=True, text=True, timeout=20, check=False)
        check(result.returncode != 0 and re.search("not permitted|denied|superuser", result.stderr), f"{command}: {result}")
    check(subprocess.run([*UNDER_PROFILE, "/bin/true"], timeout=20, check=False).returncode == 0, "it denies everything")


@case
def the_manifests_file_serves():
    """The manifest itself is not tried: there is no cluster."""
    manifest = text_of("container", "kubernetes.yaml")
    block = re.search(r"ringway\.cfg: \|\n((?:    .*\n|\n)+)", manifest).group(1)
    config, port = on_free_ports(re.sub(r"^    ", "", block, flags=re.M))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ringway.cfg")
        write(path, config)
        with started([PROGRAM, "-W", "-f", path], os.path.join(folder, "log")):
            until(lambda: is_served(port), 15, "it does not serve")
            check(get(port) == "hello\n", "the answer")
            check(re.search(r"path: /alive", manifest), "the probe")
    amount, unit = re.search(r"requests: {cpu: (\d+)(m?),", manifest).groups()
    threads = int(re.search(r"^nbthread (\d+)", block.replace(" " * 8, ""), re.M).group(1))
    check(threads == -(-int(amount) // (1000 if unit else 1)), "as many threads as processors are asked for")


if __name__ == "__main__":
    sys.exit(run_cases())
