#include "compute/local/amounts.h"

#include <cmath>

#include "base/strings.h"

namespace triune::compute {
namespace {

/// Of whole units; sums of them must not overflow.
constexpr double kMost = 1e14;

std::string Number(int64_t amount) {
  std::string text = std::to_string(amount / Amounts::kOne);
  if (int64_t rest = amount % Amounts::kOne; rest != 0) {
    std::string digits = std::to_string(Amounts::kOne + rest).substr(1);
    text += "." + digits.substr(0, digits.find_last_not_of('0') + 1);
  }
  return text;
}

}  // namespace

Result<Amounts> Amounts::Of(double cpus, double gpus, double memory, const std::map<std::string, double>& others) {
  std::map<std::string, double> all = others;
  for (const auto& [name, amount] : {std::pair<const char*, double>("CPU", cpus), {"GPU", gpus}, {"memory", memory}}) {
    if (!all.emplace(name, amount).second) {
      return InvalidArgument(StrCat("resources must not name ", name, ", which has an option of its own"));
    }
  }
  Amounts amounts;
  for (const auto& [name, amount] : all) {
    if (!(amount >= 0 && amount <= kMost)) {
      return InvalidArgument(
          StrCat("the amount of ", name, " is not a number from 0 to 1e14: ", std::to_string(amount)));
    }
    const double scaled = amount * static_cast<double>(kOne);
    const auto rounded = static_cast<int64_t>(std::llround(scaled));
    if (std::abs(scaled - static_cast<double>(rounded)) > 1e-3 && amount < 1e6) {
      return InvalidArgument(StrCat("the amount of ", name, " is no multiple of 0.0001: ", std::to_string(amount)));
    }
    if (rounded != 0) amounts.amounts_[name] = rounded;
  }
  return amounts;
}

int64_t Amounts::Get(const std::string& name) const {
  auto found = amounts_.find(name);
  return found == amounts_.end() ? 0 : found->second;
}

bool Amounts::Covers(const Amounts& wanted) const {
  for (const auto& [name, amount] : wanted.amounts_) {
    if (Get(name) < amount) return false;
  }
  return true;
}

void Amounts::Add(const Amounts& other) {
  for (const auto& [name, amount] : other.amounts_) amounts_[name] += amount;
}

void Amounts::Subtract(const Amounts& other) {
  for (const auto& [name, amount] : other.amounts_) amounts_[name] -= amount;
}

Amounts Amounts::LackingOf(const Amounts& wanted) const {
  Amounts lacking;
  for (const auto& [name, amount] : wanted.amounts_) {
    if (Get(name) < amount) lacking.amounts_[name] = amount;
  }
  return lacking;
}

bool Amounts::SharesWith(const Amounts& other) const {
  for (const auto& [name, amount] : amounts_) {
    if (other.Get(name) != 0) return true;
  }
  return false;
}

Amounts Amounts::cpus_only() const {
  Amounts only;
  if (int64_t amount = cpus(); amount != 0) only.amounts_["CPU"] = amount;
  return only;
}

Amounts Amounts::gpus_only() const {
  Amounts only;
  if (int64_t amount = gpus(); amount != 0) only.amounts_["GPU"] = amount;
  return only;
}

Amounts Amounts::without_cpus() const {
  Amounts others = *this;
  others.amounts_.erase("CPU");
  return others;
}

void Amounts::AddCpus(int64_t amount) {
  if (amount != 0) amounts_["CPU"] += amount;
}

bool Amounts::empty() const {
  for (const auto& [name, amount] : amounts_) {
    if (amount != 0) return false;
  }
  return true;
}

std::map<std::string, double> Amounts::ToNumbers() const {
  std::map<std::string, double> numbers;
  for (const auto& [name, amount] : amounts_) {
    numbers[name] = static_cast<double>(amount) / static_cast<double>(kOne);
  }
  return numbers;
}

std::string Amounts::ToString() const {
  std::string text;
  for (const auto& [name, amount] : amounts_) {
    if (amount != 0) text += (text.empty() ? "" : ", ") + name + " " + Number(amount);
  }
  return text.empty() ? "nothing" : text;
}

}  // namespace triune::compute
