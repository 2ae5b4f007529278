# Tests that are scripts. Each exits nonzero on failure; one that ends with a line `N passed, N failed`
# is counted by that line, any other as one test.

find_package(Python3 REQUIRED COMPONENTS Interpreter)

function(tidemark_script_test name)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES
    TIMEOUT 900 PROCESSORS 3 ENVIRONMENT "TIDEMARK_BINARY=${PROJECT_BINARY_DIR}/tidemark")
endfunction()

# Every tests/*_test.py is one; a script with another interpreter is listed by hand below.
file(GLOB scripts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.py)
foreach(script IN LISTS scripts)
  get_filename_component(name ${script} NAME_WE)
  tidemark_script_test(${name} ${Python3_EXECUTABLE} ${script})
endforeach()

# The longest begin first, so that none of them is left alone at the end.
foreach(name crash_postgres_test crash_duckdb_test connectors_postgres_test crash_streams_test)
  set_tests_properties(${name} PROPERTIES COST 1000 TIMEOUT 1800)
endforeach()
foreach(name connectors_mysql_test crash_resume_test crash_splits_test postgres_faults_test verify_job_test
    network_faults_test deletes_test scenarios_test deletes_race_test refused_again_test replay_test
    places_test crash_mysql_test redis_test quarantine_rows_test)
  set_tests_properties(${name} PROPERTIES COST 100)
endforeach()

# Builds what it counts where nobody has.
set_tests_properties(instructions_test PROPERTIES COST 1000 TIMEOUT 1800)

# A test that computes counts as three of the four places of a core (tools/run-tests). These sleep nearly all of
# their time, and have the fourth.
foreach(name schedule_test when_test connect_test serve_test guard_test shared_guard_test servers_test status_test
    serve_commands_test serve_faults_test backfill_served_test handover_test alerts_test alert_rules_test
    alerts_servers_test)
  set_tests_properties(${name} PROPERTIES PROCESSORS 1 COST 500)
endforeach()

tidemark_script_test(example_shop ${PROJECT_SOURCE_DIR}/examples/shop/test)
tidemark_script_test(example_flights ${PROJECT_SOURCE_DIR}/examples/flights/demo ${PROJECT_BINARY_DIR}/tidemark
  --work ${PROJECT_BINARY_DIR}/flights)

# Answers tests/schedule_oracle_test.py.
add_executable(fire_times ${PROJECT_SOURCE_DIR}/tests/support/fire_times.cc)
target_link_libraries(fire_times PRIVATE tidemark_schedule)

# Attacked by tests/http_test.py.
add_executable(http_server ${PROJECT_SOURCE_DIR}/tests/support/http_server.cc)
target_link_libraries(http_server PRIVATE tidemark_drivers_http)
