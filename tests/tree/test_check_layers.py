"""The layer check finds each kind of wrong include, and nothing in a tree that is right."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import check_layers  # noqa: E402

RIGHT = {
    "include/triune/runtime.h": "#include <stdint.h>\n",
    "src/base/CMakeLists.txt": "triune_library(base DEPS Threads::Threads)\n",
    "src/base/status.h": "#include <string>\n",
    "src/data/CMakeLists.txt": "triune_library(data DEPS base)\n",
    "src/data/tensor.h": '#include "base/status.h"\n#include "data/dtype.h"\n',
    "src/data/dtype.h": "",
    "src/model/CMakeLists.txt": "triune_library(model\n               DEPS data # not base: it comes with data\n"
                                "               PRIVATE_DEPS yaml-cpp)\n",
    "src/model/model.cc": '#include "base/status.h"\n#include "triune/runtime.h"\n',
    "src/server/CMakeLists.txt": "triune_library(server DEPS model PRIVATE_DEPS grpc_static)\n",
    "src/server/grpc.cc": '#include <grpcpp/server.h>\n#include <boost/beast/http.hpp>\n#include "health.pb.h"\n',
    "src/adapters/CMakeLists.txt": "add_subdirectory(runtimes)\n",
    "src/adapters/runtimes/onnx/plugin.cc": '#include "adapters/runtimes/onnx/api.h"\n#include "base/status.h"\n'
                                            '#include "triune/runtime.h"\n',
    "src/adapters/runtimes/onnx/plugin_test.cc": '#include "model/model.h"\n',
    "src/adapters/runtimes/onnx/api.h": "",
    "src/app/main.cc": '#include "adapters/runtimes/onnx/api.h"\n#include "server/grpc.h"\n',
}


def errors(folder, changes):
    for path, text in {**RIGHT, **changes}.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return list(check_layers.check(folder))


def test_a_tree_that_is_right_has_no_errors(tmp_path):
    assert errors(tmp_path, {}) == []


@pytest.mark.parametrize("path, text, where, said", [
    ("src/base/status.h", '#include <string>\n#include "data/tensor.h"\n', "src/base/status.h:2", "only: nothing"),
    ("src/data/tensor.h", '#include "model/model.h"\n', "src/data/tensor.h:1", "may use only: base"),
    ("src/data/tensor.h", '  #  include "model/model.h"\n', "src/data/tensor.h:1", "may use only: base"),
    ("src/data/tensor.h", '#include "../model/model.h"\n', "src/data/tensor.h:1", "leaves its folder"),
    ("src/data/tensor.h", '#include "dtype.h"\n', "src/data/tensor.h:1", 'write "data/dtype.h"'),
    ("src/data/tensor.h", "#include <base/status.h>\n", "src/data/tensor.h:1", "is ours"),
    ("src/model/model.cc", "#include <grpcpp/grpcpp.h>\n", "src/model/model.cc:1", "belong in server and adapters"),
    ("src/model/model.cc", "#include <google/protobuf/message.h>\n", "src/model/model.cc:1", "belong in server"),
    ("src/model/model.cc", "#include <boost/beast.hpp>\n", "src/model/model.cc:1", "belong in server"),
    ("src/model/model.cc", '#include "open_inference_grpc.grpc.pb.h"\n', "src/model/model.cc:1", "belong in server"),
    ("src/server/grpc.cc", '#include "adapters/runtimes/onnx/api.h"\n', "src/server/grpc.cc:1", "only app"),
    ("src/adapters/runtimes/onnx/plugin.cc", '#include "data/tensor.h"\n', "onnx/plugin.cc:1", "only include/triune"),
    ("src/adapters/runtimes/onnx/plugin.cc", '#include "triune/core.h"\n', "onnx/plugin.cc:1", "no include/"),
    ("include/triune/runtime.h", '#include "base/status.h"\n', "include/triune/runtime.h:1", "public header"),
    ("include/triune/runtime.h", "#include <grpcpp/grpcpp.h>\n", "include/triune/runtime.h:1", "public header"),
    ("src/base/CMakeLists.txt", "triune_library(base DEPS data)\n", "src/base/CMakeLists.txt", "depend on each other"),
    ("src/server/CMakeLists.txt", "triune_library(server DEPS model adapters)\n", "src/server", "only app may"),
])
def test_names_file_and_line_of(tmp_path, path, text, where, said):
    found = errors(tmp_path, {path: text})
    assert any(where in line and said in line for line in found), found


def test_a_folder_without_libraries_is_an_error_not_a_pass(tmp_path):
    (tmp_path / "src").mkdir()
    assert list(check_layers.check(tmp_path))
