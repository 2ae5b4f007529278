// Mail as a channel.
#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "alert/channel.h"
#include "alert/mail_text.h"
#include "drivers/http/address_rules.h"
#include "drivers/smtp/mail.h"
#include "drivers/sodium/sodium.h"

namespace tidemark {
namespace {

// What a line of base64 and one word of a header may have.
constexpr std::size_t line_max = 76;
constexpr std::size_t word_bytes = 39;

std::string in_lines(const std::string& text) {
  std::string lines;
  for (std::size_t at = 0; at < text.size(); at += line_max)
    lines += text.substr(at, line_max) + "\r\n";
  return lines;
}

// As words of RFC 2047, none of which ends within a character.
std::string subject_of(const std::string& title) {
  std::string subject;
  for (std::size_t at = 0; at < title.size();) {
    std::size_t end = std::min(at + word_bytes, title.size());
    while (end < title.size() && (static_cast<unsigned char>(title[end]) & 0xc0) == 0x80)
      --end;
    subject +=
        (at == 0 ? "" : "\r\n ") + ("=?UTF-8?B?" + to_base64(title.substr(at, end - at)) + "?=");
    at = end;
  }
  return subject;
}

// The names of days and months are those of the standard, whatever the locale.
std::string date_of(UtcMicros at) {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  constexpr std::int64_t micros = 1'000'000;
  const std::time_t seconds = at.get() / micros;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y %H:%M:%S +0000", &parts);
  return std::string(days.at(static_cast<std::size_t>(parts.tm_wday))) + ", " +
         std::to_string(parts.tm_mday) + " " + months.at(static_cast<std::size_t>(parts.tm_mon)) +
         " " + text.data();
}

class EmailChannel final : public Channel {
 public:
  EmailChannel(ChannelSpec spec, AddressRules rules)
      : spec_(std::move(spec)), rules_(std::move(rules)) {}

  Status send(const AlertMessage& message, const Cancel& cancel) override {
    const EmailSpec& email = *spec_.email;
    smtp::Server server;
    server.host = email.host;
    server.port = email.port;
    server.tls = tls_of(email.tls);
    server.user = email.user;
    TM_TRY(server.password, email.password.now());
    server.deadline = spec_.deadline;
    server.may_connect = [&](const std::string& address) -> Status {
      const auto parsed = IpAddress::parse(address);
      if (parsed) return rules_.check(*parsed, email.host);
      return user_error("http.address_refused", "`" + email.host + "` has an unknown address");
    };
    return smtp::send_mail(server, {email.from, email.to, mail_text(email, message)}, cancel);
  }

 private:
  static smtp::Tls tls_of(MailTls tls) {
    if (tls == MailTls::off) return smtp::Tls::off;
    return tls == MailTls::tls ? smtp::Tls::from_the_first_byte : smtp::Tls::starttls;
  }

  const ChannelSpec spec_;
  const AddressRules rules_;
};

}  // namespace

std::string mail_text(const EmailSpec& spec, const AlertMessage& message) {
  std::string to;
  for (const std::string& address : spec.to)
    to += (to.empty() ? "" : ",\r\n ") + address;
  std::string text = "From: Tidemark <" + spec.from + ">\r\nTo: " + to + "\r\n";
  text += "Subject: " + subject_of(title_of(message)) + "\r\n";
  text += "Date: " + date_of(message.at) + "\r\n";
  // Of a message that is sent again it is the same: readers show it once.
  text += "Message-ID: <" + message.id + "@tidemark.invalid>\r\n";
  text += "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n";
  text += "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  return text + in_lines(to_base64(text_of(message)));
}

Result<std::unique_ptr<Channel>> make_email_channel(const ChannelSpec& spec) {
  TM_TRY(AddressRules rules, AddressRules::allowing(spec.networks));
  return std::make_unique<EmailChannel>(spec, std::move(rules));
}

}  // namespace tidemark
