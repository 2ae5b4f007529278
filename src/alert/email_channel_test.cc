#include <gtest/gtest.h>

#include <string>

#include "alert/mail_text.h"
#include "drivers/smtp/mail.h"
#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

AlertMessage message(const std::string& subject, const std::string& text) {
  AlertMessage made;
  made.id = "msg_1";
  made.project = "shop";
  made.at = UtcMicros(1'795'269'600'000'000);
  AlertNotice notice;
  notice.alert.rule = "run_failed";
  notice.alert.subject = subject;
  notice.alert.severity = "critical";
  notice.alert.text = text;
  made.notices.push_back(notice);
  return made;
}

EmailSpec spec() {
  EmailSpec email;
  email.from = "tidemark@shop.example";
  email.to = {"ops@shop.example", "boss@shop.example"};
  return email;
}

TEST(MailText, NoAlertMakesAHeaderOrALineOfTheServersLanguage) {
  const std::string evil = "job:x\r\nBcc: thief@evil.example\r\n\r\n.\r\nQUIT";
  const std::string text = mail_text(spec(), message(evil, evil));
  EXPECT_EQ(text.find("thief"), std::string::npos);
  EXPECT_EQ(text.find("QUIT"), std::string::npos);
  const std::size_t end = text.find("\r\n\r\n");
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(text.find("\r\n\r\n", end + 4), std::string::npos);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t line_end = text.find("\r\n", at);
    ASSERT_NE(line_end, std::string::npos);
    EXPECT_LE(line_end - at, 78U);
    EXPECT_NE(text[at], '.');
    at = line_end + 2;
  }
}

TEST(MailText, SaysWhoFromAndWhen) {
  const std::string text = mail_text(spec(), message("job:orders", "orders failed"));
  EXPECT_TRUE(
      text.starts_with("From: Tidemark <tidemark@shop.example>\r\n"
                       "To: ops@shop.example,\r\n boss@shop.example\r\n"));
  EXPECT_NE(text.find("\r\nDate: Sat, 21 Nov 2026 "), std::string::npos) << text;
  EXPECT_NE(text.find("\r\nMessage-ID: <msg_1@tidemark.invalid>\r\n"), std::string::npos);
  std::string body;
  for (const char letter : text.substr(text.find("\r\n\r\n") + 4)) {
    if (letter != '\r' && letter != '\n') body += letter;
  }
  EXPECT_NE(from_base64(body).value_or("").find("orders failed"), std::string::npos);
}

TEST(MailText, AWordOfTheSubjectEndsWithACharacter) {
  std::string subject = "job:";
  for (int letter = 0; letter < 60; ++letter)
    subject += "\xe2\x82\xac";
  const std::string text = mail_text(spec(), message(subject, "it failed"));
  std::string decoded;
  for (std::size_t at = 0; (at = text.find("=?UTF-8?B?", at)) != std::string::npos;) {
    const std::size_t end = text.find("?=", at);
    const std::string word = from_base64(text.substr(at + 10, end - at - 10)).value_or("?");
    EXPECT_NE(static_cast<unsigned char>(word.front()) & 0xc0, 0x80);
    decoded += word;
    at = end;
  }
  EXPECT_NE(decoded.find(subject), std::string::npos);
}

TEST(MailAddress, HasNothingThatEndsAWord) {
  EXPECT_TRUE(smtp::is_address("ops@shop.example"));
  for (const char* const bad : {"", "ops", "@shop.example", "ops@", "a@b@c", "a b@c",
                                "a@b\r\nRCPT TO:<c@d>", "<a@b>", "a@b,c@d", "a@b>"}) {
    EXPECT_FALSE(smtp::is_address(bad)) << bad;
  }
}

}  // namespace
}  // namespace tidemark
