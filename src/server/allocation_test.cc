// A request must not allocate after warm-up. This program replaces malloc and its kind, for every library in it, and
// counts what the server's threads ask for.
#include <execinfo.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "open_inference_grpc.pb.h"
#include "server/grpc/infer_codec.h"
#include "server/http/testing/http_client.h"
#include "server/model_server.h"
#include "serving/testing/fake_model.h"

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};
std::atomic<bool> tracing{false};
thread_local bool is_counted_thread = false;
thread_local bool is_inside = false;

/// The first few are shown where there should be none, so that a failure says where they come from.
void CountAllocation() {
  if (!is_counted_thread || is_inside || !counting.load(std::memory_order_relaxed)) return;
  is_inside = true;
  if (allocations.fetch_add(1) < 3 && tracing) {
    std::array<void*, 24> frames;
    backtrace_symbols_fd(frames.data(), backtrace(frames.data(), static_cast<int>(frames.size())), STDERR_FILENO);
    [[maybe_unused]] ssize_t written = write(STDERR_FILENO, "--\n", 3);
  }
  is_inside = false;
}

}  // namespace

// glibc's own entry points, under the names that stay when malloc is replaced.
extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier)
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* memory);
// NOLINTEND(bugprone-reserved-identifier)

void* malloc(size_t size) {
  CountAllocation();
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  CountAllocation();
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  CountAllocation();
  return __libc_realloc(memory, size);
}
void* memalign(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  CountAllocation();
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, size_t alignment, size_t size) {
  CountAllocation();
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) { __libc_free(memory); }
}

namespace triune::server {
namespace {

using http::testing::ClientResponse;
using http::testing::HttpClient;

constexpr int kWarmUp = 64;
constexpr int kCounted = 256;

/// Two inputs and two outputs, whose names are too long to be stored inside a std::string.
model::Signature TwoToTwo() {
  using serving::testing::Spec;
  return {.inputs = {Spec("the first input of the model", DType::kFp32, {-1, 4}),
                     Spec("the second input of the model", DType::kBytes, {-1})},
          .outputs = {Spec("the first output of the model", DType::kFp32, {-1, 4}),
                      Spec("the second output of the model", DType::kBytes, {-1})},
          .platform = "fake"};
}

/// Gives back its inputs, allocates nothing, and marks the thread that it runs on as one of the server's.
class QuietModel final : public model::Model {
 public:
  explicit QuietModel(model::Signature signature) : signature_(std::move(signature)) {}
  const model::Signature& signature() const override { return signature_; }
  Status Infer(const model::InferenceRequest& request, model::InferenceResponse& response) override {
    is_counted_thread = true;
    response.outputs.Clear();
    for (size_t i = 0; i < request.inputs.size(); ++i) {
      Tensor& output = response.outputs.Add();
      output.name.assign(signature_.outputs[i].name);
      output.dtype = request.inputs[i].dtype;
      output.shape = request.inputs[i].shape;
      output.data = request.inputs[i].data;
    }
    return {};
  }
  uint64_t MemoryBytes() const override { return 0; }

 private:
  const model::Signature signature_;
};

class AllocationTest : public ::testing::Test {
 protected:
  AllocationTest() : runtimes_(&Load), repository_(runtimes_) {
    // backtrace() loads a library when it is first called.
    std::array<void*, 2> frames;
    backtrace(frames.data(), 2);
    std::vector<serving::ModelConfig> configs(2);
    configs[0].name = "one";
    configs[1].name = "two";
    for (auto& config : configs) config.path = "/models/" + config.name;
    EXPECT_TRUE(repository_.Add(std::move(configs)).ok());
    repository_.WaitUntilSettled();
    ModelServer::Options options;
    options.version = "test";
    options.http.address = "127.0.0.1";
    options.http.port = 0;
    options.enable_grpc = false;
    server_.emplace(std::move(options), repository_);
    Status started = server_->Start();
    EXPECT_TRUE(started.ok()) << started.ToString();
  }
  ~AllocationTest() override { EXPECT_TRUE(server_->Drain(std::chrono::seconds(60))); }

