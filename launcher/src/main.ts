import { fileURLToPath } from 'node:url'
import { runLauncher } from './start/run-launcher.ts'

const built = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const programs = { manager: built('manager/dist/main.js'), fileServer: built('file-server/dist/main.js') }

process.exit(await runLauncher(process.argv.slice(2), process.env, programs))
