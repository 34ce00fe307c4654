# Run at every build; touches OUTPUT only where something changed. The commit is "unknown" outside of a git checkout.
#   cmake -DSOURCE_DIR=... -DOUTPUT=... -DCOMPILER=... -DFLAGS=... -P build_info.cmake
set(COMMIT unknown)
find_package(Git QUIET)
if(GIT_FOUND AND EXISTS ${SOURCE_DIR}/.git)
  set(ENV{GIT_OPTIONAL_LOCKS} 0)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --abbrev=12 WORKING_DIRECTORY ${SOURCE_DIR}
    OUTPUT_VARIABLE described RESULT_VARIABLE result ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(result EQUAL 0)
    set(COMMIT ${described})
  endif()
endif()
string(REGEX REPLACE "[ ]+" " " FLAGS "${FLAGS}")
string(STRIP "${FLAGS}" FLAGS)
foreach(text COMMIT COMPILER FLAGS)
  string(REPLACE "\\" "\\\\" ${text} "${${text}}")
  string(REPLACE "\"" "\\\"" ${text} "${${text}}")
endforeach()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT [[#define BUILD_COMMIT "@COMMIT@"
#define BUILD_COMPILER "@COMPILER@"
#define BUILD_FLAGS "@FLAGS@"
]] @ONLY)
