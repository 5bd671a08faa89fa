import { StartError } from '@holdfast/shared/node/run-service'
import { isEveryAddress } from './listen.ts'

interface Addresses {
  readonly host: string
  readonly publicUrl: string | null
  readonly workerHost: string | null
}

/** @returns the name under which file-servers reach the workers' own ports. @throws StartError where there is none to tell */
export function workerHostOf({ host, publicUrl, workerHost }: Addresses): string {
  if (workerHost !== null) return workerHost
  if (publicUrl !== null) return new URL(publicUrl).hostname
  if (!isEveryAddress(host)) return host.includes(':') ? `[${host}]` : host
  throw new StartError(
    `MANAGER_WORKERS above 1 with HOST=${host} needs MANAGER_URL or MANAGER_WORKER_HOST: file-servers dial each worker.`,
  )
}

/** @returns what one worker may use of a bound that holds for all of them together */
export function shareOf(bound: number, workerCount: number): number {
  return Math.ceil(bound / workerCount)
}

/** @param rememberedPort the port that the worker in this place had, so that file-servers find it again */
export function ownPortOf(firstPort: number, place: number, rememberedPort: number): number {
  return firstPort === 0 ? rememberedPort : firstPort + place
}

interface AllAddresses extends Addresses {
  readonly port: number
  readonly workerPort: number
}

/** Says where a manager listens and under which addresses it is known, by itself or as one of several workers behind a port. */
export interface ManagerAddresses {
  /** This process listens on this port; 0 takes a free one. */
  readonly ownPort: number
  /** @param listening the address it listens on. @returns where file-servers reach this very process */
  ownUrl(listening: URL): string
  /** @returns what file-servers are told to dial, or null where no address is known under which they reach it */
  advertisedUrl(listening: URL): string | null
  /** @returns the origin that clients use on this machine */
  publicOrigin(listening: URL): string
}

/** @throws StartError where a worker has no address to tell */
export function addressesOf(settings: AllAddresses, isWorker: boolean): ManagerAddresses {
  const { host, port, publicUrl, workerPort } = settings
  if (!isWorker) {
    return {
      ownPort: port,
      ownUrl: (listening) => listening.origin,
      advertisedUrl: (listening) => publicUrl ?? (isEveryAddress(host) ? null : listening.origin),
      publicOrigin: (listening) => listening.origin,
    }
  }
  const workerHost = workerHostOf(settings)
  const ownUrl = (listening: URL): string => `http://${workerHost}:${listening.port}`
  return {
    ownPort: workerPort,
    ownUrl,
    advertisedUrl: ownUrl,
    publicOrigin: (listening) => Object.assign(new URL(listening), { port }).origin,
  }
}
