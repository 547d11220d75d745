import { type OpenedBody, openBody } from './open-request.js'

/** What runs in the thread for large bodies. */
export default (body: Uint8Array): OpenedBody | undefined => openBody(body)
