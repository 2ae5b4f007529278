#include "env/local_host.h"

#include <gtest/gtest.h>

namespace tidemark {
namespace {

TEST(LocalHostTest, ThisMachineByItsAddressesAndNoOther) {
  for (const char* host : {"", "/var/run/postgresql", "@socket", "localhost", "LocalHost",
                           "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"})
    EXPECT_TRUE(is_local_host(host)) << host;
  for (const char* host :
       {"db.example", "localhost.example", "10.0.0.1", "128.0.0.1", "0.0.0.0", "::", "::2",
        "::ffff:10.0.0.1", "127.0.0.1.example", "127.1", "localhost."})
    EXPECT_FALSE(is_local_host(host)) << host;
}

}  // namespace
}  // namespace tidemark
