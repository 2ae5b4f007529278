// PartialStage: the folder of a stage while it is written, and which rows are in it so far.
//
// Rows come in pieces, each a file that a reader wrote under a name of its own; take() gives it its
// number, and from then on it belongs to the stage. With a `read` each piece is on disk and noted
// in the journal when take() returns. Every method is safe from any thread. Private to this folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "env/files.h"
#include "stage/stage_journal.h"
#include "stage/stage_writer.h"

namespace tidemark {

// What one reader wrote since its last piece: no file where there are no rows.
struct StagePiece {
  Segment rows;
  Segment rejects;
};

class PartialStage {
 public:
  // `journal.manifest` says what is there already.
  PartialStage(StageOptions options, StageJournal journal, std::filesystem::path partial,
               std::filesystem::path final, Files& files);

  // A name for a file that nobody else writes.
  std::string new_file();
  // Hashes a file that was written whole and counts its rows.
  Result<Segment> finish_file(const std::string& file, std::int64_t rows) const;
  void remove_file(const std::string& file) const;
  // The pieces are part of the stage, and the rest of split `number` begins at `place`, or nowhere
  // where it is `whole`.
  Status take(std::vector<StagePiece> pieces, std::size_t number,
              const std::optional<Position>& place, bool whole);
  // Whether others may go on with the read.
  bool is_noted() const { return !options_.read.empty(); }

  // Before any piece is written.
  void send_ahead(LoadAhead& ahead) { ahead_ = &ahead; }
  LoadAhead* ahead() const { return ahead_; }
  // A segment whose rows it was sent, whether it becomes part of the stage or not.
  void note_ahead(const Segment& segment);
  bool is_ahead() const;

  Result<Stage> seal(const Window& window);
  // Unless it is sealed.
  void remove();

  const StageOptions& options() const { return options_; }
  const Schema& schema() const { return journal_.manifest.schema; }
  std::filesystem::path path(const std::string& file) const { return partial_ / file; }
  // Of the pieces taken.
  std::int64_t rows_staged() const;
  std::int64_t rows_rejected() const;
  std::vector<SplitLeft> left() const;
  const std::vector<Split>& splits() const { return journal_.splits; }

  // Rows and decoded bytes that were given so far, for whoever watches; one call at a time.
  void show(std::int64_t rows, std::int64_t bytes, const StageProgress& progress);

 private:
  Status add(std::vector<Segment>& into, const char* prefix, Segment segment);
  Status seal_files(const Window& window);

  const StageOptions options_;
  Files& files_;
  const std::filesystem::path partial_;
  const std::filesystem::path final_;
  LoadAhead* ahead_ = nullptr;
  bool sealed_ = false;

  mutable std::mutex mutex_;
  // Guarded by mutex_; the schema, the key and the splits stay as they are.
  StageJournal journal_;
  std::int64_t last_file_ = 0;
  std::multiset<std::string> sent_ahead_;  // SHA-256 of the segments

  std::mutex shown_mutex_;
  // Guarded by shown_mutex_.
  std::int64_t shown_rows_ = 0;
  std::int64_t shown_bytes_ = 0;
};

}  // namespace tidemark
