#include "connectors/files/csv_records.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

namespace tidemark {

namespace {

// A cell by offsets from the start of its row: the buffer may move while the row is read.
struct Span {
  std::size_t from = 0;
  std::size_t to = 0;
  bool quoted = false;
  bool escapes = false;
};

std::string column_number(std::size_t index) {
  return "column" + std::to_string(index + 1);
}

bool looks_like_number(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size();
}

class CsvRecords final : public RecordReader {
 public:
  CsvRecords(std::unique_ptr<ByteStream> stream, const RecordOptions& options,
             const CsvDialect& dialect)
      : options_(options),
        dialect_(dialect),
        buffer_(std::move(stream), options.shown, options.row_bytes_max) {}

  Status start();
  Result<bool> next(Record& record) override;
  RowPlace place() const override {
    if (pending_) return {buffer_.offset(), buffer_.line()};
    return {buffer_.offset() + static_cast<std::int64_t>(used_bytes_),
            buffer_.line() + used_lines_};
  }
  Status go_to(const RowPlace& place) override {
    pending_ = false;
    used_bytes_ = 0;
    used_lines_ = 0;
    return buffer_.go_to(place);
  }
  const std::vector<std::string>& columns() const override { return columns_; }

 private:
  Error fault(const std::string& code, const std::string& what, const std::string& hint) const;
  Status skip_mark();
  Status choose_delimiter();
  bool first_row_is_header(const Record& record) const;
  Status check_clear_header(const Record& record) const;
  Status take_header(const Record& record);
  Status map_columns();
  Result<bool> read_row();
  bool read_cell(std::size_t& at);
  bool read_quoted(std::size_t& at);
  void read_plain(std::size_t& at, bool after_quote);
  void fill_cells(Record& record);
  Cell cell_of(const Span& span);
  void find_problem(Record& record, std::size_t wanted) const;
  bool is_blank() const {
    return spans_.size() == 1 && !spans_[0].quoted && spans_[0].from == spans_[0].to;
  }

