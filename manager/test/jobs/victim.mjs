// A process that takes a job, says so, and never ends it, so that it can be killed over it.
import { register } from 'tsx/esm/api'

register()
const { openJobs, shortLease } = await import('./open-jobs.ts')
const jobs = await openJobs(process.argv[2] ?? '', process.argv[3] ?? '', shortLease)
jobs.work(
  'work',
  async () => {
    process.send?.('taken')
    await new Promise(() => undefined)
  },
  1,
)
