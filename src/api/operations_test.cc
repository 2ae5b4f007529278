#include "api/operations.h"

#include <gtest/gtest.h>

#include <atomic>

namespace tidemark {
namespace {

using std::chrono::milliseconds;

class OperationsTest : public testing::Test {
 protected:
  // `hold`: until it is cancelled; else it ends at once, as its second word says.
  void SetUp() override {
    operations_.serve_with(
        [this](const Command& command, Cancel& cancel) -> CommandEnd {
          ++begun_;
          if (command.arguments.front() == "hold") {
            while (!cancel.requested() && !let_go_)
              clock_.sleep(milliseconds(5));
            return let_go_ ? CommandEnd{0, "{}"}
                           : CommandEnd{130, R"({"error": {"code": "run.cancelled"}})"};
          }
          return {std::stoi(command.arguments[1]), command.arguments[2]};
        },
        leaves_);
  }
  Result<Operation> begin(const std::string& id, std::vector<std::string> arguments) {
    Operation wanted;
    wanted.id = id;
    wanted.what = "start_run";
    wanted.run = RunId(id);
    return operations_.begin(wanted, {std::move(arguments), wanted.run, "request"});
  }
  Operation ended(const std::string& id) {
    for (int at = 0; at < 2'000; ++at) {
      const auto found = operations_.find(id);
      if (found && found->ended_at) return *found;
      clock_.sleep(milliseconds(5));
    }
    ADD_FAILURE() << id << " did not end";
    return {};
  }
  Result<JsonValue> answer(std::vector<std::string> arguments, milliseconds limit) {
    return operations_.answer_of({std::move(arguments), std::nullopt, "request"}, limit);
  }

  SystemClock clock_;
  Cancel leaves_;
  std::atomic<int> begun_ = 0;
  std::atomic<bool> let_go_ = false;
  std::vector<std::string> said_;
  Log log_{[this](std::string_view line) { said_.emplace_back(line); }, [] { return 0; }};
  Operations operations_{clock_, log_};
};

TEST_F(OperationsTest, WhatCameOfItIsKept) {
  ASSERT_TRUE(begin("a", {"end", "0", R"({"rows": 3})"}).ok());
  const Operation done = ended("a");
  EXPECT_EQ(done.state, OperationState::done);
  EXPECT_EQ(done.exit_code, 0);
  EXPECT_EQ(done.result.integer_at("rows").value(), 3);
  EXPECT_FALSE(done.error);

  ASSERT_TRUE(begin("b", {"end", "1",
                          R"({"job": "x", "error": {"code": "source.gone", "fault": "source",)"
                          R"( "message": "gone", "hint": "make it"}})"})
                  .ok());
  const Operation failed = ended("b");
  EXPECT_EQ(failed.state, OperationState::failed);
  EXPECT_EQ(failed.result.string_at("job").value(), "x");
  ASSERT_TRUE(failed.error);
  EXPECT_EQ(failed.error->code, "source.gone");
  EXPECT_EQ(failed.error->fault, Fault::source);
  EXPECT_EQ(failed.error->hint, "make it");

  const auto list = operations_.list();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].id, "b");
  EXPECT_FALSE(operations_.find("c"));
}

TEST_F(OperationsTest, OneThatFailedIsAnErrorOfTheLog) {
  log_.set_up({LogLevel::error, {}, {}});
  ASSERT_TRUE(begin("a", {"end", "0", "{}"}).ok());
  ended("a");
  ASSERT_TRUE(
      begin("b", {"end", "1", R"({"error": {"code": "source.gone", "message": "gone"}})"}).ok());
  ended("b");
  ASSERT_TRUE(begin("c", {"end", "1", R"({"differ": 3})"}).ok());
  ended("c");
  ASSERT_TRUE(begin("d", {"hold"}).ok());
  ASSERT_TRUE(operations_.cancel("d").ok());
  ended("d");
  ASSERT_EQ(said_.size(), 2U) << "one that was cancelled has not failed";
  EXPECT_NE(said_[0].find(" error api  start_run: gone  run=b  request=request  exit_code=1  "
                          "code=source.gone"),
            std::string::npos)
      << said_[0];
  EXPECT_NE(said_[1].find("start_run failed  run=c"), std::string::npos) << said_[1];
}

TEST_F(OperationsTest, OneThatGoesOnCanBeCancelled) {
  ASSERT_TRUE(begin("a", {"hold"}).ok());
  EXPECT_EQ(operations_.find("a")->state, OperationState::running);
  EXPECT_EQ(operations_.cancel("b").error().code, "api.unknown_operation");
  ASSERT_TRUE(operations_.cancel("a").ok());
  EXPECT_EQ(ended("a").state, OperationState::cancelled);
  EXPECT_EQ(operations_.cancel("a").error().code, "api.operation_ended");
  EXPECT_FALSE(operations_.cancel_run(RunId("a")));
  ASSERT_TRUE(begin("c", {"hold"}).ok());
  EXPECT_TRUE(operations_.cancel_run(RunId("c")));
  EXPECT_EQ(ended("c").state, OperationState::cancelled);
}

TEST_F(OperationsTest, NoMoreThanSomeGoOn) {
  for (int at = 0; at < Operations::running_max; ++at)
    ASSERT_TRUE(begin(std::to_string(at), {"hold"}).ok());
  EXPECT_EQ(begin("more", {"hold"}).error().code, "api.busy");
  ASSERT_TRUE(operations_.cancel("0").ok());
  ended("0");
  EXPECT_TRUE(begin("more", {"hold"}).ok());
}

TEST_F(OperationsTest, AStopLetsThemEndAndCancelsThemAfter) {
  ASSERT_TRUE(begin("a", {"hold"}).ok());
  leaves_.request();
  EXPECT_EQ(begin("b", {"hold"}).error().code, "api.busy");
  EXPECT_EQ(answer({"end", "0", "{}"}, milliseconds(1'000)).error().code, "api.busy");
  operations_.stop(milliseconds(50));
  EXPECT_EQ(operations_.find("a")->state, OperationState::cancelled);
}

TEST_F(OperationsTest, AStopWaitsForThoseThatEnd) {
  ASSERT_TRUE(begin("a", {"hold"}).ok());
  std::thread letting_go([this] {
    clock_.sleep(milliseconds(50));
    let_go_ = true;
  });
  operations_.stop(milliseconds(20'000));
  letting_go.join();
  EXPECT_EQ(operations_.find("a")->state, OperationState::done);
}

TEST_F(OperationsTest, AnAnswerIsWaitedForSoLong) {
  EXPECT_EQ(answer({"end", "0", "[1]"}, milliseconds(20'000)).value(),
            JsonValue(JsonArray{JsonValue(1)}));
  const auto late = answer({"hold"}, milliseconds(50));
  EXPECT_EQ(late.error().code, "api.too_slow");
  const auto failed = answer({"end", "2", R"({"error": {"code": "user.no_job", "fault": "user"}})"},
                             milliseconds(20'000));
  EXPECT_EQ(failed.error().code, "user.no_job");
  // Faults that were looked for, and found, are an answer.
  EXPECT_TRUE(answer({"end", "2", R"({"faults": []})"}, milliseconds(20'000)).ok());
  EXPECT_EQ(answer({"end", "1", ""}, milliseconds(20'000)).error().code, "api.no_document");
}

}  // namespace
}  // namespace tidemark
