#include "base/cores.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace triune {
namespace {

namespace fs = std::filesystem;

/// A folder that stands for "/".
class CoresOfQuotaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "triune-cores-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) const {
    fs::path path = root_ + name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text << "\n";
  }

  std::string root_;
};

TEST_F(CoresOfQuotaTest, NoneWithoutCgroups) {
  EXPECT_EQ(CoresOfQuota(root_), std::nullopt);
  Write("/proc/self/cgroup", "0::/");
  EXPECT_EQ(CoresOfQuota(root_), std::nullopt);
}

TEST_F(CoresOfQuotaTest, Version2IsRoundedUp) {
  Write("/proc/self/cgroup", "0::/");
  Write("/sys/fs/cgroup/cpu.max", "max 100000");
  EXPECT_EQ(CoresOfQuota(root_), std::nullopt);
  for (auto [quota, cores] : {std::pair("1000", 1), {"100000", 1}, {"100001", 2}, {"6400000", 64}}) {
    Write("/sys/fs/cgroup/cpu.max", std::string(quota) + " 100000");
    EXPECT_EQ(CoresOfQuota(root_), cores) << quota;
  }
}

TEST_F(CoresOfQuotaTest, TheLeastOfTheGroupsAroundCounts) {
  Write("/proc/self/cgroup", "0::/pods/pod:1/box");
  Write("/sys/fs/cgroup/pods/cpu.max", "800000 100000");
  Write("/sys/fs/cgroup/pods/pod:1/cpu.max", "150000 100000");
  Write("/sys/fs/cgroup/pods/pod:1/box/cpu.max", "max 100000");
  EXPECT_EQ(CoresOfQuota(root_), 2);
}

TEST_F(CoresOfQuotaTest, AGroupThatCannotBeSeenIsTheMount) {
  Write("/proc/self/cgroup", "0::/outside/box");
  Write("/sys/fs/cgroup/cpu.max", "300000 100000");
  EXPECT_EQ(CoresOfQuota(root_), 3);
}

TEST_F(CoresOfQuotaTest, Version1) {
  Write("/proc/self/cgroup", "11:cpuset:/box\n4:cpu,cpuacct:/box\n1:name=systemd:/box\n0::/");
  Write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1");
  Write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000");
  EXPECT_EQ(CoresOfQuota(root_), std::nullopt);
  Write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000");
  EXPECT_EQ(CoresOfQuota(root_), 3);
  Write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000");
  Write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(CoresOfQuota(root_), 1);
}

TEST_F(CoresOfQuotaTest, MalformedFilesAreNoQuota) {
  Write("/proc/self/cgroup", "nonsense\n0:");
  EXPECT_EQ(CoresOfQuota(root_), std::nullopt);
  Write("/proc/self/cgroup", "0::");
  for (const char* text : {"", "100000", "100000 0", "-5 100000", "x y"}) {
    Write("/sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(CoresOfQuota(root_), std::nullopt) << text;
  }
}

TEST(AvailableCoresTest, AtLeastOne) { EXPECT_GE(AvailableCores(), 1); }

}  // namespace
}  // namespace triune
