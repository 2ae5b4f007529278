// FilesSource: the files of one pattern as a stream; one window is the files not yet loaded.
//
// Life as connect/source.h says. A file's identity is its path, size and content (XXH3, 128 bits).
// A known path with the same size and modification time is skipped unread; one with the same
// content is skipped; one with other content is `source.file_changed_after_load`. The same content
// under a new path is a new file (a note says so). The guarantee is exact: verify() hashes every
// file again after it was read.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connect/source.h"
#include "connectors/files/file_list.h"
#include "spec/job_spec.h"

namespace tidemark::duck {
class Connection;
}

namespace tidemark {

struct FilesOptions {
  std::filesystem::path folder;
  std::vector<std::string> patterns;  // relative to the folder
  FileFormat format = FileFormat::csv;
  std::optional<bool> header;
  std::optional<std::string> delimiter;
  std::vector<std::string> nulls;
  std::vector<std::pair<std::string, Type>> columns;  // declared types by name
  bool reads_everything = false;                      // load: full, so every run reads every file
  std::int64_t row_bytes_max = 64'000'000;            // a longer row is `source.row_too_long`
  // A file may lack columns, which are NULL then, and have others, which are skipped.
  bool any_columns = false;
};

class FilesSource final : public Source {
 public:
  // `engine` reads Parquet; it outlives the source.
  FilesSource(FilesOptions options, duck::Connection& engine);
  ~FilesSource() override;

  // Types are found from the data once, at the first load; later runs pass the columns of the last
  // before any other call. What does not fit them is refused row by row. After upper(), discover()
  // adds columns that are new in the files to read, and leaves out those that none of them has; a
  // file with both is `source.header_changed`.
  void pin(const Schema& schema) override;

  Result<Schema> discover(Cancel& cancel) override;
  bool wants_history() const override { return true; }
  Result<bool> may_hold(const std::vector<std::string>& columns, const Position& lo,
                        Cancel& cancel) override;
  Status leave_out(const std::vector<std::string>& columns) override;
  Result<WindowBound> upper(const Progress& progress, Cancel& cancel) override;
  Result<std::vector<Split>> split(const Window& window, Cancel& cancel) override;
  Result<Extraction> open(const Split& split, Cancel& cancel) override;
  // Files are told apart by their content, and hashed again at the end.
  bool can_go_on() const override;
  Result<Extraction> open_at(const Split& split, const Position& place, Cancel& cancel) override;
  Status verify(const Window& window, Cancel& cancel) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark
