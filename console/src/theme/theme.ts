/** The look of the Console: verdigris on stone, dense enough for tables. */
import {
  ActionIcon, Badge, Button, Card, Code, createTheme, Drawer, localStorageColorSchemeManager, Modal,
  Paper, Select, Table, Tooltip, type MantineColorsTuple,
} from '@mantine/core'

const verdigris: MantineColorsTuple = [
  '#edfaf7', '#d8f1ec', '#aee3d9', '#80d4c4', '#5ac7b4', '#3fb3a1', '#2b9485', '#1b766b', '#125c54', '#0b4540',
]

const stone: MantineColorsTuple = [
  '#f6f8f7', '#eef1f0', '#e2e7e6', '#d3dad9', '#b4bfbd', '#8f9c9a', '#66736f', '#4a5654', '#333d3b', '#1d2524',
]

const night: MantineColorsTuple = [
  '#d7dfdd', '#b4bfbd', '#8f9c99', '#65726f', '#3b4745', '#2c3635', '#1e2726', '#151c1b', '#101615', '#0b100f',
]

const dialogTitle = { fontSize: 17, fontWeight: 650 }

export const theme = createTheme({
  respectReducedMotion: true,
  primaryColor: 'verdigris',
  primaryShade: 7,
  colors: { verdigris, gray: stone, dark: night },
  black: '#17201f',
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  defaultRadius: 'md',
  cursorType: 'pointer',
  headings: { fontWeight: '650' },
  components: {
    ActionIcon: ActionIcon.extend({ defaultProps: { variant: 'subtle', color: 'gray' } }),
    Badge: Badge.extend({
      defaultProps: { variant: 'light', radius: 'sm', tt: 'none', fw: 550 },
      // A status that ends in dots is no status.
      styles: { root: { minWidth: 'max-content' }, label: { overflow: 'visible' } },
    }),
    Button: Button.extend({ defaultProps: { size: 'sm' } }),
    Card: Card.extend({ defaultProps: { withBorder: true, radius: 'md' } }),
    Code: Code.extend({ defaultProps: { color: 'var(--code)' } }),
    Drawer: Drawer.extend({ defaultProps: { overlayProps: { backgroundOpacity: 0.35 }, position: 'right' }, styles: { title: dialogTitle } }),
    Modal: Modal.extend({ defaultProps: { overlayProps: { backgroundOpacity: 0.35 }, centered: true, padding: 'lg' }, styles: { title: dialogTitle } }),
    Paper: Paper.extend({ defaultProps: { radius: 'md' } }),
    Select: Select.extend({ defaultProps: { allowDeselect: false, checkIconPosition: 'right' } }),
    Table: Table.extend({ defaultProps: { verticalSpacing: 9, horizontalSpacing: 12, borderColor: 'var(--line)' } }),
    Tooltip: Tooltip.extend({ defaultProps: { withArrow: true, openDelay: 250 } }),
  },
})

// The same key is read before the first paint by public/theme.js.
export const colorSchemeManager = localStorageColorSchemeManager({ key: 'bartizan-color-scheme' })
