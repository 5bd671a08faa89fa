/**
 * On a machine with a few cores the garbage collector's helper threads take them from the other processes, and for
 * heaps of some 25 MiB they cost more than they do. Without them a large upload takes half the manager's CPU.
 */
const ONE_THREAD = '--single-threaded-gc'

/**
 * A young generation takes three times this, and buffers of sockets wait for it to be full. V8's own 16 MiB are no faster, 4 cost a
 * fifth of small downloads, and while a file of 10 GiB passes a manager has to stay below 300 MiB.
 */
const YOUNG_8_MIB = '--max-semi-space-size=8'

/**
 * V8 does not collect what lives longer until it is this large. With its default of a few MiB it marks all of it every
 * few seconds at thousands of requests a second, and forgets on the way what it had learned of the code, which costs a
 * third of the manager's CPU.
 */
const OLD_256_MIB = '--initial-old-space-size=256'
const OLD_128_MIB = '--initial-old-space-size=128'

/** Node runs our programs with these flags. docker-compose.yml repeats them. */
export const nodeFlags = {
  manager: [YOUNG_8_MIB, OLD_256_MIB, ONE_THREAD],
  fileServer: [OLD_128_MIB, ONE_THREAD],
} as const
