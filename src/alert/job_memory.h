// JobMemory: what the rules of alerts know of a job by its runs that ended. It follows from the
// store: made anew of `runs_to_begin_with` it is what it was.
//
// A plain value; one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "store/alert_facts.h"

namespace tidemark {

struct JobMemory {
  // The next one, in the order of their begins.
  void ended(const EndedRun& run);
  bool is_bad() const { return newest && !newest->is_well(); }
  // Of its runs that loaded something; nothing of fewer than five.
  std::optional<std::chrono::milliseconds> usual_duration() const;

  // That says something of the job: not one that was cancelled. Where a run of the job's own
  // failed, a backfill, a replay or a repair neither mends nor hides it; failures of these are over
  // with any run that ends well.
  std::optional<EndedRun> newest;
  int failed_in_a_row = 0;               // of the job's own the newest, as far as they are known
  std::optional<UtcMicros> bad_since;    // since when `newest` and those before it did not end well
  std::optional<UtcMicros> first_begin;  // of any that is known
  std::optional<UtcMicros> good_at;      // when one of its own ended well last
  std::optional<UtcMicros> data_until;   // as RunEnd::data_until
  std::optional<UtcMicros> held_since;   // its watermark
  std::optional<EndedRun> newest_read;   // that read rows
  std::optional<EndedRun> drifted;       // that met other columns, last
  std::deque<std::chrono::milliseconds> durations;  // the newest last

 private:
  void judge(const EndedRun& run);
};

}  // namespace tidemark
