"""Comparing a server's answers with the model's, bit by bit."""
import json

import numpy as np

DTYPES = {"BOOL": np.bool_, "INT32": np.int32, "INT64": np.int64, "FP32": np.float32, "FP64": np.float64}


class WrongAnswer(Exception):
    pass


def _load_json(text):
    # Python reads "-0" as an integer, which has no sign.
    return json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))


def _tensor(output, data):
    return np.asarray(data, DTYPES[output["datatype"]]).reshape(output["shape"])


def decode_v2(head, body, classes):
    return {output["name"]: _tensor(output, output["data"]) for output in _load_json(body)["outputs"]}


def decode_v2bin(head, body, classes):
    lines = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    length = int(lines[b"inference-header-content-length"])
    rest, outputs = body[length:], {}
    for output in _load_json(body[:length])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        outputs[output["name"]] = _tensor(output, np.frombuffer(rest[:size], DTYPES[output["datatype"]]))
        rest = rest[size:]
    if rest:
        raise WrongAnswer(f"{len(rest)} bytes follow the last tensor")
    return outputs


def decode_grpc(head, body, classes):
    response = classes["ModelInferResponse"].FromString(body)
    outputs = {}
    for index, output in enumerate(response.outputs):
        dtype = DTYPES[output.datatype]
        if response.raw_output_contents:
            data = np.frombuffer(response.raw_output_contents[index], dtype)
        else:  # the typed fields are for servers that have no raw ones
            field = {"FP32": "fp32_contents", "FP64": "fp64_contents", "INT64": "int64_contents",
                     "INT32": "int_contents"}[output.datatype]
            data = np.array(getattr(output.contents, field), dtype)
        outputs[output.name] = data.reshape(list(output.shape))
    return outputs


def _compare(got, want, complete):
    if complete and set(got) != set(want):
        raise WrongAnswer(f"outputs differ: got {sorted(got)}, want {sorted(want)}")
    if not got:
        raise WrongAnswer("no outputs")
    for name, array in got.items():
        expected = want.get(name)
        if expected is None and len(got) == 1:  # servers that rename the one output they give
            expected = next(iter(want.values()))
        if expected is None:
            raise WrongAnswer(f"unknown output {name}")
        if complete and (array.dtype != expected.dtype or array.shape != expected.shape):
            raise WrongAnswer(f"{name}: got {array.dtype}{array.shape}, want {expected.dtype}{expected.shape}")
        if array.astype(expected.dtype).tobytes() != expected.tobytes():
            raise WrongAnswer(f"{name}: got {array.ravel()[:6]}, want {expected.ravel()[:6]}")


def _compare_v1(body, want):
    """V1 has no dtypes. One output: its rows. Several: one object per row, by name."""
    predictions = _load_json(body)["predictions"]
    if isinstance(predictions, dict):
        got = {name: np.asarray(value, want[name].dtype) for name, value in predictions.items()}
    elif isinstance(predictions[0], dict):
        got = {name: np.asarray([row[name] for row in predictions], want[name].dtype) for name in predictions[0]}
    else:
        name = next(iter(want))
        got, want = {name: np.asarray(predictions, want[name].dtype)}, {name: want[name]}
    _compare(got, want, True)


def check(kind, head, body, want, classes, complete=True):
    """Raises WrongAnswer unless the answer of protocol `kind` holds exactly `want`. complete=False lets a server give
    fewer outputs than the model has (some peers do)."""
    try:
        if kind == "v1":
            _compare_v1(body, want)
        else:
            decode = {"v2": decode_v2, "v2bin": decode_v2bin, "grpc": decode_grpc}[kind]
            _compare(decode(head, body, classes), want, complete)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise WrongAnswer(f"not an answer of the protocol ({error!r}): {body[:300]!r}") from error
