#include "server/json_tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "data/half.h"
#include "server/json_parser.h"

namespace triune::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct ReadBack {
  Status status;
  Tensor tensor;
};

/// Reads one JSON value into a tensor whose shape is that of the arrays.
ReadBack Read(DType dtype, std::string_view json) {
  Buffer text = Buffer::CopyOf({reinterpret_cast<const std::byte*>(json.data()), json.size()});
  ReadBack result;
  result.tensor.dtype = dtype;
  simdjson::ondemand::document document;
  result.status = ParseJson(text.bytes(), &document);
  if (!result.status.ok()) return result;
  simdjson::ondemand::value value;
  if (auto error = document.get_value().get(value)) {
    result.status = JsonError(error);
    return result;
  }
  JsonTensorReader reader;
  reader.Begin(dtype, 1);
  result.status = reader.Append(value);
  result.tensor.shape = reader.row_shape();
  result.tensor.data = reader.Take();
  return result;
}

template <typename T>
std::vector<T> Values(DType dtype, std::string_view json) {
  ReadBack read = Read(dtype, json);
  EXPECT_TRUE(read.status.ok()) << json << ": " << read.status.ToString();
  auto elements = read.tensor.As<T>();
  return {elements.begin(), elements.end()};
}

void ExpectRefused(DType dtype, std::string_view json, std::string_view message) {
  ReadBack read = Read(dtype, json);
  EXPECT_EQ(read.status.code(), StatusCode::kInvalidArgument) << DTypeName(dtype) << " " << json;
  EXPECT_THAT(std::string(read.status.message()), HasSubstr(message)) << DTypeName(dtype) << " " << json;
}

TEST(JsonTensorReaderTest, ReadsEveryDtypeToItsLimits) {
  EXPECT_THAT(Values<uint8_t>(DType::kBool, "[true,false,1,0]"), ElementsAre(1, 0, 1, 0));
  EXPECT_THAT(Values<uint8_t>(DType::kUint8, "[0,255]"), ElementsAre(0, 255));
  EXPECT_THAT(Values<uint16_t>(DType::kUint16, "[0,65535]"), ElementsAre(0, 65535));
  EXPECT_THAT(Values<uint32_t>(DType::kUint32, "[0,4294967295]"), ElementsAre(0U, 4294967295U));
  EXPECT_THAT(Values<uint64_t>(DType::kUint64, "[0,9007199254740993,18446744073709551615]"),
              ElementsAre(0U, 9007199254740993U, 18446744073709551615U));
  EXPECT_THAT(Values<int8_t>(DType::kInt8, "[-128,127]"), ElementsAre(-128, 127));
  EXPECT_THAT(Values<int16_t>(DType::kInt16, "[-32768,32767]"), ElementsAre(-32768, 32767));
  EXPECT_THAT(Values<int32_t>(DType::kInt32, "[-2147483648,2147483647]"), ElementsAre(INT32_MIN, INT32_MAX));
  EXPECT_THAT(Values<int64_t>(DType::kInt64, "[-9223372036854775808,9007199254740993,9223372036854775807]"),
              ElementsAre(INT64_MIN, 9007199254740993, INT64_MAX));
  EXPECT_THAT(Values<uint16_t>(DType::kFp16, "[1,-2.5,65504,6e-8]"), ElementsAre(0x3C00, 0xC100, 0x7BFF, 0x0001));
  EXPECT_THAT(Values<uint16_t>(DType::kBf16, "[1,-2.5]"), ElementsAre(0x3F80, 0xC020));
  EXPECT_THAT(Values<float>(DType::kFp32, "[1,-0.5,3.4028235e38,1e-45]"), ElementsAre(1, -0.5F, 3.4028235e38F, 1e-45F));
  EXPECT_THAT(Values<double>(DType::kFp64, "[0.1,1.7976931348623157e308,5e-324]"),
              ElementsAre(0.1, 1.7976931348623157e308, 5e-324));
}

