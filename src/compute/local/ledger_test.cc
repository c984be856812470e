#include "compute/local/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <list>
#include <random>

namespace triune::compute {
namespace {

using ::testing::ElementsAre;

Amounts Of(double cpus, double gpus = 0) { return *Amounts::Of(cpus, gpus, 0, {}); }
Want Wanted(double cpus, double gpus = 0, uint64_t group = 0, int bundle = -1) {
  return {.group = group, .bundle = bundle, .amounts = Of(cpus, gpus)};
}
Want WantedGroup(std::vector<Amounts> bundles, PlacementStrategy strategy = PlacementStrategy::kPack) {
  Want want{.bundles = std::move(bundles), .strategy = strategy};
  for (const Amounts& bundle : want.bundles) want.amounts.Add(bundle);
  return want;
}
std::string Available(const Ledger& ledger) { return ledger.available().ToString(); }
const Ledger::Kept kNothing;

TEST(Ledger, GivesAndTakesBack) {
  Ledger ledger(Of(4, 2));
  EXPECT_TRUE(ledger.Suits(Wanted(4, 2)));
  EXPECT_FALSE(ledger.Suits(Wanted(4.5)));
  Holding first = ledger.Take(Wanted(3, 1.0), kNothing, false);
  EXPECT_THAT(first.gpus, ElementsAre(0));
  EXPECT_EQ(Available(ledger), "CPU 1, GPU 1");
  EXPECT_FALSE(ledger.Fits(Wanted(2), kNothing));
  EXPECT_TRUE(ledger.CouldFit(Wanted(4)));
  Holding life = ledger.Take(Wanted(1), kNothing, true);
  EXPECT_FALSE(ledger.CouldFit(Wanted(4)));
  EXPECT_EQ(ledger.cpus_for_tasks(), 3 * Amounts::kOne);
  ledger.Return(first);
  ledger.Return(first);
  ledger.Return(life);
  EXPECT_EQ(Available(ledger), "CPU 4, GPU 2");
}

TEST(Ledger, LendsTheProcessorsOfThoseWhoWait) {
  Ledger ledger(Of(2, 1));
  Holding holding = ledger.Take(Wanted(2, 1), kNothing, false);
  ledger.Count(holding, 2, 0);
  ledger.Count(holding, -1, 1);
  EXPECT_EQ(Available(ledger), "nothing") << "one still runs";
  ledger.Count(holding, -1, 1);
  EXPECT_EQ(Available(ledger), "CPU 2");
  Holding other = ledger.Take(Wanted(1), kNothing, false);
  ledger.Count(holding, 1, -1);
  EXPECT_EQ(ledger.available().cpus(), -Amounts::kOne) << "for a moment";
  ledger.Return(holding);
  EXPECT_EQ(Available(ledger), "CPU 1, GPU 1");
  ledger.Return(other);
  EXPECT_EQ(Available(ledger), "CPU 2, GPU 1");
}

TEST(Ledger, AGroupIsTakenWholeAndGivesOutOfItsBundles) {
  Ledger ledger(Of(4, 2));
  const Want want = WantedGroup({Of(1, 1), Of(2)});
  EXPECT_TRUE(ledger.Fits(want, kNothing));
  EXPECT_FALSE(ledger.Suits(WantedGroup({Of(1), Of(1)}, PlacementStrategy::kStrictSpread)));
  EXPECT_FALSE(ledger.Fits(Wanted(1, 0, 7), kNothing)) << "not there yet";
  ledger.AddGroup(7, want);
  EXPECT_EQ(Available(ledger), "CPU 1, GPU 1");
  EXPECT_FALSE(ledger.Fits(Wanted(2, 0, 7, 0), kNothing));
  Holding any = ledger.Take(Wanted(2, 0, 7), kNothing, false);
  EXPECT_EQ(any.bundle, 1);
  Holding first = ledger.Take(Wanted(0, 1, 7, 0), kNothing, false);
  EXPECT_THAT(first.gpus, ElementsAre(0));
  EXPECT_THAT(ledger.Take(Wanted(0, 1), kNothing, true).gpus, ElementsAre(1)) << "the group has the other";
  EXPECT_EQ(Available(ledger), "CPU 1");
  ledger.Return(first);
  ledger.RemoveGroup(7);
  EXPECT_EQ(Available(ledger), "CPU 2, GPU 1") << "what is in use comes later";
  ledger.Return(any);
  EXPECT_EQ(Available(ledger), "CPU 4, GPU 1");
}

TEST(Ledger, ABundleLendsWhatNobodyInItTakes) {
  Ledger ledger(Of(2));
  ledger.AddGroup(1, WantedGroup({Of(2)}));
  Holding waits = ledger.Take(Wanted(2, 0, 1), kNothing, false);
  ledger.Count(waits, 1, 0);
  EXPECT_EQ(Available(ledger), "nothing");
  ledger.Count(waits, -1, 1);
  EXPECT_EQ(Available(ledger), "CPU 2");
  Holding child = ledger.Take(Wanted(1, 0, 1), kNothing, false);
  EXPECT_EQ(Available(ledger), "CPU 1") << "it comes first";
  Holding stranger = ledger.Take(Wanted(1), kNothing, false);
  ledger.Return(child);
  EXPECT_EQ(Available(ledger), "CPU 1");
  ledger.Count(waits, 1, -1);
  EXPECT_EQ(ledger.available().cpus(), -Amounts::kOne);
  ledger.Count(waits, -1, 1);
  ledger.RemoveGroup(1);
  EXPECT_EQ(Available(ledger), "CPU 1");
  ledger.Count(waits, 1, -1);
  ledger.Return(stranger);
  EXPECT_EQ(Available(ledger), "nothing");
  ledger.Return(waits);
  EXPECT_EQ(Available(ledger), "CPU 2");
}

TEST(Ledger, KeepsOnlyWhatIsKnownToCome) {
  Ledger ledger(Of(4, 2));
  Holding runs = ledger.Take(Wanted(1, 1), kNothing, false);
  ledger.Count(runs, 1, 0);
  Ledger::Kept kept;
  kept.Add(ledger, Wanted(1, 2));
  EXPECT_FALSE(ledger.Fits(Wanted(0, 1), kept));
  EXPECT_TRUE(ledger.Fits(Wanted(3), kept)) << "there is enough of that";
  // It may wait for whoever wants what would be kept.
  ledger.Count(runs, -1, 1);
  Ledger::Kept while_it_waits;
  while_it_waits.Add(ledger, Wanted(1, 2));
  EXPECT_TRUE(ledger.Fits(Wanted(0, 1), while_it_waits));
  ledger.Return(runs);
  Holding actor = ledger.Take(Wanted(0, 1), kNothing, true);
  Ledger::Kept beside_an_actor;
  beside_an_actor.Add(ledger, Wanted(1, 2));
  EXPECT_TRUE(ledger.Fits(Wanted(0, 1), beside_an_actor));
  ledger.Return(actor);
}

/// Whatever happens in whatever order, all is there again in the end.
TEST(Ledger, LosesNothing) {
  const Amounts total = *Amounts::Of(8, 3, 100, {{"disk", 2}});
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    auto pick = [&](int n) { return std::uniform_int_distribution<int>(0, n)(random); };
    auto amounts = [&] {
      return *Amounts::Of(pick(6) / 2.0, pick(2) == 0 ? pick(2) : pick(9) / 10.0, pick(40),
                          {{"disk", pick(3) == 0 ? 1 : 0}});
    };
    Ledger ledger(total);
    std::list<Holding> holdings;
    std::vector<uint64_t> groups;
    uint64_t next = 1;
    for (int step = 0; step < 200; ++step) {
      switch (pick(5)) {
        case 0: {
          Want want = WantedGroup({amounts(), amounts()});
          if (!ledger.Fits(want, kNothing)) break;
          ledger.AddGroup(next, want);
          groups.push_back(next++);
          break;
        }
        case 1:
          if (groups.empty() || pick(2) != 0) break;
          ledger.RemoveGroup(groups.back());
          groups.pop_back();
          break;
        case 2:
        case 3: {
          Want want{
              .group = groups.empty() || pick(1) == 0 ? 0 : groups[static_cast<size_t>(pick(100)) % groups.size()],
              .bundle = pick(2) - 1,
              .amounts = amounts()};
          if (want.group == 0) want.bundle = -1;
          if (ledger.Fits(want, kNothing)) holdings.push_back(ledger.Take(want, kNothing, pick(2) == 0));
          break;
        }
        case 4:
          for (Holding& holding : holdings) {
            if (pick(1) == 0) ledger.Count(holding, 1, 0);
            if (holding.active > 0 && pick(1) == 0) ledger.Count(holding, -1, 1);
            if (holding.waiting > 0 && pick(1) == 0) ledger.Count(holding, 1, -1);
          }
          break;
        default:
          if (holdings.empty()) break;
          ledger.Return(holdings.front());
          holdings.pop_front();
      }
      ASSERT_TRUE(total.Covers(ledger.available())) << seed;
    }
    for (Holding& holding : holdings) ledger.Return(holding);
    for (uint64_t group : groups) ledger.RemoveGroup(group);
    ASSERT_EQ(ledger.available().ToString(), total.ToString()) << seed;
    ASSERT_EQ(ledger.cpus_for_tasks(), total.cpus());
    ASSERT_TRUE(ledger.Fits({.amounts = total}, kNothing)) << seed;
    Ledger::Kept kept;
    Holding all = ledger.Take({.amounts = total}, kNothing, false);
    kept.Add(ledger, {.amounts = total});
    ASSERT_FALSE(ledger.Fits(Wanted(0.0001), kept)) << "all of it is coming";
    ledger.Return(all);
  }
}

}  // namespace
}  // namespace triune::compute
