import type { RowPlace } from './virtual-rows.ts'

/** Stands for a list of which nothing is read yet. */
export function SkeletonRows() {
  return (
    <div class="bones" aria-hidden="true">
      {[0, 1, 2, 3, 4, 5].map((index) => (
        <SkeletonRow key={index} index={index} />
      ))}
    </div>
  )
}

/** Stands for a row that is not read yet. */
export function SkeletonRow({ place, index }: { place?: RowPlace; index: number }) {
  return (
    <div class="row skeleton" style={place ?? {}} aria-hidden="true">
      <span class="bone" style={{ width: `${28 + ((index * 37) % 34)}%` }} />
    </div>
  )
}
