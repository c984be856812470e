"""Measures Triune's tasks and objects against floors, on this machine, now. README.md beside this file says what each
line means.

    ./dev bench compute [--quick] [--peers ray] [--only TEXT] [--runs N] [--seconds S] [--enforce] [--out FILE]

Exit status: 0 measured; 1 an answer was wrong, or, with --enforce, a target was missed.
"""
import argparse
import dataclasses
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))  # for what all benchmarks share

import peers  # noqa: E402
import prepare  # noqa: E402
import report  # noqa: E402
from report import Row, spread  # noqa: E402

# Longer than any run takes: then it hangs.
PATIENCE_S = 120


class RunFailed(Exception):
    pass


@dataclasses.dataclass
class Measure:
    """What bench_compute runs, floor and ours in turn, each time in a new process."""
    name: str
    has_floor: bool = True
    can_be_spoiled: bool = True  # --spoil makes an answer wrong
    repeat: int = 1  # short ones are run more often


@dataclasses.dataclass
class Line:
    """One line of the table: a figure of a measure. What is judged is its share of the floor's, or the figure itself;
    or the figure alone, where a share says nothing."""
    title: str
    measure: str
    key: str
    unit: str
    judged: str = "share"
    sense: str = ">="
    target: float | None = None


MEASURES = [Measure("single"), Measure("nested-single"), Measure("handed-over"), Measure("dag"), Measure("in-flight"),
            Measure("nested"), Measure("fork-join"), Measure("nested-fork-join"), Measure("queued"),
            Measure("waiting", has_floor=False), Measure("put"), Measure("put-get"),
            Measure("actor", has_floor=False), Measure("actor-in-flight", has_floor=False),
            Measure("actors", has_floor=False), Measure("process", has_floor=False),
            Measure("process-in-flight", has_floor=False), Measure("process-actor", has_floor=False),
            Measure("process-actor-in-flight", has_floor=False), Measure("dag-process-1", has_floor=False),
            Measure("dag-process-2", has_floor=False), Measure("dag-process-4", has_floor=False),
            Measure("put-bytes", can_be_spoiled=False),
            Measure("get-small", has_floor=False, can_be_spoiled=False),
            Measure("get-1mb", has_floor=False, can_be_spoiled=False),
            Measure("get-100mb", has_floor=False, can_be_spoiled=False),
            Measure("process-start", can_be_spoiled=False, has_floor=False, repeat=4),
            Measure("start", can_be_spoiled=False, repeat=4), Measure("idle", can_be_spoiled=False)]

LINES = [
    Line("no-op task, submit and get", "single", "per_s", "tasks/s", "figure", ">=", 500_000),
    Line("submit and get, in every worker", "nested-single", "per_s", "tasks/s"),
    Line("submit and get, memory kept by each", "nested-single", "kept_bytes_per_task", "B", "alone", "<=", 8),
    Line("no-op task, run by a worker", "handed-over", "per_s", "tasks/s"),
    Line("compiled DAG, a step of a chain of 8", "dag", "step_us", "us", "figure", "<=", 1),
    Line("100,000 no-op tasks in flight", "in-flight", "per_s", "tasks/s", "figure", ">=", 2_000_000),
    Line("100,000 in flight, share", "in-flight", "per_s", "tasks/s", "share", ">=", 0.4),
    Line("100,000 in flight, by a task", "nested", "per_s", "tasks/s", "share", ">=", 0.4),
    Line("fork and join, fib(25)", "fork-join", "per_s", "tasks/s"),
    Line("fork and join, by a task", "nested-fork-join", "per_s", "tasks/s"),
    Line("1,000,000 queued, memory of each", "queued", "bytes_per_task", "B", "figure", "<=", 300),
    Line("1,000,000 queued, last / first rate", "queued", "last_to_first", "", "alone", ">=", 0.8),
    Line("1,000,000 waiting, memory of each", "waiting", "bytes_per_task", "B", "figure", "<=", 300),
    Line("1,000,000 waiting, last / first rate", "waiting", "last_to_first", "", "alone", ">=", 0.8),
    Line("put of 8 bytes", "put", "per_s", "/s"),
    Line("put and get of 8 bytes", "put-get", "per_s", "/s"),
    Line("actor call, one at a time", "actor", "per_s", "calls/s", "figure", ">=", 500_000),
    Line("100,000 actor calls in flight", "actor-in-flight", "per_s", "calls/s", "figure", ">=", 3_000_000),
    Line("100,000 actors, made and called", "actors", "per_s", "actors/s"),
    Line("100,000 actors, memory of each", "actors", "bytes_per_actor", "B", "figure", "<=", 1024),
    Line("process: submit and get", "process", "per_s", "tasks/s", "figure", ">=", 60_000),
    Line("process: 100,000 tasks in flight", "process-in-flight", "per_s", "tasks/s", "figure", ">=", 300_000),
    Line("process: actor call", "process-actor", "per_s", "calls/s", "figure", ">=", 60_000),
    Line("process: 100,000 actor calls in flight", "process-actor-in-flight", "per_s", "calls/s", "figure", ">=",
         400_000),
    Line("process: compiled DAG, a step to 1 actor", "dag-process-1", "step_us", "us", "figure", "<=", 8),
    Line("process: compiled DAG, a step of 2 actors", "dag-process-2", "step_us", "us", "figure", "<=", 8),
    Line("process: compiled DAG, a step of 4 actors", "dag-process-4", "step_us", "us", "figure", "<=", 8),
    Line("put of 100 MB in shared memory", "put-bytes", "gb_per_s", "GB/s", "share", ">=", 0.9),
    Line("process: get of 1 B of another", "get-small", "best_us", "us", "figure", "<=", 5),
    Line("process: get of 1 MB of another", "get-1mb", "best_us", "us", "figure", "<=", 5),
    Line("process: get of 100 MB of another", "get-100mb", "best_us", "us", "figure", "<=", 5),
    Line("process: main to the first result", "process-start", "main_to_answer_us", "us", "figure", "<=", 30_000),
    Line("main to the first result", "start", "main_to_answer_us", "us", "figure", "<=", 1000),
    Line("fork to exit, one task", "start", "fork_to_exit_us", "us"),
    Line("idle RSS, after one task", "idle", "rss_mib", "MiB", "figure", "<=", 10),
]


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=f"{ROOT}/build/bench", help="where the programs are built")
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works, not for figures")
    parser.add_argument("--runs", type=int, default=5, help="repetitions of each comparison")
    parser.add_argument("--seconds", type=float, default=1, help="measured time of one run")
    parser.add_argument("--workers", type=int, default=2, help="threads that run tasks, on either side")
    parser.add_argument("--peers", default="", help="also measure these: ray; its packages are fetched by pip")
    parser.add_argument("--only", default="", help="measure only the lines whose name holds this text")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--out", help="the JSON file [build/bench/results/compute-TIME.json]")
    args = parser.parse_args()
    if args.quick:
        args.runs, args.seconds = min(args.runs, 1), min(args.seconds, 0.2)
    return args


