#include "connectors/files/file_columns.h"

#include <algorithm>
#include <set>

#include "connectors/files/csv_records.h"
#include "connectors/files/parquet_files.h"
#include "connectors/files/records.h"
#include "connectors/files/text_reader.h"
#include "connectors/files/text_types.h"

namespace tidemark {

namespace {

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> not_in(const std::vector<std::string>& names,
                                const std::vector<std::string>& others) {
  std::vector<std::string> rest;
  for (const std::string& name : names) {
    if (!has(others, name)) rest.push_back(name);
  }
  return rest;
}

// Of a text file; of JSON lines the keys of all its objects.
Result<std::vector<std::string>> text_columns(const FilesOptions& options, const std::string& path,
                                              Cancel& cancel) {
  TM_TRY(std::unique_ptr<RecordReader> records, open_records(options, path, {}, true));
  if (options.format == FileFormat::csv) return records->columns();
  Record record;
  for (std::int64_t count = 0;; ++count) {
    if (count % 1024 == 0) TM_CHECK(cancel.check());
    TM_TRY(const bool more, records->next(record));
    if (!more) return records->columns();
  }
}

Result<Schema> columns_of(duck::Connection& engine, const FilesOptions& options,
                          const std::string& path, Cancel& cancel) {
  if (options.format == FileFormat::parquet)
    return parquet_schema(engine, options, {path}, nullptr);
  TM_TRY(const std::vector<std::string> names, text_columns(options, path, cancel));
  Schema schema;
  for (const std::string& name : names)
    schema.columns.push_back({name, Type::of(TypeKind::varchar), true, {}});
  return schema;
}

Status check_types(const std::string& path, const Schema& pinned, const Schema& found) {
  for (const Column& column : found.columns) {
    const auto at = pinned.find(column.name);
    if (at && pinned.columns[*at].type != column.type)
      return type_changed(path, pinned.columns[*at], column.type);
  }
  return {};
}

// Adds what the values of one file say about the new columns.
Status add_values(const FilesOptions& options, const std::string& path,
                  const std::vector<std::string>& wanted, std::vector<TypeGuess>& guesses,
                  Cancel& cancel) {
  TM_TRY(std::unique_ptr<RecordReader> records, open_records(options, path, wanted, false));
  Record record;
  for (std::int64_t count = 0;; ++count) {
    if (count % 1024 == 0) TM_CHECK(cancel.check());
    TM_TRY(const bool more, records->next(record));
    if (!more) return {};
    if (!record.problem.empty()) continue;
    for (std::size_t at = 0; at < wanted.size(); ++at)
      guesses[at].add(record.cells[at]);
  }
}

const Type* declared(const FilesOptions& options, const std::string& name) {
  for (const auto& [column, type] : options.columns) {
    if (column == name) return &type;
  }
  return nullptr;
}

Result<std::vector<Type>> types_of(const FilesOptions& options,
                                   const std::vector<std::string>& paths,
                                   const std::vector<std::string>& names, Cancel& cancel) {
  FilesOptions by_name = options;
  by_name.any_columns = true;
  std::vector<TypeGuess> guesses(names.size());
  for (const std::string& path : paths)
    TM_CHECK(add_values(by_name, path, names, guesses, cancel));
  std::vector<Type> types;
  for (std::size_t at = 0; at < names.size(); ++at) {
    const Type* type = declared(options, names[at]);
    types.push_back(type != nullptr ? *type : guesses[at].type());
  }
  return types;
}

// A file of a load with numbered columns has no header, and the others have one.
FilesOptions as_pinned(FilesOptions options, const Schema& pinned) {
  if (!options.header && !pinned.columns.empty())
    options.header = pinned.columns.front().name != first_numbered_column();
  return options;
}

}  // namespace

Result<Schema> columns_after(duck::Connection& engine, const FilesOptions& options,
                             const Schema& pinned, const std::vector<std::string>& paths,
                             Cancel& cancel) {
  const FilesOptions known = as_pinned(options, pinned);
  const std::vector<std::string> wanted = pinned.names();
  std::set<std::string> seen;
  Schema added;
  for (const std::string& path : paths) {
    TM_TRY(const Schema found, columns_of(engine, known, path, cancel));
    const std::vector<std::string> names = found.names();
    const std::vector<std::string> more = not_in(names, wanted);
    if (known.format != FileFormat::json && !more.empty() && !not_in(wanted, names).empty())
      return header_changed(path, wanted, names);
    if (known.format == FileFormat::parquet) {
      TM_CHECK(check_types(path, pinned, found));
      TM_CHECK(check_types(path, added, found));
    }
    seen.insert(names.begin(), names.end());
    for (const std::string& name : more) {
      if (!added.find(name)) added.columns.push_back(found.columns[*found.find(name)]);
    }
  }
  Schema now;
  for (const Column& column : pinned.columns) {
    if (known.format == FileFormat::json || seen.contains(column.name))
      now.columns.push_back(column);
  }
  if (now.columns.empty()) return pinned;
  if (!added.columns.empty() && known.format != FileFormat::parquet) {
    TM_TRY(const std::vector<Type> types, types_of(known, paths, added.names(), cancel));
    for (std::size_t at = 0; at < types.size(); ++at)
      added.columns[at].type = types[at];
  }
  now.columns.insert(now.columns.end(), added.columns.begin(), added.columns.end());
  return now;
}

Result<bool> any_has(duck::Connection& engine, const FilesOptions& options, const Schema& pinned,
                     const std::vector<std::string>& paths, const std::vector<std::string>& columns,
                     Cancel& cancel) {
  const FilesOptions known = as_pinned(options, pinned);
  for (const std::string& path : paths) {
    TM_TRY(const Schema found, columns_of(engine, known, path, cancel));
    for (const std::string& column : columns) {
      if (found.find(column)) return true;
    }
  }
  return false;
}

}  // namespace tidemark
