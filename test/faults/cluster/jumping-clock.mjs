// This is loaded before a manager or a file-server (`NODE_OPTIONS=--import=…`). With every SIGUSR2 the wall clock jumps
// by the next of CLOCK_JUMPS, while timers and performance.now() go on as they are, as on a machine whose clock is set.
const jumpsMs = (process.env.CLOCK_JUMPS ?? '').split(',').map(Number)
const RealDate = Date
let offsetMs = 0
let jumpCount = 0

const now = () => RealDate.now() + offsetMs

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => Reflect.construct(target, args.length === 0 ? [now()] : args),
  get: (target, key) => (key === 'now' ? now : Reflect.get(target, key)),
})

process.on('SIGUSR2', () => {
  offsetMs += jumpsMs[jumpCount++ % jumpsMs.length] ?? 0
  console.log(JSON.stringify({ level: 'info', message: 'the clock jumped', jumpCount, at: new Date().toISOString() }))
})
