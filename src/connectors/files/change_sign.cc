#include "connectors/files/change_sign.h"

#include <sys/stat.h>

#include <vector>

#include "connectors/files/file_list.h"
#include "drivers/hash/hash.h"

namespace tidemark {

namespace {

constexpr std::size_t words_max = 1'000;
// Of the hash; enough to tell the versions of a file apart.
constexpr std::size_t word_length = 16;

}  // namespace

Result<std::string> sign_of_files(const std::filesystem::path& folder, const std::string& pattern,
                                  Cancel& cancel) {
  TM_TRY(const std::vector<FileEntry> files, list_files(folder, {pattern}, cancel));
  std::vector<std::string> words;
  for (const FileEntry& file : files) {
    struct stat info{};
    // Gone in this moment: it is as one that never was.
    if (::stat((folder / file.path).c_str(), &info) != 0) continue;
    const std::string seen = file.path + '\0' + std::to_string(file.size) + ' ' +
                             std::to_string(file.mtime_ns) + ' ' + std::to_string(info.st_ino);
    words.push_back(xxh3_hex(seen).substr(0, word_length));
  }
  std::string sign;
  for (const std::string& word : words)
    sign += (sign.empty() ? "" : " ") + word;
  return words.size() > words_max ? xxh3_hex(sign) : sign;
}

}  // namespace tidemark