TEST(JsonTensorReaderTest, ReadsStrings) {
  ReadBack read = Read(DType::kBytes, R"(["","a\n\u00e9\ud83d\ude00"])");
  ASSERT_TRUE(read.status.ok()) << read.status.ToString();
  BytesReader strings(read.tensor.data.bytes());
  std::string_view text;
  ASSERT_TRUE(strings.Next(&text));
  EXPECT_EQ(text, "");
  ASSERT_TRUE(strings.Next(&text));
  EXPECT_EQ(text, "a\n\u00e9\U0001F600");
  EXPECT_TRUE(strings.AtEnd());
}

TEST(JsonTensorReaderTest, RefusesWhatIsOutOfRange) {
  ExpectRefused(DType::kBool, "[2]", "not true or false (BOOL): got 2");
  ExpectRefused(DType::kBool, "[1.0]", "not true or false");
  ExpectRefused(DType::kUint8, "[256]", "in the range of its type (UINT8): got 256");
  ExpectRefused(DType::kUint8, "[-1]", "got -1");
  ExpectRefused(DType::kUint16, "[65536]", "UINT16");
  ExpectRefused(DType::kUint32, "[4294967296]", "UINT32");
  ExpectRefused(DType::kUint64, "[18446744073709551616]", "UINT64");
  ExpectRefused(DType::kUint64, "[-1]", "UINT64");
  ExpectRefused(DType::kInt8, "[128]", "INT8");
  ExpectRefused(DType::kInt8, "[-129]", "INT8");
  ExpectRefused(DType::kInt16, "[32768]", "INT16");
  ExpectRefused(DType::kInt32, "[2147483648]", "INT32");
  ExpectRefused(DType::kInt64, "[9223372036854775808]", "INT64");
  ExpectRefused(DType::kInt64, "[-9223372036854775809]", "INT64");
  ExpectRefused(DType::kFp16, "[65520]", "FP16");
  ExpectRefused(DType::kFp32, "[3.4028236e38]", "FP32");
  ExpectRefused(DType::kFp32, "[1e39]", "FP32");
  ExpectRefused(DType::kFp64, "[1e400]", "got 1e400");
  ExpectRefused(DType::kBf16, "[1e39]", "BF16");
}

TEST(JsonTensorReaderTest, RefusesTheWrongKindOfElement) {
  for (DType dtype :
       {DType::kUint8, DType::kInt64, DType::kUint64, DType::kFp16, DType::kFp32, DType::kFp64, DType::kBf16}) {
    for (const char* json :
         {R"(["1"])", "[true]", "[{}]", R"([{"a":1}])", "[1x]", "[nan]", "[inf]", "[+1]", "[01]", "[1e]"}) {
      EXPECT_EQ(Read(dtype, json).status.code(), StatusCode::kInvalidArgument) << DTypeName(dtype) << " " << json;
    }
  }
  ExpectRefused(DType::kInt32, "[1.5]", "not an integer");
  ExpectRefused(DType::kInt32, "[1.0]", "not an integer");
  ExpectRefused(DType::kInt32, "[null]", "got null");
  ExpectRefused(DType::kInt32, "[NaN]", "got NaN");
  ExpectRefused(DType::kBytes, "[1]", "not a string (BYTES): got 1");
  ExpectRefused(DType::kBytes, "[null]", "not a string");
  ExpectRefused(DType::kBytes, R"(["\ud800"])", "not a string");
  ExpectRefused(DType::kBool, R"(["true"])", "not true or false");
}

TEST(JsonTensorReaderTest, ReadsNumbersThatJsonDoesNotHave) {
  for (DType dtype : {DType::kFp32, DType::kBf16, DType::kFp16, DType::kFp64}) {
    ReadBack read = Read(dtype, "[NaN, null ,Infinity,\n-Infinity\n]");
    ASSERT_TRUE(read.status.ok()) << DTypeName(dtype) << ": " << read.status.ToString();
    TextBuffer out;
    ASSERT_TRUE(AppendJsonElements(out, read.tensor).ok());
    EXPECT_EQ(out.view(), "NaN,NaN,Infinity,-Infinity") << DTypeName(dtype);
  }
}

