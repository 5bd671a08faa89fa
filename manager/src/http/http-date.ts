const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const TIME = '(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)'
const MONTH = `(?<month>${MONTHS.join('|')})`
const SHORT_DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'

const forms = [
  new RegExp(`^${SHORT_DAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${SHORT_DAY} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
]

/**
 * Reads a date as HTTP writes it, in any of the three forms of RFC 9110 section 5.6.7.
 * @param now tells the century of a year of two digits, for none is more than 50 years ahead
 * @returns milliseconds since 1970, or null for anything else, which the RFC has a recipient ignore
 */
export function parseHttpDate(text: string, now: number): number | null {
  const found = forms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined)
  if (found === undefined) return null
  const { year = '', month = '', day = '', hour, minute, second } = found
  const at = new Date(0)
  at.setUTCFullYear(year.length === 2 ? fullYear(Number(year), now) : Number(year), MONTHS.indexOf(month), Number(day))
  if (at.getUTCDate() !== Number(day)) return null
  return at.setUTCHours(Number(hour), Number(minute), Number(second))
}

function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}
