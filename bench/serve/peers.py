"""Other model servers under the same load: same models, bodies, core, load makers and floors.

Each lives in a Python environment of its own, made from peers/NAME.txt. Where a peer has settings, they are those that
are fastest for small models. Their answers are compared with the model's as ours are; what they leave out (KServe's
servers give one output of the two) is left out.
"""
import json
import os
import sys

import prepare
from load import LoadFailed
from report import Row, spread
from server import Server, answers, free_port
from verify import WrongAnswer

HERE = f"{os.path.dirname(os.path.abspath(__file__))}/peers"
# The peers take seconds to start.
COLD_STARTS = 3


def _kserve(bench, venv, http_port, grpc_port):
    return [f"{venv}/bin/python", f"{HERE}/kserve_server.py", f"--models={json.dumps(bench.models)}",
            f"--http_port={http_port}", f"--grpc_port={grpc_port}"]


def _mlserver(bench, venv, http_port, grpc_port):
    """parallel_workers 0: inference in the server's process. MLServer's default, a worker process, is slower here."""
    folder = f"{bench.work}/mlserver-{http_port}"
    for name, path in bench.models.items():
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        with open(f"{folder}/{name}/model-settings.json", "w") as file:
            json.dump({"name": name, "implementation": "mlserver_model.OnnxModel", "parameters": {"uri": path}}, file)
    with open(f"{folder}/settings.json", "w") as file:
        json.dump({"host": "127.0.0.1", "http_port": http_port, "grpc_port": grpc_port, "metrics_port": free_port(),
                   "debug": False, "parallel_workers": 0, "grpc_max_message_length": 1 << 26}, file)
    return ["env", f"PYTHONPATH={HERE}", f"{venv}/bin/mlserver", "start", folder]


PEERS = {"kserve": _kserve, "mlserver": _mlserver}
TRITON = ("triton: not measured. Its server is on PyPI (nvidia-pytriton), but without its ONNX Runtime backend, which "
          "is in no package registry; docs/benchmarks.md has reference figures.")


def measure(bench, name, measures):
    """Yields (row, details) for one peer."""
    if name == "triton":
        print(TRITON, file=sys.stderr)
        return
    if name not in PEERS:
        raise RuntimeError(f"no such peer: {name}; there are {', '.join(PEERS)}")
    venv = prepare.environment(f"{bench.args.build}/peers", f"{HERE}/{name}.txt")
    ports = free_port(), free_port()
    command = PEERS[name](bench, venv, *ports)
    ready = "/v2/models/iris/ready"
    with Server(name, command, 0, f"{bench.work}/{name}.log", bench.args.realtime) as server:
        server.wait(lambda: answers(f"http://127.0.0.1:{ports[0]}{ready}"))
        rss = server.rss_mib()
        able = {each: _verified(bench, _target(bench, server, ports, *each))
                for each in sorted({(each.model, each.kind) for each in measures})}
        for each in measures:
            if not able[each.model, each.kind]:
                continue
            target = _target(bench, server, ports, each.model, each.kind)
            floor_server, floor_port = bench.floor(each.floor)
            floor = bench.target(floor_server, floor_port, each.model, each.kind)
            runs = [{"floor": bench.load(floor, each.connections), "peer": bench.load(target, each.connections)}
                    for _ in range(bench.args.runs)]
            figures = {who: [run[who][each.key] for run in runs] for who in ("floor", "peer")}
            yield Row(each.title, spread(figures["peer"]),
                      spread([peer / floor for peer, floor in zip(figures["peer"], figures["floor"])]),
                      floor=spread(figures["floor"]), unit=each.unit, subject=name), runs
    yield Row("idle RSS, both ONNX models", spread([rss]), spread([rss]), unit="MiB", subject=name), rss
    started = bench.cold_start(command, ports[0], ready, COLD_STARTS)
    yield Row("exec to 200 from /ready", spread(started["ms"]), spread(started["ms"]), unit="ms", subject=name), started


def _verified(bench, target):
    """Whether the peer answers these bodies rightly; if not, its lines are left out."""
    try:
        bench.verify(target, complete=False)
        return True
    except (WrongAnswer, LoadFailed) as failure:
        print(f"left out: {failure}", file=sys.stderr)
        return False


def _target(bench, server, ports, model, kind):
    return bench.target(server, ports[1 if kind == "grpc" else 0], model, kind)
