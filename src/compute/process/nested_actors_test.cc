// Actors, and who asks them, in threads and in processes: all four ways.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::nested_actors_test {

Session& Here() { return *Session::Current(); }

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
  Buffer Bytes(size_t size) {
    const std::string text(size, 'b');
    return Buffer::CopyOf(std::as_bytes(std::span(text)));
  }
  size_t Length(const std::string& text) { return text.size(); }
  std::vector<ObjectRef<int>> Pages() { return {Here().Put(1), Here().Put(2)}; }
  int SumOf(const std::vector<ObjectRef<int>>& numbers) {
    int sum = 0;
    for (const auto& number : numbers) sum += Here().Get(number).value();
    return sum;
  }

 private:
  int sum_;
  std::vector<int> notes_;
};

class Unknown {};

/// Has an actor of its own, and knows another.
class Editor {
 public:
  Editor(ActorHandle<Journal> other, Isolation isolation)
      : other_(std::move(other)), own_(Here().CreateActor<Journal>(ActorOptions{.isolation = isolation}, 100)) {}
  Result<int> AddToBoth(int amount) {
    TRIUNE_ASSIGN_OR_RETURN(int a, Here().Get(other_.Call(&Journal::Add, amount)));
    TRIUNE_ASSIGN_OR_RETURN(int b, Here().Get(own_.Call(&Journal::Add, amount)));
    return a + b;
  }
  ActorHandle<Journal> Own() { return own_; }

 private:
  ActorHandle<Journal> other_;
  ActorHandle<Journal> own_;
};

Result<int> AddTo(const ActorHandle<Journal>& journal, int amount) {
  return Here().Get(journal.Call(&Journal::Add, amount));
}
Result<std::vector<int>> NotesOf(const ActorHandle<Journal>& journal, int count) {
  for (int i = 0; i < count; ++i) journal.Call(&Journal::Note, i);
  return Here().Get(journal.Call(&Journal::Notes));
}
Status AskToThrow(const ActorHandle<Journal>& journal) { return Here().Get(journal.Call(&Journal::Throw)).status(); }
Result<size_t> Large(const ActorHandle<Journal>& journal, size_t size) {
  TRIUNE_ASSIGN_OR_RETURN(size_t length, Here().Get(journal.Call(&Journal::Length, std::string(size, 'x'))));
  TRIUNE_ASSIGN_OR_RETURN(Buffer bytes, Here().Get(journal.Call(&Journal::Bytes, size)));
  return length + bytes.size();
}
Result<int> References(const ActorHandle<Journal>& journal, const std::vector<ObjectRef<int>>& numbers) {
  TRIUNE_ASSIGN_OR_RETURN(int sum, Here().Get(journal.Call(&Journal::SumOf, numbers)));
  TRIUNE_ASSIGN_OR_RETURN(int next, Here().Get(journal.Call(&Journal::Add, numbers[0])));
  TRIUNE_ASSIGN_OR_RETURN(std::vector<ObjectRef<int>> pages, Here().Get(journal.Call(&Journal::Pages)));
  TRIUNE_ASSIGN_OR_RETURN(std::vector<int> values, Here().Get(pages));
  return sum * 10000 + next * 100 + values[0] + values[1];
}
ActorHandle<Journal> Hire(int start, Isolation isolation) {
  return Here().CreateActor<Journal>(ActorOptions{.isolation = isolation}, start);
}
Result<int> HireAndAsk(int start, Isolation isolation) {
  auto journal = Hire(start, isolation);
  TRIUNE_RETURN_IF_ERROR(Here().Get(journal.Ready()));
  return AddTo(journal, 1);
}
ActorHandle<Journal> HireAs(const std::string& name, Isolation isolation) {
  return Here().CreateActor<Journal>(
      ActorOptions{.name = name, .detached = true, .get_if_exists = true, .isolation = isolation}, 10);
}
Result<int> HireForAMoment(const std::string& name, Isolation isolation, bool crash) {
  auto journal = Here().CreateActor<Journal>(ActorOptions{.name = name, .isolation = isolation}, 10);
  auto sum = AddTo(journal, 1);
  if (crash) std::raise(SIGKILL);
  return sum;
}
Result<int> AskByName(const std::string& name) {
  TRIUNE_ASSIGN_OR_RETURN(auto journal, Here().GetActor<Journal>(name));
  return AddTo(journal, 1);
}
Status WrongType(const std::string& name) { return Here().GetActor<Editor>(name).status(); }
Status KillIt(const ActorHandle<Journal>& journal) {
  journal.Kill();
  return Here().Get(journal.Call(&Journal::Add, 1)).status();
}
Status HireUnknown() { return Here().Get(Here().CreateActor<Unknown>(ActorOptions{.isolation = kProcess}).Ready()); }
/// A handle on its way through another task.
Result<int> PassOn(const ActorHandle<Journal>& journal, int depth, Isolation isolation) {
  if (depth == 0) return AddTo(journal, 1);
  return Here().Get(Here().With({.isolation = isolation}).Submit(PassOn, journal, depth - 1, isolation));
}

}  // namespace triune::nested_actors_test

