import { StoreError } from '@holdfast/shared/errors/store-error'
import type { IdleWatch } from './idle-watch.ts'

/**
 * Makes the body of a download, which ends only after exactly `sizeBytes` and errors otherwise. Reading sets the pace.
 * @param explain turns a failure on the way into a StoreError.
 */
export function completeBody(
  body: ReadableStream<Uint8Array> | null,
  sizeBytes: number,
  watch: IdleWatch,
  explain: (thrown: unknown) => StoreError,
): ReadableStream<Uint8Array> {
  const reader = body?.getReader()
  let receivedBytes = 0
  const incomplete = () =>
    new StoreError('FILE_UNAVAILABLE', `the download ended at ${receivedBytes} of ${sizeBytes} bytes`)
  return new ReadableStream(
    {
      async pull(controller) {
        watch.touch()
        const next = await reader?.read().catch((thrown: unknown) => {
          watch[Symbol.dispose]()
          throw watch.signal.aborted ? explain(thrown) : incomplete()
        })
        watch.pause()
        receivedBytes += next?.value?.length ?? 0
        const isDone = next?.done ?? true
        if (receivedBytes > sizeBytes || (isDone && receivedBytes < sizeBytes)) {
          await reader?.cancel()
          throw incomplete()
        }
        if (isDone) controller.close()
        else if (next?.value !== undefined) controller.enqueue(next.value)
      },
      async cancel(reason) {
        watch[Symbol.dispose]()
        await reader?.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
