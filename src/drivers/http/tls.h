// TlsContext: how to speak TLS, as a server or as a client: 1.2 or newer, with OpenSSL.
//
// Made once and used for many connections, each of which keeps what it needs of it. Belongs to one
// thread at a time.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "drivers/http/byte_stream.h"
#include "drivers/http/tls_files.h"

namespace tidemark {

class TlsContext {
 public:
  // Reads the files. User faults: `tls.certificate_unreadable`, `tls.key_unreadable`,
  // `tls.key_exposed` for a key that everybody may read, `tls.key_mismatch`.
  static Result<std::unique_ptr<TlsContext>> server(const TlsFiles& files);
  // Trusts what the system trusts, or the certificates of `ca_file` alone. User fault:
  // `tls.ca_unreadable`.
  static Result<std::unique_ptr<TlsContext>> client(const std::filesystem::path& ca_file);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // Null only where there is no memory for it.
  std::unique_ptr<ByteStream> accept(int descriptor) const;
  // The other side must show a certificate for `host`, a name or an address.
  std::unique_ptr<ByteStream> connect(int descriptor, const std::string& host) const;

 private:
  struct Impl;
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark
