// Refusal: how a row that breaks a step or a rule is marked inside the engine, and how refused rows
// are handed from the transform to the quarantine.
//
// While rows are transformed they carry three hidden columns: the address of the row they came from
// (`_tm_segment`, `_tm_row`) and `_tm_reject`, NULL for a good row. The first refusal wins, and a
// refused row goes through no further expression of the user. Plain values and texts; no thread
// rule.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/named.h"
#include "model/schema.h"

namespace tidemark {

inline constexpr std::string_view segment_column = "_tm_segment";  // INTEGER
inline constexpr std::string_view row_column = "_tm_row";          // BIGINT
inline constexpr std::string_view reject_column = "_tm_reject";
// Names that start so belong to Tidemark; a user's column may not.
inline constexpr std::string_view reserved_prefix = "_tm_";

// Steps that a plan puts before the job's are numbered from here, so that the job's keep theirs.
inline constexpr int lead_number = 1'000'000;

// `dropped` marks a row that a step leaves out on purpose (dedupe): it is counted, and not
// quarantined. `step` is 0 for a rule.
inline constexpr std::string_view reject_type =
    R"(STRUCT(step INTEGER, dropped BOOLEAN, rule VARCHAR, "column" VARCHAR, message VARCHAR))";

// A relation that rows were addressed in: `relation` is a SELECT of the columns of `schema`, then
// `_tm_segment` and `_tm_row`.
struct RowOrigin {
  std::string relation;
  Schema schema;
  // Names the address for people: `segment` for the stage, `row of step 3` for what a `sql` step
  // made.
  std::string label;
  // The values of `_tm_segment` that stand here: the stage's are from 0 up, those of a `sql` step
  // below.
  bool is_stage = true;
  int segment = 0;  // not for the stage
};

// Refused rows of one run: `relation` is a SELECT of _tm_segment, _tm_row, rule, "column", message.
struct Refusals {
  std::string relation;
  std::vector<RowOrigin> origins;
  RowCount rows;
};

// SQL of one `_tm_reject` value; `message_sql` is an expression, the rest are texts.
std::string reject_sql(int step, std::string_view rule, std::string_view column,
                       const std::string& message_sql, bool dropped = false);

}  // namespace tidemark
