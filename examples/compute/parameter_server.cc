// Logistic regression with a parameter server: is a tumour benign, by thirty measurements of it? The server is an actor
// that keeps the weights. The workers are actors that keep a part of the data each and turn weights into a gradient,
// which the server takes a step along.
//
// The loop makes many calls and waits for few: a call's result goes into the next call as a reference, and each
// call runs as soon as what it refers to is there. Calls of one caller run in order, so the numbers are the same each
// time, however many threads there are.
//
//   parameter_server DATA [WORKERS [ROUNDS]]      DATA: examples/quickstart/data/breast-cancer.json
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "triune/core.h"

namespace {

using triune::ActorHandle;
using triune::ObjectRef;
using triune::Result;
using triune::Session;
using triune::Status;

using Vector = std::vector<double>;

constexpr size_t kBatch = 8;
constexpr int kStepsPerRound = 20;
constexpr double kRate = 0.01;

struct Example {
  Vector features;
  double label;  ///< 1: benign.
};
using Examples = std::vector<Example>;

double Predict(const Vector& weights, const Vector& features) {
  return 1 / (1 + std::exp(-std::inner_product(weights.begin(), weights.end(), features.begin(), 0.0)));
}

class ParameterServer {
 public:
  explicit ParameterServer(size_t weights) : weights_(weights) {}
  Vector Weights() const { return weights_; }
  void Apply(const Vector& gradient) {
    for (size_t i = 0; i < weights_.size(); ++i) weights_[i] -= kRate * gradient[i];
  }

 private:
  Vector weights_;
};

class Worker {
 public:
  Worker(Examples examples, uint64_t seed) : examples_(std::move(examples)), random_(seed) {}

  /// Of the loss over a few examples chosen at random.
  Vector Gradient(const Vector& weights) {
    std::uniform_int_distribution<size_t> any(0, examples_.size() - 1);
    Vector gradient(weights.size());
    for (size_t i = 0; i < kBatch; ++i) {
      const Example& example = examples_[any(random_)];
      const double error = Predict(weights, example.features) - example.label;
      for (size_t j = 0; j < gradient.size(); ++j) gradient[j] += error * example.features[j] / kBatch;
    }
    return gradient;
  }

