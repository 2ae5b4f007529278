// The checksums of a stage, piece by piece as a file is read.
#include "drivers/hash/hash.h"

#include "base/kernel_bench.h"

namespace tidemark {
namespace {

constexpr std::size_t bytes_in_piece = 1 << 20;

std::string piece() {
  std::string bytes(bytes_in_piece, '\0');
  std::uint64_t state = 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

template <class Hash>
void hash_kilobytes(Kernel& kernel) {
  const std::string bytes = piece();
  kernel.measure(bytes_in_piece / 1024, [&] {
    Hash hash;
    hash.update(bytes);
    benchmark::DoNotOptimize(hash.finish());
  });
}

const KernelEntry xxh3("hash_xxh3_kilobyte", hash_kilobytes<Xxh3>);
const KernelEntry sha256("hash_sha256_kilobyte", hash_kilobytes<Sha256>);

}  // namespace
}  // namespace tidemark
