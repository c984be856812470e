// The load maker: one thread, any number of connections, HTTP/1.1 or gRPC. Prints one line of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/strings.h"
#include "serve/load/bodies.h"
#include "serve/load/capture.h"
#include "serve/load/grpc_connection.h"
#include "serve/load/http_connection.h"
#include "serve/load/load.h"

#ifndef NDEBUG
#error "a load maker that is not optimised becomes the limit: build it with CMAKE_BUILD_TYPE=Release"
#endif

namespace triune::bench {
namespace {

struct Flags {
  std::string protocol;
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string path;
  std::vector<std::string> headers;
  std::string bodies;
  std::string expect;
  size_t connections = 1;
  double seconds = 3;
  double warm_up = 1;
  double rate = 0;
  size_t check_every = 1;
  bool capture = false;
};

double Microseconds(const std::vector<int64_t>& sorted, double quantile) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(quantile * static_cast<double>(sorted.size() - 1) + 0.5);
  return static_cast<double>(sorted[rank] / 10) / 100;
}

void Print(const LoadResult& result) {
  const std::vector<int64_t>& latencies = result.latencies;
  nlohmann::ordered_json line = {
      {"rps", static_cast<double>(latencies.size()) / result.seconds},
      {"p50_us", Microseconds(latencies, 0.5)},
      {"p90_us", Microseconds(latencies, 0.9)},
      {"p99_us", Microseconds(latencies, 0.99)},
      {"p999_us", Microseconds(latencies, 0.999)},
      {"max_us", Microseconds(latencies, 1)},
      {"measured", latencies.size()},
      {"sent", result.sent},
      {"failed", result.failed},
      {"checked", result.checked},
      {"mismatched", result.mismatched},
      {"client_cpu", result.client_cpu},
      {"first_error", result.first_error},
  };
  // An error text may hold any bytes.
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

Status Main(const Flags& flags) {
  TRIUNE_ASSIGN_OR_RETURN(const std::vector<Body> bodies, ReadBodies(flags.bodies));
  std::vector<Expectation> expectations;
  if (!flags.expect.empty()) {
    TRIUNE_ASSIGN_OR_RETURN(expectations, ReadExpectations(flags.expect));
    if (expectations.size() != bodies.size()) {
      return InvalidArgument(StrCat("got ", expectations.size(), " expectations for ", bodies.size(), " bodies"));
    }
  }
  const HttpRequests requests(bodies, flags.path, flags.headers);
  std::vector<std::unique_ptr<Connection>> connections;
  for (size_t i = 0; i < (flags.capture ? 1 : flags.connections); ++i) {
    TRIUNE_ASSIGN_OR_RETURN(const int fd, ConnectTo(flags.host, flags.port));
    if (flags.protocol == "grpc") {
      connections.push_back(std::make_unique<GrpcConnection>(fd, bodies, flags.path));
    } else {
      connections.push_back(std::make_unique<HttpConnection>(fd, requests));
    }
  }
  if (flags.capture) return CaptureAnswers(*connections[0], bodies.size(), stdout);
  const LoadOptions options{.warm_up = std::chrono::duration<double>(flags.warm_up),
                            .measured = std::chrono::duration<double>(flags.seconds),
                            .rate = flags.rate,
                            .check_every = flags.check_every};
  TRIUNE_ASSIGN_OR_RETURN(const LoadResult result, RunLoad(connections, bodies.size(), expectations, options));
  Print(result);
  return {};
}

}  // namespace
}  // namespace triune::bench

int main(int argc, char** argv) {
  triune::bench::Flags flags;
  CLI::App app("Load maker of `./dev bench serve`");
  app.add_option("protocol", flags.protocol, "http or grpc")->required()->check(CLI::IsMember({"http", "grpc"}));
  app.add_option("--host", flags.host, "IPv4 address");
  app.add_option("--port", flags.port, "port")->required();
  app.add_option("--path", flags.path, "path of the URL, or /package.Service/Method")->required();
  app.add_option("--header", flags.headers, "header line of every HTTP request");
  app.add_option("--bodies", flags.bodies, "request bodies, rotated over")->required();
  app.add_option("--expect", flags.expect, "the right answers");
  app.add_option("--connections", flags.connections, "connections, one request in flight on each")
      ->check(CLI::Range(1, 10000));
  app.add_option("--seconds", flags.seconds, "measured time");
  app.add_option("--warm-up", flags.warm_up, "seconds before it");
  app.add_option("--rate", flags.rate, "requests per second, evenly spaced (open loop); 0: as fast as answers come");
  app.add_option("--check-every", flags.check_every, "check every N-th answer")->check(CLI::PositiveNumber);
  app.add_flag("--capture", flags.capture, "send every body once, write the answers to stdout");
  CLI11_PARSE(app, argc, argv);
  const triune::Status status = triune::bench::Main(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "bench_load: %s\n", status.ToString().c_str());
  return 1;
}
