#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "server/v2/json_codec.h"

namespace triune::server::v2 {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Buffer BufferOf(std::string_view text) {
  return Buffer::CopyOf({reinterpret_cast<const std::byte*>(text.data()), text.size()});
}

Status Decode(std::string_view body, model::InferenceRequest& request, std::optional<size_t> json_size = std::nullopt) {
  Buffer buffer = BufferOf(body);
  return DecodeRequest({buffer.bytes(), buffer, json_size}, request);
}

/// The request that `json` makes; the test fails when it is refused.
model::InferenceRequest Decoded(std::string_view json, std::optional<size_t> json_size = std::nullopt) {
  model::InferenceRequest request;
  Status status = Decode(json, request, json_size);
  EXPECT_TRUE(status.ok()) << json << ": " << status.ToString();
  return request;
}

void ExpectRefused(std::string_view json, std::string_view message, std::optional<size_t> json_size = std::nullopt) {
  model::InferenceRequest request;
  Status status = Decode(json, request, json_size);
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << json;
  EXPECT_THAT(std::string(status.message()), HasSubstr(message)) << json;
}

/// {"inputs":[{"name":"x", FIELDS}]}
std::string OneInput(std::string_view fields) { return R"({"inputs":[{"name":"x",)" + std::string(fields) + "}]}"; }

TEST(V2DecodeTest, ReadsARequest) {
  auto request = Decoded(R"({"id":"abc","inputs":[
      {"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]},
      {"name":"y","datatype":"INT64","shape":[1],"data":[-9223372036854775808]}],
      "outputs":[{"name":"p"},{"name":"q","parameters":{"binary_data":true}}]})");
  EXPECT_EQ(request.id, "abc");
  ASSERT_EQ(request.inputs.size(), 2U);
  EXPECT_EQ(request.inputs[0].name, "x");
  EXPECT_EQ(request.inputs[0].dtype, DType::kFp32);
  EXPECT_EQ(request.inputs[0].shape, (Shape{2, 2}));
  EXPECT_THAT(request.inputs[0].As<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(request.inputs[1].As<int64_t>(), ElementsAre(INT64_MIN));
  ASSERT_EQ(request.outputs.size(), 2U);
  EXPECT_EQ(request.outputs[0].name, "p");
  EXPECT_FALSE(request.outputs[0].binary);
  EXPECT_TRUE(request.outputs[1].binary);
  EXPECT_FALSE(request.binary_outputs);
}

TEST(V2DecodeTest, FieldsMayComeInAnyOrder) {
  std::vector<std::string> fields = {R"("name":"x")", R"("shape":[2,2])", R"("datatype":"UINT8")",
                                     R"("data":[[1,2],[3,255]])", R"("parameters":{"a":1})"};
  std::sort(fields.begin(), fields.end());
  do {
    std::string json = R"({"inputs":[{)";
    for (size_t i = 0; i < fields.size(); ++i) json += (i > 0 ? "," : "") + fields[i];
    auto request = Decoded(json + "}]}");
    ASSERT_EQ(request.inputs.size(), 1U) << json;
    EXPECT_EQ(request.inputs[0].name, "x") << json;
    EXPECT_EQ(request.inputs[0].shape, (Shape{2, 2})) << json;
    EXPECT_THAT(request.inputs[0].As<uint8_t>(), ElementsAre(1, 2, 3, 255)) << json;
  } while (std::next_permutation(fields.begin(), fields.end()));
}

TEST(V2DecodeTest, EveryDtypeHasItsSize) {
  for (int i = 0; i < kDTypeCount; ++i) {
    auto dtype = static_cast<DType>(i);
    std::string data = dtype == DType::kBytes ? R"(["a","bc"])" : "[1,0]";
    auto request =
        Decoded(OneInput(R"("shape":[2],"datatype":")" + std::string(DTypeName(dtype)) + R"(","data":)" + data));
    ASSERT_EQ(request.inputs.size(), 1U);
    EXPECT_EQ(request.inputs[0].dtype, dtype);
    EXPECT_TRUE(CheckData(request.inputs[0]).ok()) << DTypeName(dtype);
  }
}

TEST(V2DecodeTest, DataIsFlatOrNestedAsTheShapeSays) {
  for (const char* data : {"[1,2,3,4,5,6]", "[[1,2,3],[4,5,6]]"}) {
    auto request = Decoded(OneInput(std::string(R"("shape":[2,3],"datatype":"INT8","data":)") + data));
    EXPECT_THAT(request.inputs[0].As<int8_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
  }
  Decoded(OneInput(R"("shape":[],"datatype":"INT8","data":[1])"));
  Decoded(OneInput(R"("shape":[0],"datatype":"INT8","data":[])"));
  Decoded(OneInput(R"("shape":[3,0],"datatype":"INT8","data":[])"));
  Decoded(OneInput(R"("shape":[2,0],"datatype":"INT8","data":[[],[]])"));
  ExpectRefused(OneInput(R"("shape":[2,3],"datatype":"INT8","data":[[1,2],[3,4],[5,6]])"),
                "input 'x': the nesting of 'data' differs from shape [2,3]: got [3,2]");
  ExpectRefused(OneInput(R"("shape":[6],"datatype":"INT8","data":[[1,2,3],[4,5,6]])"), "nesting");
  ExpectRefused(OneInput(R"("shape":[2,3],"datatype":"INT8","data":[[1,2,3],[4,5]])"), "ragged");
  ExpectRefused(OneInput(R"("shape":[],"datatype":"INT8","data":1)"), "'data' is not an array");
}

TEST(V2DecodeTest, CountsTheElements) {
  ExpectRefused(OneInput(R"("shape":[2,2],"datatype":"FP32","data":[1,2,3])"),
                "input 'x': element count differs from shape [2,2]: got 3, want 4");
  ExpectRefused(OneInput(R"("shape":[2],"datatype":"FP32","data":[1,2,3])"), "got 3, want 2");
  ExpectRefused(OneInput(R"("shape":[1],"datatype":"FP32","data":[])"), "got 0, want 1");
  ExpectRefused(OneInput(R"("shape":[0],"datatype":"FP32","data":[1])"), "got 1, want 0");
}

TEST(V2DecodeTest, RefusesShapesThatCannotBe) {
  ExpectRefused(OneInput(R"("shape":[-1],"datatype":"FP32","data":[1])"), "negative dimension: got -1");
  ExpectRefused(OneInput(R"("shape":[1000000000000],"datatype":"FP32","data":[1])"), "more than the body can hold");
  ExpectRefused(OneInput(R"("shape":[4294967296,4294967296],"datatype":"FP32","data":[1])"), "shape is too large");
  ExpectRefused(OneInput(R"("shape":[9223372036854775808],"datatype":"FP32","data":[1])"), "not an integer");
  ExpectRefused(OneInput(R"("shape":[1.0],"datatype":"FP32","data":[1])"), "not an integer");
  ExpectRefused(OneInput(R"("shape":["1"],"datatype":"FP32","data":[1])"), "not an integer");
  ExpectRefused(OneInput(R"("shape":1,"datatype":"FP32","data":[1])"), "'shape' is not an array");
  ExpectRefused(OneInput(R"("shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"datatype":"FP32","data":[1])"),
                "more than 16");
}

TEST(V2DecodeTest, NamesTheFieldThatIsMissingOrWrong) {
  ExpectRefused("", "the body is empty");
  ExpectRefused("[]", "not a JSON object");
  ExpectRefused("1", "");
  ExpectRefused("{}", "field 'inputs' is missing");
  ExpectRefused(R"({"inputs":{}})", "field 'inputs' is not an array");
  ExpectRefused(R"({"inputs":[1]})", "inputs[0] is not an object");
  ExpectRefused(R"({"inputs":[{}]})", "inputs[0]: field 'name' is missing");
  ExpectRefused(R"({"inputs":[{"name":1}]})", "inputs[0]: field 'name' is not a string");
  ExpectRefused(OneInput(R"("shape":[1],"data":[1])"), "input 'x': field 'datatype' is missing");
  ExpectRefused(OneInput(R"("datatype":"FP32","data":[1])"), "input 'x': field 'shape' is missing");
  ExpectRefused(OneInput(R"("datatype":"FP32","shape":[1])"), "input 'x': field 'data' is missing");
  ExpectRefused(OneInput(R"("datatype":"FP33","shape":[1],"data":[1])"), "unknown datatype: got 'FP33'");
  ExpectRefused(OneInput(R"("datatype":1,"shape":[1],"data":[1])"), "'datatype' is not a string");
  ExpectRefused(OneInput(R"("datatype":"FP32","shape":[1],"data":{"a":1})"), "'data' is not an array");
  ExpectRefused(OneInput(R"("datatype":"FP32","shape":[1],"data":["1"])"), "input 'x': an element is not a number");
  ExpectRefused(R"({"id":1,"inputs":[]})", "field 'id' is not a string");
  ExpectRefused(R"({"inputs":[],"outputs":{}})", "field 'outputs' is not an array");
  ExpectRefused(R"({"inputs":[],"outputs":[1]})", "outputs[0] is not an object");
  ExpectRefused(R"({"inputs":[],"outputs":[{}]})", "outputs[0]: field 'name' is missing");
  ExpectRefused(R"({"inputs":[],"outputs":[{"name":"p","parameters":{"binary_data":1}}]})",
                "'binary_data' is not true or false");
  ExpectRefused(R"({"inputs":[],"parameters":[]})", "field 'parameters' is not an object");
}

TEST(V2DecodeTest, RefusesFieldsGivenTwice) {
  ExpectRefused(R"({"inputs":[],"inputs":[]})", "field 'inputs' is given twice");
  ExpectRefused(OneInput(R"("datatype":"INT8","shape":[1],"data":[1],"data":[2])"), "'data' is given twice");
  ExpectRefused(OneInput(R"("datatype":"INT8","shape":[1],"data":[1],"shape":[2])"), "'shape' is given twice");
  ExpectRefused(OneInput(R"("datatype":"FP32","shape":[1],"data":[1],"datatype":"INT32")"),
                "'datatype' is given twice");
}

TEST(V2DecodeTest, OptionalFieldsMayBeNull) {
  auto request = Decoded(R"({"id":null,"parameters":null,"outputs":null,"inputs":[)"
                         R"({"name":"x","shape":[1],"datatype":"INT8","data":[1],"parameters":null}]})");
  EXPECT_EQ(request.inputs.size(), 1U);
}

TEST(V2DecodeTest, RefusesMalformedJson) {
  std::string good = OneInput(R"("datatype":"INT8","shape":[1],"data":[1])");
  Decoded(good);
  for (size_t cut = 0; cut < good.size(); ++cut) {
    model::InferenceRequest request;
    EXPECT_FALSE(Decode(good.substr(0, cut), request).ok()) << good.substr(0, cut);
  }
  Decoded(good + " \r\n\t");
  ExpectRefused(good + "x", "");
  ExpectRefused(good + good, "");
  ExpectRefused(good + "}", "");
  ExpectRefused("\xff" + good, "");
  ExpectRefused(OneInput("\"datatype\":\"BYTES\",\"shape\":[1],\"data\":[\"\xff\"]"), "malformed");
  ExpectRefused(R"({"inputs":)" + std::string(100'000, '['), "");
  Decoded(R"({"x":)" + std::string(100'000, '[') + std::string(100'000, ']') +
          R"(,"inputs":[]})");  // skipped, not read
}

TEST(V2DecodeTest, ReadsParameters) {
  auto request = Decoded(R"({"parameters":{"b":true,"i":-7,"d":1.5,"s":"t","big":9223372036854775807},"inputs":[]})");
  ASSERT_EQ(request.parameters.size(), 5U);
  EXPECT_EQ(request.parameters[0].key, "b");
  EXPECT_EQ(std::get<bool>(request.parameters[0].value), true);
  EXPECT_EQ(std::get<int64_t>(request.parameters[1].value), -7);
  EXPECT_EQ(std::get<double>(request.parameters[2].value), 1.5);
  EXPECT_EQ(std::get<std::string>(request.parameters[3].value), "t");
  EXPECT_EQ(std::get<int64_t>(request.parameters[4].value), INT64_MAX);
  Decoded(R"({"parameters":null,"inputs":[],"id":null})");
  ExpectRefused(R"({"parameters":{"o":{}},"inputs":[]})", "parameter 'o' is not a string, number or boolean");
  ExpectRefused(R"({"parameters":{"a":[1]},"inputs":[]})", "parameter 'a'");
}

TEST(V2DecodeTest, SaysWhatItDoesNotSupport) {
  model::InferenceRequest request;
  for (const char* json : {R"({"inputs":[{"name":"x","parameters":{"shared_memory_region":"r"}}]})",
                           R"({"inputs":[],"outputs":[{"name":"p","parameters":{"shared_memory_region":"r"}}]})",
                           R"({"inputs":[],"outputs":[{"name":"p","parameters":{"classification":2}}]})"}) {
    request.Clear();
    EXPECT_EQ(Decode(json, request).code(), StatusCode::kUnimplemented) << json;
  }
}

TEST(V2DecodeTest, TakesBinaryDataFromBehindTheJson) {
  std::string json = R"({"inputs":[{"name":"x","datatype":"UINT8","shape":[3],"parameters":{"binary_data_size":3}},)"
                     R"({"name":"y","datatype":"INT8","shape":[1],"data":[7]},)"
                     R"({"name":"z","parameters":{"binary_data_size":6},"datatype":"BYTES","shape":[1]}],)"
                     R"("parameters":{"binary_data_output":true},"outputs":[{"name":"p"},)"
                     R"({"name":"q","parameters":{"binary_data":false}}]})";
  std::string binary("\x01\x02\xff\x02\x00\x00\x00hi", 9);
  auto request = Decoded(json + binary, json.size());
  ASSERT_EQ(request.inputs.size(), 3U);
  EXPECT_THAT(request.inputs[0].As<uint8_t>(), ElementsAre(1, 2, 255));
  EXPECT_THAT(request.inputs[1].As<int8_t>(), ElementsAre(7));
  EXPECT_TRUE(CheckData(request.inputs[2]).ok());
  EXPECT_TRUE(request.binary_outputs);
  EXPECT_TRUE(request.outputs[0].binary);
  EXPECT_FALSE(request.outputs[1].binary);
}

TEST(V2DecodeTest, SharesAlignedBinaryDataAndCopiesTheRest) {
  for (size_t pad = 0; pad < 8; ++pad) {
    std::string json =
        OneInput(R"("datatype":"FP64","shape":[1],"parameters":{"binary_data_size":8})") + std::string(pad, ' ');
    double number = 1.5;
    Buffer body = BufferOf(json + std::string(reinterpret_cast<const char*>(&number), sizeof(number)));
    model::InferenceRequest request;
    ASSERT_TRUE(DecodeRequest({body.bytes(), body, json.size()}, request).ok());
    EXPECT_THAT(request.inputs[0].As<double>(), ElementsAre(1.5));
    bool shared = request.inputs[0].data.data() == body.data() + json.size();
    EXPECT_EQ(shared, json.size() % 8 == 0) << "after " << json.size() << " bytes of JSON";
  }
}

TEST(V2DecodeTest, RefusesBinarySizesThatLie) {
  auto sized = [](std::string_view size) {
    return OneInput(R"("datatype":"UINT8","shape":[3],"parameters":{"binary_data_size":)" + std::string(size) + "}");
  };
  auto refused = [&](const std::string& json, std::string_view binary, std::string_view message) {
    ExpectRefused(json + std::string(binary), message, json.size());
  };
  refused(sized("4"), "abc", "larger than what is left of the body: got 4, left 3");
  refused(sized("18446744073709551615"), "abc", "larger than what is left");
  refused(sized("18446744073709551616"), "abc", "not a non-negative integer");
  refused(sized("-1"), "abc", "not a non-negative integer");
  refused(sized("\"3\""), "abc", "not a non-negative integer");
  refused(sized("3"), "abcd", "longer than the inputs' binary_data_size say: got 4 bytes, want 3");
  ExpectRefused(sized("0"), "needs the header Inference-Header-Content-Length");
  refused(OneInput(R"("datatype":"UINT8","shape":[3],"data":[1,2,3],"parameters":{"binary_data_size":3})"), "abc",
          "has both 'data' and 'binary_data_size'");
  // Fewer bytes than the shape wants is for CheckData to say, which sees every tensor.
  auto request = Decoded(sized("2") + "ab", sized("2").size());
  EXPECT_FALSE(CheckData(request.inputs[0]).ok());
}

TEST(V2DecodeTest, RefusesHeaderLengthsThatLie) {
  std::string json = OneInput(R"("datatype":"INT8","shape":[1],"data":[1])");
  Decoded(json, json.size());
  ExpectRefused(json, "Inference-Header-Content-Length is larger than the body", json.size() + 1);
  ExpectRefused(json, "larger than the body", SIZE_MAX);
  ExpectRefused(json, "the body is empty", 0);
  for (size_t short_size = 1; short_size < json.size(); ++short_size) {
    model::InferenceRequest request;
    EXPECT_EQ(Decode(json, request, short_size).code(), StatusCode::kInvalidArgument) << short_size;
  }
}

TEST(V2DecodeTest, BoundsTheNumberOfTensors) {
  auto many = [](size_t count, const std::string& one) {
    std::string all;
    for (size_t i = 0; i < count; ++i) all += (i > 0 ? "," : "") + one;
    return all;
  };
  std::string input = R"({"name":"x","datatype":"INT8","shape":[0],"data":[]})";
  EXPECT_EQ(Decoded(R"({"inputs":[)" + many(1024, input) + "]}").inputs.size(), 1024U);
  ExpectRefused(R"({"inputs":[)" + many(1025, input) + "]}", "more than 1024 inputs");
  ExpectRefused(R"({"inputs":[],"outputs":[)" + many(1025, R"({"name":"p"})") + "]}", "more than 1024 outputs");
}

TEST(V2DecodeTest, AClearedRequestIsAsGoodAsNew) {
  model::InferenceRequest request;
  ASSERT_TRUE(
      Decode(R"({"id":"1","inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1]}],"outputs":[{"name":"p"}],
                         "parameters":{"s":"text","binary_data_output":true}})",
             request)
          .ok());
  request.Clear();
  ASSERT_TRUE(
      Decode(R"({"inputs":[{"name":"y","datatype":"INT8","shape":[0],"data":[]}],"parameters":{"s":"u"}})", request)
          .ok());
  EXPECT_EQ(request.id, "");
  EXPECT_EQ(request.inputs.size(), 1U);
  EXPECT_EQ(request.inputs[0].name, "y");
  EXPECT_TRUE(request.outputs.empty());
  EXPECT_FALSE(request.binary_outputs);
  EXPECT_EQ(std::get<std::string>(request.parameters[0].value), "u");
}

}  // namespace
}  // namespace triune::server::v2
