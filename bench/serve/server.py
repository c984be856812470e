"""Servers under test: start, wait, look into, stop."""
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from load import pinned


class ServerFailed(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One process on one core. Use as a context manager; a server that does not stop on SIGTERM is an error."""

    def __init__(self, name, command, cpu, log, realtime=False, env=None):
        self.name = name
        self._log = log
        with open(log, "w") as out:
            self._process = subprocess.Popen(pinned(cpu, realtime, command), stdout=out, stderr=subprocess.STDOUT,
                                             env={**os.environ, **(env or {})}, start_new_session=True)
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()
            if failure is None:
                raise ServerFailed(f"{self.name} did not stop on SIGTERM") from None

    def check(self):
        if self._process.poll() is not None:
            with open(self._log) as log:
                raise ServerFailed(f"{self.name} ended with {self._process.returncode}: {log.read()[-2000:]}")

    def wait(self, ready, seconds=120):
        """Until ready() is true."""
        give_up = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > give_up:
                raise ServerFailed(f"{self.name} did not get ready, see {self._log}")
            time.sleep(0.01)

    def rss_mib(self):
        """Resident memory of the process and its children."""
        return sum(_rss_kib(pid) for pid in _tree(self.pid)) / 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _tree(pid):
    yield pid
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            for child in file.read().split():
                yield from _tree(int(child))
    except FileNotFoundError:
        return


def _rss_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1])


def answers(url):
    """Whether a GET gets a 200."""
    try:
        return urllib.request.urlopen(url, timeout=5).status == 200
    except (urllib.error.URLError, OSError):
        return False


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def read_ports(path):
    """{"http", "grpc"} from the file that the server writes when it listens; None until then."""
    try:
        with open(path) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def requests_answered(http_port, model, protocol, code):
    """The server's own count of answered requests."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{http_port}/metrics", timeout=10).read().decode()
    total = 0
    for labels, value in re.findall(r"^triune_requests_total\{(.*?)\} (\S+)$", text, re.MULTILINE):
        found = dict(re.findall(r'(\w+)="(.*?)"', labels))
        if (found.get("model_name"), found.get("protocol"), found.get("code")) == (model, protocol, code):
            total += int(float(value))
    return total
