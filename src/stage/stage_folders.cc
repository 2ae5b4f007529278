#include "stage/stage_folders.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "drivers/hash/hash.h"
#include "env/failpoints.h"
#include "stage/stage.h"

namespace tidemark {

namespace {

constexpr std::string_view partial_ending = ".partial";
constexpr std::string_view refused_ending = ".refused.parquet";

// `<seq>-<fence>` at the beginning of `name`, which keeps what follows.
std::optional<std::pair<std::int64_t, std::int64_t>> parse_place(std::string_view& name) {
  std::int64_t seq = 0;
  std::int64_t fence = 0;
  const char* end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, seq);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, fence);
  if (second.ec != std::errc()) return std::nullopt;
  name = std::string_view(second.ptr, static_cast<std::size_t>(end - second.ptr));
  return std::pair(seq, fence);
}

// The names in a folder, in no order; none when there is no such folder.
Result<std::vector<std::string>> entries_of(const std::filesystem::path& dir, bool folders_only) {
  std::vector<std::string> names;
  std::error_code code;
  std::filesystem::directory_iterator entry(dir, code);
  for (; !code && entry != std::filesystem::directory_iterator(); entry.increment(code)) {
    std::error_code ignored;
    if (!folders_only || entry->is_directory(ignored))
      names.push_back(entry->path().filename().string());
  }
  if (code && code != std::errc::no_such_file_or_directory)
    return file_error("list", dir, code.value());
  return names;
}

// Takes job and stream from a manifest, where one can be read.
Status ask_manifests(StagedStream& stream, Files& files) {
  TM_TRY(const std::vector<StageFolder> folders, stage_folders(stream));
  for (const StageFolder& folder : folders) {
    const auto stage = Stage::open(folder.dir, files);
    if (!stage.ok()) continue;
    stream.id = stage->manifest().key.stream;
    stream.is_known = true;
    return {};
  }
  return {};
}

}  // namespace

std::string path_component(std::string_view name) {
  constexpr std::size_t length_max = 120;
  constexpr std::size_t hash_length = 32;
  std::string component;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_';
    if (plain) {
      component += c;
    } else {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
      component += escaped;
    }
  }
  // `%` alone is never made by the escape above, so neither form can be taken for the other.
  if (component.empty()) return "%";
  if (component.size() > length_max) {
    component = component.substr(0, length_max - hash_length - 2) + "%~" + xxh3_hex(name);
  }
  return component;
}

