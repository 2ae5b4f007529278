// CsvRecords: the rows of a CSV file, by RFC 4180 with the limits that real files need.
//
// Rows end with LF or CRLF; a byte order mark is skipped; a quote opens a value only at its start
// and is doubled inside. An empty value is NULL when it is not quoted; quoted it is the empty text.
// A wholly empty line is no row when there are two columns or more. A row of too few or too many
// values, with text after a closing quote, with NUL or broken UTF-8 is a problem of that row; an
// unclosed quote is one of the file.
#pragma once

#include <optional>

#include "connectors/files/records.h"

namespace tidemark {

// The name of the first column of a file without a header.
std::string first_numbered_column();

struct CsvDialect {
  std::optional<bool> header;
  std::optional<std::string> delimiter;
  std::vector<std::string> nulls;
};

// Errors: `source.empty_file`, `source.bad_encoding`, `source.bad_header`, `source.header_changed`.
Result<std::unique_ptr<RecordReader>> open_csv(const RecordOptions& options,
                                               const CsvDialect& dialect);

}  // namespace tidemark
