#include "cli/document_schemas.h"

#include <string_view>
#include <utility>

#include "base/error.h"
#include "cli/report_schema.h"
#include "cli/schema_parts.h"
#include "drivers/json/json.h"
#include "model/window.h"
#include "plan/schema_drift.h"
#include "spec/job_spec.h"
#include "stage/retention.h"
#include "store/run_state.h"

namespace tidemark {

using namespace schema;

namespace {

JsonValue states(const char* description) {
  JsonArray choices;
  for (const RunState state : all_run_states())
    choices.emplace_back(to_string(state));
  return words(std::move(choices), description);
}
JsonValue statuses() {
  JsonArray choices;
  for (const RunState state : all_run_states()) {
    JsonValue status = to_string(status_of(state));
    bool known = false;
    for (const JsonValue& choice : choices)
      known = known || choice == status;
    if (!known) choices.push_back(std::move(status));
  }
  return words(std::move(choices), "What became of the run.");
}
JsonValue guarantees() {
  JsonArray choices;
  for (const std::string& name : guarantee_names())
    choices.emplace_back(name);
  return words(std::move(choices), "What the watermark promises, see docs/semantics.md.");
}

JsonValue strategies() {
  using enum LoadStrategy;
  return words({to_string(full), to_string(append), to_string(upsert)},
               "How rows get into the table.");
}
JsonValue faults_of_errors() {
  using enum Fault;
  return words({to_string(user), to_string(source), to_string(target), to_string(internal)},
               "Who has to act.");
}

JsonValue window() {
  return object(
      {{"lo", or_null(text("Where it begins; null: at the beginning."))},
       {"hi", or_null(text("Where the next window begins."))},
       {"top", or_null(text("How far this run reads; null: to the end of the snapshot."))}},
      "Positions are texts that only their source understands.");
}

JsonValue error() {
  return object({{"code", text("Stable, for programs: `area.what`.")},
                 {"fault", faults_of_errors()},
                 {"message", text("What is wrong and where, for people.")},
                 {"hint", text("What to do about it; empty when the message says so.")}});
}

JsonObject run_members() {
  JsonObject stream{{"stream", text("`main`, or the table in a job of many tables.")},
                    {"seq", integer("The number of the window, from 1.")},
                    {"state", states("The last step this stream reached.")},
                    {"window", window()},
                    {"rows_read", count()},
                    {"rows_loaded", count()},
                    {"rows_rejected", count("Rows in quarantine: refused at extract, by a step or "
                                            "by a rule.")},
                    {"rows_deleted", count("Rows that are gone from the source: of the window and "
                                           "not loaded, or found by a sweep.")},
                    {"bytes_staged", count("Bytes of the stage's segments.")},
                    {"error", or_null(error())}};
  return {
      {"run_id", text()},
      {"job", text()},
      {"status", statuses()},
      {"state", states("The worst state of the streams.")},
      {"guarantee", or_null(guarantees())},
      {"started_at", instant("UTC.")},
      {"ended_at", or_null(instant("UTC; null: running, or its process died."))},
      {"duration_ms", or_null(count())},
      {"attempt", integer("From 1.")},
      {"data_until", or_null(instant("Up to when the data is loaded, on its own time; null: "
                                     "nothing was, or its watermark is no time."))},
      {"used", or_null(object({{"cpu_ms", count("Processor time.")},
                               {"bytes_read", count("Of the values that came from the source.")},
                               {"bytes_written", count("Sent to the target's server.")}},
                              "null: a version of before kept none."))},
      {"streams", list(object(std::move(stream)))},
      {"error", or_null(error())}};
}

JsonValue history() {
  JsonObject members = run_members();
  JsonObject event{{"number", integer("From 1 in each run.")},
                   {"at", instant("UTC.")},
                   {"stream", text("Empty for the run as a whole.")},
                   {"state_from", or_null(states("The state before."))},
                   {"state_to", or_null(states("The state after."))},
                   {"message", text()}};
  members.push_back(
      {"cost", or_null(object({{"amount", text("Exact to nine digits.")},
                               {"currency", text()},
                               {"per_million_rows", or_null(text("null: no row was loaded."))}},
                              "By the prices of now; null: there are none."))});
  members.push_back({"events", list(object(std::move(event)))});
  return object(std::move(members));
}

JsonValue columns(JsonValue name = text()) {
  return list(
      object({{"name", std::move(name)}, {"type", text("The engine's name of the type.")}}));
}

JsonValue drift() {
  JsonArray changes;
  for (const auto kind :
       {ColumnChangeKind::added, ColumnChangeKind::dropped, ColumnChangeKind::retyped})
    changes.emplace_back(to_string(kind));
  return list(object({{"column", text()},
                      {"change", words(std::move(changes), "What became of it.")},
                      {"before", or_null(text("Its type at the last load; null: it is new."))},
                      {"now", or_null(text("Its type now; null: it is gone."))},
                      {"maybe_renamed", or_null(text("A column that may be the same one."))},
                      {"action", text("What a run would do, for people.")}}),
              "How the source's columns differ from those of the last load.");
}

JsonValue deletes() {
  const JsonValue sweep =
      object({{"due", boolean("True: a run would compare all keys.")},
              {"last", text("When it was done last, and how often it is, for people.")},
              {"reads", list(text(), "What the source is asked for its keys, where it is due.")}});
  return object({{"column", or_null(text("Of the source: it says which rows are deleted."))},
                 {"mark", or_null(text("Of the target: when a row was found to be gone. Null: rows "
                                       "are taken out."))},
                 {"sweep", or_null(sweep)}},
                "How rows are known that the source has deleted.");
}

JsonValue plan() {
  JsonObject stream{{"stream", text()},
                    {"seq", integer("The number of the window a run would load.")},
                    {"window", window()},
                    {"guarantee", guarantees()},
                    {"reason", text("Why this guarantee and not a better one.")},
                    {"nothing_new", boolean("True: a run would read no row.")},
                    {"resumes", boolean("True: a read that dies goes on behind its last sealed "
                                        "segment; false: its window is read again.")},
                    {"drift", drift()},
                    {"deletes", or_null(deletes())},
                    {"blocked", or_null(text("Why a run would stop; it is planned no further."))},
                    {"rows_expected", or_null(count("Where the source can say."))},
                    {"bytes_expected", or_null(count("Where the source can say: of files."))},
                    {"rows_present", or_null(count("In the target now; full deletes them."))},
                    {"target", text("The table.")},
                    {"strategy", strategies()},
                    {"reads", list(text(), "What the source is asked, in its own words.")},
                    {"ddl", list(text(), "Statements that make what is missing in the target.")},
                    {"load", list(text(), "The statements of the load.")},
                    {"columns", columns()},
                    {"notes", list(text(), "What a person should know.")}};
  return object(
      {{"job", text()}, {"guarantee", guarantees()}, {"streams", list(object(std::move(stream)))}});
}

JsonObject stage_members() {
  return {{"job", text()},
          {"stream", text()},
          {"seq", integer("The number of the window.")},
          {"fence", integer("Of the owner that read it.")},
          {"run_id", or_null(text("Who sealed it; null: no manifest can be read."))},
          {"rows", or_null(count("Read by that run, refused ones included."))},
          {"bytes", count("On disk.")},
          {"sealed_at", or_null(instant("UTC; null: it is not sealed."))},
          {"path", text("Its folder.")}};
}

JsonValue judged_stage() {
  JsonArray reasons;
  for (int at = 0; at <= static_cast<int>(StageReason::half_removed); ++at)
    reasons.emplace_back(to_string(static_cast<StageReason>(at)));
  JsonObject members = stage_members();
  members.push_back({"kept", boolean("False: `stage clean` removes it.")});
  members.push_back({"reason", words(std::move(reasons), "Why it is kept, or why it may go.")});
  members.push_back({"why", text("The reason, for people.")});
  return object(std::move(members));
}

JsonValue unasked() {
  return list(error(), "Why a target could not be asked what is loaded; its stages are kept.");
}

JsonValue stage_list() {
  return object({{"stages", list(judged_stage())}, {"unasked", unasked()}});
}

JsonValue stage_verify() {
  JsonObject members = stage_members();
  members.push_back(
      {"damages", list(object({{"file", text("Its name in the folder.")}, {"problem", text()}}),
                       "Empty: every byte is as it was staged.")});
  return object({{"stages", list(object(std::move(members)))},
                 {"damaged", count("Stages with at least one damage.")}});
}

JsonValue store_migrate() {
  JsonValue table = object({{"table", text()}, {"rows", count("Rows of it, in both stores.")}});
  return object({{"tables", list(std::move(table))},
                 {"store", text("What to write in tidemark.yaml, so that it is used.")}});
}

JsonObject token_members() {
  return {{"id", text("No secret.")},
          {"name", text()},
          {"role",
           words({"viewer", "operator", "editor", "admin"}, "Each may what those before it may.")},
          {"jobs", list(text(), "Names, with `*`; empty: all jobs.")},
          {"state", words({"live", "expired", "revoked"}, "")},
          {"made_by", text()},
          {"created_at", instant("UTC.")},
          {"expires_at", or_null(instant("UTC; null: never."))},
          {"used_at", or_null(instant("UTC, to a minute or so; null: never."))},
          {"revoked_at", or_null(instant("UTC."))}};
}

JsonValue made_token() {
  JsonObject members = token_members();
  members.push_back({"token", text("The token, which nobody can show again.")});
  return object(std::move(members));
}

JsonValue audit() {
  return list(object({{"id", text()},
                      {"at", instant("UTC.")},
                      {"name", text("Who: the token's name, or the user of the machine.")},
                      {"token", text("Its id; empty: a command.")},
                      {"peer", text("The address it came from, or the machine of the command.")},
                      {"what", text("For example `run` or `token.create`.")},
                      {"on", text("What it was done to; empty: the project.")},
                      {"request", text("The id of the request; empty: a command.")},
                      {"status", integer("Of HTTP; 0: a command.")}}),
              "Newest first.");
}

JsonValue stored_secret() {
  return object({{"name", text()},
                 {"version", integer("1, 2, 3, ... each time it is set.").set("minimum", 1)},
                 {"key", text("The id of the key that it is sealed with.")},
                 {"set_by", text()},
                 {"set_at", instant("UTC.")}});
}

JsonValue stage_clean() {
  return object({{"removed", list(judged_stage())},
                 {"bytes_freed", count()},
                 {"kept", count("Stages that stay.")},
                 {"dry_run", boolean("True: nothing was removed, `removed` would be.")},
                 {"unasked", unasked()}});
}

JsonValue verification(const JsonValue& run) {
  const JsonValue ways =
      words({"carried", "transformed"},
            "`carried`: columns as they are in the source; `transformed`: as the job's steps and "
            "rules make them.");
  JsonObject stream{
      {"stream", text()},
      {"note", text("Why there was nothing to compare; else empty.")},
      {"compared", ways},
      {"columns", list(text(), "That were compared.")},
      {"not_compared", list(text(),
                            "Columns that the source has no more, or of another type; rows whose "
                            "time of coming cannot be told.")},
      {"guarantee", guarantees()},
      {"rows", count("Of the target.")},
      {"parts", count("Ranges, or hashes, of the key.")},
      {"parts_skipped", count("Proved equal before, and unchanged.")},
      {"parts_left", count("Not read any more: the budget was used up.")},
      {"missing", count("Rows the target has not.")},
      {"different", count("Rows with other values there.")},
      {"doubled", count("Rows in the target again, under a key that it has already.")},
      {"only_in_target", count("Deleted in the source, older versions, or never from it.")},
      {"refused", count("Rows that differ since the job refuses them.")},
      {"pending", count("Rows that differ since they changed after the last window.")},
      {"examples", list(text(), "Some of the rows that differ, by their keys.")},
      {"seconds_late",
       or_null(typed("number",
                     "How far the time of a missing row lay below the end of the window "
                     "that should have had it; the first window is left out."))},
      {"proved_at", or_null(instant("UTC; null: it is not equal, or not all was compared."))},
      {"no_repair", or_null(text("Why a repair loads nothing of it."))}};
  const JsonValue streams = list(object(std::move(stream)));
  return object({{"job", text()},
                 {"equal", boolean("All of it was compared, after a repair once more, and no row "
                                   "is missing or different.")},
                 {"streams", streams},
                 {"repair", or_null(run)},
                 {"after", or_null(streams)}});
}

JsonValue answer(JsonValue column_list) {
  JsonValue cell;
  cell.set("type", JsonArray{"string", "number", "boolean", "null"})
      .set("description",
           "Numbers where JSON holds them exactly; integers beyond 2^53, decimals and all other "
           "types are texts.");
  return object({{"columns", std::move(column_list)},
                 {"rows", list(list(std::move(cell)), "As many cells as there are columns.")}});
}

JsonValue faults() {
  return object({{"faults", list(object({{"file", text("Relative to the project's folder.")},
                                         {"line", count("0: the file as a whole.")},
                                         {"column", count()},
                                         {"message", text()},
                                         {"hint", text("What to write instead.")}}),
                                 "Empty: the files are right.")}});
}

JsonValue copied() {
  return object(
      {{"file", text()}, {"tables", list(object({{"table", text()}, {"rows", count()}}))}});
}

JsonValue findings() {
  const JsonValue finding = object(
      {{"kind", words({"good", "warning", "fault"}, "`warning`: works, but may not for long.")},
       {"what",
        text("Was looked at: `store`, `connection shop`, `job orders`, or a place in a file.")},
       {"found", text()},
       {"remedy", text("What to do; empty where nothing is to be done.")}});
  return object({{"findings", list(finding)}});
}

JsonValue connections() {
  const JsonValue facts = JsonValue().set("type", "object").set("additionalProperties", text());
  const JsonValue session = object(
      {{"id", text()}, {"for", text("`job/stream run`")}, {"state", text()}, {"since", text()}});
  const JsonValue user = object(
      {{"process", text()},
       {"sessions", count("Held, or kept for the next.")},
       {"wanted", count("That it waits for.")},
       {"part_ppm", count("Of the rates, in millionths.")},
       {"strain_ppm", count("The pace that the system bears as this process sees it, in millionths "
                            "of what the guard allows.")},
       {"silent_ms", count("Since it was heard.")},
       {"jobs", list(object({{"job", text()}, {"sessions", count()}}))}});
  return object({{"connections", list(object({{"name", text()},
                                              {"connector", text()},
                                              {"limits", facts},
                                              {"state", facts},
                                              {"sessions", list(session)},
                                              {"in_use", or_null(list(user,
                                                                      "Each process that uses "
                                                                      "the guard. Null: the store "
                                                                      "is for one process."))},
                                              {"error", or_null(text())}}))}});
}

JsonValue schedules() {
  return list(object({{"job", text()},
                      {"task", words({"run", "verify"}, "What it does then.")},
                      {"every_ms", or_null(count("The distance, in milliseconds."))},
                      {"cron", or_null(text("As it is written."))},
                      {"timezone", text("Of `cron`, and of days.")},
                      {"after", list(text("A job that comes before it."))},
                      {"when", or_null(text("What it watches, as `file landing.in/*.csv`."))},
                      {"times", list(instant("When it runs by itself."))}}));
}

JsonValue status() {
  const JsonValue task = words({"run", "verify"}, "What the job does then.");
  const JsonValue run = object(
      {{"job", text()},
       {"run_id", text()},
       {"kind", words({"run", "replay", "full", "window", "repair", "backfill"}, "")},
       {"started_at", instant("UTC.")},
       {"step", text("What it does; of a run of another process the state of its last stream.")},
       {"rows", count("So far, in this step; of another process: rows read.")},
       {"process", or_null(text("Who runs it, as in `servers`; null: nobody has its lease."))},
       {"moved_at", or_null(instant("When its step or its rows were last others than before."))},
       {"heartbeat_ms", or_null(integer("How long ago its lease was renewed; null: it has none."))},
       {"stuck", or_null(text("Why it seems to stand still."))}});
  const JsonValue fire = list(object({{"job", text()},
                                      {"task", task},
                                      {"fire", instant("The time of the schedule.")},
                                      {"half", words({"extract", "load"},
                                                     "Of its run, over a shared stage; else "
                                                     "`extract` is the whole.")},
                                      {"attempts", count("Of that half.")},
                                      {"next_at", or_null(instant("When it is tried again."))},
                                      {"reason", text("Why it waits; empty: for its turn.")}}));
  return object(
      {{"at", instant("UTC, by the store's clock.")},
       {"servers", list(object({{"process", text("Machine, boot, process id and start.")},
                                {"role", words({"all", "scheduler", "worker"}, "What it does.")},
                                {"labels", list(text("It runs jobs with this `label` too."))},
                                {"places", count("Runs at a time.")},
                                {"leaves", boolean("It lets its runs end, and takes no more.")},
                                {"since", instant("UTC.")},
                                {"seen_at", instant("When it said last that it lives.")}}),
                        "Who serves the project; empty: nobody.")},
       {"cache", or_null(object({{"name", text("Its address.")},
                                 {"found", count("Answers that it had, in this process.")},
                                 {"asked", count("Answers for which the store was asked.")},
                                 {"failing_since", or_null(instant("UTC; null: it answers."))},
                                 {"failing", or_null(text("Why it is not asked now."))}}))},
       {"fires", object({{"running", count()},
                         {"waiting", count("For their turn.")},
                         {"waiting_since", or_null(instant("The time of the oldest of them."))},
                         {"to_retry", count("They wait for their next attempt.")}})},
       {"delay", or_null(object({{"fires", count("That began in the last hour.")},
                                 {"p50_ms", count("From when a run was due to its begin.")},
                                 {"p99_ms", count()},
                                 {"max_ms", count()}}))},
       {"running", list(run, "The first ten, as all lists here.")},
       {"alerts", list(alert(), "That are open, newest first.")},
       {"alerts_total", count("That are open.")},
       {"waiting", fire},
       {"to_retry", fire},
       {"resting", list(object({{"connection", text()},
                                {"until", instant("UTC.")},
                                {"reason", text("Its last failure.")}}),
                        "Connections whose jobs wait, because they did not answer.")},
       {"followers",
        list(object({{"job", text()}, {"awaited", text("Those before it, and what they are at.")}}),
             "Jobs after others that have no fire yet, and for whom they wait.")},
       {"failed", list(object({{"job", text()},
                               {"task", task},
                               {"run_id", or_null(text("null: of a comparison."))},
                               {"state", states("`failed` or `blocked`.")},
                               {"ended_at", or_null(instant("UTC."))},
                               {"message", text()},
                               {"hint", text()}}),
                       "Newest runs and comparisons of the project's jobs.")},
       {"failed_total", count("How many those are, of which `failed` has ten.")},
       {"notes", list(object({{"note", text("As that a transaction holds a watermark.")},
                              {"jobs", list(text())}}),
                      "What the newest runs of the service say of their plans.")},
       {"watched", list(object({{"job", text()},
                                {"watched", text("As `file landing.in/*.csv`.")},
                                {"followed_at", instant("When it was followed last.")},
                                {"unseen", or_null(text("Why it cannot be looked at now."))}}),
                        "What jobs watch, once they have followed it.")},
       {"next", list(object({{"job", text()},
                             {"task", task},
                             {"fire", instant("The time of the schedule.")},
                             {"begins_at", instant("With the job's `jitter`.")}}))}});
}

JsonValue backfill() {
  JsonObject part{{"number", integer("From 1, oldest first.")},
                  {"lo", text("Where it begins.")},
                  {"hi", text("Where it ends, itself left out.")},
                  {"state", words({"waiting", "running", "done", "failed", "skipped"}, "")},
                  {"run_id", or_null(text("The run of its newest try."))},
                  {"rows_loaded", count()},
                  {"duration_ms", count()},
                  {"read_from", or_null(words({"source", "stage"}, ""))},
                  {"error", or_null(text())}};
  return object(
      {{"backfill_id", or_null(text("null: of a dry run."))},
       {"job", text()},
       {"from", text("A value of the watermark.")},
       {"to", text("The same, itself left out.")},
       {"by", text("How long a part is.")},
       {"order", words({"oldest", "newest"}, "Which parts first.")},
       {"from_stage", words({"auto", "only", "never"}, "Whether kept stages are loaded.")},
       {"rate_share", typed("number", "Of the rate of the source's guard.")},
       {"downstream", boolean("Whether those that come after the job run when it is done.")},
       {"followers", list(text(), "Jobs that come after the job.")},
       {"detached", boolean("Whether `tidemark serve` runs the parts.")},
       {"state", words({"planned", "running", "paused", "cancelled", "done", "failed"},
                       "`planned`: a dry run.")},
       {"note", text("Why it is in that state.")},
       {"created_at", or_null(instant("UTC."))},
       {"ended_at", or_null(instant("UTC; null: running, or its process died."))},
       {"parts_done", count()},
       {"parts_total", count()},
       {"rows_loaded", count()},
       {"rows_estimated", or_null(count("Of a dry run: what the source thinks it has there."))},
       {"ms_left", or_null(count("What is left may take."))},
       {"parts", list(object(std::move(part)), "Empty in a list of backfills.")}});
}

}  // namespace

std::vector<ReferencePage> document_schemas() {
  const JsonValue run = object(run_members());
  JsonValue one_or_many;
  one_or_many.set("anyOf", JsonArray{run, list(run)});
  JsonValue one_or_many_backfills;
  one_or_many_backfills.set("anyOf", JsonArray{backfill(), list(backfill())});
  return {
      page("run", "`tidemark run`: a run, or a list where several jobs or --all were asked for",
           one_or_many),
      page("runs", "`tidemark runs`: runs, newest first", list(run)),
      page("show", "`tidemark show`: a run with its events", history()),
      page("plan", "`tidemark plan`: what a run would do", plan()),
      page("query", "`tidemark query`: an answer", answer(columns())),
      page("quarantine", "`tidemark quarantine`: refused rows", answer(columns())),
      page("quarantine-row", "`tidemark quarantine show` and `edit`: one refused row",
           refused_row()),
      page("validate", "`tidemark validate`: the faults of the project's files", faults()),
      page("replay", "`tidemark replay`: the run that loaded the stage again", run),
      page("verify", "`tidemark verify`: what the target has of its source", verification(run)),
      page("backfill", "`tidemark backfill`: one with its parts, or `backfill list`: all of them",
           one_or_many_backfills),
      page("status", "`tidemark status`: what goes on now", status()),
      page("report", "`tidemark report`: what jobs did, kept and cost", report_schema()),
      page("schedule", "`tidemark schedule`: when jobs run by themselves", schedules()),
      page("stage-list", "`tidemark stage list`: what stands, and why", stage_list()),
      page("stage-verify", "`tidemark stage verify`: what is not as it was staged", stage_verify()),
      page("stage-clean", "`tidemark stage clean`: what was removed", stage_clean()),
      page("store-migrate", "`tidemark store migrate`: what was copied", store_migrate()),
      page("token-create", "`tidemark token create`: a new token", made_token()),
      page("token-list", "`tidemark token list`: all tokens", list(object(token_members()))),
      page("token-revoke", "`tidemark token revoke`: what was revoked", object(token_members())),
      page("audit", "`tidemark audit`: who did what", audit()),
      page("job-export", "`tidemark job export`: what a job says",
           object({{"job", text()},
                   {"place", text("Its file; `store` where it stands there.")},
                   {"text", text()}})),
      page("job-remove", "`tidemark job remove`: what was taken out of the store",
           object({{"job", text()}, {"version", integer("The last one that was in.")}})),
      page("secret-set", "`tidemark secret set`: what is kept now", stored_secret()),
      page("secret-list", "`tidemark secret list`: all secrets, no values", list(stored_secret())),
      page("secret-remove", "`tidemark secret remove`: what is gone", object({{"name", text()}})),
      page("secret-rotate", "`tidemark secret rotate`: what was done",
           object({{"key", text("The id of the key that seals now.")},
                   {"is_new", boolean("Whether it was made for this.")},
                   {"sealed", count("Secrets that were sealed again.")}})),
      page("connection-show", "`tidemark connection show`: limits, state and sessions",
           connections()),
      page("backup", "`tidemark backup`: what was copied", copied()),
      page("restore", "`tidemark restore`: what was copied", copied()),
      page("connection-test", "`tidemark connection test`: what was found", findings()),
      page("doctor", "`tidemark doctor`: what was found", findings()),
      page("init", "`tidemark init`: what was made", object({{"files", list(text())}})),
      page("version", "`tidemark version`",
           object({{"tidemark", text()}, {"engine", text("The version of DuckDB.")}})),
      page("alert-list", "`tidemark alert list`: what is open, and who is told", alert_list()),
      page("alert-show", "`tidemark alert show`: an alert", alert()),
      page("alert-silence", "`tidemark alert silence`: the silence", silence()),
      page("alert-unsilence", "`tidemark alert unsilence`: the silence that ended", silence()),
      page("alert-test", "`tidemark alert test`: what came of it", channels_tried()),
      page("error", "What any command prints when it fails before it has a result",
           object({{"error", error()}})),
  };
}

}  // namespace tidemark
