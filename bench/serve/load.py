"""Running the load makers."""
import json
import os
import re
import struct
import subprocess
import tempfile

GRPC_PATH = "/inference.GRPCInferenceService/ModelInfer"


class LoadFailed(Exception):
    pass


def pinned(cpu, realtime, command):
    chrt = ["chrt", "--rr", "1"] if realtime else []
    return [*chrt, "taskset", "-c", str(cpu), *command]


class LoadMaker:
    """bench_load on its core."""

    def __init__(self, program, cpu, realtime):
        self._program, self._cpu, self._realtime = program, cpu, realtime

    def _command(self, target, *more):
        headers = [f"--header={header}" for header in target.headers]
        return pinned(self._cpu, self._realtime,
                      [self._program, "grpc" if target.kind == "grpc" else "http", f"--port={target.port}",
                       f"--path={target.path}", f"--bodies={target.bodies}", *headers, *more])

    def run(self, target, connections, seconds, warm_up=1.0, rate=0.0, check_every=1, expect=None):
        """One run; its line of JSON as a dict. Raises LoadFailed if any request failed or was answered wrongly."""
        more = [f"--connections={connections}", f"--seconds={seconds}", f"--warm-up={warm_up}", f"--rate={rate}",
                f"--check-every={check_every}"]
        done = subprocess.run(self._command(target, *more, *([f"--expect={expect}"] if expect else [])),
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise LoadFailed(f"{target}: {done.stderr.strip()}")
        result = json.loads(done.stdout)
        if result["failed"] or result["mismatched"]:
            raise LoadFailed(f"{target}: {result['failed']} of {result['sent']} failed, {result['mismatched']} of "
                             f"{result['checked']} checked are wrong; first: {result['first_error']}")
        if expect and not result["checked"]:
            raise LoadFailed(f"{target}: no answer was checked")
        return result

    def capture(self, target):
        """Yields (ok, head, body) for every body, each sent once, in order."""
        with subprocess.Popen(self._command(target, "--capture"), stdout=subprocess.PIPE) as process:
            while head := process.stdout.read(16):
                _, ok, head_bytes, body_bytes = struct.unpack("<4I", head)
                yield ok == 1, process.stdout.read(head_bytes), process.stdout.read(body_bytes)
        if process.returncode != 0:
            raise LoadFailed(f"{target}: the load maker ended with {process.returncode}")


def h2load(target, body, connections, requests, cpu):
    """Requests per second by h2load, as a second opinion; always the same body."""
    with tempfile.NamedTemporaryFile() as frame:
        frame.write(b"\0" + struct.pack(">I", len(body)) + body)
        frame.flush()
        done = subprocess.run(
            pinned(cpu, False, ["h2load", "-t1", f"-c{connections}", "-m1", f"-n{requests}", "-d", frame.name,
                                "-H", "content-type: application/grpc", "-H", "te: trailers",
                                f"http://127.0.0.1:{target.port}{target.path}"]), capture_output=True, text=True)
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", done.stdout)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    if not rate or not counts or int(counts[1]) != requests:
        raise LoadFailed(f"h2load: {done.stdout[-500:]}{done.stderr[-500:]}")
    return float(rate[1])


def wrk(target, lines, connections, seconds, cpu):
    """Requests per second by wrk, as a second opinion; rotates over the lines of a file."""
    script = os.path.join(os.path.dirname(__file__), "load", "rotate.lua")
    done = subprocess.run(
        pinned(cpu, False, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", script,
                            f"http://127.0.0.1:{target.port}{target.path}", "--", lines]),
        capture_output=True, text=True)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if not rate or "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise LoadFailed(f"wrk: {done.stdout[-500:]}{done.stderr[-500:]}")
    return float(rate[1])
