#include "cli/commands.h"

#include <algorithm>
#include <map>

#include "api/documents.h"
#include "base/units.h"
#include "base/version.h"
#include "cli/access_commands.h"
#include "cli/alert_commands.h"
#include "cli/backfill_command.h"
#include "cli/backup_command.h"
#include "cli/call.h"
#include "cli/checkup_commands.h"
#include "cli/connection_commands.h"
#include "cli/init.h"
#include "cli/job_commands.h"
#include "cli/job_order.h"
#include "cli/progress.h"
#include "cli/reference_folder.h"
#include "cli/refused_rows.h"
#include "cli/report_command.h"
#include "cli/report_page.h"
#include "cli/reports.h"
#include "cli/row_commands.h"
#include "cli/run_output.h"
#include "cli/run_traces.h"
#include "cli/schedule_command.h"
#include "cli/secret_commands.h"
#include "cli/serve_command.h"
#include "cli/source_commands.h"
#include "cli/stage_commands.h"
#include "cli/status_command.h"
#include "cli/store_command.h"
#include "cli/verify_command.h"
#include "spec/json_schema.h"
#include "spec/stored_file.h"
#include "store/cached_reads.h"

namespace tidemark {

namespace {

std::string counted_jobs(const std::vector<JobSpec>& jobs) {
  const auto stored = std::count_if(jobs.begin(), jobs.end(),
                                    [](const JobSpec& job) { return is_stored_file(job.file); });
  std::string text = std::to_string(jobs.size()) + " jobs";
  if (stored > 0) text += ", " + std::to_string(stored) + " of them in the store";
  return text;
}

int validate(const Call& call) {
  auto workspace = Workspace::open(call.around, call.line.project);
  if (!workspace.ok()) return fail(call, workspace.error());
  const Faults& faults = (*workspace)->faults();
  if (const auto& unasked = (*workspace)->store_unasked())
    call.tell("note: jobs that stand in the store are left out: " + unasked->describe() + "\n");
  if (call.line.json) {
    call.print_json(faults_document(faults));
  } else if (faults.empty()) {
    call.print("ok: " + counted_jobs((*workspace)->jobs()) + ", no faults\n");
  } else {
    call.print(faults.print());
  }
  return faults.empty() ? exit_done : exit_fault;
}

int plan(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const JobSpec* job, workspace->finder().in_project(call.line.names.front()));
    TM_TRY(auto engine, workspace->engine().connect());
    TM_TRY(JobPlan made, workspace->plan(*job, *engine, call.cancel));
    if (call.line.json) {
      call.print_json(plan_document(made));
    } else {
      call.print(plan_report(made));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

Result<std::vector<const JobSpec*>> jobs_to_run(const Call& call, const Workspace& workspace) {
  if (call.line.all) return order_jobs(workspace.jobs());
  std::vector<const JobSpec*> jobs;
  for (const std::string& name : call.line.names) {
    TM_TRY(const JobSpec* job, workspace.finder().in_project(name));
    jobs.push_back(job);
  }
  if (jobs.empty()) return user_error("user.no_job", "name the jobs to run, or write --all");
  return jobs;
}

// A full load reads everything again: what was left then has nothing to add.
std::vector<JobName> jobs_to_go_on_with(const Call& call, const std::vector<const JobSpec*>& jobs) {
  std::vector<JobName> names;
  for (const JobSpec* job : jobs) {
    if (!call.line.full) names.push_back(job->name);
  }
  return names;
}

// Of several jobs those that have a sweep; a single one is told where it has none.
bool sweeps(const Call& call, const JobSpec& job, std::size_t jobs) {
  const bool single = jobs == 1 && !call.line.all;
  return call.line.sweep && (single || (job.deletes && job.deletes->sweep));
}

int run(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    // Beside a service its log is that of both.
    if (call.around.owner == nullptr)
      process_log().set_up(call.line.log.over(workspace->project().log));
    TM_TRY(std::vector<const JobSpec*> jobs, jobs_to_run(call, *workspace));
    std::string command = "run";
    for (const JobSpec* job : jobs)
      command += " " + job->name.get();
    TM_CHECK(workspace->claim(command, call.line.wait, call.cancel));
    TM_CHECK(note_run(call, *workspace, "run", command.substr(4)));
    const CommandTraces traces(call, *workspace);
    ProgressView progress(call);
    TM_CHECK(workspace->recover(jobs_to_go_on_with(call, jobs), progress, call.cancel));
    show_recovered(call, *workspace, progress);
    JsonArray documents;
    int worst = exit_done;
    for (const JobSpec* job : jobs) {
      auto ran = workspace->run(
          *job,
          {call.line.full, call.line.allow_empty, call.line.same_source, call.line.in_quiet_hours,
           call.line.accept_drift, call.line.accept_deletes, sweeps(call, *job, jobs.size())},
          progress, call.cancel);
      show_recovered(call, *workspace, progress);
      TM_TRY(const RunRecord record, std::move(ran));
      progress.end();
      show_run(call, record);
      if (call.line.json) documents.push_back(run_document(record));
      worst = std::max(worst, exit_code_of(record));
      if (call.cancel.requested()) break;
    }
    // One job named: one document; several or --all: an array.
    if (call.line.json)
      call.print_json(documents.size() == 1 && !call.line.all ? documents.front()
                                                              : JsonValue(documents));
    return worst;
  }();
  if (call.around.owner == nullptr) process_log().finish();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int replay(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const std::string& name = call.line.names.front();
    TM_CHECK(workspace->claim("replay " + name, call.line.wait, call.cancel));
    TM_CHECK(note_run(call, *workspace, "replay", name));
    const CommandTraces traces(call, *workspace);
    ProgressView progress(call);
    const ReplayOptions options{call.line.allow_empty, call.line.as_it_was, call.line.to};
    auto replayed = call.line.quarantined
                        ? workspace->replay_refused(name, call.line.row_ids, progress, call.cancel)
                        : workspace->replay(RunId(name), options, progress, call.cancel);
    show_recovered(call, *workspace, progress);
    TM_TRY(const RunRecord record, std::move(replayed));
    progress.end();
    show_run(call, record);
    if (call.line.json) call.print_json(run_document(record));
    return exit_code_of(record);
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

// Also one whose file is gone, as long as the store knows it.
Result<JobName> job_with_runs(Workspace& workspace, const std::string& name) {
  if (workspace.has_store()) {
    TM_TRY(Store * store, workspace.store());
    TM_TRY(const std::optional<JobRecord> known, store->find_job(JobName(name)));
    if (known) return known->name;
  }
  TM_TRY(const JobSpec* job, workspace.finder().in_project(name));
  return job->name;
}

int runs(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    RunFilter filter;
    filter.limit = call.line.limit;
    if (!call.line.names.empty()) {
      TM_TRY(filter.job, job_with_runs(*workspace, call.line.names.front()));
    }
    std::vector<RunRecord> records;
    if (workspace->has_store()) {
      TM_TRY(Store * store, workspace->store());
      ReadCache* const cache = workspace->cache();
      TM_TRY(records, cached_runs(cache, *store, filter));
      const auto failing = cache == nullptr ? std::nullopt : cache->state().failing;
      if (failing) call.tell("note: " + failing->why + "; the store was asked\n");
    }
    if (call.line.json) {
      JsonArray documents;
      for (const RunRecord& record : records)
        documents.push_back(run_document(record));
      call.print_json(documents);
    } else {
      call.print(runs_report(records));
      if (filter.job && !records.empty()) print_proof(call, *workspace, records.front());
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int show(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(Store * store, workspace->store());
    TM_TRY(RunHistory history, store->get_run(RunId(call.line.names.front())));
    if (call.line.json) {
      call.print_json(history_document(history, workspace->project().prices));
    } else {
      call.print(history_report(history));
      call.print(use_line(history.run, workspace->project().prices));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

void show_answer(const Call& call, const duck::Answer& answer) {
  if (call.line.json) {
    call.print_json(answer_document(answer));
  } else {
    call.print(answer_report(answer));
  }
}

int query(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(duck::Answer answer,
           workspace->answer(call.line.names[0], call.line.names[1], call.cancel));
    show_answer(call, answer);
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int quarantine(const Call& call) {
  const std::vector<std::string>& names = call.line.names;
  if (names.size() == 3 && names[0] == "show") return show_refused_row(call);
  if (names.size() == 3 && names[0] == "edit") return edit_row(call);
  if (names.size() != 1)
    return fail(call, user_error("user.usage", "which rows of which job are meant is not clear",
                                 "write `quarantine JOB`, `quarantine show JOB ID` or `quarantine "
                                 "edit JOB ID`"));
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const JobSpec job, workspace->finder().to_look_at(call.line.names.front()));
    TM_TRY(RefusedRows refused, RefusedRows::find(*workspace, job, call.cancel));
    if (!call.line.export_file.empty()) {
      TM_TRY(const std::int64_t rows, refused.write(call.line.export_file));
      call.tell(show_count(rows) + " rows written to " + call.line.export_file + "\n");
      if (!call.line.json) return exit_done;
    }
    TM_TRY(duck::Answer answer, refused.newest(call.line.limit));
    show_answer(call, answer);
    TM_TRY(const std::int64_t all, refused.count());
    const auto shown = static_cast<std::int64_t>(answer.rows());
    if (!call.line.json && shown < all) {
      call.tell(show_count(shown) + " of " + show_count(all) +
                " refused rows; more with --limit, all with --export FILE\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int schema(const Call& call) {
  if (call.line.docs.empty()) {
    const bool of_project = !call.line.names.empty() && call.line.names.front() == "project";
    call.print(of_project ? project_json_schema(call.around.catalog) : job_json_schema());
    return exit_done;
  }
  for (const ReferencePage& page : reference_folder(call.around.catalog)) {
    const std::filesystem::path path = std::filesystem::path(call.line.docs) / page.file;
    auto folder = call.around.files.make_dirs_durably(path.parent_path());
    if (!folder.ok()) return fail(call, folder.error());
    auto written = call.around.files.write_durably(path, page.text);
    if (!written.ok()) return fail(call, written.error());
  }
  return exit_done;
}

int show_version(const Call& call) {
  if (call.line.json) {
    call.print_json(
        JsonValue().set("tidemark", version_text).set("engine", duck::Engine::version()));
  } else {
    call.print("tidemark " + std::string(version_text) + ", DuckDB " + duck::Engine::version() +
               "\n");
  }
  return exit_done;
}

int init(const Call& call) {
  const std::filesystem::path dir =
      call.line.names.empty() ? call.line.project : std::filesystem::path(call.line.names.front());
  auto made = write_first_project(dir, call.around.files);
  if (!made.ok()) return fail(call, made.error());
  if (!call.line.json) {
    call.print(first_steps(dir, *made));
    return exit_done;
  }
  JsonArray files;
  for (const std::filesystem::path& file : *made)
    files.emplace_back(file.string());
  call.print_json(JsonValue().set("files", std::move(files)));
  return exit_done;
}

struct Command {
  int (*handle)(const Call&);
  // Asks the project's store, engine or systems, which a service that owns the project has.
  bool goes_to_service;
};

const std::map<std::string, Command>& all_commands() {
  static const std::map<std::string, Command> commands{
      {"init", {init, false}},
      {"validate", {validate, false}},
      {"plan", {plan, true}},
      {"run", {run, true}},
      {"runs", {runs, true}},
      {"show", {show, true}},
      {"query", {query, true}},
      {"quarantine", {quarantine, true}},
      {"replay", {replay, true}},
      {"verify", {verify, true}},
      {"backfill", {backfill, true}},
      {"schedule", {schedule, false}},
      {"report", {report, true}},
      {"serve", {serve, false}},
      {"status", {status, true}},
      {"schema", {schema, false}},
      {"version", {show_version, false}},
      {"connection show", {show_connections, true}},
      {"connection test", {test_connections, true}},
      {"doctor", {doctor, true}},
      {"backup", {backup, true}},
      {"restore", {restore, false}},
      {"source prepare", {prepare_source, true}},
      {"store migrate", {migrate_store, false}},
      {"token create", {create_token, true}},
      {"token list", {list_tokens, true}},
      {"token revoke", {revoke_token, true}},
      {"audit", {show_audit, true}},
      {"job export", {export_job, true}},
      {"job remove", {remove_job, true}},
      {"alert list", {list_alerts, true}},
      {"alert show", {show_alert, true}},
      {"alert silence", {silence_alerts, true}},
      {"alert unsilence", {unsilence_alerts, true}},
      {"alert test", {test_channels, true}},
      {"secret set", {set_secret, false}},
      {"secret list", {list_secrets, false}},
      {"secret remove", {remove_secret, false}},
      {"secret rotate", {rotate_secrets, false}},
      {"stage list", {list_stages, true}},
      {"stage verify", {verify_stages, true}},
      {"stage clean", {clean_stages, true}}};
  return commands;
}

}  // namespace

int run_command(const CommandLine& line, const Surroundings& around, Cancel& cancel,
                Output& output) {
  return all_commands().at(line.command).handle({line, around, cancel, output});
}

bool goes_to_service(const std::string& command) {
  return all_commands().at(command).goes_to_service;
}

}  // namespace tidemark
