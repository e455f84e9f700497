/** The Bartizan mark: a small turret on the corner of a wall. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#17766b" />
      <path
        fill="#f2fbf8"
        d="M8 6h3.4v3h3v-3h3.2v3h3v-3H24v7.2c0 .9-.4 1.7-1 2.3l-1.4 1.3v4.1c0 .6-.2 1.1-.6 1.6l-4.2 4.9a1 1 0 0 1-1.6 0L11 22.5c-.4-.5-.6-1-.6-1.6v-4.1L9 15.5a3.2 3.2 0 0 1-1-2.3z"
      />
      <path fill="#17766b" d="M14.9 13.5a1.1 1.1 0 0 1 2.2 0v5.5h-2.2z" />
    </svg>
  )
}
