#include "store/record_text.h"

#include <bit>
#include <cstring>
#include <set>
#include <type_traits>
#include <utility>

namespace tidemark {
namespace {

static_assert(std::endian::native == std::endian::little);

// Both have one operator for each shape of a member, so that what is written and what is read are
// the same list of members: `each` below.
class Writer {
 public:
  static constexpr bool reads = false;
  void operator()(const std::int64_t& value) {
    text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void operator()(const std::string& value) {
    (*this)(std::int64_t{std::ssize(value)});
    text_ += value;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

class Reader {
 public:
  static constexpr bool reads = true;
  explicit Reader(std::string_view text) : rest_(text) {}
  void operator()(std::int64_t& value) {
    if (rest_.size() < sizeof(value)) return fail();
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_.remove_prefix(sizeof(value));
  }
  void operator()(std::string& value) {
    std::int64_t size = 0;
    (*this)(size);
    if (size < 0 || size > std::ssize(rest_)) return fail();
    value.assign(rest_.substr(0, static_cast<std::size_t>(size)));
    rest_.remove_prefix(static_cast<std::size_t>(size));
  }
  void fail() {
    failed_ = true;
    rest_ = {};
  }
  bool failed() const { return failed_; }
  bool is_whole() const { return !failed_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

template <class Archive, class T>
void each(Archive& archive, T& value);

template <class Archive, class T, class Tag>
void member(Archive& archive, Named<T, Tag>& value) {
  T inner = value.get();
  archive(inner);
  if constexpr (Archive::reads) value = Named<T, Tag>(std::move(inner));
}
template <class Archive>
void member(Archive& archive, std::int64_t& value) {
  archive(value);
}
template <class Archive>
void member(Archive& archive, std::string& value) {
  archive(value);
}
template <class Archive>
void member(Archive& archive, bool& value) {
  std::int64_t number = value ? 1 : 0;
  archive(number);
  if constexpr (Archive::reads) value = number != 0;
}
template <class Archive>
void member(Archive& archive, int& value) {
  std::int64_t number = value;
  archive(number);
  if constexpr (Archive::reads) value = static_cast<int>(number);
}
// `last` is the last of its enumerators.
template <class Archive, class E>
  requires std::is_enum_v<E>
void choice(Archive& archive, E& value, E last) {
  std::int64_t number = static_cast<std::int64_t>(value);
  archive(number);
  if constexpr (Archive::reads) {
    if (number < 0 || number > static_cast<std::int64_t>(last)) return archive.fail();
    value = static_cast<E>(number);
  }
}
template <class Archive, class T>
void member(Archive& archive, std::optional<T>& value);
template <class Archive, class T>
void member(Archive& archive, std::vector<T>& values);
template <class Archive>
void member(Archive& archive, std::set<std::string>& values);
template <class Archive, class T>
  requires std::is_class_v<T>
void member(Archive& archive, T& value) {
  each(archive, value);
}
template <class Archive, class T>
void member(Archive& archive, std::optional<T>& value) {
  bool is_there = value.has_value();
  member(archive, is_there);
  if (!is_there) return;
  if constexpr (Archive::reads) value.emplace();
  if constexpr (std::is_same_v<T, Guarantee>) {
    choice(archive, *value, Guarantee::best_effort);
  } else {
    member(archive, *value);
  }
}
template <class Archive, class T>
void member(Archive& archive, std::vector<T>& values) {
  std::int64_t count = std::ssize(values);
  archive(count);
  if constexpr (Archive::reads) {
    if (count < 0) archive.fail();
    for (std::int64_t i = 0; i < count && !archive.failed(); ++i) {
      T value;
      member(archive, value);
      values.push_back(std::move(value));
    }
  } else {
    for (T& value : values)
      member(archive, value);
  }
}
template <class Archive>
void member(Archive& archive, std::set<std::string>& values) {
  std::vector<std::string> list(values.begin(), values.end());
  member(archive, list);
  if constexpr (Archive::reads) values.insert(list.begin(), list.end());
}

template <class Archive, class... Members>
void all(Archive& archive, Members&... members) {
  (member(archive, members), ...);
}

template <class Archive>
void list(Archive& archive, Position& position) {
  all(archive, position.text);
}
template <class Archive>
void list(Archive& archive, Window& window) {
  all(archive, window.lo, window.hi, window.top);
}
template <class Archive>
void list(Archive& archive, StreamCounts& counts) {
  all(archive, counts.rows_read, counts.rows_staged, counts.rows_good, counts.rows_rejected,
      counts.rows_loaded, counts.bytes_staged, counts.rows_deleted);
}
template <class Archive>
void list(Archive& archive, StoredError& error) {
  all(archive, error.code, error.fault, error.message, error.hint);
  choice(archive, error.retry, Retry::reconnect);
}
template <class Archive>
void list(Archive& archive, RunUse& use) {
  all(archive, use.cpu_us, use.bytes_read, use.bytes_written);
}
template <class Archive>
void list(Archive& archive, StreamMark& mark) {
  choice(archive, mark.state, RunState::blocked);
  all(archive, mark.version, mark.fence);
}
template <class Archive>
void list(Archive& archive, StreamRecord& stream) {
  all(archive, stream.stream, stream.seq, stream.mark, stream.window, stream.counts,
      stream.stage_dir, stream.error, stream.attempt, stream.started_at, stream.ended_at);
}
template <class Archive>
void list(Archive& archive, RunRecord& run) {
  choice(archive, run.kind, RunKind::backfill);
  choice(archive, run.state, RunState::blocked);
  all(archive, run.run, run.job, run.spec_hash, run.started_at, run.ended_at, run.rows_read,
      run.rows_loaded, run.rows_rejected, run.rows_deleted, run.bytes_staged, run.error,
      run.watermark_snapshot, run.guarantee, run.attempt, run.pid, run.plan_json, run.use,
      run.data_until, run.streams);
}
template <class Archive>
void list(Archive& archive, LeaseRecord& lease) {
  all(archive, lease.job, lease.token, lease.run, lease.holder, lease.expires_at, lease.wanted);
}
template <class Archive>
void list(Archive& archive, ServerRecord& server) {
  all(archive, server.owner, server.role, server.labels, server.places, server.leaves,
      server.started_at, server.seen_at);
}
template <class Archive>
void list(Archive& archive, Task& task) {
  all(archive, task.job);
  choice(archive, task.what, FireTask::backfill);
}
template <class Archive>
void list(Archive& archive, FireRecord& fire) {
  choice(archive, fire.state, FireState::cancelled);
  choice(archive, fire.half, FireHalf::load);
  all(archive, fire.task, fire.fire, fire.attempts, fire.run, fire.next_at, fire.reason, fire.owner,
      fire.inputs, fire.priority, fire.pool, fire.label);
}
template <class Archive>
void list(Archive& archive, SeenChange& change) {
  all(archive, change.job, change.watched, change.sign, change.seen_at);
}
template <class Archive>
void list(Archive& archive, RunUnderWay& run) {
  all(archive, run.run, run.lease, run.moved_at);
}
template <class Archive>
void list(Archive& archive, Failure& failure) {
  choice(archive, failure.state, RunState::blocked);
  all(archive, failure.task, failure.run, failure.ended_at, failure.message, failure.hint);
}
template <class Archive>
void list(Archive& archive, StoreOverview& found) {
  all(archive, found.at, found.servers, found.running, found.fires_waiting, found.fires_running,
      found.fires_to_retry, found.waits_since, found.waiting, found.to_retry, found.watched,
      found.failed, found.failed_total);
}

template <class Archive, class T>
void each(Archive& archive, T& value) {
  list(archive, value);
}

// A Writer changes nothing of what it is given.
template <class T>
std::string written(const T& value) {
  Writer writer;
  member(writer, const_cast<T&>(value));
  return writer.take();
}

template <class T>
Result<T> read_back(std::string_view text) {
  Reader reader(text);
  T value;
  member(reader, value);
  if (!reader.is_whole())
    return internal_error("cache.unreadable", "a text of the cache is not what was written");
  return value;
}

}  // namespace

std::string text_of(const std::vector<RunRecord>& runs) {
  return written(runs);
}
std::string text_of(const StoreOverview& overview) {
  return written(overview);
}
Result<std::vector<RunRecord>> runs_of(std::string_view text) {
  return read_back<std::vector<RunRecord>>(text);
}
Result<StoreOverview> overview_of(std::string_view text) {
  return read_back<StoreOverview>(text);
}

}  // namespace tidemark
