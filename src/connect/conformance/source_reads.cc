// What a read gives: values, names, sizes, windows, places to go on from.
#include "connect/conformance/source_case.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace tidemark::conformance {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SourceReads);

std::vector<SourceKind> source_reads(std::vector<SourceKind> kinds) {
  return kinds;
}

SourceReads::SourceReads() : world_(GetParam().make()) {}

StreamRead SourceReads::read(LoadStrategy strategy, const std::string& watermark,
                             const Progress& progress) {
  const auto source = world_->open(strategy, watermark);
  auto read = read_stream(*source, world_->engine(), progress, cancel_);
  EXPECT_TRUE(read.ok()) << read.error().describe();
  if (!read.ok()) return {};
  EXPECT_TRUE(read->refused.empty()) << read->refused.front();
  return *std::move(read);
}

std::vector<std::string> SourceReads::print(const std::string& select) {
  auto rows = print_rows(world_->engine(), "(" + select + ")");
  EXPECT_TRUE(rows.ok()) << rows.error().describe();
  return rows.ok() ? *std::move(rows) : std::vector<std::string>{};
}

namespace {

using Rows = std::vector<std::string>;

Rows sorted(Rows rows) {
  std::sort(rows.begin(), rows.end());
  return rows;
}

// One row for each `id` from `first` to before `end`; three of them share a value of `at`.
std::string numbered(int first, int end) {
  return "SELECT i AS id, i // 3 AS at, 'row ' || i AS name FROM range(" + std::to_string(first) +
         ", " + std::to_string(end) + ") r(i)";
}

TEST_P(SourceReads, EveryValueArrivesAsItIs) {
  std::string values = "SELECT 1 AS id";
  std::string nulls = "SELECT 2 AS id";
  for (std::size_t at = 0; at < GetParam().values.size(); ++at) {
    const std::string name = " AS c" + std::to_string(at);
    values += ", " + GetParam().values[at] + name;
    nulls += ", NULL" + name;
  }
  const std::string select = values + " UNION ALL " + nulls;
  world_->add(select);
  EXPECT_EQ(sorted(read(LoadStrategy::full).rows), sorted(print(select)));
}

TEST_P(SourceReads, TheDescriptionIsWhatIsReadAndStaysTheSame) {
  world_->add(numbered(0, 10));
  const auto source = world_->open(LoadStrategy::append, "at");
  const auto before = source->discover(cancel_);
  ASSERT_TRUE(before.ok()) << before.error().describe();
  EXPECT_EQ(before->names(), (Rows{"id", "at", "name"}));
  const auto read = read_stream(*source, world_->engine(), {}, cancel_);
  ASSERT_TRUE(read.ok()) << read.error().describe();
  source->rest();
  const auto after = source->discover(cancel_);
  ASSERT_TRUE(after.ok()) << after.error().describe();
  ASSERT_EQ(before->columns.size(), 3U);
  for (std::size_t at = 0; at < 3; ++at) {
    EXPECT_EQ(sql_name(before->columns[at].type), sql_name(after->columns[at].type));
    EXPECT_EQ(sql_name(before->columns[at].type), sql_name(read->schema.columns[at].type));
  }
}

TEST_P(SourceReads, AStreamWithoutRowsHasColumnsAndGivesNone) {
  if (!GetParam().describes_empty) return;
  world_->add("SELECT 1 AS id, 2 AS at, 'a' AS name WHERE false");
  const StreamRead empty = read(LoadStrategy::full);
  EXPECT_EQ(empty.schema.names(), (Rows{"id", "at", "name"}));
  EXPECT_EQ(empty.rows, Rows{});
  EXPECT_EQ(read(LoadStrategy::append, "at").rows, Rows{});
}

TEST_P(SourceReads, ManyRowsManyColumnsAndWideValues) {
  std::string columns;
  for (int at = 0; at < 200; ++at)
    columns += ", i + " + std::to_string(at) + " AS c" + std::to_string(at);
  const std::string select =
      "SELECT i AS id, CASE i WHEN 7 THEN repeat('ä', 1000000) ELSE repeat('x', (1 + i % "
      "90)::INTEGER) END AS s" +
      columns + " FROM range(500) r(i)";
  world_->add(select);
  EXPECT_TRUE(sorted(read(LoadStrategy::full).rows) == sorted(print(select)));
}

TEST_P(SourceReads, HostileNamesAreOnlyNames) {
  const std::string select = R"(SELECT 1 AS "a""b; drop table x --", 2 AS "select", 3 AS "%s $1)"
                             R"( é.ü", 4 AS "a b", 5 AS ")" +
                             std::string(63, 'n') + R"(", 'x' AS "it's")";
  world_->add(select);
  for (const char* watermark : {"", "a\"b; drop table x --"}) {
    const StreamRead all = read(LoadStrategy::upsert, watermark);
    EXPECT_EQ(all.rows, Rows{"1|2|3|4|5|x"});
    EXPECT_EQ(all.schema.names(), world_->engine().describe(select)->names());
  }
}

