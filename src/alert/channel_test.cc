#include "alert/channel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "drivers/http/scripted_server_test.h"
#include "drivers/json/json.h"

namespace tidemark {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ChannelTest : public ::testing::Test {
 protected:
  static AlertMessage message(const std::string& text = "orders failed") {
    AlertNotice notice;
    notice.alert.id = "a1";
    notice.alert.rule = "run_failed";
    notice.alert.subject = "job:orders";
    notice.alert.severity = "critical";
    notice.alert.text = text;
    notice.alert.hint = "`tidemark show`";
    AlertMessage made;
    made.id = "msg_1";
    made.project = "shop";
    made.notices.push_back(notice);
    return made;
  }
  static ChannelSpec spec(ChannelKind kind, const std::string& url) {
    ChannelSpec made;
    made.name.value = "ops";
    made.kind = kind;
    made.url = Secret(url);
    made.networks = {"127.0.0.1"};
    made.deadline = seconds(5);
    return made;
  }
  Status send(const ChannelSpec& spec, const AlertMessage& message) {
    auto channel = make_channel(spec, clock_);
    EXPECT_TRUE(channel.ok()) << (channel.ok() ? "" : channel.error().describe());
    return channel.ok() ? (*channel)->send(message, cancel_) : Status(channel.error());
  }
  static JsonValue body_of(const std::string& request) {
    return parse_json(request.substr(request.find("\r\n\r\n") + 4)).value();
  }
  static std::string header_of(const std::string& request, const std::string& name) {
    const std::size_t at = request.find("\r\n" + name + ": ");
    EXPECT_NE(at, std::string::npos) << name;
    const std::size_t begin = at + name.size() + 4;
    return request.substr(begin, request.find("\r\n", begin) - begin);
  }
  static ChannelSpec command(std::vector<std::string> words, milliseconds deadline = seconds(10)) {
    ChannelSpec made;
    made.name.value = "script";
    made.kind = ChannelKind::command;
    made.command = std::move(words);
    made.deadline = deadline;
    return made;
  }

