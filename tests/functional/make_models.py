#!/usr/bin/env python3
"""Makes models/ again: ONNX models of a few hundred bytes that make a server's answers predictable.

    make_models.py        (in an environment made from deps/python/models.txt)

types    one Identity for each element type: in_fp32 -> out_fp32, ..., each a vector of any length
pair     a FP32 [n, 4], b INT64 [n] -> total FP32 [n] (sums of a's rows), twice INT64 [n] (b + b)
vector   x FP32 [n] -> y FP32 [n], the same
image    x FP32 [n, 3, 224, 224] -> y, the same: 602 KB for each n
slow     trips INT64 [1] -> done INT64 [1]: as many matrix products, so that the caller decides how long it takes
times2   x FP32 [n] -> y = 2 x;  times3: y = 3 x
"""
import pathlib

import numpy as np
from onnx import TensorProto as T
from onnx import checker, helper, numpy_helper

MODELS = pathlib.Path(__file__).parent / "models"
TYPES = {"bool": T.BOOL, "uint8": T.UINT8, "uint16": T.UINT16, "uint32": T.UINT32, "uint64": T.UINT64, "int8": T.INT8,
         "int16": T.INT16, "int32": T.INT32, "int64": T.INT64, "fp16": T.FLOAT16, "fp32": T.FLOAT, "fp64": T.DOUBLE,
         "bytes": T.STRING}
value = helper.make_tensor_value_info


def save(name, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    (MODELS / name).mkdir(parents=True, exist_ok=True)
    (MODELS / name / "model.onnx").write_bytes(model.SerializeToString())


def identity(name, shape):
    save(name, [helper.make_node("Identity", ["x"], ["y"])], [value("x", T.FLOAT, shape)], [value("y", T.FLOAT, shape)])


def types():
    save("types", [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in TYPES],
         [value(f"in_{name}", dtype, [f"n_{name}"]) for name, dtype in TYPES.items()],
         [value(f"out_{name}", dtype, [f"n_{name}"]) for name, dtype in TYPES.items()])


def pair():
    save("pair", [helper.make_node("ReduceSum", ["a", "axis"], ["total"], keepdims=0),
                  helper.make_node("Add", ["b", "b"], ["twice"])],
         [value("a", T.FLOAT, ["n", 4]), value("b", T.INT64, ["n"])],
         [value("total", T.FLOAT, ["n"]), value("twice", T.INT64, ["n"])],
         [numpy_helper.from_array(np.array([1]), "axis")])


def slow():
    side = 64
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("MatMul", ["state", "weights"], ["next"])],
        "body", [value("trip", T.INT64, []), value("go", T.BOOL, []), value("state", T.FLOAT, [side, side])],
        [value("go_on", T.BOOL, []), value("next", T.FLOAT, [side, side])])
    save("slow", [helper.make_node("Squeeze", ["trips"], ["count"]),
                  helper.make_node("Loop", ["count", "", "start"], ["last"], body=body),
                  # The answer depends on the loop, so that no optimisation removes it.
                  helper.make_node("ReduceSum", ["last"], ["sum"], keepdims=0),
                  helper.make_node("IsNaN", ["sum"], ["broken"]),
                  helper.make_node("Cast", ["broken"], ["zero"], to=T.INT64),
                  helper.make_node("Add", ["trips", "zero"], ["done"])],
         [value("trips", T.INT64, [1])], [value("done", T.INT64, [1])],
         [numpy_helper.from_array(np.ones((side, side), np.float32), "start"),
          numpy_helper.from_array(np.full((side, side), 1 / side, np.float32), "weights")])


def times(factor):
    save(f"times{factor}", [helper.make_node("Mul", ["x", "factor"], ["y"])], [value("x", T.FLOAT, ["n"])],
         [value("y", T.FLOAT, ["n"])], [numpy_helper.from_array(np.array(factor, np.float32), "factor")])


if __name__ == "__main__":
    types()
    pair()
    identity("vector", ["n"])
    identity("image", ["n", 3, 224, 224])
    slow()
    times(2)
    times(3)
