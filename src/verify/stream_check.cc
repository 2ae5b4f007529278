#include "verify/stream_check.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "connect/staged_table.h"
#include "drivers/hash/hash.h"
#include "run/deletions.h"
#include "run/refine.h"
#include "run/split_reads.h"

namespace tidemark {
namespace {

// Between two of them it is asked whether the budget is used up.
constexpr std::size_t pieces_of_budget = 32;
constexpr const char* judged_table = "tm_verify_judged";
constexpr const char* rows_table = "tm_verify_rows";
constexpr const char* since_table = "tm_verify_since";

std::vector<int> all_of(const Buckets& buckets) {
  std::vector<int> all(static_cast<std::size_t>(buckets.count()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_only_in_target(const std::string& example) {
  return example.starts_with("only in the target");
}

Compared compared_of(const JobSpec& job, const StreamPlan& plan) {
  Compared compared;
  compared.schema = plan.target.schema;
  // When a row was found to be gone is nothing that the source has.
  std::erase_if(compared.schema.columns,
                [&](const Column& column) { return column.name == plan.target.mark; });
  compared.key = plan.target.key;
  compared.place = compared.key;
  const bool carried = job.transform.empty();
  if (compared.place.empty() && carried) compared.place = plan.input.key;
  const bool there =
      std::all_of(compared.place.begin(), compared.place.end(),
                  [&](const std::string& name) { return compared.schema.find(name).has_value(); });
  if (!there) compared.place.clear();
  // An append may have several versions of a row, a full load has one.
  if (plan.target.strategy == LoadStrategy::full) compared.key = compared.place;
  if (compared.place.empty()) compared.place = compared.schema.names();
  return compared;
}

// What shows that a row of the source is another than it was.
std::vector<std::string> traces_of(const JobSpec& job, const Compared& compared) {
  std::vector<std::string> traces = compared.place;
  if (job.from.watermark && compared.schema.find(job.from.watermark->value) &&
      !has(traces, job.from.watermark->value))
    traces.push_back(job.from.watermark->value);
  return traces;
}

std::vector<std::string> each_quoted(const std::vector<std::string>& names) {
  std::vector<std::string> quoted;
  for (const std::string& name : names)
    quoted.push_back(duck::quote_name(name));
  return quoted;
}

std::int64_t rows_in(const std::vector<Digest>& digests) {
  std::int64_t rows = 0;
  for (const Digest& digest : digests)
    rows += digest.rows;
  return rows;
}

// Many more rows than when the buckets were made.
bool outgrown(const Buckets& buckets, std::int64_t rows) {
  return buckets.count() < Comparison::buckets_max &&
         rows > 2 * Comparison::rows_of_bucket * buckets.count();
}

}  // namespace

struct StreamCheck::Looked {
  Buckets buckets;
  std::vector<Digest> target = {};
  std::vector<std::optional<ProvedPart>> proved = {};  // buckets without a fault
  std::vector<int> differing = {};
  int next = 0;
  int skipped = 0;
  int left = 0;
  std::int64_t only_in_target = 0;  // of the skipped ones
};

StreamCheck::StreamCheck(const Parts& parts, PreparedStream& stream)
    : parts_(parts),
      stream_(stream),
      compared_(stream.plan.bound.nothing_new ? Compared{} : compared_of(parts.job, stream.plan)),
      traces_(traces_of(parts.job, compared_)),
      comparison_(compared_, parts.engine) {
  if (!parts_.job.from.watermark) return;
  const std::string& watermark = parts_.job.from.watermark->value;
  watermark_in_rows_ = has(traces_, watermark);
  // What becomes of the value of an expression cannot be seen without reading the rows.
  can_skip_ = watermark_in_rows_ || watermark == "xmin";
}

Result<Verdict> StreamCheck::check(Cancel& cancel) {
  const StreamPlan& plan = stream_.plan;
  Verdict verdict;
  if (plan.bound.nothing_new) {
    verdict.id = plan.id;
    verdict.note = plan.idle_reason;
    return verdict;
  }
  const bool carried = parts_.job.transform.empty();
  TM_TRY(verdict, carried ? check_carried(cancel) : check_transformed(cancel));
  verdict.id = plan.id;
  verdict.guarantee = plan.bound.guarantee;
  verdict.reason = plan.bound.reason;
  verdict.not_compared = plan.bound.notes;
  const SourceSpec& from = parts_.job.from;
  if (from.watermark && from.null_cursor == NullCursor::once &&
      plan.target.strategy != LoadStrategy::full) {
    verdict.not_compared.push_back("rows without `" + from.watermark->value +
                                   "`: `null_cursor: once` reads those of the first run only");
  }
  verdict.transformed = !carried;
  verdict.columns = compared_.schema.names();
  verdict.rows = target_rows_;
  const Differences& found = verdict.differences;
  const bool whole = verdict.parts_left == 0 && found.pending == 0;
  if (found.equal() && whole) verdict.proved_at = parts_.run.clock.now_utc();
  if (!found.equal()) {
    TM_TRY(verdict.no_repair, why_no_repair(cancel));
  }
  wants_repair_ = !found.equal() && !verdict.no_repair;
  TM_CHECK(keep_proof(verdict));
  return verdict;
}

Result<std::optional<std::string>> StreamCheck::why_no_repair(Cancel& cancel) {
  using Why = std::optional<std::string>;
  const StreamPlan& plan = stream_.plan;
  const std::string& job = plan.id.job.get();
  if (plan.target.strategy == LoadStrategy::full)
    return Why("`load: full` reads all of it again at each run");
  if (!plan.bound.notes.empty()) {
    return Why(
        "the source's columns are not those of the last load, and a row loaded again would "
        "lose values; a run says what is to be done (`tidemark plan " +
        job + "`)");
  }
  if (parts_.on_duplicate == OnDuplicate::first) {
    return Why(
        "with `on_duplicate: first` it cannot be told which of the rows with one key came "
        "first in its window; `tidemark run " +
        job + " --full` loads all of it again");
  }
  if (plan.target.strategy != LoadStrategy::append) return Why();
  if (!parts_.job.transform.empty()) {
    return Why(
        "which rows of the source are missing cannot be told behind the job's steps; "
        "`tidemark run " +
        job + " --full` loads all of it again");
  }
  TM_TRY(const std::vector<Seq> refused, parts_.sink.refused_windows(plan.id, cancel));
  if (!refused.empty()) {
    return Why(
        "rows of it are in quarantine, and one loaded by a repair could be loaded from "
        "there once more; `tidemark replay --quarantined " +
        job + "` comes first");
  }
  return Why();
}

std::unique_ptr<Side> StreamCheck::source_rows(Source& source, const Schema& present,
                                               const Window& window) {
  return widened_side(source_side(source, window, side_engine()), present, compared_.schema);
}

std::unique_ptr<Side> StreamCheck::source_rows(const Window& window) {
  return source_rows(*stream_.source, stream_.plan.input, window);
}

// Rows as the job's rules leave them.
std::unique_ptr<Side> StreamCheck::judged_rows(const std::string& relation) {
  Schema present = stream_.plan.target.schema;
  std::erase_if(present.columns, [&](const Column& column) {
    return !compared_.schema.find(column.name).has_value();
  });
  return widened_side(engine_side(relation, parts_.engine), present, compared_.schema);
}

// Columns in the types of the source, which the comparison may have widened.
std::string StreamCheck::as_read() const {
  std::string list;
  for (const Column& column : stream_.plan.input.columns) {
    const std::string name = duck::quote_name(column.name);
    list += (list.empty() ? "" : ", ") +
            fmt::format("CAST({0} AS {1}) AS {0}", name, sql_name(column.type));
  }
  return list;
}

Result<std::unique_ptr<Side>> StreamCheck::target_rows(Cancel& cancel) {
  TM_TRY(TargetRows rows, parts_.sink.rows(stream_.plan.target.table, cancel));
  return target_side(std::move(rows), compared_.schema, compared_.place, side_engine(), cancel);
}

Result<std::optional<KeptProof>> StreamCheck::kept_proof() {
  return parts_.run.store.proof(stream_.plan.id);
}

std::optional<Proof> StreamCheck::proof_of(const std::optional<KeptProof>& kept) const {
  if (parts_.options.all || !kept || !can_skip_) return std::nullopt;
  auto proof = Proof::parse(kept->text);
  if (proof && proof->what != what_is_compared()) proof.reset();
  return proof;
}

std::string StreamCheck::what_is_compared() const {
  const auto shown = [&](const Name& connection) {
    const ConnectionSpec* spec = parts_.run.project.find_connection(connection.value);
    return connection.value + " " + (spec == nullptr ? "" : spec->shown);
  };
  std::string text = duck::Engine::version() + "\n" + parts_.job.content_hash + "\n" +
                     shown(parts_.job.from.connection) + "\n" + shown(parts_.job.to.connection) +
                     "\n" + stream_.plan.target.table;
  for (const Column& column : compared_.schema.columns)
    text += "\n" + column.name + " " + sql_name(column.type);
  for (const std::string& name : compared_.key)
    text += "\nkey " + name;
  for (const std::string& name : traces_)
    text += "\ntrace " + name;
  return sha256_hex(text);
}

Result<std::vector<int>> StreamCheck::worth_a_look(const Proof& proof,
                                                   const std::vector<Digest>& target,
                                                   Cancel& cancel) {
  std::vector<bool> wanted(target.size());
  bool some_proved = false;
  for (std::size_t at = 0; at < target.size(); ++at) {
    const auto& proved = proof.parts[at];
    wanted[at] = !proved || proved->target != target[at];
    some_proved = some_proved || !wanted[at];
  }
  if (some_proved) {
    TM_CHECK(mark_retraced(proof, wanted, cancel));
    if (!watermark_in_rows_ && proof.hi != loaded().hi)
      TM_CHECK(mark_touched(proof, wanted, cancel));
  }
  std::vector<int> numbers;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (wanted[at]) numbers.push_back(static_cast<int>(at));
  }
  return numbers;
}

// Reads only the columns that show a change.
Status StreamCheck::mark_retraced(const Proof& proof, std::vector<bool>& wanted, Cancel& cancel) {
  PlanOptions options;
  options.run = new_run_id(parts_.run.clock, parts_.run.randomness);
  options.read_only = true;
  stream_.source->rest();
  TM_TRY(const auto source, parts_.planner.source_to_verify(parts_.job, stream_.plan.id,
                                                            parts_.sink, options, cancel));
  std::vector<std::string> others;
  TM_TRY(const Schema all, source->discover(cancel));
  for (const Column& column : all.columns) {
    if (!has(traces_, column.name)) others.push_back(column.name);
  }
  TM_CHECK(source->leave_out(others));
  TM_TRY(const Schema kept, source->discover(cancel));
  const Compared traces{kept, {}, compared_.place};
  const auto rows = source_rows(*source, kept, loaded());
  Comparison comparison(traces, parts_.engine);
  TM_TRY(const std::vector<Digest> now,
         comparison.digests(*rows, {{}, each_quoted(traces_)}, proof.buckets,
                            {{0, proof.buckets.count()}}, cancel));
  for (std::size_t at = 0; at < now.size(); ++at) {
    const auto& proved = proof.parts[at];
    if (proved && (proved->source.rows != now[at].rows || proved->source.traces != now[at].traces))
      wanted[at] = true;
  }
  return {};
}

// Rows whose watermark cannot be read as a column, since the proof.
Status StreamCheck::mark_touched(const Proof& proof, std::vector<bool>& wanted, Cancel& cancel) {
  const auto rows = source_rows({proof.hi, loaded().hi, loaded().top});
  TM_TRY(const std::vector<Digest> touched,
         comparison_.digests(*rows, {}, proof.buckets, {{0, proof.buckets.count()}}, cancel));
  for (std::size_t at = 0; at < touched.size(); ++at)
    wanted[at] = wanted[at] || touched[at].rows > 0;
  return {};
}

Result<StreamCheck::Looked> StreamCheck::look(Side& expected, Side& target, Cancel& cancel) {
  TM_TRY(const std::optional<KeptProof> kept, kept_proof());
  std::optional<Proof> proof = proof_of(kept);
  Looked looked{proof ? proof->buckets : Buckets::of_hash(compared_.place, 1)};
  const std::vector<std::string> columns = hashed_columns(compared_.schema);
  const auto look_at_target = [&]() -> Status {
    TM_TRY(looked.target, comparison_.digests(target, {columns, {}}, looked.buckets,
                                              {{0, looked.buckets.count()}}, cancel));
    return {};
  };
  if (proof) TM_CHECK(look_at_target());
  if (!proof || outgrown(looked.buckets, rows_in(looked.target))) {
    proof.reset();
    TM_TRY(looked.buckets, comparison_.buckets(target, cancel));
    TM_CHECK(look_at_target());
  }
  const Buckets& buckets = looked.buckets;
  target_rows_ = rows_in(looked.target);
  std::vector<int> wanted = all_of(buckets);
  looked.proved.resize(wanted.size());
  if (proof) {
    TM_TRY(wanted, worth_a_look(*proof, looked.target, cancel));
    // Where the budget was used up the last time it begins.
    std::rotate(wanted.begin(), std::lower_bound(wanted.begin(), wanted.end(), proof->next),
                wanted.end());
    looked.proved = proof->parts;
    for (const int bucket : wanted)
      looked.proved[static_cast<std::size_t>(bucket)].reset();
    looked.skipped = buckets.count() - static_cast<int>(wanted.size());
    // No row of theirs is missing, so what the target has more of is what only it has.
    for (const auto& part : looked.proved) {
      if (part) looked.only_in_target += part->target.rows - part->source.rows;
    }
  }
  const bool in_pieces = parts_.options.budget && buckets.have_ranges();
  const std::size_t piece =
      in_pieces ? wanted.size() / pieces_of_budget + 1 : std::max<std::size_t>(wanted.size(), 1);
  std::size_t done = 0;
  while (done < wanted.size() && (done == 0 || parts_.run.clock.monotonic() < parts_.deadline)) {
    const std::size_t end = std::min(done + piece, wanted.size());
    std::vector<int> these(wanted.begin() + static_cast<std::ptrdiff_t>(done),
                           wanted.begin() + static_cast<std::ptrdiff_t>(end));
    std::sort(these.begin(), these.end());
    TM_TRY(const std::vector<Digest> here,
           comparison_.digests(expected, {columns, each_quoted(traces_)}, buckets, spans_of(these),
                               cancel));
    for (const int bucket : these) {
      const auto at = static_cast<std::size_t>(bucket);
      const Digest& there = looked.target[at];
      looked.proved[at] = ProvedPart{there, here[at]};  // until a fault is found in it
      if (here[at].rows != there.rows || here[at].sum != there.sum)
        looked.differing.push_back(bucket);
    }
    done = end;
  }
  std::sort(looked.differing.begin(), looked.differing.end());
  looked.left = static_cast<int>(wanted.size() - done);
  if (looked.left > 0) looked.next = wanted[done];
  return looked;
}

Result<Verdict> StreamCheck::check_carried(Cancel& cancel) {
  TM_TRY(const auto target, target_rows(cancel));
  const auto expected = source_rows(loaded());
  std::unique_ptr<Side> changed;
  if (loaded().hi) changed = source_rows({loaded().hi, std::nullopt, std::nullopt});
  TM_TRY(Looked looked, look(*expected, *target, cancel));
  Verdict verdict;
  verdict.parts = looked.buckets.count();
  verdict.parts_skipped = looked.skipped;
  verdict.parts_left = looked.left;
  TM_TRY(verdict.differences, comparison_.find(*expected, *target, changed.get(), looked.buckets,
                                               looked.differing, cancel));
  verdict.differences.only_in_target += looked.only_in_target;
  for (const int bucket : verdict.differences.buckets)
    looked.proved[static_cast<std::size_t>(bucket)].reset();
  if (!verdict.differences.equal())
    TM_CHECK(judge(*expected, *target, looked, verdict.differences, cancel));
  if (!verdict.differences.equal() && batch_) {
    TM_TRY(verdict.seconds_late, seconds_late(*batch_, cancel));
  }
  if (can_skip_) {
    proof_ = Proof{what_is_compared(), std::move(looked.buckets), loaded().hi,
                   std::move(looked.proved), looked.next};
  }
  return verdict;
}

Result<Refined> StreamCheck::refined(const StagedRows& rows, Cancel& cancel) {
  const StagedTable none = no_staged_rows(open_refused_schema());
  const RunId run = new_run_id(parts_.run.clock, parts_.run.randomness);
  const RefineInput input{
      stream_.plan, rows, none, parts_.job, run, parts_.run.clock, found_now(parts_.run.clock)};
  return refine(input, parts_.engine, cancel);
}

Status StreamCheck::judge(Side& expected, Side& target, const Looked& looked,
                          Differences& differences, Cancel& cancel) {
  TM_TRY(const std::string batch,
         comparison_.batch(expected, looked.buckets, looked.differing, cancel));
  TM_CHECK(parts_.engine.execute(
      fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, CAST(1 AS "
                  "INTEGER) AS {}, row_number() OVER () "
                  "AS {} FROM {}",
                  judged_table, as_read(), stage_segment_column, stage_row_column, batch)));
  TM_TRY(const std::int64_t rows,
         parts_.engine.count(fmt::format("SELECT count(*) FROM {}", judged_table)));
  const StagedRows staged{std::string("SELECT * FROM ") + judged_table,
                          {},
                          RowCount(rows),
                          RowCount(0),
                          {},
                          std::nullopt};
  TM_TRY(const Refined judged, refined(staged, cancel));
  const auto good = judged_rows(judged.good.relation);
  std::vector<std::string> examples;
  if (compared_.key.empty()) {
    // Each of them is one that the target has not.
    differences.missing = judged.good.rows.get();
    examples = differences.examples;
    batch_ = judged.good.relation;
  } else {
    TM_TRY(const Differences left,
           comparison_.find(*good, target, nullptr, looked.buckets, looked.differing, cancel));
    differences.missing = left.missing;
    differences.different = left.different;
    differences.doubled = left.doubled;
    for (const std::string& example : left.examples) {
      if (!is_only_in_target(example)) examples.push_back(example);
    }
    for (const std::string& example : differences.examples) {
      if (is_only_in_target(example)) examples.push_back(example);
    }
    TM_TRY(batch_, comparison_.batch(*good, looked.buckets, looked.differing, cancel));
  }
  differences.refused = judged.rows_refused.get();
  differences.examples = std::move(examples);
  return {};
}

Status StreamCheck::keep_proof(const Verdict& verdict) {
  TM_TRY(const std::optional<KeptProof> before, kept_proof());
  KeptProof kept;
  kept.proved_at = verdict.proved_at;
  const bool goes_on = verdict.differences.equal() && verdict.parts_left > 0;
  if (goes_on && before) kept.proved_at = before->proved_at;
  if (proof_) kept.text = proof_->text();
  return parts_.run.store.keep_proof(stream_.plan.id, kept);
}

// The source's rows as a load would make them.
Result<Verdict> StreamCheck::check_transformed(Cancel& cancel) {
  TM_TRY(whole_, stage_source("whole", loaded(), cancel));
  TM_TRY(const std::int64_t refused, make_rows(*whole_, rows_table, cancel));
  TM_TRY(const auto target, target_rows(cancel));
  const auto good = judged_rows(rows_table);
  TM_TRY(const Buckets buckets, comparison_.buckets(*good, cancel));
  // What belongs to the next window, as the steps make it; read last.
  std::unique_ptr<Side> changed;
  if (loaded().hi && !loaded().top) {
    TM_TRY(const Stage since,
           stage_source("since", {loaded().hi, std::nullopt, std::nullopt}, cancel));
    TM_CHECK(make_rows(since, since_table, cancel));
    changed = judged_rows(since_table);
  }
  Verdict verdict;
  verdict.parts = buckets.count();
  TM_TRY(verdict.differences,
         comparison_.find(*good, *target, changed.get(), buckets, all_of(buckets), cancel));
  verdict.differences.refused = refused;
  const auto count = [&](duck::Connection& engine, const std::string& from) -> Status {
    TM_TRY(const std::int64_t some, engine.count("SELECT count(*) FROM " + from));
    target_rows_ += some;
    return {};
  };
  TM_CHECK(target->scan({}, Side::Readers::one, count, cancel));
  return verdict;
}

// The good rows of a stage as a table; how many were refused.
Result<std::int64_t> StreamCheck::make_rows(const Stage& stage, const char* table, Cancel& cancel) {
  TM_TRY(const Refined rows, refined(rows_of(stage), cancel));
  TM_CHECK(parts_.engine.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {}",
                                             table, duck::quote_list(compared_.schema.names()),
                                             rows.good.relation)));
  return rows.rows_refused.get();
}

// The first window has all of the past: nothing in it came late.
Result<std::optional<double>> StreamCheck::seconds_late(const std::string& rows, Cancel& cancel) {
  if (!watermark_in_rows_) return std::optional<double>();
  const Column& cursor =
      compared_.schema.columns[*compared_.schema.find(parts_.job.from.watermark->value)];
  if (cursor.type.kind != TypeKind::timestamp && cursor.type.kind != TypeKind::timestamptz)
    return std::optional<double>();
  TM_TRY(const std::vector<Position> history, parts_.sink.history(stream_.plan.id, cancel));
  std::string ends;
  for (const Position& end : history) {
    const std::string value = stream_.source->cursor_value(end);
    if (!value.empty())
      ends += (ends.empty() ? "" : ", ") + fmt::format("({})", duck::quote_text(value));
  }
  if (ends.empty()) return std::optional<double>();
  const std::string type = sql_name(cursor.type);
  TM_TRY(
      const duck::Answer answer,
      parts_.engine.query(fmt::format(
          "WITH windows AS (SELECT TRY_CAST(value AS {2}) AS ended FROM (VALUES {3}) AS "
          "ends(value))"
          " SELECT max(epoch_us(ended) - epoch_us(moment)) FROM (SELECT {0} AS moment FROM ({1})) "
          "AS late ASOF JOIN windows ON late.moment < windows.ended WHERE ended > (SELECT "
          "min(ended) FROM windows)",
          duck::quote_name(cursor.name), comparison_.missing_of(rows), type, ends)));
  if (!answer.text(0, 0)) return std::optional<double>();
  return std::optional(static_cast<double>(answer.integer(0, 0)) / 1e6);
}

Result<std::unique_ptr<StageWriter>> StreamCheck::writer(const char* name,
                                                         std::vector<Split> splits,
                                                         Cancel& cancel) {
  const StreamPlan& plan = stream_.plan;
  StageOptions options;
  options.root = parts_.folder / name;
  const RunId run = new_run_id(parts_.run.clock, parts_.run.randomness);
  return StageWriter::create(options, {plan.id, plan.seq, plan.fence, run}, plan.input,
                             std::move(splits), parts_.run.files, cancel);
}

Result<Stage> StreamCheck::stage_source(const char* name, const Window& window, Cancel& cancel) {
  Source& source = *stream_.source;
  TM_TRY(std::vector<Split> splits, source.split(window, cancel));
  TM_TRY(const auto into, writer(name, std::move(splits), cancel));
  StagedSplits staged(*into, {});
  SplitReads reads(source, staged, parts_.run.engine, {}, cancel);
  TM_CHECK(reads.read(parts_.engine));
  TM_CHECK(source.verify(window, cancel));
  return into->seal(window);
}

Result<std::optional<Stage>> StreamCheck::repair(Cancel& cancel) {
  if (!wants_repair_) return std::optional<Stage>();
  if (whole_) return std::exchange(whole_, std::nullopt);
  if (!batch_) return std::optional<Stage>();
  TM_TRY(const std::int64_t rows, parts_.engine.count("SELECT count(*) FROM " + *batch_));
  if (rows == 0) return std::optional<Stage>();
  TM_TRY(const auto into, writer("batch", {{"rows that are missing or different"}}, cancel));
  Extraction batch = EngineScan{{}, fmt::format("SELECT {} FROM {}", as_read(), *batch_), {}, {}};
  TM_CHECK(into->write(parts_.engine, 0, batch, cancel, {}));
  TM_TRY(Stage stage, into->seal(loaded()));
  return std::optional(std::move(stage));
}

}  // namespace tidemark
