"""XGBoost's input values: the server refuses what Booster.predict refuses."""
import numpy as np
import pytest
import tritonclient.http as triton
import xgboost
from tritonclient.utils import InferenceServerException

from server import ROOT

DATA = ROOT / "tests" / "data" / "models"
LARGEST = float(np.finfo(np.float32).max)
MODELS = ("multiclass.ubj", "dart.ubj", "linear.ubj")


@pytest.fixture
def client(serve):
    client = triton.InferenceServerClient(serve(*(f"{name[:-4]}={DATA / name}" for name in MODELS)).http)
    yield client
    client.close()


def test_values_that_are_infinite_or_too_large_for_fp32(client):
    cases = [(kind, value) for kind in (np.float32, np.float64)
             for value in (np.inf, -np.inf, np.nan, LARGEST, -LARGEST)]
    cases += [(np.float64, value) for value in (1e39, -1e300, LARGEST * (1 + 1e-7), LARGEST * (1 + 1e-9), 1e-300)]
    for name in MODELS:
        booster = xgboost.Booster(model_file=DATA / name)
        for kind, value in cases:
            rows = np.ones((3, 4), kind)
            rows[2, 1] = value
            given = triton.InferInput("x", rows.shape, "FP32" if kind is np.float32 else "FP64")
            given.set_data_from_numpy(rows)
            try:
                wanted = booster.predict(xgboost.DMatrix(rows))
            except xgboost.core.XGBoostError:
                with pytest.raises(InferenceServerException, match=r"row 2, column 1 \(from 0\)") as refused:
                    client.infer(name[:-4], [given])
                assert refused.value.status() in ("400", None), (name, kind, value)
            else:
                answer = client.infer(name[:-4], [given]).as_numpy("output-0")
                np.testing.assert_array_equal(answer, wanted, err_msg=f"{name} {kind} {value}")
