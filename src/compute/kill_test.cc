// Processes that end, or go astray, at any moment, cost no more than what ran in them.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/local/local_engine.h"
#include "compute/process/worker_engine.h"
#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::kill_test {

using std::chrono::milliseconds;

constexpr int kMany = 1'000'000;

int Square(int x) { return x * x; }
Buffer Turned(const Buffer& buffer) {
  std::vector<std::byte> bytes(buffer.bytes().rbegin(), buffer.bytes().rend());
  return Buffer::CopyOf(bytes);
}
Buffer Same(const Buffer& buffer) { return buffer; }
std::string Text(int length) { return std::string(static_cast<size_t>(length), 'x'); }
int Family(int depth) {
  if (depth == 0) return 1;
  Session& session = *Session::Current();
  auto process = session.With({.retries = kMany, .isolation = kProcess});
  auto left = process.Submit(Family, depth - 1);
  auto right = process.Submit(Family, depth - 1);
  return session.Get(left).value() + session.Get(right).value();
}
int LengthOf(const std::vector<ObjectRef<std::string>>& texts) {
  int sum = 0;
  for (const auto& text : texts) sum += static_cast<int>(Session::Current()->Get(text).value().size());
  return sum;
}

struct ThrowsAtItsEnd {
  ~ThrowsAtItsEnd() noexcept(false) { throw std::runtime_error("from a destructor"); }
};
void Overwrite(std::mt19937_64& dice, const std::string& line) {
  uintptr_t begin = 0;
  uintptr_t end = 0;
  if (std::sscanf(line.c_str(), "%lx-%lx rw-s", &begin, &end) != 2) return;
  if (end - begin > size_t{1} << 20U) return;  // the values of others
  auto* words = reinterpret_cast<volatile uint32_t*>(begin);
  const size_t count = (end - begin) / sizeof(uint32_t);
  switch (dice() % 4) {
    case 0:  // all of it
      for (size_t i = 0; i < count; ++i) words[i] = static_cast<uint32_t>(dice());
      return;
    case 1:  // the page with the doorbells and the stages
      for (size_t i = 1024; i < 2048; ++i) words[i] = dice() % 2 == 0 ? 0 : static_cast<uint32_t>(dice());
      return;
    case 2:  // a word here and there
      for (int i = 0; i < 1000; ++i) words[dice() % count] = static_cast<uint32_t>(dice());
      return;
    default:  // what the rings begin with
      for (size_t i = 1024; i < 4096; ++i) words[i] = UINT32_MAX;
  }
}
int Fails(const std::string& how, uint64_t seed) {
  if (how == "exit") std::exit(static_cast<int>(seed));
  if (how == "_exit") _exit(0);
  if (how == "quick_exit") std::quick_exit(1);
  if (how == "abort") std::abort();
  if (how == "terminate") std::terminate();
  if (how == "segfault") raise(SIGSEGV);
  if (how == "stop") raise(SIGSTOP);
  if (how == "hang") {
    while (true) usleep(100000);
  }
  if (how == "spin") {
    std::atomic<bool> never{false};
    while (!never.load()) {
    }
  }
  if (how == "destructor") {
    try {
      ThrowsAtItsEnd inner;
      throw std::logic_error("while another is on its way");
    } catch (...) {
      return 2;
    }
  }
  if (how == "exit in a thread") {
    std::thread([] { std::exit(3); }).join();
  }
  if (how == "overwrite") {
    std::mt19937_64 dice(seed);
    std::ifstream maps("/proc/self/maps");
    std::vector<std::string> lines;
    for (std::string line; std::getline(maps, line);) lines.push_back(line);
    for (const auto& line : lines) Overwrite(dice, line);
  }
  return 1;
}
int Survives(const std::string& how) {
  if (how == "leak") {
    for (int i = 0; i < 100; ++i) new std::vector<char>(100000, 'l');
  }
  if (how == "close") {
    for (int fd = 0; fd < 1024; ++fd) close(fd);
  }
  if (how == "threads") {
    for (int i = 0; i < 4; ++i) {
      std::thread([] {
        while (true) std::this_thread::sleep_for(milliseconds(1));
      }).detach();
    }
  }
  if (how == "threads that submit") {
    Session* session = Session::Current();
    for (int i = 0; i < 2; ++i) {
      std::thread([session] {
        for (int k = 0; k < 100; ++k) std::ignore = session->Get(session->Submit(Square, k));
      }).detach();
    }
  }
  if (how == "print") {
    for (int i = 0; i < 20000; ++i) std::printf("line %d\n", i);
    std::fflush(stdout);
  }
  if (how == "children") {
    for (int i = 0; i < 4; ++i) {
      if (fork() == 0) {
        while (true) pause();
      }
    }
  }
  if (how == "signals") {
    for (int number = 1; number < 32; ++number) std::signal(number, SIG_IGN);
  }
  if (how == "throws") throw std::runtime_error("only this");
  return 7;
}

