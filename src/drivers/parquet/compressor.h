// Compressor: pages as zstd frames. Room and state are kept from page to page. One thread. Private
// to this folder.
#pragma once

#include <memory>
#include <string_view>

#include "base/result.h"

namespace tidemark::parquet {

class Compressor {
 public:
  // `level` as zstd counts them: 1 is the least of the usual ones, below 0 are the fast ones.
  explicit Compressor(int level);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Good until the next call. `parquet.compression` where the library fails.
  Result<std::string_view> compress(std::string_view bytes);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tidemark::parquet
