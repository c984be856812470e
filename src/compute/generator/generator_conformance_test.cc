// What generators and several results must do alike, in threads and in processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::generator_conformance {

using std::chrono::hours;
using std::chrono::milliseconds;

/// In a file, since a process knows only of its own: returns how many there are now.
int CountIn(const std::string& path) {
  std::ofstream(path, std::ios::app) << '.';
  return static_cast<int>(std::filesystem::file_size(path));
}
int CountOf(const std::string& path) {
  std::error_code none;
  const auto size = std::filesystem::file_size(path, none);
  return none ? 0 : static_cast<int>(size);
}

Generator<int> Count(int from, int to) {
  for (int i = from; i < to; ++i) co_yield i;
}
Generator<std::string> Texts(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) co_yield text;
}
Generator<std::string> Long(int count, size_t length) {
  for (int i = 0; i < count; ++i) co_yield std::string(length, static_cast<char>('a' + i % 26));
}
Generator<Buffer> Buffers(int count, size_t length) {
  const std::string text(length, 'b');
  for (int i = 0; i < count; ++i) co_yield Buffer::CopyOf(std::as_bytes(std::span(text)));
}
Generator<int> Counted(int to, std::string path) {
  for (int i = 0; i < to; ++i) {
    CountIn(path);
    co_yield i;
  }
}
Generator<int> ThrowsAfter(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
  throw std::runtime_error("no more");
}
Generator<int> RefusesAfter(int count) {
  for (int i = 0; i < count; ++i) co_yield i;
  co_yield NotFound("nothing left");
  co_yield 1000;
}
Result<int> Half(int x) {
  if (x % 2 != 0) return InvalidArgument("x is odd");
  return x / 2;
}
Generator<int> Halves(std::vector<int> numbers) {
  for (int number : numbers) co_yield Half(number);
}
Generator<int> YieldsOk() { co_yield Status(); }
Generator<std::pair<int, std::string>> Pairs() {
  co_yield {1, "one"};
  co_yield {2, "two"};
}
/// Fails so often, a value later each time.
Generator<std::string> LuckyAt(int attempt, std::string path) {
  const int calls = CountIn(path);
  for (int i = 0; i < 6; ++i) {
    co_yield std::to_string(i) + " of attempt " + std::to_string(RuntimeContext::attempt());
    if (calls < attempt && i == calls) throw std::runtime_error("no luck");
  }
}
Generator<int> CrashesAfter(int count, std::string path) {
  for (int i = 0; i < count; ++i) co_yield i;
  if (CountIn(path) == 1) raise(SIGKILL);
  co_yield count;
}
Generator<int> WaitsAfter(int count, std::string begun) {
  for (int i = 0; i < count; ++i) co_yield i;
  CountIn(begun);
  while (!RuntimeContext::cancelled()) std::this_thread::sleep_for(milliseconds(1));
  co_yield count;
  throw std::logic_error("it should have ended");
}
Generator<int> Endless() {
  for (int i = 0;; ++i) co_yield i;
}
int Plus(int a, int b) { return a + b; }
Result<int> AddsWhatItSubmits(int count) {
  Session& session = *Session::Current();
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    TRIUNE_ASSIGN_OR_RETURN(const int value, session.Get(session.Submit(Plus, i, 0)));
    sum += value;
  }
  return sum;
}
Generator<int> Sums(int count, Isolation isolation) {
  Session& session = *Session::Current();
  for (int i = 0; i < count; ++i) {
    Result<int> sum = session.Get(session.With({.isolation = isolation}).Submit(Plus, i, i));
    co_yield std::move(sum);
  }
}
Generator<ObjectRef<int>> References(int count, Isolation isolation) {
  Session& session = *Session::Current();
  for (int i = 0; i < count; ++i) {
    ObjectRef<int> sum = session.With({.isolation = isolation}).Submit(Plus, i, 1);
    co_yield sum;
  }
}
/// As a plain range, in the task itself.
int SumOfRange(int count) {
  int sum = 0;
  for (int i : Count(0, count)) sum += i;
  return sum;
}

