/** Whatever runs of these asks for a path that ends with this, or opens a dialog. */
export const HIT = 'it-ran'

/** A file that would run something if a name, a type or contents were taken for code. */
export interface HostileFile {
  readonly name: string
  readonly contents: string
  /** It is given to the file afterwards, in place of what its name says. */
  readonly contentType?: string
}

const run = `fetch('${HIT}');alert(1)`
const page = `<!doctype html><script>${run}</script><img src=x onerror="${run}"><body onload="${run}">`
const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="${run}"><script>${run}</script><foreignObject><iframe xmlns="http://www.w3.org/1999/xhtml" srcdoc="&lt;script&gt;parent.${run}&lt;/script&gt;"/></foreignObject></svg>`

const names = [
  `<script>${run}<\u2215script>.txt`,
  `<img src=x onerror="${run}">.txt`,
  `"><svg onload="${run}">.txt`,
  `' onmouseover='${run}' x='.txt`,
  `" autofocus onfocus="${run}" x=".txt`,
  `javascript:${run}`,
  `JaVaScRiPt:${run}.txt`,
  `data:text\u2215html,<script>${run}.txt`,
  `vbscript:msgbox(1).txt`,
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is to stay as it is
  '${fetch("it-ran")}.txt',
  '{{constructor.constructor("fetch(\'it-ran\')")()}}.txt',
  `&lt;script&gt;${run}&lt;.txt`,
  `&#x3c;img src=x onerror=${run}&#x3e;.txt`,
  `</title><script>${run}.txt`,
  `</textarea><script>${run}.txt`,
  `</noscript><img src=x onerror="${run}">.txt`,
  `--><script>${run}.txt`,
  `]]><script>${run}.txt`,
  `\u00ad${run}//.txt`,
  `<iframe srcdoc="<script>${run}<\u2215script>">.txt`,
  `<a href="javascript:${run}">x.txt`,
  `<style>@import'it-ran';.txt`,
  `\\"><script>${run}.txt`,
  `%3Cscript%3E${run}.txt`,
  `__proto__`,
  `constructor`,
]

const types = [
  'text/html',
  'text/html; charset=utf-7',
  'application/xhtml+xml',
  'image/svg+xml',
  'text/xml',
  'application/xml',
  'application/javascript',
  'text/javascript',
  'text/css',
  'multipart/x-mixed-replace; boundary=x',
  'application/x-shockwave-flash',
  'text/vtt',
]

const contents: readonly HostileFile[] = [
  { name: 'page.html', contents: page },
  { name: 'page.htm', contents: `+ADw-script+AD4-${run}+ADw-/script+AD4-` },
  { name: 'page.xhtml', contents: `<html xmlns="http://www.w3.org/1999/xhtml"><script>${run}</script></html>` },
  { name: 'picture.svg', contents: svg },
  {
    name: 'sheet.xml',
    contents: `<?xml-stylesheet type="text/xsl" href="#x"?><x xmlns:h="http://www.w3.org/1999/xhtml"><h:script>${run}</h:script></x>`,
  },
  { name: 'script.js', contents: run },
  { name: 'module.mjs', contents: run },
  { name: 'no ending', contents: page },
  { name: 'not a picture.png', contents: page },
  { name: 'not sound.mp3', contents: page },
  { name: 'not a document.pdf', contents: page },
  { name: 'document.pdf', contents: pdfThatRuns() },
]

export const hostileFiles: readonly HostileFile[] = [
  ...names.map((name) => ({ name, contents: page })),
  ...types.map((contentType, number) => ({
    name: `typed ${number}`,
    contents: /svg/.test(contentType) ? svg : page,
    contentType,
  })),
  ...contents,
]

/** A document whose opening runs a script, and which has a link that would. */
function pdfThatRuns(): string {
  const objects = [
    `<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\);this.submitForm\\('${HIT}'\\))>>>>`,
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    `<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]/FontMatrix[1 2 3 4 5 (fetch\\('${HIT}'\\))]/Annots[<</Type/Annot/Subtype/Link/Rect[0 0 200 200]/A<</S/URI/URI(javascript:fetch\\('${HIT}'\\))>>>>]>>`,
  ]
  const body = objects.map((object, index) => `${index + 1} 0 obj${object}endobj\n`).join('')
  return `%PDF-1.7\n${body}trailer<</Root 1 0 R/Size 4>>\n%%EOF`
}
