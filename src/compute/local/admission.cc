#include "compute/local/admission.h"

#include <algorithm>

#include "base/strings.h"
#include "compute/task_error.h"

namespace triune::compute {

/// A task with what it has been given.
class Admission::Grant final : public detail::Runnable {
 public:
  Grant(Admission& from, detail::Task& task, Amounts amounts, std::vector<int> gpus)
      : from_(from), task_(task), amounts_(std::move(amounts)), gpus_(std::move(gpus)) {}

  void Run() noexcept override;
  bool DropIfStale() noexcept override { return false; }

  Admission& from_;
  detail::Task& task_;
  const Amounts amounts_;
  const std::vector<int> gpus_;
  Grant* outer_ = nullptr;  ///< A task that waits may run others on its thread.
};

/// What is dropped meanwhile goes when the mutex is free again: it may be the last to refer to something of the user's.
class Admission::Locked {
 public:
  explicit Locked(Admission& admission) : admission_(admission) { admission_.mutex_.lock(); }
  ~Locked() {
    auto dropped = std::move(admission_.dropped_);
    admission_.dropped_.clear();
    admission_.mutex_.unlock();
  }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Admission& admission_;
};

namespace {

thread_local constinit void* this_grant = nullptr;

Result<Amounts> Demand(const TaskOptions& options) {
  return Amounts::Of(options.cpus, options.gpus, options.memory, options.resources);
}

}  // namespace

void Admission::Grant::Run() noexcept {
  outer_ = static_cast<Grant*>(this_grant);
  this_grant = this;
  task_.Run();
  this_grant = outer_;
  from_.Release(*this);
  delete this;
}

Admission::Admission(Amounts total, WorkerPool& pool)
    : total_(std::move(total)),
      pool_(pool),
      available_(total_),
      gpus_(static_cast<size_t>((total_.gpus() + Amounts::kOne - 1) / Amounts::kOne), Amounts::kOne) {
  if (int64_t part = total_.gpus() % Amounts::kOne; part != 0) gpus_.back() = part;
}

Status Admission::Check(const TaskOptions& options) const {
  TRIUNE_ASSIGN_OR_RETURN(Amounts demand, Demand(options));
  if (demand.gpus() > Amounts::kOne && demand.gpus() % Amounts::kOne != 0) {
    return InvalidArgument(StrCat("more than one GPU must be a whole number of them: ", std::to_string(options.gpus)));
  }
  if (!total_.Covers(demand)) {
    return MakeError(
        ErrorKind::kUnschedulable, StatusCode::kFailedPrecondition,
        "more is asked for than the session has: wanted " + demand.ToString() + "; has " + total_.ToString());
  }
  return {};
}

void Admission::Enqueue(detail::Task& task) noexcept {
  Amounts demand = *Demand(*task.options());
  pool_.BeginHolding();
  Locked lock(*this);
  Kind& kind = kinds_[demand];
  kind.demand = std::move(demand);
  kind.tasks.push_back(&task);
  TryAdmit();
}

void Admission::OnThreadFree() noexcept {
  Locked lock(*this);
  TryAdmit();
}

void Admission::OnTaskDone() noexcept {
  Locked lock(*this);
  pools_turn_ = false;
  TryAdmit();
}

int64_t Admission::ThreadsBeside(int64_t cpus) const {
  return std::max<int64_t>(0, total_.cpus() - cpus) / Amounts::kOne + granted_threads_;
}

Admission::Kind* Admission::Choose() {
  // What those that were passed over too often do not get together is kept for them.
  Amounts kept;
  for (auto& [demand, kind] : kinds_) {
    if (kind.passed_over > kMostPassedOver) kept.Add(available_.LackingOf(demand));
  }
  // Starts behind the kind that was served last, and goes round.
  auto at = kinds_.upper_bound(last_);
  for (size_t i = 0; i < kinds_.size(); ++i, ++at) {
    if (at == kinds_.end()) at = kinds_.begin();
    if (available_.Covers(at->second.demand) && !kept.SharesWith(at->second.demand)) return &at->second;
  }
  return nullptr;
}

bool Admission::TakeGpus(int64_t amount, std::vector<int>* gpus) {
  if (amount == 0) return true;
  std::vector<size_t> taken;
  const int64_t of_each = std::min(amount, Amounts::kOne);
  // The fullest that will do: whole ones stay for those who want them.
  std::vector<size_t> order(gpus_.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return gpus_[a] < gpus_[b]; });
  for (size_t i : order) {
    if (gpus_[i] < of_each || static_cast<int64_t>(taken.size()) * Amounts::kOne >= amount) continue;
    taken.push_back(i);
  }
  if (static_cast<int64_t>(taken.size()) * of_each < amount) return false;
  for (size_t i : taken) {
    gpus_[i] -= of_each;
    gpus->push_back(static_cast<int>(i));
  }
  return true;
}

