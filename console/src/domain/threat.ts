/** Threat numbers (0 to 100) in words; mirrors `spec/events.md` 4.4. */
const levels = [
  { from: 95, label: 'Critical', color: 'red' },
  { from: 70, label: 'High', color: 'orange' },
  { from: 40, label: 'Medium', color: 'yellow' },
  { from: 20, label: 'Low', color: 'blue' },
  { from: 0, label: 'Info', color: 'gray' },
] as const

export function threatLevel(threat: number): { label: string; color: string } {
  return levels.find(({ from }) => threat >= from) ?? levels[4]
}
