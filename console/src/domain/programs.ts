/** A short name for the program behind a `User-Agent` (RFC 9110 section 10.1.5), such as "Firefox 128 on Windows". */

// The order matters: browsers name those they descend from as well.
const browsers: [RegExp, string][] = [
  [/\bEdg(?:A|iOS)?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:HeadlessChrome|Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)\S* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
]

const systems: [RegExp, string][] = [
  [/\bWindows\b/, 'Windows'],
  [/\b(?:iPhone|iPad)\b/, 'iOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bLinux\b/, 'Linux'],
]

/** The browser and its system where both are known, else the text as it is; "Unknown program" for none. */
export function programOf(userAgent: string): string {
  if (userAgent === '') return 'Unknown program'
  for (const [pattern, name] of browsers) {
    const version = pattern.exec(userAgent)?.[1]
    if (version === undefined) continue
    const system = systems.find(([known]) => known.test(userAgent))
    return system === undefined ? `${name} ${version}` : `${name} ${version} on ${system[1]}`
  }
  return userAgent
}
