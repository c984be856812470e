// Answers questions about a session on a Unix socket.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "triune/status.h"
#include "triune/time.h"

namespace triune::compute {

class SessionState;

struct StateServerOptions {
  size_t most_connections = 16;  ///< One more waits until another is over.
  size_t most_request_bytes = 8192;
  /// From the connection to its end: who asks for nothing, or does not read, is not waited for longer.
  Duration most_time = std::chrono::seconds(10);
};

/// HTTP/1.1, one GET for each connection; see docs/compute.md for the paths. A thread of its own, which waits for
/// nobody but who asks, and takes no locks of the session's but for moments.
class StateServer {
 public:
  /// Makes the socket, for this user alone (mode 0600). A socket file whose owner is gone is replaced. AlreadyExists
  /// when somebody answers there; InvalidArgument when the file is something else, or can't be made.
  static Result<std::unique_ptr<StateServer>> Start(const std::string& path, const SessionState& state,
                                                    const StateServerOptions& options = {});
  /// Removes the file, if it is still its own.
  ~StateServer();
  StateServer(const StateServer&) = delete;
  StateServer& operator=(const StateServer&) = delete;

  /// Whether a server of this process has that path.
  static bool Serves(const std::string& path);

 private:
  struct Connection;
  StateServer(std::string path, const SessionState& state, const StateServerOptions& options, int listener, int wake);
  void Loop();
  void Accept();
  /// Both: false when the connection is over.
  bool Read(Connection& connection);
  static bool Write(Connection& connection);
  void Reply(Connection& connection);

  const std::string path_;
  const SessionState& state_;
  const StateServerOptions options_;
  const int listener_;
  const int wake_;  ///< An eventfd: the end.
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::list<Connection> connections_;
  std::thread thread_;
};

}  // namespace triune::compute
