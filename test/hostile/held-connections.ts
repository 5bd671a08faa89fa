import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import { download, upload } from '../cluster/http.ts'
import type { TestCluster } from '../cluster/test-cluster.ts'

/** A round that somebody else's connection holds up takes at least as long as one of the manager's time limits. */
export const HONEST_LIMIT_MS = 9_000

interface HeldConnection {
  readonly socket: Socket
  received: string
  isClosed: boolean
}

/** These connections send some bytes and nothing more, and never hang up by themselves. */
export class HeldConnections implements Disposable {
  readonly all: readonly HeldConnection[]

  constructor(port: number, count: number, bytes: string) {
    this.all = Array.from({ length: count }, () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      const held: HeldConnection = { socket, received: '', isClosed: false }
      socket.on('data', (data) => {
        held.received += data.toString('latin1')
      })
      // A reset is an end too, and a good one here.
      for (const event of ['end', 'close', 'error']) {
        socket.on(event, () => {
          held.isClosed = true
        })
      }
      socket.write(bytes)
      return held
    })
  }

  get isEveryClosed(): boolean {
    return this.all.every((held) => held.isClosed)
  }

  [Symbol.dispose](): void {
    for (const { socket } of this.all) socket.destroy()
  }
}

export const portOf = (cluster: TestCluster): number => Number(new URL(cluster.url).port)

/** Uploads and reads back, twenty times one after the other, then at a gentle pace until `isOver`. @returns the slowest of these rounds, in milliseconds */
export async function honestTraffic(cluster: TestCluster, name: string, isOver: () => boolean): Promise<number> {
  let slowestMs = 0
  for (let round = 0; round < 20 || !isOver(); round++) {
    if (round >= 20) await delay(50)
    const bytes = randomBytes(3_000)
    const startedAt = performance.now()
    expect((await upload(cluster.url, `${name}/${round}`, bytes)).status).toBe(201)
    expect((await download(cluster.url, `${name}/${round}`)).body.equals(bytes)).toBe(true)
    slowestMs = Math.max(slowestMs, performance.now() - startedAt)
  }
  return slowestMs
}
