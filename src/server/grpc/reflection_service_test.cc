#include "server/grpc/reflection_service.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/grpc/testing/running_server.h"

namespace triune::server::grpc_api {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptorProto;
using testing::ClientContext;
using testing::RunningServer;

struct V1 : ReflectionV1 {
  using Stub = grpc::reflection::v1::ServerReflection;
};
struct V1Alpha : ReflectionV1Alpha {
  using Stub = grpc::reflection::v1alpha::ServerReflection;
};

/// Makes a file known to the process, as generated code does when the process starts.
void Register(const FileDescriptorProto& file) {
  static std::vector<std::unique_ptr<std::string>> kept;  // the pool refers to them
  kept.push_back(std::make_unique<std::string>(file.SerializeAsString()));
  DescriptorPool::InternalAddGeneratedFile(kept.back()->data(), static_cast<int>(kept.back()->size()));
}

FileDescriptorProto File(const std::string& name, std::vector<std::string> dependencies) {
  FileDescriptorProto file;
  file.set_name(name);
  file.set_package("reflection_test");
  for (std::string& dependency : dependencies) file.add_dependency(std::move(dependency));
  return file;
}

void AddExtension(FileDescriptorProto& file, const std::string& name, int number) {
  FieldDescriptorProto* field = file.add_extension();
  field->set_name(name);
  field->set_number(number);
  field->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
  field->set_type(FieldDescriptorProto::TYPE_INT32);
  field->set_extendee(".reflection_test.Base");
}

/// base.proto <- middle.proto <- top.proto, which needs base.proto too: two ways to one file. `middle` and `top` extend
/// the message of `base`.
void RegisterFiles() {
  static const bool registered = [] {
    FileDescriptorProto base = File("reflection_test/base.proto", {});
    base.add_message_type()->set_name("Base");
    auto* range = base.mutable_message_type(0)->add_extension_range();
    range->set_start(100);
    range->set_end(200);
    Register(base);
    FileDescriptorProto middle = File("reflection_test/middle.proto", {base.name()});
    AddExtension(middle, "middle_extension", 120);
    Register(middle);
    FileDescriptorProto top = File("reflection_test/top.proto", {middle.name(), base.name()});
    AddExtension(top, "top_extension", 110);
    Register(top);
    return true;
  }();
  ASSERT_TRUE(registered);
}

/// A client's stream.
template <typename Version>
class Client {
 public:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  explicit Client(RunningServer& server)
      : stub_(Version::Stub::NewStub(server.channel())), stream_(stub_->ServerReflectionInfo(&context_)) {}

  /// Fails the test when there is no answer.
  Response Ask(const Request& request) {
    Response response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }
  grpc::StatusCode Close() {
    stream_->WritesDone();
    return Finish();
  }
  grpc::StatusCode Finish() {
    Response response;
    while (stream_->Read(&response)) continue;
    return stream_->Finish().error_code();
  }
  void Cancel() { context_.TryCancel(); }

 private:
  ClientContext context_;
  std::unique_ptr<typename Version::Stub::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

template <typename Version>
class ReflectionServiceTest : public ::testing::Test {
 protected:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  void SetUp() override { RegisterFiles(); }

  Response AskSymbol(const std::string& symbol) {
    Request request;
    request.set_file_containing_symbol(symbol);
    return client_.Ask(request);
  }
  Response AskFile(const std::string& name) {
    Request request;
    request.set_file_by_filename(name);
    return client_.Ask(request);
  }
  Response AskExtension(const std::string& type, int number) {
    Request request;
    request.mutable_file_containing_extension()->set_containing_type(type);
    request.mutable_file_containing_extension()->set_extension_number(number);
    return client_.Ask(request);
  }
  Response AskExtensionNumbers(const std::string& type) {
    Request request;
    request.set_all_extension_numbers_of_type(type);
    return client_.Ask(request);
  }
  static std::vector<std::string> FileNames(const Response& response) {
    std::vector<std::string> names;
    for (const std::string& serialized : response.file_descriptor_response().file_descriptor_proto()) {
      FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(serialized));
      names.push_back(file.name());
    }
    return names;
  }

