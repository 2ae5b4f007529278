#include "spec/references.h"

#include <string.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

#include "base/secret_name.h"
#include "spec/vault_reference.h"

namespace tidemark {

namespace {

constexpr std::size_t secret_bytes_max = 64 * 1024;

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

constexpr const char* what_to_write =
    "write ${env:NAME}, ${file:PATH}, ${secret:NAME} or ${vault:MOUNT/PATH#FIELD}; $${ stands for "
    "the text ${";

Error no_reference(std::string_view reference) {
  return user_error("spec.bad_reference", "`${" + std::string(reference) + "}` is no reference",
                    what_to_write);
}

std::optional<SecretPlace> place_of(std::string_view kind) {
  if (kind == "secret") return SecretPlace::store;
  if (kind == "vault") return SecretPlace::vault;
  return std::nullopt;
}

Status check_name(SecretPlace place, const std::string& name) {
  if (place == SecretPlace::vault) {
    TM_CHECK(VaultReference::parse(name));
    return {};
  }
  if (is_secret_name(name)) return {};
  return user_error("spec.bad_reference", "`" + name + "` cannot be the name of a secret",
                    "names are letters, digits, `_`, `-` and `.`");
}

// Others may read it: containers are given their secrets so. Of a file that is not there, whoever
// reads it says so.
Status check_writers(const std::filesystem::path& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return {};
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) == 0) return {};
  return user_error(
      "spec.open_secret",
      "`" + path.string() + "` holds a secret, and others than its owner may write it",
      "take that from them: chmod go-w " + path.string());
}

}  // namespace

References::References(std::filesystem::path root, EnvironmentLookup environment,
                       SecretLookup secrets)
    : root_(std::move(root)),
      environment_(environment ? std::move(environment) : process_environment),
      secrets_(std::move(secrets)) {}

bool References::found_in(std::string_view text) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos;
       at = text.find("${", at + 2)) {
    if (at == 0 || text[at - 1] != '$') return true;
  }
  return false;
}

Result<std::string> References::replace(std::string_view text, const ValueOf& value_of) {
  std::string resolved;
  while (!text.empty()) {
    const std::size_t at = text.find("${");
    if (at == std::string_view::npos) break;
    if (at > 0 && text[at - 1] == '$') {
      resolved += text.substr(0, at - 1);
      resolved += "${";
      text.remove_prefix(at + 2);
      continue;
    }
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos)
      return user_error("spec.bad_reference", "a `${` is not closed", what_to_write);
    const std::string_view reference = text.substr(at + 2, end - at - 2);
    const std::size_t colon = reference.find(':');
    const std::string name(colon == std::string_view::npos ? "" : reference.substr(colon + 1));
    if (name.empty()) return no_reference(reference);
    TM_TRY(std::string value, value_of(reference.substr(0, colon), name));
    resolved += text.substr(0, at);
    resolved += value;
    ::explicit_bzero(value.data(), value.size());
    text.remove_prefix(end + 1);
  }
  resolved += text;
  return resolved;
}

Result<std::string> References::resolve(std::string_view text) const {
  return replace(text, [&](std::string_view kind, const std::string& name) -> Result<std::string> {
    if (const auto place = place_of(kind)) {
      return user_error(
          "spec.bad_reference",
          std::string(*place == SecretPlace::store ? "a stored secret" : "a secret of Vault") +
              " stands only where a secret is taken",
          "write it as the `password` of a connection");
    }
    return value_of(kind, name, false);
  });
}

Result<Secret> References::resolve_secret(std::string_view text) const {
  TM_TRY(std::string resolved, replace(text, [&](std::string_view kind, const std::string& name) {
           return value_of(kind, name, true);
         }));
  return Secret(std::move(resolved));
}

Status References::check_secret(std::string_view text) const {
  const auto value = [&](std::string_view kind, const std::string& name) -> Result<std::string> {
    const auto place = place_of(kind);
    if (!place) return value_of(kind, name, true);
    TM_CHECK(check_name(*place, name));
    return std::string();
  };
  TM_TRY(std::string resolved, replace(text, value));
  ::explicit_bzero(resolved.data(), resolved.size());
  return {};
}

std::vector<std::filesystem::path> References::files_of(std::string_view text) const {
  std::vector<std::filesystem::path> files;
  const auto note = [&](std::string_view kind, const std::string& name) -> Result<std::string> {
    if (kind == "file") files.push_back(root_ / name);
    return std::string();
  };
  static_cast<void>(replace(text, note));
  return files;
}

bool References::names(std::string_view text, SecretPlace place) {
  bool found = false;
  const auto note = [&](std::string_view kind, const std::string&) -> Result<std::string> {
    found = found || place_of(kind) == place;
    return std::string();
  };
  static_cast<void>(replace(text, note));
  return found;
}

Result<std::string> References::value_of(std::string_view kind, const std::string& name,
                                         bool is_secret) const {
  if (kind == "env") {
    if (std::optional<std::string> value = environment_(name)) return *std::move(value);
    return user_error("spec.no_variable", "the environment variable `" + name + "` is not set",
                      "set it before Tidemark starts, for example: export " + name + "=...");
  }
  if (kind == "file") {
    if (is_secret) TM_CHECK(check_writers(root_ / name));
    TM_TRY(std::string value, read_project_file(root_ / name, secret_bytes_max));
    // Editors and `echo` end a file with a line end that belongs to no secret.
    while (value.ends_with('\n') || value.ends_with('\r'))
      value.pop_back();
    return value;
  }
  if (const auto place = place_of(kind)) {
    TM_CHECK(check_name(*place, name));
    if (!secrets_)
      return internal_error("secret.no_store", "the secret `" + name + "` cannot be had here");
    TM_TRY(const Secret secret, secrets_(*place, name));
    return secret.reveal();
  }
  return no_reference(std::string(kind) + ":" + name);
}

Result<std::string> read_project_file(const std::filesystem::path& path, std::size_t bytes_max) {
  std::error_code problem;
  const std::filesystem::file_status status = std::filesystem::status(path, problem);
  if (status.type() == std::filesystem::file_type::not_found) {
    return user_error("spec.no_file", "there is no file `" + path.string() + "`");
  }
  if (status.type() != std::filesystem::file_type::regular) {
    return user_error("spec.bad_file", "`" + path.string() + "` is not a file that can be read");
  }
  const std::string shown = "`" + path.string() + "`";
  std::ifstream file(path, std::ios::binary);
  // Piece by piece: the size a file says it has may be wrong, and most files are small.
  std::string content;
  std::array<char, 16 * 1024> piece{};
  while (file.good() && content.size() <= bytes_max) {
    file.read(piece.data(), piece.size());
    content.append(piece.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (content.size() > bytes_max) {
    return user_error("spec.bad_file",
                      shown + " is larger than " + std::to_string(bytes_max) + " bytes");
  }
  if (!file.eof() || file.bad()) return user_error("spec.bad_file", shown + " cannot be read");
  return content;
}

}  // namespace tidemark
