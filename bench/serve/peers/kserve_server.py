"""KServe's Python server: its SDK, with an ONNX model on onnxruntime and the predict() of its sklearnserver, which
gives the first output. Access log and latency log are off, which favours it."""
import argparse
import json
import logging

import numpy as np
import onnxruntime
from kserve import InferRequest, Model, ModelServer, model_server
from kserve.utils.utils import get_predict_response

parser = argparse.ArgumentParser(parents=[model_server.parser])
parser.add_argument("--models", type=json.loads, required=True, help="JSON object: name -> path")
args = parser.parse_args()


class OnnxModel(Model):
    def load(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(args.models[self.name], options, ["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.ready = True
        return True

    def predict(self, payload, headers=None, response_headers=None):
        rows = (payload.inputs[0].as_numpy() if isinstance(payload, InferRequest)
                else np.array(payload["instances"])).astype(np.float32, copy=False)
        return get_predict_response(payload, self.session.run(None, {self.input: rows})[0], self.name)


if __name__ == "__main__":
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
    served = [OnnxModel(name) for name in args.models]
    for model in served:
        model.load()
    ModelServer(enable_latency_logging=False).start(served)
