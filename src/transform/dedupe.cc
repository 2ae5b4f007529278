#include "transform/dedupe.h"

namespace tidemark {

std::optional<CompiledStep> compile_dedupe(const DedupeStep& spec, const StepInput& step) {
  std::vector<std::string> names;
  bool good = true;
  for (const Name& name : spec.key) {
    if (const auto at = require_column(step, name)) {
      names.push_back(step.in.columns[*at].name);
    } else {
      good = false;
    }
  }
  if (spec.key.empty()) {
    step.faults.add(step.file, step.at, "dedupe needs a key", "write `key: [column, ...]`");
    good = false;
  }
  const bool ordered = !spec.order.text.empty();
  if (ordered && !check_order(spec.order, step.in, step.connection, step.faults)) good = false;
  if (!good) return std::nullopt;

  CompiledStep compiled;
  compiled.number = step.number;
  compiled.kind = "dedupe";
  compiled.out = step.in;
  std::string partition;
  std::string complete = "rows._tm_reject IS NULL";
  for (const std::string& name : names) {
    compiled.label += (compiled.label.empty() ? "dedupe " : ", ") + name;
    partition += (partition.empty() ? "rows." : ", rows.") + duck::quote_name(name);
    complete += " AND rows." + duck::quote_name(name) + " IS NOT NULL";
  }
  const std::string order = (ordered ? spec.order.text + "\n, " : "") +
                            (spec.newest_first ? "rows._tm_segment DESC, rows._tm_row DESC"
                                               : "rows._tm_segment, rows._tm_row");
  // Only keys are ranked and only the rows that lose are joined, so wide rows pass by and memory
  // holds none of them.
  const std::string losers = "SELECT _tm_segment, _tm_row, true AS lost FROM " + step.input +
                             " AS rows WHERE " + complete +
                             " QUALIFY row_number() OVER (PARTITION BY " + partition +
                             " ORDER BY " + order + ") > 1";
  const std::string joined = step_relation(step.number, "_joined");
  compiled.queries.push_back(
      {joined, "SELECT rows.*, losers.lost AS _tm_lost FROM " + step.input +
                   " AS rows LEFT JOIN (" + losers +
                   ") AS losers ON rows._tm_segment = losers._tm_segment AND rows._tm_row = "
                   "losers._tm_row"});
  const std::string message = "'another row of this key comes first'";
  const std::string reject = "CASE WHEN rows._tm_lost THEN " +
                             reject_sql(step.number, "dedupe", names.front(), message, true) +
                             " ELSE rows._tm_reject END";
  compiled.queries.push_back(
      {step_relation(step.number), extend_sql(joined, {}, reject, {"_tm_lost"})});
  return compiled;
}

}  // namespace tidemark
