// How far a window may reach by each kind of cursor that is a value of the row: times and numbers.
// What they share: the last position, and a memory from run to run. For this folder only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "connect/watermark_memory.h"
#include "connectors/postgres/watermark.h"

namespace tidemark::postgres {

struct RuleRequest {
  const BoundRequest& asked;
  std::optional<std::string> lo;  // the value of asked.lo
  bool standby = false;
};

struct Reach {
  std::optional<std::string> hi;
  bool nothing_new = false;
  Guarantee guarantee = Guarantee::best_effort;
  std::string reason;
  std::vector<std::string> notes;
  bool is_held = false;  // as in WindowBound
};

Result<Reach> reach_of_times(Connection& connection, const RuleRequest& request,
                             WatermarkMemory& memory, Cancel& cancel);
// Numbers that a sequence counts settle by what was in flight when it stood there; all else, also
// dates and times without a zone, ends below the newest value.
Result<Reach> reach_of_values(Connection& connection, const RuleRequest& request,
                              WatermarkMemory& memory, Cancel& cancel);

// `value` as a literal of the cursor's type, or NULL of it.
std::string cast(const Cursor& cursor, const std::string& value);
std::string or_null(const std::optional<std::string>& value, const Cursor& cursor);

}  // namespace tidemark::postgres
