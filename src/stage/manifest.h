// Manifest: what a sealed stage holds, as a value, and its JSON form `manifest.json`, which ends
// with a checksum of its own text.
//
// Invariants of a manifest that was sealed: segments are numbered from 1 without a gap; the rows of
// the segments sum to rows_staged, those of the reject segments to rows_rejected; rows_read is
// their sum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/named.h"
#include "base/result.h"
#include "model/schema.h"
#include "model/window.h"

namespace tidemark {

// One Parquet file of a stage.
struct Segment {
  std::string file;  // its name inside the stage's folder
  std::int64_t rows = 0;
  std::int64_t bytes = 0;  // of the file
  std::string xxh3;
  std::string sha256;
  std::vector<std::string> never_null;  // columns known to hold no NULL in it; others may
  friend bool operator==(const Segment&, const Segment&) = default;
};

// Names one stage. `run_id` is who made it; seq and fence give the folder its name.
struct StageKey {
  StreamId stream;
  Seq seq;
  Fence fence;
  RunId run_id;
  friend bool operator==(const StageKey&, const StageKey&) = default;
};

struct Manifest {
  static constexpr std::int64_t format_version = 2;
  StageKey key;
  Window window;
  Schema schema;
  std::vector<Segment> segments;
  std::vector<Segment> rejects;
  std::int64_t rows_read = 0;
  std::int64_t rows_staged = 0;
  std::int64_t rows_rejected = 0;
  bool replaces = false;  // read by --full: its rows take the place of all rows of an append

  std::int64_t bytes() const;
  // The columns that are known to hold no NULL in any segment.
  std::vector<std::string> never_null() const;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};

std::string to_json_text(const Manifest& manifest);
// `stage.corrupt` when the text is no manifest, is not as it was written, breaks an invariant, or
// names a file outside its folder; `stage.newer_format` when a later version wrote it.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace tidemark
