// A tour of triune/core.h. docs/compute.md explains it step by step and quotes this file.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "triune/core.h"
#include "triune/core/remote.h"

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using triune::ActorHandle;
using triune::ActorOptions;
using triune::AsResult;
using triune::Async;
using triune::Bind;
using triune::ErrorKindName;
using triune::Generator;
using triune::InputNode;
using triune::MultiOutputNode;
using triune::ObjectRef;
using triune::PlacementStrategy;
using triune::Result;
using triune::RuntimeContext;
using triune::Session;
using triune::Sleep;
using triune::Status;
using triune::StatusCode;
using triune::TaskError;
using triune::WhenAll;

int Square(int x) { return x * x; }
int Add(int a, int b) { return a + b; }

Status Tasks(Session& session) {
  auto a = session.Submit(Square, 7);  // an ObjectRef<int>, at once
  auto b = session.Submit(Add, a, 1);  // a reference stands for its value
  TRIUNE_ASSIGN_OR_RETURN(int sum, session.Get(b));
  std::printf("7 * 7 + 1 = %d\n", sum);
  return {};
}

Result<int> Fibonacci(Session* session, int n) {
  if (n < 2) return n;
  auto other = session->Submit(Fibonacci, session, n - 2);
  TRIUNE_ASSIGN_OR_RETURN(int a, Fibonacci(session, n - 1));
  TRIUNE_ASSIGN_OR_RETURN(int b, session->Get(other));
  return a + b;
}

Status TasksInsideTasks(Session& session) {
  TRIUNE_ASSIGN_OR_RETURN(int number, session.Get(session.Submit(Fibonacci, &session, 15)));
  std::printf("fibonacci(15) = %d\n", number);
  return {};
}

Result<int> AskServer() {
  if (RuntimeContext::attempt() < 2) return triune::Unavailable("the server is busy");
  return 42;
}
bool IsBusy(const Status& status) { return status.code() == StatusCode::kUnavailable; }

Status Retries(Session& session) {
  auto answer = session.With({.name = "ask", .retries = 3, .retry_on = IsBusy}).Submit(AskServer);
  TRIUNE_ASSIGN_OR_RETURN(int value, session.Get(answer));
  std::printf("after two failures: %d\n", value);
  return {};
}

void Print(const char* what, const Status& status) {
  const TaskError* error = TaskError::Of(status);
  std::printf("%s: %s\n", what, error == nullptr ? "no error of a task" : ErrorKindName(error->kind).data());
}

Status WorkUntilCancelled() {
  while (!RuntimeContext::cancelled()) std::this_thread::sleep_for(milliseconds(1));
  return triune::Cancelled("stopped half-way");
}

void TimeoutsAndCancel(Session& session) {
  auto late = session.With({.timeout = milliseconds(10)}).Submit(WorkUntilCancelled);
  Print("a task with a timeout", session.Get(late));  // DEADLINE_EXCEEDED

  auto endless = session.Submit(WorkUntilCancelled);
  Print("impatient", session.Get(endless, milliseconds(10)));  // GET_TIMEOUT: the task goes on
  session.Cancel(endless);
  Print("cancelled", session.Get(endless));  // TASK_CANCELLED
}

int ParseAge(const std::string& text) { return std::stoi(text); }

void Errors(Session& session) {
  auto age = session.With({.name = "age"}).Submit(ParseAge, "old");
  auto next = session.Submit(Add, age, 1);  // fails as its argument does, and does not run
  const Status status = session.Get(next).status();
  if (const TaskError* error = TaskError::Of(status)) {
    std::printf("%s in %s: %s\n", ErrorKindName(error->kind).data(), error->task.c_str(),
                error->exception_type.c_str());
  }
}

std::vector<int> Sorted(std::vector<int> values) {
  std::sort(values.begin(), values.end());
  return values;
}
int Largest(const std::vector<int>& sorted) { return sorted.back(); }

Status Objects(Session& session) {
  auto values = session.Put(std::vector<int>{3, 1, 2});
  auto largest = session.Submit(Largest, session.Submit(Sorted, values));
  TRIUNE_ASSIGN_OR_RETURN(int three, session.Get(largest));
  std::printf("the largest is %d\n", three);

  std::vector<ObjectRef<int>> squares;
  for (int i = 0; i < 100; ++i) squares.push_back(session.Submit(Square, i));
  TRIUNE_ASSIGN_OR_RETURN(triune::WaitResult result, session.Wait(squares, 10, seconds(60)));
  std::printf("ten or more are ready: %s\n", result.ready.size() >= 10 ? "yes" : "no");
  TRIUNE_ASSIGN_OR_RETURN(std::vector<int> all, session.Get(squares));
  std::printf("99 * 99 = %d\n", all[99]);

  TRIUNE_ASSIGN_OR_RETURN(auto view, session.View(values));  // the value itself, not a copy
  std::printf("the first is %d\n", view->front());

  triune::ProgressBar bar(squares.size(), {.title = "squaring", .unit = "numbers"});
  TRIUNE_RETURN_IF_ERROR(bar.BlockUntilComplete(session, squares));
  return {};
}

