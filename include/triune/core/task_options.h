// How a task is to run.
#pragma once

#include <string>

namespace triune {

struct TaskOptions {
  std::string name{};  ///< In errors.
  int retries = 0;     ///< How often the function is called again when it throws or returns an error.
};

}  // namespace triune
