import { CloseButton, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'

interface SearchBoxProps {
  placeholder: string
  /** The words in force, as the address bar has them. */
  words: string
  /** Search while typing; otherwise on Enter. */
  live: boolean
  onSearch: (words: string) => void
}

/** A search field that never loses what is being typed to an older state of the page. */
export function SearchBox({ placeholder, words, live, onSearch }: SearchBoxProps) {
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(words)
  const search = useDebouncedCallback(onSearch, 200)
  useEffect(() => {
    // The words changed elsewhere (the back button, a link): follow, unless somebody is typing.
    if (document.activeElement !== input.current) setText(words)
  }, [words])

  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        onSearch(text.trim())
      }}
    >
      <TextInput
        ref={input}
        size="xs"
        value={text}
        placeholder={placeholder}
        aria-label={placeholder}
        leftSection={<IconSearch size={15} />}
        rightSection={text === '' ? null : (
          <CloseButton
            size="xs"
            aria-label="Clear search"
            onClick={() => {
              setText('')
              onSearch('')
            }}
          />
        )}
        onChange={(event) => {
          setText(event.currentTarget.value)
          if (live) search(event.currentTarget.value.trim())
        }}
      />
    </form>
  )
}
