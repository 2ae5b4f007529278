#include "spec/references.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <system_error>
#include <utility>

namespace tidemark {

namespace {

constexpr std::size_t secret_bytes_max = 64 * 1024;

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace

References::References(std::filesystem::path root, EnvironmentLookup environment)
    : root_(std::move(root)),
      environment_(environment ? std::move(environment) : process_environment) {}

bool References::found_in(std::string_view text) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos;
       at = text.find("${", at + 2)) {
    if (at == 0 || text[at - 1] != '$') return true;
  }
  return false;
}

Result<std::string> References::resolve(std::string_view text) const {
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
    if (end == std::string_view::npos) {
      return user_error("spec.bad_reference", "a `${` is not closed",
                        "write ${env:NAME} or ${file:PATH}; $${ stands for the text ${");
    }
    TM_TRY(std::string value, value_of(text.substr(at + 2, end - at - 2)));
    resolved += text.substr(0, at);
    resolved += value;
    text.remove_prefix(end + 1);
  }
  resolved += text;
  return resolved;
}

Result<std::string> References::value_of(std::string_view reference) const {
  const std::size_t colon = reference.find(':');
  const std::string_view kind = reference.substr(0, colon);
  const std::string name(colon == std::string_view::npos ? "" : reference.substr(colon + 1));
  if (kind == "env" && !name.empty()) {
    if (std::optional<std::string> value = environment_(name)) return *std::move(value);
    return user_error("spec.no_variable", "the environment variable `" + name + "` is not set",
                      "set it before Tidemark starts, for example: export " + name + "=...");
  }
  if (kind == "file" && !name.empty()) {
    TM_TRY(std::string value, read_project_file(root_ / name, secret_bytes_max));
    // Editors and `echo` end a file with a line end that belongs to no secret.
    while (value.ends_with('\n') || value.ends_with('\r'))
      value.pop_back();
    return value;
  }
  return user_error("spec.bad_reference", "`${" + std::string(reference) + "}` is no reference",
                    "write ${env:NAME} or ${file:PATH}; $${ stands for the text ${");
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
