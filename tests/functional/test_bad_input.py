"""Requests that are wrong in every way: the right code, a reason, and the next request is served."""
import json
import socket

import numpy as np
import pytest

from server import BODY, INFER, all_types, exchange, read_response, tensor


@pytest.fixture(autouse=True)
def still_serving(server):
    yield
    server.check_serving()


def wrong(server, body, path=INFER, headers=None):
    answer = server.post(path, body, headers)
    assert answer.status == 400, answer.body
    return answer.error


# ---- JSON -------------------------------------------------------------------------------------------------------

NOT_JSON = [b"", b" ", b"{", b"[", b"nonsense", BODY[:-1], BODY + b"}", BODY + BODY, b"\xff\xfe{}", b'{"inputs": [}',
            b'{"inputs": "\xc3\x28"}', b'{"a": "\\ud800"}', b'{"inputs": [1,]}', b"{'inputs': []}", b'{"a": 01}',
            b"\0" * 100, b'{"inputs"', b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1.']


@pytest.mark.parametrize("path", [INFER, "/v1/models/vector:predict"])
@pytest.mark.parametrize("body", NOT_JSON)
def test_what_is_no_json(server, path, body):
    wrong(server, body, path)


@pytest.mark.parametrize("path", [INFER, "/v1/models/vector:predict"])
@pytest.mark.parametrize("cut", range(0, len(BODY) - 1, 7))
def test_json_cut_at_any_place(server, path, cut):
    wrong(server, BODY[:cut], path)


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [1000, 100_000, 3_000_000])
def test_deep_nesting(server, opening, closing, depth):
    wrong(server, opening * depth)
    wrong(server, b'{"inputs": [' + opening * depth + b"1" + closing * depth + b"]}")
    wrong(server, b'{"instances": [' + opening * depth + b"1" + closing * depth + b"]}", "/v1/models/vector:predict")
    wrong(server, b'{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": '
          + b"[" * depth + b"1" + b"]" * depth + b"}]}")


@pytest.mark.parametrize("body", [
    "null", "1", "[]", '"inputs"', "{}", '{"inputs": null}', '{"inputs": {}}', '{"inputs": []}', '{"inputs": [null]}',
    '{"inputs": [1]}', '{"inputs": [{}]}', '{"inputs": [[]]}', '{"id": 5, "inputs": []}'])
def test_json_of_another_shape_than_a_request(server, body):
    wrong(server, body)


@pytest.mark.parametrize("body", [
    "null", "1", "[]", "{}", '{"instances": null}', '{"instances": 3}', '{"instances": {"a": 1}}', '{"instances": []}',
    '{"instances": ["a"]}', '{"instances": [[1, 2], [3]]}', '{"instances": [[1], 2]}', '{"instances": [{"y": 1}]}',
    '{"instances": [[[1]]]}', '{"inputs": {"z": [1]}}', '{"predictions": [1]}'])
def test_v1_json_of_another_shape_than_a_request(server, body):
    wrong(server, body, "/v1/models/vector:predict")


INPUT = tensor("x", "FP32", [1.5, 2])


def changed(**changes):
    return {"inputs": [{key: value for key, value in {**INPUT, **changes}.items() if value is not ...}]}


@pytest.mark.parametrize("change, said", [
    ({"name": "z"}, ["z", "x"]), ({"name": ""}, ["x"]), ({"name": 5}, ["name"]), ({"name": ...}, ["name"]),
    ({"datatype": "FP64"}, ["x", "FP64", "FP32"]), ({"datatype": "FLOAT"}, ["FLOAT"]), ({"datatype": "fp32"}, ["fp32"]),
    ({"datatype": ...}, ["datatype"]), ({"datatype": 1}, ["datatype"]),
    ({"shape": [3]}, ["x", "3", "2"]), ({"shape": [1]}, ["x"]), ({"shape": [1, 2]}, ["x", "[-1]"]),
    ({"shape": []}, ["x"]),
    ({"shape": [-1]}, ["shape"]), ({"shape": [-2]}, ["shape"]), ({"shape": [2**63]}, ["shape"]),
    ({"shape": [2**64]}, ["shape"]), ({"shape": [2**31, 2**31, 4]}, ["x"]), ({"shape": [2**62, 4]}, ["x"]),
    ({"shape": [2.5]}, ["shape"]), ({"shape": ["2"]}, ["shape"]), ({"shape": 2}, ["shape"]),
    ({"shape": None}, ["shape"]), ({"shape": ...}, ["shape"]), ({"shape": [1] * 100}, ["x"]), ({"shape": [0]}, ["x"]),
    ({"data": ...}, ["data"]), ({"data": None}, ["data"]), ({"data": [1.5]}, ["x", "1", "2"]),
    ({"data": [1.5, 2, 3]}, ["x", "2"]), ({"data": 1.5}, ["data"]), ({"data": [1.5, "2"]}, ["x"]),
    ({"data": [1.5, True]}, ["x"]), ({"data": [1.5, [2, 3]]}, ["x"]),
    ({"data": {"0": 1}}, ["data"]), ({"parameters": []}, ["parameters"]),
])
def test_a_wrong_tensor_is_named_with_what_came_and_what_was_expected(server, change, said):
    error = wrong(server, changed(**change))
    for word in said:
        assert word in error, error


