#include "verify/comparison.h"

#include <gtest/gtest.h>

#include "verify/proof.h"

namespace tidemark {
namespace {

const Type integer = Type::of(TypeKind::int64);
const Type text = Type::of(TypeKind::varchar);

class ComparisonTest : public testing::Test {
 protected:
  ComparisonTest() : engine_(duck::Engine::open({}).value()), db_(engine_->connect().value()) {
    compared_.schema = Schema{{{"id", integer, false, {}}, {"name", text, true, {}}}, {}};
    compared_.key = compared_.place = {"id"};
    make("source", "SELECT range AS id, 'n' || range AS name FROM range(50000)");
    make("target", "SELECT * FROM source");
  }

  void make(const std::string& table, const std::string& select) {
    run("CREATE OR REPLACE TEMP TABLE " + table + " AS " + select);
  }
  void run(const std::string& sql) {
    const Status done = db_->execute(sql);
    ASSERT_TRUE(done.ok()) << done.error().describe();
  }

  Buckets buckets() {
    Comparison comparison(compared_, *db_);
    return comparison.buckets(*target_, cancel_).value();
  }
  std::vector<int> differing(const Buckets& buckets) {
    Comparison comparison(compared_, *db_);
    const std::vector<Span> all{{0, buckets.count()}};
    const Hashed hashed{hashed_columns(compared_.schema), {}};
    const auto here = comparison.digests(*source_, hashed, buckets, all, cancel_).value();
    const auto there = comparison.digests(*target_, hashed, buckets, all, cancel_).value();
    std::vector<int> numbers;
    for (std::size_t at = 0; at < here.size(); ++at) {
      if (here[at].rows != there[at].rows || here[at].sum != there[at].sum)
        numbers.push_back(static_cast<int>(at));
    }
    return numbers;
  }
  Differences find(Side* changed = nullptr) {
    Comparison comparison(compared_, *db_);
    const Buckets all = buckets();
    auto found = comparison.find(*source_, *target_, changed, all, differing(all), cancel_);
    EXPECT_TRUE(found.ok()) << (found.ok() ? "" : found.error().describe());
    return found.ok() ? *found : Differences{};
  }

