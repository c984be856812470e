#include "server/model_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <semaphore>
#include <string>

#include "server/http/gzip.h"
#include "server/http/testing/http_client.h"
#include "serving/testing/fake_model.h"

namespace triune::server {
namespace {

using http::testing::ClientResponse;
using http::testing::HttpClient;
using serving::testing::FakeModel;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kOneRow = R"({"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]})";

std::string Post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}
std::string Request(std::string_view method, std::string_view path) {
  return std::string(method) + " " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n\r\n";
}

/// The models "echo", "broken" (does not load) and "held" (answers when the test lets it), over HTTP.
class ModelServerTest : public ::testing::Test {
 protected:
  ModelServerTest()
      : runtimes_([this](const model::ModelSource& source) { return Load(source); }), repository_(runtimes_) {}
  ~ModelServerTest() override { EXPECT_TRUE(server_->Drain(std::chrono::seconds(60))); }

  void SetUp() override {
    std::vector<serving::ModelConfig> configs(3);
    configs[0].name = "echo";
    configs[1].name = "broken";
    configs[2].name = "held";
    configs[2].warm_up = false;
    configs[2].max_in_flight = 1;
    for (auto& config : configs) config.path = "/models/" + config.name;
    ASSERT_TRUE(repository_.Add(std::move(configs)).ok());
    repository_.WaitUntilSettled();
    ModelServer::Options options;
    options.version = "9.9";
    options.http.address = "127.0.0.1";
    options.http.port = 0;
    options.http.limits.body_bytes = 4U << 20U;
    options.enable_grpc = false;
    server_.emplace(std::move(options), repository_);
    Status started = server_->Start();
    ASSERT_TRUE(started.ok()) << started.ToString();
    client_.emplace(server_->http_port());
  }
  ClientResponse Ask(const std::string& request) { return client_->Exchange(request); }

  Result<std::unique_ptr<model::Model>> Load(const model::ModelSource& source) {
    if (source.name == "broken") return InvalidArgument("the file is not a model");
    FakeModel::InferFunction infer;
    if (source.name == "held") {
      infer = [this](const model::InferenceRequest& request, model::InferenceResponse& response) {
        started_.release();
        go_on_.acquire();
        return serving::testing::Echo(serving::testing::OneToOne(), request, response);
      };
    }
    return std::unique_ptr<model::Model>(std::make_unique<FakeModel>(serving::testing::OneToOne(), std::move(infer)));
  }

  std::counting_semaphore<> started_{0};
  std::counting_semaphore<> go_on_{0};
  serving::testing::FakeRuntimes runtimes_;
  serving::ModelRepository repository_;
  std::optional<ModelServer> server_;
  std::optional<HttpClient> client_;
};

TEST_F(ModelServerTest, Infers) {
  ClientResponse v2 = Ask(Post("/v2/models/echo/infer", kOneRow, "X-Request-Id: r1\r\n"));
  EXPECT_EQ(v2.status, 200);
  EXPECT_EQ(v2.body, R"({"model_name":"echo","model_version":"1","outputs":[)"
                     R"({"name":"y","shape":[1,4],"datatype":"FP32","data":[1.0,2.0,3.0,4.0]}]})");
  EXPECT_THAT(v2.head, HasSubstr("X-Request-Id: r1\r\n"));
  ClientResponse v1 = Ask(Post("/v1/models/echo:predict", R"({"instances":[[1,2,3,4]]})"));
  EXPECT_EQ(v1.body, R"({"predictions":[[1.0,2.0,3.0,4.0]]})");
  EXPECT_EQ(Ask(Post("/serving/default/echo/v2/models/echo/infer", kOneRow)).status, 200);
}

