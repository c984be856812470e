#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

int Square(int x) { return x * x; }
void Nothing() {}
int Throws() { throw std::runtime_error("no luck"); }
int FailsTwice() {
  if (RuntimeContext::attempt() < 2) throw std::runtime_error("not yet");
  return 42;
}
int Pid() { return getpid(); }
Buffer ManyBytes() { return Buffer::Allocate(1 << 20); }

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Add(int by) { return value_ += by; }
  int Pid() { return getpid(); }

 private:
  int value_;
};

}  // namespace
}  // namespace triune

TRIUNE_REMOTE(triune::Pid, triune::ManyBytes);
TRIUNE_REMOTE_ACTOR(triune::Counter(int), &triune::Counter::Add, &triune::Counter::Pid);

namespace triune {
namespace {

/// Holds up tasks until it is opened. Theirs, too: a function may return later than its task is over.
struct Gate {
  std::latch arrived{1};
  std::latch open{1};
  void Pass() {
    arrived.count_down();
    open.wait();
  }
};

template <typename T>
T Of(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  return result.ok() ? *std::move(result) : T();
}

std::vector<TaskInfo> Tasks(const Session& session, std::vector<StateFilter> filters = {}) {
  return Of(session.ListTasks({.filters = std::move(filters)})).result;
}

class StatsTest : public ::testing::TestWithParam<bool> {
 protected:
  Session session_{{.cpus = 2, .resources = {{"slot", 1}}, .track_state = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Tracked, StatsTest, ::testing::Bool(), ::testing::PrintToStringParamName());

TEST_P(StatsTest, ANewSessionHasNothing) {
  const SessionStats stats = session_.Stats();
  EXPECT_EQ(stats.tasks.running + stats.tasks.finished + stats.tasks.failed + stats.tasks.cancelled, 0U);
  EXPECT_EQ(stats.tasks.pending_args_avail + stats.tasks.pending_node_assignment, 0U);
  EXPECT_EQ(stats.actors.alive, 0U);
  EXPECT_EQ(stats.worker_processes, 0U);
  EXPECT_EQ(stats.resources_total.at("CPU"), 2);
  EXPECT_EQ(stats.resources_available.at("slot"), 1);
  EXPECT_EQ(stats.tracking.on, GetParam());
}

TEST_P(StatsTest, CountsTasksByState) {
  auto gate = std::make_shared<Gate>();
  auto running = session_.Submit([gate] { return gate->Pass(), 1; });
  gate->arrived.wait();
  auto after = session_.Submit(Square, running);
  auto holder = session_.With({.resources = {{"slot", 1}}}).Submit([gate] { gate->open.wait(); });
  auto behind = session_.With({.resources = {{"slot", 1}}}).Submit(Nothing);
  while (session_.Stats().tasks.running != 2) std::this_thread::yield();
  SessionStats::Tasks tasks = session_.Stats().tasks;
  EXPECT_EQ(tasks.pending_args_avail, 1U);
  EXPECT_EQ(tasks.pending_node_assignment, 1U);
  EXPECT_EQ(tasks.finished, 0U);

  gate->open.count_down();
  EXPECT_TRUE(session_.Get(after).ok());
  EXPECT_TRUE(session_.Get(holder).ok());
  EXPECT_TRUE(session_.Get(behind).ok());
  tasks = session_.Stats().tasks;
  EXPECT_EQ(tasks.finished, 4U);
  EXPECT_EQ(tasks.running + tasks.pending_args_avail + tasks.pending_node_assignment, 0U);
}

TEST_P(StatsTest, CountsFailuresRetriesAndCancellations) {
  EXPECT_FALSE(session_.Get(session_.Submit(Throws)).ok());
  EXPECT_TRUE(session_.Get(session_.With({.retries = 5}).Submit(FailsTwice)).ok());
  EXPECT_FALSE(session_.Get(session_.With({.cpus = 100}).Submit(Square, 1)).ok()) << "can't ever be run";
  auto gate = std::make_shared<Gate>();
  auto running = session_.Submit([gate] { return gate->Pass(), 1; });
  gate->arrived.wait();
  auto waits = session_.Submit(Square, running);
  EXPECT_TRUE(session_.Cancel(waits));
  EXPECT_TRUE(session_.Cancel(running, {.force = true}));
  SessionStats::Tasks tasks = session_.Stats().tasks;
  EXPECT_EQ(tasks.running, 0U) << "nobody waits for it any more";
  gate->open.count_down();
  EXPECT_FALSE(session_.Get(running).ok());
  EXPECT_TRUE(session_.Get(session_.Submit(Square, 2)).ok());
  tasks = session_.Stats().tasks;
  EXPECT_EQ(tasks.failed, 2U);
  EXPECT_EQ(tasks.retries, 2U);
  EXPECT_EQ(tasks.cancelled, 2U);
  EXPECT_EQ(tasks.finished, 2U);
  EXPECT_EQ(tasks.pending_args_avail + tasks.pending_node_assignment + tasks.running, 0U);
}

TEST_P(StatsTest, CountsWhatThreadsHaveDoneThatAreGone) {
  for (int i = 0; i < 3; ++i) {
    std::thread([this] { EXPECT_TRUE(session_.Get(session_.Submit(Square, 3)).ok()); }).join();
  }
  EXPECT_EQ(session_.Stats().tasks.finished, 3U);
  EXPECT_EQ(session_.Stats().tasks.pending_node_assignment, 0U);
}

TEST_P(StatsTest, SessionsDoNotCountForEachOther) {
  Session other({.cpus = 1, .track_state = !GetParam()});
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(session_.Get(session_.Submit(Square, 3)).ok());
    EXPECT_TRUE(other.Get(other.Submit(Square, 3)).ok());
    EXPECT_TRUE(other.Get(other.Submit(Square, 3)).ok());
  }
  EXPECT_EQ(session_.Stats().tasks.finished, 10U);
  EXPECT_EQ(other.Stats().tasks.finished, 20U);
}

TEST_P(StatsTest, CountsActorsByState) {
  auto gate = std::make_shared<Gate>();
  auto start = session_.Submit([gate] { return gate->Pass(), 1; });
  gate->arrived.wait();
  auto waits = session_.CreateActor<Counter>(start);
  EXPECT_EQ(session_.Stats().actors.dependencies_unready, 1U);
  gate->open.count_down();
  EXPECT_TRUE(session_.Get(waits.Ready()).ok());
  {
    auto other = session_.CreateActor<Counter>(ActorOptions{.max_restarts = 1}, 1);
    EXPECT_TRUE(session_.Get(other.Ready()).ok());
    EXPECT_EQ(session_.Stats().actors.alive, 2U);
    other.Kill(true);
    EXPECT_EQ(Of(session_.Get(other.Call(&Counter::Add, 1))), 2);
    EXPECT_EQ(session_.Stats().actors.alive, 2U);
    EXPECT_EQ(session_.Stats().actors.restarting, 0U);
  }
  waits.Kill();
  while (session_.Stats().actors.dead != 2) std::this_thread::yield();
  EXPECT_EQ(session_.Stats().actors.alive, 0U);
}

TEST_P(StatsTest, AnActorThatExistsIsNotASecondOne) {
  auto first = session_.CreateActor<Counter>(ActorOptions{.name = "c"}, 1);
  auto same = session_.CreateActor<Counter>(ActorOptions{.name = "c", .get_if_exists = true}, 1);
  EXPECT_TRUE(session_.Get(same.Ready()).ok());
  const SessionStats stats = session_.Stats();
  EXPECT_EQ(stats.actors.alive, 1U);
  EXPECT_EQ(stats.actors.dead, 0U);
  EXPECT_EQ(stats.tasks.failed, 0U);
}

TEST_P(StatsTest, CountsPlacementGroups) {
  auto group = session_.CreatePlacementGroup({.bundles = {{.cpus = 1}}});
  EXPECT_TRUE(session_.Get(group.Ready()).ok());
  EXPECT_EQ(session_.Stats().placement_groups.created, 1U);
  EXPECT_EQ(session_.Stats().resources_available.at("CPU"), 1);
  session_.RemovePlacementGroup(group);
  EXPECT_EQ(session_.Stats().placement_groups.created, 0U);
  EXPECT_EQ(session_.Stats().placement_groups.removed, 1U);
}

TEST_P(StatsTest, CountsProcessesAndSharedMemory) {
  auto process = session_.With({.isolation = kProcess});
  auto bytes = process.Submit(ManyBytes);
  EXPECT_TRUE(session_.Get(bytes).ok());
  const SessionStats stats = session_.Stats();
  EXPECT_GE(stats.worker_processes, 1U);
  EXPECT_GE(stats.objects.shared_memory_bytes, 1U << 20U);
  EXPECT_GE(stats.objects.shared_memory_blocks, 1U);
  EXPECT_EQ(stats.tasks.finished, 1U);
  EXPECT_EQ(stats.tasks.running, 0U);
}

TEST(ListTest, WithoutTrackingOnlySomeListsAreThere) {
  Session session({.cpus = 1});
  EXPECT_EQ(session.ListTasks().status().code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(session.ListActors().status().ToString(), HasSubstr("track_state"));
  EXPECT_FALSE(session.ListObjects().ok());
  EXPECT_FALSE(session.SummarizeTasks().ok());
  EXPECT_FALSE(session.WriteTrace("/dev/null").ok());
  EXPECT_TRUE(session.ListPlacementGroups().ok());
  EXPECT_EQ(Of(session.ListWorkers()).result.at(0).worker_type, "DRIVER");
}

class TrackedTest : public ::testing::Test {
 protected:
  Session session_{{.cpus = 2, .track_state = true}};
};

TEST_F(TrackedTest, ATaskHasItsFields) {
  auto gate = std::make_shared<Gate>();
  auto reference = session_.With({.name = "held", .cpus = 2, .memory = 10}).Submit([gate] { gate->Pass(); });
  gate->arrived.wait();
  TaskInfo task = Tasks(session_).at(0);
  EXPECT_EQ(task.name, "held");
  EXPECT_EQ(task.state, "RUNNING");
  EXPECT_EQ(task.type, "NORMAL_TASK");
  EXPECT_EQ(task.worker_pid, getpid());
  EXPECT_EQ(task.required_resources, (std::map<std::string, double>{{"CPU", 2}, {"memory", 10}}));
  EXPECT_EQ(task.end_time_ms, 0);
  gate->open.count_down();
  EXPECT_TRUE(session_.Get(reference).ok());
  task = Tasks(session_).at(0);
  EXPECT_EQ(task.state, "FINISHED");
  EXPECT_LE(task.creation_time_ms, task.start_time_ms);
  EXPECT_LE(task.start_time_ms, task.end_time_ms);
  EXPECT_EQ(task.error_type, "");
  EXPECT_EQ(task.task_id.size(), 16U);
}

TEST_F(TrackedTest, ATaskHasTheNameOfItsFunction) {
  EXPECT_TRUE(session_.Get(session_.Submit(Square, 3)).ok());
  EXPECT_EQ(Tasks(session_).at(0).name, "triune::Square");
}

TEST_F(TrackedTest, AFailureIsTold) {
  EXPECT_FALSE(session_.Get(session_.With({.name = "bad", .retries = 2}).Submit(Throws)).ok());
  const TaskInfo task = Tasks(session_).at(0);
  EXPECT_EQ(task.state, "FAILED");
  EXPECT_EQ(task.attempt_number, 2);
  EXPECT_EQ(task.error_type, "TASK_FAILED");
  EXPECT_THAT(task.error_message, HasSubstr("no luck"));
}

TEST_F(TrackedTest, ARefusedTaskIsThere) {
  EXPECT_FALSE(session_.Get(session_.With({.cpus = 100}).Submit(Square, 1)).ok());
  const TaskInfo task = Tasks(session_).at(0);
  EXPECT_EQ(task.state, "FAILED");
  EXPECT_EQ(task.error_type, "UNSCHEDULABLE");
}

TEST_F(TrackedTest, ACancelledTaskHasFailed) {
  auto gate = std::make_shared<Gate>();
  auto running = session_.Submit([gate] { return gate->Pass(), 1; });
  gate->arrived.wait();
  auto waits = session_.With({.name = "waits"}).Submit(Square, running);
  EXPECT_EQ(Tasks(session_, {{.key = "name", .value = "waits"}}).at(0).state, "PENDING_ARGS_AVAIL");
  session_.Cancel(waits);
  const TaskInfo task = Tasks(session_, {{.key = "name", .value = "waits"}}).at(0);
  EXPECT_EQ(task.state, "FAILED");
  EXPECT_EQ(task.error_type, "TASK_CANCELLED");
  gate->open.count_down();
}

TEST_F(TrackedTest, AChildKnowsItsParent) {
  auto parent = session_.With({.name = "parent"}).Submit([this] {
    return session_.Get(session_.With({.name = "child"}).Submit(Square, 3));
  });
  EXPECT_EQ(Of(session_.Get(parent)), 9);
  const TaskInfo child = Tasks(session_, {{.key = "name", .value = "child"}}).at(0);
  EXPECT_EQ(child.parent_task_id, Tasks(session_, {{.key = "name", .value = "parent"}}).at(0).task_id);
}

TEST_F(TrackedTest, ActorsAndTheirCallsAreThere) {
  auto counter = session_.CreateActor<Counter>(ActorOptions{.name = "count", .detached = true, .cpus = 1}, 1);
  EXPECT_EQ(Of(session_.Get(counter.Call(&Counter::Add, 1))), 2);
  const ActorInfo actor = Of(session_.ListActors()).result.at(0);
  EXPECT_EQ(actor.state, "ALIVE");
  EXPECT_EQ(actor.name, "count");
  EXPECT_THAT(actor.class_name, HasSubstr("Counter"));
  EXPECT_EQ(actor.pid, getpid());
  EXPECT_TRUE(actor.is_detached);
  EXPECT_EQ(actor.required_resources, (std::map<std::string, double>{{"CPU", 1}}));
  const TaskInfo call = Tasks(session_, {{.key = "type", .value = "ACTOR_TASK"}}).at(0);
  EXPECT_EQ(call.actor_id, actor.actor_id);
  EXPECT_THAT(call.required_resources, IsEmpty());
  EXPECT_EQ(Tasks(session_, {{.key = "type", .value = "ACTOR_CREATION_TASK"}}).at(0).actor_id, actor.actor_id);
  counter.Kill();
  auto dead = [this] { return Of(session_.ListActors({.filters = {{.key = "state", .value = "DEAD"}}})).result; };
  while (dead().empty()) std::this_thread::yield();
  EXPECT_THAT(dead().at(0).death_cause, HasSubstr("was killed"));
}

TEST_F(TrackedTest, AnActorThatNobodyNeedsIsDead) {
  { EXPECT_TRUE(session_.Get(session_.CreateActor<Counter>(1).Call(&Counter::Add, 1)).ok()); }
  auto state = [this] { return Of(session_.ListActors()).result.at(0); };
  while (state().state != "DEAD") std::this_thread::yield();
  EXPECT_THAT(state().death_cause, HasSubstr("no handle"));
}

TEST_F(TrackedTest, ARestartIsCounted) {
  auto counter = session_.CreateActor<Counter>(ActorOptions{.max_restarts = -1}, 1);
  EXPECT_TRUE(session_.Get(counter.Ready()).ok());
  counter.Kill(true);
  EXPECT_EQ(Of(session_.Get(counter.Call(&Counter::Add, 1))), 2);
  const ActorInfo actor = Of(session_.ListActors()).result.at(0);
  EXPECT_EQ(actor.state, "ALIVE");
  EXPECT_EQ(actor.num_restarts, 1);
}

TEST_F(TrackedTest, ProcessesAreTold) {
  const int pid = Of(session_.Get(session_.With({.isolation = kProcess}).Submit(Pid)));
  EXPECT_EQ(Tasks(session_).at(0).worker_pid, pid);
  auto counter = session_.CreateActor<Counter>(ActorOptions{.isolation = kProcess}, 1);
  const int actor_pid = Of(session_.Get(counter.Call(&Counter::Pid)));
  EXPECT_EQ(Of(session_.ListActors()).result.at(0).pid, actor_pid);
  std::vector<WorkerInfo> workers =
      Of(session_.ListWorkers({.filters = {{.key = "worker_type", .value = "worker"}}})).result;
  EXPECT_THAT(workers, ::testing::Contains(::testing::Field(&WorkerInfo::pid, actor_pid)));
}

TEST_F(TrackedTest, ObjectsAreThereAsLongAsSomebodyRefersToThem) {
  auto put = session_.Put(std::string("four"));
  auto bytes = session_.PutBytes(std::vector<std::byte>(100'000));
  auto result = session_.Submit(Square, 3);
  EXPECT_TRUE(session_.Get(result).ok());
  {
    auto second = put;
    std::vector<ObjectInfo> objects = Of(session_.ListObjects()).result;
    ASSERT_EQ(objects.size(), 3U);
    EXPECT_EQ(objects[0].reference_type, "PUT");
    EXPECT_EQ(objects[0].object_size, 4);
    EXPECT_EQ(objects[0].reference_count, 2);
    EXPECT_EQ(objects[0].location, "WORKER_HEAP");
    EXPECT_EQ(objects[1].object_size, 100'000);
    EXPECT_EQ(objects[1].location, "MMAP_SHM");
    EXPECT_EQ(objects[2].reference_type, "TASK_RETURN");
    EXPECT_EQ(objects[2].type, "int");
    EXPECT_EQ(objects[2].state, "CREATED");
    EXPECT_EQ(objects[2].task_id, Tasks(session_).at(0).task_id);
  }
  put = {};
  bytes = {};
  EXPECT_EQ(Of(session_.ListObjects({.filters = {{.key = "reference_type", .value = "PUT"}}})).num_filtered, 0U);
}

TEST_F(TrackedTest, FiltersComeBeforeTheLimit) {
  for (int i = 0; i < 150; ++i) EXPECT_TRUE(session_.Get(session_.With({.name = "early"}).Submit(Square, i)).ok());
  for (int i = 0; i < 30; ++i) EXPECT_TRUE(session_.Get(session_.With({.name = "Late"}).Submit(Square, i)).ok());
  auto late = Of(session_.ListTasks({.filters = {{.key = "name", .value = "late"}}, .limit = 20}));
  EXPECT_EQ(late.result.size(), 20U) << "though there are 150 others before them; and case does not matter";
  EXPECT_EQ(late.num_filtered, 30U);
  EXPECT_EQ(late.num_after_truncation, 180U);
  EXPECT_EQ(late.total, 180U);
  EXPECT_EQ(late.partial_failure_warning, "");
  auto others = Of(session_.ListTasks(
      {.filters = {{.key = "name", .predicate = "!=", .value = "late"}, {.key = "state", .value = "FINISHED"}}}));
  EXPECT_EQ(others.num_filtered, 150U);
  EXPECT_EQ(others.result.size(), 100U) << "Ray's limit";
  EXPECT_EQ(Of(session_.ListTasks({.filters = {{.key = "attempt_number", .value = "0"}}})).num_filtered, 180U);
  EXPECT_EQ(Of(session_.ListTasks({.filters = {{.key = "actor_id", .value = ""}}})).num_filtered, 180U);
}

TEST_F(TrackedTest, BadFiltersAreRefused) {
  auto refused = [this](StateFilter filter) {
    const Status status = session_.ListTasks({.filters = {std::move(filter)}}).status();
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    return status.ToString();
  };
  EXPECT_THAT(refused({.key = "stat", .value = "RUNNING"}), HasSubstr("task_id"));
  EXPECT_THAT(refused({.key = "required_resources", .value = "1"}), HasSubstr("state"));
  EXPECT_THAT(refused({.key = "state", .predicate = "<", .value = "RUNNING"}), HasSubstr("= or !="));
  EXPECT_FALSE(session_.ListActors({.filters = {{.key = "task_id", .value = "1"}}}).ok());
  EXPECT_FALSE(session_.ListObjects({.filters = {{.key = "name", .value = "1"}}}).ok());
  EXPECT_FALSE(session_.ListWorkers({.filters = {{.key = "name", .value = "1"}}}).ok());
  EXPECT_FALSE(session_.ListPlacementGroups({.filters = {{.key = "bundles", .value = "1"}}}).ok());
}

TEST_F(TrackedTest, SummaryCountsByNameAndState) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(session_.Get(session_.With({.name = "f"}).Submit(Square, i)).ok());
  EXPECT_FALSE(session_.Get(session_.With({.name = "f"}).Submit(Throws)).ok());
  const std::vector<TaskSummary> summary = Of(session_.SummarizeTasks());
  ASSERT_EQ(summary.size(), 1U);
  EXPECT_EQ(summary[0].func_or_class_name, "f");
  EXPECT_EQ(summary[0].state_counts, (std::map<std::string, uint64_t>{{"FINISHED", 3}, {"FAILED", 1}}));
}

TEST_F(TrackedTest, MetricsAreByName) {
  EXPECT_TRUE(session_.Get(session_.With({.name = "a \"b\"\n\\"}).Submit(Square, 1)).ok());
  EXPECT_TRUE(session_.Get(session_.With({.name = "again", .retries = 3}).Submit(FailsTwice)).ok());
  const std::string text = session_.MetricsText();
  EXPECT_THAT(text, HasSubstr("ray_tasks{Name=\"a \\\"b\\\"\\n\\\\\",State=\"FINISHED\",IsRetry=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ray_tasks{Name=\"again\",State=\"FINISHED\",IsRetry=\"1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ray_resources{Name=\"CPU\",State=\"AVAILABLE\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("triune_task_retries_total 2\n"));
}

TEST(MetricsTest, AreThereWithoutTracking) {
  Session session({.cpus = 1});
  EXPECT_TRUE(session.Get(session.Submit(Square, 1)).ok());
  const std::string text = session.MetricsText();
  EXPECT_THAT(text, HasSubstr("ray_tasks{Name=\"\",State=\"FINISHED\",IsRetry=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ray_object_store_memory{Location=\"SPILLED\"} 0\n"));
}

TEST(BoundedTest, WhatEndedFirstIsForgottenFirst) {
  Session session({.cpus = 2, .track_state = true, .max_tracked_tasks = 10});
  auto gate = std::make_shared<Gate>();
  auto running = session.With({.name = "running"}).Submit([gate] { gate->Pass(); });
  gate->arrived.wait();
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(session.Get(session.With({.name = "short"}).Submit(Square, i)).ok());
  auto listing = Of(session.ListTasks());
  EXPECT_EQ(listing.result.size(), 10U);
  EXPECT_EQ(listing.result.at(0).name, "running");
  EXPECT_EQ(listing.total, 51U);
  EXPECT_THAT(listing.partial_failure_warning, HasSubstr("41 tasks"));
  EXPECT_EQ(session.Stats().tracking.tasks, 10U);
  EXPECT_EQ(session.Stats().tracking.tasks_left_out, 41U);
  gate->open.count_down();
}

TEST(BoundedTest, ThoseThatRunAreThereThoughThereWasNoRoomWhenTheyWereSubmitted) {
  Session session({.cpus = 1, .track_state = true, .max_tracked_tasks = 3});
  auto first = std::make_shared<Gate>();
  auto last = std::make_shared<Gate>();
  auto held = session.Submit([first] { first->Pass(); });
  first->arrived.wait();
  std::vector<ObjectRef<int>> queued;
  for (int i = 0; i < 10; ++i) queued.push_back(session.With({.name = "queued"}).Submit(Square, i));
  auto late = session.With({.name = "late"}).Submit([last] { last->Pass(); });
  EXPECT_EQ(Of(session.ListTasks()).result.size(), 3U);
  EXPECT_EQ(Of(session.ListTasks()).total, 12U);
  first->open.count_down();
  last->arrived.wait();
  EXPECT_EQ(Of(session.ListTasks({.filters = {{.key = "name", .value = "late"}}})).result.at(0).state, "RUNNING");
  last->open.count_down();
  EXPECT_TRUE(session.Get(late).ok());
  EXPECT_LE(Of(session.ListTasks()).result.size(), 3U);
  EXPECT_EQ(Of(session.ListTasks()).total, 12U);
}

TEST(ObjectsTest, MayOutliveTheirSession) {
  ObjectRef<std::string> put;
  ObjectRef<int> result;
  ActorHandle<Counter> counter;
  {
    Session session({.cpus = 1, .track_state = true});
    put = session.Put(std::string("text"));
    result = session.Submit(Square, 3);
    counter = session.CreateActor<Counter>(1);
    EXPECT_TRUE(session.Get(counter.Ready()).ok());
  }
}

TEST(FilterTest, IsReadFromText) {
  auto filter = ParseStateFilter("state=RUNNING");
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->key + "," + filter->predicate + "," + filter->value, "state,=,RUNNING");
  filter = ParseStateFilter("name!=a=b");
  ASSERT_TRUE(filter);
  EXPECT_EQ(filter->key + "," + filter->predicate + "," + filter->value, "name,!=,a=b");
  EXPECT_FALSE(ParseStateFilter("state"));
  EXPECT_FALSE(ParseStateFilter("=x"));
  EXPECT_FALSE(ParseStateFilter("!=x"));
}

}  // namespace
}  // namespace triune
