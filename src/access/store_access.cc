#include "access/store_access.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "drivers/sodium/sodium.h"
#include "store/migrations.h"

namespace tidemark {
namespace {

constexpr std::chrono::milliseconds read_again_after{1'000};
// How exactly a token's last use is known.
constexpr std::chrono::minutes use_told_every{1};
constexpr std::size_t name_length_max = 100;
constexpr std::size_t jobs_max = 100;

static_assert(read_again_after < StoreAccess::seen_within);

AuditEntry entry_of(const Deed& deed) {
  AuditEntry entry;
  entry.request = deed.request;
  entry.token = deed.token;
  entry.name = deed.name;
  entry.peer = deed.peer;
  entry.what = deed.what;
  entry.on = deed.on;
  entry.status = deed.status;
  return entry;
}

// Whoever is refused learns nothing of which tokens there are.
Error denied() {
  return user_error("access.denied", "this needs a token that is valid",
                    "`tidemark token create NAME` makes one, and shows it once");
}

Error ended(const TokenRecord& token) {
  const std::string what =
      token.revoked_at ? "was revoked at " + to_text(*token.revoked_at)
                       : "expired at " + (token.expires_at ? to_text(*token.expires_at) : "");
  return user_error("access.denied", "the token `" + token.name + "` (" + token.id + ") " + what,
                    "have a new one made: `tidemark token create NAME`");
}

Error locked(std::chrono::seconds wait) {
  return user_error("access.locked", "too many wrong tokens came from this address",
                    "it is heard again in " + std::to_string(wait.count()) + "s");
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= name_length_max &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

Status check(const NewToken& token) {
  if (!is_name(token.name)) {
    return user_error("user.bad_token", "a token's name is a word of at most 100 bytes",
                      "name who or what it is for, for example `ci`");
  }
  const auto wrong = std::find_if_not(token.jobs.begin(), token.jobs.end(), is_name);
  if (wrong != token.jobs.end() || token.jobs.size() > jobs_max) {
    return user_error("user.bad_token",
                      wrong == token.jobs.end() ? "a token is for at most 100 patterns of jobs"
                                                : "`" + *wrong + "` is no pattern of jobs",
                      "write the name of a job, or part of it with `*`: 'sales_*'");
  }
  if (token.lifetime && token.lifetime->count() <= 0)
    return user_error("user.bad_token", "a token lives for some time", "write for example 90d");
  return {};
}

}  // namespace

Result<std::unique_ptr<StoreAccess>> StoreAccess::open(std::unique_ptr<SqlDatabase> database,
                                                       AuditLog::Keep audit, const Clock& clock) {
  TM_CHECK(migrate(*database, store_migrations()));
  return std::unique_ptr<StoreAccess>(new StoreAccess(std::move(database), audit, clock));
}

std::shared_ptr<const StoreAccess::Known> StoreAccess::newest() const {
  const std::lock_guard guard(mutex_);
  return known_;
}

bool StoreAccess::is_younger(const Known* than, std::chrono::milliseconds age) const {
  return than != nullptr && clock_.monotonic() - than->at < age;
}

// One reads while the others go on with what is known, as long as it is fresh enough.
Result<std::shared_ptr<const StoreAccess::Known>> StoreAccess::known() {
  auto now = newest();
  if (is_younger(now.get(), read_again_after)) return now;
  std::unique_lock reading(reading_, std::defer_lock);
  if (is_younger(now.get(), seen_within)) {
    if (!reading.try_lock()) return now;
  } else if (!reading.try_lock_for(seen_within)) {
    return internal_error("store.busy", "the store does not tell which tokens there are",
                          Retry::backoff, "ask again in a moment");
  }
  now = newest();  // somebody may have read it meanwhile
  if (is_younger(now.get(), read_again_after)) return now;
  TM_CHECK(read_again());
  return newest();
}

Status StoreAccess::read_again() {
  std::set<std::string> used;
  {
    const std::lock_guard guard(mutex_);
    used.swap(used_);
  }
  // It is for people to see which are in use: nobody waits for it, or is refused without it.
  if (!used.empty()) static_cast<void>(table_.touch({used.begin(), used.end()}));
  auto known = std::make_shared<Known>();
  // The time before the question, so that what is known is never taken for younger than it is.
  known->at = clock_.monotonic();
  TM_TRY(TokensThen all, table_.list());
  known->now = all.now;
  for (TokenRecord& token : all.tokens) {
    std::string id = token.id;
    known->by_id.emplace(std::move(id), std::move(token));
  }
  const std::lock_guard guard(mutex_);
  known_ = std::move(known);
  return {};
}

Result<Principal> StoreAccess::enter(std::string_view bearer, std::string_view peer) {
  // Of what cannot be a token the store is not asked.
  if (!parse_token(bearer)) return enter_by({}, bearer, peer);
  TM_TRY(const std::shared_ptr<const Known> all, known());
  return enter_by(*all, bearer, peer);
}

std::optional<Result<Principal>> StoreAccess::enter_at_once(std::string_view bearer,
                                                            std::string_view peer) {
  const auto text = parse_token(bearer);
  if (!text) return enter_by({}, bearer, peer);
  const auto now = newest();
  if (!is_younger(now.get(), seen_within)) return std::nullopt;
  // One that is not known may have been made since.
  if (!is_younger(now.get(), read_again_after) && !now->by_id.contains(text->id))
    return std::nullopt;
  return enter_by(*now, bearer, peer);
}

Result<Principal> StoreAccess::enter_by(const Known& all, std::string_view bearer,
                                        std::string_view peer) {
  if (bearer.empty()) return denied();
  const std::optional<TokenText> text = parse_token(bearer);
  const auto found = text ? all.by_id.find(text->id) : all.by_id.end();
  if (found == all.by_id.end() || !are_same(text->hash(), found->second.hash)) {
    if (const auto wait = lockout_.locked_for(peer)) return locked(*wait);
    lockout_.wrong(peer);
    return denied();
  }
  const TokenRecord& token = found->second;
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.monotonic() - all.at);
  const UtcMicros now(all.now.get() + since.count());
  const std::optional<Role> role = role_of(token.role);
  if (!token.is_live(now) || !role) return ended(token);
  remember_use(token, now);
  return Principal{token.id, token.name, *role, token.jobs};
}

void StoreAccess::remember_use(const TokenRecord& token, UtcMicros now) {
  const std::int64_t told = token.used_at ? token.used_at->get() : 0;
  if (now.get() - told < std::chrono::microseconds(use_told_every).count()) return;
  const std::lock_guard guard(mutex_);
  used_.insert(token.id);
}

Status StoreAccess::note(const Deed& deed) {
  if (!deed.is_refusal) return log_.append(entry_of(deed));
  refused_.add(deed);
  return {};
}

Result<MadeToken> StoreAccess::make(const NewToken& token, Deed by) {
  TM_CHECK(check(token));
  TokenText text = new_token();
  TokenRecord record;
  record.id = text.id;
  record.name = token.name;
  record.role = to_string(token.role);
  record.jobs = token.jobs;
  record.hash = text.hash();
  record.made_by = by.name;
  by.what = "token.create";
  by.on = token.name + " " + text.id;
  TM_TRY(record, table_.add(std::move(record), token.lifetime, entry_of(by)));
  return MadeToken{std::move(record), std::move(text.text)};
}

Result<TokenRecord> StoreAccess::revoke(const std::string& id, Deed by) {
  by.what = "token.revoke";
  by.on = id;
  return table_.revoke(id, entry_of(by));
}

}  // namespace tidemark
