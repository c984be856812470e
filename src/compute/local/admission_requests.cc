// What may be asked for, and placement groups as far as their users see them.
#include <algorithm>
#include <array>

#include "base/strings.h"
#include "compute/local/admission.h"
#include "compute/local/admission_parts.h"
#include "compute/task_error.h"

namespace triune::compute {
namespace {

/// How many of those that were removed are listed.
constexpr size_t kMostRemoved = 1000;

Status Unschedulable(std::string message) {
  return MakeError(ErrorKind::kUnschedulable, StatusCode::kFailedPrecondition, std::move(message));
}

/// More than one GPU can't be cut.
Status CheckGpus(const Amounts& amounts, double wanted) {
  if (amounts.gpus() <= Amounts::kOne || amounts.gpus() % Amounts::kOne == 0) return {};
  return InvalidArgument(StrCat("more than one GPU must be a whole number of them: ", std::to_string(wanted)));
}

template <typename Options>
Want WantOf(const Options& options) {
  // It was checked.
  Want want{.bundle = options.bundle,
            .amounts = *Amounts::Of(options.cpus, options.gpus, options.memory, options.resources)};
  if (options.placement_group) want.group = options.placement_group.id();
  return want;
}

}  // namespace

struct Admission::Asked {
  template <typename Options>
  explicit Asked(const Options& options)
      : amounts(Amounts::Of(options.cpus, options.gpus, options.memory, options.resources)),
        gpus(options.gpus),
        group(options.placement_group.core().get()),
        bundle(options.bundle) {}

