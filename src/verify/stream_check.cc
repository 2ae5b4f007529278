#include "verify/stream_check.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "connect/staged_table.h"
#include "run/refine.h"
#include "run/split_reads.h"

namespace tidemark {
namespace {

// Between two of them it is asked whether the budget is used up.
constexpr std::size_t pieces_of_budget = 32;
constexpr const char* judged_table = "tm_verify_judged";

std::vector<int> all_of(const Buckets& buckets) {
  std::vector<int> all(static_cast<std::size_t>(buckets.count()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names)
    list += (list.empty() ? "" : ", ") + duck::quote_name(name);
  return list;
}

bool is_only_in_target(const std::string& example) {
  return example.starts_with("only in the target");
}

Compared compared_of(const JobSpec& job, const StreamPlan& plan) {
  Compared compared;
  compared.schema = plan.target.schema;
  compared.key = plan.target.key;
  compared.place = compared.key;
  const bool carried = job.transform.empty();
  if (compared.place.empty() && carried) compared.place = plan.input.key;
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

}  // namespace

struct StreamCheck::Looked {
  Buckets buckets;
  std::vector<Digest> target;
  std::vector<std::optional<Digest>> proved;  // buckets that are equal
  std::vector<int> differing;
  int skipped = 0;
  int left = 0;
};

StreamCheck::StreamCheck(const Parts& parts, PreparedStream& stream)
    : parts_(parts),
      stream_(stream),
      compared_(stream.plan.bound.nothing_new ? Compared{} : compared_of(parts.job, stream.plan)),
      traces_(traces_of(parts.job, compared_)),
      comparison_(compared_, parts.engine) {
  watermark_in_rows_ = parts_.job.from.watermark && has(traces_, parts_.job.from.watermark->value);
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
  verdict.transformed = !carried;
  verdict.columns = compared_.schema.names();
  if (verdict.differences.equal()) return verdict;
  if (plan.target.strategy == LoadStrategy::full) {
    verdict.no_repair = "`load: full` reads all of it again at each run";
  } else if (plan.target.strategy == LoadStrategy::append && !carried) {
    verdict.no_repair =
        "which rows of the source are missing cannot be told behind the job's steps; `tidemark "
        "run " +
        plan.id.job.get() + " --full` loads all of it again";
  }
  return verdict;
}

Result<std::unique_ptr<Side>> StreamCheck::target_rows(Cancel& cancel) {
  TM_TRY(TargetRows rows, parts_.sink.rows(stream_.plan.target.table, cancel));
  return target_side(std::move(rows), compared_.schema, parts_.engine, cancel);
}

Result<std::optional<KeptProof>> StreamCheck::kept_proof() {
  return parts_.run.store.proof(stream_.plan.id);
}

std::optional<Proof> StreamCheck::proof_of(const std::optional<KeptProof>& kept) const {
  if (parts_.options.all || !kept) return std::nullopt;
  auto proof = Proof::parse(kept->text);
  if (proof && proof->what != what_is_compared(compared_, traces_, stream_.plan.target.table))
    proof.reset();
  return proof;
}

Result<std::vector<int>> StreamCheck::worth_a_look(const Proof& proof,
                                                   const std::vector<Digest>& target,
                                                   Cancel& cancel) {
  std::vector<bool> wanted(target.size());
  bool some_proved = false;
  for (std::size_t at = 0; at < target.size(); ++at) {
    const auto& proved = proof.digests[at];
    wanted[at] = !proved || proved->rows != target[at].rows || proved->sum != target[at].sum;
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
  const auto rows = source_side(*source, loaded(), parts_.engine);
  Comparison comparison(traces, parts_.engine);
  TM_TRY(const std::vector<Digest> now, comparison.digests(*rows, {{}, traces_}, proof.buckets,
                                                           {{0, proof.buckets.count()}}, cancel));
  for (std::size_t at = 0; at < now.size(); ++at) {
    const auto& proved = proof.digests[at];
    if (proved && (proved->rows != now[at].rows || proved->traces != now[at].traces))
      wanted[at] = true;
  }
  return {};
}

// Rows whose watermark cannot be read as a column, since the proof.
Status StreamCheck::mark_touched(const Proof& proof, std::vector<bool>& wanted, Cancel& cancel) {
  const auto rows =
      source_side(*stream_.source, {proof.hi, loaded().hi, loaded().top}, parts_.engine);
  TM_TRY(const std::vector<Digest> touched,
         comparison_.digests(*rows, {}, proof.buckets, {{0, proof.buckets.count()}}, cancel));
  for (std::size_t at = 0; at < touched.size(); ++at)
    wanted[at] = wanted[at] || touched[at].rows > 0;
  return {};
}

Result<StreamCheck::Looked> StreamCheck::look(Side& expected, Side& target, Cancel& cancel) {
  TM_TRY(const std::optional<KeptProof> kept, kept_proof());
  const std::optional<Proof> proof = proof_of(kept);
  Looked looked{proof ? proof->buckets : Buckets::of_hash(compared_.place, 1), {}, {}, {}, 0, 0};
  if (!proof) {
    TM_TRY(looked.buckets, comparison_.buckets(target, cancel));
  }
  const Buckets& buckets = looked.buckets;
  const std::vector<std::string> columns = compared_.schema.names();
  TM_TRY(looked.target,
         comparison_.digests(target, {columns, {}}, buckets, {{0, buckets.count()}}, cancel));
  std::vector<int> wanted = all_of(buckets);
  looked.proved.resize(wanted.size());
  if (proof) {
    TM_TRY(wanted, worth_a_look(*proof, looked.target, cancel));
    looked.proved = proof->digests;
    for (const int bucket : wanted)
      looked.proved[static_cast<std::size_t>(bucket)].reset();
    looked.skipped = buckets.count() - static_cast<int>(wanted.size());
  }
  const bool in_pieces = parts_.options.budget && buckets.have_ranges();
  const std::size_t piece =
      in_pieces ? wanted.size() / pieces_of_budget + 1 : std::max<std::size_t>(wanted.size(), 1);
  std::size_t done = 0;
  while (done < wanted.size() && (done == 0 || parts_.run.clock.monotonic() < parts_.deadline)) {
    const std::size_t end = std::min(done + piece, wanted.size());
    const std::vector<int> these(wanted.begin() + static_cast<std::ptrdiff_t>(done),
                                 wanted.begin() + static_cast<std::ptrdiff_t>(end));
    TM_TRY(const std::vector<Digest> here,
           comparison_.digests(expected, {columns, traces_}, buckets, spans_of(these), cancel));
    for (const int bucket : these) {
      const auto at = static_cast<std::size_t>(bucket);
      const Digest& there = looked.target[at];
      if (here[at].rows == there.rows && here[at].sum == there.sum) {
        looked.proved[at] = here[at];
      } else {
        looked.differing.push_back(bucket);
      }
    }
    done = end;
  }
  looked.left = static_cast<int>(wanted.size() - done);
  return looked;
}

Result<Verdict> StreamCheck::check_carried(Cancel& cancel) {
  TM_TRY(const auto target, target_rows(cancel));
  const auto expected = source_side(*stream_.source, loaded(), parts_.engine);
  std::unique_ptr<Side> changed;
  if (loaded().hi)
    changed =
        source_side(*stream_.source, {loaded().hi, std::nullopt, std::nullopt}, parts_.engine);
  TM_TRY(const Looked looked, look(*expected, *target, cancel));
  Verdict verdict;
  for (const Digest& digest : looked.target)
    verdict.rows += digest.rows;
  verdict.parts = looked.buckets.count();
  verdict.parts_skipped = looked.skipped;
  verdict.parts_left = looked.left;
  TM_TRY(verdict.differences, comparison_.find(*expected, *target, changed.get(), looked.buckets,
                                               looked.differing, cancel));
  if (!verdict.differences.equal())
    TM_CHECK(judge(*expected, *target, looked, verdict.differences, cancel));
  if (!verdict.differences.equal() && batch_) {
    TM_TRY(verdict.seconds_late, seconds_late(*batch_, cancel));
  }
  TM_CHECK(keep_proof(looked, verdict));
  return verdict;
}

Result<Refined> StreamCheck::refined(const StagedRows& rows, Cancel& cancel) {
  const StagedTable none = no_staged_rows(open_refused_schema());
  const RunId run = new_run_id(parts_.run.clock, parts_.run.randomness);
  const RefineInput input{stream_.plan, rows, none, parts_.job, run, parts_.run.clock};
  return refine(input, parts_.engine, cancel);
}

Status StreamCheck::judge(Side& expected, Side& target, const Looked& looked,
                          Differences& differences, Cancel& cancel) {
  TM_TRY(const std::string batch,
         comparison_.batch(expected, looked.buckets, looked.differing, cancel));
  TM_CHECK(
      parts_.engine.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, CAST(1 AS "
                                        "INTEGER) AS {}, row_number() OVER () "
                                        "AS {} FROM {}",
                                        judged_table, list_of(stream_.plan.input.names()),
                                        stage_segment_column, stage_row_column, batch)));
  TM_TRY(const std::int64_t rows,
         parts_.engine.count(fmt::format("SELECT count(*) FROM {}", judged_table)));
  const StagedRows staged{std::string("SELECT * FROM ") + judged_table,
                          {},
                          RowCount(rows),
                          RowCount(0),
                          {},
                          std::nullopt};
  TM_TRY(const Refined judged, refined(staged, cancel));
  const auto good = engine_side(judged.good.relation);
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

Status StreamCheck::keep_proof(const Looked& looked, Verdict& verdict) {
  const bool equal = verdict.differences.equal();
  if (equal && looked.left == 0) verdict.proved_at = parts_.run.clock.now_utc();
  TM_TRY(const std::optional<KeptProof> before, kept_proof());
  KeptProof kept;
  kept.proved_at = verdict.proved_at;
  if (equal && looked.left > 0 && before) kept.proved_at = before->proved_at;
  // Without a watermark nothing says what changed in the source since.
  if (loaded().hi) {
    const Proof proof{what_is_compared(compared_, traces_, stream_.plan.target.table),
                      looked.buckets, loaded().hi, looked.proved};
    kept.text = proof.text();
  }
  return parts_.run.store.keep_proof(stream_.plan.id, kept);
}

// The source's rows as a load would make them.
Result<Verdict> StreamCheck::check_transformed(Cancel& cancel) {
  TM_TRY(whole_, stage_rows(cancel, nullptr));
  TM_TRY(const Refined rows, refined(rows_of(*whole_), cancel));
  TM_TRY(const auto target, target_rows(cancel));
  const auto good = engine_side(rows.good.relation);
  TM_TRY(const Buckets buckets, comparison_.buckets(*good, cancel));
  Verdict verdict;
  verdict.parts = buckets.count();
  TM_TRY(verdict.differences,
         comparison_.find(*good, *target, nullptr, buckets, all_of(buckets), cancel));
  verdict.differences.refused = rows.rows_refused.get();
  const auto count = [&](const std::string& from) -> Status {
    TM_TRY(const std::int64_t some, parts_.engine.count("SELECT count(*) FROM " + from));
    verdict.rows += some;
    return {};
  };
  TM_CHECK(target->scan({}, count, cancel));
  if (verdict.differences.equal()) verdict.proved_at = parts_.run.clock.now_utc();
  TM_CHECK(parts_.run.store.keep_proof(stream_.plan.id, {{}, verdict.proved_at}));
  return verdict;
}

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
  TM_TRY(const duck::Answer answer,
         parts_.engine.query(fmt::format(
             "SELECT max(epoch_us(ended) - epoch_us(moment)) FROM (SELECT {0} AS moment FROM {1}) "
             "AS late ASOF JOIN (SELECT TRY_CAST(value AS {2}) AS ended FROM (VALUES {3}) AS "
             "windows(value)) AS windows ON late.moment < windows.ended",
             duck::quote_name(cursor.name), rows, type, ends)));
  if (!answer.text(0, 0)) return std::optional<double>();
  return std::optional(static_cast<double>(answer.integer(0, 0)) / 1e6);
}

// All rows of the source, or those of a relation with its columns.
Result<Stage> StreamCheck::stage_rows(Cancel& cancel, const std::string* rows) {
  const StreamPlan& plan = stream_.plan;
  StageOptions options;
  options.root = parts_.folder;
  // What belongs to the next window is not in the target yet.
  Window window = loaded();
  if (window.hi) window.top = window.hi;
  std::vector<Split> splits{{"rows that are missing or different"}};
  if (rows == nullptr) {
    TM_TRY(splits, stream_.source->split(window, cancel));
  }
  const RunId run = new_run_id(parts_.run.clock, parts_.run.randomness);
  TM_TRY(auto writer, StageWriter::create(options, {plan.id, plan.seq, plan.fence, run}, plan.input,
                                          std::move(splits), parts_.run.files, cancel));
  if (rows == nullptr) {
    SplitReads reads(*stream_.source, *writer, parts_.run.engine, {}, cancel);
    TM_CHECK(reads.read(parts_.engine));
    TM_CHECK(stream_.source->verify(window, cancel));
  } else {
    Extraction batch = EngineScan{
        {}, fmt::format("SELECT {} FROM {}", list_of(plan.input.names()), *rows), {}, {}};
    TM_CHECK(writer->write(parts_.engine, 0, batch, cancel, {}));
  }
  return writer->seal(loaded());
}

Result<std::optional<Stage>> StreamCheck::repair(Cancel& cancel) {
  const LoadStrategy strategy = stream_.plan.target.strategy;
  if (whole_ && strategy == LoadStrategy::upsert) return std::exchange(whole_, std::nullopt);
  if (!batch_ || strategy == LoadStrategy::full) return std::optional<Stage>();
  TM_TRY(const std::int64_t rows, parts_.engine.count("SELECT count(*) FROM " + *batch_));
  if (rows == 0) return std::optional<Stage>();
  TM_TRY(Stage stage, stage_rows(cancel, &*batch_));
  return std::optional(std::move(stage));
}

}  // namespace tidemark
