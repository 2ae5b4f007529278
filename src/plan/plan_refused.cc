// Planner::plan_refused: a plan whose rows are open refused rows, taken from the stages they stand
// in.
//
// Every refused row has an address in the stage of its window. The rows of several stages are one
// relation here, so an address gets the stage's place in it: segments of the n-th stage count from
// n * stage_stride.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/units.h"
#include "connect/syntax_tree.h"
#include "plan/edited_rows.h"
#include "plan/load_id.h"
#include "plan/planner.h"
#include "quality/quarantine.h"

namespace tidemark {

namespace {

constexpr int stage_stride = 100'000;  // more than a stage has segments

Error takes_rows_together(const JobSpec& job, const std::string& what) {
  return user_error("plan.rows_together",
                    "refused rows of `" + job.name.get() + "` cannot be tried one by one: " + what,
                    "read everything again with `tidemark run " + job.name.get() +
                        " --full`, or load the newest window again with `tidemark replay RUN`");
}

// As far as the parser tells: what does not bind is told by the plan.
Status check_no_windows(const JobSpec& job, duck::Connection& engine) {
  const auto has_window = [&](const SqlText& sql) -> Result<bool> {
    TM_TRY(const SyntaxTree tree, parse_select("SELECT " + sql.text, engine));
    return !tree.problem && tree.has_window;
  };
  for (const TransformStep& step : job.transform) {
    const auto* const derive = std::get_if<DeriveStep>(&step.kind);
    if (derive == nullptr) continue;
    for (const NamedSql& column : derive->columns) {
      TM_TRY(const bool has, has_window(column.sql));
      if (has)
        return takes_rows_together(job,
                                   "`derive` of `" + column.name.value + "` has a window function");
    }
  }
  for (const RuleSpec& rule : job.rules) {
    TM_TRY(const bool has, has_window(rule.check));
    if (has)
      return takes_rows_together(job, "the rule `" + rule.name.value + "` has a window function");
  }
  return {};
}

}  // namespace

// What a row becomes must depend on the row alone, or it would become something else here.
Status check_single_rows(const JobSpec& job, duck::Connection& engine) {
  for (const TransformStep& step : job.transform) {
    if (std::holds_alternative<SqlStep>(step.kind))
      return takes_rows_together(job, "a `sql` step takes all rows of a window");
    if (std::holds_alternative<DedupeStep>(step.kind))
      return takes_rows_together(job, "a `dedupe` step chooses among all rows of a window");
  }
  if (job.to.load == LoadStrategy::full && !job.to.key.empty()) {
    return takes_rows_together(
        job, "`load: full` with a `key` compares all rows with the table; the next run does so");
  }
  return check_no_windows(job, engine);
}

namespace {

Status check_no_windows(const JobSpec& job, const StreamPlan& plan) {
  for (const CompiledStep& step : plan.transform.parts.front().steps) {
    if (step.has_window) {
      return takes_rows_together(job, "step " + std::to_string(step.number) + " (" + step.label +
                                          ") has a window function");
    }
  }
  for (const CompiledRule& rule : plan.rules.rules) {
    if (rule.check.has_window)
      return takes_rows_together(job, "the rule `" + rule.name + "` has a window function");
  }
  return {};
}

std::string window_of(Seq seq) {
  return "window " + std::to_string(seq.get());
}

// Whether rows staged with the columns of `staged` are rows of `wanted` without a value that would
// have to change.
bool fits(const Schema& wanted, const Schema& staged) {
  return std::all_of(staged.columns.begin(), staged.columns.end(), [&](const Column& column) {
    const auto at = wanted.find(column.name);
    return at && wanted.columns[*at].type == column.type;
  });
}

// The columns of `wanted` from rows of `staged`, which fits, with what was edited over them.
std::string columns_as(const Schema& wanted, const Schema& staged, const EditedRows& edited) {
  std::string list;
  for (const Column& column : wanted.columns) {
    const auto at = staged.find(column.name);
    const std::string name = duck::quote_name(column.name);
    const std::string value = at ? "staged." + name : "CAST(NULL AS " + sql_name(column.type) + ")";
    list += edited.value_sql(column.name, value) + " AS " + name + ", ";
  }
  return list;
}

// The open refused rows of one stream and the stages that they stand in.
class Tried {
 public:
  Tried(duck::Connection& engine, std::string open, std::string table, bool is_upsert, bool by_id)
      : engine_(engine),
        open_(std::move(open)),
        table_(std::move(table)),
        is_upsert_(is_upsert),
        by_id_(by_id) {}

