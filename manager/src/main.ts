import { fileURLToPath } from 'node:url'
import { requireDescriptors } from '@holdfast/shared/node/descriptor-limit'
import { createLogger } from '@holdfast/shared/node/logger'
import { requireLoopback } from '@holdfast/shared/node/loopback'
import { runService } from '@holdfast/shared/node/run-service'
import { readSettings } from '@holdfast/shared/settings/settings'
import { managerSettings, requireReplicas } from './config.ts'
import { Primary } from './workers/primary.ts'
import { workerHostOf } from './workers/worker-settings.ts'

const log = createLogger('manager', 'info')

/** The primary sets this for its workers. */
const isWorker = process.env.MANAGER_IS_WORKER === 'true'
const title = isWorker ? 'holdfast manager worker' : 'holdfast manager'

await runService(title, log, async (signal) => {
  requireDescriptors()
  const settings = readSettings(managerSettings, process.env)
  log.level = settings.logLevel
  const { workerCount, host, port, workerPort } = settings
  requireLoopback(host, settings.allowAnonymous)
  requireReplicas(settings)
  if (workerCount === 1 || isWorker) {
    // The app is loaded only here: its many files are more than a low limit of descriptors allows, and that limit is to be
    // reported first.
    const { startManager } = await import('./app.ts')
    return startManager(settings, log, isWorker, signal)
  }
  workerHostOf(settings)
  const script = fileURLToPath(import.meta.url)
  return Primary.start({ script, workerCount, host, port, firstWorkerPort: workerPort }, log)
})
