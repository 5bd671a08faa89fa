import mongoose from 'mongoose'
import type { Page } from 'playwright-core'
import type { TestTrack } from './tracks.ts'

/** Keeps all verdicts from the page, so that it is seen without one. @returns what lets them pass */
export async function holdVerdicts(page: Page): Promise<() => Promise<void>> {
  const asked = '**/info?name=*'
  let letPass = (): void => undefined
  const isReady = new Promise<void>((resolve) => {
    letPass = resolve
  })
  await page.route(asked, async (route) => {
    await isReady
    await route.continue().catch(() => undefined)
  })
  return async () => {
    letPass()
    await page.unroute(asked)
  }
}

/** Writes what the decoder would: a machine without ffmpeg has none. */
export async function judge(mongoUrl: string, tracks: readonly TestTrack[], damaged: string): Promise<void> {
  await withFiles(mongoUrl, async (files) => {
    const isChecked = { 'audio.isChecked': true }
    for (const { file, peaks } of tracks)
      await files.updateOne(
        { name: file.name },
        { $set: { ...isChecked, 'audio.verdict': 'ok', 'audio.peaks': peaks } },
      )
    const reason = 'it is shorter than it says'
    await files.updateOne(
      { name: damaged, 'audio.verdict': 'unknown' },
      { $set: { ...isChecked, 'audio.verdict': 'damaged', 'audio.reason': reason } },
    )
  })
}

/** Writes what a job leaves that has failed for good. A decoder that is at it finds the file checked, and leaves it as it is. */
export async function noteFailed(mongoUrl: string, name: string, reason: string): Promise<void> {
  const noted = { 'audio.isChecked': true, 'audio.verdict': 'unknown', 'audio.reason': reason }
  await withFiles(mongoUrl, (files) => files.updateOne({ name, state: 'live' }, { $set: noted }))
}

async function withFiles(mongoUrl: string, write: (files: mongoose.Collection) => Promise<unknown>): Promise<void> {
  const connection = await mongoose.createConnection(mongoUrl).asPromise()
  try {
    await write(connection.collection('files'))
  } finally {
    await connection.close()
  }
}
