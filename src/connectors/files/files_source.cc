#include "connectors/files/files_source.h"

#include <algorithm>
#include <unordered_map>

#include "base/assert.h"
#include "connectors/files/file_columns.h"
#include "connectors/files/parquet_files.h"
#include "connectors/files/text_reader.h"
#include "drivers/duckdb/engine.h"
#include "drivers/hash/hash.h"
#include "drivers/json/json.h"

namespace tidemark {

namespace {

using Known = std::unordered_map<std::string, FileEntry>;

Result<Known> known_files(const Progress& progress) {
  Known known;
  for (const Position& position : progress.history) {
    TM_TRY(std::vector<FileEntry> files, parse_position(position));
    for (FileEntry& file : files)
      known[file.path] = std::move(file);
  }
  return known;
}

std::vector<std::string> paths_of(const std::vector<FileEntry>& files) {
  std::vector<std::string> paths;
  for (const FileEntry& file : files)
    paths.push_back(file.path);
  return paths;
}

Error changed_after_load(const std::string& path) {
  return source_error("source.file_changed_after_load",
                      path + ": its content changed after it was loaded", Retry::never,
                      "give the new content a new file name, or load everything again with --full");
}

}  // namespace

struct FilesSource::Impl {
  FilesOptions options;
  duck::Connection& engine;
  std::optional<Schema> pinned;
  std::optional<Schema> schema;
  // As upper() saw them: files to read, and files that are loaded and still there.
  std::vector<std::string> fresh;
  bool looked_at = false;
  std::vector<std::string> loaded;

  Impl(FilesOptions with, duck::Connection& by) : options(std::move(with)), engine(by) {}

