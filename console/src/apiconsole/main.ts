/**
 * The API Console: Swagger UI on the cloud's own OpenAPI document.
 *
 * Whoever is signed in to the Console can press "Try it out" at once; everybody else is told how,
 * or enters keys under Authorize.
 */
import SwaggerUI from 'swagger-ui-dist/swagger-ui-es-bundle.js'
import 'swagger-ui-dist/swagger-ui.css'
import './apiconsole.css'
import { requestSnippets, snippetPlugin } from './snippets'
import { fetchWithSession, hasOwnKeys, startSession } from './session'

function banner(state: 'in' | 'out' | 'failed') {
  const element = document.getElementById('session')
  if (element === null) return
  element.dataset['state'] = state
  element.replaceChildren(...bannerText(state))
  element.hidden = false
}

function bannerText(state: 'in' | 'out' | 'failed'): (string | Node)[] {
  if (state === 'in') return ['Requests are sent as you: “Try it out” uses the session of the Console.']
  if (state === 'failed') return ['The session could not be read. Requests go out without it; keys can be entered under Authorize.']
  const link = document.createElement('a')
  link.href = '/sign-in'
  link.target = '_blank'
  link.rel = 'noopener'
  link.textContent = 'Sign in to the Console'
  return [link, ', then refresh this page. Or enter keys under Authorize.']
}

function showDocument() {
  SwaggerUI({
    url: '/openapi.json',
    dom_id: '#swagger',
    deepLinking: true,
    docExpansion: 'list',
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    tryItOutEnabled: false,
    validatorUrl: null,
    requestSnippetsEnabled: true,
    requestSnippets,
    plugins: [snippetPlugin],
    requestInterceptor: (request) => {
      const documentItself = request['loadSpec'] === true
      if (!documentItself && !hasOwnKeys(request.headers ?? {})) request['userFetch'] = fetchWithSession
      return request
    },
  })
}

async function start() {
  document.documentElement.classList.toggle(
    'dark-mode',
    document.documentElement.getAttribute('data-mantine-color-scheme') === 'dark',
  )
  try {
    banner((await startSession()) ? 'in' : 'out')
  } catch {
    banner('failed')
  }
  showDocument()
}

void start()