def execute(args, measure, side, *options):
    return subprocess.run([f"{args.build}/bench/bench_compute", measure.name, f"--side={side}",
                           f"--workers={args.workers}", *options], capture_output=True, text=True, timeout=PATIENCE_S)


def run(args, measure, side):
    """The figures of one run."""
    done = execute(args, measure, side, f"--seconds={args.seconds}")
    if done.returncode != 0:
        raise RunFailed(f"{measure.name}, {side}: status {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def sides(measure):
    return {"floor": "floor", "ours": "threads"} if measure.has_floor else {"ours": "threads"}


def check_the_checks(args, measures):
    """A run with one wrong answer must fail, or right answers would say nothing."""
    for measure in measures:
        for side in sides(measure).values() if measure.can_be_spoiled else ():
            done = execute(args, measure, side, "--seconds=0", "--in-flight=1000", "--queued=1000", "--spoil")
            if done.returncode != 1 or "wrong" not in done.stderr.lower():
                raise RunFailed(f"{measure.name}, {side}: did not see a wrong answer: {done.stdout}{done.stderr}")


def row_of(line, runs):
    ours = spread([run["ours"][line.key] for run in runs])
    if "floor" not in runs[0]:
        return Row(line.title, ours, ours, line.sense, line.target, unit=line.unit)
    floor = spread([run["floor"][line.key] for run in runs])
    if line.judged == "alone":
        return Row(line.title, ours, ours, line.sense, line.target, floor, line.unit)
    shares = spread([mine / least for mine, least in zip(ours["all"], floor["all"])])
    if line.judged == "share":
        return Row(line.title, ours, shares, line.sense, line.target, floor, line.unit)
    return Row(line.title, ours, ours, line.sense, line.target, floor, line.unit,
               "{median:.2g} ({min:.2g}-{max:.2g}) of the floor".format(**shares))


def measure_all(args, details):
    """Yields the rows; `details` gets the figures of every run."""
    lines = [line for line in LINES if args.only in line.title]
    chosen = [measure for measure in MEASURES if any(line.measure == measure.name for line in lines)]
    say("checking that wrong answers are seen")
    check_the_checks(args, chosen)
    for measure in chosen:
        # In turns, so that a change of the machine's pace hits both.
        details[measure.name] = [{who: run(args, measure, side) for who, side in sides(measure).items()}
                                 for _ in range(args.runs * measure.repeat)]
        for line in lines:
            if line.measure == measure.name:
                yield row_of(line, details[measure.name])
    for name in filter(None, args.peers.split(",")):
        try:
            yield from peers.measure(args, name, details)
        except peers.PeerFailed as failure:
            say(f"{name} could not be measured: {failure}")  # ours stands without it


def main():
    args = arguments()
    say("building")
    header = {"what": "tasks and objects", "time": report.now(), "machine": report.machine(),
              "commit": report.commit(ROOT), "build": prepare.build(ROOT, args.build, "bench_compute"),
              "quick": args.quick, "runs_each": args.runs, "seconds_each": args.seconds, "workers": args.workers}
    rows, details = [], {}
    for row in measure_all(args, details):
        rows.append(row)
        say(report.table([row]).splitlines()[-1])
    if not rows:
        raise RunFailed(f"no line has {args.only!r} in its name")
    out = args.out or f"{args.build}/results/compute-{header['time'].replace(':', '')}.json"
    report.write(out, header, rows, details)
    report.show(header, rows, out)
    return report.exit_status(rows, args.enforce)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RunFailed, subprocess.TimeoutExpired) as failure:
        sys.exit(f"bench: {failure}")
