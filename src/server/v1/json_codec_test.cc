#include "server/v1/json_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "server/testing/responses.h"
#include "serving/testing/fake_model.h"

namespace triune::server::v1 {
namespace {

using server::testing::AddOutput;
using serving::testing::Spec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

model::Signature One(DType dtype = DType::kFp32) {
  return {.inputs = {Spec("x", dtype, {-1})}, .outputs = {}, .platform = ""};
}
model::Signature Two() {
  return {.inputs = {Spec("a", DType::kInt32, {-1}), Spec("b", DType::kFp32, {-1, 2})}, .outputs = {}, .platform = ""};
}

struct Read {
  Status status;
  model::InferenceRequest request;
  Format format = Format::kRows;
};

Read Decode(std::string_view json, const model::Signature& signature = One()) {
  Buffer body = Buffer::CopyOf({reinterpret_cast<const std::byte*>(json.data()), json.size()});
  Read read;
  read.status = DecodeRequest(body.bytes(), signature, read.request, &read.format);
  return read;
}

void ExpectRefused(std::string_view json, std::string_view message, const model::Signature& signature = One()) {
  Read read = Decode(json, signature);
  EXPECT_EQ(read.status.code(), StatusCode::kInvalidArgument) << json;
  EXPECT_THAT(std::string(read.status.message()), HasSubstr(message)) << json;
}

TEST(V1DecodeTest, ReadsRows) {
  Read read = Decode(R"({"instances":[[1,2],[3,4],[5,6]]})");
  ASSERT_TRUE(read.status.ok()) << read.status.ToString();
  EXPECT_EQ(read.format, Format::kRows);
  ASSERT_EQ(read.request.inputs.size(), 1U);
  EXPECT_EQ(read.request.inputs[0].name, "x");
  EXPECT_EQ(read.request.inputs[0].shape, (Shape{3, 2}));
  EXPECT_THAT(read.request.inputs[0].As<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(Decode(R"({"instances":[1,2,3]})").request.inputs[0].shape, (Shape{3}));
  EXPECT_EQ(Decode(R"({"signature_name":"s","instances":[{"x":[1]},{"x":[2]}]})").request.inputs[0].shape,
            (Shape{2, 1}));
}

TEST(V1DecodeTest, ReadsColumns) {
  for (const char* json : {R"({"inputs":[[1,2],[3,4]]})", R"({"inputs":{"x":[[1,2],[3,4]]}})"}) {
    Read read = Decode(json);
    ASSERT_TRUE(read.status.ok()) << json << ": " << read.status.ToString();
    EXPECT_EQ(read.format, Format::kColumns);
    ASSERT_EQ(read.request.inputs.size(), 1U);
    EXPECT_EQ(read.request.inputs[0].shape, (Shape{2, 2}));
    EXPECT_THAT(read.request.inputs[0].As<float>(), ElementsAre(1, 2, 3, 4));
  }
  EXPECT_EQ(Decode(R"({"inputs":5})").request.inputs[0].shape.rank(), 0U);
}

TEST(V1DecodeTest, ReadsSeveralInputs) {
  for (const char* json :
       {R"({"instances":[{"a":1,"b":[1,2]},{"b":[3,4],"a":2}]})", R"({"inputs":{"b":[[1,2],[3,4]],"a":[1,2]}})"}) {
    Read read = Decode(json, Two());
    ASSERT_TRUE(read.status.ok()) << json << ": " << read.status.ToString();
    ASSERT_EQ(read.request.inputs.size(), 2U);
    for (const Tensor& tensor : read.request.inputs) {
      if (tensor.name == "a") {
        EXPECT_EQ(tensor.shape, (Shape{2}));
        EXPECT_THAT(tensor.As<int32_t>(), ElementsAre(1, 2));
      } else {
        EXPECT_EQ(tensor.name, "b");
        EXPECT_EQ(tensor.shape, (Shape{2, 2}));
        EXPECT_THAT(tensor.As<float>(), ElementsAre(1, 2, 3, 4));
      }
    }
  }
}

TEST(V1DecodeTest, ReadsTheModelsOwnDtype) {
  EXPECT_THAT(Decode(R"({"instances":[9223372036854775807]})", One(DType::kInt64)).request.inputs[0].As<int64_t>(),
              ElementsAre(INT64_MAX));
  EXPECT_THAT(Decode(R"({"instances":[true,false]})", One(DType::kBool)).request.inputs[0].As<uint8_t>(),
              ElementsAre(1, 0));
  Read strings = Decode(R"({"instances":["a","bc"]})", One(DType::kBytes));
  ASSERT_TRUE(strings.status.ok());
  EXPECT_EQ(strings.request.inputs[0].shape, (Shape{2}));
  EXPECT_TRUE(CheckData(strings.request.inputs[0]).ok());
  ExpectRefused(R"({"instances":[1.5]})", "instances[0]: an element is not an integer", One(DType::kInt64));
}

TEST(V1DecodeTest, ReadsNumbersThatJsonDoesNotHave) {
  for (const char* json : {R"({"instances":[NaN,-Infinity]})", R"({"instances":[null,-Infinity]})",
                           R"({"inputs":[NaN,-Infinity]})", R"({"instances":[{"x":NaN},{"x":-Infinity}]})"}) {
    Read read = Decode(json);
    ASSERT_TRUE(read.status.ok()) << json << ": " << read.status.ToString();
    auto values = read.request.inputs[0].As<float>();
    ASSERT_EQ(values.size(), 2U) << json;
    EXPECT_TRUE(std::isnan(values[0]) && values[1] == -std::numeric_limits<float>::infinity()) << json;
  }
  EXPECT_TRUE(Decode(R"({"inputs":NaN})").status.ok());
  ExpectRefused(R"({"instances":[nonsense]})", "instances[0]: an element is not a number");
}

TEST(V1DecodeTest, SaysWhatIsWrong) {
  ExpectRefused("", "the body is empty");
  ExpectRefused("[]", "not a JSON object");
  ExpectRefused("{}", "field 'instances' or 'inputs' is missing");
  ExpectRefused(R"({"instances":[]})", "field 'instances' is empty");
  ExpectRefused(R"({"instances":1})", "field 'instances' is not an array");
  ExpectRefused(R"({"instances":[1],"inputs":[1]})", "given together");
  ExpectRefused(R"({"instances":[1],"instances":[1]})", "given together, or twice");
  ExpectRefused(R"({"instances":[[1,2],[3]]})", "instances[1]: the arrays are ragged");
  ExpectRefused(R"({"instances":[[1],2]})", "instances[1]: the arrays are ragged");
  ExpectRefused(R"({"instances":[1,"2"]})", "instances[1]: an element is not a number");
  ExpectRefused(R"({"instances":[{"y":1}]})", "no input of the model is named so: got 'y', want one of: x");
  ExpectRefused(R"({"instances":[{"x":1,"x":2}]})", "'x' is given twice");
  ExpectRefused(R"({"inputs":{"x":1,"x":2}})", "'x' is given twice");
  ExpectRefused(R"({"inputs":{"x":[[1],[1,2]]}})", "inputs: 'x': the arrays are ragged");
  ExpectRefused(R"({"instances":[[1,2]]})", "not an object by input name", Two());
  ExpectRefused(R"({"inputs":[[1,2]]})", "not an object", Two());
  ExpectRefused(R"({"instances":[{"a":1,"b":[1,2]},{"a":1}]})", "'b' is given in some instances and not in others",
                Two());
  ExpectRefused(R"({"instances":[{"a":1},{"a":1,"b":[1,2]}]})", "'b' is given in some instances and not in others",
                Two());
}

TEST(V1DecodeTest, RefusesMalformedJson) {
  std::string good = R"({"instances":[[1,2],[3,4]]})";
  for (size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_FALSE(Decode(good.substr(0, cut)).status.ok()) << good.substr(0, cut);
  EXPECT_TRUE(Decode(good + "\n").status.ok());
  ExpectRefused(good + "x", "");
  ExpectRefused(good + good, "");
  ExpectRefused(R"({"instances":)" + std::string(100'000, '['), "");
  ExpectRefused(R"({"instances":)" + std::string(17, '[') + "1" + std::string(17, ']') + "}", "nested");
}

TEST(V1DecodeTest, AFailedRequestLeavesNothingForTheNext) {
  ExpectRefused(R"({"instances":[{"a":1,"b":[1,2]},{"a":7,"b":["x",2]}]})", "", Two());
  Read read = Decode(R"({"instances":[{"a":5,"b":[8,9]}]})", Two());
  ASSERT_TRUE(read.status.ok());
  EXPECT_THAT(read.request.inputs[0].As<int32_t>(), ElementsAre(5));
  EXPECT_THAT(read.request.inputs[1].As<float>(), ElementsAre(8, 9));
}

std::string Encode(const model::InferenceResponse& response, Format format) {
  TextBuffer out;
  Status status = EncodeResponse(response, format, out);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return std::string(out.view());
}

TEST(V1DecodeTest, InstancesAreAllObjectsOrNone) {
  ExpectRefused(R"({"instances":[{"x":[1,2,3,4]},[1,2,3,4]]})", "instances[1]: some instances are objects",
                serving::testing::OneToOne());
  ExpectRefused(R"({"instances":[[1,2,3,4],{"x":[1,2,3,4]}]})", "instances[1]: some instances are objects",
                serving::testing::OneToOne());
}

TEST(V1DecodeTest, StringsMayBeBase64) {
  model::Signature signature{.inputs = {Spec("x", DType::kBytes, {-1})}, .outputs = {}, .platform = "fake"};
  for (const char* body :
       {R"({"instances":[{"b64":"aGk="},{"b64":""}]})", R"({"instances":[{"x":{"b64":"aGk="}},{"x":""}]})",
        R"({"inputs":[{"b64":"aGk="},""]})", R"({"inputs":{"x":["hi",{"b64":""}]}})"}) {
    Read read = Decode(body, signature);
    ASSERT_TRUE(read.status.ok()) << body << read.status.ToString();
    const Tensor& tensor = read.request.inputs[0];
    EXPECT_EQ(tensor.shape, (Shape{2})) << body;
    EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()),
              std::string_view("\2\0\0\0hi\0\0\0\0", 10))
        << body;
  }
  ExpectRefused(R"({"instances":[{"b64":"?"}]})", "not Base64", signature);
  ExpectRefused(R"({"instances":[{"b64":1}]})", "'b64' is not a string", signature);
  ExpectRefused(R"({"instances":[["a",{"b65":"aGk="}]]})", "an element is an object", signature);
  ExpectRefused(R"({"instances":[["a"],{"b64":"aGk="}]})", "some instances are objects", signature);
}

TEST(V1DecodeTest, ASecondNameForTheOnlyInputIsOneTooMany) {
  model::Signature signature = serving::testing::OneToOne();
  signature.inputs[0].any_name = true;
  ExpectRefused(R"({"instances":[{"f0":1,"f1":2}]})", "the model takes one input, under any name: 'f1' is one more",
                signature);
}

TEST(V1EncodeTest, OneOutputIsTheArrayItself) {
  model::InferenceResponse response;
  AddOutput<float>(response, "p", DType::kFp32, {2, 2}, {0.5F, 1, 2, 3});
  EXPECT_EQ(Encode(response, Format::kRows), R"({"predictions":[[0.5,1.0],[2.0,3.0]]})");
  EXPECT_EQ(Encode(response, Format::kColumns), R"({"predictions":[[0.5,1.0],[2.0,3.0]]})");
}

TEST(V1EncodeTest, SeveralOutputsAreObjectsByName) {
  model::InferenceResponse response;
  AddOutput<int64_t>(response, "label", DType::kInt64, {2}, {7, 8});
  AddOutput<float>(response, "p", DType::kFp32, {2, 2}, {0, 1, 2, 3});
  EXPECT_EQ(Encode(response, Format::kRows),
            R"({"predictions":[{"label":7,"p":[0.0,1.0]},{"label":8,"p":[2.0,3.0]}]})");
  EXPECT_EQ(Encode(response, Format::kColumns), R"({"predictions":{"label":[7,8],"p":[[0.0,1.0],[2.0,3.0]]}})");
}

TEST(V1EncodeTest, OutputsWithoutCommonRowsAreWrittenByName) {
  model::InferenceResponse response;
  AddOutput<int64_t>(response, "a", DType::kInt64, {2}, {7, 8});
  AddOutput<int64_t>(response, "b", DType::kInt64, {1}, {9});
  EXPECT_EQ(Encode(response, Format::kRows), R"({"predictions":{"a":[7,8],"b":[9]}})");
  model::InferenceResponse none;
  EXPECT_EQ(Encode(none, Format::kRows), R"({"predictions":{}})");
}

}  // namespace
}  // namespace triune::server::v1
