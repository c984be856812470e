// Compiled DAGs of actors in processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "compute/local/local_engine.h"
#include "compute/process/worker_engine.h"
#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::process_dag_test {

using compute::HasKind;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class Adder {
 public:
  explicit Adder(int by) : by_(by) {}
  int Add(int x) {
    ++calls_;
    return x + by_;
  }
  int Sum(int a, int b) { return a + b; }
  double Scale(double x) { return x * by_; }
  int Calls() const { return calls_; }
  int Pid() const { return getpid(); }
  int Keep(int x) { return std::exchange(last_, x); }
  Result<int> Even(int x) {
    if (x % 2 != 0) return InvalidArgument("x is odd");
    return x;
  }
  int Throws(int x) {
    if (x < 0) throw std::out_of_range("x is negative");
    return x;
  }
  Status Check(int x) { return x > 0 ? Status() : FailedPrecondition("x is not positive"); }
  void Nothing(int) {}
  int Fails(int x) {
    ++attempts_;
    if (RuntimeContext::attempt() < 2) throw std::runtime_error("again");
    return x + attempts_;
  }
  int Exits(int x) {
    if (x < 0) _exit(3);
    return x;
  }
  int Sleeps(int x) {
    if (x < 0) {
      while (!RuntimeContext::cancelled()) usleep(1000);
    }
    return x;
  }
  /// Until there is such a file.
  int Waits(const std::string& path, int x) {
    while (access(path.c_str(), F_OK) != 0) usleep(200);
    return x;
  }
  std::string Text(int length) { return std::string(static_cast<size_t>(length), static_cast<char>('a' + by_ % 26)); }
  std::string Join(const std::string& a, const std::string& b) { return a + "|" + b; }
  int Length(const std::string& text) { return static_cast<int>(text.size()); }
  std::vector<double> Numbers(const std::vector<double>& numbers) {
    std::vector<double> more = numbers;
    for (double& number : more) number += by_;
    return more;
  }
  Buffer Turned(const Buffer& buffer) {
    const std::vector<std::byte> bytes(buffer.bytes().rbegin(), buffer.bytes().rend());
    kept_ = buffer;
    return Buffer::CopyOf(bytes);
  }
  int KeptEnd() const { return kept_.empty() ? -1 : static_cast<int>(kept_.bytes().back()); }
  std::vector<std::string> Many(const std::vector<std::string>& texts) {
    std::vector<std::string> more = texts;
    more.push_back(std::to_string(by_));
    return more;
  }
  std::vector<ObjectRef<int>> References(int x) { return {Session::Current()->Put(x)}; }
  int Nested(int x);
  int NotRegistered(int x) { return x; }

 private:
  const int by_;
  int calls_ = 0;
  int last_ = -1;
  int attempts_ = 0;
  Buffer kept_;
};

int Square(int x) { return x * x; }
int Adder::Nested(int x) { return Session::Current()->Get(Session::Current()->Submit(Square, x)).value() + by_; }

}  // namespace triune::process_dag_test

TRIUNE_REMOTE(triune::process_dag_test::Square);
TRIUNE_REMOTE_ACTOR(triune::process_dag_test::Adder(int), &triune::process_dag_test::Adder::Add,
                    &triune::process_dag_test::Adder::Sum, &triune::process_dag_test::Adder::Scale,
                    &triune::process_dag_test::Adder::Calls, &triune::process_dag_test::Adder::Pid,
                    &triune::process_dag_test::Adder::Keep, &triune::process_dag_test::Adder::Even,
                    &triune::process_dag_test::Adder::Throws, &triune::process_dag_test::Adder::Check,
                    &triune::process_dag_test::Adder::Nothing, &triune::process_dag_test::Adder::Fails,
                    &triune::process_dag_test::Adder::Exits, &triune::process_dag_test::Adder::Sleeps,
                    &triune::process_dag_test::Adder::Waits, &triune::process_dag_test::Adder::Text,
                    &triune::process_dag_test::Adder::Join, &triune::process_dag_test::Adder::Length,
                    &triune::process_dag_test::Adder::Numbers, &triune::process_dag_test::Adder::Turned,
                    &triune::process_dag_test::Adder::KeptEnd, &triune::process_dag_test::Adder::Many,
                    &triune::process_dag_test::Adder::References, &triune::process_dag_test::Adder::Nested);