TRIUNE_REMOTE_ACTOR(triune::nested_actors_test::Journal(int), &triune::nested_actors_test::Journal::Add,
                    &triune::nested_actors_test::Journal::Note, &triune::nested_actors_test::Journal::Notes,
                    &triune::nested_actors_test::Journal::Throw, &triune::nested_actors_test::Journal::Bytes,
                    &triune::nested_actors_test::Journal::Length, &triune::nested_actors_test::Journal::Pages,
                    &triune::nested_actors_test::Journal::SumOf);
TRIUNE_REMOTE_ACTOR(triune::nested_actors_test::Editor(triune::ActorHandle<triune::nested_actors_test::Journal>,
                                                       triune::Isolation),
                    &triune::nested_actors_test::Editor::AddToBoth, &triune::nested_actors_test::Editor::Own);
TRIUNE_REMOTE(triune::nested_actors_test::AddTo, triune::nested_actors_test::NotesOf,
              triune::nested_actors_test::AskToThrow, triune::nested_actors_test::Large,
              triune::nested_actors_test::References, triune::nested_actors_test::Hire,
              triune::nested_actors_test::HireAndAsk, triune::nested_actors_test::HireAs,
              triune::nested_actors_test::AskByName, triune::nested_actors_test::WrongType,
              triune::nested_actors_test::KillIt, triune::nested_actors_test::HireUnknown,
              triune::nested_actors_test::PassOn, triune::nested_actors_test::HireForAMoment);

namespace triune::nested_actors_test {
namespace {

using compute::HasKind;
using ::testing::HasSubstr;

/// Where tasks run, and where actors live.
class NestedActors : public ::testing::TestWithParam<std::tuple<Isolation, Isolation>> {
 protected:
  Isolation tasks() const { return std::get<0>(GetParam()); }
  Isolation actors() const { return std::get<1>(GetParam()); }
  template <typename... Arguments>
  auto Submit(Arguments&&... arguments) {
    return session_.With({.isolation = tasks()}).Submit(std::forward<Arguments>(arguments)...);
  }
  template <typename... Arguments>
  auto Run(Arguments&&... arguments) {
    return session_.Get(Submit(std::forward<Arguments>(arguments)...));
  }
  ActorHandle<Journal> MakeJournal(int start) {
    return session_.CreateActor<Journal>(ActorOptions{.isolation = actors()}, start);
  }
  template <typename T>
  static T ValueOf(Result<T> result) {
    EXPECT_TRUE(result.ok()) << Describe(result.status());
    return result.ok() ? *std::move(result) : T();
  }

