#include "stage/stage_writer.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/file_name.h"
#include "env/failpoints.h"
#include "stage/counting_writer.h"
#include "stage/exact_types.h"
#include "stage/stage_journal.h"

namespace tidemark {

namespace {

constexpr std::int64_t row_groups_of_segment = 8;  // at least, where rows are wide

constexpr std::string_view reject_columns = "raw, column_name, reason, locator";

Schema reject_schema() {
  Schema schema;
  schema.columns = {{"raw", Type::of(TypeKind::blob)},
                    {"column_name", Type::of(TypeKind::varchar)},
                    {"reason", Type::of(TypeKind::varchar)},
                    {"locator", Type::of(TypeKind::varchar)}};
  return schema;
}

// A refused row, owned.
struct Refusal {
  std::string raw;
  std::string column;
  std::string reason;
  std::string locator;
};

std::string lower_ascii(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Status check_schema(const Schema& schema) {
  if (schema.columns.empty()) return user_error("stage.bad_schema", "the source has no columns");
  std::set<std::string> names;
  for (const Column& column : schema.columns) {
    const std::string name = lower_ascii(column.name);
    if (name.empty() || name.find('\0') != std::string::npos) {
      return user_error("stage.bad_schema", "the source has a column without a usable name",
                        "give every column a name in the job's query or in the file's header");
    }
    if (name == stage_segment_column || name == stage_row_column) {
      return user_error("stage.bad_schema", "`" + column.name + "` is a name Tidemark uses itself",
                        "rename the column in the job's query");
    }
    if (!names.insert(name).second) {
      return user_error("stage.bad_schema",
                        "two columns are called `" + column.name + "` (case does not count)",
                        "rename one of them in the job's query or in the file's header");
    }
    if (Status storable = check_storable(column.type); !storable.ok()) {
      return std::move(storable).error().with_context("column " + column.name);
    }
  }
  return {};
}

std::string numbered(std::string_view prefix, std::size_t number) {
  char name[64];
  std::snprintf(name, sizeof name, "%.*s-%06zu.parquet", static_cast<int>(prefix.size()),
                prefix.data(), number);
  return name;
}

// A scan's SQL is ours and was bound before: what fails while it runs is the data.
Error blame_source(Error error) {
  if (error.fault != Fault::user || error.code == "run.cancelled") return error;
  error.fault = Fault::source;
  if (error.hint.empty()) error.hint = "deliver the data again, whole; nothing was loaded";
  return error;
}

// Two owners have one token only after the store was set back to before the first of them. Then the
// folder may be a living one's, and what both wrote into it would be neither's window.
Error begun_already(const std::filesystem::path& partial) {
  return internal_error("stage.exists",
                        "the stage " + partial.string() +
                            " was begun by another run under the same fence; the store was set "
                            "back, it seems",
                        Retry::backoff, "run the job again: the next run takes a larger fence");
}

}  // namespace

struct StageWriter::Impl {
  StageOptions options;
  Files& files;
  std::filesystem::path partial;
  std::filesystem::path final;
  Manifest manifest;
  std::vector<Refusal> refusals;
  std::int64_t refusal_bytes = 0;
  std::int64_t rows_seen = 0;   // given by readers, refused ones included
  std::int64_t bytes_done = 0;  // decoded, of finished readers and segments
  std::optional<Resumed> resumed;
  bool failed = false;
  bool sealed = false;

  Impl(StageOptions with, Files& on) : options(std::move(with)), files(on) {}

  // With what an older owner had read.
  void go_on(StageJournal journal) {
    const StageKey key = manifest.key;
    manifest = std::move(journal.manifest);
    manifest.key = key;
    rows_seen = manifest.rows_read;
    resumed = Resumed{journal.split, std::move(journal.place)};
  }