  RunningServer server_;
  Client<Version> client_{server_};
};

using Versions = ::testing::Types<V1, V1Alpha>;
TYPED_TEST_SUITE(ReflectionServiceTest, Versions);

TYPED_TEST(ReflectionServiceTest, ListsTheServices) {
  typename TypeParam::Request request;
  request.set_list_services("*");
  auto response = this->client_.Ask(request);
  std::set<std::string> names;
  for (const auto& service : response.list_services_response().service()) names.insert(service.name());
  EXPECT_EQ(names,
            (std::set<std::string>{"inference.GRPCInferenceService", "grpc.health.v1.Health",
                                   "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}));
  for (const std::string& name : names) EXPECT_EQ(this->FileNames(this->AskSymbol(name)).size(), 1U) << name;
  EXPECT_EQ(this->client_.Close(), grpc::StatusCode::OK);
}

TYPED_TEST(ReflectionServiceTest, AServiceCanBeBuiltFromItsFiles) {
  auto response = this->AskSymbol("inference.GRPCInferenceService");
  DescriptorPool pool;
  for (const std::string& serialized : response.file_descriptor_response().file_descriptor_proto()) {
    FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(serialized));
    ASSERT_NE(pool.BuildFile(file), nullptr);
  }
  const auto* service = pool.FindServiceByName("inference.GRPCInferenceService");
  ASSERT_NE(service, nullptr);
  const auto* method = service->FindMethodByName("ModelInfer");
  ASSERT_NE(method, nullptr);
  EXPECT_EQ(method->input_type()->full_name(), "inference.ModelInferRequest");
}

TYPED_TEST(ReflectionServiceTest, FindsTheFileOfAnySymbol) {
  auto file = this->FileNames(this->AskSymbol("inference.GRPCInferenceService"));
  ASSERT_EQ(file.size(), 1U);
  EXPECT_EQ(this->FileNames(this->AskSymbol("inference.GRPCInferenceService.ModelInfer")), file);
  EXPECT_EQ(this->FileNames(this->AskSymbol("inference.ModelInferRequest.InferInputTensor")), file);
  EXPECT_EQ(this->FileNames(this->AskSymbol("inference.ModelInferRequest.model_name")), file);
  EXPECT_EQ(this->FileNames(this->AskFile(file.front())), file);
}

TYPED_TEST(ReflectionServiceTest, SendsAFileWithAllThatItDependsOn) {
  auto files = this->FileNames(this->AskFile("reflection_test/top.proto"));
  ASSERT_EQ(files.size(), 3U) << "each once";
  EXPECT_EQ(files.front(), "reflection_test/top.proto");
  EXPECT_EQ(std::set<std::string>(files.begin(), files.end()),
            (std::set<std::string>{"reflection_test/top.proto", "reflection_test/middle.proto",
                                   "reflection_test/base.proto"}));
}

TYPED_TEST(ReflectionServiceTest, KnowsExtensions) {
  EXPECT_EQ(this->FileNames(this->AskExtension("reflection_test.Base", 120)).front(), "reflection_test/middle.proto");
  EXPECT_EQ(this->FileNames(this->AskExtension("reflection_test.Base", 110)).front(), "reflection_test/top.proto");
  auto numbers = this->AskExtensionNumbers("reflection_test.Base").all_extension_numbers_response();
  EXPECT_EQ(numbers.base_type_name(), "reflection_test.Base");
  EXPECT_EQ(std::vector<int>(numbers.extension_number().begin(), numbers.extension_number().end()),
            (std::vector<int>{110, 120}));
  // A message without any is no error.
  auto none = this->AskExtensionNumbers("inference.ModelInferRequest");
  EXPECT_EQ(none.all_extension_numbers_response().base_type_name(), "inference.ModelInferRequest");
  EXPECT_EQ(none.all_extension_numbers_response().extension_number_size(), 0);
}

TYPED_TEST(ReflectionServiceTest, AnswersErrorsAndGoesOn) {
  auto code = [](const typename TypeParam::Response& response) {
    EXPECT_FALSE(response.error_response().error_message().empty());
    return response.error_response().error_code();
  };
  EXPECT_EQ(code(this->AskSymbol("no.such.Symbol")), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->AskSymbol("")), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->AskFile("no_such_file.proto")), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->AskExtension("no.such.Message", 1)), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->AskExtension("reflection_test.Base", 199)), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->AskExtension("reflection_test.Base", -1)), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->AskExtensionNumbers("no.such.Message")), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code(this->client_.Ask({})), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(this->AskFile("reflection_test/base.proto").file_descriptor_response().file_descriptor_proto_size(), 1);
  EXPECT_EQ(this->client_.Close(), grpc::StatusCode::OK);
}

TYPED_TEST(ReflectionServiceTest, RepeatsTheRequestInItsAnswer) {
  typename TypeParam::Request request;
  request.set_host("models.example.com");
  request.set_file_by_filename("no_such_file.proto");
  auto response = this->client_.Ask(request);
  EXPECT_EQ(response.valid_host(), "models.example.com");
  EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
}

TYPED_TEST(ReflectionServiceTest, LimitsItsStreamsAndForgetsThoseThatEnded) {
  using Calls = ReflectionCalls<ReflectionV1>;
  std::vector<std::unique_ptr<Client<TypeParam>>> clients;
  // The test's own stream is one of them.
  EXPECT_EQ(this->AskFile("reflection_test/base.proto").file_descriptor_response().file_descriptor_proto_size(), 1);
  typename TypeParam::Request request;
  request.set_list_services("*");
  while (clients.size() + 1 < Calls::kMostStreams) {
    clients.push_back(std::make_unique<Client<TypeParam>>(this->server_));
    ASSERT_TRUE(clients.back()->Ask(request).has_list_services_response()) << clients.size();
  }
  EXPECT_EQ(Client<TypeParam>(this->server_).Finish(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  clients.front()->Cancel();
  EXPECT_EQ(clients.front()->Finish(), grpc::StatusCode::CANCELLED);
  // The client knows before the server does.
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool entered = false;
  while (!entered && std::chrono::steady_clock::now() < limit) {
    entered = Client<TypeParam>(this->server_).Close() == grpc::StatusCode::OK;
  }
  EXPECT_TRUE(entered);
}

}  // namespace
}  // namespace triune::server::grpc_api