  // Of the rows that are asked for. Others need no stage: whether one is newer is told by its seq.
  Result<std::vector<Seq>> windows() {
    TM_TRY(const duck::Answer found,
           engine_.query("SELECT DISTINCT seq FROM " + open_ +
                         " WHERE chosen AND at_segment IS NOT NULL ORDER BY seq"));
    std::vector<Seq> windows;
    for (std::size_t row = 0; row < found.rows(); ++row)
      windows.emplace_back(found.integer(row, 0));
    return windows;
  }

  // The edits of the rows to try in `stages`, of which `all` has those of the job. Edits of other
  // rows were checked against other columns, and may be no values of these.
  Result<EditedRows> edited(const std::string& table, const Schema& schema,
                            const std::vector<Stage>& stages, const std::vector<RowEdit>& all) {
    std::string windows;
    for (const Stage& stage : stages)
      windows += (windows.empty() ? "" : ", ") + std::to_string(stage.manifest().key.seq.get());
    if (windows.empty()) return EditedRows();
    TM_TRY(const duck::Answer found,
           engine_.query("SELECT DISTINCT id FROM " + open_ +
                         " WHERE edit IS NOT NULL AND chosen AND seq IN (" + windows + ")"));
    std::vector<RowEdit> mine;
    for (std::size_t row = 0; row < found.rows(); ++row) {
      const auto edit = std::find_if(all.begin(), all.end(), [&](const RowEdit& one) {
        return one.row == found.text(row, 0);
      });
      if (edit != all.end()) mine.push_back(*edit);
    }
    return EditedRows::make(table, schema, mine, engine_);
  }

  void add(const Stage& stage, const std::string& columns, const std::string& order,
           const EditedRows& edited) {
    const bool has_order = !order.empty() && stage.manifest().schema.find(order).has_value();
    const std::string segment =
        std::to_string(stages_++ * stage_stride) + " + staged._tm_segment AS ";
    const std::string from = fmt::format(
        " FROM ({}) AS staged JOIN {{}} AS open ON open.seq = {} AND open.at_segment = "
        "staged._tm_segment AND open.at_row = staged._tm_row",
        stage.relation_sql(), stage.manifest().key.seq.get());
    placed_ += (placed_.empty() ? "" : "\nUNION ALL ") + std::string("SELECT open.*, ") + segment +
               "segment, staged._tm_row AS row, " +
               (has_order ? "staged." + duck::quote_name(order) : "0") + " AS version" +
               fmt::format(fmt::runtime(from), open_);
    rows_ += (rows_.empty() ? "" : "\nUNION ALL ") + std::string("SELECT ") + columns + segment +
             "_tm_segment, staged._tm_row AS _tm_row" + fmt::format(fmt::runtime(from), table_) +
             edited.join_sql("open") + " WHERE open.segment IS NOT NULL";
  }

  // Picks the rows to try: each address once, and of the versions of a key the newest, if it can be
  // told and stands in a stage.
  Result<TryAgain> pick(const RowKey& key) {
    const std::string placed =
        placed_.empty()
            ? "SELECT *, 0 AS segment, 0::BIGINT AS row, 0 AS version FROM " + open_ + " LIMIT 0"
            : placed_;
    const std::string picked =
        key.columns.empty()
            ? fmt::format(
                  "SELECT * FROM ({}) WHERE row_key IS NULL QUALIFY row_number() OVER "
                  "(PARTITION BY segment, row ORDER BY run_id DESC, locator) = 1",
                  placed)
            : newest_of_key(placed, key);
    TM_CHECK(engine_.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {0} AS WITH picked AS (SELECT * FROM ({1}) WHERE chosen) "
        "SELECT open.*, picked.segment, "
        "picked.row FROM {2} AS open LEFT JOIN picked ON open.run_id = picked.run_id AND "
        "open.locator = picked.locator",
        table_, picked, open_)));
    TryAgain again;
    again.rows = rows_;
    again.open = {table_, open_refused_schema(), RowCount(0)};
    TM_TRY(const std::int64_t all, engine_.count("SELECT count(*) FROM " + table_));
    TM_TRY(const std::int64_t tried, engine_.count("SELECT count(segment) FROM " + table_));
    again.open.rows = RowCount(all);
    again.count = RowCount(tried);
    TM_CHECK(name_left_out(again));
    return again;
  }

