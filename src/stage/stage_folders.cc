#include "stage/stage_folders.h"

#include <charconv>
#include <cstdio>
#include <map>
#include <system_error>
#include <utility>

#include "drivers/hash/hash.h"
#include "env/failpoints.h"

namespace tidemark {

namespace {

std::optional<std::pair<std::int64_t, std::int64_t>> parse_dir_name(const std::string& name) {
  std::int64_t seq = 0;
  std::int64_t fence = 0;
  const char* end = name.data() + name.size();
  const auto first = std::from_chars(name.data(), end, seq);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, fence);
  if (second.ec != std::errc() || second.ptr != end) return std::nullopt;
  return std::pair(seq, fence);
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
  return stage_dir.string() + ".refused.parquet";
}

Result<std::vector<std::filesystem::path>> sealed_stages(const std::filesystem::path& root,
                                                         const StreamId& stream) {
  const std::filesystem::path dir =
      root / path_component(stream.job.get()) / path_component(stream.stream.get());
  std::map<std::pair<std::int64_t, std::int64_t>, std::filesystem::path> found;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator(dir, code)) {
    const auto numbers = parse_dir_name(entry.path().filename().string());
    if (numbers && std::filesystem::exists(entry.path() / manifest_name))
      found[*numbers] = entry.path();
  }
  if (code && code != std::errc::no_such_file_or_directory)
    return file_error("list", dir, code.value());
  std::vector<std::filesystem::path> stages;
  for (auto& [numbers, path] : found)
    stages.push_back(std::move(path));
  return stages;
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

}  // namespace tidemark
