"""The KServe SDK's clients: REST V1, REST V2 with JSON and with binary tensors, gRPC."""
import json
import subprocess

import numpy as np
import pytest
import xgboost

from server import QUICKSTART, ROOT, bits

ROWS = json.loads((QUICKSTART / "data" / "breast-cancer.json").read_text())["rows"][:5]


@pytest.fixture(scope="module")
def said(server):
    """Importing the SDK takes seconds, so one run of it asks everything."""
    server.check_serving()
    program = [ROOT / ".deps/venv/kserve/bin/python", ROOT / "tests/functional/kserve_client.py"]
    run = subprocess.run([*program, server.http, server.grpc], input=json.dumps(ROWS), capture_output=True, text=True,
                         timeout=50)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("question", ["v1 ready", "v2 live", "v2 ready", "v2 model ready", "grpc live", "grpc ready",
                                      "grpc model ready"])
def test_health(said, question):
    assert said[question] is True


def test_v1_predicts_what_xgboost_does(said):
    rows = np.array(ROWS, np.float32)
    want = xgboost.Booster(model_file=QUICKSTART / "models/breast-cancer/model.ubj").predict(xgboost.DMatrix(rows))
    assert bits(np.array(said["v1 predict"]["predictions"], np.float32)) == bits(want)


@pytest.mark.parametrize("way", ["v2 json", "v2 binary", "grpc", "grpc typed"])
def test_v2(said, way):
    total = (np.arange(8, dtype=np.float32).reshape(2, 4) + np.float32(0.5)).sum(axis=1)
    assert said[way]["id"] == "seven"
    assert said[way]["model_name"] == "pair"
    assert said[way]["outputs"] == {"total": total.tolist(), "twice": [10, -12]}


@pytest.mark.parametrize("way", ["v1 unknown", "v2 unknown"])
def test_errors_are_raised_with_their_status(said, way):
    assert said[way] and "404" in said[way]
