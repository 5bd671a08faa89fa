/** The way to the track was lost, the track is gone, or there is something else about it. */
export type Fault = 'lost' | 'gone' | 'other'

/**
 * Says why a track does not play. A browser calls it a format that it does not know where the answer is an error, or none
 * comes, so the store is asked.
 */
export async function faultOf({ code }: Pick<MediaError, 'code'>, url: string): Promise<Fault> {
  if (code === MediaError.MEDIA_ERR_NETWORK) return 'lost'
  if (code !== MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED) return 'other'
  try {
    const { status } = await fetch(url, { method: 'HEAD' })
    if (status === 404) return 'gone'
    return status >= 500 ? 'lost' : 'other'
  } catch {
    return 'lost'
  }
}