std::tuple<int, std::string, double> Three(int x) { return {x, "text " + std::to_string(x), 0.5}; }
std::pair<int, int> Divide(int a, int b) {
  if (b == 0) throw std::domain_error("by zero");
  return {a / b, a % b};
}
Result<std::array<std::string, 2>> Both(const std::string& text) {
  if (text.empty()) return InvalidArgument("empty");
  return std::array<std::string, 2>{text, text + text};
}
size_t Length(const std::string& text) { return text.size(); }
Result<int> UnpacksInside(int a, int b) {
  Session& session = *Session::Current();
  auto [quotient, rest] = session.Unpack(session.With({.isolation = kProcess}).Submit(Divide, a, b));
  TRIUNE_ASSIGN_OR_RETURN(const int first, session.Get(quotient));
  return session.Get(session.With({.isolation = kProcess}).Submit(Plus, first, rest));
}
Result<int> OpensReferences(const std::vector<ObjectRef<int>>& numbers) {
  int sum = 0;
  for (const auto& number : numbers) {
    TRIUNE_ASSIGN_OR_RETURN(const int value, Session::Current()->Get(number));
    sum += value;
  }
  return sum;
}
Status SubmitsGenerator() {
  auto numbers = Session::Current()->Submit(Count, 0, 3);
  auto first = numbers.Next();
  return first.ok() ? Status() : first.status();
}

class Teller {
 public:
  explicit Teller(int start) : next_(start) {}
  Generator<int> Tell(int count) {
    for (int i = 0; i < count; ++i) co_yield next_++;
  }
  Generator<int> TellConst(int count) const {
    for (int i = 0; i < count; ++i) co_yield next_;
  }
  Generator<int> TellAndWait(int count, std::string begun) {
    for (int i = 0; i < count; ++i) co_yield i;
    CountIn(begun);
    while (!RuntimeContext::cancelled()) std::this_thread::sleep_for(milliseconds(1));
  }
  Generator<int> TellAndDie(int count) {
    for (int i = 0; i < count; ++i) co_yield i;
    raise(SIGKILL);
  }
  int Next() const { return next_; }

 private:
  int next_;
};

}  // namespace triune::generator_conformance

TRIUNE_REMOTE(triune::generator_conformance::Count, triune::generator_conformance::Texts,
              triune::generator_conformance::Long, triune::generator_conformance::Buffers,
              triune::generator_conformance::Counted, triune::generator_conformance::ThrowsAfter,
              triune::generator_conformance::RefusesAfter, triune::generator_conformance::Halves,
              triune::generator_conformance::YieldsOk, triune::generator_conformance::Pairs,
              triune::generator_conformance::LuckyAt, triune::generator_conformance::CrashesAfter,
              triune::generator_conformance::WaitsAfter, triune::generator_conformance::Endless,
              triune::generator_conformance::Plus, triune::generator_conformance::AddsWhatItSubmits,
              triune::generator_conformance::Sums, triune::generator_conformance::References,
              triune::generator_conformance::SumOfRange);
TRIUNE_REMOTE(triune::generator_conformance::Three, triune::generator_conformance::Divide,
              triune::generator_conformance::Both, triune::generator_conformance::Length,
              triune::generator_conformance::UnpacksInside, triune::generator_conformance::OpensReferences,
              triune::generator_conformance::SubmitsGenerator);
TRIUNE_REMOTE_ACTOR(triune::generator_conformance::Teller(int), &triune::generator_conformance::Teller::Tell,
                    &triune::generator_conformance::Teller::TellConst,
                    &triune::generator_conformance::Teller::TellAndWait,
                    &triune::generator_conformance::Teller::TellAndDie, &triune::generator_conformance::Teller::Next);