  std::string copy_sql(const std::string& select, const std::string& file, bool keep_order) const;
  std::string stored_select(const std::string& from) const;
  Result<std::int64_t> copy(duck::Connection& engine, const std::string& select,
                            const std::string& file, bool keep_order);
  Status take_segment(std::vector<Segment>& into, std::string_view prefix, std::int64_t rows);
  void refuse(const RejectedRow& row);
  bool refusals_full() const { return refusal_bytes >= options.reject_buffer_bytes_max; }
  Status flush_refusals(duck::Connection& engine);
  Status write_reader(duck::Connection& engine, std::size_t split, Reader& reader, Cancel& cancel,
                      const StageProgress& progress);
  // What is staged is on disk and noted; the next row is at `place` of `split`.
  Status note(std::size_t split, std::optional<Position> place);
  Status write_scan(duck::Connection& engine, const EngineScan& scan,
                    const StageProgress& progress);
  Status write_scan_rows(duck::Connection& engine, const EngineScan& scan);
  Status hash_segments();
  Status seal_files(const Window& window);
};

std::string StageWriter::Impl::copy_sql(const std::string& select, const std::string& file,
                                        bool keep_order) const {
  return "COPY (" + select + ") TO " + duck::quote_text((partial / file).string()) +
         " (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false, ROW_GROUP_SIZE " +
         std::to_string(options.row_group_rows_max) +
         // Each thread that reads or writes holds a row group several times over.
         (keep_order ? std::string(", PRESERVE_ORDER true)")
                     : ", ROW_GROUP_SIZE_BYTES " +
                           std::to_string(options.segment_bytes_max / row_groups_of_segment) +
                           ", PRESERVE_ORDER false)");
}

std::string StageWriter::Impl::stored_select(const std::string& from) const {
  std::string sql = "SELECT ";
  for (const Column& column : manifest.schema.columns) {
    const std::string name = duck::quote_name(column.name);
    if (sql.size() > 7) sql += ", ";
    sql += stored_form(column.type, name) + " AS " + duck::quote_name(stored_name(column.name));
  }
  return sql + " FROM " + from;
}

// Rows are counted from the file's own footer, not from what we meant to write.
Result<std::int64_t> StageWriter::Impl::copy(duck::Connection& engine, const std::string& select,
                                             const std::string& file, bool keep_order) {
  Result<duck::Answer> copied = engine.query(copy_sql(select, file, keep_order));
  if (!copied.ok()) {
    return or_disk_full(std::move(copied).error(), partial)
        .with_context("writing " + (partial / file).string());
  }
  return engine.count("SELECT num_rows FROM parquet_file_metadata(" +
                      duck::quote_file(partial / file) + ")");
}

// Counts a written file in, or removes it when it holds nothing.
Status StageWriter::Impl::take_segment(std::vector<Segment>& into, std::string_view prefix,
                                       std::int64_t rows) {
  const std::string file = numbered(prefix, into.size() + 1);
  if (rows == 0) {
    std::error_code code;
    std::filesystem::remove(partial / file, code);
    if (code) return file_error("remove", partial / file, code.value());
    return {};
  }
  into.push_back(Segment{file, rows, 0, {}, {}});
  return {};
}

void StageWriter::Impl::refuse(const RejectedRow& row) {
  refusals.push_back(Refusal{std::string(row.raw), row.column, row.reason, row.locator});
  refusal_bytes +=
      static_cast<std::int64_t>(row.raw.size() + row.reason.size() + row.locator.size() + 128);
  ++rows_seen;
}

Status StageWriter::Impl::flush_refusals(duck::Connection& engine) {
  if (refusals.empty()) return {};
  std::size_t next = 0;
  const auto feed = [&](BatchWriter& writer) -> Result<std::size_t> {
    std::size_t row = 0;
    for (; row < writer.capacity() && next < refusals.size(); ++row, ++next) {
      const Refusal& refusal = refusals[next];
      writer.column(0).set_bytes(row, refusal.raw);
      if (refusal.column.empty()) {
        writer.column(1).set_null(row);
      } else {
        writer.column(1).set_bytes(row, refusal.column);
      }
      writer.column(2).set_bytes(row, refusal.reason);
      writer.column(3).set_bytes(row, refusal.locator);
    }
    return row;
  };
  TM_TRY(std::string from, engine.register_feed(reject_schema(), feed, [](const RejectedRow&) {}));
  const std::string file = numbered("rejects", manifest.rejects.size() + 1);
  Result<std::int64_t> rows =
      copy(engine, "SELECT " + std::string(reject_columns) + " FROM " + from, file, true);
  engine.release_feed(from);
  if (!rows.ok()) return std::move(rows).error();
  TM_ASSERT(*rows == static_cast<std::int64_t>(refusals.size()));
  manifest.rows_rejected += *rows;
  refusals.clear();
  refusal_bytes = 0;
  return take_segment(manifest.rejects, "rejects", *rows);
}

Status StageWriter::Impl::write_reader(duck::Connection& engine, std::size_t split, Reader& reader,
                                       Cancel& cancel, const StageProgress& progress) {
  CountingWriter counting(manifest.schema);
  std::int64_t bytes = 0;
  bool ended = false;
  while (!ended) {
    const std::int64_t bytes_before = bytes;
    std::int64_t segment_rows = 0;
    const auto feed = [&](BatchWriter& writer) -> Result<std::size_t> {
      if (bytes - bytes_before >= options.segment_bytes_max || refusals_full())
        return std::size_t{0};
      TM_FAILPOINT(source_next);
      counting.attach(writer);
      TM_TRY(std::size_t rows, reader.next(counting, cancel));
      TM_ASSERT(rows <= writer.capacity());
      bytes = counting.end_batch(rows);
      ended = rows == 0;
      segment_rows += static_cast<std::int64_t>(rows);
      rows_seen += static_cast<std::int64_t>(rows);
      if (progress) progress(rows_seen, bytes_done + bytes);
      return rows;
    };
    TM_TRY(std::string from, engine.register_feed(manifest.schema, feed,
                                                  [this](const RejectedRow& row) { refuse(row); }));
    const std::string file = numbered("segment", manifest.segments.size() + 1);
    Result<std::int64_t> rows = copy(engine, stored_select(from), file, false);
    engine.release_feed(from);
    if (!rows.ok()) return std::move(rows).error();
    TM_ASSERT(*rows == segment_rows);
    manifest.rows_staged += *rows;
    TM_CHECK(take_segment(manifest.segments, "segment", *rows));
    const bool noted = !options.read.empty();
    if (ended || noted || refusals_full()) TM_CHECK(flush_refusals(engine));
    if (!noted) continue;
    if (ended) {
      TM_CHECK(note(split + 1, std::nullopt));
    } else {
      TM_CHECK(note(split, reader.place()));
    }
  }
  bytes_done += bytes;
  return {};
}

Status StageWriter::Impl::write_scan_rows(duck::Connection& engine, const EngineScan& scan) {
  const std::string file = numbered("segment", manifest.segments.size() + 1);
  TM_TRY(std::int64_t rows,
         copy(engine, stored_select("(" + scan.rows + ") AS scanned"), file, true));
  TM_CHECK(take_segment(manifest.segments, "segment", rows));
  manifest.rows_staged += rows;
  rows_seen += rows;
  if (scan.rejects.empty()) return {};
  const std::string refused_file = numbered("rejects", manifest.rejects.size() + 1);
  const std::string refused =
      "SELECT CAST(raw AS BLOB) AS raw, CAST(\"column\" AS VARCHAR) AS column_name, "
      "CAST(reason AS VARCHAR) AS reason, CAST(locator AS VARCHAR) AS locator FROM (" +
      scan.rejects + ") AS refused";
  TM_TRY(std::int64_t refusals_count, copy(engine, refused, refused_file, true));
  TM_CHECK(take_segment(manifest.rejects, "rejects", refusals_count));
  manifest.rows_rejected += refusals_count;
  rows_seen += refusals_count;
  return {};
}

Status StageWriter::Impl::write_scan(duck::Connection& engine, const EngineScan& scan,
                                     const StageProgress& progress) {
  for (const std::string& sql : scan.setup)
    TM_CHECK(engine.execute(sql));
  Status written = write_scan_rows(engine, scan);
  for (const std::string& sql : scan.teardown) {
    Status ended = engine.execute(sql);
    // The first failure is the cause; what follows from it is not worth more.
    if (written.ok() && !ended.ok()) written = std::move(ended);
  }
  if (!written.ok()) return blame_source(std::move(written).error());
  std::error_code code;
  if (!manifest.segments.empty()) {
    bytes_done += static_cast<std::int64_t>(
        std::filesystem::file_size(partial / manifest.segments.back().file, code));
  }
  if (progress) progress(rows_seen, bytes_done);
  return {};
}

Status StageWriter::Impl::note(std::size_t split, std::optional<Position> place) {
  TM_CHECK(hash_segments());
  StageJournal journal{options.read, manifest, split, std::move(place)};
  journal.manifest.rows_read = rows_seen;
  return write_journal(partial, journal, files);
}

// Of those that have no hash yet; they are on disk then.
Status StageWriter::Impl::hash_segments() {
  Cancel never;
  for (std::vector<Segment>* list : {&manifest.segments, &manifest.rejects}) {
    for (Segment& segment : *list) {
      if (!segment.sha256.empty()) continue;
      const std::filesystem::path path = partial / segment.file;
      TM_CHECK(files.sync_file(path));
      TM_TRY(FileHash hash, hash_file(path, HashDepth::xxh3_and_sha256, never));
      segment.bytes = hash.bytes;
      segment.xxh3 = std::move(hash.xxh3);
      segment.sha256 = std::move(hash.sha256);
    }
  }
  return {};
}

Status StageWriter::Impl::seal_files(const Window& window) {
  manifest.window = window;
  manifest.rows_read = rows_seen;
  TM_ASSERT(manifest.rows_read == manifest.rows_staged + manifest.rows_rejected);
  TM_CHECK(hash_segments());
  // This syncs the folder too, and with it the names of the segments.
  TM_CHECK(files.write_durably(partial / "manifest.json", to_json_text(manifest)));
  // Not before: until the manifest is there, the journal is what a read can go on from.
  TM_CHECK(remove_journal(partial));
  return files.rename_durably(partial, final);
}

StageWriter::StageWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<StageWriter>> StageWriter::create(const StageOptions& options,
                                                         const StageKey& key, const Schema& schema,
                                                         Files& files, Cancel& cancel) {
  TM_CHECK(check_schema(schema));
  auto impl = std::make_unique<Impl>(options, files);
  impl->manifest.key = key;
  impl->manifest.schema = schema;
  impl->manifest.replaces = options.replaces;
  impl->final = stage_dir(options.root, key);
  impl->partial = impl->final;
  impl->partial += ".partial";
  std::error_code code;
  if (std::filesystem::exists(impl->final, code)) {
    return internal_error("stage.exists",
                          "the stage " + impl->final.string() + " is sealed already", Retry::never,
                          "load it instead of reading the source again, or take a new fence");
  }
  if (std::filesystem::exists(impl->partial, code)) return begun_already(impl->partial);
  TM_CHECK(files.make_dirs_durably(impl->partial.parent_path()));
  if (options.read.empty()) {
    TM_CHECK(remove_older_partials(options.root, key, files));
  } else {
    TM_TRY(std::optional<StageJournal> journal,
           take_over_read(options.root, key, options.read, impl->partial, files, cancel));
    if (journal) {
      impl->go_on(std::move(*journal));
      return std::unique_ptr<StageWriter>(new StageWriter(std::move(impl)));
    }
  }
  // Nobody needs the partial folder after a power cut, so its own entry is not synced.
  const bool made = std::filesystem::create_directory(impl->partial, code);
  if (code) return file_error("create", impl->partial, code.value());
  if (!made) return begun_already(impl->partial);
  return std::unique_ptr<StageWriter>(new StageWriter(std::move(impl)));
}

const std::optional<StageWriter::Resumed>& StageWriter::resumed() const {
  return impl_->resumed;
}

StageWriter::~StageWriter() {
  if (impl_->sealed) return;
  std::error_code ignored;  // A folder that stays is removed by the next run of the same window.
  std::filesystem::remove_all(impl_->partial, ignored);
}

Status StageWriter::write(duck::Connection& engine, std::size_t split, Extraction& extraction,
                          Cancel& cancel, const StageProgress& progress) {
  TM_ASSERT(!impl_->failed);
  TM_ASSERT(!impl_->sealed);
  TM_CHECK(cancel.check());
  auto* reader = std::get_if<std::unique_ptr<Reader>>(&extraction);
  Status written = reader != nullptr
                       ? impl_->write_reader(engine, split, **reader, cancel, progress)
                       : impl_->write_scan(engine, std::get<EngineScan>(extraction), progress);
  impl_->failed = !written.ok();
  return written;
}

Result<Stage> StageWriter::seal(const Window& window) {
  TM_ASSERT(!impl_->failed);
  TM_ASSERT(!impl_->sealed);
  TM_CHECK(impl_->seal_files(window));
  impl_->sealed = true;
  return Stage::open(impl_->final, impl_->files);
}

std::int64_t StageWriter::rows_staged() const {
  return impl_->manifest.rows_staged;
}
std::int64_t StageWriter::rows_rejected() const {
  return impl_->manifest.rows_rejected + static_cast<std::int64_t>(impl_->refusals.size());
}

}  // namespace tidemark