namespace triune::process_dag_test {
namespace {

class ProcessDagTest : public ::testing::Test {
 protected:
  explicit ProcessDagTest(int cpus = 2) : session_({.cpus = cpus}) {}
  ActorHandle<Adder> Make(int by, int restarts = 0) {
    return session_.CreateActor<Adder>({.max_restarts = restarts, .isolation = kProcess}, by);
  }
  uint64_t UsedBytes() {
    return static_cast<compute::LocalEngine&>(compute::WorkerSession::EngineOf(session_)).object_statistics().used;
  }
  int PidOf(const ActorHandle<Adder>& actor) { return session_.Get(actor.Call(&Adder::Pid)).value(); }

  compute::HangAlarm alarm_{"process DAG"};
  Session session_;
  InputNode<int> input_;
};

template <typename T>
T ValueOf(Result<T> result) {
  EXPECT_TRUE(result.ok()) << Describe(result.status());
  return *std::move(result);
}

class Path {
 public:
  Path() : name_(::testing::TempDir() + "process_dag_" + std::to_string(getpid())) { unlink(name_.c_str()); }
  ~Path() { Remove(); }
  void Remove() const { unlink(name_.c_str()); }
  const std::string& name() const { return name_; }
  void Make() const { std::ofstream(name_) << "x"; }

 private:
  std::string name_;
};

TEST_F(ProcessDagTest, GivesTheResult) {
  auto one = Make(1);
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, input_)));
  EXPECT_EQ(ValueOf(compiled.Execute(7).Get()), 8);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(ValueOf(session_.Get(compiled.Execute(i))), i + 1);
}

TEST_F(ProcessDagTest, PassesValuesFromProcessToProcess) {
  auto one = Make(1);
  auto ten = Make(10);
  auto hundred = Make(100);
  auto chain = hundred.Bind(&Adder::Add, ten.Bind(&Adder::Add, one.Bind(&Adder::Add, input_)));
  auto compiled = ValueOf(session_.Compile<int(int)>(chain));
  for (int i = 0; i < 300; ++i) ASSERT_EQ(ValueOf(compiled.Execute(i).Get()), i + 111);
}

TEST_F(ProcessDagTest, DiamondsConstantsAndSeveralOutputs) {
  auto one = Make(1);
  auto ten = Make(10);
  InputNode<double> factor(1);
  auto left = one.Bind(&Adder::Add, input_);
  auto right = ten.Bind(&Adder::Sum, input_, session_.Put(5));
  auto both = one.Bind(&Adder::Sum, left, right);
  auto scaled = ten.Bind(&Adder::Scale, factor);
  auto compiled = ValueOf(session_.Compile<std::tuple<int, int, double, int, int>(int, double)>(
      MultiOutputNode(both, left, scaled, both, input_)));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(ValueOf(compiled.Execute(i, 0.5).Get()), std::tuple(2 * i + 6, i + 1, 5.0, 2 * i + 6, i));
  }
}

TEST_F(ProcessDagTest, CallsAnActorInTheOrderOfTheExecutions) {
  auto one = Make(1);
  auto last = one.Bind(&Adder::Keep, one.Bind(&Adder::Add, input_));
  auto compiled = ValueOf(session_.Compile<int(int)>(last, {.max_inflight_executions = 4}));
  std::vector<CompiledDagRef<int>> references;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 4; ++i) references.push_back(compiled.Execute(4 * round + i));
    // In any order.
    for (int i = 3; i >= 0; --i) {
      const int number = 4 * round + i;
      EXPECT_EQ(ValueOf(references[static_cast<size_t>(i)].Get()), number == 0 ? -1 : number);
    }
    references.clear();
  }
}