std::pair<int, int> Divide(int a, int b) { return {a / b, a % b}; }

Status SeveralResults(Session& session) {
  auto [quotient, rest] = session.Unpack(session.Submit(Divide, 7, 2));  // two ObjectRef<int>
  TRIUNE_ASSIGN_OR_RETURN(int sum, session.Get(session.Submit(Add, quotient, rest)));
  std::printf("3 + 1 = %d\n", sum);
  return {};
}

Generator<int> Primes(int below) {
  for (int n = 2; n < below; ++n) {
    int divisor = 2;
    while (n % divisor != 0) ++divisor;
    if (divisor == n) co_yield n;
  }
}

Status Generators(Session& session) {
  int count = 0;
  auto primes = session.With({.generator_backpressure = 8}).Submit(Primes, 100);  // an ObjectRefGenerator<int>
  while (true) {
    TRIUNE_ASSIGN_OR_RETURN(std::optional<ObjectRef<int>> prime, primes.Next(seconds(60)));
    if (!prime) break;
    ++count;
  }
  std::printf("%d primes below 100\n", count);

  int sum = 0;
  for (ObjectRef<int> prime : session.Submit(Primes, 10)) {  // an error would come as the last reference
    TRIUNE_ASSIGN_OR_RETURN(int square, session.Get(session.Submit(Square, prime)));
    sum += square;
  }
  std::printf("4 + 9 + 25 + 49 = %d\n", sum);
  return {};
}

Status FreedObjects(Session& session) {
  auto values = session.Put(std::vector<int>{3, 1, 2});
  TRIUNE_RETURN_IF_ERROR(session.Free(values));
  Print("freed", session.Get(values).status());  // OBJECT_FREED
  std::printf("there: %d\n", session.Contains(values) ? 1 : 0);

  auto square = session.With({.retries = 2, .reconstruct = true}).Submit(Square, 3);
  TRIUNE_RETURN_IF_ERROR(session.Get(square).status());
  TRIUNE_RETURN_IF_ERROR(session.Free(square));
  TRIUNE_ASSIGN_OR_RETURN(int nine, session.Get(square));  // runs Square again
  std::printf("made again: %d\n", nine);
  return {};
}

class Counter {
 public:
  explicit Counter(int start) : value_(start) {}
  int Add(int by) { return value_ += by; }
  int Value() const { return value_; }

 private:
  int value_;
};

Status Actors(Session& session) {
  ActorHandle<Counter> counter = session.CreateActor<Counter>(10);
  counter.Call(&Counter::Add, 1);
  auto value = counter.Call(&Counter::Value);  // runs after Add: same caller
  TRIUNE_ASSIGN_OR_RETURN(int eleven, session.Get(value));
  std::printf("10 + 1 = %d\n", eleven);

  // Handles are arguments like others, and calls may have options.
  auto task = session.Submit(
      [&session](const ActorHandle<Counter>& handle, int by) {
        return session.Get(handle.With({.timeout = seconds(60)}).Call(&Counter::Add, by));
      },
      counter, 5);
  TRIUNE_ASSIGN_OR_RETURN(int sixteen, session.Get(task));
  std::printf("11 + 5 = %d\n", sixteen);
  return {};
}

Status Dags(Session& session) {
  auto counter = session.CreateActor<Counter>(100);
  InputNode<int> input;
  auto square = Bind(Square, input);
  auto sum = Bind(Add, square, input);  // nothing runs yet
  auto counted = counter.Bind(&Counter::Add, sum);
  ObjectRef<int> total = session.Execute(counted, 3);  // tasks and calls, as if submitted by hand
  TRIUNE_ASSIGN_OR_RETURN(int hundred_and_twelve, session.Get(total));
  std::printf("100 + 3 * 3 + 3 = %d\n", hundred_and_twelve);

  using Pair = std::tuple<int, int>;
  TRIUNE_ASSIGN_OR_RETURN(auto compiled,
                          session.Compile<Pair(int)>(MultiOutputNode(sum, counted), {.max_inflight_executions = 2}));
  auto first = compiled.Execute(1);   // a CompiledDagRef<Pair>
  auto second = compiled.Execute(2);  // may run at the same time, but calls the actor after the first
  auto third = compiled.Execute(3);
  Print("a third", third.Get().status());  // CAPACITY_EXCEEDED
  TRIUNE_ASSIGN_OR_RETURN(auto one, session.Get(first));
  TRIUNE_ASSIGN_OR_RETURN(auto two, session.Get(second));
  std::printf("112 + 2 + 6 = %d, %d\n", std::get<1>(one), std::get<1>(two));
  return {};
}

