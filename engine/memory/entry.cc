#include "engine/memory/entry.h"

#include <cstdlib>
#include <new>

#include "engine/base/assert.h"
#include "engine/memory/collection.h"
#include "engine/memory/history.h"

namespace starling::engine {

namespace {

size_t varint_bytes(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) {
    value >>= 7;
    ++size;
  }
  return size;
}

uint8_t* put_varint(uint8_t* p, uint64_t value) {
  while (value >= 0x80) {
    *p++ = static_cast<uint8_t>(value | 0x80);
    value >>= 7;
  }
  *p++ = static_cast<uint8_t>(value);
  return p;
}

uint8_t type_bits(const Entry::Parts& parts) {
  return parts.counter ? Entry::kCounterType : static_cast<uint8_t>(parts.type);
}

const uint8_t* get_varint(const uint8_t* p, uint64_t* value) {
  uint64_t result = 0;
  for (int shift = 0;; shift += 7) {
    result |= static_cast<uint64_t>(*p & 0x7f) << shift;
    if ((*p++ & 0x80) == 0) break;
  }
  *value = result;
  return p;
}

void destroy_external(Type type, void* external) {
  if (type == Type::kString) {
    delete static_cast<BigValue*>(external);
  } else if (type == Type::kNone) {
    delete static_cast<History*>(external);
  } else {
    delete static_cast<Collection*>(external);
  }
}

}  // namespace

BigValue::BigValue(std::shared_ptr<char[]> b, size_t s, size_t c)
    : bytes(std::move(b)), size(s), capacity(c) {}

BigValue::BigValue(std::string_view value, std::unique_ptr<History> h)
    : bytes(new char[value.size()]), size(value.size()), capacity(value.size()), history(std::move(h)) {
  value.copy(bytes.get(), value.size());
}

BigValue::~BigValue() = default;

Entry* Entry::create(const Parts& parts) {
  const size_t value_size = parts.external != nullptr              ? sizeof(void*)
                            : parts.uninitialized_value_bytes != 0 ? parts.uninitialized_value_bytes
                                                                   : parts.value.size();
  const bool deadline = parts.deadline_ms != 0;
  const size_t size = kFixedBytes + varint_bytes(parts.key.size()) + varint_bytes(value_size) +
                      (deadline ? 8 : 0) + parts.key.size() + value_size;
  auto* entry = static_cast<Entry*>(std::malloc(size));
  STARLING_ASSERT(entry != nullptr);
  entry->store(0, parts.stamp);
  entry->store(8, parts.actor);
  uint8_t* p = entry->bytes();
  p[10] = static_cast<uint8_t>(type_bits(parts) | (deadline ? kHasDeadline : 0) |
                               (parts.external != nullptr ? kExternal : 0) | parts.flags);
  entry->set_access(parts.access);
  p = put_varint(p + kFixedBytes, parts.key.size());
  p = put_varint(p, value_size);
  if (deadline) {
    std::memcpy(p, &parts.deadline_ms, 8);
    p += 8;
  }
  if (!parts.key.empty()) std::memcpy(p, parts.key.data(), parts.key.size());
  p += parts.key.size();
  if (parts.external != nullptr) {
    std::memcpy(p, &parts.external, sizeof(void*));
  } else if (!parts.value.empty()) {
    std::memcpy(p, parts.value.data(), parts.value.size());
  }
  return entry;
}

void Entry::destroy(Entry* entry) {
  if (entry->has(kExternal)) destroy_external(entry->type(), entry->external());
  std::free(entry);
}

bool Entry::assign(const Parts& parts) {
  if (has(kExternal) || parts.external != nullptr || parts.uninitialized_value_bytes != 0) return false;
  if (has(kHasDeadline) != (parts.deadline_ms != 0)) return false;
  const Layout at = layout();
  if (at.value_size != parts.value.size()) return false;
  store(0, parts.stamp);
  store(8, parts.actor);
  bytes()[10] = static_cast<uint8_t>(type_bits(parts) | (flags() & kHasDeadline) | parts.flags);
  set_access(parts.access);
  if (parts.deadline_ms != 0) set_deadline_ms(parts.deadline_ms);
  if (!parts.value.empty()) {
    std::memmove(bytes() + at.key_offset + at.key_size, parts.value.data(), parts.value.size());
  }
  return true;
}

Entry::Layout Entry::layout() const {
  uint64_t key_size, value_size;
  const uint8_t* p = get_varint(bytes() + kFixedBytes, &key_size);
  p = get_varint(p, &value_size);
  if (has(kHasDeadline)) p += 8;
  return {static_cast<size_t>(p - bytes()), key_size, value_size};
}

std::string_view Entry::key_slow() const {
  const Layout at = layout();
  return {reinterpret_cast<const char*>(bytes()) + at.key_offset, at.key_size};
}

int64_t Entry::deadline_ms() const {
  if (!has(kHasDeadline)) return 0;
  return load<int64_t>(layout().key_offset - 8);
}

void Entry::set_deadline_ms(int64_t deadline_ms) {
  STARLING_ASSERT(has(kHasDeadline));
  store(layout().key_offset - 8, deadline_ms);
}

History* Entry::history() const {
  if (!has(kComplex)) return nullptr;
  if (type() == Type::kNone) return static_cast<History*>(external());
  return type() == Type::kString ? big_value()->history.get() : collection()->history();
}

void* Entry::external() const {
  const Layout at = layout();
  return load<void*>(at.key_offset + at.key_size);
}

std::string_view Entry::value() const {
  const Layout at = layout();
  if (has(kExternal)) {
    const BigValue* big = load<BigValue*>(at.key_offset + at.key_size);
    return {big->bytes.get(), big->size};
  }
  const size_t tail = counter() ? kCounterTailBytes : 0;
  return {reinterpret_cast<const char*>(bytes()) + at.key_offset + at.key_size, at.value_size - tail};
}

std::string_view Entry::counter_tail() const {
  const Layout at = layout();
  const size_t offset = at.key_offset + at.key_size + at.value_size - kCounterTailBytes;
  return {reinterpret_cast<const char*>(bytes()) + offset, kCounterTailBytes};
}

size_t Entry::used_bytes() const {
  const Layout at = layout();
  return at.key_offset + at.key_size + at.value_size;
}

size_t Entry::allocated_bytes() const {
  return allocation_bytes(used_bytes());
}

}  // namespace starling::engine
