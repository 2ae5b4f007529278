#include "cli/report_page.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/units.h"
#include "cli/text_table.h"

namespace tidemark {
namespace {

constexpr int columns = 80;
constexpr int digits_shown = 4;
constexpr int digits_all = 9;
constexpr std::size_t job_shown_max = 24;

constexpr std::int64_t us_of_ms = 1'000;
constexpr std::int64_t day_us = 86'400'000'000;

std::string day_text(std::int64_t day) {
  return to_text(UtcMicros(day * day_us)).substr(0, 10);
}

std::string short_name(const JobName& job) {
  const std::string& name = job.get();
  if (name.size() <= job_shown_max) return name;
  return name.substr(0, job_shown_max - 3) + "...";
}

std::string percent(double share) {
  return fmt::format("{:.2f}%", share * 100);
}

std::string budget(const JobReport& job) {
  const auto left = job.budget_left();
  return left ? fmt::format("{:.0f}%", *left * 100) : "-";
}

std::string took(std::int64_t us) {
  return show_duration(std::chrono::milliseconds(us / us_of_ms));
}

std::optional<Money> per_million(const std::optional<Money>& cost, std::int64_t rows) {
  if (!cost || rows == 0) return std::nullopt;
  return cost->per_million(rows);
}

std::string money(const std::optional<Money>& cost) {
  return cost ? cost->text(digits_shown) : "-";
}

JobReport sum_of(const std::vector<JobReport>& jobs) {
  JobReport sum;
  for (const JobReport& job : jobs) {
    sum.runs += job.runs;
    sum.idle += job.idle;
    sum.failed += job.failed;
    sum.rows_read += job.rows_read;
    sum.rows_loaded += job.rows_loaded;
    sum.rows_rejected += job.rows_rejected;
    sum.use += job.use;
    sum.bytes_staged += job.bytes_staged;
    sum.runs_without_use += job.runs_without_use;
    if (!job.cost) continue;
    if (!sum.cost) sum.cost = Money();
    *sum.cost += *job.cost;
  }
  return sum;
}

std::string runs_table(const std::vector<JobReport>& jobs, std::size_t limit) {
  TextTable table{{"job", "runs", "idle", "failed", "loaded", "refused", "budget", "cost"},
                  {false, true, true, true, true, true, true, true},
                  {}};
  const auto add = [&](const std::string& name, const JobReport& job, const std::string& left) {
    table.rows.push_back({name, std::to_string(job.runs), std::to_string(job.idle),
                          std::to_string(job.failed), show_count(job.rows_loaded),
                          show_count(job.rows_rejected), left, money(job.cost)});
  };
  for (std::size_t at = 0; at < std::min(limit, jobs.size()); ++at)
    add(short_name(jobs[at].job), jobs[at], budget(jobs[at]));
  add("(all)", sum_of(jobs), "");
  return print_table(table, columns);
}

std::string promises_table(const std::vector<JobReport>& jobs, std::size_t limit) {
  TextTable table{{"job", "promise", "within", "objective", "kept", "burn", "budget"},
                  {false, false, true, true, true, true, true},
                  {}};
  for (std::size_t at = 0; at < std::min(limit, jobs.size()); ++at) {
    for (const PromiseReport& promise : jobs[at].promises) {
      const bool known = promise.kept.measured > 0;
      table.rows.push_back(
          {short_name(jobs[at].job), promise.what, show_duration(promise.target),
           percent(promise.objective), known ? percent(promise.kept.share()) : "no data",
           known ? fmt::format("{:.2f}", promise.kept.burn(1 - promise.objective)) : "-",
           known ? fmt::format("{:.0f}%", promise.left() * 100) : "-"});
    }
  }
  return table.rows.empty() ? "" : "\n" + print_table(table, columns);
}

std::string steps_table(const std::vector<JobReport>& jobs, std::size_t limit) {
  TextTable table{{"job", "step", "times", "p50", "p95"}, {false, false, true, true, true}, {}};
  for (std::size_t at = 0; at < std::min(limit, jobs.size()); ++at) {
    for (const auto& [step, report] : jobs[at].steps) {
      table.rows.push_back({short_name(jobs[at].job), step, std::to_string(report.count),
                            took(report.p50_us), took(report.p95_us)});
    }
  }
  return table.rows.empty() ? "" : "\n" + print_table(table, columns);
}

std::string costs_table(const ReportPage& page, std::size_t limit) {
  TextTable table{{"job", "cpu", "read", "staged", "written",
                   page.currency.empty() ? "cost" : page.currency, "per million"},
                  {false, true, true, true, true, true, true},
                  {}};
  const auto add = [&](const std::string& name, const JobReport& job) {
    table.rows.push_back({name, took(job.use.cpu_us), show_bytes(job.use.bytes_read),
                          show_bytes(job.bytes_staged), show_bytes(job.use.bytes_written),
                          money(job.cost), money(per_million(job.cost, job.rows_loaded))});
  };
  for (std::size_t at = 0; at < std::min(limit, page.jobs.size()); ++at)
    add(short_name(page.jobs[at].job), page.jobs[at]);
  add("(all)", sum_of(page.jobs));
  return "\n" + print_table(table, columns);
}

std::string notes(const std::vector<JobReport>& jobs, std::size_t limit) {
  std::string text;
  for (std::size_t at = 0; at < std::min(limit, jobs.size()); ++at) {
    const JobReport& job = jobs[at];
    const std::string name = short_name(job.job);
    if (!job.days_without.empty()) {
      text += fmt::format("{}: no run on {} days, the first of them {}\n", name,
                          job.days_without.size(), day_text(job.days_without.front()));
    }
    if (job.runs_without_use > 0)
      text += fmt::format("{}: of {} runs it is not known what they used\n", name,
                          job.runs_without_use);
  }
  if (jobs.size() > limit)
    text += fmt::format("and {} jobs more: --limit, --json\n", jobs.size() - limit);
  return text.empty() ? "" : "\n" + text;
}

JsonValue promise_document(const PromiseReport& promise) {
  const bool of_time = promise.what == std::string_view("freshness");
  const std::int64_t unit = of_time ? us_of_ms : 1;
  const bool known = promise.kept.measured > 0;
  JsonValue json;
  json.set("promise", promise.what)
      .set("target_ms", static_cast<std::int64_t>(promise.target.count()))
      .set("objective", promise.objective)
      .set("counts", of_time ? "ms" : "runs")
      .set("measured", promise.kept.measured / unit)
      .set("kept", promise.kept.kept / unit);
  json.set("share", known ? JsonValue(promise.kept.share()) : JsonValue());
  json.set("burn", known ? JsonValue(promise.kept.burn(1 - promise.objective)) : JsonValue());
  return json.set("budget_left", known ? JsonValue(promise.left()) : JsonValue());
}

JsonValue money_json(const std::optional<Money>& cost) {
  return cost ? JsonValue(cost->text(digits_all)) : JsonValue();
}

JsonValue counts_document(const JobReport& job) {
  JsonValue json;
  json.set("runs", job.runs).set("idle", job.idle).set("failed", job.failed);
  json.set("rows_read", job.rows_read)
      .set("rows_loaded", job.rows_loaded)
      .set("rows_rejected", job.rows_rejected);
  json.set("cpu_ms", job.use.cpu_us / us_of_ms).set("bytes_read", job.use.bytes_read);
  json.set("bytes_staged", job.bytes_staged).set("bytes_written", job.use.bytes_written);
  json.set("runs_without_use", job.runs_without_use);
  json.set("cost", money_json(job.cost));
  return json.set("cost_per_million_rows", money_json(per_million(job.cost, job.rows_loaded)));
}

JsonValue job_document(const JobReport& job) {
  JsonValue json = counts_document(job);
  json.set("job", job.job.get());
  JsonArray steps;
  for (const auto& [step, report] : job.steps) {
    steps.push_back(JsonValue()
                        .set("step", step)
                        .set("times", report.count)
                        .set("p50_ms", report.p50_us / us_of_ms)
                        .set("p95_ms", report.p95_us / us_of_ms));
  }
  JsonArray promises;
  for (const PromiseReport& promise : job.promises)
    promises.push_back(promise_document(promise));
  JsonArray days;
  for (const std::int64_t day : job.days_without)
    days.emplace_back(day_text(day));
  json.set("steps", std::move(steps)).set("promises", std::move(promises));
  return json.set("days_without_runs", std::move(days));
}

}  // namespace

JsonValue report_document(const ReportPage& page) {
  JsonValue json;
  json.set("from", to_text(page.stretch.from)).set("to", to_text(page.stretch.end()));
  json.set("currency", page.currency.empty() ? JsonValue() : JsonValue(page.currency));
  JsonArray jobs;
  for (const JobReport& job : page.jobs)
    jobs.push_back(job_document(job));
  json.set("jobs", std::move(jobs));
  return json.set("all", counts_document(sum_of(page.jobs)));
}

std::string report_text(const ReportPage& page, std::size_t limit) {
  std::string text =
      "from " + to_text(page.stretch.from) + " to " + to_text(page.stretch.end()) + "\n\n";
  if (page.jobs.empty()) return text + "no job has run yet\n";
  text += runs_table(page.jobs, limit) + promises_table(page.jobs, limit);
  text += steps_table(page.jobs, limit) + costs_table(page, limit);
  return text + notes(page.jobs, limit);
}

std::string use_line(const RunRecord& run, const std::optional<PriceSpec>& prices) {
  if (!run.use) return "";
  std::string line = fmt::format("used {} of processor time, {} read, {} staged, {} written",
                                 took(run.use->cpu_us), show_bytes(run.use->bytes_read),
                                 show_bytes(run.bytes_staged), show_bytes(run.use->bytes_written));
  if (prices) {
    const Money cost = cost_of(*run.use, run.bytes_staged, *prices);
    line += fmt::format(": {} {}", cost.text(digits_all), prices->currency);
    const auto million = per_million(cost, run.rows_loaded.get());
    if (million) line += fmt::format(", {} for a million rows", million->text(digits_shown));
  }
  return line + "\n";
}

}  // namespace tidemark
