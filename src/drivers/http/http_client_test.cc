#include "drivers/http/http_client.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "drivers/http/certificates_test.h"
#include "drivers/http/scripted_server_test.h"
#include "drivers/http/test_service_test.h"

namespace tidemark::testing {
namespace {

using namespace std::chrono_literals;

const SystemClock system_clock;

// What may be reached in these tests. One certificate is read sooner than all of the system's.
HttpClientOptions local() {
  static const Certificates certificates;
  return {.rules = AddressRules::allowing({"127.0.0.1"}).value(),
          .ca_file = certificates.authority()};
}

Result<HttpResponse> call(HttpClientOptions options, const HttpCall& what) {
  auto client = HttpClient::make(system_clock, std::move(options));
  EXPECT_TRUE(client.ok());
  const Cancel cancel;
  return client.value()->call(what, cancel);
}

std::string code(const Result<HttpResponse>& answer) {
  return answer.ok() ? "status " + std::to_string(answer.value().status) : answer.error().code;
}

std::string ok(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\n" + more + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST(HttpClientTest, SendsARequestAndReadsTheAnswer) {
  ScriptedServer server({ok("hello", "X-One:  two \r\n")});
  const auto answer = call(local(), {.method = "POST",
                                     .url = server.url("/a?b=c"),
                                     .headers = {{"X-Three", "four"}},
                                     .body = "body"});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ("hello", answer.value().body);
  EXPECT_EQ("x-one", answer.value().headers[0].name);
  EXPECT_EQ("two", answer.value().headers[0].value);
  EXPECT_EQ("POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nConnection: close\r\nX-Three: four\r\nContent-Length: 4\r\n\r\nbody",
            server.requests()[0]);
}

TEST(HttpClientTest, ReadsEveryKindOfAnswer) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n",
       "abcd"},
      {"HTTP/1.0 200 OK\r\n\r\nuntil it closes", "until it closes"},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" + ok("x"), "x"},
      {"HTTP/1.1 204 No Content\r\n\r\n", ""},
      {"HTTP/1.1 500\r\nContent-Length: 2\r\n\r\nno", "no"},
      {ok("x") + "more", "x"},
  };
  for (const auto& [text, body] : cases) {
    ScriptedServer server({text});
    const auto answer = call(local(), {.url = server.url()});
    ASSERT_TRUE(answer.ok()) << text << answer.error().describe();
    EXPECT_EQ(body, answer.value().body);
  }
  ScriptedServer server({"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"});
  EXPECT_EQ("status 200", code(call(local(), {.method = "HEAD", .url = server.url()})));
}

TEST(HttpClientTest, RefusesAnswersThatAreNotWholeOrNotRight) {
  for (const std::string& text :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        std::string("HTTP/1.1 200 OK\r\n"), std::string("SSH-2.0-OpenSSH\r\n\r\n"),
        std::string("HTTP/1.1 abc\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nA b\r\n\r\n"),
        ok("abc", "Content-Length: 3\r\n"), ok("abc", "Transfer-Encoding: chunked\r\n"),
        "HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'b') + "\r\n\r\n"}) {
    ScriptedServer server({text});
    EXPECT_EQ("http.bad_answer", code(call(local(), {.url = server.url()}))) << text.substr(0, 60);
  }
}

TEST(HttpClientTest, TakesNoMoreThanItsLimit) {
  for (const std::string& text :
       {std::string("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n..."),
        std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n..."),
        "HTTP/1.1 200 OK\r\n\r\n" + std::string(1001, 'x') + "..."}) {
    ScriptedServer server({text});
    HttpClientOptions options = local();
    options.answer_bytes_max = 1000;
    EXPECT_EQ("http.answer_too_large", code(call(options, {.url = server.url()})));
  }
  ScriptedServer server({ok(std::string(1000, 'x'))});
  HttpClientOptions options = local();
  options.answer_bytes_max = 1000;
  EXPECT_EQ("status 200", code(call(options, {.url = server.url()})));
}

TEST(HttpClientTest, GoesNowhereThatIsNotAllowed) {
  ScriptedServer server({});
  const std::string port = std::to_string(server.port());
  HttpClientOptions options = local();
  options.rules = {};
  for (const std::string host :
       {"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0",
        "169.254.169.254", "[64:ff9b::7f00:1]", "10.0.0.1", "[fe80::1]"})
    EXPECT_EQ("http.address_refused",
              code(call(options, {.url = "http://" + host + ":" + port + "/"})))
        << host;
  EXPECT_TRUE(server.requests().empty());
}

