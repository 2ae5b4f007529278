// Reads of large tables in ranges of pages: one snapshot, nothing lost or doubled, and a read that
// died gone on with while others write.
#include <algorithm>
#include <map>
#include <set>

#include "connectors/postgres/source_fixture_test.h"
#include "connectors/postgres/transaction_watermark.h"
#include "env/clock.h"

namespace tidemark::postgres {
namespace {

class SplitsTest : public SourceTest {
 protected:
  // Pieces so small that a test's table has many.
  SourceAccess access() {
    SourceAccess made{options()};
    made.sizes = {400'000, 120'000, 900, 16};
    return made;
  }

  PostgresSource source(const SourceSpec& spec, LoadStrategy strategy) {
    return {access(), spec, strategy};
  }

  std::vector<Split> split(Source& source, const Progress& progress = {}) {
    EXPECT_TRUE(source.discover(cancel_).ok());
    auto bound = source.upper(progress, cancel_);
    EXPECT_TRUE(bound.ok()) << bound.error().describe();
    bound_ = *bound;
    auto splits = source.split(bound->window, cancel_);
    EXPECT_TRUE(splits.ok()) << splits.error().describe();
    return *splits;
  }

  using Row = std::pair<std::int64_t, std::int64_t>;  // id, version

  // All rows of a reader, or up to the first place at which `enough` are there.
  struct Part {
    std::vector<Row> rows;
    std::optional<Position> place;
  };
  Part rows_of(Source& source, Extraction extraction, std::size_t enough = SIZE_MAX) {
    Part part;
    auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
    std::size_t given = 0;
    const auto feed = [&](BatchWriter& writer) -> Result<std::size_t> {
      if (given >= enough && reader->place()) {
        part.place = reader->place();
        return std::size_t{0};
      }
      TM_TRY(const std::size_t rows, reader->next(writer, cancel_));
      given += rows;
      return rows;
    };
    const auto from = duck_->register_feed(*source.discover(cancel_), feed, {});
    auto answer = duck_->query("select id, version from " + *from);
    duck_->release_feed(*from);
    EXPECT_TRUE(answer.ok()) << answer.error().describe();
    for (std::size_t row = 0; answer.ok() && row < answer->rows(); ++row)
      part.rows.emplace_back(answer->integer(row, 0), answer->integer(row, 1));
    return part;
  }
  Part rows_of(Source& source, const Split& split) {
    auto extraction = source.open(split, cancel_);
    EXPECT_TRUE(extraction.ok()) << extraction.error().describe();
    return rows_of(source, std::move(*extraction));
  }

  std::vector<Row> all_rows(Source& source, const std::vector<Split>& splits) {
    std::vector<Row> rows;
    for (const Split& split : splits) {
      const Part part = rows_of(source, split);
      rows.insert(rows.end(), part.rows.begin(), part.rows.end());
    }
    std::sort(rows.begin(), rows.end());
    return rows;
  }

  std::vector<Row> rows_now() {
    auto session = Connection::connect(options(), cancel_);
    auto answer = (*session)->query("select id, version from t order by id", cancel_);
    std::vector<Row> rows;
    for (std::size_t row = 0; row < answer->rows(); ++row)
      rows.emplace_back(answer->integer(row, 0), answer->integer(row, 1));
    return rows;
  }

  // `rest` after the key: how the table is made, and what its columns are.
  void make_table(const std::string& more_columns = {}) {
    psql("create table t (id bigint primary key, version bigint not null" + more_columns +
         ", filler text); insert into t (id, version, filler) select i, 1, repeat('x', i % 300) "
         "from generate_series(1, 16000) i");
  }

