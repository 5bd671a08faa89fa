import { readStartOptions } from '@holdfast/launcher/arguments'
import { describe, expect, test } from 'vitest'

const read = (args: string[], environment: Record<string, string> = {}) =>
  readStartOptions(args, environment, '/home/me')

describe('the options of npm start', () => {
  test('have defaults for one machine', () => {
    expect(read([])).toMatchObject({
      port: 8000,
      host: '127.0.0.1',
      dataDirectory: '/home/me/data',
      fileServerCount: null,
      mongoUrl: null,
      clusterSecret: null,
    })
  })

  test('win over the environment', () => {
    const environment = { PORT: '9001', HOST: '127.0.0.2' }
    expect(read(['--port', '9000', '--data', './some/where', '--file-servers=5'], environment)).toMatchObject({
      port: 9000,
      host: '127.0.0.2',
      dataDirectory: '/home/me/some/where',
      fileServerCount: 5,
    })
  })

  test('give only the usage where it is asked for', () => {
    expect(read(['--help'])).toBeNull()
  })

  test.each([['--file-servers', '0'], ['--file-servers', '101'], ['--port', 'x'], ['--nonsense'], ['surplus']])(
    'refuse %s %s',
    (...args) => {
      expect(() => read(args)).toThrow()
    },
  )

  test('let a host beyond loopback pass only where everybody may come in', () => {
    expect(() => read(['--host', '10.0.0.1'])).toThrow(/read, write and delete every file.*ALLOW_ANONYMOUS=true/)
    expect(read(['--host', '10.0.0.1'], { ALLOW_ANONYMOUS: 'true' })).toMatchObject({ host: '10.0.0.1' })
  })
})
