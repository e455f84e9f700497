import type { Piece } from '../domain/marks'
import { visibleText } from '../domain/visibleText'
import classes from './Marked.module.css'

/** A text that strangers wrote, with the pieces that matter marked. */
export function Marked({ pieces }: { pieces: readonly Piece[] }) {
  return pieces.map(({ text, marked }, index) =>
    marked
      ? <mark key={index} className={classes.mark}>{visibleText(text)}</mark>
      : <span key={index}>{visibleText(text)}</span>,
  )
}
