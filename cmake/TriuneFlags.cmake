# Compiler flags, in one place. Everything of ours is compiled with warnings as errors.
add_library(triune_flags INTERFACE)
target_compile_options(triune_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror -fno-omit-frame-pointer)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  # Processors since 2010. simdjson picks its instruction set at compile time; without this it would use none.
  target_compile_options(triune_flags INTERFACE -march=x86-64-v2 -mpclmul)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of GCC 12 in std::string concatenation (gcc.gnu.org/PR105651).
  target_compile_options(triune_flags INTERFACE -Wno-restrict)
endif()
if(TRIUNE_SANITIZE)
  add_compile_options(-fsanitize=${TRIUNE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TRIUNE_SANITIZE})
endif()
if(TRIUNE_SANITIZE MATCHES "address")
  # AddressSanitizer refuses dlopen(RTLD_DEEPBIND); see model/runtime_library.cc.
  add_compile_definitions(TRIUNE_NO_DEEPBIND)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND TRIUNE_SANITIZE)
  # GCC 12 reports false positives in the standard library under its own sanitizers.
  target_compile_options(triune_flags INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow -Wno-array-bounds
                         -Wno-tsan)
endif()
add_link_options(-fuse-ld=lld)
add_link_options($<$<CONFIG:Release>:-Wl,--gc-sections>)
