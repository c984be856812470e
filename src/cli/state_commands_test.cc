#include "cli/state_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/state_source.h"
#include "cli/top_command.h"

namespace triune::cli {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

TEST(StateCommandsTest, Filters) {
  EXPECT_EQ(*FilterQuery("state=RUNNING"), "&filter_keys=state&filter_predicates=%3D&filter_values=RUNNING");
  EXPECT_EQ(*FilterQuery("name!=a b&c"), "&filter_keys=name&filter_predicates=%21%3D&filter_values=a%20b%26c");
  EXPECT_EQ(*FilterQuery("name=a=b"), "&filter_keys=name&filter_predicates=%3D&filter_values=a%3Db");
  EXPECT_EQ(*FilterQuery("name="), "&filter_keys=name&filter_predicates=%3D&filter_values=");
  for (const char* bad : {"", "state", "=RUNNING", "!=RUNNING"}) {
    EXPECT_EQ(FilterQuery(bad).status().code(), StatusCode::kInvalidArgument) << bad;
  }
}

TEST(StateCommandsTest, TablesOfRows) {
  const Json listing = {{"total", 7},
                        {"num_filtered", 3},
                        {"partial_failure_warning", "2 tasks are not in the table"},
                        {"result",
                         {{{"task_id", "t1"}, {"name", "f\n"}, {"worker_pid", 12}, {"error_type", nullptr}},
                          {{"task_id", "t2"}, {"name", "g"}, {"worker_pid", 13}, {"error_type", "X"}}}}};
  EXPECT_EQ(ListingTable(listing),
            "TASK_ID  NAME  WORKER_PID  ERROR_TYPE\n"
            "t1       f     12          -\n"
            "t2       g     13          X\n"
            "\n"
            "2 of 3 shown; 7 in all\n"
            "2 tasks are not in the table\n");
  EXPECT_EQ(ListingTable({{"total", 0}, {"num_filtered", 0}, {"result", Json::array()}}), "0 of 0 shown; 0 in all\n");
}

TEST(StateCommandsTest, NobodyListens) {
  EXPECT_EQ(AskSession("/nowhere/socket", "/").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(AskSession(std::string(200, 'x'), "/").status().code(), StatusCode::kInvalidArgument);
}

TEST(TopTest, TheScreen) {
  const TopState state{
      .stats = {{"tasks", {{"RUNNING", 2}, {"PENDING_NODE_ASSIGNMENT", 3}, {"FINISHED", 10}}},
                {"actors", {{"ALIVE", 1}}},
                {"objects", {{"shared_memory_bytes", 2048}, {"shared_memory_capacity", 1U << 30U}}},
                {"workers", {{"threads", 2}, {"processes", 1}}},
                {"resources_total", {{"CPU", 2}, {"memory", 4096}}},
                {"resources_available", {{"CPU", 0.5}, {"memory", 4096}}}},
      .tasks = {{"result", {{{"task_id", "t1"}, {"name", "Load"}, {"type", "NORMAL_TASK"}, {"worker_pid", 12}}}}},
      .actors = {{"result", Json::array()}},
      .workers = {{"result", Json::array()}}};
  EXPECT_EQ(TopScreen(state, 1234.4, 0),
            "tasks      2 running, 3 queued, 0 waiting for arguments; 10 finished, 0 failed, 0 cancelled; 1234/s\n"
            "actors     1 alive, 0 pending, 0 restarting, 0 dead\n"
            "resources  CPU 1.5 of 2, memory 0 B of 4.0 KiB\n"
            "objects    2.0 KiB of 1.0 GiB of shared memory; 0 B on disk\n"
            "workers    2 threads, 1 processes\n"
            "\n"
            "TASK  NAME  TYPE         PID\n"
            "t1    Load  NORMAL_TASK  12\n");
  EXPECT_EQ(TopScreen(state, -1, 2),
            "tasks      2 running, 3 queued, 0 waiting for arguments; 10 finished, 0 failed, 0 cancelled\n"
            "actors     1 alive, 0 pending, 0 restarting, 0 dead\n");
  EXPECT_THAT(TopScreen({}, 0, 0), HasSubstr("tasks      0 running")) << "what lacks counts as nothing";
}

}  // namespace
}  // namespace triune::cli
