import { ensureBuilt, ensureInstalled } from './bootstrap.mjs'

await ensureInstalled('what runs')
await ensureBuilt()
await import(new URL('../launcher/dist/main.js', import.meta.url).href)
