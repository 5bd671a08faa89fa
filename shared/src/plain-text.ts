/** @returns a text of others without what would steer a terminal */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ')
}
