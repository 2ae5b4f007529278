#include "connectors/postgres/copy_reader.h"

#include <chrono>
#include <utility>

#include "base/assert.h"

namespace tidemark::postgres {
namespace {

// After so many a batch ends early: rows may be huge, and it is held whole.
constexpr std::size_t batch_bytes = 4 * CopyReader::block_bytes;

}  // namespace

Result<std::unique_ptr<Reader>> CopyReader::start(std::unique_ptr<Connection> connection,
                                                  std::unique_ptr<Walk> walk,
                                                  std::vector<DecodedColumn> columns,
                                                  ReadGuard guard, Keep keep, Cancel& cancel) {
  TM_TRY(std::optional<Leg> leg, walk->next(*connection, cancel));
  TM_ASSERT(leg);
  std::unique_ptr<CopyReader> reader(new CopyReader(std::move(connection), std::move(walk),
                                                    std::move(columns), std::move(guard),
                                                    std::move(keep)));
  CopyReader* const self = reader.get();
  reader->thread_ = std::thread([self, leg = *std::move(leg), context = log_context()]() mutable {
    const LogScope scope(std::move(context));
    self->pull(std::move(leg));
  });
  return std::unique_ptr<Reader>(std::move(reader));
}

CopyReader::~CopyReader() {
  stop_.request();
  {
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (keep_ && ended_ && !error_ && !connection_->lost()) keep_(std::move(connection_));
}

Result<bool> CopyReader::pull_leg(const Leg& leg, Block& block) {
  TM_TRY(CopyOut copy,
         connection_->copy_out("copy (" + leg.select + ") to stdout (format binary)", stop_));
  while (true) {
    TM_TRY(const auto message, copy.next(stop_));
    if (!message) break;
    block.bytes.append(*message);
    TM_CHECK(guard_.toll.row(message->size(), stop_));
    if (block.bytes.size() >= block_bytes && !hand_over(block)) return false;
  }
  block.end = LegEnd{copy.rows(), leg.after};
  return hand_over(block);
}

void CopyReader::pull(Leg leg) {
  Block block;
  block.bytes.reserve(block_bytes + block_bytes / 8);
  std::optional<Error> error;
  for (std::optional<Leg> next = std::move(leg); next;) {
    auto pulled = pull_leg(*next, block);
    if (pulled.ok() && !*pulled) return;
    Result<std::optional<Leg>> following =
        pulled.ok() ? walk_->next(*connection_, stop_) : std::move(pulled).error();
    if (!following.ok()) error = std::move(following).error();
    next = following.ok() ? *std::move(following) : std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  ended_ = true;
  changed_.notify_all();
}

bool CopyReader::hand_over(Block& block) {
  std::unique_lock lock(mutex_);
  // By bytes too: one huge row is a block.
  const auto has_room = [&] {
    std::size_t held = 0;
    for (const Block& waiting : full_)
      held += waiting.bytes.size();
    return full_.size() < blocks_max && held < blocks_max * block_bytes;
  };
  changed_.wait(lock, [&] { return has_room() || stop_.requested(); });
  if (stop_.requested()) return false;
  full_.push_back(std::move(block));
  block = Block();
  if (!spare_.empty()) {
    block.bytes = std::move(spare_.back());
    spare_.pop_back();
    block.bytes.clear();
  }
  changed_.notify_all();
  return true;
}

Result<bool> CopyReader::take(Cancel& cancel) {
  std::unique_lock lock(mutex_);
  // A block grown by one huge row is not kept.
  if (block_.bytes.capacity() <= 2 * block_bytes) spare_.push_back(std::move(block_.bytes));
  block_ = Block();
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

Status CopyReader::end_leg() {
  const LegEnd end = *std::move(block_.end);
  block_.end.reset();
  if (!decoder_.finished())
    return source_error("source.bad_copy", "COPY ended without its end mark", Retry::reconnect);
  if (decoder_.tuples() != end.rows) {
    return source_error("source.count_mismatch",
                        "the server sent " + std::to_string(end.rows) + " rows and " +
                            std::to_string(decoder_.tuples()) + " arrived",
                        Retry::reconnect,
                        "run again; if it stays, look for a proxy between Tidemark and "
                        "PostgreSQL");
  }
  decoder_.begin_copy();
  place_ = end.after;
  return {};
}

Result<std::size_t> CopyReader::next(BatchWriter& writer, Cancel& cancel) {
  std::size_t row = 0;
  std::size_t fed = 0;
  while (row < writer.capacity()) {
    TM_CHECK(cancel.check());
    if (decoder_.hungry() && block_.end) {
      TM_CHECK(end_leg());
      // The place is of the next row only while that is not in the batch.
      if (row > 0 && place_) return row;
    }
    if (decoder_.hungry()) {
      if (row > 0 && fed >= batch_bytes) return row;
      TM_TRY(const bool more, take(cancel));
      if (!more) break;
      fed += block_.bytes.size();
      decoder_.feed(block_.bytes);
    }
    place_.reset();
    TM_TRY(row, decoder_.decode(writer, row));
  }
  return row;
}

}  // namespace tidemark::postgres
