// Runs before the first paint, so that a dark page never flashes white.
(function () {
  var stored = null
  try {
    stored = localStorage.getItem('bartizan-color-scheme')
  } catch {
    // Storage may be closed to us; the system's preference is a fine answer.
  }
  var dark =
    stored === 'dark' ||
    (stored !== 'light' && window.matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
})()
