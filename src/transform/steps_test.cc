#include "transform/fixture_test.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

class Steps : public TransformFixture {};

TEST_F(Steps, NoStepGivesTheRowsAsTheyAre) {
  stage("SELECT * FROM (VALUES (1, 'a'), (2, NULL)) t(id, name)");
  EXPECT_EQ(good({}), (Rows{"1|a", "2|NULL"}));
  EXPECT_EQ(done_.rows_in, RowCount(2));
  EXPECT_EQ(done_.rows, RowCount(2));
  EXPECT_EQ(done_.refusals.rows, RowCount(0));
}

TEST_F(Steps, RenameSelectDrop) {
  stage("SELECT 1 AS a, 2 AS b, 3 AS \"select\", 4 AS \"odd \"\" name\"");
  schema_.key = {"a", "b"};
  EXPECT_EQ(good({step(RenameStep{{{name("a"), name("b")}, {name("b"), name("a")}}})}),
            (Rows{"1|2|3|4"}));
  EXPECT_EQ(done_.schema.names(), (Rows{"b", "a", "select", "odd \" name"}));
  EXPECT_EQ(done_.schema.key, (Rows{"b", "a"}));
  EXPECT_EQ(good({step(SelectStep{{name("odd \" name"), name("A")}})}), (Rows{"4|1"}));
  EXPECT_EQ(done_.schema.names(), (Rows{"odd \" name", "a"}));
  EXPECT_TRUE(done_.schema.key.empty());
  EXPECT_EQ(good({step(DropStep{{name("select")}})}), (Rows{"1|2|4"}));
}

TEST_F(Steps, ColumnFaultsNameThePlaceAndTheNearest) {
  stage("SELECT 1 AS customer_id, 2 AS price");
  const std::string unknown = faults({step(SelectStep{{name("custmer_id", 7, 9), name("price")}})});
  EXPECT_NE(unknown.find("jobs/t.yaml:7:9: there is no column `custmer_id`"), std::string::npos)
      << unknown;
  EXPECT_NE(unknown.find("did you mean `customer_id`?"), std::string::npos) << unknown;
  EXPECT_NE(faults({step(DropStep{{name("price"), name("customer_id")}})}).find("every column"),
            std::string::npos);
  EXPECT_NE(faults({step(SelectStep{{name("price"), name("Price")}})}).find("named twice"),
            std::string::npos);
  EXPECT_NE(faults({step(RenameStep{{{name("price"), name("customer_id")}}})}).find("already"),
            std::string::npos);
  EXPECT_NE(faults({step(RenameStep{{{name("price"), name("_tm_row")}}})}).find("keeps for itself"),
            std::string::npos);
  // All faults of one step at once.
  EXPECT_NE(faults({step(SelectStep{{name("x"), name("y")}})}).find("`y`"), std::string::npos);
}

TEST_F(Steps, DeriveReadsEarlierColumnsAndReplaces) {
  stage("SELECT * FROM (VALUES (1, 10.5), (2, 3.0)) t(id, price)");
  EXPECT_EQ(good({step(DeriveStep{{{name("twice"), sql_text("price * 2 -- a comment")},
                                   {name("more"), sql_text("twice + rows.id")},
                                   {name("price"), sql_text("price - 1")}}})}),
            (Rows{"1|9.5|21.0|22.0", "2|2.0|6.0|8.0"}));
  EXPECT_EQ(done_.schema.names(), (Rows{"id", "price", "twice", "more"}));
}

TEST_F(Steps, WhatAStepGivesForARowDependsOnTheRowAlone) {
  stage("SELECT * FROM (VALUES (1, '5'), (2, 'x'), (3, NULL)) t(id, text)");
  const auto row_wise = [&](const std::string& sql) {
    good({step(DeriveStep{{{name("more"), sql_text(sql)}}})});
    return is_row_wise_;
  };
  for (const char* sql : {"id + 1", "text::INTEGER", "upper(text) || 'today'", "now + 1 - id",
                          "list_transform([id], x -> x + 1)"}) {
    if (std::string(sql).starts_with("now")) stage("SELECT 1 AS id, '2' AS text, 7 AS now");
    EXPECT_EQ(row_wise(sql), !std::string(sql).starts_with("now")) << sql;
  }
  for (const char* sql :
       {"NOW()", "current_date", "CURRENT_TIMESTAMP", "today()", "age(TIMESTAMP '2000-01-01')",
        "random()", "row_number() OVER (ORDER BY id)", "(SELECT max(1))", "localtimestamp",
        "current_localtimestamp()", "list_transform([id], x -> epoch(now()) + x)"}) {
    EXPECT_FALSE(row_wise(sql)) << sql;
  }
  good({step(RenameStep{{{name("text"), name("t")}}}), step(SelectStep{{name("t")}})});
  EXPECT_TRUE(is_row_wise_);
  good({});
  EXPECT_TRUE(is_row_wise_);
  good({step(DedupeStep{{name("id")}, sql_text("id"), {}})});
  EXPECT_FALSE(is_row_wise_);
}

