import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { toStoreError } from '@holdfast/shared/errors/store-error'
import type { Logger } from '@holdfast/shared/node/logger'
import type { TrackerCounts } from '../stats/tracker-counts.ts'
import { MAX_UNANSWERED, type UserDocument } from './user-records.ts'
import { show, type UsersDeps } from './users.ts'

/** A datagram begins so, and then comes the nonce; the answer is the nonce, with or without this before it. */
const GREETING = 'HB1 '
const NONCE_DIGITS = 32
const noncePattern = new RegExp(`^(?:${GREETING})?([0-9a-f]{${NONCE_DIGITS}})\\s{0,2}$`)
const MAX_ANSWER_BYTES = GREETING.length + NONCE_DIGITS + 2

/** At most so many heartbeats are sent a second, and so many are due in one round. */
const SENT_PER_SECOND = 1_000
const MAX_ROUND = 500
const SPREAD = 50
/** Sending ends for a while after so long, or nobody would fall silent where more are due than can be sent to. */
const LONGEST_SENDING_MS = 5_000
/** Answers are written together. */
const WRITE_EVERY_MS = 200
const MAX_ANSWERS = 5_000
const LOOK_EVERY_MS = 1_000
const FORGET_AFTER_MS = 30 * 86_400_000
const FORGET_EVERY_MS = 600_000

export interface HeartbeatDeps extends UsersDeps {
  readonly counts: TrackerCounts
  /** Sends a datagram, or drops it where this manager has no UDP port. */
  readonly send: (datagram: Buffer, port: number, ip: string) => void
  /** Tells whether this manager has the UDP port, so that answers reach it. */
  readonly canSend: () => boolean
  readonly everyMs: number
  readonly log: Logger
}

/**
 * Asks the users that are checked in whether they are there, from the tracker's UDP port. Each manager with such a port takes
 * users that are due, by the database. Nonces are known to this process alone; one that starts anew asks again.
 */
export class Heartbeats {
  readonly #deps: HeartbeatDeps
  /** Tells which user was asked by a nonce, in the order in which they were sent. */
  readonly #sent = new Map<string, { readonly user: string; readonly sentAt: number }>()
  #answered = new Set<string>()
  readonly #stop = new AbortController()
  readonly #ended: Promise<unknown>
  #forgottenAt = performance.now()

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps
    const lookEveryMs = Math.min(LOOK_EVERY_MS, deps.everyMs / 4)
    this.#ended = Promise.all([
      this.#repeat(lookEveryMs, () => this.#beat()),
      this.#repeat(WRITE_EVERY_MS, () => this.#writeAnswers()),
      this.#repeat(lookEveryMs, () => this.#keepTracks()),
    ])
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#ended
    await this.#writeAnswers().catch(() => undefined)
  }

  /** Takes a datagram for an answer if it is one. @returns whether it was */
  take(datagram: Buffer): boolean {
    if (datagram.length < NONCE_DIGITS || datagram.length > MAX_ANSWER_BYTES) return false
    const nonce = noncePattern.exec(datagram.toString('latin1'))?.[1]
    if (nonce === undefined) return false
    const asked = this.#sent.get(nonce)
    // To know the nonce is to have received it, so the source need not be looked at.
    if (asked === undefined || this.#answered.size >= MAX_ANSWERS) return true
    this.#sent.delete(nonce)
    this.#answered.add(asked.user)
    this.#deps.counts.heartbeats.answered += 1
    return true
  }

  async #beat(): Promise<void> {
    const { users, everyMs, canSend, log } = this.#deps
    if (canSend()) {
      this.#forgetNonces()
      const until = performance.now() + LONGEST_SENDING_MS
      let due: readonly UserDocument[]
      do {
        due = await users.takeDue(everyMs, MAX_ROUND)
        await this.#send(due)
      } while (due.length === MAX_ROUND && performance.now() < until && !this.#stop.signal.aborted)
      await this.#writeAnswers()
      const silent = await users.endSilent()
      if (silent > 0) log.info({ users: silent }, 'users no longer answer')
    }
  }

  /** Takes its time where many users have come or gone, and holds no heartbeat up. */
  async #keepTracks(): Promise<void> {
    for (const user of await this.#deps.users.findMisshown(MAX_ROUND)) {
      if (this.#stop.signal.aborted) return
      await show(this.#deps, user._id, user.isActive)
    }
    await this.#forgetUsers()
  }

  async #send(due: readonly UserDocument[]): Promise<void> {
    for (let start = 0; start < due.length && !this.#stop.signal.aborted; start += SPREAD) {
      const group = due.slice(start, start + SPREAD)
      for (const { _id, ip, port } of group) {
        const nonce = randomBytes(NONCE_DIGITS / 2).toString('hex')
        this.#sent.set(nonce, { user: _id, sentAt: performance.now() })
        this.#deps.send(Buffer.from(GREETING + nonce), port, ip)
        this.#deps.counts.heartbeats.sent += 1
      }
      if (group.length === SPREAD) await this.#pause((SPREAD / SENT_PER_SECOND) * 1000)
    }
  }

  /** A nonce counts as long as the user could still be active by it. */
  #forgetNonces(): void {
    const before = performance.now() - MAX_UNANSWERED * this.#deps.everyMs
    for (const [nonce, { sentAt }] of this.#sent) {
      if (sentAt > before) return
      this.#sent.delete(nonce)
      this.#deps.counts.heartbeats.lost += 1
    }
  }

  async #writeAnswers(): Promise<void> {
    if (this.#answered.size === 0) return
    const answered = this.#answered
    this.#answered = new Set()
    await this.#deps.users.noteAnswers([...answered])
  }

  /** Users that have been away for very long lose their files, or the tracker would fill with them. */
  async #forgetUsers(): Promise<void> {
    const { users, tracks, log } = this.#deps
    if (performance.now() - this.#forgottenAt < FORGET_EVERY_MS) return
    this.#forgottenAt = performance.now()
    const forgotten = await users.findForgotten(FORGET_AFTER_MS, MAX_ROUND)
    for (const { _id } of forgotten) {
      if (this.#stop.signal.aborted) return
      await tracks.removeAll(_id)
      await users.remove(_id)
    }
    if (forgotten.length > 0) log.info({ users: forgotten.length }, 'users forgotten')
  }

  async #repeat(everyMs: number, work: () => Promise<void>): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await work()
      } catch (thrown) {
        // The next round does what this one did not; the database's own state is logged where it changes.
        this.#deps.log.debug({ err: toStoreError(thrown) }, 'heartbeats not done')
      }
      await this.#pause(everyMs)
    }
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined)
  }
}