  /// Sends the request over and over; the server's threads must not allocate any more after the first few times.
  void ExpectNone(const std::string& path, const std::string& body, const std::string& headers,
                  const std::string& answer) {
    std::string request =
        "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a test\r\n" + headers +
        (headers.find("chunked") == std::string::npos ? "Content-Length: " + std::to_string(body.size()) + "\r\n"
                                                      : "") +
        "\r\n" + body;
    HttpClient client(server_->http_port());
    for (int i = 0; i < kWarmUp; ++i) {
      ClientResponse response = client.Exchange(request);
      ASSERT_EQ(response.status, 200) << response.body;
      ASSERT_NE(response.body.find(answer), std::string::npos) << response.body;
    }
    allocations = 0;
    counting = tracing = true;
    for (int i = 0; i < kCounted; ++i) {
      if (client.Exchange(request).status != 200) ADD_FAILURE() << "not answered";
    }
    counting = tracing = false;
    EXPECT_EQ(allocations.load(), 0) << "in " << kCounted << " requests to " << path;
  }

 private:
  static Result<std::unique_ptr<model::Model>> Load(const model::ModelSource& source) {
    return std::unique_ptr<model::Model>(
        std::make_unique<QuietModel>(source.name == "one" ? serving::testing::OneToOne() : TwoToTwo()));
  }

  serving::testing::FakeRuntimes runtimes_;
  serving::ModelRepository repository_;
  std::optional<ModelServer> server_;
};

TEST_F(AllocationTest, TheCounterCounts) {
  is_counted_thread = true;
  allocations = 0;
  counting = true;
  ::operator delete(::operator new(1));
  void* volatile memory = malloc(1);
  free(memory);
  counting = false;
  is_counted_thread = false;
  EXPECT_EQ(allocations.load(), 2);
}

TEST_F(AllocationTest, V2JsonTakesNone) {
  ExpectNone("/v2/models/one/infer",
             R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]})", "",
             "[5.1,3.5,1.4,0.2]");
}

TEST_F(AllocationTest, V2JsonWithEverythingTakesNone) {
  ExpectNone("/v2/models/two/versions/1/infer?a=b", R"({"id":"a request id that is rather long","inputs":[
      {"name":"the first input of the model","data":[[5.1,3.5,1.4,0.2]],"shape":[1,4],"datatype":"FP32"},
      {"name":"the second input of the model","shape":[2],"datatype":"BYTES","data":["a string that is \"long\"","b"]}],
      "parameters":{"a parameter with a long name":"a value that is long as well","n":1},
      "outputs":[{"name":"the first output of the model"},{"name":"the second output of the model"}]})",
             "X-Request-Id: 2f1e8b64-5b0c-4f0e-9d0e-6a7b8c9d0e1f\r\n"
             "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX-Request-Timeout: 30\r\n",
             "a request id that is rather long");
}

TEST_F(AllocationTest, V2BinaryTakesNone) {
  std::string json = R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}],)"
                     R"("parameters":{"binary_data_output":true}})";
  ExpectNone("/v2/models/one/infer", json + std::string(16, '\x3f'),
             "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n", "binary_data_size");
}

TEST_F(AllocationTest, LargeV2BinaryTakesNone) {
  std::string json =
      R"({"inputs":[{"name":"x","shape":[10000,4],"datatype":"FP32","parameters":{"binary_data_size":160000}}],)"
      R"("parameters":{"binary_data_output":true}})";
  ExpectNone("/v2/models/one/infer", json + std::string(160'000, '\x3f'),
             "Inference-Header-Content-Length: " + std::to_string(json.size()) + "\r\n", "binary_data_size");
}

TEST_F(AllocationTest, ChunkedBodiesTakeNone) {
  std::string json = R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[5.1,3.5,1.4,0.2]}]})";
  char size[16];
  snprintf(size, sizeof(size), "%zx", json.size());
  ExpectNone("/v2/models/one/infer", std::string(size) + "\r\n" + json + "\r\n0\r\n\r\n",
             "Transfer-Encoding: chunked\r\n", "[5.1,3.5,1.4,0.2]");
}

