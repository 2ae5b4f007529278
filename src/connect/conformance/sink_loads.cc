// What a load leaves in the target: rows by strategy, values, names, sizes, faults of the rows.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "connect/conformance/sink_case.h"

namespace tidemark::conformance {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SinkLoads);

std::vector<SinkKind> sink_loads(SinkKind kind) {
  return {std::move(kind)};
}

namespace {

using Rows = std::vector<std::string>;
constexpr CommitOutcome committed = CommitOutcome::committed;

// A value of each type that every target takes, its ends among them.
constexpr const char* values[] = {"true",
                                  "'-128'::TINYINT",
                                  "'-32768'::SMALLINT",
                                  "'-2147483648'::INTEGER",
                                  "'-9223372036854775808'::BIGINT",
                                  "170141183460469231731687303715884105727::HUGEINT",
                                  "255::UTINYINT",
                                  "65535::USMALLINT",
                                  "4294967295::UINTEGER",
                                  "18446744073709551615::UBIGINT",
                                  "'1.17549435e-38'::FLOAT",
                                  "'nan'::FLOAT",
                                  "'-0'::DOUBLE",
                                  "'-inf'::DOUBLE",
                                  "5e-324::DOUBLE",
                                  "0.1::DOUBLE + 0.2::DOUBLE",
                                  "'-0.01'::DECIMAL(4,2)",
                                  "'10000.00'::DECIMAL(9,2)",
                                  "'99999999999999999999999999999999999999'::DECIMAL(38,0)",
                                  "'-0.99999999999999999999999999999999999999'::DECIMAL(38,38)",
                                  "''",
                                  "' '",
                                  "'it''s \\ ä \U0001F600 ' || chr(10)",
                                  "'{\"a\": 1.0,  \"a\": 2}'::JSON",
                                  "'\\x00\\xFF'::BLOB",
                                  "''::BLOB",
                                  "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID",
                                  "'infinity'::DATE",
                                  "'4714-11-24 (BC)'::DATE",
                                  "'24:00:00'::TIME",
                                  "'12:34:56.000001'::TIME",
                                  "'12:34:56.5+05:30'::TIMETZ",
                                  "'4714-11-24 (BC) 00:00:00'::TIMESTAMP",
                                  "'1969-12-31 23:59:59.999999'::TIMESTAMP",
                                  "'-infinity'::TIMESTAMPTZ",
                                  "'2024-03-31 02:30:00+02'::TIMESTAMPTZ",
                                  "INTERVAL '14 months -3 days 04:05:06.000007'",
                                  "[1, NULL, 3]::INTEGER[]",
                                  "[]::VARCHAR[]",
                                  "['a,b', '', '\"', NULL]",
                                  "['1.50', '-2.25']::DECIMAL(9,2)[]"};

TEST_P(SinkLoads, NothingIsThereBeforeTheFirstLoadAndLookingMakesNothing) {
  EXPECT_FALSE(owner_.sink->committed(stream, cancel_)->has_value());
  EXPECT_TRUE(owner_.sink->history(stream, cancel_)->empty());
  EXPECT_TRUE(owner_.sink->refused_windows(stream, cancel_)->empty());
  EXPECT_EQ(*owner_.sink->window_checksum(stream, Seq(1), cancel_), "");
  EXPECT_FALSE(owner_.sink->describe("orders", cancel_)->has_value());
  const auto plan =
      owner_.sink->plan(target(rows("SELECT 1 AS id"), LoadStrategy::append), cancel_);
  ASSERT_TRUE(plan.ok()) << plan.error().describe();
  EXPECT_FALSE(plan->table_exists);
  EXPECT_FALSE(plan->ddl.empty());
  EXPECT_FALSE(owner_.sink->describe("orders", cancel_)->has_value());
}

TEST_P(SinkLoads, AppendAddsEachWindowOnceAndTheLedgerKnowsThem) {
  const auto good = rows("SELECT 1 AS id, 'a' AS name");
  const auto append = target(good, LoadStrategy::append, {}, "mart.orders");
  EXPECT_TRUE(is(load(good, append, key(1)), committed));
  EXPECT_TRUE(is(load(good, append, key(1)), CommitOutcome::already_committed));
  EXPECT_EQ(code_of(load(good, append, key(1), "another load")), "target.fenced");
  EXPECT_TRUE(is(load(good, append, key(2)), committed));
  EXPECT_EQ(world_->rows("mart.orders"), (Rows{"1|a", "1|a"}));
  const auto head = owner_.sink->committed(stream, cancel_);
  ASSERT_TRUE(head.ok() && head->has_value());
  EXPECT_EQ((*head)->seq, Seq(2));
  EXPECT_EQ((*head)->run_id, RunId("r2"));
  EXPECT_EQ((*head)->window.hi->text, "2");
  EXPECT_EQ(owner_.sink->history(stream, cancel_)->size(), 2U);
  EXPECT_EQ(*owner_.sink->window_checksum(stream, Seq(2), cancel_), "sum2");
}

TEST_P(SinkLoads, AColumnIsAddedWithTheLoadThatBringsItAndNotWithout) {
  const auto old = rows(owner_, "SELECT 1 AS id, 'a' AS name", "old");
  const auto more =
      rows(owner_, "SELECT 2 AS id, 'b' AS name, '0.5'::DECIMAL(9,2) AS more", "more");
  std::int64_t seq = 0;
  for (const LoadStrategy strategy :
       {LoadStrategy::append, LoadStrategy::upsert, LoadStrategy::full}) {
    const std::string table = "t_" + std::string(to_string(strategy));
    const std::vector<std::string> by =
        strategy == LoadStrategy::append ? Rows{} : std::vector<std::string>{"id"};
    EXPECT_TRUE(is(load(old, target(old, strategy, by, table), key(++seq)), committed));
    LoadTarget grown = target(more, strategy, by, table);
    EXPECT_EQ(code_of(owner_.sink->plan(grown, cancel_)), "target.schema_misfit");
    grown.added = {"more", "what the rows do not have"};
    EXPECT_EQ(code_of(owner_.sink->plan(grown, cancel_)), "ok");
    EXPECT_EQ(code_of(owner_.sink->acceptance(grown, cancel_)), "ok");
    EXPECT_EQ(owner_.sink->describe(table, cancel_)->value().columns.size(), 2U);
    EXPECT_TRUE(is(load(more, grown, key(++seq)), committed)) << table;
    EXPECT_EQ(world_->rows(table),
              strategy == LoadStrategy::full ? (Rows{"2|b|0.50"}) : (Rows{"1|a|NULL", "2|b|0.50"}));
    // It is there now, and the next load takes it.
    EXPECT_TRUE(is(load(more, grown, key(++seq)), committed));
  }
}

TEST_P(SinkLoads, WhatAWindowCarriedIsKeptWithItsLoad) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  const auto carried = [&] { return owner_.sink->carried(stream, cancel_); };
  const auto load_with = [&](std::int64_t seq, std::optional<std::string> columns, bool commits) {
    auto txn = owner_.sink->begin(key(seq), cancel_);
    ASSERT_TRUE(txn.ok()) << txn.error().describe();
    ASSERT_TRUE((*txn)->write(good, append, cancel_).ok());
    LoadRow load = row(key(seq), good.rows);
    load.carried = std::move(columns);
    if (commits) {
      EXPECT_TRUE(is((*txn)->commit(load), committed));
    }
  };
  ASSERT_TRUE(carried().ok());
  EXPECT_FALSE(carried()->has_value());
  load_with(1, "[[\"it's\",\"\\n\"]]", false);
  EXPECT_FALSE(carried()->has_value());
  load_with(1, "[[\"it's\",\"\\n\"]]", true);
  EXPECT_EQ(carried()->value(), "[[\"it's\",\"\\n\"]]");
  load_with(2, std::nullopt, true);
  EXPECT_EQ(carried()->value(), "[[\"it's\",\"\\n\"]]");
  load_with(3, "other", true);
  EXPECT_EQ(carried()->value(), "other");
  EXPECT_FALSE(owner_.sink->carried({JobName("other"), StreamName("main")}, cancel_)->has_value());
}

