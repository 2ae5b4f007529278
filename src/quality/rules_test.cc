#include "quality/rules.h"

#include <gtest/gtest.h>

#include "quality/quarantine.h"
#include "quality/thresholds.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

SqlText sql_text(std::string text) {
  SqlText out{std::move(text), "jobs/t.yaml", {}};
  out.map.add(0, {6, 12});
  return out;
}

RuleSpec rule(std::string name, std::string check, RuleNulls nulls = RuleNulls::fail) {
  return {{std::move(name), {6, 3}}, sql_text(std::move(check)), nulls, std::nullopt, std::nullopt};
}

class Quality : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = duck::Engine::open({});
    ASSERT_TRUE(engine.ok());
    engine_ = std::move(engine).value();
    auto connection = engine_->connect();
    ASSERT_TRUE(connection.ok());
    connection_ = std::move(connection).value();
  }

  // The rows of `select`, addressed in its order, with a reject column that is set where `refused`
  // holds.
  void stage(const std::string& select, const std::string& refused = "false") {
    run("CREATE OR REPLACE TABLE staged AS SELECT *, 1::INTEGER AS _tm_segment, row_number() OVER "
        "() AS _tm_row FROM (" +
        select + ")");
    run("CREATE OR REPLACE TABLE marked AS SELECT *, CASE WHEN " + refused + " THEN " +
        reject_sql(1, "before", "", "'refused before'") + " END AS _tm_reject FROM staged");
    auto schema = connection_->describe(select);
    ASSERT_TRUE(schema.ok()) << schema.error().describe();
    schema_ = std::move(schema).value();
  }

  void run(const std::string& sql) {
    auto done = connection_->execute(sql);
    ASSERT_TRUE(done.ok()) << done.error().describe() << "\n" << sql;
  }

  Rows rows(const std::string& sql) {
    auto answer = connection_->query("SELECT * FROM (" + sql + ") ORDER BY ALL");
    if (!answer.ok()) return {answer.error().describe()};
    Rows out;
    for (std::size_t row = 0; row < answer->rows(); ++row) {
      std::string line;
      for (std::size_t at = 0; at < answer->schema().columns.size(); ++at) {
        line += (at == 0 ? "" : "|") + answer->text(row, at).value_or("NULL");
      }
      out.push_back(line);
    }
    return out;
  }

  // `row|rule|column|message` of the refused rows.
  Rows refused(const std::vector<RuleSpec>& rules) {
    auto compiled = compile_rules(rules, schema_, "jobs/t.yaml", *connection_);
    if (!compiled.ok()) return {compiled.error().describe()};
    auto done = connection_->execute("CREATE OR REPLACE TABLE checked AS " +
                                     compiled->checks_sql("marked"));
    if (!done.ok()) return {done.error().describe()};
    EXPECT_EQ(rows("SELECT count(*) FROM checked"), rows("SELECT count(*) FROM marked"));
    EXPECT_EQ(connection_->describe("FROM checked")->names(),
              connection_->describe("FROM marked")->names());
    EXPECT_EQ(rows("SELECT count(*) FROM (" + compiled->marks_sql("marked") + ")"),
              rows("SELECT count(*) FROM checked WHERE _tm_reject.step = 0"));
    return rows(
        "SELECT _tm_row, _tm_reject.rule, _tm_reject.\"column\", _tm_reject.message FROM checked "
        "WHERE "
        "_tm_reject IS NOT NULL");
  }

  std::string faults(const RuleSpec& spec) {
    Faults found;
    EXPECT_EQ(compile_rules({spec}, schema_, "jobs/t.yaml", *connection_, found).has_value(),
              found.empty());
    return found.print();
  }

  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> connection_;
  Schema schema_;
};

TEST_F(Quality, RulesRefuseFalseAndUnknown) {
  stage("SELECT * FROM (VALUES (1, 5.0), (2, -1.5), (3, NULL)) t(id, price)");
  EXPECT_EQ(refused({rule("positive", "price >= 0")}),
            (Rows{"2|positive|price|`price >= 0` does not hold: price = -1.5",
                  "3|positive|price|`price >= 0` is unknown: price = NULL"}));
  EXPECT_EQ(refused({rule("positive", "price >= 0", RuleNulls::pass)}),
            (Rows{"2|positive|price|`price >= 0` does not hold: price = -1.5"}));
  EXPECT_EQ(refused({}), Rows{});
}

TEST_F(Quality, TheFirstBrokenRuleIsTheReasonAndTheOthersAreNamed) {
  stage("SELECT -1 AS price, 'xx' AS country, 3 AS id");
  EXPECT_EQ(
      refused({rule("even", "id % 2 = 1"), rule("positive", "price >= 0"),
               rule("known", "country = 'DE'"), rule("pair", "price > id")}),
      (Rows{"1|positive|price|`price >= 0` does not hold: price = -1; also broken: known, pair"}));
}