 private:
  Examples examples_;
  std::mt19937_64 random_;
};

struct Score {
  double loss = 0;
  double accuracy = 0;
};

Score Evaluate(const Vector& weights, const Examples& examples) {
  Score score;
  const auto count = static_cast<double>(examples.size());
  for (const Example& example : examples) {
    const double benign = Predict(weights, example.features);
    const bool is_benign = example.label == 1;
    score.loss -= std::log(std::max(is_benign ? benign : 1 - benign, 1e-12)) / count;
    if (is_benign == (benign > 0.5)) score.accuracy += 1 / count;
  }
  return score;
}

/// Learns from `known`, and says how well that does on `unseen`.
Status Train(Session& session, const Examples& known, const Examples& unseen, size_t worker_count, int rounds) {
  auto server = session.CreateActor<ParameterServer>(known[0].features.size());
  std::vector<ActorHandle<Worker>> workers;
  for (size_t i = 0; i < worker_count; ++i) {
    Examples part;
    for (size_t j = i; j < known.size(); j += worker_count) part.push_back(known[j]);
    workers.push_back(session.CreateActor<Worker>(std::move(part), i));
  }
  // Put once and referred to, rather than copied into each task.
  const auto known_object = session.Put(known);
  const auto unseen_object = session.Put(unseen);

  for (int round = 0;; ++round) {
    auto weights = server.Call(&ParameterServer::Weights);
    auto on_known = session.Submit(Evaluate, weights, known_object);
    auto on_unseen = session.Submit(Evaluate, weights, unseen_object);
    TRIUNE_ASSIGN_OR_RETURN(Score learnt, session.Get(on_known));
    TRIUNE_ASSIGN_OR_RETURN(Score tested, session.Get(on_unseen));
    std::printf("round %2d  loss %.4f  accuracy %.4f  on unseen rows %.4f\n", round, learnt.loss, learnt.accuracy,
                tested.accuracy);
    if (round == rounds) return {};

    std::vector<ObjectRef<void>> applied;
    for (int step = 0; step < kStepsPerRound; ++step) {
      weights = server.Call(&ParameterServer::Weights);
      for (const auto& worker : workers) {
        auto gradient = worker.Call(&Worker::Gradient, weights);
        applied.push_back(server.Call(&ParameterServer::Apply, gradient));
      }
    }
    // An error of a worker is that of the call that wanted its gradient.
    for (const auto& one : applied) TRIUNE_RETURN_IF_ERROR(session.Get(one));
  }
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

Result<Examples> ReadExamples(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream json;
  if (!(json << file.rdbuf())) return triune::NotFound("can't read " + path);
  TRIUNE_ASSIGN_OR_RETURN(Vector labels, NumbersOf(json.str(), "labels"));
  TRIUNE_ASSIGN_OR_RETURN(Vector values, NumbersOf(json.str(), "rows"));
  if (labels.size() < 2 || values.empty() || values.size() % labels.size() != 0) {
    return triune::InvalidArgument("rows and labels do not fit together in " + path);
  }
  const auto width = static_cast<std::ptrdiff_t>(values.size() / labels.size());
  Examples examples;
  for (auto row = values.begin(); row != values.end(); row += width) {
    examples.push_back({.features = Vector(row, row + width), .label = labels[examples.size()]});
  }
  return examples;
}

/// Gives every feature the mean 0 and the variance 1 over `known`, and adds one that is always 1.
void Normalize(Examples& known, Examples& unseen) {
  const auto count = static_cast<double>(known.size());
  for (size_t i = 0; i < known[0].features.size(); ++i) {
    double sum = 0, squares = 0;
    for (const Example& example : known) {
      sum += example.features[i];
      squares += example.features[i] * example.features[i];
    }
    const double mean = sum / count;
    const double deviation = std::sqrt(std::max(squares / count - mean * mean, 1e-12));
    for (Examples* all : {&known, &unseen}) {
      for (Example& example : *all) example.features[i] = (example.features[i] - mean) / deviation;
    }
  }
  for (Examples* all : {&known, &unseen}) {
    for (Example& example : *all) example.features.push_back(1);
  }
}

Result<int> ParsePositive(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || end != text.end() || number <= 0) {
    return triune::InvalidArgument("not a positive number: " + std::string(text));
  }
  return number;
}

Status Run(std::span<const char* const> arguments) {
  int workers = 4;
  int rounds = 10;
  if (arguments.empty() || arguments.size() > 3) {
    return triune::InvalidArgument("usage: parameter_server DATA [WORKERS [ROUNDS]]");
  }
  if (arguments.size() > 1) {
    TRIUNE_ASSIGN_OR_RETURN(workers, ParsePositive(arguments[1]));
  }
  if (arguments.size() > 2) {
    TRIUNE_ASSIGN_OR_RETURN(rounds, ParsePositive(arguments[2]));
  }
  TRIUNE_ASSIGN_OR_RETURN(Examples known, ReadExamples(arguments[0]));
  const auto quarter = static_cast<std::ptrdiff_t>(known.size() / 4);
  Examples unseen(known.end() - quarter, known.end());
  known.erase(known.end() - quarter, known.end());
  if (static_cast<size_t>(workers) > known.size()) {
    return triune::InvalidArgument("more workers than rows: " + std::to_string(workers));
  }
  Normalize(known, unseen);
  Session session;
  return Train(session, known, unseen, static_cast<size_t>(workers), rounds);
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = Run(std::span(argv, static_cast<size_t>(argc)).subspan(1));
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", Describe(status).c_str());
  return 1;
}
