#include "connectors/postgres/copy_reader.h"

#include <chrono>
#include <utility>

namespace tidemark::postgres {

Result<std::unique_ptr<Reader>> CopyReader::start(std::unique_ptr<Connection> connection,
                                                  const std::string& select,
                                                  std::vector<DecodedColumn> columns,
                                                  const PlannedColumns& planned, ReadGuard guard,
                                                  Cancel& cancel) {
  TM_CHECK(connection->begin("isolation level repeatable read read only", cancel));
  // A database without an encoding holds any bytes; the server would refuse the whole COPY for one
  // bad row, so they are taken as they are and each text is checked here.
  if (connection->parameter("server_encoding") == "SQL_ASCII") {
    TM_TRY([[maybe_unused]] const std::int64_t none,
           connection->execute("set local client_encoding = 'SQL_ASCII'", cancel));
  }
  TM_CHECK(check_columns(*connection, select, columns, planned, cancel));
  TM_TRY(CopyOut copy,
         connection->copy_out("copy (" + select + ") to stdout (format binary)", cancel));
  std::unique_ptr<CopyReader> reader(
      new CopyReader(std::move(connection), std::move(columns), std::move(guard)));
  CopyReader* const self = reader.get();
  reader->thread_ =
      std::thread([self, copy = std::move(copy)]() mutable { self->pull(std::move(copy)); });
  return std::unique_ptr<Reader>(std::move(reader));
}

CopyReader::~CopyReader() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void CopyReader::pull(CopyOut copy) {
  std::string block;
  block.reserve(block_bytes + block_bytes / 8);
  std::optional<Error> error;
  while (true) {
    auto message = copy.next(stop_);
    if (!message.ok()) {
      error = std::move(message).error();
      break;
    }
    if (!*message) break;
    block.append(**message);
    if (Status paid = guard_.toll.row((*message)->size(), stop_); !paid.ok()) {
      error = std::move(paid).error();
      break;
    }
    if (block.size() >= block_bytes && !hand_over(block)) return;
  }
  if (!block.empty() && !error && !hand_over(block)) return;
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  rows_sent_ = copy.rows();
  ended_ = true;
  changed_.notify_all();
}

bool CopyReader::hand_over(std::string& block) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return full_.size() < blocks_max || stop_.requested(); });
  if (stop_.requested()) return false;
  full_.push_back(std::move(block));
  block = std::string();
  if (!spare_.empty()) {
    block = std::move(spare_.back());
    spare_.pop_back();
    block.clear();
  }
  changed_.notify_all();
  return true;
}

Result<bool> CopyReader::take(Cancel& cancel) {
  std::unique_lock lock(mutex_);
  // A block grown by one huge row is not kept.
  if (block_.capacity() != 0 && block_.capacity() <= 2 * block_bytes)
    spare_.push_back(std::move(block_));
  block_ = std::string();
  while (full_.empty() && !ended_) {
    TM_CHECK(cancel.check());
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
  if (full_.empty()) {
    if (error_) return *error_;
    return false;
  }
  block_ = std::move(full_.front());
  full_.pop_front();
  changed_.notify_all();
  return true;
}

Result<std::size_t> CopyReader::next(BatchWriter& writer, Cancel& cancel) {
  std::size_t row = 0;
  while (row < writer.capacity()) {
    TM_CHECK(cancel.check());
    if (decoder_.hungry()) {
      TM_TRY(const bool more, take(cancel));
      if (!more) {
        if (!decoder_.finished()) {
          return source_error("source.bad_copy", "COPY ended without its end mark",
                              Retry::reconnect);
        }
        if (decoder_.tuples() == rows_sent_) break;  // nobody writes it any more
        return source_error("source.count_mismatch",
                            "the server sent " + std::to_string(rows_sent_) + " rows and " +
                                std::to_string(decoder_.tuples()) + " arrived",
                            Retry::reconnect,
                            "run again; if it stays, look for a proxy between Tidemark and "
                            "PostgreSQL");
      }
      decoder_.feed(block_);
    }
    TM_TRY(row, decoder_.decode(writer, row));
  }
  return row;
}

}  // namespace tidemark::postgres
