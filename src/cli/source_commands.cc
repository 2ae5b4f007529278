#include "cli/source_commands.h"

#include "cli/access_commands.h"

namespace tidemark {

int prepare_source(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const std::string& connection = call.line.names[0];
    const std::string& table = call.line.names[1];
    if (call.line.apply)
      TM_CHECK(note_deed(call, *workspace, "source.prepare", connection + " " + table));
    TM_TRY(const Preparation wanted, workspace->prepare_source(connection, table, call.line.column,
                                                               call.line.apply, call.cancel));
    if (call.line.json) {
      JsonArray statements;
      for (const std::string& statement : wanted.statements)
        statements.emplace_back(statement);
      call.print_json(
          JsonValue().set("statements", std::move(statements)).set("applied", call.line.apply));
      return exit_done;
    }
    for (const std::string& statement : wanted.statements)
      call.print(statement + ";\n");
    if (wanted.statements.empty()) {
      call.print(table + " is prepared: write `watermark: " + call.line.column + "` in the job\n");
    } else if (call.line.apply) {
      call.tell("done; write `watermark: " + call.line.column + "` in the job\n");
    } else {
      call.tell("nothing was changed; run them as the table's owner, or add --apply where `" +
                connection + "` is its owner\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
