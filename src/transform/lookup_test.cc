#include "transform/lookup.h"
#include "transform/fixture_test.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

class Lookup : public TransformFixture {
 protected:
  void SetUp() override {
    TransformFixture::SetUp();
    run("ATTACH ':memory:' AS warehouse");
    run("CREATE TABLE warehouse.airports AS SELECT * FROM (VALUES ('JFK', 'New York', 4), ('LAX', "
        "NULL, 118), "
        "(NULL, 'none', 1), (NULL, 'none', 2)) t(faa, city, height)");
    run("CREATE SCHEMA warehouse.mart; CREATE TABLE warehouse.mart.sizes AS SELECT 4 AS id, 'big' "
        "AS size");
    stage("SELECT * FROM (VALUES (1, 'JFK'), (2, 'LAX'), (3, 'XXX'), (4, NULL)) t(id, dest)");
  }

  LookupStep airports(MissingKey missing = MissingKey::keep) {
    return {{name("warehouse"), "airports"},
            {{name("dest"), name("faa")}},
            {{name("city"), name("city")}, {name("altitude"), name("height")}},
            missing,
            {}};
  }
};

TEST_F(Lookup, KeepsRowsWithoutAKey) {
  EXPECT_EQ(good({step(airports())}),
            (Rows{"1|JFK|New York|4", "2|LAX|NULL|118", "3|XXX|NULL|NULL", "4|NULL|NULL|NULL"}));
  EXPECT_EQ(done_.schema.names(), (Rows{"id", "dest", "city", "altitude"}));
}

TEST_F(Lookup, RefusesRowsWithoutAKey) {
  EXPECT_EQ(good({step(airports(MissingKey::quarantine))}),
            (Rows{"1|JFK|New York|4", "2|LAX|NULL|118"}));
  EXPECT_EQ(
      refused(),
      (Rows{"3|lookup warehouse.airports|dest|no row in warehouse.airports for dest = 'XXX'",
            "4|lookup warehouse.airports|dest|no row in warehouse.airports for dest = NULL"}));
}

TEST_F(Lookup, DefaultsFillOnlyMissingRows) {
  LookupStep spec = airports(MissingKey::use_default);
  spec.defaults = {{name("city"), "unknown"}};
  EXPECT_EQ(good({step(spec)}), (Rows{"1|JFK|New York|4", "2|LAX|NULL|118", "3|XXX|unknown|NULL",
                                      "4|NULL|unknown|NULL"}));
}

TEST_F(Lookup, ADoubledKeyIsAFaultAndNotMoreRows) {
  run("INSERT INTO warehouse.airports VALUES ('JFK', 'again', 5)");
  auto compiled = compile_transform({step(airports())}, schema_, "jobs/t.yaml", *connection_);
  ASSERT_TRUE(compiled.ok());
  Cancel cancel;
  auto done = run_transform(*compiled, input(), *connection_, cancel);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code, "transform.doubled_key");
  EXPECT_NE(done.error().message.find("`warehouse.airports` has more than one row for faa = JFK"),
            std::string::npos)
      << done.error().message;
}

TEST_F(Lookup, ChainsAndSchemas) {
  const LookupStep sizes{{name("warehouse"), "mart.sizes"},
                         {{name("altitude"), name("id")}},
                         {{name("size"), name("size")}},
                         MissingKey::keep,
                         {}};
  EXPECT_EQ(good({step(airports()), step(sizes), step(SelectStep{{name("id"), name("size")}})}),
            (Rows{"1|big", "2|NULL", "3|NULL", "4|NULL"}));
  const auto tables = tables_read(
      {step(airports()), step(sizes),
       step(DeriveStep{{{name("x"), sql_text("id IN (SELECT code FROM warehouse.codes)")}}}),
       step(SqlStep{sql_text(
           "WITH t AS (SELECT * FROM rows) SELECT * FROM t JOIN warehouse.mart.sizes s ON true")})},
      *connection_);
  EXPECT_EQ(tables, (Rows{"warehouse.airports", "warehouse.mart.sizes", "warehouse.codes"}));
}

TEST_F(Lookup, Faults) {
  LookupStep spec = airports();
  spec.from.table = "airprts";
  EXPECT_NE(faults({step(spec)}).find("`warehouse.airprts` cannot be read"), std::string::npos)
      << faults({step(spec)});
  spec = airports();
  spec.match = {{name("destt"), name("faa")}};
  EXPECT_NE(faults({step(spec)}).find("did you mean `dest`?"), std::string::npos);
  spec.match = {{name("dest"), name("fa")}};
  EXPECT_NE(faults({step(spec)}).find("`warehouse.airports` has no column `fa`"),
            std::string::npos);
  spec.match = {{name("id"), name("faa")}};
  EXPECT_NE(faults({step(spec)}).find("cannot be compared exactly"), std::string::npos);
  spec = airports();
  spec.add.push_back({name("id"), name("height")});
  EXPECT_NE(faults({step(spec)}).find("a column `id` already"), std::string::npos);
  spec = airports(MissingKey::use_default);
  spec.defaults = {{name("altitude"), "high"}};
  EXPECT_NE(faults({step(spec)}).find("the default `high` is no INTEGER"), std::string::npos);
}

TEST_F(Lookup, ARefusedRowStaysRefused) {
  EXPECT_EQ(good({step(CastStep{{{name("dest"), name("integer")}}})}), (Rows{"4|NULL"}));
  const LookupStep spec = airports(MissingKey::quarantine);
  EXPECT_EQ(
      good({step(DeriveStep{{{name("bad"), sql_text("(dest || id)::integer")}}}), step(spec)}),
      (Rows{}));
  ASSERT_EQ(done_.refused_by.size(), 2u);
  EXPECT_EQ(done_.refusals.rows, RowCount(4));
}

}  // namespace
}  // namespace tidemark
