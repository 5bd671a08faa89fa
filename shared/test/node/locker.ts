import { DirectoryInUseError, lockDirectory } from '@holdfast/shared/node/directory-lock'

const directory = process.argv[2] ?? ''
const keepAlive = setInterval(() => undefined, 60_000)

process.on('message', async () => {
  try {
    const lock = await lockDirectory(directory)
    process.once('disconnect', () => lock.release().then(() => clearInterval(keepAlive)))
    process.send?.('locked')
  } catch (error) {
    process.send?.(error instanceof DirectoryInUseError ? 'in use' : String(error))
  }
})
process.send?.('ready')
