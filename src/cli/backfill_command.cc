#include "cli/backfill_command.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/units.h"
#include "cli/access_commands.h"
#include "cli/progress.h"
#include "cli/text_table.h"
#include "run/backfill.h"
#include "schedule/fires_behind.h"

namespace tidemark {
namespace {

// One backfill as it is shown, also one that is only planned.
struct Shown {
  BackfillRecord record;
  std::vector<BackfillPart> parts;
  std::optional<std::int64_t> rows_estimated;
  std::optional<std::int64_t> ms_left;
  std::vector<std::string> followers;
  bool is_plan = false;
};

std::string state_of(const Shown& shown) {
  return shown.is_plan ? "planned" : std::string(to_string(shown.record.state));
}

std::int64_t count_of(const Shown& shown, PartState state) {
  return std::count_if(shown.parts.begin(), shown.parts.end(),
                       [&](const BackfillPart& part) { return part.state == state; });
}

std::int64_t rows_of(const Shown& shown) {
  std::int64_t rows = 0;
  for (const BackfillPart& part : shown.parts)
    rows += part.state == PartState::done ? part.rows : 0;
  return rows;
}

JsonValue text_or_null(const std::string& text) {
  return text.empty() ? JsonValue() : JsonValue(text);
}

template <class Value>
JsonValue or_null(const std::optional<Value>& value) {
  return value ? JsonValue(*value) : JsonValue();
}

JsonValue document(const BackfillPart& part) {
  JsonValue json;
  json.set("number", part.number).set("lo", part.lo).set("hi", part.hi);
  json.set("state", to_string(part.state)).set("run_id", text_or_null(part.run.get()));
  json.set("rows_loaded", part.rows).set("duration_ms", part.ms);
  return json.set("read_from", text_or_null(part.from)).set("error", text_or_null(part.error));
}

JsonValue document(const Shown& shown, bool with_parts) {
  const BackfillRecord& record = shown.record;
  JsonValue json;
  json.set("backfill_id", text_or_null(record.id.get())).set("job", record.job.get());
  json.set("from", record.from).set("to", record.to).set("by", record.step);
  json.set("order", to_string(record.order)).set("from_stage", to_string(record.from_stage));
  JsonArray followers;
  for (const std::string& job : shown.followers)
    followers.emplace_back(job);
  json.set("downstream", record.downstream).set("followers", std::move(followers));
  json.set("detached", record.detached);
  json.set("rate_share", record.rate_share).set("state", state_of(shown)).set("note", record.note);
  json.set("created_at", shown.is_plan ? JsonValue() : JsonValue(to_text(record.created_at)));
  json.set("ended_at", record.ended_at ? JsonValue(to_text(*record.ended_at)) : JsonValue());
  json.set("parts_done", count_of(shown, PartState::done));
  json.set("parts_total", static_cast<std::int64_t>(shown.parts.size()));
  json.set("rows_loaded", rows_of(shown));
  json.set("rows_estimated", or_null(shown.rows_estimated));
  json.set("ms_left", or_null(shown.ms_left));
  JsonArray parts;
  for (const BackfillPart& part : shown.parts) {
    if (with_parts) parts.push_back(document(part));
  }
  return json.set("parts", std::move(parts));
}

std::string duration(std::int64_t ms) {
  return show_duration(std::chrono::milliseconds(ms));
}

std::string report(const Shown& shown) {
  const BackfillRecord& record = shown.record;
  std::string text;
  if (!shown.is_plan) text += "backfill  " + record.id.get() + "\n";
  text += "job       " + record.job.get() + "\n";
  text += "from      " + record.from + "\nto        " + record.to + "\n";
  text += fmt::format("parts     {} of {}, {} first, {} done\n", shown.parts.size(), record.step,
                      to_string(record.order), count_of(shown, PartState::done));
  text += "state     " + state_of(shown) + (record.note.empty() ? "" : ": " + record.note) + "\n";
  if (record.detached) text += "run by    `tidemark serve`, where nothing else wants the place\n";
  if (!shown.followers.empty()) {
    std::string names;
    for (const std::string& job : shown.followers)
      names += (names.empty() ? "" : ", ") + job;
    text += "behind    " + names +
            (record.downstream ? ": once, when it is done\n" : ": not run (--downstream)\n");
  }
  if (!shown.is_plan) text += "rows      " + show_count(rows_of(shown)) + " loaded\n";
  if (shown.rows_estimated)
    text += "estimate  about " + show_count(*shown.rows_estimated) + " rows in the source\n";
  if (shown.ms_left && *shown.ms_left > 0)
    text += "left      about " + duration(*shown.ms_left) + "\n";
  TextTable table{{"part", "from", "to", "state", "rows", "took", "read from", "run"},
                  {true, false, false, false, true, true, false, false},
                  {}};
  for (const BackfillPart& part : shown.parts) {
    table.rows.push_back(
        {std::to_string(part.number), part.lo, part.hi, std::string(to_string(part.state)),
         show_count(part.rows), part.ms > 0 ? duration(part.ms) : "-",
         part.from.empty() ? "-" : part.from, part.run.get().empty() ? "-" : part.run.get()});
  }
  text += print_table(table);
  for (const BackfillPart& part : shown.parts) {
    if (!part.error.empty())
      text += "part " + std::to_string(part.number) + ": " + part.error + "\n";
  }
  return text;
}

std::vector<const JobSpec*> pointers(const std::vector<JobSpec>& jobs) {
  std::vector<const JobSpec*> all;
  for (const JobSpec& job : jobs)
    all.push_back(&job);
  return all;
}

std::vector<std::string> followers_in(const Workspace& workspace, const JobName& job) {
  std::vector<std::string> names;
  for (const JobSpec* one : followers_of(pointers(workspace.jobs()), job))
    names.push_back(one->name.get());
  return names;
}

Result<Shown> look(Store& store, const Workspace& workspace, const BackfillId& id) {
  Shown shown;
  TM_TRY(shown.record, store.find_backfill(id));
  TM_TRY(shown.parts, store.backfill_parts(id));
  shown.ms_left = ms_left(shown.parts);
  shown.followers = followers_in(workspace, shown.record.job);
  return shown;
}

void show(const Call& call, const Shown& shown) {
  if (call.line.json) {
    call.print_json(document(shown, true));
  } else {
    call.print(report(shown));
  }
}

int exit_code_of(const BackfillEnd& end, const Cancel& cancel) {
  switch (end.record.state) {
    case BackfillState::running:
    case BackfillState::done:
      return exit_done;
    case BackfillState::paused:
      return cancel.requested() ? exit_cancelled : exit_done;
    case BackfillState::cancelled:
      return exit_cancelled;
    case BackfillState::failed:
      if (end.error && end.error->fault == to_string(Fault::user)) return exit_fault;
      if (end.error && end.error->code.starts_with("blocked.")) return exit_blocked;
      return exit_failed;
  }
  return exit_failed;
}

void say_how_to_go_on(const Call& call, const BackfillEnd& end) {
  const std::string& id = end.record.id.get();
  if (end.error) {
    call.tell("tidemark: " + end.error->message + "\n");
    if (!end.error->hint.empty()) call.tell("  " + end.error->hint + "\n");
  }
  if (end.record.state == BackfillState::paused)
    call.tell("paused; go on with `tidemark backfill resume " + id + "`\n");
  if (end.record.state == BackfillState::failed)
    call.tell("go on with `tidemark backfill retry " + id +
              "`: parts that failed are run again, those that are done are not\n");
}

void say_ended(const Call& call, const BackfillPart& part, const std::vector<BackfillPart>& parts) {
  const auto left = std::count_if(parts.begin(), parts.end(), [](const BackfillPart& one) {
    return one.state == PartState::waiting;
  });
  std::string line = fmt::format("part {} of {}, {} to {}: {}", part.number, parts.size(), part.lo,
                                 part.hi, to_string(part.state));
  if (part.state == PartState::done)
    line += fmt::format(", {} rows from the {} in {}", show_count(part.rows), part.from,
                        duration(part.ms));
  if (!part.error.empty()) line += ": " + part.error;
  if (left > 0) line += "; " + show_count(left) + " left";
  if (const auto ms = ms_left(parts); ms && left > 0) line += ", about " + duration(*ms);
  call.tell(line + "\n");
}

// Whether services run its parts: also where a service runs this command.
bool is_detached(const Call& call) {
  return call.line.detach || call.around.owner != nullptr;
}

// Looks on while services run the parts. Who stops looking stops nothing.
Result<int> watch(const Call& call, const BackfillId& id) {
  constexpr std::chrono::milliseconds looks_every{250};
  TM_TRY(auto workspace, open_good(call));
  TM_TRY(Store * store, workspace->store());
  const auto is_over = [](const BackfillPart& part) {
    return part.state != PartState::waiting && part.state != PartState::running;
  };
  TM_TRY(std::vector<BackfillPart> before, store->backfill_parts(id));
  while (true) {
    TM_TRY(const BackfillRecord record, store->find_backfill(id));
    TM_TRY(std::vector<BackfillPart> parts, store->backfill_parts(id));
    for (std::size_t i = 0; i < parts.size() && !call.line.quiet; ++i) {
      if (is_over(parts[i]) && !is_over(before[i])) say_ended(call, parts[i], parts);
    }
    before = parts;
    const bool runs = record.state == BackfillState::running;
    if (runs && !call.cancel.requested()) {
      call.around.clock.sleep(looks_every);
      continue;
    }
    TM_TRY(const Shown shown, look(*store, *workspace, id));
    show(call, shown);
    if (runs) {
      call.tell("it goes on in the service; `tidemark backfill pause " + id.get() +
                "` stops it, `tidemark backfill resume " + id.get() + "` looks on again\n");
      return exit_cancelled;
    }
    BackfillEnd end{record, std::nullopt};
    TM_TRY(end.error, worst_error(*store, parts));
    say_how_to_go_on(call, end);
    return exit_code_of(end, call.cancel);
  }
}

Result<int> drive(const Call& call, const BackfillId& id) {
  if (is_detached(call) && !call.line.detach) return watch(call, id);
  if (call.line.detach) {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(Store * store, workspace->store());
    TM_TRY(const Shown shown, look(*store, *workspace, id));
    show(call, shown);
    return exit_done;
  }
  ProgressView progress(call);
  // The process lives on after each hold of the project, so its memory is given back.
  Surroundings around = call.around;
  around.process_ends = false;
  const auto ended = [&](const BackfillRecord&, const std::vector<BackfillPart>& parts,
                         std::int64_t number) {
    progress.end();
    if (!call.line.quiet) say_ended(call, parts.at(static_cast<std::size_t>(number - 1)), parts);
  };
  const auto behind = [](const std::vector<JobSpec>& jobs, const BackfillRecord& record) {
    return fires_behind(pointers(jobs), record, "");
  };
  TM_TRY(const BackfillEnd end,
         drive_backfill({around, call.line.project, call.line.wait, progress, behind, ended}, id,
                        call.cancel));
  progress.end();
  TM_TRY(auto workspace, open_good(call));
  TM_TRY(Store * store, workspace->store());
  TM_TRY(const Shown shown, look(*store, *workspace, id));
  show(call, shown);
  say_how_to_go_on(call, end);
  return exit_code_of(end, call.cancel);
}

BackfillResume resume_of(const Call& call, bool with_failed) {
  return {with_failed, is_detached(call), call.line.in_quiet_hours, call.line.downstream};
}

Error cannot(const std::string& what, const BackfillRecord& record) {
  const std::string state(to_string(record.state));
  return user_error("user.backfill_state",
                    "backfill " + record.id.get() + " is " + state + " and cannot be " + what,
                    "`tidemark backfill show " + record.id.get() + "` says how it stands");
}

Result<int> change(const Call& call, const std::string& verb, const BackfillId& id) {
  using enum BackfillState;
  TM_TRY(auto workspace, open_good(call));
  TM_TRY(Store * store, workspace->store());
  TM_TRY(Shown now, look(*store, *workspace, id));
  TM_CHECK(note_deed(call, *workspace, "backfill." + verb, id.get()));
  if (verb == "pause") {
    TM_TRY(const bool moved, store->move_backfill(id, {running}, paused, "by a person"));
    if (!moved) return cannot("paused", now.record);
  } else if (verb == "cancel") {
    TM_TRY(const bool moved,
           store->move_backfill(id, {running, paused, failed}, cancelled, "by a person"));
    if (!moved) return cannot("cancelled", now.record);
  } else {
    const bool retry = verb == "retry";
    TM_TRY(const bool moved, store->resume_backfill(id, resume_of(call, retry)));
    if (!moved) return cannot(retry ? "tried again" : "resumed", now.record);
    workspace.reset();
    return drive(call, id);
  }
  TM_TRY(now, look(*store, *workspace, id));
  show(call, now);
  return exit_done;
}

Result<int> list(const Call& call) {
  TM_TRY(auto workspace, open_good(call));
  std::optional<JobName> job;
  if (call.line.names.size() > 1) {
    TM_TRY(const JobSpec* known, workspace->finder().in_project(call.line.names[1]));
    job = known->name;
  }
  JsonArray documents;
  TextTable table{{"backfill", "job", "from", "to", "state", "parts", "rows"},
                  {false, false, false, false, false, true, true},
                  {}};
  std::vector<BackfillRecord> records;
  Store* store = nullptr;
  if (workspace->has_store()) {
    TM_TRY(store, workspace->store());
    TM_TRY(records, store->list_backfills(job));
  }
  for (const BackfillRecord& record : records) {
    TM_TRY(const Shown shown, look(*store, *workspace, record.id));
    documents.push_back(document(shown, false));
    table.rows.push_back(
        {record.id.get(), record.job.get(), record.from, record.to,
         std::string(to_string(record.state)),
         fmt::format("{}/{}", count_of(shown, PartState::done), shown.parts.size()),
         show_count(rows_of(shown))});
  }
  if (call.line.json) {
    call.print_json(documents);
  } else {
    call.print(table.rows.empty() ? "no backfills\n" : print_table(table));
  }
  return exit_done;
}

BackfillRequest request_of(const CommandLine& line) {
  BackfillRequest request{line.from_time, line.to_time, line.by};
  request.order = line.order == "newest" ? PartOrder::newest : PartOrder::oldest;
  if (line.from_stage == "auto") request.from_stage = FromStage::when_kept;
  if (line.from_stage == "only") request.from_stage = FromStage::only;
  request.rate_share = line.rate_share;
  request.allow_empty = line.allow_empty;
  request.in_quiet_hours = line.in_quiet_hours;
  request.downstream = line.downstream.value_or(false);
  return request;
}

// One that was begun by the same words and has not come to its end.
Result<std::optional<BackfillRecord>> open_one(Store& store, const BackfillPlan& plan,
                                               bool to_is_given) {
  TM_TRY(const std::vector<BackfillRecord> known, store.list_backfills(plan.record.job));
  for (const BackfillRecord& one : known) {
    const bool open = one.state != BackfillState::done && one.state != BackfillState::cancelled;
    // Without --to it ends at the watermark, which moves on.
    const bool same = one.from == plan.record.from && one.step == plan.record.step &&
                      (!to_is_given || one.to == plan.record.to);
    if (open && same) return std::optional(one);
  }
  return std::optional<BackfillRecord>();
}

void say(const Call& call, const BackfillPlan& plan) {
  if (plan.to_was_cut)
    call.tell("--to is cut at the watermark, " + plan.record.to +
              ": what lies above is the job's own\n");
  for (const StreamName& stream : plan.left_out)
    call.tell("stream " + stream.get() + " is left out: nothing of it is loaded yet\n");
}

Result<int> begin(const Call& call) {
  const std::string& name = call.line.names.front();
  TM_TRY(auto workspace, open_good(call));
  TM_TRY(const JobSpec* job, workspace->finder().in_project(name));
  if (call.line.names.size() > 1)
    return user_error("user.usage", "`" + call.line.names[1] + "` is one word too many",
                      "`tidemark backfill --help` says how it is written");
  if (call.line.from_time.empty())
    return user_error("user.usage", "say where the backfill begins",
                      "write --from and a value of the job's watermark, for example --from "
                      "2026-01-01");
  TM_TRY(BackfillPlan plan, workspace->plan_backfill(*job, request_of(call.line), call.cancel));
  say(call, plan);
  if (call.line.dry_run) {
    show(call,
         {plan.record, plan.parts, plan.rows, plan.ms, followers_in(*workspace, job->name), true});
    return exit_done;
  }
  TM_CHECK(note_deed(call, *workspace, "backfill.start",
                     name + " " + plan.record.from + " " + plan.record.to));
  TM_TRY(Store * store, workspace->store());
  TM_TRY(const std::optional<BackfillRecord> open,
         open_one(*store, plan, !call.line.to_time.empty()));
  BackfillId id;
  if (open) {
    id = open->id;
    TM_CHECK(store->resume_backfill(id, resume_of(call, false)));
    call.tell("going on with backfill " + id.get() + "\n");
  } else {
    plan.record.id = BackfillId(new_run_id(call.around.clock, call.around.randomness).get());
    id = plan.record.id;
    plan.record.created_at = call.around.clock.now_utc();
    plan.record.detached = is_detached(call);
    TM_CHECK(store->upsert_job(job_record(*job, workspace->project(), call.around.clock)));
    TM_CHECK(store->add_backfill(plan.record, plan.parts));
    if (!call.line.quiet)
      call.tell(fmt::format("backfill {}: {} parts of {}\n", id.get(), plan.parts.size(),
                            plan.record.step));
  }
  workspace.reset();
  return drive(call, id);
}

}  // namespace

int backfill(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    const std::string& word = call.line.names.front();
    if (word == "list") return list(call);
    const bool is_verb = word == "show" || word == "pause" || word == "resume" ||
                         word == "cancel" || word == "retry";
    if (!is_verb) return begin(call);
    if (call.line.names.size() < 2)
      return user_error("user.usage", "say which backfill to " + word,
                        "`tidemark backfill list` shows them: `tidemark backfill " + word + " ID`");
    const BackfillId id(call.line.names[1]);
    if (word != "show") return change(call, word, id);
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(Store * store, workspace->store());
    TM_TRY(const Shown shown, look(*store, *workspace, id));
    show(call, shown);
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