TEST(HttpClientTest, ConnectsToTheAddressThatWasChecked) {
  ScriptedServer server({ok("one"), ok("two")});
  int lookups = 0;
  HttpClientOptions options = local();
  // Another address each time it is asked: the second would be refused.
  options.resolve = [&](const std::string& host) -> Result<std::vector<IpAddress>> {
    EXPECT_EQ("rebinding.test", host);
    const bool is_first = ++lookups == 1;
    return std::vector<IpAddress>{*IpAddress::parse(is_first ? "127.0.0.1" : "169.254.169.254")};
  };
  const auto client = HttpClient::make(system_clock, options);
  const Cancel cancel;
  const std::string url = "http://Rebinding.test:" + std::to_string(server.port()) + "/";
  const auto first = client.value()->call({.url = url}, cancel);
  EXPECT_EQ("status 200", code(first));
  EXPECT_EQ(1, lookups);
  EXPECT_NE(std::string::npos, server.requests()[0].find("Host: rebinding.test:"));
  const auto second = client.value()->call({.url = url}, cancel);
  EXPECT_EQ("http.address_refused", code(second));
  EXPECT_EQ(1u, server.requests().size());
}

TEST(HttpClientTest, OneRefusedAddressAmongOthersRefusesTheName) {
  ScriptedServer server({});
  HttpClientOptions options = local();
  options.resolve = [&](const std::string&) -> Result<std::vector<IpAddress>> {
    return std::vector<IpAddress>{*IpAddress::parse("127.0.0.1"), *IpAddress::parse("10.0.0.1")};
  };
  EXPECT_EQ("http.address_refused",
            code(call(options, {.url = "http://a.test:" + std::to_string(server.port())})));
  EXPECT_TRUE(server.requests().empty());
}

// As where a project names networks for it: a name in the Internet is then none of them.
TEST(HttpClientTest, PlainHttpHasRulesOfItsOwn) {
  ScriptedServer server({ok("x")});
  HttpClientOptions options = local();
  options.plain_rules = AddressRules::within({"10.0.0.0/8"}).value();
  options.resolve = [&](const std::string&) -> Result<std::vector<IpAddress>> {
    return std::vector<IpAddress>{*IpAddress::parse("127.0.0.1")};
  };
  const std::string port = std::to_string(server.port());
  EXPECT_EQ("http.address_refused", code(call(options, {.url = "http://a.test:" + port})));
  EXPECT_EQ("http.address_refused", code(call(options, {.url = "http://127.0.0.1:" + port})));
  // Nobody is there, but it is gone to.
  EXPECT_EQ("http.cannot_connect", code(call(options, {.url = "https://a.test:1"})));
  options.plain_rules = AddressRules::within({"127.0.0.1"}).value();
  EXPECT_EQ("status 200", code(call(options, {.url = "http://a.test:" + port})));
  EXPECT_EQ(1u, server.requests().size());
}

TEST(HttpClientTest, TriesEveryAddress) {
  ScriptedServer server({ok("x")});
  HttpClientOptions options;
  options.rules = AddressRules::allowing({"127.0.0.0/8"}).value();
  options.resolve = [&](const std::string&) -> Result<std::vector<IpAddress>> {
    return std::vector<IpAddress>{*IpAddress::parse("127.0.0.2"), *IpAddress::parse("127.0.0.1")};
  };
  EXPECT_EQ("status 200",
            code(call(options, {.url = "http://a.test:" + std::to_string(server.port())})));
}

std::string redirect(const std::string& to) {
  return "HTTP/1.1 302 Found\r\nLocation: " + to + "\r\nContent-Length: 0\r\n\r\n";
}

TEST(HttpClientTest, FollowsNoMoreRedirectsThanItMay) {
  const auto follow = [](std::vector<std::string> answers, const std::string& method = "GET",
                         int redirects_max = 3) {
    ScriptedServer server(std::move(answers));
    HttpClientOptions options = local();
    options.redirects_max = redirects_max;
    return code(call(options, {.method = method, .url = server.url()}));
  };
  const std::string here = "http://127.0.0.1:{port}/";
  EXPECT_EQ("status 200", follow({redirect("/a"), redirect(here), redirect("/b?c"), ok("x")}));
  EXPECT_EQ("http.bad_redirect",
            follow({redirect("/a"), redirect("/a"), redirect("/a"), redirect("/a"), ok("x")}));
  EXPECT_EQ("http.bad_redirect", follow({redirect("https://127.0.0.1:{port}/")}));
  EXPECT_EQ("http.bad_url", follow({redirect("file:///etc/passwd")}));
  // Each is checked as the first was.
  EXPECT_EQ("http.address_refused", follow({redirect("http://127.0.0.2:{port}/")}));
  EXPECT_EQ("http.address_refused", follow({redirect("http://169.254.169.254/latest")}));
  EXPECT_EQ("http.bad_url", follow({redirect("//169.254.169.254/latest")}));
  EXPECT_EQ("status 302", follow({redirect("/a")}, "POST"));
  EXPECT_EQ("status 302", follow({redirect("/a")}, "GET", 0));
}

TEST(HttpClientTest, TellsNoOtherHostItsHeaders) {
  ScriptedServer other({ok("x")});
  ScriptedServer server({redirect("/same"), redirect(other.url())});
  HttpClientOptions options = local();
  options.redirects_max = 2;
  EXPECT_EQ("status 200",
            code(call(options, {.url = server.url(), .headers = {{"Authorization", "Bearer x"}}})));
  EXPECT_NE(std::string::npos, server.requests()[1].find("Bearer x"));
  EXPECT_EQ(std::string::npos, other.requests()[0].find("Bearer x"));
}

