#include "store/redis_cache.h"

#include <mutex>
#include <utility>

namespace tidemark {
namespace {

using redis::Command;
using redis::Connection;
using redis::Reply;

constexpr std::size_t idle_max = 16;

Error odd() {
  return internal_error("cache.refused", "the cache refuses: it answers as no Redis 6.2 does",
                        Retry::backoff);
}

Result<CacheTime> time_of(const Reply& reply) {
  if (reply.list.size() != 2) return odd();
  const auto number = [](const std::string& text) {
    return std::strtoll(text.c_str(), nullptr, 10);
  };
  return number(reply.list[0].text) * 1'000'000 + number(reply.list[1].text);
}

Result<std::vector<std::optional<std::string>>> texts_of(Reply reply, std::size_t count) {
  if (reply.list.size() != count) return odd();
  std::vector<std::optional<std::string>> texts;
  for (Reply& one : reply.list) {
    const bool is_there = one.kind == Reply::Kind::text;
    texts.push_back(is_there ? std::optional(std::move(one.text)) : std::nullopt);
  }
  return texts;
}

class RedisCache final : public CacheServer {
 public:
  explicit RedisCache(redis::ConnectOptions options) : options_(std::move(options)) {}

  std::string name() const override { return options_.address.text(); }

  Result<std::vector<std::optional<std::string>>> get(
      const std::vector<std::string>& keys) override {
    TM_TRY(auto replies, ask({words("MGET", keys)}));
    return texts_of(std::move(replies[0]), keys.size());
  }

  Result<Begun> begin(const std::vector<std::string>& generations, const std::string& fresh,
                      const std::string& lock, std::chrono::milliseconds lock_for) override {
    const std::string lock_ms = std::to_string(lock_for.count());
    std::vector<Command> commands{{"SET", lock, fresh, "NX", "PX", lock_ms}, {"TIME"}};
    for (const std::string& generation : generations)
      commands.push_back({"SET", generation, fresh, "NX"});
    commands.push_back(words("MGET", generations));
    TM_TRY(auto replies, ask(commands));
    Begun begun;
    begun.locked = replies[0].kind == Reply::Kind::text;
    TM_TRY(begun.at, time_of(replies[1]));
    TM_TRY(begun.generations, texts_of(std::move(replies.back()), generations.size()));
    return begun;
  }

  Status keep(const std::string& key, const std::string& text, CacheTime until,
              const std::string& lock) override {
    const std::string until_ms = std::to_string(until / 1000);
    TM_CHECK(ask({{"SET", key, text, "PXAT", until_ms}, {"DEL", lock}}));
    return {};
  }

  Result<CacheTime> renew(const std::vector<std::string>& generations,
                          const std::string& fresh) override {
    std::vector<Command> commands;
    for (const std::string& generation : generations)
      commands.push_back({"SET", generation, fresh});
    commands.push_back({"TIME"});
    TM_TRY(const auto replies, ask(commands));
    return time_of(replies.back());
  }

 private:
  static Command words(std::string_view name, const std::vector<std::string>& more) {
    Command command{name};
    command.insert(command.end(), more.begin(), more.end());
    return command;
  }

  // What it refuses is an error, and of what it was asked nothing counts.
  Result<std::vector<Reply>> ask(const std::vector<Command>& commands) {
    TM_TRY(std::unique_ptr<Connection> connection, take());
    auto replies = connection->ask(commands);
    if (!replies.ok()) {
      // Of a server that was restarted all sessions are gone.
      const std::lock_guard lock(mutex_);
      idle_.clear();
      return replies;
    }
    {
      const std::lock_guard lock(mutex_);
      if (idle_.size() < idle_max) idle_.push_back(std::move(connection));
    }
    for (const Reply& reply : *replies) {
      if (reply.kind == Reply::Kind::refusal) return redis::refused(reply);
    }
    return replies;
  }

  Result<std::unique_ptr<Connection>> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto connection = std::move(idle_.back());
        idle_.pop_back();
        return connection;
      }
    }
    return Connection::connect(options_);
  }

  const redis::ConnectOptions options_;
  std::mutex mutex_;  // guards what follows
  std::vector<std::unique_ptr<Connection>> idle_;
};

}  // namespace

std::unique_ptr<CacheServer> make_redis_cache(redis::ConnectOptions options) {
  return std::make_unique<RedisCache>(std::move(options));
}

}  // namespace tidemark
