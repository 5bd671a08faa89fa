import { ensureBuilt, ensureInstalled } from './bootstrap.mjs'

await ensureInstalled('what runs')
await ensureBuilt()
