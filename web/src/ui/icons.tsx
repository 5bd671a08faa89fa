/** They are drawn in 24 × 24, by lines. */
const paths = {
  close: 'M6 6l12 12M18 6L6 18',
  upload: 'M12 16V4m0 0L7 9m5-5l5 5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3',
  download: 'M12 4v12m0 0l-5-5m5 5l5-5M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3',
  link: 'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1',
  qr: 'M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2M20 14v2M14 20h2M18 18h2v2',
  more: 'M5.5 12a.5.5 0 1 1-1 0 .5.5 0 0 1 1 0zM12.5 12a.5.5 0 1 1-1 0 .5.5 0 0 1 1 0zM19.5 12a.5.5 0 1 1-1 0 .5.5 0 0 1 1 0z',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4',
  retry: 'M20 11a8 8 0 1 0-2 6M20 5v6h-6',
  rename: 'M4 20h4L19 9l-4-4L4 16zM13 7l4 4',
  trash: 'M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13',
  eye: 'M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z',
  up: 'M12 19V5m0 0l-6 6m6-6l6 6',
  down: 'M12 5v14m0 0l6-6m-6 6l-6-6',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  file: 'M6 3h8l4 4v14H6zM14 3v4h4',
  image: 'M4 5h16v14H4zM4 16l5-5 5 5 2-2 4 4M15.500 9.500h.01',
  video: 'M3 6h12v12H3zM15 10.500l6-3v9l-6-3z',
  audio:
    'M9 18V6l10-2v12M9 18a2.500 2.500 0 1 1-5 0 2.500 2.500 0 0 1 5 0zM19 16a2.500 2.500 0 1 1-5 0 2.500 2.500 0 0 1 5 0z',
  text: 'M6 3h8l4 4v14H6zM9 11h6M9 14h6M9 17h4',
  pdf: 'M6 3h8l4 4v14H6zM9 17c3-1 5-5 5-7s-2-2-2 0 2 5 4 6-4-1-7 1z',
  archive: 'M4 4h16v5H4zM5 9v11h14V9M10 13h4',
  server: 'M4 4h16v7H4zM4 13h16v7H4zM8 7.500h.01M8 16.500h.01',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3.500 2',
  peers:
    'M12 8a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM5.500 20a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM18.500 20a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM10.800 8l-4 7M13.200 8l4 7M8 17.500h8',
  play: 'M7 4.500v15l12-7.500z',
  pause: 'M8 5v14M16 5v14',
  previous: 'M18 5v14l-10-7zM6 5v14',
  next: 'M6 5v14l10-7zM18 5v14',
  queue: 'M4 6h16M4 11h16M4 16h8M16 14v6l4-3z',
  queueNext: 'M4 6h16M4 12h9M4 18h9M18 10v8m0 0l-3-3m3 3l3-3',
  sound: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM15.500 9a4 4 0 0 1 0 6M18 6.500a7.500 7.500 0 0 1 0 11',
  silent: 'M4 9.500v5h3.500L12 18.500v-13L7.500 9.500zM16 9.500l5 5M21 9.500l-5 5',
  warning: 'M12 4l9 16H3zM12 10v4M12 17h.01',
} as const

export type IconName = keyof typeof paths

export function Icon({ name }: { name: IconName }) {
  return (
    <svg
      class="glyph"
      viewBox="0 0 24 24"
      aria-hidden="true"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
    >
      <path d={paths[name]} />
    </svg>
  )
}
