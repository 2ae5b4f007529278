#include "transform/fixture_test.h"

namespace tidemark {
namespace {

using Rows = std::vector<std::string>;

class Refuse : public TransformFixture {
 protected:
  // Compiles with `lead` before the steps and runs; the good rows.
  Rows good_after(const std::vector<TransformStep>& lead, const std::vector<TransformStep>& steps) {
    auto compiled = compile_transform(steps, schema_, "jobs/t.yaml", *connection_, lead);
    if (!compiled.ok()) return {compiled.error().describe()};
    Cancel cancel;
    auto done = run_transform(*compiled, input(), *connection_, cancel);
    if (!done.ok()) return {done.error().describe()};
    done_ = std::move(done).value();
    return rows("SELECT * FROM " + done_.good);
  }
};

TEST_F(Refuse, RowsWithAValueInTheColumnAreRefusedAndTheColumnGoes) {
  stage(
      "SELECT * FROM (VALUES (1, NULL, NULL), (2, 7, NULL), (3, NULL, '')) t(id, \"odd \"\" n\", "
      "b)");
  const RefuseStep refuse{{name("odd \" n"), name("b")}, "it is new"};
  EXPECT_EQ(good_after({step(refuse)}, {}), (Rows{"1"}));
  EXPECT_EQ(done_.schema.names(), (Rows{"id"}));
  EXPECT_EQ(refused(), (Rows{"2|schema_drift odd \" n|odd \" n|odd \" n = 7: it is new",
                             "3|schema_drift b|b|b = '': it is new"}));
}

TEST_F(Refuse, TheStepsOfTheJobKeepTheirNumbers) {
  stage("SELECT 1 AS id, '2' AS n, NULL AS more");
  const std::vector<TransformStep> lead{step(RefuseStep{{name("more")}, "it is new"}),
                                        step(CastStep{{{name("n"), name("integer")}}})};
  EXPECT_EQ(good_after(lead, {step(DropStep{{name("id")}})}), (Rows{"2"}));
  ASSERT_EQ(done_.steps.size(), 3U);
  EXPECT_EQ(done_.steps[0].step, lead_number);
  EXPECT_EQ(done_.steps[2].step, 1);
  // What it takes away is not there for the steps.
  const Rows fault = good_after(lead, {step(DropStep{{name("more")}})});
  EXPECT_NE(fault.front().find("no column `more` at step 1"), std::string::npos) << fault.front();
}

TEST_F(Refuse, WhereNoColumnIsLeftNothingCanBeLoaded) {
  stage("SELECT 1 AS id");
  EXPECT_NE(faults({step(RefuseStep{{name("id")}, ""})}).find("no column is left"),
            std::string::npos);
}

}  // namespace
}  // namespace tidemark
