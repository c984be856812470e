#include "cli/serve_command.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/serve_models.h"
#include "cli/serve_options.h"
#include "model/runtime_registry.h"
#include "platform/model_deployment.h"
#include "server/model_server.h"
#include "telemetry/log.h"

namespace triune::cli {
namespace {

using telemetry::LogField;

Duration Seconds(double seconds) { return Duration(static_cast<Duration::rep>(std::min(seconds, 1e9) * 1e9)); }

/// Cores that this process may use, which can be fewer than the machine has.
int AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

/// The signals that end the server, blocked so that they wait for sigwait.
sigset_t BlockStopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  return stop;
}

/// As many descriptors as the system allows: each connection takes one.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// Written beside and renamed, so that whoever waits for it never reads half of it.
Status WritePortsFile(const std::string& path, int http, int grpc) {
  std::string text = StrCat("{\"http\":", http, ",\"grpc\":", grpc, ",\"pid\":", getpid(), "}\n");
  std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "we");
  bool written = file != nullptr && std::fputs(text.c_str(), file) >= 0;
  if (file != nullptr) written = std::fclose(file) == 0 && written;
  if (!written || std::rename(part.c_str(), path.c_str()) != 0) {
    return Unavailable(StrCat("cannot write --ports-file ", path, ": ", std::strerror(errno)));
  }
  return {};
}

server::ModelServer::Options ServerOptions(const ServeOptions& options) {
  server::ModelServer::Options out;
  out.version = options.version;
  out.http.address = options.address;
  out.http.port = options.http_port;
  out.http.threads = options.http_threads > 0 ? options.http_threads : AvailableCores();
  out.http.busy_poll = std::chrono::microseconds(options.busy_poll_us);
  out.http.limits = {.header_bytes = options.max_header_bytes,
                     .body_bytes = options.max_body_bytes,
                     .connections = options.max_connections,
                     .buffered_bytes = options.max_buffered_bytes,
                     .read_timeout = Seconds(options.read_timeout),
                     .idle_timeout = Seconds(options.idle_timeout),
                     .write_timeout = Seconds(options.write_timeout)};
  out.enable_grpc = options.enable_grpc;
  out.grpc.address = options.address;
  out.grpc.port = options.grpc_port;
  out.grpc.threads = options.grpc_threads > 0 ? options.grpc_threads : AvailableCores();
  out.grpc.message_bytes = options.max_body_bytes;
  out.grpc.request_timeout = Seconds(options.request_timeout);
  out.grpc.version = options.version;
  out.request_timeout = Seconds(options.request_timeout);
  out.gzip_level = options.gzip_level;
  out.access_log = options.access_log;
  return out;
}

Status Listen(server::ModelServer& server, const ServeOptions& options) {
  TRIUNE_RETURN_IF_ERROR(server.Start());
  if (options.ports_file.empty()) return {};
  return WritePortsFile(options.ports_file, server.http_port(), server.grpc_port());
}

Status Serve(const ServeOptions& options) {
  TRIUNE_ASSIGN_OR_RETURN(telemetry::LogLevel level, telemetry::ParseLogLevel(options.log_level));
  telemetry::ConfigureLog(level,
                          options.log_format == "json" ? telemetry::LogFormat::kJson : telemetry::LogFormat::kText);
  sigset_t stop = BlockStopSignals();
  RaiseDescriptorLimit();
  // Tensors of a megabyte or two are common; mapping and unmapping each would cost more than the request.
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
  model::RuntimeSearch search = model::RuntimeSearch::FromEnvironment();
  search.paths.insert(search.paths.begin(), options.runtime_path.begin(), options.runtime_path.end());
  model::RuntimeRegistry runtimes(std::move(search));
  TRIUNE_ASSIGN_OR_RETURN(std::vector<serving::ModelConfig> models, ModelsToServe(options, runtimes));
  auto repository = std::make_unique<serving::ModelRepository>(runtimes);
  TRIUNE_RETURN_IF_ERROR(repository->Add(std::move(models)));
  auto server = std::make_unique<server::ModelServer>(ServerOptions(options), *repository);
  if (Status listening = Listen(*server, options); !listening.ok()) {
    if (repository->Settled()) return listening;
    // The repository's end would wait for models that still load, and the user for the message.
    int exit_status = ReportStatus(listening);
    std::fflush(nullptr);
    _exit(exit_status);
  }
  telemetry::LogInfo("listening", {LogField("address", options.address), LogField("http_port", server->http_port()),
                                   LogField("grpc_port", server->grpc_port())});
  std::jthread settled([&] {
    repository->WaitUntilSettled();
    server->UpdateHealth();
    if (repository->Ready()) telemetry::LogInfo("ready", {LogField("models", repository->catalog()->models().size())});
  });
  int signal = 0;
  sigwait(&stop, &signal);
  telemetry::LogInfo("draining", {LogField("signal", strsignal(signal)), LogField("timeout_s", options.drain_timeout)});
  // A second signal ends the process at once, as people expect of Ctrl-C.
  struct sigaction end_now {};
  end_now.sa_handler = [](int) { _exit(kExitFailed); };
  sigaction(SIGTERM, &end_now, nullptr);
  sigaction(SIGINT, &end_now, nullptr);
  pthread_sigmask(SIG_UNBLOCK, &stop, nullptr);
  if (!server->Drain(Seconds(options.drain_timeout))) {
    telemetry::LogError("requests were still running at the end of --drain-timeout");
    std::fflush(nullptr);
    _exit(kExitFailed);
  }
  telemetry::LogInfo("stopped");
  if (!repository->Settled()) {  // a model still loads; nobody waits for it
    std::fflush(nullptr);
    _exit(kExitOk);
  }
  return {};
}