@pytest.mark.parametrize("inputs, said", [
    ([INPUT, INPUT], "x"), ([INPUT, tensor("y", "FP32", [1])], "y"), ([], "x")])
def test_wrong_sets_of_inputs(server, inputs, said):
    assert said in wrong(server, {"inputs": inputs})


@pytest.mark.parametrize("outputs", [[{"name": "nobody"}], [{}], "y", [1], [{"name": 1}],
                                     [{"name": "y", "parameters": 1}]])
def test_wrong_requested_outputs(server, outputs):
    wrong(server, {"inputs": [INPUT], "outputs": outputs})


def test_long_names_are_cut_in_errors(server):
    error = wrong(server, changed(name="n" * 1_000_000))
    assert len(error) < 5000


def test_shapes_that_promise_terabytes_cost_nothing(server):
    before = server.rss_bytes()
    for _ in range(20):
        wrong(server, changed(shape=[2**40], data=[1]))
    assert server.rss_bytes() - before < 50_000_000


# ---- binary tensors ---------------------------------------------------------------------------------------------

RAW = np.array([1.5, 2], np.float32).tobytes()


def binary(size=len(RAW), raw=RAW, head_length=None, shape=(2,), **more):
    head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": shape,
                                   "parameters": {"binary_data_size": size}, **more}]}).encode()
    return head + raw, {"Inference-Header-Content-Length": str(len(head) if head_length is None else head_length)}


def test_a_right_binary_request(server):
    """What the wrong ones differ from."""
    body, headers = binary()
    assert server.post(INFER, body, headers).status == 200


@pytest.mark.parametrize("arguments", [
    {"size": 4}, {"size": 7}, {"size": 9}, {"size": 0}, {"size": -8}, {"size": 2**63}, {"size": 2**64 + 8},
    {"size": "8"}, {"size": 8.5}, {"size": None}, {"size": [8]}, {"raw": RAW[:-1]}, {"raw": RAW + b"x"}, {"raw": b""},
    {"size": 1 << 40}, {"shape": [1]}, {"shape": [3]}, {"shape": [2**62]}, {"head_length": 0}, {"head_length": 1},
    {"head_length": 10**6}, {"head_length": -1}, {"head_length": 2**64}, {"head_length": "ten"}, {"head_length": ""},
    {"head_length": "0x10"}, {"data": [1.5, 2]}])
def test_binary_tensors_that_lie_about_their_size(server, arguments):
    body, headers = binary(**arguments)
    wrong(server, body, headers=headers)


def test_sizes_that_only_add_up_when_they_wrap(server):
    head = json.dumps({"inputs": [
        {"name": "a", "datatype": "FP32", "shape": [1, 4], "parameters": {"binary_data_size": 2**64 - 8}},
        {"name": "b", "datatype": "INT64", "shape": [1], "parameters": {"binary_data_size": 32}}]}).encode()
    wrong(server, head + bytes(24), "/v2/models/pair/infer", {"Inference-Header-Content-Length": str(len(head))})


@pytest.mark.parametrize("raw", [b"\5\0\0\0abcd", b"\5\0\0", b"\xff\xff\xff\xff", b"\0\0\0\0\0", b"\2\0\0\0ab\0\0\0\0"])
def test_strings_that_lie_about_their_length(server, raw):
    inputs = [one for one in all_types() if one["datatype"] != "BYTES"]
    inputs.append({"name": "in_bytes", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(raw)}})
    head = json.dumps({"inputs": inputs}).encode()
    error = wrong(server, head + raw, "/v2/models/types/infer", {"Inference-Header-Content-Length": str(len(head))})
    assert "in_bytes" in error


# ---- HTTP -------------------------------------------------------------------------------------------------------

HEAD = f"POST {INFER} HTTP/1.1\r\nHost: t\r\n".encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
ONE_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
SMUGGLED = b"GET /v2/health/live HTTP/1.1\r\nHost: t\r\n\r\n"