TEST_P(SinkLoads, UpsertReplacesRowsByKeyAndLoadsThemOnce) {
  const auto old = rows("SELECT i::INTEGER AS id, 'x' AS part, 'old' AS name FROM range(4) r(i)");
  const auto upsert = target(old, LoadStrategy::upsert, {"id", "part"});
  EXPECT_TRUE(is(load(old, upsert, key(1)), committed));
  const auto fresh = rows(
      "SELECT i::INTEGER AS id, CASE i WHEN 2 THEN 'y' ELSE 'x' END AS part, 'new' AS name FROM "
      "range(2, 5) r(i)");
  EXPECT_TRUE(is(load(fresh, upsert, key(2)), committed));
  EXPECT_TRUE(is(load(fresh, upsert, key(2)), CommitOutcome::already_committed));
  EXPECT_EQ(world_->rows("orders"),
            (Rows{"0|x|old", "1|x|old", "2|x|old", "2|y|new", "3|x|new", "4|x|new"}));
}

TEST_P(SinkLoads, FullReplacesTheRowsAndKeepsKeyAndNotNull) {
  ask_("create table " + world_->sql_name("orders") +
       " (id integer primary key, name varchar(9) not null)");
  const auto old = rows("SELECT i::INTEGER AS id, 'a' AS name FROM range(4) r(i)");
  const auto full = target(old, LoadStrategy::full);
  EXPECT_TRUE(is(load(old, full, key(1)), committed));
  const auto fresh = rows("SELECT i::INTEGER AS id, 'b' AS name FROM range(3, 6) r(i)");
  EXPECT_TRUE(is(load(fresh, full, key(2)), committed));
  EXPECT_EQ(world_->rows("orders"), (Rows{"3|b", "4|b", "5|b"}));
  const auto described = owner_.sink->describe("orders", cancel_);
  ASSERT_TRUE(described.ok() && described->has_value());
  EXPECT_EQ((*described)->key, Rows{"id"});
  EXPECT_FALSE((*described)->columns[1].nullable);
}