  WindowBound bound_;
};

TEST_F(SplitsTest, TheRangesAreTheTable) {
  make_table();
  auto reads = source(table("t"), LoadStrategy::full);
  const auto splits = split(reads);
  EXPECT_GT(splits.size(), 4U);
  EXPECT_FALSE(reads.can_go_on());
  std::set<std::string> ranges;
  for (const Split& one : splits)
    ranges.insert(one.range);
  EXPECT_EQ(ranges.size(), splits.size());
  EXPECT_EQ(all_rows(reads, splits), rows_now());
  EXPECT_TRUE(reads.verify(bound_.window, cancel_).ok());
}

TEST_F(SplitsTest, SmallTablesViewsAndQueriesAreReadInOnePiece) {
  make_table();
  psql("create table small as select 1 as id, 1 as version; create view v as select * from t");
  for (const SourceSpec& spec : {table("small"), table("v"), query("select * from t")}) {
    auto reads = source(spec, LoadStrategy::full);
    const auto splits = split(reads);
    ASSERT_EQ(splits.size(), 1U);
    EXPECT_EQ(splits[0].range, "");
  }
}

TEST_F(SplitsTest, AWindowThatBeginsSomewhereIsLeftToItsIndex) {
  make_table(", at timestamptz not null default now()");
  psql("create index on t (at); select pg_sleep(1.2)");
  auto first = source(table("t", "at"), LoadStrategy::upsert);
  EXPECT_GT(split(first).size(), 1U);
  Progress progress;
  progress.lo = bound_.window.hi;
  psql("select pg_sleep(1.1); update t set at = now() where id <= 100; analyze t");
  auto next = source(table("t", "at"), LoadStrategy::upsert);
  const auto splits = split(next, progress);
  ASSERT_EQ(splits.size(), 1U);
  EXPECT_EQ(splits[0].range, "");
  EXPECT_FALSE(next.can_go_on());
}

TEST_F(SplitsTest, PartitionsAndChildrenAreReadInTheSameRanges) {
  psql(
      "create table t (id bigint, version bigint, filler text) partition by range (id);"
      "create table t1 partition of t for values from (0) to (2000);"
      "create table t2 partition of t for values from (2000) to (100000);"
      "create table u (id bigint, version bigint, filler text);"
      "create table u1 () inherits (u);"
      "insert into t select i, 1, repeat('x', 200) from generate_series(1, 12000) i;"
      "insert into u select i, 1, repeat('x', 200) from generate_series(1, 1000) i;"
      "insert into u1 select i, 1, repeat('x', 200) from generate_series(1001, 12000) i");
  for (const char* name : {"t", "u"}) {
    auto reads = source(table(name), LoadStrategy::full);
    const auto splits = split(reads);
    EXPECT_GT(splits.size(), 4U);
    const auto rows = all_rows(reads, splits);
    EXPECT_EQ(rows.size(), 12000U);
    EXPECT_EQ(std::set<Row>(rows.begin(), rows.end()).size(), 12000U);
  }
}

TEST_F(SplitsTest, ReadersBesideEachOtherSeeOneSnapshot) {
  make_table();
  const auto before = rows_now();
  auto reads = source(table("t"), LoadStrategy::full);
  const auto splits = split(reads);
  auto first = reads.open(splits[0], cancel_);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  // Rows move, go and come, also into pages that are not read yet.
  psql(
      "delete from t where id % 10 = 0; update t set version = 2 where id % 3 = 0; insert into t "
      "select i, 1, '' from generate_series(20001, 22000) i");
  std::vector<Row> rows;
  for (std::size_t at = 1; at < splits.size(); ++at) {
    auto beside = reads.open_beside(splits[at], std::nullopt, cancel_);
    ASSERT_TRUE(beside.ok() && *beside);
    const Part part = rows_of(reads, std::move(**beside));
    rows.insert(rows.end(), part.rows.begin(), part.rows.end());
  }
  const Part part = rows_of(reads, std::move(*first));
  rows.insert(rows.end(), part.rows.begin(), part.rows.end());
  std::sort(rows.begin(), rows.end());
  EXPECT_EQ(rows, before);
}

TEST_F(SplitsTest, AReaderBesideTakesOnlyASessionThatNobodyWants) {
  make_table();
  GuardSpec limits;
  limits.connections = 2;
  const SystemClock clock;
  Guard guard(limits, clock);
  SourceAccess guarded = access();
  guarded.guard = &guard;
  guarded.job = "copy";
  guarded.options.admit = [&](Cancel& cancel) { return guard.enter("copy", cancel); };
  PostgresSource reads(guarded, table("t"), LoadStrategy::full);
  const auto splits = split(reads);
  auto none = reads.open_beside(splits[0], std::nullopt, cancel_);
  EXPECT_TRUE(none.ok() && !*none) << "there is no snapshot yet";
  auto first = reads.open(splits[0], cancel_);
  ASSERT_TRUE(first.ok());
  {
    auto beside = reads.open_beside(splits[1], std::nullopt, cancel_);
    ASSERT_TRUE(beside.ok() && *beside);
    auto third = reads.open_beside(splits[2], std::nullopt, cancel_);
    EXPECT_TRUE(third.ok() && !*third);
  }
  auto other = guard.enter("other", cancel_);
  ASSERT_TRUE(other.ok());
  auto beside = reads.open_beside(splits[1], std::nullopt, cancel_);
  EXPECT_TRUE(beside.ok() && !*beside);
}

// A first load whose process dies again and again, while rows are rewritten, moved, put in and
// taken out. What the pieces and the next window give must be the table.
class GoneOnTest : public SplitsTest {
 protected:
  void write_something(int round) {
    const std::string r = std::to_string(round);
    psql(
        "update t set version = version + 1, at = now(), filler = repeat('y', 250) where id % 17 "
        "= " +
        r + " % 17; delete from t where id % 101 = " + r +
        "; insert into t (id, version, filler) select 100000 * " + r +
        " + i, 1, 'z' from generate_series(1, 50) i; vacuum t");
  }

