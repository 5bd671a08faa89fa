import type UTP from 'utp-native'

const pattern = /^HB1 ([0-9a-f]{32})$/
const DATAGRAM_BYTES = 36
/** One tracker asks every few seconds; whoever sends more is none. */
const MAX_PER_SECOND = 20

/**
 * Answers the tracker's heartbeats, from the port that they came to. An answer is shorter than what it answers, so it is no
 * means to flood somebody else.
 * @param onHeartbeat hears of each that was answered
 */
export function answerHeartbeats(udp: UTP, onHeartbeat: () => void): void {
  let second = 0
  let count = 0
  udp.on('message', (datagram: Buffer, from: { readonly address: string; readonly port: number }) => {
    if (datagram.length !== DATAGRAM_BYTES) return
    const nonce = pattern.exec(datagram.toString('latin1'))?.[1]
    if (nonce === undefined) return
    const now = Math.floor(performance.now() / 1000)
    count = now === second ? count + 1 : 1
    second = now
    if (count > MAX_PER_SECOND) return
    const answer = Buffer.from(nonce)
    udp.send(answer, 0, answer.length, from.port, from.address, () => undefined)
    onHeartbeat()
  })
}
