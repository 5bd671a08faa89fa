import { type LoadOrder, type LoadResult, runLoad } from './run-load.ts'

export type LoadAnswer =
  | { readonly kind: 'done'; readonly result: LoadResult }
  | { readonly kind: 'failed'; readonly reason: string }

/** This process serves the whole run, so that every system gets load from the same warm code. It ends with its parent. */
process.title = 'holdfast bench load'
process.on('disconnect', () => process.exit(0))
process.on('message', (order: LoadOrder) => {
  const answer = (answer: LoadAnswer) => process.send?.(answer)
  runLoad(order).then(
    (result) => answer({ kind: 'done', result }),
    (error: unknown) => answer({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  )
})