TEST_F(ModelServerTest, AnswersEveryPath) {
  struct Case {
    const char* method;
    const char* path;
    int status;
    const char* body;
  };
  const Case cases[] = {
      {"GET", "/", 200, R"({"status":"alive"})"},
      {"GET", "/healthz", 200, R"({"live":true})"},
      {"GET", "/v2/health/live", 200, R"({"live":true})"},
      {"GET", "/v2/health/ready", 503, R"({"ready":false})"},  // one model is broken
      {"GET", "/v2", 200, R"("version":"9.9")"},
      {"GET", "/v2/models", 200, R"({"models":["broken","echo","held"]})"},
      {"GET", "/v1/models", 200, R"({"models":["broken","echo","held"]})"},
      {"GET", "/v2/models/echo", 200, R"("inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}])"},
      {"GET", "/v2/models/echo/versions/1", 200, R"("versions":["1"])"},
      {"GET", "/v2/models/echo/versions/2", 404, "has no version '2': it has version 1"},
      {"GET", "/v2/models/echo/ready", 200, R"({"name":"echo","ready":true})"},
      {"GET", "/v1/models/echo", 200, R"({"name":"echo","ready":true})"},
      {"GET", "/v2/models/broken/ready", 503, "model 'broken' failed to load: the file is not a model"},
      {"GET", "/v2/models/none", 404, "model with name 'none' does not exist"},
      {"GET", "/serving/default/echo/v2/models/held", 404, "does not exist in service 'echo'"},
      {"GET", "/metrics", 200, "triune_model_ready"},
      {"GET", "/nowhere", 404, "no such path: /nowhere"},
      {"GET", "/v2/models/echo/infer", 405, "want one of POST, OPTIONS"},
      {"DELETE", "/v2/models/echo", 405, "want one of GET, HEAD, OPTIONS"},
      {"OPTIONS", "/v2/models/echo/infer", 204, ""},
      {"POST", "/v1/models/echo:explain", 501, "has no explainer"},
      {"POST", "/v2/repository/models/echo/load", 501, "can't be loaded or unloaded"},
      {"POST", "/v2/models/none/infer", 404, "does not exist"},
      {"POST", "/v2/models/broken/infer", 503, "failed to load"},
      {"POST", "/v2/models/echo/infer", 400, "the body is empty"},
      {"POST", "/v2/models/echo/versions/7/infer", 404, "has no version '7'"},
  };
  for (const Case& c : cases) {
    ClientResponse response = Ask(Request(c.method, c.path));
    EXPECT_EQ(response.status, c.status) << c.method << " " << c.path;
    EXPECT_THAT(response.body, HasSubstr(c.body)) << c.method << " " << c.path;
    bool is_error = response.status >= 400 && std::string_view(c.path) != "/v2/health/ready";
    EXPECT_EQ(response.body.starts_with("{\"error\":"), is_error) << c.method << " " << c.path;
  }
}

TEST_F(ModelServerTest, RefusesHeadersThatMeanNothing) {
  for (const char* header :
       {"Inference-Header-Content-Length: x\r\n", "Inference-Header-Content-Length: -1\r\n",
        "Inference-Header-Content-Length:\r\n", "Inference-Header-Content-Length: 99999999999999999999\r\n",
        "X-Request-Timeout: soon\r\n", "X-Request-Timeout: -1\r\n", "X-Request-Timeout: 0\r\n",
        "X-Request-Timeout: nan\r\n", "X-Request-Timeout: 5m\r\n"}) {
    EXPECT_EQ(Ask(Post("/v2/models/echo/infer", kOneRow, header)).status, 400) << header;
  }
  for (const char* header : {"X-Request-Timeout: 60\r\n", "X-Request-Timeout: 1e4s\r\n",
                             "X-Request-Timeout: 60000ms\r\n", "X-Request-Timeout: 1e300\r\n"}) {
    EXPECT_EQ(Ask(Post("/v2/models/echo/infer", kOneRow, header)).status, 200) << header;
  }
  EXPECT_EQ(Ask(Post("/v2/models/echo/infer", kOneRow, "Content-Encoding: br\r\n")).status, 415);
}

