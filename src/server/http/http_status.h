// The one table between Triune's status codes and HTTP's.
#pragma once

#include <string_view>

#include "triune/status.h"

namespace triune::server::http {

int HttpStatusOf(StatusCode code);
/// "Not Found".
std::string_view HttpReason(int http_status);

}  // namespace triune::server::http
