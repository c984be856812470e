"""Answers are what the runtimes answer in Python, to the last bit, over every encoding of the protocols."""
import json
import math

import numpy as np
import onnxruntime
import pytest
import xgboost

from server import DTYPES, QUICKSTART, all_types, bits, tensor

FLOATS = [0.0, -0.0, 1.0, 0.1, 1 / 3, 1e-45, 1.1754942e-38, 1.17549435e-38, 3.4028235e38, -3.4028235e38, 16777217.0,
          8388608.5, 1e10, 123456.79, 5e-324, 9007199254740993.0, 1e21, 1e-7, 299792458.0]


def round_trip(server, datatype, values):
    answer = server.infer("types", all_types(**{datatype: values}), outputs=[{"name": f"out_{datatype.lower()}"}])
    assert answer.status == 200, answer.body
    (output,) = answer.json["outputs"]
    assert output["datatype"] == datatype and output["shape"] == [len(values)]
    return output["data"]


@pytest.mark.parametrize("datatype", [name for name in DTYPES if "INT" in name])
def test_integers_keep_their_extreme_values(server, datatype):
    limits = np.iinfo(DTYPES[datatype])
    values = [limits.min, limits.max, 0, 1, limits.max - 1]
    assert round_trip(server, datatype, values) == values


@pytest.mark.parametrize("datatype, value", [
    ("UINT8", 256), ("UINT8", -1), ("INT8", 128), ("UINT32", 2**32), ("INT64", 2**63), ("UINT64", 2**64),
    ("INT32", 1.5),
    ("INT64", "1"), ("INT64", None), ("BOOL", 2), ("FP32", "x"), ("FP32", 1e300), ("BYTES", 1)])
def test_a_value_that_the_dtype_cannot_hold_is_an_error(server, datatype, value):
    answer = server.infer("types", all_types(**{datatype: [value]}))
    assert answer.status == 400
    assert f"in_{datatype.lower()}" in answer.error


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_floats_lose_nothing_in_json(server, datatype):
    dtype = DTYPES[datatype]
    with np.errstate(over="ignore", under="ignore"):
        values = np.array(FLOATS, dtype=dtype)
    values = values[np.isfinite(values)]
    answered = np.array(round_trip(server, datatype, values.astype(float).tolist()), dtype=dtype)
    assert bits(answered) == bits(values)


def test_random_float32_bit_patterns_survive_json(server):
    patterns = np.random.default_rng(1).integers(0, 2**32, 200_000, dtype=np.uint32).view(np.float32)
    values = patterns[np.isfinite(patterns)]
    for part in np.array_split(values, 4):
        answer = server.infer("vector", [tensor("x", "FP32", part.astype(float).tolist())])
        assert bits(np.array(answer.json["outputs"][0]["data"], dtype=np.float32)) == bits(part)


def test_float32_is_written_with_no_more_digits_than_it_has(server):
    answer = server.infer("vector", [tensor("x", "FP32", [0.1, 16777216.0])])
    assert b"0.10000000149" not in answer.body
    assert answer.json["outputs"][0]["data"][0] == 0.1


def test_nan_and_infinity_go_both_ways_as_the_ecosystem_writes_them(server):
    values = round_trip(server, "FP32", [math.nan, math.inf, -math.inf, 1.0])
    assert math.isnan(values[0]) and values[1:] == [math.inf, -math.inf, 1.0]


def test_booleans(server):
    assert round_trip(server, "BOOL", [True, False, True]) == [True, False, True]


def test_half_precision_is_rounded_once(server):
    values = np.array([0.1, 65504, 6e-8, -2.5, 1 / 3], dtype=np.float16)
    answered = np.array(round_trip(server, "FP16", values.astype(float).tolist()), dtype=np.float16)
    assert bits(answered) == bits(values)


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_null_is_nan_as_in_kserve(server, datatype):
    values = round_trip(server, datatype, [None, 1.0])
    assert math.isnan(values[0]) and values[1] == 1


def test_strings_of_every_kind(server):
    values = ["", 'quote " backslash \\ slash /', "line\nbreak\ttab\x01", "\u00e9\u4e2d\U0001f600", "x" * 10000]
    assert round_trip(server, "BYTES", values) == values


