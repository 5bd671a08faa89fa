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

/** How Node runs our programs. docker-compose.yml says the same. */
export const nodeFlags = {
  manager: [YOUNG_64_MIB, ONE_THREAD],
  fileServer: [ONE_THREAD],
} as const
