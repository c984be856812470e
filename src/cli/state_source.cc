#include "cli/state_source.h"

#include <CLI/CLI.hpp>
#include <chrono>

#include "base/strings.h"
#include "server/http/local_client.h"

namespace triune::cli {
namespace {

using Json = nlohmann::ordered_json;
constexpr Duration kTimeout = std::chrono::seconds(30);

}  // namespace

void AddStateSocketOption(CLI::App& command, std::string& path) {
  command
      .add_option("--state-socket", path,
                  "Where the session listens: its option of that name, that of `triune run`, or TRIUNE_STATE_SOCKET")
      ->envname("TRIUNE_STATE_SOCKET")
      ->required()
      ->type_name("PATH");
}

Result<std::string> AskSessionForText(const std::string& socket, const std::string& target) {
  TRIUNE_ASSIGN_OR_RETURN(auto answer, server::http::GetFromSocket(socket, target, kTimeout));
  if (answer.status == 200) return std::move(answer.body);
  const Json error = Json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  std::string why = StrCat("the session answers with HTTP status ", answer.status);
  if (error.is_object() && error.contains("msg") && error["msg"].is_string()) why = error["msg"].get<std::string>();
  return answer.status < 500 ? InvalidArgument(std::move(why)) : Unavailable(std::move(why));
}

Result<Json> AskSession(const std::string& socket, const std::string& target) {
  TRIUNE_ASSIGN_OR_RETURN(const std::string body, AskSessionForText(socket, target));
  Json answer = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  const Json::json_pointer result("/data/result");
  if (!answer.is_object() || !answer.contains(result)) {
    return Unavailable(StrCat("what listens at ", socket, " is no session: ", Quoted(body)));
  }
  return std::move(answer[result]);
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
                          c == '-' || c == '.' || c == '~';
    if (is_plain) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  return encoded;
}

}  // namespace triune::cli
