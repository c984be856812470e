"""The two models that are served, and the model's own answers, from onnxruntime in Python.

iris.onnx  LogisticRegression on iris: FP32 [n, 4] -> label INT64 [n], probabilities FP32 [n, 3]. Next to no work:
           what is measured is the server.
echo.onnx  Identity on FP32 [n, 3, 224, 224]: what moving a large tensor costs.
"""
import os

import numpy as np
import onnxruntime
from onnx import TensorProto, checker, helper, save

IMAGE = (1, 3, 224, 224)


def make_iris(path):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    features, labels = load_iris(return_X_y=True)
    classifier = LogisticRegression(max_iter=500).fit(features, labels)
    model = to_onnx(classifier, initial_types=[("input_0", FloatTensorType([None, 4]))], options={"zipmap": False},
                    target_opset={"": 17, "ai.onnx.ml": 3})
    for node in model.graph.node:  # skl2onnx does not keep the "-" of the name that KServe's examples use
        node.input[:] = ["input-0" if name == "input_0" else name for name in node.input]
    model.graph.input[0].name = "input-0"
    save(model, path)


def make_echo(path):
    shape = ["n", *IMAGE[1:]]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "echo",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, path)


def make(folder):
    """{name: path} of the models, made if they are not there."""
    paths = {}
    for name, maker in (("iris", make_iris), ("echo", make_echo)):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        paths[name] = f"{folder}/{name}/model.onnx"
        if not os.path.exists(paths[name]):
            maker(paths[name])
    return paths


class Reference:
    """Runs a model the way the server must have run it: one row at a time, one thread."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self.outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, row):
        """{output name: array} for one row with its batch dimension."""
        return dict(zip(self.outputs, self._session.run(None, {self._input: row})))


def iris_rows(count):
    """Distinct flowers in the range of the data set, one digit behind the point as there."""
    rng = np.random.default_rng(0)
    rows = {}
    while len(rows) < count:
        rows[tuple(rng.integers((43, 20, 10, 1), (80, 45, 70, 26)))] = True
    return np.array(list(rows), np.float32).reshape(count, 1, 4) / np.float32(10)


class ImageRows:
    """Images that are windows on one pool of numbers: each differs from the next in nearly all places."""
    STEP = 7

    def __init__(self, count):
        self.numbers = int(np.prod(IMAGE))
        self.pool = np.random.default_rng(1).standard_normal(self.numbers + self.STEP * count).astype(np.float32)
        self._count = count

    def __len__(self):
        return self._count

    def __getitem__(self, index):
        if index >= self._count:
            raise IndexError
        start = index * self.STEP
        return self.pool[start:start + self.numbers].reshape(IMAGE)
