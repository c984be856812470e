// What is left of a driver and its processes, in whatever way one of them ends. The driver is this program, started
// again; what it does is the test DriverProgram.DISABLED_Run.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::driver_end_test {

constexpr std::chrono::milliseconds kLook{5};

/// "PID CHILD" in a file of that name, when it is all there.
void Write(const std::string& folder, pid_t child) {
  const std::string path = folder + "/" + std::to_string(getpid());
  std::ofstream(path + ".tmp") << getpid() << " " << child << " " << getppid() << "\n";
  std::filesystem::rename(path + ".tmp", path + ".task");
}

pid_t StartSomething() {
  std::array<char*, 3> arguments = {const_cast<char*>("sleep"), const_cast<char*>("1000"), nullptr};
  pid_t pid = 0;
  return posix_spawnp(&pid, "sleep", nullptr, nullptr, arguments.data(), environ) == 0 ? pid : -1;
}

void WaitForFile(const std::string& path) {
  while (!std::filesystem::exists(path)) std::this_thread::sleep_for(kLook);
}

/// Starts another program, and returns when there is a file "go".
int UntilTold(const std::string& folder) {
  Write(folder, StartSomething());
  WaitForFile(folder + "/go");
  return 1;
}
int Brief(const std::string& folder) {
  Write(folder, StartSomething());
  return 1;
}
int UntilToldAtFirst(const std::string& folder) {
  return RuntimeContext::attempt() == 0 ? UntilTold(folder) : RuntimeContext::attempt();
}
int Print(int which) {
  std::printf("printed %d\n", which);
  std::cerr << "complained " << which << "\n";
  return which;
}
int PrintWithoutEnd() {
  std::cout << "no end";
  return 1;
}
int One() { return 1; }

}  // namespace triune::driver_end_test

TRIUNE_REMOTE(triune::driver_end_test::UntilTold, triune::driver_end_test::Brief,
              triune::driver_end_test::UntilToldAtFirst, triune::driver_end_test::Print,
              triune::driver_end_test::PrintWithoutEnd, triune::driver_end_test::One);

namespace triune::driver_end_test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

constexpr const char* kMode = "TRIUNE_TEST_DRIVER";
constexpr const char* kFolder = "TRIUNE_TEST_FOLDER";
constexpr int kTasks = 2;

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "triune-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

  /// Of each task: its process, what that has started, and its parent.
  std::vector<std::vector<pid_t>> Tasks() const {
    std::vector<std::vector<pid_t>> tasks;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (entry.path().extension() != ".task") continue;
      std::ifstream file(entry.path());
      std::vector<pid_t>& pids = tasks.emplace_back(3);
      file >> pids[0] >> pids[1] >> pids[2];
    }
    return tasks;
  }

 private:
  std::string path_;
};

/// Only so that a test that hangs fails.
constexpr std::chrono::seconds kDeadline{10};
constexpr std::chrono::seconds kStartDeadline{60};

