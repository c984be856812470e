// Reads handwritten digits with a pipeline: each image is smoothed, compared with what each digit looks like on average
// in two ways, and a scoreboard counts how often the guess is right.
//
//   image -> Smooth -> Distances ---------> Guess -> Scoreboard::Count
//               `----> Profile -> Distances --'
//
// The pipeline is put together once. Its first part is executed as tasks, to learn the averages; then all of it is
// compiled, and images go through it with several under way at the same time.
//
//   pipeline DATA      DATA: examples/quickstart/data/digits.json
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <deque>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "triune/core.h"

namespace {

using triune::Bind;
using triune::CompiledDagRef;
using triune::InputNode;
using triune::MultiOutputNode;
using triune::ObjectRef;
using triune::Result;
using triune::Session;
using triune::Status;

using Vector = std::vector<double>;

constexpr size_t kWidth = 8;  ///< And height.
constexpr size_t kDigits = 10;
constexpr size_t kMostUnderWay = 16;

struct Sample {
  Vector pixels;
  size_t digit;
};

/// Each pixel becomes the mean of itself and its neighbours.
Vector Smooth(const Vector& pixels) {
  Vector smooth(pixels.size());
  for (size_t i = 0; i < pixels.size(); ++i) {
    const size_t x = i % kWidth, y = i / kWidth;
    double count = 0;
    for (size_t row = y == 0 ? 0 : y - 1; row <= std::min(y + 1, kWidth - 1); ++row) {
      for (size_t column = x == 0 ? 0 : x - 1; column <= std::min(x + 1, kWidth - 1); ++column, ++count) {
        smooth[i] += pixels[row * kWidth + column];
      }
    }
    smooth[i] /= count;
  }
  return smooth;
}

/// How much ink there is in each row and column.
Vector Profile(const Vector& pixels) {
  Vector profile(2 * kWidth);
  for (size_t i = 0; i < pixels.size(); ++i) {
    profile[i / kWidth] += pixels[i] / kWidth;
    profile[kWidth + i % kWidth] += pixels[i] / kWidth;
  }
  return profile;
}

using Means = std::array<Vector, kDigits>;

/// From each of the means.
Vector Distances(const Vector& features, const Means& means) {
  Vector distances(kDigits);
  for (size_t digit = 0; digit < kDigits; ++digit) {
    for (size_t i = 0; i < features.size(); ++i) {
      const double difference = features[i] - means[digit][i];
      distances[digit] += difference * difference;
    }
  }
  return distances;
}

size_t Guess(const Vector& by_pixels, const Vector& by_profile) {
  Vector sum(kDigits);
  for (size_t digit = 0; digit < kDigits; ++digit) sum[digit] = by_pixels[digit] + by_profile[digit];
  return static_cast<size_t>(std::min_element(sum.begin(), sum.end()) - sum.begin());
}

class Scoreboard {
 public:
  /// How many guesses were right so far, this one included.
  int Count(size_t guess, size_t digit) {
    right_ += guess == digit ? 1 : 0;
    return right_;
  }

