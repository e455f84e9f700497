/**
 * Tells a person's actions from the page refreshing itself.
 *
 * A session expires when nobody uses it, and a page left open on a wall must not keep it alive:
 * calls made while nobody touched the page carry `X-Background: 1`.
 */
const QUIET_AFTER_MS = 30_000

let lastInput = Date.now()

/** Starts to watch for input; call once, when the page starts. */
export function watchActivity(target: Pick<Window, 'addEventListener'>): void {
  const note = () => {
    lastInput = Date.now()
  }
  for (const event of ['pointerdown', 'keydown', 'wheel']) {
    target.addEventListener(event, note, { passive: true })
  }
}

/** Whether a call made now is the page's own idea. */
export function isBackground(now = Date.now()): boolean {
  return now - lastInput > QUIET_AFTER_MS
}
