#include "drivers/http/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <utility>

namespace tidemark {
namespace {

using Outcome = Transfer::Outcome;

// Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
constexpr const char* ciphers_of_tls_1_2 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslHandle = std::unique_ptr<SSL, SslDeleter>;

// What OpenSSL says of the last failure of this thread; forgets it.
std::string last_failure() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "no reason is known" : reason;
}

int descriptor_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

// OpenSSL's own way to write to a socket may raise SIGPIPE.
int write_socket(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const Transfer sent =
      socket_write(descriptor_of(bio), std::string_view(bytes, static_cast<std::size_t>(size)));
  if (sent.outcome == Outcome::done) return static_cast<int>(sent.bytes);
  if (sent.outcome == Outcome::wait_write) BIO_set_retry_write(bio);
  return -1;
}

int read_socket(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const Transfer got = socket_read(descriptor_of(bio), into, static_cast<std::size_t>(size));
  if (got.outcome == Outcome::done) return static_cast<int>(got.bytes);
  if (got.outcome == Outcome::end) return 0;
  if (got.outcome == Outcome::wait_read) BIO_set_retry_read(bio);
  return -1;
}

long control_socket(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    BIO_meth_set_write(made, write_socket);
    BIO_meth_set_read(made, read_socket);
    BIO_meth_set_ctrl(made, control_socket);
    return made;
  }();
  return method;
}

class TlsStream final : public ByteStream {
 public:
  TlsStream(SslHandle ssl, int descriptor) : ssl_(std::move(ssl)), descriptor_(descriptor) {}

  Transfer handshake() override {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    return result == 1 ? Transfer{Outcome::done} : why(result);
  }

  Transfer read(char* into, std::size_t bytes_max) override {
    ERR_clear_error();
    const int result =
        SSL_read(ssl_.get(), into, static_cast<int>(std::min<std::size_t>(bytes_max, INT_MAX)));
    return result > 0 ? Transfer{Outcome::done, static_cast<std::size_t>(result)} : why(result);
  }

  Transfer write(std::string_view bytes) override {
    ERR_clear_error();
    const int result = SSL_write(ssl_.get(), bytes.data(),
                                 static_cast<int>(std::min<std::size_t>(bytes.size(), INT_MAX)));
    return result > 0 ? Transfer{Outcome::done, static_cast<std::size_t>(result)} : why(result);
  }

  void end() override {
    // After a failure OpenSSL wants nothing more of it.
    if (failure_.empty() && SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ::shutdown(descriptor_, SHUT_WR);
  }

  std::string failure() const override { return failure_; }

 private:
  Transfer why(int result) {
    const int system_error = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        return {Outcome::wait_read};
      case SSL_ERROR_WANT_WRITE:
        return {Outcome::wait_write};
      case SSL_ERROR_ZERO_RETURN:
        return {Outcome::end};
      default:
        break;
    }
    const long verified = SSL_get_verify_result(ssl_.get());
    if (verified != X509_V_OK) {
      failure_ = X509_verify_cert_error_string(verified);
      ERR_clear_error();
    } else if (ERR_peek_last_error() != 0) {
      failure_ = last_failure();
    } else {
      failure_ = system_error == 0 ? "the connection was closed" : std::strerror(system_error);
    }
    return {Outcome::failed};
  }

  SslHandle ssl_;
  int descriptor_;
  std::string failure_;
};

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  static constexpr unsigned char known[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, known, sizeof known - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

Status check_key_file(const std::filesystem::path& key) {
  struct stat found{};
  if (::stat(key.c_str(), &found) != 0)
    return user_error("tls.key_unreadable",
                      "cannot read the key " + key.string() + ": " + std::strerror(errno),
                      "name the PEM file of the key, and let this user read it");
  if ((found.st_mode & S_IRWXO) != 0)
    return user_error("tls.key_exposed", "everybody may open the key " + key.string(),
                      "run `chmod o= " + key.string() +
                          "`, and consider a new key, since others may have read this one");
  return {};
}

}  // namespace

struct TlsContext::Impl {
  std::unique_ptr<SSL_CTX, ContextDeleter> context;

  static Result<std::unique_ptr<Impl>> make(const SSL_METHOD* method) {
    ERR_clear_error();
    auto impl = std::make_unique<Impl>();
    impl->context.reset(SSL_CTX_new(method));
    SSL_CTX* context = impl->context.get();
    if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, ciphers_of_tls_1_2) != 1)
      return internal_error("tls.unusable", "OpenSSL cannot be set up: " + last_failure());
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Idle connections keep no buffers; a write may be repeated from elsewhere in memory.
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return impl;
  }

  SslHandle open(int descriptor) const {
    SslHandle ssl(SSL_new(context.get()));
    BIO* bio = ssl == nullptr ? nullptr : BIO_new(socket_method());
    if (bio == nullptr) return nullptr;
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl.get(), bio, bio);
    return ssl;
  }
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

Result<std::unique_ptr<TlsContext>> TlsContext::server(const TlsFiles& files) {
  TM_CHECK(check_key_file(files.key));
  TM_TRY(auto impl, Impl::make(TLS_server_method()));
  SSL_CTX* context = impl->context.get();
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return user_error(
        "tls.certificate_unreadable",
        "cannot read the certificate " + files.certificate.string() + ": " + last_failure(),
        "name a PEM file with the server's certificate first, then those that vouch for it");
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool is_other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string reason = last_failure();
    if (is_other)
      return user_error("tls.key_mismatch",
                        "the key " + files.key.string() + " is not the one of the certificate " +
                            files.certificate.string(),
                        "name the key with which the certificate was asked for");
    return user_error(
        "tls.key_unreadable", "cannot read the key " + files.key.string() + ": " + reason,
        "name the PEM file of the key, without a password, and let this user read it");
  }
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Tickets would keep their key for as long as the server runs.
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

Result<std::unique_ptr<TlsContext>> TlsContext::client(const std::filesystem::path& ca_file) {
  TM_TRY(auto impl, Impl::make(TLS_client_method()));
  SSL_CTX* context = impl->context.get();
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_file(context, ca_file.c_str());
  if (loaded != 1)
    return user_error("tls.ca_unreadable",
                      "cannot read the certificates " + ca_file.string() + ": " + last_failure(),
                      "name a PEM file with the certificates that are to be trusted");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

std::unique_ptr<ByteStream> TlsContext::accept(int descriptor) const {
  SslHandle ssl = impl_->open(descriptor);
  if (ssl == nullptr) return nullptr;
  SSL_set_accept_state(ssl.get());
  return std::make_unique<TlsStream>(std::move(ssl), descriptor);
}

std::unique_ptr<ByteStream> TlsContext::connect(int descriptor, const std::string& host) const {
  SslHandle ssl = impl_->open(descriptor);
  if (ssl == nullptr) return nullptr;
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const bool is_address = ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
                          ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  if (is_address) {
    if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) != 1) return nullptr;
  } else {
    SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (SSL_set1_host(ssl.get(), host.c_str()) != 1 ||
        SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1)
      return nullptr;
  }
  static constexpr unsigned char protocols[] = "\x08http/1.1";
  SSL_set_alpn_protos(ssl.get(), protocols, sizeof protocols - 1);
  SSL_set_connect_state(ssl.get());
  return std::make_unique<TlsStream>(std::move(ssl), descriptor);
}

}  // namespace tidemark
