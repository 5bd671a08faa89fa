#!/usr/bin/env node
// npm links a command only where its file exists, and a fresh clone has no bundle/.
import { existsSync } from 'node:fs'

const main = new URL('../bundle/cli/main.js', import.meta.url)
if (existsSync(main)) {
  await import(main.href)
} else {
  console.error('holdfast: not built yet; run `npm run build` first')
  process.exitCode = 1
}
