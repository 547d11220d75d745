export const HIDDEN = '***'

/** A JSON web token, which sophon-auth and Lotus give out. */
const TOKEN = /[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g
/** The same where other texts have dots, too: its header is an object in base64. */
const JWT = /\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g

const URL_TEXT = /\b([a-z][a-z0-9+]*:\/\/)([^\s"'`\\<>]+)/gi
/** Query parameters that carry a secret, whatever it looks like. */
const SECRET_PARAMETER = /([?&;][^=&;#]*(?:token|key|secret|passw|auth|sig)[^=&;#]*=)[^&;#]*/gi
/** Services give out keys as a part of the path or of the query: long, of letters and digits. */
const KEY_LIKE =
  /(?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]*[0-9])(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{20,}(?![A-Za-z0-9_-])/g
/** CIDs and UUIDs are long names, not secrets. */
const NAME = /^(ba[a-z2-7]{30,}|Qm[A-Za-z0-9]{44}|s-[tf]0\d+-\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

function urlWithoutSecrets(url: string, scheme: string, rest: string): string {
  if (scheme === 'file://') return url
  const end = rest.search(/[/?#]/)
  const authority = end < 0 ? rest : rest.slice(0, end)
  // A password may hold the characters that end the authority otherwise.
  const at = authority.includes('@')
    ? authority.lastIndexOf('@')
    : /^[^/?#]*:[^@]*@/.test(rest)
      ? rest.lastIndexOf('@')
      : -1
  const host = at < 0 ? rest : rest.slice(at + 1)
  const path = host.search(/[/?#]/)
  const [where, behind] = path < 0 ? [host, ''] : [host.slice(0, path), host.slice(path)]
  const shown = behind
    .replace(SECRET_PARAMETER, `$1${HIDDEN}`)
    .replace(KEY_LIKE, text => (NAME.test(text) ? text : HIDDEN))
  return `${scheme}${at < 0 ? '' : `${HIDDEN}@`}${where}${shown}`
}

/** A text whose URLs show no user, password, key or token. */
const withoutUrlSecrets = (text: string): string => text.replace(URL_TEXT, urlWithoutSecrets)

/** A text without what looks like a token, or like a secret in a URL. */
export const withoutTokens = (text: string): string => withoutUrlSecrets(text).replace(TOKEN, HIDDEN)

/** The same for a line of a log, where more than addresses has dots. */
export const lineWithoutSecrets = (line: string): string => withoutUrlSecrets(line).replace(JWT, HIDDEN)
