#include "stage/retention.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using Reason = StageReason;

const UtcMicros now(1'795'269'600'000'000);

UtcMicros ago(milliseconds age) {
  return UtcMicros(now.get() - std::chrono::microseconds(age).count());
}

StageFolder folder(std::int64_t seq, milliseconds age, StageKind kind = StageKind::sealed,
                   std::int64_t fence = 1) {
  return {{JobName("orders"), StreamName("main")}, Seq(seq), Fence(fence), kind, {}, ago(age)};
}

StageClaims loaded(std::int64_t seq) {
  StageClaims claims;
  claims.loaded = Seq(seq);
  return claims;
}

std::vector<Reason> reasons(const std::vector<StageFolder>& folders, const StageClaims& claims,
                            std::optional<milliseconds> keep = hours(24)) {
  std::vector<Reason> found;
  for (const StageVerdict& verdict : judge_stages(folders, claims, keep, now))
    found.push_back(verdict.reason);
  return found;
}

// Four old stages, all loaded.
const std::vector<StageFolder> four{folder(1, hours(96)), folder(2, hours(72)),
                                    folder(3, hours(48)), folder(4, hours(36))};

TEST(Retention, OnlyOldAndLoadedStagesGo) {
  EXPECT_EQ(reasons(four, loaded(4)),
            (std::vector{Reason::old, Reason::old, Reason::old, Reason::newest}));
  EXPECT_EQ(reasons(four, loaded(4), hours(60)),
            (std::vector{Reason::old, Reason::old, Reason::young, Reason::newest}));
  EXPECT_EQ(reasons({}, loaded(4)), std::vector<Reason>());
}

TEST(Retention, TheLastMomentStillCounts) {
  const std::vector<StageFolder> two{folder(1, hours(24)), folder(2, hours(0))};
  EXPECT_EQ(reasons(two, loaded(2), hours(24))[0], Reason::old);
  const auto verdicts = judge_stages(two, loaded(2), hours(24) + milliseconds(1), now);
  EXPECT_EQ(verdicts[0], (StageVerdict{Reason::young, {}, UtcMicros(now.get() + 1000)}));
}

TEST(Retention, WhatIsNotLoadedStays) {
  EXPECT_EQ(reasons(four, loaded(2)),
            (std::vector{Reason::old, Reason::old, Reason::not_loaded, Reason::not_loaded}));
  EXPECT_EQ(reasons(four, loaded(0)), std::vector<Reason>(4, Reason::not_loaded));
}

TEST(Retention, NothingGoesUnlessTheTargetSaysWhatIsLoaded) {
  EXPECT_EQ(reasons(four, StageClaims()), std::vector<Reason>(4, Reason::target_unknown));
}

TEST(Retention, ARunThatHasNotEndedHoldsItsWindow) {
  StageClaims claims = loaded(4);
  claims.unfinished.emplace(Seq(2), RunId("r9"));
  EXPECT_EQ(reasons(four, claims),
            (std::vector{Reason::old, Reason::unfinished_run, Reason::old, Reason::newest}));
  EXPECT_EQ(judge_stages(four, claims, hours(1), now)[1].run, RunId("r9"));
}

TEST(Retention, ABlockedRunHoldsItsWindow) {
  StageClaims claims = loaded(4);
  claims.blocked.emplace(Seq(3), RunId("r8"));
  EXPECT_EQ(reasons(four, claims),
            (std::vector{Reason::old, Reason::old, Reason::blocked_run, Reason::newest}));
}

TEST(Retention, OpenRefusedRowsHoldTheirWindowWhateverFenceReadIt) {
  StageClaims claims = loaded(4);
  claims.refused.insert(Seq(2));
  std::vector<StageFolder> folders = four;
  folders.insert(folders.begin() + 2, folder(2, hours(70), StageKind::sealed, 5));
  EXPECT_EQ(reasons(folders, claims),
            (std::vector{Reason::old, Reason::open_refused_rows, Reason::open_refused_rows,
                         Reason::old, Reason::newest}));
}

TEST(Retention, TypesAreTakenFromTheNewestThatCanBeRead) {
  std::vector<StageFolder> folders = four;
  folders[3].readable = false;
  folders.push_back(folder(5, hours(30), StageKind::partial));
  EXPECT_EQ(reasons(folders, loaded(5)), (std::vector{Reason::old, Reason::old, Reason::newest,
                                                      Reason::old, Reason::left_by_a_dead_run}));
}

TEST(Retention, ForeverIsForever) {
  EXPECT_EQ(reasons(four, loaded(4), std::nullopt),
            (std::vector{Reason::kept_forever, Reason::kept_forever, Reason::kept_forever,
                         Reason::newest}));
}

TEST(Retention, AClockThatFellBackAgesNothing) {
  // The clock stood a year behind while 2 was sealed, and stands behind 3 and 4 now.
  const std::vector<StageFolder> folders{folder(1, hours(10)), folder(2, hours(24 * 365)),
                                         folder(3, -hours(5)), folder(4, -hours(4))};
  EXPECT_EQ(reasons(folders, loaded(4)),
            (std::vector{Reason::young, Reason::young, Reason::young, Reason::newest}));
  EXPECT_EQ(reasons(folders, loaded(4), hours(9)),
            (std::vector{Reason::old, Reason::old, Reason::young, Reason::newest}));
}

TEST(Retention, WhatWasNeverSealedGoesUnlessItsRunGoesOn) {
  const std::vector<StageFolder> folders{folder(3, {}, StageKind::half_removed),
                                         folder(4, hours(1)), folder(5, {}, StageKind::partial)};
  EXPECT_EQ(reasons(folders, loaded(4)),
            (std::vector{Reason::half_removed, Reason::newest, Reason::left_by_a_dead_run}));
  StageClaims claims;
  claims.unfinished.emplace(Seq(5), RunId("r9"));
  EXPECT_EQ(reasons(folders, claims),
            (std::vector{Reason::half_removed, Reason::target_unknown, Reason::unfinished_run}));
}

TEST(Retention, StagesOfAJobWithoutAFileGoOnlyWhenAPersonSaysSo) {
  StageClaims claims;
  claims.unfinished.emplace(Seq(2), RunId("r9"));
  claims.job_file = StageClaims::JobFile::gone;
  EXPECT_EQ(reasons(four, claims), (std::vector{Reason::job_gone, Reason::unfinished_run,
                                                Reason::job_gone, Reason::job_gone}));
  claims.job_file = StageClaims::JobFile::given_up;
  EXPECT_EQ(
      reasons(four, claims, std::nullopt),
      (std::vector{Reason::given_up, Reason::unfinished_run, Reason::given_up, Reason::given_up}));
}

TEST(Retention, EveryReasonHasItsWords) {
  for (int at = 0; at <= static_cast<int>(Reason::half_removed); ++at) {
    const auto reason = static_cast<Reason>(at);
    EXPECT_FALSE(to_string(reason).empty());
    EXPECT_FALSE(describe({reason, RunId("r9"), now}).empty());
    EXPECT_EQ(is_kept(reason), at < static_cast<int>(Reason::old));
  }
  EXPECT_EQ(describe({Reason::young, {}, now}), "until 2026-11-21T14:00Z");
}

}  // namespace
}  // namespace tidemark
