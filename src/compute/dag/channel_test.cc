// Channels of compiled DAGs, and what is in them when somebody has gone astray.
#include "compute/dag/channel.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "compute/dag/dag_schedule.h"
#include "compute/process/error_message.h"
#include "compute/process/message.h"

namespace triune::compute {
namespace {

/// Blocks of this process alone, which know their sizes.
class TestBlocks final : public DagBlocks {
 public:
  Result<shm::Block> Exchange(uint64_t old, uint64_t bytes) override {
    blocks_.erase(old);
    if (is_full) return Status(StatusCode::kResourceExhausted, "full");
    last_ += 64;
    blocks_[last_].resize(bytes);
    return shm::Block{.offset = last_, .bytes = bytes};
  }
  Result<std::span<std::byte>> At(uint64_t offset, uint64_t bytes) override {
    auto found = blocks_.find(offset);
    if (found == blocks_.end() || found->second.size() < bytes) return InvalidArgument("no such block");
    return std::span(found->second).first(bytes);
  }
  size_t count() const { return blocks_.size(); }
  uint64_t last() const { return last_; }
  bool is_full = false;

 private:
  std::map<uint64_t, std::vector<std::byte>> blocks_;
  uint64_t last_ = 0;
};

class ChannelTest : public ::testing::Test {
 protected:
  static constexpr RegionShape kShape{.rooms = 2, .values = 3, .lanes = 2};
  ChannelTest()
      : memory_(static_cast<std::byte*>(std::aligned_alloc(64, kShape.bytes())), &std::free),
        region_(DagRegion::Open({memory_.get(), kShape.bytes()}, kShape).value()),
        writer_(region_, blocks_, 1) {
    std::memset(memory_.get(), 0xAB, kShape.bytes());
    region_.Clear();
  }
  void Write(uint32_t room, uint64_t number, const std::string& text) {
    detail::Encoder encoder;
    encoder.write(text.data(), text.size());
    writer_.Write(room, number, encoder);
  }
  std::string TextIn(uint32_t room) {
    const auto value = ReadChannel(region_, blocks_, 1, room);
    if (!value.ok() || value->is_error()) return "none";
    const auto decoder = value->Decoder();
    return decoder.ok() ? std::string(reinterpret_cast<const char*>(decoder->head().data()), decoder->head().size())
                        : "none";
  }
  Status ErrorIn(uint32_t room) {
    const auto value = ReadChannel(region_, blocks_, 1, room);
    if (!value.ok() || !value->is_error()) return Internal("no error");
    MessageReader reader(value->bytes);
    return ReadStatus(reader);
  }

