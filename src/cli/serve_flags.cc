#include "cli/serve_flags.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "cli/number_check.h"
#include "platform/kserve_flags.h"

namespace triune::cli {
namespace {

void AddModelFlags(CLI::App& command, ServeOptions& options) {
  command.add_option("models", options.models, "NAME=MODEL or MODEL (a path or URI), manifests, folders of manifests");
  command.add_option("--model-name", options.model_name, "Name of the model in --model-dir (as KServe passes it)");
  command.add_option("--model-dir", options.model_dir,
                     "A model's folder (as KServe passes it); default /mnt/models if there is one");
  command.add_option("--namespace", options.model_namespace, "Namespace of models that don't say theirs")
      ->capture_default_str();
  command.add_flag("--strict", options.strict,
                   "What is unknown or has no effect is an error: fields of manifests, flags");
  command.add_option("--pvc", options.pvc, "CLAIM=FOLDER: what pvc://CLAIM/ means here; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--runtime-path", options.runtime_path,
                  "Folder to look for runtimes in, before all others; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--parameter", options.parameters,
                  "[MODEL.]KEY=VALUE: parameter of a runtime, such as intra_op_threads; may be repeated")
      ->allow_extra_args(false);
}

void AddServerFlags(CLI::App& command, ServeOptions& options) {
  command.add_option("--address", options.address, "Address to listen on")->capture_default_str();
  command.add_option("--http-port", options.http_port, "Port of REST; 0: a free one")
      ->check(WholeNumber(0, 65535))
      ->capture_default_str();
  command.add_option("--grpc-port", options.grpc_port, "Port of gRPC; 0: a free one")
      ->check(WholeNumber(0, 65535))
      ->capture_default_str();
  command.add_option("--enable-grpc", options.enable_grpc, "Whether to serve gRPC")
      ->expected(0, 1)
      ->default_str("true");
  command.add_option("--http-threads", options.http_threads, "Threads that read and answer REST; 0: one per core")
      ->check(WholeNumber(0, 1024))
      ->capture_default_str();
  command.add_option("--grpc-threads,--max-threads", options.grpc_threads, "The same for gRPC")
      ->check(WholeNumber(0, 1024))
      ->capture_default_str();
  command
      .add_option(
          "--busy-poll-us", options.busy_poll_us,
          "Microseconds that a REST thread looks for requests before it sleeps, while they keep coming as fast; "
          "0: it sleeps at once")
      ->check(WholeNumber(0, 1000))
      ->capture_default_str();
  command.add_option("--gzip-level", options.gzip_level, "Compression for clients that ask for it, 1 to 9; 0: none")
      ->check(WholeNumber(0, 9))
      ->capture_default_str();
  command.add_option("--ports-file", options.ports_file, "File to write the ports to, as JSON, once they listen");
}

void AddLimits(CLI::App& command, ServeOptions& options) {
  const char* limits = "Limits";
  command.add_option("--max-header-bytes", options.max_header_bytes, "Largest head of a request")
      ->check(WholeNumber(1024, 16 << 20))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-body-bytes", options.max_body_bytes, "Largest body of a request, also when unpacked")
      ->check(WholeNumber(1))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-buffered-bytes", options.max_buffered_bytes, "Bodies being read, all together")
      ->check(WholeNumber(1))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-connections", options.max_connections, "REST connections")
      ->check(WholeNumber(1))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-inflight-per-model", options.max_in_flight, "Requests of one model, waiting and running")
      ->check(WholeNumber(1, 1 << 20))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--read-timeout", options.read_timeout, "Seconds for a request to arrive")
      ->check(PositiveNumber())
      ->capture_default_str()
      ->group(limits);
  command.add_option("--idle-timeout,--timeout-keep-alive", options.idle_timeout, "Seconds a connection may idle")
      ->check(PositiveNumber())
      ->capture_default_str()
      ->group(limits);
  command.add_option("--write-timeout", options.write_timeout, "Seconds a client may take no byte of its response")
      ->check(PositiveNumber())
      ->capture_default_str()
      ->group(limits);
  command.add_option("--request-timeout", options.request_timeout, "Seconds for a request to be answered; 0: no limit")
      ->check(PositiveNumber(Zero::kAllowed))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--drain-timeout", options.drain_timeout, "Seconds to finish requests after SIGTERM")
      ->check(PositiveNumber(Zero::kAllowed))
      ->capture_default_str()
      ->group(limits);
}

void AddLogFlags(CLI::App& command, ServeOptions& options) {
  const char* logs = "Logs";
  command.add_option("--log-level", options.log_level, "Least level to log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str()
      ->group(logs);
  command.add_option("--log-format", options.log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->group(logs);
  command.add_flag("--access-log", options.access_log, "One line per request")->group(logs);
}

/// Options of this group are left out of the help. CLI11's own way, no group at all, takes their names out of errors.
constexpr const char* kUnlisted = "Unlisted";

/// So that KServe's manifests run unchanged: its servers' flags, beside those of the same name above.
void AddKServeFlags(CLI::App& command, ServeOptions& options) {
  const char* group = "KServe's flags";
  command.add_option("--nthread", options.nthread, "Threads of one call, for runtimes that have such a parameter")
      ->check(WholeNumber(0, 1024))
      ->group(group);
  command
      .add_option("--grpc-max-receive-message-length", options.grpc_message_bytes,
                  "Largest gRPC message; default --max-body-bytes")
      ->check(WholeNumber(1, std::numeric_limits<int32_t>::max()))
      ->group(group);
  for (auto [name, variable] : {std::pair("--ssl-certfile", platform::kTlsCertificateVariable),
                                std::pair("--ssl-keyfile", platform::kTlsKeyVariable)}) {
    auto refuse = [variable = variable](const std::string&) {
      return StrCat(platform::kNoTls, " (the environment variable ", variable, " sets it too)");
    };
    command.add_option(name, "Refused")->check(refuse)->envname(std::string(variable))->group(kUnlisted);
  }
  for (std::string_view flag : platform::MeaninglessKServeFlags()) {
    std::string name = StrCat("--", flag);
    std::ranges::replace(name, '_', '-');
    auto note = [&options, flag] { options.flags_without_effect.push_back(StrCat("--", flag)); };
    const char* help = "Accepted for KServe's sake; has no effect";
    // The only one that takes no value; it must not swallow a model that stands behind it.
    if (flag == "enable_predictor_health_check") {
      command
          .add_flag_function(
              name, [note](int64_t) { note(); }, help)
          ->group("");
    } else {
      CLI::callback_t take = [note](const CLI::results_t&) {
        note();
        return true;
      };
      command.add_option(name, take, help)->group(kUnlisted);
    }
  }
}

/// KServe puts the arguments of a service behind those of its runtime: the last one counts, as in Python's argparse.
void LetTheLastCount(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (option->get_expected_max() == 1 && option->nonpositional()) option->take_last();
  }
}

/// Help as CLI11 makes it, but for a usage line that shows what to write, and without the unlisted.
class ServeHelp : public CLI::Formatter {
 public:
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override {
    return group == kUnlisted ? "" : CLI::Formatter::make_group(group, is_positional, options);
  }
  std::string make_usage(const CLI::App*, std::string name) const override {
    return StrCat("Usage: ", name, " [OPTIONS] [NAME=]MODEL | MANIFEST.yaml | FOLDER ...\n");
  }
};

constexpr const char* kExamples =
    "Examples:\n"
    "  triune serve iris=./models/iris.onnx          one model, under a name\n"
    "  triune serve services/ --http-port 9000       every manifest of a folder\n"
    "  triune serve iris.yaml --pvc models=/srv/nfs  pvc://models/... of the manifest is /srv/nfs/...";

}  // namespace

void AddServeFlags(CLI::App& command, ServeOptions& options) {
  auto help = std::make_shared<ServeHelp>();
  help->column_width(command.get_formatter()->get_column_width());
  command.formatter(help);
  command.footer(kExamples);
  AddModelFlags(command, options);
  AddServerFlags(command, options);
  AddLimits(command, options);
  AddKServeFlags(command, options);
  AddLogFlags(command, options);
  LetTheLastCount(command);
}

}  // namespace triune::cli