  std::unique_ptr<duck::Engine> engine_;
  std::unique_ptr<duck::Connection> db_;
  std::unique_ptr<Side> source_ = engine_side("source", *db_);
  std::unique_ptr<Side> target_ = engine_side("target", *db_);
  Compared compared_;
  Cancel cancel_;
};

TEST_F(ComparisonTest, RowsAreDividedByRangesOfAWholeNumberElseByTheHashOfTheKey) {
  EXPECT_EQ(buckets().count(), 2);
  EXPECT_TRUE(buckets().have_ranges());
  compared_.place = {"name"};
  EXPECT_FALSE(buckets().have_ranges());
  make("target", "SELECT * FROM source LIMIT 0");
  EXPECT_EQ(buckets().count(), 1);
}

// Whatever the numbers are, a row is in the bucket whose range asks for it; without one in the
// last.
TEST_F(ComparisonTest, RangesAndBucketsAreTheSameFromTheLeastToTheLargestNumber) {
  make("source",
       "SELECT CAST(v AS BIGINT) AS id, '' AS name FROM (VALUES (-9223372036854775808::HUGEINT), "
       "(-9223372036854775807), (-1), (0), (1), (7), (4611686018427387904), (9223372036854775806), "
       "(9223372036854775807), (NULL)) AS numbers(v)");
  for (const auto& [least, largest] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{INT64_MIN, INT64_MAX},
                                                          {INT64_MIN, INT64_MIN},
                                                          {INT64_MAX - 5, INT64_MAX},
                                                          {-1, 1},
                                                          {0, INT64_MAX},
                                                          {INT64_MIN, 0},
                                                          {7, 7}}) {
    for (const int count : {1, 2, 7, 1'000}) {
      const Buckets all = Buckets::of_ranges(compared_.schema.columns[0], least, largest, count);
      ASSERT_LE(all.count(), count);
      Comparison comparison(compared_, *db_);
      const auto digests =
          comparison.digests(*source_, {}, all, {{0, all.count()}}, cancel_).value();
      for (int bucket = 0; bucket < all.count(); ++bucket) {
        const RowRange range = *all.range(bucket, bucket + 1);
        std::string where = range.to ? "id < " + std::to_string(*range.to) : "true";
        if (range.from) where += " AND id >= " + std::to_string(*range.from);
        if (!range.to) where += " OR id IS NULL";
        EXPECT_EQ(digests[static_cast<std::size_t>(bucket)].rows,
                  *db_->count("SELECT count(*) FROM source WHERE " + where))
            << least << ".." << largest << " in " << count << ": " << where;
      }
    }
  }
}

TEST_F(ComparisonTest, EqualSidesDifferNowhereInWhateverOrderTheyStand) {
  make("target", "SELECT * FROM source ORDER BY hash(id)");
  EXPECT_TRUE(differing(buckets()).empty());
  EXPECT_TRUE(find().equal());
}

TEST_F(ComparisonTest, EachKindOfDifferenceIsCountedAndNamedByItsKey) {
  run("DELETE FROM target WHERE id IN (7, 49999)");
  run("UPDATE target SET name = NULL WHERE id = 8");
  run("INSERT INTO target VALUES (-5, 'older')");
  const Differences found = find();
  EXPECT_EQ(found.missing, 2);
  EXPECT_EQ(found.different, 1);
  EXPECT_EQ(found.only_in_target, 1);
  const std::vector<std::string> examples{"missing: id=7", "different: id=8", "missing: id=49999",
                                          "only in the target: id=-5"};
  EXPECT_EQ(found.examples, examples);
}

TEST_F(ComparisonTest, ValuesThatChangePlacesAreSeen) {
  run("UPDATE target SET name = CASE id WHEN 3 THEN 'n4' ELSE 'n3' END WHERE id IN (3, 4)");
  EXPECT_EQ(find().different, 2);
}

TEST_F(ComparisonTest, RowsThatChangedSinceAreNoDifference) {
  run("UPDATE source SET name = 'new' WHERE id = 3");
  run("DELETE FROM target WHERE id = 4");
  make("changed", "SELECT 3::BIGINT AS id, 'new' AS name");
  const auto changed = engine_side("changed", *db_);
  const Differences found = find(changed.get());
  EXPECT_EQ(found.different, 0);
  EXPECT_EQ(found.missing, 1);
  EXPECT_EQ(found.pending, 1);
}

TEST_F(ComparisonTest, ARowThatTheTargetHasTwiceIsNotEqual) {
  run("INSERT INTO target SELECT * FROM target WHERE id IN (3, 4)");
  run("DELETE FROM source WHERE id = 4");
  const Differences found = find();
  EXPECT_FALSE(found.equal());
  EXPECT_EQ(found.doubled, 2);
  EXPECT_EQ(found.only_in_target, 1);
}

TEST_F(ComparisonTest, ValuesThatTheEngineHashesAlikeAreTold) {
  compared_.schema.columns.push_back({"many", Type::list_of(integer), true, {}});
  compared_.schema.columns.push_back({"span", Type::of(TypeKind::interval), true, {}});
  make("source",
       "SELECT 1::BIGINT AS id, '' AS name, []::BIGINT[] AS many, INTERVAL 1 MONTH AS span "
       "UNION ALL SELECT 2, '', NULL, INTERVAL 1 DAY");
  make("target",
       "SELECT 1::BIGINT AS id, '' AS name, NULL::BIGINT[] AS many, INTERVAL 1 MONTH AS "
       "span UNION ALL SELECT 2, '', NULL, INTERVAL 24 HOURS");
  EXPECT_EQ(find().different, 2);
}

TEST_F(ComparisonTest, AnExampleIsOneLineWhateverTheKeyHolds) {
  compared_.key = compared_.place = {"name"};
  make("source", "SELECT 1::BIGINT AS id, 'a' || chr(10) || chr(27) || 'b' AS name");
  make("target", "SELECT * FROM source LIMIT 0");
  EXPECT_EQ(find().examples, std::vector<std::string>{"missing: name=a\\x0a\\x1bb"});
}

TEST_F(ComparisonTest, WithoutAKeyACopyThatIsMissingIsOneMissingRow) {
  compared_.key.clear();
  run("INSERT INTO source SELECT 5, 'n5' FROM range(3)");  // four of them
  run("INSERT INTO target VALUES (5, 'n5'), (6, 'older')");
  const Differences found = find();
  EXPECT_EQ(found.missing, 2);
  EXPECT_EQ(found.only_in_target, 1);
  const Buckets all = buckets();
  Comparison comparison(compared_, *db_);
  ASSERT_TRUE(comparison.find(*source_, *target_, nullptr, all, differing(all), cancel_).ok());
  const auto batch = comparison.batch(*source_, all, differing(all), cancel_);
  ASSERT_TRUE(batch.ok()) << batch.error().describe();
  EXPECT_EQ(*db_->count("SELECT count(*) FROM " + *batch + " WHERE id = 5 AND name = 'n5'"), 2);
  EXPECT_EQ(*db_->count("SELECT count(*) FROM " + *batch), 2);
}

TEST_F(ComparisonTest, ABatchHasTheRowsOfTheSourceThatDiffer) {
  run("DELETE FROM target WHERE id = 1");
  run("UPDATE target SET name = '' WHERE id = 40000");
  const Buckets all = buckets();
  Comparison comparison(compared_, *db_);
  const std::vector<int> which = differing(all);
  ASSERT_TRUE(comparison.find(*source_, *target_, nullptr, all, which, cancel_).ok());
  const auto batch = comparison.batch(*source_, all, which, cancel_);
  ASSERT_TRUE(batch.ok()) << batch.error().describe();
  const auto rows = db_->query("SELECT id, name FROM " + *batch + " ORDER BY id");
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->rows(), 2U);
  EXPECT_EQ(rows->text(1, 1), "n40000");
}

TEST_F(ComparisonTest, NeighboursAreOneSpan) {
  const std::vector<Span> spans{{1, 3}, {5, 6}, {8, 10}};
  EXPECT_EQ(spans_of({1, 2, 5, 8, 9}), spans);
  EXPECT_TRUE(spans_of({}).empty());
}

TEST_F(ComparisonTest, AProofComesBackFromItsText) {
  const Buckets two = Buckets::of_ranges(compared_.schema.columns[0], -10, 20, 2);
  const Proof proof{
      "what", two, Position{"5"}, {ProvedPart{{3, UINT64_MAX, 7}, {3, 1, 2}}, std::nullopt}, 1};
  const auto again = Proof::parse(proof.text());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->what, "what");
  EXPECT_EQ(again->buckets.sql(), two.sql());
  EXPECT_EQ(again->hi, proof.hi);
  EXPECT_EQ(again->parts, proof.parts);
  EXPECT_EQ(again->next, 1);
  EXPECT_FALSE(Proof::parse("").has_value());
  EXPECT_FALSE(Proof::parse("{\"what\": 1}").has_value());
  std::string short_of_one = proof.text();
  short_of_one.replace(short_of_one.find(",null]"), 6, "]");
  EXPECT_FALSE(Proof::parse(short_of_one).has_value());
}

}  // namespace
}  // namespace tidemark
