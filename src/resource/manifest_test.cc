#include "resource/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace triune::resource {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

std::vector<std::string> Texts(const Manifests& manifests) {
  std::vector<std::string> texts;
  for (const Diagnostic& diagnostic : manifests.diagnostics) texts.push_back(diagnostic.ToString());
  return texts;
}

/// The only service of `text`, which must have no errors.
InferenceService ParseOne(std::string_view text) {
  Manifests manifests = ParseManifest(text, "m.yaml", {});
  EXPECT_TRUE(manifests.ok()) << testing::PrintToString(Texts(manifests));
  EXPECT_EQ(manifests.inference_services.size(), 1U);
  return manifests.inference_services.empty() ? InferenceService() : manifests.inference_services[0];
}

// The samples below are those of KServe's documentation.

TEST(ManifestTest, ReadsSklearnIris) {
  InferenceService service = ParseOne(R"(apiVersion: "serving.kserve.io/v1beta1"
kind: "InferenceService"
metadata:
  name: "sklearn-iris"
spec:
  predictor:
    model:
      modelFormat:
        name: sklearn
      storageUri: "gs://kfserving-examples/models/sklearn/1.0/model"
)");
  EXPECT_EQ(service.metadata.name, "sklearn-iris");
  EXPECT_EQ(service.metadata.namespace_, "default");
  EXPECT_EQ(service.file, "m.yaml");
  EXPECT_EQ(service.line, 1);
  const ModelSpec& model = service.predictor.model;
  EXPECT_EQ(model.format.name, "sklearn");
  EXPECT_EQ(model.format.version, "");
  EXPECT_EQ(model.storage_uri, "gs://kfserving-examples/models/sklearn/1.0/model");
  EXPECT_EQ(model.protocol_version, ProtocolVersion::kV1);
  EXPECT_EQ(service.predictor.container_concurrency, 0);
  EXPECT_EQ(service.predictor.timeout.count(), 0);
}

TEST(ManifestTest, ReadsXgboostV2WithAllThatActs) {
  InferenceService service = ParseOne(R"(apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: xgboost-v2-iris
  namespace: models
  labels: {team: a}
  annotations: {owner: "me"}
spec:
  predictor:
    containerConcurrency: 8
    timeout: 60
    model:
      modelFormat:
        name: xgboost
        version: "1"
      protocolVersion: v2
      runtimeVersion: "3.2.0"
      storageUri: "file:///models/iris"
      args: ["--nthread=2", "--x"]
      env:
        - name: OMP_NUM_THREADS
          value: "1"
        - name: EMPTY
      resources:
        limits:
          cpu: 1500m
)");
  EXPECT_EQ(service.metadata.namespace_, "models");
  EXPECT_THAT(service.metadata.labels, ElementsAre(Pair("team", "a")));
  EXPECT_THAT(service.metadata.annotations, ElementsAre(Pair("owner", "me")));
  EXPECT_EQ(service.predictor.container_concurrency, 8);
  EXPECT_EQ(service.predictor.timeout.count(), 60);
  const ModelSpec& model = service.predictor.model;
  EXPECT_EQ(model.format.version, "1");
  EXPECT_EQ(model.protocol_version, ProtocolVersion::kV2);
  EXPECT_EQ(model.runtime_version, "3.2.0");
  EXPECT_THAT(model.args, ElementsAre("--nthread=2", "--x"));
  ASSERT_EQ(model.env.size(), 2U);
  EXPECT_EQ(model.env[0].name, "OMP_NUM_THREADS");
  EXPECT_EQ(model.env[0].value, "1");
  EXPECT_EQ(model.env[1].value, "");
  EXPECT_EQ(model.resources.limits.at("cpu").MilliValue(), 1500);
}

TEST(ManifestTest, WhatActsGivesNoWarnings) {
  Manifests manifests = ParseManifest(R"(apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: a, namespace: b, uid: x, creationTimestamp: null, generation: 3}
spec:
  predictor:
    containerConcurrency: 8
    timeout: 60
    model:
      modelFormat: {name: onnx}
      protocolVersion: grpc-v2
      runtimeVersion: "1"
      storageUri: pvc://claim/model
      args: []
      env: [{name: A, value: b}]
      resources: {limits: {cpu: 2}}
status: {url: http://x}
)",
                                      "m.yaml", {.strict = true});
  EXPECT_THAT(Texts(manifests), IsEmpty());
  ASSERT_EQ(manifests.inference_services.size(), 1U);
  EXPECT_EQ(manifests.inference_services[0].predictor.model.protocol_version, ProtocolVersion::kGrpcV2);
}

