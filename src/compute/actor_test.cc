#include "triune/core/actor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "triune/core.h"

namespace triune {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Add(int by) { return value_ += by; }
  int Value() const noexcept { return value_; }
  void Reset() { value_ = 0; }
  Result<int> Half() {
    if (value_ % 2 != 0) return InvalidArgument("the value is odd");
    return value_ / 2;
  }
  void Throw(const std::string& what) { throw std::runtime_error(what); }

 private:
  int value_;
};

/// Writes down what it is called with.
class Recorder {
 public:
  void Note(int number) { notes_.push_back(number); }
  std::vector<int> Notes() { return notes_; }

 private:
  std::vector<int> notes_;
};

/// Tells how many of it there are, and holds up whoever wants to.
class Guest {
 public:
  explicit Guest(std::atomic<int>* alive) : alive_(alive) { ++*alive_; }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest() { --*alive_; }
  int Stay(std::latch* arrived, std::latch* leave) {
    arrived->count_down();
    leave->wait();
    return 1;
  }
  int Greet() { return 2; }

 private:
  std::atomic<int>* alive_;
};

ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kTaskFailed : error->kind;
}

class ActorTest : public ::testing::TestWithParam<int> {
 protected:
  Session session_{{.cpus = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Cpus, ActorTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());
/// Where a task keeps one processor.
class BusyActorTest : public ActorTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, BusyActorTest, ::testing::Values(2, 8), ::testing::PrintToStringParamName());

TEST_P(ActorTest, KeepsItsState) {
  auto counter = session_.CreateActor<Counter>(10);
  counter.Call(&Counter::Add, 1);
  auto after = counter.Call(&Counter::Add, 2);
  EXPECT_EQ(*session_.Get(after), 13);
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Value)), 13);
  EXPECT_TRUE(session_.Get(counter.Call(&Counter::Reset)).ok());
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Add, session_.Submit([] { return 5; }))), 5) << "references";
  EXPECT_TRUE(session_.Get(counter.Ready()).ok());
}

TEST_P(ActorTest, IsMadeFromReferences) {
  std::atomic<bool> go{false};
  auto start = session_.Submit([&go] {
    while (!go) std::this_thread::yield();
    return 7;
  });
  auto counter = session_.CreateActor<Counter>(start);
  auto value = counter.Call(&Counter::Add, 1);
  EXPECT_FALSE(value.ready());
  go = true;
  EXPECT_EQ(*session_.Get(value), 8);
}

TEST_P(ActorTest, AnErrorOfAMethodIsTheCallsAndTheActorGoesOn) {
  auto counter = session_.CreateActor<Counter>(3);
  Result<int> half = session_.Get(counter.Call(&Counter::Half));
  EXPECT_EQ(half.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(KindOf(half.status()), ErrorKind::kTaskFailed);
  Status thrown = session_.Get(counter.Call(&Counter::Throw, "no luck"));
  EXPECT_THAT(thrown.ToString(), HasSubstr("Counter method' threw std::runtime_error: no luck"));
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Add, 1)), 4);
}

TEST_P(ActorTest, CallsOfOneCallerRunInOrder) {
  auto recorder = session_.CreateActor<Recorder>();
  std::vector<int> all;
  for (int i = 0; i < 5000; ++i) {
    recorder.Call(&Recorder::Note, i);
    all.push_back(i);
  }
  EXPECT_EQ(*session_.Get(recorder.Call(&Recorder::Notes)), all);
}

TEST_P(BusyActorTest, AlsoWhenAnArgumentIsLate) {
  auto recorder = session_.CreateActor<Recorder>();
  std::atomic<bool> go{false};
  auto late = session_.Submit([&go] {
    while (!go) std::this_thread::yield();
    return 1;
  });
  recorder.Call(&Recorder::Note, 0);
  recorder.Call(&Recorder::Note, late);
  auto last = recorder.Call(&Recorder::Note, 2);
  // Others are not held up by that.
  std::thread other([&] {
    EXPECT_TRUE(session_.Get(recorder.Call(&Recorder::Note, 100)).ok());
    go = true;
  });
  other.join();
  EXPECT_TRUE(session_.Get(last).ok());
  EXPECT_THAT(*session_.Get(recorder.Call(&Recorder::Notes)), ElementsAre(0, 100, 1, 2));
}

