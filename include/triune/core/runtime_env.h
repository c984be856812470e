// What the processes of tasks and actors are to have around them.
#pragma once

#include <map>
#include <string>

namespace triune {

/// Ray's runtime_env, of which these two are for programs. For isolation kProcess only. A process is made for it, and
/// is kept for others that ask for the same; the program's static objects have been made before.
struct RuntimeEnv {
  std::map<std::string, std::string> env_vars{};  ///< Added to those of this program, by name.
  /// Empty: that of this program. Otherwise one that is there; a relative one begins at that of this program.
  std::string working_dir{};

  bool empty() const { return env_vars.empty() && working_dir.empty(); }
};

}  // namespace triune
