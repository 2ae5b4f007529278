#include "cli/store_command.h"

#include <utility>

#include "cli/access_commands.h"
#include "cli/text_table.h"
#include "run/project_store.h"
#include "store/store_copy.h"

namespace tidemark {

namespace {

// What stands after --from or --to; without one, what tidemark.yaml says, with its password.
StoreSpec store_named(const std::optional<std::string>& place, const Call& call,
                      const StoreSpec& of_project) {
  StoreSpec store = of_project;
  if (place && *place != of_project.place) store = StoreSpec{*place, {}, "tidemark"};
  if (call.line.schema) store.schema = *call.line.schema;
  return store;
}

Status check_file(const StoreSpec& store, const Workspace& workspace) {
  const auto file = store_file(store, workspace.project().root);
  std::error_code code;
  if (!file || std::filesystem::exists(*file, code)) return {};
  return user_error("user.no_store", "there is no store " + file->string(),
                    "name the store to copy: `--from sqlite:.tidemark/store.db`");
}

std::string what_next(const StoreSpec& store) {
  std::string line = "store: " + store.place;
  const bool is_short = store.sqlite_path() || store.place.starts_with("postgres");
  if (!is_short || store.schema != "tidemark") {
    line = "store: {postgres: \"" + store.place + "\"";
    if (store.schema != "tidemark") line += ", schema: " + store.schema;
    line += "}";
  }
  return line;
}

std::string report(const std::vector<CopiedTable>& tables) {
  TextTable table{{"table", "rows"}, {false, true}, {}};
  for (const CopiedTable& one : tables)
    table.rows.push_back({one.table, std::to_string(one.rows)});
  return print_table(table);
}

}  // namespace

int migrate_store(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const ProjectSpec& project = workspace->project();
    const StoreSpec from = store_named(call.line.from_store, call, project.store);
    const StoreSpec to = store_named(call.line.to_store, call, project.store);
    if (from.place == to.place) {
      return user_error("user.same_store", "both stores are " + to.place,
                        "write where it goes: `--to postgres://USER@HOST/DATABASE`, or as `store:` "
                        "in tidemark.yaml");
    }
    TM_CHECK(check_file(from, *workspace));
    // Nobody of this project writes into either meanwhile.
    TM_CHECK(workspace->claim("store migrate", call.line.wait, call.cancel));
    TM_TRY(auto source,
           open_store_database(from, project.root, call.around.files, call.around.clock));
    TM_TRY(auto target,
           open_store_database(to, project.root, call.around.files, call.around.clock));
    TM_TRY(const std::vector<CopiedTable> tables, copy_store(*source, *target));
    TM_CHECK(note_deed(call, *workspace, "store.migrate", from.place + " " + to.place));
    const std::string next = what_next(to);
    const bool is_used = to.place == project.store.place && to.schema == project.store.schema;
    if (call.line.json) {
      JsonArray documents;
      for (const CopiedTable& one : tables)
        documents.push_back(JsonValue().set("table", one.table).set("rows", one.rows));
      call.print_json(JsonValue().set("tables", std::move(documents)).set("store", next));
    } else {
      call.print(report(tables));
      call.print(is_used ? "The project uses it already.\n"
                         : "Now write into tidemark.yaml, on every machine:\n  " + next + "\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
