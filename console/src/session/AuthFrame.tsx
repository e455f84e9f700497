import { Paper, Stack, Text, Title } from '@mantine/core'
import { useDocumentTitle } from '@mantine/hooks'
import type { ReactNode } from 'react'
import { Logo } from '../ui/Logo'
import classes from './SignInPage.module.css'

interface AuthFrameProps {
  title: string
  description: ReactNode
  children: ReactNode
}

/** The page around everything that happens before the Console opens. */
export function AuthFrame({ title, description, children }: AuthFrameProps) {
  useDocumentTitle(`${title} · Bartizan`)
  return (
    <div className={classes.page}>
      <aside className={classes.wall} aria-hidden="true">
        <Wall />
        <div className={classes.words}>
          <Text fz={30} fw={650} lh={1.2}>Watch every gate of your&nbsp;APIs.</Text>
          <Text mt="sm" opacity={0.8}>Attacks seen, blocked and answered by a rule, in seconds.</Text>
        </div>
      </aside>
      <main className={classes.side}>
        <Paper className={classes.form}>
          <Stack gap="lg">
            <div>
              <Logo size={40} />
              <Title order={1} size="h2" mt="md">{title}</Title>
              <Text c="dimmed" size="sm" mt={4}>{description}</Text>
            </div>
            {children}
          </Stack>
        </Paper>
      </main>
    </div>
  )
}

/** Courses of stone, drawn so that nothing has to be fetched. */
function Wall() {
  return (
    <svg className={classes.stones} preserveAspectRatio="xMidYMid slice" viewBox="0 0 400 600" focusable="false">
      <defs>
        <pattern id="courses" width="80" height="48" patternUnits="userSpaceOnUse">
          <path d="M0 .5h80M0 24.5h80M20.5 0v24M60.5 24v24" stroke="#fff" strokeOpacity=".07" fill="none" />
        </pattern>
      </defs>
      <rect width="400" height="600" fill="url(#courses)" />
      <path
        transform="translate(70 70) scale(9.6)"
        fill="#0c3733"
        stroke="#fff"
        strokeOpacity=".16"
        strokeWidth=".09"
        d="M8 6h3.4v3h3v-3h3.2v3h3v-3H24v7.2c0 .9-.4 1.7-1 2.3l-1.4 1.3v4.1c0 .6-.2 1.1-.6 1.6l-4.2 4.9a1 1 0 0 1-1.6 0L11 22.5c-.4-.5-.6-1-.6-1.6v-4.1L9 15.5a3.2 3.2 0 0 1-1-2.3z"
      />
    </svg>
  )
}
