import { ensureBuilt, ensureInstalled } from './bootstrap.mjs'

await ensureInstalled()
await ensureBuilt()
await import(new URL('../launcher/dist/main.js', import.meta.url).href)
