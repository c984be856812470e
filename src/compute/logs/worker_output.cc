#include "compute/logs/worker_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>

#include "compute/logs/log_lines.h"

namespace triune::compute {
namespace {

/// Above the numbers that programs like.
constexpr int kLowest = 64;

int CopyOfPipe(int descriptor) {
  struct stat about {};
  if (fstat(descriptor, &about) != 0 || !S_ISFIFO(about.st_mode)) return -1;
  return fcntl(descriptor, F_DUPFD_CLOEXEC, kLowest);
}

}  // namespace

WorkerOutput::WorkerOutput() : pipes_{CopyOfPipe(STDOUT_FILENO), CopyOfPipe(STDERR_FILENO)} {
  // People want to see what a task has written so far.
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  Mark();
}

void WorkerOutput::Mark() {
  const std::string mark = LogLines::Mark(getpid(), task_);
  for (const int pipe : pipes_) {
    if (pipe < 0) continue;
    while (write(pipe, mark.data(), mark.size()) < 0 && errno == EINTR) {
    }
  }
}

void WorkerOutput::Begin(std::string_view task) {
  if (task == task_) return;
  task_ = task;
  Mark();
}

void WorkerOutput::End() {
  std::cout.flush();
  std::fflush(stdout);
}

}  // namespace triune::compute
