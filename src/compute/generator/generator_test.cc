#include "triune/core/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune {
namespace {

using compute::Eventually;
using compute::HasKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Generator<int> Count(int to) {
  for (int i = 0; i < to; ++i) co_yield i;
}
Generator<std::string> Words(std::string text) {
  std::string word;
  for (char c : text) {
    if (c == ' ') {
      co_yield std::exchange(word, {});
    } else {
      word += c;
    }
  }
  co_yield word;
}
Generator<int> Throws() {
  co_yield 1;
  throw std::runtime_error("no more");
}
Generator<int> Refuses() {
  co_yield 1;
  co_yield NotFound("nothing left");
  co_yield 2;
}
Generator<std::unique_ptr<int>> Owned(int to) {
  for (int i = 0; i < to; ++i) co_yield std::make_unique<int>(i);
}

TEST(GeneratorTest, IsARange) {
  std::vector<int> values;
  for (int i : Count(3)) values.push_back(i);
  EXPECT_THAT(values, ElementsAre(0, 1, 2));
  std::vector<std::string> words;
  for (std::string& word : Words("a range of words")) words.push_back(std::move(word));
  EXPECT_THAT(words, ElementsAre("a", "range", "of", "words"));
}

TEST(GeneratorTest, RunsNoFurtherThanItIsAsked) {
  int steps = 0;
  auto counting = [&steps]() -> Generator<int> {
    while (true) co_yield ++steps;
  };
  auto generator = counting();
  EXPECT_EQ(steps, 0);
  auto at = generator.begin();
  EXPECT_EQ(*at, 1);
  ++at;
  EXPECT_EQ(*at, 2);
  EXPECT_EQ(steps, 2);
}

TEST(GeneratorTest, AsARangeThrowsWhatTheBodyThrows) {
  auto generator = Throws();
  auto at = generator.begin();
  EXPECT_EQ(*at, 1);
  EXPECT_THROW(++at, std::runtime_error);
  EXPECT_TRUE(generator.begin() == generator.end());
}

TEST(GeneratorTest, AsARangeEndsWithAYieldedError) {
  auto generator = Refuses();
  std::vector<int> values;
  for (int i : generator) values.push_back(i);
  EXPECT_THAT(values, ElementsAre(1));
  EXPECT_EQ(generator.status().code(), StatusCode::kNotFound);
}

TEST(GeneratorTest, DestroysItsLocalsWhenItGoes) {
  auto shared = std::make_shared<int>(1);
  {
    auto holding = [](std::shared_ptr<int> kept) -> Generator<int> {
      while (true) co_yield *kept;
    };
    auto generator = holding(shared);
    EXPECT_EQ(*generator.begin(), 1);
    auto moved = std::move(generator);
    EXPECT_GT(shared.use_count(), 1);
  }
  EXPECT_EQ(shared.use_count(), 1);
}

TEST(GeneratorTest, MayBeALambdaWithCaptures) {
  Session session({.cpus = 1});
  auto text = std::make_shared<std::string>("abc");
  std::string joined;
  for (ObjectRef<char> letter : session.Submit(
           [text](size_t from) -> Generator<char> {
             for (size_t i = from; i < text->size(); ++i) co_yield (*text)[i];
           },
           1)) {
    joined += session.Get(letter).value();
  }
  EXPECT_EQ(joined, "bc");
}

TEST(GeneratorTest, MayYieldWhatCanOnlyBeMoved) {
  Session session({.cpus = 1});
  int sum = 0;
  for (auto number : session.With({.generator_backpressure = 1}).Submit(Owned, 5)) {
    sum += session.Get(session.Submit([](const std::unique_ptr<int>& value) { return *value; }, number)).value();
  }
  EXPECT_EQ(sum, 10);
}

TEST(GeneratorTest, ASuspendedOneHasNoThread) {
  // As many as there could never be threads.
  constexpr int kMany = 3000;
  Session session({.cpus = 1});
  std::vector<ObjectRefGenerator<int>> all;
  for (int i = 0; i < kMany; ++i) all.push_back(session.With({.generator_backpressure = 1}).Submit(Count, 3));
  for (auto& one : all) ASSERT_EQ(session.Get(**one.Next()).value(), 0);
  for (auto& one : all) ASSERT_EQ(session.Get(**one.Next()).value(), 1);
  for (auto& one : all) ASSERT_EQ(session.Get(**one.Next()).value(), 2);
  for (auto& one : all) ASSERT_FALSE(one.Next()->has_value());
}

TEST(GeneratorTest, IsTakenByATaskOnTheOnlyThread) {
  Session session({.cpus = 1});
  auto sum = session.Submit([] {
    Session& here = *Session::Current();
    int total = 0;
    for (ObjectRef<int> number : here.With({.generator_backpressure = 1}).Submit(Count, 100)) {
      total += here.Get(number).value();
    }
    return total;
  });
  EXPECT_EQ(session.Get(sum).value(), 4950);
}

TEST(GeneratorTest, GeneratorsTakeFromGenerators) {
  Session session({.cpus = 1});
  auto doubled = [](ObjectRefGenerator<int> numbers) -> Generator<int> {
    for (ObjectRef<int> number : numbers) co_yield 2 * Session::Current()->Get(number).value();
  };
  auto with = session.With({.generator_backpressure = 1});
  auto last = with.Submit(doubled, with.Submit(doubled, with.Submit(Count, 50)));
  std::vector<int> values;
  for (ObjectRef<int> number : last) values.push_back(session.Get(number).value());
  ASSERT_EQ(values.size(), 50U);
  EXPECT_EQ(values[49], 196);
}

TEST(GeneratorTest, HoldsItsGpuWhileItWaits) {
  Session session({.cpus = 2, .gpus = 1});
  auto numbers = session.With({.gpus = 1, .generator_backpressure = 1}).Submit(Count, 3);
  ASSERT_EQ(session.Get(**numbers.Next()).value(), 0);
  EXPECT_EQ(session.AvailableResources()["GPU"], 0);
  auto other = session.With({.gpus = 1}).Submit(Count, 2);
  ASSERT_EQ(session.Get(**numbers.Next()).value(), 1);
  ASSERT_EQ(session.Get(**numbers.Next()).value(), 2);
  ASSERT_FALSE(numbers.Next()->has_value());
  EXPECT_EQ(session.Get(**other.Next()).value(), 0);
}

TEST(GeneratorTest, OfMoreProcessorsRunsWhereOthersWait) {
  Session session({.cpus = 1});
  auto half = session.With({.cpus = 0.5, .generator_backpressure = 1}).Submit(Count, 20);
  ASSERT_EQ(session.Get(**half.Next()).value(), 0);
  EXPECT_EQ(session.Get(session.Submit([] { return 1; })).value(), 1);
  int count = 1;
  for ([[maybe_unused]] auto& number : half) ++count;
  EXPECT_EQ(count, 20);
}

TEST(GeneratorTest, ThatIsCancelledLetsGoOfAll) {
  auto shared = std::make_shared<int>(1);
  auto holding = [](std::shared_ptr<int> kept) -> Generator<std::shared_ptr<int>> {
    while (true) co_yield kept;
  };
  Session session({.cpus = 1});
  auto numbers = session.With({.generator_backpressure = 1}).Submit(holding, shared);
  ASSERT_TRUE(numbers.Next().ok());
  ASSERT_TRUE(Eventually([&] { return numbers.next_ready(); }));
  session.Cancel(numbers);
  ASSERT_TRUE(numbers.Next()->has_value());
  EXPECT_TRUE(HasKind(numbers.Next().status(), ErrorKind::kTaskCancelled));
  EXPECT_TRUE(Eventually([&] { return shared.use_count() == 1; }));
}

TEST(GeneratorTest, CancelsWhatItHasSubmitted) {
  Session session({.cpus = 2});
  std::atomic<bool> begun{false};
  std::atomic<bool> stopped{false};
  auto parent = [&begun, &stopped]() -> Generator<int> {
    auto child = Session::Current()->Submit([&begun, &stopped] {
      begun = true;
      while (!RuntimeContext::cancelled()) std::this_thread::yield();
      stopped = true;
    });
    while (true) co_yield 1;
  };
  auto numbers = session.With({.generator_backpressure = 1}).Submit(parent);
  ASSERT_TRUE(numbers.Next().ok());
  ASSERT_TRUE(Eventually([&] { return begun.load(); }));
  numbers = {};
  EXPECT_TRUE(Eventually([&] { return stopped.load(); }));
}

TEST(GeneratorTest, WouldWaitForItself) {
  struct Self {
    Generator<int> Tell() { co_yield 1; }
    Status Take(ActorHandle<Self> self) { return self.Call(&Self::Tell).Next().status(); }
  };
  Session session({.cpus = 1});
  auto self = session.CreateActor<Self>();
  EXPECT_TRUE(HasKind(session.Get(self.Call(&Self::Take, self)), ErrorKind::kDeadlock));
}

TEST(GeneratorTest, KnowsItsNameAndAttempt) {
  Session session({.cpus = 1});
  auto names = session.With({.name = "tell", .generator_backpressure = 1, .retries = 1})
                   .Submit(
                       [](int) -> Generator<std::string> {
                         co_yield RuntimeContext::task_name();
                         co_yield std::to_string(RuntimeContext::attempt());
                         if (RuntimeContext::attempt() == 0) throw std::runtime_error("once");
                         co_yield std::to_string(RuntimeContext::attempt());
                       },
                       0);
  std::vector<std::string> values;
  for (auto& name : names) values.push_back(session.Get(name).value());
  EXPECT_THAT(values, ElementsAre("task 'tell'", "0", "1"));
}

TEST(GeneratorTest, AConsumerThatIsCancelledWakes) {
  Session session({.cpus = 2});
  std::atomic<bool> end{false};
  auto silent = session.Submit([&end]() -> Generator<int> {
    while (!end) std::this_thread::yield();
    co_yield 1;
  });
  std::atomic<bool> begun{false};
  auto consumer = session.Submit([&begun, silent] {
    begun = true;
    return silent.Next().status();
  });
  ASSERT_TRUE(Eventually([&] { return begun.load(); }));
  session.Cancel(consumer);
  EXPECT_TRUE(HasKind(session.Get(consumer), ErrorKind::kTaskCancelled));
  end = true;
}

TEST(GeneratorTest, ElementsAreNoCopies) {
  Session session({.cpus = 1});
  auto whole = session.Submit([] { return std::pair(std::make_unique<int>(7), std::string("b")); });
  auto [owner, text] = session.Unpack(whole);
  whole = {};
  auto doubled = session.Submit([](const std::unique_ptr<int>& value) { return 2 * *value; }, owner);
  EXPECT_EQ(session.Get(doubled).value(), 14);
  EXPECT_EQ(session.Get(text).value(), "b");
}

TEST(GeneratorTest, ElementsOfElementsAndOfPutObjects) {
  Session session({.cpus = 1});
  auto [inner, number] = session.Unpack(session.Put(std::pair(std::pair(1, 2), 3)));
  auto [one, two] = session.Unpack(inner);
  EXPECT_EQ(session.Get(session.Submit([](int a, int b, int c) { return a + b + c; }, one, two, number)).value(), 6);
}

TEST(GeneratorTest, CancellingAnElementCancelsTheTask) {
  Session session({.cpus = 1});
  auto whole = session.Submit([] {
    while (!RuntimeContext::cancelled()) std::this_thread::yield();
    return std::pair(1, 2);
  });
  auto [one, two] = session.Unpack(whole);
  EXPECT_TRUE(session.Cancel(one, {.force = true}));
  EXPECT_TRUE(HasKind(session.Get(two).status(), ErrorKind::kTaskCancelled));
}

}  // namespace
}  // namespace triune
