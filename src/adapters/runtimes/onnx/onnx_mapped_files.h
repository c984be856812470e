// The weights that a model keeps in files of their own ("external data").
#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "triune/status.h"

namespace triune::onnx {

/// ONNX Runtime maps such files into memory and computes from there, so that whoever overwrites one changes the answers
/// of the loaded model, and whoever truncates one ends the process with SIGBUS. None of its options turns that off;
/// its function AddExternalInitializersFromFilesInMemory passes over the tensors of subgraphs and functions. So each
/// mapping of a file of the model is replaced, at the same address, by memory of our own with the same bytes.
///
/// To be called after the session has been made, holding no SessionLock. Returns how many bytes it has copied: 0 for a
/// model in one file. FailedPrecondition when a file has been cut short meanwhile.
Result<uint64_t> CopyMappedFiles(const std::string& model_path);

/// To be held while a session is made or released: then mappings come and go, which CopyMappedFiles must not see.
class SessionLock {
 public:
  SessionLock();

 private:
  std::shared_lock<std::shared_mutex> lock_;
};

}  // namespace triune::onnx
