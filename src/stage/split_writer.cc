#include "stage/split_writer.h"

#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "drivers/duckdb/batch.h"
#include "drivers/duckdb/file_name.h"
#include "drivers/parquet/parquet_file.h"
#include "env/failpoints.h"
#include "stage/counting_writer.h"
#include "stage/exact_types.h"

namespace tidemark {
namespace {

constexpr std::int64_t row_groups_of_segment = 8;  // at least, where rows are wide
// The engine makes a dictionary of each column of a row group until it has more values. A tenth of
// what it takes by itself: columns with more gain little by it, and filling it costs more than
// zstd.
constexpr int dictionary_values_max = 2'048;

constexpr const char* reject_columns = "raw, column_name, reason, locator";

Schema reject_schema() {
  Schema schema;
  schema.columns = {{"raw", Type::of(TypeKind::blob)},
                    {"column_name", Type::of(TypeKind::varchar)},
                    {"reason", Type::of(TypeKind::varchar)},
                    {"locator", Type::of(TypeKind::varchar)}};
  return schema;
}

// A scan's SQL is ours and was bound before: what fails while it runs is the data.
Error blame_source(Error error) {
  if (error.fault != Fault::user || error.code == "run.cancelled") return error;
  error.fault = Fault::source;
  if (error.hint.empty()) error.hint = "deliver the data again, whole; nothing was loaded";
  return error;
}

}  // namespace

Result<Segment> SplitWriter::copy(const std::string& select, bool keep_order) {
  const StageOptions& options = stage_.options();
  const std::string file = stage_.new_file();
  const std::filesystem::path path = stage_.path(file);
  const std::string sql =
      "COPY (" + select + ") TO " + duck::quote_text(path.string()) +
      " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false, "
      "DICTIONARY_SIZE_LIMIT " +
      std::to_string(dictionary_values_max) + ", ROW_GROUP_SIZE " +
      std::to_string(options.row_group_rows_max) +
      // Each thread that reads or writes holds a row group several times over.
      (keep_order ? std::string(", PRESERVE_ORDER true)")
                  : ", ROW_GROUP_SIZE_BYTES " +
                        std::to_string(options.segment_bytes_max / row_groups_of_segment) +
                        ", PRESERVE_ORDER false)");
  Status copied = engine_.execute_waiting(sql);
  if (!copied.ok()) {
    Error error = or_disk_full(std::move(copied).error(), path.parent_path())
                      .with_context("writing " + path.string());
    stage_.remove_file(file);
    return error;
  }
  return count_and_finish(file);
}

// Rows are counted from the file's own footer, not from what we meant to write.
Result<Segment> SplitWriter::count_and_finish(const std::string& file) {
  TM_TRY(const std::int64_t rows, engine_.count("SELECT num_rows FROM parquet_file_metadata(" +
                                                duck::quote_file(stage_.path(file)) + ")"));
  return stage_.finish_file(file, rows);
}

std::string SplitWriter::stored_select(const std::string& from) const {
  std::string columns;
  for (const Column& column : stage_.schema().columns) {
    const std::string name = duck::quote_name(column.name);
    columns += (columns.empty() ? "" : ", ") + stored_form(column.type, name) + " AS " +
               duck::quote_name(stored_name(column.name));
  }
  return "SELECT " + columns + " FROM " + from;
}

Schema SplitWriter::stored_schema() const {
  Schema stored = stage_.schema();
  for (Column& column : stored.columns)
    column.name = stored_name(column.name);
  return stored;
}

void SplitWriter::refuse(const RejectedRow& row) {
  refusals_.push_back(Refusal{std::string(row.raw), row.column, row.reason, row.locator});
  refusal_bytes_ +=
      static_cast<std::int64_t>(row.raw.size() + row.reason.size() + row.locator.size() + 128);
}

bool SplitWriter::refusals_full() const {
  return refusal_bytes_ >= stage_.options().reject_buffer_bytes_max;
}

Result<Segment> SplitWriter::write_refusals() {
  if (refusals_.empty()) return Segment{};
  std::size_t next = 0;
  const auto feed = [&](BatchWriter& writer) -> Result<std::size_t> {
    std::size_t row = 0;
    for (; row < writer.capacity() && next < refusals_.size(); ++row, ++next) {
      const Refusal& refusal = refusals_[next];
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
  TM_TRY(const std::string from,
         engine_.register_feed(reject_schema(), feed, [](const RejectedRow&) {}));
  auto written = copy("SELECT " + std::string(reject_columns) + " FROM " + from, true);
  engine_.release_feed(from);
  TM_TRY(Segment segment, std::move(written));
  TM_ASSERT(segment.rows == static_cast<std::int64_t>(refusals_.size()));
  refusals_.clear();
  refusal_bytes_ = 0;
  return segment;
}

// Segments of a read that may be gone on with end at its places, a quarter sooner or later; where
// there is none so far away, at the next.
bool SplitWriter::segment_is_full(const Read& read, std::int64_t bytes_before) const {
  const std::int64_t bytes = read.bytes - bytes_before;
  const std::int64_t most = stage_.options().segment_bytes_max;
  if (stage_.is_noted() && read.reader.place())
    return bytes >= most - most / 4 || refusals_full() || (!pieces_.empty() && bytes > 0);
  return bytes >= (stage_.is_noted() ? most + most / 4 : most) || refusals_full();
}

// The rows of one segment from the reader: 0 of them is its end.
class SplitWriter::SegmentFeed {
 public:
  SegmentFeed(SplitWriter& writer, Read& read, Cancel& cancel)
      : writer_(writer),
        read_(read),
        cancel_(cancel),
        counting_(writer.stage_.schema()),
        bytes_before_(read.bytes) {}

  Result<std::size_t> next(BatchWriter& batch) {
    if (read_.ended || writer_.segment_is_full(read_, bytes_before_)) return std::size_t{0};
    TM_CHECK(cancel_.check());
    TM_FAILPOINT(source_next);
    counting_.attach(batch);
    const std::size_t refused_before = writer_.refusals_.size();
    TM_TRY(const std::size_t rows, read_.reader.next(counting_, cancel_));
    TM_ASSERT(rows <= batch.capacity());
    const std::int64_t bytes = bytes_before_ + counting_.end_batch(rows);
    read_.ended = rows == 0;
    given_ += static_cast<std::int64_t>(rows);
    writer_.show(static_cast<std::int64_t>(rows + writer_.refusals_.size() - refused_before),
                 bytes - read_.bytes);
    read_.bytes = bytes;
    return rows;
  }
  std::int64_t given() const { return given_; }
  Cancel& cancel() const { return cancel_; }

 private:
  SplitWriter& writer_;
  Read& read_;
  Cancel& cancel_;
  CountingWriter counting_;
  const std::int64_t bytes_before_;
  std::int64_t given_ = 0;
};

Result<Segment> SplitWriter::write_rows(SegmentFeed& feed) {
  const Schema stored = stored_schema();
  if (!parquet::ParquetFile::holds(stored)) return copy_rows(feed);
  const std::string name = stage_.new_file();
  auto written = write_file_safely(feed, stored, stage_.path(name));
  if (!written.ok()) {
    stage_.remove_file(name);
    return std::move(written).error();
  }
  TM_TRY(Segment segment, count_and_finish(name));
  segment.never_null = *std::move(written);
  if (sent_ahead_) stage_.note_ahead(segment);
  return segment;
}

// As the engine does for what it calls: no exception of a reader or a library goes further.
Result<std::vector<std::string>> SplitWriter::write_file_safely(SegmentFeed& feed,
                                                                const Schema& stored,
                                                                const std::filesystem::path& path) {
  try {
    return write_file(feed, stored, path);
  } catch (const std::bad_alloc&) {
    return internal_error("stage.out_of_memory", "there is no memory for a segment", Retry::backoff,
                          "give the machine more memory, or run fewer jobs at once");
  } catch (const std::exception& problem) {
    return internal_error("stage.write_threw",
                          std::string("writing a segment threw: ") + problem.what());
  }
}

Result<std::vector<std::string>> SplitWriter::write_file(SegmentFeed& feed, const Schema& stored,
                                                         const std::filesystem::path& path) {
  parquet::FileOptions options;
  options.row_group_rows_max = stage_.options().row_group_rows_max;
  options.row_group_bytes_max = stage_.options().segment_bytes_max / row_groups_of_segment;
  TM_TRY(const auto file, parquet::ParquetFile::create(path, stored, options));
  TM_CHECK(send_ahead(feed, *file));
  duck::Batch batch(stage_.schema(), [this](const RejectedRow& row) { refuse(row); });
  while (true) {
    TM_TRY(const std::size_t rows, feed.next(batch.clear()));
    if (rows == 0) break;
    TM_CHECK(file->write(batch.filled(rows)));
  }
  TM_CHECK(file->finish());
  std::vector<std::string> never_null;
  const std::vector<std::int64_t> nulls = file->nulls();
  for (std::size_t at = 0; at < nulls.size(); ++at)
    if (nulls[at] == 0) never_null.push_back(stage_.schema().columns[at].name);
  return never_null;
}

Status SplitWriter::send_ahead(SegmentFeed& feed, parquet::ParquetFile& file) {
  sent_ahead_ = false;
  LoadAhead* const ahead = stage_.ahead();
  if (ahead == nullptr) return {};
  TM_TRY(sent_ahead_, ahead->send(engine_,
                                  {[&](BatchWriter& batch) { return feed.next(batch); },
                                   [this](const RejectedRow& row) { refuse(row); },
                                   [&](const BatchReader& rows) { return file.write(rows); }},
                                  feed.cancel()));
  return {};
}

// Columns that Parquet has no exact form for are turned by the engine.
Result<Segment> SplitWriter::copy_rows(SegmentFeed& feed) {
  TM_TRY(const std::string from,
         engine_.register_feed(
             stage_.schema(), [&](BatchWriter& batch) { return feed.next(batch); },
             [this](const RejectedRow& row) { refuse(row); }));
  auto written = copy(stored_select(from), false);
  engine_.release_feed(from);
  return written;
}

Result<StagePiece> SplitWriter::write_segment(Read& read, Cancel& cancel) {
  SegmentFeed feed(*this, read, cancel);
  StagePiece piece;
  TM_TRY(piece.rows, write_rows(feed));
  TM_ASSERT(piece.rows.rows == feed.given());
  TM_TRY(piece.rejects, write_refusals());
  return piece;
}

Status SplitWriter::write_reader(Reader& reader, Cancel& cancel) {
  Read read{reader};
  while (!read.ended) {
    TM_TRY(StagePiece piece, write_segment(read, cancel));
    pieces_.push_back(std::move(piece));
    const std::optional<Position> place = reader.place();
    if (place || read.ended) TM_CHECK(take(place, read.ended));
  }
  return {};
}

Result<StagePiece> SplitWriter::write_scan_rows(const EngineScan& scan) {
  StagePiece piece;
  TM_TRY(piece.rows, copy(stored_select("(" + scan.rows + ") AS scanned"), true));
  if (scan.rejects.empty()) return piece;
  TM_TRY(piece.rejects,
         copy("SELECT CAST(raw AS BLOB) AS raw, CAST(\"column\" AS VARCHAR) AS column_name, "
              "CAST(reason AS VARCHAR) AS reason, CAST(locator AS VARCHAR) AS locator FROM (" +
                  scan.rejects + ") AS refused",
              true));
  return piece;
}

Status SplitWriter::write_scan(const EngineScan& scan) {
  for (const std::string& sql : scan.setup)
    TM_CHECK(engine_.execute(sql));
  auto written = write_scan_rows(scan);
  for (const std::string& sql : scan.teardown) {
    Status ended = engine_.execute(sql);
    // The first failure is the cause; what follows from it is not worth more.
    if (written.ok() && !ended.ok()) written = std::move(ended).error();
  }
  if (!written.ok()) return blame_source(std::move(written).error());
  show(written->rows.rows + written->rejects.rows, written->rows.bytes);
  pieces_.push_back(std::move(*written));
  return take(std::nullopt, true);
}

Status SplitWriter::take(const std::optional<Position>& place, bool whole) {
  TM_CHECK(stage_.take(std::move(pieces_), number_, place, whole));
  pieces_.clear();
  rows_shown_ = bytes_shown_ = 0;
  return {};
}

void SplitWriter::show(std::int64_t rows, std::int64_t bytes) {
  rows_shown_ += rows;
  bytes_shown_ += bytes;
  stage_.show(rows, bytes, progress_);
}

SplitWriter::~SplitWriter() {
  for (const StagePiece& piece : pieces_) {
    for (const std::string& file : {piece.rows.file, piece.rejects.file})
      if (!file.empty()) stage_.remove_file(file);
  }
  stage_.show(-rows_shown_, -bytes_shown_, {});
}

Status SplitWriter::write(Extraction& extraction, Cancel& cancel) {
  TM_CHECK(cancel.check());
  if (auto* reader = std::get_if<std::unique_ptr<Reader>>(&extraction))
    return write_reader(**reader, cancel);
  return write_scan(std::get<EngineScan>(extraction));
}

}  // namespace tidemark