bool Eventually(const std::function<bool()>& condition, std::chrono::seconds deadline = kDeadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

/// A process that nobody buries does not count.
bool IsThere(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string all;
  if (!std::getline(file, all)) return false;
  const size_t name_end = all.rfind(')');
  return name_end != std::string::npos && all.size() > name_end + 2 && all[name_end + 2] != 'Z' &&
         all[name_end + 2] != 'X';
}

bool AllGone(const std::vector<std::vector<pid_t>>& tasks) {
  return std::none_of(tasks.begin(), tasks.end(), [](const auto& pids) {
    return std::any_of(pids.begin(), pids.end(), [](pid_t pid) { return IsThere(pid); });
  });
}

/// The program, as a driver.
class Driver {
 public:
  explicit Driver(const std::string& mode) {
    const std::string mode_entry = std::string(kMode) + "=" + mode;
    const std::string folder_entry = std::string(kFolder) + "=" + folder_.path();
    std::vector<char*> environment = {const_cast<char*>(mode_entry.c_str()), const_cast<char*>(folder_entry.c_str())};
    for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
    environment.push_back(nullptr);
    std::array<char*, 4> arguments = {const_cast<char*>("driver"),
                                      const_cast<char*>("--gtest_filter=DriverProgram.DISABLED_Run"),
                                      const_cast<char*>("--gtest_also_run_disabled_tests"), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, (folder_.path() + "/output").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (folder_.path() + "/error").c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    EXPECT_EQ(posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, arguments.data(), environment.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  ~Driver() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    WaitForEnd();
  }

  pid_t pid() const { return pid_; }
  const Folder& folder() const { return folder_; }
  void Tell(const std::string& what) const { std::ofstream(folder_.path() + "/" + what) << "\n"; }
  int WaitForEnd() {
    int status = -1;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(folder_.path() + "/" + name);
    std::stringstream all;
    all << file.rdbuf();
    return all.str();
  }
  /// When all of its tasks are under way.
  std::vector<std::vector<pid_t>> TasksThatRun() const {
    EXPECT_TRUE(Eventually([&] { return folder_.Tasks().size() == kTasks; }, kStartDeadline)) << Read("error");
    return folder_.Tasks();
  }

 private:
  Folder folder_;
  pid_t pid_ = -1;
};

std::atomic<int> interrupts{0};

/// Ends the process without the test program's own words.
[[noreturn]] void RunDriver(const std::string& mode, const std::string& folder) {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (mode == "interrupted") signal(SIGINT, [](int) { interrupts.fetch_add(1); });
  if (mode == "nobody reads") {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) _exit(2);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    close(STDERR_FILENO);
  }
  bool all_well = true;
  {
    const bool spills = mode == "spill";
    Session session({.cpus = kTasks,
                     .log_to_driver = mode != "quiet",
                     .object_memory = spills ? uint64_t{1} << 20U : 0,
                     .spill_directory = spills ? folder + "/spill" : "",
                     .spill_limit = uint64_t{16} << 20U});
    auto process = session.With({.isolation = kProcess});
    std::vector<ObjectRef<int>> references;
    ObjectRef<Buffer> large;
    if (spills) {
      std::filesystem::create_directory(folder + "/spill");
      large = session.PutBytes(std::vector<std::byte>(size_t{4} << 20U, std::byte{1}));
      if (!session.Get(large).ok()) _exit(4);
    }
    for (int i = 0; i < kTasks; ++i) {
      if (mode == "brief") {
        references.push_back(process.Submit(Brief, folder));
      } else if (mode == "print" || mode == "quiet" || mode == "nobody reads") {
        references.push_back(process.Submit(Print, i));
        references.push_back(process.Submit(PrintWithoutEnd));
      } else {
        references.push_back(process.Submit(UntilTold, folder));
      }
    }
    if (mode == "exit" || mode == "abort") {
      WaitForFile(folder + "/end");
      if (mode == "abort") std::abort();
      std::exit(0);
    }
    for (const auto& reference : references) all_well = session.Get(reference).ok() && all_well;
    if (mode == "brief") WaitForFile(folder + "/end");
  }
  _exit(all_well && (mode != "interrupted" || interrupts == 1) ? 0 : 3);
}

TEST(DriverProgram, DISABLED_Run) {
  const char* mode = std::getenv(kMode);
  const char* folder = std::getenv(kFolder);
  if (mode == nullptr || folder == nullptr) GTEST_SKIP() << "for other tests";
  RunDriver(mode, folder);
}

TEST(DriverEnd, NothingIsLeftOfOneThatWasKilled) {
  Driver driver("wait");
  const auto tasks = driver.TasksThatRun();
  kill(driver.pid(), SIGKILL);
  driver.WaitForEnd();
  EXPECT_TRUE(Eventually([&] { return AllGone(tasks); }));
}

TEST(DriverEnd, NorOfWhatItHasSpilled) {
  Driver driver("spill");
  const auto tasks = driver.TasksThatRun();
  const std::string directory = driver.folder().path() + "/spill";
  // Who has it open: a file without a name is gone with the last of them.
  auto users = [&] {
    int count = 0;
    std::error_code error;
    for (const auto& process : std::filesystem::directory_iterator("/proc", error)) {
      for (const auto& file : std::filesystem::directory_iterator(process.path() / "fd", error)) {
        count += std::filesystem::read_symlink(file.path(), error).string().starts_with(directory) ? 1 : 0;
      }
    }
    return count;
  };
  EXPECT_GE(users(), 2) << "the driver and its processes";
  EXPECT_TRUE(std::filesystem::is_empty(directory));
  kill(driver.pid(), SIGKILL);
  driver.WaitForEnd();
  EXPECT_TRUE(Eventually([&] { return AllGone(tasks) && users() == 0; }));
  EXPECT_TRUE(std::filesystem::is_empty(directory));
}

TEST(DriverEnd, NorOfOneThatReturned) {
  Driver driver("brief");
  ASSERT_TRUE(Eventually([&] { return !driver.folder().Tasks().empty(); }, kStartDeadline));
  driver.Tell("end");
  EXPECT_EQ(driver.WaitForEnd(), 0);
  const auto tasks = driver.folder().Tasks();
  EXPECT_TRUE(Eventually([&] { return AllGone(tasks); }));
}

TEST(DriverEnd, NorOfOneThatCalledExit) {
  Driver driver("exit");
  const auto tasks = driver.TasksThatRun();
  driver.Tell("end");
  driver.WaitForEnd();
  EXPECT_TRUE(Eventually([&] { return AllGone(tasks); }));
}

TEST(DriverEnd, NorOfOneThatAborted) {
  Driver driver("abort");
  const auto tasks = driver.TasksThatRun();
  driver.Tell("end");
  EXPECT_TRUE(WIFSIGNALED(driver.WaitForEnd()));
  EXPECT_TRUE(Eventually([&] { return AllGone(tasks); }));
}

TEST(DriverEnd, AnInterruptOnTheTerminalIsForTheDriverAlone) {
  Driver driver("interrupted");
  const auto tasks = driver.TasksThatRun();
  kill(-driver.pid(), SIGINT);
  driver.Tell("go");
  EXPECT_EQ(driver.WaitForEnd(), 0) << driver.Read("error");
  EXPECT_TRUE(Eventually([&] { return AllGone(tasks); }));
}

TEST(DriverEnd, LinesOfTasksAreWritten) {
  Driver driver("print");
  EXPECT_EQ(driver.WaitForEnd(), 0);
  const std::string output = driver.Read("output");
  const std::string error = driver.Read("error");
  const std::string prefix = "\\(triune::driver_end_test::Print pid=[0-9]+\\) ";
  for (const std::string number : {"0", "1"}) {
    EXPECT_THAT(output, testing::ContainsRegex("\n" + prefix + "printed " + number + "\n"));
    EXPECT_THAT(error, testing::ContainsRegex(prefix + "complained " + number + "\n"));
  }
  EXPECT_THAT(output, testing::ContainsRegex("\n\\(triune::driver_end_test::PrintWithoutEnd pid=[0-9]+\\) no end"));
}

TEST(DriverEnd, OrNotWhenNobodyWantsThem) {
  Driver driver("quiet");
  EXPECT_EQ(driver.WaitForEnd(), 0);
  EXPECT_THAT(driver.Read("output"), testing::Not(HasSubstr("printed")));
  EXPECT_THAT(driver.Read("error"), testing::Not(HasSubstr("complained")));
}

TEST(DriverEnd, ADriverThatCanNotWriteGoesOn) {
  Driver driver("nobody reads");
  EXPECT_EQ(driver.WaitForEnd(), 0);
}

class ZygoteEnd : public testing::Test {
 protected:
  void KillZygote() {
    ASSERT_TRUE(Eventually([&] { return !folder_.Tasks().empty(); }, kStartDeadline));
    tasks_ = folder_.Tasks();
    kill(tasks_[0][2], SIGKILL);
  }
  Folder folder_;
  std::vector<std::vector<pid_t>> tasks_;
};

TEST_F(ZygoteEnd, TasksFailAndLaterOnesWork) {
  Session session;
  auto process = session.With({.isolation = kProcess});
  auto task = process.Submit(UntilTold, folder_.path());
  KillZygote();
  const Status status = session.Get(task).status();
  ASSERT_NE(TaskError::Of(status), nullptr);
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kWorkerCrashed);
  EXPECT_THAT(status.ToString(), HasSubstr("zygote"));
  EXPECT_EQ(session.Get(process.Submit(One)).value(), 1);
  EXPECT_TRUE(Eventually([&] { return !IsThere(tasks_[0][0]) && !IsThere(tasks_[0][1]); }));
}

TEST_F(ZygoteEnd, OrAreTriedAgain) {
  Session session;
  auto task = session.With({.retries = 1, .isolation = kProcess}).Submit(UntilToldAtFirst, folder_.path());
  KillZygote();
  EXPECT_EQ(session.Get(task).value(), 1);
}

TEST(WorkerEnd, WhatATaskHasStartedGoesWithItsProcess) {
  const Folder folder;
  Session session;
  auto task = session.With({.isolation = kProcess}).Submit(UntilTold, folder.path());
  ASSERT_TRUE(Eventually([&] { return !folder.Tasks().empty(); }, kStartDeadline));
  const auto tasks = folder.Tasks();
  session.Cancel(task, {.force = true});
  EXPECT_TRUE(Eventually([&] { return !IsThere(tasks[0][0]) && !IsThere(tasks[0][1]); }));
}

}  // namespace
}  // namespace triune::driver_end_test
