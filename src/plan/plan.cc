#include "plan/plan.h"

#include <algorithm>

#include "stage/stage_writer.h"

namespace tidemark {

namespace {

bool same_rows(const Schema& left, const Schema& right) {
  return std::equal(left.columns.begin(), left.columns.end(), right.columns.begin(),
                    right.columns.end(), [](const Column& one, const Column& other) {
                      return one.name == other.name && one.type == other.type;
                    });
}

}  // namespace

bool loads_ahead(const StreamPlan& plan, const JobSpec& job, const ProjectSpec& project) {
  const bool is_whole = plan.target.strategy == LoadStrategy::full || !plan.load.table_exists;
  const bool is_large = plan.splits.size() > 1;  // sources split what is large
  return !project.stage.shared && plan.kind == LoadKind::window && is_whole && is_large &&
         plan.transform.row_wise() && same_rows(plan.transform.out, plan.target.schema) &&
         is_sent_ahead(plan.input) && job.from.connection.value != job.to.connection.value;
}

StepsAhead steps_ahead(const StreamPlan& plan) {
  StepsAhead steps{plan.input, {}};
  if (!plan.transform.empty()) {
    steps.select = [&plan](const std::string& from) { return row_wise_sql(plan.transform, from); };
  }
  return steps;
}

}  // namespace tidemark
