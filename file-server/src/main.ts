import { requireDescriptors } from '@holdfast/shared/node/descriptor-limit'
import { createLogger } from '@holdfast/shared/node/logger'
import { runService } from '@holdfast/shared/node/run-service'
import { readSettings } from '@holdfast/shared/settings/settings'
import { fileServerSettings } from './config.ts'

const title = `file-server ${process.env[fileServerSettings.name.env] ?? ''}`.trim()
const log = createLogger(title, 'info')

await runService(`holdfast ${title}`, log, async () => {
  requireDescriptors()
  const settings = readSettings(fileServerSettings, process.env)
  log.level = settings.logLevel
  // The many files behind app.ts need more descriptors than a low limit allows, so they are loaded only after the limit
  // was checked.
  const { startFileServer } = await import('./app.ts')
  return startFileServer(settings, log)
})
