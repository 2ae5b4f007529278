#include "env/own_dir.h"

#include <system_error>

namespace tidemark {

Status make_own_dir(Files& files, const std::filesystem::path& dir) {
  std::error_code code;
  const bool is_new = !std::filesystem::exists(dir, code);
  TM_CHECK(files.make_dirs_durably(dir));
  if (!is_new) return {};
  std::filesystem::permissions(dir, std::filesystem::perms::owner_all, code);
  return code ? file_error("keep from others", dir, code.value()) : Status();
}

}  // namespace tidemark