  const std::string accepted_ = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";
  SystemClock clock_;
  Cancel cancel_;
};

TEST_F(ChannelTest, AWebhookIsSigned) {
  testing::ScriptedServer server({accepted_});
  ChannelSpec one = spec(ChannelKind::webhook, server.url("/hook"));
  one.key = Secret("whsec_c2VjcmV0");  // `secret`
  ASSERT_TRUE(send(one, message()).ok());
  const std::string request = server.requests().at(0);
  EXPECT_TRUE(request.starts_with("POST /hook HTTP/1.1\r\n"));
  EXPECT_EQ(header_of(request, "webhook-id"), "msg_1");
  const std::string body = request.substr(request.find("\r\n\r\n") + 4);
  EXPECT_EQ(header_of(request, "webhook-signature"),
            signature_of("secret", "msg_1", header_of(request, "webhook-timestamp"), body));
  const JsonValue document = body_of(request);
  EXPECT_EQ(*document.find("version")->integer(), 1);
  const JsonValue& alert = document.find("alerts")->array()->front();
  EXPECT_EQ(*alert.find("text")->string(), "orders failed");
  EXPECT_EQ(*alert.find("state")->string(), "firing");
}

// As another implementation signs: Python's hmac, with the example of standardwebhooks.com's form.
TEST_F(ChannelTest, TheSignatureIsThatOfTheStandard) {
  EXPECT_EQ(signature_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek",
                         "1614265330", R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST_F(ChannelTest, AnAnswerThatIsNoSuccessIsAnErrorWithoutSecrets) {
  testing::ScriptedServer server({"HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\nsecret"});
  const Status sent = send(spec(ChannelKind::webhook, server.url("/secret")), message());
  ASSERT_FALSE(sent.ok());
  EXPECT_NE(sent.error().describe().find("500"), std::string::npos);
  EXPECT_EQ(sent.error().describe().find("secret"), std::string::npos);
}

TEST_F(ChannelTest, AnAddressWithinIsRefusedUnlessItIsNamed) {
  testing::ScriptedServer server({accepted_});
  ChannelSpec one = spec(ChannelKind::webhook, server.url());
  one.networks.clear();
  EXPECT_EQ(send(one, message()).error().code, "alert.plain_http");
  one.url = Secret("https" + server.url().substr(std::string("http").size()));
  EXPECT_EQ(send(one, message()).error().code, "http.address_refused");
  one.url = Secret("https://169.254.169.254/latest/meta-data");
  EXPECT_EQ(send(one, message()).error().code, "http.address_refused");
  // Networks are named, and the Internet is none of them.
  one.networks = {"10.0.0.0/8"};
  one.url = Secret("http://192.0.1.1/hook");
  one.deadline = milliseconds(300);
  EXPECT_EQ(send(one, message()).error().code, "http.address_refused");
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(ChannelTest, WhatHangsEndsWithItsDeadline) {
  testing::ScriptedServer server({""});
  ChannelSpec one = spec(ChannelKind::webhook, server.url());
  one.deadline = milliseconds(300);
  EXPECT_EQ(send(one, message()).error().code, "http.timeout");
}

TEST_F(ChannelTest, AnIncidentIsOneWhicheverServerTellsOfIt) {
  testing::ScriptedServer server({accepted_, accepted_, accepted_});
  ChannelSpec one = spec(ChannelKind::pagerduty, server.url());
  one.key = Secret("routing");
  AlertMessage told = message();
  AlertNotice& notice = told.notices.front();
  notice.alert.server = "here/1/2/3";
  ASSERT_TRUE(send(one, told).ok());
  notice.alert.server = "elsewhere/4/5/6";
  told.project = "in-another-folder";
  notice.kind = MessageKind::resolved;
  ASSERT_TRUE(send(one, told).ok());
  // The next of the same rule and subject is another.
  notice.alert.id = "a2";
  notice.kind = MessageKind::firing;
  ASSERT_TRUE(send(one, told).ok());
  std::vector<std::string> keys;
  for (const std::string& request : server.requests())
    keys.emplace_back(*body_of(request).find("dedup_key")->string());
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0], "tidemark/run_failed/job:orders/a1");
  EXPECT_EQ(keys[1], keys[0]);
  EXPECT_EQ(keys[2], "tidemark/run_failed/job:orders/a2");
}

TEST_F(ChannelTest, ToSlackNothingBecomesALinkOrACallOfAll) {
  testing::ScriptedServer server({accepted_});
  const Status sent =
      send(spec(ChannelKind::slack, server.url()), message("<!channel> & <https://evil|click>"));
  ASSERT_TRUE(sent.ok());
  const JsonValue document = body_of(server.requests().at(0));
  const std::string text = *document.find("text")->string();
  EXPECT_NE(text.find("&lt;!channel&gt; &amp; "), std::string::npos);
  EXPECT_EQ(text.find('<'), std::string::npos);
  EXPECT_EQ(document.find("blocks")->array()->size(), 1U);
}

TEST_F(ChannelTest, ToSlackALongTextIsCut) {
  testing::ScriptedServer server({accepted_});
  std::string text;
  for (int letter = 0; letter < 5'000; ++letter)
    text += "\xc3\xa4";
  ASSERT_TRUE(send(spec(ChannelKind::slack, server.url()), message(text)).ok());
  const JsonValue document = body_of(server.requests().at(0));
  EXPECT_LT(document.find("text")->string()->size(), 3'000U);
}

TEST_F(ChannelTest, ACommandHasTheDocumentAndLittleElse) {
  const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("alert-command-" + std::to_string(::getpid()));
  ::setenv("TIDEMARK_TEST_SECRET", "hidden", 1);
  const Status sent =
      send(command({"/bin/sh", "-c", "cat > \"$1\"; env >> \"$1\"", "sh", file.string()}),
           message("orders; touch $(x)"));
  ::unsetenv("TIDEMARK_TEST_SECRET");
  ASSERT_TRUE(sent.ok()) << sent.error().describe();
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  std::filesystem::remove(file);
  EXPECT_NE(text.str().find("\"orders; touch $(x)\""), std::string::npos);
  EXPECT_EQ(text.str().find("hidden"), std::string::npos);
  EXPECT_NE(text.str().find("PATH="), std::string::npos);
}

TEST_F(ChannelTest, ACommandThatDoesNotReadIsNoMatter) {
  EXPECT_TRUE(send(command({"/bin/true"}), message(std::string(1'000'000, 'x'))).ok());
}

TEST_F(ChannelTest, ACommandThatFailsIsToldShort) {
  const Status sent =
      send(command({"/bin/sh", "-c", "yes no | head -c 100000 >&2; exit 7"}), message());
  ASSERT_FALSE(sent.ok());
  EXPECT_NE(sent.error().message.find("ended with 7"), std::string::npos);
  EXPECT_LT(sent.error().message.size(), 400U);
  EXPECT_EQ(sent.error().message.find('\n'), std::string::npos);
  EXPECT_EQ(send(command({"/no/such/program"}), message()).error().fault, Fault::user);
}

TEST_F(ChannelTest, ACommandThatHangsIsEndedWithAllOfIt) {
  const auto begun = std::chrono::steady_clock::now();
  const Status sent =
      send(command({"/bin/sh", "-c", "sleep 60 & sleep 60"}, milliseconds(200)), message());
  ASSERT_FALSE(sent.ok());
  EXPECT_NE(sent.error().message.find("deadline"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(20));
  cancel_.request();
  EXPECT_EQ(send(command({"/bin/sleep", "60"}), message()).error().code, "run.cancelled");
}

}  // namespace
}  // namespace tidemark
