// Mapping: memory shared with the kernel by mmap(2) (internal). Move-only, the only owner; unmapped at its end. Any thread.
#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace millrace {

class Mapping {
 public:
  Mapping() = default;
  /// Of a descriptor, at one of the offsets that it has a meaning for; empty where the kernel refuses.
  Mapping(int fd, size_t bytes, uint64_t offset) : bytes_(bytes) {
    at_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, off_t(offset));
    if (at_ == MAP_FAILED) at_ = nullptr;
  }
  Mapping(Mapping&& other) noexcept : at_(std::exchange(other.at_, nullptr)), bytes_(other.bytes_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Mapping() {
    if (at_) ::munmap(at_, bytes_);
  }

  explicit operator bool() const { return at_ != nullptr; }
  template <class T>
  T* at(size_t offset) const {
    return reinterpret_cast<T*>(static_cast<uint8_t*>(at_) + offset);
  }

 private:
  void* at_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace millrace
