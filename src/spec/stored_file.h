// What stands for the file of a job whose text is in the store, where places are told:
// `store:NAME`.
#pragma once

#include <string>
#include <string_view>

namespace tidemark {

inline constexpr std::string_view stored_file_prefix = "store:";

inline bool is_stored_file(std::string_view file) {
  return file.starts_with(stored_file_prefix);
}

}  // namespace tidemark