  std::unique_ptr<std::byte, decltype(&std::free)> memory_;
  DagRegion region_;
  TestBlocks blocks_;
  ChannelWriter writer_;
};

TEST_F(ChannelTest, HasTheValueOfItsExecution) {
  EXPECT_FALSE(region_.HasValue(1, 0, 0));
  Write(0, 0, "a");
  EXPECT_TRUE(region_.HasValue(1, 0, 0));
  EXPECT_FALSE(region_.HasValue(1, 1, 0));
  EXPECT_FALSE(region_.HasValue(1, 0, 1));
  EXPECT_EQ(TextIn(0), "a");
  Write(0, 5, "b");
  EXPECT_FALSE(region_.HasValue(1, 0, 0));
  EXPECT_TRUE(region_.HasValue(1, 0, 5));
  EXPECT_EQ(TextIn(0), "b");
}

TEST_F(ChannelTest, KeepsItsBlocks) {
  const std::string fits(ValueSlot::kBytes, 'a');
  Write(0, 0, fits);
  EXPECT_EQ(blocks_.count(), 0U);
  EXPECT_EQ(TextIn(0), fits);
  Write(0, 1, fits + "b");
  Write(1, 2, fits + "c");
  EXPECT_EQ(blocks_.count(), 2U);
  const uint64_t last = blocks_.last();
  Write(0, 3, fits + "d");
  Write(0, 4, "e");
  Write(0, 5, fits + "f");
  EXPECT_EQ(blocks_.last(), last);
  EXPECT_EQ(TextIn(0), fits + "f");
  // A larger one in its place, and another when most of that would be wasted.
  Write(0, 6, std::string(1'000'000, 'g'));
  EXPECT_EQ(blocks_.count(), 2U);
  EXPECT_EQ(TextIn(0).size(), 1'000'000U);
  Write(0, 7, fits + "h");
  EXPECT_EQ(blocks_.last(), last + 128);
  EXPECT_EQ(blocks_.count(), 2U);
}

TEST_F(ChannelTest, SaysWhenThereIsNoRoom) {
  blocks_.is_full = true;
  Write(0, 0, std::string(10'000, 'a'));
  EXPECT_TRUE(region_.HasValue(1, 0, 0));
  EXPECT_EQ(ErrorIn(0).code(), StatusCode::kResourceExhausted);
  // Also of an error that is too long.
  writer_.WriteError(0, 1, NotFound(std::string(10'000, 'b')));
  EXPECT_EQ(ErrorIn(0).code(), StatusCode::kNotFound);
  EXPECT_TRUE(ErrorIn(0).message().starts_with("bbb"));
}

TEST_F(ChannelTest, CopiesBuffers) {
  detail::Encoder encoder;
  encoder.write("head", 4);
  const std::vector<std::byte> bytes(5000, std::byte{5});
  encoder.Attach(Buffer::CopyOf(bytes));
  encoder.Attach(Buffer());
  writer_.Write(0, 0, encoder);
  const auto decoder = ReadChannel(region_, blocks_, 1, 0)->Decoder();
  ASSERT_TRUE(decoder.ok());
  Write(0, 1, std::string(5000, 'x'));
  ASSERT_EQ(decoder->attached().size(), 2U);
  EXPECT_EQ(decoder->attached(0).size(), 5000U);
  EXPECT_EQ(decoder->attached(0).bytes()[4999], std::byte{5});
  EXPECT_EQ(decoder->attached(1).size(), 0U);
}

TEST_F(ChannelTest, BelievesNoLengths) {
  Write(0, 0, "a");
  ValueSlot& slot = region_.slot(1, 0);
  slot.size = ValueSlot::kBytes + 1;
  EXPECT_EQ(ReadChannel(region_, blocks_, 1, 0).status().code(), StatusCode::kDataLoss);
  slot.size = UINT64_MAX;
  EXPECT_FALSE(ReadChannel(region_, blocks_, 1, 0).ok());
  slot.size = 1;
  slot.kind = 17;
  EXPECT_EQ(ReadChannel(region_, blocks_, 1, 0).status().code(), StatusCode::kDataLoss);
  slot.kind = ValueSlot::kPlain;
  slot.block = 4096;
  EXPECT_FALSE(ReadChannel(region_, blocks_, 1, 0).ok());
  Write(0, 1, std::string(5000, 'a'));
  slot.size = 5001;
  EXPECT_FALSE(ReadChannel(region_, blocks_, 1, 0).ok());
}

TEST_F(ChannelTest, BelievesNoRooms) {
  region_.Begin(4, 1);
  EXPECT_TRUE(region_.HasBegun(4));
  EXPECT_FALSE(region_.HasBegun(2));
  EXPECT_EQ(region_.RoomOf(4), 1U);
  region_.Begin(6, 77);
  EXPECT_EQ(region_.RoomOf(6), RegionShape::kMostRooms);
}

TEST_F(ChannelTest, AnyBytesAreAValueOrAnError) {
  std::mt19937_64 dice(1);
  for (int round = 0; round < 20'000; ++round) {
    ValueSlot& slot = region_.slot(1, 0);
    const size_t size = dice() % 100;
    for (size_t i = 0; i < size; ++i) slot.bytes[i] = static_cast<std::byte>(dice() % 4 == 0 ? dice() : 0);
    slot.block = dice() % 8 == 0 ? dice() : 0;
    slot.size = dice() % 8 == 0 ? dice() : size;
    slot.kind = static_cast<uint32_t>(dice() % 4);
    const auto value = ReadChannel(region_, blocks_, 1, 0);
    if (!value.ok()) continue;
    if (value->is_error()) {
      MessageReader reader(value->bytes);
      std::ignore = ReadStatus(reader);
    } else {
      std::ignore = value->Decoder();
    }
  }
}

TEST(DagRegionTest, IsNoLargerThanItsMemory) {
  const RegionShape shape{.rooms = 3, .values = 2, .lanes = 1};
  std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::aligned_alloc(64, (shape.bytes() + 63) / 64 * 64)), &std::free);
  EXPECT_TRUE(DagRegion::Open({memory.get(), shape.bytes()}, shape).ok());
  EXPECT_FALSE(DagRegion::Open({memory.get(), shape.bytes() - 1}, shape).ok());
  for (RegionShape wrong : {RegionShape{}, RegionShape{.rooms = 5000, .values = 1, .lanes = 1},
                            RegionShape{.rooms = 1, .values = 100'000, .lanes = 1},
                            RegionShape{.rooms = 1, .values = 1, .lanes = 100'000}}) {
    EXPECT_EQ(DagRegion::Open({memory.get(), shape.bytes()}, wrong).status().code(), StatusCode::kInvalidArgument);
  }
}

TEST(LaneScheduleTest, IsReadAsItWasWritten) {
  LaneSchedule schedule{.dag = 5, .region = 4096, .shape = {.rooms = 2, .values = 3, .lanes = 2}, .lane = 1};
  schedule.calls.push_back({.function = 7, .name = "f", .retries = 2, .value = 2, .is_output = true, .readers = {0}});
  schedule.calls[0].arguments.push_back({.value = 1});
  schedule.calls[0].arguments.push_back({.kind = ValueSlot::kPlain, .bytes = std::vector<std::byte>(3)});
  const std::vector<std::byte> bytes = schedule.Write();
  const auto read = LaneSchedule::Read(bytes);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->Write(), bytes);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(LaneSchedule::Read(std::span(bytes).first(size)).ok()) << size;
  }
  std::mt19937_64 dice(1);
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> spoilt = bytes;
    for (size_t i = 1 + dice() % 4; i > 0; --i) spoilt[dice() % spoilt.size()] = static_cast<std::byte>(dice());
    std::ignore = LaneSchedule::Read(spoilt);
  }
}

}  // namespace
}  // namespace triune::compute
