/** The search field of the event lists: completes words of the search language and points at mistakes. */
import { CloseButton, Combobox, Text, TextInput, useCombobox } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { complete, mistakeIn, wordAt } from './words'
import { suggestionsQuery } from './queries'
import classes from './SearchBar.module.css'

interface SearchBarProps {
  /** The words in force, as the address bar has them. */
  words: string
  /** What the server said of the words in force. */
  error: unknown
  onSearch: (words: string) => void
}

const placeholder = 'Search, such as sqli !ip:10.0.0.1'
const kinds: Record<string, string> = {
  attribute: 'attribute', period: 'period', preset: 'OWASP category', type: 'attack type', value: 'value', word: 'word',
}

export function SearchBar({ words, error, onSearch }: SearchBarProps) {
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(words)
  const [cursor, setCursor] = useState(words.length)
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() })
  const [asked] = useDebouncedValue(wordAt(text, cursor) === '' ? '' : text, 120)
  const { data = [], isPlaceholderData } = useQuery(suggestionsQuery(asked, cursor))
  // What was suggested for an earlier text would replace the wrong word.
  const suggestions = asked === text && !isPlaceholderData ? data : []
  useEffect(() => {
    // The words changed elsewhere (the back button, a link): follow, unless somebody is typing.
    if (document.activeElement !== input.current) setText(words)
  }, [words])
  const mistake = text.trim() === words ? mistakeIn(error) : undefined
  const search = (query: string) => {
    combobox.closeDropdown()
    onSearch(query.trim())
  }

  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        search(text)
      }}
    >
      <Combobox
        store={combobox}
        onOptionSubmit={(suggestion) => {
          const next = complete(text, cursor, suggestion)
          setText(next.text)
          setCursor(next.cursor)
          combobox.closeDropdown()
          input.current?.focus()
        }}
      >
        <Combobox.Target>
          <TextInput
            ref={input}
            size="xs"
            value={text}
            placeholder={placeholder}
            aria-label={placeholder}
            autoComplete="off"
            spellCheck={false}
            error={mistake === undefined ? undefined : <Mistake words={words} {...mistake} />}
            leftSection={<IconSearch size={15} />}
            rightSection={text === '' ? null : (
              <CloseButton
                size="xs"
                aria-label="Clear search"
                onClick={() => {
                  setText('')
                  search('')
                }}
              />
            )}
            onChange={(event) => {
              setText(event.currentTarget.value)
              setCursor(event.currentTarget.selectionStart ?? event.currentTarget.value.length)
              combobox.openDropdown()
              combobox.resetSelectedOption()
            }}
            onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
            onBlur={() => combobox.closeDropdown()}
          />
        </Combobox.Target>
        <Combobox.Dropdown hidden={suggestions.length === 0 || asked === ''}>
          <Combobox.Options mah={280} className={classes.options ?? ''} aria-label="Completions">
            {suggestions.map(({ text: word, kind }) => (
              <Combobox.Option value={word} key={word}>
                <span className="mono">{word}</span>
                <Text span size="xs" c="dimmed" ml="xs">{kinds[kind] ?? kind}</Text>
              </Combobox.Option>
            ))}
          </Combobox.Options>
        </Combobox.Dropdown>
      </Combobox>
    </form>
  )
}

/** What is wrong, under the words that are. */
function Mistake({ words, message, column }: { words: string; message: string; column: number }) {
  return (
    <>
      <span className={classes.pointer} aria-hidden>
        {words}
        {'\n'}
        {' '.repeat(Math.max(0, column - 1))}^
      </span>
      {message}, at character {column}
    </>
  )
}