TEST_P(SourceReads, WindowsOfAppendGiveEachRowOnce) {
  Progress progress;
  Rows seen;
  // At each of these a value of `at` is cut in two by the moment of the read.
  const std::vector<int> ends = {10, 11, 20, 200, 205, 206, 1000};
  int from = 0;
  for (const int end : ends) {
    world_->add(numbered(from, end));
    from = end;
    for (const bool again : {false, true}) {
      const StreamRead window = read(LoadStrategy::append, "at", progress);
      EXPECT_EQ(window.bound.window.lo, progress.lo);
      ASSERT_TRUE(window.bound.window.hi);
      if (again) {
        EXPECT_EQ(window.rows, Rows{}) << "to " << end;
      }
      seen.insert(seen.end(), window.rows.begin(), window.rows.end());
      if (window.bound.nothing_new) continue;
      progress.lo = window.bound.window.hi;
      progress.history.push_back(*window.bound.window.hi);
    }
  }
  const int read_to = GetParam().holds_newest ? 999 : 1000;  // 999 alone has the newest value
  EXPECT_EQ(sorted(seen), sorted(print(numbered(0, read_to))));
  progress.full_requested = true;
  EXPECT_EQ(sorted(read(LoadStrategy::append, "at", progress).rows),
            sorted(print(numbered(0, read_to))));
}

TEST_P(SourceReads, WindowsOfUpsertMissNoRow) {
  Progress progress;
  Rows seen;
  int from = 0;
  for (const int end : {10, 11, 20, 200}) {
    world_->add(numbered(from, end));
    from = end;
    const StreamRead window = read(LoadStrategy::upsert, "at", progress);
    seen.insert(seen.end(), window.rows.begin(), window.rows.end());
    progress.lo = window.bound.window.hi;
    progress.history.push_back(*window.bound.window.hi);
  }
  seen = sorted(std::move(seen));
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(seen, sorted(print(numbered(0, 200))));
}

TEST_P(SourceReads, AReadGoesOnFromAPlaceWhereItSaysSo) {
  world_->add(numbered(0, 20000));
  const auto source = world_->open(LoadStrategy::append, "at");
  const auto schema = source->discover(cancel_);
  const auto bound = source->upper({}, cancel_);
  ASSERT_TRUE(schema.ok() && bound.ok());
  const auto splits = source->split(bound->window, cancel_);
  ASSERT_TRUE(splits.ok() && splits->size() == 1);
  if (!source->can_go_on()) return;
  // The rows of one read, and the place behind the first `batches` of them.
  const auto part = [&](Extraction& extraction, int batches, std::optional<Position>& place) {
    Rows rows;
    auto& reader = std::get<std::unique_ptr<Reader>>(extraction);
    int left = batches;
    const auto from =
        world_->engine().register_feed(*schema,
                                       [&](BatchWriter& writer) -> Result<std::size_t> {
                                         if (left-- == 0) {
                                           place = reader->place();
                                           return std::size_t{0};
                                         }
                                         return reader->next(writer, cancel_);
                                       },
                                       {});
    EXPECT_TRUE(from.ok());
    auto read = print_rows(world_->engine(), *from);
    world_->engine().release_feed(*from);
    EXPECT_TRUE(read.ok()) << read.error().describe();
    return read.ok() ? *read : Rows{};
  };
  const Rows all = sorted(print(numbered(0, 20000)));
  for (const int batches : {1, 3, 7}) {
    std::optional<Position> place;
    auto begun = source->open(splits->front(), cancel_);
    ASSERT_TRUE(begun.ok()) << begun.error().describe();
    Rows rows = part(*begun, batches, place);
    ASSERT_TRUE(place);
    EXPECT_LT(rows.size(), 20000U);
    // Another process goes on.
    const auto other = world_->open(LoadStrategy::append, "at");
    ASSERT_TRUE(other->discover(cancel_).ok() && other->upper({}, cancel_).ok() &&
                other->split(bound->window, cancel_).ok());
    auto resumed = other->open_at(splits->front(), *place, cancel_);
    ASSERT_TRUE(resumed.ok()) << resumed.error().describe();
    std::optional<Position> end;
    const Rows rest = part(*resumed, -1, end);
    rows.insert(rows.end(), rest.begin(), rest.end());
    EXPECT_TRUE(sorted(std::move(rows)) == all) << "after " << batches;
  }
}

TEST_P(SourceReads, ACancelledReadEndsSoonAndTheNextReadsAll) {
  world_->add(numbered(0, 50000));
  {
    const auto source = world_->open(LoadStrategy::full, {});
    const auto schema = source->discover(cancel_);
    const auto bound = source->upper({}, cancel_);
    ASSERT_TRUE(schema.ok() && bound.ok());
    const auto splits = source->split(bound->window, cancel_);
    ASSERT_TRUE(splits.ok() && !splits->empty());
    auto extraction = source->open(splits->front(), cancel_);
    ASSERT_TRUE(extraction.ok()) << extraction.error().describe();
    if (std::holds_alternative<EngineScan>(*extraction)) return;  // the engine is interrupted
    auto& reader = std::get<std::unique_ptr<Reader>>(*extraction);
    Cancel stop;
    int batches = 0;
    std::chrono::steady_clock::time_point asked;
    const auto from = world_->engine().register_feed(*schema,
                                                     [&](BatchWriter& writer) {
                                                       if (++batches == 3) {
                                                         asked = std::chrono::steady_clock::now();
                                                         stop.request();
                                                       }
                                                       return reader->next(writer, stop);
                                                     },
                                                     {});
    const auto read = print_rows(world_->engine(), *from);
    world_->engine().release_feed(*from);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code, "run.cancelled");
    reader.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - asked, std::chrono::seconds(4));
    EXPECT_EQ(batches, 3);
  }
  EXPECT_EQ(read(LoadStrategy::full).rows.size(), 50000U);
}

}  // namespace
}  // namespace tidemark::conformance