// A new version of the engine may have more of them.
TEST_F(Steps, TheEngineHasNoMoreFunctionsOfTheMoment) {
  std::string known;
  for (const std::string_view name : functions_of_the_moment())
    known += (known.empty() ? "'" : ", '") + std::string(name) + "'";
  EXPECT_EQ(rows("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = "
                 "'CONSISTENT_WITHIN_QUERY' AND function_name NOT IN (" +
                 known + ")"),
            Rows{});
  std::string calls;
  for (const std::string_view name : functions_of_the_moment())
    calls += (calls.empty() ? "" : "|") + std::string(name);
  EXPECT_EQ(rows("SELECT function_name FROM duckdb_functions() WHERE function_type = 'macro' AND "
                 "regexp_matches(lower(macro_definition), '(^|[^a-z_])(" +
                 calls + ")([^a-z_]|$)') AND function_name NOT IN (" + known + ")"),
            Rows{});
}

TEST_F(Steps, DeriveThatFailsRefusesTheRowOnly) {
  stage("SELECT * FROM (VALUES (1, '5'), (2, 'x'), (3, NULL), (4, '7')) t(id, text)");
  EXPECT_EQ(good({step(DeriveStep{
                {{name("n"), sql_text("text::integer")}, {name("m"), sql_text("n + 1")}}})}),
            (Rows{"1|5|5|6", "3|NULL|NULL|NULL", "4|7|7|8"}));
  EXPECT_EQ(refused(), (Rows{"2|derive n|n|`text::integer` failed for text = 'x'"}));
  ASSERT_EQ(done_.steps.size(), 1u);
  EXPECT_EQ(done_.steps[0].refused, RowCount(1));
  EXPECT_EQ(done_.steps[0].in, RowCount(4));
  EXPECT_EQ(done_.steps[0].out, RowCount(3));
}

TEST_F(Steps, DeriveWithSubqueryWindowAndVolatile) {
  stage("SELECT * FROM (VALUES (1, '5'), (2, 'x'), (3, '7')) t(id, text)");
  run("CREATE TABLE other AS SELECT 7 AS n");
  // The window counts rows that were not refused before: 2, not 3.
  EXPECT_EQ(good({step(DeriveStep{{{name("n"), sql_text("text::integer")},
                                   {name("rows_left"), sql_text("count(*) OVER ()")},
                                   {name("known"), sql_text("n IN (SELECT other.n FROM other)")},
                                   {name("dice"), sql_text("random() < 2")}}})}),
            (Rows{"1|5|5|2|false|true", "3|7|7|2|true|true"}));
  EXPECT_EQ(done_.refusals.rows, RowCount(1));
}

TEST_F(Steps, DeriveLocalTimeToUtc) {
  stage("SELECT TIMESTAMP '2013-07-01 08:00:00' AS local, 'America/New_York' AS zone");
  EXPECT_EQ(good({step(DeriveStep{{{name("local"), sql_text("timezone(zone, local)")}}})}),
            (Rows{"2013-07-01 12:00:00+00|America/New_York"}));
  ASSERT_FALSE(done_.schema.columns.empty());
  EXPECT_EQ(done_.schema.columns[0].type.kind, TypeKind::timestamptz);
}

TEST_F(Steps, AnUnknownZoneRefusesItsRowOnly) {
  stage(
      "SELECT TIMESTAMP '2013-07-01 08:00:00' AS local, unnest(['america/new_york', "
      "'Mars/Olympus', NULL, 'UTC']) AS zone");
  EXPECT_EQ(
      good({step(DeriveStep{{{name("utc"), sql_text("local AT TIME ZONE zone")}}}),
            step(DropStep{{name("local")}})}),
      (Rows{"UTC|2013-07-01 08:00:00+00", "america/new_york|2013-07-01 12:00:00+00", "NULL|NULL"}));
  EXPECT_EQ(rows("SELECT message FROM (" + done_.refusals.relation + ")"),
            (Rows{"`local AT TIME ZONE zone` failed for zone = 'Mars/Olympus', "
                  "local = 2013-07-01 08:00:00"}));
}

