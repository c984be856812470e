#!/usr/bin/env python3
"""Makes the files of this example again: two models, and the rows that they have not seen, with their labels.

    python3 -m venv env && env/bin/pip install --require-hashes -r deps/python/models.txt
    env/bin/python examples/quickstart/make_models.py

Needed only to change the models; the files it writes are in the tree. Both data sets ship inside scikit-learn.
"""
import json
import pathlib

import numpy as np
import onnxruntime
import xgboost
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

HERE = pathlib.Path(__file__).parent


def split(data):
    rows = data.data.astype(np.float32)
    return train_test_split(rows, data.target, test_size=0.3, random_state=7, stratify=data.target)


def save_held_out(name, rows, labels, predicted, classes):
    """The held-out rows with their labels, and the accuracy that serving them must reach."""
    accuracy = float(np.mean(predicted == labels))
    # Seven digits bring every float32 back unchanged here; the assertion would say otherwise.
    text = [[float(f"{value:.7g}") for value in row] for row in rows]
    assert np.array_equal(np.array(text, dtype=np.float32), rows)
    data = {"model": name, "classes": classes, "accuracy": accuracy, "labels": labels.tolist()}
    head = "{\n" + ",\n".join(f' "{key}": {json.dumps(value)}' for key, value in data.items())
    lines = ",\n".join(json.dumps([int(v) if v == int(v) else v for v in row], separators=(",", ":")) for row in text)
    (HERE / "data" / f"{name}.json").write_text(f'{head},\n "rows": [\n{lines}\n]}}\n')
    print(f"{name}: accuracy {accuracy:.4f} on {len(rows)} held-out rows")


def breast_cancer():
    data = load_breast_cancer()
    rows, held_out, labels, held_out_labels = split(data)
    model = xgboost.XGBClassifier(n_estimators=60, max_depth=4, learning_rate=0.15, n_jobs=1, random_state=7)
    model.fit(rows, labels)
    model.save_model(HERE / "models" / "breast-cancer" / "model.ubj")
    probability = model.get_booster().predict(xgboost.DMatrix(held_out))
    save_held_out("breast-cancer", held_out, held_out_labels, (probability > 0.5).astype(int),
                  data.target_names.tolist())


def digits():
    data = load_digits()
    rows, held_out, labels, held_out_labels = split(data)
    model = make_pipeline(MinMaxScaler(), MLPClassifier((64,), max_iter=400, random_state=7)).fit(rows, labels)
    onnx = to_onnx(model, initial_types=[("image", FloatTensorType([None, 64]))],
                   target_opset={"": 17, "ai.onnx.ml": 3}, options={"zipmap": False})
    file = HERE / "models" / "digits" / "model.onnx"
    file.write_bytes(onnx.SerializeToString())
    predicted = onnxruntime.InferenceSession(file).run(["label"], {"image": held_out})[0]
    save_held_out("digits", held_out, held_out_labels, predicted, [str(name) for name in data.target_names])


if __name__ == "__main__":
    for folder in ("models/breast-cancer", "models/digits", "data"):
        (HERE / folder).mkdir(parents=True, exist_ok=True)
    breast_cancer()
    digits()