TEST(ManifestTest, ReadsLegacyFormsOfEveryFormat) {
  for (std::string format :
       {"sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "pmml", "lightgbm", "paddle"}) {
    InferenceService service = ParseOne(
        "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: old}\n"
        "spec:\n  predictor:\n    " +
        format + ":\n      storageUri: ./models\n      runtimeVersion: \"1.0\"\n      args: [\"--a\"]\n");
    EXPECT_EQ(service.predictor.model.format.name, format);
    EXPECT_EQ(service.predictor.model.storage_uri, "./models");
    EXPECT_EQ(service.predictor.model.runtime_version, "1.0");
    EXPECT_THAT(service.predictor.model.args, ElementsAre("--a"));
    bool v2 = format == "triton" || format == "huggingface";
    EXPECT_EQ(service.predictor.model.protocol_version, v2 ? ProtocolVersion::kV2 : ProtocolVersion::kV1) << format;
  }
}

TEST(ManifestTest, ReadsStorageSpecInPlaceOfUri) {
  Manifests manifests = ParseManifest(R"(apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: a}
spec:
  predictor:
    model:
      modelFormat: {name: onnx}
      storage:
        key: localMinIO
        path: onnx/mnist
        schemaPath: null
        parameters: {bucket: models}
)",
                                      "m.yaml", {});
  EXPECT_THAT(Texts(manifests),
              ElementsAre("m.yaml:8: spec.predictor.model.storage: known to KServe, has no effect here yet"));
  ASSERT_EQ(manifests.inference_services.size(), 1U);
  const auto& storage = manifests.inference_services[0].predictor.model.storage;
  ASSERT_TRUE(storage);
  EXPECT_EQ(storage->key, "localMinIO");
  EXPECT_EQ(storage->path, "onnx/mnist");
  EXPECT_EQ(storage->schema_path, "");
  EXPECT_THAT(storage->parameters, ElementsAre(Pair("bucket", "models")));
}

TEST(ManifestTest, ReadsJsonAndLists) {
  Manifests manifests = ParseManifest(R"({"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "a"},
   "spec": {"predictor": {"onnx": {"storageUri": "/m/a.onnx"}}}},
  {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "b"},
   "spec": {"predictor": {"onnx": {"storageUri": "/m/b.onnx"}}}}]}
)",
                                      "m.json", {});
  EXPECT_THAT(Texts(manifests), IsEmpty());
  ASSERT_EQ(manifests.inference_services.size(), 2U);
  EXPECT_EQ(manifests.inference_services[1].metadata.name, "b");
  EXPECT_EQ(manifests.inference_services[1].line, 4);
}

TEST(ManifestTest, NamesFieldsWithoutEffectAndUnknownOnes) {
  constexpr std::string_view kText = R"(apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata:
  name: a
  annotations:
    serving.kserve.io/stop: "true"
    example.com/x: "y"
spec:
  predictor:
    minReplicas: 0
    maxReplica: 3
    nodeSelector: {disk: ssd}
    batcher:
      maxBatchSize: 32
      maxLatencyMs: 5
    model:
      modelFormat: {name: onnx, autoSelect: true, version: "1"}
      protocolVersion: grpc-v1
      runtime: kserve-mlserver
      storageUri: /m
      image: x
      env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}]
      resources: {limits: {memory: 1Gi, cpu: 1, nvidia.com/gpu: 1}, requests: {cpu: 100m, memory: 512Mi}}
  transformer:
    containers: [{name: kserve-container, image: x, comand: [a]}]
)";
  const std::vector<std::string> expected = {
      "m.yaml:10: spec.predictor.minReplicas: known to KServe, has no effect here yet",
      "m.yaml:11: spec.predictor.maxReplica: unknown field: did you mean maxReplicas?",
      "m.yaml:12: spec.predictor.nodeSelector: known to KServe, has no effect here yet",
      "m.yaml:13: spec.predictor.batcher: known to KServe, has no effect here yet",
      "m.yaml:15: spec.predictor.batcher.maxLatencyMs: unknown field: did you mean maxLatency?",
      "m.yaml:17: spec.predictor.model.modelFormat.autoSelect: unknown field",
      "m.yaml:17: spec.predictor.model.modelFormat.version: known to KServe, has no effect here yet",
      "m.yaml:19: spec.predictor.model.runtime: known to KServe, has no effect here yet",
      "m.yaml:21: spec.predictor.model.image: known to KServe, has no effect here yet",
      "m.yaml:22: spec.predictor.model.env[0].valueFrom: known to KServe, has no effect here yet",
      "m.yaml:23: spec.predictor.model.resources.limits.memory: known to KServe, has no effect here yet",
      "m.yaml:23: spec.predictor.model.resources.limits[nvidia.com/gpu]: known to KServe, has no effect here yet",
      "m.yaml:23: spec.predictor.model.resources.requests: known to KServe, has no effect here yet",
      "m.yaml:24: spec.transformer: known to KServe, has no effect here yet",
      "m.yaml:25: spec.transformer.containers[0].comand: unknown field: did you mean command?",
      "m.yaml:6: metadata.annotations[serving.kserve.io/stop]: known to KServe, has no effect here yet",
      // NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one message
      "m.yaml:18: spec.predictor.model.protocolVersion: grpc-v1 is not supported: v1, v2 and grpc-v2 are served, "
      "whatever is asked for",
  };
  Manifests lenient = ParseManifest(kText, "m.yaml", {});
  EXPECT_THAT(Texts(lenient), testing::ElementsAreArray(expected));
  EXPECT_TRUE(lenient.ok());
  ASSERT_EQ(lenient.inference_services.size(), 1U);
  EXPECT_EQ(lenient.inference_services[0].predictor.model.resources.requests.at("memory").Value(), 512 << 20);

  Manifests strict = ParseManifest(kText, "m.yaml", {.strict = true});
  EXPECT_THAT(Texts(strict), testing::ElementsAreArray(expected));
  EXPECT_FALSE(strict.ok());
  EXPECT_THAT(strict.inference_services, IsEmpty());
}