namespace triune::generator_conformance {
namespace {

using compute::Eventually;
using compute::HasKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
struct Taken {
  std::vector<T> values;
  Status error;
};
/// All that comes, and how it ends.
template <typename T>
Taken<T> TakeAll(Session& session, const ObjectRefGenerator<T>& generator) {
  Taken<T> taken;
  while (true) {
    Result<std::optional<ObjectRef<T>>> next = generator.Next();
    if (!next.ok()) {
      taken.error = next.status();
      return taken;
    }
    if (!next->has_value()) return taken;
    EXPECT_TRUE((*next)->ready());
    Result<T> value = session.Get(**next);
    EXPECT_TRUE(value.ok()) << Describe(value.status());
    if (value.ok()) taken.values.push_back(*std::move(value));
  }
}
std::vector<int> UpTo(int count) {
  std::vector<int> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(i);
  return numbers;
}

class Generators : public ::testing::TestWithParam<Isolation> {
 protected:
  Generators() {
    std::string name = (std::filesystem::temp_directory_path() / "generators.XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Generators() override { std::filesystem::remove_all(folder_); }
  std::string NewFile() { return folder_ + "/" + std::to_string(++files_); }

  TaskOptions Options(TaskOptions options = {}) const {
    options.isolation = GetParam();
    return options;
  }
  template <typename... Arguments>
  auto Submit(Arguments&&... arguments) {
    return session_.With(Options()).Submit(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  auto SubmitWith(TaskOptions options, Arguments&&... arguments) {
    return session_.With(Options(std::move(options))).Submit(std::forward<Arguments>(arguments)...);
  }
  ActorHandle<Teller> MakeTeller(ActorOptions options = {}) {
    options.isolation = GetParam();
    return session_.CreateActor<Teller>(std::move(options), 0);
  }

  compute::HangAlarm alarm_{"generators"};
  Session session_{{.cpus = 2, .log_to_driver = false}};
  std::string folder_;
  int files_ = 0;
};

TEST_P(Generators, GiveAllValuesInOrder) {
  const auto taken = TakeAll(session_, Submit(Count, 0, 5000));
  EXPECT_EQ(taken.values, UpTo(5000));
  EXPECT_TRUE(taken.error.ok());
}

TEST_P(Generators, MayYieldNothing) {
  auto none = Submit(Count, 0, 0);
  for (int i = 0; i < 3; ++i) {
    auto next = none.Next();
    ASSERT_TRUE(next.ok());
    EXPECT_FALSE(next->has_value());
  }
  EXPECT_TRUE(none.next_ready());
  EXPECT_TRUE(session_.Get(none.Completed()).ok());
}

TEST_P(Generators, AreRanges) {
  std::vector<int> values;
  for (ObjectRef<int> number : Submit(Count, 3, 7)) values.push_back(session_.Get(number).value());
  EXPECT_THAT(values, ElementsAre(3, 4, 5, 6));
}

TEST_P(Generators, InARangeAnErrorComesLast) {
  std::vector<ObjectRef<int>> numbers;
  for (ObjectRef<int> number : Submit(ThrowsAfter, 2)) numbers.push_back(number);
  ASSERT_EQ(numbers.size(), 3U);
  EXPECT_EQ(session_.Get(numbers[1]).value(), 1);
  EXPECT_THAT(session_.Get(numbers[2]).status().ToString(), HasSubstr("no more"));
}

TEST_P(Generators, GiveTheValuesBeforeTheError) {
  auto generator = Submit(ThrowsAfter, 100);
  const auto taken = TakeAll(session_, generator);
  EXPECT_EQ(taken.values, UpTo(100));
  const TaskError* error = TaskError::Of(taken.error);
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->kind, ErrorKind::kTaskFailed);
  EXPECT_EQ(error->exception_type, "std::runtime_error");
  EXPECT_THAT(taken.error.ToString(), HasSubstr("no more"));
  EXPECT_FALSE(generator.Next().ok());  // it stays
  EXPECT_FALSE(session_.Get(generator.Completed()).ok());
}

TEST_P(Generators, MayYieldAnErrorInPlaceOfAValue) {
  const auto taken = TakeAll(session_, Submit(RefusesAfter, 2));
  EXPECT_THAT(taken.values, ElementsAre(0, 1));
  EXPECT_EQ(taken.error.code(), StatusCode::kNotFound);
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kTaskFailed));
  const auto halves = TakeAll(session_, Submit(Halves, std::vector<int>{2, 4, 5, 6}));
  EXPECT_THAT(halves.values, ElementsAre(1, 2));
  EXPECT_EQ(halves.error.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(TakeAll(session_, Submit(YieldsOk)).error.code(), StatusCode::kInvalidArgument);
}

TEST_P(Generators, YieldValuesOfAllKinds) {
  const std::vector<std::string> texts = {"a", "", "bc"};
  EXPECT_EQ(TakeAll(session_, Submit(Texts, texts)).values, texts);
  const auto pairs = TakeAll(session_, Submit(Pairs)).values;
  EXPECT_THAT(pairs, ElementsAre(std::pair<int, std::string>(1, "one"), std::pair<int, std::string>(2, "two")));
  const auto longs = TakeAll(session_, Submit(Long, 30, 100000)).values;
  ASSERT_EQ(longs.size(), 30U);
  EXPECT_EQ(longs[27], std::string(100000, 'b'));
  auto buffers = TakeAll(session_, Submit(Buffers, 20, 200000)).values;
  ASSERT_EQ(buffers.size(), 20U);
  EXPECT_EQ(buffers[19].size(), 200000U);
}

TEST_P(Generators, TakeReferencesAndGiveThem) {
  auto from = Submit(Plus, 1, 1);
  auto numbers = Submit(Count, from, 6);
  std::vector<ObjectRef<int>> sums;
  for (ObjectRef<int> number : numbers) sums.push_back(Submit(Plus, number, 10));
  ASSERT_EQ(sums.size(), 4U);
  EXPECT_EQ(session_.Get(sums[3]).value(), 15);
}

TEST_P(Generators, FailWithTheirArguments) {
  auto bad = Submit(Divide, 1, 0);
  auto [quotient, rest] = session_.Unpack(bad);
  EXPECT_THAT(TakeAll(session_, Submit(Count, quotient, 6)).error.ToString(), HasSubstr("by zero"));
}

TEST_P(Generators, StopAtTheirLimit) {
  for (int limit : {1, 3, 8}) {
    const std::string path = NewFile();
    auto numbers = SubmitWith({.generator_backpressure = limit}, Counted, 50, path);
    ASSERT_TRUE(Eventually([&] { return CountOf(path) == limit; }));
    for (int taken = 1; taken <= 20; ++taken) {
      ASSERT_EQ(session_.Get(**numbers.Next()).value(), taken - 1);
      // It goes on for one more, and no further: what it does after that would be seen sooner or later.
      ASSERT_TRUE(Eventually([&] { return CountOf(path) == limit + taken; }));
    }
    std::this_thread::sleep_for(milliseconds(5));
    EXPECT_EQ(CountOf(path), limit + 20);
    EXPECT_FALSE(numbers.Completed().ready());
    EXPECT_EQ(TakeAll(session_, numbers).values.size(), 30U);
    EXPECT_TRUE(session_.Get(numbers.Completed()).ok());
  }
}

TEST_P(Generators, RefuseALimitThatIsNone) {
  auto numbers = SubmitWith({.generator_backpressure = 0}, Count, 0, 3);
  EXPECT_THAT(numbers.Next().status().ToString(), HasSubstr("generator_backpressure"));
  auto teller = MakeTeller();
  auto told = teller.With({.generator_backpressure = -1}).Call(&Teller::Tell, 3);
  EXPECT_THAT(told.Next().status().ToString(), HasSubstr("generator_backpressure"));
}

TEST_P(Generators, ThatAreRetriedGoOnBehindWhatTheyHaveGiven) {
  const auto taken = TakeAll(session_, SubmitWith({.retries = 3}, LuckyAt, 3, NewFile()));
  EXPECT_TRUE(taken.error.ok()) << Describe(taken.error);
  EXPECT_THAT(taken.values, ElementsAre("0 of attempt 0", "1 of attempt 0", "2 of attempt 1", "3 of attempt 2",
                                        "4 of attempt 2", "5 of attempt 2"));
}

TEST_P(Generators, ThatAreRetriedKeepToTheirLimit) {
  const auto taken = TakeAll(session_, SubmitWith({.generator_backpressure = 1, .retries = 3}, LuckyAt, 3, NewFile()));
  EXPECT_TRUE(taken.error.ok()) << Describe(taken.error);
  EXPECT_EQ(taken.values.size(), 6U);
}

TEST_P(Generators, FailWhenTheyHaveNoMoreRetries) {
  const auto taken = TakeAll(session_, SubmitWith({.retries = 1}, LuckyAt, 10, NewFile()));
  EXPECT_THAT(taken.values, ElementsAre("0 of attempt 0", "1 of attempt 0", "2 of attempt 1"));
  ASSERT_NE(TaskError::Of(taken.error), nullptr);
  EXPECT_EQ(TaskError::Of(taken.error)->attempt, 1);
}

TEST_P(Generators, AreCancelledWhereTheyWaitForConsumers) {
  auto numbers = SubmitWith({.generator_backpressure = 2}, Endless);
  ASSERT_TRUE(numbers.Next().ok());
  ASSERT_TRUE(Eventually([&] { return numbers.next_ready(); }));
  EXPECT_TRUE(session_.Cancel(numbers));
  const auto taken = TakeAll(session_, numbers);
  EXPECT_LE(taken.values.size(), 2U);
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kTaskCancelled)) << Describe(taken.error);
}

TEST_P(Generators, AreCancelledWhileTheyRun) {
  const std::string begun = NewFile();
  auto numbers = Submit(WaitsAfter, 3, begun);
  ASSERT_TRUE(Eventually([&] { return CountOf(begun) == 1; }));
  EXPECT_TRUE(session_.Cancel(numbers));
  const auto taken = TakeAll(session_, numbers);
  EXPECT_THAT(taken.values, ElementsAre(0, 1, 2));
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kTaskCancelled)) << Describe(taken.error);
  EXPECT_FALSE(session_.Cancel(numbers));
}

