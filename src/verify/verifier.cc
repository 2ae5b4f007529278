#include "verify/verifier.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include "connect/staged_table.h"
#include "drivers/hash/hash.h"
#include "drivers/json/json.h"
#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/refine.h"
#include "run/split_reads.h"

namespace tidemark {
// As the store keeps it.
struct Verifier::Proof {
  std::string what;  // engine, columns and key: another one proves nothing here
  Buckets buckets;
  std::optional<Position> hi;
  std::vector<Digest> rows;  // of the target, equal to the source's
  std::vector<Digest> keys;  // of the source

  std::string text() const {
    JsonValue json;
    json.set("what", what).set("buckets", buckets.text());
    json.set("hi", hi ? JsonValue(hi->text) : JsonValue());
    json.set("rows", digests_text(rows)).set("keys", digests_text(keys));
    return to_json(json, JsonLayout::compact);
  }
  static std::optional<Proof> parse(const std::string& text) {
    const auto json = parse_json(text);
    if (!json.ok()) return std::nullopt;
    auto what = json->string_at("what");
    auto buckets = json->string_at("buckets");
    auto rows = json->string_at("rows");
    auto keys = json->string_at("keys");
    if (!what.ok() || !buckets.ok() || !rows.ok() || !keys.ok()) return std::nullopt;
    auto found = Buckets::parse(*buckets);
    auto row_digests = parse_digests(*rows);
    auto key_digests = parse_digests(*keys);
    if (!found || !row_digests || !key_digests) return std::nullopt;
    const auto size = static_cast<std::size_t>(found->count());
    if (row_digests->size() != size || key_digests->size() != size) return std::nullopt;
    Proof proof{std::move(*what), std::move(*found), std::nullopt, std::move(*row_digests),
                std::move(*key_digests)};
    if (const JsonValue* hi = json->find("hi"); hi != nullptr && hi->string())
      proof.hi = Position{*hi->string()};
    return proof;
  }
};

namespace {

std::string what_is_compared(const Compared& compared, const std::string& table) {
  std::string text = duck::Engine::version() + "\n" + table;
  for (const Column& column : compared.schema.columns)
    text += "\n" + column.name + " " + sql_name(column.type);
  for (const std::string& name : compared.key)
    text += "\nkey " + name;
  return sha256_hex(text);
}

std::vector<int> all_of(const Buckets& buckets) {
  std::vector<int> all(static_cast<std::size_t>(buckets.count()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

}  // namespace

struct Verifier::Look {
  const JobSpec& job;
  const VerifyOptions& options;
  duck::Connection& engine;
  Planner& planner;
  Sink& sink;
  PreparedStream& stream;
  std::size_t number = 0;  // of the stream in the job
  Compared compared = {};
};

bool JobVerdict::equal() const {
  return std::all_of(streams.begin(), streams.end(),
                     [](const Verdict& one) { return one.differences.equal(); });
}

Result<JobVerdict> Verifier::verify(const JobSpec& job, const VerifyOptions& options,
                                    Cancel& cancel) {
  TM_TRY(auto engine, parts_.engine.connect());
  const CancelWatch watch(cancel, *engine);
  Planner planner(
      {parts_.project, parts_.connectors, *engine, parts_.files, &parts_.store, parts_.guards});
  PlanOptions wanted;
  wanted.run = new_run_id(parts_.clock, parts_.randomness);
  wanted.read_only = true;
  TM_TRY(JobPlan plan, planner.plan_verify(job, wanted, cancel));
  JobVerdict verdict{job.name, {}};
  for (std::size_t number = 0; number < plan.streams.size(); ++number) {
    Look look{job, options, *engine, planner, *plan.sink, plan.streams[number], number};
    TM_TRY(Verdict one, verify_stream(look, cancel));
    verdict.streams.push_back(std::move(one));
  }
  return verdict;
}
Result<PreparedStream> Verifier::open_again(Look& look, Cancel& cancel) {
  PlanOptions wanted;
  wanted.run = new_run_id(parts_.clock, parts_.randomness);
  wanted.read_only = true;
  TM_TRY(JobPlan plan, look.planner.plan_verify(look.job, wanted, cancel));
  return std::move(plan.streams[look.number]);
}

Result<Verdict> Verifier::verify_stream(Look& look, Cancel& cancel) {
  const StreamPlan& plan = look.stream.plan;
  if (plan.bound.nothing_new) {
    Verdict verdict;
    verdict.id = plan.id;
    verdict.note = plan.idle_reason;
    return verdict;
  }
  look.compared.schema = plan.target.schema;
  look.compared.key = plan.target.key;
  if (look.compared.key.empty() && look.job.transform.empty()) look.compared.key = plan.input.key;
  if (!look.job.transform.empty()) return compare_transformed(look, cancel);
  TM_TRY(Verdict verdict, compare_carried(look, cancel));
  // A rule may have refused what is missing, and of two rows with one key one is loaded.
  if (verdict.differences.equal() || plan.rules.rules.empty()) return verdict;
  return compare_transformed(look, cancel);
}

Result<std::optional<Verifier::Proof>> Verifier::proof_of(const Look& look) {
  if (look.options.all) return std::optional<Proof>();
  TM_TRY(const std::string text, parts_.store.proof(look.stream.plan.id));
  auto proof = Proof::parse(text);
  const std::string what = what_is_compared(look.compared, look.stream.plan.target.table);
  if (proof && proof->what != what) proof.reset();
  return proof;
}

Result<std::vector<int>> Verifier::worth_a_look(Look& look, const Proof& proof,
                                                const std::vector<Digest>& target,
                                                Cancel& cancel) {
  std::vector<bool> wanted(target.size());
  for (std::size_t at = 0; at < target.size(); ++at)
    wanted[at] = target[at] != proof.rows[at];
  TM_TRY(const std::vector<Digest> keys, key_digests(look, proof.buckets, cancel));
  for (std::size_t at = 0; at < keys.size(); ++at)
    wanted[at] = wanted[at] || keys[at] != proof.keys[at];
  if (proof.hi && proof.hi != look.stream.plan.bound.window.hi) {
    TM_TRY(const std::vector<int> touched,
           touched_since(look, *proof.hi, proof.buckets, cancel));
    for (const int bucket : touched)
      wanted[static_cast<std::size_t>(bucket)] = true;
  }
  std::vector<int> numbers;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (wanted[at]) numbers.push_back(static_cast<int>(at));
  }
  return numbers;
}

Result<std::vector<Digest>> Verifier::key_digests(Look& look, const Buckets& buckets,
                                                  Cancel& cancel) {
  TM_TRY(const PreparedStream again, open_again(look, cancel));
  Compared keys;
  keys.key = look.compared.key;
  std::vector<std::string> others;
  for (const Column& column : again.plan.input.columns) {
    const bool is_key =
        std::find(keys.key.begin(), keys.key.end(), column.name) != keys.key.end();
    if (is_key) {
      keys.schema.columns.push_back(column);
    } else {
      others.push_back(column.name);
    }
  }
  TM_CHECK(again.source->leave_out(others));
  const auto side = source_side(*again.source, again.plan.bound.window, look.engine);
  Comparison comparison(*side, *side, nullptr, keys, look.engine);
  return comparison.digests(Comparison::Which::expected, buckets, {{0, buckets.count()}}, cancel);
}

Result<std::vector<int>> Verifier::touched_since(Look& look, const Position& hi,
                                                 const Buckets& buckets, Cancel& cancel) {
  TM_TRY(const PreparedStream again, open_again(look, cancel));
  const Window& loaded = again.plan.bound.window;
  const auto side = source_side(*again.source, {hi, loaded.hi, loaded.top}, look.engine);
  Comparison comparison(*side, *side, nullptr, look.compared, look.engine);
  TM_TRY(const std::vector<Digest> digests,
         comparison.digests(Comparison::Which::expected, buckets, {{0, buckets.count()}}, cancel));
  std::vector<int> touched;
  for (std::size_t at = 0; at < digests.size(); ++at) {
    if (digests[at].rows > 0) touched.push_back(static_cast<int>(at));
  }
  return touched;
}

Status Verifier::keep_proof(Look& look, const Buckets& buckets,
                            const std::vector<Digest>& target, Verdict& verdict,
                            Cancel& cancel) {
  verdict.proved_at = parts_.clock.now_utc();
  // Without a watermark nothing says what changed since, and without a key where.
  if (!look.stream.plan.bound.window.hi || look.compared.key.empty()) return {};
  Proof proof{what_is_compared(look.compared, look.stream.plan.target.table), buckets,
              look.stream.plan.bound.window.hi, target, {}};
  TM_TRY(proof.keys, key_digests(look, buckets, cancel));
  return parts_.store.keep_proof(look.stream.plan.id, proof.text(), *verdict.proved_at);
}

Result<Verdict> Verifier::compare_carried(Look& look, Cancel& cancel) {
  const StreamPlan& plan = look.stream.plan;
  const Window& loaded = plan.bound.window;
  TM_TRY(TargetRows rows, look.sink.rows(plan.target.table, cancel));
  TM_TRY(const auto target, target_side(std::move(rows), look.compared.schema, look.engine, cancel));
  const auto expected = source_side(*look.stream.source, loaded, look.engine);
  std::unique_ptr<Side> changed;
  std::optional<PreparedStream> later;
  if (loaded.hi) {
    TM_TRY(later, open_again(look, cancel));
    changed = source_side(*later->source, {loaded.hi, std::nullopt, std::nullopt}, look.engine);
  }
  Comparison comparison(*expected, *target, changed.get(), look.compared, look.engine);
  TM_TRY(const std::optional<Proof> proof, proof_of(look));
  Buckets buckets = proof ? proof->buckets : Buckets::of_hash({}, 1);
  if (!proof) {
    TM_TRY(buckets, comparison.buckets(cancel));
  }
  using Which = Comparison::Which;
  TM_TRY(const std::vector<Digest> there,
         comparison.digests(Which::target, buckets, {{0, buckets.count()}}, cancel));
  std::vector<int> wanted = all_of(buckets);
  if (proof) {
    TM_TRY(wanted, worth_a_look(look, *proof, there, cancel));
  }
  TM_TRY(const std::vector<Digest> here,
         comparison.digests(Which::expected, buckets, spans_of(wanted), cancel));
  std::vector<int> differing;
  for (const int bucket : wanted) {
    const auto at = static_cast<std::size_t>(bucket);
    if (here[at] != there[at]) differing.push_back(bucket);
  }
  Verdict verdict;
  verdict.id = plan.id;
  verdict.columns = look.compared.schema.names();
  for (const Digest& digest : there)
    verdict.rows += digest.rows;
  verdict.buckets = buckets.count();
  verdict.skipped = buckets.count() - static_cast<int>(wanted.size());
  TM_TRY(verdict.differences, comparison.differences(buckets, differing, cancel));
  for (const auto& [from, to] : spans_of(verdict.differences.buckets)) {
    if (const auto range = buckets.range(from, to)) verdict.ranges.push_back(*range);
  }
  if (verdict.differences.equal())
    TM_CHECK(keep_proof(look, buckets, there, verdict, cancel));
  return verdict;
}

// The source's rows as a load would make them: read, transformed and judged in a place of their
// own.
Result<Verdict> Verifier::compare_transformed(Look& look, Cancel& cancel) {
  TM_TRY(const PreparedStream again, open_again(look, cancel));
  const StreamPlan& plan = again.plan;
  TM_TRY(const std::filesystem::path root, stage_root(parts_.project));
  StageOptions options;
  options.root = root / ".verify";
  const RunId run = new_run_id(parts_.clock, parts_.randomness);
  TM_TRY(const std::vector<Split> splits, again.source->split(plan.bound.window, cancel));
  TM_TRY(auto writer, StageWriter::create(options, {plan.id, plan.seq, plan.fence, run}, plan.input,
                                          splits, parts_.files, cancel));
  SplitReads reads(*again.source, *writer, parts_.engine, {}, cancel);
  TM_CHECK(reads.read(look.engine));
  TM_TRY(const Stage stage, writer->seal(plan.bound.window));
  const StagedRows staged = rows_of(stage);
  const StagedTable none = no_staged_rows(open_refused_schema());
  const RefineInput input{plan, staged, none, look.job, run, parts_.clock};
  auto refined = refine(input, look.engine, cancel);
  TM_CHECK(remove_stage(stage.dir(), parts_.files));
  if (!refined.ok()) return std::move(refined).error();
  TM_TRY(TargetRows rows, look.sink.rows(plan.target.table, cancel));
  TM_TRY(const auto target, target_side(std::move(rows), look.compared.schema, look.engine, cancel));
  const auto expected = engine_side(refined->good.relation);
  Comparison comparison(*expected, *target, nullptr, look.compared, look.engine);
  TM_TRY(const Buckets buckets, comparison.buckets(cancel));
  Verdict verdict;
  verdict.id = plan.id;
  verdict.transformed = true;
  verdict.columns = look.compared.schema.names();
  verdict.buckets = buckets.count();
  TM_TRY(verdict.differences, comparison.differences(buckets, all_of(buckets), cancel));
  if (verdict.differences.equal()) verdict.proved_at = parts_.clock.now_utc();
  return verdict;
}

}  // namespace tidemark