  Progress after_;                 // what is loaded already,
  std::vector<Row> given_before_;  // and the rows of it

  void go_on(const std::string& watermark, LoadStrategy strategy) {
    std::map<std::int64_t, std::set<std::int64_t>> given;  // versions by id
    for (const auto& [id, version] : given_before_)
      given[id].insert(version);
    int doubled = 0;
    const auto give = [&](const std::vector<Row>& rows) {
      for (const auto& [id, version] : rows)
        doubled += given[id].insert(version).second ? 0 : 1;
    };
    auto reads = source(table("t", watermark), strategy);
    const auto splits = split(reads, after_);
    const Window window = bound_.window;
    ASSERT_TRUE(after_.lo || splits.size() > 4U);
    ASSERT_TRUE(reads.can_go_on());
    int places = 0;
    for (std::size_t at = 0; at < splits.size(); ++at) {
      std::optional<Position> place;
      do {
        // Each part by a process of its own.
        auto part_reads = source(table("t", watermark), strategy);
        split(part_reads, after_);
        ASSERT_TRUE(part_reads.split(window, cancel_).ok());
        EXPECT_EQ(part_reads.places_depend_on(), reads.places_depend_on());
        auto extraction = place ? part_reads.open_at(splits[at], *place, cancel_)
                                : part_reads.open(splits[at], cancel_);
        ASSERT_TRUE(extraction.ok()) << extraction.error().describe();
        const Part part = rows_of(part_reads, std::move(*extraction), 1);
        give(part.rows);
        place = part.place;
        write_something(++places);
      } while (place);
    }
    EXPECT_GT(places, 6);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    Progress progress;
    progress.lo = window.hi;
    auto next = source(table("t", watermark), strategy);
    for (const Split& one : split(next, progress))
      give(rows_of(next, one).rows);
    for (const auto& [id, version] : rows_now())
      EXPECT_TRUE(given[id].contains(version)) << "row " << id << ", version " << version;
    if (strategy == LoadStrategy::append) {
      EXPECT_EQ(doubled, 0);
    }
  }
};

TEST_F(GoneOnTest, ByTransactions) {
  for (const LoadStrategy strategy : {LoadStrategy::append, LoadStrategy::upsert}) {
    psql("drop table if exists t");
    make_table(", at timestamptz not null default now()");
    auto session = Connection::connect(options(), cancel_);
    auto wanted = source_preparation(**session, {"public", "t"}, "written_by", cancel_);
    ASSERT_TRUE(wanted.ok() && apply_preparation(**session, *wanted, cancel_).ok());
    session->reset();
    go_on("written_by", strategy);
  }
}

TEST_F(GoneOnTest, ByTimes) {
  for (const LoadStrategy strategy : {LoadStrategy::append, LoadStrategy::upsert}) {
    psql("drop table if exists t");
    make_table(", at timestamptz not null default now()");
    psql("create index on t (at)");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    go_on("at", strategy);
  }
}

TEST_F(GoneOnTest, ByRowVersions) {
  make_table(", at timestamptz not null default now()");
  go_on("xmin", LoadStrategy::upsert);
}

// A window after a long pause: in pages by (watermark, key), with many rows of one time.
TEST_F(GoneOnTest, InALargeWindowByPages) {
  for (const LoadStrategy strategy : {LoadStrategy::append, LoadStrategy::upsert}) {
    psql("drop table if exists t");
    make_table(", at timestamptz not null default now()");
    psql("create index on t (at)");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    auto first = source(table("t", "at"), strategy);
    split(first);
    after_.lo = bound_.window.hi;
    psql(
        "update t set version = 2, at = case when id % 3 = 0 then now() else clock_timestamp() "
        "end where id <= 9000; analyze t");
    given_before_ = rows_now();
    std::erase_if(given_before_, [](const Row& row) { return row.second == 2; });
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    go_on("at", strategy);
  }
}

TEST_F(SplitsTest, AViewIsCutAtTheQuantilesOfItsColumn) {
  psql(
      "create table days (id bigint, version int, day date, shard smallint, name text, skewed int);"
      "insert into days select i, 1, case when i % 10 < 8 then date '2024-01-01' when i % 100 = 9 "
      "then null else date '2024-01-01' + (i % 700)::int end, i % 6, 'key ' || md5(i::text), "
      "(i % 100) * (i % 100) from generate_series(1, 20000) i;"
      "create view v as select * from days where id > 5");
  for (const char* column : {"day", "shard", "name", "skewed"}) {
    SourceSpec by_column = table("v");
    by_column.split_by = Name{column, {}};
    by_column.readers = 3;
    auto reads = source(by_column, LoadStrategy::full);
    const auto splits = split(reads);
    EXPECT_GT(splits.size(), 2U) << column;
    // Most rows are of one day, which is not cut.
    EXPECT_LT(splits.size(), std::string(column) == "day" ? 12U : 14U) << column;
    const auto rows = all_rows(reads, splits);
    EXPECT_EQ(rows.size(), 19995U) << column;
    EXPECT_EQ(std::set<Row>(rows.begin(), rows.end()).size(), 19995U) << column;
  }
}

TEST_F(GoneOnTest, NumbersAndRowsWithoutATimeBeginAnew) {
  make_table(", at timestamptz");
  psql("update t set at = now() where id % 2 = 0; create index on t (at)");
  auto numbers = source(table("t", "id"), LoadStrategy::append);
  split(numbers);
  EXPECT_FALSE(numbers.can_go_on());
  SourceSpec nulls = table("t", "at");
  nulls.null_cursor = NullCursor::every_run;
  auto times = source(nulls, LoadStrategy::upsert);
  split(times);
  EXPECT_FALSE(times.can_go_on());
}

TEST_F(GoneOnTest, ATableThatIsRewrittenHasOtherPlaces) {
  make_table(", at timestamptz not null default now()");
  auto reads = source(table("t", "at"), LoadStrategy::upsert);
  const auto splits = split(reads);
  const std::string before = reads.places_depend_on();
  ASSERT_NE(before, "");
  psql("vacuum full t");
  EXPECT_EQ(reads.open(splits[0], cancel_).error().code, "source.rewritten");
  auto later = source(table("t", "at"), LoadStrategy::upsert);
  split(later);
  EXPECT_NE(later.places_depend_on(), before);
}

TEST(PageRange, ItsTextReadsBack) {
  for (const PageRange& range : {PageRange{0, 8}, PageRange{8, std::nullopt}, PageRange{3, 4}}) {
    const auto parsed = PageRange::parse(range.text());
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->from, range.from);
    EXPECT_EQ(parsed->to, range.to);
  }
  for (const char* wrong :
       {"", "pages", "pages 1", "pages 4 to 2", "pages -1 to 2", "pages 1 to 2x"})
    EXPECT_FALSE(PageRange::parse(wrong)) << wrong;
  EXPECT_FALSE(rest_of({4, 8}, Position{"3"}));
  EXPECT_FALSE(rest_of({4, 8}, Position{"8"}));
  EXPECT_EQ(rest_of({4, 8}, Position{"7"})->from, 7);
}

}  // namespace
}  // namespace tidemark::postgres