TEST_F(Steps, DeriveFaults) {
  stage("SELECT 1 AS price, 'x' AS label");
  const auto derive = [&](const std::string& text) {
    return faults({step(DeriveStep{{{name("n"), sql_text(text)}}})});
  };
  const std::string unknown = derive("1 + prise");
  EXPECT_NE(unknown.find("jobs/t.yaml:3:14: there is no column `prise`"), std::string::npos)
      << unknown;
  EXPECT_NE(unknown.find("did you mean `price`?"), std::string::npos) << unknown;
  EXPECT_NE(derive("price +").find("jobs/t.yaml:3:"), std::string::npos);
  EXPECT_NE(derive("price, label").find("more than one expression"), std::string::npos);
  EXPECT_NE(derive("price FROM rows").find("more than one expression"), std::string::npos);
  EXPECT_NE(derive("price) , (label").find("jobs/t.yaml:3:"), std::string::npos);
  EXPECT_NE(derive("price; drop table x").find("more"), std::string::npos);
  EXPECT_NE(derive("*").find("more than one expression"), std::string::npos);
  EXPECT_NE(derive("sum(price)").find("GROUP BY"), std::string::npos) << derive("sum(price)");
  EXPECT_NE(derive("nofunction(price)").find("nofunction"), std::string::npos);
  EXPECT_NE(derive("_tm_row + 1").find("_tm_row"), std::string::npos) << derive("_tm_row + 1");
}

TEST_F(Steps, UnitsKeepDecimalsExact) {
  stage(
      "SELECT 100 AS distance, 1.50::DECIMAL(5,2) AS weight, 212.0::DOUBLE AS heat, 32 AS cold, "
      "NULL::DOUBLE AS none");
  const UnitsStep units{{{name("distance"), name("mi"), name("km"), std::nullopt},
                         {name("weight"), name("pounds"), name("kg"), name("weight_kg")},
                         {name("heat"), name("F"), name("C"), std::nullopt},
                         {name("cold"), name("F"), name("C"), std::nullopt},
                         {name("none"), name("F"), name("C"), std::nullopt}}};
  EXPECT_EQ(good({step(units)}), (Rows{"160.934400|1.50|100.0|0.0|NULL|0.6803885550"}));
  ASSERT_EQ(done_.schema.columns.size(), 6u);
  EXPECT_EQ(sql_name(done_.schema.columns[0].type), "DECIMAL(17,6)");
  EXPECT_EQ(sql_name(done_.schema.columns[5].type), "DECIMAL(13,10)");
}

TEST_F(Steps, UnitsOfLargeAndOddNumbers) {
  stage(
      "SELECT 9223372036854775807::BIGINT AS bytes, "
      "99999999999999999999999999999999999999::DECIMAL(38,0) AS wide, "
      "'nan'::DOUBLE AS nan, 'inf'::DOUBLE AS inf, -40::DECIMAL(4,1) AS c");
  const UnitsStep units{{{name("bytes"), name("B"), name("kB"), std::nullopt},
                         {name("wide"), name("mi"), name("km"), std::nullopt},
                         {name("nan"), name("mi"), name("km"), std::nullopt},
                         {name("inf"), name("mi"), name("km"), std::nullopt},
                         {name("c"), name("C"), name("F"), std::nullopt}}};
  EXPECT_EQ(good({step(units)}), (Rows{"9223372036854775.807|1.609344e+38|nan|inf|-40.00"}));
}

TEST_F(Steps, UnitsFaults) {
  stage("SELECT 1 AS weight, 'x' AS label");
  const auto units = [&](const char* column, const char* from, const char* to) {
    return faults({step(UnitsStep{{{name(column), name(from), name(to, 9, 9), std::nullopt}}})});
  };
  EXPECT_NE(units("weight", "lb", "kilogam").find("did you mean `kilogram`?"), std::string::npos);
  EXPECT_NE(units("weight", "lb", "km")
                .find("jobs/t.yaml:9:9: `lb` is a unit of mass and `km` of length"),
            std::string::npos)
      << units("weight", "lb", "km");
  EXPECT_NE(units("label", "lb", "kg").find("cast"), std::string::npos);
  EXPECT_NE(units("wieght", "lb", "kg").find("did you mean `weight`?"), std::string::npos);
}

