// Batch: rows in the engine's vectors outside of any statement, filled and read again and again.
//
// One thread. Texts live in the engine's memory until the next clear().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "model/batch.h"
#include "model/schema.h"

namespace tidemark::duck {

class Batch {
 public:
  // REQUIRES no column of a type that only the engine knows.
  Batch(const Schema& schema, std::function<void(const RejectedRow&)> reject);
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Without rows, ready to be filled; good until the next call.
  BatchWriter& clear();
  // The first `rows` of what was filled; good until clear().
  const BatchReader& filled(std::size_t rows);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark::duck
