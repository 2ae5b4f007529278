#include "stage/stage_journal.h"

#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "drivers/hash/hash.h"
#include "drivers/json/json.h"
#include "stage/stage_folders.h"

namespace tidemark {

namespace {

namespace fs = std::filesystem;

constexpr const char* journal_name = "journal.json";
constexpr std::int64_t journal_bytes_max = 256'000'000;
constexpr std::int64_t format_version = 2;

std::optional<std::vector<Split>> splits_of(const JsonValue* list) {
  if (list == nullptr || list->array() == nullptr) return std::nullopt;
  std::vector<Split> splits;
  for (const JsonValue& item : *list->array()) {
    auto text = item.string_at("text");
    auto range = item.string_at("range");
    if (!text.ok() || !range.ok()) return std::nullopt;
    splits.push_back({std::move(*text), std::move(*range)});
  }
  return splits;
}

std::optional<std::vector<SplitLeft>> left_of(const JsonValue* list, std::size_t splits) {
  if (list == nullptr || list->array() == nullptr) return std::nullopt;
  std::vector<SplitLeft> left;
  for (const JsonValue& item : *list->array()) {
    const auto number = item.integer_at("split");
    if (!number.ok() || *number < 0 || static_cast<std::size_t>(*number) >= splits)
      return std::nullopt;
    SplitLeft one{static_cast<std::size_t>(*number), std::nullopt};
    if (const JsonValue* place = item.find("place"); place != nullptr && place->string())
      one.place = Position{*place->string()};
    left.push_back(std::move(one));
  }
  return left;
}

// Nothing where it cannot be read: then the read begins anew, and nothing is lost.
std::optional<StageJournal> read_journal(const fs::path& dir, Files& files) {
  auto text = files.read(dir / journal_name, journal_bytes_max);
  if (!text.ok()) return std::nullopt;
  auto document = parse_json(*text);
  if (!document.ok()) return std::nullopt;
  auto version = document->integer_at("format_version");
  auto read = document->string_at("read");
  auto manifest_text = document->string_at("manifest");
  if (!version.ok() || *version != format_version || !read.ok() || !manifest_text.ok())
    return std::nullopt;
  auto splits = splits_of(document->find("splits"));
  if (!splits) return std::nullopt;
  auto left = left_of(document->find("left"), splits->size());
  auto manifest = parse_manifest(*manifest_text);
  if (!left || !manifest.ok()) return std::nullopt;
  return StageJournal{std::move(*read), std::move(*splits), std::move(*left), std::move(*manifest)};
}

Result<bool> is_whole(const fs::path& dir, const std::vector<Segment>& segments, Cancel& cancel) {
  for (const Segment& segment : segments) {
    auto hash = hash_file(dir / segment.file, HashDepth::xxh3, cancel);
    if (!hash.ok() && hash.error().code == "run.cancelled") return std::move(hash).error();
    if (!hash.ok() || hash->bytes != segment.bytes || hash->xxh3 != segment.xxh3) return false;
  }
  return true;
}

// The segment that was being written when the process died.
Status remove_unnamed(const fs::path& dir, const Manifest& manifest) {
  std::set<std::string> named{journal_name};
  for (const std::vector<Segment>* list : {&manifest.segments, &manifest.rejects}) {
    for (const Segment& segment : *list)
      named.insert(segment.file);
  }
  std::error_code code;
  std::vector<fs::path> unnamed;
  for (const auto& entry : fs::directory_iterator(dir, code)) {
    if (!named.contains(entry.path().filename().string())) unnamed.push_back(entry.path());
  }
  for (const fs::path& path : unnamed) {
    if (!code) fs::remove_all(path, code);
  }
  if (code) return file_error("clear", dir, code.value());
  return {};
}

// What older owners of the window left unsealed, newest first.
Result<std::vector<StageFolder>> older_partials(const fs::path& root, const StageKey& key) {
  TM_TRY(const std::vector<StageFolder> folders, stage_folders(staged_stream(root, key.stream)));
  std::vector<StageFolder> partials;
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    if (folder->kind == StageKind::partial && folder->fence < key.fence)
      partials.push_back(*folder);
  }
  return partials;
}

}  // namespace

Status write_journal(const fs::path& dir, const StageJournal& journal, Files& files) {
  JsonValue document;
  document.set("format_version", format_version).set("read", journal.read);
  JsonArray splits;
  for (const Split& split : journal.splits)
    splits.push_back(JsonValue().set("text", split.text).set("range", split.range));
  JsonArray left;
  for (const SplitLeft& one : journal.left) {
    JsonValue item;
    item.set("split", static_cast<std::int64_t>(one.number));
    left.push_back(item.set("place", one.place ? JsonValue(one.place->text) : JsonValue()));
  }
  document.set("splits", std::move(splits)).set("left", std::move(left));
  document.set("manifest", to_json_text(journal.manifest));
  return files.write_durably(dir / journal_name, to_json(document, JsonLayout::compact));
}

Status remove_journal(const fs::path& dir) {
  std::error_code code;
  fs::remove(dir / journal_name, code);
  if (code) return file_error("remove", dir / journal_name, code.value());
  return {};
}

Result<std::optional<StageJournal>> take_over_read(const fs::path& root, const StageKey& key,
                                                   const std::string& read, const fs::path& partial,
                                                   Files& files, Cancel& cancel) {
  std::optional<StageJournal> taken;
  TM_TRY(const std::vector<StageFolder> partials, older_partials(root, key));
  for (const StageFolder& folder : partials) {
    std::optional<StageJournal> journal;
    if (!taken && folder.seq == key.seq) journal = read_journal(folder.dir, files);
    bool usable = journal && journal->read == read;
    if (usable) {
      TM_TRY(const bool segments, is_whole(folder.dir, journal->manifest.segments, cancel));
      TM_TRY(const bool rejects, is_whole(folder.dir, journal->manifest.rejects, cancel));
      usable = segments && rejects;
    }
    if (!usable) {
      TM_CHECK(remove_folder(folder, files));
      continue;
    }
    // Renamed first: an old owner that wakes finds its path gone and adds nothing more.
    TM_CHECK(files.rename_durably(folder.dir, partial));
    TM_CHECK(remove_unnamed(partial, journal->manifest));
    taken = std::move(journal);
  }
  return taken;
}

Status remove_older_partials(const fs::path& root, const StageKey& key, Files& files) {
  TM_TRY(const std::vector<StageFolder> partials, older_partials(root, key));
  for (const StageFolder& folder : partials)
    TM_CHECK(remove_folder(folder, files));
  return {};
}

}  // namespace tidemark