Status NamedActors(Session& session) {
  // Detached: it stays although its handle goes at once.
  session.CreateActor<Counter>(ActorOptions{.name = "visits", .detached = true}, 0);

  TRIUNE_ASSIGN_OR_RETURN(auto visits, session.GetActor<Counter>("visits"));
  visits.Call(&Counter::Add, 1);
  // Not made a second time.
  auto same = session.CreateActor<Counter>(ActorOptions{.name = "visits", .get_if_exists = true}, 100);
  TRIUNE_ASSIGN_OR_RETURN(int count, session.Get(same.Call(&Counter::Value)));
  std::printf("visits: %d\n", count);

  visits.Kill();
  Print("killed", session.Get(visits.Call(&Counter::Value)).status());  // ACTOR_DIED
  return {};
}

Status Restarts(Session& session) {
  auto counter = session.CreateActor<Counter>(ActorOptions{.max_restarts = 1}, 10);
  TRIUNE_RETURN_IF_ERROR(session.Get(counter.Call(&Counter::Add, 5)).status());
  counter.Kill(/*restart=*/true);
  // Made anew with the arguments it was made with; what it had counted is gone.
  TRIUNE_ASSIGN_OR_RETURN(int value, session.Get(counter.Call(&Counter::Value)));
  std::printf("after the restart: %d\n", value);
  return {};
}

/// Its calls run at the same time, so it looks after its own safety.
class Hits {
 public:
  void Add() { ++hits_; }
  int Total() const { return hits_; }

 private:
  std::atomic<int> hits_{0};
};

Status ManyAtOnce(Session& session) {
  auto hits = session.CreateActor<Hits>(ActorOptions{.max_concurrency = 4, .max_pending_calls = 1000});
  std::vector<ObjectRef<void>> calls;
  for (int i = 0; i < 100; ++i) calls.push_back(hits.Call(&Hits::Add));
  for (const auto& call : calls) TRIUNE_RETURN_IF_ERROR(session.Get(call));
  TRIUNE_ASSIGN_OR_RETURN(int total, session.Get(hits.Call(&Hits::Total)));
  std::printf("hits: %d\n", total);
  return {};
}

/// Its methods are coroutines: while one waits, the actor does something else.
class Fetcher {
 public:
  Async<int> Sum(ObjectRef<int> a, ObjectRef<int> b) {
    const int first = co_await a;                     // throws a StatusError if there is no value
    ++answers_;                                       // never two at the same time: no lock
    const Result<int> second = co_await AsResult(b);  // or the error as it is
    co_await Sleep(milliseconds(1));
    co_return first + (second.ok() ? *second : 0);
  }
  int Answers() const { return answers_; }

 private:
  int answers_ = 0;
};

Async<int> SumOfSquares(int n) {
  std::vector<ObjectRef<int>> squares;
  for (int i = 1; i <= n; ++i) squares.push_back(Session::Current()->Submit(Square, i));
  int sum = 0;
  for (int square : co_await WhenAll(squares)) sum += square;
  co_return sum;
}

Status Coroutines(Session& session) {
  auto fetcher = session.CreateActor<Fetcher>();
  std::vector<ObjectRef<int>> sums;
  for (int i = 0; i < 100; ++i) {
    auto square = session.Submit(Square, i);
    sums.push_back(fetcher.Call(&Fetcher::Sum, square, square));  // all of them wait at the same time
  }
  TRIUNE_ASSIGN_OR_RETURN(int last, session.Get(sums.back()));
  TRIUNE_ASSIGN_OR_RETURN(int total, session.Get(session.Submit(SumOfSquares, 10)));
  std::printf("in coroutines: %d, %d\n", last, total);
  return {};
}

Status Resources(Session& session) {
  // Takes its processors from others as long as it runs.
  auto wide = session.With({.cpus = 2, .memory = 1e6}).Submit(Square, 3);
  // Has its processor from its creation to its end.
  auto counter = session.CreateActor<Counter>(ActorOptions{.cpus = 1}, 10);
  TRIUNE_RETURN_IF_ERROR(session.Get(counter.Ready()));
  TRIUNE_RETURN_IF_ERROR(session.Get(wide).status());
  std::printf("processors: %g\n", session.ClusterResources()["CPU"]);
  return {};
}