TEST_P(Generators, AreCancelledByForce) {
  const std::string begun = NewFile();
  auto numbers = Submit(WaitsAfter, 1, begun);
  ASSERT_TRUE(Eventually([&] { return CountOf(begun) == 1; }));
  EXPECT_TRUE(session_.Cancel(numbers, {.force = true}));
  EXPECT_TRUE(HasKind(TakeAll(session_, numbers).error, ErrorKind::kTaskCancelled));
}

TEST_P(Generators, EndWithTheirTime) {
  const std::string begun = NewFile();
  auto running = SubmitWith({.timeout = milliseconds(300)}, WaitsAfter, 0, begun);
  EXPECT_TRUE(HasKind(TakeAll(session_, running).error, ErrorKind::kDeadlineExceeded));
  auto waiting = SubmitWith({.generator_backpressure = 1, .timeout = milliseconds(300)}, Endless);
  EXPECT_TRUE(HasKind(session_.Get(waiting.Completed()), ErrorKind::kDeadlineExceeded));
  EXPECT_TRUE(HasKind(TakeAll(session_, waiting).error, ErrorKind::kDeadlineExceeded));
}

TEST_P(Generators, NextWaitsAsLongAsItIsTold) {
  const std::string begun = NewFile();
  auto numbers = Submit(WaitsAfter, 1, begun);
  ASSERT_TRUE(numbers.Next(hours(1)).ok());
  const auto next = numbers.Next(milliseconds(1));
  EXPECT_TRUE(HasKind(next.status(), ErrorKind::kGetTimeout));
  EXPECT_TRUE(HasKind(numbers.Next(milliseconds(0)).status(), ErrorKind::kGetTimeout));
}