void Admission::TryAdmit() {
  while (true) {
    // Cancelled tasks want nothing any more.
    for (auto kind = kinds_.begin(); kind != kinds_.end();) {
      auto& tasks = kind->second.tasks;
      while (!tasks.empty() && tasks.front()->phase() != detail::Task::kQueued) {
        dropped_.push_back(detail::Pointer<detail::Task>::Adopt(tasks.front()));
        tasks.pop_front();
        pool_.EndHolding();
      }
      kind = tasks.empty() ? kinds_.erase(kind) : std::next(kind);
    }
    if (pools_turn_ && !pool_.AnyQueued()) pools_turn_ = false;
    Kind* kind = kinds_.empty() || pools_turn_ ? nullptr : Choose();
    pool_.Watch(kinds_.empty() ? nullptr : this);
    if (kind == nullptr) break;
    const int64_t beside = ThreadsBeside(cpus_in_use_ + kind->demand.cpus());
    pool_.SetLimit(beside);
    if (pool_.running() > beside) return;  // they are told, and the next to be free comes here
    std::vector<int> gpus;
    if (!TakeGpus(kind->demand.gpus(), &gpus)) break;  // there is enough, but not of one
    available_.Subtract(kind->demand);
    cpus_in_use_ += kind->demand.cpus();
    ++granted_threads_;
    last_ = kind->demand;
    kind->passed_over = 0;
    for (auto& [demand, other] : kinds_) {
      if (&other != kind && !available_.Covers(demand)) ++other.passed_over;
    }
    detail::Task& task = *kind->tasks.front();
    kind->tasks.pop_front();
    pool_.SetLimit(beside + 1);
    pool_.StartWith(*new Grant(*this, task, last_, std::move(gpus)));
  }
  pool_.SetLimit(ThreadsBeside(cpus_in_use_));
}

void Admission::Release(Grant& grant) noexcept {
  {
    Locked lock(*this);
    available_.Add(grant.amounts_);
    cpus_in_use_ -= grant.amounts_.cpus();
    --granted_threads_;
    for (int gpu : grant.gpus_) gpus_[static_cast<size_t>(gpu)] += std::min(grant.amounts_.gpus(), Amounts::kOne);
    // What waits in the pool comes next, in case these would have all processors all the time.
    pools_turn_ = pool_.AnyQueued();
    TryAdmit();
  }
  pool_.EndHolding();
}

void Admission::Suspend(const Grant& grant) noexcept {
  Locked lock(*this);
  cpus_in_use_ -= grant.amounts_.cpus();
  --granted_threads_;
  available_.Add(grant.amounts_.cpus_only());
  TryAdmit();
}

void Admission::Resume(const Grant& grant) noexcept {
  Locked lock(*this);
  cpus_in_use_ += grant.amounts_.cpus();
  ++granted_threads_;
  available_.Subtract(grant.amounts_.cpus_only());
  pool_.SetLimit(ThreadsBeside(cpus_in_use_));
}

void Admission::BeginBlocking() noexcept {
  if (auto* grant = static_cast<Grant*>(this_grant)) grant->from_.Suspend(*grant);
}
void Admission::EndBlocking() noexcept {
  if (auto* grant = static_cast<Grant*>(this_grant)) grant->from_.Resume(*grant);
}

const std::vector<int>& Admission::Gpus() noexcept {
  static const std::vector<int> none;
  auto* grant = static_cast<Grant*>(this_grant);
  return grant == nullptr ? none : grant->gpus_;
}

}  // namespace triune::compute
