// What gRPC and protobuf have to say, in our log.
#pragma once

namespace triune::server::grpc_api {

/// Sends the lines of gRPC, for the whole process, to telemetry::Log; protobuf's, which are about malformed messages
/// that the client is told of anyway, are dropped. Thread-safe.
void TakeOverLibraryLogs();

}  // namespace triune::server::grpc_api
