#include "compute/process/shared_memory.h"

#include <cstring>
#include <string>
#include <utility>

#include "compute/task_error.h"

namespace triune::compute {

struct SharedMemory::Lease {
  std::shared_ptr<SharedMemory> memory;
  uint64_t offset;
};

namespace {

/// Pages that nobody uses and that are not given back, so that a value like the last one does not wait for new ones.
constexpr uint64_t kMostKeptBytes = uint64_t{256} << 20U;

std::unique_ptr<shm::SpillingArena> MakeArena(const shm::Segment& segment) {
  return std::move(shm::SpillingArena::Create(segment, kMostKeptBytes)).value();  // it has room for a page
}

}  // namespace

SharedMemory::SharedMemory(shm::Segment segment, Status cannot_spill)
    : segment_(std::move(segment)),
      cannot_spill_(std::move(cannot_spill)),
      arena_(MakeArena(segment_)),
      leases_(*arena_, 1U << 16U),
      driver_(leases_.Join().value()) {}

Result<std::shared_ptr<SharedMemory>> SharedMemory::Create(const SharedMemoryOptions& options) {
  constexpr uint64_t kMost = uint64_t{8} << 40U;
  if (options.bytes > kMost) {
    return InvalidArgument("object_memory: " + std::to_string(options.bytes) + " bytes, at most " +
                           std::to_string(kMost));
  }
  const uint64_t bytes = options.bytes + shm::Segment::kHeaderBytes;
  Result<shm::DiskFile> disk = shm::DiskFile::Create(options.spill_directory, options.spill_limit);
  Status cannot_spill = disk.status();
  if (disk.ok()) {
    Result<shm::Segment> both = shm::Segment::Create(bytes, *std::move(disk));
    if (both.ok()) return std::shared_ptr<SharedMemory>(new SharedMemory(*std::move(both), {}));
    cannot_spill = std::move(both).status();
  }
  TRIUNE_ASSIGN_OR_RETURN(shm::Segment segment, shm::Segment::Create(bytes));
  return std::shared_ptr<SharedMemory>(new SharedMemory(std::move(segment), std::move(cannot_spill)));
}

Status SharedMemory::Full(uint64_t bytes) const {
  const shm::SpillStatistics now = arena_->statistics();
  std::string why = "no room for an object of " + std::to_string(bytes) + " bytes: " + std::to_string(now.memory_used) +
                    " of " + std::to_string(now.memory_limit) + " are in use in shared memory";
  if (segment_.disk() == nullptr) {
    why += "; " + std::string(cannot_spill_.message());
  } else {
    why += ", and " + std::to_string(now.spilled) + " of " + std::to_string(now.spill_limit) + " on disk, in " +
           segment_.disk()->directory();
    const Status failure = arena_->last_failure();
    if (!failure.ok()) why += "; the last time there: " + std::string(failure.message());
  }
  return MakeError(ErrorKind::kObjectStoreFull, StatusCode::kResourceExhausted, std::move(why));
}

void SharedMemory::Release(void* lease) {
  const std::unique_ptr<Lease> last(static_cast<Lease*>(lease));
  std::ignore = last->memory->leases_.Drop(last->memory->driver_, last->offset);
}

Buffer SharedMemory::Adopt(const shm::Block& block, uint64_t begin, uint64_t size) {
  auto* lease = new Lease{shared_from_this(), block.offset};
  return Buffer::Adopt(segment_.data() + block.offset + begin, static_cast<size_t>(size), lease, &Release);
}

Result<shm::Block> SharedMemory::Grant(shm::Holder holder, uint64_t bytes) {
  Result<shm::Block> block = leases_.Grant(holder, bytes);
  if (block.ok() || block.status().code() != StatusCode::kResourceExhausted) return block;
  return Full(bytes);
}

Result<Buffer> SharedMemory::Copy(std::span<const std::byte> bytes) {
  if (bytes.empty()) return Buffer();
  TRIUNE_ASSIGN_OR_RETURN(Buffer buffer, Allocate(bytes.size()));
  std::memcpy(buffer.mutable_data(), bytes.data(), bytes.size());
  return buffer;
}

Result<Buffer> SharedMemory::Allocate(uint64_t bytes) {
  TRIUNE_ASSIGN_OR_RETURN(const shm::Block block, Grant(driver_, bytes));
  return Adopt(block, 0, bytes);
}

Result<uint64_t> SharedMemory::JoinDag() {
  TRIUNE_ASSIGN_OR_RETURN(const shm::Holder holder, leases_.Join());
  std::lock_guard lock(dags_mutex_);
  dags_.emplace(++last_dag_, holder);
  return last_dag_;
}

void SharedMemory::LeaveDag(uint64_t dag) {
  std::unordered_map<uint64_t, shm::Holder>::node_type left;
  {
    std::lock_guard lock(dags_mutex_);
    left = dags_.extract(dag);
  }
  if (left) std::ignore = leases_.Leave(left.mapped());
}

Result<shm::Holder> SharedMemory::HolderOf(uint64_t dag) {
  std::lock_guard lock(dags_mutex_);
  auto found = dags_.find(dag);
  if (found == dags_.end()) return InvalidArgument("there is no such compiled DAG");
  return found->second;
}

Result<shm::Block> SharedMemory::ExchangeDagBlock(uint64_t dag, uint64_t old, uint64_t bytes) {
  TRIUNE_ASSIGN_OR_RETURN(const shm::Holder holder, HolderOf(dag));
  if (old != 0) TRIUNE_RETURN_IF_ERROR(leases_.Drop(holder, old));
  return Grant(holder, bytes);
}

Result<std::span<std::byte>> SharedMemory::DagBlock(uint64_t dag, uint64_t offset, uint64_t bytes) {
  TRIUNE_ASSIGN_OR_RETURN(const shm::Holder holder, HolderOf(dag));
  TRIUNE_RETURN_IF_ERROR(leases_.Check(holder, offset, bytes).status());
  return segment_.Slice(offset, bytes);
}

Result<PieceInBlock> SharedMemory::Pieces::Place(std::span<const std::byte> bytes) {
  TRIUNE_ASSIGN_OR_RETURN(const shm::Block block, memory_.Grant(worker_, bytes.size()));
  std::memcpy(memory_.segment_.data() + block.offset, bytes.data(), bytes.size());
  unsent_.push_back(block.offset);
  return PieceInBlock{.block = block.offset, .begin = 0, .size = bytes.size()};
}

std::optional<PieceInBlock> SharedMemory::Pieces::Share(const Buffer& buffer) {
  auto* lease = static_cast<Lease*>(buffer.owner(&Release));
  if (lease == nullptr || lease->memory.get() != &memory_) return std::nullopt;
  if (!memory_.leases_.Share(memory_.driver_, worker_, lease->offset).ok()) return std::nullopt;
  unsent_.push_back(lease->offset);
  const auto begin = static_cast<uint64_t>(buffer.data() - (memory_.segment_.data() + lease->offset));
  return PieceInBlock{.block = lease->offset, .begin = begin, .size = buffer.size()};
}

Result<Buffer> SharedMemory::Pieces::Open(const PieceInBlock& piece) {
  shm::Leases& leases = memory_.leases_;
  if (piece.begin > UINT64_MAX - piece.size) return InvalidArgument("a piece beyond the end of its block");
  TRIUNE_ASSIGN_OR_RETURN(const shm::Block block, leases.Check(worker_, piece.block, piece.begin + piece.size));
  TRIUNE_RETURN_IF_ERROR(piece.shared != 0 ? leases.Share(worker_, memory_.driver_, piece.block)
                                           : leases.Move(worker_, memory_.driver_, piece.block));
  return memory_.Adopt(block, piece.begin, piece.size);
}

void SharedMemory::Pieces::TakeBack(const std::vector<uint64_t>& blocks) {
  for (uint64_t offset : blocks) std::ignore = memory_.leases_.Drop(worker_, offset);
}

}  // namespace triune::compute
