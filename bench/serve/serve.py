"""Measures `triune serve` against the floors, on this machine, now. README.md beside this file says what each line
means.

    ./dev bench serve [--quick] [--peers kserve,mlserver] [--cross-check] [--realtime] [--only TEXT] [--out FILE]

Exit status: 0 measured; 1 an answer was wrong, a count did not add up, or, with --enforce, a target was missed.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))  # for what all benchmarks share

import bodies  # noqa: E402
import models  # noqa: E402
import peers  # noqa: E402
import prepare  # noqa: E402
import report  # noqa: E402
import verify  # noqa: E402
from load import LoadFailed, LoadMaker, h2load, wrk  # noqa: E402
from measures import (COLD_START_TARGET_MS, IDLE_RSS_TARGET_MIB, MEASURES, OPEN_LOOP_TARGET, Counted,  # noqa: E402
                      Target, compare, path_of)
from report import Row, spread  # noqa: E402
from server import Server, ServerFailed, answers, free_port, listens, read_ports, requests_answered  # noqa: E402

SERVER_CPU, CLIENT_CPU = 0, 1
ROWS = 1024


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triune", default=f"{ROOT}/build/release/bin/triune", help="the server's binary")
    parser.add_argument("--build", default=f"{ROOT}/build/bench", help="where floors and load makers are built")
    parser.add_argument("--runtime-path", default=f"{ROOT}/.deps/runtimes", help="where triune finds ONNX Runtime")
    parser.add_argument("--serve-args", default="", help='flags for triune serve: --serve-args="--busy-poll-us 0"')
    parser.add_argument("--quick", action="store_true", help="short runs: to see that it works, not for figures")
    parser.add_argument("--runs", type=int, default=5, help="repetitions of each comparison")
    parser.add_argument("--seconds", type=float, default=3, help="measured time of one load run")
    parser.add_argument("--peers", default="",
                        help="also measure these: kserve, mlserver; their packages are fetched by pip")
    parser.add_argument("--cross-check", action="store_true", help="also measure with wrk and h2load")
    parser.add_argument("--realtime", action="store_true",
                        help="servers and load makers in the real-time class, on a machine shared with others (root)")
    parser.add_argument("--only", default="", help="measure only the lines whose name holds this text")
    parser.add_argument("--floors-only", action="store_true", help="the floors alone, without triune")
    parser.add_argument("--enforce", action="store_true", help="exit 1 when a target is missed")
    parser.add_argument("--out", help="the JSON file [build/bench/results/serve-TIME.json]")
    args = parser.parse_args()
    if args.quick:
        args.runs, args.seconds = min(args.runs, 1), min(args.seconds, 1)
    if (os.cpu_count() or 1) < 2:
        parser.error("needs two cores: one for the server, one for the load maker")
    return args


def build(args):
    """Builds floors and load makers; refuses a server built in another way than they are."""
    say("building the floors and the load makers")
    settings = prepare.build(ROOT, args.build, "bench_serve")
    if not args.floors_only:
        if not os.path.exists(args.triune):
            sys.exit(f"no {args.triune}: build it first (./dev build)")
        folder = os.path.dirname(os.path.dirname(os.path.abspath(args.triune)))
        try:
            theirs = report.build_settings(folder)
        except FileNotFoundError:
            sys.exit(f"{folder} is not a build folder: cannot tell how {args.triune} was built")
        if theirs != settings:
            sys.exit(f"the server and the floors are not built alike: {theirs} and {settings}")
    say("checking that the load maker sees wrong answers and stalls")
    subprocess.run([sys.executable, f"{HERE}/tests/load_test.py", f"{args.build}/bench/bench_load"], check=True,
                   stdout=sys.stderr)
    return settings


class Bench:
    """All that the parts of one run share."""

    def __init__(self, args, stack):
        self.args = args
        self.work = f"{args.build}/serve"
        os.makedirs(self.work, exist_ok=True)
        self.stack = stack
        self.maker = LoadMaker(f"{args.build}/bench/bench_load", CLIENT_CPU, args.realtime)
        say("making models and bodies")
        self.models = models.make(f"{self.work}/models")
        self.classes = bodies.messages(f"{ROOT}/proto", self.work)
        self.rows = {"iris": models.iris_rows(ROWS), "echo": models.ImageRows(32 if args.quick else ROWS)}
        self.headers = {"iris": bodies.write_small(self.work, "iris", "input-0", self.rows["iris"], self.classes),
                        "echo": bodies.write_windows(self.work, "echo", "x", self.rows["echo"], self.classes)}
        self.references = {name: models.Reference(path) for name, path in self.models.items()}
        self.floors = {}

    def start(self, name, command):
        return self.stack.enter_context(
            Server(name, command, SERVER_CPU, f"{self.work}/{name}.log", self.args.realtime))

    def target(self, server, port, model, kind):
        return Target(server, port, kind, model, path_of(model, kind), f"{self.work}/{model}.{kind}",
                      self.headers[model][kind])

    def floor(self, name):
        if name not in self.floors:
            port = free_port()
            server = self.start(f"floor_{name}", [f"{self.args.build}/bench/bench_floor_{name}", str(port)])
            server.wait(lambda: listens(port))
            self.floors[name] = (server, port)
        return self.floors[name]

    def cold_start(self, command, port, path, runs):
        """What bench_cold_start says of a command, on the server's core."""
        done = subprocess.run(
            ["taskset", "-c", str(CLIENT_CPU), f"{self.args.build}/bench/bench_cold_start", f"--port={port}",
             f"--path={path}", f"--runs={runs}", f"--server-cpu={SERVER_CPU}", "--", *command],
            capture_output=True, text=True)
        if done.returncode != 0:
            raise ServerFailed(done.stderr.strip())
        return json.loads(done.stdout)

    def load(self, target, connections, **options):
        """One load run, with the share of its core that the server used."""
        before, started = target.server.cpu_seconds(), time.monotonic()
        result = self.maker.run(target, connections, options.pop("seconds", self.args.seconds), **options)
        result["server_cpu"] = (target.server.cpu_seconds() - before) / (time.monotonic() - started)
        return result

    def verify(self, target, complete=True, limit=None):
        """Sends every body once and compares every answer with the model's. Returns the expectations for load runs."""
        fingerprints = []
        reference, rows = self.references[target.model], self.rows[target.model]
        for index, (ok, head, body) in enumerate(self.maker.capture(target)):
            if not ok:
                raise verify.WrongAnswer(f"{target}, row {index}: {head!r} {body[:300]!r}")
            try:
                verify.check(target.kind, head, body, reference(rows[index]), self.classes, complete)
            except verify.WrongAnswer as error:
                raise verify.WrongAnswer(f"{target}, row {index}: {error}") from error
            fingerprints.append(bodies.fingerprint(body))
        if len(fingerprints) != len(rows):
            raise verify.WrongAnswer(f"{target}: {len(fingerprints)} answers to {len(rows)} bodies")
        say(f"verified: {target}, {len(rows)} rows equal to onnxruntime in Python, bit for bit")
        path = f"{target.bodies}.expect"
        bodies.write_expectations(path, fingerprints)
        return path


