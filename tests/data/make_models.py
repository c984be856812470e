#!/usr/bin/env python3
"""Makes tests/data/models: small models for runtimes_test, each with what Python answers.

    python3 tests/data/make_models.py          (needs onnx onnxruntime skl2onnx scikit-learn xgboost numpy)

models/NAME.onnx|ubj|json|bst   the model
models/NAME.cases.json          {"model": file, "cases": [{"inputs": [tensor...], "outputs": [tensor...]}]}, where a
                                tensor is {"name", "datatype", "shape", "hex"}: the bytes as on the wire
The folder is committed; run this again only to change it. The same versions give the same files.
"""
import json
import pathlib
import struct

import numpy as np
import onnx
import onnxruntime
import xgboost
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

OUT = pathlib.Path(__file__).parent / "models"
rng = np.random.default_rng(0)

# datatype -> (numpy's, ONNX's). bfloat16 is none of numpy's: its bits travel as uint16.
DTYPES = {
    "BOOL": (np.bool_, T.BOOL), "UINT8": (np.uint8, T.UINT8), "UINT16": (np.uint16, T.UINT16),
    "UINT32": (np.uint32, T.UINT32), "UINT64": (np.uint64, T.UINT64), "INT8": (np.int8, T.INT8),
    "INT16": (np.int16, T.INT16), "INT32": (np.int32, T.INT32), "INT64": (np.int64, T.INT64),
    "FP16": (np.float16, T.FLOAT16), "FP32": (np.float32, T.FLOAT), "FP64": (np.float64, T.DOUBLE),
    "BYTES": (object, T.STRING), "BF16": (np.uint16, T.BFLOAT16)}


def tensor(name, array, datatype=None):
    array = np.asarray(array)
    if datatype is None:
        datatype = next((d for d, (n, _) in DTYPES.items() if array.dtype == n and d not in ("BF16", "BYTES")), "BYTES")
    if datatype == "BYTES":
        elements = [e if isinstance(e, bytes) else str(e).encode() for e in array.ravel()]
        data = b"".join(struct.pack("<I", len(e)) + e for e in elements)
    else:
        data = np.ascontiguousarray(array).tobytes()
    return {"name": name, "datatype": datatype, "shape": list(array.shape), "hex": data.hex()}


def write_cases(name, model, cases):
    (OUT / f"{name}.cases.json").write_text(json.dumps({"model": model, "cases": cases}, indent=1) + "\n")


def value(name, onnx_type, shape):
    return h.make_tensor_value_info(name, onnx_type, shape)


def save_onnx(name, nodes, inputs, outputs, initializers=()):
    graph = h.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, OUT / f"{name}.onnx")


def onnx_cases(name, feeds, outputs=None):
    """Runs the model in Python on each of the feeds."""
    session = onnxruntime.InferenceSession(OUT / f"{name}.onnx", providers=["CPUExecutionProvider"])
    names = outputs or [o.name for o in session.get_outputs()]
    write_cases(name, f"{name}.onnx", [
        {"inputs": [tensor(n, a) for n, a in feed.items()],
         "outputs": [tensor(n, a) for n, a in zip(names, session.run(names, feed))]} for feed in feeds])


def sample(datatype, shape):
    numpy_type = DTYPES[datatype][0]
    if datatype == "BYTES":
        words = ["", "a", "zwölf", "long " * 20, "x\ty", "end"]
        return np.array([words[i % len(words)] for i in range(int(np.prod(shape)))], dtype=object).reshape(shape)
    if datatype == "BOOL":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if np.issubdtype(numpy_type, np.floating):
        return rng.standard_normal(shape).astype(numpy_type)
    info = np.iinfo(numpy_type)
    array = rng.integers(info.min, info.max, shape, dtype=numpy_type, endpoint=True)
    array.flat[0], array.flat[-1] = info.min, info.max  # also what a double cannot hold
    return array


def make_every_dtype():
    """One model per dtype: a transposed matrix, so that the output is computed, not handed through."""
    for datatype, (_, onnx_type) in DTYPES.items():
        name = f"transpose_{datatype.lower()}"
        save_onnx(name, [h.make_node("Transpose", ["x"], ["y"], perm=[1, 0])],
                  [value("x", onnx_type, ["n", 3])], [value("y", onnx_type, [3, "n"])])
        samples = [sample(datatype, (n, 3)) for n in (1, 2, 5)] + [sample(datatype, (1, 3))[:0]]
        write_cases(name, f"{name}.onnx", [
            {"inputs": [tensor("x", a, datatype)], "outputs": [tensor("y", a.T, datatype)]} for a in samples])