TEST_F(ProcessDagTest, RefusesWhatThereIsNoRoomFor) {
  auto one = Make(1);
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, input_), {.max_inflight_executions = 2}));
  auto first = compiled.Execute(1);
  auto second = compiled.Execute(2);
  EXPECT_TRUE(HasKind(compiled.Execute(3).Get().status(), ErrorKind::kCapacityExceeded));
  EXPECT_EQ(ValueOf(first.Get()), 2);
  auto third = compiled.Execute(3);
  EXPECT_EQ(ValueOf(third.Get()), 4);
  EXPECT_EQ(ValueOf(second.Get()), 3);
  EXPECT_EQ(second.Get().status().code(), StatusCode::kFailedPrecondition);
  // Those that nobody wants make room when they are over.
  for (int i = 0; i < 100; ++i) {
    std::ignore = compiled.Execute(i);
    ASSERT_TRUE(compute::Eventually([&] { return compiled.Execute(i).Get().ok(); }));
  }
}

TEST_F(ProcessDagTest, AnErrorIsThatOfItsExecutionOnly) {
  auto one = Make(1);
  auto ten = Make(10);
  auto even = one.Bind(&Adder::Even, input_);
  auto sum = ten.Bind(&Adder::Sum, one.Bind(&Adder::Add, even), ten.Bind(&Adder::Throws, input_));
  auto compiled = ValueOf(session_.Compile<int(int)>(sum));
  EXPECT_EQ(ValueOf(compiled.Execute(2).Get()), 5);
  Status odd = compiled.Execute(3).Get().status();
  EXPECT_EQ(odd.code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(HasKind(odd, ErrorKind::kTaskFailed));
  EXPECT_THAT(odd.message(), HasSubstr("x is odd"));
  Status thrown = compiled.Execute(-2).Get().status();
  const TaskError* error = TaskError::Of(thrown);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->kind, ErrorKind::kTaskFailed);
  EXPECT_THAT(error->exception_type, HasSubstr("out_of_range"));
  EXPECT_THAT(error->task, HasSubstr("Throws"));
#ifndef __SANITIZE_THREAD__
  EXPECT_FALSE(error->stack.empty());
#endif
  EXPECT_EQ(ValueOf(compiled.Execute(4).Get()), 9);
}

TEST_F(ProcessDagTest, VoidStatusNamesAndRetries) {
  auto one = Make(1);
  auto check = ValueOf(session_.Compile<void(int)>(one.Bind(&Adder::Check, input_)));
  EXPECT_TRUE(check.Execute(1).Get().ok());
  EXPECT_EQ(check.Execute(0).Get().code(), StatusCode::kFailedPrecondition);
  auto nothing = ValueOf(session_.Compile<void(int)>(one.Bind(&Adder::Nothing, input_)));
  EXPECT_TRUE(nothing.Execute(1).Get().ok());
  auto fails = one.With({.name = "mine", .retries = 2}).Bind(&Adder::Fails, input_);
  auto retried = ValueOf(session_.Compile<int(int)>(fails));
  EXPECT_EQ(ValueOf(retried.Execute(0).Get()), 3);
  auto named = ValueOf(session_.Compile<int(int)>(one.With({.name = "mine"}).Bind(&Adder::Even, input_)));
  EXPECT_EQ(TaskError::Of(named.Execute(1).Get().status())->task, "task 'mine'");
}

