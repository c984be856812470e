// Actors that many call, kill and forget at the same time.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using std::chrono::microseconds;

/// What the test knows of one call.
struct Call {
  std::atomic<int> runs{0};
};

/// What the test knows of one actor, in all the lives that it has.
struct Record {
  explicit Record(ActorOptions o) : options(std::move(o)) {}
  const ActorOptions options;
  std::atomic<int> alive{0};
  std::atomic<int> inside{0};
  std::atomic<bool> too_many{false};
  std::atomic<bool> out_of_order{false};
  std::atomic<bool> two_lives{false};
};

class Player;

/// An actor that anybody may take, replace or let go of.
struct Seat {
  std::mutex mutex;
  ActorHandle<Player> handle;
  std::shared_ptr<Record> record;
};

struct Stage {
  Session* session = nullptr;
  std::array<Seat, 6> seats;
  std::atomic<uint64_t> callers{1};
  std::mutex mutex;
  std::vector<std::pair<ObjectRef<Value>, std::shared_ptr<Call>>> calls;

  void Keep(ObjectRef<Value> reference, std::shared_ptr<Call> call) {
    std::lock_guard lock(mutex);
    calls.emplace_back(std::move(reference), std::move(call));
  }
  void Take(size_t seat, ActorHandle<Player>* handle, std::shared_ptr<Record>* record) {
    std::lock_guard lock(seats[seat].mutex);
    *handle = seats[seat].handle;
    *record = seats[seat].record;
  }
  void Cast(size_t seat, Dice& dice);
  /// Calls any actor from `first` on, as `caller`, and sometimes waits.
  void CallAny(Dice& dice, size_t first, uint64_t caller, uint64_t* sequence, int depth, bool may_wait);
};

class Player {
 public:
  Player(Stage* stage, std::shared_ptr<Record> record, size_t seat, bool fails, const Value&)
      : stage_(stage), record_(std::move(record)), seat_(seat), caller_(stage->callers++) {
    if (fails) throw std::runtime_error("not today");
    if (record_->alive++ != 0) record_->two_lives = true;
  }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player() { --record_->alive; }

  Result<Value> Play(uint64_t caller, uint64_t sequence, const std::shared_ptr<Call>& call, const Value& argument,
                     uint64_t seed, int depth) {
    const int limit = std::max(record_->options.max_concurrency, 1);
    if (++record_->inside > limit) record_->too_many = true;
    ++call->runs;
    {
      std::lock_guard lock(mutex_);
      uint64_t& last = last_[caller];
      // Several that run at the same time only begin in order.
      if (limit == 1 && sequence <= last) record_->out_of_order = true;
      last = std::max(last, sequence);
    }
    Dice dice(seed);
    Work(dice.OneIn(4) ? dice.Pick(1500) : 0);
    // Calls only go one way, so that nobody waits in a circle.
    if (depth > 0 && dice.OneIn(3) && seat_ + 1 < stage_->seats.size()) {
      uint64_t number = 0;
      // One caller, whichever of its methods it is; those that run at the same time are several.
      if (limit == 1) {
        stage_->CallAny(dice, seat_ + 1, caller_, &sequence_, depth - 1, true);
      } else {
        stage_->CallAny(dice, seat_ + 1, stage_->callers++, &number, depth - 1, true);
      }
    }
    --record_->inside;
    if (dice.OneIn(20)) return Internal("#played badly#");
    return Value(argument.get() + sequence);
  }

 private:
  Stage* stage_;
  std::shared_ptr<Record> record_;
  size_t seat_;
  uint64_t caller_;
  uint64_t sequence_ = 0;
  std::mutex mutex_;
  std::unordered_map<uint64_t, uint64_t> last_;
};

void Stage::Cast(size_t seat, Dice& dice) {
  ActorOptions options;
  options.max_restarts = static_cast<int>(dice.Pick(4)) - 1;
  options.max_concurrency = dice.OneIn(3) ? 3 : 1;
  if (dice.OneIn(3)) options.max_pending_calls = 1 + dice.Pick(20);
  auto record = std::make_shared<Record>(options);
  const bool fails = dice.OneIn(12);
  ActorHandle<Player> handle;
  if (dice.OneIn(3)) {
    auto late = session->Submit([n = dice.Pick(500)] {
      Work(n);
      return Value(1);
    });
    handle = session->CreateActor<Player>(options, this, record, seat, fails, late);
  } else {
    handle = session->CreateActor<Player>(options, this, record, seat, fails, Value(1));
  }
  std::lock_guard lock(seats[seat].mutex);
  std::swap(seats[seat].handle, handle);
  std::swap(seats[seat].record, record);
}