TEST_P(BusyActorTest, ACallThatIsCancelledHoldsNobodyUp) {
  auto recorder = session_.CreateActor<Recorder>();
  std::atomic<bool> go{false};
  auto never = session_.Submit([&go] {
    while (!go) std::this_thread::yield();
    return 1;
  });
  auto first = recorder.Call(&Recorder::Note, never);
  auto second = recorder.Call(&Recorder::Note, 2);
  EXPECT_TRUE(session_.Cancel(first));
  EXPECT_TRUE(session_.Get(second).ok());
  EXPECT_EQ(KindOf(session_.Get(first)), ErrorKind::kTaskCancelled);
  EXPECT_THAT(*session_.Get(recorder.Call(&Recorder::Notes)), ElementsAre(2));
  go = true;
  EXPECT_EQ(*session_.Get(never), 1);
}

TEST_P(ActorTest, ManyCallersLoseNothing) {
  auto counter = session_.CreateActor<Counter>(0);
  constexpr int kThreads = 4;
  constexpr int kCalls = 2000;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      int last = 0;
      for (int j = 0; j < kCalls; ++j) {
        auto call = counter.Call(&Counter::Add, 1);
        if (j % 3 == 0) {
          int now = *session_.Get(call);
          EXPECT_GT(now, last);
          last = now;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Value)), kThreads * kCalls);
}

TEST_P(ActorTest, CallsFromTasksAndFromActors) {
  struct Relay {
    ActorHandle<Counter> counter;
    Session* session;
    int Pass(int n) { return *session->Get(counter.Call(&Counter::Add, n)); }
  };
  auto counter = session_.CreateActor<Counter>(0);
  auto relay = session_.CreateActor<Relay>(counter, &session_);
  std::vector<ObjectRef<int>> passed;
  for (int i = 0; i < 100; ++i) {
    passed.push_back(session_.Submit([&, i] { return *session_.Get(relay.Call(&Relay::Pass, i)); }));
  }
  for (auto& pass : passed) EXPECT_TRUE(session_.Get(pass).ok());
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Value)), 4950);
}

TEST_P(ActorTest, EndsWithItsLastHandleWhenItsCallsAreDone) {
  std::atomic<int> alive{0};
  std::latch arrived(1);
  std::latch leave(1);
  ObjectRef<int> stay;
  ObjectRef<int> greet;
  {
    auto guest = session_.CreateActor<Guest>(&alive);
    stay = guest.Call(&Guest::Stay, &arrived, &leave);
    greet = guest.Call(&Guest::Greet);
  }
  arrived.wait();
  EXPECT_EQ(alive, 1);
  leave.count_down();
  EXPECT_EQ(*session_.Get(greet), 2);
  stay = {};
  greet = {};
  while (alive != 0) std::this_thread::yield();
}

TEST_P(ActorTest, AConstructorThatThrows) {
  struct Broken {
    explicit Broken(int x) {
      if (x > 0) throw std::domain_error("not today");
    }
    int Use() { return 1; }
  };
  auto broken = session_.CreateActor<Broken>(1);
  auto call = broken.Call(&Broken::Use);
  Status status = session_.Get(call).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kActorDied);
  EXPECT_THAT(Describe(status), HasSubstr("not today"));
  EXPECT_EQ(TaskError::Of(TaskError::Of(status)->cause)->exception_type, "std::domain_error");
  EXPECT_FALSE(session_.Get(broken.Ready()).ok());
  EXPECT_EQ(KindOf(session_.Get(broken.Call(&Broken::Use)).status()), ErrorKind::kActorDied) << "later as well";
  EXPECT_EQ(*session_.Get(session_.CreateActor<Broken>(0).Call(&Broken::Use)), 1);
}

TEST_P(ActorTest, ADestructorThatThrowsHarmsNobody) {
  struct Sore {
    Sore() = default;
    Sore(const Sore&) = delete;
    Sore& operator=(const Sore&) = delete;
    ~Sore() noexcept(false) { throw std::runtime_error("ouch"); }
    int Use() { return 1; }
  };
  EXPECT_EQ(*session_.Get(session_.CreateActor<Sore>().Call(&Sore::Use)), 1);
}

