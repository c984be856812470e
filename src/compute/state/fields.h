// The fields that lists have: to filter by, and as JSON.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/text_buffer.h"
#include "triune/core/state.h"
#include "triune/status.h"

namespace triune::compute {

using FieldAmounts = std::map<std::string, double>;
/// Nothing stands for what is not known, or is not there.
using FieldValue = std::variant<std::monostate, std::string_view, int64_t, bool, const FieldAmounts*,
                                const std::vector<FieldAmounts>*>;

template <typename Row>
struct Field {
  std::string_view name;
  FieldValue (*get)(const Row& row);
  bool only_in_detail = false;
};

std::span<const Field<TaskInfo>> FieldsOf(const TaskInfo*);
std::span<const Field<ActorInfo>> FieldsOf(const ActorInfo*);
std::span<const Field<ObjectInfo>> FieldsOf(const ObjectInfo*);
std::span<const Field<PlacementGroupStateInfo>> FieldsOf(const PlacementGroupStateInfo*);
std::span<const Field<WorkerInfo>> FieldsOf(const WorkerInfo*);

/// Whether the value is what the filter's text says. Amounts never are.
bool IsEqual(const FieldValue& value, std::string_view text);
/// InvalidArgument that names what there is.
Status BadKey(std::string_view key, const std::vector<std::string_view>& keys);
Status CheckPredicate(const StateFilter& filter);
void AppendField(TextBuffer& out, std::string_view name, const FieldValue& value);

/// Filters first, then the limit.
template <typename Row>
Result<Listing<Row>> Select(std::vector<Row> rows, const ListOptions& options) {
  const auto fields = FieldsOf(static_cast<const Row*>(nullptr));
  std::vector<std::pair<const Field<Row>*, const StateFilter*>> conditions;
  for (const StateFilter& filter : options.filters) {
    TRIUNE_RETURN_IF_ERROR(CheckPredicate(filter));
    const Field<Row>* found = nullptr;
    std::vector<std::string_view> keys;
    for (const Field<Row>& field : fields) {
      const FieldValue value = field.get(Row());
      if (std::holds_alternative<const FieldAmounts*>(value)) continue;
      if (std::holds_alternative<const std::vector<FieldAmounts>*>(value)) continue;
      keys.push_back(field.name);
      if (field.name == filter.key) found = &field;
    }
    if (found == nullptr) return BadKey(filter.key, keys);
    conditions.emplace_back(found, &filter);
  }
  Listing<Row> listing;
  listing.total = listing.num_after_truncation = rows.size();
  for (Row& row : rows) {
    bool holds = true;
    for (const auto& [field, filter] : conditions) {
      holds = holds && IsEqual(field->get(row), filter->value) == (filter->predicate == "=");
    }
    if (!holds) continue;
    if (++listing.num_filtered <= options.limit) listing.result.push_back(std::move(row));
  }
  return listing;
}

/// An object with the fields.
template <typename Row>
void AppendRow(TextBuffer& out, const Row& row, bool detail) {
  char before = '{';
  for (const Field<Row>& field : FieldsOf(static_cast<const Row*>(nullptr))) {
    if (field.only_in_detail && !detail) continue;
    out.Append(before);
    before = ',';
    AppendField(out, field.name, field.get(row));
  }
  out.Append('}');
}

}  // namespace triune::compute
