import chromium from '@sparticuz/chromium'
import { chromium as pw } from 'playwright-core'
const url = process.argv[2] ?? 'http://127.0.0.1:18017'
console.time('launch')
const browser = await pw.launch({ executablePath: await chromium.executablePath(), args: chromium.args, headless: true })
console.timeEnd('launch')
const ctx = await browser.newContext({ viewport: { width: 1280, height: 860 } })
const page = await ctx.newPage()
page.on('console', (m) => console.log('console', m.type(), m.text()))
page.on('pageerror', (e) => console.log('pageerror', e.message))
await page.goto(url)
await page.waitForTimeout(800)
await page.screenshot({ path: '/tmp/s-empty.png' })
const mk = await page.evaluate(async () => {
  const c = document.createElement('canvas'); c.width = 1600; c.height = 1000
  const g = c.getContext('2d')
  const sky = g.createLinearGradient(0, 0, 0, 1000); sky.addColorStop(0, '#1b3a5b'); sky.addColorStop(.55, '#e7a977'); sky.addColorStop(1, '#f7e3c4')
  g.fillStyle = sky; g.fillRect(0, 0, 1600, 1000)
  for (let i = 0; i < 5; i++) { g.fillStyle = `rgba(20,${40+i*14},${60+i*10},${.5+i*.1})`; g.beginPath(); g.moveTo(0, 1000); for (let x = 0; x <= 1600; x += 20) g.lineTo(x, 520 + i * 90 + Math.sin(x / (180 - i * 20) + i * 2) * (90 - i * 12)); g.lineTo(1600, 1000); g.fill() }
  const b = await new Promise((r) => c.toBlob(r, 'image/jpeg', .85))
  return [...new Uint8Array(await b.arrayBuffer())]
})
const pdfPage = await ctx.newPage()
await pdfPage.setContent('<h1>Survey of the harbour wall</h1><p>'+'The wall was measured at low water in three places. '.repeat(30)+'</p>')
const pdf = await pdfPage.pdf(); await pdfPage.close()
const files = [
  { name: 'harbour at dusk.jpg', mimeType: 'image/jpeg', buffer: Buffer.from(mk) },
  { name: 'survey.pdf', mimeType: 'application/pdf', buffer: pdf },
  { name: 'notes.md', mimeType: 'text/markdown', buffer: Buffer.from('# Notes\n\n- one\n- two\n') },
  { name: 'evil.html', mimeType: 'text/html', buffer: Buffer.from('<script>alert(1)</script>') },
  { name: 'backup.tar.gz', mimeType: 'application/gzip', buffer: Buffer.alloc(40e6) },
]
await page.setInputFiles('input[type=file]', files)
await page.waitForTimeout(400)
await page.screenshot({ path: '/tmp/s-uploading.png' })
await page.waitForTimeout(3000)
await page.screenshot({ path: '/tmp/s-uploaded.png' })
for (const name of ['harbour at dusk.jpg', 'survey.pdf', 'evil.html', 'backup.tar.gz']) {
  await page.locator('.table').getByRole('button', { name, exact: true }).click()
  await page.waitForTimeout(2500)
  await page.screenshot({ path: `/tmp/s-p-${name.split('.').at(-1)}.png` })
  await page.keyboard.press('Escape')
}
await page.locator('.table').getByRole('button', { name: 'More for survey.pdf' }).click()
await page.waitForTimeout(200)
await page.screenshot({ path: '/tmp/s-menu.png' })
await page.getByRole('menuitem', { name: 'QR code' }).click()
await page.waitForTimeout(300)
await page.screenshot({ path: '/tmp/s-qr.png' })
await page.keyboard.press('Escape')
await page.goto(url + '/#cluster'); await page.waitForTimeout(1500)
await page.screenshot({ path: '/tmp/s-cluster.png' })
const phone = await browser.newContext({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, colorScheme: 'dark', storageState: await ctx.storageState() })
const pp = await phone.newPage(); await pp.goto(url); await pp.waitForTimeout(800); await pp.screenshot({ path: '/tmp/s-phone.png' })
await pp.goto(url + '/#cluster'); await pp.waitForTimeout(1200); await pp.screenshot({ path: '/tmp/s-phone-cluster.png' })
await browser.close()
