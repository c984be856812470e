#include "resource/quantity.h"

#include <gtest/gtest.h>

#include <limits>

namespace triune::resource {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

struct QuantityCase {
  const char* text;
  int64_t value;
  int64_t milli_value;
};

class QuantityTest : public testing::TestWithParam<QuantityCase> {};

TEST_P(QuantityTest, ParsesAsKubernetesDoes) {
  auto quantity = Quantity::Parse(GetParam().text);
  ASSERT_TRUE(quantity.ok()) << quantity.status().ToString();
  EXPECT_EQ(quantity->Value(), GetParam().value);
  EXPECT_EQ(quantity->MilliValue(), GetParam().milli_value);
  EXPECT_EQ(quantity->text(), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Values, QuantityTest,
    testing::Values(QuantityCase{"0", 0, 0}, QuantityCase{"2", 2, 2000}, QuantityCase{"500m", 1, 500},
                    QuantityCase{"0.5", 1, 500}, QuantityCase{".5", 1, 500}, QuantityCase{"5.", 5, 5000},
                    QuantityCase{"+1", 1, 1000}, QuantityCase{"-1.5", -2, -1500}, QuantityCase{"1500m", 2, 1500},
                    QuantityCase{"1k", 1000, 1000000}, QuantityCase{"1M", 1000000, 1000000000},
                    QuantityCase{"1Ki", 1024, 1024000}, QuantityCase{"1.5Gi", 1610612736, 1610612736000},
                    QuantityCase{"1Gi", 1073741824, 1073741824000}, QuantityCase{"1e3", 1000, 1000000},
                    QuantityCase{"1E+3", 1000, 1000000}, QuantityCase{"12e-1", 2, 1200}, QuantityCase{"100n", 1, 1},
                    QuantityCase{"1u", 1, 1}, QuantityCase{"0.1n", 1, 1}, QuantityCase{"1.0005", 2, 1001},
                    QuantityCase{"0.0000000000000000000000001", 1, 1}, QuantityCase{"0e1000", 0, 0},
                    QuantityCase{"1E", 1000000000000000000, kMost}, QuantityCase{"7Ei", 8070450532247928832, kMost},
                    QuantityCase{"8Ei", kMost, kMost}, QuantityCase{"1e1000000", kMost, kMost}),
    [](const auto& param_info) { return "Case" + std::to_string(param_info.index); });

TEST(QuantityErrorTest, RefusesWhatIsNoQuantity) {
  for (const char* text : {"", "-", ".", "m", "1.2.3", "1x", "1 Gi", " 1", "1gi", "1KI", "1e", "1e+-3", "1e3k", "0x10",
                           "1_000", "--1", "99999999999999999999999999999999999999999999999999999999999999999"}) {
    auto quantity = Quantity::Parse(text);
    ASSERT_FALSE(quantity.ok()) << text;
    EXPECT_EQ(quantity.status().code(), StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Quantity::Parse("1.5x").status().message(),
            "not a quantity: got \"1.5x\", want for example \"500m\", \"2\" or \"1Gi\"");
}

TEST(QuantityOrderTest, ComparesAmountsNotTexts) {
  EXPECT_EQ(*Quantity::Parse("0.5"), *Quantity::Parse("500m"));
  EXPECT_EQ(*Quantity::Parse("1024Mi"), *Quantity::Parse("1Gi"));
  EXPECT_LT(*Quantity::Parse("1G"), *Quantity::Parse("1Gi"));
  EXPECT_TRUE(Quantity::Parse("-1")->IsNegative());
  EXPECT_FALSE(Quantity().IsNegative());
}

}  // namespace
}  // namespace triune::resource