  RecordOptions options_;
  CsvDialect dialect_;
  RowBuffer buffer_;
  char delimiter_ = ',';
  std::vector<std::string> columns_;       // as the caller wants them
  std::vector<std::string> file_columns_;  // as the file has them
  std::vector<std::size_t> order_;         // of each wanted column, its place in the file
  std::vector<Span> spans_;
  std::vector<Cell> cells_;     // in the file's order
  std::string scratch_;         // values whose doubled quotes were halved
  std::size_t row_bytes_ = 0;   // of the present row, without its end
  std::size_t used_bytes_ = 0;  // with its end
  std::int64_t used_lines_ = 0;
  bool pending_ = false;       // the row in spans_ is the next to give: no header
  bool broken_quote_ = false;  // text after a closing quote
  bool open_quote_ = false;    // the file ended inside a quote
};

Error CsvRecords::fault(const std::string& code, const std::string& what,
                        const std::string& hint) const {
  return source_error(code, options_.shown + ":" + std::to_string(buffer_.line()) + ": " + what,
                      Retry::never, hint);
}

Status CsvRecords::start() {
  TM_CHECK(skip_mark());
  TM_CHECK(choose_delimiter());
  TM_TRY(bool row, read_row());
  if (!row)
    return fault("source.empty_file", "the file is empty: it has no header",
                 "deliver the file whole, or remove it");
  Record record;
  scratch_.clear();
  cells_.clear();
  scratch_.reserve(row_bytes_);
  for (const Span& span : spans_)
    cells_.push_back(cell_of(span));
  record.cells = cells_;
  if (!dialect_.header) TM_CHECK(check_clear_header(record));
  if (dialect_.header.value_or(first_row_is_header(record))) return take_header(record);
  for (std::size_t i = 0; i < spans_.size(); ++i)
    file_columns_.push_back(column_number(i));
  pending_ = true;
  return map_columns();
}

Status CsvRecords::skip_mark() {
  if (buffer_.has(1) && ((buffer_.at(0) == '\xff' && buffer_.at(1) == '\xfe') ||
                         (buffer_.at(0) == '\xfe' && buffer_.at(1) == '\xff'))) {
    return fault("source.bad_encoding", "the file is UTF-16", "write it as UTF-8");
  }
  if (buffer_.has(2) && buffer_.view(0, 3) == "\xef\xbb\xbf") buffer_.advance(3, 0);
  return buffer_.status();
}

// The candidate that stands most often in the first line, outside quotes.
Status CsvRecords::choose_delimiter() {
  if (dialect_.delimiter) {
    if (dialect_.delimiter->size() != 1 || *dialect_.delimiter == "\"" ||
        *dialect_.delimiter == "\n") {
      return user_error("source.bad_delimiter",
                        "a delimiter is one character of one byte, not a quote or a line's end");
    }
    delimiter_ = (*dialect_.delimiter)[0];
    return {};
  }
  constexpr std::string_view candidates = ",;\t|";
  std::size_t counts[4] = {};
  bool quoted = false;
  for (std::size_t at = 0; buffer_.has(at) && (quoted || buffer_.at(at) != '\n'); ++at) {
    if (buffer_.at(at) == '"') quoted = !quoted;
    const std::size_t which = candidates.find(buffer_.at(at));
    if (!quoted && which != std::string_view::npos) ++counts[which];
  }
  const auto best = std::max_element(std::begin(counts), std::end(counts));
  if (*best > 0) delimiter_ = candidates[static_cast<std::size_t>(best - std::begin(counts))];
  return buffer_.status();
}

// A header's names are all there, all different, and none is a number.
bool CsvRecords::first_row_is_header(const Record& record) const {
  if (!options_.columns.empty()) return options_.columns[0] != column_number(0);
  std::set<std::string_view> names;
  for (const Cell& cell : record.cells) {
    if (cell.text.empty() || looks_like_number(cell.text) || !names.insert(cell.text).second)
      return false;
  }
  return true;
}

// Words of which one is missing or doubled may be a bad header or a row of texts. Taken for a row,
// the header would be loaded and every column be text, so nobody guesses.
Status CsvRecords::check_clear_header(const Record& record) const {
  if (!options_.columns.empty() || record.cells.size() < 2) return {};
  std::set<std::string_view> names;
  std::string trouble;
  for (const Cell& cell : record.cells) {
    if (looks_like_number(cell.text)) return {};
    if (cell.text.empty()) {
      trouble = "has a column without a name";
    } else if (!names.insert(cell.text).second) {
      trouble = "has `" + std::string(cell.text) + "` twice";
    }
  }
  if (trouble.empty() || names.empty()) return {};
  return fault("source.unclear_header",
               "the first row " + trouble + ", so it may be a header or a row of texts",
               "write `header: false` in the job's `from` if it is a row; else correct the header "
               "in the file");
}

Status CsvRecords::take_header(const Record& record) {
  const std::string problem = text_problem(buffer_.view(0, row_bytes_));
  if (!problem.empty())
    return fault("source.bad_header", "the header cannot be read: " + problem, "correct the file");
  if (broken_quote_)
    return fault("source.bad_header", "the header has text after a closing quote",
                 "correct the file");
  std::set<std::string_view> names;
  for (const Cell& cell : record.cells) {
    if (cell.text.empty())
      return fault("source.bad_header", "a column of the header has no name", "correct the file");
    if (cell.text.find('\r') != std::string_view::npos) {
      return fault("source.bad_header",
                   "the header holds a carriage return: rows must end with LF or CRLF",
                   "convert the line ends of the file");
    }
    if (!names.insert(cell.text).second) {
      return fault("source.bad_header", "two columns are called `" + std::string(cell.text) + "`",
                   "correct the file");
    }
    file_columns_.emplace_back(cell.text);
  }
  return map_columns();
}

Status CsvRecords::map_columns() {
  columns_ = options_.columns.empty() ? file_columns_ : options_.columns;
  const bool same = columns_.size() == file_columns_.size() &&
                    std::is_permutation(columns_.begin(), columns_.end(), file_columns_.begin());
  if (!same && !options_.any_columns)
    return header_changed(options_.shown, columns_, file_columns_);
  for (const std::string& name : columns_) {
    const auto found = std::find(file_columns_.begin(), file_columns_.end(), name);
    // Behind the last one: the file does not have it.
    order_.push_back(static_cast<std::size_t>(found - file_columns_.begin()));
  }
  return {};
}

// Reads one row into spans_. False at the end of the file.
Result<bool> CsvRecords::read_row() {
  buffer_.advance(used_bytes_, used_lines_);
  used_bytes_ = 0;
  used_lines_ = 0;
  broken_quote_ = false;
  spans_.clear();
  if (!buffer_.has(0)) {
    TM_CHECK(buffer_.status());
    return false;
  }
  std::size_t at = 0;
  while (read_cell(at)) {
  }
  TM_CHECK(buffer_.status());
  if (open_quote_) {
    return fault("source.unterminated_quote", "a quote opens in this row and never closes",
                 "close the quote, or double it if it is part of the value");
  }
  return true;
}

// Reads one cell and what ends it; false when that ended the row.
bool CsvRecords::read_cell(std::size_t& at) {
  if (buffer_.has(at) && buffer_.at(at) == '"') {
    if (!read_quoted(at)) return false;
  } else {
    read_plain(at, false);
  }
  if (!buffer_.status().ok()) return false;
  if (buffer_.has(at) && buffer_.at(at) == delimiter_) {
    ++at;
    return true;
  }
  Span& last = spans_.back();
  row_bytes_ = at;
  if (at > 0 && buffer_.at(at - 1) == '\r') {
    --row_bytes_;
    if (!last.quoted && last.to == at && last.to > last.from) --last.to;
  }
  const bool line_end = buffer_.has(at);
  used_bytes_ = at + (line_end ? 1 : 0);
  used_lines_ += line_end ? 1 : 0;
  return false;
}

// From the opening quote to the delimiter or the line's end. False when the file ended inside.
bool CsvRecords::read_quoted(std::size_t& at) {
  Span span{at + 1, at + 1, true, false};
  ++at;
  for (;;) {
    if (!buffer_.has(at)) {
      open_quote_ = true;
      return false;
    }
    const char* from = buffer_.from(at);
    const void* quote = std::memchr(from, '"', buffer_.size() - at);
    const std::size_t length =
        quote != nullptr ? static_cast<std::size_t>(static_cast<const char*>(quote) - from)
                         : buffer_.size() - at;
    used_lines_ += std::count(from, from + length, '\n');
    at += length;
    if (quote == nullptr) continue;
    ++at;
    if (!buffer_.has(at) || buffer_.at(at) != '"') break;
    span.escapes = true;
    ++at;
  }
  span.to = at - 1;
  spans_.push_back(span);
  read_plain(at, true);
  return true;
}

// To the delimiter or the line's end. After a closing quote nothing but a carriage return may stand
// there.
void CsvRecords::read_plain(std::size_t& at, bool after_quote) {
  const std::size_t start = at;
  for (;;) {
    if (!buffer_.has(at)) break;
    const char* from = buffer_.from(at);
    const char* end = from + (buffer_.size() - at);
    const char* here = from;
    while (here != end && *here != delimiter_ && *here != '\n')
      ++here;
    at += static_cast<std::size_t>(here - from);
    if (here != end) break;
  }
  if (!after_quote) {
    spans_.push_back(Span{start, at, false, false});
  } else if (at > start && !(at == start + 1 && buffer_.at(start) == '\r')) {
    broken_quote_ = true;
  }
}

Cell CsvRecords::cell_of(const Span& span) {
  std::string_view text = buffer_.view(span.from, span.to);
  if (!span.quoted) {
    const bool null = text.empty() || std::find(dialect_.nulls.begin(), dialect_.nulls.end(),
                                                text) != dialect_.nulls.end();
    return Cell{null ? CellKind::null : CellKind::plain, text};
  }
  if (!span.escapes) return Cell{CellKind::quoted, text};
  // Reserved for the whole row before, so that earlier views stay where they are.
  const std::size_t start = scratch_.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    scratch_ += text[i];
    if (text[i] == '"') ++i;
  }
  return Cell{CellKind::quoted, std::string_view(scratch_).substr(start)};
}

void CsvRecords::find_problem(Record& record, std::size_t wanted) const {
  record.problem.clear();
  record.problem_column.clear();
  const std::string text = text_problem(record.raw);
  if (broken_quote_) {
    record.problem = "text stands after a closing quote";
  } else if (spans_.size() != wanted) {
    record.problem = "it has " + std::to_string(spans_.size()) + " values, the header has " +
                     std::to_string(wanted);
  } else if (!text.empty()) {
    record.problem = text;
    for (std::size_t i = 0; i < spans_.size(); ++i) {
      if (text_problem(buffer_.view(spans_[i].from, spans_[i].to)).empty()) continue;
      record.problem_column = file_columns_[i];
      break;
    }
  }
}

void CsvRecords::fill_cells(Record& record) {
  scratch_.clear();
  scratch_.reserve(row_bytes_);
  cells_.clear();
  for (const Span& span : spans_)
    cells_.push_back(cell_of(span));
  record.cells.clear();
  for (const std::size_t place : order_)
    record.cells.push_back(place < cells_.size() ? cells_[place] : Cell{});
}

Result<bool> CsvRecords::next(Record& record) {
  for (;;) {
    if (!pending_) {
      TM_TRY(bool row, read_row());
      if (!row) return false;
    }
    pending_ = false;
    if (is_blank() && order_.size() > 1) continue;
    record.line = buffer_.line();
    record.raw = buffer_.view(0, row_bytes_);
    find_problem(record, file_columns_.size());
    if (record.problem.empty()) fill_cells(record);
    return true;
  }
}

}  // namespace

std::string first_numbered_column() {
  return column_number(0);
}

Result<std::unique_ptr<RecordReader>> open_csv(const RecordOptions& options,
                                               const CsvDialect& dialect) {
  TM_TRY(std::unique_ptr<ByteStream> stream, ByteStream::open(options.path, options.shown));
  auto reader = std::make_unique<CsvRecords>(std::move(stream), options, dialect);
  TM_CHECK(reader->start());
  return std::unique_ptr<RecordReader>(std::move(reader));
}

}  // namespace tidemark
