import { bytes, httpUrls, port, secret, text } from '@holdfast/shared/settings/parsers'
import { readSettings, type Setting, SettingsError } from '@holdfast/shared/settings/settings'
import { expect, test } from 'vitest'

const table = {
  port: { env: 'PORT', parse: port, default: 8000, doc: 'HTTP port' },
  maxFileBytes: { env: 'MAX_FILE_BYTES', parse: bytes, default: 1024, doc: 'largest file' },
  secret: { env: 'CLUSTER_SECRET', parse: secret, isSecret: true, doc: 'what both sides know' },
  directory: { env: 'DATA', parse: text, default: undefined, doc: 'where the data is' } as Setting<string | undefined>,
}
const clusterSecret = 'a secret of the cluster'

test('reads what is set and takes the defaults for the rest', () => {
  const settings = readSettings(table, {
    PORT: ' 9000 ',
    CLUSTER_SECRET: clusterSecret,
    MAX_FILE_BYTES: '',
    OTHER: 'x',
  })
  expect(settings).toEqual({ port: 9000, maxFileBytes: 1024, secret: clusterSecret, directory: undefined })
  expect(Object.isFrozen(settings)).toBe(true)
})

test('reports all problems together, each with its name, and no secret', () => {
  const read = () => readSettings(table, { PORT: '99999', MAX_FILE_BYTES: 'much', CLUSTER_SECRET: 'too short' })
  expect(read).toThrow(SettingsError)
  try {
    read()
  } catch (error) {
    expect(error).toMatchObject({
      problems: [
        'PORT="99999": must be between 0 and 65535',
        'MAX_FILE_BYTES="much": must be a size such as 1048576, 64KiB, 10MiB or 4GiB',
        'CLUSTER_SECRET=***: must have at least 16 characters',
      ],
    })
  }
})

test('repeats no password that stands in an address', () => {
  const addresses = { urls: { env: 'MANAGERS', parse: httpUrls, doc: 'whom to dial' } }
  expect(() => readSettings(addresses, { MANAGERS: 'http://a:1,http://user:p@ss@b:2' })).toThrow(
    'MANAGERS="http://a:1,http://***@b:2": must have no user name and no password',
  )
})

test.each([undefined, '', '  '])('says what a required setting is for when it is %j', (value) => {
  const read = () => readSettings(table, { CLUSTER_SECRET: value })
  expect(read).toThrow('CLUSTER_SECRET is required: what both sides know')
})
