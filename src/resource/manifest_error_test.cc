// What ParseManifest says about manifests that are wrong: a table of texts and their first errors.
#include <gtest/gtest.h>

#include <string>

#include "resource/manifest.h"

namespace triune::resource {
namespace {

/// A manifest around `predictor`, which stands on line 5, indented by four.
std::string WithPredictor(const std::string& predictor) {
  return "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\nspec: {predictor:\n    " +
         predictor + "}\n";
}

/// With `fields` in a model that is good but for them.
std::string WithModel(const std::string& fields) {
  return WithPredictor("{model: {modelFormat: {name: onnx}, storageUri: /m, " + fields + "}}");
}

std::string WithMetadata(const std::string& metadata) {
  return "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {" + metadata +
         "}\nspec: {predictor: {onnx: {storageUri: /m}}}\n";
}

struct ErrorCase {
  const char* name;
  std::string text;
  std::string error;
};

class ManifestErrorTest : public testing::TestWithParam<ErrorCase> {};

TEST_P(ManifestErrorTest, SaysFileLineFieldAndWhatWasWanted) {
  Manifests manifests = ParseManifest(GetParam().text, "m.yaml", {});
  EXPECT_FALSE(manifests.ok());
  EXPECT_TRUE(manifests.inference_services.empty());
  std::string first;
  for (const Diagnostic& diagnostic : manifests.diagnostics) {
    if (diagnostic.severity != Diagnostic::kError) continue;
    first = diagnostic.ToString();
    break;
  }
  EXPECT_EQ(first, GetParam().error);
}

constexpr char kNames[] = "want lower-case letters, digits and '-', a letter first, no '-' last, at most 63 characters";

INSTANTIATE_TEST_SUITE_P(
    Objects, ManifestErrorTest,
    testing::Values(
        ErrorCase{"NoMap", "- a\n", "m.yaml:1: not a Kubernetes object: got a list, want a map"},
        ErrorCase{"NoApiVersion", "kind: InferenceService\n",
                  "m.yaml:1: apiVersion: missing: every object of a manifest needs it"},
        ErrorCase{"NoKind", "apiVersion: serving.kserve.io/v1beta1\n",
                  "m.yaml:1: kind: missing: every object of a manifest needs it"},
        ErrorCase{"KindIsNumber", "apiVersion: v1\nkind: 3\n", "m.yaml:2: kind: got the number 3, want a string"},
        ErrorCase{
            "OldApiVersion", "apiVersion: serving.kubeflow.org/v1alpha2\nkind: InferenceService\n",
            "m.yaml:1: apiVersion: unknown version of InferenceService: got \"serving.kubeflow.org/v1alpha2\", want "
            "serving.kserve.io/v1beta1"},
        ErrorCase{"MisspeltKind", "apiVersion: serving.kserve.io/v1beta1\nkind: Inferenceservices\n",
                  "m.yaml:2: kind: unknown kind: got \"Inferenceservices\", did you mean InferenceService?"},
        ErrorCase{"ListWithoutItems", "apiVersion: v1\nkind: List\n",
                  "m.yaml:1: items: missing, or not a list: a List needs it"},
        ErrorCase{"DuplicateKey", "apiVersion: v1\nkind: Secret\nkind: Secret\n",
                  "m.yaml:3: duplicate key: got \"kind\" again, first on line 2"},
        ErrorCase{"NoSpec", "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\n",
                  "m.yaml:1: spec: missing: want a spec with a predictor"},
        ErrorCase{"SpecIsList",
                  "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\nspec: []\n",
                  "m.yaml:4: spec: got a list, want a map"},
        ErrorCase{"NoPredictor",
                  "apiVersion: serving.kserve.io/v1beta1\nkind: InferenceService\nmetadata: {name: a}\nspec: {}\n",
                  "m.yaml:4: spec.predictor: missing: every InferenceService needs a predictor"}),
    [](const auto& param_info) { return param_info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Metadata, ManifestErrorTest,
    testing::Values(
        ErrorCase{"NoName", WithMetadata("namespace: b"),
                  "m.yaml:3: metadata.name: missing: every InferenceService needs a name"},
        ErrorCase{"NameInCapitals", WithMetadata("name: Iris"),
                  std::string("m.yaml:3: metadata.name: not a valid name: got \"Iris\", ") + kNames},
        ErrorCase{"NameStartsWithDigit", WithMetadata("name: 1a"),
                  std::string("m.yaml:3: metadata.name: not a valid name: got \"1a\", ") + kNames},
        ErrorCase{"NameEndsWithDash", WithMetadata("name: a-"),
                  std::string("m.yaml:3: metadata.name: not a valid name: got \"a-\", ") + kNames},
        ErrorCase{"NameTooLong", WithMetadata("name: " + std::string(64, 'a')),
                  "m.yaml:3: metadata.name: not a valid name: got \"" + std::string(64, 'a') + "\", " + kNames},
        ErrorCase{"NameIsNumber", WithMetadata("name: 12"),
                  "m.yaml:3: metadata.name: got the number 12, want a string (put it in quotes)"},
        ErrorCase{
            "BadNamespace", WithMetadata("name: a, namespace: a.b"),
            "m.yaml:3: metadata.namespace: not a valid namespace: got \"a.b\", want lower-case letters, digits and "
            "'-', no '-' first or last, at most 63 characters"},
        ErrorCase{"LabelIsBoolean", WithMetadata("name: a, labels: {x/y: true}"),
                  "m.yaml:3: metadata.labels[x/y]: got the boolean true, want a string (put it in quotes)"},
        ErrorCase{"LabelsAreList", WithMetadata("name: a, labels: [b]"),
                  "m.yaml:3: metadata.labels: got a list, want a map of strings"}),
    [](const auto& param_info) { return param_info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Predictor, ManifestErrorTest,
    testing::Values(
        ErrorCase{"NoModel", WithPredictor("{minReplicas: 1}"),
                  "m.yaml:4: spec.predictor: no model: want model, or one of the legacy forms like sklearn or xgboost"},
        ErrorCase{"OwnContainer", WithPredictor("{containers: [{image: x}]}"),
                  "m.yaml:4: spec.predictor: no model: want model, or one of the legacy forms like sklearn or xgboost "
                  "(containers of your own can't be run here yet)"},
        ErrorCase{"TwoModels", WithPredictor("{onnx: {storageUri: /m}, model: {}}"),
                  "m.yaml:4: spec.predictor: more than one model: got model and onnx, want one"},
        ErrorCase{"ConcurrencyNegative", WithPredictor("{containerConcurrency: -1, onnx: {storageUri: /m}}"),
                  "m.yaml:5: spec.predictor.containerConcurrency: got the number -1, want an integer of at least 0"},
        ErrorCase{"ConcurrencyIsText", WithPredictor("{containerConcurrency: two, onnx: {storageUri: /m}}"),
                  "m.yaml:5: spec.predictor.containerConcurrency: got the string \"two\", want an integer"},
        ErrorCase{"TimeoutIsFraction", WithPredictor("{timeout: 1.5, onnx: {storageUri: /m}}"),
                  "m.yaml:5: spec.predictor.timeout: got the number 1.5, want an integer"},
        ErrorCase{
            "TimeoutOverflows", WithPredictor("{timeout: 9223372036854775807, onnx: {storageUri: /m}}"),
            "m.yaml:5: spec.predictor.timeout: got the number 9223372036854775807, want an integer of at least 0 and "
            "at most 3162240000"},
        ErrorCase{
            "CanaryTooMuch", WithPredictor("{canaryTrafficPercent: 101, onnx: {storageUri: /m}}"),
            "m.yaml:5: spec.predictor.canaryTrafficPercent: got the number 101, want an integer of at least 0 and "
            "at most 100"},
        ErrorCase{"BadLoggerMode", WithPredictor("{logger: {mode: some}, onnx: {storageUri: /m}}"),
                  "m.yaml:5: spec.predictor.logger.mode: got the string \"some\", want one of all, request, response"}),
    [](const auto& param_info) { return param_info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Model, ManifestErrorTest,
    testing::Values(
        ErrorCase{
            "NoFormat", WithPredictor("{model: {storageUri: /m}}"),
            "m.yaml:5: spec.predictor.model.modelFormat: missing: want a map with the name of a format, for example "
            "onnx"},
        ErrorCase{"FormatIsText", WithPredictor("{model: {modelFormat: onnx, storageUri: /m}}"),
                  "m.yaml:5: spec.predictor.model.modelFormat: got the string \"onnx\", want a map"},
        ErrorCase{
            "FormatWithoutName", WithPredictor("{model: {modelFormat: {version: '1'}, storageUri: /m}}"),
            "m.yaml:5: spec.predictor.model.modelFormat.name: missing: want the name of a format, for example onnx"},
        ErrorCase{
            "FormatVersionIsNumber", WithPredictor("{model: {modelFormat: {name: onnx, version: 1}, storageUri: /m}}"),
            "m.yaml:5: spec.predictor.model.modelFormat.version: got the number 1, want a string (put it in quotes)"},
        ErrorCase{"NoStorageUri", WithPredictor("{onnx: {args: []}}"),
                  "m.yaml:5: spec.predictor.onnx.storageUri: missing: want the URI of a model, for example "
                  "file:///models/iris"},
        ErrorCase{"EmptyStorageUri", WithPredictor("{onnx: {storageUri: ''}}"),
                  "m.yaml:5: spec.predictor.onnx.storageUri: empty: want the URI of a model, for example "
                  "file:///models/iris"},
        ErrorCase{
            "NulInStorageUri", WithPredictor("{onnx: {storageUri: \"/m\\0\"}}"),
            "m.yaml:5: spec.predictor.onnx.storageUri: got the string \"/m\\x00\", want a string without NUL bytes"},
        ErrorCase{"UriAndStorage", WithModel("storage: {key: k}"),
                  "m.yaml:5: spec.predictor.model.storage: both storage and storageUri are given: want one of them"},
        ErrorCase{"BadProtocol", WithModel("protocolVersion: v3"),
                  "m.yaml:5: spec.predictor.model.protocolVersion: got the string \"v3\", want one of v1, v2, grpc-v1, "
                  "grpc-v2"},
        ErrorCase{
            "RuntimeVersionIsNumber", WithModel("runtimeVersion: 1.32"),
            "m.yaml:5: spec.predictor.model.runtimeVersion: got the number 1.32, want a string (put it in quotes)"},
        ErrorCase{"ArgIsNumber", WithModel("args: ['--threads', 2]"),
                  "m.yaml:5: spec.predictor.model.args[1]: got the number 2, want a string (put it in quotes)"},
        ErrorCase{"ArgIsNull", WithModel("args: [null]"),
                  "m.yaml:5: spec.predictor.model.args[0]: got null, want a string"},
        ErrorCase{"ArgsAreText", WithModel("args: --a"),
                  "m.yaml:5: spec.predictor.model.args: got the string \"--a\", want a list"},
        ErrorCase{"EnvIsMap", WithModel("env: {A: b}"), "m.yaml:5: spec.predictor.model.env: got a map, want a list"},
        ErrorCase{"EnvEntryIsText", WithModel("env: ['A=b']"),
                  "m.yaml:5: spec.predictor.model.env[0]: got the string \"A=b\", want a map"},
        ErrorCase{"EnvValueIsNumber", WithModel("env: [{name: A, value: 1}]"),
                  "m.yaml:5: spec.predictor.model.env[0].value: got the number 1, want a string (put it in quotes)"},
        ErrorCase{"EnvWithoutName", WithModel("env: [{value: x}]"),
                  "m.yaml:5: spec.predictor.model.env[0].name: not a name of an environment variable: got \"\""},
        ErrorCase{"BadCpu", WithModel("resources: {limits: {cpu: 1.5x}}"),
                  "m.yaml:5: spec.predictor.model.resources.limits.cpu: not a quantity: got \"1.5x\", want for example "
                  "\"500m\", \"2\" or \"1Gi\""},
        ErrorCase{"NegativeCpu", WithModel("resources: {limits: {cpu: -1}}"),
                  "m.yaml:5: spec.predictor.model.resources.limits.cpu: got the number -1, want a quantity that is not "
                  "negative"},
        ErrorCase{
            "RequestAboveLimit", WithModel("resources: {limits: {cpu: 1}, requests: {cpu: 1001m}}"),
            "m.yaml:5: spec.predictor.model.resources.requests: cpu is more than its limit: got 1001m, want at most "
            "1"}),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace triune::resource
