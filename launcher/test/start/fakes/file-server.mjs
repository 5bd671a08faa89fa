import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { behaveAsService } from './service.mjs'

const log = behaveAsService(`file-server ${process.env.NAME}`)

appendFileSync(join(process.env.DATA_DIR ?? '', 'starts'), `${process.pid}\n`)
setInterval(() => {
  fetch(`${process.env.MANAGERS}/join?name=${process.env.NAME}`).catch((error) =>
    log('info', 'no manager', { err: error }),
  )
}, 100)
