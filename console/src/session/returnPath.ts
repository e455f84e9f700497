/** Where to go after signing in: only a path of this site, never another address. */
export function safeReturnPath(value: unknown): string | undefined {
  if (typeof value !== 'string' || !value.startsWith('/')) return undefined
  // "//host" and "/\host" are addresses of other sites to a browser, which leaves control characters out.
  if (/^\/[/\\]|[\u0000-\u001f]/.test(value) || value.startsWith('/sign-in')) return undefined
  return value
}
