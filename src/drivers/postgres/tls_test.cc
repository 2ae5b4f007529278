#include <gtest/gtest.h>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/tls.h"

namespace tidemark::postgres {
namespace {

TlsTrust trust(const std::string& conninfo) {
  const auto found = tls_trust(conninfo);
  EXPECT_TRUE(found.ok()) << conninfo;
  return found.ok() ? *found : TlsTrust::none;
}

TEST(TlsTest, OnThisMachineNothingIsAskedForAndElsewhereTls) {
  for (const char* text :
       {"dbname=x", "host=/var/run/postgresql", "host=localhost", "host=127.0.0.1",
        "postgres://me@[::1]/x", "host=127.0.0.1,localhost", "host=db.example hostaddr=127.0.0.1"})
    EXPECT_EQ(trust(text), TlsTrust::local) << text;
  for (const char* text :
       {"host=db.example", "host=10.1.2.3", "postgres://me@db.example/x",
        "host=127.0.0.1,db.example", "host=localhost hostaddr=10.0.0.1", "hostaddr=10.0.0.1",
        "host=db.example sslmode=require", "host=db.example sslmode=verify-ca sslrootcert=ca.pem"})
    EXPECT_EQ(trust(text), TlsTrust::unverified) << text;
}

TEST(TlsTest, WhatIsWrittenCounts) {
  EXPECT_EQ(trust("host=db.example sslmode=disable"), TlsTrust::none);
  EXPECT_EQ(trust("host=db.example sslmode=prefer"), TlsTrust::none);
  EXPECT_EQ(trust("host=db.example sslmode=verify-full"), TlsTrust::verified);
  // Whoever names a certificate wants it looked at.
  EXPECT_EQ(trust("host=db.example sslrootcert=ca.pem"), TlsTrust::verified);
  EXPECT_EQ(trust("host=db.example sslrootcert=ca.pem sslmode=require"), TlsTrust::unverified);
  EXPECT_EQ(tls_trust("host=a password=b").error().code, "postgres.password_in_conninfo");
}

TEST(TlsTest, AKeyFileThatOthersMayReadIsRefusedBeforeAnybodyIsAsked) {
  Cancel cancel;
  ConnectOptions options;
  options.conninfo = "host=127.0.0.1 port=1 dbname=x user=y sslcert=c.pem sslkey=/etc/passwd";
  const auto opened = Connection::connect(options, cancel);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, "env.open_key_file");
}

}  // namespace
}  // namespace tidemark::postgres
