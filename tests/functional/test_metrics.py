"""/metrics: right figures, in a form that Prometheus and its linter take."""
import json
import re
import subprocess
import urllib.request

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc

from server import model, tensor, wait_for

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def samples(server):
    """[(name, {label: value}, number)]"""
    found = []
    for line in server.get("/metrics").body.decode().splitlines():
        if line and not line.startswith("#"):
            name, labels, number = SAMPLE.match(line).groups()
            found.append((name, dict(LABEL.findall(labels or "")), float(number)))
    return found


def total(server, metric, **labels):
    return sum(number for name, has, number in samples(server)
               if name == metric and all(has.get(key) == value for key, value in labels.items()))


def test_content_type(server):
    answer = server.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_promtool_finds_nothing_wrong(server):
    server.infer("vector", [tensor("x", "FP32", [1])])
    run = subprocess.run(["promtool", "check", "metrics"], input=server.get("/metrics").body, capture_output=True)
    assert run.returncode == 0, run.stdout + run.stderr
    # KServe's own names are a given (`request_preprocess_seconds` is right by the linter, too).
    assert run.stdout + run.stderr == b""


def send_v1(server):
    assert server.post("/v1/models/vector:predict", {"instances": [1]}).status == 200


def send_v2(server):
    assert server.infer("vector", [tensor("x", "FP32", [1])]).status == 200


def send_grpc(server):
    given = triton_grpc.InferInput("x", [1], "FP32")
    given.set_data_from_numpy(np.array([1], np.float32))
    with triton_grpc.InferenceServerClient(server.grpc) as client:
        client.infer("vector", [given])


@pytest.mark.parametrize("send, protocol", [(send_v1, "v1"), (send_v2, "v2"), (send_grpc, "grpc")])
def test_requests_are_counted_exactly(server, send, protocol):
    count = lambda: total(server, "triune_requests_total", model_name="vector", protocol=protocol, code="OK")
    before = count()
    for _ in range(7):
        send(server)
    assert count() == before + 7


def test_errors_are_counted_with_their_code(server):
    count = lambda: total(server, "triune_requests_total", model_name="vector", code="INVALID_ARGUMENT")
    before = count()
    assert server.infer("vector", []).status == 400
    assert count() == before + 1


def test_every_answer_is_counted_also_without_a_model(server):
    http = lambda code: total(server, "triune_http_responses_total", code=str(code))
    before = {code: http(code) for code in (400, 404, 405, 415)}
    server.infer("nobody", [])
    server.get("/v2/models/vector/infer")
    server.post("/v2/models/vector/infer", b"{}", {"Content-Encoding": "br"})
    server.post("/v2/models/vector/infer", b"{}", {"Content-Encoding": "gzip"})
    assert {code: http(code) for code in before} == {code: count + 1 for code, count in before.items()}
    calls = lambda: total(server, "triune_grpc_calls_total", code="NOT_FOUND")
    before = calls()
    with triton_grpc.InferenceServerClient(server.grpc) as client, pytest.raises(triton_grpc.InferenceServerException):
        client.get_model_metadata("nobody")
    wait_for(lambda: calls() == before + 1, 5, "the call to be counted")


def test_calls_that_the_client_gave_up_are_not_counted_as_ok(serve, slow_input):
    server = serve(model("slow"))
    given = triton_grpc.InferInput("trips", [1], "INT64")
    given.set_data_from_numpy(np.array(slow_input(server, 1)["data"], np.int64))
    before = total(server, "triune_requests_total", protocol="grpc", code="OK")
    with triton_grpc.InferenceServerClient(server.grpc) as client, pytest.raises(triton_grpc.InferenceServerException):
        client.infer("slow", [given], client_timeout=0.2)
    ended = lambda: total(server, "triune_requests_total", protocol="grpc") - total(
        server, "triune_requests_total", protocol="grpc", code="OK")
    wait_for(lambda: ended() == 1, 10, "the model to be done")
    assert total(server, "triune_requests_total", protocol="grpc", code="OK") == before


def test_unknown_models_make_no_new_series(server):
    """Whoever can send requests could otherwise fill the memory with names."""
    for number in range(50):
        server.infer(f"made-up-{number}", [])
    assert not any("made-up" in str(labels) for _, labels, _ in samples(server))


@pytest.mark.parametrize("histogram", ["request_preprocess_seconds", "request_predict_seconds",
                                       "request_postprocess_seconds"])
def test_kserve_histograms(server, histogram):
    count = lambda: total(server, f"{histogram}_count", model_name="pair")
    before = count()
    inputs = [tensor("a", "FP32", [1] * 4, (1, 4)), tensor("b", "INT64", [1])]
    assert server.infer("pair", inputs).status == 200
    assert count() == before + 1
    buckets = [(float(labels["le"]), number) for name, labels, number in samples(server)
               if name == f"{histogram}_bucket" and labels["model_name"] == "pair"]
    assert buckets == sorted(buckets) and buckets[-1][0] == float("inf") and buckets[-1][1] == count()
    assert [number for _, number in buckets] == sorted(number for _, number in buckets)


def test_predict_time_is_the_time_it_took(server, slow_input):
    given = slow_input(server, 0.3)
    total_seconds = lambda: total(server, "request_predict_seconds_sum", model_name="slow")
    before = total_seconds()
    server.infer("slow", [given])
    assert 0.05 < total_seconds() - before < 5


def test_process_metrics(server):
    names = {name for name, _, _ in samples(server)}
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= names
    resident = total(server, "process_resident_memory_bytes")
    assert 0.5 < resident / server.rss_bytes() < 2


def test_a_real_prometheus_scrapes_it(serve, tmp_path, unused_port):
    server = serve(model("vector"))
    for _ in range(3):
        send_v2(server)
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [
        {"job_name": "triune", "static_configs": [{"targets": [server.http]}]}]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    with open(tmp_path / "prometheus.log", "wb") as log:
        prometheus = subprocess.Popen(
            ["prometheus", f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{unused_port}"], stdout=log, stderr=log)
    try:
        def query(expression):
            try:
                url = f"http://127.0.0.1:{unused_port}/api/v1/query?query={expression}"
                with urllib.request.urlopen(url, timeout=5) as response:
                    return json.load(response)["data"]["result"]
            except OSError:
                return []

        wait_for(lambda: any(one["value"][1] == "1" for one in query("up")), 30, "a scrape that worked")
        (one,) = wait_for(lambda: query("triune_requests_total{model_name='vector',code='OK'}".replace(" ", "")), 10,
                          "the counter in Prometheus")
        assert one["value"][1] == "3"
        assert one["metric"]["protocol"] == "v2"
    finally:
        prometheus.terminate()
        prometheus.wait(20)