TEST_F(Quality, ARuleThatFailsForARowRefusesIt) {
  stage("SELECT * FROM (VALUES (1, '5'), (2, 'x')) t(id, text)");
  EXPECT_EQ(refused({rule("small", "text::integer < 10", RuleNulls::pass)}),
            (Rows{"2|small|text|`text::integer < 10` cannot be computed: text = 'x'"}));
}

TEST_F(Quality, RulesWithSubqueriesAndWindows) {
  run("ATTACH ':memory:' AS warehouse; CREATE TABLE warehouse.countries AS SELECT 'DE' AS code");
  stage("SELECT * FROM (VALUES (1, 'DE'), (2, 'XX'), (2, 'DE'), (3, NULL)) t(id, country)",
        "country IS NULL");
  EXPECT_EQ(refused({rule("known", "country in (select code from warehouse.countries)")}),
            (Rows{"2|known|country|`country in (select code from warehouse.countries)` does not "
                  "hold: country = 'XX'",
                  "4|before|NULL|refused before"}));
  EXPECT_EQ(refused({rule("unique", "count(*) over (partition by id) = 1")}).size(), 3u);
  EXPECT_EQ(tables_read({rule("known", "country in (select c.code from warehouse.countries c)")},
                        *connection_),
            (Rows{"warehouse.countries"}));
}

TEST_F(Quality, WhetherAColumnIsNullIsAskedWithoutTheEngineAndNotWhereItIsKnown) {
  stage("SELECT * FROM (VALUES (1, 'x'), (2, NULL), (NULL, 'y')) t(id, \"a \"\"b\")");
  const auto not_null = [](const std::string& column) {
    RuleSpec spec = rule("not_null:" + column, not_null_sql(column));
    spec.column = Name{column, {}};
    spec.message = "`" + column + "` is NULL";
    return spec;
  };
  const std::vector<RuleSpec> rules{not_null("id"), not_null("a \"b"), rule("low", "id < 9")};
  EXPECT_EQ(refused(rules), (Rows{"2|not_null:a \"b|a \"b|`a \"b` is NULL: a \"b = NULL",
                                  "3|not_null:id|id|`id` is NULL: id = NULL; also broken: low"}));
  const auto compiled = compile_rules(rules, schema_, "jobs/t.yaml", *connection_);
  ASSERT_TRUE(compiled.ok());
  for (std::size_t at = 0; at < 2; ++at) {
    Faults faults;
    const auto bound = bind_expression(rules[at].check, schema_, *connection_, faults);
    ASSERT_TRUE(bound) << faults.print();
    const BoundExpression& check = compiled->rules[at].check;
    EXPECT_EQ(attempt_sql(check), attempt_sql(*bound));
    EXPECT_EQ(check.columns, bound->columns);
    EXPECT_EQ(check.type, bound->type);
    EXPECT_TRUE(bound->tried && bound->row_wise && !bound->has_window);
  }
  const auto names = [](const CompiledRules& of) {
    Rows names;
    for (const CompiledRule& one : of.rules)
      names.push_back(one.name);
    return names;
  };
  EXPECT_EQ(names(compiled->known_not_null({"a \"b", "ID"})), (Rows{"not_null:id", "low"}));
  EXPECT_EQ(names(compiled->known_not_null({"id", "a \"b"})), Rows{"low"});
  EXPECT_EQ(names(compiled->known_not_null({})).size(), 3u);
}

TEST_F(Quality, DeclaredColumnAndMessage) {
  stage("SELECT -1 AS price, 2 AS cost");
  RuleSpec spec = rule("margin", "price > cost");
  spec.column = Name{"Cost", {7, 7}};
  spec.message = "sold below cost";
  EXPECT_EQ(refused({spec}), (Rows{"1|margin|cost|sold below cost: price = -1, cost = 2"}));
}

TEST_F(Quality, RuleFaults) {
  stage("SELECT -1 AS price, 2 AS cost");
  EXPECT_NE(faults(rule("r", "prise > 0")).find("jobs/t.yaml:6:12: there is no column `prise`"),
            std::string::npos)
      << faults(rule("r", "prise > 0"));
  EXPECT_NE(faults(rule("r", "price + 1")).find("no condition"), std::string::npos);
  EXPECT_NE(faults(rule("r", "price >")).find("jobs/t.yaml:6:"), std::string::npos);
  EXPECT_NE(faults(rule("r", "price > 0, true")).find("more than one"), std::string::npos);
  RuleSpec spec = rule("r", "price > 0");
  spec.column = Name{"prices", {7, 7}};
  EXPECT_NE(faults(spec).find("did you mean `price`?"), std::string::npos);
}

