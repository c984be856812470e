#include "compute/state/state_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <latch>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "compute/state/session_state.h"
#include "compute/state/state_request.h"
#include "compute/state/testing/json.h"
#include "compute/testing/stress.h"
#include "triune/core.h"

namespace triune::compute {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

int Square(int x) { return x * x; }

class Counter {
 public:
  int Add(int by) { return value_ += by; }

 private:
  int value_ = 0;
};

class Client {
 public:
  explicit Client(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(fd_); }
  bool connected() const { return connected_; }
  /// False when the other end has gone.
  bool Send(std::string_view text) const {
    return send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  void EndSending() const { shutdown(fd_, SHUT_WR); }
  std::string Receive() const {
    std::string all;
    char bytes[4096];
    while (true) {
      const ssize_t count = recv(fd_, bytes, sizeof(bytes), 0);
      if (count <= 0) return all;
      all.append(bytes, static_cast<size_t>(count));
    }
  }

 private:
  const int fd_;
  bool connected_ = false;
};

std::string Get(const std::string& path, const std::string& target) {
  const Client client(path);
  EXPECT_TRUE(client.connected());
  client.Send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n");
  return client.Receive();
}

std::string BodyOf(const std::string& answer) {
  const size_t at = answer.find("\r\n\r\n");
  return at == std::string::npos ? std::string() : answer.substr(at + 4);
}

class StateServerTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  SessionOptions Options() const { return {.cpus = 2, .state_socket = path_}; }
  Json Ask(const std::string& target) const {
    const std::string answer = Get(path_, target);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    auto json = JsonReader::Read(BodyOf(answer));
    EXPECT_TRUE(json) << answer;
    return json ? *json : Json();
  }
  const std::string path_ = ::testing::TempDir() + "s." + std::to_string(getpid());
};

TEST_F(StateServerTest, AnswersWhatTheSessionKnows) {
  Session session(Options());
  ASSERT_TRUE(session.status().ok()) << session.status().ToString();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(session.Get(session.With({.name = "f g"}).Submit(Square, i)).ok());
  EXPECT_TRUE(session.Get(session.With({.name = "other"}).Submit(Square, 1)).ok());
  auto actor = session.CreateActor<Counter>();
  EXPECT_TRUE(session.Get(actor.Ready()).ok());
  auto group = session.CreatePlacementGroup({.bundles = {{.cpus = 1}}, .name = "pg"});
  auto object = session.Put(1);

  Json all = Ask("/api/v0/tasks?filter_keys=name&filter_predicates=%3D&filter_values=f+g&limit=3")["data"]["result"];
  EXPECT_EQ(all["total"].number, 7);
  EXPECT_EQ(all["num_after_truncation"].number, 7);
  EXPECT_EQ(all["num_filtered"].number, 5);
  ASSERT_EQ(all["result"].array.size(), 3U);
  EXPECT_EQ(all["result"].array[0]["state"].text, "FINISHED");
  EXPECT_FALSE(all["result"].array[0].has("required_resources"));
  all = Ask("/api/v0/tasks?detail=true&filter_keys=name&filter_predicates=!%3D&filter_values=f%20g")["data"]["result"];
  EXPECT_EQ(all["num_filtered"].number, 2);
  EXPECT_EQ(all["result"].array[0]["required_resources"]["CPU"].number, 1);
  EXPECT_EQ(Ask("/api/v0/actors")["data"]["result"]["result"].array.at(0)["state"].text, "ALIVE");
  EXPECT_EQ(Ask("/api/v0/objects?filter_keys=reference_type&filter_predicates=%3D&filter_values=PUT")["data"]["result"]
                                                                                                     ["num_filtered"]
                                                                                                         .number,
            1);
  EXPECT_EQ(Ask("/api/v0/placement_groups")["data"]["result"]["result"].array.at(0)["name"].text, "pg");
  EXPECT_EQ(Ask("/api/v0/workers")["data"]["result"]["result"].array.at(0)["pid"].number, getpid());
  const Json summary = Ask("/api/v0/tasks/summarize")["data"]["result"]["result"]["node_id_to_summary"]["cluster"];
  EXPECT_EQ(summary["total_tasks"].number, 6);
  EXPECT_EQ(summary["total_actor_scheduled"].number, 1);
  EXPECT_EQ(summary["summary"]["f g"]["state_counts"]["FINISHED"].number, 5);
  const Json stats = Ask("/api/v0/stats")["data"]["result"];
  EXPECT_EQ(stats["tasks"]["FINISHED"].number, 7);
  EXPECT_EQ(stats["actors"]["ALIVE"].number, 1);
  EXPECT_EQ(stats["resources_total"]["CPU"].number, 2);
  EXPECT_EQ(Ask("/timeline").kind, Json::kArray);
  EXPECT_THAT(Get(path_, "/metrics"), HasSubstr("# TYPE ray_tasks gauge\n"));
}

TEST_F(StateServerTest, RefusesWhatCantBe) {
  Session session(Options());
  auto refused = [&](const std::string& target, const char* status, const char* why) {
    const std::string answer = Get(path_, target);
    EXPECT_THAT(answer, StartsWith(std::string("HTTP/1.1 ") + status)) << target;
    auto json = JsonReader::Read(BodyOf(answer));
    ASSERT_TRUE(json) << answer;
    EXPECT_FALSE((*json)["result"].is);
    EXPECT_THAT((*json)["msg"].text, HasSubstr(why));
  };
  refused("/", "404", "/api/v0/tasks");
  refused("/api/v0/nodes", "404", "/metrics");
  refused("/api/v0/tasks?filter_keys=state", "400", "filter_predicates");
  refused("/api/v0/tasks?filter_keys=x&filter_predicates=%3D&filter_values=1", "400", "task_id");
  refused("/api/v0/tasks?filter_keys=state&filter_predicates=~&filter_values=1", "400", "predicate");
  refused("/api/v0/tasks?limit=-1", "400", "limit");
  refused("/api/v0/tasks?limit=1000000", "400", "10000");
  refused("/api/v0/tasks?detail=perhaps", "400", "detail");
  refused("/api/v0/tasks?limit=%zz", "400", "percent");
}

TEST_F(StateServerTest, IsForThisUserAndGoesWithTheSession) {
  {
    Session session(Options());
    struct stat file;
    ASSERT_EQ(stat(path_.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777U, 0600U);
    EXPECT_TRUE(StateServer::Serves(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
  EXPECT_FALSE(StateServer::Serves(path_));
}

TEST_F(StateServerTest, AnswersWhileTheSessionWaitsForItsEnd) {
  std::latch open{1};
  std::latch arrived{1};
  std::thread ends([&] {
    Session session(Options());
    auto task = session.Submit([&] { arrived.count_down(), open.wait(); });
  });
  arrived.wait();
  EXPECT_EQ(Ask("/api/v0/stats")["data"]["result"]["tasks"]["RUNNING"].number, 1);
  open.count_down();
  ends.join();
}

TEST_F(StateServerTest, ASocketThatIsInUseIsNotTaken) {
  Session session(Options());
  ::testing::internal::CaptureStderr();
  Session second(Options());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("somebody answers"));
  EXPECT_EQ(second.status().code(), StatusCode::kAlreadyExists);
  EXPECT_TRUE(second.Get(second.Submit(Square, 2)).ok());
  EXPECT_EQ(Ask("/api/v0/stats")["data"]["result"]["tasks"]["FINISHED"].number, 0) << "still the first";
}

TEST_F(StateServerTest, ASocketWhoseOwnerIsGoneIsReplaced) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
  const int stale = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(stale);
  ASSERT_TRUE(std::filesystem::exists(path_));
  Session session(Options());
  EXPECT_TRUE(session.status().ok()) << session.status().ToString();
  EXPECT_EQ(Ask("/api/v0/stats")["result"].is, true);
}

TEST_F(StateServerTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  ::testing::internal::CaptureStderr();
  Session session(Options());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("is another file"));
  EXPECT_EQ(session.status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_regular_file(path_));
}

TEST_F(StateServerTest, APathThatCantBeIsTold) {
  ::testing::internal::CaptureStderr();
  Session too_long({.cpus = 1, .state_socket = "/tmp/" + std::string(200, 'x')});
  Session no_folder({.cpus = 1, .state_socket = "/no/such/folder/socket"});
  ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(too_long.status().ToString(), HasSubstr("too long"));
  EXPECT_THAT(no_folder.status().ToString(), HasSubstr("/no/such/folder"));
}

TEST_F(StateServerTest, SurvivesGarbage) {
  Session session(Options());
  Dice dice(StressSeed());
  const std::string whole = "GET /api/v0/tasks?limit=3 HTTP/1.1\r\nHost: x\r\n\r\n";
  for (int i = 0; i < 300; ++i) {
    std::string text = whole;
    const size_t changes = 1 + dice.Pick(8);
    for (size_t change = 0; change < changes; ++change)
      text[dice.Pick(text.size())] = static_cast<char>(dice.Pick(256));
    if (dice.OneIn(3)) text.resize(dice.Pick(text.size()));
    const Client client(path_);
    ASSERT_TRUE(client.connected());
    client.Send(text);
    client.EndSending();
    const std::string answer = client.Receive();
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 ")) << answer;
  }
  EXPECT_TRUE(Ask("/api/v0/stats")["result"].is);
}

TEST_F(StateServerTest, ALongRequestIsRefused) {
  Session session(Options());
  const Client client(path_);
  client.Send("GET /" + std::string(20'000, 'a'));
  const std::string answer = client.Receive();
  EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 431")) << answer;
  EXPECT_TRUE(Ask("/api/v0/stats")["result"].is);
}

TEST_F(StateServerTest, HalfOpenClientsAreNotWaitedFor) {
  const SessionOptions options{.cpus = 1};
  const SessionState state(options, {});
  // What it would look at is not asked for here.
  auto server = StateServer::Start(path_, state, {.most_connections = 2, .most_time = std::chrono::milliseconds(50)});
  ASSERT_TRUE(server.ok()) << server.status().ToString();
  const Client silent(path_);
  const Client half(path_);
  half.Send("GET /x HT");
  // There is no room for this one before one of the others is over.
  EXPECT_THAT(Get(path_, "/nothing"), StartsWith("HTTP/1.1 404"));
  EXPECT_EQ(silent.Receive(), "");
  EXPECT_EQ(half.Receive(), "");
}

TEST_F(StateServerTest, ManyAtOnce) {
  Session session(Options());
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        if (BodyOf(Get(path_, "/api/v0/stats")).ends_with("}\n")) ++answered;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(answered, 160);
}

TEST(StateRequestTest, IsReadStrictly) {
  auto request = ParseStateRequest("GET /a%20b?x=1&y=a%26b&x=2&z HTTP/1.1\r\nA: b\r\n\r\n");
  ASSERT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_EQ(request->path, "/a b");
  EXPECT_EQ(request->All("x"), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(request->Last("y"), "a&b");
  EXPECT_EQ(request->Last("z"), "");
  EXPECT_EQ(request->Last("none"), std::nullopt);
  for (const char* bad :
       {"", "\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2\r\n\r\n", "GET x HTTP/1.1\r\n\r\n",
        "GET / x HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET /%4 HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n", "GET / HTTP/1.1\r\nA: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\r\n", "GET / HTTP/1.1\r\n\r\nmore"}) {
    EXPECT_EQ(ParseStateRequest(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_EQ(ParseStateRequest("POST / HTTP/1.1\r\n\r\n").status().code(), StatusCode::kUnimplemented);
}

/// Sets a variable, and takes it away again.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() { unsetenv(name_); }

 private:
  const char* const name_;
};

TEST_F(StateServerTest, TheEnvironmentSaysWhatTheProgramDoesNot) {
  const Variable cpus("TRIUNE_CPUS", "3");
  const Variable memory("TRIUNE_MEMORY", "1e6");
  const Variable socket("TRIUNE_STATE_SOCKET", path_);
  Session session;
  EXPECT_TRUE(session.status().ok()) << session.status().ToString();
  EXPECT_EQ(session.ClusterResources().at("CPU"), 3);
  EXPECT_EQ(session.ClusterResources().at("memory"), 1e6);
  EXPECT_TRUE(Ask("/api/v0/stats")["result"].is);
  Session second({.cpus = 2});
  EXPECT_TRUE(second.status().ok()) << "the socket is the first one's, and that is no mistake";
  EXPECT_EQ(second.ClusterResources().at("CPU"), 2);
}

TEST(EnvironmentTest, BadValuesAreToldAndNotTaken) {
  for (const char* bad : {"0", "-1", "two", "1.5", "2x", "1000000"}) {
    const Variable cpus("TRIUNE_CPUS", bad);
    ::testing::internal::CaptureStderr();
    Session session;
    EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("TRIUNE_CPUS"));
    EXPECT_EQ(session.status().code(), StatusCode::kInvalidArgument);
    EXPECT_TRUE(session.Get(session.Submit(Square, 3)).ok());
  }
  const Variable memory("TRIUNE_MEMORY", "much");
  ::testing::internal::CaptureStderr();
  Session session;
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("TRIUNE_MEMORY"));
  EXPECT_GT(session.ClusterResources().at("memory"), 0);
}

}  // namespace
}  // namespace triune::compute
