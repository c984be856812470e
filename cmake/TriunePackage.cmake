# Triune::core as others see it: one archive and include/, installed as a CMake package (component `development`).
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The objects of the libraries that the core is made of, in one archive: who uses it need not know how it is divided.
add_library(triune_core STATIC $<TARGET_OBJECTS:triune_compute> $<TARGET_OBJECTS:triune_data>
            $<TARGET_OBJECTS:triune_base>)
add_library(Triune::core ALIAS triune_core)
set_target_properties(triune_core PROPERTIES LINKER_LANGUAGE CXX EXPORT_NAME core)
target_compile_features(triune_core PUBLIC cxx_std_20)
target_include_directories(triune_core INTERFACE $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>)
# msgpack-cxx, for triune/core/remote.h: installed along, under a folder of its own, so that nothing else is needed.
set(third_party ${CMAKE_INSTALL_INCLUDEDIR}/triune/third_party)
target_include_directories(triune_core SYSTEM INTERFACE $<BUILD_INTERFACE:${MSGPACK_INCLUDE_DIR}>
                           $<INSTALL_INTERFACE:${third_party}>)
target_link_libraries(triune_core PUBLIC Threads::Threads ${CMAKE_DL_LIBS})

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/Triune)
install(TARGETS triune_core EXPORT TriuneTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/triune DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${MSGPACK_INCLUDE_DIR}/ DESTINATION ${third_party} COMPONENT development)
install(EXPORT TriuneTargets NAMESPACE Triune:: DESTINATION ${package} COMPONENT development)
configure_package_config_file(cmake/TriuneConfig.cmake.in package/TriuneConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/TriuneConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/TriuneConfig.cmake ${CMAKE_BINARY_DIR}/package/TriuneConfigVersion.cmake
        DESTINATION ${package} COMPONENT development)
