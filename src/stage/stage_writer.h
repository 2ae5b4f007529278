// StageWriter: turns what a source gives into a sealed stage.
//
// Life: create -> (resumed) -> write for each split -> seal. Everything is written into
// `<seq>-<fence>.partial` beside the final folder; seal() syncs all and renames it, and only then
// the rows count as staged. Destroying an unsealed writer removes the folder. Owned by one run; one
// call at a time. Memory is bounded: rows leave as Parquet row groups, refused rows are written
// when 8 MB of them wait.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/source.h"
#include "env/files.h"
#include "stage/stage.h"

namespace tidemark::duck {
class Connection;
}

namespace tidemark {

struct StageOptions {
  std::filesystem::path root;
  // A segment ends after this many decoded bytes.
  std::int64_t segment_bytes_max = 100'000'000;
  bool replaces = false;  // of the manifest
  // Names the read for who goes on with it, as StageJournal::read; empty: a read that died is begun
  // anew. With it each segment is synced and noted as it ends.
  std::string read;
  std::int64_t reject_buffer_bytes_max = 8'000'000;
  // Rows of a Parquet row group at most; each engine thread holds one.
  std::int64_t row_group_rows_max = 60 * 2'048;
};

// Rows (staged and refused) and decoded bytes so far, of all splits. Called from engine threads,
// one call at a time, while rows flow; return quickly.
using StageProgress = std::function<void(std::int64_t rows, std::int64_t bytes)>;

class StageWriter {
 public:
  // Makes the partial folder, after taking over or removing what older owners left unsealed.
  // `stage.exists` when a folder of this key stands already, sealed or begun; `stage.bad_schema`
  // for column names that the engine cannot tell apart.
  static Result<std::unique_ptr<StageWriter>> create(const StageOptions& options,
                                                     const StageKey& key, const Schema& schema,
                                                     Files& files, Cancel& cancel);
  // Where to go on, when an older owner's read of the same name was taken over.
  struct Resumed {
    std::size_t split = 0;  // splits before are staged already
    std::optional<Position> place;
  };
  const std::optional<Resumed>& resumed() const;
  ~StageWriter();
  StageWriter(const StageWriter&) = delete;
  StageWriter& operator=(const StageWriter&) = delete;

  // Reads one split to its end. The connection must be outside a transaction. An EngineScan is one
  // statement: it ends early only by Connection::interrupt. After an error the writer is dead;
  // destroy it. A full disk is `env.disk_full`.
  // `split` counts from 0.
  Status write(duck::Connection& engine, std::size_t split, Extraction& extraction, Cancel& cancel,
               const StageProgress& progress);
  // Durable when it returns. REQUIRES: no failed write.
  Result<Stage> seal(const Window& window);

  std::int64_t rows_staged() const;
  std::int64_t rows_rejected() const;

 private:
  struct Impl;
  explicit StageWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark
