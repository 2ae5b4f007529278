// Looks at a server: may it tell what is in flight, and what is in flight now.
//
// Free functions; blocking. A look needs no session beside the one that asks: whoever looks may
// hold all that its guard allows.
#pragma once

#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/result.h"
#include "connectors/mysql/seen.h"
#include "drivers/mysql/connection.h"

namespace tidemark::mysql {

// Why a server, or this user, cannot tell everything that is in flight; empty: it can.
struct Obstacle {
  std::string what;
  std::string hint;
};
// Why the server may be behind another, for people; empty where nothing says so.
Result<std::string> follows_another(Connection& connection, Cancel& cancel);
Result<Obstacle> find_obstacle(Connection& connection, Cancel& cancel);

// Nothing: the server's list of transactions did not become fresh in time, because somebody else
// reads it all the while. REQUIRES a session in no transaction.
Result<std::optional<Seen>> look(Connection& session, Cancel& cancel);

// What tells this server from others.
Result<std::string> server_identity(Connection& connection, Cancel& cancel);

}  // namespace tidemark::mysql
