// Rings and doorbells between processes.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "compute/shm/arena.h"
#include "compute/shm/doorbell.h"
#include "compute/shm/ring.h"
#include "compute/shm/segment.h"
#include "compute/shm/testing/child.h"
#include "compute/shm/testing/numbered_message.h"

namespace triune::compute::shm {
namespace {

/// One end of a pair of rings. The other process has them at other addresses.
class Line {
 public:
  struct Place {
    Block there, back, bells;
  };

  static Place Make(Arena& arena, const Segment& segment, size_t capacity) {
    Place place{*arena.Allocate(RingBytes(capacity)), *arena.Allocate(RingBytes(capacity)),
                *arena.Allocate(2 * sizeof(DoorbellWord))};
    EXPECT_TRUE(FormatRing(segment.Slice(place.there)->first(RingBytes(capacity))).ok());
    EXPECT_TRUE(FormatRing(segment.Slice(place.back)->first(RingBytes(capacity))).ok());
    new (segment.Slice(place.bells)->data()) DoorbellWord[2]{};
    return place;
  }

  Line(const Segment& segment, const Place& place, bool driver, Duration spin)
      : writer_(*RingWriter::Attach(*segment.Slice(driver ? place.there : place.back))),
        reader_(*RingReader::Attach(*segment.Slice(driver ? place.back : place.there))),
        mine_(Bell(segment, place, driver ? 0 : 1), spin),
        its_(Bell(segment, place, driver ? 1 : 0), spin) {}

  void Send(const NumberedMessage& message, bool publish = true) {
    auto to = *writer_.Reserve(message.size());
    while (!to) {
      its_.Ring();
      mine_.WaitUntil([&] { return writer_.HasRoom(message.size()); });
      to = *writer_.Reserve(message.size());
    }
    message.WriteTo(*to);
    writer_.Commit(message.size());
    if (publish) Flush();
  }
  void Flush() {
    if (writer_.Publish()) its_.Ring();
  }
  bool Receive(const NumberedMessage& message) {
    mine_.WaitUntil([&] { return reader_.HasMessage(); });
    auto got = reader_.Peek();
    bool good = got.ok() && got->has_value() && message.Is(**got);
    if (!good) return false;
    reader_.Pop();
    its_.Ring();
    return true;
  }

  RingReader& reader() { return reader_; }

 private:
  static DoorbellWord& Bell(const Segment& segment, const Place& place, size_t index) {
    return reinterpret_cast<DoorbellWord*>(segment.Slice(place.bells)->data())[index];
  }