TEST_P(SinkLoads, AnEmptyOrShrunkenSourceDoesNotWipeTheTable) {
  const auto ten = rows("SELECT i::INTEGER AS id FROM range(10) r(i)");
  LoadTarget full = target(ten, LoadStrategy::full);
  full.shrink_limit = 0.5;
  ASSERT_TRUE(is(load(ten, full, key(1)), committed));
  EXPECT_EQ(code_of(load(rows("SELECT 1 AS id WHERE false"), full, key(2))),
            "blocked.empty_source");
  EXPECT_EQ(code_of(load(rows("SELECT 1 AS id"), full, key(2))), "blocked.shrunk_source");
  EXPECT_EQ(count(), "10");
  EXPECT_TRUE(
      is(load(rows("SELECT i::INTEGER AS id FROM range(5) r(i)"), full, key(2)), committed));
  full.allow_empty = true;
  EXPECT_TRUE(is(load(rows("SELECT 1 AS id WHERE false"), full, key(3)), committed));
  EXPECT_EQ(count(), "0");
}

TEST_P(SinkLoads, EveryValueArrivesAsItIsByEveryStrategy) {
  std::string select = "SELECT 1 AS id";
  std::string arrived = "SELECT 1 AS id";
  std::string nulls = "SELECT 2";
  std::size_t columns = 1;
  const auto& lacks = GetParam().lacks;
  for (const char* value : values) {
    if (std::find(lacks.begin(), lacks.end(), value) != lacks.end()) continue;
    const std::string name = " AS c" + std::to_string(columns++);
    std::string other = value;
    for (const auto& [sent, read] : GetParam().arrives_as) {
      if (sent == value) other = read;
    }
    select += ", " + std::string(value) + name;
    arrived += ", " + other + name;
    nulls += ", NULL";
  }
  const auto good = rows(select + " UNION ALL " + nulls);
  auto answer = owner_.engine->query("FROM (" + arrived + " UNION ALL " + nulls + ") ORDER BY id");
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  for (const LoadStrategy strategy :
       {LoadStrategy::append, LoadStrategy::upsert, LoadStrategy::full}) {
    const std::string table = "t" + std::string(to_string(strategy));
    const bool keyed = strategy != LoadStrategy::append;
    for (int turn = 0; turn < (keyed ? 2 : 1); ++turn) {
      const auto head = owner_.sink->committed(stream, cancel_);
      const std::int64_t seq = head->has_value() ? (*head)->seq.get() + 1 : 1;
      ASSERT_TRUE(
          is(load(good, target(good, strategy, keyed ? Rows{"id"} : Rows{}, table), key(seq)),
             committed));
      const Rows there = world_->rows(table);
      ASSERT_EQ(there.size(), 2U) << table;
      for (std::size_t line = 0; line < 2; ++line) {
        std::string expected;
        for (std::size_t at = 0; at < columns; ++at)
          expected += (at == 0 ? "" : "|") + answer->text(line, at).value_or("NULL");
        EXPECT_EQ(there[line], expected) << table;
      }
    }
  }
}

