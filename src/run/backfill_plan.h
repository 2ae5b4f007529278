// What a backfill of a job would do, found without changing anything. Values; blocking.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "plan/planner.h"
#include "spec/job_spec.h"
#include "store/records.h"
#include "store/store.h"

namespace tidemark {

struct BackfillRequest {
  std::string from;
  std::string to;  // empty: the watermark
  std::optional<std::string> by;
  PartOrder order = PartOrder::oldest;
  FromStage from_stage = FromStage::never;
  double rate_share = 0.5;
  bool allow_empty = false;
  bool in_quiet_hours = false;
  bool downstream = false;
};

// What a backfill would do.
struct BackfillPlan {
  BackfillRecord record;
  std::vector<BackfillPart> parts;
  bool to_was_cut = false;           // at the watermark
  bool has_rate = false;             // the source's guard has one, of which the share is taken
  std::vector<StreamName> left_out;  // nothing is loaded of them yet
  std::optional<std::int64_t> rows;  // that the source thinks it has there
  std::optional<std::int64_t> ms;    // that it may take, by what the job's runs took
};

// Reads the target's ledger and the source's catalog, and changes nothing. The newest runs are
// asked for how long rows take; null: there is no store yet.
Result<BackfillPlan> plan_backfill(const PlannerParts& parts, Store* store, const JobSpec& job,
                                   const BackfillRequest& request, Cancel& cancel);

}  // namespace tidemark
