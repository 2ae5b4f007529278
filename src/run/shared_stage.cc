#include "run/shared_stage.h"

#include <cstdio>
#include <optional>
#include <system_error>
#include <utility>

#include "plan/planner.h"

namespace tidemark {
namespace {

namespace fs = std::filesystem;

constexpr const char* name_file = ".tidemark-stage";
constexpr std::int64_t name_bytes_max = 1'000;

Result<std::optional<std::string>> read_name(const fs::path& root, Files& files) {
  auto text = files.read(root / name_file, name_bytes_max);
  if (!text.ok() && text.error().code == "env.not_found") return std::optional<std::string>();
  if (!text.ok()) return std::move(text).error();
  while (!text->empty() && text->back() == '\n')
    text->pop_back();
  return std::optional(*std::move(text));
}

std::string new_name(Randomness& randomness) {
  char name[33];
  std::snprintf(name, sizeof name, "%016llx%016llx",
                static_cast<unsigned long long>(randomness.next()),
                static_cast<unsigned long long>(randomness.next()));
  return name;
}

// Written whole before it has its name, which it gets only where nobody has it: of two servers that
// begin at one time one gives it.
Status make_name(const fs::path& root, Files& files, Randomness& randomness) {
  const std::string name = new_name(randomness);
  const fs::path beside = root / (std::string(name_file) + "-" + name);
  TM_CHECK(files.write_durably(beside, name + "\n"));
  std::error_code linked;
  fs::create_hard_link(beside, root / name_file, linked);
  std::error_code ignored;
  fs::remove(beside, ignored);
  if (linked && linked != std::errc::file_exists)
    return file_error("link", root / name_file, linked.value());
  return files.sync_dir(root);
}

Error not_shared(const fs::path& root, bool has_name) {
  return internal_error(
      "stage.not_shared",
      "the folder " + root.string() + " is not the stage of this project's servers: " +
          (has_name ? "its name is another's" : std::string("it has no ") + name_file),
      Retry::backoff,
      "mount there what the other servers have, or write its path under `stage` of tidemark.yaml; "
      "where all are to have a new folder, stop them and copy " +
          std::string(name_file) + " and the stages into it");
}

}  // namespace

Result<SharedStage> SharedStage::open(const ProjectSpec& project, Store& store, Files& files,
                                      Randomness& randomness) {
  TM_TRY(const fs::path root, stage_root(project));
  TM_TRY(std::optional<std::string> known, store.shared_stage(std::nullopt));
  TM_TRY(std::optional<std::string> found, read_name(root, files));
  if (!known && !found) {
    TM_CHECK(files.make_dirs_durably(root));
    TM_CHECK(make_name(root, files, randomness));
    TM_TRY(found, read_name(root, files));
  }
  if (!known && found) {
    TM_TRY(known, store.shared_stage(found));
  }
  if (!found || found != known) {
    Error error = not_shared(root, found.has_value());
    error.fault = Fault::user;  // nothing has begun yet, and a person looks on
    return error;
  }
  const fs::path probe = root / (std::string(name_file) + "-" + new_name(randomness));
  TM_CHECK(files.write_durably(probe, "may it be written?\n"));
  std::error_code code;
  fs::remove(probe, code);
  if (code) return file_error("remove", probe, code.value());
  return SharedStage(root, *std::move(known), files);
}

Status SharedStage::check() const {
  TM_TRY(const std::optional<std::string> found, read_name(root_, files_));
  if (found == name_) return {};
  return not_shared(root_, found.has_value());
}

}  // namespace tidemark