TEST_F(ProcessDagTest, LargeValuesAndBuffers) {
  auto one = Make(1);
  auto two = Make(2);
  auto length =
      two.Bind(&Adder::Length, one.Bind(&Adder::Join, one.Bind(&Adder::Text, input_), two.Bind(&Adder::Text, input_)));
  auto compiled = ValueOf(session_.Compile<int(int)>(length));
  for (int size : {0, 10, 4031, 4032, 4033, 100'000, 3'000'000, 5, 200'000}) {
    for (int i = 0; i < 3; ++i) ASSERT_EQ(ValueOf(compiled.Execute(size).Get()), 2 * size + 1);
  }
  InputNode<std::vector<double>> numbers;
  auto more = ValueOf(session_.Compile<std::vector<double>(std::vector<double>)>(
      two.Bind(&Adder::Numbers, one.Bind(&Adder::Numbers, numbers))));
  for (size_t size : {1U, 504U, 505U, 200'000U}) {
    EXPECT_EQ(ValueOf(more.Execute(std::vector<double>(size, 0.5)).Get()), std::vector<double>(size, 3.5));
  }
  InputNode<Buffer> bytes;
  auto turned = ValueOf(session_.Compile<Buffer(Buffer)>(two.Bind(&Adder::Turned, one.Bind(&Adder::Turned, bytes))));
  for (size_t size : {1U, 4000U, 1'000'000U}) {
    std::vector<std::byte> given(size, std::byte{1});
    given.back() = std::byte{7};
    const Buffer back = ValueOf(turned.Execute(Buffer::CopyOf(given)).Get());
    ASSERT_EQ(back.size(), size);
    EXPECT_TRUE(std::equal(given.begin(), given.end(), back.bytes().begin()));
    // What an actor keeps is its own.
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(turned.Execute(Buffer::CopyOf(std::vector<std::byte>(size))).Get().ok());
    EXPECT_TRUE(turned.Execute(Buffer::CopyOf(given)).Get().ok());
    EXPECT_EQ(ValueOf(session_.Get(one.Call(&Adder::KeptEnd))), 7);
  }
  InputNode<std::vector<std::string>> texts;
  auto many = ValueOf(session_.Compile<std::vector<std::string>(std::vector<std::string>)>(
      two.Bind(&Adder::Many, one.Bind(&Adder::Many, texts))));
  EXPECT_EQ(ValueOf(many.Execute({"a"}).Get()), (std::vector<std::string>{"a", "1", "2"}));
}

TEST_F(ProcessDagTest, MemoryIsGivenBack) {
  auto one = Make(1);
  auto two = Make(2);
  ASSERT_TRUE(session_.Get(one.Ready()).ok());
  ASSERT_TRUE(session_.Get(two.Ready()).ok());
  const uint64_t before = UsedBytes();
  {
    auto compiled = ValueOf(
        session_.Compile<std::string(int)>(two.Bind(&Adder::Join, one.Bind(&Adder::Text, input_), std::string("x"))));
    EXPECT_EQ(ValueOf(compiled.Execute(500'000).Get()).size(), 500'002U);
    EXPECT_GT(UsedBytes(), before + 1'000'000);
  }
  EXPECT_TRUE(compute::Eventually([&] { return UsedBytes() == before; })) << UsedBytes() << " " << before;
  EXPECT_EQ(ValueOf(session_.Get(one.Call(&Adder::Add, 1))), 2);
}

TEST_F(ProcessDagTest, OtherCallsGoOnMeanwhile) {
  auto one = Make(1);
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, input_)));
  for (int i = 0; i < 200; ++i) {
    auto reference = compiled.Execute(i);
    ASSERT_EQ(ValueOf(session_.Get(one.Call(&Adder::Sum, i, 5))), i + 5);
    ASSERT_EQ(ValueOf(reference.Get()), i + 1);
  }
  EXPECT_EQ(ValueOf(session_.Get(one.With({.retries = 2}).Call(&Adder::Fails, 0))), 3);
  EXPECT_EQ(ValueOf(session_.Get(one.Call(&Adder::Calls))), 200);
}

TEST_F(ProcessDagTest, SeveralOfOneActor) {
  auto one = Make(1);
  auto ten = Make(10);
  auto first = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, ten.Bind(&Adder::Add, input_))));
  auto second = ValueOf(session_.Compile<int(int)>(ten.Bind(&Adder::Add, one.Bind(&Adder::Add, input_))));
  for (int i = 0; i < 200; ++i) {
    auto a = first.Execute(i);
    auto b = second.Execute(i);
    ASSERT_EQ(ValueOf(a.Get()), i + 11);
    ASSERT_EQ(ValueOf(b.Get()), i + 11);
  }
  // And one after the other.
  for (int i = 0; i < 10; ++i) {
    auto again = ValueOf(session_.Compile<int(int)>(ten.Bind(&Adder::Add, one.Bind(&Adder::Add, input_))));
    ASSERT_EQ(ValueOf(again.Execute(i).Get()), i + 11);
  }
}

