import { fileURLToPath } from 'node:url'
import { runLauncher } from './start/run-launcher.ts'

const built = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const programs = { manager: built('manager/bundle/main.js'), fileServer: built('file-server/bundle/main.js') }

process.exit(await runLauncher(process.argv.slice(2), process.env, programs))
