/**
 * Text that strangers wrote, as it really is.
 *
 * Overrides of the writing direction can make a rule or a path read as another one, and control
 * characters hide; both are shown as escapes. Line breaks and tabs stay, and so do the joiners that
 * scripts need.
 */
const misleading = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]|[\u{e0000}-\u{e007f}]/gu

/** The text with its misleading characters written out, such as `\u202e`. */
export function visibleText(text: string): string {
  return text.replace(misleading, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}
