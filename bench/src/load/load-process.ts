import { type AnnounceOrder, type AnnounceResult, runAnnounces } from './run-announces.ts'
import { type LoadOrder, type LoadResult, runLoad } from './run-load.ts'

export type LoadAnswer<Result = LoadResult> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'failed'; readonly reason: string }

/** This process serves the whole run, so that every system gets load from the same warm code. It ends with its parent. */
process.title = 'holdfast bench load'
process.on('disconnect', () => process.exit(0))
process.on('message', (order: LoadOrder | AnnounceOrder) => {
  const answer = (answer: LoadAnswer<LoadResult | AnnounceResult>) => process.send?.(answer)
  const result = 'protocol' in order ? runAnnounces(order) : runLoad(order)
  result.then(
    (result) => answer({ kind: 'done', result }),
    (error: unknown) => answer({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  )
})
