#include "compute/state/state_server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "compute/state/session_state.h"
#include "compute/state/state_request.h"

namespace triune::compute {
namespace {

TimePoint Now() { return std::chrono::steady_clock::now(); }

std::string LastError() { return std::generic_category().message(errno); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool SomebodyAnswers(const sockaddr_un& address) {
  const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int failed = connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return failed == 0 || errno == EAGAIN || errno == EINPROGRESS;  // its queue may be full
}

/// Takes the place of a socket whose owner is gone.
Status MakeRoom(const std::string& path, const sockaddr_un& address) {
  struct stat file;
  if (lstat(path.c_str(), &file) != 0) return {};
  if (!S_ISSOCK(file.st_mode)) return InvalidArgument("the state socket can't be made: " + path + " is another file");
  if (SomebodyAnswers(address)) {
    return AlreadyExists("the state socket can't be made: somebody answers on " + path + " already");
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return InvalidArgument("the state socket can't be made: " + path + " can't be removed: " + LastError());
  }
  return {};
}

/// Of those that this process has.
struct Served {
  std::mutex mutex;
  std::set<std::string> paths;
};
Served& served() {
  static auto* all = new Served;
  return *all;
}

}  // namespace

struct StateServer::Connection {
  int fd;
  TimePoint deadline;
  bool is_over = false;
  std::string request{};
  std::string answer{};
  size_t written = 0;
};

Result<std::unique_ptr<StateServer>> StateServer::Start(const std::string& path, const SessionState& state,
                                                        const StateServerOptions& options) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return InvalidArgument("the path of the state socket is too long: " + std::to_string(path.size()) +
                           " bytes, at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1));
  }
  const sockaddr_un address = AddressOf(path);
  // Whoever looks whether a socket is in use must be alone until there is one that is.
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, std::max<size_t>(slash, 1));
  const Descriptor lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.get() >= 0) flock(lock.get(), LOCK_EX);
  TRIUNE_RETURN_IF_ERROR(MakeRoom(path, address));
  Descriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (listener.get() < 0 || wake.get() < 0) return Internal("the state socket can't be made: " + LastError());
  fchmod(listener.get(), 0600);  // the file gets it from there: at no time may others connect
  if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return InvalidArgument("the state socket can't be made at " + path + ": " + LastError());
  }
  if (chmod(path.c_str(), 0600) != 0 || listen(listener.get(), 64) != 0) {
    Status status = InvalidArgument("the state socket can't be made at " + path + ": " + LastError());
    unlink(path.c_str());
    return status;
  }
  return std::unique_ptr<StateServer>(new StateServer(path, state, options, listener.Release(), wake.Release()));
}

StateServer::StateServer(std::string path, const SessionState& state, const StateServerOptions& options, int listener,
                         int wake)
    : path_(std::move(path)), state_(state), options_(options), listener_(listener), wake_(wake) {
  struct stat file;
  if (lstat(path_.c_str(), &file) == 0) {
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
  {
    std::lock_guard lock(served().mutex);
    served().paths.insert(path_);
  }
  thread_ = std::thread([this] { Loop(); });
}

StateServer::~StateServer() {
  const uint64_t one = 1;
  std::ignore = write(wake_, &one, sizeof(one));
  thread_.join();
  for (const Connection& connection : connections_) close(connection.fd);
  struct stat file;
  if (lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_) unlink(path_.c_str());
  close(listener_);
  close(wake_);
  std::lock_guard lock(served().mutex);
  served().paths.erase(path_);
}

bool StateServer::Serves(const std::string& path) {
  std::lock_guard lock(served().mutex);
  return served().paths.contains(path);
}

void StateServer::Loop() {
  std::vector<pollfd> polled;
  while (true) {
    polled.clear();
    polled.push_back({.fd = wake_, .events = POLLIN, .revents = 0});
    const bool has_room = connections_.size() < options_.most_connections;
    polled.push_back({.fd = has_room ? listener_ : -1, .events = POLLIN, .revents = 0});
    TimePoint first = kNever;
    for (const Connection& connection : connections_) {
      const short events = connection.answer.empty() ? POLLIN : POLLOUT;
      polled.push_back({.fd = connection.fd, .events = events, .revents = 0});
      first = std::min(first, connection.deadline);
    }
    int timeout = -1;
    if (first != kNever) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(first - Now()).count();
      timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
    }
    if (poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;
    size_t i = 2;
    const TimePoint now = Now();
    for (Connection& connection : connections_) {
      const bool is_ready = polled[i++].revents != 0;
      if (is_ready) connection.is_over = !(connection.answer.empty() ? Read(connection) : Write(connection));
      if (now >= connection.deadline) connection.is_over = true;
    }
    connections_.remove_if([](const Connection& connection) {
      if (connection.is_over) close(connection.fd);
      return connection.is_over;
    });
    if (polled[1].revents != 0) Accept();
  }
}

void StateServer::Accept() {
  while (connections_.size() < options_.most_connections) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      // Without descriptors it would be ready again at once.
      if (errno == EMFILE || errno == ENFILE) poll(nullptr, 0, 10);
      return;
    }
    connections_.push_back({.fd = fd, .deadline = Now() + options_.most_time});
  }
}

bool StateServer::Read(Connection& connection) {
  std::array<char, 4096> bytes;
  const ssize_t count = recv(connection.fd, bytes.data(), bytes.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  connection.request.append(bytes.data(), static_cast<size_t>(count));
  const size_t end = connection.request.find("\r\n\r\n");
  if (end != std::string::npos) {
    Reply(connection);
  } else if (connection.request.size() > options_.most_request_bytes) {
    connection.answer = Serialized(ErrorAnswer(431, "the request is too long"));
  } else {
    return true;
  }
  return Write(connection);
}

void StateServer::Reply(Connection& connection) {
  Result<StateRequest> request = connection.request.size() > options_.most_request_bytes
                                     ? Result<StateRequest>(InvalidArgument("the request is too long"))
                                     : ParseStateRequest(connection.request);
  if (request.ok()) {
    connection.answer = Serialized(Answer(state_, *request));
  } else {
    const bool is_method = request.status().code() == StatusCode::kUnimplemented;
    connection.answer = Serialized(ErrorAnswer(is_method ? 405 : 400, request.status().message()));
  }
  connection.deadline = Now() + options_.most_time;  // for reading it
}

bool StateServer::Write(Connection& connection) {
  while (connection.written < connection.answer.size()) {
    const ssize_t count = send(connection.fd, connection.answer.data() + connection.written,
                               connection.answer.size() - connection.written, MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    connection.written += static_cast<size_t>(count);
  }
  return false;
}

}  // namespace triune::compute
