#include "server/execute/script/function_libraries.h"

#include <algorithm>
#include <utility>

#include "engine/base/byte_codec.h"
#include "server/execute/script/library_text.h"
#include "server/execute/script/script_text.h"
#include "server/rdb/crc64.h"

namespace starling::server {
namespace {

// Deleted ones that are remembered.
constexpr size_t kDeletedKept = 1000;
constexpr uint32_t kFlagsKnown =
    kScriptNoWrites | kScriptAllowOom | kScriptAllowStale | kScriptNoCluster | kScriptAllowCrossSlot;

// Whether it counts where the other one is.
bool later(const FunctionLibrary& a, const FunctionLibrary& b) {
  if (a.version != b.version) return a.version > b.version;
  return a.code > b.code;
}

bool read_function(engine::ByteReader* reader, LibraryFunction* function) {
  std::string_view name, description;
  uint64_t flags;
  uint8_t described;
  if (!reader->read_string(&name) || !is_library_name(name) || !reader->read_varint(&flags) ||
      (flags & ~uint64_t{kFlagsKnown}) != 0 || !reader->read_byte(&described) || described > 1)
    return false;
  if (described == 1) {
    if (!reader->read_string(&description)) return false;
    function->description = description;
  }
  function->name = name;
  function->flags = static_cast<uint32_t>(flags);
  return true;
}

// No time of this millennium is a greater version; behind one that is, no later change would count.
constexpr uint64_t kGreatestVersion = uint64_t{1} << 62;

bool read_library(engine::ByteReader* reader, FunctionLibrary* library) {
  std::string_view name, code;
  uint64_t count;
  if (!reader->read_string(&name) || !is_library_name(name) || !reader->read_u64(&library->version) ||
      library->version > kGreatestVersion || !reader->read_string(&code) || !reader->read_varint(&count) ||
      count > reader->left())
    return false;
  library->name = name;
  library->code = code;
  if (library->deleted() != (count == 0)) return false;
  library->functions.resize(count);
  return std::all_of(library->functions.begin(), library->functions.end(),
                     [&](LibraryFunction& function) { return read_function(reader, &function); });
}

}  // namespace

bool decode_libraries(std::string_view state, std::vector<FunctionLibrary>* libraries) {
  engine::ByteReader reader(state);
  uint64_t count;
  if (!reader.read_varint(&count) || count > reader.left()) return false;
  for (uint64_t i = 0; i < count; ++i) {
    FunctionLibrary library;
    if (!read_library(&reader, &library)) return false;
    if (!libraries->empty() && libraries->back().name >= library.name) return false;
    libraries->push_back(std::move(library));
  }
  return reader.left() == 0;
}

std::string encode_libraries(std::span<const std::shared_ptr<const FunctionLibrary>> libraries) {
  std::string state;
  engine::append_varint(libraries.size(), &state);
  for (const auto& library : libraries) {
    engine::append_string(library->name, &state);
    engine::append_u64(library->version, &state);
    engine::append_string(library->code, &state);
    engine::append_varint(library->functions.size(), &state);
    for (const LibraryFunction& function : library->functions) {
      engine::append_string(function.name, &state);
      engine::append_varint(function.flags, &state);
      state.push_back(function.description ? 1 : 0);
      if (function.description) engine::append_string(*function.description, &state);
    }
  }
  return state;
}

std::string conflict_between(const FunctionLibrary& first, const FunctionLibrary& second) {
  if (first.name == second.name) return "ERR Library '" + second.name + "' already exists";
  for (const LibraryFunction& a : first.functions) {
    for (const LibraryFunction& b : second.functions) {
      if (folded(a.name) == folded(b.name)) return "ERR Function " + b.name + " already exists";
    }
  }
  return {};
}

// Never destroyed: threads that outlive main() may look.
FunctionLibraries& FunctionLibraries::of_process() {
  static auto* const libraries = new FunctionLibraries;
  return *libraries;
}

std::vector<FunctionLibraries::Library> FunctionLibraries::all() const {
  std::lock_guard lock(mutex_);
  std::vector<Library> found;
  for (const auto& [name, library] : entries_) {
    if (!library->deleted()) found.push_back(library);
  }
  return found;
}

bool FunctionLibraries::has(std::string_view library) const {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(library);
  return found != entries_.end() && !found->second->deleted();
}

FunctionLibraries::Library FunctionLibraries::of_function(std::string_view function) const {
  std::lock_guard lock(mutex_);
  const auto found = functions_.find(folded(function));
  return found == functions_.end() ? nullptr : found->second;
}

size_t FunctionLibraries::function_count() const {
  std::lock_guard lock(mutex_);
  return functions_.size();
}

std::string FunctionLibraries::conflict(std::span<const FunctionLibrary> libraries, Existing existing) const {
  if (existing == Existing::kFlushed) return {};
  const auto replaced = [&](const Library& other) {
    return std::any_of(libraries.begin(), libraries.end(),
                       [&](const FunctionLibrary& library) { return library.name == other->name; });
  };
  for (const FunctionLibrary& library : libraries) {
    const auto found = entries_.find(library.name);
    if (existing == Existing::kRefused && found != entries_.end() && !found->second->deleted())
      return "ERR Library " + library.name + " already exists";
  }
  for (const FunctionLibrary& library : libraries) {
    for (const LibraryFunction& function : library.functions) {
      const auto found = functions_.find(folded(function.name));
      if (found != functions_.end() && !replaced(found->second))
        return "ERR Function " + function.name + " already exists";
    }
  }
  return {};
}

std::string FunctionLibraries::add(std::vector<FunctionLibrary> libraries, Existing existing,
                                   int64_t now_ms) {
  std::lock_guard lock(mutex_);
  if (std::string error = conflict(libraries, existing); !error.empty()) return error;
  const uint64_t version = next_version(now_ms);
  if (existing == Existing::kFlushed) {
    for (auto& [name, library] : entries_) {
      if (!library->deleted())
        library = std::make_shared<FunctionLibrary>(FunctionLibrary{name, version, {}, {}});
    }
  }
  for (FunctionLibrary& library : libraries) {
    library.version = version;
    put(std::move(library));
  }
  changed();
  return {};
}

bool FunctionLibraries::remove(std::string_view library, int64_t now_ms) {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(library);
  if (found == entries_.end() || found->second->deleted()) return false;
  put({found->first, next_version(now_ms), {}, {}});
  changed();
  return true;
}

void FunctionLibraries::flush(int64_t now_ms) {
  (void)add({}, Existing::kFlushed, now_ms);
}

bool FunctionLibraries::blank() const {
  std::lock_guard lock(mutex_);
  return entries_.empty();
}

std::string FunctionLibraries::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

uint64_t FunctionLibraries::digest() const {
  std::lock_guard lock(mutex_);
  return digest_;
}

bool FunctionLibraries::merge(std::string_view state) {
  std::vector<FunctionLibrary> libraries;
  if (!decode_libraries(state, &libraries)) return false;
  std::lock_guard lock(mutex_);
  bool any = false;
  for (FunctionLibrary& library : libraries) {
    const auto found = entries_.find(library.name);
    if (found != entries_.end() && !later(library, *found->second)) continue;
    put(std::move(library));
    any = true;
  }
  if (any) changed();
  return true;
}

void FunctionLibraries::put(FunctionLibrary library) {
  std::string name = library.name;
  entries_[std::move(name)] = std::make_shared<const FunctionLibrary>(std::move(library));
}

uint64_t FunctionLibraries::next_version(int64_t now_ms) const {
  uint64_t last = 0;
  for (const auto& [name, library] : entries_) last = std::max(last, library->version);
  return std::max(static_cast<uint64_t>(std::max<int64_t>(now_ms, 0)) << 16, last + 1);
}

// The names of functions follow from the libraries: of two that have one of the same, which only a merge brings about,
// the later one.
void FunctionLibraries::changed() {
  drop_oldest_deleted();
  functions_.clear();
  std::vector<Library> known;
  for (const auto& [name, library] : entries_) {
    known.push_back(library);
    for (const LibraryFunction& function : library->functions) {
      Library& place = functions_[folded(function.name)];
      if (place == nullptr || later(*library, *place)) place = library;
    }
  }
  state_ = encode_libraries(known);
  digest_ = crc64(state_);
  generation_.fetch_add(1, std::memory_order_release);
}

void FunctionLibraries::drop_oldest_deleted() {
  std::vector<Library> deleted;
  for (const auto& [name, library] : entries_) {
    if (library->deleted()) deleted.push_back(library);
  }
  if (deleted.size() <= kDeletedKept) return;
  std::sort(deleted.begin(), deleted.end(), [](const Library& a, const Library& b) { return later(*b, *a); });
  deleted.resize(deleted.size() - kDeletedKept);
  for (const Library& library : deleted) entries_.erase(library->name);
}

}  // namespace starling::server
