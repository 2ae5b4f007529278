#include "store/read_cache.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "base/version.h"
#include "drivers/hash/hash.h"
#include "store/migrations.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;

// Raise it when a text of the same name is written in another way, as records are when they change.
constexpr int text_format = 2;
constexpr std::size_t text_bytes_max = 16'000'000;
constexpr milliseconds lock_for{1'000};
constexpr milliseconds lock_wait_max{50};
constexpr milliseconds lock_look_every{5};
constexpr milliseconds rest_min{1'000};
constexpr milliseconds rest_max{30'000};
// Writes that follow each other so closely are told together.
constexpr milliseconds said_every{5};
constexpr milliseconds looks_while_it_rests{20};
// Clocks of two machines run differently fast, and the server's counts in milliseconds.
constexpr milliseconds clock_slack{200};
constexpr std::chrono::seconds tells_again_after{60};
constexpr std::size_t seal_letters = 34;

constexpr std::array<std::string_view, store_kind_count> kind_names{"jobs", "fires", "runs",
                                                                    "rest"};

// Before a text stand the generations it was made in, when that was, and a seal: a hash of it all.
std::string head_of(const std::vector<std::optional<std::string>>& generations) {
  std::string head = "tidemark";
  for (const auto& generation : generations)
    head += " " + *generation;
  return head + " ";
}

std::string seal_of(const std::string& head, CacheTime made_at, std::string_view content) {
  return fmt::format(" {}\n", xxh3_hex(fmt::format("{}{} {}", head, made_at, xxh3_hex(content))));
}

bool all_there(const std::vector<std::optional<std::string>>& texts) {
  return std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.has_value(); });
}

}  // namespace

StoreKinds store_kinds(std::initializer_list<StoreKind> kinds) {
  StoreKinds set;
  for (const StoreKind kind : kinds)
    set.set(static_cast<std::size_t>(kind));
  return set;
}

ReadCache::ReadCache(std::unique_ptr<CacheServer> server, const std::string& store,
                     const Clock& clock, Randomness& randomness)
    : server_(std::move(server)),
      prefix_("tidemark:{" + xxh3_hex(store) + "}:"),
      clock_(clock),
      randomness_(randomness),
      teller_([this] { tell_writes(); }) {}

ReadCache::~ReadCache() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  to_say_.notify_all();
  teller_.join();
}

Result<ReadCache::Text> ReadCache::text(const std::string& what, StoreKinds kinds,
                                        const Make& make) {
  std::shared_ptr<Flight> flight;
  {
    std::unique_lock lock(mutex_);
    const auto under_way = flights_.find(what);
    if (under_way != flights_.end() && is_joinable(*under_way->second, kinds)) {
      flight = under_way->second;
      landed_.wait(lock, [&] { return flight->landed.has_value(); });
      ++found_;
      return *flight->landed;
    }
    flight = std::make_shared<Flight>();
    flight->written = written_;
    flights_[what] = flight;
  }
  Result<Text> made = find_or_make(what, kinds, make);
  {
    const std::lock_guard lock(mutex_);
    flight->landed = made;
    const auto mine = flights_.find(what);
    if (mine != flights_.end() && mine->second == flight) flights_.erase(mine);
  }
  landed_.notify_all();
  return made;
}

// Whoever wrote before he asked is not given what was read before that.
bool ReadCache::is_joinable(const Flight& flight, StoreKinds kinds) const {
  for (std::size_t kind = 0; kind < store_kind_count; ++kind) {
    if (kinds.test(kind) && flight.written[kind] != written_[kind]) return false;
  }
  return true;
}