  Result<Amounts> amounts;
  double gpus;
  const detail::PlacementGroupCore* group;
  int bundle;
};

Status Admission::Check(const TaskOptions& options) const { return Check(Asked(options)); }
Status Admission::Check(const ActorOptions& options) const { return Check(Asked(options)); }

Status Admission::Check(const Asked& asked) const {
  if (!asked.amounts.ok()) return asked.amounts.status();
  const Amounts& amounts = *asked.amounts;
  TRIUNE_RETURN_IF_ERROR(CheckGpus(amounts, asked.gpus));
  if (asked.group == nullptr) {
    if (asked.bundle != -1) {
      return InvalidArgument(StrCat("bundle is given without placement_group: got ", asked.bundle, ", want -1"));
    }
    if (ledger_.Suits({.amounts = amounts})) return {};
    return Unschedulable("more is asked for than the session has: wanted " + amounts.ToString() + "; has " +
                         ledger_.total().ToString());
  }
  const detail::PlacementGroupCore& group = *asked.group;
  if (group.owner != this) return InvalidArgument(StrCat("placement_group is of another session: ", group.Name()));
  const auto& bundles = group.options.bundles;
  if (asked.bundle < -1 || asked.bundle >= static_cast<int>(bundles.size())) {
    return InvalidArgument(StrCat("bundle is not one of ", group.Name(), ": got ", asked.bundle,
                                  ", want -1 (any) or 0 to ", static_cast<int64_t>(bundles.size()) - 1));
  }
  if (group.state.load() == PlacementGroupState::kRemoved) {
    // Or there never was one, for this reason.
    const Status cause = group.ready->ready() ? group.ready->status() : Status();
    if (!cause.ok()) {
      return MakeError(ErrorKind::kUnschedulable, StatusCode::kFailedPrecondition, std::string(cause.message()), {},
                       cause);
    }
    return Unschedulable(group.Name() + " was removed");
  }
  std::string all;
  for (size_t i = 0; i < bundles.size(); ++i) {
    if (asked.bundle >= 0 && static_cast<size_t>(asked.bundle) != i) continue;
    const Bundle& bundle = bundles[i];
    const Amounts has = *Amounts::Of(bundle.cpus, bundle.gpus, bundle.memory, bundle.resources);
    if (NodeResources(has).Covers(amounts)) return {};
    all += StrCat(all.empty() ? "" : "; ", "bundle ", i, " has ", has.ToString());
  }
  return Unschedulable(
      StrCat("more is asked for than a bundle of ", group.Name(), " has: wanted ", amounts.ToString(), "; ", all));
}

void Admission::Enqueue(detail::Task& task) noexcept {
  static const TaskOptions defaults;
  Enqueue(WantOf(task.options() == nullptr ? defaults : *task.options()), {.task = &task});
}

void Admission::Reserve(detail::ActorCore& actor) noexcept {
  detail::Task& creation = actor.creation();
  creation.Ref();
  Enqueue(WantOf(actor.options()), {.task = &creation, .actor = detail::Pointer<detail::ActorCore>(&actor)});
}

void Admission::Capture(detail::Task& task) noexcept {
  const Holding* holding = Use::Current();
  if (holding == nullptr || holding->group == 0 || Use::CurrentAdmission() != this) return;
  if (task.options() != nullptr && task.options()->placement_group) return;
  TaskOptions options = task.options() == nullptr ? TaskOptions() : *task.options();
  {
    Locked lock(*this);
    auto found = groups_.find(holding->group);
    if (found != groups_.end()) options.placement_group = PlacementGroup(found->second.core);
  }
  if (!options.placement_group) {
    task.Abandon(Unschedulable("the placement group that captures it was removed"));
    return;
  }
  options.capture_child_tasks = true;
  Status status = Check(options);
  task.SetOptions(std::make_shared<const TaskOptions>(std::move(options)));
  task.SetCaptures(true);
  if (!status.ok()) task.Abandon(std::move(status));
}

ActorOptions Admission::Captured(ActorOptions options) const {
  if (detail::current_frame == nullptr || !detail::current_frame->task.captures() || options.placement_group) {
    return options;
  }
  const Holding* holding = Use::Current();
  if (holding == nullptr || holding->group == 0 || Use::CurrentAdmission() != this) return options;
  std::lock_guard lock(mutex_);
  auto found = groups_.find(holding->group);
  if (found == groups_.end()) return options;
  options.placement_group = PlacementGroup(found->second.core);
  options.capture_child_tasks = true;
  return options;
}

Result<Want> Admission::CheckBundles(const PlacementGroupOptions& options) const {
  if (options.bundles.empty()) return InvalidArgument("bundles is empty: want one at least");
  if (options.bundles.size() > 1'000'000) {
    return InvalidArgument(StrCat("bundles has too many: got ", options.bundles.size(), ", want at most 1000000"));
  }
  Want want{.strategy = options.strategy};
  for (size_t i = 0; i < options.bundles.size(); ++i) {
    const Bundle& bundle = options.bundles[i];
    const std::string field = StrCat("bundles[", i, "]");
    auto amounts = Amounts::Of(bundle.cpus, bundle.gpus, bundle.memory, bundle.resources);
    if (!amounts.ok()) return amounts.status().WithContext(field);
    TRIUNE_RETURN_IF_ERROR(CheckGpus(*amounts, bundle.gpus).WithContext(field));
    if (amounts->empty()) return InvalidArgument(StrCat(field, " asks for nothing: want more than 0 of something"));
    want.amounts.Add(*amounts);
    want.bundles.push_back(*std::move(amounts));
  }
  if (static_cast<size_t>(options.strategy) > static_cast<size_t>(PlacementStrategy::kStrictSpread)) {
    return InvalidArgument(StrCat("strategy is none: got ", static_cast<int>(options.strategy), ", want 0 to 3"));
  }
  if (ledger_.Suits(want)) return want;
  std::string message = "the placement group can never be: wanted " + want.amounts.ToString() + " in " +
                        std::to_string(options.bundles.size()) + " bundles, " +
                        std::string(PlacementStrategyName(options.strategy)) + "; the session has ";
  return Unschedulable(message + (options.strategy == PlacementStrategy::kStrictSpread ? "1 node with " : "") +
                       ledger_.total().ToString());
}

PlacementGroup Admission::CreatePlacementGroup(PlacementGroupOptions options) {
  auto want = CheckBundles(options);
  auto core = std::make_shared<detail::PlacementGroupCore>(this, std::move(options));
  Status status = want.ok() ? Status() : want.status();
  if (status.ok()) {
    Locked lock(*this);
    const bool is_taken =
        !core->options.name.empty() && std::any_of(groups_.begin(), groups_.end(), [&](const auto& group) {
          return group.second.core->options.name == core->options.name;
        });
    if (is_taken) {
      status = AlreadyExists("there is a placement group named " + Quoted(core->options.name) + " already");
    } else {
      groups_[core->id].core = core;
      kinds_[*std::move(want)].waiting.push_back({.group = core});
      TryAdmit();
    }
  }
  if (!status.ok()) {
    core->state = PlacementGroupState::kRemoved;
    core->ready->SetReady(std::move(status));
  }
  return PlacementGroup(std::move(core));
}

void Admission::Forget(const std::shared_ptr<detail::PlacementGroupCore>& group) {
  group->state = PlacementGroupState::kRemoved;
  groups_.erase(group->id);
  const PlacementGroupOptions& options = group->options;
  removed_.push_back({group->id, options.name, options.strategy, options.bundles, PlacementGroupState::kRemoved});
  if (removed_.size() > kMostRemoved) removed_.pop_front();
}

bool Admission::RemovePlacementGroup(const PlacementGroup& group) {
  if (!group || group.core()->owner != this) return false;
  Locked lock(*this);
  auto found = groups_.find(group.id());
  if (found == groups_.end()) return false;
  const std::string name = group.core()->Name();
  auto cancel = [&](detail::Pointer<detail::Task> task, bool is_held) {
    later_.push_back([this, task = std::move(task), is_held, name] {
      task->Abandon(MakeError(ErrorKind::kTaskCancelled, StatusCode::kCancelled,
                              task->Name() + " was cancelled: " + name + " was removed", task->Name()),
                    /*with_children=*/true);
      if (is_held) pool_.EndHolding();
    });
  };
  auto kill = [&](detail::Pointer<detail::ActorCore> actor, bool is_held) {
    later_.push_back([this, actor = std::move(actor), is_held] {
      actor->PlacementGroupRemoved();
      if (is_held) pool_.EndHolding();
    });
  };
  for (auto kind = kinds_.begin(); kind != kinds_.end();) {
    std::deque<Waiting> kept;
    for (Waiting& waiting : kind->second.waiting) {
      if (waiting.group == group.core()) {
        later_.push_back([core = group.core(), name] {
          core->ready->SetReady(FailedPrecondition(name + " was removed before it was there"));
        });
      } else if (kind->first.group != group.id()) {
        kept.push_back(std::move(waiting));
      } else if (waiting.actor) {
        dropped_.push_back(detail::Pointer<detail::Task>::Adopt(waiting.task));
        kill(std::move(waiting.actor), true);
      } else {
        cancel(detail::Pointer<detail::Task>::Adopt(waiting.task), true);
      }
    }
    kind->second.waiting = std::move(kept);
    kind = kind->second.waiting.empty() ? kinds_.erase(kind) : std::next(kind);
  }
  for (Grant* grant : found->second.grants) cancel(grant->task_, false);
  for (Lease* lease : found->second.leases) {
    if (lease->actor_.TryRef()) kill(detail::Pointer<detail::ActorCore>::Adopt(&lease->actor_), false);
  }
  ledger_.RemoveGroup(group.id());
  Forget(group.core());
  TryAdmit();
  return true;
}

Result<PlacementGroup> Admission::GetPlacementGroup(std::string_view name) const {
  std::lock_guard lock(mutex_);
  for (const auto& [id, group] : groups_) {
    if (!name.empty() && group.core->options.name == name) return PlacementGroup(group.core);
  }
  return NotFound("no placement group named " + Quoted(name));
}

std::vector<PlacementGroupInfo> Admission::PlacementGroups() const {
  std::lock_guard lock(mutex_);
  std::vector<PlacementGroupInfo> all(removed_.begin(), removed_.end());
  for (const auto& [id, group] : groups_) {
    const PlacementGroupOptions& options = group.core->options;
    all.push_back({id, options.name, options.strategy, options.bundles, group.core->state.load()});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return all;
}

std::map<std::string, double> Admission::Total() const { return ledger_.total().ToNumbers(); }

std::map<std::string, double> Admission::Available() const {
  Amounts available;
  {
    std::lock_guard lock(mutex_);
    available = ledger_.available();
    // Whoever runs in the pool has one.
    available.AddCpus(-Amounts::kOne * std::max<int64_t>(0, pool_.busy() - granted_threads_));
  }
  auto numbers = available.ToNumbers();
  for (auto& [name, amount] : numbers) amount = std::max(amount, 0.0);
  return numbers;
}

}  // namespace triune::compute
