"""gRPC: every method, reflection, the health service, status codes."""
import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

SECONDS = 20


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc, options=[("grpc.max_receive_message_length", -1)]) as made:
        yield made


@pytest.fixture(scope="module")
def stub(channel):
    return GRPCInferenceServiceStub(channel)


def vector(*values, raw=True, **options):
    request = pb.ModelInferRequest(model_name="vector", **options)
    given = request.inputs.add(name="x", datatype="FP32", shape=[len(values)])
    if raw:
        request.raw_input_contents.append(np.array(values, np.float32).tobytes())
    else:
        given.contents.fp32_contents.extend(values)
    return request


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def test_raw_contents_are_answered_with_raw_contents(stub):
    answer = stub.ModelInfer(vector(1.5, 2, id="seven"), timeout=SECONDS)
    assert (answer.model_name, answer.id) == ("vector", "seven")
    (output,) = answer.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("y", "FP32", [2])
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [1.5, 2]


def test_typed_contents(stub):
    answer = stub.ModelInfer(vector(1.5, 2, raw=False), timeout=SECONDS)
    (output,) = answer.outputs
    raw = list(answer.raw_output_contents)
    values = np.frombuffer(raw[0], np.float32).tolist() if raw else list(output.contents.fp32_contents)
    assert values == [1.5, 2]


TYPED = {"BOOL": ("bool_contents", [True]), "UINT8": ("uint_contents", [255]), "UINT16": ("uint_contents", [65535]),
         "UINT32": ("uint_contents", [2**32 - 1]), "UINT64": ("uint64_contents", [2**64 - 1]),
         "INT8": ("int_contents", [-128]), "INT16": ("int_contents", [-32768]), "INT32": ("int_contents", [-(2**31)]),
         "INT64": ("int64_contents", [-(2**63)]), "FP32": ("fp32_contents", [0.5]), "FP64": ("fp64_contents", [0.1]),
         "BYTES": ("bytes_contents", [b"text"])}
NUMPY = {"BOOL": np.bool_, "UINT8": np.uint8, "UINT16": np.uint16, "UINT32": np.uint32, "UINT64": np.uint64,
         "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32,
         "FP64": np.float64}


def typed_request():
    request = pb.ModelInferRequest(model_name="types")
    for datatype, (field, values) in TYPED.items():
        given = request.inputs.add(name=f"in_{datatype.lower()}", datatype=datatype, shape=[1])
        getattr(given.contents, field).extend(values)
    # FP16 has no typed form in the protocol; no elements are the same in either.
    request.inputs.add(name="in_fp16", datatype="FP16", shape=[0])
    return request


def test_typed_contents_of_every_dtype(stub):
    answer = stub.ModelInfer(typed_request(), timeout=SECONDS)
    found = {}
    for number, output in enumerate(answer.outputs):
        field, _ = TYPED.get(output.datatype, (None, None))
        if answer.raw_output_contents:
            raw = answer.raw_output_contents[number]
            found[output.datatype] = raw[4:] if output.datatype == "BYTES" else raw
        elif field:
            value = list(getattr(output.contents, field))[0]
            found[output.datatype] = value if output.datatype == "BYTES" else NUMPY[output.datatype](value).tobytes()
    for datatype, (_, values) in TYPED.items():
        want = values[0] if datatype == "BYTES" else NUMPY[datatype](values[0]).tobytes()
        assert found[datatype] == want, datatype


def test_typed_fp16_is_refused(stub):
    request = typed_request()
    request.inputs[-1].shape[0] = 1
    request.inputs[-1].contents.fp32_contents.append(1)
    assert refused(lambda: stub.ModelInfer(request, timeout=SECONDS)).code() == grpc.StatusCode.INVALID_ARGUMENT


def test_server_and_model_methods(stub):
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=SECONDS).live
    assert stub.ServerReady(pb.ServerReadyRequest(), timeout=SECONDS).ready
    assert stub.ModelReady(pb.ModelReadyRequest(name="pair"), timeout=SECONDS).ready
    assert stub.ServerMetadata(pb.ServerMetadataRequest(), timeout=SECONDS).name == "triune"
    metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name="pair"), timeout=SECONDS)
    assert [one.name for one in metadata.inputs] == ["a", "b"]


@pytest.mark.parametrize("call", [
    lambda stub: stub.ModelMetadata(pb.ModelMetadataRequest(name="nobody"), timeout=SECONDS),
    lambda stub: stub.ModelInfer(pb.ModelInferRequest(model_name="nobody"), timeout=SECONDS),
    lambda stub: stub.ModelInfer(vector(1, model_version="no-such-version"), timeout=SECONDS)])
def test_what_is_not_there_is_not_found(stub, call):
    error = refused(lambda: call(stub))
    assert error.code() == grpc.StatusCode.NOT_FOUND
    assert "nobody" in error.details() or "no-such-version" in error.details()


def broken(change):
    request = vector(1, 2)
    change(request)
    return request


