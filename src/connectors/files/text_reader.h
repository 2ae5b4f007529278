// TextReader: CSV and JSON files into batches, one after the other, row by row refused where it
// must be.
//
// Owned by one run, one thread. Every record of a file is either a row of a batch or a refused row.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connect/source.h"
#include "connectors/files/files_source.h"
#include "connectors/files/records.h"
#include "connectors/files/text_types.h"

namespace tidemark {

// How each column of the schema is read.
std::vector<Strictness> strictness_of(const Schema& schema, const FilesOptions& options);

// The columns of all the files together, types found from every value; one reading of everything.
Result<Schema> find_schema(const FilesOptions& options, const std::vector<std::string>& paths,
                           Cancel& cancel);

// The records of one file; with no `columns` it says them itself.
Result<std::unique_ptr<RecordReader>> open_records(const FilesOptions& options,
                                                   const std::string& path,
                                                   std::vector<std::string> columns,
                                                   bool may_add_columns);

class TextReader final : public Reader {
 public:
  // `options` and the paths in it stay as they are while the reader lives.
  TextReader(const FilesOptions& options, const Schema& schema, std::vector<std::string> paths);
  Result<std::size_t> next(BatchWriter& writer, Cancel& cancel) override;
  // The file by its place in the list, the offset of the row in it, and its line.
  std::optional<Position> place() const override;
  // Begins there instead of at the first file. REQUIRES: before next().
  Status go_to(const Position& place);

 private:
  bool write_row(BatchWriter& writer, std::size_t row);

  FilesOptions options_;
  Schema schema_;
  std::vector<Strictness> strictness_;
  std::vector<std::string> paths_;
  std::size_t next_path_ = 0;
  std::unique_ptr<RecordReader> records_;
  Record record_;
};

}  // namespace tidemark