TEST_P(ActorTest, KillFailsWhatRunsAndWhatWaits) {
  std::atomic<int> alive{0};
  std::latch arrived(1);
  std::latch leave(1);
  auto guest = session_.CreateActor<Guest>(&alive);
  auto stay = guest.Call(&Guest::Stay, &arrived, &leave);
  auto greet = guest.Call(&Guest::Greet);
  arrived.wait();
  guest.Kill();
  // The method has not returned, but nobody waits for it.
  EXPECT_EQ(KindOf(session_.Get(stay, seconds(20)).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session_.Get(greet, seconds(20)).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session_.Get(guest.Call(&Guest::Greet), seconds(20)).status()), ErrorKind::kActorDied);
  EXPECT_EQ(alive, 1);
  leave.count_down();
  while (alive != 0) std::this_thread::yield();
}

TEST_P(ActorTest, RestartsWithTheSameArguments) {
  auto counter = session_.CreateActor<Counter>(ActorOptions{.max_restarts = 1}, 10);
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Add, 1)), 11);
  counter.Kill(true);
  EXPECT_EQ(*session_.Get(counter.Call(&Counter::Add, 1)), 11) << "made anew";
  counter.Kill(true);
  EXPECT_EQ(KindOf(session_.Get(counter.Call(&Counter::Add, 1)).status()), ErrorKind::kActorDied);
}

TEST_P(ActorTest, ARestartKeepsWhatWaits) {
  std::atomic<int> alive{0};
  std::latch arrived(1);
  std::latch leave(1);
  auto guest = session_.CreateActor<Guest>(ActorOptions{.max_restarts = -1}, &alive);
  auto stay = guest.Call(&Guest::Stay, &arrived, &leave);
  auto greet = guest.Call(&Guest::Greet);
  arrived.wait();
  guest.Kill(true);
  EXPECT_EQ(KindOf(session_.Get(stay).status()), ErrorKind::kActorUnavailable);
  leave.count_down();
  EXPECT_EQ(*session_.Get(greet), 2);
  EXPECT_EQ(alive, 1);
}

