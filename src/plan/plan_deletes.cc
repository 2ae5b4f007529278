// Planner: how rows that are deleted at the source are known, and whether a sweep is due.
//
// A sweep deletes what it does not find, so it is planned only where a key of the target is a key
// of the source, unchanged, and where nobody else loads into the table.
#include <algorithm>
#include <utility>

#include "base/nearest.h"
#include "base/units.h"
#include "connect/expression.h"
#include "drivers/hash/hash.h"
#include "plan/planner.h"

namespace tidemark {

namespace {

// Columns of this name before the step; nothing where the step makes the values.
struct CarriedThrough {
  const std::string& name;
  using Before = std::optional<std::string>;
  Before kept_unless(bool written) const { return written ? Before() : Before(name); }
  Before operator()(const LookupStep& step) const {
    return kept_unless(std::any_of(step.add.begin(), step.add.end(), [&](const NamePair& pair) {
      return same_name(pair.from.value, name);
    }));
  }
  Before operator()(const UnitsStep& step) const {
    return kept_unless(
        std::any_of(step.changes.begin(), step.changes.end(), [&](const UnitChange& change) {
          return same_name((change.as ? *change.as : change.column).value, name);
        }));
  }
  Before operator()(const DeriveStep& step) const {
    return kept_unless(
        std::any_of(step.columns.begin(), step.columns.end(),
                    [&](const NamedSql& column) { return same_name(column.name.value, name); }));
  }
  Before operator()(const CastStep& step) const {
    return kept_unless(std::any_of(
        step.columns.begin(), step.columns.end(),
        [&](const DeclaredColumn& column) { return same_name(column.name.value, name); }));
  }
  Before operator()(const RenameStep& step) const {
    for (const NamePair& pair : step.names) {
      if (same_name(pair.to.value, name)) return pair.from.value;
    }
    return name;
  }
  Before operator()(const SqlStep&) const { return std::nullopt; }
  Before operator()(const SelectStep&) const { return name; }
  Before operator()(const DropStep&) const { return name; }
  Before operator()(const DedupeStep&) const { return name; }
  Before operator()(const RefuseStep&) const { return name; }
};

// The step that makes the values of a key's column.
struct Maker {
  Location at;
  std::string column;
};
struct Carried {
  std::vector<std::string> columns;  // of the source, one for each of the key
  std::optional<Maker> maker;        // why there are none
};

Carried carried_key(const JobSpec& job, const StreamPlan& plan) {
  Carried carried;
  for (const std::string& column : plan.target.key) {
    std::string name = column;
    const auto back = [&](const std::vector<TransformStep>& steps) {
      for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        const std::optional<std::string> before = std::visit(CarriedThrough{name}, step->kind);
        if (!before) {
          carried.maker = Maker{step->at, column};
          return false;
        }
        name = *before;
      }
      return true;
    };
    if (!back(job.transform) || !back(plan.lead)) return carried;
    const auto at = find_column(plan.input, name);
    if (!at) {
      carried.maker = Maker{job.deletes->at, column};
      return carried;
    }
    carried.columns.push_back(plan.input.columns[*at].name);
  }
  return carried;
}

std::string at_line(const JobSpec& job, Location at) {
  return at.line > 0 ? job.file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column)
                     : job.file;
}

Error key_is_made(const JobSpec& job, const Maker& maker) {
  return user_error("plan.sweep_key",
                    at_line(job, maker.at) + ": the key's column `" + maker.column +
                        "` is made here, so the source cannot be asked which keys it still has",
                    "make the column in the source, by a `query` or a view, or use `column` in "
                    "place of `sweep`");
}

// What a step of this kind gives cannot be traced to rows of the source.
Status check_no_query(const JobSpec& job) {
  for (const TransformStep& step : job.transform) {
    if (!std::holds_alternative<SqlStep>(step.kind)) continue;
    return user_error("plan.deletes_and_sql",
                      at_line(job, step.at) +
                          ": a `sql` step makes rows of its own, so nobody can tell which of them "
                          "are deleted at the source",
                      "write the SQL as the source's `query`, or remove `deletes`");
  }
  return {};
}

