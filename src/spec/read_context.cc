#include "spec/read_context.h"

#include <algorithm>
#include <utility>

#include "spec/stored_file.h"

namespace tidemark {

namespace {

constexpr std::size_t sql_bytes_max = 1'000'000;

// A path that stays inside the project, whatever the project's YAML says.
bool stays_inside(const std::filesystem::path& path) {
  return path.is_relative() && std::find(path.begin(), path.end(), "..") == path.end();
}

}  // namespace

void ReadContext::fault(Location at, std::string message, std::string hint) {
  parts_.faults.add(parts_.file, at, std::move(message), std::move(hint));
}

void ReadContext::fault(YamlPosition at, std::string message, std::string hint) {
  fault(place(at), std::move(message), std::move(hint));
}

std::optional<std::string> ReadContext::resolve(const YamlNode& scalar) {
  if (parts_.references == nullptr) {
    if (!References::found_in(scalar.text)) return scalar.text;
    fault(scalar.at, "`${...}` works in tidemark.yaml only",
          "put what needs it into the connection");
    return std::nullopt;
  }
  Result<std::string> resolved = parts_.references->resolve(scalar.text);
  if (resolved.ok()) return std::move(resolved).value();
  fault(scalar.at, resolved.error().message, resolved.error().hint);
  return std::nullopt;
}

std::optional<Secret> ReadContext::resolve_secret(const YamlNode& scalar) {
  if (parts_.references == nullptr) {
    fault(scalar.at, "a secret works in tidemark.yaml only",
          "put what needs it into the connection");
    return std::nullopt;
  }
  const Status checked = parts_.references->check_secret(scalar.text);
  if (!checked.ok()) {
    fault(scalar.at, checked.error().message, checked.error().hint);
    return std::nullopt;
  }
  for (std::filesystem::path& file : parts_.references->files_of(scalar.text))
    secret_files_.push_back(std::move(file));
  return Secret::asked_for(scalar.text, [references = *parts_.references, text = scalar.text]() {
    return references.resolve_secret(text);
  });
}

std::optional<SqlText> ReadContext::sql_text(const YamlNode& scalar, bool may_be_file) {
  if (may_be_file && scalar.text.find_first_of(" \t\r\n") == std::string::npos)
    return sql_file(scalar);
  SqlText sql{scalar.text, parts_.file, {}};
  for (const YamlStretch& stretch : parts_.document.stretches(scalar)) {
    sql.map.add(stretch.offset, place(stretch.at));
  }
  return sql;
}

std::optional<SqlText> ReadContext::sql_file(const YamlNode& scalar) {
  const std::filesystem::path name(scalar.text);
  if (!stays_inside(name)) {
    fault(scalar.at, "`" + scalar.text + "` points out of the project",
          "keep SQL files in the project folder");
    return std::nullopt;
  }
  // A text may come from somebody who has not the folder, and what is no SQL is quoted in faults.
  const bool is_hidden = std::any_of(name.begin(), name.end(), [](const auto& part) {
    return part.native().starts_with('.') && part != ".";
  });
  if (parts_.texts == nullptr && (name.extension() != ".sql" || is_hidden)) {
    fault(scalar.at, "`" + scalar.text + "` is not the name of a file with SQL",
          "such a name ends in `.sql`, and no part of it begins with a dot; SQL written here "
          "directly needs a blank in it");
    return std::nullopt;
  }
  // A job that stands in the store reads what it would read as a file.
  const std::filesystem::path folder =
      is_stored_file(parts_.file) ? "jobs" : std::filesystem::path(parts_.file).parent_path();
  const std::filesystem::path beside = folder / name;
  for (const std::filesystem::path& candidate : {beside, name}) {
    Result<std::string> content = read_sql(candidate);
    if (content.ok()) {
      sql_files_[candidate.generic_string()] = *content;
      TextMap map = TextMap::of_file(*content);
      return SqlText{std::move(content).value(), candidate.generic_string(), std::move(map)};
    }
    if (content.error().code != "spec.no_file") {
      fault(scalar.at, content.error().message, content.error().hint);
      return std::nullopt;
    }
  }
  fault(scalar.at, "there is no SQL file `" + scalar.text + "`",
        "it was looked for as " + beside.generic_string() + " and " + name.generic_string() +
            "; SQL written here directly needs a blank in it");
  return std::nullopt;
}

Result<std::string> ReadContext::read_sql(const std::filesystem::path& file) const {
  if (parts_.texts == nullptr) return read_project_file(parts_.root / file, sql_bytes_max);
  const auto kept = parts_.texts->find(file.generic_string());
  if (kept != parts_.texts->end()) return kept->second;
  return user_error("spec.no_file", "no such file was kept");
}

void ReadContext::check_query(const SqlText& sql, std::string_view prefix) {
  if (parts_.sql_check == nullptr) return;
  sql_fault(sql, parts_.sql_check->check_query(std::string(prefix) + sql.text), prefix.size());
}

void ReadContext::check_expression(const SqlText& sql) {
  if (parts_.sql_check == nullptr) return;
  sql_fault(sql, parts_.sql_check->check_expression(sql.text), 0);
}

void ReadContext::sql_fault(const SqlText& sql, const std::optional<SqlFault>& found,
                            std::size_t prefix_bytes) {
  if (!found) return;
  const std::size_t offset = found->offset > prefix_bytes ? found->offset - prefix_bytes : 0;
  parts_.faults.add(sql.file, sql.locate(offset), "this is not valid SQL: " + found->message);
}

}  // namespace tidemark
