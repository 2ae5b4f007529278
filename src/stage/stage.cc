#include "stage/stage.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <set>
#include <system_error>
#include <tuple>

#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/file_name.h"
#include "env/failpoints.h"
#include "stage/exact_types.h"

namespace tidemark {

namespace {

constexpr std::int64_t manifest_bytes_max = 256'000'000;
constexpr const char* manifest_name = "manifest.json";
constexpr const char* corrupt_hint = "remove the stage's folder and run the job again";

Error corrupt(const std::filesystem::path& file, const std::string& what) {
  return internal_error("stage.corrupt", "the staged file " + file.string() + " " + what,
                        Retry::never, corrupt_hint);
}

Status verify_segment(const std::filesystem::path& dir, const Segment& segment, HashDepth depth,
                      Cancel& cancel) {
  const std::filesystem::path path = dir / segment.file;
  Result<FileHash> hash = hash_file(path, depth, cancel);
  if (!hash.ok()) {
    if (hash.error().code == "env.not_found") return corrupt(path, "is missing");
    return std::move(hash).error();
  }
  if (hash->bytes != segment.bytes) {
    return corrupt(path, "has " + std::to_string(hash->bytes) + " bytes, the manifest says " +
                             std::to_string(segment.bytes));
  }
  if (hash->xxh3 != segment.xxh3) return corrupt(path, "has other content than was staged (xxh3)");
  if (depth == HashDepth::xxh3_and_sha256 && hash->sha256 != segment.sha256) {
    return corrupt(path, "has other content than was staged (sha256)");
  }
  return {};
}

Status verify_names(const std::filesystem::path& dir, const Manifest& manifest) {
  std::set<std::string> known{manifest_name};
  for (const Segment& segment : manifest.segments)
    known.insert(segment.file);
  for (const Segment& segment : manifest.rejects)
    known.insert(segment.file);
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(dir, code)) {
    if (!known.contains(entry.path().filename().string())) {
      return corrupt(entry.path(), "is not in the manifest");
    }
  }
  if (code) return file_error("list", dir, code.value());
  return {};
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

std::optional<std::pair<std::int64_t, std::int64_t>> parse_dir_name(const std::string& name) {
  std::int64_t seq = 0;
  std::int64_t fence = 0;
  const char* end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, seq);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, fence);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return std::pair(seq, fence);
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
  if (!manifest.ok())
    return std::move(manifest).error().with_context("reading " + (dir / manifest_name).string());
  Stage stage;
  stage.manifest_ = std::move(*manifest);
  stage.dir_ = dir;
  stage.checksum_ = sha256_hex(*text);
  return stage;
}

Status Stage::verify(HashDepth depth, Cancel& cancel) const {
  TM_CHECK(verify_names(dir_, manifest_));
  for (const Segment& segment : manifest_.segments)
    TM_CHECK(verify_segment(dir_, segment, depth, cancel));
  for (const Segment& segment : manifest_.rejects)
    TM_CHECK(verify_segment(dir_, segment, depth, cancel));
  return {};
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

std::string path_component(std::string_view name) {
  constexpr std::size_t length_max = 120;
  constexpr std::size_t hash_length = 32;
  std::string component;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    if (plain) {
      component += c;
    } else {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
      component += escaped;
    }
  }
  // `%` alone is never made by the escape above, so neither form can be taken for the other.
  if (component.empty()) return "%";
  if (component.size() > length_max) {
    component = component.substr(0, length_max - hash_length - 2) + "%~" + xxh3_hex(name);
  }
  return component;
}

std::filesystem::path stage_dir(const std::filesystem::path& root, const StageKey& key) {
  return root / path_component(key.stream.job.get()) / path_component(key.stream.stream.get()) /
         (std::to_string(key.seq.get()) + "-" + std::to_string(key.fence.get()));
}

Result<std::vector<std::filesystem::path>> sealed_stages(const std::filesystem::path& root,
                                                         const StreamId& stream) {
  const std::filesystem::path dir =
      root / path_component(stream.job.get()) / path_component(stream.stream.get());
  std::map<std::pair<std::int64_t, std::int64_t>, std::filesystem::path> found;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(dir, code)) {
    const auto numbers = parse_dir_name(entry.path().filename().string());
    if (numbers && std::filesystem::exists(entry.path() / manifest_name))
      found[*numbers] = entry.path();
  }
  if (code && code != std::errc::no_such_file_or_directory)
    return file_error("list", dir, code.value());
  std::vector<std::filesystem::path> stages;
  for (auto& [numbers, path] : found)
    stages.push_back(std::move(path));
  return stages;
}

std::filesystem::path refused_file(const std::filesystem::path& stage_dir) {
  return stage_dir.string() + ".refused.parquet";
}

Status remove_stage(const std::filesystem::path& dir, Files& files) {
  TM_FAILPOINT(stage_remove);
  std::error_code code;
  if (std::filesystem::remove(dir / manifest_name, code)) TM_CHECK(files.sync_dir(dir));
  TM_FAILPOINT(stage_unsealed);
  if (code) return file_error("remove", dir / manifest_name, code.value());
  std::filesystem::remove(refused_file(dir), code);
  std::filesystem::remove_all(dir, code);
  if (code) return file_error("remove", dir, code.value());
  return {};
}

}  // namespace tidemark