TEST_F(AllocationTest, V1RowsTakeNone) {
  std::string rows;
  for (int i = 0; i < 1200; ++i) rows += (i > 0 ? ",[5.1,3.5,1.4,0.2]" : "[5.1,3.5,1.4,0.2]");
  ExpectNone("/v1/models/one:predict", R"({"instances":[)" + rows + "]}", "", R"({"predictions":[[5.1,3.5,1.4,0.2],)");
}

TEST_F(AllocationTest, V1ObjectsTakeNone) {
  std::string row =
      R"({"the first input of the model":[1,2,3,4],"the second input of the model":"a string that is long"})";
  ExpectNone("/v1/models/two:predict", R"({"instances":[)" + row + "," + row + "]}", "",
             R"("the first output of the model":[1.0,2.0,3.0,4.0])");
  ExpectNone("/v1/models/two:predict",
             R"({"inputs":{"the first input of the model":[[1,2,3,4]],"the second input of the model":["s"]}})", "",
             R"("the first output of the model":[[1.0,2.0,3.0,4.0]])");
}

/// Decodes and encodes `message` over and over on this thread. gRPC's own buffers are made outside the counting.
int CodecAllocations(const inference::ModelInferRequest& message) {
  std::string text = message.SerializeAsString();
  model::InferenceRequest request;
  int found = 0;
  for (int i = 0; i < kWarmUp; ++i) {
    grpc::Slice slice(text);
    grpc::ByteBuffer bytes(&slice, 1);
    request.Clear();
    grpc_api::Contents contents;
    allocations = 0;
    is_counted_thread = counting = true;
    Status decoded = grpc_api::DecodeInferRequest(bytes, request, &contents);
    is_counted_thread = counting = false;
    EXPECT_TRUE(decoded.ok()) << decoded.ToString();
    if (i >= kWarmUp / 2) found += allocations;
  }
  return found;
}

TEST_F(AllocationTest, DecodingGrpcTakesNone) {
  inference::ModelInferRequest message;
  message.set_model_name("a model with a rather long name");
  message.set_id("2f1e8b64-5b0c-4f0e-9d0e-6a7b8c9d0e1f");
  for (const char* name : {"the first input of the model", "the second input of the model"}) {
    auto* input = message.add_inputs();
    input->set_name(name);
    input->set_datatype("FP32");
    input->add_shape(4);
  }
  message.add_outputs()->set_name("the first output of the model");
  auto typed = message;
  for (auto& input : *typed.mutable_inputs()) {
    for (int i = 0; i < 4; ++i) input.mutable_contents()->add_fp32_contents(1);
  }
  EXPECT_EQ(CodecAllocations(typed), 0);
  message.add_raw_input_contents(std::string(16, 'x'));
  message.add_raw_input_contents(std::string(16, 'y'));
  EXPECT_EQ(CodecAllocations(message), 0);
}

/// What gRPC takes for a message in one slice of its own.
int AllocationsOfOneSlice(size_t size) {
  std::string text(size, 'x');
  allocations = 0;
  is_counted_thread = counting = true;
  {
    grpc::Slice slice(text.data(), text.size());
    grpc::ByteBuffer bytes(&slice, 1);
  }
  is_counted_thread = counting = false;
  return allocations;
}

TEST_F(AllocationTest, EncodingGrpcTakesNoMoreThanGrpcItself) {
  model::InferenceResponse response;
  response.model_name = "a model with a rather long name";
  Tensor& output = response.outputs.Add();
  output.name = "the first output of the model";
  output.shape = {1, 8};
  output.data = Buffer::Allocate(32);
  std::fill_n(output.data.mutable_data(), 32, std::byte{1});
  int of_grpc = AllocationsOfOneSlice(200);
  for (auto contents : {grpc_api::Contents::kTyped, grpc_api::Contents::kRaw}) {
    for (int i = 0; i < kWarmUp; ++i) {
      allocations = 0;
      is_counted_thread = counting = true;
      { grpc::ByteBuffer bytes = grpc_api::EncodeInferResponse(response, contents); }
      is_counted_thread = counting = false;
      EXPECT_TRUE(i < kWarmUp / 2 || allocations.load() == of_grpc) << allocations << ", gRPC's own: " << of_grpc;
    }
  }
}

}  // namespace
}  // namespace triune::server