Result<DeletesPlan> deletes_by_column(const JobSpec& job, const Schema& input) {
  DeletesPlan plan;
  const Name& column = *job.deletes->column;
  const auto at = find_column(input, column.value);
  if (!at) {
    const auto near = nearest_word(column.value, input.names());
    return user_error("plan.no_column",
                      at_line(job, column.at) + ": the source has no column `" + column.value +
                          "` that says which rows are deleted",
                      near ? "did you mean `" + *near + "`?" : "");
  }
  plan.column = input.columns[*at].name;
  const std::string name = duck::quote_name(plan.column);
  switch (input.columns[*at].type.kind) {
    case TypeKind::boolean:
      plan.deleted = name;
      return plan;
    case TypeKind::int8:
    case TypeKind::int16:
    case TypeKind::int32:
    case TypeKind::int64:
    case TypeKind::int128:
    case TypeKind::uint8:
    case TypeKind::uint16:
    case TypeKind::uint32:
    case TypeKind::uint64:
      plan.deleted = name + " <> 0";
      return plan;
    case TypeKind::date:
    case TypeKind::timestamp:
    case TypeKind::timestamptz:
    case TypeKind::timestamp_ns:
      plan.deleted = name + " IS NOT NULL";
      return plan;
    case TypeKind::varchar:
      // A flag as text, `f` say, must not delete the row because it is there.
      plan.deleted = "TRY_CAST(" + name + " AS TIMESTAMPTZ) IS NOT NULL";
      plan.unclear = name + " IS NOT NULL AND TRY_CAST(" + name + " AS TIMESTAMPTZ) IS NULL";
      return plan;
    default:
      return user_error("plan.deletes_type",
                        at_line(job, column.at) + ": column `" + column.value + "` is " +
                            sql_name(input.columns[*at].type) +
                            ", which does not say whether a row is deleted",
                        "name a column that is true or false, 0 or 1, or a time; a `query` can "
                        "make one");
  }
}

Status plan_mark(const JobSpec& job, StreamPlan& plan) {
  const Name& mark = *job.deletes->mark;
  if (find_column(plan.transform.out, mark.value)) {
    return user_error("plan.mark_taken",
                      at_line(job, mark.at) + ": the rows have a column `" + mark.value +
                          "` already, so the time at which they were found gone cannot stand there",
                      "name another column, for example gone_at, or leave that one out with a "
                      "`drop` step");
  }
  plan.target.mark = mark.value;
  plan.target.schema.columns.push_back({mark.value, Type::of(TypeKind::timestamptz), true, {}});
  if (!plan.target.adds(mark.value)) plan.target.added.push_back(mark.value);
  return {};
}

// `24h` and not the minutes of it.
std::string as_written(std::chrono::milliseconds duration) {
  using std::chrono::duration_cast;
  const auto hours = duration_cast<std::chrono::hours>(duration);
  return hours == duration ? std::to_string(hours.count()) + "h" : show_duration(duration);
}

Error shared(const StreamPlan& plan, const StreamId& other) {
  return user_error("plan.sweep_shared",
                    "job `" + other.job.get() + "`, stream `" + other.stream.get() +
                        "`, loads into " + plan.target.table +
                        " too, and a sweep would delete its rows",
                    "give each a table of its own, or remove `sweep`; if it loads there no longer, "
                    "delete its row "
                    "of tidemark_sweeps in the target");
}

}  // namespace

// What decides which rows have which keys.
std::string reads_of(const ConnectionSpec& connection, const SourceSpec& source,
                     const JobSpec& job) {
  std::string text = connection.connector + "\n" + connection.shown + "\n";
  if (const auto* table = std::get_if<TableInput>(&source.input)) text += table->table.value;
  if (const auto* query = std::get_if<QueryInput>(&source.input)) text += query->query.text;
  for (const Name& column : job.to.key)
    text += "\nkey " + column.value;
  if (job.deletes && job.deletes->column) text += "\ndeleted " + job.deletes->column->value;
  return sha256_hex(text);
}