class Ours:
    """`triune serve` with both models, its answers verified in every protocol."""

    def __init__(self, bench):
        self.bench = bench
        ports = f"{bench.work}/ports.json"
        if os.path.exists(ports):
            os.remove(ports)
        self.server = bench.start("triune", self.command(bench, ["iris", "echo"], 0, 0) + ["--ports-file", ports])
        self.server.wait(lambda: read_ports(ports))
        self.ports = read_ports(ports)
        for model in ("iris", "echo"):
            self.server.wait(lambda: answers(f"http://127.0.0.1:{self.ports['http']}/v2/models/{model}/ready"))
        self._counted = Counted(self.ports["http"], requests_answered)
        self._expect = {}

    @staticmethod
    def command(bench, names, http_port, grpc_port):
        return [os.path.abspath(bench.args.triune), "serve", *(f"{name}={bench.models[name]}" for name in names),
                "--http-port", str(http_port), "--grpc-port", str(grpc_port), "--http-threads", "1",
                "--grpc-threads", "1", "--log-level", "warning", "--runtime-path", bench.args.runtime_path,
                *shlex.split(bench.args.serve_args)]

    def target(self, model, kind):
        return self.bench.target(self.server, self.ports["grpc" if kind == "grpc" else "http"], model, kind)

    def verify(self):
        for model, kinds in (("iris", ("v1", "v2", "v2bin", "grpc")), ("echo", ("v2", "v2bin", "grpc"))):
            for kind in kinds:
                target = self.target(model, kind)
                self._expect[model, kind] = self.bench.verify(target)

    def load(self, target, connections, **options):
        return self._counted.run(target, lambda: self.bench.load(
            target, connections, expect=self._expect[target.model, target.kind], **options))


