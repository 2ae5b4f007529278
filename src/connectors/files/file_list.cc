#include "connectors/files/file_list.h"

#include <fmt/format.h>

#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <system_error>

#include "drivers/json/json.h"
#include "drivers/json/utf8.h"
#include "env/files.h"

namespace tidemark {

namespace {

// With every byte beyond ASCII as \xNN.
std::string written_out(const std::string& name) {
  std::string text;
  for (const char c : name)
    text += static_cast<signed char>(c) < 0
                ? fmt::format("\\x{:02x}", static_cast<unsigned char>(c))
                : std::string(1, c);
  return text;
}

namespace fs = std::filesystem;

bool has_wildcard(std::string_view part) {
  return part.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string> split_parts(const std::string& pattern) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (from <= pattern.size()) {
    const std::size_t to = std::min(pattern.find('/', from), pattern.size());
    const std::string part = pattern.substr(from, to - from);
    if (!part.empty() && part != ".") parts.push_back(part);
    from = to + 1;
  }
  return parts;
}

Status check_pattern(const std::string& pattern, const std::vector<std::string>& parts) {
  const bool leaves = !pattern.empty() && pattern[0] == '/';
  if (parts.empty() || leaves || std::find(parts.begin(), parts.end(), "..") != parts.end() ||
      pattern.find('\0') != std::string::npos) {
    return user_error("source.bad_pattern",
                      "`" + pattern + "` does not name files below the connection's folder",
                      "write a path relative to that folder, without `..`");
  }
  return {};
}

// One walk over the folder for one pattern.
class Walk {
 public:
  Walk(const fs::path& folder, const fs::path& canonical, std::map<std::string, FileEntry>& found,
       Cancel& cancel)
      : folder_(folder), canonical_(canonical), found_(found), cancel_(cancel) {}

  Status go(const std::string& at, const std::vector<std::string>& parts, std::size_t next) {
    TM_CHECK(cancel_.check());
    const std::string& part = parts[next];
    if (part == "**") return go_deep(at, parts, next);
    if (!has_wildcard(part)) return visit(at.empty() ? part : at + "/" + part, parts, next);
    TM_TRY(std::vector<std::string> names, list(at));
    for (const std::string& name : names) {
      if (::fnmatch(part.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      TM_CHECK(visit(at.empty() ? name : at + "/" + name, parts, next));
    }
    return {};
  }

 private:
  // `**` stands for no folder, or for one that is no link and whatever is below it.
  Status go_deep(const std::string& at, const std::vector<std::string>& parts, std::size_t next) {
    if (next + 1 < parts.size()) TM_CHECK(go(at, parts, next + 1));
    TM_TRY(std::vector<std::string> names, list(at));
    for (const std::string& name : names) {
      if (name[0] == '.') continue;
      const std::string path = at.empty() ? name : at + "/" + name;
      std::error_code ignored;
      const fs::file_status status = fs::symlink_status(folder_ / path, ignored);
      if (status.type() == fs::file_type::directory) {
        TM_CHECK(go_deep(path, parts, next));
      } else if (next + 1 == parts.size()) {
        TM_CHECK(take(path));
      }
    }
    return {};
  }

  Status visit(const std::string& path, const std::vector<std::string>& parts, std::size_t next) {
    if (next + 1 == parts.size()) return take(path);
    std::error_code ignored;
    return fs::is_directory(folder_ / path, ignored) ? go(path, parts, next + 1) : Status();
  }

  Status take(const std::string& path) {
    const fs::path full = folder_ / path;
    if (!is_utf8(path)) {
      return source_error(
          "source.bad_name",
          "a file in " + folder_.string() + " has a name that is not UTF-8: " + written_out(path),
          Retry::never, "rename it; nothing was loaded");
    }
    struct stat info{};
    if (::stat(full.c_str(), &info) != 0) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      return file_error("look at", full, errno);
    }
    if (!S_ISREG(info.st_mode)) return {};
    std::error_code code;
    const fs::path real = fs::canonical(full, code);
    if (code) return file_error("look at", full, code.value());
    const auto [end, ignored] =
        std::mismatch(canonical_.begin(), canonical_.end(), real.begin(), real.end());
    if (end != canonical_.end()) {
      return user_error(
          "source.outside_folder",
          full.string() + " is a link to " + real.string() + ", outside the connection's folder",
          "copy the file, or declare a connection for that folder");
    }
    const std::int64_t mtime_ns =
        static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000'000 + info.st_mtim.tv_nsec;
    found_[path] = FileEntry{path, info.st_size, mtime_ns, {}};
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& at) {
    std::vector<std::string> names;
    std::error_code code;
    for (fs::directory_iterator entry(folder_ / at, code), end; !code && entry != end;
         entry.increment(code)) {
      names.push_back(entry->path().filename().string());
    }
    if (code) return file_error("list", folder_ / at, code.value());
    return names;
  }

  const fs::path& folder_;
  const fs::path& canonical_;
  std::map<std::string, FileEntry>& found_;
  Cancel& cancel_;
};

}  // namespace

Result<std::vector<FileEntry>> list_files(const fs::path& folder,
                                          const std::vector<std::string>& patterns,
                                          Cancel& cancel) {
  std::error_code code;
  const fs::path canonical = fs::canonical(folder, code);
  if (code || !fs::is_directory(canonical, code)) {
    return source_error("source.folder_missing",
                        "the folder " + folder.string() + " does not exist", Retry::never,
                        "create it, or correct `files:` in tidemark.yaml");
  }
  std::map<std::string, FileEntry> found;
  for (const std::string& pattern : patterns) {
    const std::vector<std::string> parts = split_parts(pattern);
    TM_CHECK(check_pattern(pattern, parts));
    TM_CHECK(Walk(folder, canonical, found, cancel).go("", parts, 0));
  }
  std::vector<FileEntry> files;
  for (auto& [path, entry] : found)
    files.push_back(std::move(entry));
  return files;
}

Position to_position(const std::vector<FileEntry>& files) {
  JsonArray array;
  for (const FileEntry& file : files) {
    JsonValue item;
    item.set("path", std::string_view(file.path))
        .set("size", file.size)
        .set("mtime_ns", file.mtime_ns);
    item.set("xxh3", std::string_view(file.xxh3));
    array.push_back(std::move(item));
  }
  return Position{to_json(JsonValue(std::move(array)))};
}

Result<std::vector<FileEntry>> parse_position(const Position& position) {
  TM_TRY(JsonValue document, parse_json(position.text));
  if (document.array() == nullptr) {
    return internal_error("source.bad_position",
                          "the stored position of a files stream is no list of files");
  }
  std::vector<FileEntry> files;
  for (const JsonValue& item : *document.array()) {
    FileEntry file;
    TM_TRY(file.path, item.bytes_at("path"));
    TM_TRY(file.size, item.integer_at("size"));
    TM_TRY(file.mtime_ns, item.integer_at("mtime_ns"));
    TM_TRY(file.xxh3, item.string_at("xxh3"));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace tidemark
