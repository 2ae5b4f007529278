// What an address means for TLS. Pure; any thread.
#pragma once

#include "drivers/mysql/address.h"
#include "env/tls_trust.h"

namespace tidemark::mysql {

// How far its sessions are safe from who is in between.
TlsTrust tls_trust(const Address& address);

}  // namespace tidemark::mysql
