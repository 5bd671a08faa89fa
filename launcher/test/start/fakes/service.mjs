/**
 * Both fakes behave like the real programs in this: they log JSON lines, heed SIGTERM, and end with their owner.
 * @param {string} name
 */
export function behaveAsService(name) {
  process.title = `holdfast ${name}`
  /** @param {string} level @param {string} message @param {object} [fields] */
  const log = (level, message, fields) =>
    console.log(JSON.stringify({ level, time: Date.now(), process: name, ...fields, message }))
  process.on('SIGTERM', () => {
    if (process.env.FAKE_STUBBORN !== undefined) return
    log('info', 'stopped')
    process.exit(0)
  })
  process.on('SIGINT', () => log('error', 'a Ctrl-C reached a child'))
  process.on('disconnect', () => process.exit(0))
  const reason = process.env.FAKE_CANNOT_START
  if (reason !== undefined) {
    log('fatal', 'cannot start', { reason })
    process.exit(1)
  }
  log('warn', 'hello', { threads: process.env.UV_THREADPOOL_SIZE })
  return log
}
