#include "cli/access_commands.h"

#include <utility>

#include "cli/text_table.h"
#include "env/process.h"
#include "run/project_store.h"
#include "store/audit_log.h"

namespace tidemark {

namespace {

std::string second_of(const std::optional<UtcMicros>& at, const char* without) {
  return at ? to_text(*at).substr(0, 19) + "Z" : without;
}

JsonValue time_of(const std::optional<UtcMicros>& at) {
  return at ? JsonValue(to_text(*at)) : JsonValue();
}

std::string jobs_of(const TokenRecord& token) {
  std::string text;
  for (const std::string& job : token.jobs)
    text += (text.empty() ? "" : ", ") + job;
  return text.empty() ? "all" : text;
}

const char* state_of(const TokenRecord& token, UtcMicros now) {
  if (token.revoked_at) return "revoked";
  return token.is_live(now) ? "live" : "expired";
}

JsonValue document(const TokenRecord& token, const char* state) {
  JsonArray jobs;
  for (const std::string& job : token.jobs)
    jobs.emplace_back(job);
  JsonValue json;
  json.set("id", token.id).set("name", token.name).set("role", token.role);
  json.set("jobs", std::move(jobs)).set("state", state).set("made_by", token.made_by);
  json.set("created_at", to_text(token.created_at)).set("expires_at", time_of(token.expires_at));
  return json.set("used_at", time_of(token.used_at)).set("revoked_at", time_of(token.revoked_at));
}

JsonValue document(const AuditEntry& entry) {
  JsonValue json;
  json.set("id", entry.id).set("at", to_text(entry.at)).set("name", entry.name);
  json.set("token", entry.token).set("peer", entry.peer).set("what", entry.what);
  json.set("on", entry.on).set("request", entry.request);
  return json.set("status", static_cast<std::int64_t>(entry.status));
}

}  // namespace

Result<std::unique_ptr<StoreAccess>> open_access(const Call& call, const Workspace& workspace) {
  const ProjectSpec& project = workspace.project();
  TM_TRY(auto database,
         open_store_database(project.store, project.root, call.around.files, call.around.clock));
  return StoreAccess::open(std::move(database), project.audit, call.around.clock);
}

// A command is done by whoever may read the project's folder; over the service's socket, that is
// the service's user.
Deed deed_of_user() {
  Deed deed;
  deed.name = this_user();
  deed.peer = this_host();
  return deed;
}

Status note_deed(const Call& call, const Workspace& workspace, const std::string& what,
                 const std::string& on) {
  // What came over the network is in the log with who asked for it.
  if (!call.around.request.empty()) return {};
  TM_TRY(const auto access, open_access(call, workspace));
  Deed deed = deed_of_user();
  deed.what = what;
  deed.on = on;
  return access->note(deed);
}

Status note_run(const Call& call, Workspace& workspace, const std::string& what,
                const std::string& on) {
  if (!call.around.request.empty()) return {};
  AuditEntry entry;
  entry.name = this_user();
  entry.peer = this_host();
  entry.what = what;
  entry.on = on;
  return workspace.note(entry);
}

int create_token(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto access, open_access(call, *workspace));
    const CommandLine& line = call.line;
    const std::optional<Role> role = role_of(line.token_role);
    TM_ASSERT(role.has_value());  // the parser takes no other
    TM_TRY(
        const MadeToken made,
        access->make({line.names.front(), *role, line.token_jobs, line.expires}, deed_of_user()));
    if (line.json) {
      call.print_json(document(made.record, "live").set("token", made.text.reveal()));
      return exit_done;
    }
    call.print(made.text.reveal() + "\n");
    call.tell("token " + made.record.name + " (" + made.record.id + "), " + made.record.role +
              " of jobs: " + jobs_of(made.record) +
              "; expires: " + second_of(made.record.expires_at, "never") +
              "\n  it is shown this once: keep it where secrets are kept\n");
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int list_tokens(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TokensThen then;
    if (workspace->has_store()) {
      TM_TRY(const auto access, open_access(call, *workspace));
      TM_TRY(then, access->tokens());
    }
    JsonArray documents;
    TextTable table{{"id", "name", "role", "jobs", "state", "expires", "last used", "made by"},
                    std::vector<bool>(8, false),
                    {}};
    for (const TokenRecord& token : then.tokens) {
      const char* const state = state_of(token, then.now);
      documents.push_back(document(token, state));
      table.rows.push_back({token.id, token.name, token.role, jobs_of(token), state,
                            second_of(token.expires_at, "never"), second_of(token.used_at, "never"),
                            token.made_by});
    }
    if (call.line.json) {
      call.print_json(documents);
    } else {
      call.print(table.rows.empty() ? "no tokens\n" : print_table(table));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int revoke_token(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto access, open_access(call, *workspace));
    TM_TRY(const TokenRecord revoked, access->revoke(call.line.names.front(), deed_of_user()));
    if (call.line.json) {
      call.print_json(document(revoked, "revoked"));
    } else {
      call.print("token " + revoked.name + " (" + revoked.id + ") is revoked since " +
                 second_of(revoked.revoked_at, "") + "\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int show_audit(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    std::vector<AuditEntry> entries;
    if (workspace->has_store()) {
      TM_TRY(const auto access, open_access(call, *workspace));
      TM_TRY(entries, access->audit({call.line.limit, {}}));
    }
    JsonArray documents;
    TextTable table{{"at", "who", "token", "from", "what", "on", "status"},
                    {false, false, false, false, false, false, true},
                    {}};
    for (const AuditEntry& entry : entries) {
      documents.push_back(document(entry));
      table.rows.push_back({second_of(entry.at, ""), entry.name,
                            entry.token.empty() ? "-" : entry.token, entry.peer, entry.what,
                            entry.on, entry.status == 0 ? "-" : std::to_string(entry.status)});
    }
    if (call.line.json) {
      call.print_json(documents);
    } else {
      call.print(table.rows.empty() ? "nothing yet\n" : print_table(table));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
