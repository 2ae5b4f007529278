#include "cli/backup_command.h"

#include <unistd.h>

#include <string>
#include <utility>

#include "base/units.h"
#include "run/project_store.h"
#include "store/sqlite_database.h"
#include "store/store_copy.h"
#include "store/token_table.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

// A database file that is gone, with what stands beside it, at the end.
class PassingFile {
 public:
  explicit PassingFile(fs::path path) : path_(std::move(path)) { remove(); }
  ~PassingFile() { remove(); }
  PassingFile(const PassingFile&) = delete;
  PassingFile& operator=(const PassingFile&) = delete;
  const fs::path& path() const { return path_; }

 private:
  void remove() const {
    std::error_code ignored;
    for (const char* ending : {"", "-wal", "-shm"})
      fs::remove(path_.string() + ending, ignored);
  }
  fs::path path_;
};

fs::path beside(const fs::path& path, const char* what) {
  return path.string() + "." + what + "-" + std::to_string(::getpid());
}

std::int64_t rows_of(const std::vector<CopiedTable>& tables) {
  std::int64_t rows = 0;
  for (const CopiedTable& table : tables)
    rows += table.rows;
  return rows;
}

int tell(const Call& call, const std::vector<CopiedTable>& tables, const std::string& words) {
  if (call.line.json) {
    JsonArray documents;
    for (const CopiedTable& one : tables)
      documents.push_back(JsonValue().set("table", one.table).set("rows", one.rows));
    call.print_json(
        JsonValue().set("file", call.line.backup_file).set("tables", std::move(documents)));
  } else {
    call.print(words);
  }
  return exit_done;
}

// Into a file that is whole and synced before it has its name.
Result<std::vector<CopiedTable>> write_backup(const Call& call, SqlDatabase& store,
                                              const fs::path& file) {
  const PassingFile made(beside(file, "new"));
  std::vector<CopiedTable> tables;
  {
    TM_TRY(auto copy, open_sqlite_database(made.path(), call.around.clock));
    TM_TRY(tables, copy_store(store, *copy));
  }
  TM_CHECK(gather_sqlite_database(made.path()));
  std::error_code code;
  fs::permissions(made.path(), fs::perms::owner_read | fs::perms::owner_write, code);
  if (code) return file_error("keep from others", made.path(), code.value());
  TM_CHECK(call.around.files.sync_file(made.path()));
  TM_CHECK(call.around.files.rename_durably(made.path(), file));
  return tables;
}

Error no_store(const std::string& what) {
  return user_error("user.no_store", what, "a store is made by the first run");
}

// The store's file as it was goes out of the way: what is restored comes into an empty one.
Status put_aside(const Call& call, const fs::path& file) {
  // One file is renamed in one step. One that is damaged may not be gathered; then all of it is
  // kept.
  static_cast<void>(gather_sqlite_database(file));
  const std::string aside = file.string() + ".before-restore-" + now_text(call.around.clock);
  for (const char* ending : {"-wal", "-shm", ""}) {
    std::error_code code;
    if (!fs::exists(file.string() + ending, code)) continue;
    TM_CHECK(call.around.files.rename_durably(file.string() + ending, aside + ending));
  }
  call.tell("the store as it was: " + aside + "\n");
  return {};
}

}  // namespace

int backup(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const ProjectSpec& project = workspace->project();
    if (!workspace->has_store()) return no_store("this project has no store yet");
    const fs::path file = fs::absolute(call.line.backup_file);
    std::error_code code;
    if (fs::exists(file, code)) {
      return user_error("user.file_there", file.string() + " is there already",
                        "name another file, as `backup-" +
                            now_text(call.around.clock).substr(0, 10) +
                            ".db`: a backup never takes the place of another");
    }
    TM_TRY(auto store,
           open_store_database(project.store, project.root, call.around.files, call.around.clock));
    TM_TRY(const std::vector<CopiedTable> tables, write_backup(call, *store, file));
    const auto bytes = static_cast<std::int64_t>(fs::file_size(file, code));
    return tell(call, tables,
                file.string() + ": " + show_count(rows_of(tables)) + " rows of " + store->name() +
                    ", " + show_bytes(bytes) + "\n");
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int restore(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    const ProjectSpec& project = workspace->project();
    const fs::path file = fs::absolute(call.line.backup_file);
    std::error_code code;
    if (!fs::is_regular_file(file, code))
      return user_error("user.no_backup", "there is no file " + file.string(), "name a backup");
    // Nobody of this project writes into the store meanwhile.
    TM_CHECK(workspace->claim("restore", call.line.wait, call.cancel));
    // A backup of an older version is brought to this one, and stays as it is.
    const PassingFile copy(project.root / state_folder /
                           ("restore-" + std::to_string(::getpid()) + ".db"));
    if (!fs::copy_file(file, copy.path(), code)) return file_error("copy", file, code.value());
    TM_TRY(auto from, open_sqlite_database(copy.path(), call.around.clock));
    TM_CHECK(check_is_store(*from, file.string()));
    const auto at = store_file(project.store, project.root);
    if (at && call.line.replace && fs::exists(*at, code)) TM_CHECK(put_aside(call, *at));
    TM_TRY(auto to,
           open_store_database(project.store, project.root, call.around.files, call.around.clock));
    auto tables = copy_store(*from, *to);
    if (!tables.ok()) {
      Error error = std::move(tables).error();
      if (error.code == "store.not_empty") {
        error.hint = at ? "`--replace` puts the store as it is aside, and keeps it"
                        : "name an empty schema in tidemark.yaml (`store: {schema: ...}`), or drop "
                          "the one that is there";
      }
      return error;
    }
    // One that was revoked since the backup would let in again.
    if (!call.line.keep_tokens) TM_CHECK(TokenTable(*to).revoke_all());
    return tell(call, *tables,
                show_count(rows_of(*tables)) + " rows are in " + to->name() +
                    " again. What is loaded stands in the targets: the next runs go on from "
                    "there.\n" +
                    (call.line.keep_tokens
                         ? "Tokens that were revoked since the backup let in again.\n"
                         : "All tokens are revoked: `tidemark token create` makes new ones.\n"));
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
