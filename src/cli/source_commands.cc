#include "cli/source_commands.h"

#include <cstdio>

namespace tidemark {

int prepare_source(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const std::string& connection = call.line.names[0];
    const std::string& table = call.line.names[1];
    TM_TRY(const Preparation wanted, workspace->prepare_source(connection, table, call.line.column,
                                                               call.line.apply, call.cancel));
    if (call.line.json) {
      JsonArray statements;
      for (const std::string& statement : wanted.statements)
        statements.emplace_back(statement);
      print_json(
          JsonValue().set("statements", std::move(statements)).set("applied", call.line.apply));
      return exit_done;
    }
    for (const std::string& statement : wanted.statements)
      print(statement + ";\n");
    if (wanted.statements.empty()) {
      print(table + " is prepared: write `watermark: " + call.line.column + "` in the job\n");
    } else if (call.line.apply) {
      std::fprintf(stderr, "done; write `watermark: %s` in the job\n", call.line.column.c_str());
    } else {
      std::fprintf(stderr,
                   "nothing was changed; run them as the table's owner, or add --apply where `%s` "
                   "is its owner\n",
                   connection.c_str());
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
