#include <algorithm>
#include <utility>

#include "api/body.h"
#include "api/cursor.h"
#include "api/routes.h"
#include "drivers/hash/hash.h"
#include "spec/stored_file.h"
#include "store/pages.h"

namespace tidemark {
namespace {

constexpr int page_max = 1'000;
constexpr int page_usual = 100;
// Of a list that is filtered by what the store knows, so many jobs are looked at at a time.
constexpr std::size_t look_size = 500;

JsonValue text_or_null(const std::string& text) {
  return text.empty() ? JsonValue() : JsonValue(text);
}

JsonValue summary(const ServedJob& job, const RunRecord* last, UtcMicros now) {
  const JobSpec& spec = job.spec();
  const auto next = job.next_fire(now);
  JsonValue json;
  json.set("job", spec.name.get()).set("enabled", spec.enabled).set("from", source_text(spec));
  json.set("to", spec.to.connection.value + " " + spec.to.table.value);
  json.set("schedule", text_or_null(schedule_text(spec.schedule)));
  json.set("next_fire", next ? JsonValue(to_text(*next)) : JsonValue());
  return json.set("last_run", last == nullptr ? JsonValue() : run_summary(*last));
}

// Jobs by name, behind the cursor, with their newest runs, until `take` has had enough.
using Take = std::function<bool(const ServedJob&, const RunRecord*)>;

Status each_job(const ApiContext& context, const ApiRequest& request, const JobTable& jobs,
                std::size_t at_a_time, const Take& take) {
  TM_TRY(const std::vector<std::string> behind, read_cursor(request));
  const std::string like = request.asked("name").value_or("*");
  auto next = behind.empty() ? jobs.begin() : jobs.upper_bound(behind.front());
  while (next != jobs.end()) {
    std::vector<const ServedJob*> some;
    std::vector<JobName> names;
    for (; next != jobs.end() && some.size() < at_a_time; ++next) {
      if (!request.who.is_for(next->first) || !is_like(like, next->first)) continue;
      some.push_back(next->second.get());
      names.push_back(next->second->spec().name);
    }
    TM_TRY(const auto runs, newest_runs(context.store, names));
    for (const ServedJob* job : some) {
      const auto run = runs.find(job->spec().name);
      if (!take(*job, run == runs.end() ? nullptr : &run->second)) return {};
    }
  }
  return {};
}

// A page, and the name that it ends with where there are more.
struct JobPage {
  JsonArray jobs;
  std::string last;
  bool has_more = false;
};

JsonValue document(const ApiRequest& request, JobPage page) {
  JsonValue json;
  json.set("jobs", std::move(page.jobs));
  return json.set("next",
                  page.has_more ? JsonValue(make_cursor(request, {page.last})) : JsonValue());
}

Answer list_jobs(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  TM_TRY(const auto status, status_asked(request));
  const auto jobs = context.jobs.now();
  const UtcMicros now = context.clock.now_utc();
  const auto size = static_cast<std::size_t>(limit);
  JobPage page;
  TM_CHECK(each_job(context, request, *jobs, status ? look_size : size + 1,
                    [&](const ServedJob& job, const RunRecord* run) {
                      if (status && (run == nullptr || run->status() != *status)) return true;
                      page.has_more = page.jobs.size() == size;
                      if (page.has_more) return false;
                      page.jobs.push_back(summary(job, run, now));
                      page.last = job.spec().name.get();
                      return true;
                    }));
  return json_answer(200, document(request, std::move(page)));
}

Answer list_guarantees(const ApiContext& context, const ApiRequest& request) {
  TM_TRY(const int limit, request.number("limit", page_usual, 1, page_max));
  const auto jobs = context.jobs.now();
  const auto size = static_cast<std::size_t>(limit);
  JobPage page;
  TM_CHECK(
      each_job(context, request, *jobs, size + 1, [&](const ServedJob& job, const RunRecord* run) {
        page.has_more = page.jobs.size() == size;
        if (page.has_more) return false;
        const bool is_known = run != nullptr && run->guarantee;
        page.jobs.push_back(
            JsonValue()
                .set("job", job.spec().name.get())
                .set("guarantee", is_known ? JsonValue(to_string(*run->guarantee)) : JsonValue()));
        page.last = job.spec().name.get();
        return true;
      }));
  return json_answer(200, document(request, std::move(page)));
}

Answer get_job(const ApiContext& context, const ApiRequest& request) {
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  const JobSpec& spec = job->spec();
  TM_TRY(const auto runs, newest_runs(context.store, {spec.name}));
  TM_TRY(const auto watermark, last_watermark(context.store, spec.name));
  const auto text = std::find_if(spec.texts.begin(), spec.texts.end(),
                                 [&](const auto& one) { return one.first == spec.file; });
  JsonValue json =
      summary(*job, runs.empty() ? nullptr : &runs.begin()->second, context.clock.now_utc());
  json.set("watermark", watermark ? JsonValue(*watermark) : JsonValue());
  const auto add = [&](const std::string& place, const JsonValue& version,
                       const std::string& said) {
    json.set("place", place).set("version", version).set("text", said);
  };
  if (!is_stored_file(spec.file)) {
    add(spec.file, {}, text == spec.texts.end() ? std::string() : text->second);
    return json_answer(200, json);
  }
  // Text and version are of one edit, also while the service has not taken it up yet.
  TM_TRY(const auto stored, StoredJobTable(context.store).newest(spec.name.get()));
  if (!stored || !stored->text) return no_job(spec.name.get());
  add("store", stored->version, *stored->text);
  HttpResponse response = json_answer(200, json);
  response.headers.push_back({"ETag", version_tag(stored->version, xxh3_hex(response.body))});
  return response;
}

Answer start_run(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  CommandWords arguments({"run"});
  for (const auto& [member, option] :
       {std::pair("full", "--full"), std::pair("sweep", "--sweep"),
        std::pair("allow_empty", "--allow-empty"), std::pair("same_source", "--same-source"),
        std::pair("accept_drift", "--accept-drift"),
        std::pair("accept_deletes", "--accept-deletes"),
        std::pair("in_quiet_hours", "--in-quiet-hours")})
    arguments.flag(option, body.flag(member));
  TM_CHECK(body.end());
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  const std::string& name = job->spec().name.get();
  return begin(context, request, {"start_run", name, name, true}, arguments.with({name}));
}

Answer verify_job(const ApiContext& context, const ApiRequest& request) {
  ApiBody body(request.body);
  CommandWords arguments({"verify"});
  arguments.flag("--repair", body.flag("repair"))
      .flag("--all", body.flag("all"))
      .flag("--in-quiet-hours", body.flag("in_quiet_hours"))
      .value("--budget", body.text("budget"));
  TM_CHECK(body.end());
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  const std::string& name = job->spec().name.get();
  return begin(context, request, {"verify_job", name, name}, arguments.with({name}));
}

Answer plan_job(const ApiContext& context, const ApiRequest& request) {
  const auto jobs = context.jobs.now();
  TM_TRY(const ServedJob* job, served_job(*jobs, request.at("job")));
  return answer_of(context, request, CommandWords({"plan"}).with({job->spec().name.get()}));
}

}  // namespace

std::vector<Route> job_routes(const ApiContext& context) {
  using enum Role;
  const std::size_t body = document_body_max;
  std::vector<Route> routes{
      {"GET",
       "/v1/jobs",
       "list_jobs",
       viewer,
       Reach::each,
       {"limit", "cursor", "name", "status"},
       0,
       handled_by(context, list_jobs)},
      {"GET", "/v1/jobs/{job}", "get_job", viewer, Reach::job, {}, 0, handled_by(context, get_job)},
      {"POST",
       "/v1/jobs/{job}/plan",
       "plan_job",
       viewer,
       Reach::job,
       {},
       0,
       handled_by(context, plan_job)},
      {"POST",
       "/v1/jobs/{job}/runs",
       "start_run",
       operator_,
       Reach::job,
       {},
       body,
       handled_by(context, start_run),
       {},
       "run.start",
       true,
       true},
      {"POST",
       "/v1/jobs/{job}/verify",
       "verify_job",
       operator_,
       Reach::job,
       {},
       body,
       handled_by(context, verify_job),
       {},
       "job.verify",
       true},
      {"GET",
       "/v1/guarantees",
       "list_guarantees",
       viewer,
       Reach::each,
       {"limit", "cursor"},
       0,
       handled_by(context, list_guarantees)}};
  return routes;
}

}  // namespace tidemark
