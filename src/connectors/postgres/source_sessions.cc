#include "connectors/postgres/source_sessions.h"

#include <utility>

namespace tidemark::postgres {
namespace {

// What is changed at the server for new sessions only, as `alter role ... set`, holds after that.
constexpr std::chrono::minutes age_max{10};
// In the server's list, while nobody uses it.
constexpr const char* name_of_idle = "tidemark idle";

std::string key_of(const ConnectOptions& options) {
  const Secret& password = options.password;
  std::string key = options.conninfo + '\0' +
                    (password.written().empty() ? password.reveal() : password.written());
  for (const auto& [name, value] : options.settings)
    key += '\0' + name + '=' + value;
  return key;
}

// The name of the run is a setting, which cleaning takes away.
ConnectOptions to_be_kept(const ConnectOptions& options) {
  ConnectOptions made = options;
  made.application_name = name_of_idle;
  made.settings.emplace_back("application_name", options.application_name);
  return made;
}

}  // namespace

std::unique_ptr<Connection> kept_session(const SessionAccess& access, Cancel& cancel) {
  if (access.guard == nullptr) return nullptr;
  const std::string key = key_of(access.options);
  auto kept = access.guard->take_kept(access.job, key);
  if (!kept) return nullptr;
  // It was kept as this type, by let_go().
  auto holder = std::static_pointer_cast<std::unique_ptr<Connection>>(std::move(kept));
  std::unique_ptr<Connection> session = std::move(*holder);
  // One that does not answer costs some seconds, and those beside it would too.
  if (!session->set_up(to_be_kept(access.options), cancel).ok()) return nullptr;
  return session;
}

Result<std::unique_ptr<Connection>> open_session(const SessionAccess& access, Cancel& cancel) {
  if (access.guard == nullptr) return Connection::connect(access.options, cancel);
  if (auto kept = kept_session(access, cancel)) return kept;
  return Connection::connect(to_be_kept(access.options), cancel);
}

void let_go(const SessionAccess& access, std::unique_ptr<Connection> session) {
  const bool may_be_kept = session && access.guard != nullptr && session->admitted() &&
                           session->age() < age_max && session->clean();
  if (!may_be_kept) return;
  std::shared_ptr<void> place = session->admitted();
  access.guard->keep(key_of(access.options),
                     std::make_shared<std::unique_ptr<Connection>>(std::move(session)),
                     std::move(place));
}

}  // namespace tidemark::postgres
