#include "server/grpc/reflection_files.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <unordered_set>

namespace triune::server::grpc_api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

DescriptorFiles WithDependencies(const FileDescriptor& file) {
  DescriptorFiles serialized;
  std::vector<const FileDescriptor*> files{&file};
  std::unordered_set<const FileDescriptor*> seen{&file};
  for (size_t i = 0; i < files.size(); ++i) {
    const FileDescriptor* next = files[i];
    FileDescriptorProto proto;
    next->CopyTo(&proto);
    serialized.push_back(proto.SerializeAsString());
    for (int d = 0; d < next->dependency_count(); ++d) {
      if (seen.insert(next->dependency(d)).second) files.push_back(next->dependency(d));
    }
  }
  return serialized;
}

/// The names asked for are not repeated in messages: the answer holds the request, and they may be of any length.
Status UnknownType() { return NotFound("no message of this name is known"); }

}  // namespace

Result<DescriptorFiles> FilesByName(const std::string& file) {
  const FileDescriptor* found = Pool().FindFileByName(file);
  if (found == nullptr) return NotFound("no file of this name is known");
  return WithDependencies(*found);
}

Result<DescriptorFiles> FilesOfSymbol(const std::string& symbol) {
  const FileDescriptor* found = Pool().FindFileContainingSymbol(symbol);
  if (found == nullptr) return NotFound("no symbol of this name is known");
  return WithDependencies(*found);
}

Result<DescriptorFiles> FilesOfExtension(const std::string& type, int32_t number) {
  const Descriptor* message = Pool().FindMessageTypeByName(type);
  if (message == nullptr) return UnknownType();
  const FieldDescriptor* extension = Pool().FindExtensionByNumber(message, number);
  if (extension == nullptr) return NotFound("the message has no extension of this number");
  return WithDependencies(*extension->file());
}

Result<std::vector<int32_t>> ExtensionNumbersOf(const std::string& type) {
  const Descriptor* message = Pool().FindMessageTypeByName(type);
  if (message == nullptr) return UnknownType();
  std::vector<const FieldDescriptor*> extensions;
  Pool().FindAllExtensions(message, &extensions);
  std::vector<int32_t> numbers;
  for (const FieldDescriptor* extension : extensions) numbers.push_back(extension->number());
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace triune::server::grpc_api
