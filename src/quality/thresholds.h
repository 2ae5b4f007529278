// Thresholds: when refused rows raise an alert, and when they stop a load. Pure; any thread.
#pragma once

#include <string>

#include "base/named.h"
#include "spec/job_spec.h"

namespace tidemark {

enum class QuarantineVerdict { accept, alert, stop };

struct Judgement {
  QuarantineVerdict verdict = QuarantineVerdict::accept;
  double share = 0;     // of the rows read, 0..1
  std::string message;  // one sentence; empty when accepted
};

// Rows read in a run below which `stop_above` does not count: a share of few rows says nothing.
inline constexpr std::int64_t stop_rows_min = 1000;

// `refused` counts rows refused at extract, by steps and by rules. A share equal to a limit is
// within it. Where both limits are passed, stop wins. REQUIRES 0 <= refused.
Judgement judge(const QuarantineSpec& spec, RowCount read, RowCount refused);

}  // namespace tidemark
