"""Talks to a server through the KServe SDK; run by test_client_kserve.py in the SDK's own Python environment.

    kserve_client.py HTTP GRPC     prints one JSON object: what each way of asking answered
"""
import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

A = np.arange(8, dtype=np.float32).reshape(2, 4) + np.float32(0.5)
B = np.array([5, -6])


def request(binary):
    inputs = [InferInput("a", A.shape, "FP32"), InferInput("b", B.shape, "INT64")]
    inputs[0].set_data_from_numpy(A, binary_data=binary)
    inputs[1].set_data_from_numpy(B, binary_data=binary)
    outputs = [RequestedOutput(name, parameters={"binary_data": binary}) for name in ("total", "twice")]
    return InferRequest("pair", inputs, request_id="seven", request_outputs=outputs)


def plain(response):
    return {"id": response.id, "model_name": response.model_name,
            "outputs": {output.name: output.as_numpy().tolist() for output in response.outputs}}


async def refusal(call):
    """What the SDK raises for an error answer."""
    try:
        await call
    except Exception as error:  # which class it is, is the SDK's affair
        return f"{type(error).__name__}: {error}"
    return None


async def main(http, grpc):
    url = f"http://{http}"
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    over_grpc = InferenceGRPCClient(grpc)
    rows = json.loads(sys.stdin.read())
    said = {
        "v1 ready": await v1.is_model_ready(url, "pair"),
        "v1 predict": await v1.infer(url, {"instances": rows}, model_name="breast-cancer"),
        "v1 unknown": await refusal(v1.infer(url, {"instances": rows}, model_name="nobody")),
        "v2 live": await v2.is_server_live(url),
        "v2 ready": await v2.is_server_ready(url),
        "v2 model ready": await v2.is_model_ready(url, "pair"),
        "v2 json": plain(await v2.infer(url, request(False), model_name="pair")),
        "v2 binary": plain(await v2.infer(url, request(True), model_name="pair")),
        "v2 unknown": await refusal(v2.infer(url, request(False), model_name="nobody")),
        "grpc live": await over_grpc.is_server_live(),
        "grpc ready": await over_grpc.is_server_ready(),
        "grpc model ready": await over_grpc.is_model_ready("pair"),
        "grpc": plain(await over_grpc.infer(request(True))),
        "grpc typed": plain(await over_grpc.infer(request(False))),
    }
    for client in (v1, v2, over_grpc):
        await client.close()
    print(json.dumps(said))


asyncio.run(main(*sys.argv[1:3]))
