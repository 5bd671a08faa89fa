import type { Logger } from '@holdfast/shared/node/logger'
import type { StopStack } from '@holdfast/shared/node/stop-stack'
import type { Database } from '../mongo/database.ts'
import { type UdpAddress, UdpPort } from './udp/udp-port.ts'
import { Heartbeats } from './users/heartbeats.ts'
import { TrackRecords } from './users/track-records.ts'
import { UserRecords } from './users/user-records.ts'
import type { UsersDeps } from './users/users.ts'

export interface PeersDeps {
  readonly database: Database
  readonly log: Logger
  readonly stops: StopStack
}

export interface PeersSettings {
  readonly heartbeatEveryMs: number
}

export interface Peers extends UsersDeps {
  /** Opens the UDP port, or waits until it can be had. */
  openUdp(address: UdpAddress): void
}

/** Starts what knows of peers: the Napster tracker with its heartbeats. */
export async function startPeers({ database, log, stops }: PeersDeps, settings: PeersSettings): Promise<Peers> {
  const users = new UserRecords(database)
  const tracks = new TrackRecords(database)
  await Promise.all([users.prepare(), tracks.prepare()])
  let udp: UdpPort | null = null
  const send = (datagram: Buffer, port: number, ip: string): void => udp?.send(datagram, port, ip)
  const heartbeats = new Heartbeats({
    ...{ users, tracks, send, log },
    canSend: () => udp?.isOpen === true,
    everyMs: settings.heartbeatEveryMs,
  })
  stops.add(() => heartbeats.close())
  return {
    users,
    tracks,
    openUdp(address) {
      const opened = new UdpPort(address, (datagram) => heartbeats.take(datagram), log)
      udp = opened
      stops.add(() => opened.close())
    },
  }
}
