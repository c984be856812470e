"""The official tritonclient: HTTP with JSON, HTTP with binary tensors, and gRPC."""
import threading

import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from server import bits

VALUES = {
    "BOOL": np.array([True, False, True]),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([0, 65535], np.uint16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-32768, 32767], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "FP16": np.array([0.1, -65504, np.inf, np.nan], np.float16),
    "FP32": np.array([0.1, -1e-45, 3e38, np.nan, -np.inf], np.float32),
    "FP64": np.array([0.1, 5e-324, np.nan], np.float64),
    "BYTES": np.array([b"", b"text", "\u4e2d".encode(), b"x" * 300], dtype=object),
}
JSON, BINARY, GRPC = "http json", "http binary", "grpc"
WAYS = [JSON, BINARY, GRPC]


class Client:
    """One face for the three ways."""

    def __init__(self, server, way):
        self.way = way
        self.module = triton_grpc if way == GRPC else triton_http
        self.client = self.module.InferenceServerClient(server.grpc if way == GRPC else server.http)

    def infer(self, name, arrays, outputs=None, **options):
        inputs = []
        for key, (datatype, array) in arrays.items():
            given = self.module.InferInput(key, array.shape, datatype)
            given.set_data_from_numpy(array, **({} if self.way == GRPC else {"binary_data": self.way == BINARY}))
            inputs.append(given)
        if outputs is not None:
            asked = {} if self.way == GRPC else {"binary_data": self.way == BINARY}
            outputs = [self.module.InferRequestedOutput(output, **asked) for output in outputs]
        return self.client.infer(name, inputs, outputs=outputs, **options)


@pytest.fixture(params=WAYS)
def client(server, request):
    made = Client(server, request.param)
    yield made
    made.client.close()


def types_arrays(client):
    arrays = {f"in_{name.lower()}": (name, array) for name, array in VALUES.items()}
    if client.way == JSON:  # tritonclient itself has no JSON form of these
        arrays["in_fp16"] = ("FP16", np.array([], np.float16))
    return arrays


def test_health(client):
    assert client.client.is_server_live()
    assert client.client.is_server_ready()
    assert client.client.is_model_ready("pair")
    if client.way == GRPC:
        with pytest.raises(InferenceServerException, match="nobody"):
            client.client.is_model_ready("nobody")
    else:
        assert not client.client.is_model_ready("nobody")


def as_dict(message, way):
    if way != GRPC:
        return message
    from google.protobuf.json_format import MessageToDict
    found = MessageToDict(message, preserving_proto_field_name=True)
    for side in ("inputs", "outputs"):  # JSON of protobuf writes int64 as text
        for one in found.get(side, []):
            one["shape"] = [int(dimension) for dimension in one["shape"]]
    return found


def test_metadata(client):
    about = as_dict(client.client.get_server_metadata(), client.way)
    assert about["name"] == "triune" and about["version"]
    pair = as_dict(client.client.get_model_metadata("pair"), client.way)
    assert pair["name"] == "pair" and pair["platform"] == "onnxruntime_onnx"
    assert pair["inputs"] == [{"name": "a", "datatype": "FP32", "shape": [-1, 4]},
                              {"name": "b", "datatype": "INT64", "shape": [-1]}]
    assert pair["outputs"] == [{"name": "total", "datatype": "FP32", "shape": [-1]},
                               {"name": "twice", "datatype": "INT64", "shape": [-1]}]


@pytest.mark.parametrize("datatype", VALUES)
def test_every_dtype_comes_back_bit_for_bit(client, datatype):
    if client.way == JSON and datatype == "FP16":
        pytest.skip("tritonclient cannot send FP16 as JSON")
    output = f"out_{datatype.lower()}"
    arrays = types_arrays(client)
    if client.way == JSON:
        # Its JSON writer knows no NaN: the other ways carry it.
        arrays = {key: (name, array[np.isfinite(array)] if name.startswith("FP") else array)
                  for key, (name, array) in arrays.items()}
    answered = client.infer("types", arrays, [output]).as_numpy(output)
    sent = arrays[f"in_{datatype.lower()}"][1]
    if datatype == "BYTES":
        assert [one if isinstance(one, bytes) else one.encode() for one in answered] == list(sent)
    else:
        assert answered.dtype == sent.dtype and bits(answered) == bits(sent)


