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
  // Loaded here: its many files at once are more than a low limit of descriptors allows, which was to be said first.
  const { startFileServer } = await import('./app.ts')
  return startFileServer(settings, log)
})
