#include "server/http/gzip.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <string>

namespace triune::server::http {
namespace {

Result<Buffer> Unpack(std::span<const std::byte> packed, size_t limit) {
  return Gunzip(packed, limit, [](size_t) { return true; });
}

constexpr size_t kNoLimit = 1U << 30U;

std::span<const std::byte> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
std::string TextOf(const Buffer& buffer) { return {reinterpret_cast<const char*>(buffer.data()), buffer.size()}; }

std::string Gzip(std::string_view text) {
  Response response;
  response.body.Append(text);
  GzipBody(response, 1);
  EXPECT_NE(response.headers.view().find("Content-Encoding: gzip\r\n"), std::string_view::npos);
  return std::string(response.body.view());
}

std::string Noise(size_t size) {
  std::mt19937 random(5);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

TEST(GzipTest, UnpacksWhatItPacked) {
  for (const std::string& text : {std::string(), std::string("hello"), std::string(1'000'000, 'a'), Noise(300'000)}) {
    auto back = Unpack(BytesOf(Gzip(text)), kNoLimit);
    ASSERT_TRUE(back.ok()) << back.status().ToString();
    EXPECT_EQ(TextOf(*back), text);
  }
}

TEST(GzipTest, PacksTheTailToo) {
  Response response;
  response.body.Append("head,");
  response.tail.push_back(Buffer::CopyOf(BytesOf(Noise(100'000))));
  response.tail.push_back(Buffer());
  response.tail.push_back(Buffer::CopyOf(BytesOf(",end")));
  response.tail.push_back(Buffer::CopyOf({}));
  GzipBody(response, 6);
  EXPECT_TRUE(response.tail.empty());
  auto back = Unpack(BytesOf(response.body.view()), kNoLimit);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(TextOf(*back), "head," + Noise(100'000) + ",end");
}

TEST(GzipTest, UnpacksZlibData) {
  std::string text(1000, 'z');
  std::string packed(compressBound(text.size()), '\0');
  uLongf size = packed.size();
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
                     text.size()),
            Z_OK);
  auto back = Unpack(BytesOf(std::string_view(packed).substr(0, size)), kNoLimit);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(TextOf(*back), text);
}

TEST(GzipTest, UnpacksSeveralMembers) {
  auto back = Unpack(BytesOf(Gzip("one,") + Gzip("") + Gzip("two")), kNoLimit);
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_EQ(TextOf(*back), "one,two");
}

TEST(GzipTest, RefusesMoreThanTheLimit) {
  std::string bomb = Gzip(std::string(100'000'000, '\0'));
  EXPECT_LT(bomb.size(), 1'000'000U);
  EXPECT_EQ(Unpack(BytesOf(bomb), 1'000'000).status().code(), StatusCode::kOutOfRange);
  for (const std::string& text : {std::string(5000, 'x'), Noise(5000), std::string(100, 'y')}) {
    std::string packed = Gzip(text);
    EXPECT_TRUE(Unpack(BytesOf(packed), text.size()).ok());
    EXPECT_EQ(Unpack(BytesOf(packed), text.size() - 1).status().code(), StatusCode::kOutOfRange);
    EXPECT_EQ(Unpack(BytesOf(packed), 1).status().code(), StatusCode::kOutOfRange);
  }
}

TEST(GzipTest, RefusesEveryCut) {
  std::string packed = Gzip("some text that is long enough to be packed, packed, packed");
  for (size_t cut = 0; cut < packed.size(); ++cut) {
    EXPECT_EQ(Unpack(BytesOf(std::string_view(packed).substr(0, cut)), kNoLimit).status().code(),
              StatusCode::kInvalidArgument)
        << cut;
  }
}

TEST(GzipTest, RefusesDamage) {
  std::string packed = Gzip(Noise(1000));
  EXPECT_FALSE(Unpack(BytesOf("this is not packed"), kNoLimit).ok());
  EXPECT_FALSE(Unpack(BytesOf(packed + "garbage"), kNoLimit).ok());
  std::string damaged = packed;
  damaged[500] ^= 1;  // the checksum tells
  EXPECT_EQ(Unpack(BytesOf(damaged), kNoLimit).status().code(), StatusCode::kInvalidArgument);
}

TEST(GzipTest, TakesNoMemoryThatItIsNotGiven) {
  const std::string packed = Gzip(std::string(1'000'000, 'x'));
  size_t reserved = 0;
  auto up_to = [&](size_t most) {
    reserved = 0;
    return [&reserved, most](size_t bytes) { return (reserved += bytes) <= most; };
  };
  EXPECT_EQ(Gunzip(BytesOf(packed), kNoLimit, up_to(500'000)).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(Gunzip(BytesOf(packed), kNoLimit, up_to(4'000'000)).ok());
  EXPECT_GE(reserved, 1'000'000U);
}

}  // namespace
}  // namespace triune::server::http
