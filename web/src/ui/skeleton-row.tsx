import type { RowPlace } from './virtual-rows.ts'

/** Stands for a row that is not read yet. */
export function SkeletonRow({ place, index }: { place?: RowPlace; index: number }) {
  return (
    <div class="row skeleton" style={place ?? {}} aria-hidden="true">
      <span class="bone" style={{ width: `${28 + ((index * 37) % 34)}%` }} />
    </div>
  )
}
