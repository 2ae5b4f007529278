#include "store/run_state.h"

#include <gtest/gtest.h>

#include <array>

namespace tidemark {
namespace {

using enum RunState;

TEST(RunState, WordsReadBack) {
  EXPECT_EQ(all_run_states().size(), 15u);
  for (RunState state : all_run_states())
    EXPECT_EQ(parse_run_state(to_string(state)), state);
  EXPECT_FALSE(parse_run_state("finished").has_value());
}

TEST(RunState, TheStraightLineIsAllowedAndNoStepIsLeftOut) {
  std::array line{scheduled, claimed, planned,   extracting, staged,
                  checked,   loading, committed, done};
  for (std::size_t i = 0; i < line.size(); ++i) {
    for (std::size_t j = 0; j < line.size(); ++j) {
      bool is_replay = line[i] == planned && line[j] == staged;
      EXPECT_EQ(can_follow(line[i], line[j]), j == i + 1 || is_replay)
          << to_string(line[i]) << " -> " << to_string(line[j]);
    }
  }
}

TEST(RunState, WhatIsInTheTargetNeverFails) {
  for (RunState state : all_run_states())
    EXPECT_EQ(can_follow(committed, state), state == done) << to_string(state);
}

TEST(RunState, OnlyTheLedgerLeadsOutOfAnUnknownCommit) {
  for (RunState state : all_run_states()) {
    EXPECT_EQ(can_follow(commit_unknown, state), state == committed || state == loading)
        << to_string(state);
    EXPECT_EQ(can_follow(state, commit_unknown), state == loading) << to_string(state);
  }
}

TEST(RunState, FinalStatesHaveNoSuccessor) {
  for (RunState from : all_run_states()) {
    bool ends =
        from == done || from == failed || from == cancelled || from == skipped || from == blocked;
    EXPECT_EQ(is_final(from), ends) << to_string(from);
    EXPECT_EQ(is_final(from), status_of(from) != RunStatus::running) << to_string(from);
    for (RunState to : all_run_states()) {
      EXPECT_FALSE(ends && can_follow(from, to)) << to_string(from) << " -> " << to_string(to);
    }
  }
}

TEST(RunState, TheWorstStreamIsTheRuns) {
  EXPECT_EQ(worst_of({}), claimed);
  EXPECT_EQ(worst_of(std::array{done, skipped}), done);
  EXPECT_EQ(worst_of(std::array{skipped, skipped}), skipped);
  EXPECT_EQ(worst_of(std::array{done, extracting, loading}), extracting);
  EXPECT_EQ(worst_of(std::array{done, failed, extracting}), failed);
  EXPECT_EQ(worst_of(std::array{cancelled, blocked}), blocked);
  EXPECT_EQ(worst_of(std::array{commit_unknown, retry_wait}), commit_unknown);
}

TEST(RunState, StatusWords) {
  EXPECT_EQ(to_string(status_of(done)), "success");
  EXPECT_EQ(to_string(status_of(commit_unknown)), "running");
  EXPECT_EQ(stored_status(status_of(blocked)), "failed");
  EXPECT_EQ(stored_status(status_of(cancelled)), "failed");
  EXPECT_EQ(stored_status(status_of(skipped)), "skipped");
}

TEST(RunState, StepsOfEvents) {
  EXPECT_EQ(step_of(planned, extracting), "extract");
  EXPECT_EQ(step_of(extracting, failed), "extract");
  EXPECT_EQ(step_of(staged, blocked), "validate");
  EXPECT_EQ(step_of(loading, commit_unknown), "commit");
}

}  // namespace
}  // namespace tidemark
