// The most frequent words of a text that need not fit into memory. The file is read piece by piece; each piece is
// counted by a task, and the counts are added up by more tasks, two at a time. No more than a few pieces are in memory:
// before another is read, one of those must have been counted.
//
//   word_count FILE [BYTES_PER_PIECE]
//
// A word is a run of the letters A to Z, large or small.
#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "triune/core.h"

namespace {

using triune::ObjectRef;
using triune::Result;
using triune::Session;
using triune::Status;

using Counts = std::unordered_map<std::string, int64_t>;

constexpr size_t kMostPieces = 16;  ///< Read, and not counted yet.
constexpr size_t kTop = 10;

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Counts CountWords(const std::string& text) {
  Counts counts;
  for (auto begin = std::find_if(text.begin(), text.end(), IsLetter); begin != text.end();) {
    const auto end = std::find_if_not(begin, text.end(), IsLetter);
    std::string word(begin, end);
    std::transform(word.begin(), word.end(), word.begin(), ToLower);
    ++counts[word];
    begin = std::find_if(end, text.end(), IsLetter);
  }
  return counts;
}

Counts Merge(Counts sum, const Counts& other) {
  for (const auto& [word, count] : other) sum[word] += count;
  return sum;
}

/// Adds up counts as they come, as one counts in binary: sums_[i] is that of 2^i pieces or empty, and two of the same
/// size make one of the next. So no task merges more than two, and many can merge at the same time.
class Sum {
 public:
  explicit Sum(Session& session) : session_(session) {}

  void Add(ObjectRef<Counts> counts) {
    for (auto& sum : sums_) {
      if (!sum) {
        sum = std::move(counts);
        return;
      }
      // Nothing is waited for: the references stand for what will be there when the task begins.
      counts = session_.Submit(Merge, std::exchange(sum, {}), counts);
    }
    sums_.push_back(std::move(counts));
  }

  ObjectRef<Counts> Total() {
    auto total = session_.Put(Counts());
    for (const auto& sum : sums_) {
      if (sum) total = session_.Submit(Merge, total, sum);
    }
    return total;
  }

 private:
  Session& session_;
  std::vector<ObjectRef<Counts>> sums_;
};

Result<Counts> CountFile(Session& session, const std::string& path, size_t bytes_per_piece) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return triune::NotFound("can't open " + path);
  Sum sum(session);
  std::vector<ObjectRef<Counts>> in_flight;
  std::string text;
  while (file) {
    const size_t left_over = text.size();
    text.resize(left_over + bytes_per_piece);
    file.read(text.data() + left_over, static_cast<std::streamsize>(bytes_per_piece));
    text.resize(left_over + static_cast<size_t>(file.gcount()));

    // A word that the piece ends in belongs to the next one.
    const auto word = std::find_if_not(text.rbegin(), text.rend(), IsLetter).base();
    std::string next = file ? std::string(word, text.end()) : "";
    text.resize(text.size() - next.size());

    if (in_flight.size() == kMostPieces) {
      TRIUNE_RETURN_IF_ERROR(session.Wait(in_flight, 1).status());
      std::erase_if(in_flight, [](const auto& counts) { return counts.ready(); });
    }
    in_flight.push_back(session.Submit(CountWords, std::exchange(text, std::move(next))));
    sum.Add(in_flight.back());
  }
  if (file.bad()) return triune::Unavailable("can't read " + path);
  return session.Get(sum.Total());
}

void PrintTop(const Counts& counts) {
  std::vector<std::pair<std::string, int64_t>> words(counts.begin(), counts.end());
  const auto end = words.begin() + static_cast<std::ptrdiff_t>(std::min(kTop, words.size()));
  std::partial_sort(words.begin(), end, words.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (auto word = words.begin(); word != end; ++word) {
    std::printf("%7lld %s\n", static_cast<long long>(word->second), word->first.c_str());
  }
}

Status Run(std::span<const char* const> arguments) {
  size_t bytes_per_piece = 1 << 20;
  if (arguments.empty() || arguments.size() > 2) {
    return triune::InvalidArgument("usage: word_count FILE [BYTES_PER_PIECE]");
  }
  if (arguments.size() == 2) {
    const std::string_view text = arguments[1];
    const auto [end, error] = std::from_chars(text.begin(), text.end(), bytes_per_piece);
    if (error != std::errc() || end != text.end() || bytes_per_piece == 0) {
      return triune::InvalidArgument("not a positive number: " + std::string(text));
    }
  }
  Session session;
  TRIUNE_ASSIGN_OR_RETURN(Counts counts, CountFile(session, arguments[0], bytes_per_piece));
  PrintTop(counts);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", Describe(status).c_str());
  return 1;
}
