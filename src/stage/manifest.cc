#include "stage/manifest.h"

#include <algorithm>
#include <utility>

#include "drivers/hash/hash.h"
#include "drivers/json/json.h"

namespace tidemark {

namespace {

JsonValue position_json(const std::optional<Position>& position) {
  return position ? JsonValue(std::string_view(position->text)) : JsonValue(nullptr);
}

JsonValue names_json(const std::vector<std::string>& names) {
  JsonArray array;
  for (const std::string& name : names)
    array.emplace_back(std::string_view(name));
  return JsonValue(std::move(array));
}

JsonValue segments_json(const std::vector<Segment>& segments) {
  JsonArray array;
  for (const Segment& segment : segments) {
    JsonValue item;
    item.set("file", std::string_view(segment.file))
        .set("rows", segment.rows)
        .set("bytes", segment.bytes);
    item.set("xxh3", std::string_view(segment.xxh3))
        .set("sha256", std::string_view(segment.sha256));
    if (!segment.never_null.empty()) item.set("never_null", names_json(segment.never_null));
    array.push_back(std::move(item));
  }
  return JsonValue(std::move(array));
}

const Type& innermost(const Type& type) {
  return type.kind == TypeKind::list ? innermost(*type.element) : type;
}

JsonValue columns_json(const Schema& schema) {
  JsonArray array;
  for (const Column& column : schema.columns) {
    JsonValue item;
    item.set("name", std::string_view(column.name)).set("type", sql_name(column.type));
    item.set("nullable", column.nullable).set("source_type", std::string_view(column.source_type));
    if (innermost(column.type).kind == TypeKind::engine) item.set("engine_type", true);
    array.push_back(std::move(item));
  }
  return JsonValue(std::move(array));
}

// The last member of the document: the SHA-256 of the whole text with zeros in its own place, so
// that no bit of a window, a count or a type changes unseen.
constexpr std::string_view own_hash = "manifest_sha256";
const std::string no_hash(64, '0');

Error corrupt(const std::string& what) {
  return internal_error("stage.corrupt", "the manifest of the stage is damaged: " + what);
}

Status check_own_hash(std::string_view text, const JsonValue& document) {
  TM_TRY(const std::string said, document.string_at(own_hash));
  const std::size_t at = text.rfind(said);
  if (said.size() != no_hash.size() || at == std::string_view::npos)
    return corrupt("it has no checksum of its own");
  std::string unsealed(text);
  unsealed.replace(at, said.size(), no_hash);
  if (sha256_hex(unsealed) != said) return corrupt("it is not as it was written (sha256)");
  return {};
}

Result<std::optional<Position>> read_position(const JsonValue& window, std::string_view name) {
  const JsonValue* value = window.find(name);
  if (value == nullptr) return corrupt("the window has no " + std::string(name));
  if (value->is_null()) return std::optional<Position>();
  TM_TRY(std::string text, window.bytes_at(name));
  return std::optional<Position>(Position{std::move(text)});
}

// Stages of earlier versions do not say it.
Result<std::vector<std::string>> read_never_null(const JsonValue& segment) {
  std::vector<std::string> names;
  if (segment.find("never_null") == nullptr) return names;
  TM_TRY(const JsonArray* array, segment.array_at("never_null"));
  for (const JsonValue& name : *array) {
    if (name.string() == nullptr) return corrupt("`never_null` names no column");
    names.push_back(*name.string());
  }
  return names;
}

Result<std::vector<Segment>> read_segments(const JsonValue& document, std::string_view name) {
  TM_TRY(const JsonArray* array, document.array_at(name));
  std::vector<Segment> segments;
  for (const JsonValue& item : *array) {
    Segment segment;
    TM_TRY(segment.file, item.string_at("file"));
    TM_TRY(segment.rows, item.integer_at("rows"));
    TM_TRY(segment.bytes, item.integer_at("bytes"));
    TM_TRY(segment.xxh3, item.string_at("xxh3"));
    TM_TRY(segment.sha256, item.string_at("sha256"));
    TM_TRY(segment.never_null, read_never_null(item));
    if (segment.file.empty() || segment.file[0] == '.' ||
        segment.file.find('/') != std::string::npos) {
      return corrupt("`" + segment.file + "` is no segment of this stage");
    }
    if (segment.rows <= 0 || segment.bytes <= 0)
      return corrupt("`" + segment.file + "` has no rows");
    segments.push_back(std::move(segment));
  }
  return segments;
}

// Only the engine can read the name of its own types; what is ours around them are lists.
Type engine_type(std::string_view name) {
  if (name.ends_with("[]")) return Type::list_of(engine_type(name.substr(0, name.size() - 2)));
  return Type::engine(std::string(name));
}

Result<Type> read_type(const JsonValue& column) {
  TM_TRY(std::string name, column.string_at("type"));
  if (column.find("engine_type") != nullptr) return engine_type(name);
  return parse_type(name);
}

Result<Schema> read_schema(const JsonValue& document) {
  Schema schema;
  TM_TRY(const JsonArray* columns, document.array_at("columns"));
  for (const JsonValue& item : *columns) {
    Column column;
    TM_TRY(column.name, item.bytes_at("name"));
    TM_TRY(column.type, read_type(item));
    TM_TRY(column.nullable, item.boolean_at("nullable"));
    TM_TRY(column.source_type, item.bytes_at("source_type"));
    schema.columns.push_back(std::move(column));
  }
  if (schema.columns.empty()) return corrupt("it has no columns");
  TM_TRY(const JsonArray* key, document.array_at("key"));
  for (const JsonValue& name : *key) {
    if (name.string() == nullptr || !schema.find(*name.string()))
      return corrupt("its key names no column");
    schema.key.push_back(*name.string());
  }
  return schema;
}

Status read_key(const JsonValue& document, StageKey& key) {
  TM_TRY(std::string job, document.bytes_at("job"));
  TM_TRY(std::string stream, document.bytes_at("stream"));
  TM_TRY(std::int64_t seq, document.integer_at("seq"));
  TM_TRY(std::int64_t fence, document.integer_at("fence"));
  TM_TRY(std::string run, document.bytes_at("run_id"));
  key = StageKey{StreamId{JobName(std::move(job)), StreamName(std::move(stream))}, Seq(seq),
                 Fence(fence), RunId(std::move(run))};
  return {};
}

std::int64_t sum_rows(const std::vector<Segment>& segments) {
  std::int64_t rows = 0;
  for (const Segment& segment : segments)
    rows += segment.rows;
  return rows;
}

Result<Manifest> read_manifest(std::string_view text, const JsonValue& document) {
  TM_TRY(std::int64_t version, document.integer_at("format_version"));
  // Format 1 had no checksum of its own.
  if (version != 1 || document.find(own_hash) != nullptr) TM_CHECK(check_own_hash(text, document));
  if (version > Manifest::format_version) {
    return internal_error(
        "stage.newer_format",
        "the stage was written by a newer Tidemark (format " + std::to_string(version) + ")",
        Retry::never, "use that version; a window that is not loaded yet is read again by a run");
  }
  Manifest manifest;
  TM_CHECK(read_key(document, manifest.key));
  const JsonValue* window = document.find("window");
  if (window == nullptr) return corrupt("it has no window");
  TM_TRY(manifest.window.lo, read_position(*window, "lo"));
  TM_TRY(manifest.window.hi, read_position(*window, "hi"));
  TM_TRY(manifest.window.top, read_position(*window, "top"));
  TM_TRY(manifest.schema, read_schema(document));
  TM_TRY(manifest.segments, read_segments(document, "segments"));
  TM_TRY(manifest.rejects, read_segments(document, "rejects"));
  TM_TRY(manifest.rows_read, document.integer_at("rows_read"));
  TM_TRY(manifest.rows_staged, document.integer_at("rows_staged"));
  TM_TRY(manifest.rows_rejected, document.integer_at("rows_rejected"));
  manifest.replaces = document.find("replaces") != nullptr;
  if (manifest.rows_staged != sum_rows(manifest.segments) ||
      manifest.rows_rejected != sum_rows(manifest.rejects) ||
      manifest.rows_read != manifest.rows_staged + manifest.rows_rejected) {
    return corrupt("its counts do not add up");
  }
  return manifest;
}

}  // namespace

std::int64_t Manifest::bytes() const {
  std::int64_t bytes = 0;
  for (const Segment& segment : segments)
    bytes += segment.bytes;
  for (const Segment& segment : rejects)
    bytes += segment.bytes;
  return bytes;
}

std::vector<std::string> Manifest::never_null() const {
  std::vector<std::string> names;
  for (const Column& column : schema.columns) {
    const bool has_none =
        std::all_of(segments.begin(), segments.end(), [&](const Segment& segment) {
          const auto& of = segment.never_null;
          return std::find(of.begin(), of.end(), column.name) != of.end();
        });
    if (has_none) names.push_back(column.name);
  }
  return names;
}

std::string to_json_text(const Manifest& manifest) {
  JsonValue window;
  window.set("lo", position_json(manifest.window.lo)).set("hi", position_json(manifest.window.hi));
  window.set("top", position_json(manifest.window.top));
  JsonValue document;
  document.set("format_version", Manifest::format_version);
  document.set("job", std::string_view(manifest.key.stream.job.get()));
  document.set("stream", std::string_view(manifest.key.stream.stream.get()));
  document.set("seq", manifest.key.seq.get()).set("fence", manifest.key.fence.get());
  document.set("run_id", std::string_view(manifest.key.run_id.get()));
  document.set("window", std::move(window));
  document.set("columns", columns_json(manifest.schema))
      .set("key", names_json(manifest.schema.key));
  document.set("segments", segments_json(manifest.segments));
  document.set("rejects", segments_json(manifest.rejects));
  document.set("rows_read", manifest.rows_read).set("rows_staged", manifest.rows_staged);
  document.set("rows_rejected", manifest.rows_rejected);
  if (manifest.replaces) document.set("replaces", true);
  document.set(std::string(own_hash), std::string_view(no_hash));
  std::string text = to_json(document, JsonLayout::indented) + "\n";
  const std::string hash = sha256_hex(text);
  text.replace(text.rfind(no_hash), no_hash.size(), hash);
  return text;
}

Result<Manifest> parse_manifest(std::string_view text) {
  Result<JsonValue> document = parse_json(text);
  if (!document.ok()) return corrupt(document.error().message);
  Result<Manifest> manifest = read_manifest(text, *document);
  if (manifest.ok() || manifest.error().code == "stage.corrupt" ||
      manifest.error().code == "stage.newer_format") {
    return manifest;
  }
  return corrupt(manifest.error().message);
}

}  // namespace tidemark