@pytest.mark.parametrize("change, said", [
    (lambda r: r.inputs[0].shape.append(-3), "shape"),
    (lambda r: r.inputs[0].shape.__setitem__(0, -1), "shape"),
    (lambda r: r.inputs[0].shape.__setitem__(0, 2**62), "x"),
    (lambda r: r.inputs[0].shape.extend([2**40, 2**40]), "x"),
    (lambda r: r.inputs[0].shape.__setitem__(0, 3), "x"),
    (lambda r: setattr(r.inputs[0], "datatype", "FP64"), "FP32"),
    (lambda r: setattr(r.inputs[0], "datatype", "FP33"), "FP33"),
    (lambda r: setattr(r.inputs[0], "name", "z"), "z"),
    (lambda r: r.raw_input_contents.append(b""), "raw_input_contents"),
    (lambda r: r.raw_input_contents.__setitem__(0, b"1234567"), "x"),
    (lambda r: r.inputs.pop(), "raw_input_contents"),
    (lambda r: (r.inputs.pop(), r.raw_input_contents.pop()), "x"),
    (lambda r: r.inputs[0].contents.fp32_contents.append(1), "x"),
    (lambda r: (r.inputs.append(r.inputs[0]), r.raw_input_contents.append(r.raw_input_contents[0])), "x"),
    (lambda r: r.outputs.add(name="nothing"), "nothing"),
])
def test_a_wrong_request_is_invalid_argument_and_says_what_is_wrong(stub, change, said):
    error = refused(lambda: stub.ModelInfer(broken(change), timeout=SECONDS))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert said in error.details(), error.details()
    assert stub.ModelInfer(vector(1), timeout=SECONDS).model_name == "vector"


@pytest.mark.parametrize("lengths", [[2**31], [5, 2**32 - 1], [3]])
def test_bytes_elements_that_lie_about_their_length(stub, lengths):
    """BYTES is 4-byte length + bytes; the lengths here point past the end or leave a rest."""
    request = typed_request()
    for given in request.inputs:
        given.ClearField("contents")
    contents = []
    for datatype, (_, values) in TYPED.items():
        raw = b"".join(length.to_bytes(4, "little") + b"abcde" for length in lengths)
        contents.append(raw if datatype == "BYTES" else NUMPY[datatype](values[0]).tobytes())
    request.inputs[[one.datatype for one in request.inputs].index("BYTES")].shape[0] = len(lengths)
    request.raw_input_contents.extend([*contents, b""])
    error = refused(lambda: stub.ModelInfer(request, timeout=SECONDS))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "in_bytes" in error.details()


def test_bytes_that_are_no_protobuf(channel, stub):
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer", request_serializer=bytes,
                               response_deserializer=bytes)
    for junk in (b"\xff" * 50, b"\x0a\xff\xff\xff\xff\x0f", b"\x2a\x05ab"):
        assert refused(lambda: call(junk, timeout=SECONDS)).code() in (grpc.StatusCode.INVALID_ARGUMENT,
                                                                       grpc.StatusCode.INTERNAL)
    assert stub.ModelInfer(vector(1), timeout=SECONDS).model_name == "vector"


def test_an_unknown_method_is_unimplemented(channel):
    call = channel.unary_unary("/inference.GRPCInferenceService/NoSuchMethod", bytes, bytes)
    assert refused(lambda: call(b"", timeout=SECONDS)).code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_message_over_four_megabytes(stub):
    """gRPC's own default limit is 4 MB; models take more."""
    values = np.zeros(3_000_000, np.float32)
    answer = stub.ModelInfer(vector(*values), timeout=SECONDS)
    assert answer.raw_output_contents[0] == values.tobytes()


def test_health_service(channel):
    health = health_pb2_grpc.HealthStub(channel)
    check = lambda service: health.Check(health_pb2.HealthCheckRequest(service=service), timeout=SECONDS).status
    assert check("") == health_pb2.HealthCheckResponse.SERVING
    assert check("inference.GRPCInferenceService") == health_pb2.HealthCheckResponse.SERVING
    assert refused(lambda: check("nobody")).code() == grpc.StatusCode.NOT_FOUND


def test_reflection_is_enough_to_call_without_the_proto(channel):
    """What grpcurl does: services, descriptors and messages, all from the server."""
    database = ProtoReflectionDescriptorDatabase(channel)
    services = database.get_services()
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= set(services)
    service = DescriptorPool(database).FindServiceByName("inference.GRPCInferenceService")
    methods = {method.name for method in service.methods}
    assert {"ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer"} <= methods
    method = service.methods_by_name["ModelMetadata"]
    request = GetMessageClass(method.input_type)(name="vector")
    call = channel.unary_unary("/inference.GRPCInferenceService/ModelMetadata",
                               request_serializer=lambda message: message.SerializeToString(),
                               response_deserializer=GetMessageClass(method.output_type).FromString)
    assert call(request, timeout=SECONDS).name == "vector"


def test_a_deadline_ends_a_call_and_the_server_goes_on(server, stub, slow_input):
    given = slow_input(server, 1.5)
    request = pb.ModelInferRequest(model_name="slow")
    request.inputs.add(name="trips", datatype="INT64", shape=[1]).contents.int64_contents.extend(given["data"])
    assert refused(lambda: stub.ModelInfer(request, timeout=0.3)).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    server.check_serving()
