"""HTTP/1.1 itself: curl and raw sockets."""
import gzip
import json
import socket
import subprocess

import numpy as np
import pytest

from server import BODY, INFER, exchange, post, read_response, tensor


def curl(*arguments, data=None):
    """stdout of curl, which must succeed."""
    run = subprocess.run(["curl", "-sS", "--max-time", "30", *arguments], input=data, capture_output=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


# ---- routes -----------------------------------------------------------------------------------------------------


def test_v1_routes(server):
    names = server.get("/v1/models").json["models"]
    assert {"vector", "pair", "digits", "breast-cancer"} <= set(names)
    assert server.get("/v1/models/vector").json == {"name": "vector", "ready": True}
    answer = server.post("/v1/models/vector:predict", {"instances": [1, 2]})
    assert (answer.status, answer.json) == (200, {"predictions": [1, 2]})
    answer = server.post("/v1/models/vector:predict", {"inputs": [3, 4]})
    assert (answer.status, answer.json) == (200, {"predictions": [3, 4]})


def test_v2_routes(server):
    about = server.get("/v2").json
    assert about["name"] == "triune" and about["version"] and "binary_tensor_data" in about["extensions"]
    assert server.get("/v2/health/live").json == {"live": True}
    assert server.get("/v2/health/ready").json == {"ready": True}
    assert "vector" in json.dumps(server.get("/v2/models").json["models"])
    metadata = server.get("/v2/models/vector").json
    assert metadata["name"] == "vector"
    assert metadata["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1]}]
    ready = server.get("/v2/models/vector/ready")
    assert ready.status == 200 and ready.json["name"] == "vector" and ready.json["ready"] is True


def test_routes_with_a_version(server):
    version = server.get("/v2/models/vector").json["versions"][0]
    assert server.get(f"/v2/models/vector/versions/{version}").json["name"] == "vector"
    assert server.get(f"/v2/models/vector/versions/{version}/ready").status == 200
    assert server.post(f"/v2/models/vector/versions/{version}/infer", BODY).status == 200
    assert server.get("/v2/models/vector/versions/no-such-version").status == 404
    assert server.post("/v2/models/vector/versions/no-such-version/infer", BODY).status == 404


@pytest.mark.parametrize("path", ["/v1/models/nobody", "/v2/models/nobody", "/v2/models/nobody/ready", "/v3",
                                  "/v2/nothing", "/v1/models/vector:dance", "/v2/modelsx",
                                  "/v1/models/../../etc/passwd"])
def test_what_is_not_there_is_404_with_a_reason(server, path):
    answer = server.get(path)
    assert answer.status == 404
    assert answer.error


@pytest.mark.parametrize("path", ["/v1/models/nobody:predict", "/v2/models/nobody/infer"])
def test_inference_with_an_unknown_model_is_404_and_names_it(server, path):
    answer = server.post(path, BODY)
    assert answer.status == 404
    assert "nobody" in answer.error


@pytest.mark.parametrize("method, path, allowed", [
    ("POST", "/v2/health/live", {"GET", "HEAD"}), ("GET", INFER, {"POST"}), ("DELETE", "/v2/models/vector", {"GET"}),
    ("GET", "/v1/models/vector:predict", {"POST"}), ("PUT", "/v1/models", {"GET"})])
def test_a_wrong_method_is_405_and_says_which_are_right(server, method, path, allowed):
    answer = server.request(method, path, b"" if method in ("POST", "PUT") else None)
    assert answer.status == 405
    assert allowed <= {name.strip() for name in answer.headers["Allow"].split(",")}
    assert answer.error


def test_head_is_get_without_the_body(server):
    get = server.get("/v2")
    with server.connect() as connection:
        connection.sendall(b"HEAD /v2 HTTP/1.1\r\nHost: t\r\n\r\nGET /v2 HTTP/1.1\r\nHost: t\r\n\r\n")
        stream = connection.makefile("rb")
        head = read_response(stream, head=True)
        assert head.status == 200
        assert head.headers["Content-Length"] == str(len(get.body))
        # Had a body been sent, the next response would not begin here.
        assert read_response(stream).body == get.body


def test_options_names_the_methods(server):
    answer = server.request("OPTIONS", INFER)
    assert answer.status in (200, 204)
    assert "POST" in answer.headers["Allow"] and "OPTIONS" in answer.headers["Allow"]


def test_percent_encoded_names_are_decoded(server):
    assert server.get("/v2/models/%76ector").json["name"] == "vector"


def test_a_query_is_ignored(server):
    assert server.get("/v2/health/live?probe=kubelet").status == 200


# ---- connections ------------------------------------------------------------------------------------------------


def test_curl_keeps_its_connection(server):
    url = f"http://{server.http}{INFER}"
    written = curl("-o", "/dev/null", "-o", "/dev/null", "-w", "%{http_code} %{num_connects}\n", "-d", BODY, url, url)
    assert written.split() == [b"200", b"1", b"200", b"0"]


def test_http_1_0_and_connection_close_end_the_connection(server):
    for request in (b"GET /v2 HTTP/1.0\r\n\r\n", b"GET /v2 HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"):
        with server.connect() as connection:
            connection.sendall(request)
            stream = connection.makefile("rb")
            assert read_response(stream).status == 200
            assert stream.read() == b""


def test_http_1_0_keep_alive(server):
    with server.connect() as connection:
        stream = connection.makefile("rb")
        for _ in range(2):
            connection.sendall(b"GET /v2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = read_response(stream)
            assert answer.status == 200
            assert answer.headers["Connection"].lower() == "keep-alive"


def test_pipelined_requests_are_answered_in_order(server):
    count = 200
    bodies = [json.dumps({"id": str(i), "inputs": [tensor("x", "FP32", [i])]}).encode() for i in range(count)]
    with server.connect() as connection:
        connection.sendall(b"".join(post(body) for body in bodies))
        stream = connection.makefile("rb")
        answers = [read_response(stream) for _ in range(count)]
    assert [answer.json["id"] for answer in answers] == [str(i) for i in range(count)]
    assert [answer.json["outputs"][0]["data"] for answer in answers] == [[i] for i in range(count)]


def test_a_pipeline_mixes_slow_and_fast_requests_in_order(server, slow_input):
    slow = json.dumps({"id": "slow", "inputs": [slow_input(server, 0.3)]}).encode()
    with server.connect(20) as connection:
        connection.sendall(post(slow, path="/v2/models/slow/infer") + post() + b"GET /v2 HTTP/1.1\r\nHost: t\r\n\r\n")
        stream = connection.makefile("rb")
        answers = [read_response(stream) for _ in range(3)]
    assert answers[0].json["id"] == "slow"
    assert answers[1].json["outputs"][0]["data"] == [1.5, 2]
    assert answers[2].json["name"] == "triune"


def test_a_request_that_arrives_byte_by_byte(server):
    with server.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in post():
            connection.sendall(bytes([byte]))
        assert read_response(connection.makefile("rb")).json["outputs"][0]["data"] == [1.5, 2]


def test_a_good_request_after_an_error_on_the_same_connection(server):
    with server.connect() as connection:
        connection.sendall(post(b"{") + post())
        stream = connection.makefile("rb")
        assert read_response(stream).status == 400
        assert read_response(stream).status == 200


# ---- bodies -----------------------------------------------------------------------------------------------------


def test_chunked_upload(server):
    answer = curl("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json", "--data-binary", "@-",
                  f"http://{server.http}{INFER}", data=BODY)
    assert json.loads(answer)["outputs"][0]["data"] == [1.5, 2]


def test_chunks_of_one_byte_with_extensions_and_trailers(server):
    chunks = b"".join(b"1;part=yes\r\n%c\r\n" % byte for byte in BODY) + b"0\r\nTrailer: x\r\n\r\n"
    head = f"POST {INFER} HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    assert exchange(server, head + chunks).json["outputs"][0]["data"] == [1.5, 2]


def test_expect_100_continue_with_a_large_body(server):
    image = json.dumps({"inputs": [tensor("x", "FP32", [0.5] * (3 * 224 * 224), (1, 3, 224, 224))]}).encode()
    answer = subprocess.run(["curl", "-sS", "-v", "--max-time", "30", "-H", "Expect: 100-continue", "--data-binary",
                             "@-", "-H", "Content-Type: application/json",
                             f"http://{server.http}/v2/models/image/infer"],
                            input=image, capture_output=True)
    assert b"< HTTP/1.1 100 Continue" in answer.stderr
    assert len(json.loads(answer.stdout)["outputs"][0]["data"]) == 3 * 224 * 224


def test_the_body_is_awaited_only_after_100_continue(server):
    with server.connect() as connection:
        stream = connection.makefile("rb")
        connection.sendall(post(b"", b"").replace(b"Content-Length: 0\r\n", b"Content-Length: %d\r\n"
                                                  b"Expect: 100-continue\r\n" % len(BODY)))
        assert read_response(stream).status == 100
        connection.sendall(BODY)
        assert read_response(stream).status == 200


def test_expect_100_continue_is_refused_before_a_body_that_is_too_large(server):
    answer = exchange(server, f"POST {INFER} HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n"
                              "Expect: 100-continue\r\n\r\n".encode())
    assert answer.status == 413


def test_an_unknown_expectation_is_417(server):
    assert exchange(server, post(headers=b"Expect: miracles\r\n")).status == 417


def test_gzip_request(server):
    answer = server.post(INFER, gzip.compress(BODY), {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert answer.status == 200, answer.body
    assert answer.json["outputs"][0]["data"] == [1.5, 2]


def test_gzip_response_only_for_those_who_ask(server):
    image = {"inputs": [tensor("x", "FP32", [0.5] * (3 * 224 * 224), (1, 3, 224, 224))]}
    path = "/v2/models/image/infer"
    plain = server.post(path, image)
    packed = server.post(path, image, {"Accept-Encoding": "br;q=1, gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "accept-encoding" in packed.headers.get("Vary", "").lower()
    assert len(packed.body) < len(plain.body) / 10
    assert gzip.decompress(packed.body) == plain.body
    refused = server.post(path, image, {"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in refused.headers


def test_gzip_of_binary_tensors(server):
    raw = np.linspace(0, 1, 3 * 224 * 224, dtype=np.float32).tobytes()
    head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 3, 224, 224],
                                   "parameters": {"binary_data_size": len(raw)}}],
                       "parameters": {"binary_data_output": True}}).encode()
    answer = server.post("/v2/models/image/infer", gzip.compress(head + raw),
                         {"Inference-Header-Content-Length": str(len(head)), "Content-Encoding": "gzip",
                          "Accept-Encoding": "gzip"})
    assert answer.status == 200, answer.body
    body = gzip.decompress(answer.body) if answer.headers.get("Content-Encoding") == "gzip" else answer.body
    assert body[int(answer.headers["Inference-Header-Content-Length"]):] == raw


@pytest.mark.parametrize("body", [gzip.compress(BODY)[:-9], b"not gzip at all", gzip.compress(BODY) + b"more"],
                         ids=["cut", "junk", "more"])
def test_broken_gzip_is_400(server, body):
    answer = server.post(INFER, body, {"Content-Encoding": "gzip"})
    assert answer.status == 400
    assert "compressed" in answer.error
    server.check_serving()


def test_an_unknown_content_encoding_is_415(server):
    answer = server.post(INFER, BODY, {"Content-Encoding": "zstd"})
    assert answer.status == 415
    assert "gzip" in answer.error


def test_a_byte_order_mark_and_white_space_around_json(server):
    assert server.post(INFER, b" \r\n\t" + BODY + b"\n ").status == 200


# ---- headers ----------------------------------------------------------------------------------------------------


def test_request_id_is_echoed(server):
    assert server.infer("vector", [tensor("x", "FP32", [1])], id="abc \u4e2d").json["id"] == "abc \u4e2d"
    answer = server.infer("vector", [tensor("x", "FP32", [1])], headers={"X-Request-Id": "from-the-header"})
    assert answer.headers["X-Request-Id"] == "from-the-header"


def test_a_request_id_cannot_inject_headers(server):
    answer = exchange(server, post(headers=b"X-Request-Id: a\x0bSet-Cookie: b\r\n"))
    assert answer.status in (200, 400)
    assert "Set-Cookie" not in answer.headers


def test_content_type_and_length_of_answers(server):
    for answer in (server.get("/v2"), server.infer("vector", [tensor("x", "FP32", [1])]), server.get("/nothing")):
        assert answer.headers["Content-Type"].startswith("application/json")
        assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_header_names_in_any_case(server):
    body = gzip.compress(BODY)
    assert exchange(server, f"POST {INFER} HTTP/1.1\r\nhOST: t\r\ncontent-LENGTH: {len(body)}\r\n"
                    "CONTENT-encoding: GZIP\r\n\r\n".encode() + body).status == 200


def test_binary_answer_of_only_some_outputs(server):
    a, b = np.ones((1, 4), np.float32), np.array([9])
    head = json.dumps({
        "inputs": [{"name": "a", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 16}},
                   {"name": "b", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 8}}],
        "outputs": [{"name": "twice", "parameters": {"binary_data": True}},
                    {"name": "total", "parameters": {"binary_data": False}}]}).encode()
    answer = server.post("/v2/models/pair/infer", head + a.tobytes() + b.tobytes(),
                         {"Inference-Header-Content-Length": str(len(head))})
    split = int(answer.headers["Inference-Header-Content-Length"])
    twice, total = json.loads(answer.body[:split])["outputs"]
    assert twice["name"] == "twice" and twice["parameters"]["binary_data_size"] == 8 and "data" not in twice
    assert total["name"] == "total" and total["data"] == [4]
    assert np.frombuffer(answer.body[split:], np.int64).tolist() == [18]


def test_json_and_binary_inputs_in_one_request(server):
    head = json.dumps({"inputs": [tensor("a", "FP32", [1, 2, 3, 4], (1, 4)), {
        "name": "b", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 8}}]}).encode()
    answer = server.post("/v2/models/pair/infer", head + np.array([9]).tobytes(),
                         {"Inference-Header-Content-Length": str(len(head))})
    assert [output["data"] for output in answer.json["outputs"]] == [[10], [18]]
