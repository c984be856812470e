// Get, Free, Wait and tasks at the same time, checked against what must come out.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"
#include "triune/core/remote.h"

namespace triune::stress_objects_test {

std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace triune::stress_objects_test

TRIUNE_REMOTE(triune::stress_objects_test::Repeated);

namespace triune::stress_objects_test {
namespace {

using compute::Dice;
using compute::Eventually;
using compute::HasKind;
using compute::RepeatFor;
using compute::StressTest;
using compute::StressTime;
using compute::Value;

constexpr int kThreads = 3;

class ObjectsStressTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, ObjectsStressTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

uint64_t Sum(const Value& a, const Value& b) { return a.get() + b.get(); }

TEST_P(ObjectsStressTest, WhatCanBeMadeAgainIsAlwaysRight) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    {
      Session session({.cpus = GetParam()});
      auto with = session.With({.retries = 1'000'000, .reconstruct = true});
      auto plain = session.With({.cpus = 1, .retries = 1'000'000, .reconstruct = true});
      Dice dice(seed);
      std::vector<ObjectRef<Value>> objects;
      std::vector<uint64_t> expected;
      for (uint64_t i = 0; i < 12; ++i) {
        if (i < 2) {
          objects.push_back(with.Submit([i] { return Value(i + 1); }));
          expected.push_back(i + 1);
          continue;
        }
        const size_t a = dice.Pick(objects.size());
        const size_t b = dice.Pick(objects.size());
        objects.push_back(
            with.Submit([](const Value& x, const Value& y) { return Value(Sum(x, y)); }, objects[a], objects[b]));
        expected.push_back(expected[a] + expected[b]);
      }
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, own = dice.Seed()] {
          Dice mine(own);
          std::vector<std::pair<ObjectRef<uint64_t>, uint64_t>> results;
          for (int i = 0; i < 30; ++i) {
            const size_t a = mine.Pick(objects.size());
            const size_t b = mine.Pick(objects.size());
            switch (mine.Pick(6)) {
              case 0:
              case 1: {
                auto got = session.Get(objects[a]);
                EXPECT_TRUE(got.ok() && got->get() == expected[a]) << Describe(got.status());
                break;
              }
              case 2:
                results.emplace_back(plain.Submit(Sum, objects[a], objects[b]), expected[a] + expected[b]);
                break;
              case 3:
                EXPECT_FALSE(session.Wait(std::vector{objects[a], objects[b]}, 1)->ready.empty());
                break;
              case 4:
                session.Contains(objects[a]);
                [[fallthrough]];
              default:
                std::ignore = session.Free(objects[b]);  // it may not be ready
            }
            if (!results.empty() && mine.OneIn(3)) {
              auto& [result, number] = results.back();
              auto got = session.Get(result);
              EXPECT_TRUE(got.ok() && *got == number) << Describe(got.status());
              std::ignore = session.Free(result);
              if (mine.OneIn(2)) results.pop_back();
            }
          }
          for (auto& [result, number] : results) {
            auto got = session.Get(result);
            EXPECT_TRUE(got.ok() && *got == number) << Describe(got.status());
          }
        });
      }
      for (auto& thread : threads) thread.join();
    }
    EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
  });
}

TEST_P(ObjectsStressTest, WhatCanNotIsThereUntilItIsFreed) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    {
      Session session({.cpus = GetParam()});
      constexpr size_t kObjects = 16;
      struct Object {
        ObjectRef<Value> reference;
        std::atomic<bool> freeing{false};
        std::atomic<bool> freed{false};
      };
      std::array<Object, kObjects> objects;
      for (uint64_t i = 0; i < kObjects; ++i) {
        objects[i].reference = i % 2 == 0 ? session.Put(Value(i)) : session.Submit([i] { return Value(i); });
      }
      Dice dice(seed);
      std::vector<std::thread> threads;
      for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&, own = dice.Seed()] {
          Dice mine(own);
          for (int i = 0; i < 30; ++i) {
            const size_t number = mine.Pick(kObjects);
            Object& object = objects[number];
            if (mine.OneIn(8)) {
              object.freeing = true;
              if (session.Free(object.reference).ok()) {
                object.freed = true;
                EXPECT_FALSE(session.Contains(object.reference));
              }
              continue;
            }
            const bool was_freed = object.freed;
            Status status;
            uint64_t got = number;
            if (mine.OneIn(2)) {
              auto value = session.Get(object.reference);
              status = value.status();
              if (value.ok()) got = value->get();
            } else {
              auto task = session.Submit([](const Value& value) { return value.get(); }, object.reference);
              if (mine.OneIn(3)) std::ignore = session.Free(task);
              auto value = session.Get(task);
              status = value.status();
              if (value.ok()) got = *value;
              if (HasKind(status, ErrorKind::kObjectFreed) && !object.freeing) continue;  // the task's own
            }
            EXPECT_EQ(got, number);
            if (status.ok()) {
              EXPECT_FALSE(was_freed);
            } else {
              EXPECT_TRUE(HasKind(status, ErrorKind::kObjectFreed)) << Describe(status);
              EXPECT_TRUE(object.freeing);
            }
          }
        });
      }
      for (auto& thread : threads) thread.join();
    }
    EXPECT_TRUE(Eventually([] { return Value::live == 0; }));
  });
}

TEST_P(ObjectsStressTest, InProcessesWithLittleMemory) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Session session(
        {.cpus = GetParam() == 8 ? 3 : GetParam(), .object_memory = 200'000, .spill_limit = uint64_t{64} << 20U});
    auto process = session.With({.retries = 1'000'000, .reconstruct = true, .isolation = kProcess});
    std::vector<ObjectRef<std::string>> objects;
    std::vector<std::string> expected;
    Dice dice(seed);
    for (int i = 0; i < 6; ++i) {
      const std::string text(1, static_cast<char>('a' + i));
      if (i < 2) {
        objects.push_back(process.Submit(Repeated, text, 20'000));
        expected.push_back(Repeated(text, 20'000));
        continue;
      }
      const size_t from = dice.Pick(objects.size());
      objects.push_back(process.Submit(Repeated, objects[from], 2));
      expected.push_back(Repeated(expected[from], 2));
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, own = dice.Seed()] {
        Dice mine(own);
        for (int i = 0; i < 12; ++i) {
          const size_t which = mine.Pick(objects.size());
          if (mine.OneIn(2)) {
            std::ignore = session.Free(objects[which]);
          } else if (mine.OneIn(2)) {
            auto got = session.Get(objects[which]);
            EXPECT_TRUE(got.ok() && *got == expected[which]) << Describe(got.status());
          } else {
            auto got = session.Get(process.Submit(Repeated, objects[which], 1));
            EXPECT_TRUE(got.ok() && *got == expected[which]) << Describe(got.status());
          }
        }
      });
    }
    for (auto& thread : threads) thread.join();
  });
}

}  // namespace
}  // namespace triune::stress_objects_test