  compute::HangAlarm alarm_{::testing::UnitTest::GetInstance()->current_test_info()->name()};
  Session session_{{.cpus = 2}};
};
INSTANTIATE_TEST_SUITE_P(All, NestedActors,
                         ::testing::Combine(::testing::Values(kThread, kProcess), ::testing::Values(kThread, kProcess)),
                         [](const auto& test) {
                           auto name = [](Isolation isolation) {
                             return isolation == kThread ? "Threads" : "Processes";
                           };
                           return std::string(name(std::get<0>(test.param))) + "Ask" + name(std::get<1>(test.param));
                         });

TEST_P(NestedActors, HandlesAreArguments) {
  auto journal = MakeJournal(10);
  EXPECT_EQ(ValueOf(Run(AddTo, journal, 5)), 15);
  std::vector<ObjectRef<int>> all;
  for (int i = 0; i < 200; ++i) all.push_back(Submit(AddTo, journal, 1));
  std::vector<int> sums = ValueOf(session_.Get(all));
  std::sort(sums.begin(), sums.end());
  for (int i = 0; i < 200; ++i) EXPECT_EQ(sums[static_cast<size_t>(i)], 16 + i) << "each once";
  EXPECT_EQ(ValueOf(Run(PassOn, journal, 3, tasks())), 216);
}

TEST_P(NestedActors, CallsOfATaskKeepTheirOrder) {
  for (int i = 0; i < 5; ++i) {
    const std::vector<int> notes = ValueOf(Run(NotesOf, MakeJournal(0), 300));
    ASSERT_EQ(notes.size(), 300U);
    EXPECT_TRUE(std::is_sorted(notes.begin(), notes.end()));
  }
}

TEST_P(NestedActors, ErrorsComeBack) {
  const Status status = Run(AskToThrow, MakeJournal(0));
  EXPECT_TRUE(HasKind(status, ErrorKind::kTaskFailed));
  EXPECT_THAT(Describe(status), HasSubstr("a bad page"));
}

TEST_P(NestedActors, LargeValuesAndReferences) {
  auto journal = MakeJournal(0);
  EXPECT_EQ(ValueOf(Run(Large, journal, size_t{3})), 6U);
  EXPECT_EQ(ValueOf(Run(Large, journal, size_t{1} << 20U)), size_t{2} << 20U);
  const std::vector<ObjectRef<int>> numbers = {session_.Put(7), session_.Submit([] { return 8; })};
  EXPECT_EQ(ValueOf(Run(References, journal, numbers)), 150703);
}

TEST_P(NestedActors, TasksMakeActors) {
  EXPECT_EQ(ValueOf(Run(HireAndAsk, 5, actors())), 6);
  ActorHandle<Journal> journal = ValueOf(Run(Hire, 20, actors()));
  EXPECT_EQ(ValueOf(session_.Get(journal.Call(&Journal::Add, 1))), 21) << "it outlives the task";
  EXPECT_EQ(ValueOf(Run(AddTo, journal, 1)), 22);
  EXPECT_TRUE(HasKind(Run(HireAndAsk, -1, actors()).status(), ErrorKind::kTaskFailed));
}

TEST_P(NestedActors, ByName) {
  EXPECT_EQ(Run(AskByName, std::string("diary")).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ValueOf(session_.Get(ValueOf(Run(HireAs, std::string("diary"), actors())).Call(&Journal::Add, 1))), 11);
  EXPECT_EQ(ValueOf(Run(AskByName, std::string("diary"))), 12);
  EXPECT_EQ(ValueOf(session_.Get(ValueOf(Run(HireAs, std::string("diary"), actors())).Call(&Journal::Add, 1))), 13)
      << "not made a second time";
  EXPECT_EQ(Run(WrongType, std::string("diary")).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(ValueOf(session_.Get(ValueOf(session_.GetActor<Journal>("diary")).Call(&Journal::Add, 1))), 14);
}

TEST_P(NestedActors, TasksKillThem) {
  auto journal = MakeJournal(0);
  EXPECT_TRUE(HasKind(Run(KillIt, journal), ErrorKind::kActorDied));
  EXPECT_TRUE(HasKind(session_.Get(journal.Call(&Journal::Add, 1)).status(), ErrorKind::kActorDied));
}

TEST_P(NestedActors, ActorsHaveActors) {
  auto journal = MakeJournal(0);
  auto editor = session_.CreateActor<Editor>(ActorOptions{.isolation = tasks()}, journal, actors());
  EXPECT_EQ(ValueOf(session_.Get(editor.Call(&Editor::AddToBoth, 5))), 5 + 105);
  auto own = ValueOf(session_.Get(editor.Call(&Editor::Own)));
  EXPECT_EQ(ValueOf(session_.Get(own.Call(&Journal::Add, 1))), 106);
  editor = {};
  EXPECT_EQ(ValueOf(session_.Get(own.Call(&Journal::Add, 1))), 107) << "somebody refers to it";
}

TEST_P(NestedActors, ManyAtOnce) {
  std::vector<ObjectRef<int>> all;
  for (int i = 0; i < 20; ++i) all.push_back(Submit(HireAndAsk, i, actors()));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ValueOf(session_.Get(all[static_cast<size_t>(i)])), i + 1);
}

TEST_P(NestedActors, EndWithTheLastHandle) {
  EXPECT_EQ(ValueOf(Run(HireForAMoment, std::string("temp"), actors(), false)), 11);
  EXPECT_TRUE(compute::Eventually([&] { return !session_.GetActor<Journal>("temp").ok(); }));
  if (tasks() == kThread) return;
  EXPECT_TRUE(HasKind(Run(HireForAMoment, std::string("temp"), actors(), true).status(), ErrorKind::kWorkerCrashed));
  EXPECT_TRUE(compute::Eventually([&] { return !session_.GetActor<Journal>("temp").ok(); }));
}

TEST(NestedActorsInProcesses, MustBeRegistered) {
  Session session({.cpus = 2});
  const Status status = session.Get(session.With({.isolation = kProcess}).Submit(HireUnknown));
  EXPECT_THAT(Describe(status), HasSubstr("TRIUNE_REMOTE_ACTOR"));
}

}  // namespace
}  // namespace triune::nested_actors_test