TEST_F(Steps, DedupeKeepsTheFirstAndCountsTheRest) {
  stage(
      "SELECT * FROM (VALUES (1, 5, 'a'), (1, 7, 'b'), (2, 1, 'c'), (NULL, 1, 'd'), (NULL, 2, "
      "'e'), (1, 7, 'f')) "
      "t(id, version, what)");
  EXPECT_EQ(good({step(DedupeStep{{name("id")}, sql_text("version DESC")})}),
            (Rows{"1|7|b", "2|1|c", "NULL|1|d", "NULL|2|e"}));
  EXPECT_EQ(done_.dropped, RowCount(2));
  EXPECT_EQ(done_.steps[0].merged, RowCount(2));
  EXPECT_EQ(done_.refusals.rows, RowCount(0));
  EXPECT_TRUE(refused().empty());
  EXPECT_NE(faults({step(DedupeStep{{name("id")}, sql_text("verison")})}).find("version"),
            std::string::npos);
  EXPECT_NE(faults({step(DedupeStep{{name("id")}, sql_text("version LIMIT 1")})}).find("order by"),
            std::string::npos);
}

TEST_F(Steps, DedupeIgnoresRefusedRows) {
  stage("SELECT * FROM (VALUES (1, '9x'), (1, '5')) t(id, n)");
  EXPECT_EQ(good({step(CastStep{{{name("n"), name("integer")}}}),
                  step(DedupeStep{{name("id")}, sql_text("n DESC")})}),
            (Rows{"1|5"}));
  EXPECT_EQ(done_.refusals.rows, RowCount(1));
  EXPECT_EQ(done_.dropped, RowCount(0));
}

TEST_F(Steps, DedupeSeesWhatADeriveMadeOnce) {
  stage("SELECT i AS n FROM range(3000) t(i)");
  const auto left = good({step(DeriveStep{{{name("k"), sql_text("(random() * 4)::integer")}}}),
                          step(DropStep{{name("n")}}), step(DedupeStep{{name("k")}, {}})});
  EXPECT_EQ(left, (Rows{"0", "1", "2", "3", "4"}));
  EXPECT_EQ(done_.dropped, RowCount(2995));
}

TEST_F(Steps, SqlReadsRowsAndCounts) {
  stage("SELECT * FROM (VALUES (1, '10'), (1, '20'), (2, 'x'), (3, '5')) t(id, n)");
  const auto result =
      good({step(CastStep{{{name("n"), name("integer")}}}),
            step(SqlStep{sql_text("WITH big AS (SELECT * FROM rows WHERE n > 5)\n"
                                  "SELECT id, sum(n) AS total FROM big GROUP BY id -- end")}),
            step(DeriveStep{{{name("text"), sql_text("(total || 'x')::varchar")}}})});
  EXPECT_EQ(result, (Rows{"1|30|30x"}));
  ASSERT_EQ(done_.steps.size(), 3u);
  EXPECT_EQ(done_.steps[1].in, RowCount(3));
  EXPECT_EQ(done_.steps[1].out, RowCount(1));
  EXPECT_EQ(done_.refusals.rows, RowCount(1));
  EXPECT_EQ(done_.rows_in, RowCount(4));
}

TEST_F(Steps, RowsOfASqlStepAreAddressedInItsResult) {
  stage("SELECT i AS n FROM range(5) t(i)");
  good({step(SqlStep{sql_text(
            "SELECT n, CASE WHEN n = 3 THEN 'bad' ELSE n::varchar END AS text FROM rows")}),
        step(CastStep{{{name("text"), name("integer")}}})});
  EXPECT_EQ(done_.rows, RowCount(4));
  ASSERT_EQ(done_.refusals.origins.size(), 2u);
  EXPECT_EQ(rows("SELECT o.text, r.rule FROM (" + done_.refusals.relation + ") r JOIN (" +
                 done_.refusals.origins[1].relation + ") o USING (_tm_segment, _tm_row)"),
            (Rows{"bad|cast text"}));
}

TEST_F(Steps, SqlFaults) {
  stage("SELECT 1 AS a");
  const auto query = [&](const std::string& text) {
    return faults({step(SqlStep{sql_text(text)})});
  };
  EXPECT_NE(query("DELETE FROM rows").find("only a SELECT"), std::string::npos)
      << query("DELETE FROM rows");
  EXPECT_NE(query("SELECT a FROM nothere").find("nothere"), std::string::npos);
  EXPECT_NE(query("SELECT b FROM rows").find("jobs/t.yaml:3:17"), std::string::npos)
      << query("SELECT b FROM rows");
  EXPECT_NE(query("SELECT a AS _tm_x FROM rows").find("keeps for itself"), std::string::npos);
  EXPECT_NE(query("SELECT a FROM rows; SELECT 1").find("more"), std::string::npos);
  EXPECT_NE(query("").find("jobs/t.yaml"), std::string::npos);
}

}  // namespace
}  // namespace tidemark