void AddOptions(CLI::App& command, ServeOptions& options) {
  command.add_option("models", options.models, "NAME=MODEL (a path or URI), manifests, or folders of manifests")
      ->type_name("[NAME=MODEL | MANIFEST.yaml | DIR]...");
  command.add_option("--model-name", options.model_name, "Name of the model in --model-dir (as KServe passes it)");
  command.add_option("--model-dir", options.model_dir,
                     "A model's folder (as KServe passes it); default /mnt/models if there is one");
  command.add_option("--namespace", options.model_namespace, "Namespace of models that don't say theirs")
      ->capture_default_str();
  command.add_flag("--strict", options.strict, "Fields of manifests that are unknown or have no effect are errors");
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
  command.add_option("--address", options.address, "Address to listen on")->capture_default_str();
  command.add_option("--http-port", options.http_port, "Port of REST; 0: a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command.add_option("--grpc-port", options.grpc_port, "Port of gRPC; 0: a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command.add_option("--enable-grpc", options.enable_grpc, "Whether to serve gRPC")
      ->expected(0, 1)
      ->default_str("true");
  command.add_option("--http-threads", options.http_threads, "Threads that read and answer REST; 0: one per core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command.add_option("--grpc-threads", options.grpc_threads, "The same for gRPC")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command
      .add_option(
          "--busy-poll-us", options.busy_poll_us,
          "Microseconds that a REST thread looks for requests before it sleeps, while they keep coming as fast; "
          "0: it sleeps at once")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command.add_option("--ports-file", options.ports_file, "File to write the ports to, as JSON, once they listen");
  const char* limits = "Limits";
  command.add_option("--max-header-bytes", options.max_header_bytes, "Largest head of a request")
      ->check(CLI::Range(uint64_t{1024}, uint64_t{16} << 20))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-body-bytes", options.max_body_bytes, "Largest body of a request, also when unpacked")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-buffered-bytes", options.max_buffered_bytes, "Bodies being read, all together")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-connections", options.max_connections, "REST connections")
      ->capture_default_str()
      ->group(limits);
  command.add_option("--max-inflight-per-model", options.max_in_flight, "Requests of one model, waiting and running")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str()
      ->group(limits);
  command.add_option("--read-timeout", options.read_timeout, "Seconds for a request to arrive")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(limits);
  command.add_option("--idle-timeout", options.idle_timeout, "Seconds a connection may idle")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(limits);
  command.add_option("--write-timeout", options.write_timeout, "Seconds a client may take no byte of its response")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(limits);
  command.add_option("--request-timeout", options.request_timeout, "Seconds for a request to be answered; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(limits);
  command.add_option("--drain-timeout", options.drain_timeout, "Seconds to finish requests after SIGTERM")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(limits);
  command.add_option("--gzip-level", options.gzip_level, "Compression for clients that ask for it, 1 to 9; 0: none")
      ->check(CLI::Range(0, 9))
      ->capture_default_str();
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

/// Flags of KServe's Python servers that have no meaning here; accepted so that its manifests run unchanged.
void AddIgnoredOptions(CLI::App& command) {
  for (std::string_view flag : platform::MeaninglessKServeFlags()) {
    std::string name = StrCat("--", flag);
    std::ranges::replace(name, '_', '-');
    command.add_option(name, "Accepted for KServe's sake; has no effect")->expected(0, 1)->group("");
  }
}

}  // namespace

void AddServeCommand(CLI::App& app, int& exit_status, std::string version) {
  CLI::App* command = app.add_subcommand("serve", "Serve models over REST and gRPC");
  auto options = std::make_shared<ServeOptions>();
  options->version = std::move(version);
  AddOptions(*command, *options);
  AddIgnoredOptions(*command);
  command->callback([options, &exit_status] {
    if (!NamesModels(*options)) {
      throw CLI::RequiredError("nothing to serve: NAME=MODEL, a manifest or a folder");
    }
    exit_status = ReportStatus(Serve(*options));
  });
}

}  // namespace triune::cli
