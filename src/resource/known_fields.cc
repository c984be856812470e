#include "resource/known_fields.h"

#include "resource/pod_fields.h"

namespace triune::resource {
namespace {

constexpr std::string_view kModelKeys[] = {"model", "sklearn",     "xgboost", "tensorflow", "pytorch", "triton",
                                           "onnx",  "huggingface", "pmml",    "lightgbm",   "paddle"};

constexpr std::string_view kAnnotations[] = {
    "serving.kserve.io/autoscalerClass",
    "serving.kserve.io/deploymentMode",
    "serving.kserve.io/disable-auto-update",
    "serving.kserve.io/disable-localmodel",
    "serving.kserve.io/enable-metric-aggregation",
    "serving.kserve.io/enable-prometheus-scraping",
    "serving.kserve.io/enable-tag-routing",
    "serving.kserve.io/gpu-resource-types",
    "serving.kserve.io/metrics",
    "serving.kserve.io/nodegroup",
    "serving.kserve.io/stop",
    "serving.kserve.io/storageSecretName",
    "serving.kserve.io/targetUtilizationPercentage",
    "storage.kserve.io/readonly",
};

// What is in effect for a model.

constexpr FieldSpec kModelFormatFields[] = {StringField("name"), StringField("version").NoEffect()};
constexpr Schema kModelFormat{{kModelFormatFields}};

constexpr FieldSpec kStorageFields[] = {StringField("key"), StringField("path"), StringField("schemaPath"),
                                        StringMapField("parameters")};
constexpr Schema kStorage{{kStorageFields}};

constexpr FieldSpec kConfidentialFields[] = {BoolField("enabled"), StringField("resourceId")};
constexpr Schema kConfidential{{kConfidentialFields}};

constexpr std::string_view kProtocols[] = {"v1", "v2", "grpc-v1", "grpc-v2"};
constexpr FieldSpec kExtensionFields[] = {
    StringField("storageUri"),
    ObjectField("storage", &kStorage).NoEffect(),
    ChoiceField("protocolVersion", kProtocols),
    StringField("runtimeVersion"),
    ObjectField("confidential", &kConfidential).NoEffect(),
};
constexpr FieldSpec kModelFields[] = {
    ObjectField("modelFormat", &kModelFormat),
    StringField("runtime").NoEffect(),
};

// What all components have.

constexpr std::string_view kScaleMetrics[] = {"cpu", "memory", "concurrency", "rps"};
constexpr std::string_view kScaleMetricTypes[] = {"Utilization", "AverageValue"};
constexpr std::string_view kTargetTypes[] = {"Utilization", "AverageValue", "Value"};
constexpr std::string_view kLoggerModes[] = {"all", "request", "response"};

constexpr FieldSpec kTargetFields[] = {ChoiceField("type", kTargetTypes), QuantityField("value"),
                                       QuantityField("averageValue"), IntegerField("averageUtilization", 0)};
constexpr Schema kTarget{{kTargetFields}};
constexpr FieldSpec kResourceMetricFields[] = {StringField("name"), ObjectField("target", &kTarget)};
constexpr Schema kResourceMetric{{kResourceMetricFields}};
constexpr FieldSpec kAuthenticationFields[] = {StringField("name"), StringField("authModes")};
constexpr Schema kAuthentication{{kAuthenticationFields}};
constexpr FieldSpec kMetricSourceFields[] = {
    StringField("backend"),   StringField("serverAddress"),   StringField("query"),
    StringField("namespace"), StringListField("metricNames"), StringField("operationOverTime"),
};
constexpr Schema kMetricSource{{kMetricSourceFields}};
constexpr FieldSpec kExternalMetricFields[] = {
    ObjectField("metric", &kMetricSource),
    ObjectField("authenticationRef", &kAuthentication),
    ObjectField("target", &kTarget),
};
constexpr Schema kExternalMetric{{kExternalMetricFields}};
constexpr std::string_view kMetricTypes[] = {"Resource", "External", "PodMetric"};
constexpr FieldSpec kMetricFields[] = {
    ChoiceField("type", kMetricTypes),
    ObjectField("resource", &kResourceMetric),
    ObjectField("external", &kExternalMetric),
    ObjectField("podmetric", &kExternalMetric),
};
constexpr Schema kMetric{{kMetricFields}};
constexpr FieldSpec kAutoScalingFields[] = {ObjectListField("metrics", &kMetric), ObjectField("behavior")};
constexpr Schema kAutoScaling{{kAutoScalingFields}};

constexpr FieldSpec kLoggerStorageFields[] = {StringField("path"), StringMapField("parameters"), StringField("key"),
                                              StringField("serviceAccountName")};
constexpr Schema kLoggerStorage{{kLoggerStorageFields}};
constexpr FieldSpec kLoggerFields[] = {
    StringField("url"),
    ChoiceField("mode", kLoggerModes),
    StringListField("metadataHeaders"),
    StringListField("metadataAnnotations"),
    ObjectField("storage", &kLoggerStorage),
    StringField("marshallerUrl"),
    IntegerField("batchSize", 1),
    AnyField("batchInterval"),
};
constexpr Schema kLogger{{kLoggerFields}};
constexpr FieldSpec kBatcherFields[] = {IntegerField("maxBatchSize", 1), IntegerField("maxLatency", 0),
                                        IntegerField("timeout", 0)};
constexpr Schema kBatcher{{kBatcherFields}};

// Seconds beyond a century would overflow sums of times, and mean "none" to everybody.
constexpr int64_t kMostSeconds = int64_t{100} * 366 * 24 * 3600;
constexpr FieldSpec kComponentFields[] = {
    IntegerField("containerConcurrency", 0),
    IntegerField("timeout", 0, kMostSeconds),
    IntegerField("minReplicas", 0).NoEffect(),
    IntegerField("maxReplicas", 0).NoEffect(),
    IntegerField("scaleTarget", 0).NoEffect(),
    ChoiceField("scaleMetric", kScaleMetrics).NoEffect(),
    ChoiceField("scaleMetricType", kScaleMetricTypes).NoEffect(),
    ObjectField("autoScaling", &kAutoScaling).NoEffect(),
    IntegerField("canaryTrafficPercent", 0, 100).NoEffect(),
    ObjectField("logger", &kLogger).NoEffect(),
    ObjectField("batcher", &kBatcher).NoEffect(),
    StringMapField("labels").NoEffect(),
    StringMapField("annotations").NoEffect(),
    ObjectField("deploymentStrategy").NoEffect(),
};

constexpr FieldSpec kStorageUriFields[] = {StringField("uri"), StringField("mountPath")};
constexpr Schema kStorageUri{{kStorageUriFields}};
constexpr FieldSpec kWorkerFields[] = {IntegerField("pipelineParallelSize", 1), IntegerField("tensorParallelSize", 1)};
constexpr FieldSpec kArtFields[] = {StringField("type"), StringMapField("config")};

constexpr FieldSpec kMetadataFields[] = {
    StringField("name"),
    StringField("namespace"),
    StringMapField("labels"),
    StringMapField("annotations"),
    StringField("generateName").NoEffect(),
    AnyField("creationTimestamp").Output(),
    AnyField("deletionGracePeriodSeconds").Output(),
    AnyField("deletionTimestamp").Output(),
    AnyField("finalizers").Output(),
    AnyField("generation").Output(),
    AnyField("managedFields").Output(),
    AnyField("ownerReferences").Output(),
    AnyField("resourceVersion").Output(),
    AnyField("selfLink").Output(),
    AnyField("uid").Output(),
};
constexpr Schema kMetadata{{kMetadataFields}};

/// The schemas that join tables of two files, and so can't be constants. Never moved: they point into themselves.
struct Schemas {
  Schema model{{kModelFields, kExtensionFields, ContainerFields()}};
  Schema legacy_model{{kExtensionFields, ContainerFields()}};
  Schema worker{{kWorkerFields, PodFields()}};
  Schema art{{kArtFields, kExtensionFields, ContainerFields()}};
  std::array<FieldSpec, 14> predictor_fields{
      ObjectField("model", &model),
      ObjectField("sklearn", &legacy_model),
      ObjectField("xgboost", &legacy_model),
      ObjectField("tensorflow", &legacy_model),
      ObjectField("pytorch", &legacy_model),
      ObjectField("triton", &legacy_model),
      ObjectField("onnx", &legacy_model),
      ObjectField("huggingface", &legacy_model),
      ObjectField("pmml", &legacy_model),
      ObjectField("lightgbm", &legacy_model),
      ObjectField("paddle", &legacy_model),
      ObjectListField("storageUris", &kStorageUri).NoEffect(),
      StringField("storageContainerName").NoEffect(),
      ObjectField("workerSpec", &worker).NoEffect(),
  };
  std::array<FieldSpec, 1> named_fields{StringField("name").NoEffect()};
  Schema predictor{{predictor_fields, named_fields, kComponentFields, PodFields()}};
  std::array<FieldSpec, 2> transformer_fields{StringField("name"), ObjectListField("storageUris", &kStorageUri)};
  Schema transformer{{transformer_fields, kComponentFields, PodFields()}};
  std::array<FieldSpec, 3> explainer_fields{StringField("name"), ObjectField("art", &art),
                                            ObjectListField("storageUris", &kStorageUri)};
  Schema explainer{{explainer_fields, kComponentFields, PodFields()}};
  std::array<FieldSpec, 2> canary_fields{ObjectField("predictor", &predictor), IntegerField("trafficPercent", 0, 100)};
  Schema canary{{canary_fields}};
  std::array<FieldSpec, 4> spec_fields{
      ObjectField("predictor", &predictor),
      ObjectField("transformer", &transformer).NoEffect(),
      ObjectField("explainer", &explainer).NoEffect(),
      ObjectListField("canary", &canary).NoEffect(),
  };
  Schema spec{{spec_fields}};
  std::array<FieldSpec, 5> root_fields{
      StringField("apiVersion"),  StringField("kind"),         ObjectField("metadata", &kMetadata),
      ObjectField("spec", &spec), AnyField("status").Output(),
  };
  Schema root{{root_fields}};
};

}  // namespace

const Schema& InferenceServiceSchema() {
  static const Schemas schemas;
  return schemas.root;
}

std::span<const std::string_view> ModelKeys() { return kModelKeys; }
std::span<const std::string_view> KServeAnnotations() { return kAnnotations; }

}  // namespace triune::resource
