// The floor of large JSON tensors: simdjson into floats, std::to_chars back into text, the text through Beast. The
// numbers of "data" of the one input are parsed and written again; names and shapes are taken as they are.
#include <simdjson.h>

#include <charconv>
#include <string_view>
#include <vector>

#include "serve/floor/beast_server.h"

namespace {

// Enough for any float in shortest form ("-1.17549435e-38") and a comma.
constexpr size_t kFloatTextBytes = 20;

class EchoFloats {
 public:
  void operator()(std::string&& request, std::string& response) {
    request.reserve(request.size() + simdjson::SIMDJSON_PADDING);
    floats_.clear();
    try {
      simdjson::ondemand::document document = parser_.iterate(request);
      simdjson::ondemand::array inputs = document["inputs"];
      for (simdjson::ondemand::object input : inputs) {
        simdjson::ondemand::array data = input["data"];
        for (double value : data) floats_.push_back(static_cast<float>(value));
      }
    } catch (const simdjson::simdjson_error& error) {
      response = error.what();
      return;
    }
    response = R"({"model_name":"echo","outputs":[{"name":"y","datatype":"FP32","shape":[1,3,224,224],"data":[)";
    const size_t head = response.size();
    response.resize(head + floats_.size() * kFloatTextBytes);
    char* out = response.data() + head;
    for (const float value : floats_) {
      out = std::to_chars(out, out + kFloatTextBytes, value).ptr;
      *out++ = ',';
    }
    if (!floats_.empty()) --out;
    response.resize(static_cast<size_t>(out - response.data()));
    response += "]}]}";
  }

 private:
  simdjson::ondemand::parser parser_;
  std::vector<float> floats_;
};

}  // namespace

int main(int argc, char** argv) { return triune::bench::RunFloor(argc, argv, EchoFloats(), "application/json"); }
