import { fileURLToPath } from 'node:url'
import { runLauncher } from '@holdfast/launcher/start/run-launcher'

/** @param {string} name */
const fake = (name) => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url))

const fileServer = process.env.FILE_SERVER_SCRIPT ?? fake('file-server')

process.exit(await runLauncher(process.argv.slice(2), process.env, { manager: fake('manager'), fileServer }))
