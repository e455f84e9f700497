import { Button, Menu } from '@mantine/core'
import { IconDownload } from '@tabler/icons-react'
import { useState } from 'react'
import { toCsv, type Cell } from '../domain/exportRows'
import { failed } from './feedback'

interface ExportColumn<Row> {
  header: string
  value: (row: Row) => Cell
}

interface ExportMenuProps<Row> {
  name: string
  columns: readonly ExportColumn<Row>[]
  /** The rows to take away; a list of pages fetches them all. */
  rows: () => Promise<readonly Row[]>
  disabled: boolean
}

function save(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}

/** Takes the listed rows away: CSV has the columns as shown, JSON the objects as the API sent them. */
export function ExportMenu<Row>({ name, columns, rows, disabled }: ExportMenuProps<Row>) {
  const [busy, setBusy] = useState(false)
  const file = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  const asCsv = (all: readonly Row[]) =>
    save(`${file}.csv`, 'text/csv', toCsv(columns.map(({ header }) => header), all.map((row) => columns.map(({ value }) => value(row)))))
  const asJson = (all: readonly Row[]) => save(`${file}.json`, 'application/json', JSON.stringify(all, null, 2))
  const take = (write: (all: readonly Row[]) => void) => {
    setBusy(true)
    rows().then(write).catch(failed).finally(() => setBusy(false))
  }
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <Button size="xs" variant="default" leftSection={<IconDownload size={15} />} disabled={disabled} loading={busy}>Export</Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => take(asCsv)}>CSV, as shown</Menu.Item>
        <Menu.Item onClick={() => take(asJson)}>JSON, all fields</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
