// What is wrong with a manifest, or worth knowing about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace triune::resource {

/// One finding, with the place it is about.
struct Diagnostic {
  enum Severity : uint8_t { kWarning, kError };
  Severity severity = kError;
  std::string file;
  int line = 0;       ///< From 1; 0 when the finding is about the whole file.
  std::string field;  ///< "spec.predictor.model.storageUri"; empty when it is about no field.
  std::string message;

  /// "iris.yaml:7: spec.predictor.model.storageUri: want a string, got a list".
  std::string ToString() const;
};

/// Collects the findings of one file. Keeps the first kMostKept of them, so that a hostile file can't make the report
/// endless, and makes control characters in them visible, so that it can't forge lines of it. Thread-compatible.
class DiagnosticList {
 public:
  static constexpr size_t kMostKept = 100;

  /// With `strict`, what Unsupported() reports is an error, else a warning.
  DiagnosticList(std::string file, bool strict) : file_(std::move(file)), strict_(strict) {}

  void Error(int line, std::string_view field, std::string_view message) {
    Add(Diagnostic::kError, line, field, message);
  }
  void Warning(int line, std::string_view field, std::string_view message) {
    Add(Diagnostic::kWarning, line, field, message);
  }
  /// A field that is unknown, or known and without effect.
  void Unsupported(int line, std::string_view field, std::string_view message) {
    Add(strict_ ? Diagnostic::kError : Diagnostic::kWarning, line, field, message);
  }

  /// Errors so far, also those that were not kept.
  size_t error_count() const { return error_count_; }
  /// True when further findings are only counted: no use in wording them with care.
  bool full() const { return kept_.size() >= kMostKept; }
  /// The findings, and a last one that says how many more there were.
  std::vector<Diagnostic> Take();

 private:
  void Add(Diagnostic::Severity severity, int line, std::string_view field, std::string_view message);

  std::string file_;
  bool strict_;
  size_t error_count_ = 0;
  size_t left_out_ = 0;
  size_t left_out_errors_ = 0;
  std::vector<Diagnostic> kept_;
};

/// `text` in double quotes, cut to a length that fits a message.
std::string Quote(std::string_view text);

}  // namespace triune::resource