TEST_F(ProcessDagTest, ActorsThatRunSeveralCallsAtOnce) {
  auto one = session_.CreateActor<Adder>({.max_concurrency = 2, .isolation = kProcess}, 1);
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, input_)));
  Path path;
  auto waits = one.Call(&Adder::Waits, path.name(), 3);
  EXPECT_EQ(ValueOf(compiled.Execute(1).Get()), 2);
  path.Make();
  EXPECT_EQ(ValueOf(session_.Get(waits)), 3);
}

TEST_F(ProcessDagTest, MethodsSubmitTasks) {
  auto one = Make(1);
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Nested, input_)));
  for (int i = 0; i < 20; ++i) ASSERT_EQ(ValueOf(compiled.Execute(i).Get()), i * i + 1);
}

TEST_F(ProcessDagTest, TheTimeoutOfGet) {
  auto one = Make(1);
  Path path;
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Waits, path.name(), input_)));
  auto reference = compiled.Execute(4);
  EXPECT_TRUE(HasKind(session_.Get(reference, milliseconds(5)).status(), ErrorKind::kGetTimeout));
  path.Make();
  EXPECT_EQ(ValueOf(session_.Get(reference)), 4);
}

TEST_F(ProcessDagTest, SeveralThreadsWait) {
  auto one = Make(1);
  auto ten = Make(10);
  auto compiled = ValueOf(
      session_.Compile<int(int)>(ten.Bind(&Adder::Add, one.Bind(&Adder::Add, input_)), {.max_inflight_executions = 8}));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        auto a = compiled.Execute(t * 1000 + i);
        auto b = compiled.Execute(t * 1000 + i + 1);
        EXPECT_EQ(ValueOf(session_.Get(b)), t * 1000 + i + 12);
        EXPECT_EQ(ValueOf(session_.Get(a)), t * 1000 + i + 11);
      }
    });
  }
}

TEST_F(ProcessDagTest, InTasksOfASessionWithOneProcessor) {
  Session small({.cpus = 1});
  auto one = small.CreateActor<Adder>({.isolation = kProcess}, 1);
  auto task = small.Submit([&] {
    auto compiled = small.Compile<int(int)>(one.Bind(&Adder::Add, input_));
    if (!compiled.ok()) return -1;
    int sum = 0;
    for (int i = 0; i < 10; ++i) sum += small.Get(compiled->Execute(i)).value();
    return sum + small.Get(small.Submit(Square, 10)).value();
  });
  EXPECT_EQ(ValueOf(small.Get(task)), 155);
}

TEST_F(ProcessDagTest, FailsWhenAnActorIsKilled) {
  auto one = Make(1);
  auto ten = Make(10);
  Path path;
  path.Make();
  auto waits = one.Bind(&Adder::Waits, path.name(), input_);
  auto compiled = ValueOf(session_.Compile<int(int)>(ten.Bind(&Adder::Add, waits)));
  EXPECT_EQ(ValueOf(compiled.Execute(1).Get()), 11);
  path.Remove();
  auto hangs = compiled.Execute(-1);
  auto behind = compiled.Execute(1);
  EXPECT_TRUE(HasKind(hangs.Get(milliseconds(5)).status(), ErrorKind::kGetTimeout));
  one.Kill();
  EXPECT_TRUE(HasKind(hangs.Get().status(), ErrorKind::kActorDied));
  EXPECT_TRUE(HasKind(behind.Get().status(), ErrorKind::kActorDied));
  EXPECT_TRUE(HasKind(compiled.Execute(1).Get().status(), ErrorKind::kActorDied));
  compiled.Teardown();
  // The other one has not died of it.
  EXPECT_EQ(ValueOf(session_.Get(ten.Call(&Adder::Add, 1))), 11);
}

