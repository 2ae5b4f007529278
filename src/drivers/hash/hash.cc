#include "drivers/hash/hash.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <vector>

#include "base/assert.h"
#include "env/files.h"

namespace tidemark {

namespace {

constexpr std::size_t sha256_bytes = 32;

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

std::string hex(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  return hex(canonical.digest, sizeof canonical.digest);
}

// Closes the descriptor of a file that is only read, where close() has nothing to report.
class ReadDescriptor {
 public:
  explicit ReadDescriptor(int descriptor) : descriptor_(descriptor) {}
  ReadDescriptor(const ReadDescriptor&) = delete;
  ReadDescriptor& operator=(const ReadDescriptor&) = delete;
  ~ReadDescriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

struct Xxh3::State {
  XXH3_state_t* handle = XXH3_createState();
  State() {
    TM_ASSERT(handle != nullptr);
    XXH3_128bits_reset(handle);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(handle); }
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) {}
Xxh3::Xxh3(Xxh3&&) noexcept = default;
Xxh3& Xxh3::operator=(Xxh3&&) noexcept = default;
Xxh3::~Xxh3() = default;

void Xxh3::update(std::string_view bytes) {
  TM_ASSERT(state_ != nullptr);
  XXH3_128bits_update(state_->handle, bytes.data(), bytes.size());
}

std::string Xxh3::finish() {
  TM_ASSERT(state_ != nullptr);
  std::string text = hex(XXH3_128bits_digest(state_->handle));
  state_.reset();
  return text;
}

// OpenSSL's, since it takes the processor's own instructions: six times as fast as plain C.
struct Sha256::State {
  EVP_MD_CTX* handle = EVP_MD_CTX_new();
  State() { TM_ASSERT(handle != nullptr && EVP_DigestInit_ex(handle, EVP_sha256(), nullptr) == 1); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(handle); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::string_view bytes) {
  TM_ASSERT(state_ != nullptr);
  TM_ASSERT(EVP_DigestUpdate(state_->handle, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::finish() {
  TM_ASSERT(state_ != nullptr);
  unsigned char digest[sha256_bytes];
  TM_ASSERT(EVP_DigestFinal_ex(state_->handle, digest, nullptr) == 1);
  state_.reset();
  return hex(digest, sizeof digest);
}

std::string xxh3_hex(std::string_view bytes) {
  return hex(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

Result<FileHash> hash_file(const std::filesystem::path& path, HashDepth depth, Cancel& cancel) {
  const ReadDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error("open", path, errno);
  std::vector<char> piece(1 << 20);
  FileHash hash;
  Xxh3 xxh3;
  Sha256 sha256;
  for (;;) {
    TM_CHECK(cancel.check());
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("read", path, errno);
    if (got == 0) break;
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(got));
    hash.bytes += got;
    xxh3.update(bytes);
    if (depth == HashDepth::xxh3_and_sha256) sha256.update(bytes);
  }
  hash.xxh3 = xxh3.finish();
  if (depth == HashDepth::xxh3_and_sha256) hash.sha256 = sha256.finish();
  return hash;
}

}  // namespace tidemark
