// What `tidemark report` prints. Pure: values to text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drivers/json/json.h"
#include "telemetry/job_report.h"

namespace tidemark {

struct ReportPage {
  ReportStretch stretch;
  std::string currency;         // empty: there are no prices
  std::vector<JobReport> jobs;  // worst first
};

JsonValue report_document(const ReportPage& page);
// 80 columns wide; of the jobs the first `limit`.
std::string report_text(const ReportPage& page, std::size_t limit);

// For one run: what it used and, where there are prices, what it cost; a line.
std::string use_line(const RunRecord& run, const std::optional<PriceSpec>& prices);

}  // namespace tidemark
