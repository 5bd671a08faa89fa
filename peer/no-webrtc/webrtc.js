/** @public */
export const RTCPeerConnection = undefined
/** @public */
export const RTCSessionDescription = undefined
/** @public */
export const RTCIceCandidate = undefined
