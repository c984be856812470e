#include "cli/serve_command.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "base/cores.h"
#include "base/strings.h"
#include "cli/command.h"
#include "cli/serve_flags.h"
#include "cli/serve_models.h"
#include "cli/serve_options.h"
#include "model/runtime_registry.h"
#include "server/model_server.h"
#include "telemetry/log.h"

namespace triune::cli {
namespace {

using telemetry::LogField;

Duration Seconds(double seconds) { return Duration(static_cast<Duration::rep>(std::min(seconds, 1e9) * 1e9)); }

/// The signals that end the server, blocked so that they wait for sigwait.
sigset_t BlockStopSignals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  sigaddset(&stop, SIGHUP);  // the terminal is gone
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  return stop;
}

/// Whoever reads our log may end before us ("2>&1 | head"), and so may a client: neither is a reason to die.
void IgnoreBrokenPipes() {
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
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
  struct stat there {};
  if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    return InvalidArgument(StrCat("--ports-file ", path, " is there already and is not a plain file"));
  }
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
  out.grpc.message_bytes =
      options.grpc_message_bytes > 0 ? size_t{options.grpc_message_bytes} : size_t{options.max_body_bytes};
  out.grpc.metadata_bytes = options.max_header_bytes;
  out.grpc.buffered_bytes = options.max_buffered_bytes;
  out.grpc.read_timeout = Seconds(options.read_timeout);
  out.grpc.idle_timeout = Seconds(options.idle_timeout);
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

/// The last word on the start: "ready", or how many models are missing.
void LogOutcome(const serving::ModelRepository& repository) {
  const auto catalog = repository.catalog();
  const auto& models = catalog->models();
  auto failed = std::ranges::count_if(models, [](const auto& model) { return !model->ready(); });
  if (failed == 0) return telemetry::LogInfo("ready", {LogField("models", models.size())});
  telemetry::LogError(
      StrCat(failed, " of ", models.size(), models.size() == 1 ? " model" : " models", " failed to load; not ready"));
}

/// KServe's flags that do nothing here: said once each, and with --strict refused.
Status CheckFlagsWithoutEffect(const ServeOptions& options) {
  for (const std::string& flag : options.flags_without_effect) {
    if (options.strict) return InvalidArgument(StrCat(flag, " has no effect here, which --strict makes an error"));
    telemetry::LogWarning("flag of KServe's servers has no effect here", {LogField("flag", flag)});
  }
  return {};
}

Status Serve(const ServeOptions& options) {
  IgnoreBrokenPipes();
  TRIUNE_ASSIGN_OR_RETURN(telemetry::LogLevel level, telemetry::ParseLogLevel(options.log_level));
  telemetry::ConfigureLog(level,
                          options.log_format == "json" ? telemetry::LogFormat::kJson : telemetry::LogFormat::kText);
  TRIUNE_RETURN_IF_ERROR(CheckFlagsWithoutEffect(options));
  RaiseDescriptorLimit();
  // Tensors of a megabyte or two are common; mapping and unmapping each would cost more than the request. What is far
  // larger goes back to the system at once.
  mallopt(M_MMAP_THRESHOLD, 16 << 20);
  mallopt(M_TRIM_THRESHOLD, 32 << 20);
  model::RuntimeSearch search = model::RuntimeSearch::FromEnvironment();
  search.paths.insert(search.paths.begin(), options.runtime_path.begin(), options.runtime_path.end());
  model::RuntimeRegistry runtimes(std::move(search));
  TRIUNE_ASSIGN_OR_RETURN(std::vector<serving::ModelConfig> models, ModelsToServe(options, runtimes));
  // Until here a signal may simply end the process; from here on there are threads and requests.
  sigset_t stop = BlockStopSignals();
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
    LogOutcome(*repository);
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

}  // namespace

void AddServeCommand(CLI::App& app, int& exit_status, std::string version) {
  CLI::App* command = app.add_subcommand("serve", "Serve models over REST and gRPC");
  auto options = std::make_shared<ServeOptions>();
  options->version = std::move(version);
  AddServeFlags(*command, *options);
  command->callback([options, &exit_status] {
    if (!NamesModels(*options)) {
      throw CLI::RequiredError("nothing to serve: NAME=MODEL, a manifest or a folder");
    }
    exit_status = ReportStatus(Serve(*options));
  });
}

}  // namespace triune::cli
