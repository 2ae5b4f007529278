// Planner::plan_backfill: a plan of rows of the past, read from the source once more.
//
// Windows that were loaded already are in the target, so what is read must take the place of what
// stands there: by key, or by the range of the watermark's values.
#include <algorithm>
#include <utility>

#include "plan/cut_window.h"
#include "plan/load_id.h"
#include "plan/planner.h"
#include "stage/stage_writer.h"

namespace tidemark {
namespace {

// What a stage must have to be the whole of a range.
Error not_staged(const JobSpec& job, const std::string& why) {
  return user_error("plan.backfill_no_stage",
                    "the stages of `" + job.name.get() + "` cannot be loaded instead: " + why,
                    "read the source (`--from-stage never`), or take stages where they do "
                    "(`--from-stage auto`); `tidemark stage list " +
                        job.name.get() + "` shows what is kept");
}

bool same_columns(const Schema& a, const Schema& b) {
  return a.columns.size() == b.columns.size() &&
         std::all_of(a.columns.begin(), a.columns.end(), [&](const Column& column) {
           const auto at = b.find(column.name);
           return at && b.columns[*at].type == column.type;
         });
}

Error no_values(const JobSpec& job, const std::string& why) {
  return user_error(
      "plan.backfill_no_values",
      "`" + job.name.get() + "` cannot be cut into windows of the past: " + why,
      "read everything again with `tidemark run " + job.name.get() +
          " --full`, load a stage again with `tidemark replay RUN`, or compare source and target "
          "with `tidemark verify " +
          job.name.get() + " --repair`");
}

Status check_can_be_cut(const JobSpec& job) {
  if (std::holds_alternative<FilesInput>(job.from.input))
    return no_values(job, "files are loaded whole, by their content");
  if (job.to.load == LoadStrategy::full)
    return no_values(job, "`load: full` reads the whole source in each run");
  if (!job.from.watermark) return no_values(job, "it has no `watermark`");
  return {};
}

Error cannot_replace(const JobSpec& job, const std::string& why) {
  return user_error("plan.backfill_append",
                    "rows of `load: append` that are loaded again would stand there twice, and the "
                    "ones that are there cannot make place: " +
                        why,
                    "name the columns that make a row unique in " + job.file +
                        " (`load: upsert` and `key: [...]`), or read everything again with "
                        "`tidemark run " +
                        job.name.get() + " --full`");
}

bool holds(CursorShape shape, TypeKind kind) {
  switch (shape) {
    case CursorShape::instant:
      return kind == TypeKind::timestamptz;
    case CursorShape::wall:
      return kind == TypeKind::timestamp;
    case CursorShape::day:
      return kind == TypeKind::date;
    case CursorShape::number:
      return kind == TypeKind::int16 || kind == TypeKind::int32 || kind == TypeKind::int64 ||
             kind == TypeKind::decimal;
  }
  return false;
}

// The rows that an append has loaded of the range: known by the watermark's column, if it stands
// in the target as it was read and nobody else's rows stand beside.
Result<TargetRange> range_of(const JobSpec& job, const BackfillRange& range, CursorShape shape,
                             const StreamPlan& plan, Sink& sink, Cancel& cancel) {
  const std::string& column = job.from.watermark->value;
  const std::string name = "`" + column + "`";
  if (!sink.traits().takes_out_ranges)
    return cannot_replace(job, "this target does not take rows out by a range of values");
  const auto in = find_column(plan.input, column);
  const auto out = find_column(plan.target.schema, column);
  if (!in || !out || last_writer(job.transform, {column}) > 0)
    return cannot_replace(job, "the target does not have " + name + " as it was read");
  for (const TransformStep& step : job.transform) {
    if (std::holds_alternative<SqlStep>(step.kind))
      return cannot_replace(job, "a `sql` step may make other values of " + name);
  }
  TM_TRY(const std::optional<Schema> present, sink.describe(plan.target.table, cancel));
  const auto there = present ? find_column(*present, column) : std::nullopt;
  if (!there) return cannot_replace(job, "the target does not have " + name);
  if (!holds(shape, present->columns[*there].type.kind))
    return cannot_replace(job, "the target has " + name + " as another type than the source");
  TM_TRY(const std::vector<SweepRow> others, sink.sweeps(plan.target.table, cancel));
  for (const SweepRow& other : others) {
    if (other.stream.job == plan.id.job && other.stream.stream == plan.id.stream) continue;
    return cannot_replace(job, "`" + other.stream.job.get() + "`, stream `" +
                                   other.stream.stream.get() + "`, has rows there too");
  }
  return TargetRange{present->columns[*there].name, range.lo, range.hi};
}

// Of several versions of a key the newest counts, whichever window it came with: an older one in
// the range must not take the place of a newer one that lies behind it.
std::string rows_of_range(const JobSpec& job, const std::vector<Stage>& stages,
                          const std::vector<std::string>& key, const StreamPlan& plan,
                          const BackfillRange& range) {
  const Schema& input = plan.input;
  const std::string columns = duck::quote_list(input.names());
  std::string all;
  std::size_t window = stages.size();
  for (const Stage& stage : stages) {
    all += (all.empty() ? "SELECT " : " UNION ALL SELECT ") + columns + ", " +
           std::to_string(window--) + " AS _tm_window, _tm_segment, _tm_row FROM (" +
           stage.relation_sql() + ")";
  }
  const Column& column = input.columns[*find_column(input, job.from.watermark->value)];
  const std::string cursor = duck::quote_name(column.name);
  const auto value = [&](const std::string& text) {
    return "CAST(" + duck::quote_text(text) + " AS " + sql_name(column.type) + ")";
  };
  std::string from = "(" + all + ")";
  std::string newest;
  if (!key.empty()) {
    from = "(SELECT *, row_number() OVER (PARTITION BY " + duck::quote_list(key) + " ORDER BY " +
           cursor +
           " DESC NULLS LAST, _tm_window DESC, _tm_segment DESC, _tm_row DESC) AS _tm_version "
           "FROM " +
           from + ")";
    newest = " AND _tm_version = 1";
  }
  return "SELECT " + columns + " FROM " + from + " WHERE " + cursor + " >= " + value(range.lo) +
         " AND " + cursor + " < " + value(range.hi) + newest;
}

}  // namespace

Result<std::optional<Stage>> Planner::stage_past(const JobSpec& job, const BackfillRange& range,
                                                 const StreamPlan& plan, const Source& source,
                                                 Sink& sink, const PlanOptions& options,
                                                 Cancel& cancel) {
  const auto without = [&](const std::string& why) -> Result<std::optional<Stage>> {
    if (range.from_stage == FromStage::only) return not_staged(job, why);
    return std::optional<Stage>();
  };
  const CursorShape shape = *source.cursor_shape();
  const auto cursor = find_column(plan.input, job.from.watermark->value);
  if (!cursor || !holds(shape, plan.input.columns[*cursor].type.kind))
    return without("they do not have the watermark as a column");
  std::vector<std::string> key;
  if (job.to.load == LoadStrategy::upsert) {
    for (const Name& name : job.to.key)
      key.push_back(name.value);
    if (key.empty()) key = plan.input.key;
    for (const std::string& name : key) {
      if (!find_column(plan.input, name) || last_writer(job.transform, {name}) > 0)
        return without("their rows do not have the key as the target has it");
    }
    if (job.to.on_duplicate == OnDuplicate::first)
      return without("with `on_duplicate: first` the oldest version of a key counts");
  }
  TM_TRY(const std::filesystem::path root, stage_root(project_));
  TM_TRY(const std::vector<StageFolder> folders, stage_folders(staged_stream(root, plan.id)));
  const auto lo = order_of(shape, range.lo);
  std::vector<Stage> kept;
  bool covered = false;
  for (Seq seq = plan.seq; seq > Seq(0) && !covered; seq = Seq(seq.get() - 1)) {
    TM_TRY(std::optional<Stage> stage, loaded_stage(folders, plan.id, seq, sink, files_, cancel));
    if (!stage) return without("window " + std::to_string(seq.get()) + " is not kept any more");
    if (!same_columns(stage->manifest().schema, plan.input))
      return without("window " + std::to_string(seq.get()) + " has other columns");
    const auto& begin = stage->manifest().window.lo;
    const std::string value = begin ? source.cursor_value(*begin) : std::string();
    const auto begins = order_of(shape, value);
    // A fraction that order_of() leaves out may lie above `lo`.
    const bool fraction = shape == CursorShape::number && value.find('.') != std::string::npos;
    covered = !begin || (begins && lo && *begins + (fraction ? 1 : 0) <= *lo);
    kept.push_back(std::move(*stage));
  }
  if (!covered) return without("their first window begins later");
  if (options.read_only) return std::optional<Stage>();
  for (const Stage& stage : kept)
    TM_CHECK(stage.verify(HashDepth::xxh3, cancel));
  StageOptions writing;
  writing.root = root / backfill_folder;
  writing.segment_bytes_max = project_.segment_bytes;
  const StageKey made{plan.id, plan.seq, plan.fence, options.run};
  std::error_code ignored;  // one that stays is `stage.exists`
  std::filesystem::remove_all(stage_dir(writing.root, made), ignored);
  TM_TRY(auto writer,
         StageWriter::create(writing, made, plan.input, {Split{"the stages"}}, files_, cancel));
  Extraction rows = EngineScan{{}, rows_of_range(job, kept, key, plan, range), {}, {}};
  TM_CHECK(writer->write(engine_, 0, rows, cancel, [](std::int64_t, std::int64_t) {}));
  TM_TRY(Stage stage, writer->seal(plan.bound.window));
  return std::optional(std::move(stage));
}

Result<PreparedStream> Planner::plan_past_stream(const JobSpec& job, const StreamSpec& stream,
                                                 const StreamId& id, const BackfillRange& range,
                                                 Sink& sink, const PlanOptions& options,
                                                 Cancel& cancel) {
  PreparedStream prepared;
  StreamPlan& plan = prepared.plan;
  plan.id = id;
  plan.kind = LoadKind::backfill;
  plan.target.table = table_of(job, stream.name.get());
  TM_TRY(const std::optional<LedgerRow> head, sink.committed(plan.id, cancel));
  if (!head) {
    plan.bound.nothing_new = true;
    plan.idle_reason = "nothing is loaded yet";
    return prepared;
  }
  plan.seq = head->seq;
  plan.fence = head->fence;
  // The same part of the same backfill has the same name, whatever was loaded meanwhile.
  plan.load_id =
      load_id_of(plan.id, plan.kind, Seq(0), range.backfill + '\0' + range.lo + '\0' + range.hi);
  plan.reads_what =
      reads_of(*project_.find_connection(job.from.connection.value), stream.source, job);
  StreamSpec read = stream;
  // Rows without a value belong to no window of the past.
  if (read.source.null_cursor != NullCursor::fail) read.source.null_cursor = NullCursor::left_out;
  TM_TRY(prepared.source, open_to_verify(job, read, id, sink, options, cancel));
  Source& source = *prepared.source;
  TM_TRY(plan.input, source.discover(cancel));
  TM_CHECK(bound_verified(job, *head, source, sink, plan, cancel));
  const auto shape = source.cursor_shape();
  if (!shape) return no_values(job, "the positions of its watermark are no values");
  plan.bound.window.lo = source.position_of(range.lo);
  plan.bound.window.hi = plan.bound.window.top = source.position_of(range.hi);
  if (range.from_stage != FromStage::never) {
    TM_TRY(prepared.stage, stage_past(job, range, plan, source, sink, options, cancel));
    prepared.stage_verified = prepared.stage.has_value();
  }
  if (prepared.stage) {
    plan.bound.reason = "from the stages of windows that were loaded";
    prepared.source.reset();
  } else {
    TM_TRY(plan.splits, source.split(plan.bound.window, cancel));
  }
  if (prepared.source && guards_.of(job.from.connection.value).spec().connections) source.rest();
  Status planned = plan_load(job, stream.name.get(), plan, sink, options, cancel);
  if (!planned.ok() && !plan.bound.notes.empty())
    return std::move(planned).error().with_context(plan.bound.notes.front());
  TM_CHECK(planned);
  if (!plan.target.was_there) return table_gone(plan.target.table);
  if (job.to.load == LoadStrategy::append) {
    TM_TRY(plan.range, range_of(job, range, *shape, plan, sink, cancel));
  }
  return prepared;
}

Result<JobPlan> Planner::plan_backfill(const JobSpec& job, const BackfillRange& range,
                                       const PlanOptions& options, Cancel& cancel) {
  TM_CHECK(check_can_be_cut(job));
  Guard& guard = guards_.of(job.from.connection.value);
  if (!options.in_quiet_hours) TM_CHECK(guard.check_hours());
  if (options.rate_share) guard.limit(job.name.get() + " backfill", *options.rate_share);
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  for (const StreamSpec& stream : streams) {
    const StreamId id{job.name, many ? stream.name : StreamName("main")};
    auto prepared = plan_past_stream(job, stream, id, range, *plan.sink, options, cancel);
    if (!prepared.ok()) {
      return std::move(prepared).error().with_context(
          "planning a backfill of job `" + job.name.get() + "`" +
          (many ? ", stream `" + stream.name.get() + "`" : ""));
    }
    TM_CHECK(check_own_table(job, plan.streams, prepared->plan));
    plan.guarantee = std::max(plan.guarantee, prepared->plan.bound.guarantee);
    if (many && prepared->source) prepared->source->rest();
    plan.streams.push_back(std::move(*prepared));
  }
  return plan;
}

Result<BackfillBounds> Planner::backfill_bounds(const JobSpec& job, const PlanOptions& options,
                                                Cancel& cancel) {
  TM_CHECK(check_can_be_cut(job));
  TM_TRY(JobPlan target, open_target(job, options, cancel));
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  BackfillBounds bounds;
  std::optional<CursorShape> shape;
  for (const StreamSpec& stream : streams) {
    const StreamId id{job.name, many ? stream.name : StreamName("main")};
    TM_TRY(const std::optional<LedgerRow> head, target.sink->committed(id, cancel));
    if (!head || !head->window.hi) {
      bounds.left_out.push_back(id.stream);
      continue;
    }
    TM_TRY(const auto source, open_to_verify(job, stream, id, *target.sink, options, cancel));
    const auto found = source->cursor_shape();
    const std::string value = source->cursor_value(*head->window.hi);
    if (!found || value.empty())
      return no_values(job, "the positions of its watermark are no times, days or whole numbers");
    if (shape && *shape != *found)
      return no_values(job, "its streams have watermarks of different types");
    bounds.watermarks.push_back(value);
    shape = found;
  }
  if (!shape) {
    return user_error("plan.backfill_not_loaded",
                      "nothing of `" + job.name.get() + "` is loaded yet",
                      "`tidemark run " + job.name.get() + "` loads it from the beginning");
  }
  bounds.shape = *shape;
  bounds.has_rate = guards_.of(job.from.connection.value).has_rate();
  return bounds;
}

Result<std::optional<std::int64_t>> Planner::rows_estimated(const JobSpec& job,
                                                            const BackfillRange& range,
                                                            const PlanOptions& options,
                                                            Cancel& cancel) {
  TM_TRY(JobPlan target, open_target(job, options, cancel));
  TM_TRY(const std::vector<StreamSpec> streams, streams_of(job, options, cancel));
  const bool many = std::holds_alternative<TablesInput>(job.from.input);
  std::int64_t rows = 0;
  for (const StreamSpec& stream : streams) {
    const StreamId id{job.name, many ? stream.name : StreamName("main")};
    TM_TRY(const auto source, open_to_verify(job, stream, id, *target.sink, options, cancel));
    const Position hi = source->position_of(range.hi);
    TM_TRY(const auto estimated,
           source->rows_estimated({source->position_of(range.lo), hi, hi}, cancel));
    if (!estimated) return std::optional<std::int64_t>();
    rows += *estimated;
  }
  return std::optional(rows);
}

}  // namespace tidemark
