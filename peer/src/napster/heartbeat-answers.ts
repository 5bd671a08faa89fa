import type UTP from 'utp-native'

const pattern = /^HB1 ([0-9a-f]{32})$/
const DATAGRAM_BYTES = 36
/** A tracker asks every few seconds; so many a second come from one address only where something is wrong. */
const MAX_PER_SECOND = 20
/** In one second more addresses than these are answered no longer, which are those of somebody who invents them. */
const MAX_ADDRESSES = 1_000

/**
 * Answers heartbeats, from the port that they came to. An answer is shorter than what it answers, so it is no means to flood
 * somebody else, and it is counted by address, so that nobody uses up the tracker's.
 * @param isTracker says whether the tracker is at an address; those of it are answered whatever others send
 * @param onHeartbeat hears of each of the tracker's that was answered
 */
export function answerHeartbeats(udp: UTP, isTracker: (address: string) => boolean, onHeartbeat: () => void): void {
  let second = 0
  const counts = new Map<string, number>()
  udp.on('message', (datagram: Buffer, from: { readonly address: string; readonly port: number }) => {
    if (datagram.length !== DATAGRAM_BYTES) return
    const nonce = pattern.exec(datagram.toString('latin1'))?.[1]
    if (nonce === undefined) return
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) counts.clear()
    second = now
    const isOfTracker = isTracker(from.address)
    const count = (counts.get(from.address) ?? 0) + 1
    if (count > MAX_PER_SECOND || (count === 1 && counts.size >= MAX_ADDRESSES && !isOfTracker)) return
    counts.set(from.address, count)
    const answer = Buffer.from(nonce)
    udp.send(answer, 0, answer.length, from.port, from.address, () => undefined)
    if (isOfTracker) onHeartbeat()
  })
}
