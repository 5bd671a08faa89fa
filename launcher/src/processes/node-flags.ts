/**
 * Helper threads of the garbage collector: on machines with a few cores they take them from the other processes, and for heaps
 * of some 25 MiB they cost more than they do. Without them the manager spends half the CPU on a large upload.
 */
const ONE_THREAD = '--single-threaded-gc'

/**
 * What lives as long as a request fits into this young generation: at thousands of requests a second it is collected five
 * times less often than the default one of 16 MiB, and a third of what garbage collection costs remains.
 */
const YOUNG_64_MIB = '--max-semi-space-size=64'

/**
 * Below so many MiB of what lives longer, it is not collected. V8 begins with a few, and at thousands of requests a second
 * marks all of it every few seconds, forgetting on the way what it had learned of the code: a third of the manager's CPU.
 */
const OLD_256_MIB = '--initial-old-space-size=256'
const OLD_128_MIB = '--initial-old-space-size=128'

/** How Node runs our programs. docker-compose.yml says the same. */
export const nodeFlags = {
  manager: [YOUNG_64_MIB, OLD_256_MIB, ONE_THREAD],
  fileServer: [OLD_128_MIB, ONE_THREAD],
} as const
