#include "connectors/files/json_records.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "connectors/files/json_scan.h"

namespace tidemark {

namespace {

class JsonRecords final : public RecordReader {
 public:
  JsonRecords(std::unique_ptr<ByteStream> stream, const RecordOptions& options)
      : options_(options),
        columns_(options.columns),
        buffer_(std::move(stream), options.shown, options.row_bytes_max) {
    for (std::size_t i = 0; i < columns_.size(); ++i)
      places_[columns_[i]] = i;
  }
  Status start();
  Result<bool> next(Record& record) override;
  RowPlace place() const override {
    return {buffer_.offset() + static_cast<std::int64_t>(used_bytes_),
            buffer_.line() + used_lines_};
  }
  Status go_to(const RowPlace& place) override {
    first_element_ = first_element_ && place.offset == buffer_.offset();
    return buffer_.go_to(place);
  }
  const std::vector<std::string>& columns() const override { return columns_; }

 private:
  Error fault(const std::string& code, const std::string& what, const std::string& hint) const {
    return source_error(code, options_.shown + ":" + std::to_string(buffer_.line()) + ": " + what,
                        Retry::never, hint);
  }
  bool find_line(std::size_t& end);
  Result<bool> find_element(std::size_t& end);
  bool skip_space_to(char& c);
  void fill(Record& record);
  std::string place(const JsonField& field, Record& record);

  RecordOptions options_;
  std::vector<std::string> columns_;
  std::unordered_map<std::string, std::size_t> places_;
  RowBuffer buffer_;
  JsonScan scan_;
  std::vector<JsonField> fields_;
  std::size_t used_bytes_ = 0;
  std::int64_t used_lines_ = 0;
  bool is_array_ = false;
  bool first_element_ = true;
  bool array_ended_ = false;
};

// Moves over white space; false at the end of the file.
bool JsonRecords::skip_space_to(char& c) {
  while (buffer_.has(0)) {
    c = buffer_.at(0);
    if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return true;
    buffer_.advance(1, c == '\n' ? 1 : 0);
  }
  return false;
}

Status JsonRecords::start() {
  if (buffer_.has(1) && (buffer_.view(0, 2) == "\xff\xfe" || buffer_.view(0, 2) == "\xfe\xff")) {
    return fault("source.bad_encoding", "the file is UTF-16", "write it as UTF-8");
  }
  if (buffer_.has(2) && buffer_.view(0, 3) == "\xef\xbb\xbf") buffer_.advance(3, 0);
  char c = 0;
  if (skip_space_to(c) && c == '[') {
    is_array_ = true;
    buffer_.advance(1, 0);
  }
  return buffer_.status();
}

bool JsonRecords::find_line(std::size_t& end) {
  end = 0;
  while (buffer_.has(end)) {
    const char* from = buffer_.from(end);
    const void* found = std::memchr(from, '\n', buffer_.size() - end);
    if (found != nullptr) {
      end += static_cast<std::size_t>(static_cast<const char*>(found) - from);
      used_bytes_ = end + 1;
      used_lines_ = 1;
      return true;
    }
    end = buffer_.size();
  }
  used_bytes_ = end;
  return end > 0;
}

// The next object of the array, by its brackets; what is inside is checked later.
Result<bool> JsonRecords::find_element(std::size_t& end) {
  const std::string hint =
      "correct the file, or write one object per line so that a bad one costs one row";
  char c = 0;
  if (array_ended_) {
    if (skip_space_to(c))
      return fault("source.bad_json", "text stands after the end of the array", hint);
    return false;
  }
  if (!skip_space_to(c))
    return fault("source.bad_json", "the file ends inside its array", "deliver the file whole");
  if (c == ']') {
    array_ended_ = true;
    buffer_.advance(1, 0);
    return find_element(end);
  }
  if (!first_element_) {
    if (c != ',')
      return fault("source.bad_json", "a `,` or `]` was expected after an object", hint);
    buffer_.advance(1, 0);
    if (!skip_space_to(c))
      return fault("source.bad_json", "the file ends inside its array", "deliver the file whole");
  }
  first_element_ = false;
  if (c != '{') return fault("source.bad_json", "an object was expected", hint);
  int depth = 0;
  bool quoted = false;
  for (end = 0; buffer_.has(end); ++end) {
    c = buffer_.at(end);
    if (c == '\n') ++used_lines_;
    if (quoted) {
      if (c == '\\') ++end;
      if (c == '"') quoted = false;
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) {
      used_bytes_ = ++end;
      return true;
    }
  }
  TM_CHECK(buffer_.status());
  return fault("source.bad_json", "an object opens here and the file ends inside it",
               "deliver the file whole");
}

std::string JsonRecords::place(const JsonField& field, Record& record) {
  const auto found = places_.find(std::string(field.name));
  if (found != places_.end()) {
    record.cells[found->second] = field.cell;
    return {};
  }
  if (options_.any_columns) return {};
  if (!options_.may_add_columns) {
    record.problem_column = std::string(field.name);
    return "the key `" + record.problem_column + "` was in no object when the columns were found";
  }
  if (field.name.empty()) return "a key is empty";
  places_[std::string(field.name)] = columns_.size();
  columns_.emplace_back(field.name);
  record.cells.push_back(field.cell);
  return {};
}

void JsonRecords::fill(Record& record) {
  record.problem = text_problem(record.raw);
  record.problem_column.clear();
  if (record.problem.empty()) record.problem = scan_.scan(record.raw, fields_);
  if (!record.problem.empty()) return;
  record.cells.assign(columns_.size(), Cell{});
  for (const JsonField& field : fields_) {
    record.problem = place(field, record);
    if (!record.problem.empty()) return;
  }
}

Result<bool> JsonRecords::next(Record& record) {
  for (;;) {
    buffer_.advance(used_bytes_, used_lines_);
    used_bytes_ = 0;
    used_lines_ = 0;
    std::size_t end = 0;
    bool found = false;
    if (is_array_) {
      TM_TRY(found, find_element(end));
    } else {
      found = find_line(end);
    }
    TM_CHECK(buffer_.status());
    if (!found) return false;
    record.line = buffer_.line();
    record.raw = buffer_.view(0, end);
    if (record.raw.ends_with('\r')) record.raw.remove_suffix(1);
    if (record.raw.find_first_not_of(" \t") == std::string_view::npos) continue;
    fill(record);
    if (is_array_ && !record.problem.empty() && record.problem.starts_with("bad JSON")) {
      return fault("source.bad_json", record.problem,
                   "correct the file, or write one object per line");
    }
    return true;
  }
}

}  // namespace

Result<std::unique_ptr<RecordReader>> open_json(const RecordOptions& options) {
  TM_TRY(std::unique_ptr<ByteStream> stream, ByteStream::open(options.path, options.shown));
  auto reader = std::make_unique<JsonRecords>(std::move(stream), options);
  TM_CHECK(reader->start());
  return std::unique_ptr<RecordReader>(std::move(reader));
}

}  // namespace tidemark
