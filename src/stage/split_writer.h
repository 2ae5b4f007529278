// SplitWriter: the rows that one reader gives, as pieces of a stage: one segment after the other,
// each with the rows refused since the last.
//
// Pieces belong to the stage once the reader can be gone on with behind them, so that nothing is
// staged twice when a split is read again. Lives for one read of one split, and removes what did
// not become part of the stage; one thread. Private to this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "drivers/duckdb/engine.h"
#include "stage/partial_stage.h"

namespace tidemark::parquet {
class ParquetFile;
}

namespace tidemark {

class SplitWriter {
 public:
  // The connection must be outside a transaction.
  SplitWriter(PartialStage& stage, duck::Connection& engine, std::size_t number,
              const StageProgress& progress)
      : stage_(stage), engine_(engine), number_(number), progress_(progress) {}
  ~SplitWriter();
  SplitWriter(const SplitWriter&) = delete;
  SplitWriter& operator=(const SplitWriter&) = delete;

  Status write(Extraction& extraction, Cancel& cancel);

 private:
  // A refused row, owned.
  struct Refusal {
    std::string raw;
    std::string column;
    std::string reason;
    std::string locator;
  };
  // How far the reader is, over all segments.
  struct Read {
    Reader& reader;
    std::int64_t bytes = 0;
    bool ended = false;
  };

  Status write_reader(Reader& reader, Cancel& cancel);
  class SegmentFeed;
  Result<StagePiece> write_segment(Read& read, Cancel& cancel);
  Result<Segment> write_rows(SegmentFeed& feed);
  // Each returns Segment::never_null.
  Result<std::vector<std::string>> write_file_safely(SegmentFeed& feed, const Schema& stored,
                                                     const std::filesystem::path& path);
  Result<std::vector<std::string>> write_file(SegmentFeed& feed, const Schema& stored,
                                              const std::filesystem::path& path);
  // Through PartialStage::ahead(), as far as it goes.
  Status send_ahead(SegmentFeed& feed, parquet::ParquetFile& file);
  Result<Segment> count_and_finish(const std::string& file);
  Result<Segment> copy_rows(SegmentFeed& feed);
  // What was written is part of the stage; the reader goes on at `place`.
  Status take(const std::optional<Position>& place, bool whole);
  void show(std::int64_t rows, std::int64_t bytes);
  bool segment_is_full(const Read& read, std::int64_t bytes_before) const;
  Status write_scan(const EngineScan& scan);
  Result<StagePiece> write_scan_rows(const EngineScan& scan);
  Result<Segment> write_refusals();
  void refuse(const RejectedRow& row);
  bool refusals_full() const;
  // The columns under the names that a segment has.
  Schema stored_schema() const;
  std::string stored_select(const std::string& from) const;
  // Rows of the segment are in the order of the SELECT with `keep_order`.
  Result<Segment> copy(const std::string& select, bool keep_order);

  PartialStage& stage_;
  duck::Connection& engine_;
  const std::size_t number_;
  const StageProgress& progress_;
  bool sent_ahead_ = false;  // the rows of the segment that is written
  std::vector<Refusal> refusals_;
  std::int64_t refusal_bytes_ = 0;
  std::vector<StagePiece> pieces_;  // not taken yet
  std::int64_t rows_shown_ = 0;     // of them
  std::int64_t bytes_shown_ = 0;
};

}  // namespace tidemark