class Adder {
 public:
  explicit Adder(int start) : sum_(start) {}
  int Add(int amount) { return sum_ += amount; }

 private:
  int sum_;
};

}  // namespace triune::kill_test

TRIUNE_REMOTE(triune::kill_test::Square, triune::kill_test::Turned, triune::kill_test::Same, triune::kill_test::Text,
              triune::kill_test::Family, triune::kill_test::LengthOf, triune::kill_test::Fails,
              triune::kill_test::Survives);
TRIUNE_REMOTE_ACTOR(triune::kill_test::Adder(int), &triune::kill_test::Adder::Add);

namespace triune::kill_test {
namespace {

using compute::Dice;
using compute::Eventually;
using compute::HasKind;
using compute::RepeatFor;

struct Process {
  pid_t pid;
  pid_t parent;
  std::string name;
  char state;
};

std::vector<Process> AllProcesses() {
  std::vector<Process> all;
  DIR* folder = opendir("/proc");
  while (const dirent* entry = readdir(folder)) {
    const pid_t pid = std::atoi(entry->d_name);
    if (pid == 0) continue;
    std::string line;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), line);
    const size_t begin = line.find('(');
    const size_t end = line.rfind(')');
    Process process{.pid = pid, .parent = 0, .name = {}, .state = '?'};
    if (begin == std::string::npos || end == std::string::npos) continue;
    process.name = line.substr(begin + 1, end - begin - 1);
    if (std::sscanf(line.c_str() + end + 1, " %c %d", &process.state, &process.parent) == 2) all.push_back(process);
  }
  closedir(folder);
  return all;
}
std::vector<pid_t> Zygotes() {
  std::vector<pid_t> zygotes;
  for (const Process& process : AllProcesses()) {
    if (process.parent == getpid() && process.name == "triune-zygote" && process.state != 'Z') {
      zygotes.push_back(process.pid);
    }
  }
  return zygotes;
}
std::vector<pid_t> Workers() {
  const std::vector<pid_t> zygotes = Zygotes();
  std::vector<pid_t> workers;
  for (const Process& process : AllProcesses()) {
    for (const pid_t zygote : zygotes) {
      if (process.parent == zygote && process.state != 'Z') workers.push_back(process.pid);
    }
  }
  return workers;
}

/// Kills some process again and again, at random moments.
class Killer {
 public:
  Killer(uint64_t seed, std::vector<pid_t> (*among)(), int most_microseconds)
      : thread_([this, seed, among, most_microseconds] {
          Dice dice(seed);
          const auto slower_from = std::chrono::steady_clock::now() + compute::StressTime();
          auto most = static_cast<size_t>(most_microseconds);
          while (!over_) {
            const std::vector<pid_t> all = among();
            if (!all.empty() && kill(all[dice.Pick(all.size())], SIGKILL) == 0) ++kills_;
            // Where processes take longer to start than to be killed nothing would ever be done.
            if (std::chrono::steady_clock::now() > slower_from) most = std::min<size_t>(most * 2, 5'000'000);
            const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(dice.Pick(most + 1));
            while (!over_ && std::chrono::steady_clock::now() < until) {
              std::this_thread::sleep_for(
                  std::min<Duration>(until - std::chrono::steady_clock::now(), std::chrono::milliseconds(10)));
            }
          }
        }) {}
  ~Killer() { Stop(); }
  Killer(const Killer&) = delete;
  Killer& operator=(const Killer&) = delete;
  /// How often it has killed so far.
  int kills() const { return kills_; }
  void Stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::atomic<int> kills_{0};
  std::thread thread_;
};

