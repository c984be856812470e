#include "triune/status.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace triune {
namespace {

TEST(StatusTest, DefaultIsOk) {
  Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.ToString(), "OK");
  EXPECT_TRUE(Status(StatusCode::kOk, "dropped").ok());
  static_assert(sizeof(Status) == sizeof(void*));
}

TEST(StatusTest, CarriesCodeAndMessage) {
  Status status = NotFound("no such model: iris");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no such model: iris");
  EXPECT_EQ(status.ToString(), "NOT_FOUND: no such model: iris");
}

TEST(StatusTest, FactoriesMakeTheirCode) {
  EXPECT_EQ(Cancelled("").code(), StatusCode::kCancelled);
  EXPECT_EQ(InvalidArgument("").code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(DeadlineExceeded("").code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(NotFound("").code(), StatusCode::kNotFound);
  EXPECT_EQ(AlreadyExists("").code(), StatusCode::kAlreadyExists);
  EXPECT_EQ(PermissionDenied("").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(ResourceExhausted("").code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(FailedPrecondition("").code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Unimplemented("").code(), StatusCode::kUnimplemented);
  EXPECT_EQ(Internal("").code(), StatusCode::kInternal);
  EXPECT_EQ(Unavailable("").code(), StatusCode::kUnavailable);
}

TEST(StatusTest, CodesHaveTheNumbersAndNamesOfGrpc) {
  EXPECT_EQ(static_cast<int>(StatusCode::kDeadlineExceeded), 4);
  EXPECT_EQ(static_cast<int>(StatusCode::kUnauthenticated), 16);
  EXPECT_EQ(StatusCodeName(StatusCode::kResourceExhausted), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(StatusCodeName(StatusCode::kUnauthenticated), "UNAUTHENTICATED");
  std::set<std::string_view> names;
  for (int code = 0; code < kStatusCodeCount; ++code) names.insert(StatusCodeName(static_cast<StatusCode>(code)));
  EXPECT_EQ(names.size(), size_t{kStatusCodeCount});
}

TEST(StatusTest, CopiesAreIndependentAndMovesLeaveOk) {
  Status original = Internal("x");
  Status copy = original;
  Status assigned;
  assigned = original;
  original = Status();
  EXPECT_EQ(copy.message(), "x");
  EXPECT_EQ(assigned.message(), "x");
  Status moved = std::move(copy);
  EXPECT_EQ(moved.message(), "x");
  Status& self = assigned;
  assigned = self;
  EXPECT_EQ(assigned.message(), "x");
}

TEST(StatusTest, ContextComesBeforeTheMessage) {
  Status status = InvalidArgument("bad shape").WithContext("input x");
  EXPECT_EQ(status.ToString(), "INVALID_ARGUMENT: input x: bad shape");
  EXPECT_TRUE(Status().WithContext("input x").ok());
}

Result<int> Half(int number) {
  if (number % 2 != 0) return InvalidArgument("odd: got " + std::to_string(number));
  return number / 2;
}

Status QuarterInto(int number, int* quarter) {
  TRIUNE_ASSIGN_OR_RETURN(int half, Half(number));
  TRIUNE_ASSIGN_OR_RETURN(*quarter, Half(half));
  TRIUNE_RETURN_IF_ERROR(*quarter > 100 ? ResourceExhausted("too much") : Status());
  return {};
}

TEST(ResultTest, HoldsAValueOrAStatus) {
  Result<int> good = Half(4);
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, 2);
  EXPECT_TRUE(good.status().ok());
  Result<int> bad = Half(3);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().message(), "odd: got 3");
}

TEST(ResultTest, HoldsWhatOnlyMoves) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  EXPECT_EQ(**result, 7);
  std::unique_ptr<int> taken = *std::move(result);
  EXPECT_EQ(*taken, 7);
}

TEST(ResultTest, ArrowReachesTheValue) {
  Result<std::string> result = std::string("abc");
  EXPECT_EQ(result->size(), 3U);
  result->push_back('d');
  EXPECT_EQ(result.value(), "abcd");
}

TEST(ResultTest, MacrosReturnTheFirstError) {
  int quarter = 0;
  EXPECT_TRUE(QuarterInto(8, &quarter).ok());
  EXPECT_EQ(quarter, 2);
  EXPECT_EQ(QuarterInto(7, &quarter).message(), "odd: got 7");
  EXPECT_EQ(QuarterInto(6, &quarter).message(), "odd: got 3");
  EXPECT_EQ(QuarterInto(1000, &quarter).code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace triune
