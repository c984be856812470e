"""Request bodies, in the file that the load maker reads (load/bodies.h), and the same for the right answers."""
import itertools
import json
import struct
import subprocess
import zlib

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PIECES = 3
BINARY_HEADERS = ["Content-Type: application/octet-stream"]
JSON_HEADERS = ["Content-Type: application/json"]


def messages(proto_folder, work):
    """The message classes of the protocol, from the repository's own .proto."""
    out = f"{work}/open_inference.pb"
    subprocess.run(["protoc", f"-I{proto_folder}", f"--descriptor_set_out={out}", "open_inference_grpc.proto"],
                   check=True)
    with open(out, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"inference.{name}"))
            for name in ("ModelInferRequest", "ModelInferResponse")}


class Writer:
    """Collects bytes once and bodies as lists of (offset, length) of these bytes."""

    def __init__(self):
        self._blob, self._size, self._known, self._rows = [], 0, {}, []

    def add(self, data):
        """(offset, length) of the bytes; equal ones are kept once."""
        if data not in self._known:
            self._known[data] = (self._size, len(data))
            self._blob.append(data)
            self._size += len(data)
        return self._known[data]

    def row(self, *spans):
        self._rows.append(list(spans) + [(0, 0)] * (PIECES - len(spans)))

    def write(self, path):
        head = 16 + 16 * PIECES * len(self._rows)
        table = np.array(self._rows, np.uint64)
        table[:, :, 0] += np.uint64(head)
        with open(path, "wb") as file:
            file.write(b"TRNBODY1" + struct.pack("<Q", len(self._rows)) + table.tobytes())
            file.writelines(self._blob)


def write_expectations(path, answers):
    """answers: (length, CRC-32) of every right answer."""
    with open(path, "wb") as file:
        file.write(b"TRNEXPC1" + struct.pack("<Q", len(answers)) + np.array(answers, np.uint64).tobytes())


def fingerprint(answer):
    return len(answer), zlib.crc32(answer)


def _v2_head(name, shape, binary_bytes=None):
    tensor = {"name": name, "shape": list(shape), "datatype": "FP32"}
    request = {"inputs": [tensor]}
    if binary_bytes is not None:
        tensor["parameters"] = {"binary_data_size": binary_bytes}
        request["parameters"] = {"binary_data_output": True}
        return json.dumps(request, separators=(",", ":")).encode()
    # The data go last, so that they can be appended to the rest.
    return json.dumps(request, separators=(",", ":"))[:-3].encode() + b',"data":['


def _grpc_head(classes, model, name, shape, raw_bytes):
    """Everything of a ModelInferRequest up to the bytes of its one raw tensor."""
    request = classes["ModelInferRequest"](model_name=model)
    request.inputs.add(name=name, datatype="FP32", shape=shape)
    length = bytearray()
    while raw_bytes > 127:
        length.append(raw_bytes & 127 | 128)
        raw_bytes >>= 7
    length.append(raw_bytes)
    return request.SerializeToString() + bytes([7 << 3 | 2]) + bytes(length)


def grpc_body(classes, model, name, row):
    return _grpc_head(classes, model, name, row.shape, row.nbytes) + row.tobytes()


def _number(value):
    """A float32 as JSON text that reads back as the same float32: the short form, as curl users write it."""
    return repr(float(str(value))).encode()


def write_small(folder, model, name, rows, classes):
    """Bodies of small tensors in every protocol: FOLDER/MODEL.{v1,v2,v2bin,grpc} (and .v2.lines, for wrk). Returns
    {protocol: headers}."""
    writers = {kind: Writer() for kind in ("v1", "v2", "v2bin", "grpc")}
    shape = rows[0].shape
    binary_head = _v2_head(name, shape, rows[0].nbytes)
    lines = []
    for row in rows:
        values = b",".join(_number(value) for value in row.ravel())
        v2 = _v2_head(name, shape) + values + b"]}]}"
        lines.append(v2)
        raw = row.tobytes()
        for kind, body in (("v1", b'{"instances":[[' + values + b"]]}"), ("v2", v2), ("v2bin", binary_head + raw),
                           ("grpc", grpc_body(classes, model, name, row))):
            writers[kind].row(writers[kind].add(body))
    for kind, writer in writers.items():
        writer.write(f"{folder}/{model}.{kind}")
    with open(f"{folder}/{model}.v2.lines", "wb") as file:
        file.write(b"\n".join(lines) + b"\n")
    return _headers(binary_head)


def write_windows(folder, model, name, rows, classes):
    """The same for large tensors that are windows on one pool (models.ImageRows), without V1."""
    # As Python clients write a numpy array of float32: every digit of its double.
    texts = [repr(value).encode() for value in rows.pool.tolist()]
    ends = list(itertools.accumulate(len(text) + 1 for text in texts))
    text_pool, byte_pool = b",".join(texts), rows.pool.tobytes()
    shape = rows[0].shape
    binary_head = _v2_head(name, shape, rows[0].nbytes)
    writers = {kind: Writer() for kind in ("v2", "v2bin", "grpc")}
    heads = {"v2": _v2_head(name, shape), "v2bin": binary_head,
             "grpc": _grpc_head(classes, model, name, shape, rows[0].nbytes)}
    heads = {kind: writers[kind].add(head) for kind, head in heads.items()}
    pools = {kind: writers[kind].add(text_pool if kind == "v2" else byte_pool)[0] for kind in writers}
    tail = writers["v2"].add(b"]}]}")
    for index in range(len(rows)):
        first, last = index * rows.STEP, index * rows.STEP + rows.numbers - 1
        begin = ends[first - 1] if first else 0
        writers["v2"].row(heads["v2"], (pools["v2"] + begin, ends[last] - 1 - begin), tail)
        for kind in ("v2bin", "grpc"):
            writers[kind].row(heads[kind], (pools[kind] + 4 * first, 4 * rows.numbers))
    for kind, writer in writers.items():
        writer.write(f"{folder}/{model}.{kind}")
    return _headers(binary_head)


def _headers(binary_head):
    binary = BINARY_HEADERS + [f"Inference-Header-Content-Length: {len(binary_head)}"]
    return {"v1": JSON_HEADERS, "v2": JSON_HEADERS, "v2bin": binary, "grpc": []}