TEST(HttpClientTest, WaitsNoLongerThanItMay) {
  for (const std::string text :
       {"", "HTTP/1.1 200 OK\r\nA: ...", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n..."}) {
    ScriptedServer server({text});
    HttpClientOptions options = local();
    options.timeout = 300ms;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ("http.timeout", code(call(options, {.url = server.url()})));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  }
}

TEST(HttpClientTest, WaitsNoLongerForANameEither) {
  const auto gate = std::make_shared<Gate>();
  HttpClientOptions options = local();
  options.timeout = 300ms;
  options.resolve = [gate](const std::string&) -> Result<std::vector<IpAddress>> {
    gate->pass();
    return std::vector<IpAddress>();
  };
  const auto client = HttpClient::make(system_clock, options);
  Cancel cancel;
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ("http.timeout", code(client.value()->call({.url = "http://a.test/"}, cancel)));
  cancel.request();
  EXPECT_EQ("run.cancelled", code(client.value()->call({.url = "http://a.test/"}, cancel)));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  gate->open();
}

TEST(HttpClientTest, StopsWhenItIsCancelled) {
  ScriptedServer server({""});
  const auto client = HttpClient::make(system_clock, local());
  Cancel cancel;
  std::thread stopper([&] {
    std::this_thread::sleep_for(100ms);
    cancel.request();
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ("run.cancelled", code(client.value()->call({.url = server.url()}, cancel)));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
  stopper.join();
}

TEST(HttpClientTest, TellsThatNobodyIsThere) {
  int port = 0;
  {
    const ScriptedServer server({});
    port = server.port();
  }
  const auto answer =
      call(local(), {.url = "http://127.0.0.1:" + std::to_string(port) + "/secret"});
  EXPECT_EQ("http.cannot_connect", code(answer));
  EXPECT_EQ(std::string::npos, answer.error().describe().find("secret"));
  EXPECT_EQ("http.cannot_resolve", code(call(local(), {.url = "http://no-such-host.invalid/"})));
}

TEST(HttpClientTest, VerifiesWhoAnswers) {
  const Certificates certificates;
  const auto answer = [&](const TlsFiles& files, const std::string& host) {
    TestService service({.tls = files});
    HttpClientOptions options = local();
    options.ca_file = certificates.authority();
    options.resolve = [](const std::string&) -> Result<std::vector<IpAddress>> {
      return std::vector<IpAddress>{*IpAddress::parse("127.0.0.1")};
    };
    return call(options, {.method = "POST",
                          .url = "https://" + host + ":" + std::to_string(service.port()) + "/echo",
                          .body = std::string(200'000, 'x')});
  };
  const TlsFiles right = certificates.make("right", "DNS:a.test,IP:127.0.0.1");
  const auto good = answer(right, "a.test");
  ASSERT_TRUE(good.ok()) << good.error().describe();
  EXPECT_EQ(200'000u, good.value().body.size());
  EXPECT_EQ("status 200", code(answer(right, "127.0.0.1")));
  const auto other = answer(right, "b.test");
  EXPECT_EQ("http.tls_failed", code(other));
  EXPECT_NE(std::string::npos, other.error().message.find("hostname mismatch"));
  EXPECT_EQ("http.tls_failed",
            code(answer(certificates.make_self_signed("self", "DNS:a.test"), "a.test")));
  EXPECT_EQ("http.tls_failed",
            code(answer(certificates.make("old", "DNS:a.test", "-days -1"), "a.test")));
}

TEST(HttpClientTest, TrustsNoAuthorityOfItsOwn) {
  const Certificates certificates;
  TestService service({.tls = certificates.make("server", "IP:127.0.0.1")});
  HttpClientOptions options = local();
  options.ca_file.clear();
  EXPECT_EQ("http.tls_failed",
            code(call(options, {.url = "https://127.0.0.1:" + std::to_string(service.port())})));
}

TEST(HttpClientTest, TellsPlainFromTls) {
  const Certificates certificates;
  TestService tls({.tls = certificates.make("server", "IP:127.0.0.1")});
  TestService plain;
  EXPECT_EQ("http.bad_answer",
            code(call(local(), {.url = "http://127.0.0.1:" + std::to_string(tls.port())})));
  EXPECT_EQ("http.tls_failed",
            code(call(local(), {.url = "https://127.0.0.1:" + std::to_string(plain.port())})));
}

TEST(HttpClientTest, SendsNoHeaderThatIsNone) {
  ScriptedServer server({});
  for (const HttpHeader& header : {HttpHeader{"A", "b\r\nC: d"}, HttpHeader{"A: b\r\nC", "d"},
                                   HttpHeader{"", "b"}, HttpHeader{"A", std::string("b\0c", 3)}})
    EXPECT_EQ("http.bad_header", code(call(local(), {.url = server.url(), .headers = {header}})));
  EXPECT_TRUE(server.requests().empty());
}

}  // namespace
}  // namespace tidemark::testing
