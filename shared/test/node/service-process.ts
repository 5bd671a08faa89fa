import { createLogger } from '@holdfast/shared/node/logger'
import { runService, StartError } from '@holdfast/shared/node/run-service'
import { readSettings } from '@holdfast/shared/settings/settings'

const [behaviour] = process.argv.slice(2)
const log = createLogger('test', 'info')
const service = (failed?: Promise<never>) => ({
  close: async () => log.info('closed'),
  ...(failed === undefined ? {} : { failed }),
})

await runService('holdfast test', log, async (signal) => {
  const keepAlive = setInterval(() => undefined, 60_000)
  switch (behaviour) {
    case 'start error':
      throw new StartError('the port is taken')
    case 'settings':
      return service(readSettings({ port: { env: 'NEVER_SET', parse: () => 1 as never, doc: 'a port' } }, {}).port)
    case 'failed':
      return service(new Promise((_, reject) => setImmediate(() => reject(new Error('the directory was taken over')))))
    case 'unhandled':
      setImmediate(() => Promise.reject(new Error('nobody waits for this')))
      break
    case 'slow start':
      process.send?.('starting')
      await new Promise((resolve) => process.once('SIGTERM', () => setImmediate(resolve)))
      break
    case 'waiting start':
      process.send?.('starting')
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw signal.reason
    default:
      break
  }
  process.send?.('started')
  keepAlive.ref()
  return service()
})
