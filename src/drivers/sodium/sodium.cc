#include "drivers/sodium/sodium.h"

#include <sodium.h>

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace tidemark {

static_assert(Key::size == crypto_aead_xchacha20poly1305_ietf_KEYBYTES);

namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t hash_bytes = crypto_generichash_BYTES;

// The library looks once which instructions the processor has.
void begin() {
  static const bool ready = sodium_init() >= 0;
  TM_ASSERT(ready);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* bytes_of(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

Key::Key() {
  begin();
  bytes_ = static_cast<unsigned char*>(sodium_malloc(size));
  TM_ASSERT(bytes_ != nullptr);
}

Key::Key(Key&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}

Key& Key::operator=(Key&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

Key::~Key() {
  sodium_free(bytes_);
}

Key Key::random() {
  Key key;
  randombytes_buf(key.bytes_, size);
  return key;
}

std::optional<Key> Key::of(std::string_view bytes) {
  if (bytes.size() != size) return std::nullopt;
  Key key;
  std::memcpy(key.bytes_, bytes.data(), size);
  return key;
}

std::optional<Key> Key::of_hex(std::string_view digits) {
  if (digits.size() != 2 * size) return std::nullopt;
  Key key;
  std::size_t read = 0;
  const int result =
      sodium_hex2bin(key.bytes_, size, digits.data(), digits.size(), nullptr, &read, nullptr);
  if (result != 0 || read != size) return std::nullopt;
  return key;
}

std::string_view Key::bytes() const {
  TM_ASSERT(bytes_ != nullptr);
  return {reinterpret_cast<const char*>(bytes_), size};
}

Secret Key::hex() const {
  return Secret(to_hex(bytes()));
}

std::string Key::id() const {
  // Of another text than the key alone, so that it is no hash that something else is known by.
  std::string text = "tidemark key ";
  text += bytes();
  std::string id = blake2b_hex(text).substr(0, 16);
  wipe(text);
  return id;
}

Secret random_hex(std::size_t bytes) {
  begin();
  std::string text(bytes, '\0');
  randombytes_buf(text.data(), text.size());
  Secret hex(to_hex(text));
  wipe(text);
  return hex;
}

std::string blake2b_hex(std::string_view bytes) {
  begin();
  std::string hash(hash_bytes, '\0');
  TM_ASSERT(crypto_generichash(bytes_of(hash), hash.size(), bytes_of(bytes), bytes.size(), nullptr,
                               0) == 0);
  return to_hex(hash);
}

bool are_same(std::string_view one, std::string_view other) {
  begin();
  return one.size() == other.size() && sodium_memcmp(one.data(), other.data(), one.size()) == 0;
}

void wipe(std::string& text) {
  sodium_memzero(text.data(), text.size());
  text.clear();
}

std::string seal(const Key& key, std::string_view plain, std::string_view associated) {
  begin();
  std::string sealed(nonce_bytes + plain.size() + tag_bytes, '\0');
  randombytes_buf(sealed.data(), nonce_bytes);
  unsigned char* const nonce = bytes_of(sealed);
  TM_ASSERT(crypto_aead_xchacha20poly1305_ietf_encrypt(
                nonce + nonce_bytes, nullptr, bytes_of(plain), plain.size(), bytes_of(associated),
                associated.size(), nullptr, nonce, bytes_of(key.bytes())) == 0);
  return sealed;
}

std::optional<Secret> unseal(const Key& key, std::string_view sealed, std::string_view associated) {
  begin();
  if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
  std::string plain(sealed.size() - nonce_bytes - tag_bytes, '\0');
  const int result = crypto_aead_xchacha20poly1305_ietf_decrypt(
      bytes_of(plain), nullptr, nullptr, bytes_of(sealed) + nonce_bytes,
      sealed.size() - nonce_bytes, bytes_of(associated), associated.size(), bytes_of(sealed),
      bytes_of(key.bytes()));
  if (result != 0) return std::nullopt;
  return Secret(std::move(plain));
}

std::string to_hex(std::string_view bytes) {
  // One more, for the zero at the end.
  std::string digits(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(digits.data(), digits.size(), bytes_of(bytes), bytes.size());
  digits.pop_back();
  return digits;
}

std::optional<std::string> from_hex(std::string_view digits) {
  std::string bytes(digits.size() / 2, '\0');
  std::size_t read = 0;
  const char* end = nullptr;
  const int result = sodium_hex2bin(bytes_of(bytes), bytes.size(), digits.data(), digits.size(),
                                    nullptr, &read, &end);
  if (result != 0 || end != digits.data() + digits.size() || digits.size() % 2 != 0)
    return std::nullopt;
  return bytes;
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  begin();
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, bytes_of(key), key.size());
  crypto_auth_hmacsha256_update(&state, bytes_of(bytes), bytes.size());
  std::string mac(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256_final(&state, bytes_of(mac));
  sodium_memzero(&state, sizeof state);
  return mac;
}

std::string to_base64(std::string_view bytes) {
  begin();
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes_of(bytes), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the zero at its end
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  begin();
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(bytes_of(bytes), bytes.size(), text.data(), text.size(), nullptr, &size,
                        nullptr, sodium_base64_VARIANT_ORIGINAL) != 0)
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

}  // namespace tidemark
