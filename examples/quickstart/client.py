#!/usr/bin/env python3
"""Sends the held-out rows of both models to a running server, through REST (V1, V2) and gRPC, and prints how many of
the predictions are right. Exit status 1 when they are fewer than the model's own accuracy.

    client.py [--http 127.0.0.1:8080] [--grpc 127.0.0.1:8081]

needs: numpy, tritonclient[grpc]
"""
import argparse
import json
import pathlib
import shlex
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import tritonclient.grpc as triton

DATA = pathlib.Path(__file__).parent / "data"
ROWS_PER_REQUEST = 20


def wait_until_ready(http, seconds=30):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://{http}/v2/health/ready", timeout=5) as response:
                if response.status == 200:
                    return
        except OSError as error:  # not listening yet, or 503 while models load
            if time.monotonic() > deadline:
                sys.exit(f"http://{http}/v2/health/ready was not ready within {seconds} s: {error}")
        time.sleep(0.01)


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        sys.exit(f"POST {url}: {error.code} {error.read().decode(errors='replace')}")


class Model:
    """How a row is sent to a model, and what in its answer is the class."""

    def __init__(self, file):
        data = json.loads(file.read_text())
        self.name, self.classes, self.accuracy = data["model"], data["classes"], data["accuracy"]
        self.rows = np.array(data["rows"], dtype=np.float32)
        self.first_row = data["rows"][0]
        self.labels = np.array(data["labels"])
        # The XGBoost model answers with the probability of class 1; the network names the class itself.
        self.input, self.output = (("image", "label") if self.name == "digits" else ("input-0", "output-0"))

    def classify(self, values):
        return np.array(values) if self.output == "label" else (np.array(values) > 0.5).astype(int)

    def v1(self, http, rows):
        # An answer of several tensors comes as one object for each instance.
        predictions = post(f"http://{http}/v1/models/{self.name}:predict", {"instances": rows.tolist()})["predictions"]
        return [row[self.output] if isinstance(row, dict) else row for row in predictions]

    def v2(self, http, rows):
        answer = post(f"http://{http}/v2/models/{self.name}/infer", {
            "inputs": [{"name": self.input, "shape": rows.shape, "datatype": "FP32", "data": rows.ravel().tolist()}],
            "outputs": [{"name": self.output}]})
        return answer["outputs"][0]["data"]

    def grpc(self, client, rows):
        tensor = triton.InferInput(self.input, rows.shape, "FP32")
        tensor.set_data_from_numpy(rows)
        answer = client.infer(self.name, [tensor], outputs=[triton.InferRequestedOutput(self.output)])
        return answer.as_numpy(self.output)


def score(model, send):
    """The share of held-out rows that come back with their label, and the first few predictions."""
    predicted = np.concatenate([model.classify(send(model.rows[start:start + ROWS_PER_REQUEST]))
                                for start in range(0, len(model.rows), ROWS_PER_REQUEST)])
    return float(np.mean(predicted == model.labels)), predicted[:6]


def show_curl(model, http):
    body = json.dumps({"instances": [model.first_row]}, separators=(",", ":"))
    url = f"http://{http}/v1/models/{model.name}:predict"
    answer = post(url, json.loads(body))
    print(f"\nTry it yourself:\n  curl {url} -d {shlex.quote(body)}\n  -> {json.dumps(answer)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--http", default="127.0.0.1:8080")
    parser.add_argument("--grpc", default="127.0.0.1:8081")
    options = parser.parse_args()
    wait_until_ready(options.http)
    models = [Model(DATA / f"{name}.json") for name in ("breast-cancer", "digits")]
    good = True
    with triton.InferenceServerClient(options.grpc) as client:
        for model in models:
            ways = {"REST V1": lambda rows: model.v1(options.http, rows),
                    "REST V2": lambda rows: model.v2(options.http, rows),
                    "gRPC": lambda rows: model.grpc(client, rows)}
            print(f"\n{model.name}: {len(model.rows)} rows that it has not seen, accuracy when it was made "
                  f"{model.accuracy:.4f}")
            for way, send in ways.items():
                accuracy, first = score(model, send)
                verdict = "" if accuracy >= model.accuracy else "  LOWER THAN WHEN IT WAS MADE"
                good = good and not verdict
                names = ", ".join(model.classes[label] for label in first)
                print(f"  {way:8} accuracy {accuracy:.4f}   {names}, ...{verdict}")
    show_curl(models[0], options.http)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
