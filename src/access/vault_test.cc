#include "access/vault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "drivers/http/certificates_test.h"
#include "drivers/http/http_server.h"
#include "drivers/http/scripted_server_test.h"

namespace tidemark {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using tidemark::testing::ScriptedServer;

const std::string canary = "canary-of-vault";

std::string answer(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string good(const std::string& data) {
  return answer(200, R"({"data": {"data": )" + data + R"(, "metadata": {"version": 3}}})");
}

Result<Secret> get(ScriptedServer& server, const std::string& reference,
                   const std::string& name_space = {}) {
  static const SystemClock clock;
  VaultSpec spec;
  spec.address = server.url("");
  spec.token = Secret("token-canary");
  spec.name_space = name_space;
  return Vault::make(spec, clock).value()->get(reference);
}

TEST(VaultTest, AFieldIsReadAnewEachTime) {
  ScriptedServer server(
      {good(R"({"password": "one", "user": "u"})"), good(R"({"password": "two"})")});
  EXPECT_EQ(get(server, "kv/sales/the shop#password").value().reveal(), "one");
  EXPECT_EQ(get(server, "kv/sales/the shop#password", "team").value().reveal(), "two");
  ASSERT_EQ(server.requests().size(), 2U);
  const std::string first = server.requests()[0];
  EXPECT_THAT(first, StartsWith("GET /v1/kv/data/sales/the%20shop HTTP/1.1\r\n"));
  EXPECT_THAT(first, HasSubstr("\r\nX-Vault-Token: token-canary\r\n"));
  EXPECT_THAT(first, Not(HasSubstr("X-Vault-Namespace")));
  EXPECT_THAT(server.requests()[1], HasSubstr("\r\nX-Vault-Namespace: team\r\n"));
}

struct Refusal {
  std::string answer;
  std::string code;
  std::string told;  // of the message and the hint
};

TEST(VaultTest, WhatIsWrongIsToldAndNeverASecret) {
  const std::string body = R"({"errors": [")" + canary + R"("]})";
  const std::vector<Refusal> refusals{
      {answer(403, body), "vault.denied", "read` on kv/data/shop"},
      {answer(404, R"({"errors": []})"), "vault.unknown", "without `data/`"},
      {answer(404, canary), "vault.unknown", "no such secret"},
      {answer(404,
              R"({"data": {"data": null, "metadata": {"deletion_time": "2026-01-01T00:00:00Z",)"
              R"( "destroyed": false, "version": 4}}})"),
       "vault.deleted", "undelete -versions=4 kv/shop"},
      {answer(404, R"({"data": {"data": null, "metadata": {"destroyed": true, "version": 4}}})"),
       "vault.deleted", "was destroyed"},
      {answer(503, body), "vault.sealed", "vault operator unseal"},
      {answer(500, body), "vault.failed", "status 500"},
      {answer(429, body), "vault.failed", "status 429"},
      {answer(400, body), "vault.failed", "status 400"},
      {"HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:{port}/" + canary +
           "\r\nContent-Length: 0\r\n\r\n",
       "vault.failed", "status 307"},
      {answer(200, "{" + canary), "vault.bad_answer", "no JSON"},
      {answer(200, R"({"data": {"password": ")" + canary + R"("}})"), "vault.bad_answer",
       "version 2"},
      {good(R"({"user": ")" + canary + R"(", "host": "h"})"), "vault.no_field",
       "it has: user, host"},
      {good(R"({"password": [")" + canary + R"("]})"), "vault.no_field", "no text in the field"},
      {good("{}"), "vault.no_field", "it has no fields"},
      {answer(200, std::string(300'000, 'x')), "http.answer_too_large", ""},
  };
  for (const Refusal& refusal : refusals) {
    ScriptedServer server({refusal.answer});
    const auto got = get(server, "kv/shop#password");
    ASSERT_FALSE(got.ok()) << refusal.answer;
    const std::string told = got.error().describe() + " " + got.error().hint;
    EXPECT_EQ(got.error().code, refusal.code) << told;
    EXPECT_THAT(told, HasSubstr(refusal.told));
    EXPECT_THAT(told, HasSubstr("`kv/shop` of Vault"));
    EXPECT_THAT(told, Not(HasSubstr("canary")));
    EXPECT_EQ(got.error().retry == Retry::backoff, refusal.code == "vault.sealed" ||
                                                       refusal.answer.starts_with("HTTP/1.1 5") ||
                                                       refusal.answer.starts_with("HTTP/1.1 429"))
        << told;
  }
}

TEST(VaultTest, AServerThatSaysNothingIsWaitedForTenSeconds) {
  ScriptedServer server({""});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(get(server, "kv/shop#password").error().code, "http.timeout");
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, std::chrono::seconds(9));
  EXPECT_LT(took, std::chrono::seconds(30));
}

TEST(VaultTest, TheTokenIsAskedForEachTimeAndItsFaultIsTold) {
  static const SystemClock clock;
  ScriptedServer server({good(R"({"a": "b"})")});
  int asked = 0;
  VaultSpec spec;
  spec.address = server.url("");
  spec.token = Secret::asked_for("${file:token}", [&asked]() -> Result<Secret> {
    if (++asked == 2) return user_error("spec.no_file", "gone");
    return Secret("one");
  });
  const auto vault = Vault::make(spec, clock).value();
  EXPECT_TRUE(vault->get("kv/a#a").ok());
  EXPECT_EQ(vault->get("kv/a#a").error().code, "spec.no_file");
  EXPECT_EQ(asked, 2);
}

TEST(VaultTest, OnlyWhoShowsTheRightCertificateIsSentTheToken) {
  static const SystemClock clock;
  const tidemark::testing::Certificates certificates;
  const tidemark::testing::Certificates others;
  std::atomic<int> asked = 0;
  HttpHandlers handlers;
  handlers.admit = [](const HttpRequest&) { return HttpAdmission{}; };
  handlers.refuse = [](int status, std::string_view) { return HttpResponse{.status = status}; };
  handlers.handle = [&asked](HttpExchange& exchange) {
    ++asked;
    exchange.answer({200, {}, R"({"data": {"data": {"a": "b"}, "metadata": {}}})"});
  };
  const auto server =
      HttpServer::start(clock, {.tls = certificates.make("vault", "IP:127.0.0.1")}, handlers)
          .value();
  VaultSpec spec;
  spec.address = "https://127.0.0.1:" + std::to_string(server->port());
  spec.token = Secret("t");
  spec.ca = certificates.authority();
  EXPECT_EQ(Vault::make(spec, clock).value()->get("kv/x#a").value().reveal(), "b");
  for (const std::string& ca : {std::string(), others.authority().string()}) {
    spec.ca = ca;
    EXPECT_EQ(Vault::make(spec, clock).value()->get("kv/x#a").error().code, "http.tls_failed");
  }
  EXPECT_EQ(asked, 1);
  spec.ca = "/nowhere";
  EXPECT_EQ(Vault::make(spec, clock).error().code, "tls.ca_unreadable");
}

void expect_no_vault_at(const char* address) {
  static const SystemClock clock;
  VaultSpec spec;
  spec.address = address;
  spec.token = Secret("t");
  const auto got = Vault::make(spec, clock).value()->get("kv/a#b");
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.error().code, "http.address_refused") << got.error().describe();
}

// Where a name such as `localhost` leads elsewhere, too.
TEST(VaultTest, PlainHttpGoesToThisMachineAlone) {
  for (const char* address : {"http://192.0.1.1", "http://10.0.0.1"})
    expect_no_vault_at(address);
}

TEST(VaultTest, NoAddressOfMetadataAndNoneOfThisMachineByANameIsReached) {
  for (const char* address : {"https://169.254.169.254", "https://[fd00:ec2::254]",
                              "https://0.0.0.0", "https://[fe80::1]"})
    expect_no_vault_at(address);
}

}  // namespace
}  // namespace tidemark