PAIR = {"a": ("FP32", np.arange(8, dtype=np.float32).reshape(2, 4)), "b": ("INT64", np.array([5, -6]))}


def test_several_inputs_and_outputs(client):
    result = client.infer("pair", PAIR)
    assert result.as_numpy("total").tolist() == [6, 22]
    assert result.as_numpy("twice").tolist() == [10, -12]


def test_only_the_outputs_asked_for_are_answered(client):
    result = client.infer("pair", PAIR, ["twice"])
    assert result.as_numpy("twice").tolist() == [10, -12]
    assert result.as_numpy("total") is None


def test_request_id_and_model_are_named_in_the_answer(client):
    response = client.infer("pair", PAIR, request_id="request 7").get_response()
    read = (lambda key: getattr(response, key)) if client.way == GRPC else response.get
    assert read("id") == "request 7"
    assert read("model_name") == "pair"


def test_request_parameters_are_accepted(client):
    result = client.infer("pair", PAIR, parameters={"text": "a", "number": 3, "flag": True})
    assert result.as_numpy("twice").tolist() == [10, -12]


@pytest.mark.parametrize("name, arrays, said", [
    ("nobody", PAIR, "nobody"),
    ("pair", {"a": PAIR["a"]}, "b"),
    ("pair", {**PAIR, "b": ("INT32", np.array([1, 2], np.int32))}, "INT64"),
    ("pair", {**PAIR, "a": ("FP32", np.zeros((2, 3), np.float32))}, "[-1,4]"),
    ("pair", {**PAIR, "c": ("INT64", np.array([1]))}, "c"),
])
def test_errors_reach_the_client_with_their_reason(client, name, arrays, said):
    with pytest.raises(InferenceServerException) as caught:
        client.infer(name, arrays)
    assert said.replace(" ", "") in caught.value.message().replace(" ", "")
    status = caught.value.status()
    expected = ("NOT_FOUND", "404") if name == "nobody" else ("INVALID_ARGUMENT", "400")
    assert any(code in str(status) for code in expected), status


def test_an_unknown_output_is_an_error(client):
    with pytest.raises(InferenceServerException, match="nothing_like_it"):
        client.infer("pair", PAIR, ["nothing_like_it"])


def test_large_tensors(client):
    images = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    result = client.infer("image", {"x": ("FP32", images)}, ["y"])
    assert bits(result.as_numpy("y")) == bits(images)


def test_compressed_both_ways_over_http(server):
    images = np.zeros((1, 3, 224, 224), np.float32)
    result = Client(server, BINARY).infer("image", {"x": ("FP32", images)}, ["y"], request_compression_algorithm="gzip",
                                          response_compression_algorithm="gzip")
    assert bits(result.as_numpy("y")) == bits(images)


def test_compressed_both_ways_over_grpc(server):
    images = np.zeros((1, 3, 224, 224), np.float32)
    result = Client(server, GRPC).infer("image", {"x": ("FP32", images)}, ["y"], compression_algorithm="gzip")
    assert bits(result.as_numpy("y")) == bits(images)


def test_many_grpc_calls_at_once(server):
    client = Client(server, GRPC)
    given = triton_grpc.InferInput("x", [1], "FP32")
    given.set_data_from_numpy(np.array([3], np.float32))
    results = []
    done = threading.Event()

    def collect(result, error):
        results.append(error or result.as_numpy("y").tolist())
        if len(results) == 500:
            done.set()

    for _ in range(500):
        client.client.async_infer("vector", [given], collect)
    assert done.wait(20), len(results)
    assert all(result == [3.0] for result in results), [r for r in results if r != [3.0]][:3]