  RingWriter writer_;
  RingReader reader_;
  Doorbell mine_;
  Doorbell its_;
};

class RingProcessTest : public ::testing::Test {
 protected:
  Segment segment_ = *Segment::Create(1U << 20U);
  std::unique_ptr<Arena> arena_ = *Arena::Create(segment_);
};

TEST_F(RingProcessTest, PassesMessagesBothWays) {
  constexpr uint64_t kMessages = 20'000;
  Line::Place place = Line::Make(*arena_, segment_, 4096);
  Child child([&] {
    Segment mine = *Segment::Open(dup(segment_.fd()));
    if (mine.data() == segment_.data()) return 2;
    Line line(mine, place, false, Doorbell::kDefaultSpin);
    for (uint64_t number = 0; number < kMessages; ++number) {
      if (!line.Receive(NumberedMessage(number, 300))) return 1;
      line.Send(NumberedMessage(number + kMessages, 300), number % 4 == 0);
    }
    line.Flush();
    return 0;
  });
  Line line(segment_, place, true, Doorbell::kDefaultSpin);
  // Some ahead, more than the rings hold at times, less than both of them.
  constexpr uint64_t kAhead = 30;
  for (uint64_t number = 0; number < kMessages + kAhead; ++number) {
    if (number < kMessages) line.Send(NumberedMessage(number, 300));
    if (number >= kAhead) {
      ASSERT_TRUE(line.Receive(NumberedMessage(number - kAhead + kMessages, 300))) << number;
    }
  }
  EXPECT_EQ(child.Join(), 0);
}

// A wake-up that is lost stops this for ever.
TEST_F(RingProcessTest, LosesNoWakeUp) {
  for (Duration spin : {Duration::zero(), Duration(std::chrono::microseconds(10))}) {
    constexpr uint64_t kMessages = 4000;
    Line::Place place = Line::Make(*arena_, segment_, 1024);
    Child child([&] {
      Segment mine = *Segment::Open(dup(segment_.fd()));
      Line line(mine, place, false, spin);
      for (uint64_t number = 0; number < kMessages; ++number) {
        if (!line.Receive(NumberedMessage(number, 8))) return 1;
        line.Send(NumberedMessage(number, 8));
      }
      return 0;
    });
    Line line(segment_, place, true, spin);
    for (uint64_t number = 0; number < kMessages; ++number) {
      line.Send(NumberedMessage(number, 8));
      ASSERT_TRUE(line.Receive(NumberedMessage(number, 8)));
    }
    EXPECT_EQ(child.Join(), 0);
  }
}

TEST_F(RingProcessTest, StaysReadableWhenTheWriterIsKilled) {
  std::mt19937 random(1);
  auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1000);
  for (int i = 0; i < 300 && std::chrono::steady_clock::now() < end; ++i) {
    Line::Place place = Line::Make(*arena_, segment_, 4096);
    uint64_t kill_after = random() % 300;
    Child child([&]() -> int {
      Segment mine = *Segment::Open(dup(segment_.fd()));
      Line line(mine, place, false, Doorbell::kDefaultSpin);
      for (uint64_t number = 0;; ++number) line.Send(NumberedMessage(number, 200), number % 5 == 0);
    });
    Line line(segment_, place, true, Doorbell::kDefaultSpin);
    uint64_t number = 0;
    for (; number < kill_after; ++number) {
      ASSERT_TRUE(line.Receive(NumberedMessage(number, 200)));
    }
    // It is anywhere now: between Reserve and Commit, asleep, about to ring.
    child.Kill();
    for (;; ++number) {
      auto message = line.reader().Peek();
      ASSERT_TRUE(message.ok()) << message.status().ToString();
      if (!message->has_value()) break;
      ASSERT_TRUE(NumberedMessage(number, 200).Is(**message));
      line.reader().Pop();
    }
    // The next one goes on in the same ring.
    Line next(segment_, place, false, Doorbell::kDefaultSpin);
    next.Send(NumberedMessage(7, 200));
    ASSERT_TRUE(line.Receive(NumberedMessage(7, 200)));
    for (const Block& block : {place.there, place.back, place.bells}) ASSERT_TRUE(arena_->Free(block.offset).ok());
  }
  EXPECT_EQ(arena_->statistics().used, 0U);
}

// The bell is one for all workers. One that dies while it rings must not keep the others from waking the driver.
TEST_F(RingProcessTest, OthersWakeTheDriverWhenOneDiesRinging) {
  std::mt19937 random(2);
  Block block = *arena_->Allocate(128);
  std::byte* memory = segment_.Slice(block)->data();
  auto* word = new (memory) DoorbellWord{};
  auto* asked = new (memory + 64) std::atomic<uint64_t>(0);
  auto* answered = new (memory + 72) std::atomic<uint64_t>(0);
  Child honest([&]() -> int {
    Doorbell bell(*word);
    for (uint64_t number = 1;; ++number) {
      while (asked->load() < number) sched_yield();
      answered->store(number);
      bell.Ring();
    }
  });
  Doorbell bell(*word, Duration::zero());
  uint64_t number = 0;
  auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  for (int i = 0; i < 100 && std::chrono::steady_clock::now() < end; ++i) {
    Child killed([&]() -> int {
      Doorbell its(*word);
      for (;;) its.Ring();
    });
    for (auto rounds = random() % 20 + 1; rounds > 0; --rounds) {
      if (rounds == 1) killed.Kill();
      asked->store(++number);
      bell.WaitUntil([&] { return answered->load() == number; });
    }
  }
  EXPECT_GT(number, 0U);
}

}  // namespace
}  // namespace triune::compute::shm
