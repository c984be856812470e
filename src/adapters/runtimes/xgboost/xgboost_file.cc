#include "adapters/runtimes/xgboost/xgboost_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include "base/strings.h"

namespace triune::xgboost {
namespace {

constexpr size_t kProbedBytes = 64U << 10U;
constexpr std::string_view kWhitespace = " \t\r\n";

constexpr const char* kConversion =
    "convert it in Python with XGBoost 1.x, 2.x or 3.0: "
    "b = xgboost.Booster(model_file='model.bst'); b.save_model('model.ubj')";

}  // namespace

Result<std::string> ReadModelFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return NotFound(StrCat("can't open ", path, ": ", std::strerror(errno)));
  std::streamoff size = file.tellg();
  std::string content(size > 0 ? static_cast<size_t>(size) : 0, '\0');
  file.seekg(0);
  if (size < 0 || !file.read(content.data(), size)) return Internal("can't read " + path);
  size_t start = content.find_first_not_of(kWhitespace);
  if (content.empty() || start == content.npos) return InvalidArgument("model file is empty: " + path);
  // Both JSON and UBJSON start with the brace of an object; XGBoost wants it at the very start.
  if (content[start] == '{') {
    content.erase(0, start);
    return content;
  }
  return InvalidArgument(StrCat(path,
                                " is neither JSON nor UBJSON; a model in XGBoost's old binary format can't be "
                                "loaded any more, ",
                                kConversion));
}

bool LooksLikeModel(const std::string& path) {
  if (!path.ends_with(".json")) return true;
  std::ifstream file(path, std::ios::binary);
  std::string head(kProbedBytes, '\0');
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(file.gcount()));
  size_t start = head.find_first_not_of(kWhitespace);
  return start != head.npos && head[start] == '{' && head.find("\"learner\"") != head.npos;
}

}  // namespace triune::xgboost