def against_floors(bench, ours):
    for measure in MEASURES:
        if bench.args.only not in measure.title:
            continue
        server, port = bench.floor(measure.floor)
        floor = bench.target(server, port, measure.model, measure.kind)
        row, details = compare(
            measure, ours.target(measure.model, measure.kind), floor,
            lambda target: ours.load(target, measure.connections, check_every=measure.check_every),
            lambda target: bench.load(target, measure.connections), bench.args.runs)
        yield row, details


def open_loop(bench, ours):
    """p99 / p50 with evenly spaced arrivals at half of what the same server reached in a closed loop just before."""
    title = "p99 / p50 at half the saturating rate, "
    for name, kind, floor_name in (("V2 JSON", "v2", "beast"), ("gRPC", "grpc", "grpc")):
        if bench.args.only not in title + name:
            continue
        server, port = bench.floor(floor_name)
        sides = {"floor": (bench.target(server, port, "iris", kind), bench.load),
                 "ours": (ours.target("iris", kind), ours.load)}
        details, shares = [], {"floor": [], "ours": []}
        for _ in range(bench.args.runs):
            for who, (target, load) in sides.items():
                saturated = load(target, 32, seconds=1, warm_up=0.5)["rps"]
                run = load(target, 32, rate=saturated / 2)
                shares[who].append(run["p99_us"] / run["p50_us"])
                details.append({who: run, "saturated_rps": saturated})
        yield Row(title + name, spread(shares["ours"]), spread(shares["ours"]), "<=", OPEN_LOOP_TARGET,
                  spread(shares["floor"])), details


def alone(bench):
    """Start and memory of a server with the one small model."""
    http_port, grpc_port = free_port(), free_port()
    command = Ours.command(bench, ["iris"], http_port, grpc_port)
    ready = "/v2/models/iris/ready"
    if bench.args.only in "exec to 200 from /ready":
        started = bench.cold_start(command, http_port, ready, 3 if bench.args.quick else 20)
        yield Row("exec to 200 from /ready", spread(started["ms"]), spread(started["ms"]), "<=", COLD_START_TARGET_MS,
                  unit="ms"), started
    if bench.args.only in "idle RSS, one ONNX model":
        with Server("triune_alone", command, SERVER_CPU, f"{bench.work}/triune_alone.log") as server:
            server.wait(lambda: answers(f"http://127.0.0.1:{http_port}{ready}"))
            time.sleep(1)
            idle = server.rss_mib()
            for kind, port in (("v2", http_port), ("grpc", grpc_port)):
                for _ in bench.maker.capture(bench.target(server, port, "iris", kind)):
                    pass
            used = server.rss_mib()
        yield Row("idle RSS, one ONNX model", spread([idle]), spread([idle]), "<=", IDLE_RSS_TARGET_MIB, unit="MiB",
                  note=f"{used:.1f} MiB after {ROWS} V2 and {ROWS} gRPC requests"), {"idle": idle, "used": used}


