// Rings whose other side has gone astray.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "compute/shm/ring.h"
#include "compute/shm/testing/ring_memory.h"

namespace triune::compute::shm {
namespace {

class RingGarbageTest : public ::testing::Test {
 protected:
  RingMemory memory_{1024};
  RingWriter writer_ = *RingWriter::Attach(memory_.span());
  RingReader reader_ = *RingReader::Attach(memory_.span());
};

TEST_F(RingGarbageTest, RefusesGarbageInTheHeader) {
  EXPECT_TRUE(Write(writer_, "one") && writer_.Publish());
  for (uint64_t wrong : {uint64_t{1}, uint64_t{1032}, uint64_t{2048}, UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63U}) {
    RingReader reader = *RingReader::Attach(memory_.span());
    uint64_t good = memory_.header().written.exchange(wrong);
    EXPECT_EQ(reader.Peek().status().code(), StatusCode::kOk) << "has seen the message before";
    reader.Pop();
    EXPECT_EQ(reader.Peek().status().code(), StatusCode::kDataLoss) << wrong;
    EXPECT_TRUE(reader.HasMessage());
    memory_.header().read = 0;
    EXPECT_EQ(RingReader::Attach(memory_.span()).status().code(), StatusCode::kDataLoss) << wrong;
    EXPECT_EQ(RingWriter::Attach(memory_.span()).status().code(), StatusCode::kDataLoss) << wrong;
    memory_.header().written = good;
    EXPECT_EQ(reader.Peek().status().code(), StatusCode::kDataLoss) << "for ever";
  }
  // Backwards: what has been seen cannot become less.
  EXPECT_EQ(Read(reader_), "one");
  memory_.header().written = 8;
  EXPECT_EQ(reader_.Peek().status().code(), StatusCode::kDataLoss);
}

TEST_F(RingGarbageTest, WriterRefusesGarbageInTheHeader) {
  for (uint64_t wrong : {uint64_t{4}, uint64_t{4096}, UINT64_MAX - 7}) {
    RingMemory memory(1024);
    RingWriter writer = *RingWriter::Attach(memory.span());
    while (Write(writer, std::string(120, 'x'))) {
    }
    memory.header().read = wrong;
    EXPECT_TRUE(writer.HasRoom(120)) << "no reason to wait";
    EXPECT_EQ(writer.Reserve(120).status().code(), StatusCode::kDataLoss) << wrong;
    memory.header().read = 0;
    EXPECT_EQ(writer.Reserve(120).status().code(), StatusCode::kDataLoss) << "for ever";
  }
}

TEST_F(RingGarbageTest, RefusesZerosWhereMessagesShouldBe) {
  memory_.header().written = 512;
  std::memset(memory_.data(), 0, 1024);
  EXPECT_EQ(reader_.Peek().status().ToString(), "DATA_LOSS: ring of messages is spoilt: record at 0");
}

TEST(RingRandomGarbageTest, NeverLeavesTheRing) {
  std::mt19937 random(5);
  int broken = 0;
  for (int i = 0; i < 3000; ++i) {
    RingMemory memory(256);
    RingWriter writer = *RingWriter::Attach(memory.span());
    RingReader reader = *RingReader::Attach(memory.span());
    // Somewhere in the ring, so that there is padding at times.
    for (auto shift = random() % 40; shift > 0; --shift) {
      ASSERT_TRUE(Write(writer, "x") && writer.Publish());
      ASSERT_EQ(Read(reader), "x");
    }
    while (Write(writer, std::string(random() % 60, 'x'))) {
    }
    bool anywhere = random() % 2 == 0;
    for (auto spoil = random() % 6; spoil > 0; --spoil) {
      size_t place = random() % 256;
      memory.data()[anywhere ? place : place / 8 * 8] ^= std::byte(1U << random() % 8);
    }
    if (random() % 4 == 0) memory.header().written += random() % 64;
    size_t bytes = 0;
    int messages = 0;
    for (;; ++messages) {
      auto message = reader.Peek();
      broken += message.ok() ? 0 : 1;
      if (!message.ok() || !message->has_value()) break;
      ASSERT_GE((*message)->data(), memory.data());
      ASSERT_LE((*message)->data() + (*message)->size(), memory.data() + 256);
      for (std::byte byte : **message) bytes += byte == std::byte{} ? 0 : 1;
      reader.Pop();
    }
    ASSERT_LE(messages, 32);
    ASSERT_LE(bytes, 256U);
  }
  EXPECT_GT(broken, 500);
}

TEST(RingAttachTest, RefusesWhatIsNoRing) {
  alignas(64) std::byte memory[RingBytes(128)] = {};
  EXPECT_EQ(RingReader::Attach(memory).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(FormatRing(std::span(memory).first(RingBytes(64) - 1)).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(FormatRing(std::span(memory).subspan(8)).code(), StatusCode::kInvalidArgument);
  ASSERT_TRUE(FormatRing(std::span(memory).first(RingBytes(128) - 1)).ok());
  EXPECT_EQ(RingReader::Attach(memory)->capacity(), 64U) << "the greatest power of two that fits";
  ASSERT_TRUE(FormatRing(memory).ok());
  EXPECT_EQ(RingWriter::Attach(memory)->capacity(), 128U);
  EXPECT_EQ(RingWriter::Attach(std::span(memory).first(20)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(RingWriter::Attach(std::span(memory).first(RingBytes(64))).status().code(), StatusCode::kDataLoss);
  auto* header = reinterpret_cast<RingHeader*>(memory);
  for (uint64_t wrong : {uint64_t{0}, uint64_t{1}, uint64_t{96}, uint64_t{256}, UINT64_MAX, uint64_t{1} << 63U}) {
    header->capacity = wrong;
    EXPECT_EQ(RingReader::Attach(memory).status().code(), StatusCode::kDataLoss) << wrong;
  }
}

}  // namespace
}  // namespace triune::compute::shm
