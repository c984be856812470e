"""The same measures on Ray, in a Python environment of its own, made from peers/NAME.txt."""
import json
import os
import shutil
import signal
import subprocess
import tempfile

import prepare
from report import Row, spread

HERE = f"{os.path.dirname(os.path.abspath(__file__))}/peers"
PATIENCE_S = 540

# Measure of peers/ray_core.py, figure, unit; which floor of ours it is held to.
RAY_LINES = [
    ("no-op task, submit and get", "single", "per_s", "tasks/s", "single"),
    ("1,000 no-op tasks in flight", "in-flight", "per_s", "tasks/s", "in-flight"),
    ("actor call, one at a time", "actor", "per_s", "calls/s", None),
    ("1,000 actor calls in flight", "actor-in-flight", "per_s", "calls/s", None),
    ("put of 8 bytes", "put", "per_s", "/s", "put"),
    ("put and get of 8 bytes", "put-get", "per_s", "/s", "put-get"),
    ("put of 100 MB", "put-large", "gb_per_s", "GB/s", None),
    ("start to the first result", "start", "s", "s", None),
]


class PeerFailed(Exception):
    pass


def measure(args, name, details):
    """Yields rows; `details` has the floors measured before, and gets the peer's runs."""
    if name != "ray":
        raise PeerFailed("no such peer; there is ray")
    lines = [line for line in RAY_LINES if args.only in line[0]]
    if not lines:
        return
    try:
        venv = prepare.environment(f"{args.build}/peers", f"{HERE}/ray.txt")
    except subprocess.CalledProcessError as failure:
        raise PeerFailed(failure) from failure
    figures = _run_ray(args, venv, [line[1] for line in lines])
    details["ray"] = figures
    for title, key, figure, unit, floor_name in lines:
        values = [run[figure] for run in figures[key]]
        floors = [run["floor"][figure] for run in details.get(floor_name, ()) if "floor" in run]
        # Far from each other, and measured one after the other: neighbours would say no more than medians.
        floor = spread(floors) if floors else None
        value = spread([each / floor["median"] for each in values] if floor else values)
        yield Row(title, spread(values), value, floor=floor, unit=unit, subject="ray")


def _run_ray(args, venv, measures):
    """{measure: [figures]}. Ray and all its processes are gone afterwards, and nobody else's Ray is disturbed."""
    # Ray puts sockets there, whose paths must be short.
    folder = tempfile.mkdtemp(prefix="bench-ray-", dir="/tmp")
    command = [f"{venv}/bin/python", f"{HERE}/ray_core.py", f"--cpus={args.workers}", f"--runs={args.runs}",
               f"--seconds={args.seconds}", f"--folder={folder}", *measures]
    with open(f"{args.build}/ray.log", "w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
                                   env={**os.environ, "HOME": folder, "RAY_USAGE_STATS_ENABLED": "0"})
        try:
            output, _ = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired as late:
            raise PeerFailed(f"it took more than {PATIENCE_S} s, see {log.name}") from late
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # what it may have left behind
            except ProcessLookupError:
                pass
            shutil.rmtree(folder, ignore_errors=True)
    if process.returncode != 0:
        raise PeerFailed(f"status {process.returncode}, see {log.name}")
    figures = {}
    for line in output.splitlines():
        each = json.loads(line)
        figures.setdefault(each.pop("measure"), []).append(each)
    return figures
