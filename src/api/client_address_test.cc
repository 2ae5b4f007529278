#include "api/client_address.h"

#include <gtest/gtest.h>

#include <utility>

namespace tidemark {
namespace {

std::string client(const std::string& peer, const std::vector<std::string>& forwarded,
                   const std::vector<std::string>& networks = {"10.0.0.0/8", "::1"}) {
  std::vector<IpNetwork> proxies;
  for (const std::string& network : networks)
    proxies.push_back(IpNetwork::parse(network).value());
  HttpRequest request;
  request.peer = peer;
  for (const std::string& value : forwarded)
    request.headers.push_back({"x-forwarded-for", value});
  request.headers.push_back({"forwarded", "for=192.0.2.60"});
  request.headers.push_back({"x-real-ip", "192.0.2.61"});
  return client_address(request, proxies);
}

TEST(ClientAddressTest, StrangersAreNotBelieved) {
  EXPECT_EQ(client("192.0.2.1", {"198.51.100.7"}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7"}, {}), "10.0.0.1");
  EXPECT_EQ(client("", {"198.51.100.7"}), "");
}

TEST(ClientAddressTest, AProxyIs) {
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("::1", {"2001:db8::7"}), "2001:db8::7");
  EXPECT_EQ(client("::ffff:10.0.0.1", {"198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {}), "10.0.0.1");
}

TEST(ClientAddressTest, WhatTheClientWroteItselfIsNot) {
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, 198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9", "198.51.100.7"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"10.9.9.9, 198.51.100.7"}), "198.51.100.7");
}

TEST(ClientAddressTest, SeveralProxiesAreGoneThrough) {
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9,198.51.100.7 , 10.0.0.3,10.0.0.2"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7", "10.0.0.3", "10.0.0.2"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}), "10.0.0.3") << "one within";
}

TEST(ClientAddressTest, PortsAreLeftOutAndWordsEndIt) {
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7:4711"}), "198.51.100.7");
  EXPECT_EQ(client("10.0.0.1", {"[2001:db8::7]:4711"}), "2001:db8::7");
  for (const char* wrong : {"unknown", "", ",", "[", "[]", "_hidden", "198.51.100", "1:2:3"})
    EXPECT_EQ(client("10.0.0.1", {"198.51.100.7", wrong}), "10.0.0.1") << wrong;
  EXPECT_EQ(client("10.0.0.1", {"198.51.100.7, unknown, 10.0.0.2"}), "10.0.0.2");
}

}  // namespace
}  // namespace tidemark
