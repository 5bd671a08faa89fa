import { ensurePeerBuilt, ensurePeerInstalled } from './bootstrap.mjs'

// A manager runs this to have a torrent pulled in: the peer's packages are installed and its sources compiled the first time.
await ensurePeerInstalled()
await ensurePeerBuilt()
await import(new URL('../peer/bundle/pull-main.js', import.meta.url).href)
