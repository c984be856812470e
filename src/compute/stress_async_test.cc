// Coroutines that many await, cancel, kill and wake at the same time.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "compute/testing/door.h"
#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::microseconds;

/// What all that runs in a round has in common.
struct Stage {
  std::array<Door, 32> doors;
  std::atomic<int> frames{0};
  std::atomic<bool> outlived{false};
  std::atomic<bool> beside{false};
  std::mutex mutex;
  std::vector<ObjectRef<Value>> results;

  ObjectRef<Value> Keep(ObjectRef<Value> reference) {
    std::lock_guard lock(mutex);
    results.push_back(reference);
    return reference;
  }
  /// One of those that there are, or empty.
  ObjectRef<Value> Any(Dice& dice) {
    std::lock_guard lock(mutex);
    return results.empty() ? ObjectRef<Value>() : results[dice.Pick(results.size())];
  }
};

struct InFrame {
  explicit InFrame(Stage& s) : stage(s) { stage.frames.fetch_add(1); }
  InFrame(const InFrame&) = delete;
  InFrame& operator=(const InFrame&) = delete;
  ~InFrame() { stage.frames.fetch_sub(1); }
  Stage& stage;
};

Async<uint64_t> AwaitSomething(Stage& stage, uint64_t seed, int depth) {
  InFrame in_frame(stage);
  Dice dice(seed);
  switch (dice.Pick(depth > 4 ? 5 : 7)) {
    case 0:
      co_await Sleep(Duration::zero());
      co_return 0;
    case 1:
      co_await Sleep(microseconds(dice.Pick(200)));
      co_return 0;
    case 2:
      co_return static_cast<uint64_t>(co_await stage.doors[dice.Pick(stage.doors.size())].reference());
    case 3: {
      Result<int> result = co_await AsResult(stage.doors[dice.Pick(stage.doors.size())].reference());
      co_return result.ok() ? static_cast<uint64_t>(*result) : 0;
    }
    case 4: {
      if (dice.OneIn(3)) throw std::runtime_error("unlucky");
      co_return 0;
    }
    default: {
      uint64_t sum = 0;
      for (size_t i = dice.Pick(3); i < 3; ++i) sum += co_await AwaitSomething(stage, dice.Seed(), depth + 1);
      co_return sum;
    }
  }
}

Async<Value> Play(Stage* stage, uint64_t seed) {
  InFrame in_frame(*stage);
  Dice dice(seed);
  const Value mark(seed);
  uint64_t sum = 0;
  for (size_t i = dice.Pick(4); i < 4; ++i) {
    try {
      sum += co_await AwaitSomething(*stage, dice.Seed(), 0);
    } catch (const std::runtime_error&) {
      if (dice.OneIn(4)) throw;
    }
  }
  EXPECT_EQ(sum, 0U);
  co_return mark;
}

class Player {
 public:
  explicit Player(Stage* stage) : stage_(*stage) {}
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player() {
    if (calls_ != 0) stage_.outlived = true;
  }

  Async<Value> Play(uint64_t seed) {
    InFrame in_frame(stage_);
    const Counted counted(*this);
    Dice dice(seed);
    const Value mark(seed);
    for (size_t i = dice.Pick(4); i < 4; ++i) {
      Enter();
      if (dice.OneIn(2)) {
        co_await AwaitSomething(stage_, dice.Seed(), 3);
      } else {
        co_await Sleep(Duration::zero());
      }
    }
    co_return mark;
  }
  Value Ordinary(uint64_t seed) {
    Enter();
    return Value(seed);
  }

 private:
  struct Counted {
    explicit Counted(Player& p) : player(p) { ++player.calls_; }
    ~Counted() { --player.calls_; }
    Player& player;
  };
  /// ThreadSanitizer, too, sees when two are here.
  void Enter() {
    if (inside_) stage_.beside = true;
    inside_ = true;
    Work(3);
    inside_ = false;
  }

  Stage& stage_;
  int calls_ = 0;
  bool inside_ = false;
};

