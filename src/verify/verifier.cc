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
