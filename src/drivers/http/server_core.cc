#include "drivers/http/server_core.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "drivers/http/answer_text.h"
#include "drivers/http/session.h"

namespace tidemark {

ServerCore::ServerCore(const Clock& clock_given, HttpServerOptions options_given,
                       HttpHandlers handlers_given, std::shared_ptr<const TlsContext> tls_given,
                       std::unique_ptr<EventLoop> loop_given)
    : clock(clock_given),
      options(std::move(options_given)),
      handlers(std::move(handlers_given)),
      loop(std::move(loop_given)),
      queue(options.threads, options.waiting_max),
      tls(std::move(tls_given)) {}

ServerCore::~ServerCore() = default;

void ServerCore::welcome(Descriptor socket, const std::string& peer,
                         const std::string& address_key) {
  const auto known = addresses.find(address_key);
  const std::size_t of_address = known == addresses.end() ? 0 : known->second;
  if (of_address >= options.connections_per_address_max && !drop_idle(&address_key))
    return turn_away(std::move(socket));
  if (sessions.size() >= options.connections_max && !drop_idle(nullptr))
    return turn_away(std::move(socket));
  const std::uint64_t id = next_session++;
  auto session = std::make_unique<Session>(*this, id, std::move(socket), peer, address_key);
  Session& taken = *session;
  sessions.emplace(id, std::move(session));
  ++addresses[address_key];
  open_sessions = sessions.size();
  taken.progress();
}

void ServerCore::turn_away(Descriptor socket) const {
  // Through TLS it would take a handshake to say why.
  if (tls) return;
  HttpResponse response = handlers.refuse(503, "too many connections: close some, or try later");
  response.status = 503;
  response.headers.push_back({"Retry-After", "1"});
  const std::string text =
      answer_head(response, {.closes = true,
                             .content_length = response.body.size(),
                             .now = static_cast<std::time_t>(clock.now_utc().get() / 1'000'000)}) +
      response.body;
  socket_write(socket.get(), text);
}

bool ServerCore::drop_idle(const std::string* address_key) {
  Session* oldest = nullptr;
  for (const auto& [id, session] : sessions) {
    if (!session->idle_since()) continue;
    if (address_key != nullptr && session->address_key() != *address_key) continue;
    if (oldest == nullptr || *session->idle_since() < *oldest->idle_since()) oldest = session.get();
  }
  if (oldest == nullptr) return false;
  oldest->close();
  return true;
}

void ServerCore::remove(std::uint64_t session) {
  const auto found = sessions.find(session);
  if (found == sessions.end()) return;
  const auto address = addresses.find(found->second->address_key());
  if (--address->second == 0) addresses.erase(address);
  found->second->release();
  if (gone.empty()) loop->post([this] { gone.clear(); });
  gone.push_back(std::move(found->second));
  sessions.erase(found);
  open_sessions = sessions.size();
}

Session* ServerCore::find(std::uint64_t session) {
  const auto found = sessions.find(session);
  return found == sessions.end() ? nullptr : found->second.get();
}

namespace {

// Each session that there is now; what is done with one may end any of them.
template <class Action>
void each_session(ServerCore& core, const Action& action) {
  std::vector<std::uint64_t> ids;
  ids.reserve(core.sessions.size());
  for (const auto& [id, session] : core.sessions)
    ids.push_back(id);
  for (const std::uint64_t id : ids)
    if (Session* session = core.find(id)) action(*session);
}

}  // namespace

void ServerCore::tick() {
  each_session(*this, [](Session& session) { session.check_time(); });
}

void ServerCore::drain() {
  draining = true;
  each_session(*this, [](Session& session) { session.drain(); });
}

void ServerCore::close_all() {
  each_session(*this, [](Session& session) { session.close(); });
}

void ServerCore::nudge(std::uint64_t session) {
  loop->post([this, session] {
    if (Session* found = find(session)) found->progress();
  });
}

}  // namespace tidemark
