#include "compute/shm/ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <thread>

#include "compute/shm/testing/numbered_message.h"
#include "compute/shm/testing/ring_memory.h"

namespace triune::compute::shm {
namespace {

class RingTest : public ::testing::Test {
 protected:
  RingMemory memory_{1024};
  RingWriter writer_ = *RingWriter::Attach(memory_.span());
  RingReader reader_ = *RingReader::Attach(memory_.span());
};

TEST_F(RingTest, GivesMessagesInOrder) {
  EXPECT_EQ(Read(reader_), "none");
  EXPECT_TRUE(Write(writer_, "one") && Write(writer_, "") && Write(writer_, "three"));
  EXPECT_FALSE(reader_.HasMessage());
  EXPECT_EQ(Read(reader_), "none") << "not published";
  EXPECT_TRUE(writer_.Publish());
  EXPECT_FALSE(writer_.Publish()) << "nothing new";
  EXPECT_TRUE(reader_.HasMessage());
  EXPECT_EQ(Read(reader_), "one");
  EXPECT_EQ(Read(reader_), "");
  EXPECT_EQ(Read(reader_), "three");
  EXPECT_FALSE(reader_.HasMessage());
  EXPECT_EQ(Read(reader_), "none");
}

TEST_F(RingTest, PeeksAtTheSameMessageUntilItIsPopped) {
  EXPECT_TRUE(Write(writer_, "a") && writer_.Publish());
  auto first = (*reader_.Peek())->data();
  EXPECT_EQ((*reader_.Peek())->data(), first);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 8, 0U);
  reader_.Pop();
  EXPECT_EQ(Read(reader_), "none");
}

TEST_F(RingTest, CommitsLessThanWasReserved) {
  std::memcpy((*writer_.Reserve(500))->data(), "short", 5);
  writer_.Commit(5);
  EXPECT_TRUE((*writer_.Reserve(500)).has_value()) << "the rest is free again";
  EXPECT_TRUE((*writer_.Reserve(3)).has_value()) << "forgets what was reserved before";
  EXPECT_TRUE(Write(writer_, "next") && writer_.Publish());
  EXPECT_EQ(Read(reader_), "short");
  EXPECT_EQ(Read(reader_), "next");
}

TEST_F(RingTest, RefusesMessagesThatAreTooLong) {
  EXPECT_EQ(writer_.longest_message(), 504U);
  EXPECT_EQ(writer_.Reserve(505).status().ToString(),
            "INVALID_ARGUMENT: message is too long for its ring: got 505, want 504");
  EXPECT_EQ(writer_.Reserve(SIZE_MAX).status().code(), StatusCode::kInvalidArgument);
  for (size_t shift = 0; shift < 300; ++shift) {
    ASSERT_TRUE(Write(writer_, std::string(shift % 50, 's')) && writer_.Publish());
    ASSERT_EQ(Read(reader_).size(), shift % 50);
    ASSERT_TRUE(Write(writer_, std::string(504, 'x'))) << "wherever it begins";
    ASSERT_TRUE(writer_.Publish());
    ASSERT_EQ(Read(reader_), std::string(504, 'x'));
  }
}

TEST_F(RingTest, IsFullUntilSomethingIsRead) {
  int written = 0;
  while (Write(writer_, std::string(120, 'x'))) ++written;
  EXPECT_EQ(written, 8);
  EXPECT_FALSE(writer_.HasRoom(120));
  EXPECT_TRUE(writer_.HasRoom(2000)) << "that would be an error, which need not be waited for";
  EXPECT_EQ(Read(reader_), std::string(120, 'x')) << "published, so that it can be read";
  EXPECT_TRUE(writer_.HasRoom(120));
  EXPECT_TRUE(Write(writer_, std::string(120, 'y')));
  EXPECT_FALSE(Write(writer_, ""));
}

TEST_F(RingTest, OthersGoOnWhereOneHasPublished) {
  EXPECT_TRUE(Write(writer_, "one") && writer_.Publish());
  EXPECT_TRUE(Write(writer_, "lost"));
  std::memset((*writer_.Reserve(100))->data(), 'x', 100);
  RingWriter next_writer = *RingWriter::Attach(memory_.span());
  RingReader next_reader = *RingReader::Attach(memory_.span());
  EXPECT_TRUE(Write(next_writer, "two") && next_writer.Publish());
  EXPECT_EQ(Read(next_reader), "one");
  EXPECT_EQ(Read(next_reader), "two");
  RingReader last_reader = *RingReader::Attach(memory_.span());
  EXPECT_EQ(Read(last_reader), "none");
}

TEST(RingModelTest, AgreesWithADeque) {
  std::mt19937 random(11);
  for (size_t capacity : {64U, 128U, 1024U, 4096U}) {
    RingMemory memory(capacity);
    RingWriter writer = *RingWriter::Attach(memory.span());
    RingReader reader = *RingReader::Attach(memory.span());
    std::deque<uint64_t> committed, published;
    uint64_t number = 0;
    for (int step = 0; step < 20'000; ++step) {
      switch (random() % 5) {
        case 0:
        case 1: {
          NumberedMessage message(number, writer.longest_message());
          size_t reserve = message.size() + random() % (writer.longest_message() - message.size() + 1);
          bool room = writer.HasRoom(reserve);
          auto place = *writer.Reserve(reserve);
          ASSERT_EQ(place.has_value(), room);
          if (!place) {
            published.insert(published.end(), committed.begin(), committed.end());
            committed.clear();
            ASSERT_FALSE(published.empty()) << "there is always room in an empty ring";
            break;
          }
          message.WriteTo(place->first(message.size()));
          writer.Commit(message.size());
          committed.push_back(number++);
          break;
        }
        case 2:
          ASSERT_EQ(writer.Publish(), !committed.empty());
          published.insert(published.end(), committed.begin(), committed.end());
          committed.clear();
          break;
        default: {
          ASSERT_EQ(reader.HasMessage(), !published.empty());
          auto message = *reader.Peek();
          ASSERT_EQ(message.has_value(), !published.empty());
          if (!message) break;
          ASSERT_TRUE(NumberedMessage(published.front(), writer.longest_message()).Is(*message));
          reader.Pop();
          published.pop_front();
        }
      }
    }
    EXPECT_GT(number, 1000U);
  }
}

TEST(RingThreadsTest, PassesMessagesBetweenThreads) {
  RingMemory memory(2048);
  constexpr uint64_t kMessages = 30'000;
  std::thread other([&] {
    RingWriter writer = *RingWriter::Attach(memory.span());
    for (uint64_t number = 0; number < kMessages; ++number) {
      NumberedMessage message(number, 100);
      auto place = *writer.Reserve(message.size());
      for (; !place; place = *writer.Reserve(message.size())) std::this_thread::yield();
      message.WriteTo(*place);
      writer.Commit(message.size());
      if (number % 7 == 0) writer.Publish();
    }
    writer.Publish();
  });
  RingReader reader = *RingReader::Attach(memory.span());
  uint64_t wrong = 0;
  for (uint64_t number = 0; number < kMessages;) {
    auto message = *reader.Peek();
    if (!message) {
      std::this_thread::yield();
      continue;
    }
    wrong += NumberedMessage(number, 100).Is(*message) ? 0 : 1;
    reader.Pop();
    ++number;
  }
  other.join();
  EXPECT_EQ(wrong, 0U);
}

}  // namespace
}  // namespace triune::compute::shm
