#include "transform/fixture_test.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

class Cast : public TransformFixture {
 protected:
  // What becomes of one SQL value: its text, or `refused`.
  std::string cast(const std::string& value, const std::string& type) {
    stage("SELECT " + value + " AS x");
    const Rows result = good({step(CastStep{{{name("x"), name(type)}}})});
    if (result.empty()) return done_.refusals.rows == RowCount(1) ? "refused" : "vanished";
    return result.front();
  }
};

TEST_F(Cast, TextToNumbers) {
  EXPECT_EQ(cast("'12'", "integer"), "12");
  EXPECT_EQ(cast("' -12 '", "integer"), "-12");
  EXPECT_EQ(cast("'007'", "integer"), "7");
  EXPECT_EQ(cast("'12.000'", "integer"), "12");
  EXPECT_EQ(cast("'1.5'", "integer"), "refused");
  EXPECT_EQ(cast("'1_000'", "integer"), "refused");
  EXPECT_EQ(cast("'0x10'", "integer"), "refused");
  EXPECT_EQ(cast("'99999999999'", "integer"), "refused");
  EXPECT_EQ(cast("''", "integer"), "refused");
  EXPECT_EQ(cast("NULL::VARCHAR", "integer"), "NULL");
  EXPECT_EQ(cast("'1.25'", "decimal(5,2)"), "1.25");
  EXPECT_EQ(cast("'1.2500'", "decimal(5,2)"), "1.25");
  EXPECT_EQ(cast("'.5'", "decimal(5,2)"), "0.50");
  EXPECT_EQ(cast("'1.005'", "decimal(5,2)"), "refused");
  EXPECT_EQ(cast("'1e-3'", "decimal(5,2)"), "refused");
  EXPECT_EQ(cast("'1234.5'", "decimal(5,2)"), "refused");
  EXPECT_EQ(cast("'0.1'", "double"), "0.1");
  EXPECT_EQ(cast("'1e400'", "double"), "refused");
  EXPECT_EQ(cast("'1e-400'", "double"), "refused");
  EXPECT_EQ(cast("'0e5'", "double"), "0.0");
  EXPECT_EQ(cast("'-Infinity'", "double"), "-inf");
  EXPECT_EQ(cast("'yes'", "boolean"), "true");
  EXPECT_EQ(cast("'maybe'", "boolean"), "refused");
}

TEST_F(Cast, TextToTimes) {
  EXPECT_EQ(cast("'2013-01-01'", "date"), "2013-01-01");
  EXPECT_EQ(cast("'2013-01-01 00:00:00'", "date"), "2013-01-01");
  EXPECT_EQ(cast("'2013-01-01 10:00'", "date"), "refused");
  EXPECT_EQ(cast("'2013-02-30'", "date"), "refused");
  EXPECT_EQ(cast("'2013-01-01 10:00:00.123456'", "timestamp"), "2013-01-01 10:00:00.123456");
  EXPECT_EQ(cast("'2013-01-01 10:00:00.1234567'", "timestamp"), "refused");
  EXPECT_EQ(cast("'2013-01-01 10:00:00.1234560'", "timestamp"), "2013-01-01 10:00:00.123456");
  EXPECT_EQ(cast("'2013-01-01 10:00:00-05'", "timestamp"), "refused");
  EXPECT_EQ(cast("'2013-01-01T10:00:00Z'", "timestamp"), "2013-01-01 10:00:00");
  EXPECT_EQ(cast("'2013-01-01 10:00:00-05'", "timestamptz"), "2013-01-01 15:00:00+00");
  EXPECT_EQ(cast("'10:00:00'", "time"), "10:00:00");
  EXPECT_EQ(cast("'2013-01-01 10:00:00'", "time"), "refused");
  EXPECT_EQ(cast("'2400'", "time"), "refused");
}

TEST_F(Cast, NumbersAndTimesSurviveOrAreRefused) {
  EXPECT_EQ(cast("1.5::DOUBLE", "integer"), "refused");
  EXPECT_EQ(cast("2.0::DOUBLE", "integer"), "2");
  EXPECT_EQ(cast("'nan'::DOUBLE", "integer"), "refused");
  EXPECT_EQ(cast("300", "utinyint"), "refused");
  EXPECT_EQ(cast("-1", "uinteger"), "refused");
  EXPECT_EQ(cast("1.25::DECIMAL(5,2)", "decimal(5,1)"), "refused");
  EXPECT_EQ(cast("1.20::DECIMAL(5,2)", "decimal(5,1)"), "1.2");
  EXPECT_EQ(cast("9007199254740993", "double"), "refused");
  EXPECT_EQ(cast("9007199254740992", "double"), "9007199254740992.0");
  EXPECT_EQ(cast("9223372036854775807", "double"), "refused");
  EXPECT_EQ(cast("0.1::DOUBLE", "float"), "refused");
  EXPECT_EQ(cast("0.1::DECIMAL(3,1)", "double"), "0.1");
  EXPECT_EQ(cast("2", "boolean"), "refused");
  EXPECT_EQ(cast("1", "boolean"), "true");
  EXPECT_EQ(cast("TIMESTAMP '2013-01-01 10:00:00'", "date"), "refused");
  EXPECT_EQ(cast("TIMESTAMP '2013-01-01 00:00:00'", "date"), "2013-01-01");
  EXPECT_EQ(cast("TIMESTAMP_NS '2013-01-01 00:00:00.000000001'", "timestamp"), "refused");
  EXPECT_EQ(cast("DATE '2013-01-01'", "timestamp"), "2013-01-01 00:00:00");
  EXPECT_EQ(cast("12345678901234567890.5::DECIMAL(38,1)", "varchar"), "12345678901234567890.5");
  EXPECT_EQ(cast("[1.0, 2.5]::DOUBLE[]", "integer[]"), "refused");
  EXPECT_EQ(cast("[1.0, 2.0]::DOUBLE[]", "integer[]"), "[1, 2]");
}

TEST_F(Cast, TheReasonShowsTheValue) {
  EXPECT_EQ(cast("'1.5'", "integer"), "refused");
  EXPECT_EQ(refused(), (Rows{"1|cast x|x|x = '1.5' cannot be held as INTEGER"}));
  EXPECT_EQ(cast("repeat('y', 1000)", "integer"), "refused");
  EXPECT_LT(refused().front().size(), 200u);
}

TEST_F(Cast, Faults) {
  stage("SELECT 1 AS n, '[1]' AS text, DATE '2013-01-01' AS day");
  EXPECT_NE(faults({step(CastStep{{{name("n"), name("intger", 4, 12)}}})}).find("jobs/t.yaml:4:12"),
            std::string::npos);
  EXPECT_NE(faults({step(CastStep{{{name("text"), name("integer[]")}}})})
                .find("no cast from VARCHAR to INTEGER[]"),
            std::string::npos);
  EXPECT_NE(faults({step(CastStep{{{name("day"), name("integer")}}})}).find("no cast"),
            std::string::npos);
  EXPECT_NE(faults({step(CastStep{{{name("n"), name("double")}, {name("N"), name("float")}}})})
                .find("twice"),
            std::string::npos);
}

}  // namespace
}  // namespace tidemark
