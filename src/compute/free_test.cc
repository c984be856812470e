#include <gtest/gtest.h>
#include "triune/core.h"
namespace triune { namespace {
TEST(FreeTest, A) { Session s; auto r = s.Put(std::string("abc")); EXPECT_TRUE(s.Contains(r)); EXPECT_TRUE(s.Free(r).ok()); EXPECT_FALSE(s.Contains(r)); EXPECT_FALSE(s.Get(r).ok()); }
}}
