// The table function `tidemark_feed(id)` and the feeds it reads. Private to this folder.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "drivers/duckdb/engine.h"
#include "drivers/duckdb/handles.h"

namespace tidemark::duck {

// Feeds registered by any connection of an engine. Safe from any thread.
class FeedRegistry {
 public:
  struct Entry {
    Schema schema;
    Feed feed;
    std::function<void(const RejectedRow&)> reject;
    Drain also;                  // may be empty
    std::optional<Error> error;  // written by the scan, read after its statement ended
  };

  std::uint64_t add(Entry entry);
  void remove(std::uint64_t id);
  // shared_ptr because a scan may still hold an entry that its connection releases after an error.
  std::shared_ptr<Entry> find(std::uint64_t id);

  static Status install(duckdb_connection connection, FeedRegistry& registry);

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Entry>> entries_;
  std::uint64_t last_id_ = 0;
};

}  // namespace tidemark::duck
