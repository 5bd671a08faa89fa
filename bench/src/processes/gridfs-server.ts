import { once } from 'node:events'
import { createServer } from 'node:http'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import Router from '@koa/router'
import Koa from 'koa'
import mongoose from 'mongoose'
import { decodeUpload } from './decode-upload.ts'
import { serve } from './serve.ts'

/**
 * Serves the same API on GridFS, with Koa and JSON with base64. Writes are majority and journaled, a unique index lets a name
 * exist once, and GridFS itself computes no digest.
 */
const { GridFSBucket, MongoClient } = mongoose.mongo
const client = new MongoClient(process.env.MONGO_URL ?? '', { writeConcern: { w: 'majority', journal: true } })
await client.connect()
const database = client.db(process.env.DATABASE)
const bucket = new GridFSBucket(database, { writeConcern: { w: 'majority', journal: true } })
await database.collection('fs.files').createIndex({ filename: 1 }, { unique: true })
await database.collection('fs.chunks').createIndex({ files_id: 1, n: 1 }, { unique: true })

const router = new Router()
router.post('/file', async (ctx) => {
  const { filename, bytes } = await decodeUpload(ctx.req, Number(ctx.get('content-length')))
  const upload = bucket.openUploadStream(filename)
  if (Buffer.isBuffer(bytes)) {
    upload.end(bytes)
    await once(upload, 'finish')
  } else {
    await pipeline(Readable.from(bytes), upload)
  }
  ctx.status = 201
  ctx.body = { filename, id: upload.id.toHexString() }
})
router.get('/file/:filename', async (ctx) => {
  const download = bucket.openDownloadStreamByName(ctx.params.filename ?? '')
  const found = once(download, 'file') as Promise<[{ length: number }]>
  // GridFS reads the record with the first bytes.
  download.read(0)
  const [file] = await found
  ctx.length = file.length
  ctx.type = 'application/octet-stream'
  ctx.body = download.pipe(new PassThrough())
})
router.delete('/file/:filename', async (ctx) => {
  const filename = ctx.params.filename ?? ''
  const [file] = await bucket.find({ filename }).limit(1).toArray()
  if (file === undefined) return
  await bucket.delete(file._id)
  ctx.body = { filename, id: file._id.toHexString() }
})

const app = new Koa()
app.use(router.routes())
serve(createServer(app.callback()))
