// What tasks and actors must do alike, in threads and in processes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::conformance {

using std::chrono::hours;
using std::chrono::milliseconds;

enum class Colour : uint8_t { kRed, kGreen = 7 };
enum Plain : int { kOne = 1, kTwo = -2 };

struct Point {
  int x = 0;
  double y = 0;
  MSGPACK_DEFINE(x, y)
  bool operator==(const Point&) const = default;
};
struct Shape {
  std::string name;
  std::vector<Point> points;
  std::map<std::string, std::optional<int>> tags;
  Buffer pixels;
  std::vector<Buffer> layers;
  MSGPACK_DEFINE(name, points, tags, pixels, layers)
};
struct Parcel {
  std::string label;
  std::vector<ObjectRef<int>> numbers;
  MSGPACK_DEFINE(label, numbers)
};
using Everything = std::tuple<bool, int8_t, uint64_t, float, std::string, std::vector<bool>, std::set<int>,
                              std::unordered_map<int, std::string>, std::array<int, 3>, std::pair<int, Point>>;

template <typename T>
T Same(T value) {
  return value;
}
int Add(int a, int b) { return a + b; }
size_t Length(const std::string& text) { return text.size(); }
std::string Text(size_t length) { return std::string(length, 'x'); }
std::vector<int32_t> Numbers(size_t count) { return std::vector<int32_t>(count, 3); }
Buffer Bytes(size_t count) {
  const std::string text(count, 'b');
  return Buffer::CopyOf(std::as_bytes(std::span(text)));
}
std::vector<Buffer> Pieces(size_t count, size_t each) { return std::vector<Buffer>(count, Bytes(each)); }
size_t SizeOf(const std::vector<Buffer>& pieces) {
  size_t sum = 0;
  for (const Buffer& piece : pieces) sum += piece.size();
  return sum;
}
void Nothing() {}

Status Refuses(const std::string& why) { return NotFound(why); }
Status Accepts() { return {}; }
Result<int> Half(int x) {
  if (x % 2 != 0) return InvalidArgument("x is odd");
  return x / 2;
}
struct Strange {
  int number;
};
int Throws(int what) {
  switch (what) {
    case 0:
      throw std::runtime_error("no luck");
    case 1:
      throw 7;
    case 2:
      throw Strange{1};
    case 3:
      throw "text";
    case 4:
      throw std::bad_alloc();
    case 5:
      try {
        try {
          throw std::out_of_range("innermost");
        } catch (...) {
          std::throw_with_nested(std::logic_error("inner"));
        }
      } catch (...) {
        std::throw_with_nested(std::runtime_error("outer"));
      }
    case 6:
      throw std::string(100000, 'e');
    default:
      throw std::runtime_error(std::string(100000, 'm'));
  }
}

/// Of this attempt, where the others are, too: in a file, since a process knows only of its own.
int CountIn(const std::string& path) {
  std::ofstream(path, std::ios::app) << '.';
  return static_cast<int>(std::filesystem::file_size(path));
}
int LuckyAt(int attempt, const std::string& path) {
  const int calls = CountIn(path);
  if (RuntimeContext::attempt() != calls - 1) throw std::logic_error("another attempt");
  if (calls < attempt) throw std::runtime_error("no luck");
  return calls;
}
Status Busy(const std::string& path) { return CountIn(path) < 3 ? Unavailable("busy") : InvalidArgument("bad"); }

