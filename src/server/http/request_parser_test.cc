#include "server/http/request_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace triune::server::http {
namespace {

using State = RequestParser::State;

struct Parsed {
  std::string text;  ///< The request's fields are views into it.
  State state = State::kNeedMore;
  Request request;
  RequestParser parser;
  size_t consumed = 0;
};

/// Reads the head of `all` as it would come in pieces of `piece` bytes.
void ReadHead(Parsed& parsed, std::string_view all, size_t piece = SIZE_MAX, RequestParser::Limits limits = {}) {
  parsed.text = all;
  std::string_view text = parsed.text;
  parsed.parser.Reset(limits);
  parsed.request.Clear();
  for (size_t have = std::min(piece, text.size());; have = std::min(have + std::min(piece, text.size()), text.size())) {
    parsed.state = parsed.parser.ReadHead(text.substr(0, have), parsed.request, &parsed.consumed);
    if (parsed.state != State::kNeedMore || have == text.size()) return;
  }
}

int StatusOf(std::string_view text, RequestParser::Limits limits = {}) {
  Parsed parsed;
  ReadHead(parsed, text, SIZE_MAX, limits);
  switch (parsed.state) {
    case State::kHeadDone:
      return 200;
    case State::kNeedMore:
      return 0;
    default:
      return parsed.parser.error().http_status;
  }
}

/// A request with these header lines besides Host.
std::string With(std::string_view lines) { return "POST / HTTP/1.1\r\nHost: h\r\n" + std::string(lines) + "\r\n"; }

TEST(RequestParserTest, ReadsAHead) {
  Parsed parsed;
  ReadHead(
      parsed,
      "POST /v2/models/m/infer?a=b HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 5\r\nX-Empty:\r\n\r\nhello");
  ASSERT_EQ(parsed.state, State::kHeadDone);
  EXPECT_EQ(parsed.request.method, Method::kPost);
  EXPECT_EQ(parsed.request.target, "/v2/models/m/infer?a=b");
  EXPECT_EQ(parsed.request.path, "/v2/models/m/infer");
  EXPECT_FALSE(parsed.request.is_http_1_0);
  EXPECT_EQ(parsed.request.Find("HOST"), "localhost:8080");
  EXPECT_TRUE(parsed.request.Has("x-empty"));
  EXPECT_EQ(parsed.request.Find("x-empty"), "");
  EXPECT_FALSE(parsed.request.Has("x-other"));
  EXPECT_EQ(parsed.parser.content_length(), 5U);
  EXPECT_FALSE(parsed.parser.chunked());
  EXPECT_TRUE(parsed.parser.keep_alive());
}

TEST(RequestParserTest, FindsThePathOfATarget) {
  const std::pair<const char*, const char*> paths[] = {
      {"/", "/"},          {"/a/b?c=/d", "/a/b"},  {"http://host:8080/a/b?c", "/a/b"},
      {"http://host", ""}, {"http://host?/x", ""}, {"*", "*"}};
  for (const auto& [target, path] : paths) {
    Parsed parsed;
    ReadHead(parsed, "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_EQ(parsed.state, State::kHeadDone) << target;
    EXPECT_EQ(parsed.request.path, path) << target;
  }
}

TEST(RequestParserTest, KnowsTheMethods) {
  const std::pair<const char*, Method> methods[] = {
      {"GET", Method::kGet},     {"HEAD", Method::kHead},     {"POST", Method::kPost},       {"PUT", Method::kPut},
      {"PATCH", Method::kPatch}, {"DELETE", Method::kDelete}, {"OPTIONS", Method::kOptions}, {"BREW", Method::kOther}};
  for (const auto& [name, method] : methods) {
    Parsed parsed;
    ReadHead(parsed, std::string(name) + " / HTTP/1.1\r\nHost: h\r\n\r\n");
    ASSERT_EQ(parsed.state, State::kHeadDone) << name;
    EXPECT_EQ(parsed.request.method, method) << name;
  }
}

TEST(RequestParserTest, PiecesOfEverySizeMakeTheSameRequest) {
  std::string text = "\r\nGET /path HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    Parsed parsed;
    ReadHead(parsed, text, piece);
    ASSERT_EQ(parsed.state, State::kHeadDone) << piece;
    EXPECT_EQ(parsed.consumed, text.size());
    EXPECT_EQ(parsed.request.path, "/path");
    ASSERT_EQ(parsed.request.headers.size(), 3U);
    EXPECT_EQ(parsed.request.Find("b"), "2");
  }
}

TEST(RequestParserTest, ConsumesOnlyTheHead) {
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  Parsed parsed;
  ReadHead(parsed, text + text);
  EXPECT_EQ(parsed.state, State::kHeadDone);
  EXPECT_EQ(parsed.consumed, text.size());
}

TEST(RequestParserTest, CanBeUsedAgain) {
  Parsed parsed;
  ReadHead(parsed, With("Content-Length: 3\r\nContent-Length: 4\r\n"));
  EXPECT_EQ(parsed.state, State::kError);
  ReadHead(parsed, With("Content-Length: 3\r\n"));
  EXPECT_EQ(parsed.state, State::kHeadDone);
  EXPECT_EQ(parsed.parser.content_length(), 3U);
  ReadHead(parsed, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(parsed.state, State::kHeadDone);
  EXPECT_EQ(parsed.parser.content_length(), 0U);
}

TEST(RequestParserTest, KeepsConnectionsAsTheVersionSays) {
  auto keeps = [](std::string_view text) {
    Parsed parsed;
    ReadHead(parsed, text);
    EXPECT_EQ(parsed.state, State::kHeadDone) << text;
    return parsed.parser.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST(RequestParserTest, RefusesAmbiguousBodies) {
  EXPECT_EQ(StatusOf(With("Content-Length: 3\r\n")), 200);
  EXPECT_EQ(StatusOf(With("Transfer-Encoding: chunked\r\n")), 200);
  for (const char* lines :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3, 4\r\n", "Content-Length: -3\r\n",
        "Content-Length: +3\r\n", "Content-Length: 3x\r\n", "Content-Length: 0x3\r\n", "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n", "Content-Length: 3 3\r\n", "Content-Length: 3.0\r\n"}) {
    EXPECT_EQ(StatusOf(With(lines)), 400) << lines;
  }
  for (const char* lines :
       {"Transfer-Encoding: gzip\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: xchunked\r\n"}) {
    EXPECT_EQ(StatusOf(With(lines)), 501) << lines;
  }
  EXPECT_NE(StatusOf(With("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 200);
  // A name with a space before the colon is how requests are smuggled past proxies.
  EXPECT_EQ(StatusOf(With("Content-Length : 3\r\n")), 400);
  EXPECT_EQ(StatusOf(With("Transfer-Encoding : chunked\r\n")), 400);
  EXPECT_EQ(StatusOf("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 501);
}

TEST(RequestParserTest, RefusesMalformedHeads) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);                        // no Host
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);  // two
  EXPECT_EQ(StatusOf("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(StatusOf("GET / HTTP/0.9\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(StatusOf("GET /\r\n\r\n"), 400);
  EXPECT_GE(StatusOf("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_GE(StatusOf("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("G(T / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(" GET / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(With("no colon\r\n")), 400);
  EXPECT_EQ(StatusOf(With(": no name\r\n")), 400);
  EXPECT_EQ(StatusOf(With(std::string_view("A: \0\r\n", 6))), 400);
  EXPECT_EQ(StatusOf(With("A: b\r\n folded\r\n")), 400);
  EXPECT_EQ(StatusOf(std::string_view("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11)), 400);  // TLS on the wrong port
}

TEST(RequestParserTest, RefusesLoneLineFeeds) {
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\nHost: h\n\n"), 0);  // no head yet: it is refused when its time is up
  EXPECT_GE(StatusOf("GET / HTTP/1.1\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nHost: h\rA: b\r\n\r\n"), 400);
}

TEST(RequestParserTest, LimitsTheHeadAlikeHoweverItComes) {
  for (size_t size = 200; size < 256; ++size) {
    std::string text = With("A: " + std::string(size, 'x') + "\r\n");
    Parsed at_once, in_pieces;
    ReadHead(at_once, text, SIZE_MAX, {.header_bytes = 256});
    ReadHead(in_pieces, text, 1, {.header_bytes = 256});
    EXPECT_EQ(at_once.state, in_pieces.state) << text.size();
  }
}

TEST(RequestParserTest, LimitsTheHead) {
  RequestParser::Limits limits{.header_bytes = 256, .body_bytes = 100, .header_count = 4};
  EXPECT_EQ(StatusOf(With("A: " + std::string(180, 'x') + "\r\n"), limits), 200);
  EXPECT_EQ(StatusOf(With("A: " + std::string(256, 'x') + "\r\n"), limits), 431);
  EXPECT_EQ(StatusOf("GET /" + std::string(300, 'x'), limits), 431);  // before its end came
  EXPECT_EQ(StatusOf("GET /" + std::string(200, 'x'), limits), 0);
  EXPECT_EQ(StatusOf(std::string(300, '\n'), limits), 431);
  EXPECT_EQ(StatusOf(With("A: 1\r\nB: 1\r\nC: 1\r\n"), limits), 200);
  EXPECT_EQ(StatusOf(With("A: 1\r\nB: 1\r\nC: 1\r\nD: 1\r\n"), limits), 431);
  EXPECT_EQ(StatusOf(With("Content-Length: 100\r\n"), limits), 200);
  EXPECT_EQ(StatusOf(With("Content-Length: 101\r\n"), limits), 413);
}

struct Chunked {
  int status = 0;  ///< 200: whole; 0: needs more.
  std::string body;
  std::string rest;
};

Chunked ReadChunks(std::string_view chunks, size_t piece = SIZE_MAX, RequestParser::Limits limits = {}) {
  Parsed parsed;
  ReadHead(parsed, With("Transfer-Encoding: chunked\r\n"), SIZE_MAX, limits);
  EXPECT_EQ(parsed.state, State::kHeadDone);
  EXPECT_TRUE(parsed.parser.chunked());
  Chunked result;
  std::string pending;
  for (size_t at = 0;;) {
    std::string_view next = chunks.substr(at, piece);
    at += next.size();
    pending += next;
    size_t used = 0;
    State state = parsed.parser.ReadChunks(pending, &used);
    pending.erase(0, used);
    if (state == State::kError) {
      result.status = parsed.parser.error().http_status;
      return result;
    }
    if (state == State::kDone) {
      result.status = 200;
      Buffer body = parsed.parser.TakeBody();
      result.body.assign(reinterpret_cast<const char*>(body.data()), body.size());
      result.rest = pending + std::string(chunks.substr(at));
      return result;
    }
    if (at == chunks.size()) return result;
  }
}

TEST(RequestParserTest, ReadsChunkedBodiesInPiecesOfEverySize) {
  std::string chunks =
      "5\r\nhello\r\nA;name=value;flag\r\n, chunked \r\n005\r\nworld\r\n0\r\nTrailer: ignored\r\nX-Other: 7\r\n\r\nGET";
  for (size_t piece = 1; piece <= chunks.size(); ++piece) {
    Chunked read = ReadChunks(chunks, piece);
    EXPECT_EQ(read.status, 200) << piece;
    EXPECT_EQ(read.body, "hello, chunked world") << piece;
    EXPECT_EQ(read.rest, "GET") << piece;
  }
  for (const char* end : {"0\r\n\r\n", "0\r\nHost: h\r\n\r\n", "000000\r\n\r\n"}) {
    for (size_t piece = 1; piece <= 8; ++piece) {
      Chunked empty = ReadChunks(end, piece);
      EXPECT_EQ(empty.status, 200) << end << piece;
      EXPECT_EQ(empty.body, "");
    }
  }
}

TEST(RequestParserTest, ReadsALargeChunkedBody) {
  std::string body, chunks;
  for (int i = 0; i < 100; ++i) {
    std::string part(1000, static_cast<char>('a' + i % 26));
    body += part;
    chunks += "3e8\r\n" + part + "\r\n";
  }
  Chunked read = ReadChunks(chunks + "0\r\n\r\n", 777);
  EXPECT_EQ(read.status, 200);
  EXPECT_EQ(read.body, body);
}

TEST(RequestParserTest, RefusesMalformedChunks) {
  for (const char* chunks : {"x\r\n", "-1\r\n", "5\r\nhelloX\r\n", "5\r\nhello\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n",
                             "\r\n", "0x5\r\nhello\r\n", "FFFFFFFFFFFFFFFFF\r\n", "5 5\r\nhello\r\n",
                             "0\r\nbad trailer\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n"}) {
    // With more bytes behind it, so that none of them can be waiting for the end of a line.
    EXPECT_EQ(ReadChunks(chunks + std::string("\r\n\r\n")).status, 400) << chunks;
  }
}

TEST(RequestParserTest, LimitsChunkedBodies) {
  RequestParser::Limits limits{.body_bytes = 10};
  EXPECT_EQ(ReadChunks("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", SIZE_MAX, limits).status, 200);
  EXPECT_EQ(ReadChunks("5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n", SIZE_MAX, limits).status, 413);
  EXPECT_EQ(ReadChunks("b\r\nhello", SIZE_MAX, limits).status, 413);
  EXPECT_EQ(ReadChunks("FFFFFFFFFFFFFFFF\r\n", SIZE_MAX, limits).status, 413);
}

}  // namespace
}  // namespace triune::server::http
