#include "verify/verifier.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <utility>

#include "connect/staged_table.h"
#include "drivers/hash/hash.h"
#include "plan/planner.h"
#include "run/cancel_watch.h"
#include "run/refine.h"
#include "run/split_reads.h"

namespace tidemark {
namespace {

// What was proved of a stream, as the store keeps it.
struct Proof {
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

// Which buckets have to be read from the source.
Result<std::vector<int>> Verifier::worth_a_look(Look& look, const Buckets& buckets,
                                                const std::vector<Digest>& target,
                                                Cancel& cancel) {
  TM_TRY(const std::string text, parts_.store.proof(look.stream.plan.id));
  const auto proof = Proof::parse(text);
  const StreamPlan& plan = look.stream.plan;
  if (look.options.all || !proof || proof->buckets.text() != buckets.text() ||
      proof->what != what_is_compared(look.compared, plan.target.table))
    return all_of(buckets);
  std::vector<bool> wanted(target.size());
  for (std::size_t at = 0; at < target.size(); ++at)
    wanted[at] = target[at] != proof->rows[at];
  TM_TRY(const std::vector<Digest> keys, key_digests(look, buckets, cancel));
  for (std::size_t at = 0; at < keys.size(); ++at)
    wanted[at] = wanted[at] || keys[at] != proof->keys[at];
  if (proof->hi != plan.bound.window.hi) {
    TM_TRY(const std::vector<int> touched, touched_since(look, *proof->hi, buckets, cancel));
    for (const int bucket : touched)
      wanted[static_cast<std::size_t>(bucket)] = true;
  }
  std::vector<int> numbers;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (wanted[at]) numbers.push_back(static_cast<int>(at));
  }
  return numbers;
}
