#include "server/http/middlewares/request_context.h"

#include <gtest/gtest.h>

#include <string>

namespace triune::server::http {
namespace {

constexpr const char* kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(IsTraceparentTest, KnowsTheFormat) {
  EXPECT_TRUE(IsTraceparent(kTrace));
  EXPECT_TRUE(IsTraceparent("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
  // Later versions may append more, the present one may not.
  EXPECT_TRUE(IsTraceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more"));
  EXPECT_FALSE(IsTraceparent(std::string(kTrace) + "-more"));
  EXPECT_FALSE(IsTraceparent("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more"));
}

TEST(IsTraceparentTest, RefusesWhatIsNone) {
  for (const char* text : {"", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",  // a version that there is not
                           "00-00000000000000000000000000000000-b7ad6b7169203331-01",  // no trace
                           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",  // no parent
                           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",  // upper case
                           "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",  // not hex
                           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz"}) {
    EXPECT_FALSE(IsTraceparent(text)) << text;
  }
}

}  // namespace
}  // namespace triune::server::http