/// Waits until somebody makes the file, or the task is cancelled.
bool AwaitFile(const std::string& path) {
  while (!std::filesystem::exists(path)) {
    if (RuntimeContext::cancelled()) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}
int AfterFile(const std::string& begun, const std::string& path, int value) {
  if (!begun.empty()) CountIn(begun);
  if (!AwaitFile(path)) throw std::runtime_error("cancelled");
  return value;
}
int Endless(const std::string& begun) { return AfterFile(begun, "/nowhere/ever", 1); }

Session& Here() { return *Session::Current(); }
/// Tasks of tasks go where these are.
Session::Submitter Like(Isolation isolation) { return Here().With({.isolation = isolation}); }

int Fibonacci(int n, Isolation isolation) {
  if (n < 2) return n;
  auto a = Like(isolation).Submit(Fibonacci, n - 1, isolation);
  auto b = Like(isolation).Submit(Fibonacci, n - 2, isolation);
  return Here().Get(a).value() + Here().Get(b).value();
}
Result<int> SumOf(const std::vector<ObjectRef<int>>& numbers) {
  int sum = 0;
  for (const auto& number : numbers) {
    TRIUNE_ASSIGN_OR_RETURN(const int value, Here().Get(number));
    sum += value;
  }
  return sum;
}
Result<int> OpenParcel(const Parcel& parcel) { return SumOf(parcel.numbers); }
Parcel MakeParcel(int count, Isolation isolation) {
  Parcel parcel{.label = "made", .numbers = {}};
  for (int i = 0; i < count; ++i) {
    parcel.numbers.push_back(i % 2 == 0 ? Here().Put(i) : Like(isolation).Submit(Add, i, 0));
  }
  return parcel;
}
ObjectRef<int> Later(int value, Isolation isolation) { return Like(isolation).Submit(Add, value, 1); }
Result<int> Deep(int depth, Isolation isolation) {
  if (depth == 0) return Here().Get(Like(isolation).Submit(Throws, 0));
  return Here().Get(Like(isolation).Submit(Deep, depth - 1, isolation));
}
int PutAndGet(const std::string& text) {
  auto object = Here().Put(text);
  return static_cast<int>(Here().Get(object).value().size() + Here().Get(object).value().size());
}
/// Each argument is one reference; what is ready is counted, waiting for so long at most.
Result<int> CountReady(const std::vector<ObjectRef<int>>& numbers, int wanted, int64_t most_milliseconds) {
  TRIUNE_ASSIGN_OR_RETURN(WaitResult result,
                          Here().Wait(numbers, static_cast<size_t>(wanted), milliseconds(most_milliseconds)));
  if (result.ready.size() + result.remaining.size() != numbers.size()) return triune::Internal("some are missing");
  return static_cast<int>(result.ready.size());
}
Result<int> SumAtOnce(const std::vector<ObjectRef<int>>& numbers) {
  TRIUNE_ASSIGN_OR_RETURN(std::vector<int> values, Here().Get(numbers));
  return std::accumulate(values.begin(), values.end(), 0);
}
Result<int> LengthOf(const std::vector<ObjectRef<std::string>>& text) {
  TRIUNE_ASSIGN_OR_RETURN(ObjectView<std::string> view, Here().View(text.at(0)));
  return static_cast<int>(view->size());
}
int After(std::monostate, int n) { return n; }
/// Its own tasks, in order.
Result<int> OneAfterTheOther(Isolation isolation) {
  auto first = Like(isolation).Submit(Nothing);
  return Here().Get(Like(isolation).Submit(After, first, 7));
}
Status GetWithin(const std::vector<ObjectRef<int>>& one, int64_t most_milliseconds) {
  return Here().Get(one[0], milliseconds(most_milliseconds)).status();
}
/// Asks often without waiting, then sends much.
int AsksOftenThenSendsMuch(const std::vector<ObjectRef<std::string>>& one, Isolation isolation) {
  for (int i = 0; i < 300; ++i) std::ignore = Here().Get(one[0], milliseconds(0));
  std::vector<ObjectRef<size_t>> lengths;
  for (int i = 0; i < 300; ++i) lengths.push_back(Like(isolation).Submit(Length, std::string(8000, 'x')));
  int sum = 0;
  for (const auto& length : lengths) sum += static_cast<int>(Here().Get(length).value() / 8000);
  return sum;
}
bool CancelsOne(const std::vector<ObjectRef<int>>& one, bool force) { return Here().Cancel(one[0], {.force = force}); }
Result<int> StartsEndless(const std::string& begun, Isolation isolation) {
  return Here().Get(Like(isolation).Submit(Endless, begun));
}
int FailsOnceThenWaits(const std::vector<ObjectRef<int>>& one) {
  if (RuntimeContext::attempt() == 0) throw std::runtime_error("the first time");
  return Here().Get(one[0]).value();
}
std::vector<ObjectRef<int>> ManyReferences(int count) {
  std::vector<ObjectRef<int>> numbers;
  for (int i = 0; i < count; ++i) numbers.push_back(Here().Put(i));
  return numbers;
}

class Journal {
 public:
  explicit Journal(int start) : sum_(start) {
    if (start < 0) throw std::invalid_argument("negative");
  }
  int Add(int amount) { return sum_ += amount; }
  int Note(int number) {
    notes_.push_back(number);
    return number;
  }
  const std::vector<int>& Notes() const { return notes_; }
  int Throw() { throw std::runtime_error("a bad page"); }
  Status Refuse() { return NotFound("no such page"); }
  int Wait(const std::string& begun, const std::string& path) { return AfterFile(begun, path, sum_); }
  Result<int> Sum(const std::vector<ObjectRef<int>>& numbers) { return SumOf(numbers); }
  int Nested(int n, Isolation isolation) { return Fibonacci(n, isolation); }

 private:
  int sum_;
  std::vector<int> notes_;
};

}  // namespace triune::conformance

MSGPACK_ADD_ENUM(triune::conformance::Colour)

namespace triune::conformance {
namespace {
using Numbers64 = std::map<int64_t, std::vector<double>>;
using Maybe = std::optional<std::string>;
}  // namespace
}  // namespace triune::conformance

TRIUNE_REMOTE(triune::conformance::Same<int>, triune::conformance::Same<bool>, triune::conformance::Same<char>,
              triune::conformance::Same<uint64_t>, triune::conformance::Same<double>, triune::conformance::Same<float>,
              triune::conformance::Same<triune::conformance::Colour>,
              triune::conformance::Same<triune::conformance::Plain>, triune::conformance::Same<std::string>,
              triune::conformance::Same<std::vector<int16_t>>, triune::conformance::Same<std::vector<bool>>,
              triune::conformance::Same<std::vector<std::string>>, triune::conformance::Same<triune::Buffer>);
TRIUNE_REMOTE(triune::conformance::Same<triune::conformance::Numbers64>,
              triune::conformance::Same<triune::conformance::Maybe>,
              triune::conformance::Same<triune::conformance::Point>,
              triune::conformance::Same<triune::conformance::Shape>,
              triune::conformance::Same<triune::conformance::Everything>,
              triune::conformance::Same<triune::conformance::Parcel>);
TRIUNE_REMOTE(triune::conformance::Add, triune::conformance::Length, triune::conformance::Text,
              triune::conformance::Numbers, triune::conformance::Bytes, triune::conformance::Pieces,
              triune::conformance::SizeOf, triune::conformance::Nothing, triune::conformance::Refuses,
              triune::conformance::Accepts, triune::conformance::Half, triune::conformance::Throws,
              triune::conformance::LuckyAt, triune::conformance::Busy, triune::conformance::AfterFile,
              triune::conformance::Endless);
TRIUNE_REMOTE(triune::conformance::Fibonacci, triune::conformance::SumOf, triune::conformance::OpenParcel,
              triune::conformance::MakeParcel, triune::conformance::Later, triune::conformance::Deep,
              triune::conformance::PutAndGet, triune::conformance::CountReady, triune::conformance::GetWithin,
              triune::conformance::AsksOftenThenSendsMuch, triune::conformance::CancelsOne,
              triune::conformance::StartsEndless, triune::conformance::FailsOnceThenWaits,
              triune::conformance::ManyReferences, triune::conformance::SumAtOnce, triune::conformance::LengthOf,
              triune::conformance::After, triune::conformance::OneAfterTheOther);
