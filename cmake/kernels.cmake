# kernels: every *_bench.cc that measures a Kernel (src/base/kernel_bench.h), with the few sources that they need and
# nothing else, so that a test can afford to build it (bench/kernels/count). A source that is missing here shows when
# it is linked.

set(kernel_sources
  connect/expression connect/refusal connect/sink connect/staged_table connect/syntax_tree
  connectors/files/json_scan
  connectors/mysql/values
  connectors/postgres/copy_decoder connectors/postgres/copy_encoder connectors/postgres/copy_encoder_values
  connectors/postgres/numeric_decoder connectors/postgres/value_decoders
  drivers/hash/hash
  drivers/json/json_parse drivers/json/json_value drivers/json/utf8
  quality/quarantine quality/rules
  spec/fault spec/location)
list(TRANSFORM kernel_sources PREPEND ${PROJECT_SOURCE_DIR}/src/)
list(TRANSFORM kernel_sources APPEND .cc)
foreach(folder base env model observe drivers/duckdb transform)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$")
  list(APPEND kernel_sources ${sources})
endforeach()

set(kernel_benches
  connectors/files/json_scan
  connectors/mysql/values
  connectors/postgres/copy_decoder connectors/postgres/copy_encoder
  drivers/hash/hash drivers/json/utf8
  run/refine)
list(TRANSFORM kernel_benches PREPEND ${PROJECT_SOURCE_DIR}/src/)
list(TRANSFORM kernel_benches APPEND _bench.cc)

# valgrind 3.19 gives up on the debug information of clang 19.
add_library(kernel_parts STATIC EXCLUDE_FROM_ALL ${kernel_sources})
target_compile_options(kernel_parts PUBLIC -g0)
target_include_directories(kernel_parts PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_BINARY_DIR}/generated)
target_link_libraries(kernel_parts PUBLIC
  duckdb fmt::fmt nlohmann_json::nlohmann_json PkgConfig::xxhash PkgConfig::crypto Threads::Threads)

add_executable(kernels EXCLUDE_FROM_ALL ${kernel_benches})
target_link_libraries(kernels PRIVATE kernel_parts benchmark::benchmark benchmark::benchmark_main)
set_target_properties(kernels PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