def cross_check(bench, ours):
    """The same two lines with other people's load makers. They check no answers."""
    iris = bench.rows["iris"][0]
    for title, kind, floor_name, run in (
            ("V2 JSON, 32 connections, by wrk", "v2", "beast", lambda target: wrk(
                target, f"{bench.work}/iris.v2.lines", 32, max(1, round(bench.args.seconds)), CLIENT_CPU)),
            ("gRPC raw, 32 connections, by h2load", "grpc", "grpc", lambda target: h2load(
                target, bodies.grpc_body(bench.classes, "iris", "input-0", iris), 32,
                int(30000 * bench.args.seconds), CLIENT_CPU))):
        server, port = bench.floor(floor_name)
        floor, mine = bench.target(server, port, "iris", kind), ours.target("iris", kind)
        pairs = [(run(floor), run(mine)) for _ in range(bench.args.runs)]
        yield Row(title, spread([pair[1] for pair in pairs]), spread([pair[1] / pair[0] for pair in pairs]),
                  floor=spread([pair[0] for pair in pairs]), unit="req/s"), pairs


def floors_alone(bench):
    for measure in MEASURES:
        server, port = bench.floor(measure.floor)
        target = bench.target(server, port, measure.model, measure.kind)
        runs = [bench.load(target, measure.connections) for _ in range(bench.args.runs)]
        figures = spread([run[measure.key] for run in runs])
        yield Row(measure.title, figures, figures, unit=measure.unit,
                  note="floor alone; client {:.0%}, server {:.0%} of "
                  "a core".format(*(statistics.median(run[key] for run in runs)
                                    for key in ("client_cpu", "server_cpu")))), runs


def check_floors(bench):
    """The floors that work on the data are held to the same answers; else they might be fast and wrong."""
    for name, kind in (("beast_json", "v2"), ("beast_echo", "v2bin")):
        server, port = bench.floor(name)
        target = bench.target(server, port, "echo", kind)
        if name == "beast_json":
            bench.verify(target)
            continue
        for index, (ok, _, body) in enumerate(bench.maker.capture(target)):
            if not ok or not body.endswith(bench.rows["echo"][index].tobytes()):
                raise verify.WrongAnswer(f"{target}, row {index}: the body did not come back")


def measure(bench):
    check_floors(bench)
    if bench.args.floors_only:
        yield from floors_alone(bench)
        return
    ours = Ours(bench)
    ours.verify()
    yield from against_floors(bench, ours)
    yield from open_loop(bench, ours)
    if bench.args.cross_check:
        yield from cross_check(bench, ours)
    yield from alone(bench)
    for name in filter(None, bench.args.peers.split(",")):
        try:
            yield from peers.measure(bench, name, MEASURES)
        except (LoadFailed, ServerFailed, verify.WrongAnswer, subprocess.CalledProcessError) as failure:
            say(f"{name} could not be measured to the end: {failure}")  # ours stands without it


def main():
    args = arguments()
    header = {"what": "triune serve", "time": report.now(), "machine": report.machine(),
              "commit": report.commit(ROOT), "build": build(args), "quick": args.quick, "runs_each": args.runs,
              "seconds_each": args.seconds, "rows_rotated": ROWS}
    rows, details = [], {}
    with ExitStack() as stack:
        for row, detail in measure(Bench(args, stack)):
            rows.append(row)
            details[row.measure] = detail
            say(report.table([row]).splitlines()[-1])
    out = args.out or f"{args.build}/results/serve-{header['time'].replace(':', '')}.json"
    report.write(out, header, rows, details)
    report.show(header, rows, out)
    return report.exit_status(rows, args.enforce)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LoadFailed, ServerFailed, verify.WrongAnswer, RuntimeError) as failure:
        sys.exit(f"bench: {failure}")
