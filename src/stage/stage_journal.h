// StageJournal: how far a stage that is being written has come, so that another process can go on
// with it after this one died.
//
// A value beside the segments, `journal.json`, replaced durably after each segment that it names:
// what it says is on disk. Gone with the rename that seals the stage. Free functions; one writer.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/result.h"
#include "env/files.h"
#include "stage/manifest.h"
#include "stage/stage_writer.h"

namespace tidemark {

struct StageJournal {
  // Names what is read: window, columns, and what the places of rows depend on.
  std::string read;
  std::vector<Split> splits;
  std::vector<SplitLeft> left;  // of the splits, those that are not staged whole
  Manifest manifest;            // of the segments so far, with their hashes
};

// All segments it names must be synced before.
Status write_journal(const std::filesystem::path& dir, const StageJournal& journal, Files& files);
// Before the stage is sealed.
Status remove_journal(const std::filesystem::path& dir);
// Takes the newest read of that name that a process left for the window of `key` under an older
// fence: its folder becomes `partial`, with exactly the segments of its journal, each verified by
// its hash. Nothing when there is none. Folders that older owners left unsealed are removed. Nobody
// may still write there: an owner whose fence is raised over may, but not under the new name.
Result<std::optional<StageJournal>> take_over_read(const std::filesystem::path& root,
                                                   const StageKey& key, const std::string& read,
                                                   const std::filesystem::path& partial,
                                                   Files& files, Cancel& cancel);
// Only the removal.
Status remove_older_partials(const std::filesystem::path& root, const StageKey& key, Files& files);

}  // namespace tidemark
