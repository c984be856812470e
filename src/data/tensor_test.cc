#include "data/tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace triune {
namespace {

Tensor Make(DType dtype, Shape shape, std::string_view data) {
  return {.name = "x", .dtype = dtype, .shape = shape, .data = Buffer::CopyOf(std::as_bytes(std::span(data)))};
}

/// Elements as the protocol writes them.
std::string Encoded(const std::vector<std::string>& elements) {
  std::string data;
  for (const std::string& element : elements) {
    auto length = static_cast<uint32_t>(element.size());
    data.append(reinterpret_cast<const char*>(&length), sizeof(length)).append(element);
  }
  return data;
}

TEST(CheckDataTest, AcceptsDataAsLongAsTheShapeSays) {
  EXPECT_TRUE(CheckData(Make(DType::kFp32, {1, 4}, std::string(16, 'x'))).ok());
  EXPECT_TRUE(CheckData(Make(DType::kInt64, {}, std::string(8, 'x'))).ok());
  EXPECT_TRUE(CheckData(Make(DType::kUint8, {3, 0}, "")).ok());
}

TEST(CheckDataTest, SaysWhatCameAndWhatWasExpected) {
  Status status = CheckData(Make(DType::kFp32, {1, 4}, std::string(15, 'x')));
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "data size differs from shape [1,4] of FP32: got 15 bytes, want 16");
  EXPECT_FALSE(CheckData(Make(DType::kFp32, {1, 4}, std::string(17, 'x'))).ok());
  EXPECT_FALSE(CheckData(Make(DType::kFp32, {0}, "x")).ok());
}

TEST(CheckDataTest, RefusesImpossibleShapes) {
  EXPECT_EQ(CheckData(Make(DType::kFp32, {-1, 4}, "")).message(), "shape is negative or too large: got [-1,4]");
  EXPECT_FALSE(CheckData(Make(DType::kFp32, {int64_t{1} << 62, 4}, "")).ok());
  // The count fits, the bytes do not.
  EXPECT_FALSE(CheckData(Make(DType::kFp64, {std::numeric_limits<int64_t>::max()}, "")).ok());
  EXPECT_FALSE(CheckData(Make(DType::kFp64, {int64_t{1} << 61}, "")).ok());
}

TEST(CheckDataTest, WalksTheElementsOfBytes) {
  EXPECT_TRUE(CheckData(Make(DType::kBytes, {2}, Encoded({"ab", ""}))).ok());
  EXPECT_TRUE(CheckData(Make(DType::kBytes, {0}, "")).ok());
  EXPECT_EQ(CheckData(Make(DType::kBytes, {3}, Encoded({"ab", ""}))).message(),
            "element count differs from shape [3]: got 2, want 3");
  EXPECT_EQ(CheckData(Make(DType::kBytes, {1}, Encoded({"ab", ""}))).message(),
            "element count differs from shape [1]: got 2, want 1");
  std::string cut = Encoded({"ab", "cd"});
  cut.pop_back();
  EXPECT_EQ(CheckData(Make(DType::kBytes, {2}, cut)).message(),
            "BYTES data is cut short: element 1 is longer than what is left of the 11 bytes");
  EXPECT_FALSE(CheckData(Make(DType::kBytes, {1}, "\xff\xff\xff\xff")).ok());
  EXPECT_FALSE(CheckData(Make(DType::kBytes, {1}, std::string_view("\0\0\0", 3))).ok());
}

TEST(BytesReaderTest, HandsOutElementsInOrder) {
  Tensor tensor = Make(DType::kBytes, {3}, Encoded({"first", "", std::string("a\0b", 3)}));
  BytesReader reader(tensor.data.bytes());
  std::string_view element;
  ASSERT_TRUE(reader.Next(&element));
  EXPECT_EQ(element, "first");
  ASSERT_TRUE(reader.Next(&element));
  EXPECT_EQ(element, "");
  ASSERT_TRUE(reader.Next(&element));
  EXPECT_EQ(element, std::string_view("a\0b", 3));
  EXPECT_FALSE(reader.Next(&element));
  EXPECT_TRUE(reader.AtEnd());
}

TEST(BytesReaderTest, StopsBeforeAnElementThatDoesNotFit) {
  std::string data = Encoded({"ab"}) + std::string("\x05\0\0\0abcd", 8);
  BytesReader reader(std::as_bytes(std::span(data)));
  std::string_view element;
  EXPECT_TRUE(reader.Next(&element));
  EXPECT_FALSE(reader.Next(&element));
  EXPECT_FALSE(reader.AtEnd());
}

TEST(TensorTest, ViewsElementsAndClears) {
  const std::vector<float> values = {1.5F, -2.0F};
  Tensor tensor{.name = "input",
                .dtype = DType::kFp32,
                .shape = {1, 2},
                .data = Buffer::CopyOf(std::as_bytes(std::span(values)))};
  ASSERT_EQ(tensor.As<float>().size(), 2U);
  EXPECT_EQ(tensor.As<float>()[1], -2.0F);
  tensor.Clear();
  EXPECT_EQ(tensor.name, "");
  EXPECT_EQ(tensor.shape.rank(), 0U);
  EXPECT_TRUE(tensor.data.empty());
}

}  // namespace
}  // namespace triune
