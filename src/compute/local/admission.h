// Who is given resources, and when.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "compute/local/amounts.h"
#include "compute/local/ledger.h"
#include "compute/local/worker_pool.h"
#include "compute/placement/placement_group_core.h"
#include "triune/core/detail/resources.h"
#include "triune/core/detail/task.h"

namespace triune::compute {

/// Lets tasks start, actors be made and placement groups come into being when what they ask for is there. Tasks that
/// ask for one processor and nothing else, most of them, go straight to the pool, whose threads stand for the
/// processors: it is told to use fewer while others have more than one, or one for them, and more while they have less.
/// Fair: who wants the same is served in the order in which they came; kinds of them take turns, also with those in the
/// pool; and a kind that was passed over often enough is waited for, if what it lacks is known to come. Thread-safe.
///
/// Actors and groups may have nearly all processors for as long as they like. Then the pool is left one thread, for the
/// actors that have none, and those tasks that want one processor come here, too.
class Admission final : public WorkerPool::Watcher,
                        public detail::Resources,
                        public std::enable_shared_from_this<Admission> {
 public:
  /// The pool may be constructed later. After Close it is not touched.
  Admission(const Amounts& total, WorkerPool& pool);
  ~Admission();

  static bool Concerns(const detail::Task& task) {
    return task.options() != nullptr && !task.options()->AsksForOneCpuOnly();
  }
  /// Whether all tasks are to come here.
  bool is_crowded() const noexcept { return is_crowded_.load(std::memory_order_relaxed); }
  /// InvalidArgument; kUnschedulable when it asks for more than there will ever be.
  Status Check(const TaskOptions& options) const;
  /// Takes over a reference. The options were checked.
  void Enqueue(detail::Task& task) noexcept;
  /// Puts the task into the placement group of the one on this thread.
  void Capture(detail::Task& task) noexcept;

  Status Check(const ActorOptions& options) const override;
  ActorOptions Captured(ActorOptions options) const override;
  void Reserve(detail::ActorCore& actor) noexcept override;
  PlacementGroup CreatePlacementGroup(PlacementGroupOptions options) override;
  bool RemovePlacementGroup(const PlacementGroup& group) override;
  Result<PlacementGroup> GetPlacementGroup(std::string_view name) const override;
  std::vector<PlacementGroupInfo> PlacementGroups() const override;
  std::map<std::string, double> Total() const override;
  std::map<std::string, double> Available() const override;

  /// On a thread that runs with something, around waiting: others may have the processors meanwhile.
  static void BeginBlocking() noexcept;
  static void EndBlocking() noexcept;
  /// See Engine: while nobody is in Around, others may have the processors.
  std::shared_ptr<detail::ActorLease> KeepGrant();
  /// Of the task on this thread.
  static const std::vector<int>& Gpus() noexcept;

  /// Nothing runs, and the session is to end: those who wait for what actors and groups will not give back fail. False
  /// when there are none.
  bool FailStranded() noexcept;
  /// Nothing will come any more.
  void Close() noexcept;

  void OnThreadFree() noexcept override;
  void OnTaskDone() noexcept override;

 private:
  class Grant;
  class KeptGrant;
  class Lease;
  class Turn;
  class Use;
  class Locked;
  /// One that waits: a task, an actor (the task is its constructor), or a group.
  struct Waiting {
    detail::Task* task = nullptr;  ///< With a reference.
    detail::Pointer<detail::ActorCore> actor{};
    std::shared_ptr<detail::PlacementGroupCore> group{};
  };
  /// Those that want the same.
  struct Kind {
    std::deque<Waiting> waiting;
    int passed_over = 0;
  };
  using Kinds = std::map<Want, Kind>;
  struct Group {
    std::shared_ptr<detail::PlacementGroupCore> core;
    std::set<Grant*> grants;
    std::set<Lease*> leases;
  };
  /// What both kinds of options have in common.
  struct Asked;

  Status Check(const Asked& asked) const;
  Result<Want> CheckBundles(const PlacementGroupOptions& options) const;
  void Enqueue(Want want, Waiting waiting) noexcept;
  void TryAdmit();
  void DropUnwanted();
  /// Those that can start if the pool leaves them the processors; the end when there are none.
  Kinds::iterator Choose(Ledger::Kept* kept);
  void Admit(Kinds::iterator kind, const Ledger::Kept& kept, int64_t beside);
  /// The threads of the pool, when so many processors are taken from it.
  int64_t ThreadsBeside(int64_t cpus) const;
  void Finish(Grant& grant) noexcept;
  void GiveBack(Lease& lease) noexcept;
  void FailAll(Kind& kind, const Status& why);
  void Forget(const std::shared_ptr<detail::PlacementGroupCore>& group);

  WorkerPool& pool_;
  mutable std::mutex mutex_;
  Ledger ledger_;
  int64_t granted_threads_ = 0;  ///< Those that run with something of their own, and do not wait.
  std::atomic<bool> is_crowded_{false};
  bool is_closed_ = false;
  Kinds kinds_;
  Want last_;  ///< The kind that was served last.
  bool pools_turn_ = false;
  std::map<uint64_t, Group> groups_;  ///< Those that wait and those that are there.
  std::deque<PlacementGroupInfo> removed_;
  // When the mutex is free again:
  std::vector<detail::Pointer<detail::Task>> dropped_;
  std::vector<std::function<void()>> later_;
};

}  // namespace triune::compute
