// What `sqlite: shop.db` says.
#pragma once

#include <string>

namespace tidemark {

struct SqliteConnection {
  std::string path;  // relative to the project folder
};

}  // namespace tidemark