Status PlacementGroups(Session& session) {
  auto group = session.CreatePlacementGroup(
      {.bundles = {{.cpus = 1}, {.cpus = 2}}, .strategy = PlacementStrategy::kPack, .name = "trial-7"});
  TRIUNE_RETURN_IF_ERROR(session.Get(group.Ready()));  // all bundles are reserved

  auto counter = session.CreateActor<Counter>(ActorOptions{.cpus = 1, .placement_group = group, .bundle = 0}, 10);
  auto nine = session.With({.cpus = 2, .placement_group = group}).Submit(Square, 3);
  TRIUNE_ASSIGN_OR_RETURN(int sum, session.Get(counter.Call(&Counter::Add, nine)));
  std::printf("in the group: %d\n", sum);

  session.RemovePlacementGroup(group);                                    // and with it the actor
  Print("removed", session.Get(counter.Call(&Counter::Value)).status());  // ACTOR_DIED
  return {};
}

struct Reading {
  std::string place;
  std::vector<double> degrees;
  MSGPACK_DEFINE(place, degrees)
};
double Warmest(const Reading& reading) { return *std::max_element(reading.degrees.begin(), reading.degrees.end()); }
void Careless() { std::abort(); }

/// A task of a process submits others and waits for them.
Result<int> SquaresUpTo(int n) {
  Session& session = *Session::Current();
  std::vector<ObjectRef<int>> squares;
  for (int i = 1; i <= n; ++i) squares.push_back(session.Submit(Square, i));
  int sum = 0;
  for (const auto& square : squares) {
    TRIUNE_ASSIGN_OR_RETURN(int value, session.Get(square));
    sum += value;
  }
  return sum;
}
TRIUNE_REMOTE(Square, Warmest, Careless, SquaresUpTo);
TRIUNE_REMOTE_ACTOR(Counter(int), &Counter::Add, &Counter::Value);

Status Processes(Session& session) {
  auto process = session.With({.isolation = triune::kProcess});
  auto warmest = process.Submit(Warmest, Reading{.place = "roof", .degrees = {17.5, 31, 24}});
  TRIUNE_ASSIGN_OR_RETURN(double degrees, session.Get(warmest));
  TRIUNE_ASSIGN_OR_RETURN(int sum, session.Get(process.Submit(SquaresUpTo, 4)));
  std::printf("%g degrees, sum %d\n", degrees, sum);
  Print("careless", session.Get(process.Submit(Careless)));  // WORKER_CRASHED

  auto counter = session.CreateActor<Counter>(ActorOptions{.max_restarts = 1, .isolation = triune::kProcess}, 10);
  TRIUNE_ASSIGN_OR_RETURN(int eleven, session.Get(counter.Call(&Counter::Add, 1)));
  std::printf("in a process of its own: %d\n", eleven);
  return {};
}

Status Seeing() {
  Session session({.track_state = true});
  auto nine = session.With({.name = "square"}).Submit(Square, 3);
  TRIUNE_RETURN_IF_ERROR(session.Get(nine).status());
  TRIUNE_ASSIGN_OR_RETURN(auto tasks,
                          session.ListTasks({.filters = {{.key = "name", .value = "square"}}, .limit = 10}));
  for (const auto& task : tasks.result) std::printf("%s: %s\n", task.name.c_str(), task.state.c_str());
  return {};
}

Status Run() {
  Session session({.cpus = 4});
  TRIUNE_RETURN_IF_ERROR(Tasks(session));
  TRIUNE_RETURN_IF_ERROR(TasksInsideTasks(session));
  TRIUNE_RETURN_IF_ERROR(Retries(session));
  TimeoutsAndCancel(session);
  Errors(session);
  TRIUNE_RETURN_IF_ERROR(Objects(session));
  TRIUNE_RETURN_IF_ERROR(SeveralResults(session));
  TRIUNE_RETURN_IF_ERROR(Generators(session));
  TRIUNE_RETURN_IF_ERROR(FreedObjects(session));
  TRIUNE_RETURN_IF_ERROR(Actors(session));
  TRIUNE_RETURN_IF_ERROR(NamedActors(session));
  TRIUNE_RETURN_IF_ERROR(Restarts(session));
  TRIUNE_RETURN_IF_ERROR(ManyAtOnce(session));
  TRIUNE_RETURN_IF_ERROR(Coroutines(session));
  TRIUNE_RETURN_IF_ERROR(Resources(session));
  TRIUNE_RETURN_IF_ERROR(PlacementGroups(session));
  TRIUNE_RETURN_IF_ERROR(Dags(session));
  TRIUNE_RETURN_IF_ERROR(Processes(session));
  return Seeing();
}

}  // namespace

int main() {
  const Status status = Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", Describe(status).c_str());
  return 1;
}
