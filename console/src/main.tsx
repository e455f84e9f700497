import '@fontsource-variable/inter'
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './theme/global.css'
import { MantineProvider } from '@mantine/core'
import { ModalsProvider } from '@mantine/modals'
import { Notifications } from '@mantine/notifications'
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { watchActivity } from './api/activity'
import { setCsrf, whenSignedOut } from './api/client'
import { queryClient } from './app/queryClient'
import { router } from './app/router'
import { colorSchemeManager, theme } from './theme/theme'

watchActivity(window)

// Several calls in flight may all learn that the session is over; the first one moves the page.
whenSignedOut(() => {
  const { href, pathname } = router.latestLocation
  if (pathname === '/sign-in') return
  setCsrf(null)
  queryClient.clear()
  void router.navigate({ to: '/sign-in', search: { redirect: href, expired: true } })
})

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} colorSchemeManager={colorSchemeManager} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <ModalsProvider>
          <Notifications position="bottom-right" />
          <RouterProvider router={router} />
        </ModalsProvider>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
