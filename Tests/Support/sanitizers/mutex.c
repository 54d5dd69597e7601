// What the thread sanitizer has to know of Swift's Mutex on Linux.
//
// The fast paths of Synchronization.Mutex are inlined and so instrumented; the slow ones, which wait for a futex, are in
// the standard library, which is not. Without this every contended lock would look like no lock at all. The library is
// preloaded, so its two functions stand before the standard library's, and go on to them.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

void __tsan_acquire(void *address) __attribute__((weak));
void __tsan_release(void *address) __attribute__((weak));

#define SWIFT_METHOD __attribute__((swiftcall))
#define SELF __attribute__((swift_context))

// _MutexHandle._lockSlow(_: UInt32)
SWIFT_METHOD void lock_slow(uint32_t thread, SELF void *handle)
    __asm__("$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
// _MutexHandle._unlockSlow()
SWIFT_METHOD void unlock_slow(SELF void *handle) __asm__("$s15Synchronization12_MutexHandleV11_unlockSlowyyF");

SWIFT_METHOD void lock_slow(uint32_t thread, SELF void *handle) {
    SWIFT_METHOD void (*next)(uint32_t, SELF void *) =
        dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF");
    next(thread, handle);
    if (__tsan_acquire) __tsan_acquire(handle);
}

SWIFT_METHOD void unlock_slow(SELF void *handle) {
    SWIFT_METHOD void (*next)(SELF void *) =
        dlsym(RTLD_NEXT, "$s15Synchronization12_MutexHandleV11_unlockSlowyyF");
    if (__tsan_release) __tsan_release(handle);
    next(handle);
}
