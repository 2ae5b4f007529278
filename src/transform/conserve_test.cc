// Over random rows and random chains of steps: every row that came in is good, refused or dropped,
// and the numbers say so.

#include <map>
#include <random>

#include "transform/fixture_test.h"

namespace tidemark {
namespace {

class Conserve : public TransformFixture {
 protected:
  TransformStep random_step(std::mt19937& random) {
    switch (random() % 6) {
      case 0:
        return step(CastStep{{{name("n"), name(random() % 2 == 0 ? "integer" : "tinyint")}}});
      case 1:
        return step(DeriveStep{{{name("d"), sql_text("100 // TRY_CAST(n AS INTEGER)")},
                                {name("e"), sql_text("d + k")}}});
      case 2:
        return step(DedupeStep{{name("k")}, sql_text("n")});
      case 3:
        return step(LookupStep{{name("warehouse"), "dim"},
                               {{name("k"), name("k")}},
                               {{name("v" + std::to_string(++added_)), name("v")}},
                               MissingKey::quarantine,
                               {}});
      case 4:
        return step(UnitsStep{{{name("w"), name("lb"), name("kg"), std::nullopt}}});
      default:
        return step(DeriveStep{{{name("c"), sql_text("count(*) OVER (PARTITION BY k)")}}});
    }
  }
  int added_ = 0;
};

TEST_F(Conserve, EveryRowIsAccountedFor) {
  run("ATTACH ':memory:' AS warehouse");
  run("CREATE TABLE warehouse.dim AS SELECT i AS k, 'v' || i AS v FROM range(150) t(i)");
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    stage("SELECT CASE WHEN i % 11 = 0 THEN NULL ELSE (hash(i, " + std::to_string(seed) +
          ") % 200)::BIGINT END AS k, CASE WHEN i % 7 = 0 THEN 'x' || i ELSE (hash(i) % "
          "300)::VARCHAR END AS n, "
          "(i / 3)::DOUBLE AS w FROM range(5000) t(i)");
    std::vector<TransformStep> steps;
    for (unsigned at = 0; at < 1 + random() % 5; ++at)
      steps.push_back(random_step(random));
    const auto result = good(steps);
    ASSERT_EQ(static_cast<std::int64_t>(result.size()), done_.rows.get())
        << "seed " << seed << ": " << result.front();
    EXPECT_EQ(done_.rows_in, RowCount(5000));
    EXPECT_EQ(done_.rows_in.get(),
              done_.rows.get() + done_.refusals.rows.get() + done_.dropped.get());
    // Each refused row names one row of the stage, and no two the same.
    EXPECT_EQ(rows("SELECT count(*), count(DISTINCT (_tm_segment, _tm_row)) FROM (" +
                   done_.refusals.relation + ")"),
              (std::vector<std::string>{std::to_string(done_.refusals.rows.get()) + "|" +
                                        std::to_string(done_.refusals.rows.get())}));
    std::int64_t refused = 0;
    std::int64_t before = 5000;
    for (const StepCounts& counts : done_.steps) {
      EXPECT_EQ(counts.in.get(), before);
      before = counts.out.get();
      refused += counts.refused.get();
    }
    EXPECT_EQ(before, done_.rows.get());
    EXPECT_EQ(refused, done_.refusals.rows.get());
    ASSERT_TRUE(release(done_, *connection_).ok());
    EXPECT_EQ(rows("SELECT table_name FROM information_schema.tables WHERE table_name LIKE "
                   "'\\_tm\\_%' ESCAPE '\\'"),
              std::vector<std::string>{});
  }
}

// Checks that refuse the rows whose `k` is `refused`.
TransformInput checked(TransformInput input, const std::string& refused) {
  input.checks = [refused](const std::string& relation) {
    return "SELECT * REPLACE (CASE WHEN k = " + refused + " THEN " +
           reject_sql(0, "not_that", "k", "'no'") + " ELSE _tm_reject END AS _tm_reject) FROM " +
           relation;
  };
  input.marks = [checks = input.checks](const std::string& relation) {
    return "SELECT 1 FROM (" + checks(relation) + ") WHERE _tm_reject IS NOT NULL";
  };
  return input;
}

TEST_F(Conserve, RowsAreCopiedOnlyWhereChecksRefuseSome) {
  stage("SELECT i AS k, 'x' || i AS t FROM range(1000) r(i)");
  auto compiled = compile_transform({}, schema_, "jobs/t.yaml", *connection_);
  ASSERT_TRUE(compiled.ok()) << compiled.error().describe();
  Cancel cancel;
  auto none = run_transform(*compiled, checked(input(), "1000"), *connection_, cancel);
  ASSERT_TRUE(none.ok()) << none.error().describe();
  EXPECT_EQ(none->marked, "temp._tm_view_0");
  EXPECT_EQ(none->rows, RowCount(1000));
  EXPECT_EQ(none->refusals.rows, RowCount(0));
  EXPECT_EQ(rows("SELECT count(*), sum(k) FROM " + none->good),
            (std::vector<std::string>{"1000|499500"}));

  auto one = run_transform(*compiled, checked(input(), "7"), *connection_, cancel);
  ASSERT_TRUE(one.ok()) << one.error().describe();
  EXPECT_EQ(one->marked, "temp._tm_rows_0");
  EXPECT_EQ(one->rows, RowCount(999));
  EXPECT_EQ(one->refusals.rows, RowCount(1));
  EXPECT_EQ(rows("SELECT count(*), sum(k) FROM " + one->good),
            (std::vector<std::string>{"999|499493"}));
}

TEST_F(Conserve, MoreRowsThanMemory) {
  auto engine = duck::Engine::open({.threads = 2,
                                    .memory_bytes_max = 150'000'000,
                                    .spill_dir = ::testing::TempDir() + "tm_spill"});
  ASSERT_TRUE(engine.ok());
  engine_ = std::move(engine).value();
  connection_ = std::move(engine_->connect()).value();
  const std::string path = ::testing::TempDir() + "tm_conserve.parquet";
  run("COPY (SELECT i AS k, md5(i::varchar) || md5((i + 1)::varchar) AS t, 1::INTEGER AS "
      "_tm_segment, i AS _tm_row "
      "FROM range(2000000) r(i)) TO '" +
      path + "' (FORMAT parquet)");
  schema_ = std::move(connection_->describe("SELECT k, t FROM '" + path + "'")).value();
  auto compiled = compile_transform({step(DeriveStep{{{name("u"), sql_text("t || t")}}})}, schema_,
                                    "jobs/t.yaml", *connection_);
  ASSERT_TRUE(compiled.ok()) << compiled.error().describe();
  Cancel cancel;
  auto done = run_transform(*compiled, {"SELECT * FROM '" + path + "'", RowCount(2000000), {}},
                            *connection_, cancel);
  ASSERT_TRUE(done.ok()) << done.error().describe();
  EXPECT_EQ(done->rows, RowCount(2000000));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace tidemark