TEST_P(SinkLoads, WhatTheTargetCannotHoldIsRefusedBeforeTheLoadAndByIt) {
  std::int64_t seq = 0;
  for (const std::string& value : GetParam().lacks) {
    const auto bad = rows("SELECT " + value + " AS c");
    const auto append = target(bad, LoadStrategy::append, {}, "t" + std::to_string(++seq));
    if (!owner_.sink->plan(append, cancel_).ok()) continue;
    const auto accepted = owner_.sink->acceptance(append, cancel_);
    ASSERT_TRUE(accepted.ok()) << accepted.error().describe();
    ASSERT_EQ(accepted->size(), 1U) << value;
    EXPECT_EQ(*owner_.engine->count("SELECT count(*) FROM good WHERE (" +
                                    accepted->front().predicate + ") IS FALSE"),
              1)
        << value;
    EXPECT_FALSE(load(bad, append, key(1)).ok()) << value;
  }
}

TEST_P(SinkLoads, ALoadWithoutRowsMakesTheTableAndMovesTheWatermark) {
  std::int64_t seq = 0;
  const auto none = rows("SELECT 1 AS id, 'a' AS name WHERE false");
  for (const LoadStrategy strategy :
       {LoadStrategy::append, LoadStrategy::upsert, LoadStrategy::full}) {
    const std::string table(to_string(strategy));
    const auto empty = target(
        none, strategy, strategy == LoadStrategy::upsert ? Rows{"id"} : Rows{}, table + "_table");
    EXPECT_TRUE(is(load(none, empty, key(++seq)), committed)) << table;
    EXPECT_TRUE(is(load(none, empty, key(++seq)), committed)) << table;
    EXPECT_EQ(count(table + "_table"), "0");
  }
  EXPECT_EQ((*owner_.sink->committed(stream, cancel_))->seq, Seq(seq));
}

TEST_P(SinkLoads, ManyRowsManyColumnsAndWideValues) {
  const auto many = rows(
      "SELECT i AS id, repeat(chr(97 + (i % 26)::INTEGER), (1 + i % 90)::INTEGER) AS s, CASE WHEN "
      "i % 3 > 0 THEN i * 0.25::DOUBLE END AS x FROM range(100000) r(i)");
  ASSERT_TRUE(is(load(many, target(many, LoadStrategy::append, {}, "many"), key(1)), committed));
  const auto sums = owner_.engine->query(
      "SELECT count(*)::VARCHAR || ' ' || sum(id)::VARCHAR || ' ' || sum(length(s))::VARCHAR || ' "
      "' "
      "|| count(x)::VARCHAR FROM good");
  EXPECT_EQ(ask_("select cast(count(*) as varchar) || ' ' || cast(sum(id) as varchar) || ' ' || "
                 "cast(sum(length(s)) as varchar) || ' ' || cast(count(x) as varchar) from " +
                 world_->sql_name("many")),
            sums->text(0, 0));
  std::string columns;
  for (int at = 0; at < 500; ++at)
    columns += ", " + std::to_string(at) + " AS c" + std::to_string(at);
  const auto wide = rows("SELECT repeat('ä', 8000000) AS s" + columns);
  ASSERT_TRUE(is(load(wide, target(wide, LoadStrategy::append, {}, "wide"), key(2)), committed));
  EXPECT_EQ(ask_("select length(s) + c499 from " + world_->sql_name("wide")), "8000499");
}

