import { StartError } from '@holdfast/shared/node/run-service'
import { isEveryAddress } from './listen.ts'

interface Addresses {
  readonly host: string
  readonly publicUrl: string | null
  readonly workerHost: string | null
}

/** The name under which file-servers reach the workers' own ports. @throws StartError where there is none to tell */
export function workerHostOf({ host, publicUrl, workerHost }: Addresses): string {
  if (workerHost !== null) return workerHost
  if (publicUrl !== null) return new URL(publicUrl).hostname
  if (!isEveryAddress(host)) return host.includes(':') ? `[${host}]` : host
  throw new StartError(
    `MANAGER_WORKERS above 1 with HOST=${host} needs MANAGER_URL or MANAGER_WORKER_HOST: file-servers dial each worker.`,
  )
}

/** What one worker may use of a bound that holds for all of them together. */
export function shareOf(bound: number, workerCount: number): number {
  return Math.ceil(bound / workerCount)
}

/** @param rememberedPort the one that the worker in this place had, so that file-servers find it again. */
export function ownPortOf(firstPort: number, place: number, rememberedPort: number): number {
  return firstPort === 0 ? rememberedPort : firstPort + place
}