TEST_F(Quality, QuarantineHoldsReasonAndOriginal) {
  stage(
      "SELECT * FROM (VALUES (1, 12345678901234567890.50::DECIMAL(38,2), 'x\"y', "
      "'\\xAA\\x01'::BLOB, NULL::DATE), "
      "(2, 1, 'ok', NULL, DATE '2013-01-01')) t(id, amount, text, bytes, day)");
  ASSERT_EQ(refused({rule("even", "id % 2 = 0")}).size(), 1u);
  QuarantineInput input;
  input.stream = {JobName("orders"), StreamName("it's")};
  input.run_id = RunId("r1");
  input.seq = Seq(7);
  input.refused_at = "2013-01-01T10:00:00Z";
  input.stage_rejects =
      "SELECT 'raw'::BLOB AS raw, '' AS column_name, 'too wide' AS reason, 'a.csv:3' AS locator";
  input.refusals.rows = RowCount(1);
  input.refusals.relation =
      "SELECT _tm_segment, _tm_row, _tm_reject.rule AS rule, _tm_reject.\"column\" AS \"column\", "
      "_tm_reject.message AS message FROM checked WHERE _tm_reject IS NOT NULL";
  input.refusals.origins = {{"SELECT * FROM staged", schema_, "segment", true, 0}};
  for (int time = 0; time < 2; ++time) {
    auto built = build_quarantine(input, *connection_);
    ASSERT_TRUE(built.ok()) << built.error().describe();
    EXPECT_EQ(built->rows, RowCount(2));
    auto schema = connection_->describe("SELECT * FROM " + built->relation);
    ASSERT_TRUE(schema.ok());
    EXPECT_EQ(schema->names(), quarantine_schema().names());
    for (std::size_t at = 0; at < schema->columns.size(); ++at) {
      EXPECT_EQ(sql_name(schema->columns[at].type), sql_name(quarantine_schema().columns[at].type));
    }
    EXPECT_EQ(
        rows("SELECT * FROM " + built->relation),
        (Rows{"orders|it's|r1|7|even|id|`id % 2 = 0` does not hold: id = 1|segment 1 row 1|"
              "{\"id\":\"1\",\"amount\":\"12345678901234567890.50\",\"text\":\"x\\\"y\",\"bytes\":"
              "\"AA01\",\"day\":null}|"
              "NULL|2013-01-01 10:00:00+00|NULL",
              "orders|it's|r1|7|extract|NULL|too wide|a.csv:3|NULL|raw|2013-01-01 "
              "10:00:00+00|NULL"}));
  }
  input.refusals = {};
  input.stage_rejects.clear();
  auto none = build_quarantine(input, *connection_);
  ASSERT_TRUE(none.ok()) << none.error().describe();
  EXPECT_EQ(none->rows, RowCount(0));
}

TEST(Thresholds, AboveMeansMoreThan) {
  QuarantineSpec spec{0.001, 0.01};
  const auto verdict = [&](std::int64_t read, std::int64_t refused) {
    return judge(spec, RowCount(read), RowCount(refused)).verdict;
  };
  EXPECT_EQ(verdict(1000, 0), QuarantineVerdict::accept);
  EXPECT_EQ(verdict(1000, 1), QuarantineVerdict::accept);
  EXPECT_EQ(verdict(1000, 2), QuarantineVerdict::alert);
  EXPECT_EQ(verdict(1000, 10), QuarantineVerdict::alert);
  EXPECT_EQ(verdict(1000, 11), QuarantineVerdict::stop);
  // Stop needs 1,000 rows; the alert does not.
  EXPECT_EQ(verdict(999, 999), QuarantineVerdict::alert);
  EXPECT_EQ(verdict(0, 0), QuarantineVerdict::accept);
  EXPECT_EQ(verdict(0, 5), QuarantineVerdict::alert);
  spec = {std::nullopt, 0.0};
  EXPECT_EQ(verdict(5000, 1), QuarantineVerdict::stop);
  EXPECT_EQ(verdict(5000, 0), QuarantineVerdict::accept);
  spec = {std::nullopt, std::nullopt};
  EXPECT_EQ(verdict(5000, 5000), QuarantineVerdict::accept);
  spec = {std::nullopt, 0.01};
  EXPECT_EQ(judge(spec, RowCount(336776), RowCount(50094)).message,
            "50,094 of 336,776 rows were refused (14.9%), above `stop_above: 1%`");
}

}  // namespace
}  // namespace tidemark