TEST_P(SinkLoads, HostileNamesAreOnlyNames) {
  const std::string longest(63, 'n');
  const std::string blank = GetParam().names_end_in_blanks ? " " : " .";
  const auto good =
      rows(R"(SELECT 1 AS "a""b; drop table x --", 2 AS "select", 3 AS "%s $1 é.ü", 4 AS ")" +
           blank + R"(", 5 AS ")" + longest + "\"");
  std::int64_t seq = 0;
  for (const std::string& table : {GetParam().hostile_table, std::string("select")}) {
    const auto upsert = target(good, LoadStrategy::upsert, {"a\"b; drop table x --", blank}, table);
    EXPECT_TRUE(is(load(good, upsert, key(++seq)), committed)) << table;
    EXPECT_TRUE(is(load(good, upsert, key(++seq)), committed)) << table;
    const auto full = target(good, LoadStrategy::full, {"select"}, table);
    EXPECT_TRUE(is(load(good, full, key(++seq)), committed)) << table;
    EXPECT_EQ(world_->rows(table), Rows{"1|2|3|4|5"});
  }
  const auto too_long = rows("SELECT 1 AS " + longest + "n");
  const auto plan = owner_.sink->plan(target(too_long, LoadStrategy::append, {}, "t"), cancel_);
  const std::size_t limit = GetParam().name_bytes_max;
  EXPECT_EQ(code_of(plan), limit != 0 && limit < 64 ? "target.bad_name" : "ok");
  const auto only_blank = rows("SELECT 1 AS \" \"");
  EXPECT_EQ(code_of(owner_.sink->plan(target(only_blank, LoadStrategy::append, {}, "t"), cancel_)),
            GetParam().names_end_in_blanks ? "ok" : "target.bad_name");
}

TEST_P(SinkLoads, AKeyThatIsNullOrComesTwiceIsRefusedBeforeAnythingIsLoaded) {
  const auto good = rows("SELECT 1 AS id, 'a' AS name");
  std::int64_t seq = 0;
  for (const LoadStrategy strategy : {LoadStrategy::upsert, LoadStrategy::full}) {
    const std::string table = "t" + std::string(to_string(strategy));
    const auto keyed = target(good, strategy, {"id"}, table);
    const std::string null = "SELECT NULL::INTEGER AS id, 'a' AS name UNION ALL SELECT 1, 'b'";
    const std::string twice = "SELECT 1 AS id, 'a' AS name FROM range(2)";
    EXPECT_EQ(code_of(load(rows(null), keyed, key(seq + 1))), "target.null_key");
    EXPECT_EQ(code_of(load(rows(twice), keyed, key(seq + 1))), "target.duplicate_key");
    EXPECT_TRUE(is(load(rows("SELECT 1 AS id, 'a' AS name"), keyed, key(seq + 1)), committed));
    EXPECT_EQ(code_of(load(rows(null), keyed, key(seq + 2))), "target.null_key");
    EXPECT_EQ(code_of(load(rows(twice), keyed, key(seq + 2))), "target.duplicate_key");
    EXPECT_EQ(world_->rows(table), Rows{"1|a"});
    ++seq;
  }
}

TEST_P(SinkLoads, AMisfitNamesColumnsAndTypes) {
  ask_("create table " + world_->sql_name("orders") + " (id smallint, title varchar(9))");
  const auto good = rows("SELECT 1 AS id, 'a' AS name");
  const auto plan = owner_.sink->plan(target(good, LoadStrategy::append), cancel_);
  ASSERT_EQ(code_of(plan), "target.schema_misfit");
  const std::string message = plan.error().message;
  EXPECT_NE(message.find("`id` is "), std::string::npos) << message;
  EXPECT_NE(message.find(" in the table and INTEGER in the rows"), std::string::npos) << message;
  EXPECT_NE(message.find("`name` (VARCHAR) is not in the table"), std::string::npos) << message;
}

TEST_P(SinkLoads, ATableThatIsGoneIsNotMadeAnewByAWindow) {
  const auto good = rows("SELECT 1 AS id");
  LoadTarget append = target(good, LoadStrategy::append);
  ASSERT_TRUE(is(load(good, append, key(1)), committed));
  ask_("drop table " + world_->sql_name("orders"));
  append.was_there = true;
  EXPECT_EQ(code_of(load(good, append, key(2))), "target.table_gone");
  EXPECT_FALSE(owner_.sink->describe("orders", cancel_)->has_value());
}

