// Stage: a sealed folder of Parquet segments, the only input of everything after extraction.
//
// A value that names what stands on disk; nobody changes a sealed stage, it is only removed whole.
// Copyable, read-only, safe from any thread. What a segment holds is exact for every type: where
// Parquet has no exact form, the segment stores one that has (exact_types.h) and relation_sql()
// turns it back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "drivers/hash/hash.h"
#include "env/files.h"
#include "stage/manifest.h"
#include "stage/stage_folders.h"

namespace tidemark {

// Hidden columns of relation_sql(): together the address of a row, stable for the life of the
// stage, and in the order the source was read.
inline constexpr std::string_view stage_segment_column = "_tm_segment";  // INTEGER, from 1
inline constexpr std::string_view stage_row_column =
    "_tm_row";  // BIGINT, grows with the order of reading

// One file of a stage that is not as it was staged. `what` reads on from the file's name.
struct Damage {
  std::filesystem::path file;
  std::string what;
};

// Bytes of a stage that were hashed so far.
using HashProgress = std::function<void(std::int64_t bytes)>;

class Stage {
 public:
  // Reads the manifest. `stage.not_sealed` when there is none, `stage.corrupt` when it is damaged
  // or belongs into another folder.
  static Result<Stage> open(const std::filesystem::path& dir, Files& files);

  // Reads every segment: size and hashes as the manifest says, nothing missing, nothing added.
  // Blocking. Stops at the first damage: `stage.corrupt` names the file.
  Status verify(HashDepth depth, Cancel& cancel) const;
  // The same to the end: every file that is not as it was staged. Blocking.
  Result<std::vector<Damage>> damages(HashDepth depth, Cancel& cancel,
                                      const HashProgress& progress) const;

  const Manifest& manifest() const { return manifest_; }
  const std::filesystem::path& dir() const { return dir_; }
  // A SELECT of the manifest's columns, exactly typed, then the two hidden ones. Good for an empty
  // stage.
  std::string relation_sql() const;
  // A SELECT of raw BLOB, column_name VARCHAR, reason VARCHAR, locator VARCHAR and the two hidden
  // columns.
  std::string rejects_sql() const;
  // Of the manifest's bytes, which hold the hashes of all segments: one text for the whole stage.
  const std::string& checksum() const { return checksum_; }

 private:
  Stage() = default;
  Result<std::vector<Damage>> find_damages(HashDepth depth, Cancel& cancel,
                                           const HashProgress& progress, bool first_only) const;

  Manifest manifest_;
  std::filesystem::path dir_;
  std::string checksum_;
};

}  // namespace tidemark
