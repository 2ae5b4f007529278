# The programs of bench/speed, in <build folder>/speed. What measures and checks the program shares nothing with it;
# only `reads`, which is measured, is made of its folders.

function(tidemark_speed name)
  cmake_parse_arguments(PARSE_ARGV 1 SPEED "" "" "SOURCES;LINK")
  list(TRANSFORM SPEED_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/bench/speed/)
  add_executable(speed_${name} ${SPEED_SOURCES})
  target_link_libraries(speed_${name} PRIVATE ${SPEED_LINK})
  set_target_properties(speed_${name} PROPERTIES
    OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/speed)
endfunction()

tidemark_speed(drain SOURCES drain.cc LINK PostgreSQL::PostgreSQL Threads::Threads)
tidemark_speed(checksum SOURCES checksum.cc canonical.cc postgres_rows.cc duckdb_rows.cc
  LINK PostgreSQL::PostgreSQL duckdb PkgConfig::xxhash)
tidemark_speed(rounds SOURCES speed.cc plan.cc process.cc report.cc rounds.cc statistics.cc
  LINK fmt::fmt nlohmann_json::nlohmann_json)
tidemark_speed(reads SOURCES reads.cc LINK tidemark_run tidemark_connectors_postgres)
set_target_properties(speed_rounds PROPERTIES OUTPUT_NAME speed)

if(TIDEMARK_TESTS)
  tidemark_speed(units_test SOURCES plan_test.cc plan.cc statistics_test.cc statistics.cc
    LINK GTest::gtest GTest::gtest_main)
  set_target_properties(speed_units_test PROPERTIES OUTPUT_NAME speed_units_test)
  add_test(NAME speed_units_test COMMAND speed_units_test)
  set_tests_properties(speed_units_test PROPERTIES TIMEOUT 600 PROCESSORS 3)
endif()