Buffer RandomBytes(Dice& dice, size_t size) {
  std::vector<std::byte> bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(dice.Pick(256));
  return Buffer::CopyOf(bytes);
}
bool AreEqual(const Buffer& a, const Buffer& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

/// The session's end may not hang either.
class KillTest : public ::testing::Test {
 protected:
  uint64_t Used() {
    return static_cast<compute::LocalEngine&>(compute::WorkerSession::EngineOf(session_)).object_statistics().used;
  }
  /// Nothing is left of values, once nobody refers to them, though there are processes.
  void ExpectNothingLeft() {
    EXPECT_TRUE(Eventually([&] { return Used() == 0; })) << Used() << " bytes are left";
  }
  void ExpectItWorks() {
    auto process = session_.With({.isolation = kProcess});
    std::vector<ObjectRef<int>> squares;
    for (int i = 0; i < 20; ++i) squares.push_back(process.Submit(Square, i));
    for (int i = 0; i < 20; ++i) {
      auto got = session_.Get(squares[static_cast<size_t>(i)]);
      ASSERT_TRUE(got.ok()) << Describe(got.status());
      EXPECT_EQ(*got, i * i);
    }
  }
  void RunUnderFire(uint64_t seed, Duration time, const std::function<void()>& while_it_lasts = {});

  compute::HangAlarm alarm_{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  Session session_{{.cpus = 3}};
};

/// Tasks of all kinds, until the time is over; each of them comes out right.
void KillTest::RunUnderFire(uint64_t seed, Duration time, const std::function<void()>& while_it_lasts) {
  RepeatFor(time, [&](uint64_t round) {
    Dice dice(seed + round);
    auto process = session_.With({.retries = kMany, .isolation = kProcess});
    auto alone = session_.With({.memory = 1, .retries = kMany, .isolation = kProcess});
    std::vector<std::pair<int, ObjectRef<int>>> numbers;
    std::vector<std::pair<Buffer, ObjectRef<Buffer>>> buffers;
    for (int i = 0; i < 60; ++i) {
      const int x = static_cast<int>(dice.Pick(1000));
      switch (dice.Pick(7)) {
        case 0: {
          const Buffer bytes = RandomBytes(dice, dice.Pick(40000));
          buffers.emplace_back(bytes, process.Submit(Turned, process.Submit(Turned, bytes)));
          break;
        }
        case 1: {
          const Buffer bytes = RandomBytes(dice, dice.Pick(40000));
          buffers.emplace_back(bytes, process.Submit(Same, process.Submit(Same, session_.Put(bytes))));
          break;
        }
        case 2: {
          const int depth = static_cast<int>(dice.Pick(3));
          numbers.emplace_back(1 << depth, process.Submit(Family, depth));
          break;
        }
        case 3: {
          const int length = static_cast<int>(dice.Pick(20000));
          numbers.emplace_back(2 * length, process.Submit(LengthOf, std::vector{process.Submit(Text, length),
                                                                                process.Submit(Text, length)}));
          break;
        }
        case 4:
          numbers.emplace_back(x * x, alone.Submit(Square, x));
          break;
        default:
          numbers.emplace_back(x * x, process.Submit(Square, x));
      }
    }
    if (while_it_lasts) while_it_lasts();
    for (const auto& [expected, number] : numbers) {
      const Result<int> got = session_.Get(number);
      ASSERT_TRUE(got.ok()) << Describe(got.status());
      EXPECT_EQ(*got, expected);
    }
    for (const auto& [expected, buffer] : buffers) {
      const Result<Buffer> got = session_.Get(buffer);
      ASSERT_TRUE(got.ok()) << Describe(got.status());
      EXPECT_TRUE(AreEqual(*got, expected));
    }
  });
}

TEST_F(KillTest, NothingIsLeftOfValuesWhenNobodyIsKilled) {
  RunUnderFire(5, compute::StressTime() / 2);
  ExpectNothingLeft();
}

TEST_F(KillTest, AllTasksComeOutRightWhateverIsKilled) {
  {
    Killer killer(compute::StressSeed(), &Workers, 3000);
    // In a slow build the first round may be over before there was anything to kill.
    do {
      RunUnderFire(1, compute::StressTime());
    } while (killer.kills() == 0);
  }
  ExpectItWorks();
  ExpectNothingLeft();
}

TEST_F(KillTest, AllTasksComeOutRightWhenTheZygoteIsKilled) {
  {
    Killer killer(compute::StressSeed(), &Zygotes, 30000);
    // In a slow build the first round may be over before there was anything to kill.
    do {
      RunUnderFire(2, compute::StressTime());
    } while (killer.kills() == 0);
  }
  ExpectItWorks();
  ExpectNothingLeft();
}

TEST_F(KillTest, WhatIsNotTriedAgainTellsWhatHasHappened) {
  Killer killer(compute::StressSeed(), &Workers, 2000);
  int failed = 0;
  RepeatFor(compute::StressTime(), [&](uint64_t) {
    std::vector<ObjectRef<int>> squares;
    for (int i = 0; i < 50; ++i) squares.push_back(session_.With({.isolation = kProcess}).Submit(Square, i));
    for (int i = 0; i < 50; ++i) {
      const Result<int> got = session_.Get(squares[static_cast<size_t>(i)]);
      if (got.ok()) {
        EXPECT_EQ(*got, i * i);
      } else {
        ++failed;
        EXPECT_TRUE(HasKind(got.status(), ErrorKind::kWorkerCrashed)) << Describe(got.status());
      }
    }
  });
  killer.Stop();
  ExpectItWorks();
  RecordProperty("failed", failed);
}

TEST_F(KillTest, ActorsAreMadeAgainHoweverOften) {
  auto adder = session_.CreateActor<Adder>({.max_restarts = -1, .isolation = kProcess}, 10);
  Killer killer(compute::StressSeed(), &Workers, 5000);
  RepeatFor(compute::StressTime(), [&](uint64_t) {
    const Result<int> got = session_.Get(adder.Call(&Adder::Add, 1));
    if (got.ok()) {
      EXPECT_GT(*got, 10);
    } else {
      EXPECT_TRUE(HasKind(got.status(), ErrorKind::kActorUnavailable) || HasKind(got.status(), ErrorKind::kActorDied))
          << Describe(got.status());
    }
    // Only a constructor that was killed is the end of it.
    if (!got.ok() && HasKind(got.status(), ErrorKind::kActorDied)) {
      adder = session_.CreateActor<Adder>({.max_restarts = -1, .isolation = kProcess}, 10);
    }
  });
  killer.Stop();
  ExpectItWorks();
}

TEST_F(KillTest, CancelAndTimeoutsUnderFire) {
  {
    Killer killer(compute::StressSeed(), &Workers, 3000);
    Dice dice(compute::StressSeed());
    RepeatFor(compute::StressTime(), [&](uint64_t) {
      std::vector<ObjectRef<int>> all;
      for (int i = 0; i < 20; ++i) {
        TaskOptions options{.retries = 2, .isolation = kProcess};
        if (dice.OneIn(2)) options.timeout = std::chrono::microseconds(dice.Pick(5000));
        auto process = session_.With(options);
        all.push_back(dice.OneIn(2) ? process.Submit(Family, 2) : process.Submit(Square, i));
      }
      for (const auto& one : all) {
        if (dice.OneIn(2)) session_.Cancel(one, {.recursive = dice.OneIn(2), .force = dice.OneIn(2)});
      }
      for (const auto& one : all) std::ignore = session_.Get(one);
    });
  }
  ExpectItWorks();
  ExpectNothingLeft();
}

TEST_F(KillTest, EndsThatCostTheTaskOnly) {
  for (const char* how :
       {"exit", "_exit", "quick_exit", "abort", "terminate", "segfault", "destructor", "exit in a thread"}) {
    SCOPED_TRACE(how);
    auto fails = session_.With({.isolation = kProcess}).Submit(Fails, std::string(how), 5U);
    const Status status = session_.Get(fails).status();
    EXPECT_TRUE(HasKind(status, ErrorKind::kWorkerCrashed)) << Describe(status);
    ExpectItWorks();
  }
  ExpectNothingLeft();
}

TEST_F(KillTest, WhatHangsIsEndedWithItsTime) {
  for (const char* how : {"hang", "spin", "stop"}) {
    SCOPED_TRACE(how);
    auto fails =
        session_.With({.timeout = milliseconds(20), .isolation = kProcess}).Submit(Fails, std::string(how), 0U);
    const Status status = session_.Get(fails).status();
    EXPECT_TRUE(HasKind(status, ErrorKind::kDeadlineExceeded)) << Describe(status);
    ExpectItWorks();
  }
}

/// Whatever it does to the memory that both see: what it was to do fails or succeeds, and nobody else comes to harm.
TEST_F(KillTest, GarbageInTheLink) {
  RepeatFor(compute::StressTime(), [&](uint64_t seed) {
    auto overwrites = session_.With({.timeout = milliseconds(300), .isolation = kProcess})
                          .Submit(Fails, std::string("overwrite"), seed);
    const Result<int> got = session_.Get(overwrites);
    if (got.ok()) {
      EXPECT_EQ(*got, 1);
    }
    // The next may be sent to the same process, which can't tell what it is asked.
    for (int i = 0; i < 5; ++i) {
      auto square = session_.With({.timeout = milliseconds(300), .isolation = kProcess}).Submit(Square, i);
      const Result<int> result = session_.Get(square);
      if (result.ok()) {
        EXPECT_EQ(*result, i * i);
      }
    }
  });
  // Those that were harmed are gone by now, or end with what they are given.
  for (int i = 0; i < 10; ++i) {
    std::ignore = session_.Get(session_.With({.timeout = milliseconds(300), .isolation = kProcess}).Submit(Square, 1));
  }
}

TEST_F(KillTest, WhatFunctionsMayDo) {
  for (const char* how :
       {"leak", "close", "threads", "threads that submit", "print", "children", "signals", "throws", "nothing"}) {
    SCOPED_TRACE(how);
    ::testing::internal::CaptureStdout();
    auto survives = session_.With({.isolation = kProcess}).Submit(Survives, std::string(how));
    const Result<int> got = session_.Get(survives);
    std::ignore = ::testing::internal::GetCapturedStdout();
    if (std::string(how) == "throws") {
      EXPECT_THAT(got.status().ToString(), ::testing::HasSubstr("only this"));
    } else {
      EXPECT_TRUE(got.ok()) << Describe(got.status());
    }
    ExpectItWorks();
  }
}

TEST(KillAtTheEnd, NoProcessIsLeft) {
  for (int i = 0; i < 3; ++i) {
    {
      Session session({.cpus = 2});
      auto process = session.With({.isolation = kProcess});
      for (int k = 0; k < 4; ++k) process.Submit(Survives, std::string("children"));
      auto hangs = process.Submit(Fails, std::string("hang"), 0U);
      std::ignore = session.Get(hangs, milliseconds(5));
      session.Cancel(hangs, {.force = true});
    }
    EXPECT_TRUE(Eventually([] { return Zygotes().empty(); }));
  }
}

}  // namespace
}  // namespace triune::kill_test
