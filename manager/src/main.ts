import { createLogger } from '@holdfast/shared/node/logger'
import { runService } from '@holdfast/shared/node/run-service'
import { readSettings } from '@holdfast/shared/settings/settings'
import { startManager } from './app.ts'
import { managerSettings } from './config.ts'

const log = createLogger('manager', 'info')

await runService('holdfast manager', log, () => {
  const settings = readSettings(managerSettings, process.env)
  log.level = settings.logLevel
  return startManager(settings, log)
})
