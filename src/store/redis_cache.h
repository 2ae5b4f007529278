// The CacheServer that is a Redis, of version 6.2 or later.
#pragma once

#include <memory>

#include "drivers/redis/connection.h"
#include "store/cache_server.h"

namespace tidemark {

// Connects when it is asked something first, and once for each thread that asks at the same time.
std::unique_ptr<CacheServer> make_redis_cache(redis::ConnectOptions options);

}  // namespace tidemark