TEST_P(Generators, WithoutAHandleAreCancelled) {
  const std::string begun = NewFile();
  ObjectRef<void> completed;
  {
    auto numbers = Submit(WaitsAfter, 1, begun);
    completed = numbers.Completed();
    ASSERT_TRUE(Eventually([&] { return CountOf(begun) == 1; }));
  }
  EXPECT_TRUE(HasKind(session_.Get(completed), ErrorKind::kTaskCancelled));
  {
    auto numbers = SubmitWith({.generator_backpressure = 1}, Endless);
    completed = numbers.Completed();
    ASSERT_TRUE(numbers.Next().ok());
    ASSERT_TRUE(Eventually([&] { return numbers.next_ready(); }));
  }
  EXPECT_TRUE(HasKind(session_.Get(completed), ErrorKind::kTaskCancelled));
  { auto never = Submit(Endless); }
  EXPECT_EQ(session_.Get(Submit(Plus, 1, 2)).value(), 3);
}

TEST_P(Generators, WithACopyOfTheHandleGoOn) {
  ObjectRefGenerator<int> copy;
  {
    auto numbers = SubmitWith({.generator_backpressure = 1}, Count, 0, 10);
    copy = numbers;
    ASSERT_TRUE(numbers.Next().ok());
  }
  EXPECT_EQ(TakeAll(session_, copy).values.size(), 9U);
}

