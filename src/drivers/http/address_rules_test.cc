#include "drivers/http/address_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace tidemark {
namespace {

Status check(const AddressRules& rules, const std::string& text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return rules.check(*address, "a.test");
}

TEST(AddressRulesTest, RefusesWhatIsNotOfTheInternet) {
  for (const std::string text : {
           "0.0.0.0",
           "0.1.2.3",
           "10.0.0.1",
           "10.255.255.255",
           "100.64.0.1",
           "100.127.255.255",
           "127.0.0.1",
           "127.255.255.254",
           "169.254.169.254",
           "169.254.0.1",
           "172.16.0.1",
           "172.31.255.255",
           "192.0.0.1",
           "192.0.2.1",
           "192.88.99.1",
           "192.168.0.1",
           "192.168.255.255",
           "198.18.0.1",
           "198.19.255.255",
           "198.51.100.1",
           "203.0.113.1",
           "224.0.0.1",
           "239.255.255.255",
           "240.0.0.1",
           "255.255.255.255",
           "::",
           "::1",
           "::ffff:127.0.0.1",
           "::ffff:a9fe:a9fe",
           "::ffff:10.0.0.1",
           "::127.0.0.1",
           "::ffff:0:127.0.0.1",
           "64:ff9b::a9fe:a9fe",
           "64:ff9b::8.8.8.8",
           "64:ff9b:1::1",
           "100::1",
           "2001::1",
           "2001:10::1",
           "2001:db8::1",
           "2002:a00:1::1",
           "3fff::1",
           "4000::1",
           "fc00::1",
           "fd12:3456::1",
           "fe80::1",
           "febf::1",
           "fec0::1",
           "ff02::1",
       }) {
    const Status status = check({}, text);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ("http.address_refused", status.error().code);
    EXPECT_NE(std::string::npos, status.error().message.find("a.test has the address "));
  }
}

TEST(AddressRulesTest, LeavesTheInternet) {
  for (const std::string text : {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",
                                 "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
                                 "126.255.255.255", "128.0.0.0",       "169.253.255.255",
                                 "169.255.0.0",     "172.15.255.255",  "172.32.0.0",
                                 "192.0.1.0",       "192.167.255.255", "192.169.0.0",
                                 "198.17.255.255",  "198.20.0.0",      "223.255.255.255",
                                 "::ffff:8.8.8.8",  "2001:200::1",     "2001:4860:4860::8888",
                                 "2003::1",         "2606:4700::1111", "3ffe::1"})
    EXPECT_TRUE(check({}, text).ok()) << text;
}

TEST(AddressRulesTest, AllowsWhatTheProjectNames) {
  const auto rules = AddressRules::allowing(
      {"10.1.0.0/16", "127.0.0.1", "fd12::/48", "::ffff:192.168.1.1", "64:ff9b::/96"});
  ASSERT_TRUE(rules.ok());
  for (const std::string text : {"10.1.0.1", "::ffff:10.1.255.255", "127.0.0.1", "fd12::1",
                                 "192.168.1.1", "64:ff9b::a00:1", "8.8.8.8"})
    EXPECT_TRUE(check(*rules, text).ok()) << text;
  for (const std::string text :
       {"10.2.0.1", "10.0.255.255", "127.0.0.2", "fd12:0:1::1", "192.168.1.2", "::1", "::7f00:1"})
    EXPECT_FALSE(check(*rules, text).ok()) << text;
  const auto odd = AddressRules::allowing({"10.128.0.0/9"});
  EXPECT_TRUE(check(*odd, "10.255.0.1").ok());
  EXPECT_FALSE(check(*odd, "10.127.255.255").ok());
}

TEST(AddressRulesTest, CredentialsOfACloudAreAllowedByNameAlone) {
  const auto around =
      AddressRules::allowing({"169.254.0.0/16", "fc00::/7", "100.64.0.0/10", "0.0.0.0/0", "::/0"});
  for (const std::string text : {"169.254.169.254", "::ffff:a9fe:a9fe", "169.254.170.2",
                                 "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"})
    EXPECT_FALSE(check(*around, text).ok()) << text;
  EXPECT_TRUE(check(*around, "169.254.169.253").ok());
  EXPECT_TRUE(check(*AddressRules::allowing({"169.254.169.254"}), "169.254.169.254").ok());
}

TEST(AddressRulesTest, WithinNetworksTheInternetIsRefusedToo) {
  const auto rules = AddressRules::within({"10.1.0.0/16", "8.8.8.0/24", "169.254.0.0/16"});
  ASSERT_TRUE(rules.ok());
  for (const std::string text : {"10.1.0.1", "8.8.8.8", "169.254.169.253"})
    EXPECT_TRUE(check(*rules, text).ok()) << text;
  for (const std::string text :
       {"1.1.1.1", "8.8.9.8", "2606:4700::1111", "10.2.0.1", "127.0.0.1", "169.254.169.254"}) {
    const Status status = check(*rules, text);
    ASSERT_FALSE(status.ok()) << text;
    EXPECT_EQ("http.address_refused", status.error().code);
  }
  EXPECT_FALSE(check(*AddressRules::within({}), "8.8.8.8").ok());
  EXPECT_EQ("http.bad_network", AddressRules::within({"here"}).error().code);
}

TEST(AddressRulesTest, RefusesNetworksThatAreNone) {
  for (const std::string text : {"", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x",
                                 "localhost", "::/129", "10.0.0.0/8/8", "0x7f.0.0.1"}) {
    const auto rules = AddressRules::allowing({text});
    ASSERT_FALSE(rules.ok()) << text;
    EXPECT_EQ("http.bad_network", rules.error().code);
  }
}

}  // namespace
}  // namespace tidemark
