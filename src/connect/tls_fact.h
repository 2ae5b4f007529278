// What a connection's state tells of how far it is safe from who is in between. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connect/connector.h"
#include "env/tls_trust.h"

namespace tidemark {

// Adds what is to be told; of a server on this machine that is nothing.
void add_tls_fact(TlsTrust trust, ConnectionState& state);

// Such a fact among these, that a person should change: nothing where all is well.
std::optional<std::string> tls_fault(const ConnectionState& state);

// What is told of it, and what to do.
std::string_view to_string(TlsTrust trust);
extern const char* const tls_remedy;

}  // namespace tidemark