TEST(JsonTensorReaderTest, RoundsADecimalToAFloatOnlyOnce) {
  struct Case {
    const char* decimal;
    float want;
  };
  // The first of each pair lies exactly between two floats; the others a little beside it, closer than a double can
  // tell.
  const Case cases[] = {
      {"1.000000059604644775390625", 1.0F},
      {"1.00000005960464477539062500000000001", 1.00000012F},
      {"1.00000005960464477539062499999999999", 1.0F},
      {"1.000000178813934326171875", 1.00000024F},
      {"1.00000017881393432617187499999999999", 1.00000012F},
      {"-1.00000005960464477539062500000000001", -1.00000012F},
      {"7.00649232162408535461864791644958065640130970938257885878534141944895541342930300743319094181060791015625e-46",
       0.0F},
      {"7."
       "0064923216240853546186479164495806564013097093825788587853414194489554134293030074331909418106079101562500001e-"
       "46",
       1e-45F},
      {"3.40282356779733661637539395458142568447e38", 3.4028235e38F},
      {"1e-60", 0.0F},
  };
  for (const Case& c : cases) {
    std::vector<float> got = Values<float>(DType::kFp32, std::string("[") + c.decimal + "]");
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(std::bit_cast<uint32_t>(got[0]), std::bit_cast<uint32_t>(c.want)) << c.decimal << " gave " << got[0];
  }
  ExpectRefused(DType::kFp32, "[3.40282356779733661637539395458142568448e38]", "in the range of its type");
}

/// Writes all values and reads them back: the bits must be the same.
template <typename T, typename Bits>
void ExpectRoundTrip(DType dtype) {
  std::mt19937_64 random(7);
  Tensor tensor{.name = "x", .dtype = dtype, .shape = {50'000}, .data = Buffer::Allocate(50'000 * sizeof(T))};
  auto* bits = reinterpret_cast<Bits*>(tensor.data.mutable_data());
  for (int i = 0; i < 50'000; ++i) {
    do {
      bits[i] = static_cast<Bits>(random());
      // Every tenth is denormal, where precision is most easily lost.
      if (i % 10 == 0) bits[i] = static_cast<Bits>(bits[i] & ((Bits{1} << (std::numeric_limits<T>::digits - 1)) - 1));
    } while (!std::isfinite(std::bit_cast<T>(bits[i])));
  }
  TextBuffer out;
  out.Append('[');
  ASSERT_TRUE(AppendJsonElements(out, tensor).ok());
  out.Append(']');
  ReadBack read = Read(dtype, out.view());
  ASSERT_TRUE(read.status.ok()) << read.status.ToString();
  ASSERT_EQ(read.tensor.shape, tensor.shape);
  auto back = read.tensor.As<Bits>();
  for (size_t i = 0; i < back.size(); ++i) ASSERT_EQ(back[i], bits[i]) << "element " << i;
}

TEST(JsonTensorTest, FloatsComeBackBitForBit) { ExpectRoundTrip<float, uint32_t>(DType::kFp32); }
TEST(JsonTensorTest, DoublesComeBackBitForBit) { ExpectRoundTrip<double, uint64_t>(DType::kFp64); }

TEST(JsonTensorTest, SixteenBitFloatsComeBackBitForBit) {
  for (DType dtype : {DType::kFp16, DType::kBf16}) {
    std::vector<uint16_t> bits;
    for (uint32_t i = 0; i < 65536; ++i) {
      auto half = static_cast<uint16_t>(i);
      if (std::isfinite(dtype == DType::kFp16 ? HalfToFloat(half) : Bf16ToFloat(half))) bits.push_back(half);
    }
    Tensor tensor{.name = "x",
                  .dtype = dtype,
                  .shape = {static_cast<int64_t>(bits.size())},
                  .data = Buffer::CopyOf(std::as_bytes(std::span(bits)))};
    TextBuffer out;
    out.Append('[');
    ASSERT_TRUE(AppendJsonElements(out, tensor).ok());
    out.Append(']');
    EXPECT_EQ(Values<uint16_t>(dtype, out.view()), bits) << DTypeName(dtype);
  }
}