void Stage::CallAny(Dice& dice, size_t first, uint64_t caller, uint64_t* sequence, int depth, bool may_wait) {
  ActorHandle<Player> handle;
  std::shared_ptr<Record> record;
  Take(first + dice.Pick(seats.size() - first), &handle, &record);
  for (size_t i = 1 + dice.Pick(3); i > 0; --i) {
    auto call = std::make_shared<Call>();
    TaskOptions options;
    if (dice.OneIn(12)) options.timeout = microseconds(dice.Pick(1000));
    auto with = handle.With(std::move(options));
    const uint64_t number = ++*sequence;
    ObjectRef<Value> result;
    switch (dice.Pick(4)) {
      case 0:  // late
        result = with.Call(&Player::Play, caller, number, call, session->Submit([n = dice.Pick(800)] {
          Work(n);
          return Value(n);
        }),
                           dice.Seed(), depth);
        break;
      case 1:  // never
        if (dice.OneIn(4)) {
          result = with.Call(&Player::Play, caller, number, call,
                             session->Submit([]() -> Result<Value> { return Internal("#no argument#"); }), dice.Seed(),
                             depth);
          break;
        }
        [[fallthrough]];
      default:
        result = with.Call(&Player::Play, caller, number, call, Value(1), dice.Seed(), depth);
    }
    if (dice.OneIn(15)) session->Cancel(result, {.recursive = dice.OneIn(2), .force = dice.OneIn(2)});
    if (may_wait && dice.OneIn(3)) {
      std::ignore = dice.OneIn(2) ? session->Get(result).status() : session->Get(result, kHangGuard).status();
    }
    Keep(std::move(result), std::move(call));
  }
}

class ActorStressTest : public StressTest {};
INSTANTIATE_TEST_SUITE_P(Cpus, ActorStressTest, ::testing::Values(1, 2, 8), ::testing::PrintToStringParamName());

bool IsAllowed(const Status& status) {
  for (ErrorKind kind : {ErrorKind::kActorDied, ErrorKind::kActorUnavailable, ErrorKind::kPendingCallsLimit,
                         ErrorKind::kTaskCancelled, ErrorKind::kDeadlineExceeded}) {
    if (HasKind(status, kind)) return true;
  }
  return status.message().find('#') != std::string_view::npos;
}

TEST_P(ActorStressTest, ManyCallManyWhileTheyAreKilledAndForgotten) {
  RepeatFor(StressTime(), [&](uint64_t seed) {
    std::mutex records_mutex;
    std::vector<std::shared_ptr<Record>> records;
    {
      Stage stage;  // outlives the session: tasks that nobody asks for use it to the end
      {
        Session session({.cpus = GetParam()});
        stage.session = &session;
        Dice dice(seed);
        for (size_t i = 0; i < stage.seats.size(); ++i) {
          stage.Cast(i, dice);
          records.push_back(stage.seats[i].record);
        }
        std::vector<std::thread> threads;
        for (uint64_t thread = 0; thread < 3; ++thread) {
          threads.emplace_back([&, thread] {
            Dice own(seed * 100 + thread);
            const uint64_t caller = stage.callers++;
            uint64_t sequence = 0;
            for (int i = 0; i < 60; ++i) {
              switch (own.Pick(8)) {
                case 0:  // a task calls
                  session.Submit([&stage, task_seed = own.Seed()] {
                    Dice dice_of_task(task_seed);
                    uint64_t own_sequence = 0;
                    const uint64_t task = stage.callers++;
                    for (int j = 0; j < 3; ++j) stage.CallAny(dice_of_task, 0, task, &own_sequence, 2, true);
                  });
                  break;
                case 1: {
                  ActorHandle<Player> handle;
                  std::shared_ptr<Record> record;
                  stage.Take(own.Pick(stage.seats.size()), &handle, &record);
                  if (own.OneIn(3)) handle.Kill(!own.OneIn(4));
                  if (own.OneIn(8)) std::ignore = session.Get(handle.Ready());
                  break;
                }
                case 2:
                  if (own.OneIn(3)) {
                    const size_t seat = own.Pick(stage.seats.size());
                    stage.Cast(seat, own);
                    ActorHandle<Player> handle;
                    std::shared_ptr<Record> record;
                    stage.Take(seat, &handle, &record);
                    std::lock_guard lock(records_mutex);
                    records.push_back(record);
                  }
                  break;
                default:
                  stage.CallAny(own, 0, caller, &sequence, 2, own.OneIn(4));
              }
            }
          });
        }
        for (auto& thread : threads) thread.join();
        // Calls may still make calls.
        for (size_t i = 0;; ++i) {
          std::pair<ObjectRef<Value>, std::shared_ptr<Call>> one;
          {
            std::unique_lock lock(stage.mutex);
            if (i == stage.calls.size()) break;
            one = stage.calls[i];
          }
          Result<Value> got = session.Get(one.first, kHangGuard);
          ASSERT_TRUE(one.first.ready()) << "call " << i << " hangs";
          if (got.ok()) {
            EXPECT_EQ(one.second->runs, 1);
          } else {
            EXPECT_LE(one.second->runs, 1);
            EXPECT_TRUE(IsAllowed(got.status())) << Describe(got.status());
          }
        }
        for (Seat& seat : stage.seats) {
          if (dice.OneIn(2)) seat.handle.Kill(dice.OneIn(2));
        }
      }
      // All is over but for what the handles and the results refer to.
      for (auto& record : records) EXPECT_EQ(record->inside, 0);
    }
    for (auto& record : records) {
      EXPECT_EQ(record->alive, 0);
      EXPECT_FALSE(record->too_many);
      EXPECT_FALSE(record->out_of_order);
      EXPECT_FALSE(record->two_lives);
    }
    EXPECT_EQ(Value::live, 0);
  });
}

