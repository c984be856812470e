// What `triune serve` was asked to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace triune::cli {

struct ServeOptions {
  std::vector<std::string> models;  ///< NAME=URI, manifests, folders.
  std::string model_name;
  std::string model_dir;
  std::string model_namespace = "default";
  bool strict = false;
  std::vector<std::string> pvc;
  std::vector<std::string> runtime_path;
  std::vector<std::string> parameters;
  int nthread = -1;                               ///< -1: not given.
  std::vector<std::string> flags_without_effect;  ///< Those of KServe that were given.

  std::string address = "0.0.0.0";
  int http_port = 8080;
  int grpc_port = 8081;
  bool enable_grpc = true;
  int http_threads = 0;  ///< 0: one per core.
  int grpc_threads = 0;
  int busy_poll_us = 50;
  std::string ports_file;

  uint64_t max_header_bytes = 64U << 10U;
  uint64_t max_body_bytes = 256U << 20U;
  uint64_t grpc_message_bytes = 0;  ///< 0: max_body_bytes.
  uint64_t max_buffered_bytes = uint64_t{4} << 30U;
  uint64_t max_connections = 65536;
  double read_timeout = 60;
  double idle_timeout = 180;
  double write_timeout = 60;
  double request_timeout = 0;
  int max_in_flight = 1024;
  double drain_timeout = 30;
  int gzip_level = 1;

  std::string log_level = "info";
  std::string log_format = "text";
  bool access_log = false;
  std::string version;  ///< Of the program.
};

}  // namespace triune::cli
