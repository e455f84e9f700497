/** As much of a browser as signing in needs: cookies by origin, redirects, forms. No script runs. */

export class Browser {
  #cookies = new Map()

  /** One request; redirects are not followed. */
  async request(url, init = {}) {
    const origin = new URL(url).origin
    const jar = this.#cookies.get(origin) ?? new Map()
    this.#cookies.set(origin, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, ...(cookie && { cookie }) } })
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s)
      if (/expires=Thu, 01 Jan 1970|max-age=0/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer
  }

  /** Follows redirects and submits forms, with what a person types, until the path is reached that ends it. */
  async follow(url, { typed = {}, until }) {
    let [next, init] = [url, {}]
    for (let steps = 0; steps < 25; steps += 1) {
      const answer = await this.request(next, init)
      const location = answer.headers.get('location')
      if (location) {
        next = new URL(location, next).href
        init = {}
        if (until(new URL(next))) return new URL(next)
        continue
      }
      const page = await answer.text()
      const form = /<form[^>]*action="([^"]*)"[\s\S]*?<\/form>/.exec(page)
      if (!form) throw new Error(`${next} answered ${answer.status} without a form: ${page.replace(/<style[\s\S]*?<\/style>|<[^>]*>|\s+/g, ' ').slice(0, 500)}`)
      const fields = new URLSearchParams()
      for (const [tag] of form[0].matchAll(/<input[^>]*>/g)) {
        const name = /\bname="([^"]*)"/.exec(tag)?.[1]
        if (name) fields.set(name, typed[name] ?? unescaped(/\bvalue="([^"]*)"/.exec(tag)?.[1] ?? ''))
      }
      next = new URL(unescaped(form[1]), next).href
      init = { method: 'POST', body: fields, headers: { 'content-type': 'application/x-www-form-urlencoded' } }
    }
    throw new Error('the sign-in goes round in circles')
  }
}

function unescaped(text) {
  return text.replaceAll('&#34;', '"').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}
