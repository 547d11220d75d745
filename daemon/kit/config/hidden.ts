export const HIDDEN = '***'

/** A JSON web token, which sophon-auth and Lotus give out. */
const TOKEN = /[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g
const URL_PASSWORD = /(\/\/)[^/@\s]*:[^/@\s]*@/g

/** A text without what looks like a token or the password in a URL. */
export const withoutTokens = (text: string): string => text.replace(URL_PASSWORD, `$1${HIDDEN}@`).replace(TOKEN, HIDDEN)