  Result<std::vector<FileEntry>> list(Cancel& cancel) const {
    return list_files(options.folder, options.patterns, cancel);
  }
  Error no_files() const;
  Status hash(FileEntry& file, Cancel& cancel) const;
  Result<std::vector<FileEntry>> new_files(const std::vector<FileEntry>& present,
                                           const Known& known, WindowBound& bound,
                                           Cancel& cancel) const;
  void note_copies(const std::vector<FileEntry>& files, const Known& known,
                   WindowBound& bound) const;
  Result<Schema> as_declared(const Schema& found) const;
  Result<Schema> schema_for(const std::vector<std::string>& paths, Cancel& cancel) const;
  // discover() has looked at the columns of every file of the window.
  bool by_name() const { return looked_at; }
  FilesOptions options_to_read() const;
  static Result<std::vector<std::string>> paths_in(const Split& split);
};

Error FilesSource::Impl::no_files() const {
  std::string patterns;
  for (const std::string& pattern : options.patterns)
    patterns += (patterns.empty() ? "`" : ", `") + pattern + "`";
  return source_error("source.no_files",
                      "no file in " + options.folder.string() + " matches " + patterns,
                      Retry::never, "check the pattern and the folder; nothing was loaded");
}

Status FilesSource::Impl::hash(FileEntry& file, Cancel& cancel) const {
  TM_TRY(FileHash hash, hash_file(options.folder / file.path, HashDepth::xxh3, cancel));
  if (hash.bytes != file.size) {
    return source_error("source.file_changed", file.path + ": it is still being written",
                        Retry::backoff,
                        "deliver files under another name and rename them when they are whole");
  }
  file.xxh3 = std::move(hash.xxh3);
  return {};
}

// The present files that are not loaded, with their hashes.
Result<std::vector<FileEntry>> FilesSource::Impl::new_files(const std::vector<FileEntry>& present,
                                                            const Known& known, WindowBound& bound,
                                                            Cancel& cancel) const {
  std::vector<FileEntry> files;
  for (FileEntry file : present) {
    const auto before = known.find(file.path);
    const bool loaded = before != known.end();
    if (loaded && before->second.size == file.size && before->second.mtime_ns == file.mtime_ns)
      continue;
    if (loaded && before->second.size != file.size) return changed_after_load(file.path);
    TM_CHECK(hash(file, cancel));
    if (loaded && before->second.xxh3 != file.xxh3) return changed_after_load(file.path);
    if (!loaded) files.push_back(std::move(file));
  }
  note_copies(files, known, bound);
  return files;
}

void FilesSource::Impl::note_copies(const std::vector<FileEntry>& files, const Known& known,
                                    WindowBound& bound) const {
  std::unordered_map<std::string, std::string> path_by_content;
  for (const auto& [path, file] : known)
    path_by_content[file.xxh3] = path;
  for (const FileEntry& file : files) {
    const auto [other, is_new] = path_by_content.try_emplace(file.xxh3, file.path);
    if (is_new || file.size == 0) continue;
    bound.notes.push_back(file.path + " has the same content as " + other->second +
                          "; it is a new file by its path");
  }
}

Result<Schema> FilesSource::Impl::schema_for(const std::vector<std::string>& paths,
                                             Cancel& cancel) const {
  if (pinned && !fresh.empty()) {
    TM_TRY(const Schema now, columns_after(engine, options, *pinned, fresh, cancel));
    if (options.format == FileFormat::parquet) return now;
    return as_declared(now);
  }
  if (options.format == FileFormat::parquet)
    return parquet_schema(engine, options, paths, pinned ? &*pinned : nullptr);
  return pinned ? as_declared(*pinned) : find_schema(options, paths, cancel);
}

Result<Schema> FilesSource::Impl::as_declared(const Schema& found) const {
  Schema typed = found;
  for (const auto& [name, type] : options.columns) {
    const std::optional<std::size_t> place = typed.find(name);
    if (!place || !is_readable(type)) {
      return user_error("source.no_such_column",
                        "`columns` names `" + name + "`, which cannot be read from these files");
    }
    typed.columns[*place].type = type;
  }
  return typed;
}

FilesOptions FilesSource::Impl::options_to_read() const {
  FilesOptions read = options;
  read.any_columns = by_name();
  return read;
}

FilesSource::FilesSource(FilesOptions options, duck::Connection& engine)
    : impl_(std::make_unique<Impl>(std::move(options), engine)) {}
FilesSource::~FilesSource() = default;

void FilesSource::pin(const Schema& schema) {
  impl_->pinned = schema;
}

Result<Schema> FilesSource::discover(Cancel& cancel) {
  if (impl_->schema) return *impl_->schema;
  std::vector<FileEntry> present;
  if (!impl_->pinned) {
    TM_TRY(present, impl_->list(cancel));
    if (present.empty()) return impl_->no_files();
  }
  TM_TRY(impl_->schema, impl_->schema_for(paths_of(present), cancel));
  impl_->looked_at = impl_->pinned.has_value() && !impl_->fresh.empty();
  return *impl_->schema;
}

Result<bool> FilesSource::may_hold(const std::vector<std::string>& columns, const Position&,
                                   Cancel& cancel) {
  if (!impl_->pinned) return true;
  return any_has(impl_->engine, impl_->options, *impl_->pinned, impl_->loaded, columns, cancel);
}

Status FilesSource::leave_out(const std::vector<std::string>& columns) {
  std::erase_if(impl_->schema->columns, [&](const Column& column) {
    return std::find(columns.begin(), columns.end(), column.name) != columns.end();
  });
  return {};
}

Result<WindowBound> FilesSource::upper(const Progress& progress, Cancel& cancel) {
  WindowBound bound;
  bound.guarantee = Guarantee::exact;
  bound.reason = "files are told apart by path, size and content";
  TM_TRY(std::vector<FileEntry> present, impl_->list(cancel));
  const bool everything = impl_->options.reads_everything || progress.full_requested;
  Known known;
  if (!everything) {
    TM_TRY(known, known_files(progress));
  }
  if (present.empty() && (everything || known.empty())) return impl_->no_files();
  TM_TRY(std::vector<FileEntry> files, impl_->new_files(present, known, bound, cancel));
  // A window that reads everything begins at the beginning, so its ends differ even over the same
  // files.
  if (!everything) bound.window.lo = progress.lo;
  impl_->fresh = paths_of(files);
  impl_->loaded.clear();
  for (const FileEntry& file : present) {
    if (known.contains(file.path)) impl_->loaded.push_back(file.path);
  }
  if (files.empty()) {
    bound.nothing_new = true;
    bound.window.hi = progress.lo;
    bound.window.top = progress.lo;
    bound.rows_expected = 0;
    bound.bytes_expected = 0;
    return bound;
  }
  bound.window.hi = to_position(files);
  bound.window.top = bound.window.hi;
  std::int64_t bytes = 0;
  for (const FileEntry& file : files)
    bytes += file.size;
  bound.bytes_expected = bytes;
  return bound;
}

Result<std::vector<Split>> FilesSource::split(const Window& window, Cancel&) {
  if (!window.hi || window.lo == window.hi) return std::vector<Split>();
  TM_TRY(std::vector<FileEntry> files, parse_position(*window.hi));
  if (files.empty()) return std::vector<Split>();
  JsonArray paths;
  for (const FileEntry& file : files)
    paths.emplace_back(std::string_view(file.path));
  return std::vector<Split>{Split{to_json(JsonValue(std::move(paths)))}};
}

Result<std::vector<std::string>> FilesSource::Impl::paths_in(const Split& split) {
  TM_TRY(JsonValue document, parse_json(split.text));
  TM_ASSERT(document.array() != nullptr);
  std::vector<std::string> paths;
  for (const JsonValue& path : *document.array()) {
    TM_ASSERT(path.string() != nullptr);
    paths.push_back(*path.string());
  }
  return paths;
}

Result<Extraction> FilesSource::open(const Split& split, Cancel& cancel) {
  TM_TRY(std::vector<std::string> paths, Impl::paths_in(split));
  TM_TRY(Schema schema, discover(cancel));
  if (impl_->options.format == FileFormat::parquet) {
    if (!impl_->by_name()) TM_CHECK(parquet_schema(impl_->engine, impl_->options, paths, &schema));
    return Extraction(parquet_scan(impl_->options_to_read(), schema, paths));
  }
  return Extraction(
      std::make_unique<TextReader>(impl_->options_to_read(), schema, std::move(paths)));
}

bool FilesSource::can_go_on() const {
  return impl_->options.format != FileFormat::parquet;
}

Result<Extraction> FilesSource::open_at(const Split& split, const Position& place, Cancel& cancel) {
  TM_ASSERT(can_go_on());
  TM_TRY(std::vector<std::string> paths, Impl::paths_in(split));
  TM_TRY(const Schema schema, discover(cancel));
  auto reader = std::make_unique<TextReader>(impl_->options_to_read(), schema, std::move(paths));
  TM_CHECK(reader->go_to(place));
  return Extraction(std::move(reader));
}

Status FilesSource::verify(const Window& window, Cancel& cancel) {
  if (!window.hi || window.lo == window.hi) return {};
  TM_TRY(std::vector<FileEntry> files, parse_position(*window.hi));
  for (const FileEntry& file : files) {
    Result<FileHash> hash = hash_file(impl_->options.folder / file.path, HashDepth::xxh3, cancel);
    if (hash.ok() && hash->bytes == file.size && hash->xxh3 == file.xxh3) continue;
    if (!hash.ok() && hash.error().code != "env.not_found") return std::move(hash).error();
    return source_error(
        "source.file_changed", file.path + ": it changed while it was read; nothing was loaded",
        Retry::backoff, "deliver files under another name and rename them when they are whole");
  }
  return {};
}

}  // namespace tidemark
