# The Debian package: what is installed where, and what CPack is to know. `make package` makes it.
set(STARLING_MAINTAINER "Starling maintainers <maintainers@starling.invalid>" CACHE STRING
  "Who answers for a package that is built here")
set(PACKAGE ${CMAKE_CURRENT_LIST_DIR})
set(DOCUMENTS share/doc/starling)

# CMake's own target would build the tests first.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(PRIVATE_FILE OWNER_READ OWNER_WRITE GROUP_READ)
if(TARGET starling-server)
  install(TARGETS starling-server RUNTIME DESTINATION bin)
endif()
install(FILES ${PACKAGE}/starling.conf DESTINATION /etc/starling PERMISSIONS ${PRIVATE_FILE})
install(FILES ${PACKAGE}/logrotate DESTINATION /etc/logrotate.d RENAME starling)
install(FILES ${PACKAGE}/starling.service DESTINATION /lib/systemd/system)
# Empty; postinst says whose they are.
install(DIRECTORY DESTINATION /var/lib/starling)
install(DIRECTORY DESTINATION /var/log/starling)
install(FILES ${PACKAGE}/copyright README.md DESTINATION ${DOCUMENTS})
install(FILES conf/README.md DESTINATION ${DOCUMENTS} RENAME OPERATING.md)
install(FILES conf/starling.conf DESTINATION ${DOCUMENTS}/examples)
install(FILES ${PACKAGE}/lintian-overrides DESTINATION share/lintian/overrides RENAME starling)
install(CODE "execute_process(COMMAND ${PACKAGE}/documents ${CMAKE_SOURCE_DIR} \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}
  ${PROJECT_VERSION} [[${STARLING_MAINTAINER}]] COMMAND_ERROR_IS_FATAL ANY)")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME starling)
set(CPACK_PACKAGE_CONTACT ${STARLING_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "leaderless store that speaks the Redis protocol")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Any node takes any command, writes go on when machines fail, and no update
is lost in silence: what clients wrote on both sides of a cut is merged.
It keeps more data than fits in memory, on RocksDB. Redis's clients and tools
work with it.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, init-system-helpers (>= 1.54~)")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS logrotate)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS redis-tools)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PACKAGE}/conffiles ${PACKAGE}/postinst ${PACKAGE}/prerm ${PACKAGE}/postrm)
include(CPack)
