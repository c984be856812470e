// Where exceptions come from.
#pragma once

#include <string>
#include <vector>

namespace triune::compute {

/// Of the exception that is being handled: the calls that led to where it was thrown, or made by make_exception_ptr,
/// innermost first, up to the function of the task. Empty when it was not in a task on this thread, or more than a few
/// others were thrown since. An exception that is thrown again keeps its place.
std::vector<std::string> StackOfCurrentException();

}  // namespace triune::compute
