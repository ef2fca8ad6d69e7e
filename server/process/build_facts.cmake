# Writes what build_facts.cc includes, at every build, and only when it would be another: a commit that changes nothing
# costs a link.
#
#   cmake -DSOURCE=checkout -DOUTPUT=header -DVERSION=1.2.3 -DBUILD_TYPE=Release [-DCOMMIT=hexadecimal] -P build_facts.cmake
#
# COMMIT is for a build without git, such as a container's; it is taken as it is.
set(CHANGED false)
if(COMMIT STREQUAL "" AND EXISTS ${SOURCE}/.git)
  execute_process(COMMAND git -C ${SOURCE} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE FAILED)
  if(FAILED)
    set(COMMIT "")
  else()
    execute_process(COMMAND git -C ${SOURCE} --no-optional-locks status --porcelain --untracked-files=no
      OUTPUT_VARIABLE DIFFERENCE ERROR_QUIET)
    if(NOT DIFFERENCE STREQUAL "")
      set(CHANGED true)
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#define STARLING_VERSION "@VERSION@"
#define STARLING_COMMIT "@COMMIT@"
#define STARLING_CHANGED @CHANGED@
#define STARLING_BUILD_TYPE "@BUILD_TYPE@"
]])
