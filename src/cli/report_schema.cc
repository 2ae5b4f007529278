#include "cli/report_schema.h"

#include <utility>

#include "cli/schema_parts.h"

namespace tidemark {
namespace {

using namespace schema;

JsonObject counts() {
  return {{"runs", count("That began in the time.")},
          {"idle", count("Of them, those that found nothing new.")},
          {"failed", count("Of them, those that failed or are blocked.")},
          {"rows_read", count()},
          {"rows_loaded", count()},
          {"rows_rejected", count()},
          {"cpu_ms", count("Processor time.")},
          {"bytes_read", count("Of the values that came from sources.")},
          {"bytes_staged", count("Of the stages' segments.")},
          {"bytes_written", count("Sent to targets' servers.")},
          {"runs_without_use", count("Of which it is not known what they used.")},
          {"cost", or_null(text("Exact to nine digits; null: there are no prices."))},
          {"cost_per_million_rows", or_null(text("Of rows loaded."))}};
}

JsonValue promise() {
  JsonValue whats;
  whats.set("enum", JsonArray{"freshness", "duration", "start"}).set("description", "Of `slo`.");
  JsonValue units;
  units.set("enum", JsonArray{"ms", "runs"}).set("description", "What is measured.");
  return object({{"promise", std::move(whats)},
                 {"target_ms", count()},
                 {"objective", typed("number", "The share that must keep it.")},
                 {"counts", std::move(units)},
                 {"measured", count()},
                 {"kept", count()},
                 {"share", or_null(typed("number", "null: nothing was measured."))},
                 {"burn", or_null(typed("number", "What was broken, in error budgets."))},
                 {"budget_left", or_null(typed("number", "1: all; below 0: broken."))}});
}

}  // namespace

JsonValue report_schema() {
  JsonObject job = counts();
  job.push_back({"job", text()});
  job.push_back(
      {"steps",
       list(object(
           {{"step", text()}, {"times", count()}, {"p50_ms", count()}, {"p95_ms", count()}}))});
  job.push_back({"promises", list(promise())});
  job.push_back({"days_without_runs", list(text(), "Days of UTC.")});
  return object({{"from", text("UTC.")},
                 {"to", text("UTC; itself left out.")},
                 {"currency", or_null(text())},
                 {"jobs", list(object(std::move(job)), "The worst first.")},
                 {"all", object(counts())}});
}

}  // namespace tidemark