def test_no_elements(server):
    answer = server.infer("vector", [tensor("x", "FP32", [])])
    assert answer.status == 200, answer.body
    assert answer.json["outputs"][0] == {"name": "y", "datatype": "FP32", "shape": [0], "data": []}


def test_nested_data_is_the_same_as_flat(server):
    nested = {"name": "a", "datatype": "FP32", "shape": [2, 4], "data": [[1, 2, 3, 4], [5, 6, 7, 8]]}
    answer = server.infer("pair", [nested, tensor("b", "INT64", [7, 2**61])])
    assert {output["name"]: output["data"] for output in answer.json["outputs"]} == {
        "total": [10, 26], "twice": [14, 2**62]}


def held_out(name, count=40):
    data = json.loads((QUICKSTART / "data" / f"{name}.json").read_text())
    return np.array(data["rows"][:count], dtype=np.float32)


def expected_of(name, rows):
    """{output name: array}, from the runtime in Python with the settings of a server: one thread."""
    folder = QUICKSTART / "models" / name
    if name == "breast-cancer":
        booster = xgboost.Booster({"nthread": 1}, model_file=folder / "model.ubj")
        return {"output-0": booster.predict(xgboost.DMatrix(rows, nthread=1))}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "model.onnx", options)
    return dict(zip([output.name for output in session.get_outputs()], session.run(None, {"image": rows})))


INPUTS = {"breast-cancer": "input-0", "digits": "image"}


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("rows", [1, 7, 40])
def test_v2_json_equals_the_runtime_in_python(server, name, rows):
    data = held_out(name, rows)
    answer = server.infer(name, [tensor(INPUTS[name], "FP32", data.ravel().astype(float).tolist(), data.shape)])
    assert answer.status == 200, answer.body
    expected = expected_of(name, data)
    assert [output["name"] for output in answer.json["outputs"]] == list(expected)
    for output in answer.json["outputs"]:
        want = expected[output["name"]]
        assert output["shape"] == list(want.shape)
        assert bits(np.array(output["data"], dtype=want.dtype)) == bits(want)


def test_v1_equals_the_runtime_in_python(server):
    data = held_out("breast-cancer")
    answer = server.post("/v1/models/breast-cancer:predict", {"instances": data.astype(float).tolist()})
    assert answer.status == 200, answer.body
    assert list(answer.json) == ["predictions"]
    want = expected_of("breast-cancer", data)["output-0"]
    assert bits(np.array(answer.json["predictions"], np.float32)) == bits(want)


@pytest.mark.parametrize("extension", ["json", "ubj", "bst"])
def test_every_file_form_of_an_xgboost_model(serve, tmp_path, extension):
    """model.bst is what KServe's own server looks for; its contents are JSON or UBJSON."""
    booster = xgboost.Booster(model_file=QUICKSTART / "models" / "breast-cancer" / "model.ubj")
    folder = tmp_path / "model"
    folder.mkdir()
    raw = booster.save_raw("json" if extension == "json" else "ubj")
    (folder / f"model.{extension}").write_bytes(raw)
    server = serve(f"m={folder}")
    data = held_out("breast-cancer", 5)
    answer = server.infer("m", [tensor("input-0", "FP32", data.ravel().astype(float).tolist(), data.shape)])
    assert bits(np.array(answer.json["outputs"][0]["data"], np.float32)) == bits(
        expected_of("breast-cancer", data)["output-0"])


def test_a_multi_class_xgboost_model_has_one_column_for_each_class(serve, tmp_path):
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((200, 5)).astype(np.float32)
    labels = rng.integers(0, 3, 200)
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1},
                            xgboost.DMatrix(rows, labels), 5)
    booster.save_model(tmp_path / "model.json")
    server = serve(f"m={tmp_path / 'model.json'}")
    rows[0, 0] = np.nan  # missing
    answer = server.infer("m", [tensor("input-0", "FP32", rows[:6].ravel().astype(float).tolist(), (6, 5))])
    want = booster.predict(xgboost.DMatrix(rows[:6]))
    (output,) = answer.json["outputs"]
    assert output["shape"] == [6, 3]
    assert bits(np.array(output["data"], np.float32)) == bits(want)
