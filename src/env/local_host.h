// Whether a server that a connection names is on this machine, so that nobody is in between.
//
// Pure; no thread rule.
#pragma once

#include <string_view>

namespace tidemark {

// One host as it is written: a folder of Unix sockets, nothing (which means one), `localhost`, or a
// loopback address. No name but `localhost` is, whatever it leads to.
bool is_local_host(std::string_view host);

}  // namespace tidemark
