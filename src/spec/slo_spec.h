// SloSpec: what a job promises to those who read its target, and how large a share of the time or
// of its runs must keep it. docs/slo.md says how each is measured.
//
// A plain value, copyable, read-only for everybody after it was read; `slo:` in a job's file.
#pragma once

#include <chrono>
#include <optional>

#include "spec/location.h"

namespace tidemark {

// At least one of the three is there.
struct SloSpec {
  Location at;
  // The target's data is no older than this, at any time. Counts time.
  std::optional<std::chrono::milliseconds> freshness;
  // A run ends well within this, from its begin on. Counts runs.
  std::optional<std::chrono::milliseconds> duration;
  // A run begins within this after it was due. Counts runs that were due by themselves.
  std::optional<std::chrono::milliseconds> start;
  Location start_at;  // line 0: not written
  // Of each of them the share that keeps it, more than 0 and less than 1; what is left of 1 is its
  // error budget.
  double objective = 0.99;

  double budget() const { return 1 - objective; }
};

}  // namespace tidemark
