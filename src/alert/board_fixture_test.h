// What tests of alerts share: a project's store over a clock that stands still until it is moved.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "alert/store_board.h"
#include "env/process.h"
#include "store/migrations.h"
#include "store/sqlite_database.h"

namespace tidemark::testing {

class BoardFixture : public ::testing::Test {
 protected:
  BoardFixture() {
    std::string name = (std::filesystem::temp_directory_path() / "tidemark-alert-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
    database_ = open_sqlite_database(dir_ / "store.db", clock_).value();
    EXPECT_TRUE(migrate(*database_, store_migrations()).ok());
    for (const char* const channel : {"ops", "pager"}) {
      ChannelSpec one;
      one.name.value = channel;
      one.deadline = std::chrono::seconds(30);
      spec_.channels.push_back(one);
    }
  }
  ~BoardFixture() override {
    database_.reset();
    std::filesystem::remove_all(dir_);
  }

  std::unique_ptr<StoreBoard> board(const std::string& server = this_process()) {
    return std::make_unique<StoreBoard>(*database_, spec_, server);
  }
  static Alert alert(const std::string& rule, const std::string& job,
                     AlertSeverity severity = AlertSeverity::critical) {
    Alert made;
    made.key = {rule, "job:" + job};
    made.severity = severity;
    made.job = JobName(job);
    made.text = job + " failed";
    made.hint = "`tidemark show`";
    made.runbook = "runs-fail.md";
    return made;
  }
  void hold(AlertBoard& board, const std::vector<Alert>& now,
            AlertScope scope = AlertScope::project) {
    const Status held = board.holds(scope, now);
    EXPECT_TRUE(held.ok()) << (held.ok() ? "" : held.error().describe());
  }
  // What a channel would be sent now, as words; it arrives.
  std::string take(const std::string& channel = "ops") {
    AlertTable table(*database_);
    std::string words;
    while (true) {
      const auto group = table.claim({channel, this_process(), std::chrono::minutes(1), 20, {}});
      EXPECT_TRUE(group.ok());
      if (!group.ok() || group->messages.empty()) return words;
      for (const OutboxMessage& message : group->messages)
        words += std::string(to_string(message.kind)) + " " + message.alert.subject + "; ";
      EXPECT_TRUE(table.sent(group->messages).ok());
    }
  }
  std::vector<AlertRecord> open_alerts() { return AlertTable(*database_).open()->alerts; }

  ManualClock clock_{UtcMicros(1'795'269'600'000'000)};
  std::filesystem::path dir_;
  std::unique_ptr<SqlDatabase> database_;
  AlertSpec spec_;
};

}  // namespace tidemark::testing