std::optional<std::string> name_of_component(std::string_view component) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string name;
  if (component != "%") {
    for (std::size_t at = 0; at < component.size(); ++at) {
      if (component[at] != '%') {
        name += component[at];
        continue;
      }
      if (at + 2 >= component.size()) return std::nullopt;
      const int high = digit(component[at + 1]);
      const int low = digit(component[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      name += static_cast<char>(high * 16 + low);
      at += 2;
    }
  }
  if (path_component(name) != component) return std::nullopt;
  return name;
}

std::filesystem::path stage_dir(const std::filesystem::path& root, const StageKey& key) {
  return root / path_component(key.stream.job.get()) / path_component(key.stream.stream.get()) /
         (std::to_string(key.seq.get()) + "-" + std::to_string(key.fence.get()));
}

bool is_folder_of(const std::filesystem::path& dir, const StageKey& key) {
  return dir == stage_dir(dir.parent_path().parent_path().parent_path(), key);
}

std::filesystem::path refused_file(const std::filesystem::path& stage_dir) {
  return stage_dir.string() + std::string(refused_ending);
}

StagedStream staged_stream(const std::filesystem::path& root, const StreamId& id) {
  return {id, root / path_component(id.job.get()) / path_component(id.stream.get()), true};
}

Result<std::vector<StagedStream>> staged_streams(const std::filesystem::path& root,
                                                 const std::vector<JobName>& jobs, Files& files) {
  std::map<std::string, std::string> names;
  for (const JobName& job : jobs)
    names[path_component(job.get())] = job.get();
  std::vector<StagedStream> streams;
  TM_TRY(const std::vector<std::string> job_folders, entries_of(root, true));
  for (const std::string& job : job_folders) {
    TM_TRY(const std::vector<std::string> stream_folders, entries_of(root / job, true));
    for (const std::string& stream : stream_folders) {
      std::optional<std::string> job_name = name_of_component(job);
      if (const auto known = names.find(job); known != names.end()) job_name = known->second;
      const std::optional<std::string> stream_name = name_of_component(stream);
      StagedStream found{
          {JobName(job_name.value_or(job)), StreamName(stream_name.value_or(stream))},
          root / job / stream,
          job_name && stream_name};
      if (!found.is_known) TM_CHECK(ask_manifests(found, files));
      streams.push_back(std::move(found));
    }
  }
  std::sort(streams.begin(), streams.end(),
            [](const StagedStream& a, const StagedStream& b) { return a.id < b.id; });
  return streams;
}

Result<std::vector<StageFolder>> stage_folders(const StagedStream& stream) {
  using Place = std::pair<std::int64_t, std::int64_t>;
  std::map<std::pair<Place, StageKind>, StageFolder> found;
  std::set<Place> stages;
  std::set<Place> refused;
  TM_TRY(const std::vector<std::string> names, entries_of(stream.dir, false));
  for (const std::string& name : names) {
    std::string_view rest = name;
    const auto place = parse_place(rest);
    if (!place) continue;
    if (rest == refused_ending) refused.insert(*place);
    if (rest.empty()) stages.insert(*place);
    if (!rest.empty() && rest != partial_ending) continue;
    const StageKind kind = rest.empty() ? StageKind::sealed : StageKind::partial;
    found[{*place, kind}] = StageFolder{
        stream.id, Seq(place->first), Fence(place->second), kind, stream.dir / name, {}, true};
  }
  for (const Place& place : refused) {
    if (stages.contains(place)) continue;
    const std::string dir = std::to_string(place.first) + "-" + std::to_string(place.second);
    found[{place, StageKind::half_removed}] = StageFolder{stream.id,
                                                          Seq(place.first),
                                                          Fence(place.second),
                                                          StageKind::half_removed,
                                                          stream.dir / dir,
                                                          {},
                                                          true};
  }
  std::vector<StageFolder> folders;
  for (auto& [place, folder] : found)
    folders.push_back(std::move(folder));
  return folders;
}

Status look_at(StageFolder& folder) {
  const std::filesystem::path path = folder.dir / manifest_name;
  struct stat found{};
  if (::stat(path.c_str(), &found) == 0) {
    folder.sealed_at =
        UtcMicros(std::int64_t{found.st_mtim.tv_sec} * 1'000'000 + found.st_mtim.tv_nsec / 1'000);
    return {};
  }
  if (errno != ENOENT && errno != ENOTDIR) return file_error("look at", path, errno);
  folder.kind = StageKind::half_removed;
  return {};
}

std::int64_t bytes_on_disk(const StageFolder& folder) {
  std::int64_t bytes = 0;
  std::error_code code;
  // A file that cannot be looked at, or that is gone by now, does not count.
  const auto add = [&](const std::filesystem::path& file) {
    const std::uintmax_t size = std::filesystem::file_size(file, code);
    if (!code) bytes += static_cast<std::int64_t>(size);
  };
  std::filesystem::directory_iterator entry(folder.dir, code);
  for (; !code && entry != std::filesystem::directory_iterator(); entry.increment(code))
    add(entry->path());
  if (folder.kind != StageKind::partial) add(refused_file(folder.dir));
  return bytes;
}

Status remove_stage(const std::filesystem::path& dir, Files& files) {
  TM_FAILPOINT(stage_remove);
  std::error_code code;
  if (std::filesystem::remove(dir / manifest_name, code)) TM_CHECK(files.sync_dir(dir));
  TM_FAILPOINT(stage_unsealed);
  if (code) return file_error("remove", dir / manifest_name, code.value());
  std::filesystem::remove(refused_file(dir), code);
  std::filesystem::remove_all(dir, code);
  if (code) return file_error("remove", dir, code.value());
  return {};
}

Status remove_folder(const StageFolder& folder, Files& files) {
  if (folder.kind != StageKind::partial) return remove_stage(folder.dir, files);
  std::error_code code;
  std::filesystem::remove_all(folder.dir, code);
  if (code) return file_error("remove", folder.dir, code.value());
  return {};
}

}  // namespace tidemark
