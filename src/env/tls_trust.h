// TlsTrust: how far a session with another system is safe from who is in between.
#pragma once

namespace tidemark {

enum class TlsTrust {
  local,       // nobody is in between
  none,        // without TLS, or only where the other side has it
  unverified,  // with TLS; nobody looks whose certificate it is
  verified,
};

}  // namespace tidemark
