// StageWriter: turns what a source gives into a sealed stage.
//
// Life: create -> write for each split that is left -> seal. Everything is written into
// `<seq>-<fence>.partial` beside the final folder; seal() syncs all and renames it, and only then
// the rows count as staged. Destroying an unsealed writer removes the folder. Splits may be written
// by several threads, each with a connection and a split of its own. Memory is bounded for each of
// them: rows leave as Parquet row groups, refused rows are written when 8 MB of them wait.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "connect/load_ahead.h"
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

// A split that is not staged whole: `number` counts from 0, its rest begins at `place`, or at its
// beginning.
struct SplitLeft {
  std::size_t number = 0;
  std::optional<Position> place;
  friend bool operator==(const SplitLeft&, const SplitLeft&) = default;
};

class PartialStage;

// Whether rows with these columns can be sent on while they are staged: those of some types are
// written by the engine.
bool is_sent_ahead(const Schema& schema);

class StageWriter {
 public:
  // Makes the partial folder, after taking over or removing what older owners left unsealed.
  // `splits` are those of the read; one that is taken over goes on with its own. `stage.exists`
  // when a folder of this key stands already, sealed or begun; `stage.bad_schema` for column names
  // that the engine cannot tell apart.
  static Result<std::unique_ptr<StageWriter>> create(const StageOptions& options,
                                                     const StageKey& key, const Schema& schema,
                                                     std::vector<Split> splits, Files& files,
                                                     Cancel& cancel);
  ~StageWriter();
  StageWriter(const StageWriter&) = delete;
  StageWriter& operator=(const StageWriter&) = delete;

  const std::vector<Split>& splits() const;
  // In the order to write them; less with each that was written.
  std::vector<SplitLeft> left() const;

  // From the first write() on `ahead`, which outlives this, gets the rows too, unless the engine
  // reads the split by itself.
  void send_ahead(LoadAhead& ahead);
  // Whether it was sent the rows of the stage, all of them and no others. After seal().
  bool is_ahead() const;

  // Reads the rest of one split to its end; `extraction` begins at its place. The connection must
  // be outside a transaction. An EngineScan is one statement: it ends early only by
  // Connection::interrupt. A full disk is `env.disk_full`. After an error nothing is kept of the
  // segment that was begun, and left() says where the rest begins: it may be written again.
  Status write(duck::Connection& engine, std::size_t number, Extraction& extraction, Cancel& cancel,
               const StageProgress& progress);
  // Durable when it returns. REQUIRES: nothing is left.
  Result<Stage> seal(const Window& window);

  std::int64_t rows_staged() const;
  std::int64_t rows_rejected() const;

 private:
  explicit StageWriter(std::unique_ptr<PartialStage> partial);
  std::unique_ptr<PartialStage> partial_;
};

}  // namespace tidemark
