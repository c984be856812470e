"""Every limit of `triune serve`: what happens at it, and that the server serves on."""
import concurrent.futures
import gzip
import json
import socket
import time

import grpc
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from server import BODY, INFER, MODELS, exchange, model, post, read_response, tensor, wait_for

# How much later than its time an event may come on a busy machine.
SLACK_SECONDS = 8


def closed_after(connection, seconds):
    """Waits until the server closes; returns what it still said and how long it took."""
    start = time.monotonic()
    connection.settimeout(seconds + SLACK_SECONDS)
    said = b""
    try:
        while part := connection.recv(65536):
            said += part
    except ConnectionResetError:
        pass
    return said, time.monotonic() - start


@pytest.mark.parametrize("begun", [b"GET /v2 HT", b"GET /v2 HTTP/1.1\r\nHost: t\r\n", post()[:-3],
                                   b"POST /v2/models/vector/infer HTTP/1.1\r\nHost: t\r\n"
                                   b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
def test_a_request_that_does_not_end_is_ended_by_read_timeout(serve, begun):
    server = serve(model("vector"), "--read-timeout", 1)
    with server.connect() as connection:
        connection.sendall(begun)
        said, took = closed_after(connection, 1)
    assert 0.7 < took < 1 + SLACK_SECONDS
    assert said == b"" or said.startswith(b"HTTP/1.1 408 ")
    server.check_serving()


def test_slow_loris_cannot_stretch_the_time(serve):
    """A byte now and then must not start the time anew."""
    server = serve(model("vector"), "--read-timeout", 1)
    start = time.monotonic()
    with server.connect() as connection:
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while time.monotonic() - start < 1 + SLACK_SECONDS:
                connection.sendall(b"X-More: 1\r\n" if time.monotonic() - start > 0.1 else b"GET /v2 HTTP/1.1\r\n")
                time.sleep(0.05)
    assert time.monotonic() - start < 1 + SLACK_SECONDS
    server.check_serving()


def test_many_slow_clients_do_not_keep_a_fast_one_waiting(serve):
    server = serve(model("vector"), "--read-timeout", 30)
    slow = [server.connect() for _ in range(300)]
    for connection in slow:
        connection.sendall(b"POST /v2/models/vector/infer HTTP/1.1\r\nHost: t\r\nContent-Le")
    start = time.monotonic()
    for _ in range(20):
        server.check_serving()
    assert time.monotonic() - start < 5
    for connection in slow:
        connection.close()


def test_idle_connections_are_closed_after_idle_timeout(serve):
    server = serve(model("vector"), "--idle-timeout", 1)
    with server.connect() as fresh, server.connect() as used:
        used.sendall(post())
        assert read_response(used.makefile("rb")).status == 200
        for connection in (used, fresh):
            said, took = closed_after(connection, 1)
            assert said == b"" and took < 1 + SLACK_SECONDS
    server.check_serving()


def test_a_call_that_takes_longer_than_the_idle_and_read_timeouts_is_not_cut(serve, slow_input):
    server = serve(model("slow"), model("vector"), "--idle-timeout", 1, "--read-timeout", 1)
    answer = server.infer("slow", [slow_input(server, 2.5)])
    assert answer.status == 200, answer.body
    server.check_serving()


@pytest.mark.parametrize("request_of", [
    lambda size: f"GET /v2 HTTP/1.1\r\nHost: t\r\nX-Long: {'a' * size}\r\n\r\n",
    lambda size: f"GET /v2?{'a' * size} HTTP/1.1\r\nHost: t\r\n\r\n",
    lambda size: "GET /v2 HTTP/1.1\r\nHost: t\r\n" + "X-A: b\r\n" * (size // 8) + "\r\n",
    lambda size: f"GET /v2 HTTP/1.1\r\nHost: t\r\nX-Long: {'a' * size}"])
def test_a_header_over_the_limit_is_431(serve, request_of):
    server = serve(model("vector"), "--max-header-bytes", 4096)
    assert exchange(server, request_of(5000).encode()).status == 431
    assert exchange(server, f"GET /v2 HTTP/1.1\r\nHost: t\r\nX: {'a' * 3000}\r\n\r\n".encode()).status == 200
    server.check_serving()


def test_a_body_over_the_limit_is_413_before_it_is_sent(serve):
    server = serve(model("vector"), "--max-body-bytes", 10000)
    for length in (10001, 2**40, 2**63):
        answer = exchange(server, f"POST {INFER} HTTP/1.1\r\nHost: t\r\nContent-Length: {length}\r\n\r\n".encode())
        assert answer.status == 413, length
        assert "max-body-bytes" in answer.error
    assert server.post(INFER, BODY + b" " * (10000 - len(BODY))).status == 200
    server.check_serving()


def test_the_client_can_read_413_while_it_still_sends(serve):
    """A server that closes at once resets the connection, and the client never sees why."""
    server = serve(model("vector"), "--max-body-bytes", 10000)
    answer = server.post(INFER, b" " * 5_000_000)
    assert answer.status == 413


def test_chunks_over_the_limit_are_413(serve):
    server = serve(model("vector"), "--max-body-bytes", 10000)
    head = f"POST {INFER} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert exchange(server, head + b"2711\r\n").status == 413
    assert exchange(server, head + (b"400\r\n" + b" " * 1024 + b"\r\n") * 12).status == 413
    server.check_serving()


def test_gzip_cannot_unpack_to_more_than_the_limit(serve):
    server = serve(model("vector"), "--max-body-bytes", 1_000_000)
    bomb = gzip.compress(b" " * 100_000_000)
    before = server.rss_bytes()
    answer = server.post(INFER, bomb, {"Content-Encoding": "gzip"})
    assert answer.status == 413
    assert server.rss_bytes() - before < 50_000_000
    server.check_serving()


def test_gzip_cannot_unpack_past_max_buffered_bytes(serve):
    server = serve(model("vector"), "--max-buffered-bytes", 2_000_000)
    answer = server.post(INFER, gzip.compress(b" " * 100_000_000), {"Content-Encoding": "gzip"})
    assert answer.status == 503, answer.body
    # Given back: a body of nearly as much is taken, which goes through a buffer of its own.
    assert server.post(INFER, BODY + b" " * 1_500_000).status == 200
    server.check_serving()


def test_memory_of_a_large_body_is_given_back(serve):
    server = serve(model("vector"))
    server.check_serving()
    before = server.rss_bytes()
    bomb = gzip.compress(b" " * 200_000_000)
    assert server.post(INFER, bomb, {"Content-Encoding": "gzip"}, timeout=60).status == 400
    wait_for(lambda: server.rss_bytes() - before < 60_000_000, 10, "the memory to be given back")
    server.check_serving()


def test_connections_over_the_limit_are_refused_and_come_back(serve):
    server = serve(model("vector"), "--max-connections", 20)
    held = [server.connect() for _ in range(20)]
    for connection in held:
        connection.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: t\r\n\r\n")
        assert read_response(connection.makefile("rb")).status == 200
    answer = None
    try:
        answer = exchange(server, b"GET /v2 HTTP/1.1\r\nHost: t\r\n\r\n", timeout=3)
        assert answer is None or answer.status == 503
    except (TimeoutError, ConnectionResetError, BrokenPipeError):
        pass
    for connection in held:
        connection.close()
    deadline = time.monotonic() + SLACK_SECONDS
    while True:
        try:
            server.check_serving()
            break
        except (OSError, AssertionError):
            assert time.monotonic() < deadline
            time.sleep(0.05)


# ---- deadlines --------------------------------------------------------------------------------------------------


def test_a_request_is_given_up_at_the_time_in_its_header(serve, slow_input):
    server = serve(model("slow"), model("vector"))
    given = slow_input(server, 3)
    start = time.monotonic()
    answer = server.infer("slow", [given], headers={"X-Request-Timeout": "0.3"})
    assert answer.status == 504, answer.body
    assert answer.error
    assert time.monotonic() - start < 2.5
    server.check_serving()


def test_a_request_is_given_up_at_request_timeout(serve, slow_input):
    server = serve(model("slow"), model("vector"), "--request-timeout", 1)
    given = slow_input(server, 4)
    assert server.infer("slow", [given]).status == 504
    server.check_serving()


MANIFEST = """
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: slow}
spec:
  predictor:
    timeout: 1
    model: {modelFormat: {name: onnx}, storageUri: FOLDER}
"""


def test_a_models_own_timeout_holds_for_every_protocol_and_encoding(serve, slow_input, tmp_path):
    """Plain, gzip (handled on another thread from the beginning) and gRPC."""
    (tmp_path / "slow.yaml").write_text(MANIFEST.replace("FOLDER", str(MODELS / "slow")))
    server = serve(tmp_path / "slow.yaml", model("vector"))
    given = slow_input(server, 5)
    body = json.dumps({"inputs": [given]}).encode()
    start = time.monotonic()
    for headers, sent in (({}, body), ({"Content-Encoding": "gzip"}, gzip.compress(body))):
        answer = server.post("/v2/models/slow/infer", sent, headers)
        assert answer.status == 504, answer.body
        assert answer.error
    request = pb.ModelInferRequest(model_name="slow")
    request.inputs.add(name="trips", datatype="INT64", shape=[1]).contents.int64_contents.extend(given["data"])
    with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=60)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 3 * 5 - 1, "it waited for the model"
    server.check_serving()


def test_grpc_calls_are_given_up_at_request_timeout(serve, slow_input):
    server = serve(model("slow"), model("vector"), "--request-timeout", 1)
    given = slow_input(server, 5)
    request = pb.ModelInferRequest(model_name="slow")
    request.inputs.add(name="trips", datatype="INT64", shape=[1]).contents.int64_contents.extend(given["data"])
    start = time.monotonic()
    with grpc.insecure_channel(server.grpc) as channel, pytest.raises(grpc.RpcError) as caught:
        GRPCInferenceServiceStub(channel).ModelInfer(request, timeout=60)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 4
    server.check_serving()


def test_grpc_connections_that_do_not_answer_are_closed(serve):
    """A client that is there, but no longer answers pings."""
    server = serve(model("vector"), "--idle-timeout", 1, "--read-timeout", 1)
    with socket.create_connection(("127.0.0.1", server.grpc_port)) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
        _, took = closed_after(connection, 2)
    assert took < 2 + SLACK_SECONDS
    server.check_serving()


def test_grpc_metadata_up_to_max_header_bytes(serve):
    server = serve(model("vector"), "--max-header-bytes", 32768)
    with grpc.insecure_channel(server.grpc) as channel:
        call = GRPCInferenceServiceStub(channel).ServerLive
        assert call(pb.ServerLiveRequest(), metadata=[("x-long", "a" * 20_000)], timeout=20).live
        with pytest.raises(grpc.RpcError) as caught:
            call(pb.ServerLiveRequest(), metadata=[("x-long", "a" * 60_000)], timeout=20)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    server.check_serving()


@pytest.mark.parametrize("value", ["soon", "-1", "0", "1e999", "nan", "1 day"])
def test_a_timeout_that_is_no_number_is_400(server, value):
    answer = server.infer("vector", [tensor("x", "FP32", [1])], headers={"X-Request-Timeout": value})
    assert answer.status == 400
    assert "timeout" in answer.error.lower()


def test_a_call_whose_time_ran_out_in_the_queue_never_reaches_the_runtime(serve, slow_input):
    server = serve(model("slow"), model("vector"))
    given = slow_input(server, 1.5)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        first = pool.submit(server.infer, "slow", [given])
        time.sleep(0.2)
        waiting = [pool.submit(server.infer, "slow", [given], {"X-Request-Timeout": "0.3"}) for _ in range(16)]
        assert {one.result().status for one in waiting} == {504}
        assert first.result().status == 200
    # Sixteen calls of 1.5 s each would keep the two cores of a small machine busy for twelve seconds.
    start = time.monotonic()
    assert server.infer("slow", [tensor("trips", "INT64", [1])]).status == 200
    assert time.monotonic() - start < 5


# ---- in flight --------------------------------------------------------------------------------------------------


def test_calls_over_the_in_flight_limit_are_429_with_retry_after(serve, slow_input):
    server = serve(model("slow"), model("vector"), "--max-inflight-per-model", 2)
    given = slow_input(server, 1)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [one.result() for one in [pool.submit(server.infer, "slow", [given]) for _ in range(8)]]
    codes = sorted(answer.status for answer in answers)
    assert codes.count(200) >= 2 and codes.count(429) >= 1 and set(codes) == {200, 429}
    for answer in answers:
        if answer.status == 429:
            assert int(answer.headers["Retry-After"]) >= 1
            assert "slow" in answer.error
    server.check_serving()


def test_the_limit_is_for_each_model(serve, slow_input):
    server = serve(model("slow"), model("vector"), "--max-inflight-per-model", 1)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        busy = pool.submit(server.infer, "slow", [slow_input(server, 1)])
        time.sleep(0.2)
        start = time.monotonic()
        server.check_serving("vector")
        assert time.monotonic() - start < 0.7, "a slow model held up another"
        assert busy.result().status == 200


def test_grpc_calls_over_the_limit_are_resource_exhausted(serve, slow_input):
    server = serve(model("slow"), "--max-inflight-per-model", 1)
    request = pb.ModelInferRequest(model_name="slow")
    trips = slow_input(server, 1)["data"]
    request.inputs.add(name="trips", datatype="INT64", shape=[1]).contents.int64_contents.extend(trips)
    with grpc.insecure_channel(server.grpc) as channel:
        stub = GRPCInferenceServiceStub(channel)
        codes = [call.code() for call in [stub.ModelInfer.future(request, timeout=20) for _ in range(6)]]
    assert codes.count(grpc.StatusCode.OK) >= 1
    assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) >= 1
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}


def test_a_slow_model_does_not_hold_up_a_fast_one(serve, slow_input):
    """Even when more slow calls wait than there are threads of any kind."""
    server = serve(model("slow"), model("vector"))
    given = slow_input(server, 0.5)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(server.infer, "slow", [given]) for _ in range(8)]
        time.sleep(0.2)
        times = []
        for _ in range(30):
            start = time.monotonic()
            server.check_serving("vector")
            times.append(time.monotonic() - start)
        assert sorted(times)[15] < 0.25, times
        assert {one.result().status for one in slow} == {200}


def test_the_log_never_shows_a_payload(serve):
    server = serve(model("vector"), "--log-level", "debug", "--access-log")
    secret = json.dumps({"inputs": [tensor("x", "FP32", [424242])], "parameters": {"note": "topsecret"}})
    assert server.post(INFER, secret).status == 200
    assert server.post(INFER, '{"inputs": "topsecret"}').status == 400
    assert INFER in server.log()
    assert "topsecret" not in server.log() and "424242" not in server.log()


def test_json_log_is_one_object_a_line(serve):
    server = serve(model("vector"), "--log-format", "json", "--access-log")
    server.get("/v2/models/%22%0A%7B")
    server.check_serving()
    lines = [json.loads(line) for line in server.log().splitlines()]
    assert lines and all({"time", "level"} <= set(line) for line in lines)