@pytest.mark.parametrize("head, body", [
    (LENGTH + CHUNKED, ONE_CHUNK), (CHUNKED + LENGTH, ONE_CHUNK), (CHUNKED + b"Content-Length: 0\r\n", ONE_CHUNK),
    (LENGTH + b"Content-Length: 5\r\n", BODY), (b"Content-Length: 5, 6\r\n", BODY), (b"Content-Length: -5\r\n", BODY),
    (b"Content-Length: +5\r\n", BODY), (b"Content-Length: 0x5\r\n", BODY), (b"Content-Length: 5 5\r\n", BODY),
    (b"Content-Length: \r\n", BODY), (b"Content-Length: 99999999999999999999999\r\n", BODY),
    (b"Content-Length : %d\r\n" % len(BODY), BODY), (b"Content-Length\t: 5\r\n", BODY),
    (b"Transfer-Encoding: gzip, chunked\r\n", ONE_CHUNK), (b"Transfer-Encoding: chunked, identity\r\n", ONE_CHUNK),
    (b"Transfer-Encoding: xchunked\r\n", ONE_CHUNK), (CHUNKED + CHUNKED, ONE_CHUNK),
    (b"Transfer-Encoding:\x0bchunked\r\n", ONE_CHUNK),
    (b" Transfer-Encoding: chunked\r\n", ONE_CHUNK), (b"X: y\r\n " + CHUNKED, ONE_CHUNK),
    (CHUNKED, b"-1\r\n" + BODY), (CHUNKED, b"ffffffffffffffffff\r\n" + BODY), (CHUNKED, b"zz\r\n" + BODY),
    (CHUNKED, b"\r\n" + BODY), (CHUNKED, b"5 \x00\r\n" + BODY), (CHUNKED, b"2\r\nabc\r\n0\r\n\r\n"),
    (CHUNKED, b"0x5\r\nabcde\r\n"),
])
def test_no_second_request_can_be_smuggled_in(server, head, body):
    """What two servers could read differently is refused and the connection closed: whatever follows is not read."""
    with server.connect() as connection:
        connection.sendall(HEAD + head + b"\r\n" + body + SMUGGLED)
        stream = connection.makefile("rb")
        answer = read_response(stream)
        assert answer.status in (400, 411, 413, 501), answer
        assert answer.headers.get("Connection", "").lower() == "close"
        assert read_response(stream) is None


@pytest.mark.parametrize("request_line", [
    b"", b"GET", b"GET /v2", b"GET  /v2 HTTP/1.1", b"GET /v2 HTTP/3.0", b"GET /v2 HTTP/1.1 x", b"get /v2 HTTP/1.1\x00",
    b"GET v2 HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /v2\x01 HTTP/1.1",
    b"G\xc3\xa9T /v2 HTTP/1.1", b"PRI * HTTP/2.0"])
def test_a_broken_request_line(server, request_line):
    answer = exchange(server, request_line + b"\r\nHost: t\r\n\r\n")
    # An empty line before a request is to be ignored; what follows it here is no request line.
    assert answer is None or answer.status in (400, 404, 405, 501, 505), answer


@pytest.mark.parametrize("line", [b"No colon", b": no name", b"Na me: x", b"X: a\x00b", b"X: a\rb", b"X\x80: a"])
def test_a_broken_header_line(server, line):
    assert exchange(server, b"GET /v2 HTTP/1.1\r\nHost: t\r\n" + line + b"\r\n\r\n").status == 400


def test_bare_line_feeds_do_not_end_a_header_in_two_ways(server):
    answer = exchange(server, b"GET /v2 HTTP/1.1\nHost: t\n\n" + SMUGGLED)
    assert answer is None or answer.status in (200, 400, 505)


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"])
def test_http_1_1_needs_one_host(server, hosts):
    assert exchange(server, b"GET /v2 HTTP/1.1\r\n" + hosts + b"\r\n").status == 400


@pytest.mark.parametrize("path", [f"/v2/models/{name}" for name in ("%", "%zz", "%00", "%c3%28", "a%2Fb")])
def test_broken_percent_encoding(server, path):
    assert exchange(server, f"GET {path} HTTP/1.1\r\nHost: t\r\n\r\n".encode()).status in (400, 404)


def test_random_bytes_on_the_http_port(server):
    rng = np.random.default_rng(5)
    for size in (1, 10, 1000, 50_000):
        for _ in range(10):
            with server.connect() as connection:
                try:
                    connection.sendall(rng.bytes(size) + b"\r\n\r\n")
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # until the server has closed, too
                        pass
                except OSError as error:
                    assert not isinstance(error, TimeoutError), "the server neither answered nor closed"


def test_random_bytes_on_the_grpc_port(server):
    rng = np.random.default_rng(6)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    for start in (b"", preface, preface + b"\0\0\0\4\0\0\0\0\0"):
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", server.grpc_port), 5) as connection:
                connection.sendall(start + rng.bytes(500))
                connection.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("seed", range(4))
def test_requests_with_random_damage(server, seed):
    """Whatever is flipped in a good request, the answer is an answer."""
    rng = np.random.default_rng(seed)
    for _ in range(300):
        body = bytearray(binary()[0] if seed % 2 else BODY)
        for place in rng.integers(0, len(body), rng.integers(1, 4)):
            body[place] = rng.integers(0, 256)
        headers = binary()[1] if seed % 2 else {}
        assert server.post(INFER, bytes(body), headers).status in (200, 400)