def make_strings():
    """Strings that C string functions would spoil."""
    save_onnx("strings", [h.make_node("Concat", ["a", "b"], ["joined"], axis=0),
                          h.make_node("Identity", ["a"], ["same"])],
              [value("a", T.STRING, ["n"]), value("b", T.STRING, ["m"])],
              [value("joined", T.STRING, ["k"]), value("same", T.STRING, ["n"])])
    a, b = np.array([b"zero\0inside", b"", "größe".encode()], dtype=object), np.array([b"\0", b"x" * 300], dtype=object)
    write_cases("strings", "strings.onnx", [{
        "inputs": [tensor("a", a), tensor("b", b)],
        "outputs": [tensor("joined", np.concatenate([a, b])), tensor("same", a)]}])


def make_several_tensors():
    save_onnx("multi_io", [h.make_node("Add", ["a", "b"], ["sum"]), h.make_node("Sub", ["a", "b"], ["difference"]),
                           h.make_node("Shape", ["a"], ["shape"])],
              [value("a", T.FLOAT, ["n", 3]), value("b", T.FLOAT, ["n", 1])],
              [value("sum", T.FLOAT, ["n", 3]), value("difference", T.FLOAT, ["n", 3]), value("shape", T.INT64, [2])])
    onnx_cases("multi_io", [{"a": sample("FP32", (n, 3)), "b": sample("FP32", (n, 1))} for n in (1, 4)])
    save_onnx("scalar", [h.make_node("Mul", ["x", "x"], ["y"])], [value("x", T.DOUBLE, [])], [value("y", T.DOUBLE, [])])
    onnx_cases("scalar", [{"x": np.array(1.1)}])
    ten = numpy_helper.from_array(np.array([10, 20, 30], np.float32), "bias")
    save_onnx("optional_input", [h.make_node("Add", ["x", "bias"], ["y"])],
              [value("x", T.FLOAT, ["n", 3]), value("bias", T.FLOAT, [3])], [value("y", T.FLOAT, ["n", 3])], [ten])
    x = sample("FP32", (2, 3))
    onnx_cases("optional_input", [{"x": x}, {"x": x, "bias": np.array([1, 2, 3], np.float32)}])


def make_shapes_that_depend_on_data():
    save_onnx("nonzero", [h.make_node("NonZero", ["x"], ["y"])], [value("x", T.FLOAT, ["n"])],
              [value("y", T.INT64, [1, "k"])])
    onnx_cases("nonzero", [{"x": np.array(v, np.float32)} for v in
                           ([1, 0, 2, 0], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 7], [1, 0, 2, 0])])
    # What the graph does not compute: an input handed through, an initializer.
    constant = numpy_helper.from_array(np.array([1.5, -2.5], np.float32), "constant")
    save_onnx("no_computation", [h.make_node("Identity", ["x"], ["same"]), h.make_node("Neg", ["x"], ["negative"])],
              [value("x", T.FLOAT, ["n"])],
              [value("same", T.FLOAT, ["n"]), value("constant", T.FLOAT, [2]), value("negative", T.FLOAT, ["n"])],
              [constant])
    onnx_cases("no_computation", [{"x": sample("FP32", (n,))} for n in (3, 3, 6000)])
    # Fails for indices that are out of range.
    table = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "table")
    save_onnx("gather", [h.make_node("Gather", ["table", "index"], ["y"])], [value("index", T.INT64, ["n"])],
              [value("y", T.FLOAT, ["n", 2])], [table])
    onnx_cases("gather", [{"index": np.array([2, 0], np.int64)}])


def make_external_data():
    """Weights in a file of their own: of the graph, of the branches of an If, of a function."""
    values = np.random.default_rng(1).standard_normal((4, 1024)).astype(np.float32)
    (OUT / "external_data.bin").write_bytes(values.tobytes())

    def weights(name, row):
        outside = T(name=name, data_type=T.FLOAT, dims=[1024], data_location=T.EXTERNAL)
        for key, text in ("location", "external_data.bin"), ("offset", row * 4096), ("length", 4096):
            outside.external_data.add(key=key, value=str(text))
        return outside

    def branch(row):
        inside = h.make_node("Constant", [], ["c"], value=weights("", row))
        return h.make_graph([inside, h.make_node("Mul", ["x", "c"], ["z"])], "branch", [],
                            [value("z", T.FLOAT, ["n", 1024])])

    opset = h.make_opsetid("", 17)
    function = h.make_function("local", "AddWeights", ["a"], ["b"], [
        h.make_node("Constant", [], ["c"], value=weights("", 3)), h.make_node("Add", ["a", "c"], ["b"])], [opset])
    graph = h.make_graph([
        h.make_node("Add", ["x", "w"], ["sum"]),
        h.make_node("If", ["positive"], ["product"], then_branch=branch(1), else_branch=branch(2)),
        h.make_node("Add", ["sum", "product"], ["total"]),
        h.make_node("AddWeights", ["total"], ["y"], domain="local")], "external_data",
        [value("x", T.FLOAT, ["n", 1024]), value("positive", T.BOOL, [])], [value("y", T.FLOAT, ["n", 1024])],
        [weights("w", 0)])
    model = h.make_model(graph, opset_imports=[opset, h.make_opsetid("local", 1)], ir_version=9, functions=[function])
    (OUT / "external_data.onnx").write_bytes(model.SerializeToString())  # onnx.save would write the file again
    x = np.arange(1024, dtype=np.float32).reshape(1, 1024)
    onnx_cases("external_data", [{"x": x, "positive": np.array(p)} for p in (True, False)])


