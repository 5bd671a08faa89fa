import { Icon } from './icons.tsx'

interface HeadProps<Key extends string> {
  readonly columns: readonly { readonly key: Key; readonly text: string }[]
  readonly query: { readonly sort: string; readonly isDescending: boolean }
  readonly onSort: (sort: Key) => void
}

/** Shows the head of a table that is sorted by a click on a column. */
export function TableHead<Key extends string>({ columns, query, onSort }: HeadProps<Key>) {
  const { sort, isDescending } = query
  return (
    <div class="head" role="rowgroup">
      <div class="row" role="row" aria-rowindex={1}>
        {columns.map(({ key, text }) => (
          <div
            key={key}
            class={key}
            role="columnheader"
            aria-sort={sort === key ? (isDescending ? 'descending' : 'ascending') : 'none'}
          >
            <button type="button" onClick={() => onSort(key)}>
              {text}
              {sort === key && <Icon name={isDescending ? 'down' : 'up'} />}
            </button>
          </div>
        ))}
        <div class="actions" role="columnheader">
          <span class="hidden">Actions</span>
        </div>
      </div>
    </div>
  )
}