void RunRound(uint64_t seed) {
  Value::live = 0;
  Stage stage;
  {
    Session session({.cpus = 3});
    struct Seat {
      std::mutex mutex;
      ActorHandle<Player> handle;
    };
    std::array<Seat, 3> seats;
    auto make = [&](Dice& dice) {
      return session.CreateActor<Player>(
          ActorOptions{.max_restarts = static_cast<int>(dice.Pick(3)), .max_pending_calls = dice.OneIn(4) ? 20U : 0U},
          &stage);
    };
    Dice setup(seed);
    for (auto& seat : seats) seat.handle = make(setup);
    auto perform = [&](uint64_t own_seed) {
      Dice dice(own_seed);
      for (int i = 0; i < 150; ++i) {
        Seat& seat = seats[dice.Pick(seats.size())];
        ActorHandle<Player> handle;
        {
          std::lock_guard lock(seat.mutex);
          handle = seat.handle;
        }
        const TaskOptions options{.cpus = dice.OneIn(8) ? 2.0 : 1.0,
                                  .retries = dice.OneIn(4) ? 2 : 0,
                                  .timeout = dice.OneIn(10) ? microseconds(dice.Pick(500)) : Duration::max()};
        switch (dice.Pick(12)) {
          case 0:
          case 1:
          case 2:
          case 3:
            stage.Keep(handle.With(options).Call(&Player::Play, dice.Seed()));
            break;
          case 4:
            stage.Keep(handle.Call(&Player::Ordinary, dice.Seed()));
            break;
          case 5:
          case 6:
          case 7:
            stage.Keep(session.With(options).Submit(Play, &stage, dice.Seed()));
            break;
          case 8:
          case 9:
            if (auto any = stage.Any(dice)) {
              session.Cancel(any, {.recursive = dice.OneIn(2), .force = dice.OneIn(2)});
            }
            break;
          case 10:
            handle.Kill(dice.OneIn(2));
            break;
          default: {
            std::lock_guard lock(seat.mutex);
            seat.handle = make(dice);
          }
        }
      }
    };
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 3; ++i) threads.emplace_back([&, i] { perform(seed * 31 + i); });
    threads.emplace_back([&] {
      Dice dice(seed + 99);
      for (auto& door : stage.doors) {
        Work(dice.Pick(2000));
        dice.OneIn(8) ? door.Fail(Unavailable("stuck")) : door.Open();
      }
    });
    for (auto& thread : threads) thread.join();
    for (auto& result : stage.results) {
      const Result<Value> value = session.Get(result, kHangGuard);
      if (!value.ok()) {
        const TaskError* error = TaskError::Of(value.status());
        ASSERT_NE(error, nullptr) << value.status().ToString();
        ASSERT_NE(error->kind, ErrorKind::kGetTimeout);
      }
    }
  }
  EXPECT_EQ(stage.frames.load(), 0);
  EXPECT_FALSE(stage.outlived);
  EXPECT_FALSE(stage.beside);
  stage.results.clear();
  EXPECT_EQ(Value::live.load(), 0);
}

TEST(AsyncStress, CallsWakeCancelAndDie) { RepeatFor(StressTime(), RunRound); }

/// Cancel and what is waited for come at the same time.
TEST(AsyncStress, OneWakesIt) {
  RepeatFor(StressTime(), [](uint64_t seed) {
    Dice dice(seed);
    std::atomic<int> ended{0};
    std::vector<ObjectRef<int>> calls;
    {
      Session session({.cpus = 2});
      std::array<Door, 50> doors;
      for (auto& door : doors) {
        calls.push_back(session.Submit([&ended, opens = door.reference()]() -> Async<int> {
          Result<int> result = co_await AsResult(opens);
          ended.fetch_add(1);
          co_return result.ok() ? *result : -1;
        }));
      }
      Work(dice.Pick(3000));
      std::thread canceller([&] {
        for (auto& call : calls) session.Cancel(call);
      });
      for (auto& door : doors) door.Open(1);
      canceller.join();
      for (auto& call : calls) {
        const Result<int> value = session.Get(call, kHangGuard);
        if (value.ok()) {
          EXPECT_TRUE(*value == 1 || *value == -1);
        } else {
          EXPECT_EQ(TaskError::Of(value.status())->kind, ErrorKind::kTaskCancelled);
        }
      }
    }
    EXPECT_LE(ended.load(), 50);
  });
}

}  // namespace
}  // namespace triune::compute