TEST_P(SinkLoads, ALoadThatMakesItsTableTakesNoneThatCameMeanwhile) {
  const auto good = rows("SELECT 1 AS id");
  LoadTarget full = target(good, LoadStrategy::full);
  full.must_be_new = true;
  full.allow_empty = true;
  ASSERT_TRUE(owner_.sink->plan(full, cancel_).ok());
  ask_("create table " + world_->sql_name("orders") + " (id integer)");
  ask_("insert into " + world_->sql_name("orders") + " values (7)");
  EXPECT_EQ(code_of(load(good, full, key(1))), "target.table_taken");
  EXPECT_EQ(world_->rows("orders"), (Rows{"7"}));
  ask_("drop table " + world_->sql_name("orders"));
  EXPECT_TRUE(is(load(good, full, key(1)), committed));
}

TEST_P(SinkLoads, AnAbandonedOrCancelledLoadLeavesNothing) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append, {}, "mart.orders");
  {
    auto txn = owner_.sink->begin(key(1), cancel_);
    ASSERT_TRUE(txn.ok() && (*txn)->write(good, append, cancel_).ok());
  }
  {
    auto txn = owner_.sink->begin(key(1), cancel_);
    ASSERT_TRUE(txn.ok());
    Cancel cancelled;
    cancelled.request();
    EXPECT_EQ(code_of((*txn)->write(good, append, cancelled)), "run.cancelled");
  }
  EXPECT_FALSE(owner_.sink->describe("mart.orders", cancel_)->has_value());
  EXPECT_FALSE(owner_.sink->committed(stream, cancel_)->has_value());
  EXPECT_TRUE(is(load(good, append, key(1)), committed));
}

TEST_P(SinkLoads, RefusedRowsCommitWithTheGoodOnesAndStayOpenUntilALoadAnswersForThem) {
  const auto good = rows("SELECT 1 AS id");
  const auto append = target(good, LoadStrategy::append);
  const auto refused = [&](const std::string& job, std::int64_t seq) {
    return rows(owner_,
                "SELECT '" + job + "' AS job, 'orders' AS stream, 'r' AS run_id, " +
                    std::to_string(seq) +
                    "::BIGINT AS seq, 'rule' AS rule, NULL::VARCHAR AS column_name, 'why' AS "
                    "message, 'row 1' AS locator, '{}' AS payload, '\\x00\\xFF'::BLOB AS raw, "
                    "TIMESTAMPTZ '2024-01-01 00:00:00+00' AS refused_at, NULL::VARCHAR AS row_key",
                "bad");
  };
  const auto with_refused = [&](const LoadKey& at, const StagedTable& bad, Supersedes old) {
    auto txn = owner_.sink->begin(at, cancel_);
    ASSERT_TRUE(txn.ok()) << txn.error().describe();
    ASSERT_TRUE((*txn)->write(good, append, cancel_).ok());
    const Status kept = (*txn)->quarantine(bad, old, cancel_);
    ASSERT_TRUE(kept.ok()) << kept.error().describe();
    EXPECT_TRUE(is((*txn)->commit(row(at, good.rows)), committed));
  };
  {
    auto txn = owner_.sink->begin(key(1), cancel_);
    ASSERT_TRUE(txn.ok() &&
                (*txn)->quarantine(refused("orders", 1), Supersedes::nothing, cancel_).ok());
  }
  EXPECT_TRUE(owner_.sink->refused_windows(stream, cancel_)->empty());
  with_refused(key(1), refused("orders", 1), Supersedes::nothing);
  with_refused(key(2), refused("others", 2), Supersedes::nothing);
  with_refused(key(3), refused("orders", 3), Supersedes::nothing);
  EXPECT_EQ(*owner_.sink->refused_windows(stream, cancel_), (std::vector{Seq(1), Seq(3)}));
  const auto none = rows(owner_, "FROM bad WHERE false", "none");
  with_refused(key(4), none, Supersedes::all_windows);
  EXPECT_TRUE(owner_.sink->refused_windows(stream, cancel_)->empty());
  EXPECT_EQ(count("tidemark_quarantine"), "3");
}

}  // namespace
}  // namespace tidemark::conformance