TEST_P(Generators, MayWaitThemselves) {
  const auto taken = TakeAll(session_, SubmitWith({.generator_backpressure = 2}, Sums, 20, GetParam()));
  ASSERT_EQ(taken.values.size(), 20U) << Describe(taken.error);
  EXPECT_EQ(taken.values[19], 38);
}

TEST_P(Generators, MayYieldReferences) {
  auto references = TakeAll(session_, Submit(References, 5, GetParam())).values;
  ASSERT_EQ(references.size(), 5U);
  EXPECT_EQ(session_.Get(references[4]).value(), 5);
}

TEST_P(Generators, AreRangesInsideOfTasks) { EXPECT_EQ(session_.Get(Submit(SumOfRange, 5)).value(), 10); }

TEST_P(Generators, ManyAtTheSameTimeDoNotStandInEachOthersWay) {
  std::vector<ObjectRefGenerator<int>> all;
  for (int i = 0; i < 10; ++i) all.push_back(SubmitWith({.generator_backpressure = 1}, Count, 0, 20));
  // Others have their turn as well, while all of these wait.
  EXPECT_EQ(session_.Get(Submit(Plus, 1, 2)).value(), 3);
  for (int i = 0; i < 20; ++i) {
    for (auto& one : all) ASSERT_EQ(session_.Get(**one.Next()).value(), i);
  }
  for (auto& one : all) EXPECT_FALSE(one.Next()->has_value());
}

TEST_P(Generators, OfActorsKeepTheTurn) {
  auto teller = MakeTeller();
  auto told = teller.With({.generator_backpressure = 2}).Call(&Teller::Tell, 10);
  auto next = teller.Call(&Teller::Next);
  EXPECT_EQ(TakeAll(session_, told).values, UpTo(10));
  EXPECT_EQ(session_.Get(next).value(), 10);
  EXPECT_THAT(TakeAll(session_, teller.Call(&Teller::TellConst, 2)).values, ElementsAre(10, 10));
}

TEST_P(Generators, OfActorsRunBesideEachOtherWhereThatIsAllowed) {
  auto teller = MakeTeller({.max_concurrency = 3});
  auto first = teller.With({.generator_backpressure = 1}).Call(&Teller::TellConst, 10);
  auto second = teller.With({.generator_backpressure = 1}).Call(&Teller::TellConst, 10);
  EXPECT_EQ(session_.Get(teller.Call(&Teller::Next)).value(), 0);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(second.Next()->has_value());
    ASSERT_TRUE(first.Next()->has_value());
  }
}

TEST_P(Generators, OfActorsThatAreKilledEnd) {
  auto teller = MakeTeller();
  const std::string begun = NewFile();
  auto running = teller.Call(&Teller::TellAndWait, 2, begun);
  ASSERT_TRUE(Eventually([&] { return CountOf(begun) == 1; }));
  teller.Kill();
  auto taken = TakeAll(session_, running);
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kActorDied)) << Describe(taken.error);
  EXPECT_THAT(taken.values, ElementsAre(0, 1));

  auto other = MakeTeller();
  auto waiting = other.With({.generator_backpressure = 1}).Call(&Teller::Tell, 1000);
  ASSERT_TRUE(waiting.Next().ok());
  other.Kill();
  EXPECT_TRUE(HasKind(TakeAll(session_, waiting).error, ErrorKind::kActorDied));
  EXPECT_TRUE(HasKind(other.Call(&Teller::Tell, 3).Next().status(), ErrorKind::kActorDied));
}

