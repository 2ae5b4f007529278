#include "stage/stage.h"

#include <set>
#include <system_error>
#include <utility>

#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/file_name.h"
#include "stage/exact_types.h"

namespace tidemark {

namespace {

constexpr std::int64_t manifest_bytes_max = 256'000'000;
// `job` is empty where the damage hides it.
std::string hint_of_damage(const std::string& job) {
  const std::string name = job.empty() ? "JOB" : job;
  return "a window that is not loaded yet is read again by `tidemark run " + name +
         "`; `tidemark stage verify " + name + "` looks at every stage of the job";
}

// What is wrong with one segment; nothing when it is as it was staged.
Result<std::optional<std::string>> look_at(const std::filesystem::path& path,
                                           const Segment& segment, HashDepth depth,
                                           Cancel& cancel) {
  using Found = std::optional<std::string>;
  Result<FileHash> hash = hash_file(path, depth, cancel);
  if (!hash.ok()) {
    if (hash.error().code == "run.cancelled") return std::move(hash).error();
    if (hash.error().code == "env.not_found") return Found("is missing");
    return Found("cannot be read: " + hash.error().describe());
  }
  if (hash->bytes != segment.bytes) {
    return Found("has " + std::to_string(hash->bytes) + " bytes, the manifest says " +
                 std::to_string(segment.bytes));
  }
  if (hash->xxh3 != segment.xxh3) return Found("has other content than was staged (xxh3)");
  if (depth == HashDepth::xxh3_and_sha256 && hash->sha256 != segment.sha256)
    return Found("has other content than was staged (sha256)");
  return Found();
}

Result<std::vector<Damage>> strangers(const std::filesystem::path& dir, const Manifest& manifest) {
  std::set<std::string> known{manifest_name};
  for (const Segment& segment : manifest.segments)
    known.insert(segment.file);
  for (const Segment& segment : manifest.rejects)
    known.insert(segment.file);
  std::vector<Damage> found;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(dir, code)) {
    if (!known.contains(entry.path().filename().string()))
      found.push_back({entry.path(), "is not in the manifest"});
  }
  if (code) return file_error("list", dir, code.value());
  return found;
}

std::string files_sql(const std::filesystem::path& dir, const std::vector<Segment>& segments) {
  std::string sql = "[";
  for (const Segment& segment : segments) {
    if (sql.size() > 1) sql += ", ";
    sql += duck::quote_file(dir / segment.file);
  }
  return sql + "]";
}

// `segment-000012.parquet` -> 12 of the file a row came from.
std::string segment_number_sql(std::string_view prefix) {
  return "CAST(regexp_extract(filename, '" + std::string(prefix) +
         "-([0-9]+)\\.parquet$', 1) AS INTEGER)";
}

std::string hidden_columns(const std::string& segment, const std::string& row) {
  return segment + " AS " + duck::quote_name(stage_segment_column) + ", " + row + " AS " +
         duck::quote_name(stage_row_column);
}

// `read_parquet([...])` with the virtual columns the hidden ones are made of.
std::string scan_sql(const std::filesystem::path& dir, const std::vector<Segment>& segments) {
  return " FROM read_parquet(" + files_sql(dir, segments) + ", hive_partitioning = false)";
}

}  // namespace

Result<Stage> Stage::open(const std::filesystem::path& dir, Files& files) {
  Result<std::string> text = files.read(dir / manifest_name, manifest_bytes_max);
  if (!text.ok()) {
    if (text.error().code != "env.not_found") return std::move(text).error();
    return internal_error("stage.not_sealed", "there is no sealed stage in " + dir.string(),
                          Retry::never, "run the job again");
  }
  Result<Manifest> manifest = parse_manifest(*text);
  if (manifest.ok() && !is_folder_of(dir, manifest->key)) {
    manifest = internal_error("stage.corrupt", "the manifest of the stage is that of another one");
  }
  if (!manifest.ok()) {
    Error error = std::move(manifest).error();
    if (error.code == "stage.corrupt") {
      const auto job = name_of_component(dir.parent_path().parent_path().filename().string());
      error.hint = hint_of_damage(job.value_or(""));
    }
    return std::move(error).with_context("reading " + (dir / manifest_name).string());
  }
  Stage stage;
  stage.manifest_ = std::move(*manifest);
  stage.dir_ = dir;
  stage.checksum_ = sha256_hex(*text);
  return stage;
}

Result<std::vector<Damage>> Stage::damages(HashDepth depth, Cancel& cancel,
                                           const HashProgress& progress) const {
  return find_damages(depth, cancel, progress, false);
}

Status Stage::verify(HashDepth depth, Cancel& cancel) const {
  TM_TRY(const std::vector<Damage> found, find_damages(depth, cancel, {}, true));
  if (found.empty()) return {};
  return internal_error("stage.corrupt",
                        "the staged file " + found[0].file.string() + " " + found[0].what +
                            "; nothing was loaded from its stage",
                        Retry::never, hint_of_damage(manifest_.key.stream.job.get()));
}

Result<std::vector<Damage>> Stage::find_damages(HashDepth depth, Cancel& cancel,
                                                const HashProgress& progress,
                                                bool first_only) const {
  TM_TRY(std::vector<Damage> found, strangers(dir_, manifest_));
  std::int64_t bytes = 0;
  for (const std::vector<Segment>* list : {&manifest_.segments, &manifest_.rejects}) {
    for (const Segment& segment : *list) {
      if (first_only && !found.empty()) return found;
      const std::filesystem::path path = dir_ / segment.file;
      TM_TRY(std::optional<std::string> what, look_at(path, segment, depth, cancel));
      if (what) found.push_back({path, std::move(*what)});
      bytes += segment.bytes;
      if (progress) progress(bytes);
    }
  }
  return found;
}

std::string Stage::relation_sql() const {
  const bool empty = manifest_.segments.empty();
  std::string sql = "SELECT ";
  for (const Column& column : manifest_.schema.columns) {
    sql += (empty ? "CAST(NULL AS " + sql_name(column.type) + ")"
                  : restored_form(column.type, duck::quote_name(stored_name(column.name)))) +
           " AS " + duck::quote_name(column.name) + ", ";
  }
  if (empty)
    return sql + hidden_columns("CAST(NULL AS INTEGER)", "CAST(NULL AS BIGINT)") + " WHERE false";
  // Inside, where no column of the rows has such a name yet.
  return sql + duck::quote_name(stage_segment_column) + ", " + duck::quote_name(stage_row_column) +
         " FROM (SELECT *, " + hidden_columns(segment_number_sql("segment"), "file_row_number") +
         scan_sql(dir_, manifest_.segments) + ")";
}

std::string Stage::rejects_sql() const {
  if (manifest_.rejects.empty()) {
    return "SELECT CAST(NULL AS BLOB) AS raw, CAST(NULL AS VARCHAR) AS column_name, CAST(NULL AS "
           "VARCHAR) AS "
           "reason, CAST(NULL AS VARCHAR) AS locator, " +
           hidden_columns("CAST(NULL AS INTEGER)", "CAST(NULL AS BIGINT)") + " WHERE false";
  }
  return "SELECT raw, column_name, reason, locator, " +
         hidden_columns(segment_number_sql("rejects"), "file_row_number") +
         scan_sql(dir_, manifest_.rejects);
}

}  // namespace tidemark
