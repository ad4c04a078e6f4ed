"""A real server and real clients of it: Redis behind TCP mode."""

import subprocess
import sys
import tempfile
import time

from harness import Proxy, case, check, free_port, listen_config, need_program, run_cases


class Redis:
    def __enter__(self):
        self.port = free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="ringway-")
        self.process = subprocess.Popen(
            [need_program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir",
             self.folder.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 10
        while self.ask(self.port, "ping").stdout.strip() != "PONG":
            check(time.monotonic() < end, "redis-server does not start")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        self.folder.cleanup()

    @staticmethod
    def ask(port, *words, text=None):
        return subprocess.run([need_program("redis-cli"), "-h", "127.0.0.1", "-p", str(port), *words],
                              input=text, capture_output=True, text=True, timeout=60, check=False)


@case
def commands_and_large_values():
    port = free_port()
    with Redis() as redis, Proxy(listen_config(port, redis.port), [port]):
        check(redis.ask(port, "set", "name", "value").stdout.strip() == "OK", "set")
        check(redis.ask(port, "get", "name").stdout.strip() == "value", "get")
        large = "0123456789" * 1_000_000
        check(redis.ask(port, "-x", "set", "large", text=large).stdout.strip() == "OK", "a large value up")
        check(redis.ask(port, "get", "large").stdout.strip() == large, "a large value down")


@case
def a_pipeline_keeps_its_order():
    port = free_port()
    with Redis() as redis, Proxy(listen_config(port, redis.port), [port]):
        commands = "".join(f"rpush list {i}\n" for i in range(20000))
        said = redis.ask(port, text=commands).stdout.split()
        check(said == [str(i + 1) for i in range(20000)], "an answer for each, in order")
        check(redis.ask(redis.port, "lrange", "list", "0", "-1").stdout.split() == [str(i) for i in range(20000)],
              "the list on the server")


@case
def a_subscriber_hears_what_is_published():
    port = free_port()
    with Redis() as redis, Proxy(listen_config(port, redis.port), [port]):
        subscriber = subprocess.Popen([need_program("redis-cli"), "-p", str(port), "subscribe", "news"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            check(subscriber.stdout.readline().strip() == "subscribe", "subscribed")
            redis.ask(port, "publish", "news", "hello")
            heard = [subscriber.stdout.readline().strip() for _ in range(5)]
            check("hello" in heard, f"heard {heard}")
        finally:
            subscriber.terminate()
            subscriber.wait(10)


@case
def the_benchmark_runs_through():
    port = free_port()
    with Redis() as redis, Proxy(listen_config(port, redis.port, top="global\n  nbthread 2"), [port]):
        for extra in (["-P", "1"], ["-P", "16", "-d", "4000"]):
            done = subprocess.run(
                [need_program("redis-benchmark"), "-p", str(port), "-n", "30000", "-c", "50", "-t", "set,get", "-q", *extra],
                capture_output=True, text=True, timeout=120, check=False)
            rates = [line.strip() for line in done.stdout.replace("\r", "\n").splitlines() if "per second" in line]
            print("   " + "; ".join(rates))
            check(done.returncode == 0 and len(rates) == 2, f"exit {done.returncode}: {done.stdout[-500:]}{done.stderr}")


if __name__ == "__main__":
    sys.exit(run_cases())