 private:
  int right_ = 0;
};

void AddTo(Vector& sum, const Vector& features) {
  sum.resize(features.size());
  for (size_t i = 0; i < features.size(); ++i) sum[i] += features[i];
}

Result<int> Classify(Session& session, std::span<const Sample> known, std::span<const Sample> unseen) {
  // Inputs stand for what comes later; nothing runs yet.
  InputNode<Vector> image;
  InputNode<size_t> digit(1);
  auto smooth = Bind(Smooth, image);
  auto profile = Bind(Profile, smooth);

  std::vector<std::tuple<ObjectRef<Vector>, ObjectRef<Vector>>> features;
  for (const Sample& sample : known) {
    features.push_back(session.Execute(MultiOutputNode(smooth, profile), sample.pixels));
  }
  Means pixel_means, profile_means;
  std::array<double, kDigits> counts{};
  for (size_t i = 0; i < known.size(); ++i) {
    TRIUNE_ASSIGN_OR_RETURN(Vector pixels, session.Get(std::get<0>(features[i])));
    TRIUNE_ASSIGN_OR_RETURN(Vector sums, session.Get(std::get<1>(features[i])));
    AddTo(pixel_means[known[i].digit], pixels);
    AddTo(profile_means[known[i].digit], sums);
    ++counts[known[i].digit];
  }
  for (size_t i = 0; i < kDigits; ++i) {
    if (counts[i] == 0) return triune::InvalidArgument("there is no image to learn from: of " + std::to_string(i));
    for (double& value : pixel_means[i]) value /= counts[i];
    for (double& value : profile_means[i]) value /= counts[i];
  }

  auto scoreboard = session.CreateActor<Scoreboard>();
  auto guess = Bind(Guess, Bind(Distances, smooth, pixel_means), Bind(Distances, profile, profile_means));
  auto counted = scoreboard.Bind(&Scoreboard::Count, guess, digit);
  TRIUNE_ASSIGN_OR_RETURN(auto pipeline,
                          session.Compile<int(Vector, size_t)>(counted, {.max_inflight_executions = kMostUnderWay}));

  int right = 0;
  std::deque<CompiledDagRef<int>> under_way;
  for (size_t i = 0; i < unseen.size() || !under_way.empty();) {
    if (i < unseen.size() && under_way.size() < kMostUnderWay) {
      under_way.push_back(pipeline.Execute(unseen[i].pixels, unseen[i].digit));
      ++i;
      continue;
    }
    // The scoreboard counts in the order of the executions, so the last one has the sum.
    TRIUNE_ASSIGN_OR_RETURN(right, session.Get(under_way.front()));
    under_way.pop_front();
  }
  return right;
}

/// The numbers in the array that follows `key`, and in the arrays inside it, one after the other: as much of JSON as
/// the file needs.
Result<Vector> NumbersOf(const std::string& json, const std::string& key) {
  const size_t start = json.find("\"" + key + "\": [");
  if (start == std::string::npos) return triune::InvalidArgument("there is no array of that name in the data: " + key);
  Vector numbers;
  int depth = 0;
  for (size_t at = json.find('[', start); at < json.size();) {
    double number = 0;
    const auto [end, error] = std::from_chars(&json[at], json.data() + json.size(), number);
    if (error == std::errc()) {
      numbers.push_back(number);
      at = static_cast<size_t>(end - json.data());
      continue;
    }
    if (json[at] == '[') ++depth;
    if (json[at] == ']' && --depth == 0) return numbers;
    ++at;
  }
  return triune::InvalidArgument("the array has no end: " + key);
}

Result<std::vector<Sample>> ReadSamples(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream json;
  if (!(json << file.rdbuf())) return triune::NotFound("can't read " + path);
  TRIUNE_ASSIGN_OR_RETURN(Vector labels, NumbersOf(json.str(), "labels"));
  TRIUNE_ASSIGN_OR_RETURN(Vector values, NumbersOf(json.str(), "rows"));
  if (values.size() != labels.size() * kWidth * kWidth) {
    return triune::InvalidArgument("rows and labels do not fit together in " + path);
  }
  std::vector<Sample> samples;
  for (auto row = values.begin(); row != values.end(); row += kWidth * kWidth) {
    const auto digit = static_cast<size_t>(labels[samples.size()]);
    if (digit >= kDigits) return triune::InvalidArgument("not a digit: " + std::to_string(digit));
    samples.push_back({.pixels = Vector(row, row + kWidth * kWidth), .digit = digit});
  }
  return samples;
}

Status Run(std::span<const char* const> arguments) {
  if (arguments.size() != 1) return triune::InvalidArgument("usage: pipeline DATA");
  TRIUNE_ASSIGN_OR_RETURN(std::vector<Sample> samples, ReadSamples(arguments[0]));
  const std::span all(samples);
  const size_t known = all.size() / 4 * 3;
  Session session;
  TRIUNE_ASSIGN_OR_RETURN(int right, Classify(session, all.first(known), all.subspan(known)));
  std::printf("learnt from %zu images; %d of %zu others are right\n", known, right, all.size() - known);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", Describe(status).c_str());
  return 1;
}