TEST_F(ModelServerTest, ReadsPackedBodiesAndPacksAnswers) {
  http::Response packed;
  packed.body.Append(kOneRow);
  http::GzipBody(packed, 1);
  EXPECT_THAT(Ask(Post("/v2/models/echo/infer", packed.body.view(), "Content-Encoding: gzip\r\n")).body,
              HasSubstr("[1.0,2.0,3.0,4.0]"));
  EXPECT_EQ(Ask(Post("/v2/models/echo/infer", "not packed", "Content-Encoding: gzip\r\n")).status, 400);
  http::Response bomb;
  bomb.body.Append(std::string(5'000'000, ' '));
  http::GzipBody(bomb, 1);
  EXPECT_EQ(Ask(Post("/v2/models/echo/infer", bomb.body.view(), "Content-Encoding: gzip\r\n")).status, 413);
  auto metrics = [&](std::string_view accept) {
    return Ask("GET /metrics HTTP/1.1\r\nHost: h\r\nAccept-Encoding: " + std::string(accept) + "\r\n\r\n").head;
  };
  for (const char* accept : {"gzip", "deflate, GZIP;q=0.5", "*", "br, *;q=0.1"}) {
    EXPECT_THAT(metrics(accept), HasSubstr("Content-Encoding: gzip\r\n")) << accept;
  }
  for (const char* accept : {"identity", "gzip;q=0", "br", "gzip;q=0, *", "*;q=0"}) {
    EXPECT_THAT(metrics(accept), Not(HasSubstr("Content-Encoding"))) << accept;
  }
}

TEST_F(ModelServerTest, ALargeBodyIsReadOnAnotherThread) {
  std::string data;
  for (int i = 0; i < 200'000; ++i) data += (i > 0 ? ",1" : "1");
  std::string body = R"({"inputs":[{"name":"x","shape":[50000,4],"datatype":"FP32","data":[)" + data + "]}]}";
  for (int i = 0; i < 3; ++i) {
    ClientResponse response = Ask(Post("/v2/models/echo/infer", body));
    EXPECT_EQ(response.status, 200);
    EXPECT_THAT(response.body, HasSubstr(R"("shape":[50000,4])"));
    EXPECT_EQ(Ask(Post("/v2/models/echo/infer", kOneRow)).status, 200);
  }
  EXPECT_EQ(Ask(Post("/v2/models/echo/infer", body.substr(0, body.size() - 1))).status, 400);
}

TEST_F(ModelServerTest, LimitsTheRequestsInFlight) {
  HttpClient first(server_->http_port());
  ASSERT_TRUE(first.Send(Post("/v2/models/held/infer", kOneRow)));
  started_.acquire();
  ClientResponse response = Ask(Post("/v2/models/held/infer", kOneRow));
  EXPECT_EQ(response.status, 429);
  EXPECT_THAT(response.head, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(Ask(Post("/v2/models/echo/infer", kOneRow)).status, 200);
  go_on_.release();
  EXPECT_EQ(first.Receive().status, 200);
}

TEST_F(ModelServerTest, AnswersWhenTheDeadlinePassesWhileTheModelRuns) {
  HttpClient late(server_->http_port());
  ASSERT_TRUE(late.Send(Post("/v2/models/held/infer", kOneRow, "X-Request-Timeout: 100ms\r\nX-Request-Id: late\r\n")));
  ClientResponse response = late.Receive();
  EXPECT_EQ(response.status, 504);
  EXPECT_THAT(response.head, HasSubstr("X-Request-Id: late\r\n"));
  go_on_.release();  // also for the case that the model was not even asked
  // The same exchange object serves again, and the one that came too late is not taken for the next answer.
  EXPECT_EQ(late.Exchange(Post("/v2/models/echo/infer", kOneRow)).status, 200);
}

TEST_F(ModelServerTest, AClientThatGoesAwayCostsNothing) {
  for (int i = 0; i < 3; ++i) {
    HttpClient gone(server_->http_port());
    ASSERT_TRUE(gone.Send(Post("/v2/models/held/infer", kOneRow)));
    started_.acquire();
    gone.Reset();
    go_on_.release();
    while (repository_.catalog()->models()[2]->metrics().in_flight > 0) std::this_thread::yield();
  }
  EXPECT_EQ(Ask(Post("/v2/models/echo/infer", kOneRow)).status, 200);
}

}  // namespace
}  // namespace triune::server
