#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "server/testing/responses.h"
#include "server/v2/json_codec.h"

namespace triune::server::v2 {
namespace {

using testing::AddOutput;

TEST(V2EncodeTest, WritesAResponse) {
  model::InferenceResponse response;
  response.model_name = "iris";
  response.model_version = "1";
  response.id = "a\"b";
  AddOutput<float>(response, "p", DType::kFp32, {2, 1}, {0.1F, 2});
  AddOutput<int64_t>(response, "label", DType::kInt64, {1}, {INT64_MIN});
  AddOutput<uint8_t>(response, "b", DType::kBool, {2}, {0, 1});
  AddOutput<char>(response, "s", DType::kBytes, {1}, {2, 0, 0, 0, 'h', 'i'});
  http::Response out;
  ASSERT_TRUE(EncodeResponse({}, response, out).ok());
  EXPECT_EQ(out.body.view(), R"({"model_name":"iris","model_version":"1","id":"a\"b","outputs":[)"
                             R"({"name":"p","shape":[2,1],"datatype":"FP32","data":[0.1,2.0]},)"
                             R"({"name":"label","shape":[1],"datatype":"INT64","data":[-9223372036854775808]},)"
                             R"({"name":"b","shape":[2],"datatype":"BOOL","data":[false,true]},)"
                             R"({"name":"s","shape":[1],"datatype":"BYTES","data":["hi"]}]})");
  EXPECT_EQ(out.content_type, "application/json");
  EXPECT_TRUE(out.tail.empty());
}

TEST(V2EncodeTest, WritesParameters) {
  model::InferenceResponse response;
  response.model_name = "m";
  auto add = [&](const char* key, model::Parameter::Value value) {
    model::Parameter& parameter = response.parameters.Add();
    parameter.key = key;
    parameter.value = std::move(value);
  };
  add("b", true);
  add("i", int64_t{-3});
  add("d", 0.5);
  add("s", std::string("t"));
  http::Response out;
  ASSERT_TRUE(EncodeResponse({}, response, out).ok());
  EXPECT_EQ(out.body.view(), R"({"model_name":"m","parameters":{"b":true,"i":-3,"d":0.5,"s":"t"},"outputs":[]})");
}

TEST(V2EncodeTest, SendsTheOutputsThatWereAskedForAsRawBytes) {
  model::InferenceResponse response;
  response.model_name = "m";
  AddOutput<uint8_t>(response, "p", DType::kUint8, {3}, {1, 2, 3});
  AddOutput<uint8_t>(response, "q", DType::kUint8, {1}, {9});
  model::InferenceRequest request;
  request.outputs.Add().binary = true;
  request.outputs.Add();
  http::Response out;
  ASSERT_TRUE(EncodeResponse(request, response, out).ok());
  std::string json(out.body.view());
  EXPECT_EQ(
      json,
      R"({"model_name":"m","outputs":[{"name":"p","shape":[3],"datatype":"UINT8","parameters":{"binary_data_size":3}},)"
      R"({"name":"q","shape":[1],"datatype":"UINT8","data":[9]}]})");
  EXPECT_EQ(out.headers.view(), "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n");
  EXPECT_EQ(out.content_type, "application/octet-stream");
  ASSERT_EQ(out.tail.size(), 1U);
  EXPECT_EQ(out.tail[0].data(), response.outputs[0].data.data());  // not copied
  EXPECT_EQ(out.BodySize(), json.size() + 3);
}

TEST(V2EncodeTest, RefusesStringsThatJsonCannotCarry) {
  model::InferenceResponse response;
  response.model_name = "m";
  AddOutput<unsigned char>(response, "s", DType::kBytes, {1}, {1, 0, 0, 0, 0xFF});
  http::Response out;
  Status status = EncodeResponse({}, response, out);
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("output 's'"), std::string_view::npos) << status.ToString();
  // As raw bytes it can go.
  model::InferenceRequest request;
  request.binary_outputs = true;
  http::Response raw;
  EXPECT_TRUE(EncodeResponse(request, response, raw).ok());
}

TEST(V2EncodeTest, WritesMetadata) {
  model::Signature signature{
      .inputs = {{.name = "x", .dtype = DType::kFp32, .accepted = DType::kFp32, .shape = {-1, 4}}},
      .outputs = {{.name = "y", .dtype = DType::kBytes, .accepted = {}, .shape = {-1}}},
      .platform = "onnxruntime_onnx"};
  TextBuffer out;
  EncodeMetadata("iris", "2", signature, out);
  EXPECT_EQ(out.view(), R"({"name":"iris","versions":["2"],"platform":"onnxruntime_onnx",)"
                        R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],)"
                        R"("outputs":[{"name":"y","datatype":"BYTES","shape":[-1]}]})");
}

}  // namespace
}  // namespace triune::server::v2