def make_outputs_that_are_no_tensors():
    x, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(x, y)
    maps = to_onnx(model, initial_types=[("x", FloatTensorType([None, 4]))], target_opset={"": 17, "ai.onnx.ml": 3})
    onnx.save(maps, OUT / "iris_zipmap.onnx")
    onnx_cases("iris_zipmap", [{"x": x[:3].astype(np.float32)}], outputs=["output_label"])
    arrays = to_onnx(model, initial_types=[("x", FloatTensorType([None, 4]))], options={"zipmap": False},
                     target_opset={"": 17, "ai.onnx.ml": 3})
    onnx.save(arrays, OUT / "iris.onnx")
    onnx_cases("iris", [{"x": x[a:b].astype(np.float32)} for a, b in ((0, 1), (60, 61), (100, 110), (0, 150))])
    sequence = h.make_tensor_sequence_value_info("parts", T.FLOAT, None)
    save_onnx("only_sequence", [h.make_node("SplitToSequence", ["x"], ["parts"])], [value("x", T.FLOAT, ["n"])],
              [sequence])
    save_onnx("complex", [h.make_node("Identity", ["x"], ["y"])], [value("x", T.COMPLEX64, [1])],
              [value("y", T.COMPLEX64, [1])])


def make_broken():
    good = (OUT / "iris.onnx").read_bytes()
    (OUT / "truncated.onnx").write_bytes(good[:len(good) // 2])
    (OUT / "corrupt.onnx").write_bytes(bytes(b ^ 0xA5 for b in good))
    (OUT / "empty.onnx").write_bytes(b"")
    save_onnx("unknown_operator", [h.make_node("NoSuchOperator", ["x"], ["y"])], [value("x", T.FLOAT, ["n"])],
              [value("y", T.FLOAT, ["n"])])
    good = (OUT / "multiclass.ubj").read_bytes()
    (OUT / "truncated.ubj").write_bytes(good[:len(good) // 2])
    (OUT / "not_xgboost.json").write_text('{"name": "config", "learner_rate": 0.1}\n')
    # The start of files in the format before JSON: with its mark, and without (base_score 0.5, 4 features, ...).
    (OUT / "old_binary.bst").write_bytes(b"binf" + struct.pack("<fIiiii", 0.5, 4, 0, 0, 0, 0) + bytes(200))
    (OUT / "older_binary.bst").write_bytes(struct.pack("<fIiiii", 0.5, 4, 0, 0, 0, 0) + bytes(200))


def xgboost_cases(name, booster, suffixes, arrays):
    for suffix in suffixes:
        content = booster.save_raw("json" if suffix == "json" else "ubj")
        (OUT / f"{name}.{suffix}").write_bytes(bytes(content))
    # The input is named as a client of KServe may name it: the model does not care.
    cases = [{"inputs": [tensor("x", a)],
              "outputs": [tensor("output-0", booster.predict(xgboost.DMatrix(a)))]} for a in arrays]
    for suffix in suffixes:
        write_cases(f"{name}_{suffix}", f"{name}.{suffix}", cases)


def make_xgboost():
    x, y = load_iris(return_X_y=True)
    x = x.astype(np.float32)
    holes = x[:5].copy()
    holes[::2, 1] = np.nan
    rows = [x[:1], x[60:61], x[::10], x.astype(np.float64)[100:103], x.astype(np.int32)[:2], x.astype(np.int64)[60:62],
            x.astype(np.uint8)[100:102], (x > 3)[:4], holes, x]

    def train(parameters, label, rounds=5, **options):
        return xgboost.train({"max_depth": 3, "nthread": 1, "seed": 1, **parameters}, xgboost.DMatrix(x, label), rounds,
                             **options)

    xgboost_cases("multiclass", train({"objective": "multi:softprob", "num_class": 3}, y), ["json", "ubj", "bst"], rows)
    xgboost_cases("softmax", train({"objective": "multi:softmax", "num_class": 3}, y), ["ubj"], rows[:4])
    xgboost_cases("binary", train({"objective": "binary:logistic"}, (y == 1).astype(int)), ["ubj"], rows)
    xgboost_cases("regression", train({"objective": "reg:squarederror"}, x[:, 0] * 2 + y), ["ubj"], rows)
    xgboost_cases("dart", train({"booster": "dart", "rate_drop": 0.3}, x[:, 0] + y), ["ubj"], rows)
    # The linear booster cannot predict in place; it has no notion of missing values either.
    xgboost_cases("linear", train({"booster": "gblinear", "max_depth": None}, x[:, 0] * 2 + y), ["ubj"], rows[:8] + [x])
    # Booster.predict uses all trees, not only those up to the best iteration: KServe's server does too.
    noise = rng.standard_normal(len(x))
    stopped = train({"objective": "reg:squarederror"}, noise, rounds=30, early_stopping_rounds=3, verbose_eval=False,
                    evals=[(xgboost.DMatrix(x, rng.standard_normal(len(x))), "validation")])
    assert stopped.best_iteration + 1 < stopped.num_boosted_rounds()
    xgboost_cases("early_stopped", stopped, ["ubj"], rows[:3])
    write_cases("multiclass_margin", "multiclass.ubj", [
        {"inputs": [tensor("x", x[:4])],
         "outputs": [tensor("output-0", xgboost.Booster(model_file=OUT / "multiclass.ubj").predict(
             xgboost.DMatrix(x[:4]), output_margin=True, iteration_range=(1, 3)))]}])


def make_xgboost_kinds():
    """Models whose files differ in form: what checks files must accept them all."""
    values = np.random.default_rng(2)
    x = values.standard_normal((200, 4)).astype(np.float32)
    y, classes = x[:, 0] * 2 + values.standard_normal(200), values.integers(0, 3, 200)
    targets = np.stack([y, x[:, 1], -x[:, 2]], 1)

    def make(name, parameters, label, data=x, suffixes=("ubj",), rounds=3, **options):
        parameters = {"max_depth": 3, "nthread": 1, "seed": 1, **parameters}
        booster = xgboost.train(parameters, xgboost.DMatrix(data, label, **options), rounds)
        for suffix in suffixes:
            content = booster.save_raw(suffix)
            (OUT / f"{name}.{suffix}").write_bytes(bytes(content))
            write_cases(f"{name}_{suffix}", f"{name}.{suffix}", [
                {"inputs": [tensor("x", a)],
                 "outputs": [tensor("output-0", booster.predict(xgboost.DMatrix(a, **options)))]}
                for a in (data[:1], data[:20])])

    several = {"multi_strategy": "multi_output_tree"}
    make("vector_leaf", several, targets, suffixes=("json", "ubj"))
    make("vector_leaf_multiclass", {**several, "objective": "multi:softprob", "num_class": 3}, classes)
    make("multi_target", {}, targets)
    make("quantiles", {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]}, y)
    make("forest", {"num_parallel_tree": 3, "subsample": 0.5, "objective": "multi:softprob", "num_class": 3}, classes)
    make("pruned", {"tree_method": "exact", "gamma": 5, "max_depth": 6}, y, suffixes=("json", "ubj"))
    make("dart_multiclass", {"booster": "dart", "rate_drop": 0.5, "objective": "multi:softprob", "num_class": 3},
         classes, suffixes=("json",))
    make("linear_multiclass", {"booster": "gblinear", "max_depth": None, "objective": "multi:softprob", "num_class": 3},
         classes, suffixes=("json",))
    make("no_rounds", {}, y, rounds=0)
    categories = x.copy()
    categories[:, 1] = values.integers(0, 40, 200)
    make("categories", {"max_cat_to_onehot": 1}, y + categories[:, 1] % 3, categories, ("json", "ubj"),
         feature_types=["q", "c", "q", "q"], enable_categorical=True)


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    make_every_dtype()
    make_strings()
    make_several_tensors()
    make_shapes_that_depend_on_data()
    make_external_data()
    make_outputs_that_are_no_tensors()
    make_xgboost()
    make_xgboost_kinds()
    make_broken()
    print(sum(f.stat().st_size for f in OUT.iterdir()), "bytes in", len(list(OUT.iterdir())), "files")