TEST_P(ActorTest, Names) {
  auto counter = session_.CreateActor<Counter>(ActorOptions{.name = "c"}, 1);
  auto found = session_.GetActor<Counter>("c");
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(*found, counter);
  EXPECT_EQ(session_.GetActor<Counter>("d").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(session_.GetActor<Recorder>("c").status().code(), StatusCode::kInvalidArgument);

  auto second = session_.CreateActor<Counter>(ActorOptions{.name = "c"}, 2);
  EXPECT_EQ(session_.Get(second.Call(&Counter::Value)).status().code(), StatusCode::kAlreadyExists);
  auto same = session_.CreateActor<Counter>(ActorOptions{.name = "c", .get_if_exists = true}, 2);
  EXPECT_EQ(same, counter);
  EXPECT_EQ(*session_.Get(same.Call(&Counter::Value)), 1);
  auto other = session_.CreateActor<Recorder>(ActorOptions{.name = "c", .get_if_exists = true});
  EXPECT_EQ(session_.Get(other.Call(&Recorder::Notes)).status().code(), StatusCode::kInvalidArgument);

  counter.Kill();
  EXPECT_FALSE(session_.Get(counter.Call(&Counter::Value)).ok());
  EXPECT_EQ(session_.GetActor<Counter>("c").status().code(), StatusCode::kNotFound) << "dead actors have no name";
  auto third = session_.CreateActor<Counter>(ActorOptions{.name = "c"}, 3);
  EXPECT_EQ(*session_.Get(third.Call(&Counter::Value)), 3);
}

TEST_P(ActorTest, ADetachedOneOutlivesItsHandles) {
  std::atomic<int> alive{0};
  {
    Session session({.cpus = GetParam()});
    session.CreateActor<Guest>(ActorOptions{.name = "stays", .detached = true}, &alive);
    session.CreateActor<Guest>(ActorOptions{.name = "goes"}, &alive);
    while (session.GetActor<Guest>("goes").ok()) std::this_thread::yield();
    auto stays = session.GetActor<Guest>("stays");
    ASSERT_TRUE(stays.ok());
    EXPECT_EQ(*session.Get(stays->Call(&Guest::Greet)), 2);
    EXPECT_EQ(alive, 1);
    auto nameless = session.CreateActor<Guest>(ActorOptions{.detached = true}, &alive);
    EXPECT_EQ(session.Get(nameless.Call(&Guest::Greet)).status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(alive, 0) << "the session ends it";
}

TEST_P(ActorTest, PendingCallsHaveALimit) {
  std::atomic<int> alive{0};
  std::latch arrived(1);
  std::latch leave(1);
  auto guest = session_.CreateActor<Guest>(ActorOptions{.max_pending_calls = 3}, &alive);
  auto stay = guest.Call(&Guest::Stay, &arrived, &leave);
  arrived.wait();
  auto second = guest.Call(&Guest::Greet);
  auto third = guest.Call(&Guest::Greet);
  auto fourth = guest.Call(&Guest::Greet);
  EXPECT_EQ(KindOf(session_.Get(fourth).status()), ErrorKind::kPendingCallsLimit);
  leave.count_down();
  EXPECT_EQ(*session_.Get(third), 2);
  EXPECT_EQ(*session_.Get(guest.Call(&Guest::Greet)), 2) << "there is room again";
}

TEST_P(ActorTest, SeveralCallsAtTheSameTime) {
  std::atomic<int> alive{0};
  auto guest = session_.CreateActor<Guest>(ActorOptions{.max_concurrency = 2}, &alive);
  std::latch arrived(2);
  std::latch leave(2);
  struct Meeting {
    std::latch both{2};
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    int Meet() {
      both.arrive_and_wait();
      return 1;
    }
    void Pass() {
      int n = ++now;
      int seen = most;
      while (seen < n && !most.compare_exchange_weak(seen, n)) {
      }
      std::this_thread::yield();
      --now;
    }
    int Most() { return most; }
  };
  if (GetParam() >= 2) {
    auto meeting = session_.CreateActor<Meeting>(ActorOptions{.max_concurrency = 2});
    auto a = meeting.Call(&Meeting::Meet);
    auto b = meeting.Call(&Meeting::Meet);
    EXPECT_EQ(*session_.Get(a) + *session_.Get(b), 2);
  }
  auto meeting = session_.CreateActor<Meeting>(ActorOptions{.max_concurrency = 2});
  std::vector<ObjectRef<void>> passes;
  for (int i = 0; i < 500; ++i) passes.push_back(meeting.Call(&Meeting::Pass));
  for (auto& pass : passes) EXPECT_TRUE(session_.Get(pass).ok());
  EXPECT_LE(*session_.Get(meeting.Call(&Meeting::Most)), 2);
}

TEST_P(ActorTest, AnActorThatWaitsForItselfIsTold) {
  struct Selfish {
    Session* session;
    ActorHandle<Selfish> self{};
    void Know(ActorHandle<Selfish> handle) { self = std::move(handle); }
    void Forget() { self = {}; }
    Status Wait() { return session->Get(self.Call(&Selfish::Forget)); }
  };
  auto selfish = session_.CreateActor<Selfish>(&session_);
  selfish.Call(&Selfish::Know, selfish);
  Status status = session_.Get(selfish.Call(&Selfish::Wait));
  EXPECT_THAT(Describe(status), HasSubstr("DEADLOCK"));
}

TEST_P(ActorTest, RetriesAndTimeoutsOfCalls) {
  struct Moody {
    int calls = 0;
    int Answer() {
      if (++calls < 3) throw std::runtime_error("not in the mood");
      return calls;
    }
    int Stuck() {
      while (!RuntimeContext::cancelled()) std::this_thread::yield();
      return 0;
    }
  };
  auto moody = session_.CreateActor<Moody>();
  EXPECT_EQ(*session_.Get(moody.With({.retries = 5}).Call(&Moody::Answer)), 3);
  Status late = session_.Get(moody.With({.name = "stuck", .timeout = milliseconds(20)}).Call(&Moody::Stuck)).status();
  EXPECT_EQ(KindOf(late), ErrorKind::kDeadlineExceeded);
  EXPECT_THAT(late.ToString(), HasSubstr("'stuck'"));
  EXPECT_EQ(*session_.Get(moody.Call(&Moody::Answer)), 4) << "the actor goes on";
}

TEST(Actors, AHundredThousandAreSmall) {
  Session session({.cpus = 2});
  std::vector<ActorHandle<Counter>> counters;
  std::vector<ObjectRef<int>> values;
  for (int i = 0; i < 100000; ++i) counters.push_back(session.CreateActor<Counter>(i));
  for (auto& counter : counters) values.push_back(counter.Call(&Counter::Add, 1));
  for (int i = 0; i < 100000; ++i) ASSERT_EQ(*session.Get(values[static_cast<size_t>(i)]), i + 1);
  EXPECT_LE(sizeof(detail::ActorCell<Counter>), 552U) << "with what constructs it, within 1 KB";
}

}  // namespace
}  // namespace triune
