// Bounds, windows, discovery and failures of the source, on a real server.
#include <chrono>
#include <thread>

#include "connectors/postgres/source_fixture_test.h"

namespace tidemark::postgres {
namespace {

TEST_F(SourceTest, DiscoversColumnsKeyAndNullability) {
  psql(
      "create table \"Odd \"\"Name\" (b text, id int, \"a.b\" numeric(9,3) not null, primary key "
      "(id, \"a.b\"))");
  PostgresSource source(options(), table("public.\"Odd \"\"Name\""), LoadStrategy::full);
  auto schema = source.discover(cancel_);
  ASSERT_TRUE(schema.ok()) << schema.error().describe();
  EXPECT_EQ((std::vector<std::string>{"b", "id", "a.b"}), schema->names());
  EXPECT_EQ((std::vector<std::string>{"id", "a.b"}), schema->key);
  EXPECT_TRUE(schema->columns[0].nullable);
  EXPECT_FALSE(schema->columns[2].nullable);
  EXPECT_EQ("numeric(9,3)", schema->columns[2].source_type);
}

TEST_F(SourceTest, ReadsQueriesViewsAndPartitionedTables) {
  psql(
      "create table p (id int, v text) partition by range (id); create table p1 partition of p for "
      "values from (0) to (10);"
      "create table p2 partition of p for values from (10) to (20); insert into p values (1, 'x'), "
      "(11, 'y'); create view w as select * from p");
  for (const SourceSpec& spec :
       {table("p"), table("w"), query("select * from p where id > 0 -- all\n"),
        query("values (1,2),(3,4)")}) {
    auto got = read(spec);
    ASSERT_TRUE(got.ok()) << got.error().describe();
    EXPECT_EQ(2u, got->rows.size());
    EXPECT_EQ(Guarantee::exact, got->bound.guarantee);
  }
  auto twice = read(query("select 1 as a, 2 as a"));
  ASSERT_FALSE(twice.ok());
  EXPECT_EQ("plan.column_twice", twice.error().code);
}

TEST_F(SourceTest, MissingThingsAreNamedWithTheNearest) {
  psql("create table orders (id int, updated_at timestamptz)");
  EXPECT_EQ("did you mean `public.orders`?", read(table("public.order")).error().hint);
  EXPECT_EQ("did you mean `updated_at`?",
            read(table("orders", "updatet_at"), LoadStrategy::append).error().hint);
  SourceSpec spec = table("orders");
  spec.columns = {{{"idd", {}}, {"varchar", {}}}};
  EXPECT_EQ("plan.no_column", read(spec).error().code);
}

TEST_F(SourceTest, AppendWindowsDeliverEachRowOnce) {
  psql(
      "create table t (id int primary key, at timestamptz not null); insert into t values (1, "
      "now() - interval '1 hour'), (2, now() + interval '1 hour')");
  auto first = read(table("t", "at"), LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(Guarantee::bounded, first->bound.guarantee) << first->bound.reason;
  EXPECT_EQ(first->bound.window.hi, first->bound.window.top);
  ASSERT_EQ(1u, first->rows.size());
  psql("insert into t values (3, now() - interval '1 minute')");
  Progress progress;
  progress.lo = first->bound.window.hi;
  auto second = read(table("t", "at"), LoadStrategy::append, progress);
  ASSERT_TRUE(second.ok()) << second.error().describe();
  EXPECT_EQ(0u, second->rows.size()) << "rows written below the watermark break the declared rule";
  EXPECT_EQ(first->bound.window.hi, second->bound.window.lo);
  progress.full_requested = true;
  EXPECT_EQ(2u, read(table("t", "at"), LoadStrategy::append, progress)->rows.size());
}

TEST_F(SourceTest, AWindowWithoutARowIsKnownToBeEmptyBeforeItIsRead) {
  psql(
      "create table t (id int primary key, at timestamptz not null default now());"
      "create index on t (at); insert into t values (1, now() - interval '1 hour')");
  for (const LoadStrategy strategy : {LoadStrategy::append, LoadStrategy::upsert}) {
    auto first = read(table("t", "at"), strategy);
    ASSERT_TRUE(first.ok()) << first.error().describe();
    EXPECT_FALSE(first->bound.nothing_new) << "the first window is loaded, empty or not";
    Progress progress;
    progress.lo = first->bound.window.hi;
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    PostgresSource source(options(), table("t", "at"), strategy);
    source.pin(first->schema);
    auto none = read(source, progress);
    ASSERT_TRUE(none.ok()) << none.error().describe();
    EXPECT_TRUE(none->bound.nothing_new);
    EXPECT_EQ(none->rows.size(), 0U);
    // Whether its columns are others than before is told by a run that reads.
    PostgresSource other(options(), table("t", "at"), strategy);
    Schema fewer = first->schema;
    fewer.columns.pop_back();
    other.pin(fewer);
    EXPECT_FALSE(read(other, progress)->bound.nothing_new);
    // What costs as much to ask as to read is read.
    SourceSpec asked = query("select * from t");
    asked.watermark = Name{"at", {}};
    PostgresSource of_query(options(), asked, strategy);
    of_query.pin(first->schema);
    EXPECT_FALSE(read(of_query, progress)->bound.nothing_new);
    psql("insert into t values (" + std::string(strategy == LoadStrategy::append ? "2" : "3") +
         ", now())");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    PostgresSource again(options(), table("t", "at"), strategy);
    again.pin(first->schema);
    auto some = read(again, progress);
    EXPECT_FALSE(some->bound.nothing_new);
    EXPECT_EQ(some->rows.size(), 1U);
  }
}

TEST_F(SourceTest, AReasonNamesWhatWouldEarnABetterLabel) {
  psql("create table t (id int primary key, at timestamptz not null default now())");
  const auto reason = [&] {
    return read(table("t", "at"), LoadStrategy::upsert).value().bound.reason;
  };
  EXPECT_NE(reason().find("`tidemark source prepare`"), std::string::npos) << reason();
  psql("alter table t add column writer xid8");
  EXPECT_NE(reason().find("`watermark: writer` is `exact-upsert`"), std::string::npos) << reason();
}

TEST_F(SourceTest, AnOpenTransactionHoldsTheWatermark) {
  psql("create table t (id int primary key, at timestamptz not null default now())");
  auto writer = Connection::connect(options(), cancel_);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->begin("", cancel_).ok());
  const std::string started = (*writer)->query("select now()", cancel_)->string(0, 0);
  ASSERT_TRUE((*writer)->execute("insert into t values (1)", cancel_).ok());
  psql("insert into t values (2)");

  auto appended = read(table("t", "at"), LoadStrategy::append);
  ASSERT_TRUE(appended.ok()) << appended.error().describe();
  EXPECT_LT(appended->bound.window.hi->text, started);
  EXPECT_EQ(0u, appended->rows.size());
  // A keyed target is fresh at once and reads again from the oldest transaction.
  auto merged = read(table("t", "at"), LoadStrategy::upsert);
  ASSERT_TRUE(merged.ok());
  EXPECT_EQ(1u, merged->rows.size());
  EXPECT_FALSE(merged->bound.window.top);
  ASSERT_TRUE((*writer)->commit(cancel_).ok());
  Progress progress;
  progress.lo = merged->bound.window.hi;
  EXPECT_EQ(2u, read(table("t", "at"), LoadStrategy::upsert, progress)->rows.size());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  progress.lo = appended->bound.window.hi;
  EXPECT_EQ(2u, read(table("t", "at"), LoadStrategy::append, progress)->rows.size());
}

TEST_F(SourceTest, APreparedTransactionHoldsTheWatermark) {
  psql(
      "create table t (id int primary key, at timestamptz not null default now());"
      "begin; insert into t values (1); prepare transaction '" +
      database_ + "'");
  auto first = read(table("t", "at"), LoadStrategy::append);
  ASSERT_FALSE(first.ok());
  EXPECT_EQ("source.watermark_held", first.error().code);
  EXPECT_EQ(Retry::backoff, first.error().retry);
  Progress progress;
  progress.lo = Position{"2020-01-01 00:00:00+00"};
  auto held = read(table("t", "at"), LoadStrategy::append, progress);
  ASSERT_TRUE(held.ok()) << held.error().describe();
  EXPECT_EQ(progress.lo, held->bound.window.hi);
  EXPECT_TRUE(held->bound.nothing_new);
  ASSERT_FALSE(held->bound.notes.empty());
  EXPECT_NE(std::string::npos, held->bound.notes[0].find(database_));
  psql("commit prepared '" + database_ + "'");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(1u, read(table("t", "at"), LoadStrategy::append, progress)->rows.size());
}

TEST_F(SourceTest, AUserWhoSeesNoSessionsWaitsForWhoeverIsOpen) {
  psql("create table t (id int, at timestamptz not null); create role " + database_ +
       " login; grant select on t to " + database_);
  PostgresSource source(options(database_), table("t", "at"), LoadStrategy::append);
  auto bound = source.upper({}, cancel_);
  ASSERT_TRUE(bound.ok()) << bound.error().describe();
  EXPECT_EQ(Guarantee::bounded, bound->guarantee);
  EXPECT_NE(std::string::npos, bound->reason.find("grant pg_read_all_stats to")) << bound->reason;
  EXPECT_TRUE(bound->window.hi) << "sessions of other databases hold nothing up";

  auto writer = Connection::connect(options(), cancel_);
  ASSERT_TRUE(writer.ok() && (*writer)->begin("", cancel_).ok());
  ASSERT_TRUE((*writer)->execute("insert into t values (1, now())", cancel_).ok());
  const std::string began = (*writer)->query("select now()", cancel_)->string(0, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  Progress progress;
  progress.lo = bound->window.hi;
  progress.memory = bound->memory;
  auto held = source.upper(progress, cancel_);
  ASSERT_TRUE(held.ok()) << held.error().describe();
  EXPECT_LE(parse_position(*held->window.hi).value, began);
  progress.memory = held->memory;
  ASSERT_TRUE((*writer)->commit(cancel_).ok());
  // Without a memory it begins anew, and is right as well.
  for (const std::string& memory : {held->memory, std::string(), std::string("what?")}) {
    progress.memory = memory;
    PostgresSource again(options(database_), table("t", "at"), LoadStrategy::append);
    auto rows = read(again, progress);
    ASSERT_TRUE(rows.ok()) << rows.error().describe();
    EXPECT_EQ(1u, rows->rows.size());
  }
  psql("grant pg_read_all_stats to " + database_);
  PostgresSource granted(options(database_), table("t", "at"), LoadStrategy::append);
  EXPECT_EQ(Guarantee::bounded, granted.upper({}, cancel_)->guarantee);
}

TEST_F(SourceTest, NumbersAndDatesAreABestEffortBelowTheNewest) {
  psql(
      "create table t (id bigint, d date, x numeric); insert into t select i, date '2024-01-01' + "
      "i, i from generate_series(1, 5) i; insert into t values (6, 'infinity', 'NaN')");
  auto ids = read(table("t", "id"), LoadStrategy::append);
  ASSERT_TRUE(ids.ok()) << ids.error().describe();
  EXPECT_EQ(Guarantee::best_effort, ids->bound.guarantee);
  EXPECT_EQ("6", parse_position(*ids->bound.window.hi).value);
  EXPECT_EQ(5u, ids->rows.size());
  auto dates = read(table("t", "d"), LoadStrategy::append);
  ASSERT_TRUE(dates.ok()) << dates.error().describe();
  EXPECT_EQ("2024-01-06", parse_position(*dates->bound.window.hi).value);
  EXPECT_EQ(4u, dates->rows.size());
  EXPECT_EQ("5",
            parse_position(*read(table("t", "x"), LoadStrategy::append)->bound.window.hi).value);
  auto keyed = read(table("t", "id"), LoadStrategy::upsert);
  EXPECT_EQ(6u, keyed->rows.size());
  psql("create table e (id bigint)");
  EXPECT_TRUE(read(table("e", "id"), LoadStrategy::append)->bound.nothing_new);
  psql("create table f (id text)");
  EXPECT_EQ("plan.cursor_type", read(table("f", "id"), LoadStrategy::append).error().code);
}

TEST_F(SourceTest, ATimestampWithoutZoneNeedsADeclaredOne) {
  psql(
      "create table t (id int, at timestamp not null); insert into t values (1, now() at time zone "
      "'Europe/Berlin' - interval '2 hours')");
  SourceSpec spec = table("t", "at");
  EXPECT_EQ(Guarantee::best_effort, read(spec, LoadStrategy::append)->bound.guarantee);
  spec.timezone = Name{"Europe/Berlin", {}};
  auto got = read(spec, LoadStrategy::append);
  ASSERT_TRUE(got.ok()) << got.error().describe();
  EXPECT_EQ(Guarantee::bounded, got->bound.guarantee);
  EXPECT_EQ(1u, got->rows.size());
  psql("insert into t values (2, now() at time zone 'Europe/Berlin' - interval '59 minutes')");
  EXPECT_EQ(1u, read(spec, LoadStrategy::append)->rows.size())
      << "an hour is kept clear for the change of the clock";
}

TEST_F(SourceTest, NumbersOfASequenceWaitForWhoeverMayHoldOne) {
  psql("create table t (id bigserial primary key, v int); insert into t (v) values (1), (2)");
  auto first = read(table("t", "id"), LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(Guarantee::bounded, first->bound.guarantee) << first->bound.reason;
  EXPECT_EQ("3", parse_position(*first->bound.window.hi).value);
  EXPECT_EQ(2u, first->rows.size());
  auto writer = Connection::connect(options(), cancel_);
  ASSERT_TRUE(writer.ok() && (*writer)->begin("", cancel_).ok());
  ASSERT_TRUE((*writer)->execute("insert into t (v) values (3)", cancel_).ok());
  psql("insert into t (v) values (4)");
  Progress progress;
  progress.lo = first->bound.window.hi;
  progress.memory = first->bound.memory;
  auto held = read(table("t", "id"), LoadStrategy::append, progress);
  ASSERT_TRUE(held.ok()) << held.error().describe();
  EXPECT_TRUE(held->bound.nothing_new);
  EXPECT_EQ(progress.lo, held->bound.window.hi);
  ASSERT_FALSE(held->bound.notes.empty());
  ASSERT_TRUE((*writer)->commit(cancel_).ok());
  progress.memory = held->bound.memory;
  EXPECT_EQ(2u, read(table("t", "id"), LoadStrategy::append, progress)->rows.size());

  for (const std::string how : {"cache 20", "increment 50", "cycle"}) {
    psql("alter sequence t_id_seq cache 1 increment 1 no cycle; alter sequence t_id_seq " + how);
    auto other = read(table("t", "id"), LoadStrategy::append);
    ASSERT_TRUE(other.ok()) << other.error().describe();
    EXPECT_EQ(Guarantee::best_effort, other->bound.guarantee) << how;
    EXPECT_NE(std::string::npos, other->bound.reason.find("t_id_seq")) << other->bound.reason;
  }
}

TEST_F(SourceTest, ATableAsItIsIsFollowedByTheTransactionsOfItsRows) {
  psql("create table t (id int primary key, v int); insert into t values (1, 1), (2, 2)");
  auto first = read(table("t", "xmin"), LoadStrategy::upsert);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(Guarantee::exact_upsert, first->bound.guarantee);
  EXPECT_EQ(2u, first->rows.size());
  Progress progress;
  progress.lo = first->bound.window.hi;
  EXPECT_EQ(0u, read(table("t", "xmin"), LoadStrategy::upsert, progress)->rows.size());
  psql(
      "begin; savepoint a; update t set v = 3 where id = 2; release a; insert into t values (3, "
      "3); commit");
  auto second = read(table("t", "xmin"), LoadStrategy::upsert, progress);
  EXPECT_EQ(2u, second->rows.size());
  progress.lo = second->bound.window.hi;
  EXPECT_EQ(0u, read(table("t", "xmin"), LoadStrategy::upsert, progress)->rows.size());
  // Two thousand million transactions later nothing can be told apart: all is read again.
  PlacedValue far = parse_position(*progress.lo);
  progress.lo =
      position_at(std::to_string(std::atoll(far.value.c_str()) - (1LL << 31)), *far.place);
  EXPECT_EQ(3u, read(table("t", "xmin"), LoadStrategy::upsert, progress)->rows.size());
  EXPECT_EQ("plan.watermark_append", read(table("t", "xmin"), LoadStrategy::append).error().code);
  SourceSpec all = query("select * from t");
  all.watermark = Name{"xmin", {}};
  EXPECT_EQ("plan.no_column", read(all, LoadStrategy::upsert).error().code);
}

TEST_F(SourceTest, AnExpressionMayBeTheWatermark) {
  psql(
      "create table t (id int primary key, made timestamptz not null default now(), changed "
      "timestamptz);"
      "insert into t values (1, now() - interval '2 hours', null), (2, now() - interval '3 hours', "
      "now() - interval '1 hour')");
  const std::string latest = "coalesce(changed, made) -- the latest";
  auto first = read(table("t", latest), LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(Guarantee::bounded, first->bound.guarantee) << first->bound.reason;
  EXPECT_EQ(2u, first->rows.size());
  Progress progress;
  progress.lo = first->bound.window.hi;
  psql("update t set changed = now() where id = 1");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  auto second = read(table("t", latest), LoadStrategy::append, progress);
  ASSERT_TRUE(second.ok()) << second.error().describe();
  EXPECT_EQ(1u, second->rows.size());
  auto numbers = read(table("t", "greatest(id, 0)"), LoadStrategy::append);
  ASSERT_TRUE(numbers.ok()) << numbers.error().describe();
  EXPECT_EQ(1u, read(table("t", "greatest(id, 0)"), LoadStrategy::append)->rows.size());
  psql("insert into t values (3, now(), null); update t set made = now() where false");
  EXPECT_EQ("source.null_cursor",
            read(table("t", "nullif(id, 2)"), LoadStrategy::append).error().code);
  for (const char* wrong :
       {"coalesce(changd, made)", "coalesce(changed", "lower('a')", "count(*)"}) {
    auto refused = read(table("t", wrong), LoadStrategy::append);
    ASSERT_FALSE(refused.ok()) << wrong;
    EXPECT_NE(Fault::internal, refused.error().fault) << refused.error().describe();
  }
  // Its index is one of the same expression.
  auto session = Connection::connect(options(), cancel_);
  auto cursor = expression_cursor(**session, "\"t\"", latest, std::nullopt, cancel_);
  ASSERT_TRUE(cursor.ok()) << cursor.error().describe();
  EXPECT_GT(*bytes_scanned(**session, "\"t\"", *cursor, cancel_), 0);
  psql("create index on t (coalesce(changed, made))");
  EXPECT_EQ(0, *bytes_scanned(**session, "\"t\"", *cursor, cancel_));
}

TEST_F(SourceTest, AnotherServerOrTableIsNotTakenForTheOneBefore) {
  psql(
      "create table t (id bigserial primary key, at timestamptz not null default now());"
      "insert into t (at) values (now() - interval '1 hour')");
  for (const std::string cursor : {"at", "id", "xmin"}) {
    auto first = read(table("t", cursor), LoadStrategy::upsert);
    ASSERT_TRUE(first.ok()) << first.error().describe();
    const PlacedValue last = parse_position(*first->bound.window.hi);
    ASSERT_TRUE(last.place);
    for (int part = 0; part < 3; ++part) {
      SourcePlace other = *last.place;
      (part == 0 ? other.system : part == 1 ? other.timeline : other.table) += "1";
      Progress progress;
      progress.lo = position_at(last.value, other);
      auto stopped = read(table("t", cursor), LoadStrategy::upsert, progress);
      ASSERT_FALSE(stopped.ok()) << cursor << part;
      EXPECT_EQ("blocked.source_changed", stopped.error().code);
      progress.same_source = true;
      auto confirmed = read(table("t", cursor), LoadStrategy::upsert, progress);
      if (cursor == "xmin" && part == 0) {
        EXPECT_FALSE(confirmed.ok()) << "another server counts transactions anew";
        continue;
      }
      ASSERT_TRUE(confirmed.ok()) << confirmed.error().describe();
      EXPECT_FALSE(confirmed->bound.nothing_new || confirmed->bound.skip_if_empty)
          << "the next run must find the new place";
      EXPECT_EQ(last.place->table, parse_position(*confirmed->bound.window.hi).place->table);
    }
    // A position of before says nothing of its place.
    Progress progress;
    progress.lo = Position{last.value};
    EXPECT_TRUE(read(table("t", cursor), LoadStrategy::upsert, progress).ok());
  }
}

TEST_F(SourceTest, AClockThatWentBackStopsTheJob) {
  psql("create table t (id int primary key, at timestamptz not null default now())");
  auto first = read(table("t", "at"), LoadStrategy::append);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  Progress progress;
  progress.lo = first->bound.window.hi;
  progress.memory = first->bound.memory;
  EXPECT_TRUE(read(table("t", "at"), LoadStrategy::append, progress).ok());
  const std::size_t year = progress.memory.find("\"clock\":\"2");
  ASSERT_NE(std::string::npos, year);
  progress.memory[year + 9] = '3';
  auto stopped = read(table("t", "at"), LoadStrategy::append, progress);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ("blocked.clock_went_back", stopped.error().code);
  progress.same_source = true;
  EXPECT_TRUE(read(table("t", "at"), LoadStrategy::append, progress).ok());
}

TEST_F(SourceTest, NullCursorsFollowTheDeclaredRule) {
  psql(
      "create table t (id int, at timestamptz); insert into t values (1, null), (2, '2024-01-01')");
  SourceSpec spec = table("t", "at");
  auto failed = read(spec, LoadStrategy::append);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ("source.null_cursor", failed.error().code);
  Progress later;
  later.lo = Position{"2025-01-01 00:00:00+00"};
  spec.null_cursor = NullCursor::once;
  EXPECT_EQ(2u, read(spec, LoadStrategy::append)->rows.size());
  EXPECT_EQ(0u, read(spec, LoadStrategy::append, later)->rows.size());
  spec.null_cursor = NullCursor::every_run;
  EXPECT_EQ(2u, read(spec, LoadStrategy::append)->rows.size());
  EXPECT_EQ(1u, read(spec, LoadStrategy::append, later)->rows.size());
}

TEST_F(SourceTest, ATableThatIsDroppedOrChangedAfterThePlan) {
  psql("create table t (a int, b timestamp); insert into t values (1, now())");
  PostgresSource source(options(), table("t"), LoadStrategy::full);
  ASSERT_TRUE(source.discover(cancel_).ok());
  psql("alter table t alter b type timestamptz");
  auto changed = read(source);
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ("source.column_changed", changed.error().code);
  EXPECT_NE(std::string::npos, changed.error().message.find("column `b`"));
  psql("drop table t");
  auto dropped = read(source);
  ASSERT_FALSE(dropped.ok());
  EXPECT_EQ("postgres.table_missing", dropped.error().code);
  EXPECT_EQ(Fault::source, dropped.error().fault);
}

TEST_F(SourceTest, FindsTablesByPattern) {
  psql(
      "create table a (i int); create table tmp_b (i int); create view v as select 1; create "
      "schema s; create table s.c (i int);"
      "create table p (i int) partition by range (i); create table p1 partition of p default");
  auto session = Connection::connect(options(), cancel_);
  ASSERT_TRUE(session.ok());
  auto tables = find_tables(**session, {"public.*"}, {"public.tmp_*"}, cancel_);
  ASSERT_TRUE(tables.ok()) << tables.error().describe();
  EXPECT_EQ((std::vector<TableName>{{"public", "a"}, {"public", "p"}}), *tables);
  EXPECT_EQ(2u, find_tables(**session, {"s.*", "a"}, {}, cancel_)->size());
  auto none = find_tables(**session, {"public.*", "x.*"}, {}, cancel_);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ("plan.no_tables", none.error().code);
}

TEST_F(SourceTest, ManyBlocksArriveWholeAndInOrder) {
  psql(
      "create table t as select i, repeat(chr(97 + i % 26), 1 + i % 300) as s from "
      "generate_series(1, 100000) i; "
      "insert into t values (100001, repeat('x', 20000000))");
  PostgresSource source(options(), table("t"), LoadStrategy::full);
  auto got = read(source, {}, "count(*), sum(i), sum(length(s)), sum(hash(i, s) % 1000)");
  ASSERT_TRUE(got.ok()) << got.error().describe();
  EXPECT_EQ(psql("select count(*) || '|' || sum(i) || '|' || sum(length(s)) from t"),
            *got->rows[0][0] + "|" + *got->rows[0][1] + "|" + *got->rows[0][2] + "\n");
}

TEST_F(SourceTest, AReaderLeftEarlyOrCancelledStopsTheServerToo) {
  psql("create table t as select i from generate_series(1, 2000000) i");
  for (const bool cancelled : {false, true}) {
    PostgresSource source(options(), table("t"), LoadStrategy::full);
    auto splits = source.split({}, cancel_);
    auto extraction = source.open(splits->at(0), cancel_);
    ASSERT_TRUE(extraction.ok()) << extraction.error().describe();
    auto reader = std::move(std::get<std::unique_ptr<Reader>>(*extraction));
    Cancel stop;
    if (cancelled) stop.request();
    auto from =
        duck_->register_feed(*source.discover(cancel_),
                             [&](BatchWriter& writer) { return reader->next(writer, stop); }, {});
    auto answer = duck_->query("select * from " + *from + " limit 10");
    EXPECT_EQ(cancelled, !answer.ok());
    const auto start = std::chrono::steady_clock::now();
    reader.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
  }
  for (int i = 0;
       i < 50 &&
       psql(
           "select count(*) from pg_stat_activity where query like 'copy%' and state = 'active'") !=
           "0\n";
       ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(
      "0\n",
      psql("select count(*) from pg_stat_activity where query like 'copy%' and state = 'active'"));
}

TEST_F(SourceTest, AServerThatDiesInMidCopyIsAnErrorAndNeverAShortRead) {
  const auto doomed = testing::PostgresServer::start();
  doomed->psql(
      "postgres",
      "create table t as select i, repeat('x', 100) as s from generate_series(1, 400000) i");
  ConnectOptions to_doomed = options();
  to_doomed.conninfo = doomed->conninfo();
  PostgresSource source(to_doomed, table("t"), LoadStrategy::full);
  auto splits = source.split({}, cancel_);
  auto extraction = source.open(splits->at(0), cancel_);
  ASSERT_TRUE(extraction.ok()) << extraction.error().describe();
  auto& reader = std::get<std::unique_ptr<Reader>>(*extraction);
  bool first = true;
  auto from = duck_->register_feed(*source.discover(cancel_),
                                   [&](BatchWriter& writer) {
                                     auto rows = reader->next(writer, cancel_);
                                     if (first) doomed->kill_now();
                                     first = false;
                                     return rows;
                                   },
                                   {});
  auto answer = duck_->query("select count(*) from " + *from);
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(Fault::source, answer.error().fault) << answer.error().describe();
  EXPECT_EQ(Retry::reconnect, answer.error().retry) << answer.error().code;
  EXPECT_NE("", answer.error().hint);
}

}  // namespace
}  // namespace tidemark::postgres