/// Several create, find, kill and forget actors of the same few names.
TEST_P(ActorStressTest, Names) {
  struct Named {
    Named(std::atomic<int>* a, const Value&) : alive(a) { ++*alive; }
    Named(const Named&) = delete;
    Named& operator=(const Named&) = delete;
    ~Named() { --*alive; }
    uint64_t Add(const Value& value) { return sum += value.get(); }
    std::atomic<int>* alive;
    uint64_t sum = 0;
  };
  RepeatFor(StressTime(), [&](uint64_t seed) {
    std::atomic<int> alive{0};
    {
      Session session({.cpus = GetParam()});
      std::vector<std::thread> threads;
      for (uint64_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
          Dice dice(seed * 100 + thread);
          std::vector<ActorHandle<Named>> kept;
          for (int i = 0; i < 150; ++i) {
            ActorOptions options{.name = std::string(1, static_cast<char>('a' + dice.Pick(3))),
                                 .detached = dice.OneIn(4),
                                 .get_if_exists = !dice.OneIn(4),
                                 .max_restarts = static_cast<int>(dice.Pick(2))};
            ActorHandle<Named> handle;
            if (dice.OneIn(3)) {
              auto found = session.GetActor<Named>(options.name);
              if (!found.ok()) {
                EXPECT_EQ(found.status().code(), StatusCode::kNotFound) << found.status().ToString();
                continue;
              }
              handle = *found;
            } else if (dice.OneIn(2)) {
              auto late = session.Submit([n = dice.Pick(300)] {
                Work(n);
                return Value(n);
              });
              handle = session.CreateActor<Named>(options, &alive, late);
            } else {
              handle = session.CreateActor<Named>(options, &alive, Value(1));
            }
            auto call = handle.Call(&Named::Add, Value(1));
            if (dice.OneIn(2)) kept.push_back(handle);
            if (dice.OneIn(3)) kept.clear();
            if (dice.OneIn(6)) handle.Kill(dice.OneIn(2));
            handle = {};
            if (!dice.OneIn(3)) continue;
            Result<uint64_t> got = dice.OneIn(2) ? session.Get(call) : session.Get(call, kHangGuard);
            EXPECT_TRUE(got.ok() || HasKind(got.status(), ErrorKind::kActorDied) ||
                        HasKind(got.status(), ErrorKind::kActorUnavailable) ||
                        got.status().code() == StatusCode::kAlreadyExists)
                << Describe(got.status());
          }
        });
      }
      for (auto& thread : threads) thread.join();
    }
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(Value::live, 0);
  });
}