TEST_P(Generators, OfActorsThatAreRestartedEnd) {
  auto teller = MakeTeller({.max_restarts = 1});
  auto waiting = teller.With({.generator_backpressure = 1}).Call(&Teller::Tell, 1000);
  ASSERT_TRUE(waiting.Next().ok());
  teller.Kill(true);
  EXPECT_TRUE(HasKind(TakeAll(session_, waiting).error, ErrorKind::kActorUnavailable));
  EXPECT_THAT(TakeAll(session_, teller.Call(&Teller::Tell, 2)).values, ElementsAre(0, 1));
}

TEST_P(Generators, OfActorsWithoutAHandleAreCancelled) {
  auto teller = MakeTeller();
  {
    auto waiting = teller.With({.generator_backpressure = 1}).Call(&Teller::Tell, 1000);
    ASSERT_TRUE(waiting.Next().ok());
  }
  const int next = session_.Get(teller.Call(&Teller::Next)).value();
  EXPECT_GE(next, 1);
  EXPECT_LE(next, 3);
}

TEST_P(Generators, ThatNobodyTakesEndWithTheSession) {
  std::vector<ObjectRefGenerator<int>> left;
  {
    Session session({.cpus = 1, .log_to_driver = false});
    auto teller = session.CreateActor<Teller>({.isolation = GetParam()}, 0);
    left.push_back(session.With(Options({.generator_backpressure = 1})).Submit(Endless));
    left.push_back(session.With(Options({.generator_backpressure = 3})).Submit(Count, 0, 4));
    left.push_back(session.With(Options({.cpus = 0.5, .generator_backpressure = 2})).Submit(Endless));
    left.push_back(teller.With({.generator_backpressure = 2}).Call(&Teller::Tell, 1000));
    left.push_back(session.With(Options()).Submit(Count, 0, 4));
  }
  const size_t counts[] = {1, 3, 2, 2, 4};
  for (size_t i = 0; i < left.size(); ++i) {
    Taken<int> taken;
    while (true) {
      auto next = left[i].Next();
      if (!next.ok()) taken.error = next.status();
      if (!next.ok() || !next->has_value()) break;
      taken.values.push_back(0);
    }
    EXPECT_EQ(taken.values.size(), counts[i]) << i;
    EXPECT_EQ(HasKind(taken.error, ErrorKind::kTaskCancelled), i != 4) << i << Describe(taken.error);
  }
}

TEST_P(Generators, ThatATaskTakesEndBeforeTheSession) {
  std::atomic<int> sum{0};
  {
    Session session({.cpus = 1, .log_to_driver = false});
    auto options = Options({.generator_backpressure = 1});
    std::ignore = session.Submit([&sum, options] {
      auto numbers = Session::Current()->With(options).Submit(Count, 0, 50);
      for (ObjectRef<int> number : numbers) {
        Result<int> value = Session::Current()->Get(number);
        EXPECT_TRUE(value.ok()) << Describe(value.status());
        if (value.ok()) sum += *value;
      }
    });
  }
  EXPECT_EQ(sum.load(), 49 * 50 / 2);
}

TEST_P(Generators, SeveralConsumersTakeEachValueOnce) {
  auto numbers = SubmitWith({.generator_backpressure = 4}, Count, 0, 1000);
  std::atomic<int64_t> sum{0};
  std::atomic<int> count{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (ObjectRef<int> number : numbers) {
          sum += session_.Get(number).value();
          ++count;
        }
      });
    }
  }
  EXPECT_EQ(count.load(), 1000);
  EXPECT_EQ(sum.load(), 999 * 1000 / 2);
}

TEST_P(Generators, ResultsAreUnpacked) {
  auto [number, text, part] = session_.Unpack(Submit(Three, 7));
  EXPECT_EQ(session_.Get(number).value(), 7);
  EXPECT_EQ(session_.Get(text).value(), "text 7");
  EXPECT_EQ(session_.Get(part).value(), 0.5);
  auto [quotient, rest] = session_.Unpack(Submit(Divide, 7, 2));
  EXPECT_EQ(session_.Get(Submit(Plus, quotient, rest)).value(), 4);
  auto [one, two] = session_.Unpack(Submit(Both, "ab"));
  EXPECT_EQ(session_.Get(Submit(Length, two)).value(), 4U);
  EXPECT_EQ(session_.Get(one).value(), "ab");
}

