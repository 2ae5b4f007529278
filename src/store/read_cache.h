// ReadCache: texts made from the store, for who looks on, kept in a server beside it.
//
// What it gives was read from the store no longer than `cache_age_max` ago, and holds all that this
// process wrote before it asked. So it is for people and never for what decides: claims, leases,
// fires to be taken, watermarks. A server that is gone, slow, empty or wrong costs time and no
// truth: the store is asked then.
//
// Owned by whoever owns the store, and outlives it. Any thread. `text` blocks as long as the store
// takes and a little more; of those of one process that want the same text at once one asks. A
// thread of its own tells the server what this process wrote.
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "env/randomness.h"
#include "observe/log.h"
#include "store/cache_server.h"

namespace tidemark {

// What a text may be behind the store where other processes write: only if nobody could tell the
// server of a write, otherwise a few milliseconds.
inline constexpr std::chrono::milliseconds cache_age_max{2'000};

// What of the store a text was made from, and a write changed.
enum class StoreKind { jobs, fires, runs, rest };
inline constexpr std::size_t store_kind_count = 4;
using StoreKinds = std::bitset<store_kind_count>;
StoreKinds store_kinds(std::initializer_list<StoreKind> kinds);

// How a cache does, for `status`.
struct CacheState {
  std::string name;
  std::int64_t found = 0;  // texts that came from the server, or from a reader beside
  std::int64_t asked = 0;  // of the store
  // Why the server is not asked now, and since when.
  struct Failing {
    UtcMicros since;
    std::string why;
  };
  std::optional<Failing> failing;
};

class ReadCache {
 public:
  // Shared by those that waited for it, and by nobody changed.
  using Text = std::shared_ptr<const std::string>;
  using Make = std::function<Result<std::string>()>;

  // `store` tells this store from all others. Clock and randomness outlive it; the randomness is
  // safe from any thread.
  ReadCache(std::unique_ptr<CacheServer> server, const std::string& store, const Clock& clock,
            Randomness& randomness);
  // Tells the server what was written last, where it answers.
  ~ReadCache();
  ReadCache(const ReadCache&) = delete;
  ReadCache& operator=(const ReadCache&) = delete;

  // The text that `make` makes of the store, of these kinds, under this name. `make` runs at most
  // once, without a lock; its error is what comes back.
  Result<Text> text(const std::string& what, StoreKinds kinds, const Make& make);
  // After a write of this process, once it is stored or may be.
  void wrote(StoreKinds kinds);

  CacheState state() const;
  // Whom to tell, in one line, that the server fails and the store is asked, and that it is back.
  // Called from any thread.
  void on_note(std::function<void(LogLevel, const std::string&)> tell);

 private:
  using Time = std::chrono::nanoseconds;
  template <class T>
  using OfKinds = std::array<T, store_kind_count>;

  // One thread makes or finds a text, others wait for it.
  struct Flight {
    OfKinds<std::uint64_t> written{};  // when it began
    std::optional<Result<Text>> landed;
  };

  Result<Text> find_or_make(const std::string& what, StoreKinds kinds, const Make& make);
  // A text that is kept, or leave to keep one, or neither.
  struct Found {
    Text text;
    std::optional<CacheServer::Begun> begun;
  };
  Found find(const std::string& key, StoreKinds kinds);
  // Null: there is none that holds.
  Result<Text> look(const std::string& key, StoreKinds kinds);
  Text checked(std::vector<std::optional<std::string>> found, StoreKinds kinds) const;
  void keep(const std::string& key, const CacheServer::Begun& begun, const std::string& text);
  std::vector<std::string> generation_keys(StoreKinds kinds) const;
  std::string fresh();

  // REQUIRES mutex_, these four. Whoever may try says how it ended, by `failed` or `succeeded`.
  bool may_try();
  StoreKinds unsaid() const;
  bool is_joinable(const Flight& flight, StoreKinds kinds) const;
  void note_said(StoreKinds kinds, const OfKinds<std::uint64_t>& written, CacheTime at);

  void failed(const Error& error);
  void succeeded();
  void tell_writes();  // the thread

  const std::unique_ptr<CacheServer> server_;
  const std::string prefix_;
  const Clock& clock_;
  Randomness& randomness_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable landed_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  // Of each kind: how often this process wrote it, when last, and how much of that the server knows
  // of, since when by its clock.
  OfKinds<std::uint64_t> written_{};
  OfKinds<Time> written_at_{};
  OfKinds<std::uint64_t> said_{};
  OfKinds<CacheTime> said_at_{};
  std::condition_variable to_say_;
  bool stops_ = false;
  // A server that fails is left alone for a while, which doubles; then one may try.
  std::optional<CacheState::Failing> failing_;
  Time rests_until_{};
  Time rest_{};
  bool trying_ = false;
  // What was told last, so that one that fails now and then is not told each time.
  std::string told_why_;
  Time failed_at_{};
  bool is_told_ = false;
  std::function<void(LogLevel, const std::string&)> tell_;
  std::int64_t found_ = 0;
  std::int64_t asked_ = 0;
  std::thread teller_;  // last: it uses all of the above
};

}  // namespace tidemark