Result<ReadCache::Text> ReadCache::find_or_make(const std::string& what, StoreKinds kinds,
                                                const Make& make) {
  const std::string key = fmt::format("{}{}:{}:{}:{}", prefix_, version_text, text_format,
                                      store_migrations().back().version, what);
  const Found found = find(key, kinds);
  {
    const std::lock_guard lock(mutex_);
    ++(found.text ? found_ : asked_);
  }
  if (found.text) return found.text;
  TM_TRY(std::string made, make());
  Text text = std::make_shared<const std::string>(std::move(made));
  if (found.begun) keep(key, *found.begun, *text);
  return text;
}

ReadCache::Found ReadCache::find(const std::string& key, StoreKinds kinds) {
  {
    const std::lock_guard lock(mutex_);
    if ((kinds & unsaid()).any() || !may_try()) return {};
  }
  Result<Text> kept = look(key, kinds);
  if (kept.ok() && *kept) {
    succeeded();
    return {*std::move(kept), std::nullopt};
  }
  auto begun = kept.ok() ? server_->begin(generation_keys(kinds), fresh(), key + ":lock", lock_for)
                         : Result<CacheServer::Begun>(std::move(kept).error());
  if (!begun.ok()) {
    failed(begun.error());
    return {};
  }
  succeeded();
  // Somebody makes it already, in another process.
  for (milliseconds waited{0}; !begun->locked && waited < lock_wait_max;
       waited += lock_look_every) {
    clock_.sleep(lock_look_every);
    kept = look(key, kinds);
    if (!kept.ok()) break;
    if (*kept) return {*std::move(kept), std::nullopt};
  }
  return {nullptr, *std::move(begun)};
}

Result<ReadCache::Text> ReadCache::look(const std::string& key, StoreKinds kinds) {
  std::vector<std::string> keys = generation_keys(kinds);
  keys.push_back(key);
  TM_TRY(auto found, server_->get(keys));
  return checked(std::move(found), kinds);
}

ReadCache::Text ReadCache::checked(std::vector<std::optional<std::string>> found,
                                   StoreKinds kinds) const {
  if (found.size() != kinds.count() + 1 || !all_there(found)) return nullptr;
  std::string text = *std::move(found.back());
  found.pop_back();
  const std::string head = head_of(found);
  if (!text.starts_with(head)) return nullptr;
  CacheTime made_at = 0;
  const char* const end = text.data() + text.size();
  const auto [after, fault] = std::from_chars(text.data() + head.size(), end, made_at);
  const std::size_t content = static_cast<std::size_t>(after - text.data()) + seal_letters;
  if (fault != std::errc() || text.size() < content) return nullptr;
  const std::string seal = seal_of(head, made_at, std::string_view(text).substr(content));
  if (text.compare(content - seal_letters, seal_letters, seal) != 0) return nullptr;
  {
    // A server that was set back may have forgotten what this process told it.
    const std::lock_guard lock(mutex_);
    for (std::size_t kind = 0; kind < store_kind_count; ++kind) {
      if (kinds.test(kind) && made_at <= said_at_[kind]) return nullptr;
    }
  }
  text.erase(0, content);
  return std::make_shared<const std::string>(std::move(text));
}

// Under the generations of before the store was asked: a write since then makes it count no more.
void ReadCache::keep(const std::string& key, const CacheServer::Begun& begun,
                     const std::string& text) {
  if (!all_there(begun.generations) || text.size() > text_bytes_max) return;
  const std::string head = head_of(begun.generations);
  const std::string kept = head + std::to_string(begun.at) + seal_of(head, begun.at, text) + text;
  const CacheTime until = begun.at + std::chrono::microseconds(cache_age_max).count();
  const Status done = server_->keep(key, kept, until, key + ":lock");
  if (!done.ok()) failed(done.error());
}

void ReadCache::wrote(StoreKinds kinds) {
  if (kinds.none()) return;
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t kind = 0; kind < store_kind_count; ++kind) {
      if (!kinds.test(kind)) continue;
      ++written_[kind];
      written_at_[kind] = clock_.monotonic();
    }
  }
  to_say_.notify_one();
}

