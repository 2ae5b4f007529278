#include "drivers/redis/connection.h"

#include <hiredis/hiredis.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/redact.h"
#include "observe/statement_log.h"

namespace tidemark::redis {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct ContextDeleter {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct ReplyDeleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using ContextHandle = std::unique_ptr<redisContext, ContextDeleter>;
using ReplyHandle = std::unique_ptr<redisReply, ReplyDeleter>;

timeval time_of(std::chrono::milliseconds duration) {
  timeval time{};
  time.tv_sec = static_cast<time_t>(duration.count() / 1000);
  time.tv_usec = static_cast<suseconds_t>(duration.count() % 1000 * 1000);
  return time;
}

Reply reply_of(const redisReply& raw) {
  Reply reply;
  switch (raw.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      reply.kind = Reply::Kind::text;
      reply.text.assign(raw.str, raw.len);
      break;
    case REDIS_REPLY_ERROR:
      reply.kind = Reply::Kind::refusal;
      reply.text.assign(raw.str, raw.len);
      break;
    case REDIS_REPLY_INTEGER:
      reply.kind = Reply::Kind::integer;
      reply.integer = raw.integer;
      break;
    case REDIS_REPLY_ARRAY:
      reply.kind = Reply::Kind::list;
      for (std::size_t i = 0; i < raw.elements; ++i)
        reply.list.push_back(reply_of(*raw.element[i]));
      break;
    default:
      break;
  }
  return reply;
}

// What is asked, without what it is asked of: `GET SET`.
std::string verbs_of(const std::vector<Command>& commands) {
  std::string text;
  for (const Command& command : commands)
    text += (text.empty() ? "" : " ") + std::string(command.empty() ? "" : command.front());
  return text;
}

}  // namespace

struct Connection::Impl {
  ContextHandle context;
  std::string name;
  Secret password;  // as it was told to the server, which may repeat it
  std::chrono::milliseconds answer_max{};
  bool lost = false;

  Error away(const std::string& why) {
    lost = true;
    return internal_error("cache.away",
                          "the cache " + name + " does not answer: " + redact(why, password),
                          Retry::reconnect);
  }
  Error failure() {
    const bool is_silent = context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EINTR);
    return away(is_silent ? "it is silent" : context->errstr);
  }
  Status send(const std::vector<Command>& commands, SteadyClock::time_point deadline) {
    for (const Command& command : commands) {
      std::vector<const char*> words;
      std::vector<std::size_t> sizes;
      for (const std::string_view word : command) {
        words.push_back(word.data());
        sizes.push_back(word.size());
      }
      if (redisAppendCommandArgv(context.get(), static_cast<int>(words.size()), words.data(),
                                 sizes.data()) != REDIS_OK)
        return failure();
    }
    for (int done = 0; done == 0;) {
      if (redisBufferWrite(context.get(), &done) != REDIS_OK) return failure();
      if (done == 0 && SteadyClock::now() > deadline) return away("it takes too long");
    }
    return {};
  }
  Result<Reply> receive(SteadyClock::time_point deadline) {
    while (true) {
      void* raw = nullptr;
      if (redisGetReplyFromReader(context.get(), &raw) != REDIS_OK) return failure();
      if (raw != nullptr) {
        Reply reply = reply_of(*ReplyHandle(static_cast<redisReply*>(raw)));
        if (reply.kind == Reply::Kind::refusal) reply.text = redact(reply.text, password);
        return reply;
      }
      if (SteadyClock::now() > deadline) return away("it takes too long");
      if (redisBufferRead(context.get()) != REDIS_OK) return failure();
    }
  }
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

Result<std::unique_ptr<Connection>> Connection::connect(const ConnectOptions& options) {
  auto impl = std::make_unique<Impl>();
  const Address& address = options.address;
  impl->name = address.text();
  impl->answer_max = options.answer_max;
  impl->context.reset(redisConnectWithTimeout(address.host.c_str(), address.port,
                                              time_of(options.connect_timeout)));
  if (impl->context == nullptr) return impl->away("no memory");
  if (impl->context->err != 0) return impl->away(impl->context->errstr);
  if (redisSetTimeout(impl->context.get(), time_of(options.silence_max)) != REDIS_OK)
    return impl->failure();
  std::unique_ptr<Connection> connection(new Connection(std::move(impl)));
  const std::string database = std::to_string(address.database);
  TM_TRY(const Secret password, options.password.now());
  connection->impl_->password = password;
  std::vector<Command> greeting;
  if (!password.empty()) {
    greeting.push_back({"AUTH"});
    if (!address.user.empty()) greeting.back().push_back(address.user);
    greeting.back().push_back(password.reveal());
  }
  greeting.push_back({"SELECT", database});
  TM_TRY(const std::vector<Reply> replies, connection->ask(greeting));
  for (const Reply& reply : replies) {
    if (reply.kind == Reply::Kind::refusal) return refused(reply);
  }
  return connection;
}

Result<std::vector<Reply>> Connection::ask(const std::vector<Command>& commands) {
  std::string told;
  if (process_log().tells(LogLevel::trace, LogComponent::redis)) told = verbs_of(commands);
  const StatementLog log(LogComponent::redis, told);
  if (impl_->lost) return impl_->away("the session was lost");
  const SteadyClock::time_point deadline = SteadyClock::now() + impl_->answer_max;
  TM_CHECK(impl_->send(commands, deadline));
  std::vector<Reply> replies;
  for (std::size_t i = 0; i < commands.size(); ++i) {
    TM_TRY(Reply reply, impl_->receive(deadline));
    replies.push_back(std::move(reply));
  }
  return replies;
}

Error refused(const Reply& reply) {
  return internal_error("cache.refused", "the cache refuses: " + reply.text, Retry::backoff);
}

}  // namespace tidemark::redis
