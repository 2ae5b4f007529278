#include "cli/call.h"

#include "api/documents.h"

namespace tidemark {

namespace {

int exit_code_of(const Error& error) {
  if (error.code == "run.cancelled") return exit_cancelled;
  if (error.code == "run.project_busy" || error.code == "run.leased" ||
      error.code.starts_with("blocked."))
    return exit_blocked;
  if (error.code.starts_with("user.") || error.code.starts_with("spec.") ||
      error.code.starts_with("plan.")) {
    return exit_fault;
  }
  return error.fault == Fault::user ? exit_fault : exit_failed;
}

}  // namespace

void Call::print_json(const JsonValue& json) const {
  print(to_json(json, JsonLayout::indented) + "\n");
}

int fail(const Call& call, const Error& error) {
  if (call.line.json) call.print_json(JsonValue().set("error", error_document(error)));
  call.tell("tidemark: " + error.describe() + "\n");
  if (!error.hint.empty()) call.tell("  " + error.hint + "\n");
  return exit_code_of(error);
}

Result<std::unique_ptr<Workspace>> open_good(const Call& call) {
  TM_TRY(auto workspace, Workspace::open(call.around, call.line.project));
  if (workspace->faults().empty()) return workspace;
  Error error = workspace->faults().as_error();
  const std::size_t count = workspace->faults().size();
  error.message = (count == 1 ? std::string("a fault") : std::to_string(count) + " faults") +
                  " in the project's files:\n" + workspace->faults().print();
  error.message.pop_back();  // the line break behind the last one
  error.hint.clear();        // each fault has its own
  return error;
}

Result<std::vector<const ConnectionSpec*>> connections_named(const Call& call,
                                                             const Workspace& workspace) {
  std::vector<const ConnectionSpec*> wanted;
  for (const std::string& name : call.line.names) {
    TM_TRY(const ConnectionSpec* connection, workspace.finder().connection(name));
    wanted.push_back(connection);
  }
  if (!wanted.empty()) return wanted;
  for (const ConnectionSpec& connection : workspace.project().connections)
    wanted.push_back(&connection);
  return wanted;
}

}  // namespace tidemark
