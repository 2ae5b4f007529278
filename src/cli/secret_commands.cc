#include "cli/secret_commands.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "cli/access_commands.h"
#include "cli/text_table.h"
#include "drivers/sodium/sodium.h"
#include "run/project_secrets.h"

namespace tidemark {

namespace {

// A terminal shows nothing of what is written there while this lives.
class Unseen {
 public:
  Unseen() : is_terminal_(::isatty(STDIN_FILENO) == 1) {
    if (!is_terminal_ || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  Unseen(const Unseen&) = delete;
  Unseen& operator=(const Unseen&) = delete;
  ~Unseen() {
    if (is_changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  bool is_terminal() const { return is_terminal_; }

 private:
  bool is_terminal_;
  bool is_changed_ = false;
  termios before_{};
};

// To its end, or on a terminal to the end of the line.
Result<Secret> read_value(const Call& call) {
  const Unseen unseen;
  if (unseen.is_terminal()) call.tell("value, which is not shown: ");
  std::string value;
  value.reserve(StoredSecrets::value_bytes_max + 4096);
  std::array<char, 4096> piece{};
  bool is_done = false;
  while (!is_done && value.size() <= StoredSecrets::value_bytes_max) {
    TM_CHECK(call.cancel.check());
    const ssize_t got = ::read(STDIN_FILENO, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return user_error("user.bad_secret", "stdin cannot be read",
                        "give the value on stdin: `tidemark secret set NAME < FILE`");
    value.append(piece.data(), static_cast<std::size_t>(got));
    is_done = got == 0 || (unseen.is_terminal() && value.ends_with('\n'));
  }
  piece.fill('\0');
  if (unseen.is_terminal()) call.tell("\n");
  if (value.ends_with('\n')) value.pop_back();
  if (value.ends_with('\r')) value.pop_back();
  Secret secret(value);
  wipe(value);
  return secret;
}

JsonValue document(const SecretRecord& secret) {
  JsonValue json;
  json.set("name", secret.name).set("version", secret.version).set("key", secret.key);
  return json.set("set_by", secret.set_by).set("set_at", to_text(secret.set_at));
}

std::string count_of(std::int64_t secrets) {
  return std::to_string(secrets) + (secrets == 1 ? " secret" : " secrets");
}

}  // namespace

int set_secret(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto secrets,
           open_secrets(workspace->project(), call.around.files, call.around.clock));
    TM_TRY(const Secret value, read_value(call));
    TM_TRY(const SecretRecord set, secrets->set(call.line.names.front(), value, deed_of_user()));
    if (call.line.json) {
      call.print_json(document(set));
    } else {
      call.print("secret " + set.name + " is kept, version " + std::to_string(set.version) +
                 "; use it as ${secret:" + set.name + "}\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int list_secrets(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    std::vector<SecretRecord> all;
    if (workspace->has_store()) {
      TM_TRY(const auto secrets,
             open_secrets(workspace->project(), call.around.files, call.around.clock));
      TM_TRY(all, secrets->list());
    }
    JsonArray documents;
    TextTable table{
        {"name", "version", "key", "set at", "set by"}, {false, true, false, false, false}, {}};
    for (const SecretRecord& secret : all) {
      documents.push_back(document(secret));
      table.rows.push_back({secret.name, std::to_string(secret.version), secret.key,
                            to_text(secret.set_at).substr(0, 19) + "Z", secret.set_by});
    }
    if (call.line.json) {
      call.print_json(documents);
    } else {
      call.print(table.rows.empty() ? "no secrets\n" : print_table(table));
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int remove_secret(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto secrets,
           open_secrets(workspace->project(), call.around.files, call.around.clock));
    const std::string& name = call.line.names.front();
    TM_CHECK(secrets->remove(name, deed_of_user()));
    if (call.line.json) {
      call.print_json(JsonValue().set("name", name));
    } else {
      call.print("secret " + name + " is removed\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

int rotate_secrets(const Call& call) {
  auto outcome = [&]() -> Result<int> {
    TM_TRY(auto workspace, open_good(call));
    TM_TRY(const auto secrets,
           open_secrets(workspace->project(), call.around.files, call.around.clock));
    TM_TRY(const Rotation done, secrets->rotate(deed_of_user(), call.cancel));
    if (call.line.json) {
      JsonValue json;
      json.set("key", done.key).set("is_new", done.is_new);
      call.print_json(json.set("sealed", done.sealed));
    } else {
      call.print(count_of(done.sealed) + " sealed with " + (done.is_new ? "the new key " : "key ") +
                 done.key + "\n");
      if (done.is_new) call.tell("  keep a copy of the key's file elsewhere\n");
    }
    return exit_done;
  }();
  return outcome.ok() ? *outcome : fail(call, outcome.error());
}

}  // namespace tidemark
