// Where a server's certificate and key stand.
#pragma once

#include <filesystem>

namespace tidemark {

struct TlsFiles {
  std::filesystem::path certificate;  // PEM: the server's own first, then those that vouch for it
  std::filesystem::path key;          // PEM, for nobody but its owner and group to read
};

}  // namespace tidemark