  void leave_out(Seq seq, const std::string& why) {
    windows_left_out_ += (windows_left_out_.empty() ? "" : "; ") + window_of(seq) + ", " + why;
  }

 private:
  // Windows are loaded in their order, so a later one has the newer version. Within one the order
  // is the load's own, which is not known here where a step makes it.
  std::string newest_of_key(const std::string& placed, const RowKey& key) const {
    return fmt::format(
        "SELECT * FROM (SELECT placed.*, count(*) OVER (PARTITION BY row_key) AS together FROM "
        "({0}) "
        "AS placed JOIN (SELECT row_key, max(seq) AS newest FROM {1} GROUP BY row_key) AS newest "
        "USING (row_key) WHERE seq = newest) WHERE {2} QUALIFY row_number() OVER (PARTITION BY "
        "row_key ORDER BY version {3} NULLS LAST, segment {3}, row {3}, run_id DESC) = 1",
        placed, open_, key.order_written ? "together = 1" : "true",
        key.newest_first ? "DESC" : "ASC");
  }

  Status name_left_out(TryAgain& again) {
    const auto add = [&](const std::string& condition, const char* why) -> Status {
      TM_TRY(const std::int64_t rows,
             engine_.count("SELECT count(*) FROM " + table_ +
                           " WHERE segment IS NULL AND chosen AND " + condition));
      if (rows == 0) return {};
      again.left_out += (again.left_out.empty() ? "" : "; ") + show_count(rows) + " " + why;
      return {};
    };
    const std::string at_extract = "rule = " + duck::quote_text(std::string(extract_rule));
    TM_CHECK(add(at_extract,
                 "refused while the source was read: deliver them again, or read everything again "
                 "with --full"));
    if (!is_upsert_) {
      TM_CHECK(add("row_key IS NOT NULL",
                   "refused while the job was an upsert, so a newer version of them may be loaded: "
                   "read everything again with --full"));
    } else {
      TM_CHECK(add("NOT " + at_extract + " AND row_key IS NULL",
                   "without a known key, so a newer version of them may be loaded: touch them in "
                   "the source, or read everything again with --full"));
      if (by_id_) {
        TM_CHECK(add("NOT " + at_extract +
                         " AND row_key IS NOT NULL AND (row_key, seq) NOT IN (SELECT (row_key, "
                         "max(seq)) FROM " +
                         table_ + " WHERE row_key IS NOT NULL GROUP BY row_key)",
                     "with a newer version that is refused too: ask for that one"));
      } else {
        TM_CHECK(add("NOT " + at_extract + " AND row_key IN (SELECT row_key FROM " + table_ +
                         " WHERE segment IS NOT NULL)",
                     "older versions of rows that are tried"));
      }
    }
    if (!windows_left_out_.empty())
      again.left_out += (again.left_out.empty() ? "" : "; ") + ("all of " + windows_left_out_);
    return {};
  }

  duck::Connection& engine_;
  std::string open_;   // the stream's open rows with at_segment and at_row
  std::string table_;  // what pick() makes
  bool is_upsert_;
  bool by_id_;  // only those that were chosen so
  int stages_ = 0;
  std::string placed_;
  std::string rows_;
  std::string windows_left_out_;
};

}  // namespace

