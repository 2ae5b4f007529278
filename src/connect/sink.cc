#include "connect/sink.h"

#include <algorithm>

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

Supersedes supersedes(LoadStrategy strategy, LoadKind kind, bool reads_all) {
  if (kind == LoadKind::requarantine || kind == LoadKind::repair || kind == LoadKind::backfill)
    return Supersedes::nothing;
  if (strategy == LoadStrategy::full || reads_all) return Supersedes::all_windows;
  return kind == LoadKind::window ? Supersedes::nothing : Supersedes::same_window;
}

Result<RowCount> LoadTxn::take_out_range(const TargetRange&, RowCount, const LoadTarget& target,
                                         Cancel&) {
  return internal_error("target.no_ranges", "rows of " + target.table +
                                                " cannot be taken out by a range of their values");
}

Status check_closed(std::int64_t closed, RowCount given) {
  if (closed == given.get()) return {};
  return internal_error("run.count_mismatch",
                        "of " + std::to_string(given.get()) + " refused rows to close, " +
                            std::to_string(closed) + " were open; the load was rolled back",
                        Retry::backoff, "run it again");
}

bool LoadTarget::adds(const std::string& column) const {
  return std::find(added.begin(), added.end(), column) != added.end();
}

Error fenced(const JobName& job, const std::string& found) {
  return target_error(
      "target.fenced",
      "another run of job " + job.get() + " has taken it over: " + found + "; nothing was written",
      Retry::backoff,
      "look at `tidemark runs " + job.get() + "`; the next run goes on from what the ledger has");
}

Error table_taken(const std::string& table) {
  return target_error("target.table_taken",
                      "there is a table `" + table + "` already, and this load makes its own",
                      Retry::never, "run it again: it then makes another");
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
                 {"refused_at", Type::of(TypeKind::timestamptz), false, {}},
                 {"row_key", text, true, {}}},
                {}};
}

Schema open_refused_schema() {
  Schema schema;
  const Schema all = quarantine_schema();
  for (const char* name : {"stream", "run_id", "seq", "rule", "locator", "row_key"})
    schema.columns.push_back(all.columns[*all.find(name)]);
  return schema;
}

Schema closed_schema() {
  const Type text = Type::of(TypeKind::varchar);
  return Schema{
      {{"run_id", text, false, {}}, {"locator", text, false, {}}, {"resolution", text, false, {}}},
      {}};
}

}  // namespace tidemark
