// Good rows and refused ones: what the engine needs to try rules and a step on every row, and to
// put the refused ones, one in a hundred, into quarantine with their payload. One thread.
#include "base/kernel_bench.h"
#include "quality/quarantine.h"
#include "quality/rules.h"
#include "transform/transform.h"

namespace tidemark {
namespace {

constexpr std::int64_t rows_staged = 40'960;
constexpr std::int64_t rows_refused = rows_staged / 100 + 1;

SqlText sql_text(std::string text) {
  return {std::move(text), "jobs/orders.yaml", {}};
}

std::vector<RuleSpec> rules() {
  return {{{"price_not_negative", {}}, sql_text("price >= 0"), RuleNulls::fail, {}, {}},
          {{"known_state", {}},
           sql_text("state in ('new', 'paid', 'shipped')"),
           RuleNulls::fail,
           {},
           {}}};
}

std::vector<TransformStep> derive_step() {
  DeriveStep derive;
  derive.columns.push_back({{"order_day", {}}, sql_text("ordered_at::date")});
  derive.columns.push_back({{"margin", {}}, sql_text("price - cost")});
  return {{derive, {}}};
}

// An engine with staged rows, and a job's steps and rules compiled against them.
struct World {
  std::unique_ptr<duck::Engine> engine;
  std::unique_ptr<duck::Connection> connection;
  CompiledTransform transform;
  CompiledRules checks;
};

Result<World> make_world(const std::vector<TransformStep>& steps) {
  World world;
  TM_TRY(world.engine, duck::Engine::open({.threads = 1}));
  TM_TRY(world.connection, world.engine->connect());
  TM_CHECK(world.connection->execute(
      "CREATE TABLE staged AS SELECT i AS id, CASE WHEN i % 100 = 0 THEN -1 ELSE i % 1000 "
      "END::DECIMAL(15,2) AS price, "
      "(i % 700)::DECIMAL(15,2) AS cost, TIMESTAMP '2026-01-01' + to_seconds(i) AS ordered_at, "
      "CASE i % 3 WHEN 0 THEN 'new' WHEN 1 THEN 'paid' ELSE 'shipped' END AS state, "
      "'a remark of some letters, ' || i AS remark, 0::INTEGER AS _tm_segment, i AS _tm_row FROM "
      "range(" +
      std::to_string(rows_staged) + ") AS numbers(i)"));
  TM_TRY(const Schema schema,
         world.connection->describe("SELECT * EXCLUDE (_tm_segment, _tm_row) FROM staged"));
  TM_TRY(world.transform, compile_transform(steps, schema, "jobs/orders.yaml", *world.connection));
  TM_TRY(world.checks,
         compile_rules(rules(), world.transform.out, "jobs/orders.yaml", *world.connection));
  return world;
}

Result<Transformed> split(const World& world) {
  Cancel cancel;
  TransformInput input{"SELECT * FROM staged", RowCount(rows_staged), {}};
  input.checks = [&](const std::string& relation) { return world.checks.checks_sql(relation); };
  return run_transform(world.transform, input, *world.connection, cancel);
}

KernelEntry splits(const std::string& name, const std::vector<TransformStep>& steps) {
  return {"split_" + name, [steps](Kernel& kernel) {
            auto world = make_world(steps);
            if (!world.ok()) return kernel.fail(world.error().describe());
            kernel.measure(rows_staged, [&] {
              const auto done = split(*world);
              if (!done.ok()) return kernel.fail(done.error().describe());
              if (done->refusals.rows.get() != rows_refused) kernel.fail("other rows are refused");
            });
          }};
}

void quarantine_rows(Kernel& kernel) {
  auto world = make_world({});
  if (!world.ok()) return kernel.fail(world.error().describe());
  const auto done = split(*world);
  if (!done.ok()) return kernel.fail(done.error().describe());
  const QuarantineInput input{{JobName("orders"), StreamName("orders")},
                              RunId("r"),
                              Seq(1),
                              "2026-01-01T00:00:00Z",
                              {},
                              done->refusals,
                              {}};
  kernel.measure(rows_refused, [&] {
    const auto refused = build_quarantine(input, *world->connection);
    if (!refused.ok()) return kernel.fail(refused.error().describe());
    if (refused->rows.get() != rows_refused) kernel.fail("rows vanished");
  });
}

const KernelEntry by_rules = splits("rules_row", {});
const KernelEntry by_steps = splits("derive_and_rules_row", derive_step());
const KernelEntry quarantine("quarantine_row", quarantine_rows);

}  // namespace
}  // namespace tidemark
