#include "env/key_file.h"

#include <sys/stat.h>

namespace tidemark {

Status check_key_file(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) {
    return user_error("env.no_key_file", "there is no file `" + path + "`, which `sslkey` names",
                      "write its whole path");
  }
  // A key of the machine's is root's, and its group's who may use it.
  const mode_t others = found.st_uid == 0 ? S_IWGRP | S_IXGRP | S_IRWXO : S_IRWXG | S_IRWXO;
  if ((found.st_mode & others) == 0) return {};
  return user_error("env.open_key_file",
                    "`" + path + "` holds a private key, and others than its owner may read it",
                    "take that from them: chmod 600 " + path);
}

}  // namespace tidemark
