// Coroutines in processes.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::compute {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

int Square(int x) { return x * x; }
Async<int> GiveLater(int x) {
  co_await Sleep(milliseconds(1));
  co_return x;
}
Async<int> SquaresUpTo(int n) {
  std::vector<ObjectRef<int>> squares;
  for (int i = 1; i <= n; ++i) squares.push_back(Session::Current()->Submit(Square, i));
  int sum = 0;
  for (const auto& square : squares) sum += co_await square;
  Result<int> one_more = co_await AsResult(Session::Current()->Submit(Square, 10));
  co_return sum + *one_more + co_await GiveLater(1);
}
Async<Status> Refuse() {
  co_await Sleep(Duration::zero());
  co_return PermissionDenied("not you");
}
Async<void> Throws() {
  co_await Sleep(Duration::zero());
  throw std::out_of_range("too far");
}
int Fails() { throw std::runtime_error("broken"); }
Async<int> AwaitsWhatFails() { co_return co_await Session::Current()->Submit(Fails); }
Async<std::string> Dozes() {
  co_await Sleep(hours(1));
  co_return "awake";
}

class Sums {
 public:
  explicit Sums(int start) : sum_(start) {}
  Async<int> Add(ObjectRef<int> amount) {
    const int value = co_await amount;
    co_return sum_ += value;
  }
  int Sum() const { return sum_; }

 private:
  int sum_;
};

TRIUNE_REMOTE(Square, SquaresUpTo, Refuse, Throws, Fails, AwaitsWhatFails, Dozes);
TRIUNE_REMOTE_ACTOR(Sums(int), &Sums::Add, &Sums::Sum);

TEST(AsyncProcess, TasksRunToTheirEnd) {
  Session session({.cpus = 2});
  auto process = session.With({.isolation = kProcess});
  auto sum = process.Submit(SquaresUpTo, 4);
  static_assert(std::is_same_v<decltype(sum), ObjectRef<int>>);
  EXPECT_EQ(*session.Get(sum), 30 + 100 + 1);
  EXPECT_EQ(session.Get(process.Submit(Refuse)).code(), StatusCode::kPermissionDenied);
  const Status thrown = session.Get(process.Submit(Throws));
  ASSERT_NE(TaskError::Of(thrown), nullptr);
  EXPECT_EQ(TaskError::Of(thrown)->exception_type, "std::out_of_range");
  const Status failed = session.Get(process.Submit(AwaitsWhatFails)).status();
  EXPECT_NE(failed.message().find("broken"), std::string::npos) << failed.ToString();
}

TEST(AsyncProcess, CanBeCancelled) {
  Session session({.cpus = 2});
  auto dozes = session.With({.isolation = kProcess}).Submit(Dozes);
  EXPECT_FALSE(session.Get(dozes, milliseconds(20)).ok());
  EXPECT_TRUE(session.Cancel(dozes));
  const Status status = session.Get(dozes).status();
  ASSERT_NE(TaskError::Of(status), nullptr);
  EXPECT_EQ(TaskError::Of(status)->kind, ErrorKind::kTaskCancelled);
}

TEST(AsyncProcess, MethodsOfActorsRunToTheirEnd) {
  Session session({.cpus = 2});
  auto actor = session.CreateActor<Sums>(ActorOptions{.isolation = kProcess}, 10);
  EXPECT_EQ(*session.Get(actor.Call(&Sums::Add, session.Submit(Square, 3))), 19);
  EXPECT_EQ(*session.Get(actor.Call(&Sums::Add, session.Put(1))), 20);
  EXPECT_EQ(*session.Get(actor.Call(&Sums::Sum)), 20);
}

}  // namespace
}  // namespace triune::compute
