#include "connect/source.h"

namespace tidemark {

Status Source::leave_out(const std::vector<std::string>& columns) {
  if (columns.empty()) return {};
  return user_error("plan.cannot_leave_out",
                    "this source cannot be read without its column `" + columns.front() + "`",
                    "write `schema_drift: evolve`, and leave it out with a `drop` step");
}

Status Source::only_keys(const std::vector<std::string>&, const std::optional<Position>&) {
  return user_error("plan.no_keys", "this source cannot be asked which keys it has now",
                    "a `sweep` needs a table or query of PostgreSQL, MySQL or SQLite; remove it");
}

Error column_changed(const std::string& what) {
  return source_error("source.column_changed",
                      what + " since the plan; nothing of what was read is used", Retry::backoff,
                      "run again: it plans with the columns as they are then");
}

}  // namespace tidemark
