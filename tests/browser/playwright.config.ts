import { defineConfig } from '@playwright/test'

// One worker: the tests share one running Bartizan.
export default defineConfig({
  testDir: 'specs',
  outputDir: 'results',
  workers: 1,
  forbidOnly: true,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: 'list',
  use: {
    locale: 'en-GB',
    viewport: { width: 1360, height: 900 },
    // Nothing slides while it is clicked.
    contextOptions: { reducedMotion: 'reduce' },
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env['BROWSER_PATH'] ?? '/usr/bin/chromium',
      // Containers have no user namespaces for the browser's own sandbox; it opens only our pages.
      args: ['--no-sandbox'],
    },
  },
})