TEST_P(Generators, ResultsThatFailAreUnpackedAsErrors) {
  auto [quotient, rest] = session_.Unpack(Submit(Divide, 7, 0));
  EXPECT_THAT(session_.Get(quotient).status().ToString(), HasSubstr("by zero"));
  EXPECT_THAT(session_.Get(Submit(Plus, rest, 1)).status().ToString(), HasSubstr("by zero"));
  auto [one, two] = session_.Unpack(Submit(Both, ""));
  EXPECT_EQ(session_.Get(one).status().code(), StatusCode::kInvalidArgument);
}

TEST_P(Generators, ElementsGoIntoOtherValues) {
  auto [quotient, rest] = session_.Unpack(Submit(Divide, 7, 2));
  const std::vector<ObjectRef<int>> both = {quotient, rest};
  EXPECT_EQ(session_.Get(Submit(OpensReferences, both)).value(), 4);
}

TEST_P(Generators, ElementsOutliveTheReferenceToTheWhole) {
  ObjectRef<std::string> kept;
  {
    auto whole = Submit(Both, std::string(100, 'x'));
    kept = std::get<1>(session_.Unpack(whole));
    whole = {};
  }
  EXPECT_EQ(session_.Get(kept).value(), std::string(200, 'x'));
}

INSTANTIATE_TEST_SUITE_P(Threads, Generators, ::testing::Values(Isolation::kThread));
INSTANTIATE_TEST_SUITE_P(Processes, Generators, ::testing::Values(Isolation::kProcess));

class GeneratorsInProcesses : public Generators {};
INSTANTIATE_TEST_SUITE_P(Processes, GeneratorsInProcesses, ::testing::Values(Isolation::kProcess));

TEST_P(GeneratorsInProcesses, EndWithTheirProcess) {
  const std::string path = NewFile();
  auto taken = TakeAll(session_, Submit(CrashesAfter, 10, path));
  EXPECT_EQ(taken.values, UpTo(10));
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kWorkerCrashed)) << Describe(taken.error);
}

TEST_P(GeneratorsInProcesses, ThatCrashAreRetried) {
  auto taken = TakeAll(session_, SubmitWith({.retries = 1}, CrashesAfter, 10, NewFile()));
  EXPECT_EQ(taken.values, UpTo(11)) << Describe(taken.error);
  auto slowly = TakeAll(session_, SubmitWith({.generator_backpressure = 1, .retries = 1}, CrashesAfter, 5, NewFile()));
  EXPECT_EQ(slowly.values, UpTo(6)) << Describe(slowly.error);
}

TEST_P(GeneratorsInProcesses, OfActorsEndWithTheirProcess) {
  auto taken = TakeAll(session_, MakeTeller().Call(&Teller::TellAndDie, 3));
  EXPECT_EQ(taken.values, UpTo(3));
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kActorDied)) << Describe(taken.error);
  auto again = MakeTeller({.max_restarts = 1});
  taken = TakeAll(session_, again.Call(&Teller::TellAndDie, 3));
  EXPECT_TRUE(HasKind(taken.error, ErrorKind::kActorUnavailable)) << Describe(taken.error);
  EXPECT_EQ(TakeAll(session_, again.Call(&Teller::Tell, 3)).values, UpTo(3));
}

TEST_P(GeneratorsInProcesses, CanNotBeSubmittedThere) {
  const Status status = session_.Get(Submit(SubmitsGenerator));
  EXPECT_EQ(status.code(), StatusCode::kUnimplemented) << Describe(status);
}

TEST_P(GeneratorsInProcesses, MustBeRegistered) {
  auto lambda = Submit(
      [](int count) -> Generator<int> {
        for (int i = 0; i < count; ++i) co_yield i;
      },
      3);
  EXPECT_EQ(lambda.Next().status().code(), StatusCode::kInvalidArgument);
}

TEST_P(GeneratorsInProcesses, ResultsAreUnpackedThere) {
  EXPECT_EQ(session_.Get(Submit(UnpacksInside, 7, 2)).value(), 4);
  EXPECT_THAT(session_.Get(Submit(UnpacksInside, 7, 0)).status().ToString(), HasSubstr("by zero"));
}

}  // namespace
}  // namespace triune::generator_conformance
