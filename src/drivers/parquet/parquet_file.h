// ParquetFile: rows from batches into a Parquet file, in one thread and in their order.
//
// For what is written once, whole, and read by an engine: pages compressed by zstd, dictionaries
// where values repeat, no statistics (https://github.com/apache/parquet-format, version 2 pages).
// The engine's own writer takes twice the processor time for the same (docs/adr/0029). Memory is
// bounded by a row group as it is compressed, and by a page and a dictionary of each column.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/result.h"
#include "model/batch.h"
#include "model/schema.h"

namespace tidemark::parquet {

struct FileOptions {
  std::int64_t row_group_rows_max = 60 * 2'048;
  std::int64_t row_group_bytes_max = 12'500'000;  // before compression
  std::size_t page_bytes = 256 * 1'024;           // before compression
  int zstd_level = 1;
};

class ParquetFile {
 public:
  // Whether each column is of a type that this writes, so that it is read back as the same.
  static bool holds(const Schema& schema);

  // Makes the file, or makes it anew. REQUIRES holds(schema). Errors are those of env/files.h.
  static Result<std::unique_ptr<ParquetFile>> create(const std::filesystem::path& path,
                                                     const Schema& schema,
                                                     const FileOptions& options);
  // Closes the file; without finish() it is no Parquet file.
  ~ParquetFile();
  ParquetFile(const ParquetFile&) = delete;
  ParquetFile& operator=(const ParquetFile&) = delete;

  // REQUIRES the columns of the schema.
  Status write(const BatchReader& batch);
  // Writes what is left, and the footer. Not synced. Once.
  Status finish();
  // Of each column, in their order. After finish().
  std::vector<std::int64_t> nulls() const;

 private:
  struct Impl;
  explicit ParquetFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark::parquet
