#include "connectors/mysql/stream_reader.h"

#include <utility>

namespace tidemark::mysql {
namespace {

// After so many a batch ends early: rows may be huge, and it is held whole.
constexpr std::size_t batch_bytes = std::size_t{4} << 20;

// What the decoder goes by.
bool same_values(const Field& now, const ColumnForm& planned) {
  const Field& then = planned.field;
  if (planned.spatial_text) return now.type == FieldType::text;
  return now.type == then.type && now.bytes == then.bytes && now.is_unsigned == then.is_unsigned &&
         now.precision == then.precision && now.scale == then.scale &&
         (now.type != FieldType::bit || now.length == then.length);
}

// A column that is gone, or a table that is younger than the snapshot.
Error or_changed(Error error) {
  if (error.code != "mysql.column_missing" && error.code != "mysql.table_changed") return error;
  return column_changed("the columns have changed (" + error.message + ")");
}

}  // namespace

StreamReader::StreamReader(std::unique_ptr<Connection> connection,
                           std::vector<DecodedColumn> columns, RowStream stream, Toll toll)
    : connection_(std::move(connection)),
      decoder_(std::move(columns)),
      toll_(std::move(toll)),
      stream_(std::move(stream)) {}

Result<std::unique_ptr<Reader>> StreamReader::start(std::unique_ptr<Connection> connection,
                                                    const ReadStatement& read,
                                                    std::vector<DecodedColumn> columns, Toll toll,
                                                    Cancel& cancel) {
  TM_CHECK(connection->execute("set transaction isolation level repeatable read", cancel));
  TM_CHECK(connection->begin("with consistent snapshot, read only", cancel));
  if (!read.lock.empty()) {
    auto locked = connection->query(read.lock, cancel);
    if (!locked.ok()) return or_changed(std::move(locked).error());
  }
  auto started = connection->stream(read.select, cancel);
  if (!started.ok()) return or_changed(std::move(started).error());
  RowStream stream = std::move(*started);
  const std::vector<Field>& fields = stream.fields();
  for (std::size_t at = 0; at < columns.size(); ++at) {
    if (fields.size() == columns.size() && same_values(fields[at], columns[at].form)) continue;
    return column_changed("column `" + columns[at].name + "` has changed its type");
  }
  if (Status running = stream.execute(cancel); !running.ok())
    return or_changed(std::move(running).error());
  return std::unique_ptr<Reader>(new StreamReader(std::move(connection), std::move(columns),
                                                  std::move(stream), std::move(toll)));
}

Result<std::size_t> StreamReader::next(BatchWriter& writer, Cancel& cancel) {
  decoder_.open(writer);
  std::size_t row = 0;
  std::size_t bytes = 0;
  while (row < writer.capacity()) {
    TM_CHECK(cancel.check());
    TM_TRY(const bool more, stream_->next(cancel));
    if (!more) break;
    TM_CHECK(toll_.row(stream_->row_bytes(), cancel));
    bytes += static_cast<std::size_t>(stream_->row_bytes());
    row += decoder_.decode(*stream_, writer, row) ? 1 : 0;
    if (row > 0 && bytes >= batch_bytes) break;
  }
  return row;
}

}  // namespace tidemark::mysql