TEST_F(ProcessDagTest, FailsWhenAProcessDies) {
  const auto used = [&] { return UsedBytes(); };
  auto ten = Make(10, -1);
  ASSERT_TRUE(session_.Get(ten.Ready()).ok());
  const uint64_t before = used();
  for (int how = 0; how < 3; ++how) {
    auto one = Make(1, how == 2 ? -1 : 0);
    {
      auto compiled = ValueOf(session_.Compile<int(int)>(ten.Bind(&Adder::Add, one.Bind(&Adder::Exits, input_))));
      EXPECT_EQ(ValueOf(compiled.Execute(1).Get()), 11);
      if (how == 0) kill(PidOf(one), SIGKILL);
      Status status = compiled.Execute(-1).Get().status();
      EXPECT_TRUE(HasKind(status, how == 2 ? ErrorKind::kActorUnavailable : ErrorKind::kActorDied))
          << status.ToString();
      EXPECT_FALSE(compiled.Execute(1).Get().ok());
    }
    EXPECT_EQ(session_.Get(one.Call(&Adder::Add, 1)).ok(), how == 2);
    EXPECT_EQ(ValueOf(session_.Get(ten.Call(&Adder::Add, 1))), 11);
  }
  EXPECT_TRUE(compute::Eventually([&] { return used() == before; })) << used() << " " << before;
}

TEST_F(ProcessDagTest, AnActorThatIsDeadOrCanNotBeMade) {
  auto one = Make(1);
  ASSERT_TRUE(session_.Get(one.Ready()).ok());
  auto node = one.Bind(&Adder::Add, input_);
  one.Kill();
  ASSERT_TRUE(compute::Eventually([&] { return !session_.Get(one.Call(&Adder::Add, 1)).ok(); }));
  EXPECT_TRUE(HasKind(session_.Compile<int(int)>(node).status(), ErrorKind::kActorDied));
}

TEST_F(ProcessDagTest, TeardownEndsWhatRuns) {
  auto one = Make(1);
  auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, one.Bind(&Adder::Sleeps, input_))));
  auto done = compiled.Execute(1);
  ASSERT_TRUE(compute::Eventually([&] { return session_.Get(one.Call(&Adder::Calls)).value() == 1; }));
  auto sleeps = compiled.Execute(-1);
  auto behind = compiled.Execute(2);
  compiled.Teardown();
  EXPECT_EQ(ValueOf(done.Get()), 2);
  EXPECT_TRUE(HasKind(sleeps.Get().status(), ErrorKind::kTaskCancelled)) << sleeps.Get().status().ToString();
  EXPECT_TRUE(HasKind(behind.Get().status(), ErrorKind::kTaskCancelled));
  EXPECT_TRUE(HasKind(compiled.Execute(1).Get().status(), ErrorKind::kTaskCancelled));
  EXPECT_EQ(ValueOf(session_.Get(one.Call(&Adder::Add, 1))), 2);
  compiled.Teardown();
}

TEST_F(ProcessDagTest, TheDestructorWaitsForExecutions) {
  auto one = Make(1);
  CompiledDagRef<int> reference;
  {
    auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, input_)));
    reference = compiled.Execute(5);
    std::ignore = compiled.Execute(6);
  }
  EXPECT_EQ(ValueOf(reference.Get(Duration(0))), 6);
  EXPECT_EQ(ValueOf(session_.Get(one.Call(&Adder::Calls))), 2);
}

TEST_F(ProcessDagTest, EndsThoughItsActorIsBusyWithSomethingElse) {
  auto one = Make(1);
  Path path;
  auto waits = one.Call(&Adder::Waits, path.name(), 3);
  {
    auto compiled = ValueOf(session_.Compile<int(int)>(one.Bind(&Adder::Add, input_)));
    compiled.Teardown();
  }
  path.Make();
  EXPECT_EQ(ValueOf(session_.Get(waits)), 3);
  EXPECT_EQ(ValueOf(session_.Get(one.Call(&Adder::Add, 3))), 4);
}

