// What commands print for people. Pure: values to text.
#pragma once

#include <string>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "plan/plan.h"
#include "store/records.h"

namespace tidemark {

std::string run_line(const RunRecord& run);
std::string error_report(const RunRecord& run);
std::string runs_report(const std::vector<RunRecord>& runs);
std::string history_report(const RunHistory& history);
std::string plan_report(const JobPlan& plan);
std::string answer_report(const duck::Answer& answer);

}  // namespace tidemark
