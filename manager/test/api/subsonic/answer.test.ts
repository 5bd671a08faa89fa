import { expect, test } from 'vitest'
import { asXml } from '../../../src/api/subsonic/answer.ts'

test('scalars are attributes, lists repeat their element, and a value is its text', () => {
  const genres = {
    genre: [
      { songCount: 2, value: 'Drum & Bass' },
      { songCount: 1, value: '' },
    ],
  }
  const payload = { status: 'ok', openSubsonic: true, year: undefined, genres, versions: [1, 2], empty: {}, none: [] }
  expect(asXml('subsonic-response', payload)).toBe(
    '<?xml version="1.0" encoding="UTF-8"?>\n' +
      '<subsonic-response status="ok" openSubsonic="true"><genres><genre songCount="2">Drum &amp; Bass</genre>' +
      '<genre songCount="1"></genre></genres><versions>1</versions><versions>2</versions><empty/></subsonic-response>\n',
  )
})

test('no text ends an attribute or an element, and what XML cannot say is replaced', () => {
  const hostile = `"><script>&'\u0000\u0008\ufffe\ud800 \t\n\r 🎵`
  expect(asXml('song', { title: hostile })).toContain(
    `<song title="&quot;&gt;&lt;script&gt;&amp;'\ufffd\ufffd\ufffd\ufffd &#9;&#10;&#13; 🎵"/>`,
  )
})
