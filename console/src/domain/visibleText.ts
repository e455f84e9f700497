/**
 * Text that strangers wrote, as it really is.
 *
 * Overrides of the writing direction can make a rule or a path read as another one, and control
 * characters hide; both are shown as escapes. Line breaks and tabs stay, and so do the joiners that
 * scripts need.
 */
const misleading = /\r(?!\n)|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** The text with its misleading characters written out, such as `\u202e`. */
export function visibleText(text: string): string {
  return text.replace(misleading, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
