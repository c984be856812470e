"""What is measured, and how one comparison with a floor runs."""
import dataclasses
import time

from load import GRPC_PATH
from report import Row, spread

INFER = "/v2/models/{}/infer"


@dataclasses.dataclass
class Target:
    """Where a load run goes and what it sends."""
    server: object
    port: int
    kind: str  # v1, v2, v2bin, grpc
    model: str
    path: str
    bodies: str
    headers: list

    def __str__(self):
        return f"{self.server.name} {self.model} {self.kind}"


@dataclasses.dataclass
class Measure:
    """One line of the table: ours against a floor, in the same run, on the same core."""
    title: str
    model: str
    kind: str
    floor: str  # the program bench_floor_<floor>
    connections: int
    key: str  # which figure of the load maker
    unit: str
    sense: str
    target: float
    check_every: int = 1  # large answers: their check would take the load maker's time


MEASURES = [
    Measure("V2 JSON, 32 connections", "iris", "v2", "beast", 32, "rps", "req/s", ">=", 0.70),
    Measure("V2 JSON, 1 connection", "iris", "v2", "beast", 1, "rps", "req/s", ">=", 0.85),
    Measure("gRPC raw, 32 connections", "iris", "grpc", "grpc", 32, "rps", "req/s", ">=", 0.75),
    Measure("602 KB, V2 binary in and out", "echo", "v2bin", "beast_echo", 1, "rps", "req/s", ">=", 0.70, 97),
    Measure("602 KB as JSON text in and out, p50", "echo", "v2", "beast_json", 1, "p50_us", "us", "<=", 1.4, 7),
]
OPEN_LOOP_TARGET = 3.0
COLD_START_TARGET_MS = 50.0
IDLE_RSS_TARGET_MIB = 50.0


def path_of(model, kind):
    return {"v1": f"/v1/models/{model}:predict", "grpc": GRPC_PATH}.get(kind, INFER.format(model))


class Counted:
    """Load on ours counts only if the server's own counter of successes rose by exactly the number sent."""
    PROTOCOLS = {"v1": "v1", "v2": "v2", "v2bin": "v2", "grpc": "grpc"}
    # An answer may reach the client a moment before it is counted.
    PATIENCE_S = 1.0

    def __init__(self, http_port, read_counter):
        self._http_port, self._read = http_port, read_counter

    def _successes(self, target):
        return self._read(self._http_port, target.model, self.PROTOCOLS[target.kind], "OK")

    def run(self, target, make_load):
        before = self._successes(target)
        result = make_load()
        give_up = time.monotonic() + self.PATIENCE_S
        while (rose := self._successes(target) - before) < result["sent"] and time.monotonic() < give_up:
            time.sleep(0.01)
        if rose != result["sent"]:
            raise RuntimeError(f"{target}: sent {result['sent']} requests, the server counted {rose} successes")
        return result


def compare(measure, ours, floor, load_ours, load_floor, runs):
    """Interleaved runs: floor, ours, floor, ours... so that a change of the machine's pace hits both. Returns the row
    and all that the load maker said."""
    details = []
    for _ in range(runs):
        details.append({"floor": load_floor(floor), "ours": load_ours(ours)})
    figures = {who: [run[who][measure.key] for run in details] for who in ("floor", "ours")}
    ratios = [mine / floors for mine, floors in zip(figures["ours"], figures["floor"])]
    busiest = max(run["floor"]["client_cpu"] for run in details)
    note = "the load maker was the limit of the floor" if measure.key == "rps" and busiest > 0.97 and \
        measure.connections > 1 and min(run["floor"]["server_cpu"] for run in details) < 0.95 else ""
    row = Row(measure.title, spread(figures["ours"]), spread(ratios), measure.sense, measure.target,
              spread(figures["floor"]), measure.unit, note)
    return row, details