TEST(JsonTensorReaderTest, InfersTheShapeFromTheArrays) {
  EXPECT_EQ(Read(DType::kFp32, "[[1,2,3],[4,5,6]]").tensor.shape, (Shape{2, 3}));
  EXPECT_EQ(Read(DType::kFp32, "[[[1],[2]]]").tensor.shape, (Shape{1, 2, 1}));
  EXPECT_EQ(Read(DType::kFp32, "[]").tensor.shape, (Shape{0}));
  EXPECT_EQ(Read(DType::kFp32, "[[],[]]").tensor.shape, (Shape{2, 0}));
  EXPECT_EQ(Read(DType::kFp32, "[ [ 1 , 2 ] ]").tensor.shape, (Shape{1, 2}));
}

TEST(JsonTensorReaderTest, RefusesRaggedArrays) {
  for (const char* json : {"[[1,2],[3]]", "[[1],[2,3]]", "[[1],2]", "[1,[2]]", "[[[1]],[2]]", "[[1],[[2]]]", "[[],[1]]",
                           "[[1],[]]", "[[[1,2],[3,4]],[[5,6]]]", "[1,[]]"}) {
    ReadBack read = Read(DType::kFp32, json);
    EXPECT_EQ(read.status.code(), StatusCode::kInvalidArgument) << json;
  }
  ExpectRefused(DType::kFp32, "[[1,2],[3]]", "ragged: at depth 2 one has 1 elements, one before it 2");
}

TEST(JsonTensorReaderTest, BoundsTheDepth) {
  std::string deepest = std::string(16, '[') + "1" + std::string(16, ']');
  EXPECT_EQ(Read(DType::kFp32, deepest).tensor.shape.rank(), 16U);
  ExpectRefused(DType::kFp32, "[" + deepest + "]", "nested deeper than 16");
  std::string endless = std::string(100'000, '[');
  EXPECT_EQ(Read(DType::kFp32, endless).status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Read(DType::kFp32, endless + std::string(100'000, ']')).status.code(), StatusCode::kInvalidArgument);
}

TEST(JsonNestedWriterTest, NestsAsTheShapeSays) {
  std::vector<int32_t> values = {1, 2, 3, 4, 5, 6};
  Tensor tensor{.name = "x",
                .dtype = DType::kInt32,
                .shape = {2, 1, 3},
                .data = Buffer::CopyOf(std::as_bytes(std::span(values)))};
  TextBuffer out;
  ASSERT_TRUE(JsonNestedWriter(tensor).WriteAll(out).ok());
  EXPECT_EQ(out.view(), "[[[1,2,3]],[[4,5,6]]]");
  out.Clear();
  JsonNestedWriter rows(tensor);
  ASSERT_TRUE(rows.WriteRow(out).ok());
  ASSERT_TRUE(rows.WriteRow(out).ok());
  EXPECT_EQ(out.view(), "[[1,2,3]][[4,5,6]]");
  tensor.shape = Shape{};
  out.Clear();
  ASSERT_TRUE(JsonNestedWriter(tensor).WriteAll(out).ok());
  EXPECT_EQ(out.view(), "1");
}

TEST(JsonTensorWriterTest, RefusesStringsThatAreNotUtf8) {
  const char data[] = "\x02\x00\x00\x00\xff\xfe";
  Tensor tensor{
      .name = "x", .dtype = DType::kBytes, .shape = {1}, .data = Buffer::CopyOf(std::as_bytes(std::span(data, 6)))};
  TextBuffer out;
  EXPECT_EQ(AppendJsonElements(out, tensor).code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(JsonNestedWriter(tensor).WriteAll(out).code(), StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace triune::server
