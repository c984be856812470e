#include "server/api_target.h"

#include <gtest/gtest.h>

#include <string>

namespace triune::server {
namespace {

struct Case {
  const char* path;
  Resource resource;
  const char* model = "";
  const char* version = "";
  const char* model_namespace = "";
  const char* service = "";
  bool is_v1 = false;
};

TEST(ParseTargetTest, FindsWhatAPathMeans) {
  const Case cases[] = {
      {.path = "/", .resource = Resource::kRoot},
      {.path = "/healthz", .resource = Resource::kLive},
      {.path = "/metrics", .resource = Resource::kMetrics},
      {.path = "/metrics/", .resource = Resource::kMetrics},
      {.path = "/v2", .resource = Resource::kServerMetadata},
      {.path = "/v2/", .resource = Resource::kServerMetadata},
      {.path = "/v2/health/live", .resource = Resource::kLive},
      {.path = "/v2/health/ready", .resource = Resource::kReady},
      {.path = "/v2/models", .resource = Resource::kModelList},
      {.path = "/v1/models", .resource = Resource::kModelList, .is_v1 = true},
      {.path = "/v2/models/iris", .resource = Resource::kModel, .model = "iris"},
      {.path = "/v2/models/iris/", .resource = Resource::kModel, .model = "iris"},
      {.path = "/v2/models/iris/ready", .resource = Resource::kModelReady, .model = "iris"},
      {.path = "/v2/models/iris/infer", .resource = Resource::kInfer, .model = "iris"},
      {.path = "/v2/models/iris/versions/3", .resource = Resource::kModel, .model = "iris", .version = "3"},
      {.path = "/v2/models/iris/versions/3/ready", .resource = Resource::kModelReady, .model = "iris", .version = "3"},
      {.path = "/v2/models/iris/versions/3/infer", .resource = Resource::kInfer, .model = "iris", .version = "3"},
      {.path = "/v1/models/iris", .resource = Resource::kModel, .model = "iris", .is_v1 = true},
      {.path = "/v1/models/iris:predict", .resource = Resource::kInfer, .model = "iris", .is_v1 = true},
      {.path = "/v1/models/iris:explain", .resource = Resource::kExplain, .model = "iris", .is_v1 = true},
      {.path = "/v1/models/a:b:predict", .resource = Resource::kInfer, .model = "a:b", .is_v1 = true},
      {.path = "/v1/models/iris/versions/2:predict",
       .resource = Resource::kInfer,
       .model = "iris",
       .version = "2",
       .is_v1 = true},
      {.path = "/v2/repository/models/iris/load", .resource = Resource::kRepository},
      {.path = "/serving/prod/iris/v2/models/iris/infer",
       .resource = Resource::kInfer,
       .model = "iris",
       .model_namespace = "prod",
       .service = "iris"},
      {.path = "/serving/prod/iris/v1/models/iris:predict",
       .resource = Resource::kInfer,
       .model = "iris",
       .model_namespace = "prod",
       .service = "iris",
       .is_v1 = true},
      {.path = "/v2/models/my%20model/infer", .resource = Resource::kInfer, .model = "my model"},
      {.path = "/v2/models/100%/infer", .resource = Resource::kInfer, .model = "100%"},
      {.path = "/v2/models/a%4", .resource = Resource::kModel, .model = "a%4"},
      {.path = "/v2/models/a%4A", .resource = Resource::kModel, .model = "aJ"},
      {.path = "/v2/models/a%2Finfer", .resource = Resource::kModel, .model = "a/infer"},
      {.path = "/v2%2Fmodels%2Fa", .resource = Resource::kUnknown},
      {.path = "/v1/models/a%3Apredict", .resource = Resource::kInfer, .model = "a", .is_v1 = true},
      {.path = "/v2/models/a%zz", .resource = Resource::kModel, .model = "a%zz"},
      {.path = "/v1/models/iris%3Apredict", .resource = Resource::kInfer, .model = "iris", .is_v1 = true},
  };
  for (const Case& c : cases) {
    std::string decoded;
    ApiTarget target = ParseTarget(c.path, decoded);
    EXPECT_EQ(target.resource, c.resource) << c.path;
    EXPECT_EQ(target.model, c.model) << c.path;
    EXPECT_EQ(target.version, c.version) << c.path;
    EXPECT_EQ(target.model_namespace, c.model_namespace) << c.path;
    EXPECT_EQ(target.service, c.service) << c.path;
    EXPECT_EQ(target.is_v1, c.is_v1) << c.path;
  }
}

TEST(ParseTargetTest, KnowsNoOtherPaths) {
  for (const char* path : {"",
                           "x",
                           "/x",
                           "/v1",
                           "/v3",
                           "/v2/health",
                           "/v2/health/live/x",
                           "/v2/models//infer",
                           "/v2/models/m/x",
                           "/v2/models/m/infer/x",
                           "/v2/models/m/versions",
                           "/v2/models/m/versions/",
                           "/v2/models/m/versions//infer",
                           "/v1/models/:predict",
                           "/v1/models/m/versions/2/x",
                           "/v1/models/m/infer",
                           "/v1/health/live",
                           "/serving",
                           "/serving/ns",
                           "/serving/ns/name",
                           "/serving//name/v2",
                           "/v2/modelsx",
                           "/healthz/x",
                           "/metrics/x",
                           "//v2",
                           "v2/models"}) {
    std::string decoded;
    EXPECT_EQ(ParseTarget(path, decoded).resource, Resource::kUnknown) << path;
  }
}

}  // namespace
}  // namespace triune::server
