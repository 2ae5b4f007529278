#include "connect/tls_fact.h"

#include <algorithm>

namespace tidemark {
namespace {

constexpr std::string_view name = "TLS";

}  // namespace

const char* const tls_remedy =
    "write `sslmode=verify-full sslrootcert=FILE`, with the certificate of whoever signed the "
    "server's";

std::string_view to_string(TlsTrust trust) {
  switch (trust) {
    case TlsTrust::local:
      return "on this machine";
    case TlsTrust::none:
      return "none for sure: who is in between may read and change all";
    case TlsTrust::unverified:
      return "nobody looks whose server it is: who is in between may stand in for it";
    case TlsTrust::verified:
      return "verified";
  }
  return "";
}

void add_tls_fact(TlsTrust trust, ConnectionState& state) {
  if (trust != TlsTrust::local) state.facts.emplace_back(name, to_string(trust));
}

std::optional<std::string> tls_fault(const ConnectionState& state) {
  const auto fact = std::find_if(state.facts.begin(), state.facts.end(),
                                 [](const auto& one) { return one.first == name; });
  if (fact == state.facts.end() || fact->second == to_string(TlsTrust::verified))
    return std::nullopt;
  return fact->second;
}

}  // namespace tidemark
