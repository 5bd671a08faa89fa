// It is loaded before a manager or a file-server (`NODE_OPTIONS=--import=…`): the wall clock jumps by the next of CLOCK_JUMPS
// with every SIGUSR2. Timers and performance.now() go on as they are, as on a machine whose clock is set.
const jumpsMs = (process.env.CLOCK_JUMPS ?? '').split(',').map(Number)
const RealDate = Date
let offsetMs = 0
let jumpCount = 0

const now = () => RealDate.now() + offsetMs

globalThis.Date = new Proxy(RealDate, {
  construct: (target, parts) => Reflect.construct(target, parts.length === 0 ? [now()] : parts),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
})

process.on('SIGUSR2', () => {
  offsetMs += jumpsMs[jumpCount++ % jumpsMs.length] ?? 0
  console.log(JSON.stringify({ level: 'info', message: 'the clock jumped', jumpCount, at: new Date().toISOString() }))
})
