#include "compute/local/admission.h"

#include <algorithm>

#include "compute/local/admission_parts.h"
#include "compute/task_error.h"

namespace triune::compute {
namespace {

constexpr int kMostPassedOver = 64;

/// Of the processors that the pool stands for: what is in a group was taken from it before.
int64_t CpusOfPool(const Want& want) { return want.group == 0 ? want.amounts.cpus() : 0; }

}  // namespace

Admission::Admission(const Amounts& total, WorkerPool& pool) : pool_(pool), ledger_(total) {}
Admission::~Admission() = default;

int64_t Admission::ThreadsBeside(int64_t cpus) const {
  return std::max<int64_t>(is_crowded() ? 1 : 0, (ledger_.available().cpus() - cpus) / Amounts::kOne) +
         granted_threads_;
}

void Admission::Enqueue(Want want, Waiting waiting) noexcept {
  if (waiting.task != nullptr) pool_.BeginHolding();
  Locked lock(*this);
  if (want.group != 0 && !groups_.contains(want.group)) {
    Kind late;
    late.waiting.push_back(std::move(waiting));
    FailAll(late, FailedPrecondition("its placement group was removed"));
    return;
  }
  kinds_[std::move(want)].waiting.push_back(std::move(waiting));
  TryAdmit();
  if (!kinds_.empty()) pool_.WakeDrain();
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

Admission::Kinds::iterator Admission::Choose(Ledger::Kept* kept) {
  for (auto& [want, kind] : kinds_) {
    if (kind.passed_over > kMostPassedOver) kept->Add(ledger_, want);
  }
  // Starts behind the kind that was served last, and goes round.
  auto at = kinds_.upper_bound(last_);
  for (size_t i = 0; i < kinds_.size(); ++i, ++at) {
    if (at == kinds_.end()) at = kinds_.begin();
    if (pools_turn_ && CpusOfPool(at->first) != 0) continue;
    if (ledger_.Fits(at->first, *kept)) return at;
  }
  return kinds_.end();
}

void Admission::DropUnwanted() {
  for (auto kind = kinds_.begin(); kind != kinds_.end();) {
    auto& waiting = kind->second.waiting;
    while (!waiting.empty() && waiting.front().task != nullptr &&
           waiting.front().task->phase() != detail::Task::kQueued) {
      dropped_.push_back(detail::Pointer<detail::Task>::Adopt(waiting.front().task));
      if (waiting.front().actor) later_.push_back([actor = std::move(waiting.front().actor)] {});
      waiting.pop_front();
      pool_.EndHolding();
    }
    kind = waiting.empty() ? kinds_.erase(kind) : std::next(kind);
  }
}

void Admission::TryAdmit() {
  if (is_closed_) return;
  while (true) {
    DropUnwanted();
    if (pools_turn_ && !pool_.AnyQueued()) pools_turn_ = false;
    is_crowded_.store(ledger_.cpus_for_tasks() < Amounts::kOne, std::memory_order_relaxed);
    pool_.Watch(kinds_.empty() ? nullptr : this);
    if (kinds_.empty()) break;
    Ledger::Kept kept;
    auto kind = Choose(&kept);
    if (kind == kinds_.end()) break;
    const int64_t cpus = CpusOfPool(kind->first);
    const int64_t beside = ThreadsBeside(cpus);
    pool_.SetLimit(beside);
    // They are told, and the next to be free comes here.
    if (cpus != 0 && pool_.running() > beside) return;
    Admit(kind, kept, beside);
  }
  pool_.SetLimit(ThreadsBeside(0));
}

void Admission::Admit(Kinds::iterator kind, const Ledger::Kept& kept, int64_t beside) {
  const Want& want = kind->first;
  Waiting first = std::move(kind->second.waiting.front());
  kind->second.waiting.pop_front();
  kind->second.passed_over = 0;
  if (first.group != nullptr) {
    ledger_.AddGroup(first.group->id, want);
    first.group->state = PlacementGroupState::kCreated;
    later_.push_back([group = std::move(first.group)] { group->ready->SetReady(); });
  } else if (first.actor) {
    auto lease = std::make_shared<Lease>(shared_from_this(), *first.actor, ledger_.Take(want, kept, true));
    if (want.group != 0) groups_.at(want.group).leases.insert(lease.get());
    dropped_.push_back(detail::Pointer<detail::Task>::Adopt(first.task));
    later_.push_back([this, actor = std::move(first.actor), given = std::move(lease)] {
      actor->Granted(given);
      pool_.EndHolding();
    });
  } else {
    auto* grant = new Grant(*this, *first.task, ledger_.Take(want, kept, false));
    if (want.group != 0) groups_.at(want.group).grants.insert(grant);
    ++granted_threads_;
    pool_.SetLimit(beside + 1);
    pool_.StartWith(*grant);
  }
  last_ = want;
  for (auto& [other_want, other] : kinds_) {
    if (&other != &kind->second && other_want.group == want.group && !ledger_.Fits(other_want, {})) {
      ++other.passed_over;
    }
  }
}

void Admission::Finish(Grant& grant) noexcept {
  {
    Locked lock(*this);
    ledger_.Return(grant.holding_);
    if (!grant.is_kept_) --granted_threads_;
    if (auto group = groups_.find(grant.holding_.group); group != groups_.end()) group->second.grants.erase(&grant);
    // What waits in the pool comes next, in case these would have all processors all the time.
    if (grant.holding_.group == 0) pools_turn_ = pool_.AnyQueued();
    TryAdmit();
  }
  grant.task_ = {};
  pool_.EndHolding();
}

void Admission::GiveBack(Lease& lease) noexcept {
  Locked lock(*this);
  ledger_.Return(lease.holding_);
  if (auto group = groups_.find(lease.holding_.group); group != groups_.end()) group->second.leases.erase(&lease);
  TryAdmit();
}

void Admission::Grant::Run() noexcept {
  {
    Use use(from_, &holding_, true, this);
    task_->Run();
  }
  if (is_kept_) {
    Locked lock(from_);
    --from_.granted_threads_;
    from_.ledger_.Count(holding_, -1, 1);
    from_.TryAdmit();
  }
  GiveUp();
}

void Admission::Grant::GiveUp() noexcept {
  if (owners_.fetch_sub(1) != 1) return;
  from_.Finish(*this);
  delete this;
}

std::shared_ptr<detail::ActorLease> Admission::KeepGrant() {
  for (Use* use = Use::innermost; use != nullptr; use = use->outer_) {
    if (use->holding_ == nullptr) continue;
    const bool is_its =
        &use->admission_ == this && use->grant_ != nullptr && detail::current_frame->outer == use->frame_;
    return is_its ? std::make_shared<KeptGrant>(*use->grant_) : nullptr;
  }
  return nullptr;
}

void Admission::KeptGrant::Around(const std::function<void()>& body) noexcept {
  Admission& admission = grant_.from_;
  {
    Locked lock(admission);
    ++admission.granted_threads_;
    admission.ledger_.Count(grant_.holding_, 1, -1);
    admission.pool_.SetLimit(admission.ThreadsBeside(0));
  }
  {
    Use use(admission, &grant_.holding_, true);
    body();
  }
  Locked lock(admission);
  --admission.granted_threads_;
  admission.ledger_.Count(grant_.holding_, -1, 1);
  admission.TryAdmit();
}

void Admission::Lease::Schedule(detail::Runnable& work) noexcept {
  Locked lock(*from_);
  if (holding_.is_returned || holding_.amounts.cpus() == 0) {
    from_->pool_.Enqueue(work);
    return;
  }
  ++from_->granted_threads_;
  from_->pool_.SetLimit(from_->ThreadsBeside(0));
  from_->pool_.StartWith(*new Turn(shared_from_this(), work));
}

void Admission::Lease::Around(const std::function<void()>& body) noexcept {
  {
    Locked lock(*from_);
    from_->ledger_.Count(holding_, 1, 0);
    from_->TryAdmit();
  }
  {
    Use use(*from_, &holding_, false);
    body();
  }
  Locked lock(*from_);
  from_->ledger_.Count(holding_, -1, 0);
  from_->TryAdmit();
}

void Admission::Turn::Run() noexcept {
  Admission& admission = *lease_->from_;
  {
    Use use(admission, nullptr, true);
    work_.Run();
  }
  {
    Locked lock(admission);
    --admission.granted_threads_;
    admission.TryAdmit();
  }
  delete this;
}

void Admission::BeginBlocking() noexcept {
  for (Use* use = Use::innermost; use != nullptr; use = use->outer_) {
    Locked lock(use->admission_);
    if (use->has_thread_) --use->admission_.granted_threads_;
    if (use->holding_ != nullptr) use->admission_.ledger_.Count(*use->holding_, -1, 1);
    use->admission_.TryAdmit();
  }
}

void Admission::EndBlocking() noexcept {
  for (Use* use = Use::innermost; use != nullptr; use = use->outer_) {
    Locked lock(use->admission_);
    if (use->has_thread_) ++use->admission_.granted_threads_;
    if (use->holding_ != nullptr) use->admission_.ledger_.Count(*use->holding_, 1, -1);
    use->admission_.pool_.SetLimit(use->admission_.ThreadsBeside(0));
  }
}

const std::vector<int>& Admission::Gpus() noexcept {
  static const std::vector<int> none;
  const Holding* holding = Use::Current();
  return holding == nullptr ? none : holding->gpus;
}

bool Admission::FailStranded() noexcept {
  Locked lock(*this);
  TryAdmit();
  bool any = false;
  for (auto kind = kinds_.begin(); kind != kinds_.end();) {
    const Want& want = kind->first;
    if (ledger_.CouldFit(want)) {
      ++kind;
      continue;
    }
    FailAll(kind->second, MakeError(ErrorKind::kUnschedulable, StatusCode::kFailedPrecondition,
                                    "the session has ended while actors or placement groups had what was waited for: " +
                                        want.amounts.ToString()));
    kind = kinds_.erase(kind);
    any = true;
  }
  return any;
}

void Admission::Close() noexcept {
  Locked lock(*this);
  for (auto& [want, kind] : kinds_) FailAll(kind, FailedPrecondition("the session has ended"));
  kinds_.clear();
  is_closed_ = true;
}

void Admission::FailAll(Kind& kind, const Status& why) {
  for (Waiting& waiting : kind.waiting) {
    if (waiting.group != nullptr) {
      Forget(waiting.group);
      later_.push_back([group = std::move(waiting.group), why] {
        group->ready->SetReady(MakeError(ErrorKind::kUnschedulable, StatusCode::kFailedPrecondition,
                                         group->Name() + " was not there yet: " + std::string(why.message()),
                                         group->Name()));
      });
      continue;
    }
    dropped_.push_back(detail::Pointer<detail::Task>::Adopt(waiting.task));
    later_.push_back([this, task = detail::Pointer<detail::Task>(waiting.task), actor = std::move(waiting.actor), why] {
      const std::string name = actor ? actor->Name() : task->Name();
      task->Abandon(MakeError(ErrorKind::kUnschedulable, StatusCode::kFailedPrecondition,
                              name + " can't be run: " + std::string(why.message()), name, why));
      pool_.EndHolding();
    });
  }
  kind.waiting.clear();
}

}  // namespace triune::compute
