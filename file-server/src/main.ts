import { createLogger } from '@holdfast/shared/node/logger'
import { runService } from '@holdfast/shared/node/run-service'
import { readSettings } from '@holdfast/shared/settings/settings'
import { startFileServer } from './app.ts'
import { fileServerSettings } from './config.ts'

const title = `file-server ${process.env[fileServerSettings.name.env] ?? ''}`.trim()
const log = createLogger(title, 'info')

await runService(`holdfast ${title}`, log, () => {
  const settings = readSettings(fileServerSettings, process.env)
  log.level = settings.logLevel
  return startFileServer(settings, log)
})
