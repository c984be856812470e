#include "server/grpc/infer_codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "open_inference_grpc.pb.h"
#include "server/testing/responses.h"

namespace triune::server::grpc_api {
namespace {

using server::testing::AddOutput;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

grpc::ByteBuffer OneSlice(const std::string& message) {
  grpc::Slice slice(message);
  return grpc::ByteBuffer(&slice, 1);
}

/// The message in slices cut at random.
grpc::ByteBuffer ManySlices(const std::string& message, std::mt19937& random) {
  std::vector<grpc::Slice> slices;
  for (size_t at = 0; at < message.size();) {
    size_t size = std::min<size_t>(1 + random() % 7, message.size() - at);
    slices.emplace_back(message.substr(at, size));
    at += size;
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

std::string TextOf(const grpc::ByteBuffer& message) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(message.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

struct Decoded {
  Status status;
  model::InferenceRequest request;
  Contents contents = Contents::kRaw;
};

Decoded Decode(const std::string& message) {
  Decoded decoded;
  grpc::ByteBuffer bytes = OneSlice(message);
  decoded.status = DecodeInferRequest(bytes, decoded.request, &decoded.contents);
  return decoded;
}
Decoded Decode(const inference::ModelInferRequest& message) { return Decode(message.SerializeAsString()); }

void ExpectRefused(const Decoded& decoded, std::string_view message, StatusCode code = StatusCode::kInvalidArgument) {
  EXPECT_EQ(decoded.status.code(), code) << message;
  EXPECT_THAT(std::string(decoded.status.message()), HasSubstr(message));
}

inference::ModelInferRequest::InferInputTensor* AddInput(inference::ModelInferRequest& message, const char* name,
                                                         const char* dtype, const std::vector<int64_t>& shape) {
  auto* input = message.add_inputs();
  input->set_name(name);
  input->set_datatype(dtype);
  for (int64_t dim : shape) input->add_shape(dim);
  return input;
}

/// Every dtype that has typed contents, at its limits.
inference::ModelInferRequest TypedRequest() {
  inference::ModelInferRequest message;
  message.set_model_name("iris");
  message.set_model_version("2");
  message.set_id("id-1");
  (*message.mutable_parameters())["b"].set_bool_param(true);
  auto* contents = AddInput(message, "bool", "BOOL", {2})->mutable_contents();
  contents->add_bool_contents(true);
  contents->add_bool_contents(false);
  auto ints = [&](const char* name, const char* dtype, std::vector<int32_t> values) {
    auto* field = AddInput(message, name, dtype, {static_cast<int64_t>(values.size())})
                      ->mutable_contents()
                      ->mutable_int_contents();
    field->Add(values.begin(), values.end());
  };
  ints("int8", "INT8", {-128, 127});
  ints("int16", "INT16", {-32768, 32767});
  ints("int32", "INT32", {INT32_MIN, INT32_MAX});
  contents = AddInput(message, "int64", "INT64", {1, 2})->mutable_contents();
  contents->add_int64_contents(INT64_MIN);
  contents->add_int64_contents(INT64_MAX);
  auto uints = [&](const char* name, const char* dtype, std::vector<uint32_t> values) {
    auto* field = AddInput(message, name, dtype, {static_cast<int64_t>(values.size())})
                      ->mutable_contents()
                      ->mutable_uint_contents();
    field->Add(values.begin(), values.end());
  };
  uints("uint8", "UINT8", {0, 255});
  uints("uint16", "UINT16", {0, 65535});
  uints("uint32", "UINT32", {0, UINT32_MAX});
  contents = AddInput(message, "uint64", "UINT64", {1})->mutable_contents();
  contents->add_uint64_contents(UINT64_MAX);
  contents = AddInput(message, "fp32", "FP32", {2})->mutable_contents();
  contents->add_fp32_contents(0.1F);
  contents->add_fp32_contents(-1);
  contents = AddInput(message, "fp64", "FP64", {1})->mutable_contents();
  contents->add_fp64_contents(5e-324);
  contents = AddInput(message, "bytes", "BYTES", {2})->mutable_contents();
  contents->add_bytes_contents("");
  contents->add_bytes_contents(std::string("a\0\xff", 3));
  message.add_outputs()->set_name("p");
  message.add_outputs()->set_name("q");
  return message;
}

void ExpectTypedRequest(const Decoded& decoded) {
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.ToString();
  const model::InferenceRequest& request = decoded.request;
  EXPECT_EQ(decoded.contents, Contents::kTyped);
  EXPECT_EQ(request.model_name, "iris");
  EXPECT_EQ(request.model_version, "2");
  EXPECT_EQ(request.id, "id-1");
  ASSERT_EQ(request.inputs.size(), 12U);
  for (const Tensor& tensor : request.inputs) EXPECT_TRUE(CheckData(tensor).ok()) << tensor.name;
  EXPECT_THAT(request.inputs[0].As<uint8_t>(), ElementsAre(1, 0));
  EXPECT_THAT(request.inputs[1].As<int8_t>(), ElementsAre(-128, 127));
  EXPECT_THAT(request.inputs[2].As<int16_t>(), ElementsAre(-32768, 32767));
  EXPECT_THAT(request.inputs[3].As<int32_t>(), ElementsAre(INT32_MIN, INT32_MAX));
  EXPECT_EQ(request.inputs[4].shape, (Shape{1, 2}));
  EXPECT_THAT(request.inputs[4].As<int64_t>(), ElementsAre(INT64_MIN, INT64_MAX));
  EXPECT_THAT(request.inputs[5].As<uint8_t>(), ElementsAre(0, 255));
  EXPECT_THAT(request.inputs[6].As<uint16_t>(), ElementsAre(0, 65535));
  EXPECT_THAT(request.inputs[7].As<uint32_t>(), ElementsAre(0U, UINT32_MAX));
  EXPECT_THAT(request.inputs[8].As<uint64_t>(), ElementsAre(UINT64_MAX));
  EXPECT_THAT(request.inputs[9].As<float>(), ElementsAre(0.1F, -1));
  EXPECT_THAT(request.inputs[10].As<double>(), ElementsAre(5e-324));
  BytesReader strings(request.inputs[11].data.bytes());
  std::string_view text;
  EXPECT_TRUE(strings.Next(&text));
  EXPECT_EQ(text, "");
  EXPECT_TRUE(strings.Next(&text));
  EXPECT_EQ(text, std::string_view("a\0\xff", 3));
  ASSERT_EQ(request.outputs.size(), 2U);
  EXPECT_EQ(request.outputs[1].name, "q");
  ASSERT_EQ(request.parameters.size(), 1U);
  EXPECT_EQ(std::get<bool>(request.parameters[0].value), true);
}

TEST(DecodeInferRequestTest, ReadsTypedContents) { ExpectTypedRequest(Decode(TypedRequest())); }

TEST(DecodeInferRequestTest, ReadsSlicesCutAnywhere) {
  std::string message = TypedRequest().SerializeAsString();
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    grpc::ByteBuffer bytes = ManySlices(message, random);
    Decoded decoded;
    decoded.status = DecodeInferRequest(bytes, decoded.request, &decoded.contents);
    ExpectTypedRequest(decoded);
  }
}

TEST(DecodeInferRequestTest, ReadsRawContents) {
  inference::ModelInferRequest message;
  message.set_model_name("m");
  AddInput(message, "a", "FP16", {3});
  AddInput(message, "b", "UINT8", {0});
  message.add_raw_input_contents("123456");
  message.add_raw_input_contents("");
  Decoded decoded = Decode(message);
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.ToString();
  EXPECT_EQ(decoded.contents, Contents::kRaw);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(decoded.request.inputs[0].data.data()), 6), "123456");
  EXPECT_TRUE(decoded.request.inputs[1].data.empty());
}

TEST(DecodeInferRequestTest, ReadsParametersOfEveryKind) {
  inference::ModelInferRequest message;
  auto& parameters = *message.mutable_parameters();
  parameters["i"].set_int64_param(-5);
  parameters["s"].set_string_param("text");
  parameters["d"].set_double_param(0.5);
  parameters["u"].set_uint64_param(7);
  Decoded decoded = Decode(message);
  ASSERT_TRUE(decoded.status.ok());
  ASSERT_EQ(decoded.request.parameters.size(), 4U);
  for (const auto& [key, value] : decoded.request.parameters) {
    if (key == "i") {
      EXPECT_EQ(std::get<int64_t>(value), -5);
    }
    if (key == "s") {
      EXPECT_EQ(std::get<std::string>(value), "text");
    }
    if (key == "d") {
      EXPECT_EQ(std::get<double>(value), 0.5);
    }
    if (key == "u") {
      EXPECT_EQ(std::get<int64_t>(value), 7);
    }
  }
}

TEST(DecodeInferRequestTest, ContentsMayComeBeforeTheDatatype) {
  inference::InferTensorContents contents;
  contents.add_fp32_contents(1.5F);
  contents.add_fp32_contents(2.5F);
  inference::ModelInferRequest::InferInputTensor input;
  input.set_name("x");
  input.set_datatype("FP32");
  input.add_shape(2);
  // Field 5 first, by hand; protobuf itself writes the fields in order.
  std::string body = contents.SerializeAsString();
  std::string tensor = "\x2a" + std::string(1, static_cast<char>(body.size())) + body + input.SerializeAsString();
  std::string message = "\x2a" + std::string(1, static_cast<char>(tensor.size())) + tensor;
  Decoded decoded = Decode(message);
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.ToString();
  EXPECT_THAT(decoded.request.inputs[0].As<float>(), ElementsAre(1.5F, 2.5F));
}

TEST(DecodeInferRequestTest, UnpackedElementsAreReadToo) {
  inference::ModelInferRequest::InferInputTensor input;
  input.set_name("x");
  input.set_datatype("FP32");
  float number = 1.5F;
  std::string body = "\x35" + std::string(reinterpret_cast<const char*>(&number), 4);  // field 6 as a fixed32
  body += body;
  std::string tensor =
      input.SerializeAsString() + "\x18\x02\x2a" + std::string(1, static_cast<char>(body.size())) + body;
  Decoded decoded = Decode("\x2a" + std::string(1, static_cast<char>(tensor.size())) + tensor);
  ASSERT_TRUE(decoded.status.ok()) << decoded.status.ToString();
  EXPECT_EQ(decoded.request.inputs[0].shape, (Shape{2}));
  EXPECT_THAT(decoded.request.inputs[0].As<float>(), ElementsAre(1.5F, 1.5F));
}

TEST(DecodeInferRequestTest, EveryCutIsRefusedOrMeansWhatProtobufReads) {
  std::string message = TypedRequest().SerializeAsString();
  for (size_t cut = 0; cut < message.size(); ++cut) {
    std::string part = message.substr(0, cut);
    inference::ModelInferRequest reference;
    bool protobuf_reads_it = reference.ParseFromString(part);
    Decoded decoded = Decode(part);
    if (!protobuf_reads_it) {
      ExpectRefused(decoded, "the message is malformed");
    } else {
      ASSERT_TRUE(decoded.status.ok()) << cut << ": " << decoded.status.ToString();
      EXPECT_EQ(decoded.request.inputs.size(), static_cast<size_t>(reference.inputs_size()));
      EXPECT_EQ(decoded.request.outputs.size(), static_cast<size_t>(reference.outputs_size()));
      EXPECT_EQ(decoded.request.id, reference.id());
    }
  }
}

TEST(DecodeInferRequestTest, RefusesLengthsThatLie) {
  inference::ModelInferRequest message;
  auto* input = AddInput(message, "x", "INT32", {3});
  for (int i = 0; i < 3; ++i) input->mutable_contents()->add_int_contents(i);
  std::string text = message.SerializeAsString();
  ASSERT_TRUE(Decode(text).status.ok());
  size_t packed = text.rfind(std::string("\x12\x03", 2));  // int_contents, three bytes long
  ASSERT_NE(packed, std::string::npos);
  for (const char* length : {"\x02", "\x04", "\x7f"}) {
    std::string lying = text;
    lying[packed + 1] = length[0];
    EXPECT_FALSE(Decode(lying).status.ok()) << int{length[0]};
  }
}

TEST(DecodeInferRequestTest, RefusesElementsOfTheWrongWireType) {
  inference::ModelInferRequest::InferInputTensor input;
  input.set_name("x");
  input.set_datatype("FP32");
  std::string body = "\x30\x01";  // field 6 as a varint
  std::string tensor = input.SerializeAsString() + "\x2a\x02" + body;
  ExpectRefused(Decode("\x2a" + std::string(1, static_cast<char>(tensor.size())) + tensor), "malformed");
}

TEST(DecodeInferRequestTest, RefusesTextThatIsNotUtf8) {
  ExpectRefused(Decode(std::string("\x0a\x02\xff\xfe")), "malformed");
  ExpectRefused(Decode(std::string("\x1a\x01\x80")), "malformed");
}

TEST(DecodeInferRequestTest, RefusesFieldsGivenTwice) {
  inference::ModelInferRequest::InferInputTensor input;
  input.set_name("x");
  input.set_datatype("FP32");
  input.mutable_contents()->add_fp32_contents(1);
  std::string once = input.SerializeAsString();
  inference::ModelInferRequest::InferInputTensor again;
  again.mutable_contents()->add_fp32_contents(1);
  auto message = [](const std::string& tensor) {
    return "\x2a" + std::string(1, static_cast<char>(tensor.size())) + tensor;
  };
  ASSERT_TRUE(Decode(message(once)).status.ok());
  ExpectRefused(Decode(message(once + again.SerializeAsString())), "input 'x': field 'contents' is given twice");
  again.Clear();
  again.set_datatype("INT32");
  ExpectRefused(Decode(message(once + again.SerializeAsString())), "input 'x': field 'datatype' is given twice");
}

TEST(DecodeInferRequestTest, NamesWhatIsWrong) {
  inference::ModelInferRequest message;
  auto* input = AddInput(message, "x", "INT8", {1});
  input->mutable_contents()->add_int_contents(128);
  ExpectRefused(Decode(message), "input 'x': an element is out of the range of INT8: got 128");
  input->mutable_contents()->Clear();
  input->mutable_contents()->add_fp32_contents(1);
  ExpectRefused(Decode(message), "input 'x': INT8 data came in fp32_contents, want int_contents");
  input->mutable_contents()->Clear();
  input->set_datatype("FP16");
  input->mutable_contents()->add_fp32_contents(1);
  ExpectRefused(Decode(message), "FP16 data came in fp32_contents, want raw_input_contents");
  input->clear_contents();
  input->set_datatype("FLOAT");
  ExpectRefused(Decode(message), "input 'x': unknown datatype: got 'FLOAT'");
  input->clear_datatype();
  ExpectRefused(Decode(message), "input 'x': field 'datatype' is missing");
  input->set_datatype("FP32");
  ExpectRefused(Decode(message), "input 'x' has no data");
  input->set_shape(0, -1);
  ExpectRefused(Decode(message), "input 'x': shape has a negative dimension: got -1");
  input->set_shape(0, 1);
  message.add_raw_input_contents("1234");
  message.add_raw_input_contents("5678");
  ExpectRefused(Decode(message), "raw_input_contents differ in number from inputs: got 2, want 1");
  message.mutable_raw_input_contents()->RemoveLast();
  ASSERT_TRUE(Decode(message).status.ok());
  input->mutable_contents()->add_fp32_contents(1);
  ExpectRefused(Decode(message), "input 'x' has both contents and raw_input_contents");
  for (int i = 0; i < 16; ++i) input->add_shape(1);
  ExpectRefused(Decode(message), "input 'x': shape has more than 16 dimensions");
}

TEST(DecodeInferRequestTest, SaysWhatItDoesNotSupport) {
  inference::ModelInferRequest message;
  (*AddInput(message, "x", "FP32", {0})->mutable_parameters())["shared_memory_region"].set_string_param("r");
  ExpectRefused(Decode(message), "shared memory regions are not supported", StatusCode::kUnimplemented);
  message.Clear();
  (*message.add_outputs()->mutable_parameters())["classification"].set_int64_param(2);
  ExpectRefused(Decode(message), "'classification'", StatusCode::kUnimplemented);
}

TEST(DecodeInferRequestTest, BoundsTheNumberOfTensors) {
  inference::ModelInferRequest message;
  for (int i = 0; i < 1025; ++i) AddInput(message, "x", "FP32", {0});
  ExpectRefused(Decode(message), "more than 1024 inputs");
  message.Clear();
  for (int i = 0; i < 1025; ++i) message.add_outputs();
  ExpectRefused(Decode(message), "more than 1024 outputs");
  message.Clear();
  for (int i = 0; i < 1025; ++i) message.add_raw_input_contents();
  ExpectRefused(Decode(message), "too many raw_input_contents");
}

TEST(DecodeInferRequestTest, GarbageIsRefusedOrReadAsProtobufReadsIt) {
  std::mt19937 random(11);
  google::protobuf::LogSilencer no_messages_about_utf8;
  std::string good = TypedRequest().SerializeAsString();
  for (int i = 0; i < 20'000; ++i) {
    std::string bad = good;
    for (int flips = 0; flips < 1 + i % 3; ++flips) bad[random() % bad.size()] = static_cast<char>(random());
    inference::ModelInferRequest reference;
    // We may refuse more than protobuf does, never less.
    bool protobuf_reads_it = reference.ParseFromString(bad);
    EXPECT_TRUE(protobuf_reads_it || !Decode(bad).status.ok())
        << "round " << i << ": " << ::testing::PrintToString(bad);
  }
}

inference::ModelInferResponse Encode(const model::InferenceResponse& response, Contents contents) {
  inference::ModelInferResponse message;
  EXPECT_TRUE(message.ParseFromString(TextOf(EncodeInferResponse(response, contents))));
  return message;
}

model::InferenceResponse EveryDtype() {
  model::InferenceResponse response;
  response.model_name = "iris";
  response.model_version = "2";
  response.id = "id";
  AddOutput<uint8_t>(response, "bool", DType::kBool, {2}, {1, 0});
  AddOutput<int8_t>(response, "int8", DType::kInt8, {2}, {-128, 127});
  AddOutput<int16_t>(response, "int16", DType::kInt16, {1}, {-32768});
  AddOutput<int32_t>(response, "int32", DType::kInt32, {1, 2}, {INT32_MIN, INT32_MAX});
  AddOutput<int64_t>(response, "int64", DType::kInt64, {2}, {INT64_MIN, INT64_MAX});
  AddOutput<uint8_t>(response, "uint8", DType::kUint8, {1}, {255});
  AddOutput<uint16_t>(response, "uint16", DType::kUint16, {1}, {65535});
  AddOutput<uint32_t>(response, "uint32", DType::kUint32, {1}, {UINT32_MAX});
  AddOutput<uint64_t>(response, "uint64", DType::kUint64, {1}, {UINT64_MAX});
  AddOutput<float>(response, "fp32", DType::kFp32, {2}, {0.1F, -2});
  AddOutput<double>(response, "fp64", DType::kFp64, {1}, {0.1});
  AddOutput<char>(response, "bytes", DType::kBytes, {2}, {0, 0, 0, 0, 2, 0, 0, 0, 'h', 'i'});
  AddOutput<float>(response, "none", DType::kFp32, {0}, {});
  return response;
}

TEST(EncodeInferResponseTest, WritesTypedContents) {
  inference::ModelInferResponse message = Encode(EveryDtype(), Contents::kTyped);
  EXPECT_EQ(message.model_name(), "iris");
  EXPECT_EQ(message.model_version(), "2");
  EXPECT_EQ(message.id(), "id");
  EXPECT_EQ(message.raw_output_contents_size(), 0);
  ASSERT_EQ(message.outputs_size(), 13);
  auto contents = [&](int i) { return message.outputs(i).contents(); };
  EXPECT_THAT(contents(0).bool_contents(), ElementsAre(true, false));
  EXPECT_THAT(contents(1).int_contents(), ElementsAre(-128, 127));
  EXPECT_THAT(contents(2).int_contents(), ElementsAre(-32768));
  EXPECT_THAT(contents(3).int_contents(), ElementsAre(INT32_MIN, INT32_MAX));
  EXPECT_THAT(message.outputs(3).shape(), ElementsAre(1, 2));
  EXPECT_EQ(message.outputs(3).name(), "int32");
  EXPECT_EQ(message.outputs(3).datatype(), "INT32");
  EXPECT_THAT(contents(4).int64_contents(), ElementsAre(INT64_MIN, INT64_MAX));
  EXPECT_THAT(contents(5).uint_contents(), ElementsAre(255U));
  EXPECT_THAT(contents(6).uint_contents(), ElementsAre(65535U));
  EXPECT_THAT(contents(7).uint_contents(), ElementsAre(UINT32_MAX));
  EXPECT_THAT(contents(8).uint64_contents(), ElementsAre(UINT64_MAX));
  EXPECT_THAT(contents(9).fp32_contents(), ElementsAre(0.1F, -2));
  EXPECT_THAT(contents(10).fp64_contents(), ElementsAre(0.1));
  EXPECT_THAT(contents(11).bytes_contents(), ElementsAre("", "hi"));
  EXPECT_EQ(contents(12).fp32_contents_size(), 0);
}

TEST(EncodeInferResponseTest, WritesRawContents) {
  model::InferenceResponse response = EveryDtype();
  // Large enough to be sent from where it lies; small ones before and after it.
  AddOutput<uint8_t>(response, "large", DType::kUint8, {100'000}, std::vector<uint8_t>(100'000, 7));
  AddOutput<uint16_t>(response, "fp16", DType::kFp16, {2}, {0x3C00, 0xC000});
  grpc::ByteBuffer bytes = EncodeInferResponse(response, Contents::kRaw);
  inference::ModelInferResponse message;
  ASSERT_TRUE(message.ParseFromString(TextOf(bytes)));
  ASSERT_EQ(message.raw_output_contents_size(), static_cast<int>(response.outputs.size()));
  for (int i = 0; i < message.outputs_size(); ++i) {
    const Tensor& tensor = response.outputs[static_cast<size_t>(i)];
    EXPECT_FALSE(message.outputs(i).has_contents());
    EXPECT_EQ(message.raw_output_contents(i),
              std::string_view(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size()))
        << tensor.name;
  }
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(bytes.Dump(&slices).ok());
  bool shared = false;
  for (const grpc::Slice& slice : slices) {
    shared |= static_cast<const void*>(slice.begin()) == response.outputs[13].data.data();
  }
  EXPECT_TRUE(shared) << "the large tensor was copied";
}

TEST(EncodeInferResponseTest, ALargeTensorOutlivesTheResponse) {
  model::InferenceResponse response;
  AddOutput<uint8_t>(response, "large", DType::kUint8, {100'000}, std::vector<uint8_t>(100'000, 7));
  grpc::ByteBuffer bytes = EncodeInferResponse(response, Contents::kRaw);
  response.Clear();
  inference::ModelInferResponse message;
  ASSERT_TRUE(message.ParseFromString(TextOf(bytes)));
  EXPECT_EQ(message.raw_output_contents(0), std::string(100'000, 7));
}

TEST(EncodeInferResponseTest, DtypesWithoutATypedFieldMakeAllOutputsRaw) {
  model::InferenceResponse response;
  AddOutput<float>(response, "a", DType::kFp32, {1}, {1});
  AddOutput<uint16_t>(response, "b", DType::kBf16, {1}, {0x3F80});
  inference::ModelInferResponse message = Encode(response, Contents::kTyped);
  EXPECT_EQ(message.raw_output_contents_size(), 2);
  EXPECT_FALSE(message.outputs(0).has_contents());
}

TEST(EncodeInferResponseTest, WritesParameters) {
  model::InferenceResponse response;
  response.model_name = "m";
  for (const model::Parameter::Value& value :
       {model::Parameter::Value(true), model::Parameter::Value(int64_t{-3}), model::Parameter::Value(0.5),
        model::Parameter::Value(std::string("t"))}) {
    model::Parameter& parameter = response.parameters.Add();
    parameter.key = "k" + std::to_string(value.index());
    parameter.value = value;
  }
  inference::ModelInferResponse message = Encode(response, Contents::kTyped);
  EXPECT_EQ(message.parameters().at("k0").bool_param(), true);
  EXPECT_EQ(message.parameters().at("k1").int64_param(), -3);
  EXPECT_EQ(message.parameters().at("k2").double_param(), 0.5);
  EXPECT_EQ(message.parameters().at("k3").string_param(), "t");
}

}  // namespace
}  // namespace triune::server::grpc_api
