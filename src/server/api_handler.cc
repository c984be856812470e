#include "server/api_handler.h"

#include "base/json_text.h"
#include "base/strings.h"
#include "server/v2/json_codec.h"

namespace triune::server {
namespace {

bool IsPostOnly(Resource resource) {
  return resource == Resource::kInfer || resource == Resource::kExplain || resource == Resource::kRepository;
}

/// Refuses methods that the resource does not have; answers OPTIONS. True when it answered.
bool AnswerMethod(http::Exchange& exchange, Resource resource) {
  http::Method method = exchange.request.method;
  bool is_get = method == http::Method::kGet || method == http::Method::kHead;
  if (IsPostOnly(resource) ? method == http::Method::kPost : is_get) return false;
  std::string_view allowed = IsPostOnly(resource) ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
  if (method == http::Method::kOptions) {
    exchange.response.status = 204;
  } else {
    exchange.response.SetError(405, StrCat("the method is not allowed here: want one of ", allowed));
  }
  exchange.response.AddHeader("Allow", allowed);
  return true;
}

}  // namespace

std::unique_ptr<http::ExchangeState> ApiHandler::MakeState(http::Exchange& exchange) {
  return std::make_unique<InferenceCall>(exchange, repository_, executor_);
}

void ApiHandler::Handle(http::Exchange& exchange) {
  std::string decoded;
  ApiTarget target = ParseTarget(exchange.request.path, decoded);
  if (!target.service.empty() && !target.model.empty() && !IsOfService(target)) {
    exchange.response.SetError(NotFound(
        StrCat("model with name ", Quoted(target.model), " does not exist in service ", Quoted(target.service))));
    return exchange.Reply();
  }
  if (target.resource == Resource::kUnknown) {
    exchange.response.SetError(404, StrCat("no such path: ", exchange.request.path.substr(0, 200)));
    return exchange.Reply();
  }
  if (AnswerMethod(exchange, target.resource)) return exchange.Reply();
  if (target.resource != Resource::kInfer) {
    Answer(exchange, target);
    return exchange.Reply();
  }
  static_cast<InferenceCall&>(*exchange.state)
      .Start(target.is_v1 ? serving::Protocol::kV1 : serving::Protocol::kV2, target.model, target.model_namespace,
             target.version);
}

bool ApiHandler::IsOfService(const ApiTarget& target) const {
  auto found = repository_.catalog()->Find(target.model, target.model_namespace);
  // That there is no such model is for later to say.
  return !found.ok() || (*found)->service() == target.service;
}

void ApiHandler::Answer(http::Exchange& exchange, const ApiTarget& target) {
  http::Response& response = exchange.response;
  switch (target.resource) {
    case Resource::kRoot:
      return response.body.Append(R"({"status":"alive"})");
    case Resource::kLive:
      return response.body.Append(R"({"live":true})");
    case Resource::kReady:
      return AnswerReady(exchange);
    case Resource::kMetrics:
      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
      return response.body.Append(ToPrometheusText(metrics_.Collect()));
    case Resource::kServerMetadata:
      return AnswerServerMetadata(exchange);
    case Resource::kModelList:
      return AnswerModelList(exchange, target);
    case Resource::kModel:
    case Resource::kModelReady:
      return AnswerModel(exchange, target);
    case Resource::kExplain:
      return response.SetError(Unimplemented(StrCat("model ", Quoted(target.model), " has no explainer")));
    case Resource::kRepository:
      return response.SetError(Unimplemented("models can't be loaded or unloaded over the API in this version"));
    case Resource::kUnknown:
    case Resource::kInfer:
      return;
  }
}

void ApiHandler::AnswerReady(http::Exchange& exchange) {
  bool ready = accepting_() && repository_.Ready();
  if (!ready) exchange.response.status = 503;
  exchange.response.body.Append(ready ? R"({"ready":true})" : R"({"ready":false})");
}

void ApiHandler::AnswerServerMetadata(http::Exchange& exchange) {
  TextBuffer& out = exchange.response.body;
  out.Append("{\"name\":\"triune\",\"version\":");
  AppendJsonString(out, version_);
  out.Append(",\"extensions\":[\"binary_tensor_data\"]}");
}

void ApiHandler::AnswerModelList(http::Exchange& exchange, const ApiTarget& target) {
  TextBuffer& out = exchange.response.body;
  out.Append("{\"models\":[");
  bool first = true;
  for (const auto& model : repository_.catalog()->models()) {
    const serving::ModelConfig& config = model->config();
    if (!target.service.empty() &&
        (model->service() != target.service || config.model_namespace != target.model_namespace)) {
      continue;
    }
    if (!first) out.Append(',');
    first = false;
    AppendJsonString(out, config.name);
  }
  out.Append("]}");
}

void ApiHandler::AnswerModel(http::Exchange& exchange, const ApiTarget& target) {
  http::Response& response = exchange.response;
  auto found = repository_.catalog()->Find(target.model, target.model_namespace);
  if (!found.ok()) return response.SetError(found.status());
  const serving::ServedModel& model = **found;
  if (Status version = model.CheckVersion(target.version); !version.ok()) return response.SetError(version);
  if (!model.ready()) return response.SetError(model.NotReady());
  TextBuffer& out = response.body;
  if (!target.is_v1 && target.resource == Resource::kModel) {
    return v2::EncodeMetadata(model.config().name, model.config().version, model.signature(), out);
  }
  out.Append("{\"name\":");
  AppendJsonString(out, model.config().name);
  out.Append(",\"ready\":true}");
}

}  // namespace triune::server