TEST_F(ProcessDagTest, OutlivesItsSession) {
  std::optional<CompiledDag<int(int)>> compiled;
  CompiledDagRef<int> reference;
  ActorHandle<Adder> one;
  {
    Session session({.cpus = 1});
    one = session.CreateActor<Adder>({.isolation = kProcess}, 1);
    compiled.emplace(ValueOf(session.Compile<int(int)>(one.Bind(&Adder::Add, input_))));
    reference = compiled->Execute(1);
  }
  EXPECT_EQ(ValueOf(reference.Get(Duration(0))), 2);
  EXPECT_FALSE(compiled->Execute(1).Get().ok());
}

TEST_F(ProcessDagTest, RefusesWhatItCanNotDo) {
  auto one = Make(1);
  auto here = session_.CreateActor<Adder>(1);
  auto refused = [&](const auto& node, const char* why) {
    Status status = session_.Compile<int(int)>(node).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr(why));
  };
  refused(one.Bind(&Adder::Add, Bind(Square, input_)), "beside others");
  refused(one.Bind(&Adder::Add, here.Bind(&Adder::Add, input_)), "beside others");
  refused(With({.isolation = kProcess}).Bind(Square, input_), "only actors can");
  refused(one.Bind(&Adder::NotRegistered, input_), "not registered");
  refused(one.Bind(&Adder::Sum, input_, one.Bind(&Adder::Length, one.Bind(&Adder::Text, one.Bind(&Adder::Scale, 1.0)))),
          "the node gives a double");
  refused(one.With({.timeout = milliseconds(5)}).Bind(&Adder::Add, input_), "timeouts");
  refused(one.With({.retries = 1, .retry_on = [](const Status&) { return true; }}).Bind(&Adder::Add, input_),
          "retry_on");
  EXPECT_EQ(
      session_.Compile<int(int)>(one.Bind(&Adder::Add, input_), {.max_inflight_executions = 5000}).status().code(),
      StatusCode::kInvalidArgument);
  auto references = ValueOf(session_.Compile<std::vector<ObjectRef<int>>(int)>(one.Bind(&Adder::References, input_)));
  EXPECT_THAT(references.Execute(1).Get().status().message(), HasSubstr("references can't be passed"));
}

TEST_F(ProcessDagTest, AgreesWithExecute) {
  std::vector<ActorHandle<Adder>> actors;
  for (int i = 0; i < 3; ++i) actors.push_back(Make(i + 1));
  for (uint64_t seed = 1; seed <= 15; ++seed) {
    compute::Dice dice(seed);
    std::vector<DagNode<int>> nodes{input_};
    const size_t count = 1 + dice.Pick(15);
    for (size_t i = 0; i < count; ++i) {
      const auto& actor = actors[dice.Pick(actors.size())];
      const auto& a = nodes[dice.Pick(nodes.size())];
      const auto& b = nodes[dice.Pick(nodes.size())];
      switch (dice.Pick(4)) {
        case 0:
          nodes.push_back(actor.Bind(&Adder::Sum, a, b));
          break;
        case 1:
          nodes.push_back(actor.Bind(&Adder::Even, a));
          break;
        case 2:
          nodes.push_back(actor.Bind(&Adder::Sum, a, static_cast<int>(dice.Pick(10))));
          break;
        default:
          nodes.push_back(actor.Bind(&Adder::Add, a));
      }
    }
    const DagNode<int> first = nodes[1 + dice.Pick(nodes.size() - 1)];
    auto compiled = session_.Compile<std::tuple<int, int>(int)>(MultiOutputNode(nodes.back(), first));
    if (!compiled.ok()) {  // where nothing depends on the input
      EXPECT_THAT(compiled.status().message(), HasSubstr("input"));
      continue;
    }
    for (int x = 0; x < 10; ++x) {
      auto references = session_.Execute(MultiOutputNode(nodes.back(), first), x);
      auto a = session_.Get(std::get<0>(references));
      auto b = session_.Get(std::get<1>(references));
      auto both = session_.Get(compiled->Execute(x));
      ASSERT_EQ(both.ok(), a.ok() && b.ok());
      if (both.ok()) {
        EXPECT_EQ(*both, std::tuple(*a, *b));
      }
    }
  }
}

}  // namespace
}  // namespace triune::process_dag_test