Result<std::optional<Stage>> loaded_stage(const std::vector<StageFolder>& folders,
                                          const StreamId& id, Seq seq, Sink& sink, Files& files,
                                          Cancel& cancel) {
  TM_TRY(const std::string checksum, sink.window_checksum(id, seq, cancel));
  for (const StageFolder& folder : folders) {
    if (folder.seq != seq || folder.kind != StageKind::sealed) continue;
    auto stage = Stage::open(folder.dir, files);
    if (stage.ok() && stage->checksum() == checksum) return std::optional(std::move(*stage));
    if (!stage.ok() && stage.error().code != "stage.not_sealed") return std::move(stage).error();
  }
  return std::optional<Stage>();
}

Result<PreparedStream> Planner::plan_refused_stream(const JobSpec& job, const StreamId& id,
                                                    std::size_t number, const RefusedChoice& choice,
                                                    Sink& sink, const PlanOptions& options,
                                                    Cancel& cancel) {
  PreparedStream prepared;
  StreamPlan& plan = prepared.plan;
  plan.id = id;
  plan.kind = LoadKind::requarantine;
  plan.accept_refused = true;
  TM_TRY(const std::optional<LedgerRow> head, sink.committed(id, cancel));
  plan.seq = head ? head->seq : Seq(0);
  plan.fence = head ? head->fence : Fence(0);
  plan.load_id = load_id_of(id, plan.kind, plan.seq, options.run.get());
  plan.bound.reason = "refused rows from their stages";
  plan.bound.nothing_new = true;

  const std::string open = "_tm_open_" + std::to_string(number);
  TM_CHECK(
      engine_.execute("CREATE OR REPLACE TEMP TABLE " + open +
                      " AS FROM _tm_open WHERE stream = " + duck::quote_text(id.stream.get())));
  Tried tried(engine_, open, "_tm_tried_" + std::to_string(number),
              job.to.load == LoadStrategy::upsert, !choice.rows.empty());
  TM_TRY(std::vector<Seq> windows, tried.windows());
  TM_TRY(const std::filesystem::path root, stage_root(project_));
  TM_TRY(const std::vector<StageFolder> folders, stage_folders(staged_stream(root, id)));
  std::vector<Stage> stages;
  // From the newest, whose columns are the ones that count.
  std::reverse(windows.begin(), windows.end());
  for (const Seq seq : windows) {
    TM_TRY(std::optional<Stage> stage, loaded_stage(folders, id, seq, sink, files_, cancel));
    if (!stage) {
      tried.leave_out(seq, "whose stage is gone");
      continue;
    }
    const Schema& schema = stage->manifest().schema;
    if (stages.empty()) plan.input = schema;
    if (!fits(plan.input, schema)) {
      tried.leave_out(seq, "which was staged with other columns");
      continue;
    }
    stages.push_back(std::move(*stage));
  }
  // Before what drifted is met, which changes the columns of the plan.
  const Schema wanted = plan.input;
  TM_TRY(const EditedRows edited,
         tried.edited("_tm_edits_" + std::to_string(number), wanted, stages, choice.edits));
  if (!stages.empty()) {
    TM_CHECK(meet_drift_of_stage(job, sink, plan, cancel));
    TM_CHECK(plan_load(job, name_in_target(job, id.stream), plan, sink, options, cancel));
    TM_CHECK(check_no_windows(job, plan));
  }
  for (const Stage& stage : stages)
    tried.add(stage, columns_as(wanted, stage.manifest().schema, edited), plan.row_key.order,
              edited);
  TM_TRY(TryAgain again, tried.pick(plan.row_key));
  again.stages = std::move(stages);
  plan.bound.nothing_new = again.count.get() == 0;
  plan.idle_reason = "no refused row can be tried again";
  if (!again.left_out.empty()) plan.idle_reason += ": " + again.left_out;
  plan.bound.rows_expected = again.count.get();
  if (!again.left_out.empty()) plan.bound.notes.push_back("not tried: " + again.left_out);
  prepared.again = std::move(again);
  return prepared;
}