TRIUNE_REMOTE_ACTOR(triune::conformance::Journal(int), &triune::conformance::Journal::Add,
                    &triune::conformance::Journal::Note, &triune::conformance::Journal::Notes,
                    &triune::conformance::Journal::Throw, &triune::conformance::Journal::Refuse,
                    &triune::conformance::Journal::Wait, &triune::conformance::Journal::Sum,
                    &triune::conformance::Journal::Nested);

namespace triune::conformance {
namespace {

using compute::Eventually;
using compute::HasKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename T>
T ValueOf(Result<T> result) {
  EXPECT_TRUE(result.ok()) << Describe(result.status());
  return result.ok() ? *std::move(result) : T();
}
ErrorKind KindOf(const Status& status) {
  const TaskError* error = TaskError::Of(status);
  EXPECT_NE(error, nullptr) << status.ToString();
  return error == nullptr ? ErrorKind::kCapacityExceeded : error->kind;
}

class Conformance : public ::testing::TestWithParam<Isolation> {
 protected:
  Conformance() {
    std::string name = (std::filesystem::temp_directory_path() / "conformance.XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Conformance() override { std::filesystem::remove_all(folder_); }

  /// A file that is not there yet.
  std::string NewFile() { return folder_ + "/" + std::to_string(++files_); }
  static void Make(const std::string& path) { std::ofstream(path) << "."; }
  static bool AwaitBegin(const std::string& path) {
    return Eventually([&] {
      std::error_code none;
      const auto size = std::filesystem::file_size(path, none);
      return !none && size > 0;
    });
  }

  TaskOptions Options(TaskOptions options = {}) const {
    options.isolation = GetParam();
    return options;
  }
  template <typename... Arguments>
  auto Submit(Arguments&&... arguments) {
    return session_.With(Options()).Submit(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  auto Run(Arguments&&... arguments) {
    return session_.Get(Submit(std::forward<Arguments>(arguments)...));
  }
  ActorHandle<Journal> MakeJournal(ActorOptions options, int start) {
    options.isolation = GetParam();
    return session_.CreateActor<Journal>(std::move(options), start);
  }
  template <typename T>
  void ExpectSame(const T& value) {
    EXPECT_EQ(ValueOf(Run(Same<T>, value)), value);
    EXPECT_EQ(ValueOf(Run(Same<T>, session_.Put(value))), value);
    EXPECT_EQ(ValueOf(Run(Same<T>, Submit(Same<T>, value))), value);
  }

  std::string folder_;
  int files_ = 0;
  compute::HangAlarm alarm_{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  Session session_{{.cpus = 2}};
};
INSTANTIATE_TEST_SUITE_P(All, Conformance, ::testing::Values(kThread, kProcess),
                         [](const auto& test) { return test.param == kThread ? "Threads" : "Processes"; });

// Values.

TEST_P(Conformance, Numbers) {
  for (int x : {0, 1, -1, std::numeric_limits<int>::min(), std::numeric_limits<int>::max()}) ExpectSame(x);
  ExpectSame(true);
  ExpectSame(false);
  ExpectSame('\xff');
  ExpectSame(std::numeric_limits<uint64_t>::max());
  ExpectSame(std::numeric_limits<double>::denorm_min());
  ExpectSame(-std::numeric_limits<float>::infinity());
  ExpectSame(Colour::kGreen);
  ExpectSame(kTwo);
  EXPECT_TRUE(std::isnan(ValueOf(Run(Same<double>, std::nan("")))));
}

TEST_P(Conformance, TextsAndContainers) {
  for (size_t length : {0, 1, 15, 16, 1023, 1024, 1025, 8191, 8192, 8193, 300000}) {
    ExpectSame(std::string(length, 'x'));
    ExpectSame(std::vector<int16_t>(length, -3));
    ExpectSame(std::vector<std::string>(length % 2000, "some text"));
  }
  ExpectSame(std::string("a\0b", 3));
  ExpectSame(std::vector<bool>{true, false, true});
  ExpectSame(std::vector<std::string>{"", "a", std::string(100000, 'b')});
  ExpectSame(Numbers64{{-5, {1, 2}}, {7, {}}});
  ExpectSame(Numbers64{});
  ExpectSame(Maybe());
  ExpectSame(Maybe(""));
  ExpectSame(Maybe("text"));
  EXPECT_EQ(ValueOf(Run(Length, "a literal")), 9);
  EXPECT_EQ(ValueOf(Run(Add, static_cast<int16_t>(3), static_cast<char>(4))), 7) << "converted as in a call";
}

TEST_P(Conformance, Structs) {
  ExpectSame(Point{3, 0.5});
  ExpectSame(Everything{
      true, int8_t{-3}, 1U << 31U, 2.5F, "s", {true, false}, {3, 1}, {{1, "one"}}, {1, 2, 3}, {4, Point{5, 6}}});
  Shape shape{.name = "square",
              .points = {{1, 2}, {3, 4}},
              .tags = {{"a", 1}, {"none", std::nullopt}},
              .pixels = Bytes(100000),
              .layers = {Bytes(0), Bytes(1), Bytes(20000)}};
  const Shape same = ValueOf(Run(Same<Shape>, Submit(Same<Shape>, shape)));
  EXPECT_EQ(same.name, shape.name);
  EXPECT_EQ(same.points, shape.points);
  EXPECT_EQ(same.tags, shape.tags);
  EXPECT_EQ(same.pixels.size(), 100000U);
  ASSERT_EQ(same.layers.size(), 3U);
  EXPECT_EQ(same.layers[0].size(), 0U);
  EXPECT_EQ(same.layers[2].size(), 20000U);
  EXPECT_EQ(std::memcmp(same.pixels.data(), shape.pixels.data(), 100000), 0);
}

TEST_P(Conformance, Buffers) {
  for (size_t size : {0, 1, 64, 8192, 8193, 1 << 20}) {
    const Buffer buffer = Bytes(size);
    const Buffer same = ValueOf(Run(Same<Buffer>, Submit(Same<Buffer>, buffer)));
    ASSERT_EQ(same.size(), size);
    EXPECT_TRUE(std::equal(same.bytes().begin(), same.bytes().end(), buffer.bytes().begin()));
  }
}

TEST_P(Conformance, ManySmallBuffersInOneValue) {
  for (size_t count : {10, 100, 1000}) {
    EXPECT_EQ(ValueOf(Run(SizeOf, Pieces(count, 4096))), count * 4096) << "an argument";
    EXPECT_EQ(SizeOf(ValueOf(Run(Pieces, count, 4096U))), count * 4096) << "a result";
    EXPECT_EQ(ValueOf(Run(SizeOf, Submit(Pieces, count, 4096U))), count * 4096) << "both";
  }
}

TEST_P(Conformance, LargeValues) {
  for (size_t size = 1; size <= size_t{50} << 20U; size *= 7) {
    EXPECT_EQ(ValueOf(Run(Length, Submit(Text, size))), size);
    EXPECT_EQ(ValueOf(Run(Numbers, size / 4)).size(), size / 4);
    EXPECT_EQ(ValueOf(Run(Same<Buffer>, Bytes(size))).size(), size);
  }
  const size_t large = size_t{50} << 20U;
  EXPECT_EQ(ValueOf(Run(Same<std::string>, std::string(large, 'z'))), std::string(large, 'z'));
}

TEST_P(Conformance, NoValueAndNoArguments) {
  EXPECT_TRUE(Run(Nothing).ok());
  EXPECT_TRUE(Run(Accepts).ok());
  EXPECT_EQ(ValueOf(Run(Text, 0U)), "");
  EXPECT_EQ(ValueOf(Run(Numbers, 0U)).size(), 0U);
  EXPECT_EQ(ValueOf(Run(Pieces, 0U, 0U)).size(), 0U);
  EXPECT_EQ(ValueOf(Run(Pieces, 3U, 0U)).size(), 3U);
}

TEST_P(Conformance, ReferencesAsArguments) {
  auto three = session_.Put(3);
  auto five = Submit(Add, three, 2);
  auto in_a_thread = session_.Submit(Add, five, five);
  EXPECT_EQ(ValueOf(Run(Add, in_a_thread, five)), 15);
  auto chain = Submit(Add, 0, 0);
  for (int i = 0; i < 200; ++i) chain = Submit(Add, chain, 1);
  EXPECT_EQ(ValueOf(session_.Get(chain)), 200);
  EXPECT_EQ(ValueOf(session_.Get(chain)), 200) << "again";
}

TEST_P(Conformance, ReferencesInsideOfValues) {
  std::vector<ObjectRef<int>> numbers = {session_.Put(1), session_.Submit(Add, 1, 1), Submit(Add, 1, 2)};
  EXPECT_EQ(ValueOf(Run(SumOf, numbers)), 6);
  EXPECT_EQ(ValueOf(Run(SumOf, std::vector<ObjectRef<int>>())), 0);
  const Parcel parcel{.label = "mine", .numbers = numbers};
  EXPECT_EQ(ValueOf(Run(OpenParcel, parcel)), 6);
  EXPECT_EQ(ValueOf(Run(OpenParcel, Submit(Same<Parcel>, parcel))), 6);
  EXPECT_EQ(ValueOf(Run(OpenParcel, Submit(MakeParcel, 10, GetParam()))), 45);
  const Parcel made = ValueOf(Run(MakeParcel, 10, GetParam()));
  int sum = 0;
  for (const auto& number : made.numbers) sum += ValueOf(session_.Get(number));
  EXPECT_EQ(sum, 45);
  EXPECT_EQ(ValueOf(Run(OpenParcel, made)), 45) << "there and back";
  EXPECT_EQ(ValueOf(session_.Get(ValueOf(Run(Later, 4, GetParam())))), 5);
}

TEST_P(Conformance, ThousandsOfReferencesInOneValue) {
  const auto numbers = ValueOf(Run(ManyReferences, 5000));
  ASSERT_EQ(numbers.size(), 5000U);
  EXPECT_EQ(ValueOf(session_.Get(numbers[4999])), 4999);
  EXPECT_EQ(ValueOf(Run(SumOf, numbers)), 4999 * 2500);
}

// Errors.

TEST_P(Conformance, ErrorsThatAreReturned) {
  Status status = Run(Refuses, std::string("why not"));
  EXPECT_EQ(status.ToString(), "NOT_FOUND: why not");
  EXPECT_EQ(KindOf(status), ErrorKind::kTaskFailed);
  EXPECT_EQ(ValueOf(Run(Half, 8)), 4);
  EXPECT_EQ(Run(Half, 7).status().ToString(), "INVALID_ARGUMENT: x is odd");
  EXPECT_EQ(Run(Add, Submit(Half, 7), 1).status().ToString(), "INVALID_ARGUMENT: x is odd") << "of an argument";
}

TEST_P(Conformance, ExceptionsOfAnyType) {
  auto thrown = [&](int what) {
    return session_.Get(session_.With(Options({.name = "dice"})).Submit(Throws, what)).status();
  };
  EXPECT_EQ(thrown(0).ToString(), "UNKNOWN: task 'dice' threw std::runtime_error: no luck");
  EXPECT_EQ(TaskError::Of(thrown(0))->exception_type, "std::runtime_error");
  EXPECT_EQ(TaskError::Of(thrown(0))->task, "task 'dice'");
  EXPECT_EQ(thrown(1).ToString(), "UNKNOWN: task 'dice' threw int");
  EXPECT_EQ(thrown(2).ToString(), "UNKNOWN: task 'dice' threw triune::conformance::Strange");
  EXPECT_EQ(thrown(3).ToString(), "UNKNOWN: task 'dice' threw char const*");
  EXPECT_EQ(thrown(4).code(), StatusCode::kResourceExhausted);
  const Status nested = thrown(5);
  EXPECT_EQ(nested.ToString(), "UNKNOWN: task 'dice' threw std::_Nested_exception<std::runtime_error>: outer");
  const Status& inner = TaskError::Of(nested)->cause;
  EXPECT_THAT(inner.ToString(), HasSubstr("inner"));
  ASSERT_NE(TaskError::Of(inner), nullptr);
  EXPECT_THAT(TaskError::Of(inner)->cause.ToString(), HasSubstr("innermost"));
  EXPECT_FALSE(thrown(6).ok());
  EXPECT_THAT(thrown(7).ToString(), HasSubstr("mmmm")) << "the beginning of a long one at least";
}

TEST_P(Conformance, ErrorsOfTasksInsideOfTasks) {
  const Status status = Run(Deep, 3, GetParam()).status();
  EXPECT_THAT(status.ToString(), HasSubstr("no luck"));
  int causes = 0;
  for (const TaskError* error = TaskError::Of(status); error != nullptr; error = TaskError::Of(error->cause)) ++causes;
  EXPECT_EQ(causes, 5) << Describe(status);
}

// Retries.

TEST_P(Conformance, TriesAgain) {
  EXPECT_EQ(ValueOf(session_.Get(session_.With(Options({.retries = 2})).Submit(LuckyAt, 3, NewFile()))), 3);
  const std::string path = NewFile();
  const Status status = session_.Get(session_.With(Options({.retries = 2})).Submit(LuckyAt, 9, path)).status();
  EXPECT_THAT(status.ToString(), HasSubstr("no luck"));
  EXPECT_EQ(TaskError::Of(status)->attempt, 2);
  EXPECT_EQ(std::filesystem::file_size(path), 3U);
}

TEST_P(Conformance, TriesAgainWhatIsWorthIt) {
  const std::string path = NewFile();
  const Status status = session_.Get(
      session_
          .With(Options(
              {.retries = 9, .retry_on = [](const Status& error) { return error.code() == StatusCode::kUnavailable; }}))
          .Submit(Busy, path));
  EXPECT_EQ(status.ToString(), "INVALID_ARGUMENT: bad");
  EXPECT_EQ(std::filesystem::file_size(path), 3U);
  const Status thrown =
      session_
          .Get(session_
                   .With(Options({.retries = 9,
                                  .retry_on = [](const Status&) -> bool { throw std::runtime_error("don't know"); }}))
                   .Submit(Half, 1))
          .status();
  EXPECT_THAT(thrown.ToString(), HasSubstr("don't know"));
}

/// With many on their way to the same process, what is tried again must not be in the way of what it waits for.
TEST_P(Conformance, WhatIsTriedAgainMayWaitForOthers) {
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 50; ++i) Submit(Add, i, 1);
    std::vector<ObjectRef<int>> sums;
    for (int i = 0; i < 20; ++i) {
      auto gate = session_.Submit([] {
        std::this_thread::yield();
        return 1;
      });
      auto late = Submit(Add, gate, i);
      sums.push_back(session_.With(Options({.retries = 1})).Submit(FailsOnceThenWaits, std::vector{late}));
    }
    for (int i = 0; i < 20; ++i) ASSERT_EQ(ValueOf(session_.Get(sums[static_cast<size_t>(i)])), i + 1);
  }
}

// Time and cancelling.

TEST_P(Conformance, Timeouts) {
  const std::string begun = NewFile();
  auto runs = session_.With(Options({.timeout = milliseconds(50)})).Submit(Endless, begun);
  EXPECT_EQ(KindOf(session_.Get(runs).status()), ErrorKind::kDeadlineExceeded);
  auto gate = Submit(Endless, NewFile());
  auto waits = session_.With(Options({.timeout = milliseconds(1)})).Submit(Add, gate, 1);
  EXPECT_EQ(KindOf(session_.Get(waits).status()), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(KindOf(session_.Get(gate, milliseconds(1)).status()), ErrorKind::kGetTimeout);
  EXPECT_TRUE(session_.Cancel(gate));
  EXPECT_EQ(KindOf(session_.Get(gate).status()), ErrorKind::kTaskCancelled);
  EXPECT_EQ(ValueOf(session_.Get(session_.With(Options({.timeout = hours(1)})).Submit(Add, 1, 2))), 3);
}

TEST_P(Conformance, CancelOfWhatHasNotBegun) {
  const std::string begun = NewFile();
  const std::string path = NewFile();
  auto gate = Submit(AfterFile, begun, path, 1);
  const std::string never = NewFile();
  auto waits = Submit(LuckyAt, gate, never);
  EXPECT_TRUE(session_.Cancel(waits));
  EXPECT_EQ(KindOf(session_.Get(waits).status()), ErrorKind::kTaskCancelled);
  EXPECT_FALSE(session_.Cancel(waits));
  Make(path);
  EXPECT_EQ(ValueOf(session_.Get(gate)), 1);
  EXPECT_FALSE(session_.Cancel(gate));
  EXPECT_FALSE(std::filesystem::exists(never));
}

TEST_P(Conformance, CancelOfWhatRuns) {
  for (const bool force : {false, true}) {
    const std::string begun = NewFile();
    auto runs = session_.With(Options({.retries = 5})).Submit(Endless, begun);
    ASSERT_TRUE(AwaitBegin(begun));
    EXPECT_TRUE(session_.Cancel(runs, {.force = force}));
    const Status status = session_.Get(runs).status();
    EXPECT_EQ(KindOf(status), ErrorKind::kTaskCancelled) << Describe(status);
    EXPECT_EQ(std::filesystem::file_size(begun), 1U) << "not tried again";
  }
}

TEST_P(Conformance, CancelOfChildren) {
  for (const bool force : {false, true}) {
    const std::string begun = NewFile();
    auto family = Submit(StartsEndless, begun, GetParam());
    ASSERT_TRUE(AwaitBegin(begun));
    EXPECT_TRUE(session_.Cancel(family, {.force = force}));
    EXPECT_EQ(KindOf(session_.Get(family).status()), ErrorKind::kTaskCancelled);
  }
  // The session ends only if all of them do.
}

TEST_P(Conformance, TasksCancelTasks) {
  for (const bool force : {false, true}) {
    const std::string begun = NewFile();
    auto endless = Submit(Endless, begun);
    ASSERT_TRUE(AwaitBegin(begun));
    EXPECT_TRUE(ValueOf(Run(CancelsOne, std::vector{endless}, force)));
    EXPECT_EQ(KindOf(session_.Get(endless).status()), ErrorKind::kTaskCancelled);
    EXPECT_FALSE(ValueOf(Run(CancelsOne, std::vector{endless}, force)));
    EXPECT_FALSE(ValueOf(Run(CancelsOne, std::vector{session_.Put(3)}, force)));
  }
}

/// Those that are given up while they wait must leave nothing behind: neither a processor taken nor one too many.
TEST_P(Conformance, WhatIsGivenUpWhileItWaitsKeepsNothing) {
  const std::string path = NewFile();
  auto gate = session_.With({.cpus = 0}).Submit(AfterFile, std::string(), path, 1);
  for (int i = 0; i < 20; ++i) {
    auto waits = session_.With(Options({.timeout = milliseconds(2)})).Submit(SumOf, std::vector{gate});
    EXPECT_EQ(KindOf(session_.Get(waits).status()), ErrorKind::kDeadlineExceeded);
    auto cancelled = Submit(SumOf, std::vector{gate});
    EXPECT_TRUE(session_.Cancel(cancelled, {.force = true}));
  }
  // As many at the same time as there are processors.
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::vector<ObjectRef<void>> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(session_.Submit([&] {
      const int now = ++running;
      int before = most.load();
      while (before < now && !most.compare_exchange_weak(before, now)) {
      }
      std::this_thread::sleep_for(milliseconds(1));
      --running;
    }));
  }
  for (const auto& one : all) EXPECT_EQ(ValueOf(session_.Wait(std::vector{one}, 1, hours(1))).ready.size(), 1U);
  EXPECT_LE(most.load(), 2);
  Make(path);
  EXPECT_EQ(ValueOf(session_.Get(gate)), 1);
}

// Tasks of tasks.

TEST_P(Conformance, TasksSubmitAndWait) {
  EXPECT_EQ(ValueOf(Run(Fibonacci, 9, GetParam())), 34);
  EXPECT_EQ(ValueOf(Run(PutAndGet, std::string(100, 'x'))), 200);
  EXPECT_EQ(ValueOf(Run(PutAndGet, std::string(1 << 20, 'x'))), 2 << 20);
}

TEST_P(Conformance, WaitTellsWhatIsReady) {
  const std::string path = NewFile();
  auto late = session_.Submit(AfterFile, std::string(), path, 1);
  auto done = Submit(Add, 1, 1);
  ASSERT_TRUE(session_.Get(done).ok());
  const std::vector<ObjectRef<int>> numbers = {session_.Put(1), late, done};
  EXPECT_EQ(ValueOf(Run(CountReady, numbers, 2, int64_t{3600000})), 2);
  EXPECT_EQ(ValueOf(Run(CountReady, numbers, 1, int64_t{0})), 2) << "without waiting";
  EXPECT_EQ(ValueOf(Run(CountReady, numbers, 3, int64_t{0})), 2) << "without waiting, for more than there is";
  EXPECT_EQ(ValueOf(Run(CountReady, numbers, 3, int64_t{20})), 2) << "not all in time";
  EXPECT_EQ(ValueOf(Run(CountReady, numbers, 0, int64_t{0})), 2) << "for none";
  EXPECT_EQ(ValueOf(Run(CountReady, std::vector<ObjectRef<int>>(), 3, int64_t{20})), 0);
  EXPECT_TRUE(Run(GetWithin, std::vector{done}, int64_t{0}).ok()) << "without waiting";
  EXPECT_EQ(KindOf(Run(GetWithin, std::vector{late}, int64_t{1})), ErrorKind::kTaskFailed);
  EXPECT_TRUE(HasKind(Run(GetWithin, std::vector{late}, int64_t{1}), ErrorKind::kGetTimeout));
  EXPECT_TRUE(HasKind(Run(GetWithin, std::vector{late}, int64_t{0}), ErrorKind::kGetTimeout));
  Make(path);
  EXPECT_EQ(ValueOf(Run(CountReady, numbers, 3, int64_t{3600000})), 3);
  auto failed = Submit(Half, 1);
  EXPECT_EQ(ValueOf(Run(CountReady, std::vector{failed, done}, 2, int64_t{3600000})), 2) << "an error is ready, too";
}

TEST_P(Conformance, GetsSeveralAtOnce) {
  std::vector<ObjectRef<int>> numbers = {session_.Put(1), Submit(Add, 1, 1), Submit(Add, 2, 1)};
  EXPECT_THAT(ValueOf(session_.Get(numbers)), ElementsAre(1, 2, 3));
  EXPECT_EQ(ValueOf(Run(SumAtOnce, numbers)), 6);
  EXPECT_TRUE(session_.Get(std::vector<ObjectRef<int>>()).ok());
  EXPECT_TRUE(session_.Get(std::vector{Submit(Nothing), Submit(Nothing)}).ok());
  const std::string path = NewFile();
  auto late = session_.Submit(AfterFile, std::string(), path, 4);
  numbers.push_back(late);
  EXPECT_EQ(KindOf(session_.Get(numbers, milliseconds(5)).status()), ErrorKind::kGetTimeout);
  Make(path);
  EXPECT_EQ(ValueOf(Run(SumAtOnce, numbers)), 10);
  numbers.push_back(Submit(Throws, 0));
  EXPECT_EQ(KindOf(session_.Get(numbers).status()), ErrorKind::kTaskFailed);
  EXPECT_EQ(KindOf(Run(SumAtOnce, numbers).status()), ErrorKind::kTaskFailed);
}

TEST_P(Conformance, ValuesAreLookedAtWithoutACopy) {
  auto text = Submit(Text, 1000U);
  ObjectView<std::string> view = ValueOf(session_.View(text));
  EXPECT_EQ(view->size(), 1000U);
  EXPECT_EQ(view.get(), ValueOf(session_.View(text)).get());
  EXPECT_EQ(ValueOf(Run(LengthOf, std::vector{text})), 1000);
  text = {};
  EXPECT_EQ((*view)[999], ValueOf(Run(Text, 1000U))[999]) << "it stays while it is looked at";
  EXPECT_EQ(KindOf(session_.View(Submit(Throws, 0)).status()), ErrorKind::kTaskFailed);
}

TEST_P(Conformance, WaitsForTasksThatReturnNothing) {
  EXPECT_EQ(ValueOf(Run(After, Submit(Nothing), 3)), 3);
  EXPECT_EQ(ValueOf(Run(OneAfterTheOther, GetParam())), 7);
  EXPECT_EQ(KindOf(Run(After, Submit(Refuses, std::string("no")), 3).status()), ErrorKind::kTaskFailed);
  EXPECT_EQ(ValueOf(session_.Get(session_.Submit([](std::monostate, int n) { return n; }, Submit(Nothing), 5))), 5);
}

TEST_P(Conformance, AsksOftenThenSendsMuch) {
  for (int i = 0; i < 3; ++i) {
    auto text = Submit(Text, 8000U);
    EXPECT_EQ(ValueOf(Run(AsksOftenThenSendsMuch, std::vector{text}, GetParam())), 300);
  }
}

TEST_P(Conformance, MoreThanThereAreProcessors) {
  std::vector<ObjectRef<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(Submit(Fibonacci, 4, GetParam()));
  for (const auto& one : all) EXPECT_EQ(ValueOf(session_.Get(one)), 3);
}

TEST_P(Conformance, ManyInFlight) {
  std::vector<ObjectRef<int>> all;
  for (int i = 0; i < 10000; ++i) all.push_back(Submit(Add, i, 1));
  EXPECT_EQ(ValueOf(session_.Wait(all, all.size(), hours(1))).ready.size(), all.size());
  for (int i = 0; i < 10000; ++i) ASSERT_EQ(ValueOf(session_.Get(all[static_cast<size_t>(i)])), i + 1);
}

TEST_P(Conformance, ManySessionsAfterEachOther) {
  for (int i = 0; i < 5; ++i) {
    Session session({.cpus = 2});
    EXPECT_EQ(ValueOf(session.Get(session.With(Options()).Submit(Add, i, 1))), i + 1);
    for (int k = 0; k < 20; ++k) session.With(Options()).Submit(Add, k, 1);
  }
}

// Actors.

TEST_P(Conformance, ActorsKeepTheOrderOfEachCaller) {
  auto journal = MakeJournal({}, 0);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 200; ++i) journal.Call(&Journal::Note, caller * 1000 + i);
    });
  }
  for (auto& caller : callers) caller.join();
  const auto notes = ValueOf(session_.Get(journal.Call(&Journal::Notes)));
  ASSERT_EQ(notes.size(), 600U);
  std::array<int, 3> next{};
  for (const int note : notes) EXPECT_EQ(note % 1000, next[static_cast<size_t>(note / 1000)]++);
}

TEST_P(Conformance, ActorsWaitForLateArguments) {
  auto journal = MakeJournal({}, 0);
  const std::string path = NewFile();
  auto late = session_.Submit(AfterFile, std::string(), path, 1);
  journal.Call(&Journal::Note, late);
  auto second = journal.Call(&Journal::Note, 2);
  ObjectRef<int> other;
  std::thread([&] { other = journal.Call(&Journal::Note, 3); }).join();
  EXPECT_EQ(ValueOf(session_.Get(other)), 3) << "another caller does not wait";
  EXPECT_FALSE(second.ready());
  Make(path);
  EXPECT_THAT(ValueOf(session_.Get(journal.Call(&Journal::Notes))), ElementsAre(3, 1, 2));
}

TEST_P(Conformance, ActorsTellErrors) {
  auto journal = MakeJournal({}, 5);
  Status status = session_.Get(journal.Call(&Journal::Throw)).status();
  EXPECT_THAT(status.ToString(), HasSubstr("threw std::runtime_error: a bad page"));
  EXPECT_EQ(KindOf(status), ErrorKind::kTaskFailed);
  EXPECT_EQ(session_.Get(journal.Call(&Journal::Refuse)).ToString(), "NOT_FOUND: no such page");
  EXPECT_EQ(ValueOf(session_.Get(journal.Call(&Journal::Add, 1))), 6) << "it goes on";
  status = session_.Get(journal.Call(&Journal::Add, Submit(Half, 1))).status();
  EXPECT_EQ(status.ToString(), "INVALID_ARGUMENT: x is odd");
  EXPECT_EQ(ValueOf(session_.Get(journal.Call(&Journal::Nested, 5, GetParam()))), 5);
}

TEST_P(Conformance, AConstructorThatThrows) {
  auto journal = MakeJournal({}, -1);
  EXPECT_THAT(session_.Get(journal.Ready()).ToString(), HasSubstr("threw std::invalid_argument: negative"));
  const Status status = session_.Get(journal.Call(&Journal::Add, 1)).status();
  EXPECT_EQ(KindOf(status), ErrorKind::kActorDied);
  EXPECT_THAT(Describe(status), HasSubstr("negative"));
}

TEST_P(Conformance, ActorsAreMadeAgain) {
  auto journal = MakeJournal({.max_restarts = 1}, 10);
  EXPECT_EQ(ValueOf(session_.Get(journal.Call(&Journal::Add, 5))), 15);
  const std::string begun = NewFile();
  auto runs = journal.Call(&Journal::Wait, begun, "/nowhere/ever");
  auto waits = journal.Call(&Journal::Add, 1);
  ASSERT_TRUE(AwaitBegin(begun));
  journal.Kill(true);
  EXPECT_EQ(KindOf(session_.Get(runs).status()), ErrorKind::kActorUnavailable);
  EXPECT_EQ(ValueOf(session_.Get(waits)), 11) << "of the new one";
  journal.Kill(true);
  EXPECT_EQ(KindOf(session_.Get(journal.Call(&Journal::Add, 1)).status()), ErrorKind::kActorDied);
}

TEST_P(Conformance, KilledActorsFailAllCalls) {
  auto journal = MakeJournal({}, 10);
  const std::string begun = NewFile();
  auto runs = journal.Call(&Journal::Wait, begun, "/nowhere/ever");
  auto waits = journal.Call(&Journal::Add, 1);
  ASSERT_TRUE(AwaitBegin(begun));
  journal.Kill();
  EXPECT_EQ(KindOf(session_.Get(runs).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session_.Get(waits).status()), ErrorKind::kActorDied);
  EXPECT_EQ(KindOf(session_.Get(journal.Call(&Journal::Add, 1)).status()), ErrorKind::kActorDied);
}

TEST_P(Conformance, CallsHaveTimeoutsAndAreCancelled) {
  auto journal = MakeJournal({}, 10);
  auto waits = journal.With({.timeout = milliseconds(20)}).Call(&Journal::Wait, NewFile(), "/nowhere/ever");
  EXPECT_EQ(KindOf(session_.Get(waits).status()), ErrorKind::kDeadlineExceeded);
  const std::string begun = NewFile();
  auto runs = MakeJournal({}, 1).Call(&Journal::Wait, begun, "/nowhere/ever");
  ASSERT_TRUE(AwaitBegin(begun));
  EXPECT_TRUE(session_.Cancel(runs));
  EXPECT_EQ(KindOf(session_.Get(runs).status()), ErrorKind::kTaskCancelled);
}

TEST_P(Conformance, ActorsLimitWhatWaits) {
  auto journal = MakeJournal({.max_pending_calls = 2}, 0);
  const std::string begun = NewFile();
  const std::string path = NewFile();
  auto runs = journal.Call(&Journal::Wait, begun, path);
  ASSERT_TRUE(AwaitBegin(begun));
  std::vector<ObjectRef<int>> more;
  for (int i = 0; i < 5; ++i) more.push_back(journal.Call(&Journal::Add, 1));
  EXPECT_EQ(KindOf(session_.Get(more[4]).status()), ErrorKind::kPendingCallsLimit);
  Make(path);
  EXPECT_EQ(ValueOf(session_.Get(runs)), 0);
  EXPECT_EQ(ValueOf(session_.Get(more[0])), 1);
}

TEST_P(Conformance, NamedActors) {
  auto journal = MakeJournal({.name = "diary", .detached = true}, 4);
  EXPECT_EQ(ValueOf(session_.Get(ValueOf(session_.GetActor<Journal>("diary")).Call(&Journal::Add, 1))), 5);
  auto same = MakeJournal({.name = "diary", .get_if_exists = true}, 100);
  EXPECT_EQ(ValueOf(session_.Get(same.Call(&Journal::Add, 1))), 6);
  journal.Kill();
  EXPECT_FALSE(session_.GetActor<Journal>("diary").ok());
}

TEST_P(Conformance, AnActorThatWaitsForItselfIsTold) {
  auto journal = MakeJournal({}, 0);
  const std::string path = NewFile();
  auto late = session_.Submit(AfterFile, std::string(), path, 1);
  ObjectRef<int> own;
  std::thread([&] { own = journal.Call(&Journal::Add, late); }).join();
  auto waits = journal.Call(&Journal::Sum, std::vector{own});
  EXPECT_TRUE(HasKind(session_.Get(waits).status(), ErrorKind::kDeadlock)) << Describe(session_.Get(waits).status());
  Make(path);
  EXPECT_EQ(ValueOf(session_.Get(own)), 1);
}

TEST_P(Conformance, ActorsTakeAndGiveLargeValues) {
  auto journal = MakeJournal({}, 0);
  for (int i = 0; i < 2000; ++i) journal.Call(&Journal::Note, i);
  EXPECT_EQ(ValueOf(session_.Get(journal.Call(&Journal::Notes))).size(), 2000U);
  std::vector<ObjectRef<int>> numbers;
  for (int i = 0; i < 500; ++i) numbers.push_back(Submit(Add, i, 0));
  EXPECT_EQ(ValueOf(session_.Get(journal.Call(&Journal::Sum, numbers))), 499 * 250);
}

}  // namespace
}  // namespace triune::conformance
