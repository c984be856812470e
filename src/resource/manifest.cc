#include "resource/manifest.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "resource/inference_service_parse.h"
#include "resource/manifest_files.h"
#include "resource/scalar.h"
#include "resource/suggestion.h"
#include "resource/yaml_tree.h"

namespace triune::resource {
namespace {

/// The text of a field that must be there, or nothing after an error.
std::optional<std::string> RequiredText(const YamlNode& object, const char* field, DiagnosticList& diagnostics) {
  const YamlNode* value = object.Find(field);
  if (value == nullptr || value->kind == YamlNode::Kind::kNull) {
    diagnostics.Error(object.line, field, "missing: every object of a manifest needs it");
    return std::nullopt;
  }
  if (value->kind != YamlNode::Kind::kScalar || TypeOf(*value) != ScalarType::kString) {
    diagnostics.Error(value->line, field, StrCat("got ", Describe(*value), ", want a string"));
    return std::nullopt;
  }
  return value->text;
}

/// Reads the objects of one file, one after another.
class ObjectReader {
 public:
  ObjectReader(std::string_view file, const ManifestOptions& options, DiagnosticList& diagnostics,
               std::vector<InferenceService>& services)
      : file_(file), options_(options), diagnostics_(diagnostics), services_(services) {}

  void Read(const YamlNode& object) {
    if (object.kind != YamlNode::Kind::kMap) {
      return diagnostics_.Error(object.line, "",
                                StrCat("not a Kubernetes object: got ", Describe(object), ", want a map"));
    }
    auto api_version = RequiredText(object, "apiVersion", diagnostics_);
    auto kind = RequiredText(object, "kind", diagnostics_);
    if (!api_version || !kind) return;
    if (*kind == "List" || *kind == "InferenceServiceList") return ReadList(object);
    if (*kind != kInferenceServiceKind) return PassOver(object, *kind);
    if (*api_version != kInferenceServiceApiVersion) {
      return diagnostics_.Error(object.Find("apiVersion")->line, "apiVersion",
                                StrCat("unknown version of InferenceService: got ", Quote(*api_version), ", want ",
                                       kInferenceServiceApiVersion));
    }
    auto service = ParseInferenceService(object, options_.default_namespace, diagnostics_);
    if (!service) return;
    service->file = file_;
    services_.push_back(*std::move(service));
  }

 private:
  void ReadList(const YamlNode& list) {
    const YamlNode* items = list.Find("items");
    if (items == nullptr || items->kind != YamlNode::Kind::kSequence) {
      return diagnostics_.Error(list.line, "items", "missing, or not a list: a List needs it");
    }
    // Lists inside lists end with the depth that ParseYaml allows.
    for (const YamlNode& item : items->elements) Read(item);
  }

  void PassOver(const YamlNode& object, std::string_view kind) {
    int line = object.Find("kind")->line;
    if (!Suggest(kind, {kInferenceServiceKind}).empty()) {
      return diagnostics_.Error(
          line, "kind", StrCat("unknown kind: got ", Quote(kind), ", did you mean ", kInferenceServiceKind, "?"));
    }
    diagnostics_.Warning(line, "kind", StrCat(Quote(kind), " is skipped: only InferenceService is read"));
  }

  std::string file_;
  const ManifestOptions& options_;
  DiagnosticList& diagnostics_;
  std::vector<InferenceService>& services_;
};

/// Leaves the first of several services with one name, and reports the others.
void RefuseDuplicates(Manifests& manifests) {
  std::map<std::pair<std::string, std::string>, const InferenceService*> first;
  std::vector<InferenceService> kept;
  kept.reserve(manifests.inference_services.size());  // `first` points into it.
  std::map<std::string, DiagnosticList> diagnostics;
  for (InferenceService& service : manifests.inference_services) {
    auto [found, is_new] = first.try_emplace({service.metadata.namespace_, service.metadata.name}, nullptr);
    if (is_new) {
      found->second = &kept.emplace_back(std::move(service));
      continue;
    }
    auto list = diagnostics.try_emplace(service.file, service.file, /*strict=*/false).first;
    list->second.Error(
        service.line, "metadata.name",
        StrCat("InferenceService is defined twice: got ", service.metadata.namespace_, "/", service.metadata.name,
               " again, first in ", found->second->file, ":", found->second->line));
  }
  for (auto& [file, list] : diagnostics) std::ranges::move(list.Take(), std::back_inserter(manifests.diagnostics));
  manifests.inference_services = std::move(kept);
}

void ReadText(std::string_view text, const std::string& file, const ManifestOptions& options, Manifests& manifests) {
  DiagnosticList diagnostics(file, options.strict);
  YamlDocuments yaml = ParseYaml(text);
  for (const YamlProblem& problem : yaml.problems) diagnostics.Error(problem.line, "", problem.message);
  ObjectReader reader(file, options, diagnostics, manifests.inference_services);
  for (const YamlNode& document : yaml.documents) reader.Read(document);
  if (yaml.documents.empty() && yaml.problems.empty()) diagnostics.Warning(0, "", "file holds no objects");
  std::ranges::move(diagnostics.Take(), std::back_inserter(manifests.diagnostics));
}

}  // namespace

bool Manifests::ok() const {
  return std::ranges::none_of(diagnostics, [](const Diagnostic& d) { return d.severity == Diagnostic::kError; });
}

Manifests LoadManifests(const std::vector<std::string>& paths, const ManifestOptions& options) {
  Manifests manifests;
  for (const std::string& path : paths) {
    for (const ManifestFile& file : FindManifestFiles(path, manifests.diagnostics)) {
      if (auto text = ReadManifestFile(file, manifests.diagnostics)) ReadText(*text, file.path, options, manifests);
    }
  }
  RefuseDuplicates(manifests);
  return manifests;
}

Manifests ParseManifest(std::string_view text, std::string_view file_name, const ManifestOptions& options) {
  Manifests manifests;
  ReadText(text, std::string(file_name), options, manifests);
  RefuseDuplicates(manifests);
  return manifests;
}

}  // namespace triune::resource
