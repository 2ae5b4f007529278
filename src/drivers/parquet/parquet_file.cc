#include "drivers/parquet/parquet_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "drivers/parquet/column_pages.h"
#include "drivers/parquet/compact_writer.h"
#include "drivers/parquet/compressor.h"
#include "drivers/parquet/format.h"
#include "drivers/parquet/layout.h"
#include "env/files.h"

namespace tidemark::parquet {
namespace {

constexpr std::string_view magic = "PAR1";
struct RowGroup {
  std::int64_t rows = 0;
  std::vector<ChunkFacts> columns;
  std::int64_t begin = 0;  // in the file
};

struct FileColumn {
  Column column;
  Layout layout;
};

void write_chunk(const FileColumn& of, const ChunkFacts& facts, std::int64_t begin,
                 CompactWriter& out) {
  std::vector<std::int32_t> encodings{number_of(Encoding::rle), number_of(Encoding::plain)};
  if (facts.dictionary_bytes > 0) encodings.push_back(number_of(Encoding::dictionary));
  out.begin_element();
  out.field(2, begin);
  out.begin_struct(3);
  out.field(1, number_of(of.layout.physical));
  out.integers(2, encodings);
  out.texts(3, {of.column.name});
  out.field(4, number_of(Codec::zstd));
  out.field(5, facts.values);
  out.field(6, facts.bytes_plain);
  out.field(7, facts.bytes);
  out.field(9, begin + facts.dictionary_bytes);
  if (facts.dictionary_bytes > 0) out.field(11, begin);
  out.end_struct();
  out.end_struct();
}

void write_row_group(const std::vector<FileColumn>& columns, const RowGroup& group,
                     CompactWriter& out) {
  std::int64_t bytes_plain = 0;
  std::int64_t begin = group.begin;
  out.begin_element();
  out.begin_structs(1, group.columns.size());
  for (std::size_t at = 0; at < group.columns.size(); ++at) {
    write_chunk(columns[at], group.columns[at], begin, out);
    begin += group.columns[at].bytes;
    bytes_plain += group.columns[at].bytes_plain;
  }
  out.field(2, bytes_plain);
  out.field(3, group.rows);
  out.end_struct();
}

std::string footer(const std::vector<FileColumn>& columns, const std::vector<RowGroup>& groups,
                   std::int64_t rows) {
  std::string text;
  CompactWriter out(text);
  out.field(1, std::int32_t{2});  // the format's version
  out.begin_structs(2, columns.size() + 1);
  out.begin_element();
  out.field(4, std::string_view("rows"));
  out.field(5, static_cast<std::int32_t>(columns.size()));
  out.end_struct();
  for (const FileColumn& column : columns) {
    out.begin_element();
    write_schema_element(column.column, column.layout, out);
    out.end_struct();
  }
  out.field(3, rows);
  out.begin_structs(4, groups.size());
  for (const RowGroup& group : groups)
    write_row_group(columns, group, out);
  out.field(6, std::string_view("Tidemark"));
  out.end_struct();
  const auto bytes = static_cast<std::uint32_t>(text.size());
  for (int byte = 0; byte < 4; ++byte)
    text += static_cast<char>(bytes >> (8 * byte));
  text += magic;
  return text;
}

}  // namespace

struct ParquetFile::Impl {
  Impl(std::filesystem::path to, const Schema& schema, const FileOptions& with)
      : path(std::move(to)), options(with), compressor(with.zstd_level) {
    for (const Column& column : schema.columns) {
      columns.push_back({column, *layout_of(column.type)});
      pages.emplace_back(columns.back().layout, options.page_bytes, compressor);
    }
  }
  ~Impl() {
    if (descriptor >= 0) ::close(descriptor);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status put(std::string_view bytes);
  std::int64_t group_bytes() const;
  Status end_row_group();

  const std::filesystem::path path;
  const FileOptions options;
  int descriptor = -1;
  Compressor compressor;
  std::vector<FileColumn> columns;
  std::vector<ColumnPages> pages;  // of each
  std::int64_t group_rows = 0;
  std::vector<RowGroup> groups;
  std::int64_t rows = 0;
  std::int64_t position = 0;  // in the file
};

Status ParquetFile::Impl::put(std::string_view bytes) {
  position += static_cast<std::int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return file_error("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

std::int64_t ParquetFile::Impl::group_bytes() const {
  std::int64_t bytes = 0;
  for (const ColumnPages& column : pages)
    bytes += column.bytes();
  return bytes;
}

Status ParquetFile::Impl::end_row_group() {
  if (group_rows == 0) return {};
  RowGroup group;
  group.rows = std::exchange(group_rows, 0);
  const std::int64_t begin = group.begin = position;
  for (ColumnPages& column : pages) {
    TM_TRY(const ChunkFacts facts, column.finish());
    TM_ASSERT(facts.values == group.rows);
    TM_CHECK(put(column.dictionary_page()));
    TM_CHECK(put(column.pages()));
    column.clear();
    group.columns.push_back(facts);
  }
  groups.push_back(std::move(group));
  // The disk begins now; whoever syncs the file later waits for little.
  static_cast<void>(::sync_file_range(descriptor, begin, position - begin, SYNC_FILE_RANGE_WRITE));
  return {};
}

ParquetFile::ParquetFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ParquetFile::~ParquetFile() = default;

bool ParquetFile::holds(const Schema& schema) {
  for (const Column& column : schema.columns)
    if (!layout_of(column.type)) return false;
  return true;
}

Result<std::unique_ptr<ParquetFile>> ParquetFile::create(const std::filesystem::path& path,
                                                         const Schema& schema,
                                                         const FileOptions& options) {
  TM_ASSERT(holds(schema));
  auto impl = std::make_unique<Impl>(path, schema, options);
  do {
    impl->descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  } while (impl->descriptor < 0 && errno == EINTR);
  if (impl->descriptor < 0) return file_error("create", path, errno);
  TM_CHECK(impl->put(magic));
  return std::unique_ptr<ParquetFile>(new ParquetFile(std::move(impl)));
}

Status ParquetFile::write(const BatchReader& batch) {
  Impl& file = *impl_;
  for (std::size_t at = 0; at < file.pages.size(); ++at)
    TM_CHECK(file.pages[at].add(batch.column(at), batch.rows()));
  file.rows += static_cast<std::int64_t>(batch.rows());
  file.group_rows += static_cast<std::int64_t>(batch.rows());
  const bool is_full = file.group_rows >= file.options.row_group_rows_max ||
                       file.group_bytes() >= file.options.row_group_bytes_max;
  return is_full ? file.end_row_group() : Status();
}

Status ParquetFile::finish() {
  TM_CHECK(impl_->end_row_group());
  TM_CHECK(impl_->put(footer(impl_->columns, impl_->groups, impl_->rows)));
  const int descriptor = std::exchange(impl_->descriptor, -1);
  return ::close(descriptor) == 0 ? Status() : file_error("write", impl_->path, errno);
}

std::vector<std::int64_t> ParquetFile::nulls() const {
  std::vector<std::int64_t> nulls(impl_->columns.size());
  for (const RowGroup& group : impl_->groups)
    for (std::size_t at = 0; at < nulls.size(); ++at)
      nulls[at] += group.columns[at].nulls;
  return nulls;
}

}  // namespace tidemark::parquet
