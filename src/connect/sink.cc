#include "connect/sink.h"

namespace tidemark {

std::string_view to_string(LoadKind kind) {
  switch (kind) {
    case LoadKind::window:
      return "window";
    case LoadKind::replay:
      return "replay";
    case LoadKind::backfill:
      return "backfill";
    case LoadKind::requarantine:
      return "requarantine";
    case LoadKind::repair:
      return "repair";
  }
  return "window";
}

Supersedes supersedes(LoadStrategy strategy, LoadKind kind) {
  if (strategy == LoadStrategy::full) return Supersedes::all_windows;
  return kind == LoadKind::window ? Supersedes::nothing : Supersedes::same_window;
}

Error fenced(const JobName& job, const std::string& found) {
  return target_error(
      "target.fenced",
      "another run of job " + job.get() + " has taken it over: " + found + "; nothing was written",
      Retry::backoff,
      "look at `tidemark runs " + job.get() + "`; the next run goes on from what the ledger has");
}

Error table_gone(const std::string& table) {
  return target_error("target.table_gone",
                      "there is no table " + table +
                          " any more, and earlier windows were loaded into it; nothing was loaded",
                      Retry::never,
                      "put the table back, or load everything again: tidemark run JOB --full");
}

Schema quarantine_schema() {
  const Type text = Type::of(TypeKind::varchar);
  return Schema{{{"job", text, false, {}},
                 {"stream", text, false, {}},
                 {"run_id", text, false, {}},
                 {"seq", Type::of(TypeKind::int64), false, {}},
                 {"rule", text, false, {}},
                 {"column_name", text, true, {}},
                 {"message", text, false, {}},
                 {"locator", text, false, {}},
                 {"payload", text, true, {}},
                 {"raw", Type::of(TypeKind::blob), true, {}},
                 {"refused_at", Type::of(TypeKind::timestamptz), false, {}}},
                {}};
}

}  // namespace tidemark
