#include "drivers/smtp/mail.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "base/assert.h"

namespace tidemark::smtp {
namespace {

struct Transfer {
  const Server& server;
  const Mail& mail;
  const Cancel& cancel;
  std::size_t sent = 0;
  std::optional<Error> refused;  // by may_connect
};

std::size_t read(char* into, std::size_t size, std::size_t count, void* user) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  const std::size_t bytes = std::min(size * count, transfer.mail.data.size() - transfer.sent);
  std::memcpy(into, transfer.mail.data.data() + transfer.sent, bytes);
  transfer.sent += bytes;
  return bytes;
}

int watch(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->cancel.requested() ? 1 : 0;
}

std::string text_of(const curl_sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const sockaddr* const any = &address.addr;
  const void* const bytes =
      address.family == AF_INET
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(any)->sin_addr)
          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(any)->sin6_addr);
  if (::inet_ntop(address.family, bytes, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address) {
  Transfer& transfer = *static_cast<Transfer*>(user);
  if (transfer.server.may_connect) {
    Status may = transfer.server.may_connect(text_of(*address));
    if (!may.ok()) {
      transfer.refused = std::move(may).error();
      return CURL_SOCKET_BAD;
    }
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void begin() {
  static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  TM_ASSERT(ready);
}

Error failure(CURLcode code, const Transfer& transfer, long answered) {
  if (transfer.refused) return *transfer.refused;
  const std::string server =
      "the mail server " + transfer.server.host + ":" + std::to_string(transfer.server.port);
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return transfer.cancel.check().error();
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return target_error("smtp.cannot_connect", server + " cannot be reached", Retry::backoff);
    case CURLE_OPERATION_TIMEDOUT:
      return target_error("smtp.timeout", server + " did not take the mail in time",
                          Retry::backoff);
    case CURLE_LOGIN_DENIED:
      return target_error("smtp.login_denied", server + " refused the user or the password",
                          Retry::backoff, "see that `user` and `password` are still good");
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
      return target_error("smtp.tls_failed",
                          "TLS with " + server + " failed: " + ::curl_easy_strerror(code),
                          Retry::backoff,
                          "it needs a certificate for that name by an authority that the system "
                          "trusts; `tls` says how it speaks TLS");
    default:
      return target_error("smtp.refused",
                          server + " did not take the mail: " + ::curl_easy_strerror(code) +
                              (answered > 0 ? ", status " + std::to_string(answered) : ""),
                          Retry::backoff);
  }
}

using Handle = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;
using List = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

void set_server(CURL* curl, const Server& server) {
  const bool is_v6 = server.host.find(':') != std::string::npos;
  const std::string url =
      std::string(server.tls == Tls::from_the_first_byte ? "smtps://" : "smtp://") +
      (is_v6 ? "[" + server.host + "]" : server.host) + ":" + std::to_string(server.port);
  ::curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  // Never by what the environment says: the address was judged.
  ::curl_easy_setopt(curl, CURLOPT_PROXY, "");
  ::curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  const long deadline = static_cast<long>(server.deadline.count());
  ::curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, deadline);
  ::curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, deadline);
  ::curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (server.tls != Tls::off)
    ::curl_easy_setopt(curl, CURLOPT_USE_SSL, static_cast<long>(CURLUSESSL_ALL));
  if (const char* const file = std::getenv("SSL_CERT_FILE"))
    ::curl_easy_setopt(curl, CURLOPT_CAINFO, file);
  if (server.user.empty()) return;
  ::curl_easy_setopt(curl, CURLOPT_USERNAME, server.user.c_str());
  ::curl_easy_setopt(curl, CURLOPT_PASSWORD, server.password.reveal().c_str());
}

}  // namespace

bool is_address(const std::string& text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string::npos || at + 1 == text.size()) return false;
  return text.find('@', at + 1) == std::string::npos &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return letter > ' ' && letter <= '~' &&
                  std::string_view("<>()[],;:\\\"").find(letter) == std::string_view::npos;
         });
}

Status send_mail(const Server& server, const Mail& mail, const Cancel& cancel) {
  TM_CHECK(cancel.check());
  std::vector<std::string> addresses = mail.to;
  addresses.push_back(mail.from);
  for (const std::string& address : addresses) {
    if (is_address(address)) continue;
    return user_error("smtp.bad_address", "`" + address + "` is no address of a mail",
                      "write for example ops@shop.example, without a name");
  }
  begin();
  const Handle curl(::curl_easy_init(), &::curl_easy_cleanup);
  TM_ASSERT(curl != nullptr);
  Transfer transfer{server, mail, cancel, 0, {}};
  List to(nullptr, &::curl_slist_free_all);
  for (const std::string& address : mail.to) {
    curl_slist* const longer = ::curl_slist_append(to.get(), ("<" + address + ">").c_str());
    TM_ASSERT(longer != nullptr);
    (void)to.release();
    to.reset(longer);
  }
  set_server(curl.get(), server);
  const std::string from = "<" + mail.from + ">";
  ::curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, from.c_str());
  ::curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, to.get());
  ::curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
  ::curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, &read);
  ::curl_easy_setopt(curl.get(), CURLOPT_READDATA, &transfer);
  ::curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  ::curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &watch);
  ::curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
  ::curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  ::curl_easy_setopt(curl.get(), CURLOPT_OPENSOCKETDATA, &transfer);
  const CURLcode code = ::curl_easy_perform(curl.get());
  if (code == CURLE_OK) return {};
  long answered = 0;
  ::curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answered);
  return failure(code, transfer, answered);
}

}  // namespace tidemark::smtp