Status Planner::look_for_sweep(const JobSpec& job, const StreamSpec& stream, bool loaded_before,
                               Sink& sink, const PlanOptions& options, StreamPlan& plan,
                               Cancel& cancel) {
  plan.reads_what =
      reads_of(*project_.find_connection(job.from.connection.value), stream.source, job);
  if (options.sweep && !(job.deletes && job.deletes->sweep)) {
    return user_error("user.no_sweep", "job `" + job.name.get() + "` has no `sweep`",
                      "write `deletes: {sweep: 24h}` in " + job.file);
  }
  if (!job.deletes || !job.deletes->sweep) return {};
  SweepPlan& sweep = plan.deletes.emplace().sweep.emplace();
  if (!options.accept_deletes) sweep.fraction_max = job.deletes->fraction_max;
  TM_TRY(const std::vector<SweepRow> known, sink.sweeps(plan.target.table, cancel));
  const SweepRow* own = nullptr;
  for (const SweepRow& row : known) {
    if (row.stream == plan.id) {
      own = &row;
    } else {
      return shared(plan, row.stream);
    }
  }
  if (!loaded_before) {
    sweep.why = "not with the first load";
    return {};
  }
  if (own != nullptr && !own->reads.empty() && own->reads != plan.reads_what &&
      !options.accept_deletes) {
    sweep.fraction_max = 0;
    sweep.suspicion = "the job reads something else than at its last sweep or its first load";
  }
  const std::string every = as_written(*job.deletes->sweep);
  const std::string last = own != nullptr && own->swept_at ? "last at " + *own->swept_at : "";
  const auto age = std::chrono::seconds(own != nullptr ? own->age_seconds : 0);
  // One in the future was noted by a clock that went wrong.
  sweep.due = options.sweep || last.empty() || age.count() < 0 || age >= *job.deletes->sweep;
  sweep.why =
      last.empty() ? "none yet, or rows may have come back since" : last + ", every " + every;
  if (options.sweep) sweep.why += "; asked for";
  if (!sweep.suspicion.empty())
    sweep.why += "; " + sweep.suspicion + ", so any row that is gone waits for a person";
  if (!sweep.due || !plan.bound.nothing_new) return {};
  plan.bound.nothing_new = false;
  plan.bound.notes.emplace_back("nothing new; the run sweeps");
  return {};
}

Status Planner::plan_deletes(const JobSpec& job, StreamPlan& plan) {
  if (!job.deletes) return {};
  TM_CHECK(check_no_query(job));
  std::optional<SweepPlan> sweep;
  if (plan.deletes) sweep = std::move(plan.deletes->sweep);
  plan.deletes.emplace();
  if (job.deletes->column) {
    TM_TRY(plan.deletes, deletes_by_column(job, plan.input));
  }
  if (job.deletes->sweep) {
    Carried carried = carried_key(job, plan);
    if (carried.maker) return key_is_made(job, *carried.maker);
    if (sweep) sweep->columns = std::move(carried.columns);
  }
  plan.deletes->sweep = std::move(sweep);
  if (job.deletes->mark) TM_CHECK(plan_mark(job, plan));
  return {};
}

Status Planner::open_keys(const JobSpec& job, const StreamSpec& stream, const PlanOptions& options,
                          PreparedStream& prepared, Cancel& cancel) {
  StreamPlan& plan = prepared.plan;
  if (!plan.deletes || !plan.deletes->sweep || !plan.deletes->sweep->due) return {};
  SweepPlan& sweep = *plan.deletes->sweep;
  // A new table has the rows of this window only.
  if (!plan.target.was_there) {
    sweep.due = false;
    return {};
  }
  prepared.source->rest();
  const ConnectionSpec& from = *project_.find_connection(job.from.connection.value);
  TM_TRY(const Connector* connector, connectors_.of(from));
  StreamSpec keys = stream;
  keys.source.watermark.reset();
  const ConnectorContext context = context_of(job.name, "/" + stream.name.get() + " keys", options);
  TM_TRY(prepared.keys, connector->open_source(from, keys, LoadStrategy::full, context, cancel));
  TM_TRY([[maybe_unused]] const Schema all, prepared.keys->discover(cancel));
  std::vector<std::string> columns = sweep.columns;
  const std::string& mark = plan.deletes->column;
  if (!mark.empty() && std::find(columns.begin(), columns.end(), mark) == columns.end())
    columns.push_back(mark);
  TM_CHECK(prepared.keys->only_keys(columns, plan.bound.window.hi));
  TM_TRY(sweep.splits, prepared.keys->split(Window{}, cancel));
  prepared.keys->rest();
  return {};
}

}  // namespace tidemark