namespace {

// The open rows of a job with their addresses in their stages, their ids, the numbers of their
// edits, and whether they are wanted; `told`: what becomes of them is written down one by one,
// where it is not as it is in `tried`. So a replay each night writes down no more than the first.
std::string open_rows_sql(const JobName& job, const RefusedChoice& choice,
                          const std::string& open) {
  const std::string address = "regexp_extract(locator, '^segment ([0-9]+) row ([0-9]+)$', ";
  std::string edits =
      "SELECT NULL::VARCHAR AS id, NULL::BIGINT AS number, NULL::VARCHAR AS tried, NULL::BIGINT AS "
      "tries LIMIT 0";
  for (std::size_t at = 0; at < choice.edits.size(); ++at) {
    edits = (at == 0 ? "" : edits + " UNION ALL ") + "SELECT " +
            duck::quote_text(choice.edits[at].row) + " AS id, nullif(" +
            std::to_string(choice.edits[at].number) + "::BIGINT, 0) AS number, " +
            duck::quote_text(choice.edits[at].tried) + " AS tried, " +
            std::to_string(choice.edits[at].tries) + "::BIGINT AS tries";
  }
  std::string chosen;
  for (const std::string& row : choice.rows)
    chosen += (chosen.empty() ? "" : ", ") + duck::quote_text(row);
  return fmt::format(
      "SELECT refused.*, edits.number AS edit, {0} AS chosen, ({1} OR edits.number IS NOT NULL) "
      "AND coalesce(edits.tries, 0) < {6} AS told, edits.tried FROM (SELECT *, TRY_CAST({2}1) AS "
      "INTEGER) AS at_segment, TRY_CAST({2}2) AS BIGINT) "
      "AS at_row, {3} AS id FROM {4}) AS refused LEFT JOIN ({5}) AS edits ON refused.id = "
      "edits.id",
      chosen.empty() ? "true" : "refused.id IN (" + chosen + ")",
      chosen.empty() ? "false" : "refused.id IN (" + chosen + ")", address,
      row_id_sql(duck::quote_text(job.get())), open, edits, row_tries_max);
}

Status check_all_open(const JobSpec& job, const RefusedChoice& choice, duck::Connection& engine) {
  for (const std::string& row : choice.rows) {
    TM_TRY(const std::int64_t rows,
           engine.count("SELECT count(*) FROM _tm_open WHERE id = " + duck::quote_text(row)));
    if (rows > 0) continue;
    return user_error("user.row_not_open",
                      "`" + job.name.get() + "` has no open refused row `" + row + "`",
                      "`tidemark quarantine " + job.name.get() +
                          "` lists those that are open; `tidemark quarantine show " +
                          job.name.get() + " " + row + "` tells what became of one");
  }
  return {};
}

}  // namespace

Result<JobPlan> Planner::plan_refused(const JobSpec& job, const RefusedChoice& choice,
                                      const PlanOptions& options, Cancel& cancel) {
  TM_CHECK(check_single_rows(job, engine_));
  TM_TRY(JobPlan plan, open_target(job, options, cancel));
  TM_TRY(const StagedTable open, plan.sink->open_refused(job.name, std::nullopt, cancel));
  TM_CHECK(engine_.execute("CREATE OR REPLACE TEMP TABLE _tm_open AS " +
                           open_rows_sql(job.name, choice, open.relation)));
  TM_CHECK(check_all_open(job, choice, engine_));
  TM_TRY(const duck::Answer streams,
         engine_.query("SELECT DISTINCT stream FROM _tm_open WHERE chosen ORDER BY ALL"));
  for (std::size_t at = 0; at < streams.rows(); ++at) {
    const StreamId id{job.name, StreamName(streams.text(at, 0).value_or(""))};
    TM_TRY(PreparedStream prepared,
           plan_refused_stream(job, id, at, choice, *plan.sink, options, cancel));
    plan.streams.push_back(std::move(prepared));
  }
  if (plan.streams.empty()) {
    PreparedStream nothing;
    nothing.plan.id = {job.name, StreamName("main")};
    nothing.plan.kind = LoadKind::requarantine;
    nothing.plan.bound.nothing_new = true;
    nothing.plan.idle_reason = "no refused row is open";
    plan.streams.push_back(std::move(nothing));
  }
  return plan;
}

}  // namespace tidemark
