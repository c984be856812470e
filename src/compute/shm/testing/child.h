// Other processes for tests.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace triune::compute::shm {

/// A process that runs body(), an int function, and ends with what that returns. It is a copy of this one, which may
/// have no other threads. Expectations of the test library have no effect in it.
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(body());
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { Kill(); }

  /// Waits for its end. What body() has returned, or minus the number of the signal that ended it.
  int Join() {
    int state = 0;
    waitpid(std::exchange(pid_, -1), &state, 0);
    return WIFEXITED(state) ? WEXITSTATUS(state) : -WTERMSIG(state);
  }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    Join();
  }

 private:
  pid_t pid_;
};

}  // namespace triune::compute::shm