TEST(ManifestTest, NullIsAsGoodAsAbsent) {
  InferenceService service = ParseOne(R"(apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {name: a, namespace: null, labels: {x: null}}
spec:
  transformer: ~
  predictor:
    timeout: null
    sklearn:
    onnx: {storageUri: /m, storage: null, protocolVersion: null, args: null, env:, resources: {limits: {cpu: null}}}
)");
  EXPECT_EQ(service.metadata.namespace_, "default");
  EXPECT_EQ(service.predictor.model.format.name, "onnx");
  EXPECT_FALSE(service.predictor.model.storage);
  EXPECT_THAT(service.predictor.model.resources.limits, IsEmpty());
}

TEST(ManifestTest, SkipsOtherKindsWithAWarning) {
  Manifests manifests = ParseManifest(R"(apiVersion: v1
kind: Secret
metadata: {name: s}
---
apiVersion: serving.kserve.io/v1alpha1
kind: ServingRuntime
metadata: {name: r}
)",
                                      "m.yaml", {.strict = true});
  EXPECT_TRUE(manifests.ok());
  EXPECT_THAT(Texts(manifests),
              ElementsAre("m.yaml:2: kind: \"Secret\" is skipped: only InferenceService is read",
                          "m.yaml:6: kind: \"ServingRuntime\" is skipped: only InferenceService is read"));
}

TEST(ManifestTest, RefusesTwoServicesWithOneName) {
  std::string one =
      "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\n"
      "spec: {predictor: {onnx: {storageUri: /m}}}\n---\n";
  std::string other =
      "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a, namespace: b}\n"
      "spec: {predictor: {onnx: {storageUri: /m}}}\n---\n";
  Manifests manifests = ParseManifest(one + other + one, "m.yaml", {});
  EXPECT_FALSE(manifests.ok());
  EXPECT_EQ(manifests.inference_services.size(), 2U);
  EXPECT_THAT(Texts(manifests),
              ElementsAre("m.yaml:11: metadata.name: InferenceService is defined twice: got default/a "
                          "again, first in m.yaml:1"));
}

TEST(ManifestTest, AGoodServiceSurvivesABadNeighbour) {
  Manifests manifests = ParseManifest(
      "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: B}\n"
      "spec: {predictor: {onnx: {storageUri: /m}}}\n---\n"
      "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\n"
      "spec: {predictor: {onnx: {storageUri: /m}}}\n",
      "m.yaml", {});
  EXPECT_FALSE(manifests.ok());
  ASSERT_EQ(manifests.inference_services.size(), 1U);
  EXPECT_EQ(manifests.inference_services[0].metadata.name, "a");
}

TEST(ManifestTest, ManyProblemsMakeAShortReport) {
  std::string text = "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\nspec:\n";
  for (int i = 0; i < 50'000; ++i) text += "  unknownField" + std::to_string(i) + ": 1\n";
  Manifests manifests = ParseManifest(text, "m.yaml", {});
  EXPECT_EQ(manifests.diagnostics.size(), DiagnosticList::kMostKept + 1);
  EXPECT_FALSE(manifests.ok());
}

TEST(ManifestTest, EmptyTextHoldsNothing) {
  Manifests manifests = ParseManifest("# nothing\n", "m.yaml", {});
  EXPECT_TRUE(manifests.ok());
  EXPECT_THAT(Texts(manifests), ElementsAre("m.yaml: file holds no objects"));
}

}  // namespace
}  // namespace triune::resource