// What was written so long ago that no text from before it is kept any more need not be said.
StoreKinds ReadCache::unsaid() const {
  StoreKinds kinds;
  const Time now = clock_.monotonic();
  for (std::size_t kind = 0; kind < store_kind_count; ++kind) {
    const bool matters = now - written_at_[kind] < cache_age_max + clock_slack;
    kinds.set(kind, said_[kind] != written_[kind] && matters);
  }
  return kinds;
}

void ReadCache::tell_writes() {
  std::unique_lock lock(mutex_);
  while (true) {
    to_say_.wait(lock, [&] { return stops_ || unsaid().any(); });
    const StoreKinds kinds = unsaid();
    if (kinds.none() && stops_) return;
    if (kinds.none()) continue;  // it has come of age since
    if (!may_try()) {
      if (stops_) return;
      to_say_.wait_for(lock, looks_while_it_rests);
      continue;
    }
    const OfKinds<std::uint64_t> written = written_;
    lock.unlock();
    const auto said = server_->renew(generation_keys(kinds), fresh());
    if (said.ok()) {
      succeeded();
    } else {
      failed(said.error());
    }
    lock.lock();
    if (said.ok()) note_said(kinds, written, *said);
    if (stops_ && !said.ok()) return;
    to_say_.wait_for(lock, said_every, [&] { return stops_; });
  }
}

void ReadCache::note_said(StoreKinds kinds, const OfKinds<std::uint64_t>& written, CacheTime at) {
  for (std::size_t kind = 0; kind < store_kind_count; ++kind) {
    if (!kinds.test(kind)) continue;
    said_[kind] = written[kind];
    said_at_[kind] = std::max(said_at_[kind], at);
  }
}

std::vector<std::string> ReadCache::generation_keys(StoreKinds kinds) const {
  std::vector<std::string> keys;
  for (std::size_t kind = 0; kind < store_kind_count; ++kind) {
    if (kinds.test(kind)) keys.push_back(prefix_ + "generation:" + std::string(kind_names[kind]));
  }
  return keys;
}

// Never one that was there before, also after the server has forgotten all.
std::string ReadCache::fresh() {
  return fmt::format("{:016x}", randomness_.next());
}

bool ReadCache::may_try() {
  if (!failing_) return true;
  if (trying_ || clock_.monotonic() < rests_until_) return false;
  return trying_ = true;
}

void ReadCache::failed(const Error& error) {
  std::function<void(LogLevel, const std::string&)> tell;
  {
    const std::lock_guard lock(mutex_);
    const Time now = clock_.monotonic();
    // Others that were under way when it failed first.
    if (failing_ && !trying_) return;
    rest_ = failing_ ? std::min<Time>(2 * rest_, rest_max) : rest_min;
    rests_until_ = now + rest_;
    trying_ = false;
    const bool is_new = error.message != told_why_ || now - failed_at_ > tells_again_after;
    failed_at_ = now;
    failing_ = CacheState::Failing{failing_ ? failing_->since : clock_.now_utc(), error.message};
    if (!is_new) return;
    told_why_ = error.message;
    is_told_ = true;
    tell = tell_;
  }
  if (tell) tell(LogLevel::warn, error.message + "; the store is asked instead");
}

void ReadCache::succeeded() {
  std::function<void(LogLevel, const std::string&)> tell;
  {
    const std::lock_guard lock(mutex_);
    if (!failing_ || !trying_) return;
    failing_.reset();
    trying_ = false;
    if (!std::exchange(is_told_, false)) return;
    tell = tell_;
  }
  if (tell) tell(LogLevel::info, "the cache " + server_->name() + " answers again");
}

CacheState ReadCache::state() const {
  const std::lock_guard lock(mutex_);
  return {server_->name(), found_, asked_, failing_};
}

void ReadCache::on_note(std::function<void(LogLevel, const std::string&)> tell) {
  const std::lock_guard lock(mutex_);
  tell_ = std::move(tell);
}

}  // namespace tidemark
