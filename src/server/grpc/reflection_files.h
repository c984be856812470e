// What the process knows of its .proto files, for the reflection service.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "triune/status.h"

namespace triune::server::grpc_api {

/// Serialized FileDescriptorProto messages: a file, then those it depends on, directly or not, each once.
using DescriptorFiles = std::vector<std::string>;

/// All return NotFound for what the process does not know. Thread-safe.
Result<DescriptorFiles> FilesByName(const std::string& file);
/// `symbol`: full name of a service, method, message, enum, field or extension.
Result<DescriptorFiles> FilesOfSymbol(const std::string& symbol);
/// `type`: full name of the extended message.
Result<DescriptorFiles> FilesOfExtension(const std::string& type, int32_t number);
/// Of all extensions of a message, in ascending order.
Result<std::vector<int32_t>> ExtensionNumbersOf(const std::string& type);

}  // namespace triune::server::grpc_api
