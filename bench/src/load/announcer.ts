/** Such a peer announces itself to a tracker. Its address is that of the announcer. */
export interface AnnouncingPeer {
  /** It is the number of an info-hash. */
  readonly swarm: number
  readonly port: number
  readonly isSeed: boolean
}

/** Announces peers of one address, one after the other. */
export interface Announcer {
  /** @returns whether the tracker took it. @throws where the answer is none */
  announce(peer: AnnouncingPeer): Promise<boolean>
  close(): void
}

/** An announce asks for so many other peers. */
export const WANTED_PEERS = 50
export const PEER_ID = Buffer.from('-XX0001-123456789012')

/** @returns an address of this machine of which no other client announces. Each announces as a peer of its own. */
export function addressOf(client: number): string {
  return `127.77.${client >> 8}.${client & 255}`
}
