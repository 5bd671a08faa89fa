interface Sorting<Key> {
  readonly sort: Key
  readonly isDescending: boolean
}

export interface Order<Key> extends Sorting<Key> {
  readonly text: string
}

interface SortFieldProps<Key> {
  readonly class?: string
  readonly orders: readonly Order<Key>[]
  readonly query: Sorting<Key>
  readonly onSort: (sorting: Sorting<Key>) => void
}

/** Chooses one of several orders. */
export function SortField<Key extends string>({ class: name = '', orders, query, onSort }: SortFieldProps<Key>) {
  const choose = (index: number) => {
    const { sort, isDescending } = orders[index] ?? query
    onSort({ sort, isDescending })
  }
  return (
    <label class={`sortby ${name}`}>
      <span class="hidden">Sort by</span>
      <select value={choiceOf(query)} onChange={({ currentTarget }) => choose(currentTarget.selectedIndex)}>
        {orders.map((order) => (
          <option key={order.text} value={choiceOf(order)}>
            {order.text}
          </option>
        ))}
      </select>
    </label>
  )
}

function choiceOf({ sort, isDescending }: Sorting<string>): string {
  return `${sort} ${isDescending ? 'desc' : 'asc'}`
}