/// Whoever has killed an actor for good and calls it then gets an error, whatever others do with it at the time.
TEST_P(ActorStressTest, NoCallIsMadeAfterKill) {
  struct Counter {
    int Add() { return ++count; }
    std::atomic<int> count{0};  // several calls at a time
  };
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Session session({.cpus = GetParam()});
    Dice dice(seed);
    for (int i = 0; i < 50; ++i) {
      auto actor = session.CreateActor<Counter>(ActorOptions{.max_concurrency = dice.OneIn(2) ? 1 : 4});
      std::thread other([&, n = dice.Pick(20)] {
        for (size_t j = 0; j < n; ++j) actor.Call(&Counter::Add);
      });
      Work(dice.Pick(400));
      actor.Kill();
      auto late = actor.Call(&Counter::Add);
      other.join();
      ASSERT_TRUE(HasKind(session.Get(late, kHangGuard).status(), ErrorKind::kActorDied));
    }
  });
}

/// Arguments become ready at the very moment in which their calls are made, and taken out by others.
TEST_P(ActorStressTest, SeveralAtATimeWithArgumentsThatAreJustReady) {
  struct Crowd {
    std::atomic<int> inside{0};
    std::atomic<bool> too_many{false};
    uint64_t Enter(const Value& value) {
      if (++inside > 3) too_many = true;
      Work(value.get());
      --inside;
      return value.get();
    }
    bool TooMany() { return too_many; }
  };
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Session session({.cpus = GetParam()});
    auto crowd = session.CreateActor<Crowd>(ActorOptions{.max_concurrency = 3});
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < 3; ++thread) {
      threads.emplace_back([&, thread] {
        Dice dice(seed * 10 + thread);
        std::vector<std::pair<uint64_t, ObjectRef<uint64_t>>> calls;
        for (int i = 0; i < 200; ++i) {
          const uint64_t n = dice.Pick(100);
          auto argument = session.Submit([n] { return Value(n); });
          Work(dice.Pick(200));
          calls.emplace_back(n, crowd.Call(&Crowd::Enter, argument));
          if (dice.OneIn(10)) std::ignore = session.Get(crowd.Ready());
          if (dice.OneIn(10)) std::ignore = session.Get(calls.back().second);
        }
        for (auto& [n, call] : calls) {
          Result<uint64_t> got = session.Get(call, kHangGuard);
          ASSERT_TRUE(got.ok()) << Describe(got.status());
          EXPECT_EQ(*got, n);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(*session.Get(crowd.Call(&Crowd::TooMany), kHangGuard));
  });
}

/// An actor is one caller, from its constructor on.
TEST_P(ActorStressTest, CallsOfTheConstructorComeFirst) {
  struct Listener {
    std::vector<int> heard;
    void Hear(int number, const Value&) { heard.push_back(number); }
    std::vector<int> Heard() { return heard; }
  };
  struct Speaker {
    ActorHandle<Listener> listener;
    Speaker(Session* session, ActorHandle<Listener> l) : listener(std::move(l)) {
      auto late = session->Submit([] {
        Work(2000);
        return Value(1);
      });
      listener.Call(&Listener::Hear, 1, late);
    }
    void Speak() { listener.Call(&Listener::Hear, 2, Value(1)); }
  };
  RepeatFor(StressTime(), [&](uint64_t) {
    Session session({.cpus = GetParam()});
    auto listener = session.CreateActor<Listener>();
    auto speaker = session.CreateActor<Speaker>(&session, listener);
    ASSERT_TRUE(session.Get(speaker.Call(&Speaker::Speak), kHangGuard).ok());
    std::vector<int> heard;
    ASSERT_TRUE(Eventually([&] {
      heard = *session.Get(listener.Call(&Listener::Heard), kHangGuard);
      return heard.size() == 2;
    }));
    EXPECT_EQ(heard, (std::vector<int>{1, 2}));
  });
}

TEST_P(ActorStressTest, TheEndWaitsForCallsWhoseArgumentsAreOfAnotherSession) {
  struct Sum {
    std::atomic<uint64_t>* result;
    Sum(std::atomic<uint64_t>* r, const Value& value) : result(r) { *result += value.get(); }
    void Add(const Value& value) { *result += value.get(); }
  };
  RepeatFor(StressTime(), [&](uint64_t seed) {
    Dice dice(seed);
    std::atomic<uint64_t> result{0};
    Session other({.cpus = 1});
    auto late = other.Submit([n = dice.Pick(5000)] {
      Work(n);
      return Value(1);
    });
    {
      Session session({.cpus = GetParam()});
      auto made_now = session.CreateActor<Sum>(&result, Value(1));
      auto made_later = session.CreateActor<Sum>(&result, late);
      made_now.Call(&Sum::Add, late);
      made_later.Call(&Sum::Add, Value(1));
    }
    EXPECT_EQ(result, 4U);
  });
}

}  // namespace
}  // namespace triune::compute
